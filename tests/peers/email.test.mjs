// E-mail against independent programs: Resend's own SDK drives the sandbox, the library of Standard Webhooks judges what the
// sandbox signs and signs what Ava takes, and Prism stands between Ava and the sandbox with Resend's contract.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Ava, missing, shared, until } from "../lib/ava.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { lacks, Prism } from "./peers.mjs";

const require = createRequire(import.meta.url), spec = shared("contracts/resend/resend_openapi.mock.json");

describe("npm resend", { skip: missing || lacks("resend") }, () => {
  let a, demo, resend;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    demo = (await a.call("/sandbox/api/credentials", { key: null })).json.resend;
    const { Resend } = require("resend");
    resend = new Resend("re_by_the_sdk_000001", { baseUrl: demo.base_url });
  });
  after(() => a?.remove());

  test("sends, reads, and gets the same for the same key", async () => {
    const mail = { from: "Ada <ada@example.com>", to: ["grace@example.org", "full@example.org"], subject: "By the SDK", html: "<p>Hi</p>", replyTo: "desk@example.com" };
    const sent = await resend.emails.send(mail, { idempotencyKey: "sdk-1" });
    assert.equal(sent.error, null);
    assert.equal((await resend.emails.send(mail, { idempotencyKey: "sdk-1" })).data.id, sent.data.id);
    assert.equal((await resend.emails.send({ ...mail, subject: "Other" }, { idempotencyKey: "sdk-1" })).error.name, "invalid_idempotent_request");
    const read = await resend.emails.get(sent.data.id);
    assert.deepEqual([read.data.id, read.data.subject, read.data.to], [sent.data.id, "By the SDK", mail.to]);
    assert.ok(["queued", "sent", "delivered"].includes(read.data.last_event));
  });

  test("takes attachments as the SDK sends them, and Ava's are those", async () => {
    const bytes = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 255)), content = bytes.toString("base64");
    const sent = await resend.emails.send({ from: "a@example.com", to: "b@example.org", subject: "x", text: "x", attachments: [{ filename: "ä.bin", content, contentType: "application/x-own", contentId: "one" }] });
    assert.equal(sent.error, null);
    const stored = (await resend.emails.get(sent.data.id)).data.attachments[0];
    await a.signUp();
    const ours = await a.call("/api/v1/integrations/email/send", { body: { to: "b@example.org", subject: "x", text: "x", attachments: [{ filename: "ä.bin", content, content_type: "application/x-own", content_id: "one" }] } });
    assert.equal(ours.status, 201, ours.text);
    const { Resend } = require("resend"), mine = (await new Resend(demo.api_key, { baseUrl: demo.base_url }).emails.get(ours.json.provider_id)).data.attachments[0];
    assert.deepEqual(mine, stored);
    assert.equal((await resend.emails.send({ from: "a@example.com", to: "b@example.org", subject: "x", text: "x", attachments: [{ filename: "a.bin" }] })).error.name, "invalid_attachment");
  });

  test("makes, finds and changes a webhook; the secret is told once, and to who asks for this one", async () => {
    const made = await resend.webhooks.create({ endpoint: "https://a.example/hook", events: ["email.sent"] });
    assert.match(made.data.signing_secret, /^whsec_/);
    const listed = (await resend.webhooks.list()).data.data.find((hook) => hook.id === made.data.id);
    assert.deepEqual([listed.endpoint, listed.status, listed.signing_secret], ["https://a.example/hook", "enabled", undefined]);
    await resend.webhooks.update(made.data.id, { endpoint: "https://b.example/hook", events: ["email.bounced"], status: "disabled" });
    const one = (await resend.webhooks.get(made.data.id)).data;
    assert.deepEqual([one.endpoint, one.events, one.status, one.signing_secret], ["https://b.example/hook", ["email.bounced"], "disabled", made.data.signing_secret]);
  });

  test("hears its refusals as Resend's", async () => {
    const { Resend } = require("resend"), mail = { from: "a@example.com", to: "b@example.org", subject: "x", text: "x" };
    const nameOf = async (key, change = {}) => (await new Resend(key, { baseUrl: demo.base_url }).emails.send({ ...mail, ...change })).error?.name;
    assert.equal(await nameOf("wrong-key-of-the-sdk"), "invalid_api_key");
    assert.equal(await nameOf("re_quota_000000001"), "daily_quota_exceeded");
    assert.equal(await nameOf("re_by_the_sdk_000001", { from: "a@unverified.example" }), "validation_error");
    assert.equal((await resend.emails.get("11111111-1111-4111-8111-111111111111")).error.name, "not_found");
    const { data } = await resend.domains.list();
    assert.equal(data.data[0].status, "verified");
  });
});

