// Ava on a real PostgreSQL: what is wrong with its URL, and a server that goes away, comes back or says nothing.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, freePort, missing as noAva, root, until } from "../lib/ava.mjs";
import { sql, useDatabase } from "../lib/database.mjs";
import { missing, Postgres } from "../lib/postgres.mjs";
import { sign } from "../lib/twilio.mjs";

const KILLS = process.env.TEST_SOAK ? 20 : 4;
const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";

const folder = () => mkdtempSync(join(tmpdir(), "ava-postgres-data-"));
const at = (url, change) => Object.assign(new URL(url), change).href;

// Begins `ava serve` with this URL, where it is to refuse: { status, stderr, ms }.
function refused(url, env = {}) {
  const data = folder(), began = Date.now();
  const r = ava(["serve", "--data-dir", data, "--listen", "127.0.0.1:0"], { env: { AVA_MASTER_KEYS: KEYS, DATABASE_URL: url, ...env } });
  rmSync(data, { recursive: true, force: true });
  return { ...r, ms: Date.now() - began };
}

const noMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt && exec unshare -U --map-user=1234 --map-group=1234 true"]).status === 0 ? false : "nothing can be mounted here";

describe("PostgreSQL", { skip: noAva || missing }, () => {
  let pg;
  before(async () => (pg = await Postgres.start()));
  const started = [];
  after(async () => {
    for (const a of started) await a.remove(); // those of a test that failed, too: they would keep this process
    await pg?.remove();
  });

  // A database of its own: its URL.
  let count = 0;
  function database(more = "") {
    const name = `test_${++count}`;
    sql(pg.url, `CREATE DATABASE ${name} ${more}`);
    return at(pg.url, { pathname: "/" + name });
  }
  async function start({ data = folder(), url = database() } = {}) {
    useDatabase(data, { DATABASE_URL: url, AVA_MASTER_KEYS: KEYS });
    const a = Object.assign(await Ava.start({ data }), { database: url });
    started.push(a);
    return a;
  }

  test("a setting that no later try makes good ends the start: exit 78, what to do, and no password", () => {
    sql(pg.url, "CREATE ROLE reader LOGIN PASSWORD 'pass-of-reader'; ALTER ROLE reader SET default_transaction_read_only = on");
    sql(pg.url, "CREATE ROLE guest LOGIN PASSWORD 'pass-of-guest'");
    const url = database();
    const cases = [
      ["is no URL", "hunter2-is-secret", /must read postgresql:\/\/USER/],
      ["of another kind", "mysql://ava:hunter2-is-secret@localhost/ava", /must read postgresql:\/\/USER/],
      ["a password that is not encoded", "postgresql://ava:hunter2%zz-is-secret@localhost/ava", /%40 %3A/],
      ["an option nobody knows", at(url, { search: "?no_such_option=1" }), /must read/],
      ["a wrong password", at(url, { password: "hunter2-is-secret" }), /password authentication failed for user "ava"/],
      ["nobody of this name", at(url, { username: "nobody" }), /password authentication failed/],
      ["no such database", at(url, { pathname: "/nowhere" }), /database "nowhere" does not exist/],
      ["a role that may write nothing", at(url, { username: "reader", password: "pass-of-reader" }), /takes no writes .* turn it off/],
      ["a role that may make no tables", at(url, { username: "guest", password: "pass-of-guest" }), /permission denied .* GRANT CREATE, USAGE ON SCHEMA public/],
      ["another encoding", database("ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"), /encoded in SQL_ASCII; Ava needs one that was created with ENCODING 'UTF8'/],
    ];
    for (const [name, wrong, words] of cases) {
      const r = refused(wrong);
      assert.equal(r.status, 78, `${name}: ${r.status} ${r.stderr}`);
      assert.match(r.stderr, words, name);
      assert.doesNotMatch(r.stderr + r.stdout, /hunter2|pass-of|p:a\/s|p%3Aa/, name);
      assert.ok(r.ms < 8000, `${name}: ${r.ms} ms`);
    }
    const keyless = refused(url, { AVA_MASTER_KEYS: "" });
    assert.equal(keyless.status, 78);
    assert.match(keyless.stderr, /AVA_MASTER_KEYS: must be set with DATABASE_URL/);
  });

  test("backups and restores of SQLite's file are refused where the data is not in it", () => {
    const data = folder(), url = database(), env = { AVA_MASTER_KEYS: KEYS, DATABASE_URL: url };
    writeFileSync(join(data, "ava.db"), "from before");
    for (const args of [["backup", join(data, "copy")], ["restore", join(data, "ava.db"), "--replace"]]) {
      const r = ava([...args, "--data-dir", data], { env });
      assert.equal(r.status, 78, args[0] + r.stderr);
      assert.match(r.stderr, /the data is in PostgreSQL, whose own tools make backups and restore them/);
    }
    assert.deepEqual(readFileSync(join(data, "ava.db"), "utf8"), "from before");
    const by = refused(url, { AVA_BACKUP_DIR: data });
    assert.equal(by.status, 78);
    assert.match(by.stderr, /AVA_BACKUP_DIR: .* in PostgreSQL/);
    rmSync(data, { recursive: true, force: true });
  });

  test("a replica is refused; with all servers in the URL the primary is found", async () => {
    const copy = join(pg.folder, "replica"), port = pg.port, url = database(); // which the replica has, too
    pg.run("pg_basebackup", ["-R", "-c", "fast", "-D", copy, "-d", pg.url]);
    const replica = Object.assign(new Postgres(), { folder: pg.folder, data: copy, who: pg.who, password: pg.password });
    replica.port = await freePort();
    replica.settings = { ...pg.settings, port: replica.port };
    await replica.go();
    try {
      const r = refused(replica.url);
      assert.equal(r.status, 78, r.stderr);
      assert.match(r.stderr, /a replica \(in recovery\).*target_session_attrs=read-write/);
      const both = url.replace(`:${port}/`, `:${replica.port},127.0.0.1:${port}/`) + "?target_session_attrs=read-write";
      const a = await start({ url: both });
      await a.signUp();
      await a.remove();
    } finally {
      await replica.stop();
      rmSync(copy, { recursive: true, force: true });
    }
  });

  test("a newer schema is gone on with while nothing was taken away; one that lacks something, or of another Ava, is left alone", async () => {
    const url = database(), a = await start({ url });
    await a.stop();
    sql(url, "INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (9998, 'later', 'x', 0)");
    const older = await start({ url, data: a.data });
    await older.stop();
    sql(url, "UPDATE schema_migrations SET number = 9999 WHERE number = 9998; UPDATE meta SET value = '9999' WHERE name = 'least_schema'");
    const newer = refused(url);
    assert.equal(newer.status, 78, newer.stderr);
    assert.match(newer.stderr, /used by a newer Ava/);
    sql(url, "DELETE FROM schema_migrations WHERE number = 9999; UPDATE meta SET value = '0' WHERE name = 'least_schema'; UPDATE schema_migrations SET sha256 = 'x' WHERE number = 3");
    assert.match(refused(url).stderr, /migration 3 .* is not the one this database was made with/);
    await a.remove();
  });

  test("a server that begins is waited for", async () => {
    const url = database();
    await pg.stop();
    const starting = start({ url });
    await new Promise((r) => setImmediate(r));
    await pg.go();
    const a = await starting;
    await a.signUp();
    await a.remove();
  });

  test("a server that lets Ava in and then says nothing does not hold up who begins", async () => {
    const a = await start(), real = new URL(a.database);
    const proxy = createServer((client) => {
      const server = connect(Number(real.port), real.hostname);
      client.on("data", (bytes) => bytes.includes("pg_is_in_recovery") || server.write(bytes));
      server.on("data", (bytes) => client.write(bytes));
      for (const [one, other] of [[client, server], [server, client]]) one.on("error", () => {}).on("close", () => other.destroy());
    });
    await new Promise((r) => proxy.listen(0, "127.0.0.1", r));
    const url = a.database.replace(`:${real.port}/`, `:${proxy.address().port}/`), began = Date.now();
    const r = await avaBeside(["workspace", "list", "--data-dir", a.data], { env: { DATABASE_URL: url } });
    assert.notEqual(r.status, 0);
    assert.match(r.stderr, /DATABASE_URL: /);
    assert.ok(Date.now() - began < 15_000, `${Date.now() - began} ms`);
    proxy.close();
    await a.remove();
  });

  test("who is killed is back at once, and what it had is its own", async () => {
    const url = database(), first = await start({ url });
    await first.signUp();
    await first.stop("SIGKILL");
    const again = await start({ url, data: first.data });
    again.key = first.key;
    assert.equal((await again.call("/api/v1/auth/me")).status, 200);
    assert.equal(sql(url, "SELECT COUNT(*) FROM hosts"), "1");
    await again.remove();
  });

  test("workspaces write side by side: each change is one, each audit chain whole, and nobody waits for nobody", async () => {
    const a = await start();
    await a.signUp();
    const people = [];
    for (let n = 0; n < 4; n++) people.push(await a.newPerson(`w${n}@example.com`));
    const put = (key, calls, headers) => a.call("/api/v1/limits", { method: "PUT", key, body: { concurrent_calls: calls }, headers });
    const all = await Promise.all(people.flatMap((p) => Array.from({ length: 25 }, (_, n) => put(p.key, n + 1))));
    assert.deepEqual([...new Set(all.map((r) => r.status))], [200], all.find((r) => r.status !== 200)?.text);
    const version = (await a.call("/api/v1/limits", { key: people[0].key })).headers.get("etag");
    const raced = await Promise.all(Array.from({ length: 20 }, (_, n) => put(people[0].key, n + 1, { "If-Match": version })));
    assert.equal(raced.filter((r) => r.status === 200).length, 1, "of twenty who saw the same version one changes it");
    const url = a.database, changes = sql(url, "SELECT workspace_id, COUNT(*) FROM audit_log WHERE action = 'limits.change' GROUP BY workspace_id ORDER BY 2");
    assert.deepEqual(changes.split("\n").map((l) => Number(l.split("|")[1])), [25, 25, 25, 26]);
    const verified = ava(["audit", "verify", "--data-dir", a.data]);
    assert.equal(verified.status, 0, verified.stderr + verified.stdout);
    assert.equal(await a.metric("db_conflicts_total"), 0);
    const metrics = await (await fetch(a.base + "/metrics")).text(), of = (series) => Number(new RegExp(`^${series} (\\S+)$`, "m").exec(metrics)?.[1]);
    assert.equal(of("db_up"), 1);
    assert.ok(of("backup_last_success_timestamp_seconds") !== 0, "which is not Ava's to make there");
    for (const lock of ["workspace", "audit"]) {
      assert.ok(of(`db_lock_wait_seconds_count{lock="${lock}"}`) >= 10, `${lock}: ${of(`db_lock_wait_seconds_count{lock="${lock}"}`)}`);
      assert.ok(of(`db_lock_wait_seconds_sum{lock="${lock}"}`) > 0, lock);
    }
    assert.ok(of("db_queue_seconds_count") >= 10);
    await a.remove();
  });

  test(`killed and begun again ${KILLS} times under load: nothing acknowledged is lost, and writes are good again at once`, async () => {
    const a = await start();
    const acknowledged = new Set(), others = new Set();
    try {
      await a.signUp();
      await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
      const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
      let sent = 0, stopped = false;
      const send = async () => {
        const id = `CA${String(++sent).padStart(8, "0")}`;
        const params = [["CallSid", id], ["CallStatus", "completed"]];
        const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, TOKEN) }, body: new URLSearchParams(params).toString() });
        await r.arrayBuffer();
        if (r.status === 200) acknowledged.add(id);
        else others.add(r.status);
        return r.status;
      };
      const load = async () => {
        while (!stopped) if ((await send()) !== 200) await new Promise((r) => setTimeout(r, 20)); // as somebody who repeats would
      };
      const senders = Array.from({ length: 16 }, load);
      const backMs = [];
      for (let n = 0; n < KILLS; n++) {
        const before = acknowledged.size;
        await until(() => acknowledged.size > before + 100, { what: "load" });
        await pg.stop("SIGQUIT"); // at once, as a crash: its log is replayed at the next start
        assert.equal((await a.call("/health/live")).status, 200);
        await until(async () => (await a.call("/health/ready")).status === 503, { what: "not ready" });
        assert.equal((await a.call("/api/v1/calls")).status, 503);
        await pg.go();
        const began = Date.now(), had = acknowledged.size;
        await until(() => acknowledged.size > had, { every: 2, what: "writes again" });
        backMs.push(Date.now() - began);
      }
      stopped = true;
      await Promise.all(senders);
      assert.deepEqual([...others].filter((s) => s !== 503), []);
      const found = new Map();
      for (let cursor = null; ; ) {
        const page = (await a.call(`/api/v1/events?limit=100${cursor ? `&cursor=${cursor}` : ""}`)).json;
        for (const e of page.events) found.set(e.resource, (found.get(e.resource) ?? 0) + 1);
        if (!(cursor = page.next_cursor)) break;
      }
      assert.deepEqual([...acknowledged].filter((id) => found.get(id) !== 1), [], "each acknowledged one is there once");
      console.log(`# ${acknowledged.size} acknowledged; writes again after ${backMs.join(", ")} ms`);
      assert.ok(Math.max(...backMs) < 2500, `writes again after ${backMs.join(", ")} ms`);
      assert.doesNotMatch(a.stderr + a.stdout, new RegExp(pg.password.replace(/[^\w]/g, ".")));
    } finally {
      await a.remove();
    }
  });

  for (const [name, says] of [
    ["locks", "a lock goes with the savepoint that it was taken behind: the next write of the transaction takes it anew"],
    ["order", "locks are asked for in one order, also where several writes are one transaction"],
    ["appends", "appends of many are one transaction, and each learns what it added"],
    ["poison", "one that cannot be kept costs the others nothing"],
    ["held", "a row that another transaction holds keeps only who wants it"],
    ["table", "a table that another transaction holds keeps no other writes"],
    ["alone", "what is for no workspace waits for each that is at it, and lets none begin"],
    ["late", "who cannot begin in time has not run, and is told to come again"],
  ])
    test(says, () => execFileSync(join(process.env.TEST_BUILD_DIR ?? join(root, "build"), "tests/peer_pg"), [database(), name], { encoding: "utf8", timeout: 120_000 }));

  test("a disk that is full there: 503 with that sentence, nothing half done, and writes again once there is room", { skip: noMount }, async () => {
    const tight = await Postgres.start({ small: 40 });
    try {
      sql(tight.url, `CREATE TABLESPACE small LOCATION '${tight.folder}/small'`);
      sql(tight.url, "CREATE DATABASE tight TABLESPACE small");
      const url = at(tight.url, { pathname: "/tight" }), a = await start({ url });
      await a.signUp();
      const put = (calls) => a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: calls } });
      assert.equal((await put(3)).status, 200);
      sql(url, "CREATE TABLE filler (t text)");
      const fits = (text) => {
        try {
          sql(url, text);
          return true;
        } catch {
          return false;
        }
      };
      for (const rows of [5000, 500, 50, 5, 1]) while (fits(`INSERT INTO filler SELECT repeat(md5(i::text), 50) FROM generate_series(1, ${rows}) i`));
      // The page that the last change is in may still have room.
      const full = await until(async () => { const r = await put(4); return r.status !== 200 && r; }, { what: "no room" });
      assert.equal(full.status, 503, full.text);
      assert.match(full.json.detail, /disk of the database is full; nothing half done was kept/);
      assert.ok(full.headers.get("retry-after"));
      assert.equal((await a.call("/api/v1/limits")).status, 200, "reads go on");
      sql(url, "DROP TABLE filler");
      await until(async () => (await put(5)).status === 200, { what: "room again" });
      assert.equal(ava(["audit", "verify", "--data-dir", a.data]).status, 0);
      await a.remove();
    } finally {
      await tight.remove();
    }
  });

  test("text that PostgreSQL cannot hold is not there, and no error of ours", async () => {
    const a = await start();
    await a.signUp();
    for (const odd of ["%00", "a%00b", "%ff", "%ed%a0%80", "%c0%80"])
      for (const path of [`/api/v1/calls/${odd}`, `/api/v1/operations/${odd}`, `/api/v1/events?resource=${odd}`, `/api/v1/events?type=${odd}`, `/api/v1/calls?cursor=${odd}`, `/api/v1/search?q=${odd}`]) {
        const r = await a.call(path);
        assert.ok(r.status < 500, `${path}: ${r.status} ${r.text}`);
      }
    for (const name of ["a\u0000b", "\ud800", "\ufffe"]) {
      const r = await a.call("/api/v1/templates", { body: { name, subject: name, body: name, channel: "email" } });
      assert.ok(r.status < 500, `${JSON.stringify(name)}: ${r.status} ${r.text}`);
    }
    await a.remove();
  });

  // Stops the server while a backend of it waits so within its COMMIT, and begins it again.
  async function crashWithin(event, settings = {}) {
    await until(() => sql(pg.url, `SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = '${event}'`) !== "0", { what: `a backend at ${event}` });
    await pg.stop("SIGQUIT");
    Object.assign(pg.settings, settings);
    await pg.go();
  }

  test("a commit that nobody answered: what became of it is what the caller is told", async () => {
    const a = await start();
    await a.signUp();
    const put = (calls) => a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: calls } });
    const saved = async () => {
      let r; // a moment after a crash nothing can be read yet
      await until(async () => (r = await a.call("/api/v1/limits")).status === 200, { what: "reads again" });
      return r.json.concurrent_calls;
    };
    assert.equal((await put(3)).status, 200);

    // It is in the server's log, and waits for a replica that is not there; only its connection ends.
    const waits = () => until(() => sql(pg.url, "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") !== "0", { what: "a commit that waits" });
    sql(pg.url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    sql(pg.url, "SELECT pg_reload_conf()");
    const made = put(5);
    await waits();
    sql(pg.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
    assert.equal((await made).status, 200);
    assert.equal(await saved(), 5);

    // The server crashes, which may give the number of a lost transaction to another one: what it says of it proves nothing.
    const unsure = put(6);
    await crashWithin("SyncRep", { synchronous_standby_names: "" });
    const told = await unsure;
    assert.equal(told.status, 503);
    assert.match(told.json.detail, /may have been saved or not/);
    assert.equal(await saved(), 6);

    // It waits for what it has still to do before it is in the log: it will never be.
    sql(a.database, "CREATE FUNCTION rest() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER rest AFTER INSERT OR UPDATE ON call_limits DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rest()");
    const lost = put(7);
    await crashWithin("PgSleep");
    const undone = await lost;
    assert.equal(undone.status, 503);
    assert.match(undone.json.detail, /nothing half done was kept/);
    assert.equal(await saved(), 6);
    assert.equal(await a.metric("db_unsure_total"), 3);
    await a.remove();
  });

  test("a server that says nothing: 503 in the time of the request, Ava stays live, and all is well when it speaks again", async () => {
    const a = await start();
    await a.signUp();
    await a.call("/api/v1/auth/me");
    const thaw = pg.freeze();
    try {
      const began = Date.now();
      const asked = await Promise.all(Array.from({ length: 40 }, (_, i) => a.call(i % 2 ? "/api/v1/calls" : "/api/v1/templates", { headers: { "X-Request-Timeout-Ms": "1000" } })));
      const ms = Date.now() - began;
      assert.deepEqual([...new Set(asked.map((r) => r.status))], [503], asked[0].text);
      assert.ok(ms < 6000, `after ${ms} ms`);
      assert.equal((await a.call("/health/live")).status, 200);
      await until(async () => (await a.metric("db_up")) === 0, { what: "the metrics say so" });
      await until(() => a.stderr.includes("a connection took past its time and was cut"), { what: "no thread of Ava's waits for it any more" });
    } finally {
      thaw();
    }
    await until(async () => (await a.call("/api/v1/calls")).status === 200, { what: "reads again" });
    await until(async () => (await a.metric("db_up")) === 1, { what: "the metrics say so" });
    const saved = await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    assert.equal(saved.status, 200, saved.text);
    await a.remove();
  });
});
