// A call in words: who, how it stands, how long, and who can mend how it ended.
import "words:calls";
import "words:ended";
import { serverNow } from "../kit/clock";
import type { Schemas } from "../kit/api";
import { duration, has, phone, t } from "../kit/i18n";
import { said } from "../kit/said";
import { serviceName } from "../kit/problem";

export type Call = Schemas["Call"];
export type Operation = Schemas["Operation"];

export const isOver = (call: Call) => call.ended !== null;

// Nobody at the provider knows of it yet, so what its operation says is what there is to say.
export const isWaiting = (call: Call) => ["requested", "waiting", "unknown"].includes(call.status);

export function who(call: Call): string {
  const other = call.direction === "outbound" ? call.to : call.from;
  return other ? phone(other) : t("calls.hidden");
}

export type Tone = "ok" | "warn" | "bad" | "info" | "quiet";

// One sentence for how it stands or how it ended, and how much that matters.
export function standing(call: Call, operation?: Operation): { text: string; tone: Tone; icon: string } {
  if (call.ended) return { text: said(call.ended.text), tone: call.ended.is_fault ? "bad" : "quiet", icon: call.ended.is_fault ? "triangle-alert" : "circle-check" };
  if (call.status === "unknown") return { text: t("calls.unknown", { service: serviceName(call.provider) }), tone: "warn", icon: "clock" };
  if (call.status === "unconfirmed") return { text: t("calls.unconfirmed"), tone: "warn", icon: "triangle-alert" };
  if (call.is_ending) return { text: t("calls.is_ending"), tone: "warn", icon: "hourglass" };
  if (isWaiting(call) && operation) return { text: waiting(operation), tone: "warn", icon: "hourglass" };
  const known = has("calls.status." + call.status);
  return { text: known ? t("calls.status." + call.status) : call.status, tone: "info", icon: "phone-call" };
}

// "Place 3 in the queue, about 2 min"
function waiting(operation: Operation): string {
  if (operation.status === "queued" && operation.position) {
    const values = { position: operation.position, estimate: duration(operation.estimate_seconds ?? 0) };
    return t(operation.estimate_seconds === undefined ? "calls.place" : "calls.place_estimate", values);
  }
  if (operation.status === "retrying") return t("calls.retrying", { attempt: operation.attempt, max: operation.max_attempts });
  return t("calls.status.requested");
}

export function lasted(call: Call, nowMs: number): string {
  if (!call.started_at) return t("calls.not_talked");
  const end = call.ended_at ? Date.parse(call.ended_at) : serverNow(nowMs);
  return duration((end - Date.parse(call.started_at)) / 1000);
}
