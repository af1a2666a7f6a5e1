// Bears company.
// A workspace's own mail server: connecting it says exactly what is wrong, and the password is never shown.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, freePort, missing, until } from "../lib/ava.mjs";

describe("a mail server of one's own", { skip: missing }, () => {
  let a, demo;
  before(async () => {
    a = await Ava.start({ env: { RATE_LIMIT_PER_MINUTE: "1000" } });
    await a.signUp();
    demo = (await a.call("/sandbox/api/credentials")).json.smtp;
  });
  after(() => a.remove());
  const put = (more, query = "") => a.call(`/api/v1/credentials/smtp${query}`, { method: "PUT", body: { ...demo, ...more } });
  const fields = (r) => [r.status, r.json.code, ...(r.json.errors ?? []).map((e) => e.field)];

  test("it is asked before it is kept", async () => {
    const r = await put();
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.account_last4, "5e1f");
    assert.deepEqual(r.json.fields, [{ name: "password", set: true, last4: "5e1f" }]);
    assert.doesNotMatch(r.text, /demo-mail-password/);
  });

  test("what is wrong is named", async () => {
    assert.deepEqual(fields(await put({ password: "wrong-password" })), [422, "credential_invalid", "password"]);
    assert.deepEqual(fields(await put({ port: await freePort() })), [422, "credential_invalid", "host"]);
    assert.deepEqual(fields(await put({ security: "starttls" })), [422, "credential_invalid", "security"]);
    assert.deepEqual(fields(await put({ port: 70000 })), [422, "validation_failed", "port"]);
    assert.deepEqual(fields(await put({ port: "587" })), [422, "validation_failed", "port"]);
    assert.deepEqual(fields(await put({ host: "10.0.0.1", security: "tls" })), [422, "validation_failed", "host"]);
    assert.deepEqual(fields(await put({ host: "mail.example.com" })), [422, "validation_failed", "security"]);
    assert.deepEqual(fields(await put({ from: "nobody" })), [422, "validation_failed", "from"]);
    assert.deepEqual(fields(await put({ api_key: "x" })), [422, "validation_failed", "api_key"]);
    const range = (await put({ port: 0 })).json.errors[0];
    assert.deepEqual([range.min, range.max], [1, 65535]);
  });

  test("after a restart the pretend server is found again, at its new port", async () => {
    await put();
    const { key, data } = a;
    await a.stop();
    a = await Ava.start({ data });
    a.key = key;
    const now = (await a.call("/sandbox/api/credentials")).json.smtp;
    assert.notEqual(now.port, demo.port);
    assert.equal((await a.call("/api/v1/credentials/smtp?verify=true")).status, 200);
  });

  test("checking a server sends no mail", async () => {
    assert.deepEqual((await a.call("/sandbox/api/mails")).json, { mails: [] });
  });
});

