import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import test from "node:test";
import { parse } from "yaml";
import { load, root } from "./load.mjs";

const i18n = await load("kit/i18n.ts");
const problems = await load("kit/problem.ts");
const words = JSON.parse(await readFile(join(root, "web/i18n/en.json"), "utf8"));
const german = JSON.parse(await readFile(join(root, "web/i18n/de.json"), "utf8"));
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
  for (const [key, text] of [...sentences(words), ...sentences(german)]) {
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

test("phone numbers inside a sentence are grouped; ids and other figures are left as they are", () => {
  assert.equal(i18n.grouped("Ada asked for a call to +33612345678, by version 2 of its assistant."), "Ada asked for a call to +33 6 12 34 56 78, by version 2 of its assistant.");
  assert.equal(i18n.grouped("From +14155550100 to +33612345678."), "From +1 415 555 0100 to +33 6 12 34 56 78.");
  for (const text of ["Somebody picked up.", "dst_01+33612345678x", "a+33612345678@example.com", "It lasted 26 s, +5 s."]) assert.equal(i18n.grouped(text), text);
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

// --- German -------------------------------------------------------------------------------------

const forms = (node) => Object.keys(node).every((k) => ["zero", "one", "two", "few", "many", "other"].includes(k));
// What a person reads under a key: one sentence, or one for each form.
function entries(node, path = "") {
  return Object.entries(node).flatMap(([k, v]) => (typeof v === "string" || forms(v) ? [[path + k, v]] : entries(v, path + k + ".")));
}
const here = new Map(entries(words)), there = new Map(entries(german));
const blanks = (text) => [...new Set(text.match(/\{\w+\}/g))].sort();

test("German has the keys of English, in the same order, and no others", () => {
  assert.deepEqual([...there.keys()], [...here.keys()]);
});

test("every entry has the forms its language asks for", () => {
  for (const [language, all] of [["en", here], ["de", there]])
    for (const [key, entry] of all)
      if (typeof entry === "object") assert.deepEqual(Object.keys(entry).sort(), new Intl.PluralRules(language).resolvedOptions().pluralCategories.sort(), `${language} ${key}`);
  for (const [key, entry] of here) assert.equal(typeof there.get(key), typeof entry, key);
});

test("German fills in what English fills in", () => {
  const other = new Map(sentences(german));
  for (const [key, text] of sentences(words)) assert.deepEqual(blanks(other.get(key)), blanks(text), key);
});

// Names, and words that both languages have.
const same = /^([^a-z]*|Ava|Vapi|Twilio|Demo|Name|Schema|Text|HTML|Code|Server|Port|Status|Sandbox|Administrator|Account SID|Retry-After|In Ava|ID in Ava|Cc|Bcc|curl|Node|Python|Version \{(n|version)\}|.*\{page\} - Ava|.*\{what\} - Ava|(\{\w+\}( (s|min|h|ms|[kMGT]B))?[ .:%]*)+)$/;
const left = /\b(the|and|with|your|you|this|that|not|please|of|from|calls?|numbers?|messages?|again|settings?|save|change|texts|mailed)\b/i;

test("no English is left in German", () => {
  const other = new Map(sentences(german));
  for (const [key, text] of sentences(words)) {
    if (other.get(key) === text) assert.match(text, same, key);
    // Names at the providers and words of the API stand between marks, dots or quotes.
    const bare = other.get(key).replace(/„[^“]*“|\S*[._@*]\S+|\{+\w+\}+|Phone Numbers|Messaging Service/g, "");
    assert.doesNotMatch(bare, left, key);
  }
});

const server = Object.assign({}, ...Object.values(JSON.parse(await readFile(join(root, "web/i18n/de.server.json"), "utf8"))));
const source = (name) => readFile(join(root, "src/service/calls", name), "utf8");

test("why a call ended is known in German, whatever Ava says of it", async () => {
  const ends = [...(await source("ended.def")).matchAll(/^ENDED\(.*"([^"]+)"\)$/gm)].map(([, text]) => text);
  const table = (await source("ended.c")).split("FAULT_OF")[1].split("static struct str after_stage")[0];
  const faults = [...table.matchAll(/(?:YOU|VAPI|PROVIDER|CARRIER|CALLEE),\s*"([^"]+)"/g)].map(([, text]) => text.replace("%s", "{1}"));
  assert.ok(ends.length > 70 && faults.length > 50, `${ends.length} ${faults.length}`);
  for (const text of [...ends, ...faults]) assert.ok(server[text], text);
});

test("what the server says is said in German, with what stands in its blanks", async () => {
  for (const [text, here] of Object.entries(server)) {
    assert.deepEqual([...new Set(here.match(/\{\d\}/g))].sort(), [...new Set(text.match(/\{\d\}/g))].sort(), text);
    assert.doesNotMatch(here.replace(/Vapi|Ava|Twilio|Vonage|Hook|Server|[A-Z]\w+/g, ""), left, text);
  }
  const de = await load("kit/i18n.ts", "kit/said.ts");
  assert.equal(de.said("Nobody picked up."), "Nobody picked up.");
  await de.speak("de");
  const cases = [
    ["Nobody picked up.", "Niemand nahm ab."],
    ["The other side hung up. It lasted 26 s.", "Die Gegenseite hat aufgelegt. Dauer: 26 s."],
    ["Deepgram had a fault of its own. It lasted 3 s.", "Deepgram hatte einen eigenen Fehler. Dauer: 3 s."],
    ["Ada (Berlin) asked for a call to +33612345678, by version 2 of its assistant.", "Ada (Berlin) verlangte einen Anruf an +33612345678, mit Version 2 des Assistenten."],
    ["Vapi did not take attempt 1 (12 ms); the next one follows in 1.2 s.", "Vapi hat Versuch 1 nicht angenommen (12 ms); der nächste folgt in 1.2 s."],
    ["call.ended was told to your endpoint (dst_1).", "call.ended wurde Ihrem Endpunkt gemeldet (dst_1)."],
    ["Something nobody translated.", "Something nobody translated."],
    ["$& {1} told: $1.", "$& {1} meldete: $1."],
  ];
  for (const [text, here] of cases) assert.equal(de.said(text), here);
});

// The C sources as one text, with the pieces of a string put together.
const code = async (name) => (await readFile(join(root, "src", name), "utf8")).replace(/"\s+"/g, "");
const all = (text, pattern) => [...new Set([...text.matchAll(pattern)].map((m) => m[1]))];

test("what Twilio, the e-mail service and a mail server refuse is known in German", async () => {
  const tables = {
    "providers/twilio_codes.c": [/REFUSAL_\w+, (?:NONE|NEVER|AGAIN|TOMORROW),\s+"([^"]+)"/g, 42],
    "providers/resend_codes.c": [/REFUSAL_\w+,\s+"([^"]+)"/g, 11],
    "providers/smtp_codes.c": [/(?:SMTP_ABOUT_\w+,\s+|[?:]\s+)"(the [^"]+)"/g, 54],
    "providers/smtp.c": [/SMTP_ABOUT_\w+, "(the [^"]+)"/g, 5],
    "providers/upstream_mail.c": [/return "(The [^"]+|What [^"]+)"/g, 6],
    "service/notices/notices.c": [/(?:refuse|skip)\(\s*ctx, (?:s|use|&s\.use), "\w+",\s+"([^"]+)"/g, 9],
  };
  for (const [name, [pattern, atLeast]] of Object.entries(tables)) {
    const found = all(await code(name), pattern).filter((text) => text !== "It was worked on already.");
    assert.ok(found.length >= atLeast, `${name}: ${found.length}`);
    for (const text of found) assert.ok(server[text], `${name}: ${text}`);
  }
  const checks = all(await code("providers/smtp.c"), /"((?:The mail server|The certificate|Nobody|What)[^"]+)"/g).map((text) => text.replace("%s", "{1}"));
  assert.ok(checks.length > 7);
  for (const text of checks) assert.ok(server[text], text);
});

