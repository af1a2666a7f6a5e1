// Bears company.
// Mails through an e-mail service: sent once whatever breaks, followed to each of those they go to, and never sent again to
// whoever is not there or complained. People report of such systems: keys that may only send taken for wrong ones (a 401
// that is none), quotas taken for rate limits, bounces of "the first of to", and whole domains suppressed for a block of
// the sender.
import assert from "node:assert/strict";
import { createHmac, randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const SEND = "/api/v1/integrations/email/send", SECRET_BYTES = Buffer.from("a secret of 24 bytes, ok"), SECRET = `whsec_${SECRET_BYTES.toString("base64")}`;
const MAILS = process.env.TEST_SOAK ? 1000 : 100, KILLS = process.env.TEST_SOAK ? 5 : 2;

describe("mails", { skip: missing, concurrency: 1 }, () => {
  let a, hook, resend;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    hook = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "resend").urls.events).pathname;
    resend = (await a.call("/sandbox/api/credentials", { key: null })).json.resend;
  });
  after(() => a?.remove());

  const send = (body, more = {}) => a.call(SEND, { body: { subject: "Hello", text: "How are you?", ...body }, ...more });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const stands = (id, status) => until(async () => (await mail(id)).status === status, { what: `${id} is ${status}` });
  const connect = (body, query = "") => a.call(`/api/v1/credentials/resend${query}`, { method: "PUT", body: { api_key: resend.api_key, from: resend.from, ...body } });
  const suppressed = async () => (await a.call("/api/v1/suppressions")).json.suppressions.map((s) => [s.address, s.reason]);
  const atResend = async (key = resend.api_key) => (await (await fetch(`${resend.base_url}/emails`, { headers: { Authorization: `Bearer ${key}`, "User-Agent": "test" } })).json()).data;

  // An event as Resend sends it, signed with SECRET.
  function tell(type, data, { id = `msg_${randomBytes(8).toString("hex")}`, at = Math.floor(Date.now() / 1000), secret = SECRET_BYTES, raw, headers = {} } = {}) {
    const body = raw ?? JSON.stringify({ type, created_at: new Date().toISOString(), data });
    const signature = createHmac("sha256", secret).update(`${id}.${at}.`).update(body).digest("base64");
    return a.call(hook, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", "svix-id": id, "svix-timestamp": String(at), "svix-signature": `v1,${signature}`, ...headers } });
  }
  const settled = () => until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0, { what: "nothing left to work on" });

  test("the first run: connected, sent, and seen as it arrives", async () => {
    assert.equal((await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "resend").status, "demo");
    const r = await a.call("/api/v1/integrations/email/test", { body: { to: "ada@example.org" } });
    assert.equal(r.status, 201, r.text);
    assert.deepEqual([r.json.channel, r.json.provider, r.json.to, r.json.from, r.json.subject], ["email", "resend", "ada@example.org", resend.from, r.json.subject]);
    assert.ok(r.json.provider_id);
    await stands(r.json.id, "delivered");
    assert.deepEqual((await mail(r.json.id)).recipients, [{ kind: "to", address: "ada@example.org", status: "delivered" }]);
    assert.equal((await a.call("/api/v1/messages?channel=email")).json.messages[0].id, r.json.id);
    const told = async () => [...new Set((await a.call("/api/v1/events?provider=resend")).json.events.map((e) => `${e.type} ${e.status}`))].sort().join(", ");
    await until(async () => (await told()) === "email.delivered done, email.sent done", { what: "both events are worked on" });
  });

  test("each of those it goes to is told of by itself", async () => {
    const r = await send({ to: ["ok@example.org", "bounced@example.org"], cc: "Karl <karl@example.org>", bcc: ["OK@example.org", "full+tag@example.org"], html: "<p>Hi</p>", reply_to: "desk@example.com", headers: { "X-Entity-Ref-ID": "1" } });
    assert.equal(r.status, 201, r.text);
    await until(async () => (await mail(r.json.id)).recipients.every((to) => to.status !== "requested"), { what: "all are told of" });
    const whole = await mail(r.json.id);
    assert.deepEqual(whole.recipients.map((to) => [to.kind, to.address, to.status]), [["to", "ok@example.org", "delivered"], ["to", "bounced@example.org", "bounced"], ["cc", "Karl <karl@example.org>", "delivered"], ["bcc", "full+tag@example.org", "bounced"]]);
    assert.equal(whole.status, "bounced");
    assert.match(whole.recipients[1].error, /nobody at this address.*5\.1\.1/);
    assert.match(whole.recipients[3].error, /not because of the address.*4\.2\.2/);
    assert.deepEqual(await suppressed(), [["bounced@example.org", "bounced"]], "a full mailbox is there");
  });

  test("who is not there gets no more mails, is named, and can be let in again", async () => {
    const before = (await atResend()).length, refused = await send({ to: ["fine@example.org", "Bounced@Example.org"] });
    assert.equal(refused.status, 422, refused.text);
    assert.deepEqual(refused.json.errors.map((e) => [e.field, e.code]), [["to", "suppressed"]]);
    assert.match(refused.json.detail, /Bounced@Example\.org.*DELETE \/api\/v1\/suppressions\/sup_/);
    assert.equal((await atResend()).length, before, "nobody got it");
    const [one] = (await a.call("/api/v1/suppressions?address=BOUNCED@example.org")).json.suppressions;
    assert.equal((await a.call(`/api/v1/messages/${one.message_id}`)).status, 200);
    assert.equal((await a.call(`/api/v1/suppressions/${one.id}`, { method: "DELETE" })).status, 204);
    assert.equal((await a.call(`/api/v1/suppressions/${one.id}`, { method: "DELETE" })).status, 404);
    const back = await a.call("/api/v1/suppressions", { body: { address: "bounced@example.org", message_id: one.message_id } });
    assert.equal(back.status, 201, back.text);
    assert.deepEqual({ ...back.json, id: "", created_at: "" }, { ...one, id: "", created_at: "" }, "as the provider told it");
    assert.equal((await send({ to: "bounced@example.org" })).status, 422);
    await a.call(`/api/v1/suppressions/${back.json.id}`, { method: "DELETE" });
    assert.equal((await send({ to: "bounced@example.org" })).status, 201);
    await until(async () => (await suppressed()).length === 1, { what: "it bounced again" });
  });

  test("a complaint ends it too, a block of the sender ends it for nobody", async () => {
    const complained = (await send({ to: "complained@example.org" })).json.id, policy = (await send({ to: "policy@example.org" })).json.id;
    await stands(complained, "complained");
    await stands(policy, "bounced");
    assert.match((await mail(policy)).error, /not because of the address.*5\.7\.1/);
    assert.deepEqual((await suppressed()).sort(), [["bounced@example.org", "bounced"], ["complained@example.org", "complained"]]);
    for (const body of [{ address: "fine@example.org", message_id: complained }, { address: "complained@example.org", message_id: "msg_none" }, { address: "complained@example.org", message_id: complained, detail: "So they said." }])
      assert.equal((await a.call("/api/v1/suppressions", { body })).status, 422, "what no provider told: " + JSON.stringify(body));
    assert.equal((await suppressed()).length, 2);
    const asked = await a.call("/api/v1/suppressions", { body: { address: "Grace@Example.org", detail: "On the phone." }, headers: { "Idempotency-Key": "grace-asked" } });
    assert.deepEqual([asked.status, asked.json.address, asked.json.reason], [201, "grace@example.org", "asked"]);
    const again = await a.call("/api/v1/suppressions", { body: { address: "Grace@Example.org", detail: "On the phone." }, headers: { "Idempotency-Key": "grace-asked" } });
    assert.equal(again.json.id, asked.json.id);
    const other = await a.newPerson("other@example.com");
    assert.equal((await a.call("/api/v1/suppressions", { key: other.key, body: { address: "complained@example.org", message_id: complained } })).status, 422, "a mail of others");
    assert.deepEqual((await a.call("/api/v1/suppressions", { key: other.key })).json.suppressions, []);
    assert.equal((await a.call(`/api/v1/suppressions/${asked.json.id}`, { method: "DELETE", key: other.key })).status, 404);
    assert.equal((await a.call(`/api/v1/messages/${policy}`, { key: other.key })).status, 404);
  });

  test("what a template says is what goes out, and stays so", async () => {
    const made = await a.call("/api/v1/templates", { body: { name: "reminder", subject: "For {{name}}", text: "Dear {{name}},\n{{#slots}}- {{.}}\n{{/slots}}", html: "<p>Dear {{name}}</p>" } });
    assert.equal(made.status, 201, made.text);
    const r = await a.call(SEND, { body: { to: "tpl@example.org", template: "reminder", variables: { name: "<Ada> & {{x}}", slots: ["9:00", "10:00"] } } });
    assert.equal(r.status, 201, r.text);
    assert.deepEqual([r.json.subject, r.json.body], ["For <Ada> & {{x}}", "Dear <Ada> & {{x}},\n- 9:00\n- 10:00\n"]);
    const there = (await atResend()).find((m) => [m.to].flat()[0] === "tpl@example.org");
    assert.equal(there.html, "<p>Dear &lt;Ada&gt; &amp; {{x}}</p>");
    await a.call("/api/v1/templates/reminder", { method: "PATCH", body: { subject: "Another" } });
    assert.equal((await mail(r.json.id)).subject, "For <Ada> & {{x}}");
  });

  describe("what is wrong is named, and nothing is sent", { concurrency: 1 }, () => {
    const many = (n) => Array.from({ length: n }, (_, i) => `p${i}@example.org`);
    const CASES = [
      ["nobody", { to: [] }, "to"], ["nobody at all", {}, "to"], ["a number", { to: 5 }, "to"], ["one bad among good ones", { to: ["a@example.org", "b", "c@example.org"] }, "to[1]"],
      ["51 of them", { to: many(51) }, "to[50]"], ["51 in all", { to: many(50), cc: "x@example.org" }, "cc"],
      ["a line break in an address", { to: "a@example.org\r\nBcc: b@example.org" }, "to"], ["a line break in a name", { to: "A\nB <a@example.org>" }, "to"],
      ["no subject", { to: "a@example.org", subject: null }, "subject"], ["an empty subject", { to: "a@example.org", subject: "" }, "subject"],
      ...["\n", "\r", "\u0085", "\u2028", "\u2029", "\u0000", "\u000b"].map((c) => [`U+${c.charCodeAt(0).toString(16).padStart(4, "0")} in the subject`, { to: "a@example.org", subject: `a${c}b` }, "subject"]),
      ["999 letters of subject", { to: "a@example.org", subject: "x".repeat(999) }, "subject"],
      ["neither text nor html", { to: "a@example.org", text: undefined }, "text"], ["a text too long", { to: "a@example.org", text: "x".repeat(400_001) }, "text"], ["html that is none", { to: "a@example.org", html: 5 }, "html"],
      ["a header of the mail itself", { to: "a@example.org", headers: { Bcc: "b@example.org" } }, "headers.Bcc"], ["a line break in a header", { to: "a@example.org", headers: { "X-A": "1\r\nBcc: b@example.org" } }, "headers.X-A"],
      ["a header that is no text", { to: "a@example.org", headers: { "X-A": 1 } }, "headers.X-A"], ["a name that is none", { to: "a@example.org", headers: { "X-A b": "1" } }, "headers.X-A b"],
      ["yesterday", { to: "a@example.org", scheduled_at: new Date(Date.now() - 86_400_000).toISOString() }, "scheduled_at"], ["in a year", { to: "a@example.org", scheduled_at: new Date(Date.now() + 366 * 86_400_000).toISOString() }, "scheduled_at"],
      ["a template that is none", { to: "a@example.org", subject: undefined, text: undefined, template: "nowhere" }, "template"], ["a template and a text", { to: "a@example.org", subject: undefined, template: "alert" }, "text"],
      ["a variable that is missing", { to: "a@example.org", subject: undefined, text: undefined, template: "missed_call", variables: { time: "9:00" } }, "variables.caller"],
      ["variables without a template", { to: "a@example.org", variables: {} }, "variables"],
      ["a line break in what becomes the subject", { to: "a@example.org", subject: undefined, text: undefined, template: "missed_call", variables: { caller: "A\r\nBcc: b@example.org", time: "9:00" } }, "variables.caller"],
      ["a reply to nowhere", { to: "a@example.org", reply_to: ["x"] }, "reply_to[0]"], ["a field that nobody knows", { to: "a@example.org", from: "me@example.com" }, "from"],
    ];
    for (const [name, body, field] of CASES)
      test(name, async () => {
        const before = (await a.ledger()).counts.resend, r = await send(body);
        if (name.includes("U+0000")) assert.ok([400, 422].includes(r.status), r.text);
        else {
          assert.equal(r.status, 422, r.text);
          assert.equal(r.json.errors[0].field, field, r.text);
        }
        assert.equal((await a.ledger()).counts.resend, before);
      });
  });

  describe("keys", { concurrency: 1 }, () => {
    after(() => connect({ webhook_secret: SECRET }));
    test("one that is wrong, one that may only send, one from another place", async () => {
      const wrong = await connect({ api_key: "wrong-key-of-resend" });
      assert.deepEqual([wrong.status, wrong.json.code, wrong.json.errors[0].field], [422, "credential_invalid", "api_key"]);
      const swapped = await connect({ api_key: SECRET });
      assert.match(swapped.json.errors[0].message, /signing secret of a webhook/);
      const from = await connect({ from: "nobody" });
      assert.deepEqual(from.json.errors.map((e) => e.field), ["from"]);
      const sending = await connect({ api_key: "re_sending_only_000001" });
      assert.match(sending.json.check.message, /may send, and nothing else/);
      const r = await send({ to: "a@example.org" });
      assert.equal(r.status, 201, r.text);
      await until(async () => (await mail(r.json.id)).stale === true, { what: "how it stands it may not ask" });
      assert.equal((await send({ to: "b@example.org" })).status, 201, "which closes no gate");
    });

    test("a day that is used up is no rate limit, a domain that is not verified no wrong key", async () => {
      await connect({ api_key: "re_quota_used_up_0001" }, "?verify=false");
      const used = await send({ to: "a@example.org" });
      assert.deepEqual([used.status, used.json.code], [424, "provider_account_problem"], used.text);
      assert.match(used.json.detail, /mails of this day are used up/);
      await connect({ from: "me@unverified.example" });
      const foreign = await send({ to: "a@example.org" });
      assert.deepEqual([foreign.status, foreign.json.code], [422, "provider_rejected_request"], foreign.text);
      assert.match(foreign.json.detail, /not verified/);
      assert.equal((await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "resend").breaker, "closed");
    });

    test("one that is revoked is told of, and no more is sent with it", async () => {
      await connect({ api_key: "revoked-by-somebody" }, "?verify=false");
      assert.deepEqual([(await send({ to: "a@example.org" })).json.code], ["provider_credentials_rejected"]);
      const before = (await a.ledger()).counts.resend;
      assert.equal((await send({ to: "a@example.org" })).status, 424);
      assert.equal((await a.ledger()).counts.resend, before);
      assert.equal((await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "resend").status, "needs_attention");
    });
  });

  describe("webhooks", { concurrency: 1 }, () => {
    test("without proof nothing is taken in", async () => {
      const refused = [
        await tell("email.sent", { email_id: "x" }, { secret: Buffer.from("another secret, 24 bytes") }),
        await tell("email.sent", { email_id: "x" }, { at: Math.floor(Date.now() / 1000) - 301 }),
        await tell("email.sent", { email_id: "x" }, { at: Math.floor(Date.now() / 1000) + 302 }),
        await tell("email.sent", { email_id: "x" }, { headers: { "svix-signature": "v1," } }),
        await tell("email.sent", { email_id: "x" }, { headers: { "svix-id": "msg_other" } }),
      ];
      assert.deepEqual(refused.map((r) => r.status), [403, 403, 403, 403, 403]);
      assert.equal((await a.call(`/webhooks/resend/${"0".repeat(43)}`, { key: null, body: {} })).status, 404);
    });

    test("one that comes again adds nothing, and an older one changes nothing", async () => {
      await connect({ webhook_secret: SECRET });
      const { json } = await send({ to: ["first@example.org", "second@example.org"] });
      const data = { email_id: json.provider_id, to: ["first@example.org", "second@example.org"] };
      for (const [type, more, id] of [["email.delivered", {}, "msg_d"], ["email.delivered", {}, "msg_d"], ["email.sent", {}, "msg_s"], ["email.opened", {}, "msg_o"]])
        assert.equal((await tell(type, { ...data, ...more }, { id })).status, 200);
      await settled();
      assert.equal((await a.call("/api/v1/events?provider=resend&type=email.delivered")).json.events.filter((e) => e.resource === json.provider_id).length, 1);
      assert.equal((await mail(json.id)).status, "delivered");
      // Both are listed; only the other server's words say who it was.
      await tell("email.bounced", { ...data, bounce: { type: "Permanent", subType: "General", diagnosticCode: ["smtp; 550 5.1.1 <second@example.org>: no such user"] } });
      await settled();
      assert.deepEqual((await mail(json.id)).recipients.map((to) => to.status), ["delivered", "bounced"]);
      assert.ok((await suppressed()).some(([who]) => who === "second@example.org"));
      // And where nothing says who, nobody is taken for it.
      await tell("email.bounced", { ...data, bounce: { type: "Permanent", subType: "General", message: "no such user" } });
      await settled();
      assert.ok(!(await suppressed()).some(([who]) => who === "first@example.org"));
    });

    test("odd ones are kept, and break nothing", async () => {
      const { json } = await send({ to: "odd@example.org" });
      const odd = ["{", "[]", "", '{"type":5}', '{"type":"email.sent"}', `{"type":"email.sent","data":{"email_id":"${json.provider_id}","to":"\\ud800"}}`, '{"type":"email.sent","type":"x","data":{"email_id":"x"}}', '{"type":"email.bounced","data":{"email_id":"x","bounce":[[[[]]]]}}', `{"type":"email.delivered","data":{"email_id":${"9".repeat(40)}}}`, "null"];
      for (const raw of odd) assert.equal((await tell("", {}, { raw })).status, 200, raw);
      await settled();
      await tell("email.delivered", { email_id: json.provider_id, to: ["odd@example.org"] });
      await settled();
      assert.equal((await mail(json.id)).status, "delivered");
    });
  });
});

