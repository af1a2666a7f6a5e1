// The book: each Ava answers the phone from a copy of its own while PostgreSQL is away or says nothing, and gives what it
// took to PostgreSQL once that is back. What goes wrong with stores of others that forward later (a spool): something is
// sent twice after a crash between sending and forgetting; one that cannot be sent keeps all behind it; what was
// acknowledged was not on disk; the spool itself is damaged, or its disk is full; what is forwarded belongs to nobody any more.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing as noAva, slack, until } from "../lib/ava.mjs";
import { sql, useDatabase } from "../lib/database.mjs";
import { missing, Postgres } from "../lib/postgres.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const AWAY_MS = process.env.TEST_SOAK ? 60_000 : 3000;
const KEYS = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const OTHER_KEYS = `k9:${Buffer.alloc(32, 9).toString("base64")}`;
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1", SECRET = "vapi-server-secret-1";
const TEXT = "Our office is closed right now.";
const LIMIT_MS = 500 * slack;

const noMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0 ? false : "nothing can be mounted here";
const folder = () => mkdtempSync(join(tmpdir(), "ava-book-data-"));
const at = (url, change) => Object.assign(new URL(url), change).href;
const median = (list, share = 0.5) => list.toSorted((a, b) => a - b)[Math.floor(list.length * share)];

