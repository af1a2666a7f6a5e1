// Bears company.
// Rolling upgrades: hosts of this Ava and of the next one (build/tests/ava_next, which has two more migrations) on one
// PostgreSQL, behind HAProxy and under load. What goes wrong with those of others: the first new host takes from the schema
// what the old ones still read; an old one that is restarted in the middle, or wakes late, refuses or breaks; requests fail
// while hosts change; nobody can go back.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ava, avaBeside, missing as noAva, root, sanitized, until } from "../lib/ava.mjs";
import { sql } from "../lib/database.mjs";
import { noHaproxy } from "../lib/haproxy.mjs";
import { Hosts } from "../lib/hosts.mjs";
import { paced, quantile, tally } from "../lib/load.mjs";
import { missing as noPostgres } from "../lib/postgres.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const next = join(process.env.TEST_BUILD_DIR ?? join(root, "build"), "tests/ava_next");
const noNext = existsSync(next) ? false : "no build/tests/ava_next: run make build";
const RESTARTS = process.env.TEST_SOAK ? 100 : 6, RATE = sanitized ? 20 : 100, SECRET = "what-vapi-sends-with-each-message";
const THROUGH = ["sh", "-c", `exec ${next} "$@"`]; // what would be the program is $0 of it

const isThere = (pg, table) => sql(pg.url, `SELECT to_regclass('${table}') IS NOT NULL`) === "t";
const finish = async (host) => {
  const r = await avaBeside(["migrate", "--finish", "--data-dir", host.data], { program: next });
  return { status: r.status, said: r.stdout + r.stderr };
};

describe("rolling upgrades", { skip: noAva || noNext || noPostgres || noHaproxy }, () => {
  test(`${RESTARTS} restarts, from this Ava to the next and back, at ${RATE} requests a second: none fails, and nothing is taken away before all are new`, async (t) => {
    const all = await Hosts.start({ count: 3, wired: false, env: { ENABLE_RATE_LIMITING: "false", DRAIN_DELAY_SECONDS: "2", TRUSTED_PROXIES: "127.0.0.1" } });
    const stop = {};
    let hooks = 0;
    try {
      const a = await all.first.signUp();
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "rolling-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be81", webhook_secret: SECRET } });
      const hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
      const ask = async (path, { method = "GET", body, headers = { Authorization: `Bearer ${a.key}` } } = {}) => {
        const r = await fetch(all.base + path, { method, body, headers: { ...headers, ...(body ? { "Content-Type": "application/json" } : {}) } });
        await r.arrayBuffer();
        return { status: r.status };
      };
      const kinds = [
        () => ask("/api/v1/calls"),
        () => ask("/api/v1/auth/keys"),
        (n) => ask("/api/v1/limits", { method: "PUT", body: JSON.stringify({ concurrent_calls: 1 + (n % 9) }) }),
        (n) => {
          const body = JSON.stringify(message("speech-update", { id: `rolling-${++hooks}` }, { timestamp: 1_700_000_000_000 + n }));
          return ask(new URL(hook).pathname, { method: "POST", body, headers: headersOf(secretPlan(SECRET), { url: hook, body }) });
        },
      ];
      const running = paced(RATE, 3600, (n) => kinds[n % kinds.length](n), stop);
      const restart = async (host, isNext) => {
        const { code } = await host.stop();
        assert.equal(code, 0, host.said);
        await host.start(isNext ? THROUGH : []);
        host.isNext = isNext;
        await all.ready();
      };
      // Up to the next one, with a step back in between: the old one goes on with what the new one has added.
      let restarts = 0;
      for (let n = 0; restarts < RESTARTS - 2; n++, restarts++) {
        const host = all.list[n % 3];
        await restart(host, !host.isNext);
        if (n === 0) {
          assert.ok(isThere(all.pg, "next_things"), "the first new host adds");
          const r = await finish(host);
          assert.notEqual(r.status, 0);
          assert.match(r.said, /host .* runs Ava .*bring all hosts to this version first/);
          assert.ok(isThere(all.pg, "next_things"), "and nothing is taken away while another is old");
        }
      }
      for (const host of all.list) {
        if (host.isNext) continue;
        await restart(host, true);
        restarts++;
      }
      stop.now = true;
      const answers = await running, counts = tally(answers);
      t.diagnostic(`${restarts} restarts, ${answers.length} requests: ${JSON.stringify(counts)}; p50 ${quantile(answers, 0.5).toFixed(1)} ms, p99 ${quantile(answers, 0.99).toFixed(1)} ms`);
      assert.deepEqual(Object.keys(counts), ["200"], JSON.stringify(counts));
      await until(() => sql(all.pg.url, "SELECT COUNT(*) FROM events WHERE status = 'done'") === String(hooks), { what: "each webhook worked on, once", ms: 60_000 });

      const r = await finish(all.list[0]);
      assert.equal(r.status, 0, r.said);
      assert.ok(!isThere(all.pg, "next_things"));
      assert.equal((await ask("/api/v1/calls")).status, 200);
      // An old one would meet a schema that lacks something.
      await all.list[2].stop();
      const old = ava(["serve", "--data-dir", all.list[2].data]);
      assert.equal(old.status, 78, old.stderr);
      assert.match(old.stderr, /used by a newer Ava; start that one/);
    } finally {
      stop.now = true;
      await all.remove();
    }
  });
});
