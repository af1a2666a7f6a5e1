// Again and again, but only while somebody looks: for what no stream tells.
import { useEffect, useRef } from "preact/hooks";

export function useWhileSeen(everyMs: number, wanted: boolean, what: () => void): void {
  const newest = useRef(what);
  newest.current = what;
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => document.visibilityState === "visible" && newest.current(), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, wanted]);
}
