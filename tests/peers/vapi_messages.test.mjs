// Every server message that the types of Vapi's own SDK know, bare and with everything that may be in it, is taken in
// and read; and what Ava answers is what those types want.
import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { Types } from "../lib/samples.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";
import { lacks } from "./peers.mjs";

const SECRET = "what-vapi-sends-with-each-message";
// The messages that are answered, and with what.
const ANSWERS = {
  "assistant-request": "ServerMessageResponseAssistantRequest",
  "handoff-destination-request": "ServerMessageResponseHandoffDestinationRequest",
  "knowledge-base-request": "ServerMessageResponseKnowledgeBaseRequest",
  "tool-calls": "ServerMessageResponseToolCalls",
  "transfer-destination-request": "ServerMessageResponseTransferDestinationRequest",
  "call.endpointing.request": "ServerMessageResponseCallEndpointingRequest",
  "campaign.predial": "ServerMessageResponseCampaignPredial",
};

describe("the server messages of @vapi-ai/server-sdk", { skip: missing || lacks("@vapi-ai/server-sdk", "typescript"), concurrency: 1 }, () => {
  let a, server, types;
  before(async () => {
    types = Types.of("@vapi-ai/server-sdk", "Vapi").load(["ServerMessageMessage", "ServerMessageStatusUpdateStatus", "ServerMessageEndOfCallReportEndedReason"]);
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "messages-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    server = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
  });
  after(() => a?.remove());

  const post = (message) => {
    const body = JSON.stringify({ message });
    return a.call(server.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: server, body }) } });
  };
  const events = async (query) => (await a.call("/api/v1/events?limit=100" + query)).json.events;
  const settled = () => until(async () => (await events("&status=received")).length === 0, { what: "nothing left to work on", ms: 60_000 });
  const calls = async () => {
    const all = new Map();
    for (let cursor = ""; cursor !== null; ) {
      const page = (await a.call(`/api/v1/calls?limit=100${cursor && `&cursor=${cursor}`}`)).json;
      page.calls.forEach((c) => all.set(c.provider_id, c));
      cursor = page.next_cursor;
    }
    return all;
  };

  test("each is taken in and read, bare and full, and each question gets an answer of its type", async (t) => {
    const answers = [], sent = [];
    for (const member of types.members("ServerMessageMessage"))
      for (const full of [false, true]) {
        const message = types.sample(member, full), id = randomUUID();
        message.type ??= types.sample(member, true).type; // the SDK calls it optional in some, and it never is
        if (message.call || !full) message.call = { ...message.call, id };
        const r = await post(message), what = `${message.type}, ${full ? "full" : "bare"}`;
        assert.equal(r.status, message.type === "voice-request" ? 422 : 200, `${what}: ${r.text}`);
        if (ANSWERS[message.type]) answers.push([ANSWERS[message.type], r.json]);
        else if (r.status === 200) assert.deepEqual(r.json, {}, what);
        sent.push({ what, type: message.type, id, has_call: Boolean(message.call), bytes: JSON.stringify(message).length });
      }
    assert.ok(sent.length >= 50, `${sent.length} messages`);
    await settled();
    const kept = await events("");
    for (const { what, type, id, has_call } of sent) {
      const event = kept.find((e) => (has_call ? e.resource === id : e.type === type));
      assert.deepEqual([event?.type, event?.status], [type, "done"], `${what}: ${JSON.stringify(event)}`);
    }
    // A handoff that cannot be is an error, which has no destination; the type wants one nevertheless.
    const handoff = (mistake) => mistake.includes("'destination' is missing in type '{ error: string; }'");
    assert.deepEqual(types.mistakes(answers).filter((m) => !handoff(m)), []);
    t.diagnostic(`${sent.length} messages of ${sent.length / 2} types, the longest ${Math.max(...sent.map((s) => s.bytes))} bytes`);
  });

  test("each status and each reason for an end is shown as it was told", async (t) => {
    const statuses = types.values("ServerMessageStatusUpdateStatus").map((status) => ({ type: "status-update", status }));
    const reasons = types.values("ServerMessageEndOfCallReportEndedReason").map((endedReason) => ({ type: "end-of-call-report", endedReason }));
    assert.ok(statuses.length >= 8 && reasons.length >= 100, `${statuses.length} states, ${reasons.length} reasons`);
    const told = [...statuses, ...reasons].map((m) => ({ ...m, id: createHash("md5").update(m.status ?? m.endedReason).digest("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-") }));
    for (const { id, ...m } of told) assert.equal((await post({ ...m, timestamp: Date.now(), call: { id, type: "inboundPhoneCall" } })).status, 200);
    await settled();
    const shown = await calls(), OVER = ["ended", "not-found", "deletion-failed"];
    for (const { id, ...m } of told) {
      const call = shown.get(id);
      assert.ok(call, JSON.stringify(m));
      if (m.endedReason) assert.deepEqual([call.status, call.ended_reason], ["ended", m.endedReason]);
      else assert.deepEqual([call.status, Boolean(call.ended_at)], [m.status, OVER.includes(m.status)], JSON.stringify(call));
    }
    t.diagnostic(`${statuses.length} states, ${reasons.length} reasons`);
  });
});
