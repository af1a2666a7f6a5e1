// Who may come how often, and what the eleventh request hears.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, person } from "../lib/ava.mjs";

describe("limits", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ limits: true, env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  const elapsed = (began) => (performance.now() - began) / 1000;
  // Asks until some were refused, however fast the machine is: a full bucket is let through, and no more than it and what
  // came into it meanwhile.
  async function askTillRefused(ask, { burst, perSecond }) {
    const answers = [], began = performance.now(), refused = () => answers.filter((r) => r.status === 429);
    while (refused().length < burst / 2 && answers.length < 100 * burst) answers.push(...(await Promise.all(Array.from({ length: burst + 5 }, ask))));
    const welcome = answers.length - refused().length, most = burst + perSecond * elapsed(began) + 1;
    assert.ok(refused().length >= burst / 2, `${refused().length} of ${answers.length} refused`);
    assert.ok(welcome >= burst && welcome <= most, `${welcome} let through, ${burst} to ${most} wanted`);
    assert.ok(refused().every((r) => r.json.code === "rate_limited" && Number(r.headers.get("retry-after")) >= 1));
    return answers;
  }

  test("ten requests a minute per route and user; the eleventh is 429 with Retry-After, never an earlier one", async () => {
    const began = performance.now();
    for (let n = 1; n <= 10; n++) {
      const r = await a.call("/api/v1/vapi/settings");
      assert.equal(r.status, 200, `request ${n}: ${r.text}`);
      assert.equal(r.headers.get("ratelimit-policy"), '"user-route";q=10;w=60');
      assert.match(r.headers.get("ratelimit"), new RegExp(`^"user-route";r=${10 - n};t=\\d+$`));
    }
    const r = await a.call("/api/v1/vapi/settings");
    assert.equal(r.status, 429);
    assert.equal(r.json.code, "rate_limited");
    const wait = Number(r.headers.get("retry-after"));
    assert.ok(wait > 60 - elapsed(began) - 1 && wait <= 61, `Retry-After ${wait}`);
    assert.equal(await a.metric("rate_limit_hits_total", { policy: "user-route" }), 1);
  });

  test("another key of the same user shares the count, another route does not", async () => {
    const other = a.newKey(person.email, "second");
    assert.equal((await a.call("/api/v1/vapi/settings", { key: other })).status, 429);
    assert.equal((await a.call("/api/v1/integrations", { key: other })).status, 200);
  });

  test("somebody else is not touched", async () => {
    const bob = await a.newPerson("bob@example.com");
    assert.notEqual((await a.call("/api/v1/vapi/settings", { key: bob.key })).status, 429);
  });

  test("auth/me, health and metrics are not limited per user", async () => {
    for (let n = 0; n < 70; n++) {
      assert.equal((await a.call("/api/v1/auth/me")).status, 200);
      assert.equal((await a.call("/health/ready", { key: null })).status, 200);
    }
  });

  test("who has a key asks for the contract and pages as often as anybody needs, and no more", async () => {
    const few = await Ava.start({ limits: true, env: { AVA_LOG_LEVEL: "off", RATE_LIMIT_IP_PER_SECOND: "4" } }); // less than any machine answers
    await few.signUp();
    const carol = await few.newPerson("carol@example.com");
    for (const path of ["/api/v1/openapi.json", "/docs", "/assets/none", "/api/v1/auth/me"]) {
      const eve = await few.newPerson(`eve${path.replace(/\W/g, "")}@example.com`);
      await askTillRefused(() => few.call(path, { key: eve.key }), { burst: 40, perSecond: 8 });
      assert.equal((await few.call("/api/v1/openapi.json", { key: carol.key })).status, 200);
    }
    assert.ok((await few.metric("rate_limit_hits_total", { policy: "user-page" })) > 0);
    await few.remove();
  });

  test("strangers share a bucket per address; who has a key does not", async () => {
    const answers = await askTillRefused(() => a.call("/api/v1/auth/me", { key: null }), { burst: 40, perSecond: 20 });
    assert.ok(answers.filter((r) => r.status === 401).length >= 40, "a burst of 40 is welcome");
    assert.equal((await a.call("/api/v1/auth/me")).status, 200);
  });

  test("five wrong passwords in a minute lock the account's door, also with limits off", async () => {
    const b = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await b.signUp();
    const tries = [];
    for (let n = 0; n < 6; n++) tries.push((await b.call("/api/v1/auth/login", { key: null, body: { email: person.email, password: "wrong wrong wrong" } })).status);
    assert.deepEqual(tries, [422, 422, 422, 422, 422, 429]);
    assert.equal((await b.call("/api/v1/auth/login", { key: null, body: person })).status, 429, "also for the right one");
    await b.remove();
  });
});
