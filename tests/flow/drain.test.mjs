// SIGTERM costs nobody a request: Ava restarted again and again behind a real proxy, under load, with writes that
// must not be lost and must not happen twice; and what a stopping Ava does in what order (RESILIENCE 15).
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { Haproxy, listenPort, noHaproxy } from "../lib/haproxy.mjs";
import { figures, paced, tally } from "../lib/load.mjs";
import { sign } from "../lib/twilio.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const RESTARTS = LONG ? 100 : 6;
const RATE = LONG ? 200 : 100; // requests a second
const SID = "AC" + "0123456789abcdef".repeat(2), TOKEN = "the-auth-token-of-today-1";
const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// The provider is another process, so that it outlives the Ava that is restarted.
async function provided() {
  const provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
  const { vapi } = (await provider.call("/sandbox/api/credentials", { key: null })).json;
  const connect = (a) => a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id } });
  return { provider, vapi, connect };
}

const calls = async (a) => {
  const all = [];
  for (let cursor = ""; cursor !== null; ) {
    const page = (await a.call(`/api/v1/calls?limit=100${cursor && `&cursor=${cursor}`}`)).json;
    all.push(...page.calls);
    cursor = page.next_cursor;
  }
  return all;
};
const events = async (a) => {
  const all = [];
  for (let cursor = ""; cursor !== null; ) {
    const page = (await a.call(`/api/v1/events?limit=100${cursor && `&cursor=${cursor}`}`)).json;
    all.push(...page.events);
    cursor = page.next_cursor;
  }
  return all;
};
// All that Vapi has; pages overlap where calls were made in one millisecond.
const placed = async (vapi) => {
  const all = new Map();
  for (let before = ""; ; ) {
    const page = await fetch(`${vapi.base_url}/call?limit=1000${before}`, { headers: { Authorization: `Bearer ${vapi.api_key}` } }).then((r) => r.json());
    for (const c of page) all.set(c.id, c);
    if (page.length < 1000) return [...all.values()];
    before = `&createdAtLe=${page.at(-1).createdAt}`;
  }
};
const sql = (a, query) => rows(a.data, query);

describe(`${RESTARTS} restarts behind HAProxy at ${RATE} requests a second`, { skip: missing || noHaproxy }, () => {
  const stop = {};
  let provider, vapi, proxy, a, key, port, front, data;
  const start = () => Ava.start({ port, data, env: { VAPI_BASE_URL: vapi.base_url, AVA_PUBLIC_URL: `http://127.0.0.1:${front}`, TRUSTED_PROXIES: "127.0.0.1", DRAIN_DELAY_SECONDS: "1", AVA_LOG_LEVEL: "warn" } });

  before(async () => {
    const p = await provided();
    ({ provider, vapi } = p);
    port = await listenPort();
    front = await listenPort();
    a = await start();
    proxy = await Haproxy.start(front, port);
    data = a.data;
    await a.signUp();
    key = a.key;
    assert.equal((await p.connect(a)).status, 200);
    assert.equal((await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } })).status, 200);
    await provider.fault({ provider: "vapi", fault: "latency", latency_ms: 200, operation: "PATCH" }); // always some in hand
  });
  after(async () => {
    stop.now = true;
    await a?.remove();
    await proxy?.remove();
    await provider?.remove();
  });

  test("no request fails, and every write happened once", async () => {
    const hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
    const through = async (path, { body, form, headers = {}, method } = {}) => {
      const type = body ? { "Content-Type": "application/json" } : form ? { "Content-Type": "application/x-www-form-urlencoded" } : {};
      const r = await fetch(proxy.base + path, { method: method ?? (body || form ? "POST" : "GET"), headers: { Authorization: `Bearer ${key}`, ...type, ...headers }, body: body ? JSON.stringify(body) : form });
      const text = await r.text();
      return { status: r.status, json: text.startsWith("{") ? JSON.parse(text) : {} };
    };
    const called = [], hooked = [];
    const kinds = [
      () => through("/api/v1/vapi/settings"),
      () => through("/api/v1/auth/keys"),
      (n) => through("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: `Hello ${n}` } }),
      (n) => {
        const to = `+3361${String(n).padStart(7, "0")}`;
        called.push(to);
        return through("/api/v1/calls", { body: { to }, headers: { Prefer: "respond-async" } });
      },
      (n) => {
        const id = `CA${String(n).padStart(8, "0")}`, params = [["CallSid", id], ["CallStatus", "completed"]];
        hooked.push(id);
        return through(new URL(hook).pathname, { form: new URLSearchParams(params).toString(), headers: { "X-Twilio-Signature": sign(hook, params, TOKEN) } });
      },
    ];
    const load = paced(RATE, 3600, (n) => kinds[n % kinds.length](n), stop);
    const stopMs = [], awayMs = [];
    for (let n = 0; n < RESTARTS; n++) {
      await pause(300 + Math.random() * 300);
      const began = Date.now();
      const { code, signal } = await a.stop();
      const ended = Date.now();
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, a.stderr);
      assert.ok(!a.stderr.includes('"cut"'), a.stderr);
      a = await start();
      stopMs.push(ended - began);
      awayMs.push(Date.now() - ended);
    }
    stop.now = true;
    const answers = await load;
    a.key = key;
    const counts = tally(answers), good = ["200", "202"];
    console.log(`# ${RESTARTS} restarts, ${answers.length} requests, ${answers.filter((x) => !good.includes(String(x.status))).length} failed: ${JSON.stringify(counts)}`);
    console.log(`# ${figures(answers)}; stopped after ${Math.max(...stopMs)} ms at most, started after ${Math.max(...awayMs)} ms at most; ${JSON.stringify(await proxy.figures())}`);
    assert.deepEqual(Object.keys(counts).filter((name) => !good.includes(name)), [], JSON.stringify(counts));

    await until(async () => (await calls(a)).every((c) => c.status !== "requested"), { ms: 60_000, every: 200, what: "every accepted call placed" });
    const once = (got, wanted, what) => assert.deepEqual(got.sort(), wanted.sort(), what);
    once((await calls(a)).filter((c) => c.provider === "vapi").map((c) => c.to), [...called], "one call for each that was accepted");
    once((await placed(vapi)).map((c) => c.customer.number), [...called], "and one at the provider");
    once((await events(a)).map((e) => e.resource), [...hooked], "one event for each webhook");
  });
});

