import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { joined, plainNumber, readOn } = await load("kit/lists.tsx");
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

test("a page that is empty and not the last is read on from, some pages far", async () => {
  const ok = (data) => ({ ok: true, data }), asked = [];
  const among = (pages) => async (cursor) => (asked.push(cursor), pages[cursor ?? ""]);
  assert.deepEqual((await readOn(among({ "": ok(page([], "7")), 7: ok(page([], "5")), 5: ok(page(["4"], "4")) }))).data, page(["4"], "4"));
  assert.deepEqual(asked, [null, "7", "5"]);
  assert.deepEqual((await readOn(async () => ok(page([], "1")))).data, page([], "1"));
  assert.deepEqual((await readOn(among({ "": ok(page([], null)) }))).data, page([], null));
  assert.equal((await readOn(among({ "": ok(page([], "7")), 7: { ok: false } }))).ok, false);
});
