// Calls through Vapi: placed once, whatever breaks; and the operation that tells how it stands.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const TO = "+33612345678";

describe("calls", { skip: missing }, () => {
  let a, vapi;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
  });
  after(() => a.remove());

  const place = (body = {}, headers = {}) => a.call("/api/v1/calls", { body: { to: TO, ...body }, headers });
  const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const settled = (id, ...states) => until(async () => ((o) => states.includes(o.status) && o)(await operation(id)), { what: `${id} ${states}` });
  const made = async (filter = () => true) => {
    const r = await fetch(`${vapi.base_url}/call?limit=1000`, { headers: { Authorization: `Bearer ${vapi.api_key}` } });
    return (await r.json()).filter(filter);
  };

  test("places a call, with the connection's assistant and number, and the operation in its metadata", async () => {
    const r = await place({ metadata: { order: "A-17" } });
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.id, /^call_/);
    assert.equal(r.json.to, TO);
    assert.equal(r.json.status, "queued");
    assert.deepEqual(r.json.metadata, { order: "A-17" });
    const [theirs] = await made((c) => c.id === r.json.provider_id);
    assert.equal(theirs.assistantId, vapi.assistant_id);
    assert.equal(theirs.phoneNumberId, vapi.default_number_id);
    assert.deepEqual(theirs.assistantOverrides.metadata, { order: "A-17", ava_op: r.json.operation_id });
    const op = await operation(r.json.operation_id);
    assert.equal(op.status, "succeeded");
    assert.equal(op.kind, "call.create");
    assert.equal(op.result.id, r.json.id);
    assert.equal(op.problem, undefined);
  });

  test("reads it live, and lists it newest first with filters and pages", async () => {
    const mine = (await place({ to: "+33700000001" })).json;
    await a.advance(5);
    const live = await a.call(`/api/v1/calls/${mine.id}`);
    assert.equal(live.json.status, "in-progress");
    assert.ok(live.json.started_at);
    await a.advance(60);
    assert.equal((await a.call(`/api/v1/calls/${mine.id}`)).json.ended_reason, "customer-ended-call");
    const list = (await a.call("/api/v1/calls?to=%2B33700000001")).json;
    assert.deepEqual(list.calls.map((c) => c.id), [mine.id]);
    const first = (await a.call("/api/v1/calls?limit=1")).json;
    assert.equal(first.calls[0].id, mine.id);
    const next = (await a.call(`/api/v1/calls?limit=1&cursor=${first.next_cursor}`)).json;
    assert.notEqual(next.calls[0].id, mine.id);
    assert.equal((await a.call("/api/v1/calls?since=tomorrow")).status, 422);
  });

  test("says so when the provider cannot be asked how a call stands", async () => {
    const mine = (await place()).json;
    await a.fault({ provider: "vapi", fault: "status", status: 503, operation: "GET /call" });
    const r = await a.call(`/api/v1/calls/${mine.id}`);
    assert.equal(r.status, 200);
    assert.equal(r.json.stale, true);
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("names every wrong field, and sends nothing", async () => {
    const hits = (await a.ledger()).counts.vapi;
    for (const [body, fields] of [
      [{ to: "0612345678" }, ["to"]],
      [{ to: "+3361234567890123" }, ["to"]],
      [{ to: 33612345678 }, ["to"]],
      [{ to: null, assistant_id: "", from_number_id: 7, metadata: [] }, ["to", "assistant_id", "from_number_id", "metadata"]],
      [{ metadata: { ava_op: "x" } }, ["metadata"]],
      [{ metadata: { long: "x".repeat(9000) } }, ["metadata"]],
      [{ number: TO }, ["number"]],
    ]) {
      const r = await place(body);
      assert.equal(r.status, 422, r.text);
      assert.deepEqual(r.json.errors.map((e) => e.field).sort(), fields.sort());
    }
    assert.equal((await a.ledger()).counts.vapi, hits);
    const before = (await a.call("/api/v1/calls?limit=100")).json.calls.length;
    const refused = await place({ assistant_id: "00000000-0000-4000-8000-000000000000" });
    assert.equal(refused.status, 422, refused.text);
    assert.equal(refused.json.code, "provider_rejected_request");
    assert.equal((await a.call("/api/v1/calls?limit=100&status=failed")).json.calls.length, 1);
    assert.equal((await a.call("/api/v1/calls?limit=100")).json.calls.length, before + 1);
  });

  test("under the platform's key only the platform's own assistant and number may be used", async () => {
    const other = await a.newPerson("platform@example.com");
    const as = (body) => a.call("/api/v1/calls", { body: { to: TO, ...body }, key: other.key });
    assert.equal((await as({})).status, 201);
    for (const body of [{ assistant_id: "00000000-0000-4000-8000-000000000000" }, { from_number_id: "somebody-elses" }]) {
      const r = await as(body);
      assert.equal(r.status, 404, r.text);
      assert.equal(r.json.code, "not_found");
    }
  });

  test("respond-async: accepted at once, settled later, and readable", async () => {
    await a.fault({ provider: "vapi", fault: "latency", latency_ms: 300, operation: "POST /call" });
    const r = await place({}, { Prefer: "respond-async" });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.headers.get("preference-applied"), "respond-async");
    assert.equal(r.headers.get("location"), `/api/v1/operations/${r.json.id}`);
    assert.ok(["prepared", "sent"].includes(r.json.status), r.text);
    assert.equal(r.json.next_retry_in_seconds, null);
    const done = await settled(r.json.id, "succeeded");
    assert.equal(done.result.to, TO);
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("a throttled call is tried again; what takes longer than 2 s is accepted with the retry it waits for", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "1", times: 1, operation: "POST /call" });
    const quick = await place();
    assert.equal(quick.status, 201, quick.text);
    assert.equal(quick.headers.get("ava-attempts"), "2");
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "4", times: 1, operation: "POST /call" });
    const slow = await place();
    assert.equal(slow.status, 202, slow.text);
    assert.equal(slow.json.status, "retrying");
    assert.equal(slow.json.attempt, 2);
    assert.equal(slow.json.max_attempts, 3);
    assert.equal(slow.json.service, "vapi");
    assert.ok(slow.json.next_retry_in_seconds >= 3 && slow.json.next_retry_in_seconds <= 5, slow.text);
    await a.advance(4);
    assert.equal((await settled(slow.json.id, "succeeded")).attempt, 2);
  });

  for (const [what, fault] of [
    ["the connection breaks after it was carried out", { fault: "cut" }],
    ["the answer cannot be read", { fault: "malformed" }],
    ["the provider answers 500", { fault: "status", status: 500 }],
  ])
    test(`unknown when ${what}: asked about, never sent again`, async () => {
      const count = async () => (await a.ledger()).hits.filter((h) => h.path === "/call" && h.method === "POST").length;
      const before = (await made()).length;
      await a.fault({ provider: "vapi", operation: "POST /call", ...fault });
      const r = await place({}, { "Idempotency-Key": `unknown-${what.replaceAll(" ", "-")}` });
      await a.fault({ provider: "vapi", fault: "none" });
      assert.equal(r.status, 202, r.text);
      assert.equal(r.json.status, "unknown");
      assert.equal(await a.metric("operations_unknown", { service: "vapi" }), 1);
      const sent = await count();
      if (fault.fault === "cut") {
        await a.advance(5);
        const done = await settled(r.json.id, "succeeded");
        const [theirs] = await made((c) => c.assistantOverrides?.metadata?.ava_op === r.json.id);
        assert.equal(done.result.provider_id, theirs.id);
        assert.equal((await made()).length, before + 1);
      } else {
        for (const seconds of [5, 25, 90, 480]) {
          await a.advance(seconds);
          await until(async () => (await operation(r.json.id)).next_retry_in_seconds > 0, { what: "the next look" });
          assert.equal((await operation(r.json.id)).status, "unknown");
        }
        await a.advance(300);
        await settled(r.json.id, "unconfirmed");
        assert.equal((await a.call(`/api/v1/calls/${r.json.object_id}`)).json.status, "unconfirmed");
        assert.equal((await made()).length, before);
      }
      assert.equal(await count(), sent, "not one further POST");
      assert.equal(await a.metric("operations_unknown", { service: "vapi" }), 0);
    });

  test("who refuses 202 gets 504 with the operation to ask about", async () => {
    await a.fault({ provider: "vapi", fault: "cut", operation: "POST /call" });
    const r = await place({}, { Prefer: "respond-sync" });
    await a.fault({ provider: "vapi", fault: "none" });
    assert.equal(r.status, 504, r.text);
    assert.equal(r.json.code, "outcome_unknown");
    await a.advance(5);
    await settled(r.json.operation_id, "succeeded");
  });

  test("an impatient caller gets 202; the call goes on", async () => {
    await a.fault({ provider: "vapi", fault: "latency", latency_ms: 600, operation: "POST /call" });
    const r = await place({}, { "X-Request-Timeout-Ms": "200" });
    await a.fault({ provider: "vapi", fault: "none" });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.status, "sent");
    await settled(r.json.id, "succeeded");
  });

  test("a refused key leaves no call and no operation behind, and the same Idempotency-Key may be used again", async () => {
    const before = (await a.call("/api/v1/calls?limit=100")).json.calls.length;
    const key = { "Idempotency-Key": "before-any-attempt" };
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "DELETE" })).status, 204);
    const r = await place({}, key);
    assert.equal(r.status, 424, r.text);
    assert.equal(r.json.code, "provider_not_connected");
    assert.equal((await a.call("/api/v1/calls?limit=100")).json.calls.length, before);
    const body = { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id };
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body })).json.default_number_id, vapi.default_number_id);
    assert.equal((await place({}, key)).status, 201);
  });

  test("somebody else's call and operation look like missing ones", async () => {
    const mine = (await place()).json;
    const other = await a.newPerson("other@example.com");
    for (const path of [`/api/v1/calls/${mine.id}`, `/api/v1/operations/${mine.operation_id}`]) {
      const foreign = await a.call(path, { key: other.key });
      assert.equal(foreign.status, 404);
      assert.equal(foreign.json.code, "not_found");
    }
  });
});
