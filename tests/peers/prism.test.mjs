// Prism judges every request that Ava makes against the provider's own description, and what the sandbox answers too.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, shared, until } from "../lib/ava.mjs";
import { Prism, lacks, serveHeadless } from "./peers.mjs";

const vapiSpec = shared("contracts/vapi/vapi_openapi.mock.json");
const twilioSpec = shared("contracts/twilio/twilio_api_v2010.mock.json");
const folder = mkdtempSync(join(tmpdir(), "ava-prism-"));
after(() => rmSync(folder, { recursive: true, force: true }));
if (!twilioSpec.missing) twilioSpec.path = spelledOut(twilioSpec, folder);
if (!vapiSpec.missing) vapiSpec.path = mended(vapiSpec, folder);
const skip = (spec) => missing || lacks("@stoplight/prism-cli") || spec.missing;
const assistant = "5b0a4a08-133c-4146-9315-0984f8c6be80";
const sid = "AC" + "0a1b".repeat(8);
const vapiKey = { api_key: "a-vapi-key-for-prism-01", assistant_id: assistant };
const twilioKey = { account_sid: sid, auth_token: "0123456789abcdef0123456789abcdef" };
const elsewhere = "http://127.0.0.1:9"; // nothing listens there

async function put(a, path, body) {
  const r = await a.call("/api/v1/" + path, { method: "PUT", body });
  assert.equal(r.status, 200, `${path}: ${r.text}`);
  return r.json;
}

async function get(a, path) {
  const r = await a.call("/api/v1/" + path);
  assert.equal(r.status, 200, `${path}: ${r.text}`);
  return r.json;
}

// Every kind of request that Ava makes to Vapi; speed is one that the voice behind allows.
async function allOfVapi(a, speed) {
  await put(a, "credentials/vapi", vapiKey);
  assert.ok((await get(a, "vapi/settings")).settings.length > 0);
  for (const [key, value] of [["greeting_message", "Grüße \"here\" & there"], ["max_call_duration", 900], ["voice_speed", speed]]) {
    await put(a, "vapi/settings/" + key, { value });
    await get(a, "vapi/settings/" + key);
  }
}

// Without this a validator that sleeps would approve of everything. (Standing between, Prism refuses without a word in its log.)
async function assertAwake(prism, path, init) {
  const count = () => [prism.violations.length, prism.log.split("Forwarding").length];
  const [violations, forwarded] = count();
  const r = await fetch(prism.base + path, init);
  assert.ok(r.status >= 400, `a wrong request was let through: ${r.status}`);
  assert.ok(count()[0] > violations || (prism.verb === "proxy" && count()[1] === forwarded), prism.log);
}

// Repeated names of a form are an array by default (OpenAPI 3.0.3, Encoding Object); Prism 5.14 needs that written down.
function spelledOut(spec, folder) {
  const tree = JSON.parse(readFileSync(spec.path, "utf8"));
  for (const operation of Object.values(tree.paths).flatMap(Object.values))
    for (const form of Object.values(operation?.requestBody?.content ?? {}))
      for (const [name, { type }] of Object.entries(form.schema?.properties ?? {}))
        if (type === "array") (form.encoding ??= {})[name] = { style: "form", explode: true };
  const path = join(folder, "spec.json");
  writeFileSync(path, JSON.stringify(tree));
  return path;
}

// Vapi's document of 2026-08-20 calls the type of a backoffPlan an object, and gives texts as its values and example; the same
// of the numbers of its excludedStatusCodes.
function mended(spec, folder) {
  const tree = JSON.parse(readFileSync(spec.path, "utf8"));
  const plan = tree.components.schemas.BackoffPlan.properties;
  assert.equal(plan.type.type, "object");
  plan.type = { type: "string", enum: ["fixed", "exponential"] };
  plan.excludedStatusCodes.items = { type: "number" };
  const path = join(folder, "vapi.json");
  writeFileSync(path, JSON.stringify(tree));
  return path;
}

const to = "+33612345678";
const twiml = '<Response><Say>Grüße & "welcome"</Say></Response>';

