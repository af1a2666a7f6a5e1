import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { complaint, isConflict, show, valueOf, withValue } = await load("assistants/settings.ts");

test("takes the whole range of each setting and nothing beside it", () => {
  const cases = [
    ["greeting_message", "Hello", true], ["greeting_message", "  ", false], ["greeting_message", "x".repeat(2000), true], ["greeting_message", "x".repeat(2001), false], ["greeting_message", "😀".repeat(2000), true],
    ["max_call_duration", 60, true], ["max_call_duration", 3600, true], ["max_call_duration", 59, false], ["max_call_duration", 3601, false], ["max_call_duration", 90.5, false],
    ["voice_speed", 0.5, true], ["voice_speed", 1.2, true], ["voice_speed", 1.25, false], ["voice_speed", NaN, false],
  ];
  for (const [key, value, fine] of cases) assert.equal(complaint(key, value) === undefined, fine, `${key} ${String(value).slice(0, 20)}`);
});

test("a complaint names the range in the unit people see", () => {
  assert.equal(complaint("max_call_duration", 30), "Longest call must be between 1 min and 1 h.");
  assert.equal(complaint("voice_speed", 2), "Voice speed must be between 0.5 and 1.2.");
});

test("shows values as people read them", () => {
  assert.equal(show("max_call_duration", 600), "10 min");
  assert.equal(show("voice_speed", 1), "Normal speed");
  assert.equal(show("greeting_message", null), "Not set");
});

test("an optimistic value replaces, adds, and can be taken back", () => {
  const before = [{ key: "voice_speed", value: 1, updated_at: null }];
  const after = withValue(before, "greeting_message", "Hi");
  assert.deepEqual(after.map((s) => s.key), ["greeting_message", "voice_speed"]);
  assert.deepEqual(withValue(after, "greeting_message", null), before);
  assert.equal(valueOf(before, "greeting_message"), null);
});

test("only a change of this very setting, to something else, is a conflict", () => {
  assert.equal(isConflict("a", "a", "mine"), false);
  assert.equal(isConflict("a", "theirs", "mine"), true);
  assert.equal(isConflict("a", "mine", "mine"), false);
});
