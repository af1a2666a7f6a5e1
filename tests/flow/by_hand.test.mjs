// Bears company.
// The inbox from the command line: somebody calls and texts, what came is followed, and worked on again.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { Ava, avaBeside, bin, environment, missing, until } from "../lib/ava.mjs";
import { databaseOf, rows } from "../lib/database.mjs";

const SID = "AC" + "0123456789abcdef".repeat(2), TOKEN = "the-auth-token-of-today-1", SECRET = "what-vapi-sends-with-each-message";

describe("by hand", { skip: missing, concurrency: 1 }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "by-hand-vapi-key-0001", assistant_id: "x", webhook_secret: SECRET } });
  });
  after(() => a.remove());

  const run = (...args) => avaBeside([...args, "--data-dir", a.data], { env: { AVA_PUBLIC_URL: a.base } });
  const events = async (query = "") => (await a.call(`/api/v1/events${query}`)).json.events;

  test("a call and a text come in, with the true signature, at the workspace's own address", async () => {
    const voice = await run("webhook", "send", "twilio.voice");
    assert.equal(voice.status, 0, voice.stderr);
    assert.match(voice.stdout, /^200 <\?xml .*<Response>/);
    const text = await run("webhook", "send", "twilio.message", "--from", "+14155550199", "--text", "Hello from the command line");
    assert.equal(text.status, 0, text.stderr);
    const [message] = await until(async () => ((m) => m.length && m)((await a.call("/api/v1/messages?direction=inbound")).json.messages), { what: "the text" });
    assert.deepEqual([message.from, message.body], ["+14155550199", "Hello from the command line"]);
    const asked = await run("webhook", "send", "vapi.assistant-request");
    assert.match(asked.stdout, /^200 \{"assistantId":"x"\}\n$/);
    assert.equal((await events()).length, 3);
  });

  test("the whole URL is kept, and another address refuses the proof", async () => {
    const [, , url] = [0, 0, (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls.status.split("#")[0]];
    assert.equal((await run("webhook", "send", "twilio.status", "--to", `${url}?op=op_1&x=%20`)).status, 0);
    const wrong = await run("webhook", "send", "twilio.status", "--to", url.replace("127.0.0.1", "localhost"));
    assert.deepEqual([wrong.status, /403/.test(wrong.stderr)], [1, true]);
    const nobody = await run("webhook", "send", "twilio.status", "--to", "http://127.0.0.1:9/x");
    assert.match(nobody.stderr, /nobody answered/);
    assert.equal((await run("webhook", "send", "twilio.voice", "--print-secret")).stdout, `${TOKEN}\n`);
    for (const kind of ["twilio.fax", "resend.x", "twilio"]) assert.equal((await run("webhook", "send", kind)).status, 1, kind);
    assert.equal((await run("webhook", "send")).status, 2);
    for (const r of [wrong, nobody]) assert.ok(!(r.stdout + r.stderr).includes(TOKEN));
  });

  test("tail follows them as they come, and stops when told", async () => {
    const now = await run("tail", "--once", "--provider", "vapi");
    assert.match(now.stdout, /^\d\d:\d\d:\d\d {2}vapi +assistant-request +sent-by-hand-\d+ +(received|done) {2}evt_\w+\n$/);
    const follower = spawn(bin, ["tail", "--lines", "0", "--data-dir", a.data], { env: environment(databaseOf(a.data)), stdio: ["ignore", "pipe", "inherit"] });
    let seen = "";
    follower.stdout.on("data", (b) => (seen += b));
    try {
      await until(async () => {
        await run("webhook", "send", "vapi.status-update");
        return seen.includes("status-update");
      }, { what: "a line" });
    } finally {
      follower.kill();
    }
    assert.ok(!seen.includes("twilio"), "only what is new");
    assert.equal((await run("tail", "--once", "--failed")).stdout, "");
    assert.equal((await run("tail", "--lines", "many")).status, 2);
  });

  test("tail shows what becomes visible behind one that was named later, and each once", async () => {
    const follower = spawn(bin, ["tail", "--lines", "3", "--data-dir", a.data], { env: environment(databaseOf(a.data)), stdio: ["ignore", "pipe", "inherit"] });
    let seen = "";
    follower.stdout.on("data", (b) => (seen += b));
    try {
      await until(() => seen.split("\n").length > 3, { what: "the last three" });
      assert.equal((await run("webhook", "send", "vapi.status-update")).status, 0);
      const [{ id }] = await events("?limit=1"), late = id.slice(0, -8) + "00000000";
      await until(() => seen.includes(id), { what: "the newest" });
      rows(a.data, `INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at)
        SELECT '${late}', workspace_id, 'twilio', 'came-late', resource, dedupe, 'done', correlation_id, received_at, settled_at FROM events WHERE id = '${id}'`);
      await until(() => seen.includes(late), { what: "the late one" });
      const lines = seen.trim().split("\n").map((l) => l.split(" ").at(-1));
      assert.equal(new Set(lines).size, lines.length, seen);
    } finally {
      follower.kill();
    }
  });

  test("replay has the running server work on one again", async () => {
    const [event] = await events("?type=message");
    const r = await run("replay", event.id);
    assert.equal(r.status, 0, r.stderr);
    await until(async () => ((e) => e.status === "done" && e.replays === 1)((await a.call(`/api/v1/events/${event.id}`)).json), { what: "worked on again" });
    assert.equal((await run("replay", "evt_none")).status, 1);
    assert.equal((await run("replay")).status, 2);
    const entry = (await a.call("/api/v1/audit")).json.entries.find((e) => e.action === "event.replay");
    assert.equal(entry.actor, "operator");
  });
});