test("why an event is dead or waits is known in German", async () => {
  const inbox = await code("service/inbox/inbox.c"), facts = await code("tasks/event_facts.c");
  const found = [...all(inbox, /(?:unreadable|detail) = "([^"]+)"/g), ...all(inbox, /"(Ava could not work on it: )%s"/g).map((text) => text + "{1}"), ...all(facts, /\*why = "([^"]+)"/g)];
  for (const name of ["resend", "twilio", "vapi"]) found.push(...all(await code(`providers/${name}_events.c`), /return "(It (?:is no|does not|holds)[^"]+)"/g));
  assert.ok(found.length >= 10, found.join());
  for (const text of found) assert.ok(server[text], text);
});

test("sentences about errors are put together in German as in English", async () => {
  const de = await load("kit/i18n.ts", "kit/said.ts");
  await de.speak("de");
  const cases = [
    ["Twilio reports an error: the phone could not be reached (code 30003). Sending it again later may work.", "Twilio meldet einen Fehler: das Telefon war nicht erreichbar (Code 30003). Später noch einmal senden kann gelingen."],
    ["Twilio reports an error: one that it numbers (code 12345).", "Twilio meldet einen Fehler: nur mit Nummer (Code 12345)."],
    ["Twilio refused this: the text is too long (code 21617). Sending it again changes nothing.", "Twilio hat das abgelehnt: die SMS ist zu lang (Code 21617). Noch einmal senden ändert nichts."],
    ["The mail server did not take it: the mailbox is full. It said: 4.2.2 Mailbox full. Try later.", "Der Mailserver nahm sie nicht an: das Postfach ist voll. Er sagte: 4.2.2 Mailbox full. Try later."],
    ["The mail server did not answer in time. Nothing was sent.", "Der Mailserver antwortete nicht rechtzeitig. Nichts wurde gesendet."],
    ["It came back: there is nobody at this address. The other server said: 550 no", "Sie kam zurück: unter dieser Adresse ist niemand. Der andere Server sagte: 550 no"],
    ["Vapi did not answer in time. Nothing was changed; try again.", "Vapi antwortete nicht rechtzeitig. Nichts wurde geändert; versuchen Sie es erneut."],
    ["The rule Text back waits: Twilio is not answering; it goes out once it does.", "Die Regel Text back wartet: Twilio antwortet nicht; sie geht hinaus, sobald es antwortet."],
    ["Line 3, column 8: This tag is not closed: }} is missing.", "Zeile 3, Spalte 8: Dieses Feld ist nicht geschlossen: }} fehlt."],
    ["The variable text is missing. It is used in html of the template alert, line 2.", "Die Variable text fehlt. (HTML der Vorlage alert, Zeile 2)"],
  ];
  for (const [text, here] of cases) assert.equal(de.said(text), here);
});

