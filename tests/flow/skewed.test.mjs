// A host whose clock is wrong, by libfaketime: what it still understands, and what it says where it cannot.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { faketime as library, noFaketime } from "../lib/faketime.mjs";
import { onPostgres } from "../lib/database.mjs";
import { SID, TOKEN } from "../lib/scripted.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf } from "../lib/vapi.mjs";

const absent = noFaketime || (sanitized ? "a sanitizer wants to be loaded first" : false);
const PLAN = { type: "hmac", secretKey: "the-key-of-the-webhooks", algorithm: "sha256" };

for (const [name, seconds, taken] of [["four minutes behind", -240, true], ["four minutes ahead", 240, true], ["an hour behind", -3600, onPostgres], ["a day ahead", 86_400, onPostgres]]) // with PostgreSQL its server's clock counts
  describe(`a clock that is ${name}`, { skip: missing || absent, concurrency: 1 }, () => {
    let a, vapi, twilio;
    before(async () => {
      a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", LD_PRELOAD: library, FAKETIME: `${seconds < 0 ? "" : "+"}${seconds}s`, FAKETIME_DONT_FAKE_MONOTONIC: "1" } });
      await a.signUp();
    });
    after(() => a?.remove());
    const connect = async () => {
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "skewed-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_auth: PLAN } });
      await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
      const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
      const urls = (provider) => endpoints.find((e) => e.provider === provider).urls;
      [vapi, twilio] = [urls("vapi").server, urls("twilio").status];
    };
    const settled = () => until(async () => (await a.call("/api/v1/events?status=received")).json.events.length === 0, { what: "nothing left to work on" });
    const callOf = async (id) => (await a.call("/api/v1/calls")).json.calls.find((c) => c.provider_id === id);

    test("places a call and hears how it goes", async () => {
      const r = await a.call("/api/v1/calls", { body: { to: "+15005550177" } });
      assert.equal(r.status, 201, r.text);
      await a.advance(5);
      await until(async () => (await a.call(`/api/v1/calls/${r.json.id}`)).json.started_at, { what: "somebody talks" });
    });

    test(taken ? "takes what Vapi signed just now" : "cannot trust what Vapi signed just now, and says that its age is at fault", async () => {
      await connect();
      const id = randomUUID(), now = Date.now(), body = JSON.stringify({ message: { type: "end-of-call-report", timestamp: Date.now(), endedReason: "customer-ended-call", startedAt: new Date(now - 60_000).toISOString(), endedAt: new Date(now).toISOString(), cost: 0.1, call: { id, type: "inboundPhoneCall" } } });
      const r = await a.call(vapi.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(PLAN, { url: vapi, body }) } });
      assert.equal(r.status, taken ? 200 : 403, r.text);
      if (!taken) return assert.match(r.json.detail, /too old/);
      await settled();
      const call = await callOf(id);
      assert.deepEqual([call.status, Date.parse(call.ended_at) - Date.parse(call.started_at)], ["ended", 60_000], "the provider's own times, whatever ours says");
    });

    test("takes what Twilio signed, which has no time in it, and forgets no session", async () => {
      const CallSid = "CA" + randomUUID().replaceAll("-", ""), [address] = twilio.split("#"), pairs = [["AccountSid", SID], ["CallSid", CallSid], ["CallStatus", "completed"]];
      const r = await a.call(address.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(address, pairs, TOKEN) } });
      assert.equal(r.status, 200, r.text);
      await settled();
      assert.equal((await callOf(CallSid)).status, "completed");
    });
  });
