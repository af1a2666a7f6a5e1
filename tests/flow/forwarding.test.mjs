// Bears company.
// From a provider's webhook to the customer's own endpoint: signed so that the library of Standard Webhooks says yes,
// in order, again and again until it is taken; to nobody who may not be reached.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";
import { sign } from "../lib/twilio.mjs";

const SECRET = "what-vapi-sends-with-each-message";
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";
const DAY = 24 * 3600;

async function connected(env) {
  const a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn", ...env } });
  await a.signUp();
  await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "forward-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
  await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
  const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
  a.fromVapi = async (type, call, more) => {
    const url = endpoints.find((e) => e.provider === "vapi").urls.server, body = JSON.stringify(message(type, call, more));
    const r = await a.call(url.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url, body }) } });
    assert.equal(r.status, 200, r.text);
  };
  a.fromTwilio = async (kind, params) => {
    const url = endpoints.find((e) => e.provider === "twilio").urls[kind], pairs = Object.entries(params);
    const r = await a.call(url.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, TOKEN) } });
    assert.equal(r.status, 200, r.text);
  };
  return a;
}

describe("forwarding", { skip: missing, concurrency: 1 }, () => {
  let a, receiver, destination, calls = 0;
  before(async () => {
    a = await connected();
  });
  after(() => a.remove());

  const all = "/api/v1/destinations";
  const one = (more = "") => `${all}/${destination.id}${more}`;
  const read = async () => (await a.call(one())).json;
  const deliveries = async (query = "") => (await a.call(one(`/deliveries?limit=100${query}`))).json.deliveries;
  const patch = (body) => a.call(one(), { method: "PATCH", body });
  const advance = async (seconds) => {
    await a.advance(seconds);
    receiver.skewMs += seconds * 1000;
  };
  const call = () => ({ id: `call-${++calls}` });
  const ring = (c, status = "ringing") => a.fromVapi("status-update", c, { status });
  const taken = (n) => until(() => receiver.taken().length >= n, { what: `${n} deliveries, has ${receiver.taken().length}` });

  // Each test has a receiver and a destination of its own; every delivery of it is judged by the library.
  let skewMs = 0;
  beforeEach(async () => {
    receiver = await Receiver.start();
    receiver.skewMs = skewMs;
    const made = await a.call(all, { body: { url: receiver.url } });
    assert.equal(made.status, 201, made.text);
    destination = made.json;
    receiver.secrets.push(destination.secret);
  });
  const done = async () => {
    assert.deepEqual(receiver.bad.map((d) => d.headers["webhook-signature"]), [], "the library took every signature");
    skewMs = receiver.skewMs;
    await a.call(one(), { method: "DELETE" });
    await receiver.stop();
  };
  const it = (name, run) =>
    test(name, async () => {
      try {
        await run();
      } finally {
        await done();
      }
    });

  it("what happens to a call goes on, thin, signed and in order", async () => {
    const c = call();
    assert.match(destination.secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
    await a.fromVapi("assistant-request", c);
    for (const status of ["ringing", "in-progress"]) await ring(c, status);
    await a.fromVapi("transcript", c, { transcript: "a secret of the caller" });
    await a.fromVapi("tool-calls", c, { toolCallList: [] });
    await ring(c, "ended");
    await a.fromVapi("end-of-call-report", c, { endedReason: "customer-ended-call" });
    await a.fromVapi("hang", c);
    await taken(8);
    assert.deepEqual(receiver.got.map((d) => d.type), ["call.incoming", "call.status", "call.status", "call.transcript", "call.tool", "call.ended", "call.report", "webhook.vapi"]);
    const ours = (await a.call("/api/v1/calls?limit=100")).json.calls.find((row) => row.provider_id === c.id);
    for (const d of receiver.got) {
      assert.match(d.id, /^dlv_[0-9a-f]{32}$/);
      assert.equal(d.headers["content-type"], "application/json");
      assert.equal(d.data.provider_id, c.id);
      assert.equal(d.data.call_id, ours.id);
      assert.ok(Date.parse(d.timestamp) && d.body.length < 1000 && !d.body.includes("secret of the caller"));
    }
    assert.equal(new Set(receiver.got.map((d) => d.id)).size, 8);
    assert.equal(receiver.got[6].data.ended_reason, "customer-ended-call");
    await until(async () => (await deliveries("&status=delivered")).length === 8, { what: "all written down" });
    const [last] = await deliveries("&type=webhook.vapi");
    assert.deepEqual([last.id, last.attempts, last.tried[0].status_code, last.tried[0].error], [receiver.got[7].id, 1, 200, null]);
    assert.equal((await read()).status, "active");
  });

  it("new deliveries are sent beside a slow one, and sixteen at once at most", async () => {
    const held = [];
    let open = 0, most = 0;
    receiver.answer = () => new Promise((done) => ((most = Math.max(most, ++open)), held.push(() => (open--, done(200)))));
    const arrived = (n) => until(() => held.length === n, { what: `${n} requests, has ${held.length}` });
    await ring(call());
    await arrived(1);
    for (let n = 0; n < 10; n++) await ring(call());
    await arrived(11); // the first still waits for its answer
    for (let n = 0; n < 10; n++) await ring(call());
    await arrived(16);
    for (let n = 0; n < 21; n++) {
      await until(() => held[n], { what: `request ${n + 1}` });
      held[n]();
    }
    await taken(21);
    assert.equal(most, 16);
    assert.equal(new Set(receiver.got.map((d) => d.id)).size, 21);
  });

  it("texts go on too, and only what was asked for", async () => {
    await patch({ events: ["message.*", "call.ended"] });
    await a.fromTwilio("message", { MessageSid: `SM${++calls}`, From: "+14155550142", To: "+12125550118", Body: "hello" });
    await a.fromTwilio("status", { CallSid: `CA${++calls}`, CallStatus: "ringing", Direction: "inbound", From: "+14155550142", To: "+12125550118" });
    await a.fromTwilio("status", { CallSid: `CA${calls}`, CallStatus: "completed", Direction: "inbound", From: "+14155550142", To: "+12125550118" });
    await taken(2);
    assert.deepEqual(receiver.got.map((d) => d.type).sort(), ["call.ended", "message.incoming"]);
    const text = receiver.got.find((d) => d.type === "message.incoming");
    assert.match(text.data.message_id, /^msg_/);
    assert.equal(text.data.status, "received");
  });

  it("a replay of an event is not sent twice", async () => {
    await ring(call());
    await taken(1);
    assert.equal((await a.call(`/api/v1/events/${receiver.got[0].data.event_id}/replay`, { method: "POST" })).status, 202);
    await ring(call());
    await taken(2);
    assert.equal(new Set(receiver.got.map((d) => d.data.event_id)).size, 2);
  });

  it("one call that is not taken holds back its own, and nobody else's", async () => {
    const stuck = call(), other = call();
    receiver.answer = (d) => (d.data.provider_id === stuck.id && d.data.status === "ringing" && receiver.got.filter((g) => g.id === d.id).length < 2 ? 418 : 200);
    await ring(stuck, "ringing");
    await ring(stuck, "in-progress");
    await ring(other);
    await taken(1);
    assert.equal(receiver.taken()[0].data.provider_id, other.id);
    await until(async () => (await deliveries("&status=retrying")).length === 1, { what: "the first waits for its next try" });
    await advance(6);
    await until(() => receiver.got.length === 3, { what: "the second try" });
    await until(async () => (await deliveries("&status=retrying"))[0]?.attempts === 2, { what: "written down" });
    assert.equal((await deliveries("&status=waiting")).length, 1, "the second of the call waits behind it");
    await advance(34);
    await taken(3);
    assert.deepEqual(receiver.taken().slice(1).map((d) => d.data.status), ["ringing", "in-progress"]);
    await until(async () => (await read()).status === "active", { what: "what got through counts" });
    const first = receiver.got.filter((d) => d.data.provider_id === stuck.id && d.data.status === "ringing");
    assert.equal(new Set(first.map((d) => d.id)).size, 1, "the same id each time");
    await until(async () => (await deliveries("&status=delivered")).length === 3, { what: "written down" });
    const kept = (await deliveries()).find((d) => d.id === first[0].id);
    assert.deepEqual(kept.tried.map((t) => t.status_code), [200, 418, 418]);
    assert.equal(kept.tried[2].error, "It answered 418.");
  });

  it("a receiver that is down is asked now and then, and gets everything once it is back", async () => {
    const { port } = receiver, lost = Array.from({ length: 20 }, call);
    await receiver.stop();
    for (const c of lost) await ring(c);
    await until(async () => (await read()).status === "failing", { what: "it is known to fail" });
    assert.equal((await read()).needs_attention, true);
    await until(async () => (await a.metric("circuit_breaker_rejections_total", { service: "destination" })) > 0, { what: "it rests" });
    const tries = (await deliveries()).reduce((n, d) => n + d.attempts, 0);
    assert.ok(tries < 20, `${tries} attempts at one that rests`);
    const back = await Receiver.start(port);
    Object.assign(back, { secrets: receiver.secrets, skewMs: receiver.skewMs });
    receiver = back;
    for (let i = 0; i < 8 && receiver.taken().length < 20; i++) {
      await advance(35);
      await until(async () => receiver.taken().length === 20 || (await deliveries("&status=waiting")).length === 0, { ms: 3000 }).catch(() => {});
    }
    await taken(20);
    await until(async () => (await read()).status === "active", { what: "active again" });
    for (const d of await deliveries()) for (const t of d.tried) assert.ok(t.status_code === 200 || /^Nobody answers/.test(t.error), `resting is no attempt: ${t.error}`);
    assert.equal(new Set(receiver.taken().map((d) => d.data.provider_id)).size, 20);
  });

  it("Retry-After is heard, redirects are not followed, a broken connection is a failure", async () => {
    const answers = [[429, { "Retry-After": "60" }], [302, { Location: receiver.url + "/elsewhere" }], null, 200];
    let step = 0; // of a kept connection that dies without a word the same attempt asks once more
    receiver.answer = () => answers[step];
    await ring(call());
    await until(async () => (await deliveries("&status=retrying")).length === 1, { what: "told to wait" });
    const wait = Date.parse((await deliveries())[0].next_attempt_at) - Date.now() - receiver.skewMs;
    assert.ok(wait > 50_000 && wait < 61_000, `${wait} ms`);
    for (const [seconds, attempts] of [[62, 2], [40, 3], [140, 4]]) {
      step++;
      await advance(seconds);
      await until(async () => (await deliveries())[0].attempts === attempts, { what: `attempt ${attempts}` });
    }
    const [d] = await deliveries();
    assert.equal(d.status, "delivered");
    assert.deepEqual(d.tried.map((t) => t.status_code), [200, null, 302, 429]);
    assert.match(d.tried[2].error, /redirect, which Ava does not follow/);
    assert.match(d.tried[1].error, /connection broke/);
    assert.ok(receiver.got.every((g) => g.path === "/ava"));
  });

  it("after a change of the secret both sign for a day", async () => {
    const rotated = await a.call(one("/rotate"), { method: "POST" });
    assert.equal(rotated.status, 200, rotated.text);
    assert.notEqual(rotated.json.secret, destination.secret);
    assert.ok(Date.parse(rotated.json.former_secret_until));
    receiver.secrets.push(rotated.json.secret);
    await ring(call());
    await taken(1);
    assert.equal(receiver.got[0].signatures, 2, "either secret proves it");
    await advance(DAY + 1);
    receiver.secrets.shift();
    await ring(call());
    await taken(2);
    assert.equal(receiver.got[1].signatures, 1, "the new one alone");
    assert.equal((await read()).former_secret_until, null);
    for (const path of [one(), all, one("/deliveries"), "/api/v1/audit"]) assert.ok(!(await a.call(path)).text.includes("whsec_"), path);
  });

  it("410 switches it off at once; what is held goes when somebody says so", async () => {
    const began = new Date(Date.now() + receiver.skewMs - 1000).toISOString(), c = call();
    receiver.answer = () => 410;
    await ring(c, "ringing");
    await until(async () => !(await read()).enabled, { what: "switched off" });
    const off = await read();
    assert.deepEqual([off.status, off.disabled_because, off.needs_attention], ["disabled", "gone", true]);
    await ring(c, "in-progress");
    await until(async () => (await deliveries("&status=held")).length === 2, { what: "both are held" });
    const { entries } = (await a.call("/api/v1/audit")).json;
    assert.deepEqual([entries[0].action, entries[0].object, entries[0].actor], ["destination.disable", destination.id, "system"]);
    for (const refused of [await a.call(one("/recover"), { body: { since: began } }), await a.call(one(`/deliveries/${(await deliveries())[0].id}/resend`), { method: "POST" })]) {
      assert.equal(refused.status, 422, refused.text);
      assert.deepEqual(refused.json.errors.map((e) => e.field), ["enabled"]);
    }
    assert.equal(await a.metric("destinations_disabled"), 1);
    receiver.answer = () => 200;
    assert.equal((await patch({ enabled: true })).json.enabled, true);
    await ring(call());
    await taken(1);
    assert.equal((await deliveries("&status=held")).length, 2, "not by itself");
    const future = await a.call(one("/recover"), { body: { since: new Date(Date.now() + receiver.skewMs + 60_000).toISOString() } });
    assert.deepEqual(future.json, { count: 0 });
    const recovered = await a.call(one("/recover"), { body: { since: began } });
    assert.deepEqual([recovered.status, recovered.json.count], [202, 2]);
    await taken(3);
    assert.deepEqual(receiver.taken().slice(1).map((d) => d.data.status), ["ringing", "in-progress"]);
  });

  it("one that was taken can be sent again, under the same id", async () => {
    await ring(call());
    await until(async () => (await deliveries("&status=delivered")).length === 1, { what: "taken" });
    const again = await a.call(one(`/deliveries/${receiver.got[0].id}/resend`), { method: "POST" });
    assert.deepEqual([again.status, again.json.status], [202, "waiting"]);
    await taken(2);
    assert.equal(receiver.got[1].id, receiver.got[0].id);
    assert.equal(receiver.got[1].body, receiver.got[0].body);
    assert.equal((await a.call(one("/deliveries/dlv_00000000000000000000000000000000/resend"), { method: "POST" })).status, 404);
  });

  it("what nobody took for nineteen hours has failed, and recover sends it", async () => {
    receiver.answer = () => 500;
    const began = new Date(Date.now() + receiver.skewMs - 1000).toISOString();
    await ring(call());
    for (let i = 1; i <= 9; i++) {
      await until(async () => (await deliveries())[0]?.attempts === i, { what: `attempt ${i}` });
      if (i < 9) await advance(13.5 * 3600);
    }
    const [d] = await deliveries();
    assert.deepEqual([d.status, d.attempts, d.next_attempt_at], ["failed", 9, null]);
    assert.equal((await read()).enabled, true, "never before five days of failures without a day's break");
    receiver.answer = () => 200;
    assert.deepEqual((await a.call(one("/recover"), { body: { since: began } })).json, { count: 1 });
    await taken(1);
  });

  it("what is settled goes after thirty days, and what waits stays", async () => {
    const stuck = call();
    receiver.answer = (d) => (d.data.provider_id === stuck.id ? 500 : 200);
    await ring(call());
    await ring(stuck);
    await until(async () => (await deliveries("&status=retrying")).length === 1 && (await deliveries("&status=delivered")).length === 1, { what: "one taken, one not" });
    await advance(31 * DAY);
    // A sweep may have begun just before that; the next one comes after ten minutes.
    await until(async () => (await deliveries("&status=delivered")).length === 0 || void (await advance(601)), { every: 500, what: "the taken one is gone" });
    assert.equal((await deliveries("&status=retrying")).length, 1);
  });

  it("a test says what came back, also of one that is switched off", async () => {
    await patch({ enabled: false });
    const good = await a.call(one("/test"), { method: "POST" });
    assert.deepEqual({ ...good.json, duration_ms: 0 }, { delivered: true, status_code: 200, duration_ms: 0, error: null });
    assert.deepEqual([receiver.got[0].type, receiver.got[0].data.destination_id], ["test.ping", destination.id]);
    receiver.answer = () => 503;
    const bad = await a.call(one("/test"), { method: "POST" });
    assert.deepEqual({ ...bad.json, duration_ms: 0 }, { delivered: false, status_code: 503, duration_ms: 0, error: "It answered 503." });
    assert.deepEqual(await deliveries(), []);
  });

  it("everything wrong is named at once, with its field", async () => {
    for (const [body, fields] of [
      [{}, ["url"]],
      [{ url: 7, events: "call.*", enabled: "yes", colour: "blue" }, ["url", "events", "enabled", "colour"]],
      [{ url: receiver.url, events: [] }, ["events"]],
      [{ url: receiver.url, events: ["calls.*"] }, ["events"]],
      [{ url: receiver.url, events: Array(21).fill("*") }, ["events"]],
    ]) {
      const r = await a.call(all, { body });
      assert.equal(r.status, 422, JSON.stringify(body));
      assert.deepEqual(r.json.errors.map((e) => e.field), fields, JSON.stringify(body));
    }
    assert.equal((await a.call(one("/recover"), { body: {} })).json.errors[0].field, "since");
    assert.equal((await a.call(one("/deliveries?status=lost"))).json.errors[0].field, "status");
  });

  it("an eleventh is refused, and nobody sees another workspace's", async () => {
    const made = [];
    for (let i = 1; i < 10; i++) made.push((await a.call(all, { body: { url: receiver.url, enabled: false } })).json.id);
    assert.equal((await a.call(all, { body: { url: receiver.url } })).status, 422);
    const page = (await a.call(`${all}?limit=4`)).json;
    assert.equal(page.destinations.length, 4);
    assert.equal((await a.call(`${all}?limit=100&cursor=${page.next_cursor}`)).json.destinations.length, 6);
    for (const id of made) assert.equal((await a.call(`${all}/${id}`, { method: "DELETE" })).status, 204);
    const bob = await a.newPerson(`bob-${calls}@example.com`);
    const missingOne = await a.call(`${all}/dst_00000000000000000000000000000000`);
    for (const [path, options] of [["", {}], ["", { method: "PATCH", body: { enabled: false } }], ["", { method: "DELETE" }], ["/rotate", { method: "POST" }], ["/test", { method: "POST" }], ["/deliveries", {}], ["/recover", { body: { since: "2026-01-01T00:00:00Z" } }], ["/deliveries/dlv_1/resend", { method: "POST" }]]) {
      const r = await a.call(one(path), { ...options, key: bob.key });
      assert.equal(r.status, 404, path);
      assert.deepEqual({ ...r.json, correlation_id: 0 }, { ...missingOne.json, correlation_id: 0 });
    }
    assert.deepEqual((await a.call(all, { key: bob.key })).json.destinations, []);
    assert.equal((await read()).enabled, true);
  });
});

describe("addresses that must not be reached", { skip: missing, concurrency: 1 }, () => {
  let a, receiver;
  before(async () => {
    a = await connected({ AVA_OUTBOUND_ALLOW: "127.0.0.2/32" });
    receiver = await Receiver.start();
  });
  after(async () => {
    await receiver.stop();
    await a.remove();
  });
  const add = (url) => a.call("/api/v1/destinations", { body: { url } });

  test("are refused where it can be seen", async () => {
    for (const url of [
      "https://127.0.0.1/", "https://10.1.2.3/", "https://169.254.169.254/latest/meta-data", "https://192.168.0.1:8443/", "https://100.64.0.1/", "https://0.0.0.0/",
      "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[fd00::1]/", "https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
      "https://2130706433/", "https://017700000001/", "https://0x7f.1/", "https://0x7f000001/", "https://127.1/", "https://1.2.3.4.5/", "https://127.0.0.1./",
      "https://user@hooks.example.com/", "https://user:pass@hooks.example.com/", "https://hooks.example.com/#part", "https://hooks.example.com:0/", "https://hooks.example.com:65536/", "https://hooks.example.com:/",
      "http://hooks.example.com@127.0.0.1/", "https://hooks.example.com\\@127.0.0.1/", "https:///path", "https://", "ftp://hooks.example.com/", "javascript:alert(1)", "hooks.example.com", "https://hö.example/", "https://exa%6dple.com/", "https://-.example.com/", "https://a..example.com/",
      "http://8.8.8.8/", `https://hooks.example.com/${"x".repeat(2048)}`,
    ]) {
      const r = await add(url);
      assert.equal(r.status, 422, url);
      assert.deepEqual(r.json.errors.map((e) => e.field), ["url"], url);
    }
    assert.deepEqual((await a.call("/api/v1/destinations")).json.destinations, []);
  });

  test("and where a name leads there, at each attempt", async () => {
    const r = await add(`https://localhost:${receiver.port}/`);
    assert.equal(r.status, 201, r.text);
    const tried = await a.call(`/api/v1/destinations/${r.json.id}/test`, { method: "POST" });
    assert.deepEqual([tried.json.delivered, tried.json.status_code], [false, null]);
    assert.match(tried.json.error, /not public/);
    assert.doesNotMatch(tried.json.error, /127\.0\.0\.1|::1/);
    const lost = await add("https://nowhere.invalid/");
    assert.match((await a.call(`/api/v1/destinations/${lost.json.id}/test`, { method: "POST" })).json.error, /cannot be found, or leads to an address that is not public/);
    assert.equal(receiver.got.length, 0);
  });

  test("what the operator allowed is reached, and nothing beside it", async () => {
    const near = await add(`http://127.0.0.2:${receiver.port}/`);
    assert.equal(near.status, 201, near.text);
    assert.match((await a.call(`/api/v1/destinations/${near.json.id}/test`, { method: "POST" })).json.error, /Nobody answers/, "nobody listens there");
    const name = await add(`http://localhost:${receiver.port}/`);
    assert.match((await a.call(`/api/v1/destinations/${name.json.id}/test`, { method: "POST" })).json.error, /not public/);
    assert.equal(receiver.got.length, 0);
  });

  test("a list that cannot be read is no start", async () => {
    await assert.rejects(Ava.start({ env: { AVA_OUTBOUND_ALLOW: "127.0.0.1/33" } }), /AVA_OUTBOUND_ALLOW: not a list of addresses/);
  });
});