// Every call of one of these functions in C, with its arguments.
function callsIn(source, names) {
  const found = [];
  for (const m of source.matchAll(new RegExp(`\\b(${names.join("|")})\\(`, "g"))) {
    const args = [""];
    let depth = 1;
    for (const [piece] of source.slice(m.index + m[0].length).matchAll(/"(?:[^"\\]|\\.)*"|[^]/g)) {
      if ("([{".includes(piece)) depth++;
      else if (")]}".includes(piece) && --depth === 0) break;
      if (piece === "," && depth === 1) args.push("");
      else args.push(args.pop() + piece);
    }
    found.push([m[1], args.map((one) => one.trim())]);
  }
  return found;
}

test("every problem and every rule of a field has a sentence of its own in German", async () => {
  for (const one of codes) for (const part of ["title", "text"]) assert.notEqual(german.problems[one][part], words.problems[one][part], one);
  const rules = new Set(contract.components.schemas.FieldError.properties.code.examples);
  for (const name of await readdir(join(root, "src"), { recursive: true })) {
    if (!name.endsWith(".c") || name.startsWith("sandbox/")) continue;
    // The argument of ctx_field that names the rule, and that of the few who hand it on.
    const nth = { ctx_field: 2, ctx_field_range: 2, wrong: 2, complain: 2, ...(/vapi_whole|masking/.test(name) ? { note: 1, refuse: 1 } : {}) };
    for (const [which, args] of callsIn(await code(name), Object.keys(nth)))
      for (const [, rule] of (args[nth[which]] ?? "").matchAll(/(?:^|[?:])\s*"([a-z_]+)"/g)) rules.add(rule);
  }
  assert.ok(rules.size > 30);
  const unknown = [...rules].filter((rule) => !words.field[rule]);
  assert.deepEqual(unknown, []);
  for (const rule of rules) assert.notEqual(german.field[rule], words.field[rule], rule);
});

