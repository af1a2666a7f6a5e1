// The same journeys against the providers themselves, where somebody gave credentials for that: a Vapi key of a
// sandbox organisation, Twilio's test credentials (they place nothing and cost nothing; magic numbers decide what
// happens: twilio.com/docs/iam/test-credentials).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing } from "../lib/ava.mjs";

const { VAPI_SANDBOX_KEY, TWILIO_TEST_ACCOUNT_SID, TWILIO_TEST_AUTH_TOKEN } = process.env;
const lacks = (...names) => missing || (names.every((n) => process.env[n]) ? false : `${names.join(" and ")} not set: the real service is not asked`);

// Not a sandbox: the base URLs are the real ones.
async function start() {
  const a = await Ava.start({ verb: "serve", env: { AVA_LOG_LEVEL: "off" } });
  return a.signUp();
}

describe("the real Vapi", { skip: lacks("VAPI_SANDBOX_KEY") }, () => {
  let a, made;
  before(async () => (a = await start()));
  after(async () => {
    if (made) await a.call(`/api/v1/assistants/${made}`, { method: "DELETE" });
    await a.remove();
  });

  test("an assistant is made, changed, taken back and removed", async () => {
    const saved = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: VAPI_SANDBOX_KEY, assistant_id: "none" } });
    assert.equal(saved.status, 200, saved.text);
    const created = await a.call("/api/v1/assistants", { body: { name: "Ava's own test", firstMessage: "Hello.", voice: { provider: "openai", voiceId: "alloy" } } });
    assert.equal(created.status, 201, created.text);
    made = created.json.id;
    const changed = await a.call(`/api/v1/assistants/${made}`, { method: "PATCH", body: { firstMessage: "Good day." } });
    assert.deepEqual([changed.status, changed.json.config?.firstMessage, changed.json.config?.voice?.voiceId], [200, "Good day.", "alloy"], changed.text);
    const back = await a.call(`/api/v1/assistants/${made}/history/1/restore`, { method: "POST" });
    assert.equal(back.json.config?.firstMessage, "Hello.", back.text);
  });
});

describe("the real Twilio, with test credentials", { skip: lacks("TWILIO_TEST_ACCOUNT_SID", "TWILIO_TEST_AUTH_TOKEN") }, () => {
  let a;
  before(async () => {
    a = await start();
    const saved = await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: TWILIO_TEST_ACCOUNT_SID, auth_token: TWILIO_TEST_AUTH_TOKEN } });
    assert.equal(saved.status, 200, saved.text);
  });
  after(() => a.remove());
  const FROM = "+15005550006"; // the one number that test credentials may send and call from

  test("a text is taken", async () => {
    const r = await a.call("/api/v1/twilio/messages", { body: { to: "+14108675310", from: FROM, body: "From Ava's tests." } });
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.provider_id, /^SM[0-9a-f]{32}$/);
  });

  test("a number that is none is refused in our words", async () => {
    const r = await a.call("/api/v1/twilio/messages", { body: { to: "+15005550001", from: FROM, body: "x" } });
    assert.deepEqual([r.status, r.json.code], [422, "provider_rejected_request"], r.text);
    assert.match(r.json.detail, /not a valid phone number \(code 21211\)/);
  });

  test("a call is taken, and one from a foreign number is not", async () => {
    const twiml = "<Response><Hangup/></Response>";
    const r = await a.call("/api/v1/twilio/calls", { body: { to: "+14108675310", from: FROM, twiml } });
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.provider_id, /^CA[0-9a-f]{32}$/);
    assert.equal((await a.call("/api/v1/twilio/calls", { body: { to: "+14108675310", from: "+15005550001", twiml } })).status, 422);
  });
});
