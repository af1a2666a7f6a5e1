// Addresses: History API, links that stay links, the heading takes the focus after a move.
import { useEffect, useState } from "preact/hooks";

const moved = new Set<() => void>();

// Addresses that were moved still lead where they led: bookmarks, links in mails.
const former: Record<string, string> = { "/people": "/admin/people" };
if (typeof location !== "undefined" && former[location.pathname]) history.replaceState(null, "", former[location.pathname]! + location.search);

export function go(address: string, replace = false): void {
  const path = former[address] ?? address;
  if (path === location.pathname + location.search) return;
  try {
    history[replace ? "replaceState" : "pushState"](null, "", path);
  } catch {
    return location[replace ? "replace" : "assign"](path); // WebKit takes a hundred in ten seconds
  }
  for (const tell of moved) tell();
}

// What stands in the address: its path, or its query.
function useAddress(part: "pathname" | "search"): string {
  const [now, set] = useState(location[part]);
  useEffect(() => {
    const tell = () => set(location[part]);
    tell();
    moved.add(tell);
    addEventListener("popstate", tell);
    return () => {
      moved.delete(tell);
      removeEventListener("popstate", tell);
    };
  }, []);
  return now;
}

export const usePath = () => useAddress("pathname");

// Filters live in the address: they survive a reload, and can be sent to a colleague.
export function useQuery(): [URLSearchParams, (change: Record<string, string>) => void] {
  const search = useAddress("search");
  const query = new URLSearchParams(search);
  return [query, (change) => {
    for (const [name, value] of Object.entries(change)) value ? query.set(name, value) : query.delete(name);
    go(location.pathname + (query.size ? "?" + query : ""), true);
  }];
}

// A click that stays in this window and goes to one of our own pages.
export function follow(event: MouseEvent): void {
  const link = (event.target as Element).closest?.("a[href]") as HTMLAnchorElement | null;
  if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  if (link.origin !== location.origin || link.target || link.hasAttribute("download") || !isRoom(link.pathname) || link.hash) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

const rooms = new Set(["/", "/calls", "/assistant", "/numbers", "/messages", "/connections", "/activity", "/people", "/admin", "/account", "/signin", "/setup"]);
const withDetail = ["/calls", "/activity", "/admin"];

// "/calls/call_0192" -> "/calls": the room behind a path, and what of it is looked at.
export function roomOf(path: string): { room: string; id?: string } {
  const room = withDetail.find((one) => path.startsWith(one + "/") && path.length > one.length + 1);
  return room ? { room, id: decodeURIComponent(path.slice(room.length + 1)) } : { room: path };
}

export function isRoom(path: string): boolean {
  return rooms.has(roomOf(path).room);
}

// Only our own pages, never another host: what /signin?next= may name.
export function safeNext(next: string | null): string {
  const path = next?.split(/[?#]/, 1)[0];
  return next && path && path[0] === "/" && isRoom(path) && path !== "/signin" && path !== "/setup" ? next.split("#", 1)[0]! : "/";
}
