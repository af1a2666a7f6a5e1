// Every intent happens once: a provider that carries calls out and then cuts the connection, clients that
// try again, and an Ava that is killed meanwhile.
//
// An Ava that dies between writing "sent" down and the first byte cannot know that nothing was sent; it never
// sends again by itself. Such a call ends unconfirmed, and whoever wanted it looks at the provider and asks anew.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const soak = Boolean(process.env.TEST_SOAK);
const INTENTS = soak ? 1000 : 300;
const KILLS = soak ? 5 : 3;
const TRIES = 6; // the first and 5 more
const CLIENTS = 20;

describe(`${INTENTS} calls, 30 % of connections cut, ${KILLS} times kill -9`, { skip: missing }, () => {
  let provider, a, data, vapi;
  const settings = async (port) => ({ port, data, env: { VAPI_BASE_URL: vapi.base_url, CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });

  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    vapi = (await provider.call("/sandbox/api/credentials", { key: null })).json.vapi;
    a = await Ava.start(await settings());
    data = a.data;
    await a.signUp();
    const body = { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id };
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body })).status, 200);
    await provider.fault({ provider: "vapi", fault: "cut", percent: 30, operation: "POST /call" });
  });
  after(async () => {
    await a.remove();
    await provider.remove();
  });

  const number = (n) => `+3361${String(n).padStart(7, "0")}`;
  let down = null; // while Ava is being restarted: a promise of its return

  // As a product would: again under the same key after everything that is not an answer.
  async function want(n) {
    for (let i = 0; i < TRIES; i++) {
      await down;
      try {
        const r = await a.call("/api/v1/calls", { body: { to: number(n) }, headers: { "Idempotency-Key": `intent-${n}` } });
        if (r.status === 201) return { operation: r.json.operation_id };
        if (r.status === 202) return { operation: r.json.id };
        assert.ok([409, 503].includes(r.status), `${r.status} ${r.text}`);
        await new Promise((done) => setTimeout(done, 50));
      } catch (e) {
        if (e.code === "ERR_ASSERTION") throw e;
        await new Promise((done) => setImmediate(done));
      }
    }
    return { gaveUp: true };
  }

  async function restart() {
    const { key, port } = a;
    await a.stop("SIGKILL");
    const next = await Ava.start(await settings(port));
    next.key = key;
    a = next;
  }

  test("as many calls at the provider as intents, none twice, none left unknown", async (t) => {
    const ends = new Array(INTENTS);
    let next = 0, killed = 0;
    await Promise.all(
      Array.from({ length: CLIENTS }, async () => {
        while (next < INTENTS) {
          const n = next++;
          if (n > 0 && n % Math.floor(INTENTS / (KILLS + 1)) === 0 && killed < KILLS && !down) {
            killed++;
            down = restart();
            await down;
            down = null;
          }
          ends[n] = await want(n);
        }
      }),
    );
    assert.equal(killed, KILLS);
    await until(async () => !(await a.metric("jobs_run_total", { result: "failed" })), { what: "no job failed" });
    const operations = async () => {
      const all = [];
      for (let cursor = ""; cursor !== null; ) {
        const { status, text, json: page } = await a.call(`/api/v1/calls?limit=100${cursor && `&cursor=${cursor}`}`);
        assert.equal(status, 200, text);
        all.push(...page.calls);
        cursor = page.next_cursor;
      }
      return all;
    };
    // 5 s after the last one was sent each was asked about at least once
    const unsettled = (calls) => calls.filter((c) => ["requested", "unknown"].includes(c.status));
    await a.advance(6);
    const asked = () => operations().then((all) => Promise.all(unsettled(all).map(async (c) => (await a.call(`/api/v1/operations/${c.operation_id}`)).json)));
    await until(async () => (await asked()).every((o) => o.status === "unknown" && o.next_retry_in_seconds > 6), { every: 50, what: "each unknown one asked about" });
    const atProvider = async () => {
      const calls = [];
      for (let until = ""; ; ) {
        const page = await fetch(`${vapi.base_url}/call?limit=1000${until}`, { headers: { Authorization: `Bearer ${vapi.api_key}` } }).then((r) => r.json());
        calls.push(...page.filter((c) => !calls.some((known) => known.id === c.id)));
        if (page.length < 1000) return calls;
        until = `&createdAtLe=${page.at(-1).createdAt}`;
      }
    };
    const lost = unsettled(await operations());
    const there = new Set((await atProvider()).map((c) => c.customer.number));
    assert.deepEqual(lost.filter((c) => there.has(c.to)).map((c) => c.to), [], "what the provider has is not left unknown");
    if (lost.length) await a.advance(15 * 60);
    await until(async () => unsettled(await operations()).length === 0, { ms: 60_000, every: 100, what: "nothing unknown left" });
    await provider.fault({ provider: "vapi", fault: "none" });
    for (const call of lost) {
      assert.equal((await a.call(`/api/v1/operations/${call.operation_id}`)).json.status, "unconfirmed");
      const again = await a.call("/api/v1/calls", { body: { to: call.to }, headers: { "Idempotency-Key": `checked-${call.to}` } });
      assert.equal(again.status, 201, again.text);
    }

    const calls = await atProvider();
    const placed = new Set(calls.map((c) => c.assistantOverrides.metadata.ava_op));
    const numbers = new Set(calls.map((c) => c.customer.number));
    t.diagnostic(`${calls.length} calls of ${numbers.size} intents; ${lost.length} were written down as sent and never left; ${ends.filter((e) => e.gaveUp).length} clients gave up`);
    assert.equal(numbers.size, INTENTS, "each intent was carried out");
    assert.equal(placed.size, INTENTS);
    assert.equal(calls.length, INTENTS, "none twice");
    assert.equal(await a.metric("operations_unknown", { service: "vapi" }), 0);
    assert.equal(await a.metric("jobs_ready", { kind: "operation" }), 0);
  });
});