describe("without an e-mail service", { skip: missing, concurrency: 1 }, () => {
  const start = (stub) => Ava.start({ verb: "serve", env: { AVA_LOG_LEVEL: "error", ...(stub === undefined ? {} : { INTEGRATIONS_STUB_MODE: stub }) } });
  const hostile = [{ to: ["x"] }, { to: "a@example.org", subject: "a\r\nBcc: b@example.org", text: "x" }, { to: "a@example.org", subject: "s" }, { to: "a@example.org", subject: "s", text: "x", status: "sent" }];

  test("stub mode answers honestly, after the same checks", async () => {
    const a = await start("true");
    await a.signUp();
    const r = await a.call(SEND, { body: { to: "a@example.org", subject: "s", text: "x" } });
    assert.deepEqual([r.status, r.json.status], [200, "stub"]);
    assert.ok(r.json.next_steps.length >= 3 && r.json.next_steps[0].includes("/api/v1/credentials/resend"));
    for (const body of hostile) assert.equal((await a.call(SEND, { body })).status, 422, JSON.stringify(body));
    assert.deepEqual((await a.call("/api/v1/messages")).json.messages, []);
    await a.remove();
  });

  for (const off of [undefined, "false"])
    test(`off (${off ?? "not set"}): 403 that says how to connect one`, async () => {
      const a = await start(off);
      await a.signUp();
      for (const path of [SEND, "/api/v1/integrations/email/test"]) {
        const r = await a.call(path, { body: path === SEND ? { to: "a@example.org", subject: "s", text: "x" } : { to: "a@example.org" } });
        assert.deepEqual([r.status, r.json.code], [403, "stub_disabled"], r.text);
        assert.match(r.json.detail, /Stub mode disabled.*\/api\/v1\/credentials\/resend/);
      }
      for (const body of hostile) assert.equal((await a.call(SEND, { body })).status, 422);
      await a.remove();
    });
});

