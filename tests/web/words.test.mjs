import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { load, root } from "./load.mjs";

const i18n = await load("kit/i18n.ts");
const problems = await load("kit/problem.ts");
const words = JSON.parse(await readFile(join(root, "web/i18n/en.json"), "utf8"));
const contract = parse(await readFile(join(root, "openapi.yaml"), "utf8"));
const codes = contract.components.schemas.ProblemCode.enum;

test("every problem code of the contract has a title, a text and an action", () => {
  for (const code of codes) {
    const entry = words.problems[code];
    assert.ok(entry, `${code} has no entry in the catalogue`);
    assert.ok(entry.title && entry.text && typeof entry.action === "string", code);
  }
});

test("no entry speaks of a code that does not exist", () => {
  assert.deepEqual(Object.keys(words.problems).filter((c) => c !== "offline" && !codes.includes(c)), []);
});

test("every code can be turned into words, with and without a wait", () => {
  for (const code of codes)
    for (const wait of [undefined, 17]) {
      const said = problems.wordsFor({ code, wait, service: "vapi" }, "vapi");
      assert.doesNotMatch(said.title + said.text + said.action, /[{}]|undefined|problems\./, code);
    }
});

test("a timeout says how long Ava waited, not how long to wait", () => {
  assert.equal(problems.wordsFor({ code: "provider_timeout", wait: 3, service: "vapi" }, "vapi", 3).text, "We stopped waiting after 10 s. Nothing was changed.");
});

test("a text with a number in it has a twin for when the number is not known", () => {
  for (const [code, entry] of Object.entries(words.problems))
    if (entry.text.includes("{n}") && code !== "provider_timeout") assert.ok(entry.text_now, code);
});

function sentences(node, path = "") {
  return Object.entries(node).flatMap(([k, v]) => (typeof v === "string" ? [[path + k, v]] : sentences(v, path + k + ".")));
}

test("pages never show status numbers, nulls or the words of the machine room", () => {
  for (const [key, text] of sentences(words)) {
    if (/^(docs|sandbox)\./.test(key)) continue; // pages for people who look inside
    if (key.startsWith("health.breaker.") && text.includes("circuit breaker")) continue; // Admin may say it, beside what it means
    if (key === "calls.empty.title") continue; // one of the two texts that may exclaim
    assert.doesNotMatch(text, /\b[45]\d\d\b|circuit breaker|upstream|payload|\bnull\b|invalid input|stack trace|oops|!/i, key);
  }
});

test("every key the sources ask for exists", async () => {
  const folder = join(root, "web/src");
  for (const file of await readdir(folder, { recursive: true })) {
    if (!/\.tsx?$/.test(file) || file.endsWith(".d.ts")) continue;
    const text = await readFile(join(folder, file), "utf8");
    for (const [, key] of text.matchAll(/\bt\("([a-z0-9_.]+)"\s*[,)]/g)) assert.ok(i18n.has(key), `${file}: ${key}`);
    for (const [, stem] of text.matchAll(/\bt\(["`]([a-z0-9_.]+\.)["`$]/g)) assert.ok(i18n.has(stem.slice(0, -1)), `${file}: ${stem}…`);
  }
});

test("every icon the sources name is in the sprite", async () => {
  const build = await readFile(join(root, "web/build.mjs"), "utf8");
  const known = new Set([...build.match(/const icons = \[([^\]]*)\]/)[1].matchAll(/"([^"]+)"/g)].map((m) => m[1]).concat("ava"));
  const folder = join(root, "web/src");
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith(".tsx")) continue;
    const text = await readFile(join(folder, file), "utf8");
    for (const [, name] of text.matchAll(/(?:\bicon[=:] ?|<Icon name=)"([a-z-]+)"/g)) assert.ok(known.has(name), `${file}: ${name}`);
  }
});

test("plural forms come from the language's rules", () => {
  assert.equal(i18n.t("numbers.count", { n: 1 }), "1 number shown");
  assert.equal(i18n.t("numbers.count", { n: 0 }), "0 numbers shown");
  assert.equal(i18n.t("connections.works_numbers", { n: 3 }), "Works - 3 numbers found");
});

test("durations read as people say them", () => {
  const cases = [[0, "0 s"], [59, "59 s"], [60, "1 min"], [80, "1 min 20 s"], [600, "10 min"], [3600, "1 h"], [3660, "1 h 1 min"], [-4, "0 s"]];
  for (const [seconds, text] of cases) assert.equal(i18n.duration(seconds), text);
});

test("ages read as people say them, and never come from the future", () => {
  const now = Date.parse("2026-01-10T12:00:00Z");
  const cases = [[0, "just now"], [12_000, "12 s ago"], [119_000, "1 min ago"], [120_000, "2 min ago"], [7_200_000, "2 h ago"], [-60_000, "just now"]];
  for (const [before, text] of cases) assert.equal(i18n.ago(now - before, now), text);
});

test("what somebody wrote turns none of the words around it, and its marks of direction end with it", () => {
  assert.equal(i18n.t("home.hello", { name: "Ada" }), "Hello, Ada");
  assert.equal(i18n.t("home.hello", { name: "שלום" }), "Hello, \u2068שלום\u2069");
  assert.equal(i18n.t("home.hello", { name: "a\u202eb\u2069c" }), "Hello, \u2068abc\u2069");
});

test("phone numbers are grouped and lose no digit", () => {
  assert.equal(i18n.phone("+14155550100"), "+1 415 555 0100");
  assert.equal(i18n.phone("+33612345678"), "+33 6 12 34 56 78");
  assert.equal(i18n.phone("sip:someone"), "sip:someone");
  for (const number of ["+4915123456789", "+442071838750", "+352621123456", "+15005550006", "+6591234567"])
    assert.equal(i18n.phone(number).replace(/ /g, ""), number);
});

test("a wrong field names its label and its true range", () => {
  assert.equal(problems.fieldWords("Voice speed", { field: "value", code: "out_of_range", min: 0.7, max: 1.2 }), "Voice speed must be between 0.7 and 1.2.");
  assert.equal(problems.fieldWords("E-mail", { field: "email", code: "something_new" }), "E-mail cannot be this.");
});
