// Bears company.
// Several mails at once: all are written down or none, each is sent once and followed by itself. People report of batches:
// one bad address that fails ninety-nine good mails after half of them went out, answers whose order is not that of the
// request, and retries of the whole that send again what had gone.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const BATCH = "/api/v1/integrations/email/batch";
const to = (n, more = {}) => ({ to: `p${n}@example.org`, subject: `Number ${n}`, text: `This is ${n}.`, ...more });
const list = (count, make = to) => Array.from({ length: count }, (_, n) => make(n));

describe("several mails", { skip: missing, concurrency: 1 }, () => {
  let a, resend;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    resend = (await a.call("/sandbox/api/credentials", { key: null })).json.resend;
  });
  after(() => a?.remove());
  const send = (mails, more = {}) => a.call(BATCH, { body: { mails }, ...more });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const atResend = async () => (await (await fetch(`${resend.base_url}/emails`, { headers: { Authorization: `Bearer ${resend.api_key}`, "User-Agent": "test" } })).json()).data;
  // Time passes, so that all that wait for their turn have had it.
  const done = (ids, what = "all are sent") => until(async () => (await a.advance(5), (await Promise.all(ids.map(mail))).every((m) => m.status !== "requested")), { what, ms: 60_000, every: 100 });

  test("the answer is in their order, and each goes to its own", async () => {
    const r = await send([to(1), to(2, { to: ["bounced@example.org", "Karl <karl@example.org>"], cc: "c@example.org", html: "<p>2</p>" }), to(3, { reply_to: "desk@example.com", headers: { "X-Entity-Ref-ID": "3" } })]);
    assert.equal(r.status, 202, r.text);
    assert.deepEqual(r.json.mails.map((m) => [m.id.slice(0, 4), m.operation_id.slice(0, 3), m.status]), Array(3).fill(["msg_", "op_", "requested"]));
    const ids = r.json.mails.map((m) => m.id);
    assert.deepEqual((await Promise.all(ids.map(mail))).map((m) => [m.subject, m.to]), [["Number 1", "p1@example.org"], ["Number 2", "bounced@example.org, Karl <karl@example.org>"], ["Number 3", "p3@example.org"]]);
    await done(ids);
    await until(async () => (await mail(ids[1])).recipients.every((one) => !["requested", "sent"].includes(one.status)), { what: "what became of the second is told" });
    assert.deepEqual((await mail(ids[1])).recipients.map((one) => one.status), ["bounced", "delivered", "delivered"]);
    for (const m of r.json.mails) assert.equal((await a.call(`/api/v1/operations/${m.operation_id}`)).json.status, "succeeded");
  });

  describe("one that is wrong among good ones: it is named, and nothing is sent", { concurrency: 1 }, () => {
    const CASES = [
      ["an address", [to(1), to(2), to(3), to(4, { to: ["no address", "x@example.org"] })], "mails[3].to[0]"], ["no subject", [to(1), to(2, { subject: undefined })], "mails[1].subject"], ["a line break", [to(1, { subject: "a\r\nBcc: x@example.org" })], "mails[0].subject"],
      ["one that bounced", [to(1), to(2, { to: "bounced@example.org" }), to(3)], "mails[1].to"], ["attachments", [to(1), to(2, { attachments: [{ filename: "a", content: "eA==" }] })], "mails[1].attachments"],
      ["later", [to(1, { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() })], "mails[0].scheduled_at"], ["no object", [to(1), "x"], "mails[1]"], ["none", [], "mails"], ["no list", to(1), "mails"], ["101", list(101), "mails"],
      ["too many addresses", list(21, (n) => to(n, { to: Array.from({ length: 50 }, (_, i) => `p${n}.${i}@example.org`) })), "mails"],
      ["a variable that is missing", [to(1), { to: "x@example.org", template: "missed_call", variables: { time: "9:00" } }], "mails[1].variables.caller"], ["a template that is none", [to(1), { to: "x@example.org", template: "nowhere" }], "mails[1].template"],
      ["a field that nobody knows", [to(1), to(2, { from: "me@example.com" })], "mails[1].from"],
    ];
    for (const [name, mails, field] of CASES)
      test(name, async () => {
        const before = [(await atResend()).length, (await a.call("/api/v1/messages?channel=email&limit=1")).json.messages[0].id], r = await send(mails);
        assert.equal(r.status, 422, r.text);
        assert.equal(r.json.errors[0].field, field, r.text);
        await a.advance(2);
        assert.deepEqual([(await atResend()).length, (await a.call("/api/v1/messages?channel=email&limit=1")).json.messages[0].id], before);
      });
    test("beside mails, a field that nobody knows", async () => assert.equal((await a.call(BATCH, { body: { mails: [to(1)], from: "x" } })).json.errors[0].field, "from"));
    test("of a hundred wrong ones, the first are named", async () => {
      const r = await send(list(100, (n) => to(n, { to: "x", subject: "" })));
      assert.deepEqual([r.status, r.json.errors.length, r.json.errors[0].field], [422, 16, "mails[0].to"]);
    });
  });

  test("the same key again: the same mails, once", async () => {
    const key = { headers: { "Idempotency-Key": "batch-1" } }, first = await send(list(3, (n) => to(`k${n}`)), key), again = await send(list(3, (n) => to(`k${n}`)), key);
    assert.deepEqual([first.status, again.status, again.headers.get("idempotent-replayed")], [202, 202, "true"]);
    assert.deepEqual(again.json, first.json);
    assert.equal((await send(list(2, (n) => to(`k${n}`)), key)).json.code, "idempotency_key_reused");
    await done(first.json.mails.map((m) => m.id));
    assert.equal((await atResend()).filter((m) => [m.to].flat()[0].startsWith("pk")).length, 3);
  });

  test("a hundred, each by its template", { timeout: 120_000 }, async (t) => {
    await a.call("/api/v1/templates", { body: { name: "hello", subject: "Hello {{name}}", text: "Dear {{name}}" } });
    const began = performance.now(), r = await send(list(100, (n) => ({ to: `t${n}@example.org`, template: "hello", variables: { name: `N${n}` } })));
    assert.equal(r.status, 202, r.text);
    t.diagnostic(`100 mails are placed in ${(performance.now() - began).toFixed(0)} ms; longest turn ${(await a.longestTurn()).toFixed(1)} ms`);
    await done(r.json.mails.map((m) => m.id));
    const there = (await atResend()).filter((m) => [m.to].flat()[0].startsWith("t"));
    assert.deepEqual(there.map((m) => `${m.to} ${m.subject}`).sort(), list(100, (n) => `t${n}@example.org Hello N${n}`).sort());
  });

  test("through a mail server, each by itself", async () => {
    const demo = (await a.call("/sandbox/api/credentials")).json.smtp;
    await a.call("/api/v1/credentials/resend", { method: "DELETE" });
    assert.equal((await a.call("/api/v1/credentials/smtp", { method: "PUT", body: demo })).status, 200);
    const r = await send([to("s1"), to("s2", { to: ["bounce@example.org", "fine@example.org"] }), to("s3", { to: "bounce2@example.org" })]);
    assert.equal(r.status, 202, r.text);
    const ids = r.json.mails.map((m) => m.id);
    await done(ids);
    assert.deepEqual((await Promise.all(ids.map(mail))).map((m) => [m.provider, m.status]), [["smtp", "sent"], ["smtp", "sent"], ["smtp", "sent"]]);
    assert.deepEqual((await mail(ids[1])).recipients.map((one) => one.status), ["bounced", "sent"]);
    assert.equal((await a.call("/sandbox/api/mails")).json.mails.filter((m) => m.message.includes("Number s")).length, 3);
    assert.match((await send([to(1, { reply_to: ["a@example.com", "b@example.com"] })])).text, /mails\[0\]\.reply_to/);
  });
});