// Where no e-mail service is connected, mails go through the server: once, and never again when its answer is lost.
describe("mails through a mail server of one's own", { skip: missing, concurrency: 1 }, () => {
  const SEND = "/api/v1/integrations/email/send";
  let a, demo;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    demo = (await a.call("/sandbox/api/credentials")).json.smtp;
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "DELETE" })).status, 204);
    assert.equal((await a.call("/api/v1/credentials/smtp", { method: "PUT", body: { ...demo, from: "Ava Müller <ava@sandbox.example>" } })).status, 200);
  });
  after(() => a.remove());
  const send = (body, more = {}) => a.call(SEND, { body: { subject: "Grüße ✓", text: ".\nA dot begins a line.\n..two\n", ...body }, ...more });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const taken = async () => (await a.call("/sandbox/api/mails")).json.mails;

  test("it arrives as it was written, and the answer says which way it went", async () => {
    const r = await send({ to: "Karl <karl@example.org>", cc: "zoë@example.org", html: "<p>Grüße</p>", reply_to: "desk@example.com", headers: { "X-Entity-Ref-ID": "7" } });
    assert.equal(r.status, 201, r.text);
    assert.deepEqual([r.json.provider, r.json.status, r.json.from], ["smtp", "sent", "Ava Müller <ava@sandbox.example>"]);
    assert.deepEqual((await mail(r.json.id)).recipients.map((to) => [to.address, to.status]), [["Karl <karl@example.org>", "sent"], ["zoë@example.org", "sent"]]);
    const [one] = await taken();
    assert.deepEqual(one.to.sort(), ["karl@example.org", "zoë@example.org"].sort());
    assert.match(one.message, /^Subject: =\?utf-8\?/im);
    assert.match(one.message, new RegExp(`^Message-ID: <${r.json.operation_id}@sandbox.example>`, "im"));
    assert.match(one.message, /^X-Entity-Ref-ID: 7/im);
    assert.match(one.message, /^Reply-To: <desk@example.com>/im);
    assert.doesNotMatch(one.message, /bcc/i);
  });

  test("each of them is told of by itself, and who is not there gets no more", async () => {
    const r = await send({ to: ["ok@example.org", "bounce@example.org"] });
    assert.equal(r.status, 201, r.text);
    const { recipients, error } = await mail(r.json.id);
    assert.deepEqual(recipients.map((to) => [to.kind, to.address, to.status]), [["to", "ok@example.org", "sent"], ["to", "bounce@example.org", "bounced"]]);
    assert.match(error, /Not all/);
    assert.deepEqual((await a.call("/api/v1/suppressions")).json.suppressions.map((s) => [s.address, s.reason]), [["bounce@example.org", "bounced"]], "a block of the sender suppresses nobody");
    const again = await send({ to: ["ok@example.org", "bounce@example.org"] });
    assert.deepEqual([again.status, again.json.errors?.[0].code], [422, "suppressed"]);
  });

  test("one that nobody gets is refused with the reason", async () => {
    const r = await send({ to: ["spam@example.org", "ok@example.org"] });
    assert.deepEqual([r.status, r.json.code], [422, "provider_rejected_request"], r.text);
    assert.match(r.json.detail, /mail server refused it/);
    assert.ok(!(await a.call("/api/v1/suppressions")).json.suppressions.some((one) => one.address !== "bounce@example.org"), "it is about what we send, not about them");
  });

  test("one whose answer is lost is never sent again by itself", async () => {
    const before = (await taken()).length;
    const r = await send({ to: "lost@example.org" }, { headers: { "Idempotency-Key": "lost-1" } });
    assert.equal(r.status, 202, r.text);
    assert.equal((await mail(r.json.object_id)).status, "unknown");
    const same = await send({ to: "lost@example.org" }, { headers: { "Idempotency-Key": "lost-1" } });
    assert.deepEqual([same.status, same.json.id], [202, r.json.id]);
    for (let i = 0; i < 20; i++) await a.advance(60);
    await until(async () => (await mail(r.json.object_id)).status === "unconfirmed", { what: "nobody can tell" });
    assert.equal((await taken()).length - before, 1);
  });

  test("what a mail server cannot do is said before anything is sent", async () => {
    const later = await send({ to: "a@example.org", scheduled_at: new Date(Date.now() + 3_600_000).toISOString() });
    assert.deepEqual([later.status, later.json.errors[0].field], [422, "scheduled_at"]);
    const two = await send({ to: "a@example.org", reply_to: ["b@example.org", "c@example.org"] });
    assert.deepEqual([two.status, two.json.errors[0].field], [422, "reply_to"]);
  });
});

