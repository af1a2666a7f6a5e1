// What one asks for, however large it is, costs others no time (HARDENING 5): somebody else reads and writes meanwhile.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { figures, quantile } from "../lib/load.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const EVENTS = LONG ? 10_000 : 2000, BYTES = LONG ? 250_000 : 100_000;

describe("beside a replay of everything", { skip: missing, concurrency: 1 }, () => {
  let a, other;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    other = await a.newPerson("other@example.com");
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "bystander-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
  });
  after(() => a?.remove());
  const sql = (text) => execFileSync("sqlite3", [join(a.data, "ava.db")], { input: `PRAGMA busy_timeout = 60000; ${text}`, encoding: "utf8" });

  // Somebody else's writes, one after the other, until .stop().
  function writing() {
    const stop = { now: false }, took = [];
    const all = (async () => {
      for (let n = 0; !stop.now; n++) {
        const began = performance.now();
        const r = await a.call("/api/v1/limits", { method: "PUT", body: { daily_minutes: 100 + n }, key: other.key });
        took.push({ status: r.status, ms: performance.now() - began });
      }
      return took;
    })();
    return { stop: () => ((stop.now = true), all) };
  }

  test(`${EVENTS} events of ${BYTES / 1000} kB: others' writes go on, and the log stays small`, { timeout: 600_000 }, async (t) => {
    // Rows as intake writes them, but for what is sealed in them: the inbox finds that it cannot open them.
    sql(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
      INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at)
      SELECT printf('evt_0%031d', i), (SELECT workspace_id FROM credentials WHERE provider = 'vapi' LIMIT 1), 'vapi', 'transcript', printf('call-%d', i), randomblob(32), 'done', 'load', 1, 1 FROM n;
      INSERT INTO event_bodies SELECT id, workspace_id, CAST(X'A101' || zeroblob(${BYTES}) AS BLOB) FROM events WHERE correlation_id = 'load'; COMMIT; PRAGMA wal_checkpoint(TRUNCATE);`);
    const walBefore = statSync(join(a.data, "ava.db-wal")).size, others = writing(), began = performance.now();
    const r = await a.call("/api/v1/events/replay", { body: { type: "transcript" } });
    const asked = performance.now() - began;
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.count, EVENTS, r.text);
    await until(async () => (await a.call("/api/v1/events?limit=1&status=received")).json.events.length === 0, { ms: 300_000, every: 100, what: "all worked on" });
    const writes = await others.stop(), wal = statSync(join(a.data, "ava.db-wal")).size;
    t.diagnostic(`asked for within ${asked.toFixed(0)} ms; others' writes meanwhile: ${figures(writes)}; the log grew by ${((wal - walBefore) / 1048576).toFixed(0)} MiB`);
    assert.deepEqual([...new Set(writes.map((w) => w.status))], [200]);
    assert.ok(quantile(writes, 0.5) < 200, figures(writes));
    assert.ok(wal < 256 * 1048576, `${wal} bytes of log`);
  });
});
