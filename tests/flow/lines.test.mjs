// Bears company.
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

  test("changes at the same time: each is answered with what it made itself, and its version", async () => {
    for (let round = 0; round < 5; round++) {
      const all = await Promise.all(Array.from({ length: 16 }, (_, i) => w.limits({ daily_minutes: 1000 + i })));
      assert.deepEqual(all.map((r) => r.json.daily_minutes), all.map((_, i) => 1000 + i));
      assert.equal(new Set(all.map((r) => r.headers.get("etag"))).size, all.length);
    }
    assert.equal((await w.limits({})).status, 200);
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
    for (const i of [0, 1]) await until(async () => (await w.operation(waiting[i].id)).status === "succeeded", { what: "two were dialled" });
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

describe("what Vapi says of its lines, and what it does not say", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await world({ told: false })));
  after(() => w.a.remove());
  const course = (body) => w.a.call("/sandbox/api/vapi/course", { body, key: null });

  test("a refusal for want of a line is no failure: the call waits, and is dialled once there is one", async () => {
    assert.equal((await course({ concurrent_calls: 1, when_full: "refuse" })).status, 200);
    assert.equal((await w.place()).status, 201);
    await w.a.call("/api/v1/calls", { body: { to: "+33612345678" } }); // learned from the first answer: it waits
    assert.deepEqual([(await w.today()).calls_now, (await w.today()).calls_waiting], [1, 1]);
    assert.equal((await w.theirs()).length, 1);
    const hits = async () => (await w.a.ledger()).hits.filter((h) => h.method === "POST" && h.path === "/call");
    assert.equal((await hits()).length, 1, "nothing was even asked");
  });

  test("who does not know the limit asks, hears no, and waits where it stood", async () => {
    await w.a.remove();
    w = await world({ told: false });
    await course({ concurrent_calls: 2, when_full: "refuse" });
    const other = { api_key: w.vapi.api_key, assistantId: w.vapi.assistant_id };
    for (let i = 0; i < 2; i++) {
      const body = JSON.stringify({ assistantId: other.assistantId, phoneNumberId: w.vapi.default_number_id, customer: { number: `+3370000000${i}` } });
      assert.equal((await fetch(`${w.vapi.base_url}/call`, { method: "POST", headers: { Authorization: `Bearer ${other.api_key}`, "Content-Type": "application/json" }, body })).status, 201);
    }
    const r = await w.place();
    assert.equal(r.status, 202, r.text);
    assert.deepEqual([r.json.status, r.json.position, r.json.attempt], ["queued", 1, 0]);
    assert.equal(await w.a.metric("circuit_breaker_failures_total", { service: "vapi" }), 0);
    assert.equal((await w.a.call(`/api/v1/calls/${r.json.object_id}`)).json.status, "waiting");
    await w.a.advance(31);
    const done = await until(async () => ((o) => o.status === "succeeded" && o)(await w.operation(r.json.id)), { what: "it was dialled" });
    assert.equal((await w.theirs()).filter((c) => c.assistantOverrides?.metadata?.ava_op === done.id).length, 1);
  });

  test("a call that Vapi makes wait on its own side counts, and no more are sent after it", async () => {
    await w.a.remove();
    w = await world({ told: false });
    await course({ concurrent_calls: 1, when_full: "wait" });
    const body = JSON.stringify({ assistantId: w.vapi.assistant_id, phoneNumberId: w.vapi.default_number_id, customer: { number: "+33700000000" } });
    await fetch(`${w.vapi.base_url}/call`, { method: "POST", headers: { Authorization: `Bearer ${w.vapi.api_key}`, "Content-Type": "application/json" }, body });
    assert.equal((await w.place()).status, 201, "it was taken, although it has to wait there");
    const r = await w.place();
    assert.deepEqual([r.status, r.json.status], [202, "queued"]);
    assert.equal((await w.theirs()).length, 2);
    await w.a.advance(61);
    await until(async () => (await w.operation(r.json.id)).status === "succeeded", { what: "it was dialled" });
  });

  test("a provider that cannot be asked when its turn comes is waited for; nobody who was promised a call is let down", async () => {
    await w.a.remove();
    w = await world({ told: true, env: { CIRCUIT_BREAKER_ENABLED: "true", CIRCUIT_BREAKER_THRESHOLD: "1", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: "300", CACHE_TTL_SECONDS: "0" } });
    await w.limits({ concurrent_calls: 1 });
    assert.equal((await w.place()).status, 201);
    const next = (await w.place()).json;
    await w.a.fault({ provider: "vapi", fault: "status", status: 500, operation: "GET /assistant" });
    await until(async () => (await w.a.call("/api/v1/vapi/settings")).json.code === "provider_unavailable", { what: "the breaker opened" });
    assert.equal((await w.a.call("/api/v1/calls", { body: { to: "+33612345678" } })).status, 202, "behind the one that waits");
    const steps = async () => (await w.a.call(`/api/v1/calls/${next.object_id}/timeline`)).json.entries.filter((e) => e.kind === "queued");
    await w.a.advance(31); // the first one ends, and its line comes free
    await until(async () => (await steps()).length === 2, { what: "its turn came" });
    assert.match((await steps())[1].text, /^It waits again: Vapi is temporarily unavailable\. Try again in \d+ s\.$/);
    assert.deepEqual([(await w.operation(next.id)).status, (await w.operation(next.id)).position], ["queued", 1]);
    await w.a.fault({ provider: "vapi", fault: "none" });
    await w.a.advance(301);
    await until(async () => (await w.operation(next.id)).status === "succeeded", { what: "it was dialled" });
  });

  test("a line is given back although nobody told of the end, by asking; never by the clock alone", async () => {
    await w.a.remove();
    w = await world({ told: false });
    await w.limits({ concurrent_calls: 1 });
    assert.equal((await w.place()).status, 201);
    const next = (await w.place()).json;
    await w.a.fault({ provider: "vapi", fault: "status", status: 503, operation: "GET /call" });
    await w.a.advance(3600);
    await until(async () => (await w.a.ledger()).hits.some((h) => h.method === "GET" && h.path.startsWith("/call/")), { what: "it was asked about" });
    assert.equal((await w.operation(next.id)).status, "queued", "an hour is no proof");
    await w.a.fault({ provider: "vapi", fault: "none" });
    await w.a.advance(61);
    await until(async () => (await w.operation(next.id)).status === "succeeded", { what: "the line came free" });
  });
});