// Whose Ava is killed keeps its e-mail service, which runs in another process here.
describe("several mails and a kill", { skip: missing, concurrency: 1 }, () => {
  const COUNT = process.env.TEST_SOAK ? 100 : 30, KEY = "re_batch_and_a_kill_01";
  let provider, resend, a;
  const settings = (port = 0) => ({ data: a?.data, port, env: { AVA_LOG_LEVEL: "error", RESEND_BASE_URL: resend.base_url } });
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    resend = (await provider.call("/sandbox/api/credentials", { key: null })).json.resend;
    a = await Ava.start(settings());
    await a.signUp();
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "PUT", body: { api_key: KEY, from: resend.from } })).status, 200);
  });
  after(async () => (await a?.remove(), await provider?.remove()));

  test("each goes out once", { timeout: 120_000 }, async () => {
    await provider.fault({ provider: "resend", fault: "cut", operation: "POST /emails", percent: 30 });
    const headers = { "Idempotency-Key": "batch-and-a-kill" }, r = await a.call(BATCH, { body: { mails: list(COUNT) }, headers });
    assert.equal(r.status, 202, r.text);
    const atResend = async () => (await (await fetch(`${resend.base_url}/emails`, { headers: { Authorization: `Bearer ${KEY}`, "User-Agent": "test", Connection: "close" } })).json()).data;
    for (const part of [COUNT / 3, (2 * COUNT) / 3]) {
      await until(async () => (await a.advance(1), (await atResend()).length >= part), { ms: 60_000, what: `${part} are out` });
      const { key, port } = a;
      await a.stop("SIGKILL");
      a = Object.assign(await Ava.start(settings(port)), { key });
      await a.advance(120); // the leases of the one that was killed
      assert.deepEqual((await a.call(BATCH, { body: { mails: list(COUNT) }, headers })).json, r.json, "the same key is answered the same, also after the kill");
    }
    await provider.fault({ provider: "resend", fault: "none" });
    await until(async () => (await a.advance(30), (await Promise.all(r.json.mails.map(async (m) => (await a.call(`/api/v1/messages/${m.id}`)).json.status))).every((s) => !["requested", "unknown"].includes(s))), { ms: 60_000, every: 200, what: "all are settled" });
    const sent = (await atResend()).map((m) => [m.to].flat()[0]);
    assert.deepEqual([sent.length, new Set(sent).size], [COUNT, COUNT], "each once");
  });
});