// Greylists refuse at first and take the mail minutes later. Whoever has no queue behind it loses such mails; so Ava
// tries again, to those who have not got it, for four hours.
describe("mails that a mail server does not take yet", { skip: missing, concurrency: 1 }, () => {
  let provider, smtp, a;
  const settings = (port = 0) => ({ data: a?.data, port, env: { AVA_LOG_LEVEL: "error" } });
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await provider.signUp();
    smtp = (await provider.call("/sandbox/api/credentials")).json.smtp;
    a = await Ava.start(settings());
    await a.signUp();
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "DELETE" })).status, 204);
    assert.equal((await a.call("/api/v1/credentials/smtp", { method: "PUT", body: smtp })).status, 200);
  });
  after(async () => (await a?.remove(), await provider?.remove()));
  const send = (to, more = {}, headers = {}) => a.call("/api/v1/integrations/email/send", { body: { to, subject: "Hello", text: "It is tomorrow.", ...more }, headers });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const stands = (id, status) => until(async () => (await mail(id)).status === status, { what: `${id} is ${status}` });
  const taken = async () => (await provider.call("/sandbox/api/mails")).json.mails;
  const asked = async (address) => (await provider.ledger()).hits.filter((hit) => hit.provider === "smtp" && hit.method === "RCPT" && hit.path.startsWith(address)).length;
  let ahead = 0; // of Ava's clock, in seconds
  const pass = (seconds) => ((ahead += seconds), a.advance(seconds));
  const minutesTo = (time) => Math.round((Date.parse(time) - Date.now() - ahead * 1000) / 60_000);

  test("it waits as long as greylists ask, and then goes out once", async () => {
    const r = await send("grey@example.org", {}, { "Idempotency-Key": "grey-1" });
    assert.equal(r.status, 202, r.text);
    const waiting = await mail(r.json.object_id);
    assert.deepEqual([waiting.status, waiting.recipients[0].status, minutesTo(waiting.next_attempt_at)], ["waiting", "waiting", 5]);
    assert.match(waiting.error, /does not take it yet: .*second try later/);
    assert.deepEqual([r.json.status, r.json.next_retry_in_seconds > 290], ["retrying", true], r.text);
    const same = await send("grey@example.org", {}, { "Idempotency-Key": "grey-1" });
    assert.deepEqual([same.status, same.json.id], [202, r.json.id], "the same request again does not send it");
    await pass(240);
    assert.deepEqual([(await mail(r.json.object_id)).status, await asked("grey@")], ["waiting", 1]);
    await pass(61);
    await stands(r.json.object_id, "sent");
    const sent = await mail(r.json.object_id);
    assert.deepEqual([sent.error, sent.next_attempt_at, sent.recipients[0].status, sent.recipients[0].error], [undefined, undefined, "sent", undefined]);
    assert.equal((await taken()).length, 1);
    assert.ok((await taken())[0].message.includes(`Message-ID: <${r.json.id}@`));
    assert.equal((await a.call(`/api/v1/operations/${r.json.id}`)).json.status, "succeeded");
  });

  test("who has it gets it once, only the others are asked again; files go along", async () => {
    const files = [{ filename: "note.txt", content: Buffer.from("the same bytes").toString("base64") }];
    const r = await send(["ok@example.org", "grey+2@example.org", "bounce@example.org"], { attachments: files });
    assert.equal(r.status, 202, r.text);
    const states = async () => (await mail(r.json.object_id)).recipients.map((to) => to.status).join(" ");
    assert.deepEqual([(await mail(r.json.object_id)).status, await states()], ["waiting", "sent waiting bounced"]);
    await pass(301);
    await stands(r.json.object_id, "sent");
    assert.equal(await states(), "sent sent bounced");
    assert.match((await mail(r.json.object_id)).error, /Not all/);
    const two = (await taken()).slice(0, 2).reverse();
    assert.deepEqual(two.map((m) => m.to), [["ok@example.org"], ["grey+2@example.org"]]);
    assert.equal(two[0].message, two[1].message, "the same bytes");
    assert.equal(await asked("bounce@"), 1);
  });

  test("a kill and a restart while it waits: it goes out when its time has come, once", async () => {
    const r = await send("grey+3@example.org"), before = (await taken()).length;
    assert.equal(r.status, 202, r.text);
    const { key, port } = a;
    await a.stop("SIGKILL");
    a = Object.assign(await Ava.start(settings(port)), { key });
    ahead = 0;
    assert.deepEqual([(await mail(r.json.object_id)).status, minutesTo((await mail(r.json.object_id)).next_attempt_at)], ["waiting", 5]);
    await a.call("/api/v1/credentials/smtp", { method: "PUT", body: smtp });
    await pass(200);
    assert.equal((await taken()).length, before);
    await pass(200);
    await stands(r.json.object_id, "sent");
    assert.equal((await taken()).length, before + 1);
  });

  test("a server that is away then does not end it", async () => {
    const r = await send("grey+4@example.org"), id = r.json.object_id;
    await a.call("/api/v1/credentials/smtp?verify=false", { method: "PUT", body: { ...smtp, port: await freePort() } });
    await pass(301);
    await until(async () => minutesTo((await mail(id)).next_attempt_at) > 5, { what: "it waits longer" });
    assert.equal((await mail(id)).status, "waiting");
    await a.call("/api/v1/credentials/smtp", { method: "PUT", body: smtp });
    await pass(700);
    await stands(id, "sent");
  });

  test("when the answer to a later try is lost, it is tried no more", async () => {
    const r = await send("grey+6@example.org"), id = r.json.object_id, before = (await taken()).length;
    await provider.fault({ provider: "smtp", fault: "cut", operation: "DATA" });
    await pass(301);
    await stands(id, "unknown");
    await provider.fault({ provider: "smtp", fault: "none" });
    const { status, recipients, next_attempt_at } = await mail(id);
    assert.deepEqual([status, recipients[0].status, next_attempt_at], ["unknown", "unknown", undefined]);
    for (let i = 0; i < 6; i++) await pass(3600);
    await stands(id, "unconfirmed");
    assert.equal((await taken()).length, before + 1);
  });

  test("after four hours nobody believes in it any more, and it says so", async () => {
    const r = await send("full@example.org"), id = r.json.object_id;
    assert.equal(r.status, 202, r.text);
    assert.equal(minutesTo((await mail(id)).next_attempt_at), 60, "a full mailbox is not asked every few minutes");
    for (let i = 0; i < 5 && (await mail(id)).status === "waiting"; i++) {
      const before = (await mail(id)).next_attempt_at;
      await pass(3601);
      await until(async () => (await mail(id)).next_attempt_at !== before, { what: "it was tried" });
    }
    const failed = await mail(id);
    assert.deepEqual([failed.status, failed.recipients[0].status, failed.next_attempt_at], ["failed", "failed", undefined]);
    assert.match(failed.error, /tried for 24\d minutes.*mailbox is full/);
    assert.equal(await asked("full@"), 5);
    assert.deepEqual((await a.call("/api/v1/suppressions")).json.suppressions.map((s) => s.address), ["bounce@example.org"]);
    assert.equal((await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "smtp").status, "demo", "content is not a failure of the server");
  });
});

