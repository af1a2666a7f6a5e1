// Bears company.
// Rules: when something happens, somebody is told, once. Who misses calls wants the caller written to at once, and never
// twice; never at night; never those who asked for no more; and never a machine that answers itself for ever.
//
// What others call a missed call (help pages of text-back services): no answer, busy, refused, voicemail, hung up before an
// answer; answered by the fallback for Ava. Once for repeated calls; nothing to withheld numbers; nothing after STOP; a
// landline is told by the carrier, and is nobody's failure.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";

describe("rules", { skip: missing, concurrency: 1 }, () => {
  let a, twilio, urls, own, n = 0;
  const env = { AVA_LOG_LEVEL: "error", AVA_OUTBOUND_ALLOW: "127.0.0.0/8", CIRCUIT_BREAKER_ENABLED: "false" };
  async function begin(options = {}) {
    a = await Ava.start({ env, ...options });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "rules-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    urls = { ...endpoints.find((e) => e.provider === "twilio").urls, vapi: endpoints.find((e) => e.provider === "vapi").urls.server };
    own = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((one) => one.capabilities.sms).phone_number;
  }
  before(() => begin());
  after(() => a?.remove());

  const caller = () => `+3361${String(++n).padStart(7, "0")}`;
  const sid = (prefix) => prefix + randomUUID().replaceAll("-", "");
  async function fromTwilio(kind, params) {
    const url = urls[kind], pairs = Object.entries(params);
    const r = await a.call(url.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, twilio.auth_token) } });
    assert.equal(r.status, 200, r.text);
  }
  async function fromVapi(json) {
    const body = JSON.stringify(json);
    const r = await a.call(new URL(urls.vapi).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: urls.vapi, body }) } });
    assert.equal(r.status, 200, r.text);
  }
  const called = (From, CallStatus = "no-answer", more = {}) => fromTwilio("status", { CallSid: sid("CA"), From, To: own, Direction: "inbound", CallStatus, ...more });
  const wrote = (From, Body = "Hello", more = {}) => fromTwilio("message", { MessageSid: sid("SM"), From, To: own, Body, ...more });
  const make = async (body, key) => {
    const r = await a.call("/api/v1/rules", { body, ...(key && { key }) });
    assert.equal(r.status, 201, r.text);
    return r.json;
  };
  const uses = async (rule) => (await a.call(`/api/v1/rules/${rule.id}/uses?limit=100`)).json.uses;
  const used = (rule, count = 1) => until(async () => ((all) => all.length >= count && all.every((u) => u.status !== "waiting" || u.reason) && all)(await uses(rule)), { what: `${count} uses of ${rule.name}` });
  const texts = async (to) => (await a.call(`/api/v1/messages?direction=outbound&limit=100&to=${encodeURIComponent(to)}`)).json.messages;
  const settled = () => until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0, { what: "nothing left to work on" });
  const gone = async (...rules) => {
    for (const rule of rules) assert.equal((await a.call(`/api/v1/rules/${rule.id}`, { method: "DELETE" })).status, 204);
  };
  const alone = (name, fn) => test(name, async (t) => {
    try {
      await fn(t);
    } finally {
      for (const rule of (await a.call("/api/v1/rules?limit=100")).json.rules) await gone(rule);
    }
  });

  alone("one click: who was missed gets a text, from the number that was called, and the call's timeline says so", async () => {
    const rule = await make({ preset: "text_back" }), who = caller();
    assert.deepEqual([rule.name, rule.enabled, rule.when, rule.then, rule.quiet_hours], ["Text back whoever we missed", true, { event: "call.missed" }, { channel: "sms", to: "caller", template: "text_back" }, null]);
    await called(who);
    const [use] = await used(rule), [text] = await texts(who);
    assert.deepEqual([use.status, use.to, use.caller, use.event, use.message_id], ["sent", who, who, "call.missed", text.id]);
    assert.deepEqual([text.from, text.channel], [own, "sms"]);
    assert.match(text.body, /^Sorry, we just missed your call to .*STOP for no more texts\.$/);
    await until(async () => (await texts(who))[0].provider_id, { what: "Twilio has it" });
    const timeline = (await a.call(`/api/v1/calls/${use.call_id}/timeline`)).json;
    const entry = timeline.entries.find((e) => e.kind === "notice");
    assert.match(entry.text, /^The rule “Text back whoever we missed” wrote to the caller/);
    assert.deepEqual([entry.detail.rule_id, entry.detail.message_id], [rule.id, text.id]);
  });

  describe("which calls are missed", { concurrency: 1 }, () => {
    const CASES = [
      ["no answer", async (who) => called(who, "no-answer"), true],
      ["busy", async (who) => called(who, "busy"), true],
      ["hung up before an answer", async (who) => called(who, "canceled"), true],
      ["the fallback answered", async (who, CallSid = sid("CA")) => {
        await fromTwilio("voice", { CallSid, From: who, To: own, Direction: "inbound", CallStatus: "ringing" });
        await settled();
        await called(who, "completed", { CallSid, CallDuration: "9" });
      }, true],
      ["passed on to somebody who did not pick up", async (who, CallSid = sid("CA")) => {
        await a.call("/api/v1/fallback", { method: "PUT", body: { kind: "forward", to: "+33199887766", text: "Nobody is here." } });
        await fromTwilio("voice", { CallSid, From: who, To: own, Direction: "inbound", CallStatus: "ringing" });
        await fromTwilio("voice", { CallSid, From: who, To: own, Direction: "inbound", CallStatus: "in-progress", DialCallStatus: "no-answer" });
        await settled();
        await called(who, "completed", { CallSid, CallDuration: "9" });
      }, true],
      ["passed on to somebody who picked up", async (who, CallSid = sid("CA")) => {
        await fromTwilio("voice", { CallSid, From: who, To: own, Direction: "inbound", CallStatus: "ringing" });
        await fromTwilio("voice", { CallSid, From: who, To: own, Direction: "inbound", CallStatus: "in-progress", DialCallStatus: "completed" });
        await settled();
        await called(who, "completed", { CallSid, CallDuration: "90" });
      }, false],
      ["answered by somebody", async (who) => called(who, "completed", { CallDuration: "60" }), false],
      ["one that we placed", async (who) => called(own, "no-answer", { To: who, Direction: "outbound-api" }), false],
      ["at Vapi: no assistant could take it", async (who) => fromVapi(message("status-update", { id: randomUUID(), customer: { number: who }, phoneNumber: { number: own } }, { status: "ended", endedReason: "assistant-request-returned-error" })), true],
      ["at Vapi: the assistant talked", async (who) => fromVapi(message("end-of-call-report", { id: randomUUID(), customer: { number: who }, phoneNumber: { number: own } }, { endedReason: "customer-ended-call", startedAt: new Date(Date.now() - 20_000).toISOString(), endedAt: new Date().toISOString() })), false],
    ];
    for (const [name, happen, is] of CASES)
      alone(name, async () => {
        const every = await make({ name: "each end", when: { event: "call.ended" }, then: { channel: "email", to: ["desk@example.org"], template: "alert" } });
        const rule = await make({ preset: "text_back" }), who = caller();
        await happen(who);
        await used(every);
        assert.equal((await uses(rule)).length, is ? 1 : 0);
        if (is) assert.equal((await used(rule))[0].status, "sent");
        assert.equal((await texts(who)).length, is ? 1 : 0);
      });
    after(() => a.call("/api/v1/fallback", { method: "PUT", body: { kind: "message", text: "Nobody is here." } }));
  });

  alone("one call is told of again and again, and replayed: one text", async () => {
    const rule = await make({ preset: "text_back" }), who = caller(), CallSid = sid("CA");
    for (const CallStatus of ["ringing", "no-answer", "no-answer", "completed"]) await called(who, CallStatus, { CallSid, Again: CallStatus + Math.random() });
    await used(rule);
    await settled();
    for (const event of (await a.call(`/api/v1/events?resource=${CallSid}`)).json.events) assert.equal((await a.call(`/api/v1/events/${event.id}/replay`, { method: "POST" })).status, 202);
    await settled();
    assert.equal((await uses(rule)).length, 1);
    assert.equal((await texts(who)).length, 1);
  });

  alone("a text is replayed, also for a rule that came after it", async () => {
    const who = caller(), MessageSid = sid("SM"), reply = { when: { event: "message.received" }, then: { channel: "sms", to: "caller", template: "text_back" } };
    const rule = await make({ name: "first", ...reply });
    await wrote(who, "Hi", { MessageSid });
    assert.equal((await used(rule))[0].status, "sent");
    const later = await make({ name: "later", ...reply }), [event] = (await a.call(`/api/v1/events?resource=${MessageSid}`)).json.events;
    await a.call(`/api/v1/events/${event.id}/replay`, { method: "POST" });
    await settled();
    assert.deepEqual([(await uses(rule)).length, (await uses(later)).length], [1, 0]);
  });

  alone("who calls again within the hour is not written to again; after it, they are", async () => {
    const rule = await make({ preset: "text_back" }), who = caller();
    await called(who);
    await used(rule);
    await called(who);
    const [again] = await used(rule, 2);
    assert.deepEqual([again.status, again.reason], ["skipped", "once_an_hour"]);
    assert.match((await a.call(`/api/v1/calls/${again.call_id}/timeline`)).json.entries.find((e) => e.kind === "notice").text, /did nothing: The same rule wrote about this caller less than an hour ago/);
    await a.advance(3601);
    await called(who);
    assert.equal((await used(rule, 3))[0].status, "sent");
    assert.equal((await texts(who)).length, 2);
  });

  alone("withheld and impossible numbers are nobody to text", async () => {
    const rule = await make({ preset: "text_back" });
    const none = ["+266696687", "anonymous", "sip:ada@example.com", "+112", ""];
    for (const From of none) await called(From);
    const all = await used(rule, none.length);
    assert.deepEqual(all.map((u) => [u.status, u.reason]), none.map(() => ["skipped", "no_number"]));
    assert.deepEqual(all.filter((u) => u.caller === null).length, 2, "who hides is nobody");
  });

  alone("who wrote STOP gets nothing, until they write START", async () => {
    const rule = await make({ preset: "text_back" }), who = caller();
    await wrote(who, "Stop ");
    await settled();
    await called(who);
    const [use] = await used(rule);
    assert.deepEqual([use.status, use.reason], ["skipped", "opted_out"]);
    await wrote(who, "START");
    await settled();
    await called(who);
    assert.equal((await used(rule, 2))[0].status, "sent");
    assert.equal((await texts(who)).length, 1);
  });

  alone("a suppressed address gets no mail, the others do; who left the workspace gets none", async () => {
    await a.call("/api/v1/suppressions", { body: { address: "gone@example.org" } });
    const rule = await make({ name: "mails", when: { event: "call.missed" }, then: { channel: "email", to: ["gone@example.org", "desk@example.org", a.me.user.id], template: "missed_call" } });
    await called(caller());
    const all = Object.fromEntries((await used(rule, 3)).map((u) => [u.to, [u.status, u.reason]]));
    assert.deepEqual(all, { "gone@example.org": ["skipped", "suppressed"], "desk@example.org": ["sent", null], [a.me.user.id]: ["sent", null] });
  });

  alone("a summary and a text reach people by mail, with what was said", async () => {
    const mine = await make({ preset: "call_summary" }), notes = await make({ name: "texts", when: { event: "message.received" }, then: { channel: "email", to: ["desk@example.org"], template: "missed_call" } });
    const who = caller(), call = { id: randomUUID(), customer: { number: who }, phoneNumber: { number: own } };
    await fromVapi(message("status-update", call, { status: "ended", endedReason: "customer-ended-call" }));
    await fromVapi(message("end-of-call-report", call, { endedReason: "customer-ended-call", analysis: { summary: "Ada wants a table for <two> & a dog." } }));
    await wrote(who, "Grüße 👋");
    const [use] = await used(mine), mail = (await a.call(`/api/v1/messages/${use.message_id}`)).json;
    assert.deepEqual([mail.channel, mail.to, mail.subject.startsWith(`Your call with ${who}`)], ["email", "ada@example.com", true]);
    assert.match(mail.body, /Ada wants a table for <two> & a dog\./);
    const text = (await a.call(`/api/v1/messages/${(await used(notes))[0].message_id}`)).json;
    assert.match(text.body, /The caller said:\nGrüße 👋/);
  });

  alone("only for these reasons, and this direction", async () => {
    const then = { channel: "email", to: ["desk@example.org"], template: "alert" };
    const [silent, placed, all] = [await make({ name: "silent", when: { event: "call.ended", reasons: ["silence-timed-out", "busy"] }, then }), await make({ name: "placed", when: { event: "call.ended", direction: "outbound" }, then }), await make({ name: "all", when: { event: "call.ended" }, then })];
    await called(caller(), "no-answer");
    await called(caller(), "busy");
    await called(own, "busy", { Direction: "outbound-api", To: caller() });
    await used(all, 3);
    assert.deepEqual([(await uses(silent)).length, (await uses(placed)).length], [2, 1]);
  });

  describe("quiet hours", { concurrency: 1 }, () => {
    const at = (ms) => new Date(ms).toISOString().slice(11, 16);
    const quiet = (now, then) => ({ from: at(now - 3600_000), to: at(now + 2 * 3600_000), time_zone: "UTC", then });
    const clock = async () => Date.parse((await a.call("/health/live", { key: null })).headers.get("date"));
    alone("later: it waits until they are over, and then goes out once for several calls", async () => {
      const rule = await make({ preset: "text_back", quiet_hours: quiet(await clock(), "later") }), who = caller();
      await called(who);
      await called(who);
      for (const use of await used(rule, 2)) assert.deepEqual([use.status, use.reason, use.message_id], ["waiting", "quiet_hours", null]);
      const left = Date.parse((await uses(rule))[0].due_at) - (await clock());
      assert.ok(left > 3600_000 && left <= 2 * 3600_000, `${left} ms`);
      await a.advance(3600);
      await settled();
      assert.equal((await texts(who)).length, 0);
      await a.advance(3700);
      await until(async () => (await uses(rule)).every((u) => u.status !== "waiting"), { what: "they went out" });
      assert.deepEqual((await uses(rule)).map((u) => u.reason).sort(), [null, "once_an_hour"].sort());
      assert.equal((await texts(who)).length, 1);
    });
    alone("never: what happens in them is not told", async () => {
      const rule = await make({ preset: "text_back", quiet_hours: quiet(await clock(), "never") });
      await called(caller());
      const [use] = await used(rule);
      assert.deepEqual([use.status, use.reason], ["skipped", "quiet_hours"]);
    });
    alone("a rule that is switched off or removed while they last does nothing any more", async () => {
      const rule = await make({ preset: "text_back", quiet_hours: quiet(await clock(), "later") }), who = caller();
      await called(who);
      await used(rule);
      assert.equal((await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { enabled: false } })).status, 200);
      await a.advance(2 * 3600 + 60);
      await until(async () => (await uses(rule))[0].reason === "rule_off");
      assert.equal((await texts(who)).length, 0);
    });
  });

  describe("a rule sets none off", { concurrency: 1 }, () => {
    const reply = { name: "answer each text", when: { event: "message.received" }, then: { channel: "sms", to: "caller", template: "text_back" } };
    alone("its own text, come in at another number of ours", async () => {
      const rule = await make(reply), who = caller();
      await wrote(who);
      await used(rule);
      await fromTwilio("message", { MessageSid: sid("SM"), From: own, To: who, Body: "Sorry" });
      const [use] = await used(rule, 2);
      assert.deepEqual([use.status, use.reason], ["skipped", "own"]);
      assert.equal((await texts(own)).length, 0);
    });
    alone("a machine that answers each text gets one an hour", async () => {
      const rule = await make(reply), robot = caller();
      for (let i = 0; i < 5; i++) {
        await wrote(robot, `I am away (${i}).`);
        await used(rule, i + 1);
      }
      assert.equal((await texts(robot)).length, 1);
    });
    alone("nor do webhooks about what it sent that Ava cannot work on", async () => {
      const sql = (text) => rows(a.data, text);
      const rule = await make({ preset: "text_back" }), who = caller();
      await called(who);
      await used(rule);
      const text = await until(async () => ((t) => t.provider_id && t)((await texts(who))[0]));
      const dead = await make({ name: "dead", when: { event: "event.dead" }, then: { channel: "email", to: ["desk@example.org"], template: "alert" } });
      await a.advance(5);
      sql(`CREATE TRIGGER stuck BEFORE UPDATE ON messages WHEN NEW.status = 'undelivered' BEGIN SELECT RAISE(ABORT, 'stuck'); END;`);
      await fromTwilio("message_status", { MessageSid: text.provider_id, MessageStatus: "undelivered", ErrorCode: "30006", To: who, From: own });
      const about = async () => (await a.call(`/api/v1/events?resource=${text.provider_id}&limit=100`)).json.events;
      const { id } = await until(async () => (await about()).find((e) => e.status === "retrying"), { what: "it failed" });
      const event = async () => (await about()).find((e) => e.id === id);
      for (let tries = 1; (await event()).status !== "dead"; tries++) {
        await until(async () => ((e) => e.status === "dead" || e.attempts >= tries)(await event()), { what: `try ${tries}` });
        await a.advance(13 * 3600);
      }
      sql("DROP TRIGGER stuck;");
      const [use] = await used(dead);
      assert.deepEqual([use.status, use.reason], ["skipped", "own"]);
      await fromVapi({ nothing: "at all" });
      const [other] = await used(dead, 2);
      assert.equal(other.status, "sent", JSON.stringify(other));
      assert.match((await a.call(`/api/v1/messages/${other.message_id}`)).json.body, /could not work on what Vapi told.*no message\.type/s);
    });
  });

  alone("what a template or number makes impossible is told, and is nobody's failure", async () => {
    const failures = await a.metric("circuit_breaker_failures_total", { service: "twilio" });
    assert.equal((await a.call("/api/v1/templates", { body: { name: "odd", subject: "s", text: "Order {{order.number}} of {{caller}}" } })).status, 201);
    const rule = await make({ name: "odd", when: { event: "call.missed" }, then: { channel: "sms", to: "caller", template: "odd" } });
    const bad = await make({ name: "bad", when: { event: "call.missed" }, then: { channel: "sms", to: ["+15005550004"], template: "text_back" } });
    const good = await make({ preset: "text_back" });
    await called(caller());
    const [use] = await used(rule);
    assert.deepEqual([use.status, use.reason], ["failed", "content"]);
    assert.match(use.detail, /order/);
    assert.equal((await used(good))[0].status, "sent");
    await until(async () => (await uses(bad))[0]?.message_status === "failed", { what: "Twilio refused it" });
    assert.equal(await a.metric("circuit_breaker_failures_total", { service: "twilio" }), failures);
    await settled();
  });

  alone("a rule whose template is gone says so, and can be switched off", async () => {
    assert.equal((await a.call("/api/v1/templates", { body: { name: "passing", subject: "s", text: "Hello" } })).status, 201);
    const rule = await make({ name: "passing", when: { event: "call.missed" }, then: { channel: "sms", to: "caller", template: "passing" } });
    assert.equal((await a.call("/api/v1/templates/passing", { method: "DELETE" })).status, 204);
    await called(caller());
    assert.deepEqual((await used(rule)).map((u) => [u.status, u.reason]), [["failed", "content"]]);
    assert.equal((await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { then: rule.then } })).status, 422);
    const off = await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { enabled: false } });
    assert.deepEqual([off.status, off.json.enabled, off.json.then.template], [200, false, "passing"]);
  });

  alone("what it was when nobody listened is nothing to a rule that is switched on later", async () => {
    const rule = await make({ preset: "text_back", enabled: false }), early = { id: randomUUID(), customer: { number: caller() }, phoneNumber: { number: own } };
    await called(caller());
    await fromVapi(message("status-update", early, { status: "ended", endedReason: "assistant-not-found" }));
    await settled();
    assert.equal((await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { enabled: true } })).json.enabled, true);
    await fromVapi(message("end-of-call-report", early, { endedReason: "assistant-not-found", cost: 0.02 }));
    await settled();
    await called(caller());
    await used(rule);
    assert.equal((await uses(rule)).length, 1);
  });

  alone("another workspace's rules are not there, and do nothing here", async () => {
    const rule = await make({ preset: "text_back" }), other = await a.newPerson("other@example.com"), path = `/api/v1/rules/${rule.id}`;
    const theirs = await make({ preset: "text_back" }, other.key);
    assert.deepEqual((await a.call("/api/v1/rules", { key: other.key })).json.rules.map((r) => r.id), [theirs.id]);
    for (const [method, at, body] of [["GET", path], ["PATCH", path, { enabled: false }], ["DELETE", path], ["GET", path + "/uses"]]) assert.equal((await a.call(at, { method, body, key: other.key })).status, 404, `${method} ${at}`);
    const outsider = await a.call("/api/v1/rules", { key: other.key, body: { name: "x", when: { event: "call.missed" }, then: { channel: "email", to: [a.me.user.id], template: "alert" } } });
    assert.deepEqual(outsider.json.errors.map((e) => e.field), ["then.to[0]"]);
    await called(caller());
    await used(rule);
    assert.deepEqual((await a.call(`/api/v1/rules/${theirs.id}/uses`, { key: other.key })).json.uses, []);
  });

  describe("what is wrong is named", { concurrency: 1 }, () => {
    const when = { event: "call.missed" }, then = { channel: "sms", to: "caller", template: "text_back" }, mail = { channel: "email", to: ["a@example.org"], template: "alert" }, q = { from: "22:00", to: "07:00", time_zone: "Europe/Berlin", then: "later" };
    const CASES = [
      [{}, ["name", "then", "when"]], [{ preset: "none" }, ["name", "preset", "then", "when"]], [{ name: "a\nb", when, then }, ["name"]], [{ name: "a", when: "call.missed", then }, ["when"]],
      [{ name: "a", when: { event: "call.started" }, then }, ["when.event"]], [{ name: "a", when: { event: "call.missed", reasons: ["busy"] }, then }, ["when.reasons"]],
      [{ name: "a", when: { event: "call.ended", reasons: [] }, then }, ["when.reasons"]], [{ name: "a", when: { event: "call.ended", reasons: [7] }, then }, ["when.reasons[0]"]],
      [{ name: "a", when: { event: "call.ended", direction: "up" }, then }, ["when.direction"]], [{ name: "a", when: { event: "call.ended", colour: 1 }, then }, ["when.colour"]],
      [{ name: "a", when, then: { ...then, channel: "fax" } }, ["then.channel"]], [{ name: "a", when, then: { ...then, to: ["0612"] } }, ["then.to[0]"]], [{ name: "a", when, then: { ...then, to: [] } }, ["then.to"]],
      [{ name: "a", when, then: { ...then, from: "desk" } }, ["then.from"]], [{ name: "a", when, then: { ...then, template: "nowhere" } }, ["then.template"]],
      [{ name: "a", when, then: { ...mail, to: "caller" } }, ["then.to"]], [{ name: "a", when, then: { ...mail, to: ["a@example.org", "b"] } }, ["then.to[1]"]], [{ name: "a", when, then: { ...mail, to: ["a@example.org", "a@example.org"] } }, ["then.to[1]"]],
      [{ name: "a", when, then: { ...mail, to: ["usr_0123456789abcdef0123456789abcdef"] } }, ["then.to[0]"]], [{ name: "a", when, then: { ...mail, to: Array.from({ length: 11 }, (_, i) => `p${i}@example.org`) } }, ["then.to"]],
      [{ name: "a", when: { event: "budget.80" }, then }, ["then.from", "then.to"]], [{ name: "a", when: { event: "budget.80" }, then: { ...then, to: ["+33612345678"] } }, ["then.from"]],
      [{ name: "a", when, then, quiet_hours: { ...q, from: "25:00" } }, ["quiet_hours.from"]], [{ name: "a", when, then, quiet_hours: { ...q, to: "22:00" } }, ["quiet_hours.to"]],
      [{ name: "a", when, then, quiet_hours: { ...q, time_zone: "CET" } }, ["quiet_hours.time_zone"]], [{ name: "a", when, then, quiet_hours: { ...q, then: "maybe" } }, ["quiet_hours.then"]], [{ name: "a", when, then, colour: "red" }, ["colour"]],
    ];
    for (const [body, fields] of CASES)
      test(JSON.stringify(body).slice(0, 120), async () => {
        const r = await a.call("/api/v1/rules", { body });
        assert.equal(r.status, 422, r.text);
        assert.deepEqual(r.json.errors.map((e) => e.field).sort(), fields, r.text);
      });
    alone("a change is judged as a whole, and takes one part", async () => {
      const rule = await make({ name: "a", when, then, quiet_hours: q });
      const wrong = await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { when: { event: "budget.80" } } });
      assert.deepEqual(wrong.json.errors.map((e) => e.field).sort(), ["then.from", "then.to"]);
      const right = await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { quiet_hours: null, name: "b" } });
      assert.deepEqual([right.json.name, right.json.quiet_hours, right.json.when, right.json.then], ["b", null, when, then]);
      assert.equal((await a.call(`/api/v1/rules/${rule.id}`, { method: "PATCH", body: { preset: "text_back" } })).status, 422);
      const reader = await a.newPerson("reader@example.com");
      assert.equal((await a.call("/api/v1/rules", { key: a.key, body: { preset: "budget" } })).json.then.to[0], a.me.user.id);
      assert.ok(reader);
    });
  });

  describe("alarms", { concurrency: 1 }, () => {
    let world;
    before(async () => (world = { ...(await a.newPerson("alarms@example.com")), receiver: await Receiver.start() }));
    after(() => world.receiver.stop());
    const call = (path, options = {}) => a.call(path, { key: world.key, ...options });
    const alert = async (event) => make({ name: event, when: { event }, then: { channel: "email", to: ["desk@example.org"], template: "alert" } }, world.key);
    const said = async (rule) => {
      const use = await until(async () => (await call(`/api/v1/rules/${rule.id}/uses`)).json.uses.find((u) => u.status !== "waiting"), { what: `a use of ${rule.name}` });
      assert.equal(use.status, "sent", JSON.stringify(use));
      return (await call(`/api/v1/messages/${use.message_id}`)).json.body;
    };
    test("of a day's budget 80 % are taken, and then a call is refused", async () => {
      const [near, over] = [await alert("budget.80"), await alert("budget.exhausted")];
      assert.equal((await call("/api/v1/limits", { method: "PUT", body: { daily_minutes: 12 } })).status, 200);
      assert.equal((await call("/api/v1/calls", { body: { to: caller() } })).status, 201);
      assert.match(await said(near), /80 % of today's minutes are used or reserved/);
      for (let i = 0; i < 2; i++) assert.equal((await call("/api/v1/calls", { body: { to: caller() } })).status, 429);
      assert.match(await said(over), /What is left of today's minutes is less than this call may take/);
      assert.equal((await call(`/api/v1/rules/${over.id}/uses`)).json.uses.length, 1, "once a day");
    });
    test("a destination that is gone", async () => {
      world.key = a.key;
      const rule = await alert("destination.disabled");
      world.receiver.answer = () => 410;
      assert.equal((await call("/api/v1/destinations", { body: { url: world.receiver.url } })).status, 201);
      await called(caller());
      assert.match(await said(rule), /switched off a destination of events \(dst_\w+\): it answered that it is gone/);
    });
    test("a key that is refused", async () => {
      const rule = await alert("connection.needs_attention");
      await a.fault({ provider: "vapi", fault: "status", status: 401, times: 4, operation: "GET /assistant" });
      assert.equal((await call("/api/v1/vapi/settings")).status, 424);
      assert.match(await said(rule), /Vapi no longer accepts what Ava has for it/);
    });
  });

  test("no more than 100 an hour in all, whoever calls", async () => {
    const rule = await make({ preset: "text_back" });
    await a.advance(3700);
    const callers = Array.from({ length: 103 }, caller);
    for (const who of callers) await called(who);
    await until(async () => {
      const page = (await a.call(`/api/v1/rules/${rule.id}/uses?limit=100`)).json;
      const rest = page.next_cursor ? (await a.call(`/api/v1/rules/${rule.id}/uses?limit=100&cursor=${page.next_cursor}`)).json.uses : [];
      const all = [...page.uses, ...rest], of = (reason) => all.filter((u) => u.reason === reason).length;
      if (all.length < 103 || all.some((u) => u.status === "waiting")) return false;
      assert.deepEqual([page.sent_last_hour, page.hourly_limit, of(null), of("too_many")], [100, 100, 100, 3]);
      return true;
    }, { what: "all are worked on", ms: 60_000 });
    await gone(rule);
  });
});

