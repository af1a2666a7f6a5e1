// Twilio's webhooks through the running server: signed, durable, taken once, refused when wrong.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, shared } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { sign } from "../lib/twilio.mjs";

const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";
const NEXT = "the-auth-token-of-tomorrow";
const vectors = shared("fixtures/twilio/signature_vectors.jsonl");
const lines = vectors.path ? readFileSync(vectors.path, "utf8").trim().split("\n") : [];

describe("Twilio webhooks", { skip: missing }, () => {
  let a, urls;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    const put = await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN, next_auth_token: NEXT } });
    assert.equal(put.status, 200, put.text);
    urls = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls;
  });
  after(() => a.remove());

  const post = (url, params, { token = TOKEN, signature, headers = {} } = {}) =>
    a.call(url.slice(a.base.length), {
      key: null,
      method: "POST",
      raw: new URLSearchParams(params).toString(),
      headers: { "Content-Type": "application/x-www-form-urlencoded", ...(signature === null ? {} : { "X-Twilio-Signature": signature ?? sign(url, params, token) }), ...headers },
    });
  const events = async (query = "") => (await a.call("/api/v1/events?limit=100" + query)).json.events;

  test("all four kinds are taken in and listed, newest first", async () => {
    for (const [kind, url] of Object.entries(urls)) {
      const r = await post(url, [["CallSid", "CA1"], ["MessageSid", kind.startsWith("message") ? "SM1" : ""], ["CallStatus", "ringing"]].filter(([, v]) => v));
      assert.equal(r.status, 200, `${kind}: ${r.text}`);
      assert.match(r.headers.get("content-type"), /^text\/xml/);
      assert.match(r.text, kind === "voice" ? /<Say>.+<\/Response>$/ : /<Response\/>$/);
    }
    const seen = await events();
    assert.deepEqual(seen.map((e) => e.type), ["message-status", "message", "status", "voice"]);
    assert.ok(seen.every((e) => e.provider === "twilio" && ["received", "done"].includes(e.status) && e.resource === "CA1"));
    assert.ok(Date.parse((await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].last_received_at));
  });

  test("one event shows its headers and body, with what authenticates blacked out", async () => {
    await post(urls.voice, [["CallSid", "CA-detail"], ["From", "+15550001111"], ["CallToken", "tok%22en"], ["Body", "Grüße"]]);
    const [event] = await events("&resource=CA-detail");
    const one = (await a.call(`/api/v1/events/${event.id}`)).json;
    assert.equal(one.body.From, "+15550001111");
    assert.equal(one.body.Body, "Grüße");
    assert.equal(one.body.CallToken, "[redacted]");
    assert.equal(one.headers["X-Twilio-Signature"], "[redacted]");
  });

  test("the next auth token is good too, any other is not", async () => {
    assert.equal((await post(urls.status, [["CallSid", "CA-next"]], { token: NEXT })).status, 200);
    for (const signature of [null, "", "AAAA", sign(urls.status, [["CallSid", "CA-x"]], TOKEN + "x")]) {
      const r = await post(urls.status, [["CallSid", "CA-x"]], { signature });
      assert.equal(r.status, 403, `signature ${signature}`);
      assert.equal(r.json.code, "forbidden");
    }
    assert.equal((await events("&resource=CA-x")).length, 0);
  });

  test("a repeat answers 200 and adds nothing", async () => {
    const params = [["CallSid", "CA-twice"], ["CallStatus", "completed"], ["SequenceNumber", "3"]];
    for (let n = 0; n < 5; n++) assert.equal((await post(urls.status, params)).status, 200);
    assert.equal((await events("&resource=CA-twice")).length, 1);
    await post(urls.status, params.with(2, ["SequenceNumber", "4"]));
    assert.equal((await events("&resource=CA-twice")).length, 2);
    const token = (value) => ({ headers: { "I-Twilio-Idempotency-Token": value } });
    const form = [["CallSid", "CA-token"], ["CallStatus", "ringing"], ["To", "+15005550006"]];
    await post(urls.status, form, token("one"));
    await post(urls.status, [form[2], form[0], form[1]], token("two"));
    await post(urls.status, form);
    assert.equal((await events("&resource=CA-token")).length, 1, "what is not signed plays no part, nor does the order");
    await post(urls.status, [["CallSid", "CA-token"], ["CallStatus", "busy"]], token("one"));
    assert.equal((await events("&resource=CA-token")).length, 2);
    for (const status of ["in-progress", "absent"]) await post(urls.status, [["CallSid", "CA-record"], ["RecordingSid", "RE1"], ["RecordingStatus", status]]);
    assert.equal((await events("&resource=CA-record")).length, 2);
  });

  test("reordered events are both kept", async () => {
    await post(urls.status, [["CallSid", "CA-order"], ["CallStatus", "completed"], ["SequenceNumber", "2"]]);
    await post(urls.status, [["CallSid", "CA-order"], ["CallStatus", "ringing"], ["SequenceNumber", "1"]]);
    assert.equal((await events("&resource=CA-order")).length, 2);
  });

  test("unknown addresses are 404, other types 415, large bodies 413", async () => {
    const wrong = urls.voice.replace(/twilio\/[\w-]{4}/, "twilio/AAAA");
    assert.equal((await post(wrong, [["CallSid", "CA1"]])).status, 404);
    assert.equal((await a.call("/webhooks/twilio/short/voice", { key: null, raw: "a=b", headers: { "Content-Type": "application/x-www-form-urlencoded" } })).status, 404);
    const path = urls.voice.slice(a.base.length);
    assert.equal((await a.call(path, { key: null, raw: "x", headers: { "Content-Type": "text/plain" } })).status, 415);
    assert.equal((await a.call(path, { key: null, raw: "a=" + "b".repeat(8 << 20), headers: { "Content-Type": "application/x-www-form-urlencoded" } })).status, 413);
    assert.equal((await a.call(path, { key: null, raw: "a=%zz", headers: { "Content-Type": "application/x-www-form-urlencoded" } })).status, 400);
    assert.equal((await a.call(path, { key: null, method: "GET" })).status, 405);
  });

  test("a workspace has its addresses when it is made, and reading them writes nothing", async () => {
    const sql = (text) => rows(a.data, text);
    const both = () => sql("SELECT (SELECT count(*) FROM webhook_endpoints) || ' ' || (SELECT count(*) FROM audit_log)");
    const made = await a.call("/api/v1/workspaces", { body: { name: "Second" } });
    assert.equal(made.status, 201, made.text);
    assert.equal(sql(`SELECT count(*) FROM webhook_endpoints WHERE workspace_id = '${made.json.id}'`), "3");
    const before = both();
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    assert.deepEqual(endpoints.map((e) => e.provider), ["twilio", "vapi", "resend"]);
    assert.equal(both(), before);
  });

  test("a changed address leaves the former one good for a day", async () => {
    const before = urls.voice;
    const rotated = await a.call("/api/v1/webhooks/endpoints/twilio/rotate", { method: "POST" });
    assert.equal(rotated.status, 200, rotated.text);
    assert.notEqual(rotated.json.urls.voice, before);
    const hours = (Date.parse(rotated.json.previous_valid_until) - Date.now()) / 3600e3;
    assert.ok(hours > 23.9 && hours <= 24, `${hours} h`);
    for (const url of [before, rotated.json.urls.voice]) assert.equal((await post(url, [["CallSid", "CA-rotated"], ["X", url]])).status, 200);
    urls = rotated.json.urls;
  });

  test("ava webhook verify is right on every core vector", { skip: vectors.missing }, () => {
    const cases = lines.map((l) => JSON.parse(l));
    const out = ava(["webhook", "verify", "twilio", "--jsonl"], { input: lines.join("\n") + "\n" });
    assert.equal(out.status, 0, out.stderr);
    const verdicts = out.stdout.trim().split("\n");
    assert.equal(verdicts.length, cases.length);
    cases.forEach((c, i) => c.tier === "core" && assert.equal(verdicts[i], c.valid ? "valid" : "invalid", c.name));
    assert.ok(cases.filter((c) => c.tier === "core").length >= 70);
  });

  test("a line it cannot read is an error of its own and exit 1; the others are judged", () => {
    const out = ava(["webhook", "verify", "twilio", "--jsonl"], { input: '{"x":1}\nnot json\n' });
    assert.equal(out.status, 1);
    assert.match(out.stdout, /^error: .*\nerror: .*\n$/);
  });

  test("the same bodies, re-signed for Ava's own address, through the running server", { skip: vectors.missing }, async () => {
    let walked = 0;
    for (const c of lines.map((l) => JSON.parse(l))) {
      if (!c.valid || c.method !== "POST" || c.tier !== "core") continue;
      const query = new URL(c.url).search.replace(/bodySHA256=[^&]*/, "bodySHA256=" + createHash("sha256").update(c.body).digest("hex"));
      const url = urls.voice.replace(/(?=#)/, query);
      const signature = sign(url, c.kind === "form" ? c.params : [], TOKEN);
      const r = await fetch(url, { method: "POST", headers: { "Content-Type": c.content_type, "X-Twilio-Signature": signature }, body: c.body });
      assert.equal(r.status, 200, `${c.name}: ${await r.text()}`);
      const bad = await fetch(url, { method: "POST", headers: { "Content-Type": c.content_type, "X-Twilio-Signature": signature }, body: c.body + (c.kind === "form" ? "&Added=1" : " ") });
      assert.equal(bad.status, 403, c.name);
      walked++;
    }
    assert.ok(walked >= 40, `${walked} vectors`);
  });
});
