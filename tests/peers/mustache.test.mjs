// The templates' engine against npm's mustache, over what the language documents: thousands of templates that nobody
// wrote, each rendered by both. Where Ava differs on purpose the peer is told: a variable that is missing, a list or an
// object is an error, and HTML escapes five characters.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Ava, missing } from "../lib/ava.mjs";
import { lacks } from "./peers.mjs";

const ROUNDS = process.env.TEST_SOAK ? 50_000 : 3_000;

// The same numbers for the same seed.
function dice(seed) {
  const next = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, one: (list) => list[below(list.length)], often: (share) => next() < share };
}

const words = ["", "x", "Ada & Co", "<b>", "\"'", "a\nb", " ", "{{a}}", "{{/a}}", "ü😀", "0"];
const plain = (d) => d.one([true, false, null, 0, 7, -3, 1.5, ...words]);
const names = ["a", "b", "c", "d"];

// The peer breaks at a null in a list.
function value(d, depth) {
  if (depth === 0 || d.often(0.5)) return plain(d);
  return d.often(0.5) ? Array.from({ length: d.below(4) }, () => value(d, depth - 1) ?? 0) : object(d, depth - 1);
}
const object = (d, depth) => Object.fromEntries(names.filter(() => d.often(0.7)).map((n) => [n, value(d, depth)]));
// Dotted names begin at the top only: where a is found nearby without its b, the peer goes on looking further out.
const data = (d) => ({ ...object(d, 3), o: { p: { q: plain(d), l: [plain(d) ?? 0] }, t: true } });

const name = (d) => d.one([...names, ...names, ".", "o.p.q"]);
const section = (d) => d.one([...names, ...names, "o.p", "o.p.l", "o.none.x", "o.t", "nobody", "."]);
const pad = (d) => d.one(["", "", " ", "  "]);

function inline(d, depth) {
  const kind = d.below(depth > 0 ? 8 : 5);
  if (kind < 2) return d.one(["text", " ", "}}", "{ { ", "a}b", "é"]);
  if (kind === 2) return `{{${pad(d)}${name(d)}${pad(d)}}}`;
  if (kind === 3) return d.one([`{{{${pad(d)}${name(d)}${pad(d)}}}}`, `{{&${pad(d)}${name(d)}}}`]);
  if (kind === 4) return d.one([`{{!${pad(d)}remark }}`, "{{> line}}"]);
  const of = section(d), inner = Array.from({ length: d.below(3) + 1 }, () => inline(d, depth - 1)).join("");
  return `{{${d.one(["#", "^"])}${pad(d)}${of}${pad(d)}}}${inner}{{/${pad(d)}${of}}}`;
}

// Lines: of their own for a tag, or with a letter in front. (Several tags alone on a line are nobody's documented case.)
function block(d, depth) {
  const end = () => pad(d) + d.one(["\n", "\n", "\r\n"]);
  const lines = Array.from({ length: d.below(4) + 1 }, () => {
    const kind = d.below(depth > 0 ? 7 : 4);
    if (kind < 2) return "x" + Array.from({ length: d.below(4) }, () => inline(d, 2)).join("") + d.one(["\n", "\n", "\r\n"]);
    if (kind === 2) return d.one(["\n", " \n", "\r\n"]);
    if (kind === 3) return pad(d) + d.one(["{{! a\n remark }}", "{{> block}}", "{{>deep}}", "{{!}}"]) + end();
    const of = section(d);
    return `${pad(d)}{{${d.one(["#", "^"])}${of}}}${end()}${block(d, depth - 1)}${pad(d)}{{/${of}}}${end()}`;
  });
  return lines.join("");
}

describe("npm's mustache", { skip: missing || lacks("mustache") }, () => {
  let a, mustache;
  before(async () => {
    mustache = createRequire(import.meta.url)("mustache");
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn" } });
    await a.signUp();
    for (const [n, text] of Object.entries(partials)) await a.call("/api/v1/templates", { body: { name: n, subject: "s", text, html: text } });
  });
  after(() => a.remove());
  const partials = { line: "[{{{a}}}]", block: "one\n\n {{#b}}\n  {{c}}\n {{/b}}\ntwo{{d}}\r\n\r\nend", deep: " {{> block}}\n{{#a}}x{{/a}}y\n" };

  // What the peer says, or what it cannot say.
  function theirs(template, view, html) {
    class Strict extends mustache.Writer {
      read(token, context) {
        const found = context.lookup(token[1]);
        if (found === undefined) throw { missing: token[1] };
        if (typeof found === "object" && found !== null) throw { noText: token[1] };
        return found === null ? "" : String(found);
      }
      unescapedValue(token, context) {
        return this.read(token, context);
      }
      escapedValue(token, context) {
        const escapes = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
        const text = this.read(token, context);
        return html ? text.replace(/[&<>"']/g, (c) => escapes[c]) : text;
      }
    }
    try {
      return { said: new Strict().render(template, view, partials) };
    } catch (e) {
      if (e instanceof Error) throw e;
      return e;
    }
  }

  async function ours(template, view, part) {
    const r = await a.call("/api/v1/templates/preview", { body: { subject: "s", [part]: template, variables: view } });
    if (r.status === 200) return { said: r.json[part] };
    const [e] = r.json.errors ?? [];
    assert.ok(r.status === 422 && e?.field.startsWith("variables."), `${r.text}\n${JSON.stringify(template)}`);
    return { [e.code === "required" ? "missing" : "noText"]: e.field.slice("variables.".length) };
  }

  test(`says the same of ${ROUNDS} templates`, async () => {
    let said = 0;
    for (let seed = 1; seed <= ROUNDS; seed++) {
      const d = dice(seed), template = block(d, 3), view = data(d), part = d.one(["text", "html"]);
      const [we, they] = [await ours(template, view, part), theirs(template, view, part === "html")];
      assert.deepEqual(we, they, `seed ${seed}, ${part}: ${JSON.stringify(template)} of ${JSON.stringify(view)}`);
      said += we.said !== undefined;
    }
    assert.ok(said > ROUNDS / 4, `${said} of them could be said`);
  });

  test("refuses the same sections", async () => {
    for (const template of ["{{#a}}", "{{/a}}", "{{#a}}{{#b}}{{/a}}{{/b}}", "{{#a}}{{/b}}", "{{a", "{{{a}}", "{{^a}}x"]) {
      assert.throws(() => mustache.parse(template), undefined, template);
      assert.equal((await a.call("/api/v1/templates/preview", { body: { subject: "s", text: template } })).status, 422, template);
    }
  });
});
