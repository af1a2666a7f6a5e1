// More than Ava can carry: refused at once and politely, webhooks and health last.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { sign } from "../lib/twilio.mjs";

const SLOTS = 20, SHARE = 14; // 70 % for everybody but webhooks
const SID = "AC" + "0123456789abcdef".repeat(2), TOKEN = "the-auth-token-of-today-1";

describe("all slots taken", { skip: missing }, () => {
  let a, url;
  before(async () => {
    a = await Ava.start({ env: { MAX_REQUESTS: String(SLOTS), CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
  });
  after(() => a.remove());

  const shed = (label) => a.metric("requests_shed_total", { class: label });
  const webhook = (id) => {
    const params = [["CallSid", id], ["CallStatus", "completed"]];
    return fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, TOKEN) }, body: new URLSearchParams(params) });
  };

  test("reads and writes are refused with Retry-After, webhooks, health and metrics are not; then all is as before", async () => {
    assert.deepEqual(await Promise.all(["read", "write", "webhook"].map(shed)), [0, 0, 0], "the series are there from the start");
    await a.fault({ provider: "vapi", fault: "hang" });
    const held = Array.from({ length: SHARE }, () => a.call("/api/v1/vapi/settings", { headers: { "X-Request-Timeout-Ms": "3000" } }));
    await until(async () => (await a.metric("bulkhead_in_flight", { service: "vapi" })) === SHARE, { what: `${SHARE} requests in hand` });
    for (const r of [await a.call("/api/v1/auth/me"), await a.call("/api/v1/auth/keys", { body: { name: "no" } })]) {
      assert.equal(r.status, 503, r.text);
      assert.equal(r.json.code, "overloaded");
      assert.equal(r.headers.get("retry-after"), "1");
      assert.ok(r.headers.get("x-correlation-id"));
    }
    for (let i = 0; i < 50; i++) assert.equal((await webhook(`CA${i}`)).status, 200);
    assert.equal((await a.call("/health/ready")).status, 200);
    assert.equal((await a.call("/health/live")).status, 200);
    assert.equal(await shed("read"), 1);
    assert.equal(await shed("write"), 1);
    assert.equal(await shed("webhook"), 0);
    await a.fault({ provider: "vapi", fault: "none" }).catch(() => {}); // it is a write too
    assert.ok((await Promise.all(held)).every((r) => r.status === 504), "those in hand ended by themselves");
    assert.equal((await a.call("/api/v1/auth/me")).status, 200);
    assert.equal(await a.metric("bulkhead_in_flight", { service: "vapi" }), 0);
  });
});

describe("loops that come late", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { MAX_LOOP_LAG_MS: "100", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  test("answer all the same: being late is no reason to refuse", async () => {
    // a machine that gives Ava a fifth of a core: it stands still for 200 ms, runs for 50, and so on
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    let stop = false;
    const stalls = (async () => {
      while (!stop) {
        a.child.kill("SIGSTOP");
        await pause(200);
        a.child.kill("SIGCONT");
        await pause(50);
      }
    })();
    for (const began = Date.now(); Date.now() - began < 3000; ) assert.equal((await a.call("/api/v1/auth/me")).status, 200);
    assert.equal((await a.call("/health/live")).status, 200);
    stop = true;
    await stalls;
    assert.equal(await a.metric("requests_shed_total", { class: "read" }), 0);
  });
});

