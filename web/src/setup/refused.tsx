// Why a step of the wizard did not go on.
import type { Problem } from "../kit/api";
import { Trouble, troubleOf } from "../kit/panel";

export type Held = (Problem & { until?: number }) | undefined;
export function Refused({ problem, service = "ava", busy = false, retry }: { problem: NonNullable<Held>; service?: string; busy?: boolean; retry?: () => void }) {
  return <Trouble problem={problem} service={service} strip retry={retry} snapshot={troubleOf(problem, busy)} />;
}

export type HeldState<T> = [T, (value: T) => void];
