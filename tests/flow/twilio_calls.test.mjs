// Calls through Twilio: placed once, whatever breaks, read live, and ended.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";

const TWIML = "<Response><Say>Grüße & welcome</Say></Response>";

describe("calls through Twilio", { skip: missing }, () => {
  let a, twilio, from, count = 0;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
  });
  after(() => a.remove());

  const number = () => `+3370000${String(++count).padStart(4, "0")}`;
  const place = (body = {}, headers = {}) => a.call("/api/v1/twilio/calls", { body: { to: number(), from, twiml: TWIML, ...body }, headers });
  const read = async (id) => (await a.call(`/api/v1/calls/${id}`)).json;
  const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const settled = (id, ...states) => until(async () => ((o) => states.includes(o.status) && o)(await operation(id)), { what: `${id} ${states}` });
  const theirs = async (to) => {
    const r = await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/Calls.json?PageSize=1000&To=${encodeURIComponent(to)}`, {
      headers: { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") },
    });
    return (await r.json()).calls;
  };
  const posts = async () => (await a.ledger()).hits.filter((h) => h.method === "POST" && /Calls\.json$/.test(h.path)).length;
  const heard = async (sid) => (await a.call(`/api/v1/events?resource=${sid}&limit=100`)).json.events.filter((e) => e.type === "status");
  const statuses = async (sid) => {
    const events = await Promise.all((await heard(sid)).map(async (e) => (await a.call(`/api/v1/events/${e.id}`)).json));
    return events.reverse().map((e) => e.body.CallStatus);
  };

  test("places a call, which rings, is answered and ends; each state comes back signed", async () => {
    const r = await place();
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.id, /^call_/);
    assert.match(r.json.provider_id, /^CA[0-9a-f]{32}$/);
    assert.deepEqual([r.json.provider, r.json.direction, r.json.from, r.json.status], ["twilio", "outbound", from, "queued"]);
    assert.deepEqual([r.json.from_number_id, r.json.assistant_id, r.json.metadata], [null, null, null]);
    const told = (n) => until(async () => (await heard(r.json.provider_id)).length === n, { what: `${n} states as webhooks` });
    await told(1);
    await a.advance(6);
    const live = await read(r.json.id);
    assert.equal(live.status, "in-progress");
    await told(3);
    assert.ok(live.started_at);
    await a.advance(30);
    const ended = await read(r.json.id);
    assert.deepEqual([ended.status, ended.ended_reason], ["completed", "completed"]);
    assert.ok(ended.ended_at);
    await told(4);
    assert.deepEqual(await statuses(r.json.provider_id), ["initiated", "ringing", "in-progress", "completed"]);
    assert.equal((await operation(r.json.operation_id)).kind, "twilio_call.create");
  });

  test("tells how else a call may end", async () => {
    for (const [tail, status] of [["9901", "busy"], ["9902", "no-answer"], ["9903", "failed"]]) {
      const r = await place({ to: `+3370000${tail}` });
      await a.advance(31);
      const ended = await read(r.json.id);
      assert.deepEqual([ended.status, ended.ended_reason], [status, status]);
      assert.ok(ended.ended_at);
    }
  });

  test("stands in one list with the calls through Vapi", async () => {
    const to = number();
    const mine = (await place({ to, twiml: undefined, url: "https://example.com/twiml?a=b" })).json;
    const other = (await a.call("/api/v1/calls", { body: { to } })).json;
    const list = (await a.call(`/api/v1/calls?to=${encodeURIComponent(to)}`)).json.calls;
    assert.deepEqual(list.map((c) => [c.id, c.provider]), [[other.id, "vapi"], [mine.id, "twilio"]]);
  });

  test("names every wrong field, and sends nothing", async () => {
    const hits = await posts();
    for (const [body, fields] of [
      [{ to: "0612345678" }, ["to"]],
      [{ from: "+0612345678" }, ["from"]],
      [{ to: 1, from: null, twiml: undefined }, ["to", "from", "url"]],
      [{ url: "https://example.com/twiml" }, ["twiml"]],
      [{ url: "http://example.com/twiml", twiml: undefined }, ["url"]],
      [{ url: "https://exa mple.com/", twiml: undefined }, ["url"]],
      [{ twiml: "x".repeat(4001) }, ["twiml"]],
      [{ twiml: "" }, ["twiml"]],
      [{ assistant_id: "x" }, ["assistant_id"]],
    ]) {
      const r = await place(body);
      assert.equal(r.status, 422, r.text);
      assert.deepEqual(r.json.errors.map((e) => e.field).sort(), fields.sort(), r.text);
    }
    const long = (await place({ twiml: "x".repeat(4001) })).json.errors[0];
    assert.deepEqual([long.min, long.max], [1, 4000]);
    assert.equal(await posts(), hits);
    const refused = await place({ to: "+15005550003" });
    assert.equal(refused.json.code, "provider_rejected_request");
    assert.match(refused.json.detail, /may not call this country \(code 21215\)/);
  });

  test("respond-async: accepted at once, settled later", async () => {
    const r = await place({}, { Prefer: "respond-async" });
    assert.equal(r.status, 202, r.text);
    assert.equal((await settled(r.json.id, "succeeded")).result.provider, "twilio");
  });

  test("a throttled call is tried again; a key used twice is one call", async () => {
    await a.fault({ provider: "twilio", fault: "status", status: 429, retry_after: "1", times: 1, operation: "POST /2010" });
    const to = number(), key = { "Idempotency-Key": "call-once" };
    const first = await place({ to }, key);
    assert.equal(first.status, 201, first.text);
    assert.equal(first.headers.get("ava-attempts"), "2");
    assert.equal((await place({ to }, key)).json.id, first.json.id);
    assert.equal((await theirs(to)).length, 1);
  });

  for (const [provider, words] of [["twilio", ["completed", "completed"]], ["vapi", ["ended", "manually-canceled"]]])
    test(`ends a call through ${provider}, once, whatever breaks`, async () => {
      const mine = provider === "twilio" ? (await place()).json : (await a.call("/api/v1/calls", { body: { to: number() } })).json;
      const end = () => a.call(`/api/v1/calls/${mine.id}/end`, { method: "POST" });
      await a.advance(5);
      assert.equal((await read(mine.id)).status, "in-progress");
      await a.fault({ provider, fault: "cut", times: 1, operation: "POST /" });
      const r = await end();
      assert.equal(r.status, 200, r.text);
      assert.deepEqual([r.json.id, r.json.status, r.json.ended_reason], [mine.id, ...words]);
      assert.ok(r.json.ended_at);
      const hits = (await a.ledger()).counts[provider];
      const again = await end();
      assert.deepEqual([again.status, again.json.status], [200, words[0]]);
      assert.equal((await a.ledger()).counts[provider], hits, "what has ended is not asked about");
      await a.advance(31);
      assert.equal((await read(mine.id)).status, words[0]);
      if (provider === "twilio") await until(async () => (await statuses(mine.provider_id)).includes("completed"), { what: "the last state" });
    });

  test("a call of which nobody knows cannot be ended, one that never was is over", async () => {
    await a.fault({ provider: "vapi", fault: "cut", operation: "POST /call" });
    const op = (await a.call("/api/v1/calls", { body: { to: number() } })).json;
    await a.fault({ provider: "vapi", fault: "none" });
    const r = await a.call(`/api/v1/calls/${op.object_id}/end`, { method: "POST" });
    assert.equal(r.status, 504, r.text);
    assert.deepEqual([r.json.code, r.json.operation_id], ["outcome_unknown", op.id]);
    await place({ to: "+15005550002" });
    const [failed] = (await a.call("/api/v1/calls?status=failed&to=%2B15005550002")).json.calls;
    assert.equal((await a.call(`/api/v1/calls/${failed.id}/end`, { method: "POST" })).status, 200);
  });

  test("somebody else's call looks like a missing one", async () => {
    const mine = (await place()).json;
    const other = await a.newPerson("other@example.com");
    assert.equal((await a.call(`/api/v1/calls/${mine.id}`, { key: other.key })).status, 404);
    assert.equal((await a.call(`/api/v1/calls/${mine.id}/end`, { method: "POST", key: other.key })).status, 404);
    await a.advance(5);
    assert.equal((await read(mine.id)).status, "in-progress");
  });
});

// No callback arrives here: what became of a call can only be asked.
describe("calls through Twilio of which nobody knows", { skip: missing }, () => {
  let a, twilio, from;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error", AVA_PUBLIC_URL: "http://127.0.0.1:9" } });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
  });
  after(() => a.remove());

  const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const settled = (id, ...states) => until(async () => ((o) => states.includes(o.status) && o)(await operation(id)), { what: `${id} ${states}` });
  const direct = (path, form) =>
    fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}${path}`, {
      method: form ? "POST" : "GET",
      headers: { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") },
      body: form && new URLSearchParams(form),
    }).then((r) => r.json());
  const posts = async () => (await a.ledger()).hits.filter((h) => h.method === "POST" && /Calls\.json$/.test(h.path)).length;
  const cut = async (to) => {
    await a.fault({ provider: "twilio", operation: "POST /2010", fault: "cut" });
    const r = await a.call("/api/v1/twilio/calls", { body: { to, from, twiml: TWIML } });
    await a.fault({ provider: "twilio", fault: "none" });
    assert.deepEqual([r.status, r.json.status], [202, "unknown"], r.text);
    return r.json;
  };

  test("one that goes out is found by its numbers and its time", async () => {
    const op = await cut("+33720000001");
    const sent = await posts();
    await a.advance(6);
    const done = await settled(op.id, "succeeded");
    const [one] = (await direct("/Calls.json?To=%2B33720000001")).calls;
    assert.equal(done.result.provider_id, one.sid);
    assert.equal(await posts(), sent, "not one further POST");
  });

  test("where two could be it, neither is taken, and nothing is called again", async () => {
    const op = await cut("+33720000002");
    await direct("/Calls.json", { To: "+33720000002", From: from, Twiml: TWIML });
    const sent = await posts();
    await a.advance(6);
    await until(async () => (await operation(op.id)).next_retry_in_seconds > 6, { what: "the second look planned" });
    assert.equal((await operation(op.id)).status, "unknown");
    await a.advance(900);
    await settled(op.id, "unconfirmed");
    assert.equal((await a.call(`/api/v1/calls/${op.object_id}`)).json.status, "unconfirmed");
    assert.equal(await posts(), sent);
  });
});

