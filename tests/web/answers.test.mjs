// The lines of how services answered: scale, gaps, rests.
import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { gaps, path, rests, scale } = await load("connections/lines.ts");
const slot = (at, p50_ms = 10) => ({ at, p50_ms, p95_ms: 20, p99_ms: 30, failed_percent: 0 });

test("the top of the scale is a round figure that holds the most", () => {
  for (const [most, top] of [[0, 1], [1, 1], [2, 2], [3, 5], [7, 10], [10, 10], [11, 20], [180, 200], [201, 500], [999, 1000], [60_000, 100_000]]) assert.equal(scale(most), top, String(most));
});

test("no line where nothing was asked", () => {
  assert.deepEqual(gaps([], 10), []);
  assert.deepEqual(gaps([slot(0), slot(10), slot(30), slot(40), slot(90)], 10).map((run) => run.map((s) => s.at)), [[0, 10], [30, 40], [90]]);
});

test("a slot alone is a short level line, more of them go from one to the next", () => {
  const place = (s) => [s.at, s.p50_ms];
  assert.equal(path([slot(50, 7)], place, 6), "M47 7h6");
  assert.equal(path([slot(0, 1), slot(10, 2.26)], place, 6), "M0 1L10 2.3");
});

test("when Ava left a service alone", () => {
  const open = (at) => ({ at, open: true }), closed = (at) => ({ at, open: false });
  assert.deepEqual(rests([], 100), []);
  assert.deepEqual(rests([open(10), closed(20)], 100), [{ from: 10, until: 20, on: false }]);
  assert.deepEqual(rests([open(10)], 100), [{ from: 10, until: 100, on: true }], "still");
  assert.deepEqual(rests([open(10)], 5), [{ from: 10, until: 10, on: true }], "a clock of the server that is ahead");
  assert.deepEqual(rests([closed(5), open(10), closed(20)], 100), [{ from: 10, until: 20, on: false }], "its begin was forgotten");
  assert.deepEqual(rests([open(10), open(12), closed(20), closed(30)], 100), [{ from: 10, until: 30, on: false }], "the provider's and one's own");
  assert.deepEqual(rests([closed(20), open(10), open(40), closed(50)], 100), [{ from: 10, until: 20, on: false }, { from: 40, until: 50, on: false }], "in any order");
});