describe("while the e-mail service rests", { skip: missing, concurrency: 1 }, () => {
  const SEND = "/api/v1/integrations/email/send";
  let a, smtp, begun;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    smtp = (await a.call("/sandbox/api/credentials")).json.smtp;
    await a.fault({ provider: "resend", fault: "status", status: 500, operation: "POST /emails" });
  });
  after(() => a.remove());
  const put = (more) => a.call("/api/v1/credentials/smtp", { method: "PUT", body: { ...smtp, ...more } });
  const send = (to, more = {}) => a.call(SEND, { body: { to, subject: "s", text: "t", ...more } });
  const rests = () => until(async () => {
    await send("breaks@example.org");
    return (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "resend").status === "resting";
  }, { what: "the e-mail service rests" });

  test("the mail server takes its place only where the workspace says so", async () => {
    assert.equal((await put()).status, 200);
    await rests();
    begun = (await a.call("/api/v1/messages?channel=email&limit=100")).json.messages.map((m) => m.id);
    const kept = await send("kept@example.org");
    assert.notEqual(kept.json.provider, "smtp", kept.text);
    assert.deepEqual((await a.call("/sandbox/api/mails")).json.mails, []);
    assert.equal((await put({ fallback: "yes" })).json.errors[0].field, "fallback");
    assert.equal((await put({ fallback: true })).json.fallback, true);
    const r = await send("other@example.org");
    assert.deepEqual([r.status, r.json.provider, r.json.status], [201, "smtp", "sent"], r.text);
    assert.equal((await a.call("/sandbox/api/mails")).json.mails.length, 1);
  });

  test("what it cannot do waits for the service", async () => {
    const r = await send("later@example.org", { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() });
    assert.ok([202, 503].includes(r.status), r.text);
    assert.ok(!(await a.call("/sandbox/api/mails")).json.mails.some((m) => m.to.includes("later@example.org")));
  });

  test("one that may have reached the service is never sent the other way", async () => {
    await a.fault({ provider: "resend", fault: "none" });
    for (const id of begun) await until(async () => (await a.advance(30), ["queued", "sent", "delivered"].includes((await a.call(`/api/v1/messages/${id}`)).json.status)), { ms: 30_000, what: `${id} reached the service in the end` });
    assert.ok(!(await a.call("/sandbox/api/mails")).json.mails.some((m) => m.to.includes("breaks@example.org")));
  });
});
