// Master keys change while Ava serves: in the right order nobody notices, in the wrong order nothing happens, and
// whatever is cut short or went wrong before can be finished. What is sealed always opens again.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { describe, test } from "node:test";
import { Ava, avaBeside, bin, environment, missing, until } from "../lib/ava.mjs";
import { databaseOf, holdWrites, rows } from "../lib/database.mjs";

const VAPI = { api_key: "a-good-sandbox-key", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" };
const fresh = (id) => `${id}:${randomBytes(32).toString("base64")}`;

// A server whose person has a sealed credential; nothing is answered from memory.
async function world(t, env = {}) {
  const a = await Ava.start({ env: { AVA_LOG_LEVEL: "info", CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_ENABLED: "false", ...env } });
  t.after(() => a.remove());
  await a.signUp();
  a.file = join(a.data, "master.keys");
  a.old = (await readFile(a.file, "utf8")).trim();
  a.keys = async (...lines) => {
    await writeFile(a.file + ".new", lines.join("\n") + "\n", { mode: 0o600 });
    await rename(a.file + ".new", a.file); // commands read it at any moment
  };
  a.run = (...args) => avaBeside([...args, "--data-dir", a.data]);
  a.reads = async (key = a.key) => (await a.call("/api/v1/vapi/settings", { key })).status;
  a.connect = async (email) => {
    const p = await a.newPerson(email);
    const r = await a.call("/api/v1/credentials/vapi", { method: "PUT", key: p.key, body: VAPI });
    assert.equal(r.status, 200, r.text);
    return p;
  };
  assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: VAPI })).status, 200);
  return a;
}

const sql = (a, text) => rows(a.data, text);

// Calls again and again until told to stop; what it was answered, counted.
function traffic(a, call) {
  const one = { stop: false, counts: {} };
  one.done = (async () => {
    for (let n = 0; !one.stop; n++) {
      const status = await call(n);
      one.counts[status] = (one.counts[status] ?? 0) + 1;
    }
    return one.counts;
  })();
  one.end = () => ((one.stop = true), one.done);
  return one;
}

