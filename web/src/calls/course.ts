// The course of a call, from its timeline: how long it waited, was dialled, rang, was talked and passed on, and what happened when.
import type { Schemas } from "../kit/api";

type Timeline = Schemas["Timeline"];
export type Kind = "waiting" | "dialling" | "ringing" | "talking" | "passed_on";
export interface Phase {
  kind: Kind;
  from: number;
  until: number;
}
export interface Mark {
  at: number;
  kind: "attempt" | "trouble" | "webhook" | "other";
  text: string;
}
export interface Course {
  from: number;
  until: number; // the right edge: its end, or now
  live: boolean;
  phases: Phase[]; // each begins where the one before it ends
  marks: Mark[];
}

const marks: Record<string, Mark["kind"]> = { sending: "attempt", succeeded: "attempt", retry: "trouble", failed: "trouble", unknown: "trouble", unconfirmed: "trouble", webhook: "webhook", forwarded: "other", tool: "other", notice: "other", hangup: "other", hangup_asked: "other", hangup_waits: "other" };

// By how much the provider's clock is to be set right. When somebody picked up and when it ended are their times, all else is
// ours: nothing happened before we asked for it, nor after they told us of it. Where that does not hold it happened when it
// was told.
function setRight(at: number, asked: number, told: number | undefined): number {
  return at >= asked && at <= (told ?? Infinity) ? 0 : (told ?? asked) - at;
}

export function courseOf({ call, entries }: Pick<Timeline, "call" | "entries">, nowMs: number): Course | undefined {
  const all = entries.map((e) => ({ ...e, ms: Date.parse(e.at) })).sort((a, b) => a.ms - b.ms);
  const ours = all.filter((e) => e.kind !== "talking" && e.kind !== "ended");
  const first = (ours[0] ?? all[0])?.ms;
  if (first === undefined) return undefined;
  const last = (ours.at(-1) ?? all.at(-1)!).ms;
  const when = (kind: string) => ours.find((e) => e.kind === kind)?.ms;
  const told = (...status: string[]) => ours.find((e) => e.kind === "webhook" && status.includes(String(e.detail?.["status"])))?.ms;

  const outbound = call.direction === "outbound";
  const sent = outbound ? (when("sending") ?? when("succeeded")) : first;
  const rang = outbound ? told("ringing") : first;
  const live = call.ended === null;
  let picked = call.started_at ? Date.parse(call.started_at) : undefined;
  let ended = live ? Math.max(nowMs, last) : call.ended_at ? Date.parse(call.ended_at) : (all.find((e) => e.kind === "ended")?.ms ?? last);
  if (picked !== undefined) {
    const by = setRight(picked, sent ?? first, told("in-progress") ?? (live ? ended : undefined));
    picked += by;
    if (!live) ended += by;
  } else if (!live) ended += setRight(ended, sent ?? first, told("ended", "completed", "busy", "no-answer", "failed", "canceled"));
  ended = Math.max(ended, picked ?? first);

  // The beginnings, in the order in which calls go; one that was never told, or too late, is not there.
  const begins: [Kind, number | undefined][] = [["waiting", outbound ? first : undefined], ["dialling", outbound ? sent : undefined], ["ringing", rang], ["talking", picked], ["passed_on", told("forwarding")]];
  const phases: Phase[] = [];
  let until = ended;
  for (const [kind, at] of begins.reverse()) {
    if (at === undefined || at > until || (at === until && phases.length > 0)) continue;
    phases.unshift({ kind, from: Math.max(at, first), until });
    until = Math.max(at, first);
  }
  return {
    from: first, until: ended, live, phases: phases.filter((p) => p.until > p.from || phases.length === 1),
    marks: ours.flatMap((e) => (marks[e.kind] ? [{ at: Math.min(Math.max(e.ms, first), ended), kind: marks[e.kind]!, text: e.text }] : [])),
  };
}
