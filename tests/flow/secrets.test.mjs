// Canary secrets put into every secret field appear nowhere: database, WAL, logs, metrics, errors, core, web assets.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { onPostgres, stored } from "../lib/database.mjs";

const canary = (name) => `canary-${name}-Zq7Xw9Kp3Lm5`;
const password = canary("password");

describe("secrets", { skip: missing }, () => {
  let a, planted, answers;

  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "debug", VAPI_API_KEY: canary("platform") } });
    answers = [];
    const call = async (...args) => {
      const r = await a.call(...args);
      answers.push(r.text, [...r.headers].flat().filter((h) => !/^ava_(session|device)=/.test(h)).join("\n"));
      return r;
    };
    const token = new URL(a.link).hash.slice(3);
    const setup = await call("/api/v1/auth/setup", { key: null, body: { token, email: "ada@example.com", password } });
    const cookie = setup.headers.get("set-cookie").split(";")[0];
    const key = a.newKey("ada@example.com", "canary");
    a.key = key;
    const server = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[1].urls.server.slice(a.base.length);
    const say = (headers) => call(server, { key: null, raw: '{"message":{"type":"hang"}}', headers: { "Content-Type": "application/json", ...headers } });
    await call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: canary("vapi"), assistant_id: "asst", webhook_auth: { type: "bearer", token: canary("plan") } } });
    assert.equal((await say({ Authorization: `Bearer ${canary("plan")}` })).status, 200);
    await call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: canary("vapi"), assistant_id: "asst", webhook_auth: { type: "hmac", algorithm: "sha256", secretKey: Buffer.from(canary("hmac plan")).toString("base64"), secretIsBase64: true } } });
    assert.equal((await say({ "x-signature": "00", "x-timestamp": "1" })).status, 403);
    await call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: canary("vapi"), assistant_id: "asst", webhook_secret: canary("webhook") } });
    await call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: "AC" + "ab".repeat(16), auth_token: canary("twilio"), next_auth_token: canary("next") } });
    await call("/api/v1/vapi/settings"); // a real attempt with the key
    await call("/api/v1/twilio/numbers");
    // An import carries Twilio's token to Vapi, which repeats it in its answer.
    const [number] = (await call("/api/v1/twilio/numbers")).json.numbers;
    await call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: canary("vapi"), assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: canary("webhook") } });
    const order = await call("/api/v1/twilio/numbers/import", { body: { numbers: [number.provider_id], vapi: true } });
    const imported = await until(async () => ((o) => o.status === "succeeded" && o)((await call(`/api/v1/operations/${order.json.id}`)).json), { what: "the number imported" });
    assert.equal(imported.steps.length, 4);
    await call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: canary("refused").replace("canary", "wrong-canary"), assistant_id: "x" } });
    await call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: canary("unknown field"), assistant_id: "x", more: canary("more") } });
    await call("/api/v1/auth/login", { key: null, body: { email: "ada@example.com", password: canary("wrong") } });
    await call("/api/v1/auth/setup", { key: null, body: { token: canary("token"), email: "b@example.com", password } });
    await call("/api/v1/auth/login", { key: null, raw: `{"email":"a","password":"${canary("broken")}`, headers: { "Content-Type": "application/json" } });
    await call("/api/v1/auth/me", { headers: { Authorization: `Bearer ava_live_${canary("bearer")}` } });
    await call("/api/v1/credentials/vapi");
    await call("/api/v1/integrations");
    for (const path of ["audit", "audit?of=installation", "audit/verification", "settings", "health/details", "flags", `workspaces/${setup.json.workspace.id}/keys`]) await call("/api/v1/" + path);
    const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.voice; // shown to its owner on purpose
    planted = ["platform", "vapi", "webhook", "twilio", "next", "refused", "unknown field", "more", "wrong", "token", "broken", "bearer", "password", "plan", "hmac plan"].map((n) => canary(n).slice(7));
    planted.push(Buffer.from(canary("hmac plan")).toString("base64"), server.split("/").pop());
    planted.push(cookie.split("=")[1], key, token, /twilio\/([\w-]+)/.exec(url)[1]);
    answers.push((await a.call("/metrics", { key: null })).text);
  });
  after(() => a.remove());

  const everyFile = (top) => readdirSync(top, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? everyFile(join(top, e.name)) : [join(top, e.name)])).filter((f) => statSync(f).isFile());

  test("are in no file of the data folder, database and WAL included", () => {
    const files = everyFile(a.data);
    if (onPostgres) for (const secret of planted) assert.equal(stored(a.data).includes(secret), false, `the database holds ${secret}`);
    else assert.ok(files.some((f) => f.endsWith("ava.db")) && files.some((f) => f.endsWith("ava.db-wal")));
    for (const file of files) {
      const bytes = readFileSync(file);
      for (const secret of planted) assert.equal(bytes.includes(secret), false, `${file} holds ${secret}`);
    }
  });

  test("are in no answer, no error, no metric", () => {
    for (const text of answers) for (const secret of planted) if (!text.includes('"key":"ava_')) assert.equal(text.includes(secret), false, `${secret} in ${text.slice(0, 300)}`);
  });

  test("are in no log line, at the most talkative level", () => {
    const link = /setup#t=([\w-]+)/.exec(a.stdout)[1];
    assert.ok(a.stderr.includes('"event":"attempt"'), "attempts were logged");
    for (const secret of planted) {
      assert.equal(a.stderr.includes(secret), false, `the log holds ${secret}`);
      if (secret !== link) assert.equal(a.stdout.includes(secret), false);
    }
  });

  test("can not leave by a core dump, and the environment forgets them", () => {
    const proc = `/proc/${a.child.pid}`;
    assert.match(readFileSync(`${proc}/limits`, "utf8"), /Max core file size\s+0\s+0/);
    const environ = readFileSync(`${proc}/environ`, "latin1");
    assert.equal(environ.includes(canary("platform")), false);
  });

  test("are shown masked, the last four at most", async () => {
    const c = (await a.call("/api/v1/credentials/vapi")).json;
    assert.deepEqual(c.fields.map((f) => [f.name, f.set, f.last4]), [["api_key", true, "3Lm5"], ["webhook_secret", true, "3Lm5"], ["webhook_auth", false, null]]);
  });

  test("the built pages hold none", () => {
    const top = new URL("../../build-web", import.meta.url).pathname;
    for (const file of existsSync(top) ? everyFile(top) : []) for (const secret of planted) assert.equal(readFileSync(file).includes(secret), false);
  });
});
