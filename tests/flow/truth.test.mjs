// The truth about calls and texts, whatever providers tell of them, when they tell it, or that they no longer do: TRAFFIC 2.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { scriptedWorld, twilioCall, twilioText, vapiCall } from "../lib/scripted.mjs";
import { sign } from "../lib/twilio.mjs";

const TOKEN = "scripted-twilio-token";
const hex = (n) => n.toString(16).padStart(32, "0");
let n = 0;
const to = () => "+1500555" + String(++n).padStart(4, "0");

// What a test asks of the world again and again.
function asked(w) {
  const operation = async (id) => (await w.a.call(`/api/v1/operations/${id}`)).json;
  const calls = async (query = "") => (await w.a.call("/api/v1/calls?limit=100" + query)).json.calls;
  return {
    operation, calls,
    today: async () => (await w.a.call("/api/v1/limits")).json.today,
    limits: async (body) => assert.equal((await w.a.call("/api/v1/limits", { method: "PUT", body })).status, 200),
    call: async (id) => (await w.a.call(`/api/v1/calls/${id}`)).json,
    timeline: async (id) => (await w.a.call(`/api/v1/calls/${id}/timeline`)).json.entries.map((e) => e.text),
    settled: () => until(async () => (await w.a.call("/api/v1/events?status=received")).json.events.length === 0, { what: "no event left" }),
    told: (kind, params, query = "") => {
      const url = w.urls.twilio[kind].replace(/(?=#)/, query), pairs = Object.entries(params).flatMap(([k, v]) => [v].flat().map((one) => [k, one]));
      return w.a.call(url.slice(w.a.base.length), { key: null, method: "POST", raw: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, pairs, TOKEN) } });
    },
    over: async (id) => until(async () => ((c) => c.ended && c)((await w.a.call(`/api/v1/calls/${id}`)).json), { what: "the call is over" }),
  };
}

