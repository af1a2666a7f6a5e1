import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { segments } = await load("messages/segments.ts");

test("counts the parts a text goes out in, by the alphabet of phones", () => {
  const cases = [["", 0, true], ["Hello", 1, true], ["x".repeat(160), 1, true], ["x".repeat(161), 2, true], ["x".repeat(306), 2, true], ["x".repeat(307), 3, true], ["€".repeat(80), 1, true], ["€".repeat(81), 2, true]];
  for (const [text, parts, isPlain] of cases) assert.deepEqual(segments(text), { parts, isPlain }, text.length + text.slice(0, 3));
});

test("one letter outside it makes every part shorter", () => {
  const cases = [["你", 1], ["你".repeat(70), 1], ["你".repeat(71), 2], ["x".repeat(133) + "ж", 2], ["x".repeat(134) + "ж", 3], ["👋".repeat(35), 1], ["👋".repeat(36), 2]];
  for (const [text, parts] of cases) assert.deepEqual(segments(text), { parts, isPlain: false }, text.slice(-2));
});
