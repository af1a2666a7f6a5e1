// A part of a screen that comes by itself, so that who does not look at it does not load it.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";

export function later<P extends object>(load: () => Promise<ComponentType<P>>) {
  let part: ComponentType<P> | undefined;
  return function Later(props: P) {
    const [, redraw] = useState({});
    useEffect(() => {
      if (!part) void load().then((came) => {
        part = came;
        redraw({});
      });
    }, []);
    const Part = part;
    return Part ? <Part {...props} /> : null;
  };
}
