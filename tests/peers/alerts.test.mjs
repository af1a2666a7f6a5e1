// Bears company.
// A drill: every alert is made to fire by what it is for, in an Ava that runs, and its runbook leads to the cause. The rules are
// those of ops/prometheus but for their times, which a person waits for and a test does not.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { spawn, spawnSync } from "node:child_process";
import { renameSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, bin, environment, missing, root, sanitized, until } from "../lib/ava.mjs";
import { sql as sqlAt, useDatabase } from "../lib/database.mjs";
import { missing as noPostgres, Postgres } from "../lib/postgres.mjs";
import { Prometheus, prometheusMissing } from "../lib/prometheus.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";
const WAL_BYTES = 16 << 20; // instead of 512 MB

const shortened = readFileSync(join(root, "ops/prometheus/alerts.yml"), "utf8")
  .replace(/for: \d+m/g, "for: 1s")
  .replace(/\[\d+[mh]\]/g, "[6s]")
  .replace("512 * 1024 * 1024", String(WAL_BYTES))
  .replace("book_age_seconds > 60", "book_age_seconds > 8");

const library = ["/usr/lib", ...(existsSync("/usr/lib") ? readdirSync("/usr/lib").map((d) => join("/usr/lib", d)) : [])].map((d) => join(d, "faketime/libfaketimeMT.so.1")).find(existsSync);
const noFaketime = !library ? "no libfaketime on this machine: tools/deps install test" : sanitized ? "a sanitizer wants to be loaded first" : false;
const onSmallDisk = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=64m none "$AVA_DATA_DIR" && head -c 60M /dev/zero >"$AVA_DATA_DIR/somebody-elses" && exec "$@"', "sh"];
const noMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0 ? false : "nothing can be mounted here";