// Bytes over a connection of its own, so that what is kept and what is closed can be seen.
class Wire {
  static open(port) {
    const self = new Wire();
    self.text = "";
    self.socket = connect(port, "127.0.0.1");
    self.socket.on("data", (b) => (self.text += b)).on("error", (e) => (self.broken = e.code));
    self.ended = new Promise((r) => self.socket.once("close", r));
    return new Promise((done, fail) => {
      self.socket.once("connect", () => done(self));
      self.socket.once("error", fail);
    });
  }
  send(text) {
    this.text = "";
    this.socket.write(text);
    return this;
  }
  answer() {
    return until(() => this.broken || /^HTTP\/1.1 (\d+) [^]*\r\n\r\n/.test(this.text), { what: "an answer" }).then(() => this.broken ?? this.text);
  }
}
const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
const refused = (port) => Wire.open(port).then((w) => (w.socket.destroy(), false), (e) => e.code === "ECONNREFUSED");

describe("a stopping Ava", { skip: missing, concurrency: 3 }, () => {
  test("says so first, serves on, lets go of kept connections, then takes no new ones", async () => {
    const a = await Ava.start({ env: { DRAIN_DELAY_SECONDS: "2" } });
    try {
      const idle = await Wire.open(a.port), kept = await Wire.open(a.port);
      for (const w of [idle, kept]) assert.doesNotMatch(await w.send(get("/health/live")).answer(), /^connection: close/im);
      const began = Date.now();
      a.child.kill("SIGTERM");
      await until(async () => /^HTTP\/1.1 503 /.test(await (await Wire.open(a.port)).send(get("/health/ready")).answer()), { what: "not ready" });
      assert.match(await kept.send(get("/health/live")).answer(), /^HTTP\/1.1 200 [^]*^connection: close/im);
      await kept.ended;
      assert.match(await (await Wire.open(a.port)).send(get("/health/live")).answer(), /^HTTP\/1.1 200 [^]*^connection: close/im);
      assert.ok(Date.now() - began < 1900, "this machine is too slow to tell");
      await idle.ended;
      assert.equal(idle.broken, undefined);
      assert.ok(Date.now() - began >= 1900, "an idle one stays for the delay");
      assert.deepEqual(await a.exited, { code: 0, signal: null });
      assert.ok(await refused(a.port));
    } finally {
      await a.remove();
    }
  });

  test("waits for what is on its way: a body half sent, a connection just made", async () => {
    const a = await Ava.start();
    try {
      await a.signUp();
      const body = JSON.stringify({ name: "of the last moment" });
      const half = await Wire.open(a.port), fresh = await Wire.open(a.port);
      half.send(`POST /api/v1/auth/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${a.key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 9)}`);
      await until(async () => (await a.metric("http_server_connections")) >= 2, { what: "both taken" });
      a.child.kill("SIGTERM");
      await until(async () => refused(a.port), { what: "closed for new ones" });
      assert.match(await fresh.send(get("/health/live")).answer(), /^HTTP\/1.1 200 /);
      half.socket.write(body.slice(9));
      assert.match(await half.answer(), /^HTTP\/1.1 201 /);
      assert.deepEqual(await a.exited, { code: 0, signal: null });
    } finally {
      await a.remove();
    }
  });

  test("has ended within its time although a provider hangs, its leases given back; what was promised goes on", async () => {
    const { provider, vapi, connect } = await provided();
    const env = { VAPI_BASE_URL: vapi.base_url, CIRCUIT_BREAKER_ENABLED: "false" };
    let a = await Ava.start({ env });
    try {
      await a.signUp();
      const { key, data } = a;
      assert.equal((await connect(a)).status, 200);
      const place = async (to, headers = {}) => (await a.call("/api/v1/calls", { body: { to }, headers })).json;
      // One call hangs at the provider, and so does a read; another call waits for its retry.
      await provider.fault({ provider: "vapi", fault: "hang" });
      const hangs = await place("+33610000001", { Prefer: "respond-async" });
      const read = a.call("/api/v1/vapi/settings");
      const hung = async () => (await provider.ledger()).hits.filter((r) => r.status === null && r.provider === "vapi").length;
      await until(async () => (await hung()) === 2, { what: "both hang" });
      await provider.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "4", operation: "POST /call" });
      const waits = await place("+33610000002", { Prefer: "respond-async" });
      const state = async (id) => (await a.call(`/api/v1/operations/${id}`)).json.status;
      await until(async () => (await state(waits.id)) === "retrying", { what: "it waits" });
      const began = Date.now();
      const [end, answer] = await Promise.all([a.stop(), read]);
      const took = Date.now() - began;
      assert.deepEqual(end, { code: 0, signal: null });
      assert.ok(took < 25_000, `${took} ms`); // an attempt has 5 s, all together 20
      assert.ok([503, 504].includes(answer.status), answer.text);
      assert.equal(sql(a, "SELECT COUNT(*) FROM jobs WHERE state = 'leased'"), "0");
      await provider.fault({ provider: "vapi", fault: "none" });
      a = await Ava.start({ data, env });
      a.key = key;
      await until(async () => (await state(waits.id)) === "succeeded", { what: "the promised one done" });
      assert.ok(["unknown", "succeeded", "unconfirmed"].includes(await state(hangs.id)), await state(hangs.id));
    } finally {
      await a.remove();
      await provider.remove();
    }
  });

  test("a second SIGTERM ends it at once, with all that was acknowledged on disk", async () => {
    const env = { CIRCUIT_BREAKER_ENABLED: "false", DRAIN_DELAY_SECONDS: "30" };
    let a = await Ava.start({ env });
    try {
      await a.signUp();
      await a.fault({ provider: "vapi", fault: "hang" });
      const accepted = (await a.call("/api/v1/calls", { body: { to: "+33610000003" }, headers: { Prefer: "respond-async" } })).json;
      const cut = a.call("/api/v1/vapi/settings").catch(() => "cut");
      await until(async () => (await a.metric("http_server_requests_in_flight")) >= 2, { what: "in hand" });
      a.child.kill("SIGTERM");
      await until(async () => (await a.call("/health/ready", { key: null })).status === 503, { what: "not ready" });
      const began = Date.now();
      const end = await a.stop();
      assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
      assert.deepEqual(end, { code: 0, signal: null });
      await cut;
      assert.equal(sql(a, "SELECT COUNT(*) FROM jobs WHERE state = 'leased'"), "0");
      assert.equal(sql(a, `SELECT COUNT(*) FROM jobs WHERE object = '${accepted.id}'`), "1");
      const { key, data } = a;
      a = await Ava.start({ data });
      a.key = key;
      await until(async () => (await a.call(`/api/v1/operations/${accepted.id}`)).json.status === "unknown", { what: "nobody knows what became of it: it hung at the provider" });
    } finally {
      await a.remove();
    }
  });
});
