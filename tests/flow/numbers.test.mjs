// Bears company.
// Numbers: what the account has and could have, buying one, and bringing them into Ava's care: what is planned,
// what is warned of, what a crash or a refusal half way leaves behind, and the way back.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const STUDIO = "https://studio.example.com/flows/FW1?token=not-yours";
const HEAVY = { CACHE_TTL_SECONDS: "0", RATE_LIMIT_PER_MINUTE: "10000" };

// The account as Twilio and Vapi have it, past Ava.
class Outside {
  constructor(provider, keys) {
    this.provider = provider;
    Object.assign(this, keys);
    this.headers = { Authorization: "Basic " + Buffer.from(`${this.twilio.account_sid}:${this.twilio.auth_token}`).toString("base64") };
    this.account = `${this.twilio.base_url}/2010-04-01/Accounts/${this.twilio.account_sid}`;
  }
  numbers = async () => (await fetch(`${this.account}/IncomingPhoneNumbers.json?PageSize=1000`, { headers: this.headers }).then((r) => r.json())).incoming_phone_numbers;
  number = async (sid) => (await this.numbers()).find((n) => n.sid === sid);
  point = (sid, form) => fetch(`${this.account}/IncomingPhoneNumbers/${sid}.json`, { method: "POST", headers: this.headers, body: new URLSearchParams(form) }).then((r) => r.json());
  atVapi = () => fetch(`${this.vapi.base_url}/phone-number`, { headers: { Authorization: `Bearer ${this.vapi.api_key}` } }).then((r) => r.json());
}

// An Ava with accounts of its own at a sandbox that goes on when Ava does not.
async function house({ name, env = {} } = {}) {
  const provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
  const keys = (await provider.call("/sandbox/api/credentials", { key: null })).json;
  const settings = { env: { ...HEAVY, TWILIO_BASE_URL: keys.twilio.base_url, VAPI_BASE_URL: keys.vapi.base_url, ...env } };
  const a = await Ava.start(settings);
  await a.signUp();
  const twilio = { account_sid: keys.twilio.account_sid, auth_token: keys.twilio.auth_token };
  assert.equal((await a.call("/api/v1/credentials/twilio", { method: "PUT", body: twilio })).status, 200);
  const vapi = { api_key: keys.vapi.api_key, assistant_id: keys.vapi.assistant_id };
  assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: vapi })).status, 200);
  return { provider, a, settings, out: new Outside(provider, keys), name };
}

const list = async (a) => (await a.call("/api/v1/twilio/numbers")).json.numbers;
const operation = async (a, id) => (await a.call(`/api/v1/operations/${id}`)).json;
const ended = (a, id) => until(async () => {
  const o = await operation(a, id);
  return ["succeeded", "failed", "unconfirmed"].includes(o.status) && o;
}, { what: "the operation's end" });
const actions = async (a) => (await a.call("/api/v1/audit?limit=100")).json.entries.map((e) => e.action);
const importing = (a, body) => a.call("/api/v1/twilio/numbers/import", { body });
const states = (o) => o.steps.map((s) => `${s.step} ${s.state}`);

