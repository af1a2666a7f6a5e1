import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { learnDate, serverNow } = await load("kit/clock.ts");
const { newId } = await load("kit/ids.ts");

test("a computer whose clock is an hour off counts with Ava's, and a slow answer moves nothing", () => {
  for (const [ahead, learnt] of [[3_600_000, 3_600_000], [-3_600_000, -3_600_000], [-20_000, 0], [900, 0]]) {
    learnDate(1_800_000_000_000 + ahead, 1_800_000_000_000);
    assert.equal(serverNow(1_800_000_000_000), 1_800_000_000_000 + learnt);
  }
});

test("an answer without a date changes nothing", () => {
  learnDate(1_800_003_600_000, 1_800_000_000_000);
  learnDate(NaN, 1_800_000_000_000);
  assert.equal(serverNow(0), 3_600_000);
});

test("ids are UUIDs, wherever the page comes from", () => {
  const all = Array.from({ length: 100 }, newId);
  assert.equal(new Set(all).size, 100);
  for (const id of all) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
