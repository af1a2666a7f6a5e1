// A call as its owner sees it: Vapi is told where to send, tells as the call goes on, and our row follows.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

describe("calls that Vapi tells about", { skip: missing, concurrency: 1 }, () => {
  let a, vapi, told;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
  });
  after(() => a.remove());

  const setUp = (body = {}) => a.call("/api/v1/webhooks/endpoints/vapi/setup", { body });
  const assistant = async (patch) => {
    const r = await fetch(`${vapi.base_url}/assistant/${vapi.assistant_id}`, { method: patch ? "PATCH" : "GET", headers: { Authorization: `Bearer ${vapi.api_key}`, "Content-Type": "application/json" }, body: patch && JSON.stringify(patch) });
    assert.equal(r.status, 200);
    return r.json();
  };
  const row = async (id) => (await a.call("/api/v1/calls?limit=100")).json.calls.find((c) => c.id === id);
  const hits = async () => (await a.ledger()).hits.filter((h) => h.method === "GET" && h.path.startsWith("/call")).length;

  test("one request has them sent here, with a secret of its own and six tries; what belongs to another server goes", async () => {
    await assistant({ server: { url: "", timeoutSeconds: 7, headers: { "X-Other": "dropped", "x-vapi-secret": "old" } }, serverMessages: ["tool-calls"] });
    const before = await assistant(), r = await setUp();
    assert.equal(r.status, 200, r.text);
    told = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[1].urls.server;
    assert.deepEqual(r.json, { url: told, was_url: "", assistant_id: vapi.assistant_id, warnings: [] });
    const { server, serverMessages, updatedAt, ...rest } = await assistant();
    const secret = server.headers["X-Vapi-Secret"];
    assert.match(secret, /^[\w-]{43}$/);
    assert.deepEqual(server, { timeoutSeconds: 7, url: told, headers: { "X-Vapi-Secret": secret }, backoffPlan: { type: "exponential", maxRetries: 5, baseDelaySeconds: 1 } });
    assert.deepEqual(serverMessages, ["tool-calls", "status-update", "end-of-call-report"]);
    for (const name of Object.keys(rest)) assert.deepEqual(rest[name], before[name], name);
    assert.ok(!r.text.includes(secret) && !JSON.stringify(await a.ledger()).includes(secret));
    const shown = (await a.call("/api/v1/credentials/vapi")).json.fields.find((f) => f.name === "webhook_secret");
    assert.deepEqual([shown.set, shown.last4], [true, secret.slice(-4)]);
    const entries = (await a.call("/api/v1/audit")).json.entries.map((e) => e.action);
    for (const action of ["webhook.setup", "credential.rotate"]) assert.equal(entries.filter((e) => e === action).length, 1, action);
    assert.equal((await setUp()).status, 200, "once more changes nothing");
    assert.equal((await assistant()).server.headers["X-Vapi-Secret"], secret);
  });

  test("a call is followed to its end without asking for it once", async () => {
    const placed = await a.call("/api/v1/calls", { body: { to: "+33612345678" } });
    assert.equal(placed.status, 201, placed.text);
    const asked = await hits();
    for (const [seconds, status] of [[2, "ringing"], [3, "in-progress"], [30, "ended"]]) {
      await a.advance(seconds);
      await until(async () => (await row(placed.json.id)).status === status, { what: status });
    }
    await until(async () => (await row(placed.json.id)).cost, { what: "the report" });
    const call = await row(placed.json.id);
    assert.equal(call.ended_reason, "customer-ended-call");
    assert.equal(Date.parse(call.ended_at) - Date.parse(call.started_at), 26_000);
    assert.deepEqual(call.cost, { amount_micros: 21667, currency: "USD" });
    assert.equal(call.from, "+12125550118");
    assert.equal(await hits(), asked);
    const types = (await a.call(`/api/v1/events?resource=${call.provider_id}`)).json.events.map((e) => e.type).reverse();
    assert.deepEqual(types, ["status-update", "status-update", "status-update", "end-of-call-report"]);
  });

  test("one that is ended before its time says so", async () => {
    const placed = (await a.call("/api/v1/calls", { body: { to: "+33612345679" } })).json;
    await a.advance(5);
    await until(async () => (await row(placed.id)).status === "in-progress", { what: "talking" });
    const ended = await a.call(`/api/v1/calls/${placed.id}/end`, { method: "POST" });
    assert.equal(ended.status, 200, ended.text);
    await until(async () => (await row(placed.id)).cost, { what: "the report" });
    assert.deepEqual([(await row(placed.id)).status, (await row(placed.id)).ended_reason], ["ended", "manually-canceled"]);
  });

  test("another system's address is only replaced when that is said", async () => {
    await assistant({ server: { url: "https://elsewhere.example/vapi" } });
    const refused = await setUp();
    assert.equal(refused.status, 422, refused.text);
    assert.equal(refused.json.errors[0].field, "overwrite");
    assert.match(refused.json.detail, /elsewhere\.example/);
    assert.equal((await assistant()).server.url, "https://elsewhere.example/vapi");
    const done = await setUp({ overwrite: true });
    assert.deepEqual([done.status, done.json.was_url], [200, "https://elsewhere.example/vapi"]);
    assert.equal((await assistant()).server.url, told);
  });

  test("a plan that Vapi's own credentials carry out is not set up from here", async () => {
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, webhook_auth: { type: "bearer", token: "t" } } });
    const r = await setUp();
    assert.deepEqual([r.status, r.json.errors?.[0].field], [422, "webhook_auth"]);
  });
});
