// How Ava fares, in detail: their workspace for owners and admins, all of it for who runs the installation; the same
// numbers as ava status.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";

describe("health in detail", { skip: missing, concurrency: 1 }, () => {
  let a, bob, carol;
  const read = async (key = a.key) => (await a.call("/api/v1/health/details", { key })).json;
  before(async () => {
    a = await Ava.start();
    await a.signUp();
    [bob, carol] = [await a.newPerson("bob@example.com"), await a.newPerson("carol@example.com")];
    for (const [who, role] of [[bob, "member"], [carol, "admin"]]) {
      assert.equal((await a.call(`/api/v1/workspaces/${a.me.workspace.id}/members/${who.id}`, { method: "PUT", body: { role } })).status, 200);
      who.here = a.newKey(who === bob ? "bob@example.com" : "carol@example.com", "here", ["--workspace", a.me.workspace.id]);
    }
  });
  after(() => a?.remove());

  test("members are not told, admins of their workspace, who runs it of everything", async () => {
    assert.equal((await a.call("/api/v1/health/details", { key: bob.here })).status, 403);
    assert.equal((await a.call("/api/v1/health/details", { key: null })).status, 401);
    const hers = await read(carol.here);
    assert.equal(hers.installation, null);
    assert.deepEqual(hers.workspace.providers.map((p) => p.name).slice(0, 2), ["vapi", "twilio"]);
    const { installation } = await read();
    const said = JSON.parse(ava(["status", "--json", "--data-dir", a.data]).stdout);
    assert.deepEqual(Object.keys(installation).sort(), Object.keys(said).sort());
    for (const name of ["version", "profile", "since", "threshold", "connections_max", "in_flight_max"]) assert.deepEqual(installation[name], said[name], name);
    assert.ok(installation.in_flight >= 1, "this one");
    assert.deepEqual([installation.database.writable, installation.database.bytes > 0, installation.database.disk_free_bytes > 0], [true, true, true]);
    assert.ok(!JSON.stringify(hers).includes("disk") && !JSON.stringify(hers).includes("since"));
  });

  test("an open circuit breaker, and how long it rests", async () => {
    assert.equal((await read(carol.here)).workspace.providers[0].breaker, "closed");
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    await until(async () => (await a.call("/api/v1/vapi/settings/voice_speed", { method: "PUT", body: { value: 1.1 } }), (await read()).workspace.providers[0].breaker === "open"), { what: "the breaker opens" });
    const { workspace, installation } = await read();
    assert.equal(workspace.providers[0].status, "resting");
    assert.ok(workspace.providers[0].retry_in_seconds > 0 && workspace.providers[0].retry_in_seconds <= 30);
    assert.equal(installation.providers.find((p) => p.name === "vapi").breaker, "open");
    assert.equal(workspace.providers[1].breaker, "closed");
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("what waits is counted: events that could not be worked on, deliveries, a destination that is off", async () => {
    const before = (await read()).workspace;
    assert.deepEqual([before.inbox.dead, before.deliveries.waiting, before.deliveries.destinations_disabled], [0, 0, 0]);
    const made = await a.call("/api/v1/destinations", { body: { url: "http://127.0.0.1:9/" } });
    assert.equal(made.status, 201, made.text);
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    assert.equal((await a.call("/sandbox/api/webhooks", { key: null, body: { kind: "message", url: endpoints.find((e) => e.provider === "twilio").urls.message } })).status, 200);
    const now = await until(async () => { const { workspace } = await read(carol.here); return workspace.deliveries.waiting && workspace.queue.waiting && workspace; }, { what: "a delivery that waits, and the work on it" });
    const { installation } = await read();
    assert.equal(installation.deliveries.waiting, now.deliveries.waiting);
    const theirs = await read(bob.key);
    assert.deepEqual([theirs.workspace.deliveries.waiting, theirs.installation], [0, null], "another workspace has its own");
  });

  test("limits in force, and calls as they stand", async () => {
    assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 3 } })).status, 200);
    const { workspace } = await read();
    assert.deepEqual(workspace.calls, (await a.call("/api/v1/limits")).json);
    assert.deepEqual(workspace.requests, { limited: false, per_minute: 60, settings_per_minute: 10, webhooks_per_second: 2000, nearest: [] }, "nobody is counted where nothing is limited");
  });
});

describe("how near the limits of requests are", { skip: missing, concurrency: 1 }, () => {
  let a, bob;
  before(async () => {
    a = await Ava.start({ limits: true, env: { RATE_LIMIT_KEY_MAX_PER_MINUTE: "30" } });
    await a.signUp();
    bob = await a.newPerson("bob@example.com");
  });
  after(() => a?.remove());
  const nearest = async (key) => (await a.call("/api/v1/health/details", { key })).json.workspace.requests.nearest;

  test("of who asks, of the workspace and of its keys, the nearest first, and looking takes nothing but itself", async () => {
    const made = (await a.call("/api/v1/auth/keys", { body: { name: "nightly", rate_limit_per_minute: 30 } })).json;
    for (let n = 0; n < 8; n++) await a.call("/api/v1/vapi/settings");
    for (let n = 0; n < 15; n++) await a.call("/api/v1/calls", { key: made.key });
    const now = await nearest();
    assert.deepEqual(now.slice(0, 2).map(({ of, id, name, method, path, used, limit }) => [of, id, name, method, path, used, limit]), [
      ["self", null, null, "GET", "/api/v1/vapi/settings", 8, 10],
      ["key", made.id, "nightly", "GET", "/api/v1/calls", 15, 30],
    ]);
    assert.ok(now[0].reset_seconds > 50 && now[0].reset_seconds <= 61);
    for (let i = 1; i < now.length; i++) assert.ok(now[i - 1].used / now[i - 1].limit >= now[i].used / now[i].limit);
    assert.ok(now.length <= 10);
    assert.equal((await nearest()).find((one) => one.path === "/api/v1/vapi/settings" && one.of === "self").used, 8);
    assert.equal(now.find((one) => one.of === "self" && one.path === "/api/v1/health/details").used, 1);
  });

  test("a full one, and that it is free again in time", async () => {
    for (let n = 0; n < 4; n++) await a.call("/api/v1/vapi/settings");
    assert.deepEqual((({ used, limit }) => [used, limit])((await nearest())[0]), [10, 10]);
    await a.advance(62);
    assert.ok(!(await nearest()).some((one) => one.path === "/api/v1/vapi/settings"));
  });

  test("nothing of another workspace, and no more than ten", async () => {
    for (const path of ["calls", "messages", "events", "rules", "templates", "tools", "destinations", "numbers", "fallback", "limits", "operations", "assistants"]) await a.call("/api/v1/" + path);
    assert.equal((await nearest()).length, 10);
    const theirs = await nearest(bob.key);
    assert.deepEqual([...new Set(theirs.map((one) => one.path))], ["/api/v1/health/details"]);
  });
});