describe("bringing a number into Ava's care", { skip: missing }, () => {
  let h, a, out, first, second, third;
  before(async () => {
    h = await house();
    ({ a, out } = h);
    [first, second, third] = await out.numbers();
  });
  after(async () => {
    await a.remove();
    await h.provider.remove();
  });

  test("nobody's numbers are imported, and who answers is told", async () => {
    const [n] = await list(a);
    assert.equal(n.id, null);
    assert.equal(n.imported, false);
    assert.equal(n.calls_go_to, "nobody");
    assert.equal(n.provider_id, first.sid);
  });

  test("a dry run plans and changes nothing", async () => {
    const r = await importing(a, { numbers: [first.sid], dry_run: true });
    assert.equal(r.status, 200, r.text);
    const [plan] = r.json.plan;
    assert.equal(plan.number, first.phone_number);
    assert.equal(plan.is_blocked, false);
    assert.deepEqual(plan.steps.map((s) => s.step), ["remember", "point"]);
    assert.deepEqual(plan.steps[1].changes, ["voice_url", "sms_url", "status_callback"]);
    assert.deepEqual(plan.warnings, []);
    assert.equal((await out.number(first.sid)).voice_url, "");
    assert.equal((await list(a))[0].imported, false);
  });

  test("what is wrong is told at once, field by field", async () => {
    const strange = "PN" + "0".repeat(32);
    const r = await importing(a, { numbers: [first.sid, strange, "+33612345678", first.phone_number] });
    assert.equal(r.status, 422);
    assert.deepEqual(r.json.errors.map((e) => [e.field, e.code]), [["numbers[1]", "not_in_account"], ["numbers[2]", "not_in_account"], ["numbers[3]", "duplicate"]]);
    const bad = await importing(a, { numbers: ["front desk"], dry_run: "yes", sms_via_vapi: true, more: 1 });
    assert.deepEqual(bad.json.errors.map((e) => e.field).sort(), ["dry_run", "more", "numbers[0]", "sms_via_vapi"]);
    for (const numbers of [[], "x", Array(21).fill(first.sid)]) assert.equal((await importing(a, { numbers })).status, 422);
  });

  test("each step is told, the addresses are Ava's, and the audit log says so", async () => {
    const r = await importing(a, { numbers: [first.phone_number] });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.kind, "number.import");
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.deepEqual(states(o), ["remember done", "point done"]);
    assert.equal(o.steps[0].number, first.phone_number);
    const urls = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "twilio").urls;
    const n = await out.number(first.sid);
    assert.deepEqual([n.voice_url, n.sms_url, n.status_callback, n.voice_method], [urls.voice, urls.message, urls.status, "POST"]);
    const [shown] = await list(a);
    assert.match(shown.id, /^num_/);
    assert.match(shown.voice_url, /\/webhooks\/twilio\/\*\*\*\/voice#rc=/, "the token of an address is not for everybody");
    assert.equal(shown.id, o.result.numbers[0].id);
    assert.deepEqual([shown.imported, shown.calls_go_to, shown.texts_go_to], [true, "ava", "ava"]);
    const audit = await actions(a);
    assert.ok(audit.includes("number.point") && audit.includes("number.import"), audit.join());
  });

  test("the same again changes nothing", async () => {
    const before = await out.number(first.sid);
    const o = await ended(a, (await importing(a, { numbers: [first.sid] })).json.id);
    assert.equal(o.status, "succeeded");
    assert.deepEqual(o.steps[1].detail, { changes: [] });
    assert.deepEqual(await out.number(first.sid), before);
  });

  test("another system's address is not taken without being told to", async () => {
    await out.point(second.sid, { VoiceUrl: STUDIO, SmsApplicationSid: "AP" + "1".repeat(32) });
    const plan = (await importing(a, { numbers: [second.sid], dry_run: true })).json.plan[0];
    assert.equal(plan.is_blocked, true);
    assert.deepEqual(plan.warnings.map((w) => [w.code, w.way, w.who]), [["leads_elsewhere", "calls", "studio.example.com"], ["leads_elsewhere", "texts", "an application of Twilio's"]]);
    assert.ok(!JSON.stringify(plan).includes("not-yours"), "its token is nobody's business");
    const refused = await importing(a, { numbers: [second.sid] });
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.json.errors.map((e) => [e.field, e.code]), [["numbers[0]", "leads_elsewhere"]]);
    assert.equal((await out.number(second.sid)).voice_url, STUDIO);
    assert.equal((await list(a)).find((n) => n.provider_id === second.sid).calls_go_to, "other");

    const o = await ended(a, (await importing(a, { numbers: [second.sid], overwrite: true })).json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.equal((await list(a)).find((n) => n.provider_id === second.sid).texts_go_to, "ava");
    // Once more: where it led before is not forgotten over that.
    assert.equal((await ended(a, (await importing(a, { numbers: [second.sid] })).json.id)).status, "succeeded");
  });

  test("a number that leaves leads again where it did, but not where somebody has led it since", async () => {
    const { id } = (await list(a)).find((n) => n.provider_id === second.sid);
    await out.point(second.sid, { StatusCallback: "https://newer.example.com/" });
    const r = await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(r.json, { id, restored: ["calls", "texts"], left: ["status"] });
    const n = await out.number(second.sid);
    assert.deepEqual([n.voice_url, n.sms_application_sid, n.sms_url, n.status_callback], [STUDIO, "AP" + "1".repeat(32), "", "https://newer.example.com/"]);
    assert.equal((await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" })).status, 404);
    assert.equal((await list(a)).find((x) => x.provider_id === second.sid).imported, false);
    assert.ok((await actions(a)).includes("number.release"));
  });

  test("with Vapi its assistant answers, while texts and states stay Ava's", async () => {
    const body = { numbers: [third.sid], vapi: true };
    const plan = (await importing(a, { ...body, dry_run: true })).json.plan[0];
    assert.deepEqual(plan.steps.map((s) => s.step), ["remember", "point", "vapi", "point_again"]);
    assert.deepEqual(plan.warnings.map((w) => w.code), ["vapi_takes_calls"]);
    const o = await ended(a, (await importing(a, body)).json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    const [there] = await out.atVapi();
    assert.equal(there.number, third.phone_number);
    assert.equal(there.smsEnabled, false);
    assert.equal(there.assistantId, h.out.vapi.assistant_id);
    assert.equal(there.twilioAuthToken, h.out.twilio.auth_token);
    const n = await out.number(third.sid);
    assert.match(n.voice_url, /^https:\/\/api\.vapi\.ai\//);
    assert.match(n.sms_url, /\/webhooks\/twilio\//);
    const shown = (await list(a)).find((x) => x.provider_id === third.sid);
    assert.deepEqual([shown.calls_go_to, shown.texts_go_to, shown.vapi_id], ["vapi", "ava", there.id]);
  });

  test("calls that Vapi makes count on the line of their number, by either id", async () => {
    const shown = (await list(a)).find((x) => x.provider_id === third.sid);
    const limits = `/api/v1/twilio/numbers/${shown.id}/limits`;
    const set = await a.call(limits, { method: "PUT", body: { daily_minutes: 30 } });
    assert.equal(set.status, 200, set.text);
    for (const from_number_id of [shown.id, shown.vapi_id]) {
      const made = await a.call("/api/v1/calls", { body: { to: "+33612345678", from_number_id } });
      assert.equal(made.status, 201, made.text);
      assert.deepEqual([made.json.from, made.json.from_number_id], [third.phone_number, shown.vapi_id]);
    }
    const now = (await a.call(limits)).json;
    assert.equal(now.daily_minutes, 30);
    assert.equal(now.today.calls_now, 2);
    const [other] = await list(a);
    const refused = await a.call("/api/v1/calls", { body: { to: "+33612345678", from_number_id: other.id } });
    assert.equal(refused.status, 422);
    assert.deepEqual(refused.json.errors.map((e) => [e.field, e.code]), [["from_number_id", "not_at_vapi"]]);
    assert.equal((await a.call("/api/v1/calls", { body: { to: "+33612345678", from_number_id: "num_" + "0".repeat(32) } })).status, 404);
  });

  test("a number at Vapi leaves it too when it leaves Ava", async () => {
    const { id } = (await list(a)).find((n) => n.provider_id === third.sid);
    const r = await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" });
    assert.deepEqual(r.json.restored, ["calls", "texts", "status"], r.text);
    assert.deepEqual(await out.atVapi(), []);
    const n = await out.number(third.sid);
    assert.deepEqual([n.voice_url, n.sms_url, n.status_callback], ["", "", ""]);
  });

  test("members read but do not change, and others see nothing of it", async () => {
    const [mine] = await list(a);
    const other = await a.newPerson("eve@example.com");
    for (const [path, method, body] of [[`/api/v1/twilio/numbers/${mine.id}`, "DELETE"], [`/api/v1/twilio/numbers/${mine.id}/limits`, "GET"], [`/api/v1/twilio/numbers/${mine.id}/limits`, "PUT", {}]]) {
      const r = await a.call(path, { method, body, key: other.key });
      const none = await a.call(path.replace(mine.id, "num_" + "0".repeat(32)), { method, body, key: other.key });
      assert.equal(r.status, 404, `${method} ${path}: ${r.text}`);
      assert.deepEqual([r.json.code, r.json.detail], [none.json.code, none.json.detail]);
    }
    // The sandbox lends its own account to whoever has none: in that one there is no such number.
    const taken = await a.call("/api/v1/twilio/numbers/import", { body: { numbers: ["PN" + "1".repeat(32)] }, key: other.key });
    assert.deepEqual([taken.status, taken.json.errors[0].code], [422, "not_in_account"]);
  });
});

describe("an import that fails half way", { skip: missing }, () => {
  let h, a, out, first, second, third;
  before(async () => {
    h = await house({ env: { CIRCUIT_BREAKER_ENABLED: "false" } });
    ({ a, out } = h);
    [first, second, third] = await out.numbers();
  });
  after(async () => {
    await a.remove();
    await h.provider.remove();
  });

  test("what Vapi refuses is put back as it was, alone, and the others stay", async () => {
    await out.point(second.sid, { VoiceUrl: STUDIO });
    await h.provider.fault({ provider: "vapi", fault: "status", status: 400, operation: "POST /phone-number", times: 1 });
    const r = await importing(a, { numbers: [second.sid, third.sid], vapi: true, overwrite: true });
    assert.equal(r.status, 202, r.text);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "failed");
    assert.match(o.problem.detail, new RegExp(`^\\${second.phone_number} was not imported: `));
    assert.deepEqual(states(o), ["remember undone", "point undone", "vapi failed", "point_again skipped", "remember done", "point done", "vapi done", "point_again done"]);
    const n = await out.number(second.sid);
    assert.deepEqual([n.voice_url, n.sms_url, n.status_callback], [STUDIO, "", ""]);
    const shown = await list(a);
    assert.deepEqual(shown.map((x) => x.imported), [false, false, true]);
    assert.ok((await actions(a)).includes("number.import_undone"));
    assert.equal((await out.atVapi()).length, 1);
  });

  test("an order that Vapi took without saying so is found there, and not given twice", async () => {
    await h.provider.fault({ provider: "vapi", fault: "cut", operation: "POST /phone-number", times: 1 });
    const r = await importing(a, { numbers: [second.sid], vapi: true, overwrite: true });
    await until(async () => (await operation(a, r.json.id)).status === "unknown", { what: "nobody to know" });
    await a.advance(6);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.equal((await out.atVapi()).filter((n) => n.number === second.phone_number).length, 1);
    const { id } = (await list(a))[1];
    assert.deepEqual((await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" })).json.restored, ["calls", "texts", "status"]);
    assert.equal((await out.number(second.sid)).voice_url, STUDIO);
    assert.equal((await out.atVapi()).length, 1);
  });

  test("what somebody emptied at Twilio stays empty when the number leaves, at Vapi or not", async () => {
    for (const vapi of [false, true]) {
      assert.equal((await ended(a, (await importing(a, { numbers: [second.sid], vapi, overwrite: true })).json.id)).status, "succeeded");
      await out.point(second.sid, { VoiceUrl: "" });
      const { id } = (await list(a)).find((n) => n.provider_id === second.sid);
      const { restored, left } = (await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" })).json;
      assert.deepEqual([restored, left], [["texts", "status"], ["calls"]], `vapi: ${vapi}`);
      assert.equal((await out.number(second.sid)).voice_url, "");
      await out.point(second.sid, { VoiceUrl: STUDIO });
    }
    assert.equal((await out.atVapi()).length, 1);
  });

  test("a Twilio that is away holds it up, and it goes on when it is back", async () => {
    await h.provider.fault({ provider: "twilio", fault: "status", status: 503, operation: "POST /2010" });
    const r = await importing(a, { numbers: [first.sid] });
    assert.equal(r.status, 202, r.text);
    const held = await until(async () => ((o) => o.status === "retrying" && o)(await operation(a, r.json.id)), { what: "waiting for Twilio" });
    assert.deepEqual(states(held), ["remember done", "point started"]);
    assert.ok(held.next_retry_in_seconds > 0);
    assert.equal((await list(a))[0].imported, false);
    assert.deepEqual((await importing(a, { numbers: [first.sid] })).json.errors.map((e) => e.code), ["in_progress"]);
    await h.provider.fault({ provider: "twilio", fault: "none" });
    await a.advance(31);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.equal((await list(a))[0].calls_go_to, "ava");
  });

  test("one that stays away is given up on after a quarter of an hour, and says what could not be put back", async () => {
    const { id } = (await list(a))[0];
    assert.equal((await a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" })).status, 200);
    await h.provider.fault({ provider: "twilio", fault: "status", status: 503, operation: "POST /2010" });
    const r = await importing(a, { numbers: [first.sid] });
    await until(async () => (await operation(a, r.json.id)).status === "retrying", { what: "waiting for Twilio" });
    await a.advance(16 * 60);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "failed");
    assert.deepEqual(states(o), ["remember undone", "point failed"]);
    assert.equal(o.problem.service, "twilio");
    await h.provider.fault({ provider: "twilio", fault: "none" });
    const again = await ended(a, (await importing(a, { numbers: [first.sid] })).json.id);
    assert.equal(again.status, "succeeded");
  });
});

describe("kill -9 in the middle of an import with Vapi", { skip: missing }, () => {
  let h, a, out;
  before(async () => {
    h = await house({ env: { CIRCUIT_BREAKER_ENABLED: "false" } });
    ({ a, out } = h);
  });
  after(async () => {
    await a.remove();
    await h.provider.remove();
  });

  test("the next process goes on where it was, and Vapi has the number once", async () => {
    const [first] = await out.numbers();
    // Vapi takes it, and its answer never comes.
    await h.provider.fault({ provider: "vapi", fault: "hang", operation: "POST /phone-number" });
    const r = await importing(a, { numbers: [first.sid], vapi: true });
    await until(async () => states(await operation(a, r.json.id)).includes("vapi started"), { what: "the order at Vapi" });
    await until(async () => (await h.provider.ledger()).hits.some((x) => x.path === "/phone-number" && x.method === "POST"), { what: "the order in Vapi's books" });
    const { key, port, data } = a;
    await a.stop("SIGKILL");
    await h.provider.fault({ provider: "vapi", fault: "none" });
    a = await Ava.start({ ...h.settings, data, port });
    a.key = key;
    // It had arrived after all: this is what Vapi would have.
    await fetch(`${out.vapi.base_url}/phone-number`, { method: "POST", headers: { Authorization: `Bearer ${out.vapi.api_key}`, "Content-Type": "application/json" }, body: JSON.stringify({ provider: "twilio", number: first.phone_number, twilioAccountSid: out.twilio.account_sid, twilioAuthToken: out.twilio.auth_token, smsEnabled: false }) });
    await a.advance(31);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.deepEqual(states(o), ["remember done", "point done", "vapi done", "point_again done"]);
    assert.equal((await out.atVapi()).length, 1);
    assert.equal((await list(a))[0].vapi_id, (await out.atVapi())[0].id);
  });
});

describe("buying a number", { skip: missing }, () => {
  let h, a, out;
  before(async () => {
    h = await house({ env: { CIRCUIT_BREAKER_ENABLED: "false" } });
    ({ a, out } = h);
  });
  after(async () => {
    await a.remove();
    await h.provider.remove();
  });
  const offered = async (query) => (await a.call(`/api/v1/twilio/numbers/available?${query}`)).json.numbers;
  const buy = (body, headers = {}) => a.call("/api/v1/twilio/numbers", { body, headers });

  test("what could be bought, by country, kind and digits", async () => {
    const local = await offered("country=US&area_code=212&limit=5");
    assert.equal(local.length, 5);
    assert.ok(local.every((n) => n.phone_number.startsWith("+1212") && n.country === "US"));
    assert.ok((await offered("country=US&sms=true")).every((n) => n.capabilities.sms));
    assert.ok((await offered("country=GB&type=mobile")).every((n) => n.phone_number.startsWith("+447")));
    assert.deepEqual(await offered("country=ZZ"), []);
    const wrong = await a.call("/api/v1/twilio/numbers/available?country=us&type=satellite&area_code=x&sms=maybe&contains=hello");
    assert.deepEqual(wrong.json.errors.map((e) => e.field).sort(), ["area_code", "contains", "country", "sms", "type"]);
  });

  test("buys one, says that it costs money, and with import it leads to Ava at once", async () => {
    const [n, next] = await offered("country=US&area_code=415");
    const plain = await buy({ phone_number: next.phone_number });
    assert.equal(plain.status, 201, plain.text);
    assert.deepEqual([plain.json.number.imported, plain.json.number.id], [false, null]);
    const r = await buy({ phone_number: n.phone_number, import: true });
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.notice, /charges/);
    assert.deepEqual([r.json.number.imported, r.json.number.calls_go_to, r.json.number.texts_go_to], [true, "ava", "ava"]);
    const shown = (await list(a)).find((x) => x.phone_number === n.phone_number);
    assert.equal(shown.id, r.json.number.id);
    const again = await buy({ phone_number: n.phone_number });
    assert.deepEqual([again.status, again.json.errors[0].code], [422, "owned"]);
    assert.ok((await actions(a)).includes("number.buy"));
    const wrong = await buy({ phone_number: "415", import: "yes", more: 1 });
    assert.deepEqual(wrong.json.errors.map((e) => e.field).sort(), ["import", "more", "phone_number"]);
  });

  test("an answer that never came is asked about, and nothing is bought twice", async () => {
    const [n] = await offered("country=US&area_code=646");
    await h.provider.fault({ provider: "twilio", fault: "cut", operation: "POST /2010" });
    const r = await buy({ phone_number: n.phone_number, import: true }, { "Idempotency-Key": "buy-646" });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.json.kind, "number.buy");
    await h.provider.fault({ provider: "twilio", fault: "none" });
    await a.advance(6);
    const o = await ended(a, r.json.id);
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    assert.equal((await out.numbers()).filter((x) => x.phone_number === n.phone_number).length, 1);
    const same = await buy({ phone_number: n.phone_number, import: true }, { "Idempotency-Key": "buy-646" });
    assert.equal(same.status, 201, same.text);
    assert.equal((await list(a)).find((x) => x.phone_number === n.phone_number).imported, true);
  });
});

describe("recordings", { skip: missing }, () => {
  let h, a, out;
  before(async () => {
    h = await house();
    ({ a, out } = h);
  });
  after(async () => {
    await a.remove();
    await h.provider.remove();
  });

  test("a call that was answered has one, heard through an address that ends", async () => {
    const from = (await list(a))[0].phone_number;
    const call = await a.call("/api/v1/twilio/calls", { body: { to: "+33612345678", from, twiml: "<Response><Say>Hello</Say></Response>" } });
    assert.equal(call.status, 201, call.text);
    const other = await a.call("/api/v1/twilio/calls", { body: { to: "+33612349902", from, twiml: "<Response/>" } });
    assert.deepEqual((await a.call("/api/v1/recordings")).json.recordings, []);
    await h.provider.advance(120);
    await a.advance(120);
    const recordings = (await a.call(`/api/v1/recordings?call_id=${call.json.id}`)).json.recordings;
    assert.equal(recordings.length, 1);
    assert.equal(recordings[0].call_id, call.json.id);
    assert.ok(recordings[0].duration_seconds > 0);
    assert.deepEqual((await a.call(`/api/v1/recordings?call_id=${other.json.id}`)).json.recordings, []);
    assert.equal((await a.call("/api/v1/recordings?call_id=call_nobodys")).status, 404);
    assert.deepEqual((await a.call(`/api/v1/recordings?since=${new Date(Date.now() + 86400e3).toISOString()}`)).json.recordings, []);

    const go = await a.call(`/api/v1/recordings/${recordings[0].id}/audio`);
    assert.equal(go.status, 302, go.text);
    const address = go.headers.get("location");
    assert.match(address, /^\/recordings\//);
    assert.ok(!go.text.includes(out.twilio.auth_token) && !address.includes(out.twilio.auth_token));
    const heard = await fetch(a.base + address);
    assert.equal(heard.status, 200);
    assert.equal(heard.headers.get("content-type"), "audio/mpeg");
    assert.equal(heard.headers.get("cache-control"), "no-store");
    const audio = new Uint8Array(await heard.arrayBuffer());
    assert.deepEqual([...audio.slice(0, 2)], [0xff, 0xfb]);
    assert.ok(audio.length > recordings[0].duration_seconds * 3000);

    const changed = address.replace(/RE(.)/, (_, c) => `RE${c === "0" ? "1" : "0"}`);
    for (const path of [changed, address.slice(0, -1) + (address.endsWith("0") ? "1" : "0"), "/recordings/x"]) assert.equal((await a.call(path, { key: null })).status, 404, path);
    await a.advance(61);
    assert.equal((await a.call(address, { key: null })).status, 404, "it was good for a minute");
    const eve = await a.newPerson("eve@example.com");
    assert.equal((await a.call(`/api/v1/recordings?call_id=${call.json.id}`, { key: eve.key })).status, 404);
    assert.equal((await a.call("/api/v1/recordings/RE1/audio")).status, 404);
  });
});
