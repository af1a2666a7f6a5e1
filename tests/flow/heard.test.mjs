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
