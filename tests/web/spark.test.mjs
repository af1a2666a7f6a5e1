// The small line in a row: its top is the most of all days, and a row without calls has none.
import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { line } = await load("kit/spark.tsx");
const points = (d) => [...d.matchAll(/[ML](\S+) (\S+?)(?=L|$)/g)].map(([, x, y]) => [Number(x), Number(y)]);

test("the most is the top, none is the floor, and the line is as wide as its place", () => {
  const all = points(line([0, 5, 10, 0]));
  assert.deepEqual(all.map(([, y]) => y), [19, 10, 1, 19]);
  assert.deepEqual([all[0][0], all.at(-1)[0]], [0, 90]);
});

test("nothing, one day, and very many calls draw within the box", () => {
  for (const days of [[], [0], [3], Array(30).fill(0), Array(30).fill(1e9), [0, 1e12]])
    for (const [x, y] of points(line(days))) assert.ok(x >= 0 && x <= 90 && y >= 0 && y <= 20, `${days}: ${x} ${y}`);
});
