import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { diff } = await load("messages/diff.ts");
const shown = (before, after) => diff(before, after).map((l) => ({ same: " ", gone: "-", new: "+", skipped: "…" })[l.kind] + l.text);

test("what says the same shows nothing", () => {
  assert.deepEqual(diff("a\nb", "a\nb"), []);
  assert.deepEqual(diff(null, ""), []);
});

test("a line that was changed went and came", () => assert.deepEqual(shown("Dear\nAda\nBye", "Dear\nGrace\nBye"), [" Dear", "-Ada", "+Grace", " Bye"]));

test("a line between others is the only one that came, or went", () => {
  assert.deepEqual(shown("a\nc", "a\nb\nc"), [" a", "+b", " c"]);
  assert.deepEqual(shown("a\nb\nc", "a\nc"), [" a", "-b", " c"]);
});

test("a part that was not there came whole, and one that was taken away went whole", () => {
  assert.deepEqual(shown(null, "a\nb"), ["+a", "+b"]);
  assert.deepEqual(shown("a", null), ["-a"]);
});

test("what stayed far from a change is left out", () => {
  const many = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  assert.deepEqual(shown(many.join("\n"), many.with(10, "changed").join("\n")), ["…", " line 8", " line 9", "-line 10", "+changed", " line 11", " line 12", "…"]);
});

test("a text of many thousand lines is not compared for minutes", () => {
  const long = Array.from({ length: 20_000 }, (_, i) => `line ${i}`).join("\n"), began = performance.now();
  assert.equal(diff(long, long + "\nmore").length, 40_001);
  assert.ok(performance.now() - began < 1000);
});
