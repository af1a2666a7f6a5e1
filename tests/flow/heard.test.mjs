// Bears company.
// A webhook that is refused, or one that nobody set up: mails go out, and nobody hears what becomes of them. The card and
// the API say so, instead of a connection that looks well.
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const bytes = Buffer.from("a secret of 24 bytes, ok"), SECRET = `whsec_${bytes.toString("base64")}`, DAY = 86_400;

describe("what becomes of mails is not heard", { skip: missing, concurrency: 1 }, () => {
  let a, from, hook, ahead = 0;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", RATE_LIMIT_PER_MINUTE: "1000" } });
    await a.signUp();
    from = (await a.call("/sandbox/api/credentials", { key: null })).json.resend.from;
    hook = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "resend").urls.events).pathname;
    assert.equal((await connect({})).status, 200);
  });
  after(() => a?.remove());

  const connect = (more) => a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: "re_nobody_is_told_01", from, ...more } });
  const pass = (seconds) => ((ahead += seconds), a.advance(seconds));
  const card = async () => (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "resend");
  const stands = async () => {
    const { status, attention } = await card();
    return [status, attention];
  };
  const mail = async (more = {}) => {
    const r = await a.call("/api/v1/integrations/email/send", { body: { to: "ada@example.org", subject: "s", text: "t", ...more } });
    assert.equal(r.status, 201, r.text);
    return r.json;
  };
  function tell(secret = bytes) {
    const id = `msg_${randomBytes(8).toString("hex")}`, at = Math.floor(Date.now() / 1000) + ahead;
    const body = JSON.stringify({ type: "email.delivered", created_at: new Date().toISOString(), data: { email_id: "somebody-elses", to: ["x@example.org"] } });
    const signature = createHmac("sha256", secret).update(`${id}.${at}.`).update(body).digest("base64");
    return a.call(hook, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", "svix-id": id, "svix-timestamp": String(at), "svix-signature": `v1,${signature}` } });
  }

  test("a day of silence after a mail went out", async () => {
    await pass(2 * DAY);
    assert.deepEqual(await stands(), ["demo", null], "who sends nothing hears nothing");
    const sent = await mail();
    await pass(DAY - 60);
    assert.deepEqual(await stands(), ["demo", null]);
    await pass(61);
    assert.deepEqual(await stands(), ["needs_attention", "webhook_silent"]);
    assert.ok(Math.abs(Date.parse((await card()).attention_since) - Date.parse(sent.created_at)) < 2000);
  });

  test("the first word ends it", async () => {
    assert.equal((await connect({ webhook_secret: SECRET })).status, 200);
    assert.deepEqual(await stands(), ["demo", null], "what was saved is given its day");
    await mail();
    await pass(DAY + 1);
    assert.deepEqual(await stands(), ["needs_attention", "webhook_silent"]);
    assert.equal((await tell()).status, 200);
    assert.deepEqual(await stands(), ["demo", null]);
  });

  test("a mail that is planned for later says nothing yet", async () => {
    const later = await mail({ scheduled_at: new Date(Date.now() + (ahead + 10 * DAY) * 1000).toISOString() });
    await until(async () => (await a.call(`/api/v1/messages/${later.id}`)).json.status === "scheduled", { what: "it is planned" });
    await pass(2 * DAY);
    assert.deepEqual(await stands(), ["demo", null]);
  });

  test("three in a row without a good signature", async () => {
    const wrong = Buffer.from("another secret of 24 by.");
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await stands(), ["demo", null], `after ${i}`);
      assert.equal((await tell(wrong)).status, 403);
      await pass(2);
    }
    assert.deepEqual(await stands(), ["needs_attention", "webhook_refused"]);
    assert.equal((await tell()).status, 200);
    assert.deepEqual(await stands(), ["demo", null], "a good one ends it");
  });

  test("a storm of them is written once a second", async () => {
    await Promise.all(Array.from({ length: 30 }, () => tell(Buffer.from("another secret of 24 by."))));
    assert.deepEqual(await stands(), ["demo", null]);
  });
});

