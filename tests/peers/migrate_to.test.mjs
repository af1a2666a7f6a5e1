// An installation moves from SQLite to PostgreSQL: all of it or nothing, nothing altered, and it goes on there.
//
// What people report of such moves: sequences left behind, so that the first row collides; a NUL or broken UTF-8 in a text;
// rows whose parent is gone, which the new database refuses; a table left out, or half of one, and "complete!" said all
// the same; a target that was not empty, or not the right one; and a move that was broken off and cannot be repeated.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { copyFileSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, bin, environment, missing as noAva, person, sanitized, until } from "../lib/ava.mjs";
import { Browser } from "../lib/consent.mjs";
import { sql, sqliteOnly, useDatabase } from "../lib/database.mjs";
import { missing, Postgres } from "../lib/postgres.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, oddWebhooks, secretPlan } from "../lib/vapi.mjs";

const ROWS = 300_000, MEMORY_MB = 120;
const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`, SECRET = "what-vapi-sends-with-each-message";
const ENV = { AVA_LOG_LEVEL: "error", AVA_OUTBOUND_ALLOW: "127.0.0.0/8" };
const at = (url, change) => Object.assign(new URL(url), change).href;
const sqlite = (data, text) => execFileSync("sqlite3", ["-bail", join(data, "ava.db")], { input: text, encoding: "utf8", maxBuffer: 256 << 20 }).trimEnd();

// Every value of every row but those of a table of the installation's own, as text that shows each byte.
function everything(data, url) {
  const columns = sql(url, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migrations' ORDER BY 1, 2").split("\n").map((l) => l.split("|"));
  const tables = [...new Set(columns.map(([t]) => t))], all = [{}, {}];
  for (const t of tables) {
    const of = columns.filter(([of]) => of === t);
    const here = of.map(([, c]) => `CASE WHEN "${c}" IS NULL THEN '-' ELSE typeof("${c}") || ':' || hex(CAST("${c}" AS BLOB)) END`).join(" || ' ' || ");
    const there = of.map(([, c, type]) => `CASE WHEN "${c}" IS NULL THEN '-' ELSE ${type === "bigint" ? `'integer:' || upper(encode(convert_to("${c}"::text, 'UTF8'), 'hex'))` : type === "bytea" ? `'blob:' || upper(encode("${c}", 'hex'))` : `'text:' || upper(encode(convert_to("${c}", 'UTF8'), 'hex'))`} END`).join(" || ' ' || ");
    const mark = t === "meta" ? " WHERE name <> 'copied'" : "";
    all[0][t] = sqlite(data, `SELECT ${here} FROM "${t}";`).split("\n").sort();
    all[1][t] = sql(url, `SELECT ${there} FROM "${t}"${mark};`).split("\n").sort();
  }
  assert.deepEqual(tables, sqlite(data, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'schema_migrations' ORDER BY name").split("\n"));
  return all;
}

const rowsOf = (url) => sql(url, "SELECT coalesce(sum((xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM ' || quote_ident(tablename), false, true, '')))[1]::text::bigint), 0) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'");

// Something of every kind.
async function traffic(a, receiver) {
  const good = (r, what) => (assert.ok(r.status < 300, `${what}: ${r.status} ${r.text}`), r.json);
  const post = async (path, body, more = {}) => good(await a.call("/api/v1" + path, { body, ...more }), path);
  const put = async (path, body) => good(await a.call("/api/v1" + path, { method: "PUT", body }), path);
  const other = await a.newPerson("b@example.com");
  const { json: me } = await a.call("/api/v1/auth/me");
  await post(`/workspaces/${me.workspace.id}/invitations`, { email: "c@example.com", role: "admin" });
  await put("/flags/overload_turns", { on: false });
  await put("/vapi/settings/greeting_message", { value: "Grüß Gott, \u{1F600}" });
  await put("/fallback", { kind: "message", text: "We call you back." });
  await put("/limits", { daily_minutes: 500, concurrent_calls: 5 });
  const to = await post("/destinations", { url: receiver.url });
  receiver.secrets.push(to.secret);
  await post("/assistants", { name: "Second", firstMessage: "Hello." });
  const numbers = (await a.call("/api/v1/twilio/numbers")).json.numbers;
  const own = numbers.find((n) => n.capabilities.sms).phone_number;
  await post("/twilio/numbers/import", { numbers: [numbers[0].phone_number] });
  await until(async () => (await a.call("/api/v1/twilio/numbers")).json.numbers.some((n) => n.imported), { what: "a number is in Ava's care" });
  const made = await post("/templates", { name: "alert", subject: "For {{name}}", text: "Dear {{name}}" });
  await a.call(`/api/v1/templates/${made.id}`, { method: "PUT", body: { name: "alert", subject: "To {{name}}", text: "Dear {{name}}!" } });
  await post("/rules", { preset: "text_back" });
  await put("/tools/calendar.find_slot", { enabled: true });
  await post("/suppressions", { address: "no@example.org" });
  await post("/webhooks/endpoints/vapi/setup", {});
  const call = await post("/calls", { to: "+33612345678" }, { headers: { "Idempotency-Key": "once" } });
  await post("/twilio/calls", { to: "+33612345679", from: own, twiml: "<Response><Say>Hello</Say></Response>" });
  const text = await post("/twilio/messages", { to: "+33699887766", from: own, body: "Grüße \u{1F600}" });
  await post("/integrations/email/send", { to: ["ok@example.org", "bounced@example.org"], subject: "Hello", text: "x", attachments: [{ filename: "a.txt", content: Buffer.from("hello").toString("base64"), content_type: "text/plain" }] });
  await (await Browser.signIn(a)).connect("google");
  const slot = (await a.call("/api/v1/integrations/calendar/google/free?minutes=45&time_zone=Europe/Berlin")).json.slots[0];
  await post("/integrations/calendar/google/events", { title: "Ada", start: slot.start, end: slot.end });
  const { twilio } = (await a.call("/sandbox/api/credentials", { key: null })).json;
  const { urls } = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio");
  const fromTwilio = async (kind, params) => a.call(urls[kind].slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(Object.entries(params)).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(urls[kind], Object.entries(params), twilio.auth_token) } });
  for (const [i, odd] of ["a\u0000b", "\u{1F600}", "é", "x".repeat(300)].entries()) {
    const id = String(i).padStart(32, "0");
    await fromTwilio("status", { CallSid: "CA" + id, From: "+3361000000" + i, To: own, Direction: "inbound", CallStatus: "no-answer", CallerName: odd });
    await fromTwilio("status", { CallSid: "CA" + odd, From: odd, To: own, Direction: "inbound", CallStatus: odd });
    await fromTwilio("message", { MessageSid: "SM" + id, From: "+3361000000" + i, To: own, Body: odd });
    await fromTwilio("message", { MessageSid: "SM" + odd, From: odd, To: own, Body: "STOP" });
  }
  await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "moved-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET }, key: other.key });
  const theirs = (await a.call("/api/v1/webhooks/endpoints", { key: other.key })).json.endpoints.find((e) => e.provider === "vapi").urls.server;
  for (const [i, [, body]] of oddWebhooks.slice(0, 10).entries()) {
    const raw = body(`call-odd-${i}`);
    await a.call(new URL(theirs).pathname, { key: null, method: "POST", raw, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: theirs, body: raw }) } });
  }
  for (const odd of ["\u0000", "a\u0000b", "\ud800", "\ufffe", "\u{1F600}"]) {
    const raw = JSON.stringify(message("status-update", { id: odd, customer: { number: odd } }, { status: odd, endedReason: odd }));
    await a.call(new URL(theirs).pathname, { key: null, method: "POST", raw, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: theirs, body: raw }) } });
    await a.call("/api/v1/templates", { body: { name: odd, subject: odd, text: odd } });
    await a.call("/api/v1/calls", { body: { to: "+33612340000" }, headers: { "Idempotency-Key": Buffer.from(odd).toString("latin1").replaceAll("\0", "%00") } });
    await a.call("/api/v1/auth/login", { body: { email: odd, password: odd }, key: null });
  }
  await a.call("/api/v1/calls", { body: { to: "+33612340001" }, headers: { "Idempotency-Key": "\u00ff\u00fe" } });
  await until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0, { what: "nothing left to work on" });
  await until(async () => receiver.got.length > 5, { what: "events were forwarded" });
  return { other, call, text, own, destination: to };
}

// What the API says, page by page, of all that is listed and of each thing in it.
async function answers(a, keys) {
  const seen = {};
  const paths = [...readFileSync(new URL("../../openapi.yaml", import.meta.url), "utf8").matchAll(/^ {2}(\/api\/v1\/\S+):\n(?: {4}#.*\n)* {4}get:/gm)].map((m) => m[1]);
  assert.ok(paths.length > 30, paths.join(" "));
  for (const [who, key] of Object.entries(keys))
    for (const path of paths) {
      if (/openapi|stream|backups|health|settings$|verification|free|audio|available|connect$|analytics.providers/.test(path)) continue;
      if (path.includes("{")) continue;
      const r = await a.call(path, { key });
      seen[`${who} ${path}`] = [r.status, r.text];
      const [list] = Object.values(r.json ?? {}).filter(Array.isArray);
      for (const one of list ?? []) if (one?.id && paths.includes(`${path}/{id}`)) {
          const alone = await a.call(`${path}/${one.id}`, { key });
          seen[`${who} ${path}/${one.id}`] = [alone.status, alone.text];
        }
    }
  for (const k in seen) seen[k] = seen[k][1].replaceAll(a.base, "BASE").replaceAll(String(a.port), "PORT").replace(/("status":4.*"correlation_id":")\w+/, "$1").replace(/^{"since":"[^"]*",("until":"[^"]*")?/, "");
  return seen;
}

describe("a move to PostgreSQL", { skip: noAva || missing || sqliteOnly, concurrency: 1 }, () => {
  let pg, top, receiver, count = 0;
  const started = [];
  before(async () => {
    pg = await Postgres.start();
    receiver = await Receiver.start();
    sql(pg.url, "CREATE ROLE guest LOGIN PASSWORD 'pass-of-guest'");
    top = mkdtempSync(join(tmpdir(), "ava-move-"));
  });
  after(async () => {
    for (const a of started) await a.stop("SIGKILL").catch(() => {});
    await receiver?.stop();
    await pg?.remove();
    if (top) rmSync(top, { recursive: true, force: true });
  });
  function database(more = "") {
    const name = `move_${++count}`;
    sql(pg.url, `CREATE DATABASE ${name} ${more}`);
    return at(pg.url, { pathname: "/" + name });
  }
  const start = async (options) => (started.push(await Ava.start(options)), started.at(-1));
  const move = (url, data, ...more) => {
    const r = ava(["migrate", "--to", url, "--data-dir", data, ...more]);
    assert.doesNotMatch(r.stderr + r.stdout, new RegExp(`${encodeURIComponent(pg.password)}|${pg.password.replace(/[^\w]/g, ".")}`), "no password");
    return r;
  };
  // psql that has done this, and stays.
  async function session(url, text) {
    const child = spawn("psql", ["-X", "-q", "-A", "-t", "-d", url], { stdio: ["pipe", "pipe", "ignore"] });
    started.push({ stop: async () => child.kill() });
    child.stdin.write(text + "\n");
    await new Promise((done) => child.stdout.once("data", done));
    return child;
  }
  // A small installation that was stopped; each test may have a copy of it.
  let small;
  async function stopped() {
    if (!small) {
      const a = await start({ env: ENV });
      await a.signUp();
      await a.call("/api/v1/calls", { body: { to: "+33612345678" } });
      await a.stop();
      small = a.data;
    }
    const data = mkdtempSync(join(top, "small-"));
    cpSync(small, data, { recursive: true });
    return data;
  }

  test("everything is there afterwards, byte for byte; the API says the same, and all goes on", { timeout: 600_000 }, async () => {
    const url = database(), a = await start({ env: ENV });
    await a.signUp();
    const w = await traffic(a, receiver), keys = { me: a.key, other: w.other.key };
    await a.stop();
    const rest = await start({ data: a.data, env: ENV }); // its providers know of no call that goes on: what waits is done, and all is quiet
    rest.key = a.key;
    for (let had, now; had === undefined || had !== now; had = now, now = sqlite(a.data, "SELECT (SELECT count(*) FROM events WHERE status = 'received'), (SELECT count(*) FROM deliveries WHERE settled_at = 0), (SELECT max(seq) FROM audit_log), (SELECT group_concat(updated_at) FROM calls), (SELECT group_concat(updated_at) FROM messages)")) await new Promise((r) => setTimeout(r, 1000));
    await rest.stop();
    const before = readFileSync(join(a.data, "ava.db")), copy = join(top, "copy");
    const plan = move(url, a.data, "--dry-run");
    assert.equal(plan.status, 0, plan.stderr);
    assert.match(plan.stdout, /^\d+ tables, \d+ rows, \d+\.\d MB can be copied to the database move_\d+ at 127\.0\.0\.1:\d+\n$/);
    assert.match(plan.stderr, /Nothing was changed/);
    assert.equal(sql(url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    const r = move(url, a.data);
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stdout, /copied .* each table has as many rows there\nok .* audit log in unbroken chains/);
    assert.match(r.stderr, /Now set DATABASE_URL and AVA_MASTER_KEYS_FILE=.*master\.keys/);
    assert.ok(readFileSync(join(a.data, "ava.db")).equals(before), "the file is as it was");

    const [here, there] = everything(a.data, url);
    for (const t in here) assert.deepEqual(there[t], here[t], t);
    const bare = Object.keys(here).filter((t) => here[t].join("") === "");
    assert.ok(bare.length < 12, `what is copied has rows nearly everywhere, but not in ${bare.join(", ")}`);
    const enabled = sql(url, "SELECT DISTINCT tgenabled FROM pg_trigger WHERE NOT tgisinternal");
    assert.equal(enabled, "O", "triggers work again");

    // Both go on from the same moment: a copy of the folder on SQLite, and the folder on PostgreSQL.
    cpSync(a.data, copy, { recursive: true });
    const old = await start({ data: copy, env: ENV });
    const said = await answers(old, keys);
    await old.stop();
    useDatabase(a.data, { DATABASE_URL: url });
    const b = await start({ data: a.data, env: ENV });
    b.key = a.key;
    const now = await answers(b, keys);
    assert.deepEqual(Object.keys(now).sort(), Object.keys(said).sort());
    assert.deepEqual(Object.keys(said).filter((k) => now[k] !== said[k]).map((k) => `${k}\n${now[k]}\n${said[k]}`).slice(0, 5), []);

    assert.equal((await b.call("/api/v1/auth/login", { body: { email: person.email, password: person.password }, key: null })).status, 200);
    assert.equal((await b.call("/api/v1/calls", { body: { to: "+33612345678" }, headers: { "Idempotency-Key": "once" } })).json.id, w.call.id, "an answer that was given is given again");
    assert.equal((await b.call("/api/v1/calls", { body: { to: "+33612349999" } })).status, 201, "the credential opens");
    const sent = await b.call("/api/v1/twilio/messages", { body: { to: "+33699887766", from: w.own, body: "Hi" } });
    assert.equal(sent.status, 201, sent.text);
    await until(async () => (await b.call(`/api/v1/messages/${sent.json.id}`)).json.status === "delivered", { what: "webhooks come and are worked on" });
    const got = receiver.got.length;
    await until(() => receiver.got.length > got, { what: "events are forwarded" });
    assert.equal((await b.call("/api/v1/auth/keys", { body: { name: "new" } })).status, 201);
    for (const [table, column] of sql(url, "SELECT c.relname, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE a.attidentity <> '' AND c.relkind = 'r'").split("\n").map((l) => l.split("|"))) {
      if (table === "schema_migrations") continue;
      const last = Number(sql(url, `SELECT coalesce(max(${column}), 0) FROM ${table}`)), next = Number(sql(url, `SELECT nextval(pg_get_serial_sequence('${table}', '${column}'))`)); // in this order: it works meanwhile
      if (!["audit_log", "audit_heads", "stranger_failures"].includes(table)) assert.ok(next > last, `${table}.${column}: ${next} comes after ${last}`);
    }
    const verified = ava(["audit", "verify", "--data-dir", b.data]);
    assert.equal(verified.status, 0, verified.stderr + verified.stdout);
    await b.stop();
    const again = move(url, a.data);
    assert.equal(again.status, 78, again.stderr);
    assert.match(again.stderr, /was filled by ava migrate --to already \(\d+ rows at 20/);
    await b.remove();
  });

  test("what stands in the way is named before anything is copied: exit 78, and what to do", { timeout: 120_000 }, async () => {
    const data = await stopped(), url = database();
    const foreign = database(), used = database(), newer = database(), railway = database();
    sql(foreign, "CREATE TABLE customers (id int); CREATE TABLE invoices (id int)");
    sql(railway, "CREATE TABLE schema_migrations (version text)");
    const served = await start({ verb: "serve", data: mkdtempSync(join(top, "used-")), env: { ...ENV, DATABASE_URL: used, AVA_MASTER_KEYS: KEYS } });
    const busy = move(used, data);
    assert.equal(busy.status, 78, busy.stderr);
    assert.match(busy.stderr, /an Ava serves from the database move_\d+ at 127\.0\.0\.1:\d+, or another copy is being made to it: stop it first/);
    await served.stop();
    sql(newer, "CREATE TABLE schema_migrations (number bigint, sha256 text); INSERT INTO schema_migrations VALUES (9999, 'x')");
    const empty = mkdtempSync(join(top, "empty-")), strange = await stopped(), future = await stopped(), keyless = await stopped();
    rmSync(join(strange, "ava.db"));
    execFileSync("sqlite3", [join(strange, "ava.db"), "CREATE TABLE notes (id)"]);
    sqlite(future, "INSERT INTO schema_migrations VALUES (9999, 'later', 'x', 0);");
    rmSync(join(keyless, "master.keys"));
    const odd = await stopped();
    sqlite(odd, "CREATE TABLE notes (id INTEGER);");
    const blank = join(top, "blank.url");
    writeFileSync(blank, "\n");
    const cases = [
      ["rows of Ava", used, data, 78, /has rows of Ava already \(in \w+\), and nothing is put among them: name a new, empty database/],
      ["somebody else's tables", foreign, data, 78, /has tables that are not Ava's \(customers, invoices\): is it the right one/],
      ["another program's schema_migrations", railway, data, 78, /schema_migrations is not Ava's/],
      ["a newer Ava's", newer, data, 78, /has schema 9999, this program knows \d+: it was used by a newer Ava/],
      ["no URL", "hunter2-is-secret", data, 78, /must read postgresql:\/\/USER/],
      ["a wrong password", at(url, { password: "hunter2-is-secret" }), data, 78, /password authentication failed/],
      ["no such database", at(url, { pathname: "/nowhere" }), data, 78, /database "nowhere" does not exist/],
      ["a role without rights", at(url, { username: "guest", password: "pass-of-guest" }), data, 78, /permission denied .* GRANT CREATE, USAGE ON SCHEMA public/],
      ["nobody there", at(url, { port: 9 }), data, 1, /Connection refused/],
      ["the setting is empty", "DATABASE_URL", data, 78, /--to DATABASE_URL: that setting is empty/],
      ["no database in the folder", url, empty, 78, /there is no database .*--data-dir/],
      ["no database of Ava", url, strange, 78, /is no database of Ava/],
      ["a newer schema in the file", url, future, 78, /has schema 9999, this program knows \d+: it was used by a newer Ava/],
      ["its key file is gone", url, keyless, 78, /the key file .*master\.keys is missing, and this data was sealed with it/],
      ["a table of somebody's in the file", url, odd, 1, /the table notes is not in both databases/],
    ];
    for (const [name, to, from, status, words] of cases) {
      const r = move(to, from);
      assert.equal(r.status, status, `${name}: ${r.status} ${r.stderr}`);
      assert.match(r.stderr, words, name);
      assert.doesNotMatch(r.stderr + r.stdout, /hunter2|pass-of/, name);
      assert.equal(r.stdout, "", name);
    }
    assert.ok(!existsSync(join(empty, "ava.db")) && readdirSync(empty).length === 0);
    for (const [args, words] of [
      [["--to", url, "--to-file", blank], /give one of them/],
      [["--dry-run"], /--dry-run goes with --to/],
      [["--to-file", blank], /--to-file: the file is empty/],
      [["--to-file", join(top, "nofile")], /--to-file: .* cannot be read: No such file/],
    ]) {
      const r = ava(["migrate", ...args, "--data-dir", data]);
      assert.ok(r.status === 2 || r.status === 78, r.stderr);
      assert.match(r.stderr, words);
    }
    const running = await start({ data: await stopped(), env: ENV });
    const r = move(url, running.data);
    assert.deepEqual([r.status, /another Ava is serving from .*stop it first/.test(r.stderr)], [78, true], r.stderr);
    await running.stop();
    assert.equal(rowsOf(url), "0", "nothing came there");
  });

  test("the URL comes from a file or from the settings as well, and programs get JSON", async () => {
    const data = await stopped(), urls = [database(), database()], file = join(top, "database.url");
    writeFileSync(file, urls[0] + "\n", { mode: 0o600 });
    const r = ava(["migrate", "--to-file", file, "--data-dir", data, "--json"], { env: { AVA_MASTER_KEYS_FILE: join(data, "master.keys") } });
    assert.equal(r.status, 0, r.stderr);
    const said = JSON.parse(r.stdout);
    assert.deepEqual(Object.keys(said), ["dry_run", "to", "schema", "tables", "rows", "bytes", "took_ms", "audit_rows"]);
    assert.equal(said.rows, Number(rowsOf(urls[0])) - 1, "and one more, which says so");
    assert.match(r.stderr, /^Now set DATABASE_URL, and start Ava/m);
    const set = ava(["migrate", "--to", "DATABASE_URL", "--data-dir", data], { env: { DATABASE_URL: urls[1], AVA_MASTER_KEYS: readFileSync(join(data, "master.keys"), "utf8") } });
    assert.equal(set.status, 0, set.stderr);
    assert.equal(rowsOf(urls[1]), rowsOf(urls[0]));
    const s = await start({ verb: "serve", data: mkdtempSync(join(top, "serve-")), env: { ...ENV, DATABASE_URL: urls[1], AVA_MASTER_KEYS_FILE: join(data, "master.keys") } });
    assert.equal((await s.call("/health/ready")).status, 200);
    await s.stop();
  });

  test("a database of an older version is brought up to date first, after a copy of it; a rehearsal leaves it alone", async () => {
    const data = await stopped(), url = database();
    // As it was before 0038 and what came after it.
    sqlite(data, "DELETE FROM schema_migrations WHERE number >= 38; ALTER TABLE operations DROP COLUMN epoch; ALTER TABLE jobs DROP COLUMN wanted_at; CREATE INDEX deliveries_open ON deliveries (destination_id, id); DROP TABLE hosts; DROP TABLE leases; DROP TABLE book_changes;");
    // Two deliveries of one call of which neither waits for the other: a trigger would have it otherwise.
    sqlite(data, `INSERT INTO destinations (id, workspace_id, url, events, enabled, version, created_at, updated_at, sealed) SELECT 'dst_1', id, 'http://x', '', 0, 1, 1, 1, CAST(X'A101' || zeroblob(44) AS BLOB) FROM workspaces LIMIT 1;
      INSERT INTO deliveries (id, workspace_id, destination_id, event_id, type, resource, status, created_at, body) SELECT 'dlv_' || n.column1, id, 'dst_1', 'evt_' || n.column1, 't', 'call_1', 'held', 1, '{}' FROM workspaces, (VALUES (1), (2)) AS n LIMIT 2;
      UPDATE deliveries SET behind = 0;`);
    const before = sqlite(data, "SELECT max(number) FROM schema_migrations");
    const plan = move(url, data, "--dry-run");
    assert.equal(plan.status, 0, plan.stderr);
    assert.match(plan.stderr, /brought up to date before, from schema \d+ to \d+, after a copy is made beside it/);
    assert.equal(sqlite(data, "SELECT max(number) FROM schema_migrations"), before);
    const r = move(url, data);
    assert.equal(r.status, 0, r.stderr);
    assert.equal(readdirSync(data).filter((f) => f.includes(`.schema-${before}.`)).length, 1);
    const [here, there] = everything(data, url);
    assert.deepEqual(there, here);
  });

  test("an audit log that somebody changed is copied as it is, and said to be so: exit 1", async () => {
    const data = await stopped(), url = database();
    sqlite(data, "UPDATE audit_log SET actor = 'nobody' WHERE seq = 2;");
    const r = move(url, data);
    assert.equal(r.status, 1, r.stderr);
    assert.match(r.stderr, /the audit log: row 2: .*\nava: everything was copied to the database move_\d+ at .* before; what failed is the look at it afterwards/);
    const [here, there] = everything(data, url);
    assert.deepEqual(there, here);
  });

  test("a value that PostgreSQL cannot hold is named, and so is a row whose parent is gone: nothing is copied, nothing altered", async () => {
    const data = await stopped(), url = database();
    sqlite(data, `PRAGMA foreign_keys = OFF;
      UPDATE users SET name = CAST(X'610062' AS TEXT);
      UPDATE workspaces SET name = CAST(X'63616665E9' AS TEXT);
      INSERT INTO steps (id, workspace_id, subject, at, what, detail) VALUES (77, 'ws_gone', 's', 1, 'w', 'd');
      INSERT INTO opt_outs SELECT id, CAST(X'EDA080' AS TEXT), 1, 1 FROM workspaces;`);
    for (const more of [["--dry-run"], []]) {
      const r = move(url, data, ...more);
      assert.equal(r.status, 78, r.stderr);
      for (const words of [/users\.name, rowid 1: has a NUL character in it/, /workspaces\.name, rowid 1: is no UTF-8/, /opt_outs\.address, row 1: is no UTF-8/, /steps, rowid 77 \(of workspaces\): refers to a row that is not there/, /4 values cannot be copied as they are/]) assert.match(r.stderr, words);
    }
    assert.equal(sql(url, "SELECT COUNT(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
  });

  // A large one, made in the file.
  async function large() {
    const data = await stopped();
    sqlite(data, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS}) INSERT INTO steps (workspace_id, subject, at, what, detail) SELECT (SELECT id FROM workspaces LIMIT 1), 'call_' || i, i, 'called', hex(randomblob(100)) FROM n;`);
    return data;
  }
  // The command beside this test: { child, ended }, where ended is { status, stderr, peakMb }.
  function beside(url, data) {
    const child = spawn(bin, ["migrate", "--to", url, "--data-dir", data], { env: environment(), stdio: ["ignore", "pipe", "pipe"] });
    let stderr = "", peakMb = 0;
    child.stderr.on("data", (b) => (stderr += b));
    const look = setInterval(() => {
      try {
        peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1] ?? 0) / 1024);
      } catch {}
    }, 5);
    const ended = new Promise((done) => child.once("close", (status, signal) => (clearInterval(look), done({ status: status ?? signal, stderr, peakMb }))));
    return { child, ended };
  }
  const copied = () => Number(sql(pg.url, "SELECT coalesce(max(tuples_processed), 0) FROM pg_stat_progress_copy"));

  test(`${ROWS} rows: memory is bounded; killed half way, nothing is there, and the same command does it`, { timeout: 300_000 }, async () => {
    const data = await large(), other = await stopped(), url = database();
    const cut = beside(url, data);
    await until(() => copied() > 1000, { what: "half of it is copied" });
    cut.child.kill("SIGKILL");
    assert.equal((await cut.ended).status, "SIGKILL");
    await until(() => copied() === 0, { what: "the server has seen it" });
    assert.equal(rowsOf(url), "0");
    const r = beside(url, data), began = Date.now();
    await until(() => copied() > 1000 && /xx/.test(readFileSync(`/proc/${r.child.pid}/cmdline`, "utf8")), { what: "the second copy" });
    const words = readFileSync(`/proc/${r.child.pid}/cmdline`, "utf8");
    assert.ok(!words.includes("postgresql:") && /--to\0x+\0/.test(words), "the URL is not among the words of the process");
    const second = move(url, other); // waits for a moment whether the first one ends
    assert.equal(second.status, 78, second.stderr);
    assert.match(second.stderr, /or another copy is being made to it|was filled by ava migrate --to already/);
    const done = await r.ended;
    assert.equal(done.status, 0, done.stderr);
    console.log(`# ${ROWS} rows in ${Date.now() - began} ms, with ${Math.round(done.peakMb)} MB at most`);
    if (!sanitized) assert.ok(done.peakMb < MEMORY_MB, `${done.peakMb} MB`);
    assert.equal(sql(url, "SELECT count(*), count(DISTINCT detail), max(id) FROM steps"), sqlite(data, "SELECT count(*), count(DISTINCT detail), max(id) FROM steps"));
    assert.ok(Number(sql(url, "SELECT nextval(pg_get_serial_sequence('steps', 'id'))")) > ROWS);
  });

  test("a server that crashes half way, has no room, or refuses a row: said, nothing is there, and the same command does it afterwards", { timeout: 300_000 }, async () => {
    const data = await large(), url = database(), cut = beside(url, data);
    await until(() => copied() > 1000, { what: "half of it is copied" });
    await pg.stop("SIGQUIT");
    const crashed = await cut.ended;
    assert.equal(crashed.status, 1, crashed.stderr);
    assert.match(crashed.stderr, /the table steps: .*\nava: nothing is half copied/);
    await pg.go();
    assert.equal(rowsOf(url), "0");

    const room = (bytes) => execFileSync("prlimit", ["--pid", String(pg.child.pid), `--fsize=${bytes}:`], pg.who); // of the backends to come
    room(20_000_000);
    const full = move(url, data);
    room("unlimited");
    assert.equal(full.status, 1, full.stderr);
    assert.match(full.stderr, /the table steps: could not extend file .*\(COPY steps, line \d+\)\nava: nothing is half copied/);
    assert.equal(rowsOf(url), "0");

    const guest = move(at(url, { username: "guest", password: "pass-of-guest" }), data);
    assert.equal(guest.status, 78, guest.stderr);
    assert.match(guest.stderr, /permission denied for table \w+; the role of the URL has to own Ava's tables/);

    sql(url, "ALTER TABLE workspaces ADD CONSTRAINT none CHECK (length(name) > 1000)");
    const refused = move(url, data);
    assert.equal(refused.status, 1, refused.stderr);
    assert.match(refused.stderr, /the table workspaces: .*violates check constraint "none" \(COPY workspaces, line 1\)/);
    sql(url, "ALTER TABLE workspaces DROP CONSTRAINT none");

    const held = await session(url, "BEGIN; LOCK TABLE users IN ACCESS SHARE MODE; LOCK TABLE calls IN ROW EXCLUSIVE MODE; SELECT 1;");
    const locked = move(url, data);
    assert.deepEqual([locked.status, /the tables cannot be had alone: canceling statement due to lock timeout/.test(locked.stderr)], [1, true], locked.stderr);
    held.kill();
    assert.equal(rowsOf(url), "0");
    const r = move(url, data);
    assert.equal(r.status, 0, r.stderr);
    assert.equal(sql(url, "SELECT count(*) FROM steps"), sqlite(data, "SELECT count(*) FROM steps"));
  });

  test("a commit that nobody answered: not known, it says, and the same command tells which", async () => {
    const data = await stopped(), url = database();
    sqlite(data, "CREATE TABLE notes (id INTEGER);");
    assert.equal(move(url, data).status, 1); // the tables are made
    sqlite(data, "DROP TABLE notes;");
    sql(pg.url, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    sql(pg.url, "SELECT pg_reload_conf()");
    const cut = beside(url, data);
    await until(() => sql(pg.url, "SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") !== "0", { what: "a commit that waits" });
    await pg.stop("SIGQUIT");
    const { status, stderr } = await cut.ended;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /the commit failed: .*Whether all of it was saved before is not known: run this command again/);
    Object.assign(pg.settings, { synchronous_standby_names: "" });
    await pg.go();
    const r = move(url, data);
    assert.equal(r.status, 78, r.stderr);
    assert.match(r.stderr, /was filled by ava migrate --to already .*All of it is there/);
    const [here, there] = everything(data, url);
    assert.deepEqual(there, here);
  });
});