describe("master keys of a running Ava", { skip: missing }, () => {
  test("a rotation to a key that the server has not loaded is refused with the right order, and nothing changes", async (t) => {
    const a = await world(t);
    await a.keys(fresh("k2"), a.old);
    const before = sql(a, "SELECT name, hex(value) FROM meta ORDER BY name; SELECT hex(wrapped) FROM workspace_keys;");
    const r = await a.run("rotate-keys");
    assert.equal(r.status, 78, r.stdout + r.stderr);
    assert.match(r.stderr, /the running Ava seals with the master key 'k1' and has not loaded 'k2'; the order is: add the new key .* ava config reload .* ava rotate-keys, and only then take the old line out \(nothing was changed\)/);
    assert.equal(sql(a, "SELECT name, hex(value) FROM meta ORDER BY name; SELECT hex(wrapped) FROM workspace_keys;"), before);
    assert.equal(await a.reads(), 200);

    // Loaded, but behind the old one: what the server seals meanwhile would be under the retired key.
    const second = (await readFile(a.file, "utf8")).split("\n")[0];
    await a.keys(a.old, second);
    assert.equal((await a.run("config", "reload")).status, 0);
    await a.keys(second, a.old);
    const early = await a.run("rotate-keys");
    assert.equal(early.status, 78);
    assert.match(early.stderr, /has not yet changed over to 'k2'/);
  });

  test("an ordinary command beside it seals with the key that the server has, or says why not", async (t) => {
    const a = await world(t);
    await a.keys(fresh("k2"), a.old);
    const p = await a.newPerson("bob@example.com"); // makes the addresses of the workspace, sealed
    const of = () => sql(a, `SELECT kek_id FROM workspace_keys WHERE workspace_id = '${p.workspace_id}'`);
    assert.equal(of(), "k1");
    assert.equal((await a.run("workspace", "allow-platform", p.workspace_id, "twilio")).status, 0);
    const env = { TWILIO_ACCOUNT_SID: "AC" + "0".repeat(32), TWILIO_AUTH_TOKEN: "a-token" };
    await avaBeside(["webhook", "send", "twilio.voice", "--workspace", p.workspace_id, "--data-dir", a.data], { env }); // makes the address it sends to
    assert.equal(of(), "k1");
    await a.keys(fresh("k2"));
    const r = await a.run("workspace", "list");
    assert.equal(r.status, 78, r.stdout);
    assert.match(r.stderr, /the running Ava seals with the master key 'k1', which is not among the ones given here/);
  });

  test("a server that holds the folder and says nothing is not rotated beside", async (t) => {
    const a = await world(t);
    await a.keys(fresh("k2"), a.old);
    await rm(join(a.data, "ava.sock"));
    const r = await a.run("rotate-keys");
    assert.equal(r.status, 78, r.stdout);
    assert.match(r.stderr, /an Ava works on \S+ and does not say which master keys it has/);
    assert.equal(await a.reads(), 200);
  });

  for (const way of ["ava config reload", "SIGHUP"])
    test(`the right order by ${way}, with traffic, new workspaces and a rotation that is killed again and again`, async (t) => {
      const a = await world(t);
      const people = [];
      for (let i = 0; i < 6; i++) people.push(await a.connect(`before${i}@example.com`));
      const reader = traffic(a, (n) => a.reads(people[n % people.length].key));
      const joiner = traffic(a, async (n) => people.push(await a.connect(`during${n}@example.com`)) && "connected");

      await a.keys(fresh("k2"), a.old);
      if (way === "SIGHUP") {
        a.child.kill("SIGHUP");
        await until(() => a.stderr.includes('"changed":"AVA_MASTER_KEYS"'), { what: "the log line of the reload" });
      } else {
        const r = await a.run("config", "reload");
        assert.equal(r.status, 0, r.stderr);
        assert.equal(r.stdout, "AVA_MASTER_KEYS changed\nthe master key k2 is active: ava rotate-keys brings everything under it\n");
      }
      assert.match((await a.run("status")).stdout, /^keys {4}k2 is active, \d+ workspaces under an older one: ava rotate-keys$/m);

      for (let n = 0; n < 8; n++) {
        const child = spawn(bin, ["rotate-keys", "--data", "--data-dir", a.data], { env: environment(databaseOf(a.data)), stdio: "ignore" });
        const gone = new Promise((r) => child.once("exit", r));
        await new Promise((r) => setTimeout(r, 5 + 12 * n)); // where it is cut is what varies
        child.kill("SIGKILL");
        await gone;
      }
      const done = await a.run("rotate-keys", "--data");
      assert.equal(done.status, 0, done.stderr);
      assert.match(done.stdout, /^active key k2: /);
      assert.equal(sql(a, "SELECT DISTINCT kek_id FROM workspace_keys"), "k2");
      assert.match((await a.run("status")).stdout, /^keys {4}k2 is active$/m);

      await a.keys((await readFile(a.file, "utf8")).split("\n")[0]); // and only now the old line goes
      assert.equal((await a.run("config", "reload")).status, 0);
      const counts = await reader.end();
      assert.deepEqual(Object.keys(counts), ["200"], JSON.stringify(counts));
      assert.ok((await joiner.end()).connected > 0);
      for (const p of people) assert.equal(await a.reads(p.key), 200);
      await a.stop();
      const b = await Ava.start({ data: a.data, env: { CACHE_TTL_SECONDS: "0" } });
      t.after(() => b.stop());
      for (const p of people) assert.equal((await b.call("/api/v1/vapi/settings", { key: p.key })).status, 200);
    });

  test("a reload that takes away a key that is still needed, brings back a retired one or changes one is refused", async (t) => {
    const a = await world(t);
    const second = fresh("k2");
    const refused = async (said) => {
      const r = await a.run("config", "reload");
      assert.equal(r.status, 1, r.stdout);
      assert.match(r.stderr, said);
      assert.match(r.stderr, /1 problem. Nothing was changed.\n$/);
      assert.equal(await a.reads(), 200);
    };
    await a.keys(second);
    await refused(/sealed under the master key 'k1', which is not loaded; add its line/);
    await a.keys(a.old.slice(0, -6) + "AAAAA=");
    await refused(/the master key 'k1' is not the one this data was sealed with/);
    await a.keys("k1:short");
    await refused(/line 1 of the master keys does not hold 32 bytes/);
    await rm(a.file);
    await refused(/cannot read the key file \S+master\.keys: No such file/);
    await a.keys(second, a.old);
    assert.equal((await a.run("config", "reload")).status, 0);
    assert.equal((await a.run("rotate-keys")).status, 0);
    await a.keys(a.old, second);
    await refused(/the master key 'k1' was retired by a rotation/);
    await a.connect("after@example.com");
    assert.equal(sql(a, "SELECT DISTINCT kek_id FROM workspace_keys"), "k2");
  });

  test("what the wrong order left closed with an older version is opened by a rotation", async (t) => {
    const a = await world(t);
    await a.connect("left@example.com");
    await a.stop();
    // As that version left it: k1 retired, and some sealed under it afterwards by the server that had only k1.
    sql(a, "INSERT INTO meta (name, value) VALUES ('retired_keks', CAST(' k1 ' AS BLOB));");
    await a.keys(fresh("k2"), a.old);
    const vapi = createServer((_, response) => response.writeHead(404).end("{}")).listen(0, "127.0.0.1");
    t.after(() => vapi.close());
    await once(vapi, "listening");
    const b = await Ava.start({ verb: "serve", data: a.data, env: { VAPI_BASE_URL: `http://127.0.0.1:${vapi.address().port}`, CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "warn" } });
    t.after(() => b.stop());
    b.key = a.key;
    const asked = async () => (await b.call("/api/v1/vapi/settings")).json.code; // the key is needed to ask
    assert.equal(await asked(), "internal_error");
    assert.match((await a.run("status")).stdout, /^keys {4}k2 is active, 2 workspaces under an older one: ava rotate-keys \(2 under a retired one, closed until then\)$/m);
    assert.ok(b.stderr.includes('"event":"master_keys"'), b.stderr);
    const r = await a.run("rotate-keys");
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stdout, /^active key k2: 2 keys wrapped anew/);
    assert.equal(await asked(), "provider_resource_not_found");
    await a.keys((await readFile(a.file, "utf8")).split("\n")[0]);
    assert.equal((await a.run("config", "reload")).status, 0);
    assert.equal(await asked(), "provider_resource_not_found");
  });

  test("an older value that is put back into its own row does not open, and one that a rotation moved does", async (t) => {
    const a = await world(t);
    const sealed = () => sql(a, "SELECT hex(sealed) FROM credentials WHERE provider = 'vapi'");
    const before = sealed(), { default_number_id } = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { ...VAPI, default_number_id } })).status, 200);
    const destination = (await a.call("/api/v1/destinations", { body: { url: "http://127.0.0.1:9/x" } })).json;
    assert.equal((await a.call(`/api/v1/destinations/${destination.id}/rotate`, { method: "POST" })).status, 200);
    const placed = await a.call("/api/v1/calls", { body: { to: "+13105550100" } });
    assert.equal(placed.status, 201, placed.text);
    const operation = `/api/v1/operations/${sql(a, "SELECT id FROM operations")}`;
    const shown = (await a.call(operation)).json;
    assert.equal(shown.status, "succeeded");

    assert.equal((await a.run("rotate-keys", "--data")).status, 0);
    assert.equal(await a.reads(), 200);
    assert.deepEqual((await a.call(operation)).json, shown);
    assert.equal((await a.call(`/api/v1/destinations/${destination.id}/test`, { method: "POST" })).status !== 500, true);
    assert.equal(await a.metric("crypto_failures_total", { reason: "field" }) ?? 0, 0);

    const now = sealed();
    sql(a, `UPDATE credentials SET sealed = X'${before}'`);
    await until(async () => (await a.reads()) === 500, { what: "the second for which the true one is remembered is over" });
    assert.ok((await a.metric("crypto_failures_total", { reason: "field" })) > 0);
    sql(a, `UPDATE credentials SET sealed = X'${now}'`);
    await until(async () => (await a.reads()) === 200);
    sql(a, "UPDATE operations SET state = 'failed'"); // what came of it is part of the proof too
    assert.equal((await a.call(operation)).status, 500);
  });

  test("without a server a rotation keeps servers out until everything is under the new key", async (t) => {
    const a = await world(t);
    await a.stop();
    await a.keys(fresh("k2"), a.old);
    const lock = await holdWrites(a.data); // so that the rotation cannot write yet
    t.after(() => lock.release());
    const rotating = a.run("rotate-keys");
    await until(async () => (await readFile(join(a.data, "ava.lock"), "utf8")).split(" ")[0] !== String(a.child.pid), { what: "the rotation has the lock" });
    const other = await a.run("serve", "--listen", "127.0.0.1:0");
    assert.equal(other.status, 78, other.stderr);
    lock.release();
    const r = await rotating;
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stdout, /^active key k2: 1 keys wrapped anew/);
  });
});