// Whose Ava is killed keeps its e-mail service, which runs in another process here.
describe("mails are sent once, whatever breaks", { skip: missing, concurrency: 1 }, () => {
  const KEY = "re_once_whatever_breaks_01", FROM = "Once <once@example.com>";
  let provider, resend, a, down = null;
  const settings = (port = 0) => ({ verb: "sandbox", data: a?.data, port, env: { AVA_LOG_LEVEL: "error", RESEND_BASE_URL: resend.base_url } });
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    resend = (await provider.call("/sandbox/api/credentials", { key: null })).json.resend;
    a = await Ava.start(settings());
    await a.signUp();
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: KEY, from: FROM } })).status, 200);
  });
  after(async () => {
    await a?.remove();
    await provider?.remove();
  });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const atResend = async () => (await (await fetch(`${resend.base_url}/emails`, { headers: { Authorization: `Bearer ${KEY}`, "User-Agent": "test", Connection: "close" } })).json()).data;
  const send = (n) => a.call(SEND, { body: { to: `once${n}@example.org`, subject: "Once", text: `number ${n}` }, headers: { "Idempotency-Key": `once-${n}`, Connection: "close" } });

  test("the same request twice is one mail", async () => {
    const twice = await Promise.all([send("more"), send("more")]);
    assert.ok(twice.some((r) => r.status === 201) && twice.every((r) => [201, 409].includes(r.status)), twice.map((r) => r.text).join());
    assert.equal((await send("more")).status, 201);
    assert.equal((await atResend()).length, 1);
  });

  async function restart() {
    const { key, port } = a;
    await a.stop("SIGKILL");
    a = Object.assign(await Ava.start(settings(port)), { key });
    await a.advance(120); // the leases of the one that was killed
  }

  // As a product would: again under the same key after everything that is not an answer.
  async function one(n, ids) {
    let r;
    for (let tries = 0; tries < 600; tries++) {
      await down;
      r = await send(n).catch(() => undefined);
      if (r && [201, 202].includes(r.status)) return void ids.set(n, r.json.object_id ?? r.json.id);
      await new Promise((x) => setTimeout(x, 100));
    }
    throw new Error(`mail ${n} was never taken: ${r?.text}`);
  }

  test(`${MAILS} mails, a third of the answers lost, and ${KILLS} kills`, { timeout: 300_000 }, async (t) => {
    await provider.fault({ provider: "resend", fault: "cut", operation: "POST /emails", percent: 30 });
    const todo = Array.from({ length: MAILS }, (_, n) => n), ids = new Map();
    const workers = Array.from({ length: 8 }, async () => {
      for (let n; (n = todo.shift()) !== undefined;) await one(n, ids);
    });
    for (let kill = 1; kill <= KILLS; kill++) {
      await until(() => ids.size >= (MAILS * kill) / (KILLS + 1), { ms: 120_000, what: `${kill} of ${KILLS + 1} parts are placed` });
      down = restart();
      await down;
      down = null;
    }
    await Promise.all(workers);
    await provider.fault({ provider: "resend", fault: "none" });
    const open = async () => (await Promise.all([...ids.values()].map(async (id) => (await mail(id)).status))).filter((s) => ["requested", "unknown"].includes(s)).length;
    await until(async () => (await a.advance(30), (await open()) === 0), { ms: 60_000, every: 200, what: "all are settled" });
    const sent = (await atResend()).map((m) => [m.to].flat()[0]).filter((to) => to !== "oncemore@example.org");
    t.diagnostic(`${sent.length} mails at the service for ${ids.size} that were asked for`);
    assert.equal(new Set(sent).size, sent.length, "none twice");
    assert.equal(sent.length, MAILS);
    const states = new Set(await Promise.all([...ids.values()].map(async (id) => (await mail(id)).status)));
    assert.ok(!states.has("unconfirmed") && !states.has("failed"), [...states].join());
  });
});