describe("the book", { skip: noAva || missing }, () => {
  let pg, count = 0;
  const started = [];
  before(async () => (pg = await Postgres.start()));
  after(async () => {
    for (const a of started) await a.remove();
    await pg?.remove();
  });

  // An Ava with a database of its own: url, and the addresses of its webhooks.
  async function start({ data = folder(), url, keys = KEYS, port, env } = {}) {
    if (!url) sql(pg.url, `CREATE DATABASE book_${++count}`);
    url ??= at(pg.url, { pathname: `/book_${count}` });
    useDatabase(data, { DATABASE_URL: url, AVA_MASTER_KEYS: keys });
    const a = Object.assign(await Ava.start({ verb: "serve", data, port, env }), { database: url });
    started.push(a);
    return a;
  }
  const put = (a, path, body) => a.call(path, { method: "PUT", body });
  async function connect(a) {
    await a.signUp();
    assert.equal((await put(a, "/api/v1/credentials/twilio?verify=false", { account_sid: SID, auth_token: TOKEN })).status, 200);
    assert.equal((await put(a, "/api/v1/credentials/vapi?verify=false", { api_key: "vapi-key-of-today-1", webhook_secret: SECRET, assistant_id: "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa" })).status, 200);
    assert.equal((await put(a, "/api/v1/fallback", { kind: "message", text: TEXT })).status, 200);
    const endpoints = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints;
    a.urls = { voice: endpoints.find((e) => e.provider === "twilio").urls.voice, status: endpoints.find((e) => e.provider === "twilio").urls.status, vapi: Object.values(endpoints.find((e) => e.provider === "vapi").urls)[0] };
    return a;
  }

  // A call that Twilio asks what to do with: { status, text, ms }.
  async function ring(a, id, { token = TOKEN, url = a.urls.voice } = {}) {
    const params = [["CallSid", id], ["CallStatus", "ringing"], ["From", "+14155550142"], ["To", "+14155550100"]], began = performance.now();
    const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, token) }, body: new URLSearchParams(params).toString() });
    return { status: r.status, text: await r.text(), ms: performance.now() - began, id };
  }
  async function ask(a, type, id, more = {}) {
    const body = JSON.stringify(message(type, { id }, more)), began = performance.now();
    const r = await fetch(a.urls.vapi, { method: "POST", headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: a.urls.vapi, body }) }, body });
    return { status: r.status, json: await r.json(), ms: performance.now() - began };
  }
  // How often each call's event is in PostgreSQL.
  const kept = (a) => new Map(sql(a.database, "SELECT resource, COUNT(*) FROM events GROUP BY resource").split("\n").filter(Boolean).map((l) => [l.split("|")[0], Number(l.split("|")[1])]));
  const allThere = (a, ids) => {
    const there = kept(a);
    return ids.every((id) => there.get(id) === 1);
  };
  const inBook = (a, text) => execFileSync("sqlite3", ["-cmd", ".timeout 10000", join(a.data, "book.db"), text], { encoding: "utf8" }).trim();
  const sid = (n) => `CA${String(n).padStart(32, "0")}`;
  const away = (a) => until(async () => (await a.metric("db_up")) === 0, { what: "Ava to know that PostgreSQL is away" });

  for (const [name, leave, back] of [
    ["killed", () => pg.stop("SIGQUIT"), () => pg.go()],
    ["frozen", () => ((pg.thaw = pg.freeze()), undefined), () => pg.thaw()],
  ])
    test(`PostgreSQL ${name} for ${AWAY_MS / 1000} s: every call is answered in time, and every event is there within 5 s of its return`, async () => {
      const a = await connect(await start());
      let stopped = false, n = 0;
      const calls = [], asked = [];
      const phone = async () => {
        while (!stopped) {
          calls.push(await ring(a, sid(++n)));
          asked.push(await ask(a, "assistant-request", `${name}-${++n}`));
          await new Promise((r) => setTimeout(r, 20));
        }
      };
      const phones = [phone(), phone(), phone()];
      try {
        await until(() => calls.length > 20, { what: "calls" });
        await leave();
        const from = calls.length, since = Date.now();
        await away(a);
        const known = calls.length, knownMs = Date.now() - since;
        assert.equal((await a.call("/health/answering")).status, 200);
        assert.equal((await a.call("/health/ready")).status, 503);
        assert.equal((await a.call("/api/v1/calls")).status, 503);
        await until(() => Date.now() - since > AWAY_MS && calls.length > known + 50, { what: "the time it is away", ms: AWAY_MS + 60_000 });
        const to = calls.length;
        await back();
        const backAt = Date.now();
        stopped = true;
        await Promise.all(phones);
        await until(() => allThere(a, calls.map((c) => c.id)), { every: 50, what: "every event in PostgreSQL" });
        const thereMs = Date.now() - backAt, ms = calls.concat(asked).map((c) => c.ms), knownOnes = calls.slice(known, to).map((c) => c.ms);
        console.log(`# ${name}: ${calls.length + asked.length} answers, slowest ${Math.max(...ms).toFixed(0)} ms; ${to - from} calls while it was away, known after ${knownMs} ms, from then on p50 ${median(knownOnes).toFixed(1)} ms, p99 ${median(knownOnes, 0.99).toFixed(1)} ms; all events there ${thereMs} ms after its return`);
        assert.deepEqual([...new Set(calls.concat(asked).map((c) => c.status))], [200]);
        assert.ok(calls.every((c) => c.text.includes(TEXT)), "each with the fallback of the workspace");
        assert.ok(asked.every((c) => c.json.assistantId === "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa"), JSON.stringify(asked.find((c) => !c.json.assistantId)?.json));
        assert.ok(Math.max(...ms) < LIMIT_MS, `slowest ${Math.max(...ms)} ms`);
        assert.ok(median(knownOnes, 0.99) < 50 * slack);
        assert.ok(thereMs < 5000 * slack, `${thereMs} ms`);
        assert.equal(await a.metric("book_spooled"), 0);
        await until(() => sql(a.database, "SELECT COUNT(*) FROM events WHERE status <> 'done'") === "0", { every: 50, what: "each worked on" });
      } finally {
        stopped = true;
        if (name === "frozen") pg.thaw?.();
        else if (pg.ended) await pg.go();
        await a.remove();
      }
    });

  // One Ava for what is quick; who changes it puts it right again.
  describe("with a database that goes away", () => {
    let a, n = 1000;
    before(async () => (a = await connect(await start())));
    after(() => (process.env.TEST_SHOW && console.log(a.stderr.split("\n").filter((l) => /"event":"(spool|book|db)/.test(l)).slice(-30).join("\n")), a?.remove()));

    const without = async (f) => {
      await pg.stop("SIGQUIT");
      try {
        await away(a);
        return await f();
      } finally {
        await pg.go();
        await until(async () => (await a.metric("db_up")) === 1, { what: "PostgreSQL again" });
        await until(async () => (await a.metric("book_spooled")) === 0, { what: "nothing spooled" });
      }
    };

    test("what is changed here is in the book before the change is answered", async () => {
      const text = "The office has moved.";
      await put(a, "/api/v1/fallback", { kind: "message", text });
      assert.ok((await ring(a, sid(++n))).text.includes(text), "the first call behind it");
      await put(a, "/api/v1/fallback", { kind: "message", text: TEXT });
      await without(async () => assert.ok((await ring(a, sid(++n))).text.includes(TEXT)));
    });

    test("all others are told to come again, and no token is believed that nobody can look up", async () => {
      const r = await without(async () => {
        const status = await ring(a, sid(++n), { url: a.urls.status });
        const ended = await ask(a, "status-update", "status-1", { status: "ended" });
        const unknown = await ring(a, sid(++n), { url: a.urls.voice.replace(/twilio\/[^/]+/, `twilio/${"x".repeat(43)}`) });
        const forged = await ring(a, sid(++n), { token: "not-the-token" });
        const tool = await ask(a, "tool-calls", "tool-1", { toolCallList: [{ id: "t1", function: { name: "send_text", arguments: {} } }] });
        return { status, ended, unknown, forged, tool, answering: await a.call("/health/answering"), ready: await a.call("/health/ready") };
      });
      for (const name of ["status", "ended", "unknown", "forged"]) assert.equal(r[name].status, 503, name);
      assert.equal(r.tool.status, 200);
      assert.match(r.tool.json.results[0].result, /cannot be done right now/);
      assert.deepEqual([r.answering.status, r.answering.json], [200, { status: "answering", from: "book", checks: { loops: "ok", keys: "ok", book: "ok" } }]);
      assert.equal(r.ready.status, 503);
      assert.equal((await ring(a, sid(++n), { url: a.urls.voice.replace(/twilio\/[^/]+/, `twilio/${"x".repeat(43)}`) })).status, 404, "with a database it is known to be unknown");
      assert.equal((await ring(a, sid(++n), { token: "not-the-token" })).status, 403);
    });

    test("what another host, or a command, has changed counts within 2 s; what it has connected at once", async () => {
      const address = sql(a.database, "SELECT id FROM webhook_endpoints WHERE provider = 'twilio'");
      // As another host would: the row goes, and the change is noted in the same transaction.
      const stash = sql(a.database, "CREATE TABLE stash AS SELECT * FROM credentials WHERE provider = 'twilio'; SELECT workspace_id FROM stash");
      const note = `INSERT INTO book_changes (at, workspace_id) VALUES (${Date.now()}, '${stash}')`;
      sql(a.database, `BEGIN; DELETE FROM credentials WHERE provider = 'twilio'; ${note}; COMMIT`);
      const began = Date.now();
      await until(async () => (await ring(a, sid(++n))).status === 403, { every: 20, what: "the revoked credential to be refused" });
      assert.ok(Date.now() - began < 2500 * slack, `after ${Date.now() - began} ms`);
      // Connected there a moment ago, and no look since.
      sql(a.database, `INSERT INTO credentials SELECT * FROM stash; DROP TABLE stash`);
      assert.equal((await ring(a, sid(++n))).status, 200, `${address}: asked of the database before it is refused`);
      sql(a.database, note);
      await until(() => inBook(a, "SELECT COUNT(*) FROM credentials WHERE provider = 'twilio'") === "1", { what: "it in the book" });
    });

    test("one that comes again is there once, also where the first was spooled", async () => {
      const id = sid(++n);
      await ring(a, id);
      await without(async () => {
        await Promise.all([ring(a, id), ring(a, id)]);
        await ring(a, sid(++n));
        await ring(a, sid(n));
        assert.equal(await a.metric("book_spooled"), 2);
      });
      await until(() => allThere(a, [id, sid(n)]), { what: "each once" });
    });

    test("one that the database does not take keeps nobody else back, and stays", async () => {
      const bad = sid(++n), good = sid(++n);
      await pg.stop("SIGQUIT");
      await away(a);
      for (const id of [bad, good]) assert.equal((await ring(a, id)).status, 200);
      await pg.go();
      try {
        sql(a.database, `CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'poison'; END $$; CREATE TRIGGER poison BEFORE INSERT ON events FOR EACH ROW WHEN (NEW.resource = '${bad}') EXECUTE FUNCTION poison()`);
        await until(() => kept(a).has(good), { what: "the good one", ms: 10_000 });
        await until(async () => kept(a).has(bad) || a.stderr.includes("spooled event not moved"), { what: "the bad one to be named" });
      } finally {
        sql(a.database, "DROP FUNCTION poison CASCADE");
      }
      if (!kept(a).has(bad)) {
        assert.equal(inBook(a, "SELECT status FROM events"), "dead");
        inBook(a, "UPDATE events SET status = 'received'"); // as somebody would who has mended what was in the way
      }
      await until(() => allThere(a, [bad, good]), { what: "both" });
    });
  });

  test("killed again and again while it spools: what was answered is there, once", async () => {
    const a = await connect(await start()), answered = [];
    let n = 5000, now = a;
    for (let k = 0; k < (process.env.TEST_SOAK ? 10 : 3); k++) {
      await pg.stop("SIGQUIT");
      await away(now);
      let dead = false;
      const phone = async () => {
        while (!dead) {
          const id = sid(++n), r = await ring(a, id).catch(() => undefined);
          if (r?.status === 200) answered.push(id);
        }
      };
      const had = answered.length, phones = [phone(), phone(), phone(), phone()];
      await until(() => answered.length > had + 30, { what: "calls" });
      await now.stop("SIGKILL");
      dead = true;
      await Promise.all(phones);
      await pg.go();
      now = await start({ data: a.data, url: a.database, port: a.port });
      await until(() => allThere(a, answered), { every: 50, what: "all that was answered" });
    }
    assert.equal(await now.metric("book_spooled"), 0);
    await now.remove();
  });

  for (const [name, says, spoil] of [
    ["damaged", /"event":"book".*is damaged|"event":"book".*not a database|"event":"book".*malformed/, (file) => writeFileSync(file, Buffer.concat([readFileSync(file).subarray(0, 4096), Buffer.alloc(8192, 0x5a), readFileSync(file).subarray(12288)]))],
    ["no database at all", /"event":"book".*not a database/, (file) => writeFileSync(file, "what is this? ".repeat(1000))],
    ["cut short", /"event":"book"/, (file) => truncateSync(file, Math.floor(statSync(file).size / 2))],
  ])
    test(`a book that is ${name} is put aside and made anew, and the log says so once`, async () => {
      const a = await connect(await start());
      await a.stop();
      const file = join(a.data, "book.db");
      for (const more of ["-wal", "-shm"]) rmSync(file + more, { force: true });
      spoil(file);
      const b = await start({ data: a.data, url: a.database, port: a.port });
      assert.match(b.stderr, says);
      assert.equal(b.stderr.split('"event":"book"').length, 2, b.stderr);
      assert.ok(existsSync(file + ".aside"));
      assert.equal((await b.call("/health/answering")).json.from, "book");
      assert.ok((await ring(a, sid(1))).text.includes(TEXT));
      await b.remove();
    });

  test("a book that is damaged or taken away while it is open is made anew without a restart", async () => {
    const a = await connect(await start()), file = join(a.data, "book.db");
    for (const more of ["", "-wal", "-shm"]) rmSync(file + more, { force: true });
    await until(() => a.stderr.includes("removed or replaced while it was open"), { what: "the log to say so" });
    await until(async () => (await a.call("/health/answering")).json.from === "book", { what: "another" });
    await pg.stop("SIGQUIT");
    await away(a);
    const r = await ring(a, sid(2));
    assert.equal(r.status, 200);
    assert.ok(r.text.includes(TEXT));
    await pg.go();
    await until(() => allThere(a, [sid(2)]), { what: "its event" });
    await a.remove();
  });

  test("a book of another installation is not believed", async () => {
    const a = await connect(await start()), data = folder();
    await a.stop();
    for (const more of ["", "-wal", "-shm"]) if (existsSync(join(a.data, "book.db" + more))) writeFileSync(join(data, "book.db" + more), readFileSync(join(a.data, "book.db" + more)));
    const b = await start({ data, keys: OTHER_KEYS });
    assert.match(b.stderr, /of another installation, or under other master keys/);
    assert.equal(inBook(b, "SELECT COUNT(*) FROM credentials"), "0");
    await b.remove();
    await a.remove();
  });

  test("the disk of the book is full, and the database away: the phone is answered, and the log says what was not kept", { skip: noMount }, async () => {
    const data = folder();
    sql(pg.url, `CREATE DATABASE book_${++count}`);
    const url = at(pg.url, { pathname: `/book_${count}` });
    useDatabase(data, { DATABASE_URL: url, AVA_MASTER_KEYS: KEYS });
    const small = ["unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size=24m none "$AVA_DATA_DIR" && exec "$@"', "sh"];
    const a = Object.assign(await Ava.start({ verb: "serve", data, through: small }), { database: url });
    started.push(a);
    const inside = (command) => execFileSync("nsenter", ["-t", String(a.child.pid), "-m", "sh", "-c", command], { encoding: "utf8" });
    // Commands beside it see the folder from outside: keys are made through the API.
    const token = new URL(a.link).hash.slice(3);
    const setup = await a.call("/api/v1/auth/setup", { body: { token, email: "ada@example.com", password: "correct horse battery" }, key: null });
    assert.equal(setup.status, 201, setup.text);
    const cookie = setup.headers.getSetCookie().map((c) => c.split(";")[0]).join("; ");
    const by = (path, body, method = "PUT") => a.call(path, { method, body, key: null, headers: { Cookie: cookie, Origin: a.base, "X-CSRF-Token": setup.json.csrf_token } });
    assert.equal((await by("/api/v1/credentials/twilio?verify=false", { account_sid: SID, auth_token: TOKEN })).status, 200);
    const listed = (await a.call("/api/v1/webhooks/endpoints", { key: null, headers: { Cookie: cookie } })).json;
    a.urls = { voice: listed.endpoints.find((e) => e.provider === "twilio").urls.voice };
    inside(`head -c 24M /dev/zero > ${data}/somebody-elses || true`);
    await pg.stop("SIGQUIT");
    await away(a);
    const lost = [];
    for (let i = 0; i < 30; i++) {
      const r = await ring(a, sid(9000 + i));
      assert.equal(r.status, 200);
      assert.ok(r.ms < LIMIT_MS, `${r.ms} ms`);
      lost.push(r.id);
    }
    await until(() => a.stderr.includes('"event":"event not kept"'), { what: "the log to say so" });
    inside(`rm ${data}/somebody-elses`);
    const later = await ring(a, sid(9100));
    assert.equal(later.status, 200);
    await pg.go();
    await until(() => allThere(a, [sid(9100)]), { what: "what came once there was room" });
    await a.remove();
  });
});