describe("under the operator's own Twilio account", { skip: missing }, () => {
  let provider, a;
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    const { twilio } = (await provider.call("/sandbox/api/credentials", { key: null })).json;
    a = await Ava.start({ verb: "serve", env: { TWILIO_BASE_URL: twilio.base_url, TWILIO_ACCOUNT_SID: twilio.account_sid, TWILIO_AUTH_TOKEN: twilio.auth_token, AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(async () => {
    await a.remove();
    await provider.remove();
  });

  test("its numbers may be used by the only workspace, and by none once there are more", async () => {
    const from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
    const place = () => a.call("/api/v1/twilio/calls", { body: { to: "+33730000001", from, twiml: TWIML } });
    const send = () => a.call("/api/v1/twilio/messages", { body: { to: "+33730000001", from, body: "Hello" } });
    assert.equal((await place()).status, 201);
    assert.equal((await send()).status, 201);
    const workspace = (await a.call("/api/v1/auth/me")).json.workspace.id;
    await a.newPerson("second@example.com");
    assert.equal(ava(["workspace", "allow-platform", workspace, "twilio", "--data-dir", a.data]).status, 0);
    const refused = await until(async () => ((r) => r.status !== 201 && r)(await place()), { every: 100, what: "the second workspace noticed" });
    assert.deepEqual([refused.status, refused.json.code], [404, "not_found"], refused.text);
    assert.equal((await send()).status, 404);
    const listed = await a.call("/api/v1/twilio/numbers");
    assert.deepEqual([listed.status, listed.json.code], [404, "not_found"], listed.text);
    assert.ok(!listed.text.includes(from));
  });
});

describe("under the operator's own Vapi account", { skip: missing }, () => {
  let provider, a;
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    const { vapi } = (await provider.call("/sandbox/api/credentials", { key: null })).json;
    a = await Ava.start({ verb: "serve", env: { VAPI_BASE_URL: vapi.base_url, VAPI_API_KEY: vapi.api_key, VAPI_ASSISTANT_ID: vapi.assistant_id, AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(async () => {
    await a.remove();
    await provider.remove();
  });

  test("its assistant may be changed by the only workspace, and by none once there are more", async () => {
    const greet = (value) => a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value } });
    const first = await greet("Only me.");
    assert.equal(first.status, 200, first.text);
    await a.newPerson("second@example.com");
    assert.equal(ava(["workspace", "allow-platform", a.me.workspace.id, "vapi", "--data-dir", a.data]).status, 0);
    const refused = await until(async () => ((r) => r.status !== 200 && r)(await greet("Mine.")), { every: 100, what: "the second workspace noticed" });
    assert.deepEqual([refused.status, refused.json.code], [403, "forbidden"], refused.text);
    const read = await a.call("/api/v1/vapi/settings");
    assert.equal(read.status, 200, read.text);
  });
});