// The provider was asked: on a slow machine Ava answers (202) before it was.
const tried = (a, op) => until(async () => ["unknown", "succeeded"].includes((await get(a, "operations/" + op.id)).status), { what: `${op.kind} is tried` });

// Placing what Ava makes at Twilio: the answer, 201 or 202.
async function post(a, path, body) {
  const r = await a.call("/api/v1/" + path, { method: "POST", body });
  assert.ok([200, 201, 202].includes(r.status), `${path}: ${r.text}`);
  return r;
}

const wrongVapi = ["/assistant/" + assistant, { method: "PATCH", headers: { Authorization: "Bearer abcdefgh", "Content-Type": "application/json" }, body: '{"maxDurationSeconds":5,"bogus":1}' }];
const wrongTwilio = [`/2010-04-01/Accounts/${sid}/IncomingPhoneNumbers.json?PageSize=many`, { headers: { Authorization: "Basic " + Buffer.from("a:b").toString("base64") } }];

describe("Prism plays Vapi", { skip: skip(vapiSpec) }, () => {
  let prism, a;
  before(async () => {
    prism = await Prism.start("mock", vapiSpec.path);
    a = await serveHeadless({ VAPI_BASE_URL: prism.base, TWILIO_BASE_URL: elsewhere });
  });
  after(async () => {
    await a?.remove();
    await prism?.stop();
  });

  test("and accepts every request of Ava's", async () => {
    await allOfVapi(a, 1);
    const made = await post(a, "assistants", { name: "By Prism", voice: { provider: "openai", voiceId: "alloy" } });
    assert.equal(made.status, 201, made.text);
    await get(a, "assistants?limit=3");
    assert.deepEqual(prism.violations.filter((v) => /request/.test(v)), []);
    assert.ok(prism.requests(/patch/i) >= 3, prism.log);
    assert.ok(prism.requests(/get/i) >= 5, prism.log);
  });

  test("and would have noticed a wrong one", () => assertAwake(prism, ...wrongVapi));
});

describe("Prism plays Twilio", { skip: skip(twilioSpec) }, () => {
  let prism, a;
  before(async () => {
    prism = await Prism.start("mock", twilioSpec.path);
    a = await serveHeadless({ TWILIO_BASE_URL: prism.base, VAPI_BASE_URL: elsewhere });
  });
  after(async () => {
    await a?.remove();
    await prism?.stop();
  });

  test("and accepts every request of Ava's", async () => {
    await put(a, "credentials/twilio", twilioKey);
    assert.ok(Array.isArray((await get(a, "twilio/numbers?limit=1")).numbers));
    await post(a, "twilio/messages", { to, from: "+14155552345", body: "Grüße & 100%", media_urls: ["https://example.com/a.png", "https://example.com/b.png?c=d"] });
    await post(a, "twilio/calls", { to, from: "+14155552345", twiml });
    await post(a, "twilio/calls", { to, from: "+14155552345", url: "https://example.com/twiml?a=b" });
    assert.ok((await get(a, "twilio/numbers/available?country=US&area_code=415&contains=555&sms=true&voice=true&limit=2")).numbers);
    assert.ok(Array.isArray((await get(a, "recordings?since=2026-01-02T03:04:05Z&limit=2")).recordings));
    assert.equal(prism.requests(/post/i), 3, prism.log);
    assert.deepEqual(prism.violations.filter((v) => /request/.test(v)), []);
    assert.ok(prism.requests(/get/i) >= 3, prism.log);
  });

  test("and would have noticed a wrong one", () => assertAwake(prism, ...wrongTwilio));
});

