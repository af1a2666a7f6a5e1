// Who is meant by a refusal, and what an answer's content may do: TRAFFIC 2 (2, 3, 4, 13) and K3.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { scriptedWorld, twilioText, vapiCall } from "../lib/scripted.mjs";

describe("a refusal", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await scriptedWorld(Ava)));
  after(() => w.remove());
  const MESSAGES = /\/Messages\.json$/, CALL = /^\/call$/;
  let n = 0;
  const to = () => "+1500555" + String(++n).padStart(4, "0");

  for (const [status, code, words] of [[403, 21612, /no way from this number/], [429, 30022, /registered for/], [403, 63007, /this channel/], [429, 21617, /too long/], [400, 21610, /no more texts/]])
    test(`of one text with ${status} and ${code} is told in words after one attempt, and the next text goes`, async () => {
      const tried = w.twilio.count("POST", MESSAGES);
      w.twilio.once("POST", MESSAGES, { status, json: { code, message: "Whatever it says", status } });
      const refused = await w.text(to());
      assert.equal(refused.status, 422, refused.text);
      assert.match(refused.json.detail, words);
      assert.equal(w.twilio.count("POST", MESSAGES), tried + 1);
      assert.equal((await w.text(to())).status, 201);
    });

  test("without a code is no line of communication cut: 403 is this request, 429 is asked again", async () => {
    w.twilio.once("POST", MESSAGES, { status: 403, body: "<html>no</html>" });
    assert.equal((await w.text(to())).json.code, "provider_permission_denied");
    assert.equal((await w.text(to())).status, 201);
    w.twilio.once("POST", MESSAGES, { status: 429, json: {} });
    assert.equal((await w.text(to())).status, 201);
  });

  test("of the key shuts the gate, and only that one does", async () => {
    w.twilio.once("POST", MESSAGES, { status: 401, json: { code: 20003, message: "Authenticate", status: 401 } });
    assert.equal((await w.text(to())).status, 424);
    assert.equal((await w.text(to())).status, 424, "no second one goes out with a key that is refused");
    await w.a.advance(61);
    assert.equal((await w.text(to())).status, 201);
  });

  test("of Vapi's about one number lets the next call go", async () => {
    w.vapi.once("POST", CALL, { status: 403, json: { message: "Number is on the do-not-call list of this organisation.", statusCode: 403 } });
    const refused = await w.call(to());
    assert.equal(refused.status, 422, refused.text);
    assert.match(refused.json.detail, /must not be called/);
    assert.equal((await w.call(to())).status, 201);
  });

  for (const [status, message] of [[403, "Over concurrency limit for this key."], [400, ["phoneNumberId is busy", "over concurrency limit"]], [429, "All concurrent lines of your plan are in use"]])
    test(`for want of a line (${status} ${JSON.stringify(message)}) waits in the queue and is dialled later`, async () => {
      w.vapi.once("POST", CALL, { status, json: { message, statusCode: status } });
      const waits = await w.call(to());
      assert.equal(waits.status, 202, waits.text);
      assert.equal(waits.json.status, "queued");
      assert.ok(waits.json.position >= 1);
      const tried = w.vapi.count("POST", CALL);
      await w.a.advance(16);
      await until(async () => (await w.a.call(`/api/v1/operations/${waits.json.id}`)).json.status === "succeeded", { what: "it was dialled" });
      assert.equal(w.vapi.count("POST", CALL), tried + 1);
      await endAll();
    });

  const endAll = async () => {
    for (const c of (await w.a.call("/api/v1/calls?limit=100")).json.calls)
      if (c.provider === "vapi" && c.provider_id && c.status !== "ended") await w.server({ type: "status-update", status: "ended", endedReason: "customer-ended-call", call: { id: c.provider_id } });
    await until(async () => (await w.a.call("/api/v1/limits")).json.today.calls_now === 0, { what: "no call is live" });
  };

  test("a call that comes back ended for want of a line makes the next one wait", async () => {
    await endAll();
    assert.equal((await w.call(to())).status, 201); // one is live
    w.vapi.once("POST", CALL, () => ({ status: 201, json: vapiCall({ status: "ended", endedReason: "call.start.error-subscription-concurrency-limit-reached" }) }));
    const first = await w.call(to());
    assert.equal(first.status, 201, first.text);
    const next = await w.call(to());
    assert.equal(next.status, 202, next.text);
    assert.equal(next.json.status, "queued");
    await w.a.advance(16);
    await until(async () => (await w.a.call(`/api/v1/operations/${next.json.id}`)).json.status === "succeeded", { what: "it was dialled" });
    await endAll();
  });

  test("of Vapi's is told by field or by meaning", async () => {
    for (const [message, status, words] of [
      [["assistantOverrides.maxDurationSeconds must not be greater than 43200 (got 90000)"], 422, /assistantOverrides\.maxDurationSeconds must not be greater than 43200\./],
      ["Couldn't start call: your balance is $0.00, add credits", 424, /no credit/],
      ["customer.number: must start with +", 422, /customer\.number must start with \+/],
    ]) {
      w.vapi.once("POST", CALL, { status: 400, json: { message, error: "Bad Request", statusCode: 400 } });
      const r = await w.call(to());
      assert.equal(r.status, status, r.text);
      assert.match(r.json.detail, words);
    }
  });

  test("of a number's day holds the queue of this number, of which one was tried", async () => {
    await endAll();
    const tried = w.vapi.count("POST", CALL);
    w.vapi.on("POST", CALL, { status: 400, json: { message: "Numbers Bought On Vapi Have A Daily Outbound Call Limit. Daily limit reached.", statusCode: 400 } });
    const waiting = [];
    for (let i = 0; i < 4; i++) waiting.push(await w.call(to()));
    for (const r of waiting) assert.equal(r.status, 202, r.text);
    await w.a.advance(20);
    assert.equal(w.vapi.count("POST", CALL), tried + 1);
    w.vapi.rules.shift();
    await w.a.advance(86400);
    for (const r of waiting) await until(async () => (await w.a.call(`/api/v1/operations/${r.json.id}`)).json.status === "succeeded", { what: "it was dialled the next day" });
  });

  test("never opens a breaker", async () => {
    for (const service of ["vapi", "twilio"]) assert.equal(await w.a.metric("circuit_breaker_opens_total", { service }), 0, service);
  });
});

