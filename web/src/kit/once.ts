// The Idempotency-Key of a form whose request must not happen twice, however often its button is pressed.
import { useRef } from "preact/hooks";
import type { Problem } from "./api";
import { newId } from "./ids";

// A key is kept while nobody knows whether the request arrived; after an answer the next one is another request.
export function useOnce() {
  const key = useRef<string | undefined>(undefined);
  return {
    key: () => (key.current ??= newId()),
    answered: (problem?: Problem) => {
      if (!problem || !["offline", "idempotency_in_progress"].includes(problem.code)) key.current = undefined;
    },
  };
}
