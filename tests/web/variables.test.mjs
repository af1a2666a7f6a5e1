import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { guess } = await load("messages/variables.ts");

test("a word for each name, whatever its braces", () => {
  assert.deepEqual(guess("Hello {{name}} {{{ raw }}} {{& amp}}{{! not this }}{{> nor_this }}"), { name: "name", raw: "raw", amp: "amp" });
  assert.deepEqual(guess("{{a.b.c}} {{a.d}}"), { a: { b: { c: "c" }, d: "d" } });
});

test("a list for what goes through entries, a text for what only says that it is there", () => {
  assert.deepEqual(guess("{{#steps}}- {{.}}{{/steps}}"), { steps: ["steps"] });
  assert.deepEqual(guess("{{#calls}}{{who}} {{when}}{{/calls}}"), { calls: [{ who: "who", when: "when" }] });
  assert.deepEqual(guess("{{#time}}at {{time}}{{/time}}"), { time: "time" });
  assert.deepEqual(guess("{{#urgent}}!{{/urgent}}"), { urgent: true });
  assert.deepEqual(guess("{{^none}}{{other}}{{/none}}"), { other: "other" });
});

test("several parts make one set, and half a template is no reason to stop", () => {
  assert.deepEqual(guess("{{a}}", "{{b}}{{#a}}x{{/a}}"), { a: true, b: "b" });
  assert.deepEqual(guess("{{a}} {{#b}} {{c"), { a: "a" });
  assert.deepEqual(guess("{{/x}}{{}}{{y}}"), { y: "y" });
});
