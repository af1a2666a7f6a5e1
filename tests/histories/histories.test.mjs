// Histories: several hosts on one PostgreSQL behind HAProxy, a provider with a ledger of its own, clients that repeat until they
// know, and a schedule of faults drawn from a seed. When everything is at rest again, a checker reads the ledger, the database
// and what was answered. The same seed breaks the same things (HISTORY_SEED=n; the short form has one of its own); what was against it is kept with its record.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { missing as noAva } from "../lib/ava.mjs";
import { judge, isDone } from "../lib/checker.mjs";
import { Clients } from "../lib/clients.mjs";
import { breakThings, dice, schedule } from "../lib/faults.mjs";
import { noHaproxy } from "../lib/haproxy.mjs";
import { Hosts } from "../lib/hosts.mjs";
import { missing as noPostgres } from "../lib/postgres.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const SEED = Number(process.env.HISTORY_SEED ?? (LONG ? Date.now() % 1_000_000 : 16)), COUNT = Number(process.env.HISTORY_HOSTS ?? 3);
const SECONDS = Number(process.env.HISTORY_SECONDS ?? (LONG ? 900 : 6));
const RATE = { calls: 12, texts: 5, hooks: 6, puts: 8 }; // a second
const PLAN = LONG ? { pauseMs: [2000, 8000], lengthMs: [500, 12_000], longEvery: 3, longMs: 90_000 } : { pauseMs: [300, 900], lengthMs: [200, 1200] };

describe(`a history of ${COUNT} hosts, seed ${SEED}, ${SECONDS} s`, { skip: noAva || noPostgres || noHaproxy }, () => {
  test("nothing twice, nothing lost, nothing above its cap", { timeout: (SECONDS + 900) * 1000 }, async (t) => {
    const all = await Hosts.start({ count: COUNT, env: { ENABLE_RATE_LIMITING: "false", CALL_CHECK_SECONDS: "2" } });
    let clients;
    try {
      const plan = schedule(SEED, { seconds: SECONDS, hosts: COUNT, ...PLAN }), faults = [];
      // A call of which nobody knows holds its line for a quarter of an hour: a history of more than a minute leaves room for those.
      clients = await Clients.prepare(all, dice(SEED ^ 3), { cap: SECONDS > 60 ? 30 : 6 });
      const running = clients.run(RATE);
      await breakThings(all, plan, faults); // all of it is over before anything is read
      clients.stop();
      await all.ready();
      await running;
      const h = await clients.record(faults, { answered: SECONDS * 2, acked: SECONDS * 5, puts: SECONDS / 2, repeated: SECONDS / 4 }, LONG ? 300_000 : 150_000);
      const against = judge(h);
      const count = (list) => Object.entries(list.reduce((m, x) => ((m[x] = (m[x] ?? 0) + 1), m), {})).map(([x, n]) => `${n} ${x}`).join(", ");
      t.diagnostic(`broken: ${count(faults.map((f) => f.what))}`);
      t.diagnostic(`${h.wants.length} wants, tries: ${count(h.wants.flatMap((w) => w.tries.map((x) => `${x.status} ${x.code ?? ""}`)))}`);
      t.diagnostic(`operations: ${count(h.operations.map((o) => `${o.kind} ${o.state}`))}; taken over: ${h.operations.filter((o) => o.epoch > 1).length}; ${h.provider.calls.length} calls, ${h.provider.texts.length} texts there`);
      t.diagnostic(`${h.hooks.filter((x) => x.tries.some(isDone)).length} webhooks acknowledged, ${count(h.hooks.flatMap((x) => x.tries.map((y) => y.status)))}; ${h.deliveries.length} deliveries, ${h.receipts.length} receipts`);
      t.diagnostic(`register: ${count(h.register.puts.map((p) => p.status))}, ${h.register.reads.length} reads; money ${JSON.stringify(h.money)}; left: ${h.left || "nothing"}`);
      if (against.length) {
        const file = join(tmpdir(), `ava-history-${SEED}.json`);
        writeFileSync(file, JSON.stringify({ seed: SEED, plan, ...h, said: all.said().split("\n") }, null, 1));
        t.diagnostic(`its record: ${file}`);
      }
      assert.deepEqual(against, []);
    } finally {
      clients?.stop();
      await clients?.receiver?.stop();
      await all.remove();
    }
  });
});