// Now with the sandbox behind Prism, which refuses a wrong answer as well as a wrong request.
describe("Prism between Ava and the sandbox", { skip: skip(vapiSpec) || skip(twilioSpec) }, () => {
  let sandbox, demo;
  before(async () => {
    sandbox = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    demo = (await sandbox.call("/sandbox/api/credentials")).json;
  });
  after(() => sandbox?.remove());

  async function between(spec, target, urls, run) {
    const prism = await Prism.start("proxy", spec.path, target);
    try {
      const a = await serveHeadless(urls(prism.base));
      try {
        await run(a);
      } finally {
        await a.remove();
      }
      assert.deepEqual(prism.violations, []);
      return await (spec === vapiSpec ? assertAwake(prism, ...wrongVapi) : assertAwake(prism, ...wrongTwilio));
    } finally {
      await prism.stop();
    }
  }

  test("lets all of Vapi through", () =>
    between(vapiSpec, demo.vapi.base_url, (base) => ({ VAPI_BASE_URL: base, TWILIO_BASE_URL: elsewhere }), async (a) => {
      await allOfVapi(a, 1.1);
      const { settings } = await get(a, "vapi/settings");
      assert.deepEqual(settings.map((s) => s.value), ['Grüße "here" & there', 900, 1.1]);
    }));

  test("lets assistants through: made, listed, changed, taken back, looked for, removed", () =>
    between(vapiSpec, demo.vapi.base_url, (base) => ({ VAPI_BASE_URL: base, TWILIO_BASE_URL: elsewhere, CIRCUIT_BREAKER_ENABLED: "false", RATE_LIMIT_DEFAULT_PER_MINUTE: "10000" }), async (a) => {
      await put(a, "credentials/vapi", vapiKey);
      const one = (await post(a, "assistants", { name: "Grüße", firstMessage: "Hi.", voice: { provider: "openai", voiceId: "alloy", speed: 1 }, serverMessages: ["tool-calls"] })).json;
      assert.match(one.id, /^asst_/);
      const changed = await a.call("/api/v1/assistants/" + one.id, { method: "PATCH", body: { voice: { speed: 1.1 }, metadata: { shop: "north" } } });
      assert.deepEqual([changed.status, changed.json.version], [200, 2], changed.text);
      assert.equal((await post(a, `assistants/${one.id}/history/1/restore`)).json.config.voice.speed, 1);
      const seen = [];
      for (let cursor = ""; cursor !== null; ) {
        const page = await get(a, "assistants?limit=1" + (cursor && "&cursor=" + encodeURIComponent(cursor)));
        seen.push(...page.assistants.map((x) => x.name));
        cursor = page.next_cursor;
      }
      assert.deepEqual(seen, ["Grüße", "Front desk"]);
      assert.equal((await post(a, "assistants/import", { provider_ids: [assistant] })).json.assistants[0].in_use, true);
      // Made, but the answer is lost: found again by the mark in its metadata, five seconds later.
      await sandbox.fault({ provider: "vapi", fault: "cut", operation: "POST /assistant" });
      const lost = (await post(a, "assistants", { name: "Lost" })).json;
      await tried(a, lost);
      await sandbox.fault({ provider: "vapi", fault: "none" });
      await until(async () => (await get(a, "operations/" + lost.id)).status === "succeeded", { what: lost.kind });
      for (const id of [one.id, lost.object_id]) assert.equal((await a.call("/api/v1/assistants/" + id, { method: "DELETE" })).status, 204);
    }));

  test("lets all of Twilio through, page by page", () =>
    between(twilioSpec, demo.twilio.base_url, (base) => ({ TWILIO_BASE_URL: base, VAPI_BASE_URL: elsewhere }), async (a) => {
      await put(a, "credentials/twilio", twilioKey);
      const seen = [];
      for (let cursor = ""; cursor !== null; ) {
        const page = await get(a, "twilio/numbers?limit=1" + (cursor && "&cursor=" + encodeURIComponent(cursor)));
        seen.push(...page.numbers.map((n) => n.phone_number));
        cursor = page.next_cursor;
      }
      assert.equal(new Set(seen).size, 3);
    }));

  test("lets calls and texts through: placed, read, looked for, ended", () =>
    between(twilioSpec, demo.twilio.base_url, (base) => ({ TWILIO_BASE_URL: base, VAPI_BASE_URL: elsewhere, CIRCUIT_BREAKER_ENABLED: "false" }), async (a) => {
      await put(a, "credentials/twilio", twilioKey);
      const [{ phone_number: from }] = (await get(a, "twilio/numbers?limit=1")).numbers;
      const call = (await post(a, "twilio/calls", { to, from, twiml })).json;
      const text = (await post(a, "twilio/messages", { to, from, body: "Grüße", media_urls: ["https://example.com/a.png"] })).json;
      assert.match(call.provider_id, /^CA/);
      assert.equal((await get(a, "calls/" + call.id)).stale, undefined);
      assert.equal((await get(a, "messages/" + text.id)).stale, undefined);
      assert.equal((await post(a, `calls/${call.id}/end`)).json.status, "completed");
      // Carried out, but the answer is lost: found again by what it says, five seconds later.
      await sandbox.fault({ provider: "twilio", fault: "cut", operation: "POST /2010" });
      const lost = [(await post(a, "twilio/calls", { to: "+33612345679", from, twiml })).json, (await post(a, "twilio/messages", { to: "+33612345679", from, body: "Lost" })).json];
      for (const op of lost) await tried(a, op);
      await sandbox.fault({ provider: "twilio", fault: "none" });
      for (const op of lost) await until(async () => (await get(a, "operations/" + op.id)).status === "succeeded", { what: op.kind });
    }));

  const ended = (a, op) => until(async () => ((o) => ["succeeded", "failed"].includes(o.status) && o)(await get(a, "operations/" + op.id)), { what: op.kind });

  test("lets numbers through: looked for, bought, imported, given back; and recordings", () =>
    between(twilioSpec, demo.twilio.base_url, (base) => ({ TWILIO_BASE_URL: base, VAPI_BASE_URL: elsewhere }), async (a) => {
      await put(a, "credentials/twilio", twilioKey);
      const [offer] = (await get(a, "twilio/numbers/available?country=US&area_code=415&sms=true")).numbers;
      const bought = await post(a, "twilio/numbers", { phone_number: offer.phone_number, import: true });
      assert.equal(bought.json.number.calls_go_to, "ava", bought.text);
      const [one] = (await get(a, "twilio/numbers?limit=1")).numbers;
      // It led somewhere before: to unset an address Twilio takes an empty text, which its description does not foresee.
      const headers = { Authorization: "Basic " + Buffer.from(`${sid}:${twilioKey.auth_token}`).toString("base64") };
      const before = { VoiceUrl: "https://example.com/v", SmsUrl: "https://example.com/s", StatusCallback: "https://example.com/c" };
      await fetch(`${demo.twilio.base_url}/2010-04-01/Accounts/${sid}/IncomingPhoneNumbers/${one.provider_id}.json`, { method: "POST", headers, body: new URLSearchParams(before) });
      const o = await ended(a, (await post(a, "twilio/numbers/import", { numbers: [one.phone_number], overwrite: true })).json);
      assert.equal(o.status, "succeeded", JSON.stringify(o));
      const given = await a.call("/api/v1/twilio/numbers/" + o.result.numbers[0].id, { method: "DELETE" });
      assert.deepEqual([given.status, given.json.restored], [200, ["calls", "texts", "status"]], given.text);
      const call = (await post(a, "twilio/calls", { to, from: one.phone_number, twiml })).json;
      assert.deepEqual((await get(a, "recordings?call_id=" + call.id)).recordings, []);
    }));

  test("lets a number through to Vapi and back", () =>
    between(vapiSpec, demo.vapi.base_url, (base) => ({ VAPI_BASE_URL: base, TWILIO_BASE_URL: demo.twilio.base_url }), async (a) => {
      await put(a, "credentials/vapi", vapiKey);
      await put(a, "credentials/twilio", twilioKey);
      const [one] = (await get(a, "twilio/numbers?limit=1")).numbers;
      const o = await ended(a, (await post(a, "twilio/numbers/import", { numbers: [one.provider_id], vapi: true, overwrite: true })).json);
      assert.equal(o.status, "succeeded", JSON.stringify(o));
      const given = await a.call("/api/v1/twilio/numbers/" + o.result.numbers[0].id, { method: "DELETE" });
      assert.equal(given.status, 200, given.text);
    }));
});