describe("rules, and a Twilio that does not answer", { skip: missing }, () => {
  test("texts wait until it does, and go out once", async () => {
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    try {
      await a.signUp();
      const { twilio } = (await a.call("/sandbox/api/credentials", { key: null })).json, url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status;
      const own = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number, rule = (await a.call("/api/v1/rules", { body: { preset: "text_back" } })).json;
      await a.fault({ provider: "twilio", fault: "status", status: 503, operation: "POST /2010" });
      for (let i = 0; i < 3; i++) await a.call("/api/v1/twilio/messages", { body: { to: `+3362000000${i}`, from: own, body: "Hello" } });
      await until(async () => (await a.metric("circuit_breaker_state", { service: "twilio" })) === 2, { what: "it rests" });
      for (let n = 0; n < 5; n++) {
        const pairs = Object.entries({ CallSid: "CA" + String(n).repeat(32), From: `+3361234567${n}`, To: own, Direction: "inbound", CallStatus: "no-answer" });
        await a.call(new URL(url).pathname, { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, twilio.auth_token) } });
      }
      const uses = async () => (await a.call(`/api/v1/rules/${rule.id}/uses`)).json.uses;
      await until(async () => (await uses()).filter((u) => u.reason === "resting").length === 5, { what: "they wait" });
      await a.fault({ provider: "twilio", fault: "latency", latency_ms: 2500, operation: "POST /2010" }); // while it is tried, however long, nobody else gets through
      await a.advance(31);
      await until(async () => (await uses()).every((u) => u.status === "sent" && u.message_status !== "requested"), { what: "they went out" });
      for (const u of await uses()) assert.ok(["queued", "sent", "delivered"].includes(u.message_status), u.message_status);
    } finally {
      await a.remove();
    }
  });
});

