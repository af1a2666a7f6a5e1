// The providers' own SDKs drive the sandbox: where they are content, its shapes are right.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing } from "../lib/ava.mjs";
import { lacks, twilioAt, vapiAt } from "./peers.mjs";

let a, demo;
const begin = async () => {
  a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
  demo = (await a.call("/sandbox/api/credentials")).json;
};
const end = () => a?.remove();

describe("@vapi-ai/server-sdk", { skip: missing || lacks("@vapi-ai/server-sdk") }, () => {
  let vapi;
  before(async () => {
    await begin();
    vapi = vapiAt(demo.vapi.base_url, demo.vapi.api_key);
  });
  after(end);

  test("reads the demo assistant", async () => {
    const one = await vapi.assistants.get({ id: demo.vapi.assistant_id });
    assert.equal(one.maxDurationSeconds, 600);
    assert.equal(one.voice.provider, "11labs");
    assert.ok(one.firstMessage && one.orgId && one.createdAt);
  });

  test("makes, lists, changes and removes one", async () => {
    const made = await vapi.assistants.create({ name: "By the SDK", firstMessage: "Hi.", voice: { provider: "openai", voiceId: "alloy", speed: 2 } });
    assert.match(made.id, /^[0-9a-f-]{36}$/);
    const list = await vapi.assistants.list({ limit: 10 });
    assert.deepEqual(list.map((x) => x.id), [made.id, demo.vapi.assistant_id]);
    assert.deepEqual((await vapi.assistants.list({ createdAtLt: made.createdAt })).map((x) => x.id), [demo.vapi.assistant_id]);
    const changed = await vapi.assistants.update({ id: made.id, maxDurationSeconds: 1200 });
    assert.equal(changed.maxDurationSeconds, 1200);
    assert.equal(changed.firstMessage, "Hi.");
    assert.ok(changed.updatedAt > made.updatedAt);
    assert.equal((await vapi.assistants.delete({ id: made.id })).id, made.id);
    await assert.rejects(vapi.assistants.get({ id: made.id }), (e) => e.statusCode === 404 && e.body.message === "Assistant not found");
    await assert.rejects(vapi.assistants.delete({ id: demo.vapi.assistant_id }), (e) => e.statusCode === 409 && e.body.error === "assistant_pinned");
  });

  test("pages through those of one time, and keeps what it is told to keep", async () => {
    const made = [];
    for (let i = 0; i < 3; i++) made.unshift(await vapi.assistants.create({ name: `Page ${i}`, metadata: { i }, server: { url: "https://example.com/vapi", headers: { a: "b" }, backoffPlan: { type: "exponential", maxRetries: 5, baseDelaySeconds: 1 } } }));
    const [first] = await vapi.assistants.list({ limit: 1 });
    assert.equal(first.id, made[0].id);
    assert.deepEqual((await vapi.assistants.list({ createdAtLe: made[1].createdAt, createdAtGe: made[2].createdAt })).map((x) => x.id).filter((id) => id !== made[0].id), [made[1].id, made[2].id]);
    assert.deepEqual([first.server.backoffPlan.maxRetries, first.server.headers, first.metadata], [5, { a: "b" }, { i: 2 }]);
    for (const one of made) await vapi.assistants.delete({ id: one.id });
  });

  test("imports a number of Twilio's, which rewrites it there, and lets it go", async () => {
    const at = twilioAt(demo.twilio.base_url, demo.twilio.account_sid, demo.twilio.auth_token);
    const [first, second] = await at.incomingPhoneNumbers.list({ limit: 2 });
    const order = { provider: "twilio", number: first.phoneNumber, twilioAccountSid: demo.twilio.account_sid, twilioAuthToken: demo.twilio.auth_token, name: "Front desk", smsEnabled: false };
    const made = await vapi.phoneNumbers.create(order);
    assert.deepEqual([made.number, made.provider, made.status], [first.phoneNumber, "twilio", "active"]);
    const there = await at.incomingPhoneNumbers(first.sid).fetch();
    assert.match(there.voiceUrl, /^https:\/\/api\.vapi\.ai\//);
    assert.equal(there.smsUrl, "");
    await assert.rejects(vapi.phoneNumbers.create(order), (e) => e.statusCode === 400 && /Identical/.test(e.body.message));
    const both = await vapi.phoneNumbers.create({ ...order, number: second.phoneNumber, name: undefined, smsEnabled: undefined });
    assert.match((await at.incomingPhoneNumbers(second.sid).fetch()).smsUrl, /vapi/);
    assert.deepEqual((await vapi.phoneNumbers.list()).map((n) => n.id), [both.id, made.id]);
    const mine = await vapi.assistants.create({ name: "On the phone" });
    const changed = await vapi.phoneNumbers.update({ id: made.id, body: { provider: "twilio", assistantId: mine.id, name: "Desk" } });
    assert.deepEqual([changed.assistantId, changed.name], [mine.id, "Desk"]);
    await assert.rejects(vapi.assistants.delete({ id: mine.id }), (e) => e.statusCode === 409);
    for (const one of [made, both]) assert.equal((await vapi.phoneNumbers.delete({ id: one.id })).id, one.id);
    await vapi.assistants.delete({ id: mine.id });
    await assert.rejects(vapi.phoneNumbers.get({ id: made.id }), (e) => e.statusCode === 404);
    await assert.rejects(vapi.phoneNumbers.create({ ...order, number: "+15550000000" }), (e) => e.statusCode === 400);
  });

  test("is refused as Vapi refuses", async () => {
    await assert.rejects(vapi.assistants.update({ id: demo.vapi.assistant_id, maxDurationSeconds: 5 }), (e) => e.statusCode === 400 && Array.isArray(e.body.message));
    await assert.rejects(vapi.assistants.update({ id: demo.vapi.assistant_id, voice: { provider: "11labs", voiceId: "sarah", speed: 0.5 } }), (e) => /speed must not be less than 0\.7/.test(e.body.message));
    await assert.rejects(vapiAt(demo.vapi.base_url, "wrong-key-0001").assistants.list(), (e) => e.statusCode === 401 && e.body.error === "Unauthorized");
  });

  test("meets every fault as its own kind of error", async () => {
    const quick = { maxRetries: 0, timeoutInSeconds: 1 };
    const read = () => vapi.assistants.get({ id: demo.vapi.assistant_id }, quick);
    await a.fault({ provider: "vapi", fault: "status", status: 429, retry_after: "1", times: 1 });
    await assert.rejects(read(), (e) => e.statusCode === 429 && e.rawResponse.headers.get("retry-after") === "1");
    for (const fault of ["reset", "truncated", "hang"]) {
      await a.fault({ provider: "vapi", fault, times: 1 });
      await assert.rejects(read(), undefined, fault);
    }
    await a.fault({ provider: "vapi", fault: "malformed", times: 1 });
    assert.equal((await read()).error.reason, "non-json"); // it does not throw at this
    await a.fault({ provider: "vapi", fault: "latency", latency_ms: 300, times: 1 });
    const began = Date.now();
    await read();
    assert.ok(Date.now() - began >= 290);
  });

  test("a fault for one key leaves the others alone", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 500, credential: "0002", operation: "GET /assistant" });
    const other = vapiAt(demo.vapi.base_url, "some-other-key-0002");
    await assert.rejects(other.assistants.list({}, { maxRetries: 0 }), (e) => e.statusCode === 500);
    await other.assistants.create({ name: "Made all the same" });
    assert.ok((await vapi.assistants.list()).length >= 1);
    await a.fault({ provider: "vapi", fault: "none" });
  });
});