describe("calls that come in", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await world()));
  after(() => w.a.remove());
  const ring = async (from) => (await w.a.call("/sandbox/api/vapi/inbound", { body: { from }, key: null })).json;

  test("take a line like those that go out, and are answered by the fallback when there is none", async () => {
    await w.limits({ concurrent_calls: 2 });
    const first = await ring("+14155550001");
    assert.deepEqual([first.status, first.answered_by], [200, "assistant"]);
    assert.equal((await w.place()).status, 201);
    assert.deepEqual(await ring("+14155550002").then((r) => [r.status, r.answered_by]), [200, "message"]);
    assert.equal((await w.place()).status, 202);
    const inbound = (await w.a.call("/api/v1/calls?limit=100")).json.calls.filter((c) => c.direction === "inbound");
    assert.deepEqual(inbound.map((c) => c.from).sort(), ["+14155550001", "+14155550002"]);
    await w.a.advance(31);
    await until(async () => (await w.theirs()).length === 4, { what: "the one that waited was dialled" });
    await w.a.advance(31);
    await until(async () => (await w.today()).calls_now === 0, { what: "all lines free" });
  });

  test("the same request again is the same line", async () => {
    await w.limits({ concurrent_calls: 1 });
    assert.equal((await ring("+14155550003")).answered_by, "assistant");
    assert.equal((await w.today()).calls_now, 1);
    assert.equal((await ring("+14155550004")).answered_by, "message");
    await w.a.advance(31);
    await until(async () => (await w.today()).calls_now === 0, { what: "the line free" });
  });
});

