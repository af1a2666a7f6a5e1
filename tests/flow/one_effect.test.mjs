// One Idempotency-Key, one effect, on every POST that does something in Ava itself: whatever breaks between the effect
// and its answer (TRAFFIC K15).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message", KILLS = process.env.TEST_SOAK ? 100 : 3;

describe("an effect and its answer", { skip: missing, concurrency: 1 }, () => {
  let a, receiver, ids, cookie;
  const sql = (text) => rows(a.data, text);
  const count = (table, where = "1 = 1") => Number(sql(`SELECT count(*) FROM ${table} WHERE ${where}`));
  const audited = (action) => count("audit_log", `action = '${action}'`);
  const env = { AVA_LOG_LEVEL: "off", AVA_OUTBOUND_ALLOW: "127.0.0.0/8", CIRCUIT_BREAKER_ENABLED: "false" };

  before(async () => {
    receiver = await Receiver.start();
    a = await Ava.start({ env });
    await a.signUp();
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "one-effect-vapi-key-01", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    const made = await a.call("/api/v1/destinations", { body: { url: receiver.url } });
    assert.equal(made.status, 201, made.text);
    const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
    const body = JSON.stringify({ message: { type: "status-update", status: "ended", timestamp: Date.now(), call: { id: randomUUID() } } });
    assert.equal((await a.call(new URL(url).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url, body }) } })).status, 200);
    const event = await until(async () => (await a.call("/api/v1/events")).json.events.find((e) => e.status === "done"), { what: "the event" });
    const to = made.json.id ?? made.json.destination.id;
    const delivery = await until(async () => (await a.call(`/api/v1/destinations/${to}/deliveries`)).json.deliveries.find((d) => d.status === "delivered"), { what: "its delivery" });
    const template = (await a.call("/api/v1/templates", { body: { name: "one_effect", subject: "s", text: "t" } })).json;
    ids = { template: template.id, event: event.id, to, delivery: delivery.id, ws: a.me.workspace.id };
  });
  after(async () => {
    await a?.remove();
    await receiver?.stop();
  });

  // What each POST that is no operation makes, as a number that goes up by one.
  const CASES = [
    ["/auth/keys", () => ({ name: "a key", mode: "test" }), () => count("api_keys")],
    ["/users", (n) => ({ email: `person-${n}@example.com`, password: "correct horse battery staple" }), () => count("users")],
    ["/workspaces", () => ({ name: "another" }), () => audited("workspace.create")],
    ["/workspaces/{ws}/invitations", (n) => ({ email: `guest-${n}@example.com`, role: "member" }), () => audited("invitation.create")],
    ["/webhooks/endpoints/twilio/rotate", () => undefined, () => count("audit_log", `action = 'webhook.token' AND object = 'twilio' AND workspace_id = '${ids.ws}'`)],
    ["/events/{event}/replay", () => undefined, () => audited("event.replay")],
    ["/events/replay", () => ({ status: "done" }), () => audited("event.replay")],
    ["/destinations", (n) => ({ url: `${receiver.url}/${n}`, enabled: false }), () => count("destinations")],
    ["/destinations/{to}/rotate", () => undefined, () => audited("destination.rotate")],
    ["/destinations/{to}/recover", () => ({ since: new Date(Date.now() - 3600_000).toISOString() }), () => audited("destination.recover")],
    ["/destinations/{to}/deliveries/{delivery}/resend", () => undefined, () => audited("delivery.resend")],
    ["/templates", (n) => ({ name: `template_${n}`, subject: "s", text: "t" }), () => audited("template.create")],
    ["/templates/{template}/undo", () => ({ version: 1 }), () => audited("template.undo")],
    ["/integrations/email/batch", (n) => ({ mails: [{ to: `batch-${n}@example.org`, subject: "s", text: "t" }] }), () => count("messages", "channel = 'email'")],
    ["/rules", () => ({ preset: "text_back" }), () => audited("rule.create")],
    ["/suppressions", (n) => ({ address: `none-${n}@example.com` }), () => audited("suppression.add")],
  ];
  // The others: operations, which are linked to their key when they are placed (flow once); what is done at a provider
  // or a receiver and does the same when it is repeated; signing in, whose answers are not kept; webhooks.
  const OPERATIONS = ["/assistants", "/calls", "/twilio/calls", "/twilio/messages", "/twilio/numbers", "/twilio/numbers/import", "/integrations/email/send", "/integrations/email/test", "/integrations/calendar/{provider}/events"];
  const OUTSIDE = ["/assistants/import", "/assistants/{id}/history/{version}/restore", "/calls/{id}/end", "/assistants/{id}/tools", "/webhooks/endpoints/{provider}/setup", "/destinations/{id}/test"];
  const ONE_AT_A_TIME = ["/audit/verification", "/backups"]; // asked for again while it runs, it is the same one
  const OTHERS = [...OPERATIONS, ...OUTSIDE, ...ONE_AT_A_TIME, "/templates/preview", "/templates/{id}/preview", "/invitations/accept", "/invitations/{id}/accept", "/auth/setup", "/auth/login", "/auth/refresh", "/auth/logout"];
  test("every POST of the contract is known here", async () => {
    const { paths } = (await a.call("/api/v1/openapi.json")).json, shape = (path) => path.replace("/api/v1", "").replace(/\{\w+\}/g, "{}");
    const known = [...OTHERS, ...CASES.map(([path]) => path.replace("/twilio/rotate", "/{provider}/rotate"))].map(shape);
    const all = Object.keys(paths).filter((path) => paths[path].post && !/^\/(webhooks|sandbox)\//.test(path)).map(shape);
    assert.ok(all.length > 20, all.join());
    assert.deepEqual(all.filter((path) => !known.includes(path)), []);
  });

  const post = (path, body, key) => a.call("/api/v1" + path.replace(/\{(\w+)\}/g, (_, name) => ids[name]), { method: "POST", body, headers: { "Idempotency-Key": key } });
  // One more by one request, and by the same again: what was answered is answered again, word for word.
  async function once(path, body, key, was, made) {
    const first = await post(path, body, key);
    assert.ok([200, 201, 202].includes(first.status), `${first.status} ${first.text}`);
    assert.equal(made() - was, 1, "one effect");
    const again = await post(path, body, key);
    assert.deepEqual([again.status, again.text, again.headers.get("idempotent-replayed")], [first.status, first.text, "true"]);
    assert.equal(made() - was, 1, "still one");
  }

  let n = 0;
  for (const [path, body, made] of CASES) {
    test(`POST ${path}: when its answer cannot be kept, nothing happened, and the same key can be used again`, async () => {
      const b = body(++n), was = made(), key = `full-${n}`;
      await until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0);
      sql("CREATE TRIGGER no_room BEFORE UPDATE OF sealed ON idempotency_keys WHEN NEW.sealed IS NOT NULL BEGIN SELECT RAISE(ABORT, 'no room'); END");
      const failed = await post(path, b, key);
      sql("DROP TRIGGER no_room");
      assert.ok(failed.status >= 500, `${failed.status} ${failed.text}`);
      assert.equal(failed.json?.key ?? failed.json?.secret, undefined, "no answer of what did not happen");
      assert.equal(made(), was, "no effect without its answer");
      await once(path, b, key, was, made);
    });
  }

  test(`killed ${KILLS} times around each: one effect, and an answer to the same key`, { timeout: 1_200_000 }, async (t) => {
    let unanswered = 0;
    for (let k = 0; k < KILLS; k++) {
      const tries = [];
      for (const [path, body, made] of CASES) {
        if (path.startsWith("/events")) continue; // made due again by each other
        tries.push({ path, body: body(++n), made, was: made(), key: `kill-${n}` });
      }
      const sent = tries.map((x) => post(x.path, x.body, x.key).then((r) => (x.first = r), () => unanswered++));
      await new Promise((r) => setTimeout(r, (k * 7.3) % 40)); // somewhere before, in or after them
      await a.stop("SIGKILL");
      await Promise.all(sent);
      const { key, data, me, jumpedMs } = a;
      a = Object.assign(await Ava.start({ data, env }), { key, me, jumpedMs });
      for (const x of tries) {
        const again = await post(x.path, x.body, x.key);
        assert.ok([200, 201, 202].includes(again.status), `${x.path}: ${again.status} ${again.text}`);
        if (x.first) assert.equal(again.text, x.first.text, x.path);
        assert.equal(x.made() - x.was, 1, x.path);
      }
      sql(`DELETE FROM destinations WHERE id <> '${ids.to}'; DELETE FROM invitations`); // there may be so many only
    }
    t.diagnostic(`${unanswered} requests had no answer`);
  });
});
