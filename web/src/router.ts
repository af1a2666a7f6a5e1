// Addresses: History API, links that stay links, the heading takes the focus after a move.
import { useEffect, useState } from "preact/hooks";

const moved = new Set<() => void>();

export function go(path: string, replace = false): void {
  if (path === location.pathname + location.search) return;
  history[replace ? "replaceState" : "pushState"](null, "", path);
  for (const tell of moved) tell();
}

export function usePath(): string {
  const [path, set] = useState(location.pathname);
  useEffect(() => {
    const tell = () => set(location.pathname);
    moved.add(tell);
    addEventListener("popstate", tell);
    return () => {
      moved.delete(tell);
      removeEventListener("popstate", tell);
    };
  }, []);
  return path;
}

// A click that stays in this window and goes to one of our own pages.
export function follow(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || link.target || !rooms.has(link.pathname) || link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

export const rooms = new Set(["/", "/assistant", "/numbers", "/connections", "/signin", "/setup"]);

// Only our own pages, never another host: what /signin?next= may name.
export function safeNext(next: string | null): string {
  return next && rooms.has(next) && next !== "/signin" && next !== "/setup" ? next : "/";
}
