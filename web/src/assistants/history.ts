// What a version of an assistant changed, in words for people: names instead of pointers, values as they are spoken of.
import "words:history";
import type { Schemas } from "../kit/api";
import { t } from "../kit/i18n";
import { label as settingLabel, show as showSetting, type Key, type Value } from "./settings";

export type Difference = Schemas["AssistantDifference"];
export type Version = Schemas["AssistantVersion"];

const settings: Record<string, Key> = { "/firstMessage": "greeting_message", "/maxDurationSeconds": "max_call_duration", "/voice/speed": "voice_speed" };
// Patterns of pointers that have a name of their own; "*" is one step.
const named: [string, string][] = [
  ["/name", "name"], ["/model/messages/*/content", "instructions"], ["/model/model", "model"], ["/model/provider", "model_provider"], ["/voice", "voice"], ["/voice/voiceId", "voice"],
  ["/voice/provider", "voice_provider"], ["/endCallMessage", "goodbye"], ["/transcriber/language", "language"], ["/firstMessageMode", "who_begins"], ["/server/url", "address"], ["/server", "address"],
  ["/serverMessages", "told"],
];

const steps = (pointer: string) => pointer.split("/").slice(1).map((s) => s.replaceAll("~1", "/").replaceAll("~0", "~"));

function matches(pattern: string, pointer: string): boolean {
  const [a, b] = [steps(pattern), steps(pointer)];
  return a.length === b.length && a.every((s, i) => s === "*" || s === b[i]);
}

// "/voice/stability" -> "voice, stability": camelCase and underscores read as words, places in lists count from 1.
export function labelOf(pointer: string): string {
  const setting = settings[pointer];
  if (setting) return settingLabel(setting);
  const known = named.find(([pattern]) => matches(pattern, pointer));
  if (known) return t("history.field." + known[1]);
  return steps(pointer)
    .map((s) => (/^\d+$/.test(s) ? String(Number(s) + 1) : s.replace(/([a-z])([A-Z])/g, "$1 $2").replaceAll("_", " ").toLowerCase()))
    .join(", ");
}

export function valueWords(pointer: string, value: unknown): string {
  if (value === null || value === undefined) return t("history.nothing");
  const setting = settings[pointer];
  if (setting && typeof value !== "object" && typeof value !== "boolean") return showSetting(setting, value as Value);
  if (value === "********") return t("history.hidden");
  if (typeof value === "boolean") return t(value ? "history.on" : "history.off");
  if (typeof value === "string" || typeof value === "number") return String(value);
  const plain = Array.isArray(value) && value.every((v) => typeof v === "string" || typeof v === "number");
  return plain && value.length ? value.join(", ") : t("history.several", { n: Object.keys(value).length });
}

// What a configuration says at a pointer.
export function at(config: unknown, pointer: string): unknown {
  return steps(pointer).reduce<unknown>((here, s) => (typeof here === "object" && here !== null ? (here as Record<string, unknown>)[s] : undefined), config);
}

// "Ada changed the settings", "Someone changed it at Vapi".
export function sentence(version: Version): string {
  const who = version.author ? (version.author.name ?? t("history.somebody")) : t("history.nobody");
  return t("history.what." + version.what, { who, version: version.restored_version ?? 0 });
}