// Nobody pastes an address and a secret: Ava asks for both through the service's API, and asks again without harm.
describe("one press has the e-mail service tell", { skip: missing, concurrency: 1 }, () => {
  let a, resend;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", RATE_LIMIT_PER_MINUTE: "1000" } });
    await a.signUp();
    resend = (await a.call("/sandbox/api/credentials", { key: null })).json.resend;
    assert.equal((await connect({})).status, 200);
  });
  after(() => a?.remove());

  const KEY = "re_press_once_01";
  const connect = (more) => a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: KEY, from: resend.from, ...more } });
  const setUp = () => a.call("/api/v1/webhooks/endpoints/resend/setup", { body: {} });
  const there = async (path = "/webhooks", more = {}) => (await fetch(resend.base_url + path, { ...more, headers: { Authorization: `Bearer ${KEY}`, "User-Agent": "test", "Content-Type": "application/json" } })).json();
  const secretOf = async () => (await a.call("/api/v1/credentials/resend")).json.fields.find((f) => f.name === "webhook_secret");
  const arrives = async () => {
    const r = await a.call("/api/v1/integrations/email/send", { body: { to: "bounced@example.org", subject: "s", text: "t" } });
    assert.equal(r.status, 201, r.text);
    // Only a webhook tells of recipients.
    await until(async () => (await a.call("/api/v1/suppressions")).json.suppressions.length === 1, { what: "it is heard that it came back" });
    const [one] = (await a.call("/api/v1/suppressions")).json.suppressions;
    await a.call(`/api/v1/suppressions/${one.id}`, { method: "DELETE" });
  };

  test("an answer that is lost makes no second one", async () => {
    await a.fault({ provider: "resend", fault: "cut", operation: "POST /webhooks", times: 1 });
    const lost = await setUp();
    assert.ok(lost.status >= 500, lost.text);
    await a.fault({ provider: "resend", fault: "none" });
    assert.equal((await there()).data.length, 1, "it was made");
    const r = await setUp();
    assert.equal(r.status, 200, r.text);
    assert.deepEqual([r.json.was_url, r.json.assistant_id, r.json.warnings], [null, null, []]);
    const { data } = await there();
    assert.deepEqual(data.map((hook) => [hook.endpoint, hook.status]), [[r.json.url, "enabled"]]);
    assert.deepEqual(data[0].events.sort(), ["bounced", "clicked", "complained", "delivered", "delivery_delayed", "failed", "opened", "scheduled", "sent", "suppressed"].map((e) => `email.${e}`));
    const { signing_secret } = await there(`/webhooks/${data[0].id}`);
    assert.equal((await secretOf()).last4, signing_secret.slice(-4));
    assert.ok(!r.text.includes(signing_secret.slice(6)));
  });
  test("what becomes of a mail is heard", arrives);

  test("one that was switched off, and a secret that is another one, are mended", async () => {
    const [hook] = (await there()).data;
    await there(`/webhooks/${hook.id}`, { method: "PATCH", body: JSON.stringify({ status: "disabled", events: ["email.sent"] }) });
    assert.equal((await connect({ webhook_secret: `whsec_${Buffer.from("not the one at all, no").toString("base64")}` })).status, 200);
    assert.equal((await setUp()).status, 200);
    const { data } = await there();
    assert.deepEqual(data.map((one) => [one.id, one.status, one.events.length]), [[hook.id, "enabled", 10]]);
    await arrives();
  });

  test("it is audited, and the key stays what it was", async () => {
    assert.equal((await a.call("/api/v1/credentials/resend?verify=true")).status, 200);
    const actions = (await a.call("/api/v1/audit?limit=50")).json.entries.filter((e) => e.action === "webhook.setup").map((e) => e.object);
    assert.deepEqual(actions, ["resend", "resend"]);
  });

  test("a key that may only send is not enough", async () => {
    assert.equal((await connect({ api_key: "re_sending_01" })).status, 200);
    const r = await setUp();
    assert.deepEqual([r.status, r.json.code], [424, "provider_permission_denied"], r.text);
    await a.call("/api/v1/credentials/resend", { method: "DELETE" });
    assert.deepEqual([(await setUp()).json.code], ["provider_not_connected"]);
  });
});
