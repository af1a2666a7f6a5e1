// The words come in packs with what needs them: no source may ask for words that it does not bring.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { keysNamed, packOf, packs } from "../../web/words.mjs";
import { load, root } from "./load.mjs";

const flat = (node, path = "") => Object.entries(node).flatMap(([k, v]) => (typeof v === "string" ? [path + k] : flat(v, path + k + ".")));
const keys = flat(JSON.parse(await readFile(join(root, "web/i18n/en.json"), "utf8")));
const server = JSON.parse(await readFile(join(root, "web/i18n/de.server.json"), "utf8"));

// What a source brings too much or too little, as sentences.
function wrong(path, source) {
  const brings = [...source.matchAll(/^import "words:(\w+)";$/gm)].map(([, pack]) => pack);
  const named = keysNamed(source, keys), found = [];
  for (const key of named) if (packOf(key) !== "shell" && !brings.includes(packOf(key))) found.push(`${path} asks for ${key} without import "words:${packOf(key)}"`);
  for (const pack of brings) if (!server[pack] && !named.some((key) => packOf(key) === pack)) found.push(`${path} brings the words of ${pack} and asks for none`);
  for (const [call] of source.matchAll(/\b(?:t|has)\((?:`\$\{|\w+ \+ "\.)[^)]*\)/g)) found.push(`${path}: nobody can tell which words ${call} are`);
  return found;
}

test("every source brings the words it asks for, and no others", async () => {
  const folder = join(root, "web/src");
  let seen = 0;
  for (const path of await readdir(folder, { recursive: true })) {
    if (!/\.tsx?$/.test(path) || path.endsWith(".d.ts") || path === "kit/problem.ts") continue;
    assert.deepEqual(wrong(path, await readFile(join(folder, path), "utf8")), []);
    seen++;
  }
  assert.ok(seen > 60);
});

test("each kind of mistake would be found", () => {
  const one = (source) => wrong("x.tsx", source).length;
  assert.equal(one('import "words:numbers";\nt("numbers.lead") + t("action.save") + t("calls.title")'), 0);
  for (const source of ['t("numbers.lead")', "t(`numbers.lead`)", 't(a ? "action.save" : "home.lead")', 'import "words:calls";\nt("numbers.lead") + t("calls.lead")', 'import "words:numbers";', "t(`${room}.lead`)", 't(room + ".lead")']) assert.equal(one(source), 1, source);
  assert.ok(one('t("calls.mend." + who)') > 3 && one("t(`setup.choose.${x}.title`)") === 2);
});

test("every key in the table of packs is one, and every pack has words", () => {
  for (const [pack, has] of Object.entries(packs)) {
    for (const key of has) assert.ok(keys.some((one) => one === key || one.startsWith(key + ".")), key);
    assert.ok(server[pack] || keys.some((one) => packOf(one) === pack), pack);
  }
  for (const pack of Object.keys(server)) assert.ok(packs[pack], pack);
  assert.deepEqual(["calls.mend.you", "calls.lead", "calls.title", "problems.forbidden.title", "nothing"].map(packOf), ["ended", "calls", "shell", "shell", "shell"]);
});

test("a pack that comes later comes in the language that is spoken, before what needs it is shown", async () => {
  const page = await load("kit/words.ts", "kit/i18n.ts");
  const come = {};
  const de = (words) => () => new Promise((resolve, reject) => Object.assign(come, { now: () => resolve({ words, said: {} }), lost: () => reject(new Error("lost")) }));
  page.learn({ late: { a: "A", b: "B" } }, { de: de({ late: { a: "Ah", b: "Beh" } }) });
  assert.equal(page.t("late.a"), "A");
  const speaking = page.speak("de");
  come.now();
  await speaking;
  assert.equal(page.t("late.a"), "Ah");
  page.learn({ late: { c: "C" }, later: "Later" }, { de: de({ late: { c: "Zeh" }, later: "Später" }) });
  let shown = false;
  const part = page.withWords(Promise.resolve("part")).then((it) => ((shown = true), it));
  await new Promise(setImmediate);
  assert.equal(shown, false, "its words are on their way");
  come.now();
  assert.equal(await part, "part");
  assert.deepEqual(["late.a", "late.c", "later"].map((key) => page.t(key)), ["Ah", "Zeh", "Später"]);
  page.learn({ last: "Last" }, { de: de({ last: "Letztes" }) });
  come.lost();
  await page.withWords(Promise.resolve());
  assert.equal(page.t("last"), "Last", "what cannot be had is said in English");
});

test("a language whose words cannot be had leaves English", async () => {
  const page = await load("kit/words.ts", "kit/i18n.ts");
  page.learn({ one: "One" }, { de: () => Promise.reject(new Error("lost")) });
  await page.speak("de");
  assert.deepEqual([page.spoken(), page.t("one"), page.t("action.save")], ["en", "One", "Save"]);
});