describe("npm standardwebhooks", { skip: missing || lacks("standardwebhooks") }, () => {
  test("approves of what the sandbox signs; what it signs, Ava takes", async () => {
    const { Webhook } = require("standardwebhooks");
    const receiver = await Receiver.start(), a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    const demo = (await a.call("/sandbox/api/credentials")).json.resend, key = "re_webhooks_by_peer_01";
    const ask = (path, body) => fetch(demo.base_url + path, { method: "POST", headers: { Authorization: `Bearer ${key}`, "User-Agent": "peer", "Content-Type": "application/json" }, body: JSON.stringify(body) }).then((r) => r.json());
    const { signing_secret } = await ask("/webhooks", { endpoint: receiver.url, events: ["email.sent", "email.delivered"] });
    await ask("/emails", { from: "a@example.com", to: "b@example.org", subject: "x", text: "x" });
    await until(() => receiver.got.length >= 2, { what: "two events" });
    for (const { headers, body } of receiver.got) {
      const named = Object.fromEntries(["id", "timestamp", "signature"].map((n) => [`webhook-${n}`, headers[`svix-${n}`]]));
      assert.match(new Webhook(signing_secret).verify(body, named).type, /^email\./);
      assert.throws(() => new Webhook(signing_secret).verify(body + " ", named));
    }
    const mine = "whsec_" + Buffer.alloc(24, 7).toString("base64"), id = "msg_by_the_library", at = new Date();
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: key, from: "a@example.com", webhook_secret: mine } })).status, 200);
    const path = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "resend").urls.events).pathname;
    const raw = JSON.stringify({ type: "email.sent", data: { email_id: "x", to: ["ü@example.org"] } });
    const headers = { "Content-Type": "application/json", "svix-id": id, "svix-timestamp": String(Math.floor(at / 1000)), "svix-signature": new Webhook(mine).sign(id, at, raw) };
    assert.equal((await a.call(path, { key: null, method: "POST", raw, headers })).status, 200);
    assert.equal((await a.call(path, { key: null, method: "POST", raw: raw + " ", headers })).status, 403);
    await a.remove();
    await receiver.stop?.();
  });
});

describe("Resend's contract", { skip: missing || lacks("@stoplight/prism-cli") || spec.missing }, () => {
  let provider, prism, a;
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    const { base_url } = (await provider.call("/sandbox/api/credentials", { key: null })).json.resend;
    prism = await Prism.start("proxy", spec.path, base_url);
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", RESEND_BASE_URL: prism.base } });
    await a.signUp();
  });
  after(async () => {
    await prism?.stop?.();
    await a?.remove();
    await provider?.remove();
  });

  test("a wrong request is let through by nobody", async () => {
    const r = await fetch(`${prism.base}/emails`, { method: "POST", headers: { Authorization: "Bearer re_x", "Content-Type": "application/json" }, body: JSON.stringify({ to: 5 }) });
    assert.ok(r.status >= 400, String(r.status));
  });

  test("all that Ava asks fits it", async () => {
    const put = await a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: "re_through_prism_0001", from: "Ada <ada@example.com>" } });
    assert.equal(put.status, 200, put.text);
    const bodies = [
      { to: "a@example.org", subject: "One", text: "x" },
      { to: ["a@example.org", "Grace <g@example.org>"], cc: "c@example.org", bcc: ["d@example.org"], reply_to: ["e@example.com"], subject: "Ünï ✓", html: "<p>x</p>", headers: { "X-A": "1" }, scheduled_at: new Date(Date.now() + 3_600_000).toISOString() },
    ];
    for (const body of bodies) {
      const r = await a.call("/api/v1/integrations/email/send", { body });
      assert.equal(r.status, 201, r.text);
      assert.equal((await a.call(`/api/v1/messages/${r.json.id}`)).json.stale, undefined, "reading it fits too");
    }
    for (const what of ["made", "found and changed"]) {
      const r = await a.call("/api/v1/webhooks/endpoints/resend/setup", { body: {} });
      assert.equal(r.status, 200, `a webhook is ${what}: ${r.text}`);
    }
  });
});
