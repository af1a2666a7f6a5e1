// What is removed is gone at once for everybody, and what it left costs others no time (HARDENING 5).
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { onPostgres, rows } from "../lib/database.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { figures, quantile } from "../lib/load.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const EVENTS = LONG ? 1_000_000 : 60_000, HEAVY = LONG ? 2000 : 100, DELIVERIES = LONG ? 300_000 : 20_000;

const sqlOf = (a) => (text) => rows(a.data, text);

// Somebody's writes, one after the other, until .stop().
function writing(a, key) {
  const stop = { now: false }, took = [];
  const all = (async () => {
    for (let n = 0; !stop.now; n++) {
      const began = performance.now();
      const r = await a.call("/api/v1/limits", { method: "PUT", body: { daily_minutes: 100 + n }, key });
      took.push({ status: r.status, ms: performance.now() - began });
    }
    return took;
  })();
  return { stop: () => ((stop.now = true), all) };
}

function beAtEase(t, writes, what) {
  t.diagnostic(`others' writes while ${what}: ${figures(writes)}`);
  assert.deepEqual([...new Set(writes.map((w) => w.status))], [200]);
  if (!sanitized) assert.ok(quantile(writes, 0.5) < 100, figures(writes));
}

// Rows as Ava writes them, but for what is sealed in them, which nobody opens here.
const eventsOf = (ws, prefix, count, bytes) => `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${count})
  INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at, sealed)
  SELECT printf('evt_${prefix}%031d', i), '${ws}', 'vapi', 'transcript', printf('call-%d', i), randomblob(32), 'done', 'load', 1, 1, ${bytes ? "NULL" : "CAST(X'A101' || zeroblob(400) AS BLOB)"} FROM n;
  ${bytes ? `INSERT INTO event_bodies SELECT id, workspace_id, CAST(X'A101' || zeroblob(${bytes}) AS BLOB) FROM events WHERE id LIKE 'evt_${prefix}%';` : ""}`;

// How many rows of any table still name it, the log of what was done aside.
function rowsOf(sql, ws) {
  const all = onPostgres ? "SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema = 'public'" : "SELECT s.name AS t, c.name AS c FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'";
  const tables = sql(`SELECT t FROM (${all}) x WHERE c = 'workspace_id' AND t NOT IN ('audit_log', 'users')`).split("\n");
  assert.ok(tables.length > 15, tables.join());
  return Number(sql(`SELECT ${tables.map((t) => `(SELECT count(*) FROM ${t} WHERE workspace_id = '${ws}')`).join(" + ")} + (SELECT count(*) FROM workspaces WHERE id = '${ws}')`));
}

describe("a workspace that is removed", { skip: missing, concurrency: 1 }, () => {
  let a, bob, carl;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    bob = await a.newPerson("bob@example.com");
    carl = await a.newPerson("carl@example.com");
  });
  after(() => a?.remove());

  async function filled(who) {
    const sql = sqlOf(a);
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", key: who.key, body: { api_key: "removed-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", default_number_id: "7c3d6f1e-0000-4000-8000-0000000000aa" } });
    const called = await a.call("/api/v1/calls", { key: who.key, body: { to: "+14155550100" }, headers: { "Idempotency-Key": `removed-${who.id}` } });
    assert.ok([201, 202].includes(called.status), called.text);
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints", { key: who.key })).json;
    sql(`BEGIN; ${eventsOf(who.workspace_id, who === bob ? "0" : "1", EVENTS, 0)} ${eventsOf(who.workspace_id, who === bob ? "2" : "3", HEAVY, 250_000)} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);`);
    return new URL(endpoints.find((e) => e.provider === "vapi").urls.server).pathname;
  }

  test(`with ${EVENTS} events is gone at once, and costs others no time`, { timeout: 900_000 }, async (t) => {
    const hook = await filled(bob), sql = sqlOf(a), others = writing(a, carl.key);
    const began = performance.now(), r = await a.call(`/api/v1/workspaces/${bob.workspace_id}`, { method: "DELETE" }), asked = performance.now() - began;
    assert.equal(r.status, 204, r.text);
    assert.equal((await a.call(`/api/v1/workspaces/${bob.workspace_id}`)).status, 404);
    assert.ok(!(await a.call("/api/v1/workspaces")).json.workspaces.some((w) => w.id === bob.workspace_id));
    assert.equal((await a.call("/api/v1/calls", { key: bob.key })).status, 401, "a key dies with its workspace");
    assert.equal((await a.call(hook, { key: null, body: {} })).status, 404, "nothing is taken in for it");
    assert.equal(sql(`SELECT count(*) FROM workspace_keys WHERE workspace_id = '${bob.workspace_id}'`), "0", "what is left cannot be opened any more");
    await until(() => rowsOf(sql, bob.workspace_id) === 0, { ms: LONG ? 600_000 : 60_000, every: 200, what: "all its rows gone" });
    const wal = onPostgres ? 0 : statSync(join(a.data, "ava.db-wal")).size; // of SQLite alone
    t.diagnostic(`answered after ${asked.toFixed(0)} ms, gone after ${(performance.now() - began).toFixed(0)}; the log has ${(wal / 1048576).toFixed(0)} MiB`);
    const writes = await others.stop();
    beAtEase(t, writes, "it went");
    assert.ok(writes.length > 60, `room for ${writes.length} writes of others between`);
    if (!sanitized) assert.ok(asked < 1000, `${asked} ms`);
    assert.ok(wal < 256 * 1048576, `${wal} bytes of log`);
    assert.equal((a.stdout + a.stderr).split("\n").filter((line) => line.includes(`"level":"error"`)).join("\n"), "");
  });

  test("goes on after a kill, with the person whose it was", { timeout: 900_000 }, async () => {
    await filled(carl);
    assert.equal((await a.call(`/api/v1/users/${carl.id}`, { method: "DELETE" })).status, 204);
    await a.stop("SIGKILL");
    const sql = sqlOf(a), left = rowsOf(sql, carl.workspace_id);
    assert.ok(left > EVENTS / 2, `${left} rows left: killed too late to say anything`);
    const { key, data } = a;
    a = await Ava.start({ data, env: { AVA_LOG_LEVEL: "error" } });
    a.key = key;
    assert.equal((await a.call(`/api/v1/workspaces/${carl.workspace_id}`)).status, 404);
    await a.advance(120); // the lease of the one that was killed
    await until(() => rowsOf(sql, carl.workspace_id) === 0, { ms: LONG ? 600_000 : 60_000, every: 200, what: "all its rows gone" });
    assert.equal(sql("SELECT count(*) FROM jobs WHERE kind = 'removal'"), "0");
    assert.equal((await a.call("/api/v1/workspaces")).json.workspaces.length, 1);
  });
});

