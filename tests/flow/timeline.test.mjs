// What happened to a call, told by one page and one command; also in a store with very many events.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

const soak = Boolean(process.env.TEST_SOAK), EVENTS = soak ? 1_000_000 : 100_000;

describe("the timeline of a call", { skip: missing, concurrency: 1 }, () => {
  let a, call, receiver, last4;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", CIRCUIT_BREAKER_ENABLED: "false" } });
    await a.signUp();
    const { api_key, assistant_id, default_number_id } = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key, assistant_id, default_number_id } })).status, 200);
    last4 = api_key.slice(-4);
    await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
    receiver = createServer((req, res) => req.resume().on("end", () => res.end())).listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const made = await a.call("/api/v1/destinations", { body: { url: `http://127.0.0.1:${receiver.address().port}/`, events: ["call.ended"] } });
    assert.equal(made.status, 201, made.text);
  });
  after(async () => {
    receiver.close();
    await a.remove();
  });

  const timeline = async (id = call.id) => (await a.call(`/api/v1/calls/${id}/timeline`)).json;
  const kinds = (t) => t.entries.map((e) => e.kind);
  const explain = (id, more = []) => ava(["explain", id, "--data-dir", a.data, ...more]);

  test("tells who asked, each attempt, what was told and how it ended", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "1", operation: "POST /call", times: 1 });
    call = (await a.call("/api/v1/calls", { body: { to: "+33612345678" } })).json;
    for (const seconds of [2, 3, 30]) await a.advance(seconds);
    const t = await until(async () => ((t) => t.call?.cost && t)(await timeline()), { what: "the report" });
    assert.equal(t.asked_by, "ada@example.com");
    assert.match(t.correlation_id, /^[\w.-]{8,}$/);
    assert.deepEqual(t.ended, { text: "The other side hung up.", who: "nobody", is_fault: false });
    const own = kinds(t).filter((k) => !["webhook", "forwarded"].includes(k));
    assert.deepEqual(own, ["requested", "sending", "retry", "sending", "succeeded", "talking", "ended"]);
    const text = (kind, at = 0) => t.entries.filter((e) => e.kind === kind)[at].text;
    assert.equal(text("requested"), "ada@example.com asked for a call to +33612345678, by version 2 of its assistant.");
    assert.equal(t.assistant_version, 2, "the first is what it was, the second has the webhooks set up");
    await until(async () => (await timeline()).entries.some((e) => e.kind === "forwarded" && /^call\.ended was told to your endpoint \(dst_/.test(e.text)), { what: "what was forwarded" });
    assert.equal(text("sending"), `Sent to Vapi, attempt 1, with the key that ends in ${last4}.`);
    assert.match(text("sending", 1), /^Sent to Vapi, attempt 2/);
    assert.match(text("retry"), /^Vapi did not take attempt 1 \(\d+ ms\); the next one follows in \d/);
    assert.match(text("succeeded"), new RegExp(`^Vapi confirmed it in \\d+ ms, as ${t.call.provider_id}.$`));
    assert.equal(text("ended"), "The other side hung up. It lasted 26 s.");
    const told = t.entries.filter((e) => e.kind === "webhook");
    assert.deepEqual(told.map((e) => e.text), ["ringing", "in-progress", "ended"].map((s) => `Vapi told: status-update, ${s}.`).concat("Vapi told: end-of-call-report, ended."));
    assert.deepEqual(told.map((e) => e.detail), ["ringing", "in-progress", "ended", "ended"].map((status) => ({ status })));
    for (const e of told) assert.equal((await a.call(`/api/v1/events/${e.event_id}`)).status, 200);
    assert.ok(t.entries.every((e, i) => !i || e.at >= t.entries[i - 1].at), "in order");
    assert.equal(t.entries[1].detail.breaker, "closed");
  });

  test("ava explain tells the same, by any of its ids; and what a reason means", async () => {
    const t = await timeline();
    const by = [call.id, call.operation_id, call.provider_id].map((id) => explain(id));
    for (const r of by) assert.equal(r.status, 0, r.stderr);
    assert.equal(new Set(by.map((r) => r.stdout)).size, 1);
    for (const e of t.entries) assert.ok(by[0].stdout.includes(e.text), e.text);
    assert.match(by[0].stdout, /^mend {6}nothing: calls end like that; nobody needs to$/m);
    assert.deepEqual(JSON.parse(explain(call.id, ["--json"]).stdout).entries, t.entries);
    assert.match(explain("customer-did-not-answer").stdout, /^Nobody picked up\.\nmend {6}callee\n$/);
    const none = explain("call_unknown");
    assert.deepEqual([none.status, none.stdout], [1, ""]);
    assert.match(none.stderr, /no call with this id/);
    assert.equal(ava(["explain"]).status, 2);
  });

  test("two workspaces that know the same provider's id are both shown, each with its name", async () => {
    const SECRET = "what-vapi-sends-with-each-message", other = await a.newPerson("other@example.com");
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", key: other.key, body: { api_key: "timeline-vapi-key-0002", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    const url = (await a.call("/api/v1/webhooks/endpoints", { key: other.key })).json.endpoints.find((e) => e.provider === "vapi").urls.server;
    const body = JSON.stringify({ message: { type: "status-update", status: "in-progress", timestamp: Date.now(), call: { id: call.provider_id, type: "inboundPhoneCall" } } });
    assert.equal((await a.call(new URL(url).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url, body }) } })).status, 200);
    const theirs = await until(async () => (await a.call("/api/v1/calls", { key: other.key })).json.calls.find((c) => c.provider_id === call.provider_id), { what: "the call of the other workspace" });
    const both = explain(call.provider_id);
    assert.equal(both.status, 0, both.stderr);
    for (const n of [1, 2]) assert.match(both.stdout, new RegExp(`^${n} of 2, in the workspace ws_`, "m"));
    for (const id of [call.id, theirs.id]) assert.ok(both.stdout.includes(`${id}  `), both.stdout);
    assert.ok(!explain(call.id).stdout.includes(theirs.id));
    assert.equal(explain(call.provider_id, ["--json"]).stdout.trim().split("\n").map((l) => JSON.parse(l)).length, 2);
  });

  test("tells of waiting, of refusals and of who hung up", async () => {
    await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 1 } });
    const first = (await a.call("/api/v1/calls", { body: { to: "+33612345671" } })).json;
    const second = (await a.call("/api/v1/calls", { body: { to: "+33612345672" } })).json;
    assert.equal((await a.call(`/api/v1/calls/${first.id}/end`, { method: "POST" })).status, 200);
    await until(async () => kinds(await timeline(second.object_id)).includes("succeeded"), { what: "it was dialled" });
    assert.deepEqual(kinds(await timeline(second.object_id)).filter((k) => k !== "webhook"), ["requested", "queued", "line", "sending", "succeeded"]);
    const ended = await timeline(first.id);
    assert.ok(ended.entries.some((e) => e.kind === "hangup" && e.text === "ada@example.com ended the call."));
    assert.equal(ended.ended.text, "Somebody on your side hung up.");
  });

  test("is nobody else's", async () => {
    const bob = await a.newPerson("bob@example.com");
    assert.equal((await a.call(`/api/v1/calls/${call.id}/timeline`, { key: bob.key })).status, 404);
    assert.equal((await a.call("/api/v1/calls/call_none/timeline")).status, 404);
  });

  test("each call names the key it went out with, also when the connection was still in mind", async () => {
    await a.call("/api/v1/limits", { method: "PUT", body: {} });
    const last4 = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi.api_key.slice(-4);
    for (let i = 0; i < 3; i++) {
      const { id } = (await a.call("/api/v1/calls", { body: { to: `+3361234567${i}` } })).json;
      assert.equal((await timeline(id)).entries.find((e) => e.kind === "sending").text, `Sent to Vapi, attempt 1, with the key that ends in ${last4}.`);
    }
    assert.deepEqual((await a.call(`/api/v1/calls/${call.id}`)).json.ended, (await timeline()).ended, "a call says how it ended as its timeline does");
  });

  test(`takes no time in a store of ${EVENTS} events`, async (t) => {
    const before = await timeline();
    // Rows as intake writes them, but for what is sealed in them, which nobody opens here.
    rows(a.data, `BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
        INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at)
        SELECT printf('evt_0%031d', i), (SELECT workspace_id FROM calls LIMIT 1), 'vapi', 'transcript', printf('call-%d', i / 50), randomblob(32), 'done', 'load', 1, 1 FROM n;
        INSERT INTO event_bodies SELECT id, workspace_id, CAST(X'A101' || zeroblob(400) AS BLOB) FROM events WHERE correlation_id = 'load'; COMMIT;`);
    const took = [];
    for (let i = 0; i < 20; i++) {
      const began = performance.now();
      assert.deepEqual((await timeline()).entries, before.entries);
      took.push(performance.now() - began);
    }
    took.sort((x, y) => x - y);
    t.diagnostic(`${EVENTS} events: median ${took[10].toFixed(1)} ms, worst of 20 ${took[19].toFixed(1)} ms`);
    assert.ok(took[10] < 200, `${took[10]} ms`);
  });
});
