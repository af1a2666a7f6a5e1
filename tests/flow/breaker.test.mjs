// Bears company.
// The breaker, over real sockets, seen from outside: hits in the sandbox's ledger and series in /metrics.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const RECOVERY_S = 60; // passes when it is told to: a thousand answers take some seconds on a busy machine

describe("a provider that fails", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(RECOVERY_S), AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a.remove());

  const state = () => a.metric("circuit_breaker_state", { service: "vapi" });
  const read = () => a.call("/api/v1/vapi/settings");
  const hits = async () => (await a.ledger()).counts.vapi;

  test("opens on the third failed call, not before", async () => {
    assert.equal((await read()).status, 200);
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    for (const n of [1, 2, 3]) {
      assert.equal(await state(), 0, `before failed call ${n}`);
      const r = await read();
      assert.equal(r.status, 502, r.text);
      assert.equal(r.json.code, "provider_error");
      assert.equal(r.json.upstream_status, 503);
      assert.equal(r.json.service, "vapi");
    }
    assert.equal(await state(), 2);
    assert.equal(await a.metric("circuit_breaker_opens_total", { service: "vapi" }), 1);
  });

  test("sends not one byte while it rests, and says how long", async () => {
    const before = await hits();
    const refused = await Promise.all(Array.from({ length: 50 }, read));
    for (const r of refused) {
      assert.equal(r.status, 503);
      assert.equal(r.json.code, "provider_unavailable");
      const wait = Number(r.headers.get("retry-after"));
      assert.ok(wait >= 1 && wait <= RECOVERY_S, `Retry-After ${wait}`);
      assert.equal(r.json.detail, `Vapi is temporarily unavailable. Try again in ${wait} s.`);
    }
    assert.equal(await hits(), before);
    assert.ok((await a.metric("circuit_breaker_rejections_total", { service: "vapi" })) >= 50);
    const ready = await a.call("/health/ready");
    assert.equal(ready.status, 200, "an open breaker never makes Ava unready");
    const card = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "vapi");
    assert.equal(card.status, "resting");
    assert.equal(card.breaker, "open");
    assert.ok(card.retry_in_seconds >= 1);
  });

  test("lets exactly one probe through among a thousand callers, and a failed one starts the rest anew", async () => {
    await a.advance(RECOVERY_S);
    await until(async () => (await state()) === 1, { what: "half open" });
    const before = await hits();
    const answers = await Promise.all(Array.from({ length: 1000 }, read));
    assert.equal((await hits()) - before, 1);
    assert.equal(answers.filter((r) => r.json.code === "provider_error").length, 1);
    assert.equal(answers.filter((r) => r.json.code === "provider_unavailable").length, 999);
    assert.equal(await state(), 2);
  });

  test("closes after two good probes", async () => {
    await a.fault({ provider: "vapi", fault: "none" });
    await a.advance(RECOVERY_S);
    await until(async () => (await state()) === 1, { what: "half open again" });
    assert.equal((await read()).status, 200);
    assert.equal(await state(), 1, "one is not enough");
    assert.equal((await read()).status, 200);
    assert.equal(await state(), 0);
    assert.equal(await a.metric("circuit_breaker_closes_total", { service: "vapi" }), 1);
    assert.equal(await a.metric("circuit_breaker_probes_total", { service: "vapi", outcome: "ok" }), 2);
  });

  test("a 429 is honoured as a wait, not as a failure", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "2", times: 1 });
    const r = await read();
    assert.equal(r.status, 200, "it waited and tried again: " + r.text);
    assert.equal(r.headers.get("ava-attempts"), "2");
    assert.equal(await state(), 0);
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "120", times: 1 });
    const long = await read();
    assert.equal(long.status, 429);
    assert.equal(long.json.code, "provider_rate_limited");
    assert.equal(long.headers.get("retry-after"), "120");
  });
});

