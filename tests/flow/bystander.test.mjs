// What one asks for, however large it is, costs others no time (HARDENING 5, 6): somebody else reads and writes meanwhile.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { onPostgres, rows } from "../lib/database.mjs";
import { figures, quantile } from "../lib/load.mjs";
import { reading } from "../lib/load_apart.mjs";
import { SID, TOKEN } from "../lib/scripted.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

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
  const sql = (text) => rows(a.data, text);

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
    const log = () => (onPostgres ? 0 : statSync(join(a.data, "ava.db-wal")).size); // of SQLite alone
    const walBefore = log(), others = writing(), began = performance.now();
    const r = await a.call("/api/v1/events/replay", { body: { type: "transcript" } });
    const asked = performance.now() - began;
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.count, EVENTS, r.text);
    await until(async () => (await a.call("/api/v1/events?limit=1&status=received")).json.events.length === 0, { ms: 300_000, every: 100, what: "all worked on" });
    const writes = await others.stop(), wal = log();
    t.diagnostic(`asked for within ${asked.toFixed(0)} ms; others' writes meanwhile: ${figures(writes)}; the log grew by ${((wal - walBefore) / 1048576).toFixed(0)} MiB`);
    assert.deepEqual([...new Set(writes.map((w) => w.status))], [200]);
    assert.ok(quantile(writes, 0.5) < 200, figures(writes));
    assert.ok(wal < 256 * 1048576, `${wal} bytes of log`);
  });
});

describe("beside somebody who reads what is long", { skip: missing, concurrency: 1 }, () => {
  const SECRET = "what-vapi-sends-with-each-message", CALL = "5b1d9c40-7777-4000-8000-00000000f001";
  let a, other, vapi, twilio;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    other = await a.newPerson("other@example.com");
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "bystander-vapi-key-0002", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    [vapi, twilio] = [endpoints.find((e) => e.provider === "vapi").urls.server, endpoints.find((e) => e.provider === "twilio").urls.message.split("#")[0]];
  });
  after(() => a?.remove());
  const settled = () => until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0, { what: "nothing left to work on", ms: 60_000 });

  // Runs it beside reads of somebody else's; gives what run gave.
  async function beside(t, what, run) {
    await run(); // once, to warm up
    const others = await reading(`${a.base}/api/v1/auth/me`, { Authorization: `Bearer ${other.key}` }, 200);
    a.forgetPeak();
    const stood = a.memory(), began = performance.now(), result = await run(), took = performance.now() - began;
    const reads = await others.stop(), grown = a.memory("VmHWM") - stood;
    t.diagnostic(`${what}: ${took.toFixed(0)} ms, memory peaked ${grown} KiB higher; others' reads: ${figures(reads)}`);
    assert.deepEqual([...new Set(reads.map((r) => r.status))], [200]);
    if (!sanitized) assert.ok(grown < 64 << 10, `${grown} KiB`);
    assert.ok(took < 2000, `${took} ms`);
    return result;
  }

  test("a timeline of 210 webhooks of 130 kB each opens none of them", { timeout: 120_000 }, async (t) => {
    for (let n = 0; n < 210; n++) {
      const body = JSON.stringify({ message: { type: "status-update", status: n ? "in-progress" : "ringing", timestamp: Date.now(), n, artifact: { transcript: "x".repeat(130_000) }, call: { id: CALL, type: "inboundPhoneCall" } } });
      const r = await a.call(new URL(vapi).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: vapi, body }) } });
      assert.equal(r.status, 200, r.text);
    }
    await settled();
    const call = (await a.call("/api/v1/calls")).json.calls.find((c) => c.provider_id === CALL);
    const r = await beside(t, "ten timelines", async () => (await Promise.all(Array.from({ length: 10 }, () => a.call(`/api/v1/calls/${call.id}/timeline`))))[0]);
    assert.equal(r.status, 200, r.text.slice(0, 200));
    const told = r.json.entries.filter((e) => e.kind === "webhook");
    assert.equal(told.length, 200, "as many as a timeline shows");
    assert.ok(told.every((e) => /, (ringing|in-progress)/.test(e.text)), told[0].text);
  });

  test("a page of long texts ends where it gets heavy, and the next goes on", { timeout: 120_000 }, async (t) => {
    for (let n = 0; n < 60; n++) {
      const pairs = [["MessageSid", `SM${String(n).padStart(32, "0")}`], ["From", "+15005550142"], ["To", "+15005550006"], ["Body", `${n} ${"y".repeat(80_000)}`]];
      const r = await a.call(new URL(twilio).pathname, { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(twilio, pairs, TOKEN) } });
      assert.equal(r.status, 200, r.text);
    }
    await settled();
    await beside(t, "ten pages", () => Promise.all(Array.from({ length: 10 }, () => a.call("/api/v1/messages?limit=100"))));
    const seen = new Set();
    let pages = 0;
    for (let cursor = ""; cursor !== null; pages++) {
      const r = await a.call(`/api/v1/messages?limit=100${cursor && `&cursor=${cursor}`}`);
      assert.equal(r.status, 200, r.text.slice(0, 200));
      assert.ok(r.text.length < 3 << 20, `${r.text.length} bytes`);
      r.json.messages.forEach((m) => seen.add(m.body.split(" ")[0]));
      cursor = r.json.next_cursor;
    }
    assert.deepEqual([seen.size, pages > 1], [60, true]);
  });
});