describe("budgets", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await world({ env: { CALL_CENTS_PER_MINUTE: "6" } })));
  after(() => w.a.remove());
  const invoice = async () => (await w.a.call("/sandbox/api/vapi/invoice", { key: null })).json;

  test("200 dials at once on minutes for 17: 17 go out, 183 hear why, and the books say what the invoice says", async (t) => {
    await w.limits({ daily_minutes: 17 * 10 }); // the assistant's calls last ten minutes at most
    const ends = await Promise.all(Array.from({ length: 200 }, () => w.place()));
    const refused = ends.filter((r) => r.status === 429);
    assert.equal(ends.filter((r) => r.status === 201).length, 17);
    assert.equal(refused.length, 183);
    for (const r of refused) {
      assert.equal(r.json.code, "budget_exhausted", r.text);
      const left = Number(r.headers.get("retry-after"));
      assert.ok(left > 0 && left <= 86400, r.headers.get("retry-after"));
    }
    let today = await w.today();
    assert.deepEqual([today.seconds_used, today.seconds_reserved, today.is_nearly_used_up], [0, 17 * 600, true]);
    const theirs = await w.theirs();
    assert.equal(theirs.length, 17);
    for (const c of theirs) assert.equal(c.assistantOverrides.maxDurationSeconds, 600);
    await w.a.advance(31);
    await until(async () => (await w.today()).cost_micros_reserved === 0, { what: "all reports" });
    today = await w.today();
    const bill = await invoice();
    assert.equal(bill.calls.length, 17);
    assert.deepEqual([today.seconds_used, today.cost_micros_used, today.seconds_reserved], [17 * 26, bill.total_micros, 0]);
    t.diagnostic(`${today.cost_micros_used} micros booked, ${bill.total_micros} on the invoice`);
    assert.equal((await w.place()).status, 201, "what was not used can be used");
    await w.a.advance(31);
    await until(async () => (await w.today()).cost_micros_reserved === 0, { what: "its report" });
  });

  test("money: the worst price of the longest call is reserved", async () => {
    const before = await w.today();
    await w.limits({ daily_cost_cents: Math.ceil(before.cost_micros_used / 10000) + 120 }); // for two calls of 10 minutes at 6 cents
    assert.deepEqual((await Promise.all([w.place(), w.place(), w.place()])).map((r) => r.status).sort(), [201, 201, 429]);
    assert.equal((await w.today()).cost_micros_reserved, 2 * 600_000);
    await w.a.advance(31);
    await until(async () => (await w.today()).cost_micros_reserved === 0, { what: "all reports" });
    assert.equal((await w.today()).cost_micros_used, (await invoice()).total_micros);
  });

  test("80 % is told once a day", async () => {
    const entries = (await w.a.call("/api/v1/audit?limit=100")).json.entries.filter((e) => e.action === "budget.alert");
    assert.deepEqual(entries.map((e) => Object.keys(e.detail).filter((k) => e.detail[k] === true)).sort(), [["cost"], ["minutes"]]);
    assert.equal(await w.a.metric("budget_alerts_total", { kind: "minutes" }), 1);
  });

  test("who calls in when the day is used up gets the fallback", async () => {
    await w.limits({ daily_minutes: 0 });
    const r = (await w.a.call("/sandbox/api/vapi/inbound", { body: {}, key: null })).json;
    assert.deepEqual([r.status, r.answered_by], [200, "message"]);
    assert.equal((await w.place()).json.code, "budget_exhausted");
  });

  test("a call that comes in lasts no longer than what was reserved for it: as long as the assistant's calls do", async () => {
    await w.limits({ daily_minutes: 1000 });
    const ring = async () => (await w.a.call("/sandbox/api/vapi/inbound", { body: {}, key: null })).json;
    const reserved = async () => (await w.today()).seconds_reserved;
    for (const seconds of [1200, 90]) {
      assert.equal((await w.a.call("/api/v1/vapi/settings/max_call_duration", { method: "PUT", body: { value: seconds } })).status, 200);
      const { id } = await ring();
      assert.equal(await reserved(), seconds);
      assert.equal((await w.theirs()).find((c) => c.id === id).assistantOverrides.maxDurationSeconds, seconds);
      await w.a.advance(31);
      await until(async () => (await reserved()) === 0, { what: "it is over" });
    }
  });

  test("a call that is refused at Vapi gives back what it reserved", async () => {
    await w.limits({ daily_minutes: 1000 });
    await w.a.fault({ provider: "vapi", fault: "status", status: 422, operation: "POST /call", times: 1 });
    assert.equal((await w.place()).status, 422);
    assert.equal((await w.today()).seconds_reserved, 0);
  });

  test("names what is wrong, and who was quicker", async () => {
    const r = await w.limits({ daily_minutes: -1, daily_cost_cents: 1.5, concurrent_calls: 0, minutes: 3 });
    assert.equal(r.status, 422);
    assert.deepEqual(r.json.errors.map((e) => e.field).sort(), ["concurrent_calls", "daily_cost_cents", "daily_minutes", "minutes"]);
    assert.deepEqual(r.json.errors.find((e) => e.field === "concurrent_calls").min, 1);
    const etag = (await w.limits()).headers.get("etag");
    assert.equal((await w.limits({ concurrent_calls: 5 }, { "If-Match": etag })).status, 200);
    const late = await w.limits({ concurrent_calls: 6 }, { "If-Match": etag });
    assert.deepEqual([late.status, late.json.code], [412, "version_conflict"]);
    assert.equal((await w.a.call("/api/v1/audit")).json.entries[0].action, "limits.change");
  });
});