describe("every way a provider can break", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  for (const [name, fault, status, code] of [
    ["reset", { fault: "reset" }, 502, "provider_error"],
    ["truncated", { fault: "truncated" }, 502, "provider_error"],
    ["malformed", { fault: "malformed" }, 502, "provider_bad_response"],
    ["500", { fault: "status", status: 500 }, 502, "provider_error"],
    ["402", { fault: "status", status: 402 }, 424, "provider_account_problem"],
    ["400", { fault: "status", status: 400 }, 422, "provider_rejected_request"],
    ["404", { fault: "status", status: 404 }, 404, "provider_resource_not_found"],
    ["hang", { fault: "hang" }, 504, "provider_timeout"],
  ])
    test(`${name} ends as ${status} ${code}`, async () => {
      await a.fault({ provider: "vapi", ...fault });
      const r = await a.call("/api/v1/vapi/settings");
      await a.fault({ provider: "vapi", fault: "none" });
      assert.equal(r.status, status, r.text);
      assert.equal(r.json.code, code);
      assert.ok(r.json.correlation_id && r.json.detail);
      assert.doesNotMatch(r.json.detail, /127\.0\.0\.1|Internal server|http:/);
    });

  test("a bad key of the workspace is 424 and leaves the session alone", async () => {
    const put = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "revoked-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
    assert.equal(put.status, 200, put.text);
    const r = await a.call("/api/v1/vapi/settings");
    assert.equal(r.status, 424, r.text);
    assert.equal(r.json.code, "provider_credentials_rejected");
    assert.equal(r.json.upstream_status, 401);
    assert.equal((await a.call("/api/v1/auth/me")).status, 200);
    const before = (await a.ledger()).counts.vapi;
    assert.equal((await a.call("/api/v1/vapi/settings")).status, 424);
    assert.equal((await a.ledger()).counts.vapi, before, "the gate answers by itself for a minute");
    const card = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "vapi");
    assert.equal(card.status, "needs_attention");
    const saved = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: "a-good-sandbox-key", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
    assert.equal(saved.status, 200, saved.text);
    assert.equal((await a.call("/api/v1/vapi/settings")).status, 200, "a new key opens the gate");
    const wrong = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: "wrong-key-0002", assistant_id: "x" } });
    assert.equal(wrong.status, 422);
    assert.equal(wrong.json.code, "credential_invalid");
    assert.equal(wrong.json.errors[0].field, "api_key");
    assert.equal((await a.call("/api/v1/vapi/settings")).status, 200, "nothing was saved");
  });
});

describe("the cache", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", CACHE_TTL_SECONDS: "1", AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  test("asks the provider once for any number of readers at once", async () => {
    const long = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", CACHE_TTL_SECONDS: "60", AVA_LOG_LEVEL: "off" } }); // longer than they all take
    await long.signUp();
    await long.fault({ provider: "vapi", fault: "latency", latency_ms: 300 });
    const before = (await long.ledger()).counts.vapi;
    const answers = await Promise.all(Array.from({ length: 300 }, () => long.call("/api/v1/vapi/settings")));
    assert.ok(answers.every((r) => r.status === 200));
    assert.equal((await long.ledger()).counts.vapi - before, 1);
    await long.remove();
  });

  test("is refreshed before it ends: readers that keep coming never wait for the provider", async () => {
    await a.call("/api/v1/vapi/settings");
    const before = (await a.ledger()).counts.vapi;
    const seen = new Set();
    await until(async () => {
      seen.add((await a.call("/api/v1/vapi/settings")).headers.get("cache-status"));
      return (await a.ledger()).counts.vapi >= before + 3; // three times the life of an entry
    }, { every: 5 });
    assert.deepEqual([...seen], ["ava;hit"]);
  });

  test("stands in with an older value while the provider is down, and says so", async () => {
    const good = await a.call("/api/v1/vapi/settings");
    await a.fault({ provider: "vapi", fault: "status", status: 500 });
    const stale = await until(async () => {
      const r = await a.call("/api/v1/vapi/settings");
      return r.headers.get("cache-status") === "ava;hit;stale" && r;
    });
    assert.equal(stale.status, 200);
    assert.equal(stale.json.stale, true);
    assert.ok(Number(stale.headers.get("age")) >= 1);
    assert.deepEqual(stale.json.settings, good.json.settings);
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("never shows an old value after an acknowledged write", async () => {
    for (let n = 0; n < 30; n++) {
      const value = 60 + n;
      const readers = Array.from({ length: 5 }, () => a.call("/api/v1/vapi/settings"));
      const put = await a.call("/api/v1/vapi/settings/max_call_duration", { method: "PUT", body: { value } });
      assert.equal(put.status, 200, put.text);
      const seen = (await a.call("/api/v1/vapi/settings/max_call_duration")).json.value;
      assert.equal(seen, value);
      await Promise.all(readers);
      assert.equal((await a.call("/api/v1/vapi/settings/max_call_duration")).json.value, value);
    }
  });
});
