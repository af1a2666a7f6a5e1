// Bears company.
// The phone is always answered: by what the workspace chose, within its time, whatever else fails.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { holdWrites, onPostgres } from "../lib/database.mjs";
import { figures, paced, quantile } from "../lib/load.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const LONG = Boolean(process.env.TEST_SOAK), CALLS = LONG ? 1000 : 100;
const SECRET = "what-vapi-sends-with-each-message";
const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";
const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80";
const SENTENCE = "Nobody can take your call right now. Please call again later.";

describe("the phone", { skip: missing, concurrency: 1 }, () => {
  let a, voice, server, calls = 0;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn", RATE_LIMIT_WEBHOOKS_PER_SECOND: "100000", CACHE_TTL_SECONDS: "0" } });
    await a.signUp();
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "answered-vapi-key-0001", assistant_id: ASSISTANT, webhook_secret: SECRET } });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
    voice = endpoints.find((e) => e.provider === "twilio").urls.voice;
    server = endpoints.find((e) => e.provider === "vapi").urls.server;
  });
  after(() => a.remove());

  const choose = (body, headers) => a.call("/api/v1/fallback", { method: "PUT", body, headers });
  const ring = async (more = {}) => {
    const pairs = Object.entries({ CallSid: "CA" + String(++calls).padStart(32, "0"), CallStatus: "ringing", Direction: "inbound", From: "+14155550142", To: "+12125550118", ...more });
    const began = performance.now();
    const r = await a.call(voice.slice(a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(voice, pairs, TOKEN) } });
    return { ...r, ms: performance.now() - began };
  };
  const ask = async (type = "assistant-request", more = {}) => {
    const body = JSON.stringify(message(type, { id: `call-${++calls}` }, more)), began = performance.now();
    const r = await a.call(server.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: server, body }) } });
    return { ...r, ms: performance.now() - began };
  };
  const inXml = (text) => text.replaceAll("&", "&amp;");
  const isTwiml = (r) => {
    assert.equal(r.status, 200, r.text);
    assert.match(r.headers.get("content-type"), /^text\/xml/);
    assert.match(r.text, /^<\?xml version="1.0" encoding="UTF-8"\?><Response>.+<\/Response>$/);
    return r.text.slice(r.text.indexOf("<Response>") + 10, -11);
  };

  test("says a sentence until something is chosen", async () => {
    const r = await a.call("/api/v1/fallback");
    assert.deepEqual(r.json, { kind: "message", text: SENTENCE, to: null, assistant_id: null, updated_at: null });
    assert.equal(isTwiml(await ring()), `<Say>${SENTENCE}</Say><Hangup/>`);
    assert.deepEqual((await ask()).json, { assistantId: ASSISTANT });
    assert.deepEqual((await ask("transfer-destination-request")).json, { error: SENTENCE });
  });

  test("forwards to a person, and says something when nobody comes", async () => {
    assert.equal((await choose({ kind: "forward", to: "+33612345678", text: "We call you back & soon." })).status, 200);
    const dial = isTwiml(await ring());
    assert.equal(dial, `<Dial timeout="20" action="${inXml(voice)}"><Number>+33612345678</Number></Dial>`);
    assert.equal(isTwiml(await ring({ CallStatus: "in-progress", DialCallStatus: "no-answer" })), "<Say>We call you back &amp; soon.</Say><Hangup/>");
    assert.equal(isTwiml(await ring({ CallStatus: "in-progress", DialCallStatus: "completed" })), "<Hangup/>");
    assert.deepEqual((await ask("transfer-destination-request")).json, { destination: { type: "number", number: "+33612345678" } });
  });

  test("takes a message, or has a fixed assistant", async () => {
    await choose({ kind: "voicemail", text: "Speak after the tone." });
    assert.equal(isTwiml(await ring()), '<Say>Speak after the tone.</Say><Record maxLength="180" playBeep="true" action="' + inXml(voice.replace("#", "?after=record#")) + '"/><Hangup/>');
    await choose({ kind: "assistant", assistant_id: "another-assistant" });
    assert.equal(isTwiml(await ring()), `<Say>${SENTENCE}</Say><Hangup/>`);
    assert.deepEqual((await ask()).json, { assistantId: ASSISTANT }, "the workspace's own comes first");
  });

  test("every wrong choice is named, with its field", async () => {
    for (const [body, fields] of [
      [{}, ["kind"]],
      [{ kind: "shout" }, ["kind"]],
      [{ kind: "forward" }, ["to"]],
      [{ kind: "forward", to: "0612" }, ["to"]],
      [{ kind: "assistant" }, ["assistant_id"]],
      [{ kind: "message", to: "+33612345678" }, ["to"]],
      [{ kind: "message", text: "x".repeat(501) }, ["text"]],
      [{ kind: "message", text: "" }, ["text"]],
      [{ kind: "message", colour: "blue" }, ["colour"]],
    ]) {
      const r = await choose(body);
      assert.equal(r.status, 422, JSON.stringify(body));
      assert.deepEqual(r.json.errors.map((e) => e.field), fields, JSON.stringify(body));
    }
  });

  test("two people cannot overwrite each other unseen, and it is written down who changed it", async () => {
    const { headers } = await a.call("/api/v1/fallback");
    assert.equal((await choose({ kind: "message", text: "First." }, { "If-Match": headers.get("etag") })).status, 200);
    assert.equal((await choose({ kind: "message", text: "Second." }, { "If-Match": headers.get("etag") })).json.code, "version_conflict");
    assert.equal((await a.call("/api/v1/fallback")).json.text, "First.");
    const [entry] = (await a.call("/api/v1/audit")).json.entries;
    assert.deepEqual([entry.action, entry.object], ["fallback.change", "message"]);
  });

  // 100 a second, half of them Twilio's and half of them Vapi's; somebody does wait for the providers meanwhile.
  const answered = async (calls) => {
    const reading = Array.from({ length: 8 }, () => a.call("/api/v1/vapi/settings"));
    const answers = (await paced(100, calls / 100, (n) => (n % 2 ? ring() : ask()))).map((t) => ({ ...t, ...t.r }));
    for (const r of answers) assert.equal(r.status, 200, r.text);
    for (const r of answers) r.text.startsWith("<?xml") ? isTwiml(r) : assert.deepEqual(r.json, { assistantId: ASSISTANT });
    assert.ok(quantile(answers, 0.99) < 2000);
    return { answers, reading };
  };

  test(`is answered although the providers hang, reset, fail or talk nonsense: ${CALLS} calls each`, async (t) => {
    await choose({ kind: "forward", to: "+33612345678" });
    for (const fault of [{ fault: "hang" }, { fault: "reset" }, { fault: "status", status: 500 }, { fault: "huge" }, { fault: "malformed" }, { fault: "truncated" }]) {
      for (const provider of ["vapi", "twilio"]) await a.fault({ provider, ...fault });
      const { answers, reading } = await answered(CALLS);
      t.diagnostic(`${JSON.stringify(fault)}: ${figures(answers)}`);
      for (const provider of ["vapi", "twilio"]) await a.fault({ provider, fault: "none" });
      await Promise.all(reading);
    }
  });

  test(`with the breaker open: ${CALLS} calls`, async (t) => {
    await a.fault({ provider: "vapi", fault: "status", status: 500 });
    await until(async () => (await a.call("/api/v1/vapi/settings")).json.code === "provider_unavailable", { what: "the breaker opened" });
    const { answers, reading } = await answered(CALLS);
    t.diagnostic(figures(answers));
    await a.fault({ provider: "vapi", fault: "none" });
    await Promise.all(reading);
  });

  test("is answered although nothing can be written, and what is only told waits at the provider", async () => {
    // Another program holds the database for longer than a caller waits.
    const hold = await holdWrites(a.data);
    const [call, request, told] = await Promise.all([ring(), ask(), ask("status-update", { status: "ringing" })]);
    await hold.release();
    assert.equal(isTwiml(call), `<Dial timeout="20" action="${inXml(voice)}"><Number>+33612345678</Number></Dial>`);
    assert.deepEqual(request.json, { assistantId: ASSISTANT });
    assert.equal(told.json?.code, "storage_unavailable");
    for (const r of [call, request]) assert.ok(r.ms < 2500, `${r.ms} ms`);
    const { stderr } = a;
    assert.equal(stderr.split(onPostgres ? '"event spooled"' : '"event late"').length, 3, "both in the log");
    await until(async () => (await a.call(`/api/v1/events?resource=CA${String(calls - 2).padStart(32, "0")}`)).json.events.length === 1 || a.stderr.includes('"event not kept"'), { what: "the event, or the word that it is lost" });
    await until(async () => (await ring()).status === 200 && (await ask("status-update", { status: "ringing" })).status === 200, { what: "writing again" });
  });
});
