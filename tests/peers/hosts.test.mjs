// Bears company.
// Several Avas on one PostgreSQL: what each of them shows, changes and does once, whoever of them dies, sleeps or is cut off.
//
// How such systems are known to fail, as cases: a worker that sleeps past its lease and goes on when it wakes; a client that
// repeats at another host while the first one still works; a restart that takes its own former leases for somebody else's;
// clocks that disagree; two copies of one machine; a periodic task that every host does.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing as noAva, sanitized, slack, until } from "../lib/ava.mjs";
import { sql, useDatabase } from "../lib/database.mjs";
import { faketime, noFaketime } from "../lib/faketime.mjs";
import { missing, Postgres } from "../lib/postgres.mjs";
import { sign } from "../lib/twilio.mjs";

const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const folder = () => mkdtempSync(join(tmpdir(), "ava-hosts-"));

describe("several hosts on one PostgreSQL", { skip: noAva || missing }, () => {
  let pg, provider, vapi, twilio, count = 0;
  const started = new Set();
  before(async () => {
    pg = await Postgres.start();
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    ({ vapi, twilio } = (await provider.call("/sandbox/api/credentials", { key: null })).json);
  });
  after(async () => {
    for (const a of started) await a.remove();
    await provider?.remove();
    await pg?.remove();
  });

  async function host(url, { data = folder(), env = {}, through, keys = { AVA_MASTER_KEYS: KEYS } } = {}) {
    useDatabase(data, { DATABASE_URL: url, ...keys });
    const a = await Ava.start({ verb: "serve", data, through, env: { VAPI_BASE_URL: vapi.base_url, TWILIO_BASE_URL: twilio.base_url, AVA_LOG_LEVEL: "info", AVA_PUBLIC_URL: "https://ava.example.com", CIRCUIT_BREAKER_ENABLED: "false", ...env } });
    a.url = url;
    started.add(a);
    return a;
  }
  const gone = async (a) => {
    started.delete(a);
    await a.remove();
  };

  // So many hosts of one new database, with a person who may work at each, and Vapi connected.
  async function hosts(n, options = []) {
    const name = `hosts_${++count}`;
    sql(pg.url, `CREATE DATABASE ${name}`);
    const url = Object.assign(new URL(pg.url), { pathname: "/" + name }).href, all = [await host(url, options[0])];
    await all[0].signUp();
    for (let i = 1; i < n; i++) all.push(Object.assign(await host(url, options[i]), { key: all[0].key }));
    const body = { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id };
    assert.equal((await all[0].call("/api/v1/credentials/vapi", { method: "PUT", body })).status, 200);
    return all;
  }
  const operation = async (a, id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const number = () => `+3362${String(++count).padStart(7, "0")}`;
  const place = (a, to, key) => a.call("/api/v1/calls", { body: { to }, headers: { "Idempotency-Key": key } });
  // How many calls Vapi was asked for.
  const placed = async () => (await provider.ledger()).hits.filter((h) => h.provider === "vapi" && h.method === "POST" && /\/call$/.test(h.path)).length;
  // A call at this host that Vapi has carried out and not answered yet: its key.
  async function underWay(a, key) {
    const before = await placed();
    place(a, number(), key).catch(() => {});
    await until(async () => (await placed()) > before, { what: "Vapi has the call" });
  }

  test("what one writes the others read; each is a row, and its row goes with it", async () => {
    const [a, b, c] = await hosts(3);
    assert.equal(sql(a.url, "SELECT COUNT(DISTINCT place) || ' ' || COUNT(*) FROM hosts"), "3 3");
    assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 7 } })).status, 200);
    for (const h of [b, c]) assert.equal((await h.call("/api/v1/limits")).json.concurrent_calls, 7);
    await b.stop();
    assert.equal(b.ended.code, 0);
    assert.equal(sql(a.url, "SELECT COUNT(*) FROM hosts"), "2");
    for (const h of [a, b, c]) await gone(h);
  });

  test("one key at all of them at once is one call", async () => {
    const all = await hosts(3);
    for (let round = 0; round < 5; round++) {
      const to = number(), answers = await Promise.all(Array.from({ length: 12 }, (_, i) => place(all[i % 3], to, `key-${round}`)));
      assert.ok(answers.every((r) => [201, 202, 409].includes(r.status)), answers.map((r) => r.text).join("\n"));
      assert.equal(new Set(answers.filter((r) => r.status < 300).map((r) => r.json.operation_id ?? r.json.id)).size, 1);
      const again = await place(all[round % 3], to, `key-${round}`);
      await until(async () => (await operation(all[0], again.json.operation_id ?? again.json.id)).status === "succeeded", { what: "it succeeds" });
      assert.equal(sql(all[0].url, "SELECT COUNT(*) FROM calls"), String(round + 1));
    }
    for (const h of all) await gone(h);
  });

  test("what a killed host had is looked up by another, and by its next run at once; what a frozen one sends when it wakes is nothing", async () => {
    const [a, b, c] = await hosts(3);
    await provider.fault({ provider: "vapi", fault: "latency", latency_ms: 25_000, operation: "POST /call" });
    const before = await placed();
    await underWay(a, "killed");
    await underWay(b, "frozen");
    await provider.fault({ provider: "vapi", fault: "none" });
    process.kill(b.child.pid, "SIGSTOP");
    const began = Date.now();
    try {
      await until(() => /the host .* says nothing for/.test(ava(["doctor", "--data-dir", c.data]).stdout), { what: "doctor names the silent one", every: 1000, ms: 40_000 });
      await a.stop("SIGKILL");
      const killed = await place(c, `+33620${String(0).padStart(6, "0")}`, "killed");
      assert.equal(killed.json.code, "idempotency_key_reused", "the same key for another call is refused, whoever made it");
      // The next run of the same folder knows that the former one is gone.
      const again = Object.assign(await host(a.url, { data: a.data }), { key: a.key });
      const ids = sql(a.url, "SELECT id FROM operations ORDER BY id").split("\n");
      await until(async () => (await operation(again, ids[0])).status === "succeeded", { what: "its next run finds the call" });
      assert.ok(Date.now() - began < 20_000, `${Date.now() - began} ms`);
      // The frozen one's lease has to end first.
      await until(async () => (await operation(c, ids[1])).status === "succeeded", { what: "others take over", ms: 90_000, every: 200 });
      console.log(`# taken over after ${Date.now() - began} ms`);
      assert.ok(Date.now() - began < 75_000);
      await gone(again);
    } finally {
      process.kill(b.child.pid, "SIGCONT");
    }
    await until(async () => sql(c.url, `SELECT COUNT(*) FROM hosts WHERE beat_at > ${Date.now() - 5000}`) === "2", { what: "it says again that it lives" });
    assert.equal((await b.call("/api/v1/calls")).json.calls.length, 2);
    assert.equal((await place(b, number(), "after")).status, 201);
    assert.equal(await placed(), before + 3, "none of them twice");
    assert.equal(sql(c.url, "SELECT COUNT(*) FROM jobs WHERE state = 'leased'"), "0");
    for (const h of [a, b, c]) await gone(h);
  });

  test("changes of one assistant at two hosts at once: none is lost", async () => {
    const all = await hosts(2), path = (name) => `/api/v1/vapi/settings/${name}`;
    await provider.fault({ provider: "vapi", fault: "latency", latency_ms: 150, operation: "PATCH /assistant" });
    const changes = [["voice_speed", 1.1], ["greeting_message", "Hello from the first"], ["voice_speed", 0.9], ["greeting_message", "Hello from the second"]];
    const answers = await Promise.all(changes.map(([name, value], i) => all[i % 2].call(path(name), { method: "PUT", body: { value } })));
    await provider.fault({ provider: "vapi", fault: "none" });
    assert.deepEqual([...new Set(answers.map((r) => r.status))], [200], answers.map((r) => r.text).join("\n"));
    const versions = sql(all[0].url, "SELECT version FROM assistant_versions ORDER BY version").split("\n").map(Number);
    assert.deepEqual(versions, [...new Set(versions)]);
    assert.equal(sql(all[0].url, "SELECT COUNT(*) FROM leases WHERE name LIKE 'turn:%'"), "0", "each was given back");
    for (const h of all) await gone(h);
  });

  test("a second process that says it is the same run ends the one that notices, with exit 78", async () => {
    const [a, b] = await hosts(2), run = sql(a.url, "SELECT run_id FROM hosts ORDER BY started_at LIMIT 1");
    let n = 0;
    await until(() => (sql(a.url, `UPDATE hosts SET mark = 'beat_of_a_copy_${++n}', beat_at = beat_at + 1 WHERE run_id = '${run}'`), a.ended), { what: "it ends", every: 500, ms: 30_000 });
    assert.equal(a.ended.code, 78);
    assert.match(a.stderr, /another process says that it is this run/);
    assert.equal((await b.call("/api/v1/calls")).status, 200);
    for (const h of [a, b]) await gone(h);
  });

  test("a machine whose clock is 6 s ahead goes by the database's, and says that it is not ready", { skip: noFaketime || (sanitized ? "a sanitizer wants to be loaded first" : false) }, async () => {
    const skew = { env: { LD_PRELOAD: faketime, FAKETIME: "+6s", FAKETIME_DONT_FAKE_MONOTONIC: "1" } };
    const [a, b] = await hosts(2, [{}, skew]);
    const ready = await b.call("/health/ready");
    assert.equal(ready.status, 503);
    assert.equal(ready.json.checks.clock, "failed");
    assert.equal((await a.call("/health/ready")).json.checks.clock, "ok");
    const said = Date.parse((await b.call("/health/live")).headers.get("date"));
    assert.ok(Math.abs(said - Date.now()) < 2500, `${said - Date.now()} ms`);
    const offs = sql(a.url, "SELECT off_ms FROM hosts ORDER BY started_at").split("\n").map(Number);
    assert.ok(Math.abs(offs[0]) < 1000 && Math.abs(offs[1] + 6000) < 1000, offs.join(" "));
    assert.equal((await place(b, number(), "by-a-skewed-one")).status, 201);
    const status = ava(["status", "--data-dir", a.data]);
    assert.match(status.stdout, /clock .*6 s ahead/);
    assert.match(ava(["doctor", "--data-dir", a.data]).stdout, /the clock of the host .* is 6\.\d s ahead/);
    for (const h of [a, b]) await gone(h);
  });

  test("master keys are rotated once every host seals with the new one", async () => {
    const files = [0, 1].map(() => join(folder(), "master.keys")), second = `k2:${Buffer.alloc(32, 9).toString("base64")}`;
    for (const f of files) writeFileSync(f, KEYS + "\n", { mode: 0o600 });
    const [a, b] = await hosts(2, files.map((f) => ({ keys: { AVA_MASTER_KEYS_FILE: f } })));
    const reload = (h, f) => {
      writeFileSync(f, `${second}\n${KEYS}\n`, { mode: 0o600 });
      const r = ava(["config", "reload", "--data-dir", h.data]);
      assert.equal(r.status, 0, r.stderr);
    };
    const has = () => sql(a.url, "SELECT string_agg(master_keys, '|' ORDER BY started_at) FROM hosts");
    reload(a, files[0]);
    await until(() => has() === "k2 k1|k1", { what: "one has it" });
    const refused = ava(["rotate-keys", "--data-dir", a.data]);
    assert.equal(refused.status, 78, refused.stderr);
    assert.match(refused.stderr, /the host .* seals with the master key 'k1', not with 'k2'/);
    reload(b, files[1]);
    await until(() => has() === "k2 k1|k2 k1", { what: "both have it" });
    const done = ava(["rotate-keys", "--data-dir", a.data]);
    assert.equal(done.status, 0, done.stderr);
    for (const h of [a, b]) assert.equal((await place(h, number(), `rotated-${h.port}`)).status, 201);
    for (const h of [a, b]) await gone(h);
  });

  test("who goes down leaves at once what it has, and others go on with it", async () => {
    const [a, b] = await hosts(2);
    const sid = "AC" + "0123456789abcdef".repeat(2), token = "the-auth-token-of-today-1";
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: sid, auth_token: token } });
    const path = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status).pathname;
    const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status;
    const send = async (h, id) => {
      const params = [["CallSid", id], ["CallStatus", "completed"]];
      const r = await h.call(path, { key: null, method: "POST", raw: new URLSearchParams(params).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, token) } });
      assert.equal(r.status, 200, r.text);
    };
    const gaps = [];
    let from = a, to = b, key = a.key;
    for (let round = 0; round < 3; round++) {
      await Promise.all(Array.from({ length: 200 }, (_, i) => send(from, `CA${String(round * 200 + i).padStart(8, "0")}`)));
      await from.stop();
      assert.equal(from.ended.code, 0);
      const began = Date.now();
      assert.equal(sql(to.url, "SELECT COUNT(*) FROM jobs WHERE state = 'leased' AND owner NOT IN (SELECT run_id FROM hosts)"), "0");
      await until(() => sql(to.url, "SELECT COUNT(*) FROM events WHERE status = 'received'") === "0", { what: "all is worked on", every: 20 });
      gaps.push(Date.now() - began);
      started.delete(from);
      const again = Object.assign(await host(to.url, { data: from.data }), { key });
      [from, to] = [to, again];
    }
    console.log(`# worked on ${gaps.join(", ")} ms after the one that had it was gone`);
    assert.ok(Math.max(...gaps) < 1000 * slack, `${gaps}`);
    assert.equal(sql(to.url, "SELECT COUNT(*) FROM events"), "600");
    for (const h of [from, to]) await gone(h);
  });
});
