// What forgets, and what looks, waits for the database: who asks whether the loops turn does not wait with it (CLUSTER A23).
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { ava, Ava, missing, until } from "../lib/ava.mjs";
import { holdWrites } from "../lib/database.mjs";

describe("while another program keeps the database from being written", { skip: missing, concurrency: 1 }, () => {
  let a, hold;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    hold = await holdWrites(a.data);
  });
  after(async () => {
    await hold.release();
    await a.remove();
  });
  const live = () => a.call("/health/live", { key: null });

  test("Ava is live, also when it is time to forget what is old", async () => {
    await a.advance(11 * 60); // and so the sweep begins, and waits
    await until(async () => (await live()).status === 200, { what: "each loop has turned after the jump" });
    const end = Date.now() + 4000;
    let asked = 0;
    while (Date.now() < end) {
      const r = await live();
      assert.equal(r.status, 200, `${r.text}, asked for the ${asked}th time`);
      asked++;
    }
    assert.ok(asked > 10);
  });

  test("the control socket answers in time, and says that nothing can be written", async () => {
    for (let n = 0; n < 3; n++) { // wherever in its own waiting the writer is met
      const began = Date.now();
      const answer = ava(["status", "--json", "--data-dir", a.data]);
      assert.ok(answer.stdout, answer.stderr);
      assert.equal(JSON.parse(answer.stdout).database.writable, false);
      assert.ok(Date.now() - began < 3000, `${Date.now() - began} ms`);
    }
    assert.equal((await live()).status, 200);
  });

  test("once it lets go, Ava writes again", async () => {
    const began = Date.now();
    hold.release();
    await until(async () => (await a.call("/health/ready", { key: null })).status === 200, { what: "it can write again" });
    assert.ok(Date.now() - began < 10_000);
  });
});
