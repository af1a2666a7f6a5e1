// What one provider, one workspace or one caller does to the others: nothing. Short here, long with make soak,
// which also prints the figures; machines that do other things meanwhile are slow, so no time is asserted tightly.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, avaBeside, missing, person, until } from "../lib/ava.mjs";
import { figures, paced, quantile, tally, timed } from "../lib/load.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80"; // the sandbox's
const SETTINGS = "/api/v1/vapi/settings";
const only = (answers, ...names) => assert.deepEqual(Object.keys(tally(answers)).filter((n) => !names.includes(n)), [], JSON.stringify(tally(answers)));
const ratio = (name, alone, beside) => console.log(`# ${name}: p99 ${alone.toFixed(1)} ms alone, ${beside.toFixed(1)} ms beside it, ${(beside / alone).toFixed(2)} times`);

// One after the other when it is about figures, side by side when it is about mechanisms.
describe("survives", { skip: missing, concurrency: LONG ? 1 : 3 }, () => {
  describe("one provider hangs at 200 requests a second", { concurrency: 1 }, () => {
    const SECONDS = LONG ? 30 : 5;
    let a, others, calls = 0;
    before(async () => {
      // Without breaker and cache: the bulkhead alone has to hold.
      a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", CACHE_TTL_SECONDS: "0", TRUSTED_PROXIES: "127.0.0.1", AVA_LOG_LEVEL: "off" } });
      await a.signUp();
      others = [await a.newPerson("bob@example.com"), await a.newPerson("carl@example.com")];
    });
    after(() => a.remove());

    const numbers = () => paced(50, SECONDS, (n) => a.call("/api/v1/twilio/numbers", { key: others[n % 2].key }));
    // Sign-in has limits that are never off: every one comes from an address of its own.
    const logins = () => paced(LONG ? 4 : 2, SECONDS, () => a.call("/api/v1/auth/login", { key: null, body: person, headers: { "X-Forwarded-For": `198.51.${100 + (++calls >> 8)}.${calls & 255}` } }));

    test("the other provider and the sign-in go on without an error, and who waits for it is answered", async () => {
      const [n1, l1] = await Promise.all([numbers(), logins()]);
      await a.fault({ provider: "vapi", fault: "hang" });
      const stop = {};
      const hanging = paced(200, 600, () => a.call(SETTINGS), stop);
      await until(async () => (await a.metric("bulkhead_in_flight", { service: "vapi" })) > 0);
      const [n2, l2] = await Promise.all([numbers(), logins()]);
      const most = await a.metric("bulkhead_in_flight", { service: "vapi" });
      stop.now = true;
      const hung = await hanging;
      for (const answers of [n1, n2, l1, l2]) only(answers, "200");
      only(hung, "504 provider_timeout", "503 provider_busy", "502 provider_error");
      assert.ok(tally(hung)["503 provider_busy"] > 0, JSON.stringify(tally(hung)));
      assert.ok(most <= 64, `${most} under way for one workspace`);
      assert.ok(Math.max(...hung.map((h) => h.ms)) < 20_000, "no wait without an end");
      ratio("Twilio numbers while Vapi hangs", quantile(n1, 0.99), quantile(n2, 0.99));
      ratio("sign-in while Vapi hangs", quantile(l1, 0.99), quantile(l2, 0.99));
      await until(async () => (await a.metric("bulkhead_in_flight", { service: "vapi" })) === 0, { what: "all of it over" });
    });
  });

  describe("a workspace with a revoked key at 20 times its rate", { concurrency: 1 }, () => {
    const SECONDS = LONG ? 60 : 4, RATE = 10; // per second and user
    let a, bob;
    before(async () => {
      a = await Ava.start({ limits: true, env: { RATE_LIMIT_PER_MINUTE: String(RATE * 60), CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "off" } });
      await a.signUp();
      bob = await a.newPerson("bob@example.com");
      for (const [key, api] of [[a.key, "revoked-key-0001"], [bob.key, "bobs-good-key-0002"]]) {
        const r = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", key, body: { api_key: api, assistant_id: ASSISTANT } });
        assert.equal(r.status, 200, r.text);
      }
    });
    after(() => a.remove());

    test("does not trouble another, and its key is asked about once", async () => {
      const bobs = (seconds) => paced(RATE / 2, seconds, () => a.call(SETTINGS, { key: bob.key }));
      const alone = await bobs(SECONDS / 2);
      assert.equal((await a.call(SETTINGS)).status, 424); // what flies at the same time as the first is not its business
      const [storm, beside] = await Promise.all([paced(RATE * 20, SECONDS, () => a.call(SETTINGS)), bobs(SECONDS)]);
      only(storm, "424 provider_credentials_rejected", "429 rate_limited");
      only([...alone, ...beside], "200");
      assert.equal(await a.metric("provider_attempts_total", { service: "vapi", outcome: "auth" }), 1, "the gate answers for a minute");
      assert.equal(await a.metric("circuit_breaker_opens_total", { service: "vapi" }), 0);
      ratio("workspace B's reads", quantile(alone, 0.99), quantile(beside, 0.99));
    });
  });

  describe("a workspace that is throttled again and again", { concurrency: 1 }, () => {
    let a, bob;
    before(async () => {
      a = await Ava.start({ env: { PROVIDER_MAX_IN_FLIGHT: "64", CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "off" } });
      await a.signUp();
      bob = await a.newPerson("bob@example.com");
      for (const [key, api] of [[a.key, "throttled-key-0001"], [bob.key, "bobs-good-key-0002"]]) {
        const r = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", key, body: { api_key: api, assistant_id: ASSISTANT } });
        assert.equal(r.status, 200, r.text);
      }
    });
    after(() => a.remove());

    test("loses its own places, not those of the others", async () => {
      await a.fault({ provider: "vapi", credential: "0001", fault: "status", status: 429, retry_after: "0" });
      await a.fault({ provider: "vapi", credential: "0002", fault: "latency", latency_ms: 300 });
      only(await paced(40, LONG ? 30 : 6, () => a.call(SETTINGS)), "429 provider_rate_limited", "503 provider_busy");
      only(await Promise.all(Array.from({ length: 50 }, () => timed(() => a.call(SETTINGS, { key: bob.key })))), "200");
    });
  });

  describe("an outage at 100 calls a second", { concurrency: 1 }, () => {
    const OUTAGE_S = LONG ? 60 : 5, RECOVERY_S = LONG ? 30 : 2, RATE = 100;
    let a;
    before(async () => {
      a = await Ava.start({ env: { CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(RECOVERY_S), AVA_LOG_LEVEL: "off" } });
      await a.signUp();
    });
    after(() => a.remove());
    const hits = async () => (await a.ledger()).counts.vapi;

    test("costs the provider next to nothing, and ends soon after it ended", async () => {
      const stop = {}, answers = [];
      await a.call(SETTINGS);
      const before = await hits();
      await a.fault({ provider: "vapi", fault: "status", status: 503 });
      const began = performance.now();
      const load = paced(RATE, 600, async () => {
        const answer = await timed(() => a.call(SETTINGS));
        answers.push(answer);
        return answer.r;
      }, stop);
      await until(() => performance.now() - began > OUTAGE_S * 1000, { ms: 2000 * OUTAGE_S });
      const asked = (await hits()) - before, called = answers.length;
      await a.fault({ provider: "vapi", fault: "none" });
      const ended = performance.now();
      // Full success: a second of nothing else, begun after the end.
      const healed = await until(() => {
        const last = answers.slice(-RATE);
        return last.every((x) => x.status === 200 && x.at > ended) && last.length === RATE && last.map((x) => x.at).sort((x, y) => x - y)[0];
      }, { ms: (RECOVERY_S + 15) * 1000, what: "full success" });
      stop.now = true;
      await load;
      only(answers, "200", "502 provider_error", "503 provider_unavailable", "503 provider_busy");
      const after = (healed - ended) / 1000;
      console.log(`# outage of ${OUTAGE_S} s: ${called} calls, ${asked} of them reached the provider (${((100 * asked) / called).toFixed(2)} %); full success ${after.toFixed(1)} s after it`);
      // Until it opens a few calls are under way at once; then two probes per rest at most.
      const probes = 2 * Math.ceil(OUTAGE_S / RECOVERY_S);
      assert.ok(asked <= (LONG ? called / 100 : 30 + probes), `${asked} hits for ${called} calls`);
      assert.ok(after <= RECOVERY_S + 5, `full success after ${after} s`);
    });
  });

  describe("reads and writes of one resource", { concurrency: 1 }, () => {
    const WRITES = LONG ? 10_000 : 300;
    let a;
    before(async () => {
      a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
      await a.signUp();
    });
    after(() => a.remove());

    test("a cold key with 1,000 readers is one call", async () => {
      await a.fault({ provider: "vapi", fault: "latency", latency_ms: 500 });
      const before = (await a.ledger()).counts.vapi ?? 0;
      const answers = await Promise.all(Array.from({ length: 1000 }, () => timed(() => a.call(SETTINGS))));
      only(answers, "200");
      assert.equal((await a.ledger()).counts.vapi - before, 1);
      await a.fault({ provider: "vapi", fault: "none" });
    });

    test("a write that fails after it was carried out leaves nothing of before it behind", async () => {
      const settings = `${SETTINGS}/greeting_message`;
      await a.call(settings, { method: "PUT", body: { value: "before" } });
      await a.fault({ provider: "vapi", operation: "PATCH /assistant", fault: "cut", latency_ms: 2500 }); // time enough to read meanwhile, on any machine
      const writing = a.call(settings, { method: "PUT", body: { value: "after" } });
      // while the write is on its way a read finds what was before, and keeps it
      await until(async () => (await a.ledger()).hits.some((h) => h.method === "PATCH" && h.status === null), { what: "the write at the provider" });
      assert.equal((await a.call(settings)).json.value, "before");
      assert.equal((await writing).status, 502);
      await a.fault({ provider: "vapi", fault: "none" });
      assert.equal((await a.call(settings)).json.value, "after");
    });

    test(`no read begun after an acknowledged write sees what was before it, ${WRITES} times`, async () => {
      // Reads at the provider take longer than writes: a fill begun before a write ends after it.
      await a.fault({ provider: "vapi", operation: "GET /assistant", fault: "latency", latency_ms: 4 });
      const stop = {};
      const stale = [];
      let acknowledged = 0, reads = 0;
      await a.call(`${SETTINGS}/greeting_message`, { method: "PUT", body: { value: "0" } });
      const readers = Array.from({ length: 6 }, async () => {
        while (!stop.now) {
          const floor = acknowledged;
          const r = await a.call(`${SETTINGS}/greeting_message`);
          assert.equal(r.status, 200, r.text);
          reads++;
          if (Number(r.json.value) < floor) stale.push([floor, r.json.value, r.headers.get("cache-status")]);
        }
      });
      for (let n = 1; n <= WRITES; n++) {
        const r = await a.call(`${SETTINGS}/greeting_message`, { method: "PUT", body: { value: String(n) } });
        assert.equal(r.status, 200, r.text);
        assert.equal(r.json.value, String(n));
        acknowledged = n;
      }
      stop.now = true;
      await Promise.all(readers);
      console.log(`# ${WRITES} writes against ${reads} reads`);
      assert.deepEqual(stale, []);
      assert.ok(reads > WRITES / 2, `${reads} reads`);
    });
  });

  describe("a hundred users behind one address", { concurrency: 1 }, () => {
    const USERS = 100;
    let a, data, users, owner;
    const env = { AVA_LOG_LEVEL: "off" };
    before(async () => {
      a = await Ava.start({ env });
      data = a.data;
      await a.signUp();
      owner = a.key;
      const file = join(data, "password");
      await writeFile(file, person.password + "\n", { mode: 0o600 });
      const names = Array.from({ length: USERS }, (_, n) => `user${n}@example.com`);
      const left = [...names], keys = new Map();
      const work = async () => {
        for (let email; (email = left.pop()); ) {
          const made = await avaBeside(["user", "create", "--email", email, "--password-file", file, "--role", "member", "--data-dir", data]);
          assert.equal(made.status, 0, made.stderr);
          const key = await avaBeside(["key", "create", "--user", email, "--name", "flow", "--data-dir", data]);
          assert.equal(key.status, 0, key.stderr);
          keys.set(email, key.stdout.trim());
        }
      };
      await Promise.all([work(), work()]);
      users = names.map((n) => keys.get(n));
    });
    after(() => a.remove());

    test("a mixed journey with a provider that takes 50 ms: no error", async () => {
      for (const provider of ["vapi", "twilio"]) await a.fault({ provider, fault: "latency", latency_ms: 50 });
      const answers = [], end = performance.now() + (LONG ? 60_000 : 0);
      await Promise.all(users.map(async (key, n) => {
        const step = async (path, more = {}) => {
          answers.push(await timed(() => a.call(path, { key, ...more })));
          await new Promise((done) => setTimeout(done, 200 + 10 * (n % 20))); // people read before they click
        };
        await new Promise((done) => setTimeout(done, 10 * n)); // nor do they all arrive at once
        do {
          await step("/api/v1/auth/me");
          await step("/api/v1/integrations");
          await step(SETTINGS);
          await step(`${SETTINGS}/max_call_duration`, { method: "PUT", body: { value: 60 + n } });
          await step(SETTINGS);
          await step("/api/v1/twilio/numbers");
          await step("/api/v1/events");
        } while (performance.now() < end);
      }));
      for (const provider of ["vapi", "twilio"]) await a.fault({ provider, fault: "none" });
      only(answers, "200");
      console.log(`# mixed journey of ${USERS} users: ${figures(answers)}`);
    });

    test("one abuser and a stranger at the same address: everybody else has all ten of a minute, the abuser ten too", async () => {
      await a.stop();
      a = await Ava.start({ data, limits: true, env });
      const stop = {};
      const path = `${SETTINGS}/voice_speed`;
      const abuse = paced(LONG ? 400 : 200, 600, () => a.call(path, { key: owner }), stop);
      const strangers = paced(100, 600, () => a.call("/api/v1/auth/me", { key: "ava_nobody" }), stop);
      await new Promise((done) => setTimeout(done, 500));
      const answers = (await Promise.all(users.map((key) => paced(LONG ? 0.2 : 4, LONG ? 50 : 2.5, () => a.call(path, { key }))))).flat();
      stop.now = true;
      const abused = tally(await abuse), refused = tally(await strangers);
      only(answers, "200");
      assert.equal(answers.length, USERS * 10);
      assert.equal(abused["200"], 10, JSON.stringify(abused));
      assert.deepEqual(Object.keys(abused).sort(), ["200", "429 rate_limited"]);
      assert.ok(refused["429 rate_limited"] > 0, JSON.stringify(refused));
      console.log(`# beside an abuser: ${figures(answers)}`);
    });
  });
});