describe("more callers than can be answered in time", { skip: missing }, () => {
  let a, other, url;
  before(async () => {
    a = await Ava.start({ env: { MAX_LOOP_LAG_MS: "8", AVA_THREADS: "1", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
    other = await a.newPerson("other@example.com");
    for (let i = 0; i < 100; i++) { // so that a page of events takes its time
      const params = [["CallSid", `CA${"f".repeat(20)}${i}`], ["CallStatus", "completed"], ["Note", "x".repeat(200)]];
      await fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, TOKEN) }, body: new URLSearchParams(params) });
    }
  });
  after(() => a.remove());

  // Asks again as soon as it is answered, until told to stop; counts by status in each slice of 500 ms.
  function storm(callers, until, slices) {
    const wanted = `GET /api/v1/events?limit=100 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${a.key}\r\n\r\n`, began = Date.now();
    return Array.from({ length: callers }, () => {
      const socket = connect(a.port, "127.0.0.1", () => socket.write(wanted));
      let left = "";
      socket.on("error", () => {}).on("data", (b) => {
        left += b.toString("latin1");
        for (let m; (m = /^HTTP\/1\.1 (\d+)[^]*?content-length: (\d+)[^]*?\r\n\r\n/i.exec(left)) && left.length >= m[0].length + Number(m[2]); ) {
          left = left.slice(m[0].length + Number(m[2]));
          const slice = (slices[Math.floor((Date.now() - began) / 500)] ??= {});
          slice[m[1]] = (slice[m[1]] ?? 0) + 1;
          if (!until.over) socket.write(wanted);
          else socket.end();
        }
      });
      return socket;
    });
  }

  test("some are answered at all times, webhooks and who asks little always, and afterwards everybody", { timeout: 60_000 }, async (t) => {
    const until = { over: false }, slices = [], hooks = [], little = [];
    const sockets = storm(800, until, slices);
    for (const began = Date.now(); Date.now() - began < 4000; ) {
      const params = [["CallSid", `CA${hooks.length}`], ["CallStatus", "completed"]];
      const r = await fetch(url, { method: "POST", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, TOKEN) }, body: new URLSearchParams(params) });
      hooks.push(r.status);
      little.push((await a.call("/api/v1/auth/me", { key: other.key })).status);
    }
    until.over = true;
    // What the crowd had asked last is still in line, and its key waits behind it.
    let after;
    for (const over = Date.now(); after?.status !== 200 && Date.now() - over < 5000; ) after = await a.call("/api/v1/auth/me");
    sockets.forEach((s) => s.destroy());
    t.diagnostic(`by half second: ${JSON.stringify(slices)}`);
    assert.equal(after.status, 200);
    assert.deepEqual([...new Set(hooks)], [200]);
    assert.deepEqual([...new Set(little)], [200], "who asks little waits for no crowd");
    for (const [i, slice] of slices.slice(0, 8).entries()) assert.ok((slice?.["200"] ?? 0) > 0, `half second ${i}: ${JSON.stringify(slice)}`);
    assert.equal((await a.call("/health/live")).status, 200);
  });
});

describe("a flood of refusals", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "info" } });
    await a.signUp();
  });
  after(() => a.remove());

  const lines = () => a.stderr.split("\n").filter((l) => l.startsWith("{")).map((l) => JSON.parse(l));

  test("has some lines of the log, the others are counted, and who is served keeps a line each", async () => {
    const REFUSED = 2000, SERVED = 100, began = Date.now();
    const strange = () => a.call("/api/v1/calls", { key: "ava_nobody" }), code = (await strange()).json.code;
    for (let i = 0; i < REFUSED / 100; i++) {
      const all = await Promise.all([...Array.from({ length: 100 }, strange), ...Array.from({ length: SERVED / 20 }, () => a.call("/api/v1/auth/me"))]);
      assert.deepEqual([...new Set(all.map((r) => r.status))].sort(), [200, 401]);
    }
    const seconds = Math.ceil((Date.now() - began) / 1000) + 1;
    const refused = () => lines().filter((l) => l.event === "request" && l.status === 401).length;
    const counted = () => lines().filter((l) => l.event === "refusals").reduce((n, l) => (assert.equal(l.code, code), n + l.not_logged), 0);
    let more = 1;
    await until(async () => (await strange(), more++, refused() + counted() >= REFUSED), { what: "all are accounted for" });
    assert.ok(refused() + counted() <= REFUSED + more);
    assert.ok(refused() <= 50 * (seconds + 2), `${refused()} lines in ${seconds} s`);
    await until(() => lines().filter((l) => l.event === "request" && l.route === "/api/v1/auth/me" && l.status === 200).length === SERVED, { what: "a line each" });
  });
});