// The three commands of a page, carried out for that Ava; the log stands in for the journal. All that they print.
async function walk(page, a, words = {}) {
  const text = readFileSync(join(root, "docs/runbooks", page), "utf8");
  let commands = /```\n([^`]*)```/.exec(text)[1];
  for (const [word, value] of Object.entries(words)) commands = commands.replaceAll(word, value);
  const log = join(a.data, "journal");
  writeFileSync(log, a.stderr);
  const child = spawn("bash", ["-c", `ava() { "${bin}" "$@"; }\njournalctl() { cat ${log}; }\nsystemctl() { echo systemctl; }\n${commands}`], {
    env: environment({ AVA: a.base, KEY: a.key, AVA_DATA_DIR: a.data }),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  for (const s of [child.stdout, child.stderr]) s.on("data", (b) => (out += b));
  await new Promise((r) => child.once("close", r));
  return out;
}

describe("the drill", { skip: missing || prometheusMissing, concurrency: 1 }, () => {
  let a, p, vapi, hook, small, old, tls, folder, pg, remote, wanted = [];
  const fired = new Set();

  before(async () => {
    a = await Ava.start({ env: { CACHE_TTL_SECONDS: "0", AVA_PUBLIC_URL: "http://127.0.0.1:9", CALL_CENTS_PER_MINUTE: "6", AVA_LOG_LEVEL: "info" } });
    await a.signUp();
    vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    await connect();
    hook = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server).pathname;
    const targets = [a];
    if (!noMount) targets.push((small = await Ava.start({ through: onSmallDisk, env: { AVA_LOG_LEVEL: "error" } })));
    if (!noFaketime) targets.push((old = await Ava.start({ env: { AVA_LOG_LEVEL: "error", LD_PRELOAD: library, FAKETIME: "-30h", FAKETIME_DONT_FAKE_MONOTONIC: "1" } })));
    if (!noPostgres) {
      pg = await Postgres.start();
      const data = mkdtempSync(join(tmpdir(), "ava-drill-remote-"));
      useDatabase(data, { DATABASE_URL: pg.url, AVA_MASTER_KEYS: `k1:${Buffer.alloc(32, 7).toString("base64")}` });
      targets.push((remote = await Ava.start({ data, env: { AVA_LOG_LEVEL: "info" } })));
    }
    folder = mkdtempSync(join(tmpdir(), "ava-drill-"));
    certificate("30");
    tls = await Ava.start({ env: { AVA_LOG_LEVEL: "info", AVA_TLS_CERT: join(folder, "cert.pem"), AVA_TLS_KEY: join(folder, "key.pem") } });
    p = await Prometheus.start({ targets: targets.map(host), secure: [host(tls)], rules: shortened });
    await until(async () => (await p.query("up == 1")).length === targets.length + 1, { what: "all are scraped" });
  });
  after(async () => {
    await p?.stop();
    for (const one of [a, small, old, remote]) await one?.remove();
    await pg?.remove();
    await tls?.stop();
    for (const gone of [tls?.data, folder]) if (gone) rmSync(gone, { recursive: true, force: true });
  });

  // A certificate that ends in so many days, in the place of the one that is there.
  function certificate(days) {
    const r = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem"), "-days", days, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { encoding: "utf8" });
    assert.equal(r.status, 0, r.stderr);
  }

  const connect = async () => {
    const r = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id, webhook_secret: SECRET } });
    assert.equal(r.status, 200, r.text);
  };
  const host = (one) => new URL(one.base).host;
  const sql = (text) => {
    const r = spawnSync("sqlite3", [join(a.data, "ava.db")], { input: `.timeout 20000\n${text};`, encoding: "utf8" });
    assert.equal(r.status, 0, r.stderr);
    return r.stdout.trim();
  };
  const webhook = async (raw) => {
    const r = await a.call(hook, { key: null, method: "POST", raw, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: hook, body: raw }) } });
    assert.equal(r.status, 200, r.text);
  };
  const read = () => a.call("/api/v1/vapi/settings");

  // Waits until it fires, doing again what makes it where that is something that goes on.
  async function fires(name, labels, again = () => {}) {
    const found = await until(
      async () => {
        await again();
        return (await p.firing()).find((one) => one.labels.alertname === name && Object.entries(labels).every(([k, v]) => one.labels[k] === v));
      },
      { ms: 30_000, every: 100, what: name },
    );
    fired.add(name);
    return found;
  }

  test("nothing fires while all is well, but for what was prepared", async () => {
    const expected = new Set([...(small ? ["AvaDiskLow"] : []), ...(old ? ["AvaBackupOld"] : [])]);
    wanted = [...shortened.matchAll(/- alert: (\w+)/g)].map((m) => m[1]);
    await until(async () => (await p.query("ava:http_errors:ratio_rate5m")).length > 0, { what: "rules are evaluated" });
    assert.deepEqual((await p.firing()).filter((one) => !expected.has(one.labels.alertname) || one.labels.instance === host(a)).map((one) => one.labels), []);
  });

  test("a disk with a tenth left", { skip: noMount }, async () => {
    await fires("AvaDiskLow", { instance: host(small), severity: "critical" });
    assert.match(await walk("disk-low.md", small), /disk_free_bytes/);
  });

  test("an Ava that has run for 30 hours without a backup", { skip: noFaketime }, async () => {
    const alert = await fires("AvaBackupOld", { instance: host(old) });
    assert.match(alert.annotations.summary, /for 1d 6h/);
    assert.match(await walk("backup-old.md", old), /backup_last_success_timestamp_seconds 0/);
  });

  test("a process that was killed", { skip: noMount }, async () => {
    await small.stop("SIGKILL");
    await fires("AvaDown", { instance: host(small) });
    assert.match(await walk("down.md", small), /refused|Failed to connect/i);
  });

  test("a clock that is set", async () => {
    const r = await a.call("/sandbox/api/clock", { key: null, body: { jump_seconds: 60 } });
    assert.equal(r.status, 200, r.text);
    await fires("AvaClockJumped", { instance: host(a) });
    await until(() => /"event":"clock"/.test(a.stderr), { what: "a line about it" });
    assert.match(await walk("clock-jumped.md", a), /clock_jump_seconds (59|60)[\s\S]*"event":"clock"/);
  });

  test("a sealed value that is not the one of its row", async () => {
    const before = sql("SELECT hex(sealed) FROM credentials WHERE provider = 'vapi'");
    await connect();
    const now = sql("SELECT hex(sealed) FROM credentials WHERE provider = 'vapi'");
    sql(`UPDATE credentials SET sealed = X'${before}' WHERE provider = 'vapi'`);
    await fires("AvaKeyFailures", { reason: "field" }, read);
    assert.match(await walk("key-failures.md", a), /crypto_failures_total\{reason="field"\} [1-9][\s\S]*"event":"crypto"/);
    sql(`UPDATE credentials SET sealed = X'${now}' WHERE provider = 'vapi'`);
    await until(async () => (await read()).status === 200, { what: "it opens again" });
  });

  test("a budget that is used up", async () => {
    await a.call("/api/v1/limits", { method: "PUT", body: { daily_minutes: 0 } });
    await fires("AvaBudgetGone", { kind: "minutes" }, () => a.call("/api/v1/calls", { body: { to: "+33612345678" } }));
    assert.match(await walk("budget-gone.md", a), /budget_refusals_total\{kind="minutes"\} [1-9][\s\S]*"daily_minutes":0/);
    await a.call("/api/v1/limits", { method: "PUT", body: { daily_minutes: null } });
  });

  test("what is no message of a provider", async () => {
    await webhook('{"message":{}}');
    await fires("AvaWebhooksDead", { provider: "vapi" });
    assert.match(await walk("dead-letters.md", a), /vapi[\s\S]*dead|no server message|message/i);
  });

  test("a provider that fails, and callers who get it", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    await fires("AvaCircuitBreakerOpen", { service: "vapi" }, read);
    assert.match(await walk("breaker-open.md", a, { SERVICE: "vapi" }), /circuit_breaker_state\{service="vapi"\} 2[\s\S]*outcome="fail"\} [1-9]/);
    await fires("AvaErrorBudgetBurnsFast", { job: "ava" }, read);
    await fires("AvaErrorBudgetBurnsSlowly", { job: "ava" }, read);
    assert.match(await walk("error-budget.md", a), /log_messages_total\{level="error",code="provider_(error|unavailable)"\} [1-9]/);
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("a log that somebody keeps from being carried over", async () => {
    const reader = spawn("sqlite3", [join(a.data, "ava.db")], { stdio: ["pipe", "pipe", "ignore"] });
    reader.stdin.write("BEGIN; SELECT COUNT(*) FROM meta;\n");
    await new Promise((r) => reader.stdout.once("data", r));
    // A table of the test's own, so that the log has something to hold.
    sql(`PRAGMA wal_autocheckpoint = 0; CREATE TABLE drill (x BLOB) STRICT; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 24) INSERT INTO drill SELECT zeroblob(${1 << 20}) FROM n`);
    await fires("AvaWalLarge", { instance: host(a) });
    assert.match(await walk("wal-large.md", a), /ava\.db-wal/);
    reader.stdin.end("COMMIT;\n.quit\n");
    await new Promise((r) => reader.once("close", r));
    sql("DROP TABLE drill");
  });

  test("a text of which nobody knows, and a job that is given up over it", { timeout: 120_000 }, async () => {
    const from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
    await a.fault({ provider: "twilio", operation: "POST /2010", fault: "malformed" });
    const sent = await a.call("/api/v1/twilio/messages", { body: { from, to: "+33710000001", body: "Hello" } });
    await a.fault({ provider: "twilio", fault: "none" });
    assert.equal(sent.status, 202, sent.text);
    const sealed = sql(`SELECT hex(sealed) FROM operations WHERE id = '${sent.json.id}'`);
    const rotten = sealed.slice(0, -2) + (sealed.endsWith("00") ? "01" : "00");
    sql(`UPDATE operations SET sealed = X'${rotten}' WHERE id = '${sent.json.id}'`);
    await fires("AvaOperationsUnknown", { service: "twilio" });
    assert.match(await walk("operations-unknown.md", a, { CORRELATION_ID: sent.headers.get("x-correlation-id") }), new RegExp(`operations_unknown\\{service="twilio"\\} 1[\\s\\S]*${sent.json.id}`));
    await until(
      async () => {
        await a.advance(6 * 3600);
        return (await a.metric("jobs_dead", { kind: "operation" })) > 0;
      },
      { ms: 60_000, every: 200, what: "it is given up" },
    );
    await fires("AvaJobsDead", { kind: "operation" });
    assert.match(await walk("dead-letters.md", a), /operation\|[\s\S]*"event":"job failed"/);
  });

  test("a webhook that is held up", async () => {
    sql("CREATE TRIGGER fails BEFORE UPDATE ON calls WHEN NEW.ended_reason = 'held-up' BEGIN SELECT RAISE(ABORT, 'made to fail'); END");
    await webhook(JSON.stringify(message("end-of-call-report", { id: randomUUID() }, { endedReason: "held-up", cost: 0 })));
    await until(async () => (await a.call("/api/v1/events?status=retrying")).json.events.length > 0, { what: "its next try is awaited" });
    await a.advance(130);
    await fires("AvaWebhooksDelayed", { instance: host(a) });
    assert.match(await walk("webhooks-delayed.md", a), /webhook_oldest_seconds 1[3-9]/);
    sql("DROP TRIGGER fails");
  });

  test("a certificate that ends, and is silent again once it is renewed", async () => {
    const renew = async (days) => {
      certificate(days);
      const had = tls.stderr.match(/"event":"certificate"/g)?.length ?? 0;
      tls.child.kill("SIGHUP");
      await until(() => (tls.stderr.match(/"event":"certificate"/g)?.length ?? 0) > had, { what: "it is served" });
    };
    await renew("7");
    const soon = await fires("AvaCertificateEndsSoon", { instance: host(tls), severity: "warning" });
    assert.match(soon.annotations.summary, /ends in (6d|7d)/);
    assert.ok(!(await p.firing()).some((one) => one.labels.alertname === "AvaCertificateEndsNow"));
    await renew("1");
    await fires("AvaCertificateEndsNow", { instance: host(tls), severity: "critical" });
    const said = await walk("certificate.md", { ...tls, base: tls.base.replace("http:", "https:") }, { "curl -s": "curl -sk", "HOST:443": host(tls), HOST: "localhost" });
    assert.match(said, /tls_certificate_expiry_timestamp_seconds [1-9]/);
    assert.match(said, /notAfter=.*\n(.*\n)*?issuer=CN = localhost/);
    await renew("30");
    await until(async () => !(await p.firing()).some((one) => /Certificate/.test(one.labels.alertname)), { what: "it is silent" });
  });

  test("what waits on a host and is not in the database, and a copy for the phone that grows old", { skip: noPostgres }, async () => {
    const account = "AC" + "0".repeat(32), token = "the-auth-token-of-today-1";
    await remote.signUp();
    assert.equal((await remote.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: account, auth_token: token } })).status, 200);
    const url = (await remote.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.voice;
    const holder = spawn("psql", ["-X", "-q", "-d", pg.url], { stdio: ["pipe", "ignore", "ignore"] }); // so that changes cannot be read
    holder.stdin.write("BEGIN; LOCK TABLE book_changes IN ACCESS EXCLUSIVE MODE;\n");
    await fires("AvaBookOld", { instance: host(remote) });
    holder.stdin.end("ROLLBACK;\n");
    await until(async () => !(await p.firing()).some((one) => one.labels.alertname === "AvaBookOld"), { what: "it is silent" });
    await pg.stop("SIGQUIT");
    await until(async () => (await remote.metric("db_up")) === 0, { what: "PostgreSQL away" });
    const params = [["CallSid", "CA1"]];
    const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, token) }, body: new URLSearchParams(params).toString() });
    assert.equal(r.status, 200, await r.text());
    const alert = await fires("AvaSpoolOld", { instance: host(remote) });
    assert.match(alert.annotations.summary, /^1 webhooks wait on/);
    assert.match(await walk("database-away.md", remote), /book_spooled 1/);
    await pg.go();
    await until(async () => !(await p.firing()).some((one) => one.labels.instance === host(remote)), { what: "it is silent" });
    assert.equal(sqlAt(pg.url, "SELECT COUNT(*) FROM events"), "1");
  });

  test("a database that is taken away", async () => {
    renameSync(join(a.data, "ava.db"), join(a.data, "elsewhere.db"));
    await fires("AvaDatabaseAway", { instance: host(a), severity: "critical" });
    assert.match(await walk("database-away.md", a), /database[\s\S]*db_up 0[\s\S]*moved, removed or replaced/);
  });

  test("that was every alert", () => {
    const left = wanted.filter((name) => !fired.has(name));
    const excused = [...(noMount ? ["AvaDiskLow", "AvaDown"] : []), ...(noFaketime ? ["AvaBackupOld"] : []), ...(noPostgres ? ["AvaSpoolOld", "AvaBookOld"] : [])];
    assert.deepEqual(left.filter((name) => !excused.includes(name)), []);
  });
});
