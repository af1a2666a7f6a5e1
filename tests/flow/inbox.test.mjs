// What Vapi and Twilio send, from the socket to our rows: proven, durable, applied once and in order,
// tried again, dead, replayed.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, shared, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";
const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80";
const NUMBER = "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa";
const vectors = shared("fixtures/vapi/webhook_auth_vectors.jsonl");
const messages = shared("fixtures/vapi/server_messages.jsonl");
const linesOf = (file) => (file.path ? readFileSync(file.path, "utf8").trim().split("\n") : []);

describe("the inbox", { skip: missing, concurrency: 1 }, () => {
  let a, server, twilio;
  const vapi = (body) => ({ api_key: "inbox-vapi-key-0001", assistant_id: ASSISTANT, default_number_id: NUMBER, ...body });
  const connect = async (body, key) => {
    const r = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: vapi(body), key: key ?? a.key });
    assert.equal(r.status, 200, r.text);
    return r;
  };
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    await connect({ webhook_secret: SECRET });
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    server = endpoints.find((e) => e.provider === "vapi").urls.server;
    twilio = endpoints.find((e) => e.provider === "twilio").urls;
  });
  after(() => a.remove());

  const post = (json, { plan = secretPlan(SECRET), headers, url = server, at } = {}) => {
    const body = typeof json === "string" ? json : JSON.stringify(json);
    return a.call(url.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...(headers ?? headersOf(plan, { url, body, at })) } });
  };
  const taken = async (json, options) => {
    const r = await post(json, options);
    assert.equal(r.status, 200, r.text);
    return r.json;
  };
  const fromTwilio = async (kind, params, query = "") => {
    const url = twilio[kind].replace(/(?=#)/, query), pairs = Object.entries(params);
    const r = await a.call(url.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, TOKEN) } });
    assert.equal(r.status, 200, r.text);
  };
  const events = async (query = "") => (await a.call("/api/v1/events?limit=100" + query)).json.events;
  const calls = async () => (await a.call("/api/v1/calls?limit=100")).json.calls;
  const settled = () => until(async () => (await events("&status=received")).length === 0, { what: "nothing left to work on" });
  const callOf = async (id) => (await calls()).find((c) => c.provider_id === id);
  // What nobody outside can do: the database itself fails or rots.
  const sql = (text) => rows(a.data, text);

  describe("proof", () => {
    test("nobody gets in without one", async () => {
      const body = message("hang", { id: randomUUID() });
      for (const headers of [{}, { "X-Vapi-Secret": "" }, { "X-Vapi-Secret": SECRET + "x" }, { Authorization: "Bearer " + SECRET }]) {
        const r = await post(body, { headers });
        assert.equal(r.status, 403, r.text);
        assert.equal(r.json.code, "forbidden");
        assert.ok(!r.text.includes(SECRET));
      }
      assert.equal((await post(body, { url: server.slice(0, -4) + "AAAA" })).status, 404);
      assert.deepEqual(await events("&type=hang"), []);
    });

    test("a workspace that never said how Vapi proves itself takes nothing in", async () => {
      const bob = await a.newPerson("bob@example.com");
      await connect({}, bob.key);
      const url = (await a.call("/api/v1/webhooks/endpoints", { key: bob.key })).json.endpoints.find((e) => e.provider === "vapi").urls.server;
      const r = await post(message("hang", {}), { url });
      assert.equal(r.status, 403);
      assert.match(r.json.detail, /webhook_secret or webhook_auth/);
    });

    test("hmac plans are kept and asked for; the old header is then worth nothing", async () => {
      const plan = { type: "hmac", secretKey: "aGlkZGVuIGtleSBvZiB0aGUgcGxhbg==", secretIsBase64: true, algorithm: "sha512", signatureEncoding: "base64", signaturePrefix: "v1,", payloadFormat: "{method} {url} {timestamp}.{body}" };
      const saved = await connect({ webhook_auth: plan });
      assert.ok(!saved.text.includes(plan.secretKey));
      assert.deepEqual(saved.json.fields.map((f) => [f.name, f.set]), [["api_key", true], ["webhook_secret", false], ["webhook_auth", true]]);
      await taken(message("hang", { id: "signed" }), { plan });
      assert.equal((await post(message("hang", { id: "signed" }))).status, 403, "the secret of before");
      assert.equal((await post(message("hang", { id: "late" }), { plan, at: Math.floor(Date.now() / 1000) - 301 })).status, 403, "too old");
      await connect({ webhook_secret: SECRET });
    });

    test("a plan that proves nothing is refused by the name of its field", async () => {
      for (const [body, field] of [
        [{ webhook_auth: { type: "hmac", secretKey: "k", algorithm: "sha256", payloadFormat: "{timestamp}" } }, "webhook_auth.payloadFormat"],
        [{ webhook_auth: { type: "oauth2" } }, "webhook_auth.type"],
        [{ webhook_auth: "secret" }, "webhook_auth"],
        [{ webhook_auth: { type: "bearer", token: "t" }, webhook_secret: "s" }, "webhook_auth"],
      ]) {
        const r = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: vapi(body) });
        assert.equal(r.status, 422, r.text);
        assert.deepEqual(r.json.errors.map((e) => e.field), [field]);
      }
    });

    test("ava webhook verify vapi is right on every vector", { skip: vectors.missing }, () => {
      const lines = linesOf(vectors);
      const out = ava(["webhook", "verify", "vapi", "--jsonl"], { input: lines.join("\n") + "\n" });
      assert.equal(out.status, 0, out.stderr);
      const verdicts = out.stdout.trim().split("\n");
      lines.map((l) => JSON.parse(l)).forEach((c, i) => c.valid === null || assert.equal(verdicts[i], c.valid ? "valid" : "invalid", c.name));
      assert.equal(verdicts.length, lines.length);
    });
  });

  describe("what is sent", () => {
    test("every server message there is gets its answer and is kept", { skip: messages.missing }, async () => {
      for (const { type, body } of linesOf(messages).map((l) => JSON.parse(l))) {
        const answer = await taken(body);
        if (type === "assistant-request") assert.deepEqual(answer, { assistantId: ASSISTANT });
        else if (type === "tool-calls") {
          assert.deepEqual(answer.results.map((r) => r.toolCallId), body.message.toolCallList.map((t) => t.id));
          assert.ok(answer.results.every((r) => typeof r.result === "string"));
        } else assert.deepEqual(answer, {});
      }
      await settled();
      assert.deepEqual(await events("&status=dead"), []);
    });

    test("what is no server message is kept all the same, dead with its reason; what is no webhook is not", async () => {
      const before = (await events()).length;
      for (const body of ["", "[]", "{}", '{"message":{}}', '{"message":{"type":7}}', '{"message":{"type":""}}', '{"message":{"type":"x"}', '{"message":{"type":"a\\u0000b"}}', JSON.stringify({ message: { type: "x".repeat(65) } })])
        assert.equal((await post(body)).status, 200, body);
      const kept = (await events()).length;
      await settled();
      assert.equal((await events("&status=dead")).length, 6);
      for (const one of await events("&status=dead")) assert.match(one.detail, /./);
      assert.equal((await a.call(new URL(server).pathname, { key: null, raw: "a=b", headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Vapi-Secret": SECRET } })).status, 415);
      assert.equal((await post(JSON.stringify({ message: { type: "x", more: "y".repeat(8 << 20) } }))).status, 413);
      assert.equal((await events()).length, kept);
      assert.ok(kept > before);
    });

    test("tool calls with hostile arguments are answered and kept as they are", async () => {
      const hostile = [{ id: "t1", function: { name: "x", arguments: '{"a":' } }, { id: "t2", parameters: { "'; DROP TABLE calls; --": ["\u202e", "{{7*7}}"] } }, { function: {} }, { id: 7 }, null, { id: "t3".repeat(300) }];
      const answer = await taken({ message: { type: "tool-calls", toolCallList: hostile, call: { id: "hostile" } } });
      assert.deepEqual(answer.results.map((r) => r.toolCallId), ["t1", "t2"]);
      await settled();
      const [event] = await events("&resource=hostile");
      const one = (await a.call(`/api/v1/events/${event.id}`)).json;
      assert.deepEqual(one.body.message.toolCallList, hostile);
      assert.equal(one.headers["X-Vapi-Secret"], undefined);
      assert.equal(event.status, "done");
    });
  });

  describe("what follows from it", () => {
    const report = (id, more = {}) => message("end-of-call-report", { id, ...more.call }, { endedReason: "customer-ended-call", startedAt: "2026-11-20T10:00:00.000Z", endedAt: "2026-11-20T10:01:20.000Z", cost: 0.0725, phoneNumber: { number: "+12125550118" }, ...more.message });
    const update = (id, status, call = {}) => message("status-update", { id, ...call }, { status, phoneNumber: { number: "+12125550118" } });

    test("a call that comes in becomes a row, whatever the order and however often", async () => {
      for (let round = 0; round < 5; round++) {
        const id = randomUUID();
        const sent = ["queued", "ringing", "in-progress", "ended"].map((s) => update(id, s)).concat([report(id)]);
        const mixed = [...sent, ...sent.slice(0, 3)].map((m, i) => [m, round === 0 ? i : Math.random()]).sort((x, y) => x[1] - y[1]).map(([m]) => m);
        for (const m of mixed) await taken(m);
        await settled();
        const call = await callOf(id);
        assert.equal(call.status, "ended");
        assert.equal(call.direction, "inbound");
        assert.deepEqual([call.from, call.to], ["+14155550142", "+12125550118"]);
        assert.equal(call.ended_reason, "customer-ended-call");
        assert.deepEqual([call.started_at, call.ended_at], ["2026-11-20T10:00:00.000Z", "2026-11-20T10:01:20.000Z"]);
        assert.deepEqual(call.cost, { amount_micros: 72500, currency: "USD" });
        assert.equal((await events("&resource=" + id)).length, 5, "repeats are no events");
      }
    });

    test("a call that we placed is brought to its end by what Vapi sends, without asking for it", async () => {
      const placed = await a.call("/api/v1/calls", { body: { to: "+33612345678", metadata: { order: "A-17" } } });
      assert.equal(placed.status, 201, placed.text);
      const id = placed.json.provider_id, call = { type: "outboundPhoneCall", customer: { number: "+33612345678" } };
      await taken(report(id, { call }));
      await taken(update(id, "ringing", call));
      await settled();
      const reads = (await a.ledger()).hits.filter((h) => h.path?.startsWith("/call/")).length;
      const now = (await a.call(`/api/v1/calls/${placed.json.id}`)).json;
      assert.deepEqual([now.status, now.ended_reason, now.cost.amount_micros, now.metadata.order], ["ended", "customer-ended-call", 72500, "A-17"]);
      assert.equal((await a.ledger()).hits.filter((h) => h.path?.startsWith("/call/")).length, reads, "it has ended: nobody is asked");
      assert.equal((await calls()).filter((c) => c.provider_id === id).length, 1);
    });

    test("a call nobody confirmed is known by its operation as soon as Vapi speaks of it", async () => {
      await a.fault({ provider: "vapi", operation: "POST /call", fault: "cut", times: 1 });
      const placed = await a.call("/api/v1/calls", { body: { to: "+33612345679" } });
      assert.equal(placed.status, 202, placed.text);
      const id = randomUUID();
      await taken(update(id, "ringing", { type: "outboundPhoneCall", customer: { number: "+33612345679" }, assistantOverrides: { metadata: { ava_op: placed.json.id } } }));
      await settled();
      const call = (await calls()).find((c) => c.operation_id === placed.json.id);
      assert.equal(call.status, "ringing");
      assert.equal(call.provider_id, id);
      assert.equal((await a.call(`/api/v1/operations/${placed.json.id}`)).json.status, "succeeded");
    });

    test("Twilio's line of a call that Vapi handles is the same call", async () => {
      const sid = "CA" + randomUUID().replaceAll("-", ""), id = randomUUID();
      const params = { CallSid: sid, CallStatus: "ringing", Direction: "inbound", From: "+14155550142", To: "+12125550118", AccountSid: SID };
      await fromTwilio("voice", params);
      await settled();
      assert.deepEqual((await calls()).filter((c) => c.provider_id === sid).map((c) => [c.provider, c.status, c.from]), [["twilio", "ringing", "+14155550142"]]);
      await taken(update(id, "in-progress", { phoneCallProviderId: sid }));
      await settled();
      await fromTwilio("status", { ...params, CallStatus: "completed", CallDuration: "37", SequenceNumber: "3" });
      await settled();
      const seen = (await calls()).filter((c) => [c.provider_id, c.carrier_id].includes(sid));
      assert.deepEqual(seen.map((c) => [c.provider, c.provider_id, c.carrier_id, c.status]), [["vapi", id, sid, "in-progress"]]);
    });

    test("a call on Twilio alone ends with its callback", async () => {
      const sid = "CA" + randomUUID().replaceAll("-", "");
      const params = { CallSid: sid, Direction: "inbound", From: "+14155550142", To: "+12125550118" };
      await fromTwilio("status", { ...params, CallStatus: "completed", CallDuration: "37", SequenceNumber: "3" });
      await fromTwilio("status", { ...params, CallStatus: "in-progress", SequenceNumber: "2" });
      await settled();
      const call = (await calls()).find((c) => c.provider_id === sid);
      assert.deepEqual([call.status, call.ended_reason], ["completed", "completed"]);
      assert.equal(Date.parse(call.ended_at) - Date.parse(call.started_at), 37000);
    });
  });

  describe("texts", () => {
    const sid = () => "SM" + randomUUID().replaceAll("-", "");
    let own;
    before(async () => {
      own = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((n) => n.capabilities.sms).phone_number;
    });
    const messages = async (query = "") => (await a.call("/api/v1/messages?limit=100" + query)).json.messages;

    test("one that comes in becomes a row, once, with what it says sealed", async () => {
      const id = sid(), text = { MessageSid: id, SmsSid: id, From: "+14155550142", To: "+12125550118", Body: "Grüße 👋, sind Sie offen?", NumMedia: "1", MediaUrl0: "https://api.twilio.com/media/1" };
      for (let n = 0; n < 3; n++) await fromTwilio("message", text);
      await settled();
      const found = (await messages("&direction=inbound")).filter((m) => m.provider_id === id);
      assert.deepEqual(found.map((m) => [m.from, m.to, m.body, m.status]), [["+14155550142", "+12125550118", text.Body, "received"]]);
      const [event] = await events("&resource=" + id);
      assert.equal((await a.call(`/api/v1/events/${event.id}/replay`, { method: "POST" })).status, 202);
      await until(async () => (await events("&resource=" + id))[0].status === "done");
      assert.equal((await messages()).filter((m) => m.provider_id === id).length, 1);
    });

    test("states move one that we sent forward only, and say why it failed", async () => {
      const sent = await a.call("/api/v1/twilio/messages", { body: { to: "+33612345678", from: own, body: "Hello" } });
      assert.equal(sent.status, 201, sent.text);
      const state = (MessageStatus, more) => fromTwilio("message_status", { MessageSid: sent.json.provider_id, MessageStatus, To: "+33612345678", From: "+12125550118", ...more });
      await state("undelivered", { ErrorCode: "30003" });
      await state("sent");
      await settled();
      const now = (await messages()).find((m) => m.id === sent.json.id);
      assert.equal(now.status, "undelivered");
      assert.match(now.error, /30003/);
      const before = (await messages()).length;
      await fromTwilio("message_status", { MessageSid: sid(), MessageStatus: "delivered" });
      await settled();
      assert.equal((await messages()).length, before, "one sent elsewhere is not ours");
    });

    test("one nobody confirmed is known as soon as its callback names the operation", async () => {
      // Not carried out there, or the pretend Twilio's own callback would be here first.
      await a.fault({ provider: "twilio", operation: "POST", fault: "malformed", times: 1 });
      const placed = await a.call("/api/v1/twilio/messages", { body: { to: "+33612345670", from: own, body: "Cut" } });
      assert.equal(placed.status, 202, placed.text);
      const id = sid();
      await fromTwilio("message_status", { MessageSid: id, MessageStatus: "delivered", To: "+33612345670", From: "+12125550118" }, `?op=${placed.json.id}`);
      await settled();
      assert.equal((await a.call(`/api/v1/operations/${placed.json.id}`)).json.status, "succeeded");
      assert.equal((await messages()).filter((m) => m.to === "+33612345670" && m.status === "delivered").length, 1);
    });
  });

  describe("what fails", () => {
    const failing = (reason) => sql(`CREATE TRIGGER fails BEFORE UPDATE ON calls WHEN NEW.ended_reason = '${reason}' BEGIN SELECT RAISE(ABORT, 'made to fail'); END`);
    const ending = (id, reason) => message("end-of-call-report", { id }, { endedReason: reason, endedAt: "2026-11-20T10:01:20.000Z", cost: 0 });
    const stateOf = async (id, type) => (await events(`&resource=${id}&type=${type}`))[0];

    test("it is tried again after 5 s, and holds back nobody but its own call", async () => {
      const id = randomUUID(), other = randomUUID();
      failing("try-again");
      await taken(ending(id, "try-again"));
      await until(async () => (await stateOf(id, "end-of-call-report"))?.status === "retrying");
      await taken(message("status-update", { id }, { status: "ringing" }));
      await taken(message("status-update", { id: other }, { status: "ringing" }));
      await until(async () => (await callOf(other))?.status === "ringing");
      const waits = await stateOf(id, "end-of-call-report");
      assert.equal(waits.attempts, 1);
      assert.equal(waits.cause, "ours");
      assert.ok(Math.abs(Date.parse(waits.next_attempt_at) - Date.parse(waits.received_at) - 5000) < 1000, waits.next_attempt_at);
      assert.equal((await stateOf(id, "status-update")).status, "received");
      sql("DROP TRIGGER fails");
      await a.advance(6);
      await until(async () => (await stateOf(id, "status-update")).status === "done", { what: "both worked on" });
      const call = await callOf(id);
      assert.deepEqual([call.status, call.ended_reason], ["ended", "try-again"]);
    });

    test("after eight tries it is dead, says so, and a replay brings it back", async () => {
      const others = await a.metric("webhook_dead", { provider: "vapi" });
      const id = randomUUID();
      failing("dead-end");
      await taken(ending(id, "dead-end"));
      await until(async () => (await stateOf(id, "end-of-call-report"))?.status === "retrying");
      for (const seconds of [5, 30, 120, 600, 1800, 7200, 21600, 43200]) {
        const { attempts } = await stateOf(id, "end-of-call-report");
        await a.advance(seconds + 1);
        await until(async () => (await stateOf(id, "end-of-call-report")).attempts > attempts, { what: `the try after ${seconds} s` });
      }
      const dead = await stateOf(id, "end-of-call-report");
      assert.deepEqual([dead.status, dead.cause, dead.attempts, dead.next_attempt_at], ["dead", "ours", 9, null]);
      assert.match(dead.detail, /^Ava could not work on it/);
      assert.equal(await a.metric("webhook_dead", { provider: "vapi" }), others + 1);
      sql("DROP TRIGGER fails");
      const replayed = await a.call(`/api/v1/events/${dead.id}/replay`, { method: "POST" });
      assert.equal(replayed.status, 202, replayed.text);
      await until(async () => (await stateOf(id, "end-of-call-report")).status === "done");
      assert.equal((await stateOf(id, "end-of-call-report")).replays, 1);
      assert.equal((await callOf(id)).ended_reason, "dead-end");
      assert.equal(await a.metric("webhook_dead", { provider: "vapi" }), others);
      const [entry] = (await a.call("/api/v1/audit")).json.entries;
      assert.deepEqual([entry.action, entry.object], ["event.replay", dead.id]);
    });

    test("what has rotted on the disk is dead at once, and those beside it are not", async () => {
      const id = randomUUID(), rotten = randomUUID();
      failing("hold"); // so that they wait together
      await taken(ending(rotten, "hold"));
      await until(async () => (await stateOf(rotten, "end-of-call-report"))?.status === "retrying");
      sql(`UPDATE events SET sealed = (SELECT sealed FROM events WHERE resource <> '${rotten}' AND sealed IS NOT NULL LIMIT 1) WHERE resource = '${rotten}'; DROP TRIGGER fails`);
      await taken(ending(id, "fine"));
      await a.advance(6);
      await until(async () => (await stateOf(rotten, "end-of-call-report")).status === "dead");
      assert.match((await stateOf(rotten, "end-of-call-report")).detail, /cannot open/);
      assert.equal((await callOf(id)).ended_reason, "fine");
    });
  });

  describe("once more", () => {
    test("a range by what names it, and never somebody else's", async () => {
      const bob = await a.newPerson("carla@example.com");
      const [event] = await events("&type=status-update");
      assert.equal((await a.call(`/api/v1/events/${event.id}/replay`, { method: "POST", key: bob.key })).status, 404);
      assert.equal((await a.call("/api/v1/events/replay", { body: { provider: "vapi" }, key: bob.key })).json.count, 0);
      const before = await calls(), all = (await events("&type=status-update")).length;
      const r = await a.call("/api/v1/events/replay", { body: { provider: "vapi", type: "status-update", since: "2026-01-01T00:00:00Z" } });
      assert.deepEqual([r.status, r.json.count], [202, all]);
      await settled();
      assert.deepEqual((await events("&type=status-update")).map((e) => [e.status, e.replays >= 1]), Array(all).fill(["done", true]));
      assert.deepEqual(await calls(), before, "what was applied once is not applied twice");
    });

    test("a range that says nothing, or nonsense, is refused", async () => {
      for (const [body, field] of [[{}, "since"], [{ status: "eaten" }, "status"], [{ since: "yesterday" }, "since"], [{ everything: true }, "everything"]]) {
        const r = await a.call("/api/v1/events/replay", { body });
        assert.equal(r.status, 422, r.text);
        assert.equal(r.json.errors[0].field, field);
      }
    });

    test("after thirty days a settled event is gone", async () => {
      assert.ok((await events()).length > 0);
      await a.advance(31 * 24 * 3600);
      await until(async () => (await a.call("/api/v1/events")).json?.events?.length === 0, { what: "the sweep" });
    });
  });
});
