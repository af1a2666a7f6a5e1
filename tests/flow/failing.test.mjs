// What the system refuses, call by call: it ends nothing and loses nothing that was acknowledged (HARDENING 2). Cold, a
// start serves or ends with a sentence; warm, some requests fail and all works again, or Ava says openly that it trusts
// its files no more. make soak tries each kind at each of its first 50 uses, with every error that fits it.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { missing, sanitized } from "../lib/ava.mjs";
import { sqliteOnly } from "../lib/database.mjs";
import { cold, disturb, KINDS, lost, provider, shimMissing, warm } from "../lib/failing.mjs";

const LONG = Boolean(process.env.TEST_SOAK), USES = 50, AND_ON = -1;
const SEED = 20261129, COLD = 2, WARM = 4; // uses in make test, for each kind, beside the first

// What is used at start only is tried at each of these uses.
const FEW = { thread: 14, epoll_create: 3, eventfd: 4, pipe: 5, signalfd: 1, sem_wait: 3, ioctl: 4, mlock: 3, socketpair: 2 };
// These end the process when they go on for more than half a second: docs/testing.md says why.
const LIMITS = ["epoll_ctl", "getrandom"];

const upTo = (n) => Array.from({ length: n }, (_, i) => i + 1);
// The same sample in each run: that many uses from 2 to USES, for each kind others.
const random = ((state) => (below) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % below)(SEED);
const some = (kind, count) => [...new Set([...upTo(FEW[kind] ?? 1), ...Array.from({ length: count }, (_, i) => 2 + random(i % 2 ? 10 : USES - 1))])].sort((x, y) => x - y);
// [error, its uses, how many times] of a kind. What EINTR promises is that asking again helps: it does not go on.
const plan = (kind, errors, count) => (LONG ? errors : errors.slice(0, 1)).flatMap((error) => [[error, LONG ? upTo(USES) : some(kind, count), 1], ...(error === "EINTR" || LIMITS.includes(kind) ? [] : [[error, [1], AND_ON]])]);

describe("system calls that fail", { skip: missing || shimMissing || sqliteOnly || (sanitized && "sanitizers make calls of their own"), concurrency: 1 }, () => {
  let vapi, of;
  const total = { cold: [0, 0], warm: [0, 0] };
  before(async () => {
    vapi = await provider();
    const a = await warm(vapi.base);
    for (let i = 0; i < 3; i++) await a.load();
    await a.kill();
    of = { data: a.data, taken: a.taken };
    assert.ok(a.taken.length >= 6 && Object.keys(KINDS).length >= 30);
  });
  after(async () => {
    console.log(`# of ${Object.keys(KINDS).length} kinds: cold ${total.cold[1]} of ${total.cold[0]} reached their use, warm ${total.warm[1]} of ${total.warm[0]}`);
    await vapi?.stop();
    await rm(of?.data ?? "", { recursive: true, force: true });
  });
  const count = (phase, r) => ((total[phase][0] += 1), (total[phase][1] += r.failed ? 1 : 0));

  describe("at start", { concurrency: 2 }, () => {
    for (const [kind, errors] of Object.entries(KINDS))
      test(kind, { timeout: 3_600_000 }, async () => {
        const wrong = [];
        for (const [error, uses, times] of plan(kind, errors, COLD))
          for (const use of uses) {
            const r = await cold(of, vapi.base, kind, error, use, times);
            count("cold", r);
            if (r.wrong) wrong.push(r.wrong);
            if (!r.failed) break; // a start does not use it more often
          }
        assert.deepEqual(wrong, []);
      });
  });

  describe("under load", { concurrency: 1 }, () => {
    let a;
    const over = async () => {
      const was = a;
      a = undefined;
      if (!was) return [];
      await was.kill();
      const gone = lost(was.data, was.taken);
      await rm(was.data, { recursive: true, force: true });
      return gone;
    };
    after(over);
    for (const [kind, errors] of Object.entries(KINDS))
      test(kind, { timeout: 3_600_000 }, async () => {
        const wrong = [];
        if (kind === "thread" && a) wrong.push(...(await over())); // most are made at their first use
        for (const [error, uses, times] of plan(kind, errors, WARM))
          for (const use of uses) {
            a ??= await warm(vapi.base);
            const r = await disturb(a, kind, error, use, times, LONG ? 10 : 1);
            count("warm", r);
            if (r.wrong) wrong.push(r.wrong);
            if (r.wrong || r.trouble) wrong.push(...(await over()).map((id) => `${kind} ${error} ${use}: acknowledged and lost: ${id}`));
          }
        assert.deepEqual(wrong, []);
      });
    test("after kill -9 all that was acknowledged is there", async () => assert.deepEqual(await over(), []));
  });
});