describe("rules, and a clock that goes back between two runs", { skip: missing }, () => {
  test("what waits for the end of quiet hours does not wait for days", async () => {
    const env = { AVA_LOG_LEVEL: "error" };
    let a = await Ava.start({ env });
    try {
      await a.signUp();
      await a.advance(2 * 86_400);
      const now = Date.parse((await a.call("/health/live", { key: null })).headers.get("date")), at = (ms) => new Date(ms).toISOString().slice(11, 16);
      const rule = (await a.call("/api/v1/rules", { body: { preset: "text_back", quiet_hours: { from: at(now - 3600_000), to: at(now + 3600_000), time_zone: "UTC", then: "later" } } })).json;
      const twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio, url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status;
      const pairs = Object.entries({ CallSid: "CA" + "7".repeat(32), From: "+33612345678", To: (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number, Direction: "inbound", CallStatus: "no-answer" });
      await a.call(new URL(url).pathname, { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, twilio.auth_token) } });
      const use = async () => (await a.call(`/api/v1/rules/${rule.id}/uses`)).json.uses[0];
      await until(async () => (await use())?.reason === "quiet_hours", { what: "it waits" });
      await a.advance(30);
      const noted = () => Number(Buffer.from(rows(a.data, "SELECT hex(value) FROM meta WHERE name = 'clock'"), "hex"));
      await until(() => noted() > now + 29_000, { what: "it notes its clock" });
      await a.stop("SIGKILL");
      const { data, key } = a;
      a = Object.assign(await Ava.start({ data, env }), { key });
      assert.ok(Date.parse((await use()).due_at) < Date.now() + 3700_000, (await use()).due_at);
      await a.advance(3700);
      await until(async () => (await use()).status === "sent", { what: "it went out" });
    } finally {
      await a.remove();
    }
  });
});

