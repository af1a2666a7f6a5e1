// Words: every sentence a person reads comes from i18n/*.json. Nothing is glued from parts.
import "words:shell";
import { english, listen, other, type Words } from "./words";

export type Values = Record<string, string | number>;

export const languages = { en: "English", de: "Deutsch" };
export type Language = keyof typeof languages;

let locale: Language = "en", rules = new Intl.PluralRules("en");
const digits = (language: Language) => new Intl.NumberFormat(language, { useGrouping: false, maximumFractionDigits: 10 });
let plainly = digits("en");

// What was chosen here, else the first of those the browser asks for that Ava speaks.
export function languageOf(chosen: string | null, wanted: readonly string[]): Language {
  const known = [chosen ?? "", ...wanted].map((one) => one.toLowerCase().split("-")[0]!);
  return (known.find((one) => Object.hasOwn(languages, one)) as Language | undefined) ?? "en";
}

// From here on; a language that cannot be loaded leaves English.
export async function speak(language: Language): Promise<void> {
  try {
    await listen(language);
  } catch {
    return;
  }
  locale = language;
  rules = new Intl.PluralRules(language);
  plainly = digits(language);
  if (globalThis.document) document.documentElement.lang = language;
}
export const spoken = (): Language => locale;

function look(key: string, all: Words): string | Words | undefined {
  let at: string | Words | undefined = all;
  for (const part of key.split(".")) at = typeof at === "object" ? at[part] : undefined;
  return at;
}

function find(key: string): string | Words | undefined {
  return (locale === "en" ? undefined : look(key, other)) ?? look(key, english);
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
  return entry.replace(/\{(\w+)\}/g, (whole, name: string) => apart(plain(values[name] ?? whole)));
}

// 0.5 -> "0.5", "0,5": a number as it is counted, without groups.
export function plain(value: string | number): string {
  return typeof value === "number" ? plainly.format(value) : value;
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
  return date(thenMs);
}

// To make a format takes a hundred times as long as to use it: each is made once for a language.
const looks = {
  date: { day: "numeric", month: "short", year: "numeric" },
  clock: { hour: "2-digit", minute: "2-digit", hour12: false },
  moment: { hour: "numeric", minute: "numeric", second: "numeric", hour12: false },
  day: { day: "numeric", month: "short", timeZone: "UTC" },
  exact: { dateStyle: "medium", timeStyle: "medium" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;
const formats = new Map<string, Intl.DateTimeFormat>();
function timed(look: keyof typeof looks, ms: number): string {
  const key = locale + look;
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(locale, looks[look])));
  return format.format(ms);
}

export const date = (ms: number): string => timed("date", ms);

// 72500 millionths -> "$0.0725"
export function money(micros: number, currency = "USD"): string {
  return new Intl.NumberFormat(locale, { style: "currency", currency, maximumFractionDigits: 4 }).format(micros / 1e6);
}

export const clock = (ms: number): string => timed("clock", ms);

// With seconds, where one thing follows on the other.
export const moment = (ms: number): string => timed("moment", ms);

// "12 Nov", of a day of UTC.
export const day = (ms: number): string => timed("day", ms);

export function number(value: number, digits = 0): string {
  return value.toLocaleString(locale, { maximumFractionDigits: digits });
}

export const exact = (ms: number): string => timed("exact", ms);

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

// A sentence with the phone numbers in it grouped.
export const grouped = (text: string) => text.replace(/(?<![\w+])\+\d{7,15}(?!\w)/g, phone);
