// A workspace's own mail server: connecting it says exactly what is wrong, and the password is never shown.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, freePort, missing } from "../lib/ava.mjs";

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

  test("a new workspace of the sandbox has one", async () => {
    const card = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "smtp");
    assert.match(card.status, /^(demo|connected)$/);
    const r = await a.call("/api/v1/credentials/smtp?verify=true");
    assert.equal(r.status, 200, r.text);
    assert.match(r.json.check.message, /^Works/);
  });

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