describe("calls at Vapi", { skip: missing, concurrency: 1 }, () => {
  let w, on;
  before(async () => {
    w = await scriptedWorld(Ava, { env: { CALL_CHECK_SECONDS: "1", CIRCUIT_BREAKER_ENABLED: "false" } });
    on = asked(w);
  });
  after(() => w.remove());
  const done = (id, more = {}) => w.server({ type: "status-update", status: "ended", endedReason: "customer-ended-call", call: { id }, ...more });
  const asHeld = (id) => w.vapi.on("GET", new RegExp(`^/call/${id}`), { json: { ...vapiCall({ id }), status: "in-progress" } });
  const place = async () => {
    const r = await w.call(to());
    assert.equal(r.status, 201, r.text);
    asHeld(r.json.provider_id);
    return r.json;
  };

  test("a word before the answer: one row, one call, and its line comes free", async () => {
    const id = "5b1d9c40-7777-4000-8000-00000000e101";
    w.vapi.once("POST", /^\/call$/, async () => {
      const r = await w.server({ type: "status-update", status: "in-progress", call: { id } });
      assert.equal(r.status, 200, r.text);
      await until(async () => (await w.a.call("/api/v1/events?status=retrying")).json.events.length === 1, { what: "it waits" });
      assert.equal((await on.calls()).filter((c) => c.provider_id === id).length, 0, "no row of its own meanwhile");
      return { status: 201, json: vapiCall({ id }), after: 300 };
    });
    asHeld(id);
    const r = await w.call(to());
    assert.equal(r.status, 201, r.text);
    assert.equal(r.json.provider_id, id);
    await until(async () => (await on.call(r.json.id)).status === "in-progress", { what: "what was told before counts" });
    assert.deepEqual((await on.calls()).filter((c) => c.provider_id === id).map((c) => [c.id, c.direction]), [[r.json.id, "outbound"]]);
    await done(id);
    await on.over(r.json.id);
    await until(async () => (await on.today()).calls_now === 0, { what: "its line is free" });
  });

  test("an id that only a late answer explains is one call all the same", async () => {
    const id = "5b1d9c40-7777-4000-8000-00000000e102";
    w.vapi.once("POST", /^\/call$/, { status: 201, body: "<html>cut" });
    const r = await w.call(to());
    assert.equal(r.status, 202, r.text);
    await w.server({ type: "status-update", status: "in-progress", call: { id, type: "outboundPhoneCall" } });
    await until(async () => (await on.calls()).some((c) => c.provider_id === id), { what: "a row of its own" });
    w.vapi.once("GET", /^\/call\?/, { json: [{ ...vapiCall({ id }), status: "in-progress", assistantOverrides: { metadata: { ava_op: r.json.id } } }] });
    asHeld(id);
    await w.a.advance(6);
    await until(async () => (await on.operation(r.json.id)).status === "succeeded", { what: "the look-up" });
    assert.deepEqual((await on.calls()).filter((c) => c.provider_id === id).map((c) => c.operation_id), [r.json.id]);
    await done(id);
  });

  test("a bill after the fact is booked, and a correction with it", async () => {
    await on.limits({ daily_cost_cents: 10000 });
    const call = await place();
    const report = (cost) => w.server({ type: "end-of-call-report", endedReason: "customer-ended-call", startedAt: "2026-11-20T10:00:00.000Z", endedAt: "2026-11-20T10:01:20.000Z", cost, call: { id: call.provider_id, type: "outboundPhoneCall" } });
    await report(0);
    await on.settled();
    assert.equal((await on.call(call.id)).cost, null, "nothing is no bill of a call that talked");
    const reserved = (await on.today()).cost_micros_reserved;
    assert.ok(reserved > 0, "the reserve stays");
    await report(1.25);
    await until(async () => (await on.call(call.id)).cost?.amount_micros === 1_250_000, { what: "the bill" });
    assert.equal((await on.today()).cost_micros_used, 1_250_000);
    await report(1.5);
    await until(async () => (await on.today()).cost_micros_used === 1_500_000, { what: "the correction" });
    await on.limits({ daily_cost_cents: null });
  });

  test("one that Vapi no longer knows is over after the second time a minute apart", async () => {
    await on.limits({ daily_cost_cents: 100000, concurrent_calls: 1 });
    const used = (await on.today()).cost_micros_used;
    const call = await place();
    const reserved = (await on.today()).cost_micros_reserved;
    const waits = await w.call(to());
    assert.equal(waits.json.status, "queued");
    w.vapi.on("GET", new RegExp(`^/call/${call.provider_id}`), { status: 404, json: { message: "not found" } });
    await w.a.advance(3);
    await until(async () => w.vapi.count("GET", new RegExp(`^/call/${call.provider_id}`)) >= 1, { what: "it was asked" });
    assert.equal((await on.today()).calls_now, 1, "once is no proof");
    assert.equal((await on.operation(waits.json.id)).status, "queued");
    await w.a.advance(62);
    const gone = await on.over(call.id);
    assert.deepEqual([gone.status, gone.ended_reason], ["ended", "no-longer-known"]);
    assert.match(gone.ended.text, /no longer knows/);
    await until(async () => (await on.operation(waits.json.id)).status === "succeeded", { what: "whoever waited was dialled" });
    const now = await on.today();
    assert.ok(now.cost_micros_used - used > 0 && now.cost_micros_used - used <= reserved, "the reserve is booked as an estimate");
    const next = (await on.operation(waits.json.id)).result;
    await done(next.provider_id);
    await on.limits({ daily_cost_cents: null, concurrent_calls: null });
  });

  test("one that Vapi did not know for a moment keeps its line", async () => {
    await on.limits({ concurrent_calls: 1 });
    const call = await place();
    const waits = await w.call(to());
    w.vapi.once("GET", new RegExp(`^/call/${call.provider_id}`), { status: 404, json: { message: "not found" } });
    await w.a.advance(3);
    await until(async () => w.vapi.count("GET", new RegExp(`^/call/${call.provider_id}`)) >= 2, { what: "it was asked again" });
    await w.a.advance(62);
    await until(async () => w.vapi.count("GET", new RegExp(`^/call/${call.provider_id}`)) >= 3, { what: "and again" });
    assert.equal((await on.operation(waits.json.id)).status, "queued");
    await done(call.provider_id);
    await until(async () => (await on.operation(waits.json.id)).status === "succeeded", { what: "the next one" });
    await done((await on.operation(waits.json.id)).result.provider_id);
    await on.limits({ concurrent_calls: null });
  });

  for (const [what, tell] of [
    ["not-found", (id) => w.server({ type: "status-update", status: "not-found", call: { id } })],
    ["deletion-failed", (id) => w.server({ type: "status-update", status: "deletion-failed", call: { id } })],
    ["call.deleted", (id) => w.server({ type: "call.deleted", call: { id } })],
  ])
    test(`${what} ends a call`, async () => {
      const call = await place();
      assert.equal((await tell(call.provider_id)).status, 200);
      assert.equal((await on.over(call.id)).ended_reason, what);
      await until(async () => (await on.today()).calls_now === 0, { what: "its line" });
    });

  test("one of which nobody ever tells ends when no call lasts longer", async () => {
    const call = await place();
    await w.a.advance(43200 + 700);
    assert.equal((await on.over(call.id)).ended_reason, "never-told");
  });

  test("ending one that cannot be ended yet is promised, and done at its first word", async () => {
    const r = await w.call(to());
    const id = r.json.provider_id, call = new RegExp(`^/call/${id}`);
    const there = (status, more = {}) => w.vapi.on("GET", call, { json: { ...vapiCall({ id }), status, ...more } });
    there("ringing");
    const ending = await w.a.call(`/api/v1/calls/${r.json.id}/end`, { method: "POST" });
    assert.equal(ending.status, 202, ending.text);
    assert.equal(ending.json.is_ending, true);
    let ended = false;
    w.vapi.on("POST", /^\/control$/, () => (there("ended", { endedReason: "manually-canceled", endedAt: new Date().toISOString() }), (ended = true), { json: {} }));
    there("in-progress", { monitor: { controlUrl: `${w.vapi.base}/control` } });
    await w.server({ type: "status-update", status: "in-progress", call: { id, type: "outboundPhoneCall" } });
    await until(() => ended, { what: "it was ended" });
    await on.over(r.json.id);
    const texts = await until(async () => ((all) => all.some((t) => /ended the call\.$/.test(t)) && all)(await on.timeline(r.json.id)), { what: "it is told" });
    assert.ok(texts.some((t) => /asked to end the call/.test(t)), texts.join("\n"));
  });

  test("other shapes of a call say the same", async () => {
    const carrier = "CA" + hex(21), id = "shape-21";
    assert.equal((await w.server({ type: "status-update", status: "in-progress", timestamp: "2026-11-20T08:00:00Z", phoneNumber: { number: "+15005550006" }, call: { id, squadId: "s1", customer: { sipUri: "sip:bo@example.org" }, transport: { callSid: carrier } } })).status, 200);
    const call = await until(async () => (await on.calls()).find((c) => c.provider_id === id), { what: "the call" });
    assert.deepEqual([call.from, call.to, call.carrier_id, call.started_at, call.direction], ["sip:bo@example.org", "+15005550006", carrier, "2026-11-20T08:00:00.000Z", "inbound"]);
    assert.equal((await on.today()).calls_now, 1, "and takes a line");
    await done(id);
    await on.over(call.id);
  });
});

