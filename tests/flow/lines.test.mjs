// How many calls may go at once, who waits for a free line, and what a day may take.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const ENV = { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error", CALL_CHECK_SECONDS: "60" };

// An Ava with its pretend Vapi, which tells how calls go (told), or keeps silent.
async function world({ env = {}, told = true } = {}) {
  const a = await Ava.start({ env: { ...ENV, ...env } });
  await a.signUp();
  const vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
  if (told) assert.equal((await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} })).status, 200);
  let n = 0;
  return {
    a,
    place: (body = {}, more = {}) => a.call("/api/v1/calls", { body: { to: "+3361" + String(++n).padStart(7, "0"), ...body }, ...more }),
    limits: (body, headers) => a.call("/api/v1/limits", { method: body && "PUT", body, headers }),
    operation: async (id) => (await a.call(`/api/v1/operations/${id}`)).json,
    theirs: async (key = vapi.api_key) => (await fetch(`${vapi.base_url}/call?limit=1000`, { headers: { Authorization: `Bearer ${key}` } })).json(),
    today: async () => (await a.call("/api/v1/limits")).json.today,
    vapi,
  };
}

describe("the call queue", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await world()));
  after(() => w.a.remove());

  const waiting = [];

  test("a workspace without limits calls at once, and sees what goes on", async () => {
    const r = await w.limits();
    assert.equal(r.status, 200, r.text);
    const { today, ...rest } = r.json;
    assert.deepEqual(rest, { daily_minutes: null, daily_cost_cents: null, concurrent_calls: null, updated_at: null });
    assert.deepEqual(today, { date: new Date().toISOString().slice(0, 10), seconds_used: 0, seconds_reserved: 0, cost_micros_used: 0, cost_micros_reserved: 0, currency: "USD", calls_now: 0, calls_waiting: 0, is_nearly_used_up: false });
  });

  test("over the cap a call waits with its place and an estimate, and nothing is dialled", async () => {
    assert.equal((await w.limits({ concurrent_calls: 2 })).status, 200);
    for (let i = 0; i < 2; i++) assert.equal((await w.place()).status, 201);
    for (let i = 1; i <= 3; i++) {
      const r = await w.place();
      assert.equal(r.status, 202, r.text);
      assert.equal(r.headers.get("location"), `/api/v1/operations/${r.json.id}`);
      assert.deepEqual([r.json.status, r.json.position, r.json.estimate_seconds], ["queued", i, i * 60]);
      waiting.push(r.json);
    }
    assert.equal((await w.theirs()).length, 2);
    const list = (await w.a.call("/api/v1/calls?status=waiting")).json.calls;
    assert.deepEqual(list.map((c) => c.operation_id).reverse(), waiting.map((o) => o.id));
    assert.deepEqual([(await w.today()).calls_now, (await w.today()).calls_waiting], [2, 3]);
    assert.equal(await w.a.metric("calls_waiting"), 3);
  });

  test("the same key again gets the same place, not another one", async () => {
    const headers = { "Idempotency-Key": "queue-1" }, body = { to: "+33699999999" };
    const first = await w.place(body, { headers }), again = await w.place(body, { headers });
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    assert.deepEqual([first.status, again.status, again.json.id], [202, 202, first.json.id]);
    assert.equal((await w.operation(first.json.id)).position, 4);
    waiting.push(first.json);
  });

  test("who ends a call that waits takes it out of the queue; it is never dialled", async () => {
    const gone = waiting.splice(1, 1)[0];
    const ended = await w.a.call(`/api/v1/calls/${gone.object_id}/end`, { method: "POST" });
    assert.equal(ended.status, 200, ended.text);
    assert.deepEqual([ended.json.status, ended.json.ended_reason], ["canceled", "canceled-while-waiting"]);
    const op = await w.operation(gone.id);
    assert.deepEqual([op.status, op.problem.code], ["failed", "canceled"]);
    assert.equal((await w.operation(waiting[1].id)).position, 2);
  });

  test("a line that comes free by a webhook goes to whoever waits longest", async () => {
    await w.a.advance(31);
    await until(async () => (await w.operation(waiting[1].id)).status === "succeeded", { what: "two were dialled" });
    assert.equal((await w.operation(waiting[0].id)).status, "succeeded");
    assert.deepEqual([(await w.operation(waiting[2].id)).status, (await w.operation(waiting[2].id)).position], ["queued", 1]);
    assert.equal((await w.theirs()).length, 4);
    await w.a.advance(31);
    await until(async () => (await w.operation(waiting[2].id)).status === "succeeded", { what: "the last was dialled" });
    await w.a.advance(31);
    await until(async () => (await w.today()).calls_now === 0, { what: "all lines free" });
    assert.equal((await w.theirs()).length, 5);
  });

  test("a raised cap lets in at once who waits", async () => {
    await w.limits({ concurrent_calls: 1 });
    assert.equal((await w.place()).status, 201);
    const next = (await w.place()).json;
    assert.equal((await w.limits({ concurrent_calls: 2 })).status, 200);
    await until(async () => (await w.operation(next.id)).status === "succeeded", { what: "it was dialled" });
    await w.a.advance(31);
    await until(async () => (await w.today()).calls_now === 0, { what: "all lines free" });
  });
});
