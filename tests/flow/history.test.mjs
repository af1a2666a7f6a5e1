// How the providers answered and when their breakers opened and closed, as the page draws it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

describe("how the providers answered", { skip: missing, concurrency: 1 }, () => {
  let a, other;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", CACHE_TTL_SECONDS: "0" } });
    await a.signUp();
    other = await a.newPerson("other@example.com");
  });
  after(() => a?.remove());
  const of = async (provider, key = a.key) => {
    const r = await a.call("/api/v1/analytics/providers", { key });
    assert.equal(r.status, 200, r.text);
    return { ...r.json, ...r.json.providers.find((p) => p.provider === provider) };
  };
  const read = () => a.call("/api/v1/vapi/settings");

  test("at first nothing, since when Ava began", async () => {
    const h = await of("twilio");
    assert.deepEqual([h.slots, h.breaker, h.slot_seconds], [[], [], 900]);
    assert.ok(Math.abs(Date.parse(h.since) - Date.now()) < 60_000);
    assert.deepEqual(h.providers.map((p) => p.provider), ["vapi", "twilio", "resend", "google", "microsoft"], "no mail server, no customer's own endpoint");
  });

  test("what is asked counts, failures too", async () => {
    for (let i = 0; i < 6; i++) assert.equal((await read()).status, 200);
    const [slot] = (await of("vapi")).slots;
    assert.ok(slot.p50_ms >= 1 && slot.p50_ms <= slot.p95_ms && slot.p95_ms <= slot.p99_ms, JSON.stringify(slot));
    assert.equal(slot.failed_percent, 0);
    assert.equal(Date.parse(slot.at) % 900_000, 0);
  });

  test("a breaker that opens and closes is in it, for whom it concerns", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 500 });
    await until(async () => ((await read()).status, (await of("vapi")).breaker.length), { what: "the breaker opens" });
    const opened = await of("vapi");
    assert.deepEqual(opened.breaker.map((b) => [b.to, b.scope]), [["open", "connection"]]);
    assert.ok(opened.slots.at(-1).failed_percent > 0);
    assert.deepEqual((await of("vapi", other.key)).breaker, [], "another workspace's own");
    await a.fault({ provider: "vapi", fault: "none" });
    await until(async () => (await a.advance(31), await read(), (await of("vapi")).breaker.length >= 2), { what: "it closes", every: 50 });
    const all = (await of("vapi")).breaker;
    assert.equal(all.at(-1).to, "closed");
    assert.ok(all.every((b, i) => !i || b.at >= all[i - 1].at));
  });

  test("for those who are signed in, without parameters", async () => {
    assert.equal((await a.call("/api/v1/analytics/providers", { key: null })).status, 401);
    assert.equal((await a.call("/api/v1/analytics/providers?hours=2")).status, 422);
  });
});
