// A proven webhook is kept first and read afterwards: whatever characters, numbers, names or depth it
// has, it is answered 200, stands in the inbox, and does what it says (TRAFFIC K1, K2, K14, T20).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { sign } from "../lib/twilio.mjs";
import { bytes, headersOf, oddWebhooks, secretPlan } from "../lib/vapi.mjs";

const ODDITIES = 1500; // a million of them: traffic.test.mjs
const SECRET = "what-vapi-sends-with-each-message";
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";
const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80";
const MiB = 1 << 20;

describe("a proven webhook", { skip: missing, concurrency: 1 }, () => {
  let a, server, status;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", RATE_LIMIT_WEBHOOKS_PER_SECOND: "100000" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "kept-first-vapi-key-0001", assistant_id: ASSISTANT, webhook_secret: SECRET } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    server = endpoints.find((e) => e.provider === "vapi").urls.server;
    status = endpoints.find((e) => e.provider === "twilio").urls.status;
  });
  after(() => a.remove());

  const post = (body, headers) => a.call(server.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...(headers ?? headersOf(secretPlan(SECRET), { url: server, body })) } });
  // By node:http, which reads the answer while it still sends; fetch takes the end of such a connection for an error.
  const send = (body, headers) =>
    new Promise((done, fail) => {
      const length = headers["Transfer-Encoding"] ? {} : { "Content-Length": Buffer.byteLength(body) };
      const req = request(server.replace(/^https?:\/\/[^/]+/, a.base), { method: "POST", headers: { "Content-Type": "application/json", ...length, ...headers } }, async (res) => {
        let text = "";
        for await (const piece of res.setEncoding("utf8")) text += piece;
        done({ status: res.statusCode, json: JSON.parse(text) });
      });
      req.on("error", fail).end(body);
    });
  const events = async (query = "") => (await a.call("/api/v1/events?limit=100" + query)).json.events;
  const settled = () => until(async () => (await events("&status=received")).length === 0, { what: "nothing left to work on", ms: 60000 });
  const eventOf = async (resource) => (await events("&resource=" + resource))[0];
  const callOf = async (id) => (await a.call("/api/v1/calls?limit=100")).json.calls.find((c) => c.provider_id === id);


  for (const [what, body, ends] of oddWebhooks)
    test(`with ${what} is kept, and does what it says`, async () => {
      const id = randomUUID(), r = await post(body(id));
      assert.equal(r.status, 200, r.text);
      await settled();
      const event = await eventOf(id);
      assert.equal(event?.status, "done", JSON.stringify(event));
      if (ends) assert.equal((await callOf(id))?.status, "ended");
      const shown = await a.call("/api/v1/events/" + event.id);
      assert.equal(shown.status, 200, shown.text.slice(0, 200));
    });

  test("that is no JSON at all is kept as dead, with its reason, and can be worked on again", async () => {
    for (const [body, reason] of [["<html>bad gateway</html>", /not JSON/], ["", /ends in the middle|not JSON/], ['{"message":{"type":"status-up', /ends in the middle|no message\.type/], ['{"hello":1}', /no message\.type/], [Buffer.from([0xff, 0xfe, 0x7b, 0x00]), /not JSON/]]) {
      const r = await post(body);
      assert.equal(r.status, 200, r.text);
      await settled();
      const event = (await events("&type=unknown"))[0];
      assert.deepEqual([event.status, event.cause], ["dead", "sender"]);
      assert.match(event.detail, reason);
      assert.equal((await a.call("/api/v1/events/" + event.id)).status, 200);
      assert.equal((await a.call(`/api/v1/events/${event.id}/replay`, { method: "POST" })).status, 202);
      await settled();
    }
  });

  test("comes once, however often it is sent; another byte is another message", async () => {
    const id = randomUUID(), body = `{"message":{"type":"hang","call":{"id":"${id}"}}}`;
    for (let i = 0; i < 3; i++) assert.equal((await post(body)).status, 200);
    assert.equal((await post(body + " ")).status, 200);
    assert.equal((await events("&resource=" + id)).length, 2);
  });

  const report = (id, more = {}) => ({ type: "end-of-call-report", timestamp: 1790000000114, endedReason: "customer-ended-call", cost: 0.75, startedAt: "2026-09-21T14:12:00.000Z", endedAt: "2026-09-21T14:13:20.000Z", call: { id, type: "inboundPhoneCall" }, ...more });
  const tooLarge = async () => (await a.metric("webhook_received_total", { provider: "vapi", result: "too_large" })) || 0;

  test("that is not proven, or over 8 MiB, is refused and not kept", async () => {
    const before = (await events()).length, counted = await tooLarge(), long = "x".repeat(8 * MiB);
    assert.equal((await post('{"message":{"type":"hang"}}', { "X-Vapi-Secret": "wrong" })).status, 403);
    assert.equal((await post(JSON.stringify({ message: { ...report(randomUUID()), long } }), { "X-Vapi-Secret": "wrong" })).status, 403);
    assert.equal(await tooLarge(), counted);
    for (const message of [long + "x", JSON.stringify({ message: { type: "conversation-update", call: { id: randomUUID() }, long } }), JSON.stringify({ message: { type: "assistant-request", call: { id: randomUUID() }, long } }), JSON.stringify({ message: { type: "end-of-call-report", long, call: { id: randomUUID() } } })]) {
      const r = await post(message);
      assert.deepEqual([r.status, r.json.detail], [413, "This message is longer than 8 MiB. Nothing of it was kept."]);
    }
    assert.equal(await tooLarge(), counted + 4);
    assert.equal((await events()).length, before);
  });

  for (const [what, headers] of [["told", {}], ["in chunks", { "Transfer-Encoding": "chunked" }]])
    test(`that reports a call in more than 8 MiB (${what}) is 413, counted, and ends the call with its cost from the part that was read`, async () => {
      const id = randomUUID(), counted = await tooLarge();
      const body = JSON.stringify({ message: { ...report(id), artifact: { messages: Array(40_000).fill({ role: "user", message: "x".repeat(280) }) } } });
      for (let i = 0; i < 2; i++) {
        const r = await send(body, { ...headersOf(secretPlan(SECRET), { url: server, body }), ...headers });
        assert.deepEqual([r.status, r.json.code, r.json.detail], [413, "payload_too_large", "This message is longer than 8 MiB. The end of the call and its cost were taken as far as they had come."]);
      }
      assert.equal(await tooLarge(), counted + 2);
      await settled();
      assert.deepEqual((await events("&resource=" + id)).map((e) => [e.type, e.status]), [["end-of-call-report", "done"]]);
      const call = await callOf(id);
      assert.deepEqual([call.status, call.ended_reason, call.cost?.amount_micros, call.ended_at], ["ended", "customer-ended-call", 750_000, "2026-09-21T14:13:20.000Z"]);
      assert.equal((await a.call("/health/ready", { key: null })).status, 200);
    });

  test("that is signed as a whole and over 8 MiB says that nothing of it could be proven", async () => {
    const hmac = { type: "hmac", secretKey: "a-key-for-signatures-of-vapi", algorithm: "sha256" };
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "kept-first-vapi-key-0001", assistant_id: ASSISTANT, webhook_auth: hmac } });
    try {
      const body = JSON.stringify({ message: { ...report(randomUUID()), long: "x".repeat(8 * MiB) } });
      const r = await post(body, headersOf(hmac, { url: server, body }));
      assert.deepEqual([r.status, r.json.detail], [413, "This message is longer than 8 MiB. It is signed as a whole, so nothing of it could be proven or taken."]);
    } finally {
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "kept-first-vapi-key-0001", assistant_id: ASSISTANT, webhook_secret: SECRET } });
    }
  });

  test("of Twilio with a NUL in it ends its call", async () => {
    const sid = "CA" + "d".repeat(32), pairs = [["CallSid", sid], ["CallStatus", "completed"], ["ForwardedFrom", "+1500555\0"]];
    const r = await a.call(status.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(status, pairs, TOKEN) } });
    assert.equal(r.status, 200, r.text);
    await settled();
    assert.equal((await eventOf(sid)).status, "done");
    assert.equal((await callOf(sid)).status, "completed");
  });

  describe("that asks a question is answered by its shape", () => {
    const ask = async (message) => (await post(JSON.stringify({ message: { timestamp: Date.now(), call: { id: randomUUID() }, ...message } })));
    const NOT_NOW = "This cannot be done right now.";
    before(() => a.call("/api/v1/fallback", { method: "PUT", body: { kind: "forward", to: "+15005550221" } }));
    const destination = { destination: { type: "number", number: "+15005550221" } };
    for (const [message, answer] of [
      [{ type: "campaign.predial" }, { eligible: true }],
      [{ type: "handoff-destination-request" }, destination],
      [{ type: "transfer-destination-request" }, destination],
      [{ type: "knowledge-base-request" }, { documents: [] }],
      [{ type: "call.endpointing.request", messagesOpenAIFormatted: [] }, { timeoutSeconds: 1 }],
      [{ type: "function-call", functionCall: { name: "f", parameters: {} } }, { result: NOT_NOW }],
      [{ type: "tool-calls", toolWithToolCallList: [{ type: "function", toolCall: { id: "t18" } }] }, { results: [{ toolCallId: "t18", result: NOT_NOW }] }],
      [{ type: "tool-calls", toolCallList: [{ id: "t1" }], toolCalls: [{ id: "t1" }, { id: "t2" }], toolWithToolCallList: [{ toolCall: { id: "t2" } }] }, { results: [{ toolCallId: "t1", result: NOT_NOW }, { toolCallId: "t2", result: NOT_NOW }] }],
      [{ type: "tool-calls", toolCallList: [{ id: 7 }, {}, "x", { id: "t3", function: { arguments: '{"x":"\udf1e"}' } }] }, { results: [{ toolCallId: "t3", result: NOT_NOW }] }],
      [{ type: "tool-calls", toolCalls: [{ id: "t4" }], toolCallList: [{ id: "t4", function: { name: "book" } }, { id: "t5", name: "find" }], toolWithToolCallList: [{ name: "pay", toolCall: { id: "t6" } }] }, { results: [{ name: "book", toolCallId: "t4", result: NOT_NOW }, { name: "find", toolCallId: "t5", result: NOT_NOW }, { name: "pay", toolCallId: "t6", result: NOT_NOW }] }],
      [{ type: "model-output", output: "hello" }, {}],
    ])
      test(message.type, async () => {
        const r = await ask(message);
        assert.equal(r.status, 200, r.text);
        assert.deepEqual(r.json, answer);
      });

    test("voice-request, which wants sound: refused in words, and kept", async () => {
      const id = randomUUID(), r = await ask({ type: "voice-request", text: "Hello", sampleRate: 24000, call: { id } });
      assert.equal(r.status, 422, r.text);
      assert.match(r.json.detail, /voice/);
      assert.equal((await events("&resource=" + id)).length, 1);
    });
  });

  // One odd thing in a field that Ava does not use changes neither the answer nor the row.
  test(`with any odd thing in it (${ODDITIES}) does the same as without`, { timeout: 120_000 }, async () => {
    const things = ['"\\ud83c"', '"\\ude00\\ud83d"', '"a\\u0000"', "-1e-5000", "123456789012345678901234567890", "1e999", '{"n":1,"n":[]}', "[".repeat(90) + "]".repeat(90), '"\\q"', '"\\u12"', "NaN", [0x22, 0xc3, 0x22], [0x22, 0xff, 0xfe, 0x22], [0x22, 0xed, 0xa0, 0x80, 0x22], [0x22, 0x00, 0x22], [0x22, 0xf0, 0x9f, 0x98, 0x22]];
    const places = [(o, id) => bytes('{"odd":', o, `,"message":{"type":"status-update","status":"ended","endedReason":"hangup","timestamp":1790000001000,"call":{"id":"${id}"}}}`), (o, id) => bytes(`{"message":{"type":"status-update","odd":`, o, `,"status":"ended","endedReason":"hangup","timestamp":1790000001000,"call":{"id":"${id}"}}}`), (o, id) => bytes(`{"message":{"type":"status-update","status":"ended","endedReason":"hangup","timestamp":1790000001000,"call":{"x":[`, o, `],"id":"${id}"}}}`), (o, id) => bytes(`{"message":{"type":"status-update","status":"ended","endedReason":"hangup","timestamp":1790000001000,"call":{"id":"${id}"}},"z":`, o, "}")];
    let sent = 0, seed = 42;
    const roll = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
    const worker = async () => {
      while (sent < ODDITIES) {
        const id = `odd-${String(sent++).padStart(8, "0")}`;
        const r = await post(places[roll(places.length)](things[roll(things.length)], id));
        assert.equal(r.status, 200, r.text);
        assert.equal(r.text, "{}");
      }
    };
    await Promise.all(Array.from({ length: 8 }, worker));
    await until(async () => (await events("&status=received")).length === 0, { what: "all worked on", ms: 90_000 });
    assert.deepEqual((await events("&status=dead")).filter((e) => e.resource?.startsWith("odd-")), []);
    let cursor = "", rows = 0;
    do {
      const page = (await a.call(`/api/v1/calls?limit=100${cursor && "&cursor=" + cursor}`)).json;
      for (const c of page.calls.filter((row) => row.provider_id?.startsWith("odd-"))) {
        rows++;
        assert.deepEqual([c.status, c.ended_reason, c.ended_at, c.direction], ["ended", "hangup", "2026-09-21T14:13:21.000Z", "inbound"]);
      }
      cursor = page.next_cursor;
    } while (cursor);
    assert.equal(rows, ODDITIES);
  });
});

