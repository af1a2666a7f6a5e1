// Bears company.
// Caps that hold whatever breaks: two workspaces on one Vapi account of ten lines, more dials than lines, calls that
// come in meanwhile, ends that nobody tells of, and an Ava that is killed. Time is real here: the calls are short.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const soak = Boolean(process.env.TEST_SOAK);
const DIALS = soak ? 200 : 60, INBOUND = soak ? 40 : 12, KILLS = soak ? 3 : 2, CHECK_S = 2, CALL_MS = 300;

describe(`10 lines, caps 7 and 3, ${DIALS} + ${DIALS} dials, ${INBOUND} inbound, 10 % of ends dropped, ${KILLS} times kill -9`, { skip: missing }, () => {
  let provider, a, data, vapi, bob, assistants;
  const settings = (port) => ({ port, data, env: { VAPI_BASE_URL: vapi.base_url, CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error", CALL_CHECK_SECONDS: String(CHECK_S) } });
  const atVapi = async (path, body) => (await fetch(vapi.base_url + path, { method: body ? "POST" : "GET", headers: { Authorization: `Bearer ${vapi.api_key}`, "Content-Type": "application/json" }, body: body && JSON.stringify(body) })).json();

  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    vapi = (await provider.call("/sandbox/api/credentials", { key: null })).json.vapi;
    a = await Ava.start(settings());
    data = a.data;
    await a.signUp();
    bob = await a.newPerson("bob@example.com");
    assistants = [vapi.assistant_id, (await atVapi("/assistant", { name: "The other desk" })).id];
    for (const [i, key] of [a.key, bob.key].entries()) {
      const body = { api_key: vapi.api_key, assistant_id: assistants[i], default_number_id: vapi.default_number_id };
      assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body, key })).status, 200);
      assert.equal((await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {}, key })).status, 200);
      assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: [7, 3][i] }, key })).status, 200);
    }
    const course = { concurrent_calls: 10, when_full: "refuse", drop_ends_percent: 10, call_ms: CALL_MS, start_number: 7 };
    assert.equal((await provider.call("/sandbox/api/vapi/course", { body: course, key: null })).status, 200);
  });
  after(async () => {
    await a.remove();
    await provider.remove();
  });

  let down = null; // while Ava is being restarted: a promise of its return
  async function restart() {
    const { key, port } = a;
    await a.stop("SIGKILL");
    a = Object.assign(await Ava.start(settings(port)), { key });
  }

  // As a product would: again under the same key after everything that is not an answer.
  async function dial(n, key) {
    for (;;) {
      await down;
      try {
        const r = await a.call("/api/v1/calls", { body: { to: number(n) }, headers: { "Idempotency-Key": `dial-${n}` }, key });
        if ([201, 202].includes(r.status)) return r.status === 202 ? r.json : undefined;
        assert.ok([409, 503].includes(r.status), `${r.status} ${r.text}`);
      } catch (e) {
        if (e.code === "ERR_ASSERTION") throw e;
      }
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  const number = (n) => `+3361${String(n).padStart(7, "0")}`;

  // The most at once of [from, to) spans.
  function most(calls) {
    const steps = calls.flatMap((c) => [[Date.parse(c.createdAt), 1], [Date.parse(c.endedAt), -1]]).sort((x, y) => x[0] - y[0] || x[1] - y[1]);
    let now = 0, top = 0;
    for (const [, step] of steps) top = Math.max(top, (now += step));
    return top;
  }

  test("never above a cap, each dial once, each caller answered, every line given back", async (t) => {
    const keys = [a.key, bob.key];
    const placed = [], answered = [];
    let next = 0, killed = 0;
    const clients = Array.from({ length: 16 }, async () => {
      while (next < 2 * DIALS) {
        const n = next++;
        placed.push(await dial(n, keys[n % 2]));
      }
    });
    const callers = (async () => {
      for (let i = 0; i < INBOUND; i++) {
        if (i % Math.ceil(INBOUND / (KILLS + 1)) === 0 && i && killed < KILLS) {
          killed++;
          down = restart();
          await down;
          down = null;
        }
        answered.push((await provider.call("/sandbox/api/vapi/inbound", { body: { from: `+1415555${String(i).padStart(4, "0")}` }, key: null })).json);
        await new Promise((done) => setTimeout(done, 100));
      }
    })();
    await Promise.all([...clients, callers]);
    assert.equal(killed, KILLS);
    assert.equal(answered.length, INBOUND);
    for (const r of answered) assert.ok(r.status === 200 && ["assistant", "message"].includes(r.answered_by), JSON.stringify(r));

    const today = async (key) => (await a.call("/api/v1/limits", { key })).json.today;
    const calls = async () => (await atVapi("/call?limit=1000")).filter((c) => c.assistantId);
    const out = async () => (await calls()).filter((c) => c.type === "outboundPhoneCall");
    const open = async (key) => (await a.call("/api/v1/calls?limit=100&status=waiting", { key })).json.calls.length + (await a.call("/api/v1/calls?limit=100&status=requested", { key })).json.calls.length;
    await until(async () => (await open(keys[0])) + (await open(keys[1])) === 0, { ms: 120_000, every: 50, what: "everybody had a turn" });
    // Written down as sent when Ava was killed, and never sent: it stays unknown, and keeps its line until Vapi says that it has no such call.
    const unknown = async () => (await Promise.all(keys.map(async (key) => (await a.call("/api/v1/calls?limit=100&status=unknown", { key })).json.calls))).flat();
    const reached = new Set((await out()).map((c) => c.customer.number));
    await until(async () => (await unknown()).every((c) => !reached.has(c.to)), { ms: 60_000, every: 50, what: "what arrived is found" });
    const lost = await unknown();
    const ended = await until(async () => {
      const all = await calls();
      return all.every((c) => c.endedAt) && all;
    }, { ms: 60_000, every: 20, what: "all calls over" });
    const last = Math.max(...ended.map((c) => Date.parse(c.endedAt)));
    await until(async () => (await today(keys[0])).calls_now + (await today(keys[1])).calls_now === lost.length, { ms: 60_000, every: 20, what: "every line given back" });
    const reclaimed = Date.now() - last;
    if (lost.length) await a.advance(16 * 60);
    await until(async () => (await today(keys[0])).calls_now + (await today(keys[1])).calls_now === 0, { ms: 60_000, every: 50, what: "those of calls that never were, too" });

    const by = (n) => ended.filter((c) => c.assistantId === assistants[n]);
    const counts = [most(ended), most(by(0)), most(by(1))];
    const numbers = (await out()).map((c) => c.customer.number);
    const refused = (await provider.ledger()).hits.filter((h) => h.method === "POST" && h.path === "/call" && h.status === 400).length;
    t.diagnostic(`at once at most ${counts.join(", ")} of 10, 7, 3; ${placed.filter(Boolean).length} of ${placed.length} dials waited; ${answered.filter((r) => r.answered_by === "assistant").length} of ${INBOUND} callers got the assistant, the others the fallback, p99 ${Math.max(...answered.map((r) => r.ms))} ms; last line back after ${reclaimed} ms; ${lost.length} never left; Vapi refused ${refused}`);
    assert.ok(counts[0] <= 10 && counts[1] <= 7 && counts[2] <= 3, counts.join(", "));
    assert.equal(new Set(numbers).size, numbers.length, "none twice");
    assert.equal(numbers.length + lost.length, 2 * DIALS, "each once, but those that never left and say so");
    assert.equal(refused, 0);
    assert.equal(await a.metric("calls_live"), 0);
    assert.equal(await a.metric("jobs_dead", { kind: "lines" }), 0);
  });
});
