import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { secondsLeft, isSpoken, automaticTryAt, retryAfter } = await load("kit/countdown.ts");

test("counts whole seconds down and stops at nought", () => {
  assert.equal(secondsLeft(17_000, 0), 17);
  assert.equal(secondsLeft(17_000, 1), 17);
  assert.equal(secondsLeft(17_000, 16_999), 1);
  assert.equal(secondsLeft(17_000, 17_000), 0);
  assert.equal(secondsLeft(17_000, 99_000), 0);
});

test("is spoken at the start, at ten and at the end, not each second", () => {
  const said = Array.from({ length: 31 }, (_, i) => 30 - i).filter((left) => isSpoken(left, 30));
  assert.deepEqual(said, [30, 10, 0]);
});

test("the automatic try comes within two seconds after the wait, never before", () => {
  assert.equal(automaticTryAt(5000, 0), 5000);
  assert.ok(automaticTryAt(5000, 0.999999) < 7000);
});

test("reads Retry-After as seconds or as a date, and rubbish as absent", () => {
  const now = Date.parse("Tue, 31 Aug 2010 20:36:00 GMT");
  assert.equal(retryAfter("17", now), 17);
  assert.equal(retryAfter("Tue, 31 Aug 2010 20:36:28 GMT", now), 28);
  assert.equal(retryAfter("Tue, 31 Aug 2010 20:35:00 GMT", now), 0);
  assert.equal(retryAfter("99999999", now), 86400);
  for (const rubbish of [null, "", "-3", "soon", "1e9"]) assert.equal(retryAfter(rubbish, now), undefined, String(rubbish));
});
