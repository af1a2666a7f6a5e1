import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { joined, plainNumber } = await load("kit/lists.tsx");
const rows = (...ids) => ids.map((id) => ({ id }));
const page = (ids, next_cursor) => ({ rows: rows(...ids), next_cursor });

test("the first page anew keeps what was read further down", () => {
  assert.deepEqual(joined(page(["9", "8", "7"], "7"), page(["8", "7", "6", "5", "4"], "4")), page(["9", "8", "7", "6", "5", "4"], "4"));
  assert.deepEqual(joined(page(["9", "8"], "8"), page(["9", "8", "7"], null)), page(["9", "8", "7"], null));
});

test("but never over a gap, and nothing that is gone", () => {
  assert.deepEqual(joined(page(["9", "8"], "8"), page(["6", "5"], "5")), page(["9", "8"], "8"));
  assert.deepEqual(joined(page(["9"], null), page(["9", "8"], null)), page(["9"], null));
  assert.deepEqual(joined(page([], null), page(["9"], null)), page([], null));
  assert.deepEqual(joined(page(["9"], "9"), undefined), page(["9"], "9"));
});

test("a number is taken as people type it", () => {
  for (const typed of ["+33 6 12 34 56 78", "0033612345678", "+33 (6) 12-34.56.78"]) assert.equal(plainNumber(typed), "+33612345678");
});