test("whatever the audit log says was done is said in words", async () => {
    const kinds = [...new Set(Object.keys(words.audit.did).map((key) => key.split("_")[0]))].join("|"), said = new Set();
    for (const name of await readdir(join(root, "src"), { recursive: true })) {
      const source = name.endsWith(".c") && !name.startsWith("sandbox/") ? await code(name) : "";
      if (/audit/.test(source)) for (const action of all(source, new RegExp(`"((?:${kinds})\\.[a-z_]+)"`, "g"))) said.add(action);
    }
    said.delete("destination.disabled"); // an event
    assert.ok(said.size > 50);
    assert.deepEqual([...said].filter((action) => !words.audit.did[action.replace(".", "_")]), []);
    assert.deepEqual(Object.keys(words.audit.did).filter((key) => key.includes("_") && !said.has(key.replace("_", "."))), []);
});

test("of a field the server's own sentence is told where it is known, else what its rule says", async () => {
  const de = await load("kit/i18n.ts", "kit/problem.ts");
  const known = { field: "subject", code: "required", message: "A template needs a subject." }, other = { field: "x", code: "duplicate", message: "Something nobody translated." };
  assert.deepEqual([known, other].map((e) => de.fieldSaid("Subject", e)), ["A template needs a subject.", "Something nobody translated."]);
  await de.speak("de");
  assert.deepEqual([known, other].map((e) => de.fieldSaid("Betreff", e)), ["Eine Vorlage braucht einen Betreff.", "Betreff: etwas steht da zweimal."]);
});

test("German is as short as English, or a word longer", () => {
  const other = new Map(sentences(german)), long = [];
  for (const [key, text] of sentences(words)) if (other.get(key).length > Math.max(1.6 * text.length, text.length + 12)) long.push(key);
  assert.deepEqual(long, []);
});

test("numbers, money and dates in German are written as in Germany", async () => {
  const de = await load("kit/i18n.ts");
  await de.speak("de");
  assert.equal(de.spoken(), "de");
  assert.equal(de.t("assistant.times", { n: 0.9 }), "0,9-mal das normale Tempo");
  assert.equal(de.t("limits.minutes", { n: 1500 }), "1500 Minuten");
  assert.equal(de.t("limits.minutes", { n: 1 }), "1 Minute");
  assert.equal(de.money(72_500), "0,0725\u00a0$");
  assert.equal(de.number(1234.5, 1), "1.234,5");
  assert.equal(de.date(Date.parse("2026-03-05T12:00:00Z")), "5. März 2026");
  assert.equal(de.ago(0, 60_000), "vor 1 min");
  await de.speak("en");
  assert.equal(de.t("assistant.times", { n: 0.9 }), "0.9 times the normal speed");
});

test("whoever asks for several languages gets the first that there is, or the one chosen here", () => {
  const cases = [[null, ["de-DE", "en"], "de"], [null, ["fr-FR", "de", "en"], "de"], [null, ["fr", "it"], "en"], [null, [], "en"], ["en", ["de"], "en"], ["de", ["en"], "de"], ["xx", ["de-AT"], "de"], ["toString", ["constructor"], "en"]];
  for (const [chosen, wanted, got] of cases) assert.equal(i18n.languageOf(chosen, wanted), got, `${chosen} ${wanted}`);
});
