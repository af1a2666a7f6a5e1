// More than Ava can carry: refused at once and politely, webhooks and health last.
import assert from "node:assert/strict";
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
    a = await Ava.start({ env: { MAX_LOOP_LAG_MS: "50", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  test("refuse reads after a second, never health, and recover by themselves", async () => {
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
    const refused = await until(async () => ((r) => r.status === 503 && r)(await a.call("/api/v1/vapi/settings")), { what: "a read refused" });
    assert.equal(refused.json.code, "overloaded");
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.equal((await a.call("/health/live")).status, 200);
    stop = true;
    await stalls;
    assert.ok((await a.metric("requests_shed_total", { class: "read" })) > 0);
    await until(async () => (await a.call("/api/v1/auth/me")).status === 200, { every: 200, what: "reads are answered again" });
  });
});