describe("the content of an answer", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await scriptedWorld(Ava, { env: { CALL_CHECK_SECONDS: "5" } })));
  after(() => w.remove());

  test("however large, frees the line and books the cost", async () => {
    assert.equal((await w.a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 1 } })).status, 200);
    const placed = await w.call("+15005550141");
    assert.equal(placed.status, 201, placed.text);
    const id = placed.json.provider_id;
    assert.equal((await w.call("+15005550142")).json.status, "queued");
    const ended = { ...vapiCall({ id }), status: "ended", endedReason: "customer-ended-call", cost: 0.4, startedAt: new Date().toISOString(), endedAt: new Date().toISOString(), artifact: { transcript: "a".repeat(1_200_000), messages: Array.from({ length: 2000 }, (_, i) => ({ role: "user", message: "word ".repeat(500), time: i })) } };
    w.vapi.on("GET", new RegExp(`^/call/${id}`), { json: ended });
    await w.a.advance(40);
    const call = await until(async () => {
      const c = (await w.a.call(`/api/v1/calls/${placed.json.id}`)).json;
      return c.status === "ended" && c;
    }, { what: "the call is over" });
    assert.equal(call.cost.amount_micros, 400_000);
    assert.equal(await w.a.metric("circuit_breaker_failures_total", { service: "vapi" }), 0);
    await until(async () => (await w.a.call("/api/v1/limits")).json.today.calls_waiting === 0, { what: "the line went to whoever waited" });
  });

  test("an odd character in the answer to a call that was made does not unmake it", async () => {
    await w.a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: null } });
    w.vapi.once("POST", /^\/call$/, () => ({ status: 201, body: JSON.stringify(vapiCall()).replace("}", ',"customer":{"name":"Ola \\udd25","n":1e999,"i":-10000000000000000000,"x":"\\u0000"}}') }));
    const r = await w.call("+15005550143");
    assert.equal(r.status, 201, r.text);
  });

  test("odd assistants are read and written, and one of a list costs the others nothing", async () => {
    const whole = (more) => ({ body: `{"id":"6f0fb7a5-43c1-4b3a-9f63-1c20a9a17d01","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-20T08:00:00.000Z","firstMessage":"Hello",${more}}` });
    for (const more of ['"name":"Night desk \\udd25"', '"metadata":{"ticket":-10000000000000000000}', '"transcriber":{"gain":-1e5000}', '"name":"a","name":"b"']) {
      w.vapi.on("GET", /^\/assistant\/6f0/, whole(more));
      w.vapi.on("PATCH", /^\/assistant\/6f0/, whole(more));
      const read = await w.a.call("/api/v1/vapi/settings");
      assert.equal(read.status, 200, `${more}: ${read.text}`);
      const put = await w.a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: "Good evening" } });
      assert.equal(put.status, 200, `${more}: ${put.text}`);
    }
    w.vapi.on("GET", /^\/assistant\?/, { body: '[{"id":"a1","name":"One","createdAt":"2026-11-20T08:00:00.000Z","updatedAt":"2026-11-20T08:00:00.000Z"},{"id":7},{"id":"a3","name":"Night \\udd25","createdAt":"2026-11-20T07:00:00.000Z","updatedAt":"2026-11-20T08:00:00.000Z"}]' });
    const list = await w.a.call("/api/v1/assistants");
    assert.equal(list.status, 200, list.text);
    assert.deepEqual(list.json.assistants.map((one) => one.name), ["One", "Night \ufffd"]);
    assert.equal(await w.a.metric("circuit_breaker_opens_total", { service: "vapi" }), 0);
  });

  test("one text whose words are no UTF-8 costs the list nothing", async () => {
    w.twilio.once("POST", /\/Messages\.json$/, (r) => ({ status: 201, body: Buffer.concat([Buffer.from(JSON.stringify(twilioText(new URLSearchParams(r.body))).slice(0, -1) + ',"note":"'), Buffer.from([0xc3, 0x28, 0xff]), Buffer.from('"}')]) }));
    const r = await w.text("+15005550151");
    assert.equal(r.status, 201, r.text);
  });
});
