// Words: every sentence a person reads comes from i18n/en.json. Nothing is glued from parts.
import en from "../../i18n/en.json";

type Words = { [key: string]: string | Words };
export type Values = Record<string, string | number>;

const words = en as unknown as Words;
const rules = new Intl.PluralRules("en");

function find(key: string): string | Words | undefined {
  let at: string | Words | undefined = words;
  for (const part of key.split("."))
    at = typeof at === "object" ? at[part] : undefined;
  return at;
}

export function has(key: string): boolean {
  return find(key) !== undefined;
}

// What somebody wrote, set into a sentence: a text that runs from right to left turns none of the words around it, and marks
// of direction in it end with it.
const turns = /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc]|[\ud802-\ud803\ud83a-\ud83b]/;
function apart(value: string | number): string {
  const text = String(value);
  return turns.test(text) ? `\u2068${text.replace(/[\u202a-\u202e\u2066-\u2069]/g, "")}\u2069` : text;
}

// A sentence with {names} filled in. Where the entry has forms (one, other), `n` picks the form.
export function t(key: string, values: Values = {}): string {
  let entry = find(key);
  if (typeof entry === "object")
    entry = entry[rules.select(Number(values.n ?? 0))] ?? entry.other;
  if (typeof entry !== "string") return key;
  return entry.replace(/\{(\w+)\}/g, (whole, name: string) => apart(values[name] ?? whole));
}

// 80 -> "1 min 20 s"
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  if (s < 60) return t("time.s", { s });
  if (s < 3600)
    return s % 60 ? t("time.min_s", { min: Math.floor(s / 60), s: s % 60 }) : t("time.min", { min: s / 60 });
  const min = Math.floor((s % 3600) / 60);
  return min ? t("time.h_min", { h: Math.floor(s / 3600), min }) : t("time.h", { h: Math.floor(s / 3600) });
}

// "just now", "12 s ago", "2 min ago", "3 h ago", then the date
export function ago(thenMs: number, nowMs: number): string {
  const s = Math.floor(Math.max(0, nowMs - thenMs) / 1000);
  if (s < 5) return t("time.now");
  if (s < 60) return t("time.s_ago", { s });
  if (s < 3600) return t("time.min_ago", { min: Math.floor(s / 60) });
  if (s < 86400) return t("time.h_ago", { h: Math.floor(s / 3600) });
  return new Date(thenMs).toLocaleDateString("en", { day: "numeric", month: "short", year: "numeric" });
}

// 72500 millionths -> "$0.0725"
export function money(micros: number, currency = "USD"): string {
  return new Intl.NumberFormat("en", { style: "currency", currency, maximumFractionDigits: 4 }).format(micros / 1e6);
}

export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
}

export function number(value: number, digits = 0): string {
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}

export function exact(ms: number): string {
  return new Date(ms).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });
}

// What a provider tells as a number and may be anything.
export const isPhone = (text: string) => /^\+\d{1,15}$/.test(text);

// "+33612345678" -> "+33 6 12 34 56 78": the country code, then pairs; North America in 3-3-4.
const countries = /^\+(1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58]|\d{3})/;
export function phone(e164: string): string {
  const m = countries.exec(e164);
  if (!m) return e164;
  const rest = e164.slice(m[0].length);
  const groups =
    m[1] === "1" && rest.length === 10
      ? [rest.slice(0, 3), rest.slice(3, 6), rest.slice(6)]
      : (rest.length % 2 ? rest.slice(0, 1) + " " + rest.slice(1).replace(/(..)(?=.)/g, "$1 ") : rest.replace(/(..)(?=.)/g, "$1 ")).split(" ");
  return [m[0], ...groups.filter(Boolean)].join(" ");
}
