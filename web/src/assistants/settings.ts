// The three settings of an assistant as people meet them: labels, ranges, and how a value reads.
import "words:assistants";
import type { Schemas } from "../kit/api";
import { duration, plain, t } from "../kit/i18n";

export type Key = Schemas["SettingKey"];
export type Value = Schemas["SettingValue"];
export type Setting = Schemas["Setting"];

export const keys: Key[] = ["greeting_message", "max_call_duration", "voice_speed"];
export const ranges = {
  greeting_message: { min: 1, max: 2000 },
  max_call_duration: { min: 60, max: 3600 },
  voice_speed: { min: 0.5, max: 1.2 },
} as const;
export const suggestions: Record<Key, string | number> = {
  greeting_message: t("assistant.suggested_greeting"),
  max_call_duration: 600,
  voice_speed: 1,
};

export function label(key: Key): string {
  return t("assistant." + key + ".label");
}

export function unit(key: Key): (n: number) => string {
  if (key === "max_call_duration") return duration;
  return key === "voice_speed" ? plain : (n) => t("assistant.characters", { n });
}

export function show(key: Key, value: Value): string {
  if (value === null) return t("assistant.not_set");
  if (key === "max_call_duration") return duration(Number(value));
  if (key === "voice_speed" && value === 1) return t("assistant.normal_speed");
  return key === "voice_speed" ? t("assistant.times", { n: Number(value) }) : String(value);
}

// What is wrong with a value, as a sentence; nothing when it may be sent.
export function complaint(key: Key, value: string | number): string | undefined {
  const { min, max } = ranges[key];
  const size = typeof value === "string" ? [...value].length : value;
  if (typeof value === "string" && !value.trim()) return t("field.required", { label: label(key) });
  if (!Number.isFinite(size) || size < min || size > max)
    return t("field.between", { label: label(key), min: unit(key)(min), max: unit(key)(max) });
  if (key === "max_call_duration" && !Number.isInteger(value)) return t("field.wrong_type", { label: label(key) });
  return undefined;
}

export function valueOf(settings: Setting[] | undefined, key: Key): Value {
  return settings?.find((s) => s.key === key)?.value ?? null;
}

export function withValue(settings: Setting[], key: Key, value: Value, updated_at?: string | null): Setting[] {
  const old = settings.find((s) => s.key === key);
  const rest = settings.filter((s) => s.key !== key);
  if (value === null) return rest;
  const changed: Setting = { key, value, updated_at: updated_at ?? old?.updated_at ?? null };
  return [...rest, changed].sort((a, b) => keys.indexOf(a.key) - keys.indexOf(b.key));
}

// What Vapi keeps them as, in the configuration that the stream tells.
export function settingsOf(config: Record<string, unknown>): Record<Key, Value> {
  const voice = config.voice as Record<string, unknown> | undefined;
  const plain = (value: unknown) => (typeof value === "string" || typeof value === "number" ? value : null);
  return { greeting_message: plain(config.firstMessage), max_call_duration: plain(config.maxDurationSeconds), voice_speed: plain((voice?.generationConfig as Record<string, unknown> | undefined)?.speed ?? voice?.speed) };
}

// After a refused If-Match: did somebody change this very setting, or only another one?
export function isConflict(before: Value, now: Value, mine: Value): boolean {
  return now !== before && now !== mine;
}