describe("a destination with a backlog", { skip: missing, concurrency: 1 }, () => {
  let a, carl, to, sql, receiver;
  before(async () => {
    receiver = await Receiver.start();
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", AVA_OUTBOUND_ALLOW: "127.0.0.0/8" } });
    await a.signUp();
    carl = await a.newPerson("carl@example.com");
    sql = sqlOf(a);
    const made = await a.call("/api/v1/destinations", { body: { url: receiver.url, enabled: false } });
    assert.equal(made.status, 201, made.text);
    to = made.json.destination ?? made.json;
    sql(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${DELIVERIES})
      INSERT INTO deliveries (id, workspace_id, destination_id, event_id, type, resource, status, settled_at, created_at, body)
      SELECT printf('dlv_0%031d', i), (SELECT workspace_id FROM destinations), '${to.id}', printf('evt_0%031d', i), 'call.ended', printf('vapi:c%d', i), 'held', 1, ${Date.now()}, '{}' FROM n; COMMIT;`);
  });
  after(async () => {
    await a?.remove();
    await receiver?.stop();
  });
  const states = () => sql(`SELECT status || ' ' || count(*) FROM deliveries WHERE destination_id = '${to.id}' GROUP BY status`);
  const change = (body) => a.call(`/api/v1/destinations/${to.id}`, { method: "PATCH", body });

  test("is recovered, held and removed in steps", { timeout: 600_000 }, async (t) => {
    receiver.answer = () => new Promise(() => {}); // nothing of it is delivered meanwhile
    let others = writing(a, carl.key);
    assert.equal((await change({ enabled: true })).status, 200);
    const r = await a.call(`/api/v1/destinations/${to.id}/recover`, { body: { since: new Date(Date.now() - 3600_000).toISOString() } });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.count, DELIVERIES, r.text);
    assert.match(states(), /^waiting \d+$/);
    beAtEase(t, await others.stop(), "they were released");

    others = writing(a, carl.key);
    assert.equal((await change({ enabled: false })).status, 200);
    await until(() => !/waiting/.test(states()), { ms: 120_000, every: 50, what: "all held" });
    beAtEase(t, await others.stop(), "they were held");

    others = writing(a, carl.key);
    assert.equal((await a.call(`/api/v1/destinations/${to.id}`, { method: "DELETE" })).status, 204);
    assert.equal((await a.call(`/api/v1/destinations/${to.id}`)).status, 404);
    assert.deepEqual((await a.call("/api/v1/destinations")).json.destinations, []);
    await until(() => sql("SELECT (SELECT count(*) FROM deliveries) + (SELECT count(*) FROM destinations) + (SELECT count(*) FROM jobs WHERE kind = 'forwarding')") === "0", { ms: 120_000, every: 50, what: "all removed" });
    beAtEase(t, await others.stop(), "they were removed");
  });
});
