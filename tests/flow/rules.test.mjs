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
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";

describe("rules", { skip: missing, concurrency: 1 }, () => {
  let a, twilio, urls, own, n = 0;
  const env = { AVA_LOG_LEVEL: "error", CIRCUIT_BREAKER_ENABLED: "false" };
  async function begin(options = {}) {
    a = await Ava.start({ env, ...options });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "rules-vapi-key-0001", webhook_secret: SECRET } });
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
    await fn(t);
    for (const rule of (await a.call("/api/v1/rules?limit=100")).json.rules) await gone(rule);
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
});
