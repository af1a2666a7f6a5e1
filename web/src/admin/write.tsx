// A write from a dialog: one at a time, and what was refused stands in the dialog.
import { useState } from "preact/hooks";
import type { Problem, Reply } from "../kit/api";
import { dated, Trouble, troubleOf } from "../kit/panel";
import { Icon } from "../kit/parts";

// whyNot: a sentence for what it knows better than the catalogue; nothing: the catalogue's.
export function useWrite(whyNot: (problem: Problem) => string | undefined = () => undefined) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem & { until?: number }>();
  async function write<T>(request: () => Promise<Reply<T>>): Promise<Reply<T> | undefined> {
    if (busy) return undefined;
    setBusy(true);
    setProblem(undefined);
    const reply = await request();
    setBusy(false);
    if (!reply.ok) setProblem(dated(reply.problem));
    return reply;
  }
  const why = problem && whyNot(problem);
  const shown = problem && (why ? <p class="wrong" role="alert"><Icon name="circle-alert" small /><span>{why}</span></p> : !problem.errors?.length && <Trouble problem={problem} service="ava" strip snapshot={troubleOf(problem, busy)} />);
  return { busy, problem, shown, write };
}
