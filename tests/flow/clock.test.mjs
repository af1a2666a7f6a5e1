// The system's clock is set while things wait: wrong by hours, by years, and right again (TRAFFIC K16, HARDENING 22).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, person, until } from "../lib/ava.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message", HOUR = 3600, DAY = 24 * HOUR, DECADE = 3652 * DAY;
const env = { AVA_LOG_LEVEL: "warn", AVA_OUTBOUND_ALLOW: "127.0.0.0/8", CIRCUIT_BREAKER_ENABLED: "false" };

// A world in which each kind of work waits: a delivery that failed, a call of unknown outcome, webhooks that are not worked
// on, a held session.
class World {
  static async start() {
    const w = new World();
    w.receiver = await Receiver.start();
    w.a = await Ava.start({ env });
    await w.a.signUp();
    await w.a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "clock-vapi-key-0000001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", default_number_id: "7c3d6f1e-0000-4000-8000-0000000000aa", webhook_secret: SECRET } });
    w.url = (await w.a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
    const made = await w.a.call("/api/v1/destinations", { body: { url: w.receiver.url } });
    assert.equal(made.status, 201, made.text);
    w.to = made.json.id;
    const signedIn = await w.a.call("/api/v1/auth/login", { key: null, body: { email: person.email, password: person.password } });
    assert.equal(signedIn.status, 200, signedIn.text);
    w.cookie = signedIn.headers.get("set-cookie").split(";")[0];
    return w;
  }

  jump(seconds) {
    return this.a.call("/sandbox/api/clock", { key: null, body: { jump_seconds: seconds } }).then((r) => assert.equal(r.status, 200, r.text));
  }

  async webhook(call) {
    const body = JSON.stringify({ message: { type: "status-update", status: "in-progress", timestamp: Date.now(), call: { id: call, type: "inboundPhoneCall" } } });
    const r = await this.a.call(new URL(this.url).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: this.url, body }) } });
    assert.equal(r.status, 200, r.text);
  }

  // Makes all of it wait; .settled() is true once all is done.
  async wait() {
    this.receiver.answer = () => 503;
    this.calls = Array.from({ length: 3 }, () => randomUUID());
    for (const id of this.calls) await this.webhook(id);
    await until(async () => (await this.deliveries()).filter((d) => d.status === "retrying").length > 0, { what: "a delivery that waits for its next try" });
    await this.a.fault({ provider: "vapi", fault: "cut", operation: "POST /call" });
    const r = await this.a.call("/api/v1/calls", { body: { to: "+15005550177" }, headers: { "Idempotency-Key": randomUUID() } });
    await this.a.fault({ provider: "vapi", fault: "none" });
    assert.equal(r.status, 202, r.text);
    this.operation = r.json.id;
    this.receiver.answer = () => 200;
  }

  deliveries = async () => (await this.a.call(`/api/v1/destinations/${this.to}/deliveries?limit=100`)).json.deliveries;

  async settled() {
    const [deliveries, operation, events] = await Promise.all([this.deliveries(), this.a.call(`/api/v1/operations/${this.operation}`), this.a.call("/api/v1/events?limit=100")]);
    const left = [...deliveries.filter((d) => d.status !== "delivered").map((d) => [d.type, d.status, d.next_attempt_at]), operation.json.status === "succeeded" ? null : operation.text, ...events.json.events.filter((e) => e.status !== "done")].filter(Boolean);
    this.left = left.slice(0, 3);
    return left.length === 0;
  }

  async once() {
    const taken = (await this.deliveries()).map((d) => d.tried.filter((t) => t.status_code === 200).length);
    assert.ok(taken.length >= 3);
    assert.deepEqual([...new Set(taken)], [1], "each was delivered once");
    const calls = (await this.a.call("/api/v1/calls?to=%2B15005550177")).json.calls.filter((c) => c.operation_id === this.operation);
    assert.equal(calls.length, 1);
  }

  async signedIn() {
    const r = await this.a.call("/api/v1/auth/me", { key: null, headers: { Cookie: this.cookie } });
    assert.equal(r.status, 200, r.text);
  }

  async remove() {
    await this.a?.remove();
    await this.receiver?.stop();
  }
}

for (const [name, seconds] of [["six hours ahead", 6 * HOUR], ["a day ahead", DAY], ["a day behind", -DAY], ["in 2036", DECADE]])
  describe(`the clock is set: ${name}, and back`, { skip: missing, concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start()));
    after(() => w?.remove());

    test("what waited before it, what began in it and what waits after it is settled within its own time, once", { timeout: 120_000 }, async () => {
      await w.wait();
      await w.jump(seconds);
      await until(() => /"event":"clock".*"jumped_s"/.test(w.a.stdout + w.a.stderr), { what: "a line about it" });
      await w.signedIn();
      await w.a.advance(60);
      await until(() => w.settled(), { what: "what waited before" });
      await w.once();
      await w.wait(); // begun under the wrong clock
      await w.jump(-seconds);
      await w.signedIn();
      await w.a.advance(60);
      await until(() => w.settled(), { what: "what began under the wrong clock" });
      await w.once();
    });

    test("nothing old is forgotten for it, no session ends, and sessions end in their time", { timeout: 60_000 }, async () => {
      const events = (await w.a.call("/api/v1/events?limit=100")).json.events.length;
      await w.jump(seconds);
      await w.a.advance(600); // a sweep
      await w.signedIn();
      assert.equal((await w.a.call("/api/v1/events?limit=100")).json.events.length, events);
      await w.jump(-seconds);
      await w.a.advance(9 * HOUR);
      assert.equal((await w.a.call("/api/v1/auth/me", { key: null, headers: { Cookie: w.cookie } })).status, 401);
    });
  });

describe("a clock that was two days ahead in the run before", { skip: missing, concurrency: 1 }, () => {
  test("what waits is put right at the next start, and nobody is signed out or stays in longer", { timeout: 120_000 }, async () => {
    const w = await World.start();
    try {
      await w.a.advance(2 * DAY); // this Ava is ahead of the system, which the next one believes
      w.cookie = (await w.a.call("/api/v1/auth/login", { key: null, body: { email: person.email, password: person.password } })).headers.get("set-cookie").split(";")[0];
      await w.wait();
      await w.a.advance(30); // it notes its clock
      await new Promise((r) => setTimeout(r, 300));
      await w.a.stop("SIGKILL");
      const { data, key } = w.a;
      w.a = Object.assign(await Ava.start({ data, env }), { key });
      assert.match(w.a.stdout + w.a.stderr, /"event":"clock".*"went_back_s":1728\d\d/);
      await w.signedIn();
      await w.a.advance(60);
      await until(() => w.settled(), { what: "what waited" });
      await w.once();
      await w.a.advance(9 * HOUR);
      assert.equal((await w.a.call("/api/v1/auth/me", { key: null, headers: { Cookie: w.cookie } })).status, 401);
    } finally {
      await w.remove();
    }
  });
});