// A limit costs no call: strangers and noise meet limits of their own, and what a call depends on none.
describe("the limit of webhooks", { skip: missing, concurrency: 1 }, () => {
  let a, server, status, calls = 0;
  before(async () => {
    a = await Ava.start({ limits: true, env: { AVA_LOG_LEVEL: "off", RATE_LIMIT_WEBHOOKS_PER_SECOND: "4" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "limit-vapi-key-0001", assistant_id: ASSISTANT, webhook_secret: SECRET } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    server = endpoints.find((e) => e.provider === "vapi").urls.server;
    status = endpoints.find((e) => e.provider === "twilio").urls.status;
  });
  after(() => a.remove());
  const send = (message, secret = SECRET) => a.call(server.slice(a.base.length), { key: null, method: "POST", raw: JSON.stringify({ message: { timestamp: Date.now(), call: { id: "limit-" + ++calls }, ...message } }), headers: { "Content-Type": "application/json", "X-Vapi-Secret": secret } });
  const all = (n, message, secret) => Promise.all(Array.from({ length: n }, () => send(message, secret)));
  const statuses = (list) => [...new Set(list.map((r) => r.status))].sort();

  test("strangers use up nothing of the workspace's", async () => {
    assert.deepEqual(statuses(await all(200, { type: "hang" }, "wrong")), [403, 429]);
    assert.equal((await send({ type: "assistant-request" })).status, 200);
    assert.equal((await send({ type: "status-update", status: "ended" })).status, 200);
  });

  test("noise is refused first, with a time to come again, and never what a call depends on", async () => {
    const noisy = await all(60, { type: "speech-update" });
    assert.deepEqual(statuses(noisy), [200, 503]);
    for (const r of noisy.filter((one) => one.status === 503)) assert.ok(Number(r.headers.get("retry-after")) >= 1);
    assert.equal((await send({ type: "hang" })).status, 200, "what is no noise still has its part");
    assert.deepEqual(statuses(await all(60, { type: "hang" })), [200, 503]);
    for (const type of ["end-of-call-report", "status-update", "assistant-request", "tool-calls", "campaign.predial"]) assert.deepEqual(statuses(await all(20, { type, status: "ringing" })), [200], type);
  });

  test("Twilio's callbacks are never refused by it", async () => {
    const one = (i) => {
      const pairs = [["CallSid", "CA" + String(i).padStart(32, "0")], ["CallStatus", "ringing"]];
      return a.call(status.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(status, pairs, TOKEN) } });
    };
    assert.deepEqual(statuses(await Promise.all(Array.from({ length: 200 }, (_, i) => one(i)))), [200]);
  });
});
