// A part of a screen that comes by itself, so that who does not look at it does not load it. afterMs: what is below the
// rest does not compete with it for the wire.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { withWords } from "./words";

export function later<P extends object>(load: () => Promise<ComponentType<P>>, afterMs = 0) {
  let part: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [, redraw] = useState({});
    useEffect(() => {
      if (part) return;
      const timer = setTimeout(() => void withWords(load()).then((came) => {
        part = came;
        redraw({});
      }), afterMs);
      return () => clearTimeout(timer);
    }, []);
    const Part = part;
    return Part ? <Part {...props} /> : null;
  };
}