describe("rules, and an end of Ava at any moment", { skip: missing }, () => {
  const CALLS = process.env.TEST_SOAK ? 90 : 40, KILLS = process.env.TEST_SOAK ? 8 : 3;
  let provider, a, twilio;
  after(async () => {
    await a?.remove();
    await provider?.remove();
  });

  test(`${CALLS} missed calls, ${KILLS} kill -9: one text each`, async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    twilio = (await provider.call("/sandbox/api/credentials", { key: null })).json.twilio;
    const settings = (more) => ({ env: { TWILIO_BASE_URL: twilio.base_url, CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" }, ...more });
    a = await Ava.start(settings());
    await a.signUp();
    assert.equal((await a.call("/api/v1/credentials/twilio", { method: "PUT", body: { account_sid: twilio.account_sid, auth_token: twilio.auth_token } })).status, 200);
    const own = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((one) => one.capabilities.sms).phone_number;
    const rule = (await a.call("/api/v1/rules", { body: { preset: "text_back" } })).json;
    const { data, key, port } = a, who = (n) => `+3369${String(n).padStart(7, "0")}`;
    const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status;
    async function call(n) {
      const pairs = Object.entries({ CallSid: `CA${String(n).padStart(32, "0")}`, From: who(n), To: own, Direction: "inbound", CallStatus: "no-answer" });
      const signed = { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, twilio.auth_token) };
      return a.call(new URL(url).pathname, { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: signed });
    }
    for (let n = 0; n < CALLS; n++) {
      assert.equal((await call(n)).status, 200);
      if (n % Math.ceil(CALLS / KILLS) !== 5) continue;
      await a.stop("SIGKILL");
      a = await Ava.start(settings({ data, port }));
      a.key = key;
      for (let again = 0; again <= n; again++) assert.equal((await call(again)).status, 200); // as Twilio does without an answer
    }
    const uses = async () => (await a.call(`/api/v1/rules/${rule.id}/uses?limit=100`)).json.uses;
    await until(async () => ((all) => all.length === CALLS && all.every((u) => u.status === "sent"))(await uses()), { what: "a use for each", ms: 60_000 });
    const sent = async () => (await a.call("/api/v1/messages?direction=outbound&limit=100")).json.messages;
    await until(async () => (await sent()).every((m) => !["requested", "unknown"].includes(m.status) || m.status === "unknown"), { what: "all went out" });
    assert.deepEqual((await sent()).map((m) => m.to).sort(), Array.from({ length: CALLS }, (_, n) => who(n)), "one message for each");
    const headers = { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") };
    const there = async () => (await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/Messages.json?PageSize=1000`, { headers }).then((r) => r.json())).messages.map((m) => m.to);
    const all = await there();
    assert.equal(new Set(all).size, all.length, "nobody got two");
  });
});