describe("twilio", { skip: missing || lacks("twilio") }, () => {
  let twilio;
  before(async () => {
    await begin();
    twilio = twilioAt(demo.twilio.base_url, demo.twilio.account_sid, demo.twilio.auth_token);
  });
  after(end);

  test("reads the account", async () => {
    const account = await twilio.api.v2010.accounts(demo.twilio.account_sid).fetch();
    assert.equal(account.status, "active");
    assert.equal(account.sid, demo.twilio.account_sid);
    assert.ok(account.dateCreated instanceof Date && !Number.isNaN(+account.dateCreated));
  });

  test("walks the numbers one page at a time", async () => {
    const all = await twilio.incomingPhoneNumbers.list({ pageSize: 1 });
    assert.equal(all.length, 3);
    assert.equal(new Set(all.map((n) => n.phoneNumber)).size, 3);
    for (const n of all) assert.match(n.phoneNumber, /^\+1\d{3}555\d{4}$/);
    const { counts } = await a.ledger();
    assert.ok(counts.twilio >= 4);
    let page = await twilio.incomingPhoneNumbers.page({ pageSize: 2 });
    assert.equal(page.instances.length, 2);
    page = await page.nextPage();
    assert.equal(page.instances[0].sid, all[2].sid);
    assert.equal(await page.nextPage(), undefined);
    assert.equal((await (await page.previousPage()).nextPage()).instances[0].sid, all[2].sid);
    assert.deepEqual((await twilio.incomingPhoneNumbers.list({ phoneNumber: all[1].phoneNumber })).map((n) => n.sid), [all[1].sid]);
  });

  test("points a number elsewhere", async () => {
    const [first] = await twilio.incomingPhoneNumbers.list({ limit: 1 });
    const changed = await twilio.incomingPhoneNumbers(first.sid).update({ voiceUrl: "https://ava.example.com/voice?a=1&b=2", voiceMethod: "POST", friendlyName: "Grüße & co" });
    assert.equal(changed.voiceUrl, "https://ava.example.com/voice?a=1&b=2");
    assert.equal((await twilio.incomingPhoneNumbers(first.sid).fetch()).friendlyName, "Grüße & co");
  });

  test("looks for numbers, buys one, and hears a recording", async () => {
    const mine = twilioAt(demo.twilio.base_url, "AC" + "b".repeat(32), "0123456789abcdef"); // an account of its own
    const found = await mine.availablePhoneNumbers("US").local.list({ areaCode: 512, smsEnabled: true, limit: 3 });
    assert.equal(found.length, 3);
    assert.ok(found.every((n) => n.phoneNumber.startsWith("+1512") && n.capabilities.SMS));
    assert.equal((await mine.availablePhoneNumbers("GB").mobile.list({ limit: 1 })).length, 1);
    await assert.rejects(mine.availablePhoneNumbers("ZZ").local.list(), (e) => e.status === 404);
    const bought = await mine.incomingPhoneNumbers.create({ phoneNumber: found[0].phoneNumber, voiceUrl: "https://ava.example.com/voice" });
    assert.deepEqual([bought.phoneNumber, bought.voiceUrl], [found[0].phoneNumber, "https://ava.example.com/voice"]);
    await assert.rejects(mine.incomingPhoneNumbers.create({ phoneNumber: found[0].phoneNumber }), (e) => e.status === 400 && e.code === 21422);
    const call = await mine.calls.create({ to: "+33612345678", from: bought.phoneNumber, twiml: "<Response/>" });
    await a.advance(120);
    const [recording] = await mine.recordings.list({ callSid: call.sid });
    assert.ok(recording.dateCreated instanceof Date && Number(recording.duration) > 0);
    assert.equal((await mine.recordings(recording.sid).fetch()).callSid, call.sid);
  });

  test("calls somebody, looks it up and hangs up", async () => {
    const [{ phoneNumber: from }] = await twilio.incomingPhoneNumbers.list({ limit: 1 });
    const call = await twilio.calls.create({ to: "+33612345678", from, twiml: "<Response/>", timeLimit: 60 });
    assert.deepEqual([call.status, call.direction, call.to, call.from], ["queued", "outbound-api", "+33612345678", from]);
    await a.advance(5);
    const live = await twilio.calls(call.sid).fetch();
    assert.equal(live.status, "in-progress");
    assert.ok(live.startTime instanceof Date);
    const since = new Date(live.startTime - 60_000), later = new Date(+live.startTime + 60_000);
    assert.deepEqual((await twilio.calls.list({ to: "+33612345678", startTimeAfter: since })).map((c) => c.sid), [call.sid]);
    assert.deepEqual(await twilio.calls.list({ startTimeAfter: later }), []);
    assert.deepEqual((await twilio.calls.list({ status: "in-progress" })).map((c) => c.sid), [call.sid]);
    const ended = await twilio.calls(call.sid).update({ status: "completed" });
    assert.equal(ended.status, "completed");
    assert.ok(Number(ended.duration) >= 0 && ended.endTime instanceof Date);
    assert.equal((await twilio.calls(call.sid).update({ status: "completed" })).endTime.getTime(), ended.endTime.getTime());
    await assert.rejects(twilio.calls.create({ to: "+1500", from, twiml: "<Response/>" }), (e) => e.status === 400 && e.code === 21211);
    await assert.rejects(twilio.calls.create({ to: "+33612345678", from: "+14155550199", twiml: "<Response/>" }), (e) => e.code === 21210);
    await assert.rejects(twilio.calls("CA" + "0".repeat(32)).fetch(), (e) => e.status === 404 && e.code === 20404);
  });

  test("writes to somebody and sees it delivered", async () => {
    const [{ phoneNumber: from }] = await twilio.incomingPhoneNumbers.list({ limit: 1 });
    const text = await twilio.messages.create({ to: "+33612345678", from, body: "Grüße, 你好", mediaUrl: ["https://example.com/a.png"] });
    assert.deepEqual([text.status, text.body, text.numMedia, text.dateSent], ["queued", "Grüße, 你好", "1", null]);
    await a.advance(3);
    const there = await twilio.messages(text.sid).fetch();
    assert.equal(there.status, "delivered");
    assert.deepEqual((await twilio.messages.list({ to: "+33612345678", dateSentAfter: new Date(there.dateSent - 60_000) })).map((m) => m.sid), [text.sid]);
    assert.deepEqual(await twilio.messages.list({ dateSentAfter: new Date(+there.dateSent + 60_000) }), []);
    for (let i = 0; i < 3; i++) await twilio.messages.create({ to: `+3361234567${i}`, from, body: `Text ${i}` });
    const all = await twilio.messages.list({ pageSize: 2 });
    assert.deepEqual(all.map((m) => m.body), ["Text 2", "Text 1", "Text 0", "Grüße, 你好"]);
    await assert.rejects(twilio.messages.create({ to: "+15005550004", from, body: "x" }), (e) => e.status === 400 && e.code === 21610);
    await assert.rejects(twilio.messages.create({ to: "+33612345678", from }), (e) => e.code === 21602);
  });

  test("is refused as Twilio refuses", async () => {
    await assert.rejects(twilio.incomingPhoneNumbers("PN" + "0".repeat(32)).fetch(), (e) => e.status === 404 && e.code === 20404 && e.moreInfo.endsWith("/20404"));
    const wrong = twilioAt(demo.twilio.base_url, demo.twilio.account_sid, "revoked-token-1");
    await assert.rejects(wrong.incomingPhoneNumbers.list(), (e) => e.status === 401 && e.code === 20003);
  });

  test("accounts have numbers of their own", async () => {
    const sid = "AC" + "7".repeat(32);
    const other = await twilioAt(demo.twilio.base_url, sid, "any-token-at-all").incomingPhoneNumbers.list();
    const mine = await twilio.incomingPhoneNumbers.list();
    assert.ok(other.every((n) => n.accountSid === sid && !mine.some((m) => m.sid === n.sid || m.phoneNumber === n.phoneNumber)));
  });

  test("meets every fault as its own kind of error", async () => {
    const read = () => twilio.incomingPhoneNumbers.list();
    await a.fault({ provider: "twilio", fault: "status", status: 429, times: 1 });
    await assert.rejects(read(), (e) => e.status === 429 && e.code === 20429);
    for (const fault of ["reset", "truncated", "malformed"]) {
      await a.fault({ provider: "twilio", fault, times: 1 });
      await assert.rejects(read(), undefined, fault);
    }
    assert.equal((await read()).length, 3);
  });
});
