// Bears company.
// ava doctor and ava status where the data is in PostgreSQL: what they say of a server that is well, of one that is not
// what Ava needs, and of one that is gone or says nothing.
//
// What people run into with PostgreSQL: a transaction that somebody left open holds vacuum back for days; no connection is
// left for the backup; fsync or synchronous_commit was turned off for a test and stayed off; the way to it is not encrypted.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing as noAva, until } from "../lib/ava.mjs";
import { sql, useDatabase } from "../lib/database.mjs";
import { missing, Postgres } from "../lib/postgres.mjs";

const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const at = (url, change) => Object.assign(new URL(url), change).href;

describe("PostgreSQL, looked over", { skip: noAva || missing, concurrency: 1 }, () => {
  let pg, top, data, a, url, idle, idleMs;
  const opened = [];
  before(async () => {
    pg = await Postgres.start({ settings: { max_connections: 40 } });
    top = mkdtempSync(join(tmpdir(), "ava-looked-"));
    data = mkdtempSync(join(top, "data-"));
    sql(pg.url, "CREATE DATABASE looked; CREATE ROLE guest LOGIN PASSWORD 'pass-of-guest' CONNECTION LIMIT 16");
    url = at(pg.url, { pathname: "/looked" });
    useDatabase(data, { DATABASE_URL: url, AVA_MASTER_KEYS: KEYS });
    a = await Ava.start({ verb: "serve", data, env: { AVA_LOG_LEVEL: "error" } });
    idle = await session("BEGIN; SELECT 1;"); // somebody goes for lunch
    idleMs = Date.now();
  });
  after(async () => {
    for (const child of opened) child.kill();
    await a?.stop();
    await pg?.remove();
    if (top) rmSync(top, { recursive: true, force: true });
  });
  // psql that has done this, and stays.
  async function session(text = "SELECT 1;", who = url) {
    const child = spawn("psql", ["-X", "-q", "-A", "-t", "-d", who], { stdio: ["pipe", "pipe", "pipe"] });
    opened.push(child);
    child.stdin.write(text + "\n");
    await once(child.stdout, "data");
    return child;
  }
  const end = async (child) => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  async function doctor(words = ["--run", "database"], env = {}) {
    const began = Date.now(), r = await avaBeside(["doctor", "--json", "--data-dir", data, ...words], { env: { AVA_LOG_LEVEL: "off", ...env } });
    assert.ok([0, 1].includes(r.status), r.stderr);
    assert.doesNotMatch(r.stdout + r.stderr, new RegExp(`${encodeURIComponent(pg.password)}|${pg.password.replace(/[^\w]/g, ".")}|pass-of-guest`));
    const said = JSON.parse(r.stdout).checks;
    return { ...r, ms: Date.now() - began, said, lines: said.filter((c) => c.name === "database").map((c) => `${c.verdict}: ${c.text}`), fixes: said.map((c) => c.fix).filter(Boolean).join("\n") };
  }
  const bad = (r) => r.lines.filter((l) => !l.startsWith("ok"));

  test("of one that is well: what it is, how fast, and that nothing is wrong", async () => {
    const r = await doctor([]);
    assert.equal(r.status, 0, r.stdout);
    for (const words of [/^ok: PostgreSQL 15\.\d+ .*schema \d+, \d+ MB, the database looked at 127\.0\.0\.1:\d+$/, /^ok: connected in \d+\.\d ms, a commit takes \d+\.\d ms$/, /^ok: the role may make tables$/, /^ok: \d+ of 37 connections are in use, DATABASE_CONNECTIONS is 14$/, /^ok: no transaction is open for longer than 60 s/, /^ok: a commit is on the server's disk/, /^ok: it is on this machine$/, /^ok: 1 Ava works with it$/, /^ok: the phone is answered from a copy of \d+ s ago, 0 webhooks wait there$/])
      assert.ok(r.lines.some((l) => words.test(l)), `${words}\n${r.lines.join("\n")}`);
    assert.equal(r.lines.length, 9, r.lines.join("\n"));
    const text = ava(["doctor", "--data-dir", data, "--run", "database"]);
    assert.match(text.stdout, /^ok {4}database {5}PostgreSQL 15/);
  });

  test("status says which database, and never with whose password", async () => {
    await until(async () => JSON.parse(ava(["status", "--json", "--data-dir", data]).stdout).database.round_trip_us > 0, { what: "it was asked how fast it is" });
    const text = ava(["status", "--data-dir", data]).stdout;
    assert.match(text, /^data {4}PostgreSQL 15\.\d+ .*, schema \d+, \d+ MB: looked at 127\.0\.0\.1:\d+, answers in \d+\.\d\d ms$/m);
    assert.match(text, /^phone {3}from a copy of \d+ s ago$/m);
    assert.match(text, /^backup {2}those of PostgreSQL's own tools/m);
    const { database } = JSON.parse(ava(["status", "--json", "--data-dir", data]).stdout);
    assert.deepEqual([database.host, database.port, database.name, database.writable], ["127.0.0.1", pg.port, "looked", true]);
    assert.doesNotMatch(JSON.stringify(database) + text, new RegExp(pg.password.replace(/[^\w]/g, ".")));
  });

  test("connections that run out are told of before they have", async () => {
    const more = [];
    while (more.length < 12) more.push(...(await Promise.all(Array.from({ length: 6 }, () => session()))));
    const used = Number(sql(url, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")) - 1;
    for (let n = used; n < 35; n++) more.push(await session());
    const r = await doctor();
    assert.ok(bad(r).some((l) => /^warn: 3[5-7] of 37 connections are in use/.test(l)), r.lines.join("\n"));
    assert.match(r.fixes, /raise max_connections: there is hardly one left/);
    for (const child of more) await end(child);
    sql(url, "GRANT ALL ON ALL TABLES IN SCHEMA public TO guest");
    await a.stop();
    const guest = await doctor(undefined, { DATABASE_URL: at(url, { username: "guest", password: "pass-of-guest" }), DATABASE_CONNECTIONS: "20" });
    assert.ok(bad(guest).some((l) => /^fail: \d+ of 16 connections are in use: the 20 of DATABASE_CONNECTIONS do not fit/.test(l)), guest.lines.join("\n"));
    assert.ok(bad(guest).some((l) => /^fail: the role may not make tables/.test(l)), guest.lines.join("\n"));
    assert.match(guest.fixes, /GRANT CREATE, USAGE ON SCHEMA public/);
    assert.equal(guest.status, 1);
  });

  test("what can lose data, or be read on its way, is a warning with its remedy", async () => {
    sql(pg.url, "ALTER DATABASE looked SET synchronous_commit = off; ALTER SYSTEM SET fsync = off");
    sql(pg.url, "SELECT pg_reload_conf()");
    await until(() => sql(pg.url, "SHOW fsync") === "off", { what: "fsync is off" });
    const r = await doctor();
    assert.deepEqual(bad(r).map((l) => l.split(":")[1]), [" fsync is off", " synchronous_commit is off"]);
    assert.match(r.fixes, /fsync = on, then restart the server\nsynchronous_commit = on/);
    sql(pg.url, "ALTER DATABASE looked RESET synchronous_commit; ALTER SYSTEM RESET fsync");
    sql(pg.url, "SELECT pg_reload_conf()");
    const address = Object.values(networkInterfaces()).flat().find((i) => i.family === "IPv4" && !i.internal)?.address;
    if (!address) return;
    await pg.stop();
    pg.settings.listen_addresses = `127.0.0.1,${address}`;
    execFileSync("sh", ["-c", `echo 'host all all ${address}/32 scram-sha-256' >> ${join(pg.data, "pg_hba.conf")}`]);
    await pg.go();
    const far = await doctor(undefined, { DATABASE_URL: at(url, { hostname: address }) });
    assert.deepEqual(bad(far), [`warn: the way to ${address} is not encrypted: everybody on it can read and change what is in it`]);
    assert.match(far.fixes, /sslmode=verify-full/);
    idle = await session("BEGIN; SELECT 1;"); // its server was stopped
    idleMs = Date.now();
  });

  test("what Ava cannot work with is named with the way out, and the rest is left out", async () => {
    sql(pg.url, "CREATE DATABASE blank; CREATE ROLE reader LOGIN PASSWORD 'pass-of-guest'; ALTER ROLE reader SET default_transaction_read_only = on; CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0; CREATE DATABASE newer");
    sql(at(url, { pathname: "/newer" }), "CREATE TABLE schema_migrations (number bigint); INSERT INTO schema_migrations VALUES (9999)");
    for (const [change, words, fix] of [
      [{ pathname: "/blank" }, /^fail: nothing of Ava is in this database yet/, /ava serve, or ava migrate --to/],
      [{ pathname: "/ascii" }, /^fail: the database is encoded in SQL_ASCII/, /ENCODING 'UTF8'/],
      [{ pathname: "/newer" }, /^fail: the database has schema 9999, this program knows \d+/, /use the ava that serves from it/],
      [{ pathname: "/none" }, /^fail: PostgreSQL: .*database "none" does not exist/, /docs\/postgresql\.md/],
      [{ username: "reader", password: "pass-of-guest" }, /^fail: the server takes no writes: default_transaction_read_only/, /RESET default_transaction_read_only/],
      [{ password: "hunter2" }, /^fail: PostgreSQL: .*password authentication failed/, /DATABASE_URL/],
      [{ port: 9 }, /^fail: PostgreSQL: .*Connection refused/, /is it up/],
    ]) {
      const r = await doctor([], { DATABASE_URL: at(url, change) });
      assert.equal(r.status, 1, r.stdout);
      assert.match(bad(r)[0], words);
      assert.match(r.fixes, fix);
      assert.doesNotMatch(r.stdout, /hunter2/);
      assert.ok(r.said.some((c) => c.name === "keys" && c.verdict === "skip"), r.stdout);
    }
  });

  test("a transaction that is left open is named: who, from where, for how long", { timeout: 120_000 }, async () => {
    await until(() => Date.now() - idleMs > 61_000, { ms: 100_000, every: 500, what: "it is open for a minute" });
    const r = await doctor();
    assert.match(bad(r).join(), new RegExp(`^warn: a transaction is open for 6\\d s: pid \\d+, user ava, 'psql' \\(idle in transaction\\)$`));
    const pid = /pid (\d+)/.exec(bad(r)[0])[1];
    assert.match(r.fixes, new RegExp(`pg_terminate_backend\\(${pid}\\)`));
    sql(pg.url, `SELECT pg_terminate_backend(${pid})`);
    assert.deepEqual(bad(await doctor()), []);
  });

  test("a server that says nothing, or is gone: said within seconds", async () => {
    const thaw = pg.freeze();
    try {
      const r = await doctor();
      assert.match(bad(r)[0], /^fail: PostgreSQL: the server is there, and says nothing/);
      assert.ok(r.ms < 20_000, `${r.ms} ms`);
      assert.equal(r.status, 1);
    } finally {
      thaw();
    }
    await pg.stop();
    const gone = await doctor();
    assert.match(bad(gone)[0], /Connection refused/);
    assert.ok(gone.ms < 4000, `${gone.ms} ms`);
    await pg.go();
    assert.deepEqual(bad(await doctor()), []);
  });
});