describe("calls and texts at Twilio", { skip: missing, concurrency: 1 }, () => {
  let w, on;
  before(async () => {
    w = await scriptedWorld(Ava, { env: { CALL_CHECK_SECONDS: "5", CIRCUIT_BREAKER_ENABLED: "false" } });
    on = asked(w);
  });
  after(() => w.remove());
  const dial = (body = {}) => w.a.call("/api/v1/twilio/calls", { body: { to: to(), from: "+15005550006", url: "https://example.org/voice.xml", ...body } });
  const message = async (id) => (await w.a.call(`/api/v1/messages/${id}`)).json;

  test("a word before the answer: one row", async () => {
    const sid = "CA" + hex(0xe1);
    w.twilio.once("POST", /\/Calls\.json$/, async (r) => {
      assert.equal((await on.told("status", { CallSid: sid, CallStatus: "initiated", To: "+15005550141", From: "+15005550006" })).status, 200);
      return { status: 201, json: twilioCall(new URLSearchParams(r.body), { sid }), after: 300 };
    });
    const r = await dial();
    assert.equal(r.status, 201, r.text);
    await on.settled();
    await w.a.advance(2);
    await until(async () => (await w.a.call("/api/v1/events?status=retrying")).json.events.length === 0, { what: "it waited no longer" });
    assert.deepEqual((await on.calls()).filter((c) => c.provider_id === sid).map((c) => c.id), [r.json.id]);
    await on.told("status", { CallSid: sid, CallStatus: "completed", CallDuration: "5" });
    await on.over(r.json.id);
  });

  // Twilio performs and cuts: what its list shows then.
  const cut = async (kind, rows, order) => {
    const path = kind === "text" ? /\/Messages\.json$/ : /\/Calls\.json$/;
    let form;
    w.twilio.once("POST", path, (r) => ((form = new URLSearchParams(r.body)), { status: 201, body: "{" }));
    const r = await order();
    assert.equal(r.status, 202, r.text);
    w.twilio.on("GET", kind === "text" ? /\/Messages\.json\?/ : /\/Calls\.json\?/, () => ({ json: { [kind === "text" ? "messages" : "calls"]: rows(form), next_page_uri: null } }));
    await w.a.advance(6);
    await until(() => w.twilio.count("GET", kind === "text" ? /\/Messages\.json\?/ : /\/Calls\.json\?/) > 0, { what: "it was looked for" });
    return r.json;
  };
  const state = (id) => on.operation(id).then((o) => o.status);

  test("a text is found behind the words of a trial account", async () => {
    const op = await cut("text", (form) => [twilioText(form, { body: "Sent from your Twilio trial account - " + form.get("Body") })], () => w.text(to(), { body: "Bring the blue folder" }));
    await until(async () => (await state(op.id)) === "succeeded", { what: "it was found" });
  });

  test("of a call between two own numbers the one that went out is ours", async () => {
    const op = await cut("call", (form) => [twilioCall(form, { direction: "inbound" }), twilioCall(form)], () => dial());
    await until(async () => (await state(op.id)) === "succeeded", { what: "it was found" });
  });

  test("one that came in is never taken for ours, and absence is no proof for an hour", async () => {
    await on.limits({ concurrent_calls: 1 });
    for (const c of await on.calls()) if (!c.ended && c.provider_id) await on.told("status", { CallSid: c.provider_id, CallStatus: "completed" });
    await until(async () => (await on.today()).calls_now === 0, { what: "no line is taken" });
    const op = await cut("call", (form) => [twilioCall(form, { direction: "inbound" })], () => dial());
    assert.equal(await state(op.id), "unknown");
    for (let minute = 0; minute < 20; minute++) await w.a.advance(60);
    await until(async () => (await state(op.id)) === "unconfirmed", { what: "Ava gave up asking" });
    for (let round = 0; round < 2; round++) {
      const before = w.twilio.count("GET", /\/Calls\.json\?/);
      await w.a.advance(6);
      await until(() => w.twilio.count("GET", /\/Calls\.json\?/) > before, { what: "and asks for the line's sake" });
    }
    assert.equal((await on.today()).calls_now, 1, "line and minutes stay held");
    assert.equal((await dial()).json.status, "queued");
    const asked = w.twilio.seen.length;
    await w.a.advance(3600);
    await until(async () => (await on.today()).calls_waiting === 0, { what: "an hour later it is free" });
    assert.ok(w.twilio.seen.slice(asked).some((r) => /\/Calls\.json\?/.test(r.path) && !/StartTime/.test(r.path)), "asked for all of these numbers");
    await on.limits({ concurrent_calls: null });
  });

  test("a failure stands over delivered, with its code; a code once told stays; an unknown word is shown", async () => {
    const sent = (await w.text(to())).json;
    const tell = async (MessageStatus, more = {}) => {
      assert.equal((await on.told("message_status", { MessageSid: sent.provider_id, MessageStatus, ...more })).status, 200);
      await on.settled();
    };
    await tell("warbled");
    assert.equal((await message(sent.id)).status, "warbled");
    await tell("delivered");
    await tell("undelivered", { ErrorCode: "30003" });
    let now = await message(sent.id);
    assert.deepEqual([now.status, /30003/.test(now.error)], ["undelivered", true]);
    await tell("read");
    now = await message(sent.id);
    assert.deepEqual([now.status, /30003/.test(now.error)], ["undelivered", true]);
    const other = (await w.text(to())).json;
    await on.told("message_status", { MessageSid: other.provider_id, MessageStatus: "failed", ErrorCode: "63016" });
    await on.settled();
    assert.match((await message(other.id)).error, /24 hours.*template.*63016/);
  });

  test("senders of every channel are kept as they are", async () => {
    for (const [From, channel] of [["whatsapp:+15005550291", "whatsapp"], ["sip:" + "d".repeat(80) + "@example.org", "sip"], ["+15005550292", "sms"]]) {
      const sid = "SM" + hex(0x9000 + ++n);
      assert.equal((await on.told("message", { SmsSid: sid, From, To: "+15005550006", Body: ["a", "b"] })).status, 200);
      await on.settled();
      const m = (await w.a.call("/api/v1/messages?limit=50")).json.messages.find((one) => one.provider_id === sid);
      assert.deepEqual([m?.channel, m?.from, m?.body], [channel, From, "a"]);
      const [event] = (await w.a.call(`/api/v1/events?resource=${sid}`)).json.events;
      assert.deepEqual((await w.a.call(`/api/v1/events/${event.id}`)).json.body.Body, ["a", "b"]);
    }
  });

  test("a text to somebody who asked for none is sent, with a warning, until START", async () => {
    const person = to(), other = to();
    const writes = async (OptOutType, From = person) => {
      assert.equal((await on.told("message", { MessageSid: "SM" + hex(0x9800 + ++n), From, To: "+15005550006", Body: OptOutType ?? "Hello", ...(OptOutType && { OptOutType }) })).status, 200);
      await on.settled();
    };
    const sent = async (number = person) => {
      const r = await w.text(number);
      assert.equal(r.status, 201, r.text);
      assert.deepEqual((await message(r.json.id)).warnings, r.json.warnings);
      return r.json.warnings;
    };
    await writes(null);
    assert.equal(await sent(), undefined);
    await writes("STOP");
    const warnings = await sent();
    assert.deepEqual(warnings.map((one) => one.code), ["opted_out"]);
    assert.match(warnings[0].detail, new RegExp(`^\\${person} asked for no more texts on \\d{4}-\\d\\d-\\d\\d .*START`));
    assert.equal(await sent(other), undefined, "nobody else");
    for (const word of ["HELP", null]) await writes(word);
    assert.equal((await sent()).length, 1, "still");
    await writes("START");
    assert.equal(await sent(), undefined);
    // Without Advanced Opt-Out Twilio takes some words for a wish and says nothing of it.
    const says = async (Body) => {
      assert.equal((await on.told("message", { MessageSid: "SM" + hex(0x9800 + ++n), From: person, To: "+15005550006", Body })).status, 200);
      await on.settled();
      return (await sent())?.length ?? 0;
    };
    for (const [body, warned] of [["please stop", 0], [" Stop ", 1], ["yes please", 1], ["Unstop", 0], ["unsubscribe", 1], ["YES", 0], ["OptOut", 1], ["HELP", 1], ["start", 0]]) assert.equal(await says(body), warned, body);
  });

  test("a caller who has spoken is thanked, and the timeline says for how long", async () => {
    const CallSid = "CA" + hex(0xa10), ring = { CallSid, CallStatus: "ringing", From: "+15005550222", To: "+15005550006", Direction: "inbound" };
    assert.equal((await w.a.call("/api/v1/fallback", { method: "PUT", body: { kind: "voicemail", text: "Leave your name." } })).status, 200);
    assert.match((await on.told("voice", ring)).text, /<Record [^>]*action="[^"]*after=record#rc=5/);
    for (const kind of ["voicemail", "forward"]) {
      await w.a.call("/api/v1/fallback", { method: "PUT", body: kind === "forward" ? { kind, to: "+15005550221" } : { kind, text: "Leave your name." } });
      const back = await on.told("voice", { ...ring, CallStatus: "in-progress", RecordingUrl: "https://api.twilio.com/x", RecordingSid: "RE" + hex(1), RecordingDuration: "41", Digits: "1", n: kind });
      assert.match(back.text, /<Say>Thank you[^<]*<\/Say><Hangup\/>/);
      assert.doesNotMatch(back.text, /Record|Dial/);
    }
    await on.settled();
    const call = (await on.calls()).find((c) => c.provider_id === CallSid);
    const texts = await on.timeline(call.id);
    assert.ok(texts.some((t) => /left a message of 41 s/.test(t)), texts.join("\n"));
  });

  test("a forward has a number to show: the caller's, else ours; nobody is forwarded to himself", async () => {
    await w.a.call("/api/v1/fallback", { method: "PUT", body: { kind: "forward", to: "+15005550221", text: "Nobody is here." } });
    const answer = async (From, To = "+15005550006") => (await on.told("voice", { CallSid: "CA" + hex(0xb000 + ++n), CallStatus: "ringing", From, To, Direction: "inbound" })).text;
    assert.match(await answer("sip:desk7@office.example.org"), /<Dial [^>]*callerId="\+15005550006"/);
    for (const withheld of ["+266696687", "266696687", "+7378742833", "anonymous", "client:bo", "whatsapp:+15005550222", "+123"]) assert.match(await answer(withheld), /callerId="\+15005550006"/, withheld);
    assert.doesNotMatch(await answer("+15005550222"), /callerId/);
    assert.doesNotMatch(await answer("+15005550221"), /<Dial/);
    assert.doesNotMatch(await answer("sip:a@b", "sip:c@d"), /<Dial/, "no number of ours to show");
  });

  test("a leg is told under its parent, and is no call", async () => {
    const CallSid = "CA" + hex(0xc22);
    await on.told("voice", { CallSid, CallStatus: "ringing", From: "+15005550222", To: "+15005550006", Direction: "inbound" });
    await on.settled();
    const before = (await on.calls()).length;
    await on.told("status", { CallSid: "CA" + hex(0xc23), ParentCallSid: CallSid, Direction: "outbound-dial", To: "+15005550221", CallStatus: "completed", CallDuration: "55" });
    await on.settled();
    assert.equal((await on.calls()).length, before);
    const texts = await on.timeline((await on.calls()).find((c) => c.provider_id === CallSid).id);
    assert.ok(texts.some((t) => /the leg to \+15005550221: completed of 55 s/.test(t)), texts.join("\n"));
  });

  test("recordings say what they are", async () => {
    const sid = "RE" + hex(0xe3);
    for (const [status, code, problem, words] of [["processing", 409, "not_ready", /still works on/], ["absent", 404, "provider_resource_not_found", /nothing was recorded/], ["failed", 404, "provider_resource_not_found", /failed/]]) {
      w.twilio.once("GET", new RegExp(`/Recordings/${sid}\\.json`), { json: { sid, status } });
      const got = await w.a.call(`/api/v1/recordings/${sid}/audio`);
      assert.deepEqual([got.status, got.json.code], [code, problem], got.text);
      assert.match(got.json.detail, words);
      if (code === 409) assert.equal(got.headers.get("retry-after"), "5");
    }
  });

  test("ending what Twilio no longer knows is done, and nobody is said to have ended it", async () => {
    const r = await dial();
    assert.equal(r.status, 201, r.text);
    for (const method of ["GET", "POST"]) w.twilio.on(method, new RegExp(`/Calls/${r.json.provider_id}\\.json`), { status: 404, json: { code: 20404, status: 404 } });
    const ended = await w.a.call(`/api/v1/calls/${r.json.id}/end`, { method: "POST" });
    assert.equal(ended.status, 200, ended.text);
    assert.equal(ended.json.ended_reason, "no-longer-known");
    assert.ok(!(await on.timeline(r.json.id)).some((t) => /ended the call\.$/.test(t)));
  });
});
