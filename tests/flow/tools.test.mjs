// What assistants do while they speak: each tool call is answered once and within two seconds, whatever the shape of the
// message, and done once however often Vapi repeats it. People report of such systems: appointments booked twice since
// the answer came after the timeout, arguments as objects here and texts of JSON there, "null" and "" for what a model does
// not know, numbers as texts, line breaks in a result that cut it off, an assistant that waits for a tool forever, callers
// who have texts sent to premium numbers, and who call off the appointments of others.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, person, until } from "../lib/ava.mjs";

const CALENDAR = "/api/v1/integrations/calendar/google", HOUR = 3_600_000, MANY = process.env.TEST_SOAK ? 200 : 60;
const CALLER = "+14155550142", LINE = "+12125550118";

describe("tools of assistants", { skip: missing, concurrency: 1 }, () => {
  let a, hook, secret, owner;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", ...(process.env.TEST_IN_FLIGHT ? { WORKSPACE_MAX_IN_FLIGHT: process.env.TEST_IN_FLIGHT } : {}) } });
    await a.signUp();
    hook = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server).pathname;
    secret = "a-secret-of-the-test";
    const vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    const saved = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id, webhook_secret: secret } });
    assert.equal(saved.status, 200, saved.text);
    await connect();
  });
  after(() => a?.remove());

  async function connect() {
    const login = await a.call("/api/v1/auth/login", { key: null, body: { email: person.email, password: person.password } });
    const cookie = login.headers.getSetCookie().find((l) => l.includes("ava_session=")).split(";")[0];
    const go = (url, form) => a.call(url, { key: null, method: form ? "POST" : "GET", raw: form && new URLSearchParams(form).toString(), headers: { Cookie: cookie, ...(form ? { "Content-Type": "application/x-www-form-urlencoded" } : {}) } });
    const page = (await go(`${CALENDAR}/connect?access=write`)).headers.get("location"), shown = (await go(page)).text;
    const scopes = [...shown.matchAll(/name="scope" checked value="([^"]+)"/g)].map((m) => ["scope", m[1]]);
    owner = /name="account" value="([^"]+)"/.exec(shown)[1];
    const back = (await go(page, [["account", owner], ["answer", "allow"], ...scopes])).headers.get("location");
    const url = new URL(back);
    assert.match((await go(url.pathname + url.search)).headers.get("location"), /result=connected/);
  }

  const turn = (name, body) => a.call(`/api/v1/tools/${name}`, { method: "PUT", body });
  const uses = async (name) => (await a.call(`/api/v1/tools/${name}/uses?limit=100`)).json.uses;
  const there = async () => (await a.call(`/sandbox/api/calendars/google/events?account=${owner}`, { key: null })).json.events;
  const newId = () => `call_${randomBytes(9).toString("hex")}`;
  const callId = () => `${randomBytes(4).toString("hex")}-30fd-4f49-a995-5549ae7cc00d`;

  // Vapi asks for tools; one result each, in the order asked.
  async function ask(calls, { call = callId(), from = CALLER, shape = "schema", more = {} } = {}) {
    const lists = {
      schema: { toolCallList: calls.map((c) => ({ id: c.id, type: "function", function: { name: c.name, arguments: JSON.stringify(c.args ?? {}) } })) },
      docs: { toolCallList: calls.map((c) => ({ id: c.id, name: c.name, arguments: c.args })), toolWithToolCallList: calls.map((c) => ({ type: "function", name: c.name, toolCall: { id: c.id, type: "function", function: { name: c.name, parameters: c.args } } })) },
      older: { toolCalls: calls.map((c) => ({ id: c.id, name: c.name, parameters: c.args })) },
      nested: { toolCallList: [], toolWithToolCallList: calls.map((c) => ({ name: c.name, toolCall: { id: c.id, parameters: c.args } })) },
    };
    const body = { message: { type: "tool-calls", timestamp: Date.now(), ...lists[shape], phoneNumber: { number: LINE }, call: { id: call, type: "inboundPhoneCall", ...(from ? { customer: { number: from } } : {}), ...more } } };
    const began = performance.now();
    const r = await a.call(hook, { key: null, body, headers: { "X-Vapi-Secret": secret } });
    assert.equal(r.status, 200, r.text);
    return { results: r.json.results, ms: performance.now() - began };
  }
  const use = async (name, args, { id = newId(), ...options } = {}) => {
    const { results, ms } = await ask([{ id, name, args }], options);
    assert.deepEqual(results.map((r) => r.toolCallId), [id]);
    const said = results[0].result ?? results[0].error;
    assert.doesNotMatch(said, /[\r\n]/);
    return { said, ok: results[0].result !== undefined, ms };
  };
  const times = (said) => [...said.matchAll(/\(([^)]+T[^)]+)\)/g)].map((m) => m[1]);

  test("off, they are none of Ava's; what is wrong with a setting is named", async () => {
    const tools = (await a.call("/api/v1/tools")).json.tools;
    assert.deepEqual(tools.map((t) => [t.name, t.enabled]), ["calendar.find_slot", "calendar.book", "calendar.cancel", "sms.send", "email.send", "call.transfer", "contact.note"].map((n) => [n, false]));
    assert.equal((await use("ava_calendar_find_slot", {})).said, "This cannot be done right now.");
    for (const [body, field] of [[{ settings: { time_zone: "Berlin" } }, "settings.time_zone"], [{ settings: { hours: "9-5" } }, "settings.hours"], [{ settings: { minutes: 1 } }, "settings.minutes"], [{ settings: { colour: 1 } }, "settings.colour"], [{ settings: 7 }, "settings"], [{ enabled: "yes" }, "enabled"], [{ on: true }, "on"]]) {
      const r = await turn("calendar.book", body);
      assert.deepEqual([r.status, r.json.errors?.[0].field], [422, field], r.text);
    }
    const bad = await turn("call.transfer", { settings: { numbers: [{ name: "Sales", number: "12" }] } });
    assert.deepEqual([bad.status, bad.json.errors[0].field], [422, "settings.numbers"]);
    assert.equal((await turn("calendar.sell", { enabled: true })).status, 404);
    for (const t of tools) assert.equal((await turn(t.name, { enabled: true })).json.enabled, true);
    await turn("calendar.book", { settings: { time_zone: "Europe/Berlin", gap: 0 } });
    assert.equal((await a.call("/api/v1/tools/calendar.find_slot")).json.settings.time_zone, "Europe/Berlin", "tools of a group share their settings");
  });

  test("the first run: a caller is offered times, books one, is texted, and calls it off", async () => {
    const call = callId(), found = await use("ava_calendar_find_slot", { minutes: 45 }, { call });
    assert.ok(found.ok, found.said);
    const [first] = times(found.said);
    const booked = await use("ava_calendar_book", { start: first, minutes: 45, name: "Ada", title: "First visit", note: "Prefers mornings" }, { call });
    assert.match(booked.said, /^Booked: \w+, \d+ \w+, \d\d:\d\d/);
    const [event] = (await there()).filter((e) => e.title === "First visit: Ada");
    assert.equal(event.start_ms, Date.parse(first));
    assert.match((await use("ava_sms_send", { text: "See you then." }, { call })).said, /ending in 0142/);
    assert.match((await use("ava_email_send", { to: "ada@example.org", subject: "Your visit", text: "See you." }, { call })).said, /ada@example\.org/);
    assert.equal((await use("ava_contact_note", { text: "Prefers mornings" }, { call })).said, "Noted.");
    const again = await use("ava_calendar_find_slot", { minutes: 45 }, { call });
    assert.ok(!times(again.said).includes(first), "the time is taken");
    assert.match((await use("ava_calendar_cancel", {}, { call })).said, /^Called off: /);
    await until(async () => (await there()).find((e) => e.id === event.id).status === "canceled", { what: "it is called off" });
    const [note] = await uses("contact.note");
    assert.deepEqual([note.status, note.arguments, note.said, note.call_id], ["done", { text: "Prefers mornings" }, "Noted.", call]);
    assert.ok((await a.call("/api/v1/messages")).json.messages.some((m) => m.to === CALLER && m.body === "See you then."));
  });

  test(`${MANY} at once, every fifth asked for twice: each booked once`, async () => {
    await a.call("/sandbox/api/calendars/google/settings", { key: null, body: { page_size: 2500 } });
    await turn("calendar.book", { settings: { time_zone: "Europe/Berlin", hours: "00:00-24:00", days: "mon,tue,wed,thu,fri,sat,sun", minutes: 5 } });
    await a.fault({ provider: "google", fault: "latency", latency_ms: 100 });
    const base = Math.ceil(Date.now() / HOUR) * HOUR + 70 * 24 * HOUR;
    const orders = Array.from({ length: MANY }, (_, i) => ({ id: newId(), call: callId(), args: { start: new Date(base + i * 600_000).toISOString(), name: `Caller ${i}` } }));
    const all = await Promise.all([...orders, ...orders.filter((_, i) => i % 5 === 0)].map((o) => use("ava_calendar_book", o.args, { id: o.id, call: o.call })));
    await a.fault({ provider: "google", fault: "none" });
    const ms = all.map((r) => r.ms).sort((x, y) => x - y);
    assert.ok(ms.at(-1) < 2000, `the slowest took ${ms.at(-1)} ms`);
    assert.deepEqual(all.filter((r) => !r.ok).map((r) => r.said), []);
    await until(async () => (await there()).filter((e) => /^Appointment: Caller /.test(e.title)).length === MANY, { what: "each is booked" });
    await turn("calendar.book", { settings: { time_zone: "Europe/Berlin" } });
    assert.equal(new Set((await there()).filter((e) => /^Appointment: Caller /.test(e.title)).map((e) => e.title)).size, MANY);
    console.log(`# ${MANY} at once: p50 ${Math.round(ms[ms.length >> 1])} ms, p95 ${Math.round(ms[Math.floor(ms.length * 0.95)])} ms, slowest ${Math.round(ms.at(-1))} ms`);
  });

  test("whatever shape the message has, and however a model writes its arguments", async () => {
    for (const shape of ["schema", "docs", "older", "nested"]) {
      const said = await use("ava_calendar_find_slot", { minutes: "30", from: null, to: "" }, { shape });
      assert.ok(said.ok, `${shape}: ${said.said}`);
    }
    assert.ok((await use("ava_calendar_find_slot", { minutes: 30.0 })).ok);
    for (const [name, args, words] of [
      ["ava_calendar_book", {}, /start: This is required/],
      ["ava_calendar_book", { start: "tomorrow at nine" }, /start: Write the time as/],
      ["ava_calendar_book", { start: "2020-01-01T09:00:00Z" }, /start: This time is over/],
      ["ava_calendar_book", { start: new Date(Math.ceil(Date.now() / (24 * HOUR)) * 24 * HOUR + 50 * HOUR).toISOString() }, /start: This time is not free/],
      ["ava_calendar_find_slot", { minutes: 100000 }, /minutes: .*from 5 to 480/],
      ["ava_calendar_find_slot", { colour: "red" }, /colour: There is no such field/],
      ["ava_email_send", { to: "ada at example", subject: "a", text: "b" }, /to: /],
      ["ava_sms_send", { text: "x".repeat(1001) }, /text: .*1 to 1000/],
      ["ava_contact_note", { text: 7 }, /text: This must be a text/],
    ]) {
      const r = await use(name, args);
      assert.ok(!r.ok && words.test(r.said), `${name} ${JSON.stringify(args)}: ${r.said}`);
    }
    const { results } = await ask([{ id: "x1", name: "somebody_elses", args: {} }, { id: "x2", name: "ava_contact_note", args: { text: "a\nb" } }, { id: "x3", name: "ava_unknown" }]);
    assert.deepEqual(results.map((r) => [r.toolCallId, r.result]), [["x1", "This cannot be done right now."], ["x2", "Noted."], ["x3", "This cannot be done right now."]]);
  });

  test("nobody has others texted, transferred to, written to or called off beyond what was allowed", async () => {
    assert.match((await use("ava_sms_send", { text: "Hi", to: "+19005550199" })).said, /only be sent to the number that calls/);
    assert.match((await use("ava_sms_send", { text: "Hi" }, { from: null })).said, /number is not known/);
    await turn("email.send", { settings: { domain: "example.com" } });
    assert.match((await use("ava_email_send", { to: "x@example.org", subject: "a", text: "b" })).said, /only be sent to addresses of example\.com/);
    await turn("email.send", { settings: {} });
    assert.match((await use("ava_call_transfer", { to: "Sales" })).said, /Nobody has said whom/);
    await turn("call.transfer", { settings: { numbers: [{ name: "Sales", number: "+12125550133" }] } });
    assert.match((await use("ava_call_transfer", { to: "the boss" })).said, /to: This must be one of Sales/);
    const [slot] = times((await use("ava_calendar_find_slot", {})).said);
    assert.match((await use("ava_calendar_book", { start: slot, name: "Kim" }, { from: "+14155550111" })).said, /^Booked/);
    assert.match((await use("ava_calendar_cancel", { start: slot }, { from: "+14155550122" })).said, /No appointment was made under this caller's number/);
    assert.match((await use("ava_calendar_cancel", {}, { from: null })).said, /No appointment/);
    assert.match((await use("ava_calendar_cancel", { start: slot }, { from: "+14155550111" })).said, /^Called off/);
    const call = callId();
    for (let i = 0; i < 3; i++) assert.ok((await use("ava_sms_send", { text: `Text ${i}` }, { call })).ok);
    assert.match((await use("ava_sms_send", { text: "One more" }, { call })).said, /3 times in this call already/);
  });

  test("written into an assistant: our address and proof, tools of others stay, off is out", async () => {
    const [assistant] = (await a.call("/api/v1/assistants")).json.assistants;
    const whole = (await a.call(`/api/v1/assistants/${assistant.id}`)).json;
    const own = { type: "function", function: { name: "their_own", parameters: { type: "object", properties: {} } }, server: { url: "https://tools.example.com/x" } };
    await a.call(`/api/v1/assistants/${assistant.id}`, { method: "PATCH", body: { model: { ...whole.config.model, tools: [own] } } });
    const put = await a.call(`/api/v1/assistants/${assistant.id}/tools`, { body: {} });
    assert.equal(put.status, 200, put.text);
    assert.equal(put.json.tools, 7);
    const names = (r) => r.json.assistant.config.model.tools.map((t) => t.function.name);
    assert.deepEqual(names(put), ["their_own", "ava_calendar_find_slot", "ava_calendar_book", "ava_calendar_cancel", "ava_sms_send", "ava_email_send", "ava_call_transfer", "ava_contact_note"]);
    assert.doesNotMatch(put.text, new RegExp(secret), "no secret is shown");
    const transfer = put.json.assistant.config.model.tools.find((t) => t.function.name === "ava_call_transfer");
    assert.deepEqual(transfer.function.parameters.properties.to.enum, ["Sales"]);
    await turn("call.transfer", { enabled: false });
    assert.deepEqual(names(await a.call(`/api/v1/assistants/${assistant.id}/tools`, { body: {} })).filter((n) => n === "ava_call_transfer" || n === "their_own"), ["their_own"]);
    assert.equal((await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: { overwrite: true } })).status, 200);
    const visit = await a.call("/sandbox/api/vapi/visit", { key: null, body: { from: "+14155550188" } });
    assert.equal(visit.status, 200, visit.text);
    assert.deepEqual(visit.json.steps.map((s) => [s.tool, s.ok]), [["ava_calendar_find_slot", true], ["ava_calendar_book", true], ["ava_sms_send", true], ["ava_contact_note", true]], JSON.stringify(visit.json.steps));
    const mine = await until(async () => (await a.call("/api/v1/calls?limit=50")).json.calls.find((c) => c.provider_id === visit.json.id), { what: "the call is there" });
    const said = (await a.call(`/api/v1/calls/${mine.id}/timeline`)).json.entries.filter((e) => e.kind === "tool").map((e) => e.text);
    assert.deepEqual(said, ["The assistant used calendar.find_slot: done.", "The assistant used calendar.book: done.", "The assistant used sms.send: done.", "The assistant noted: Called for a first visit."]);
  });

  test("a tool call is done once, however often it is asked for, at once or later, also over a kill", async () => {
    const [slot] = times((await use("ava_calendar_find_slot", {})).said), id = newId(), call = callId(), before = (await there()).length;
    const args = { start: slot, name: "Once" };
    const all = await Promise.all(Array.from({ length: 8 }, () => use("ava_calendar_book", args, { id, call })));
    assert.ok(all.every((r) => r.ok), JSON.stringify(all));
    assert.equal((await there()).length, before + 1);
    const { key, me, port, data } = a;
    await a.stop("SIGKILL");
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" }, data, port });
    Object.assign(a, { key, me });
    assert.ok((await use("ava_calendar_book", args, { id, call })).ok, "said again");
    await a.advance(120); // the pretend calendar is another one now, and what was just booked is not in it
    assert.equal((await there()).filter((e) => e.title === "Appointment: Once").length <= 1, true);
    const note = newId();
    for (let i = 0; i < 3; i++) assert.equal((await use("ava_contact_note", { text: "Once" }, { id: note, call })).said, "Noted.");
    assert.equal((await uses("contact.note")).filter((u) => u.tool_call_id === note).length, 1);
  });

  test("two callers want the same time: one gets it", async () => {
    const [slot] = times((await use("ava_calendar_find_slot", {})).said);
    await a.fault({ provider: "google", operation: "POST /calendar", fault: "latency", latency_ms: 200 });
    const both = await Promise.all(["+14155550171", "+14155550172"].map((from) => use("ava_calendar_book", { start: slot }, { from })));
    await a.fault({ provider: "google", fault: "none" });
    assert.deepEqual(both.map((r) => r.ok).sort(), [false, true], JSON.stringify(both));
    assert.match(both.find((r) => !r.ok).said, /just taken|not free/);
  });

  test("a slow or broken calendar: a sentence within two seconds, and the work goes on", async () => {
    const slots = times((await use("ava_calendar_find_slot", {})).said);
    await a.fault({ provider: "google", operation: "POST /calendar/v3/calendars", fault: "latency", latency_ms: 4000 });
    const slow = await use("ava_calendar_book", { start: slots[0], name: "Slow" });
    assert.ok(slow.ms < 2000, `${slow.ms} ms`);
    assert.ok(slow.ok && /not confirmed yet|will be confirmed/.test(slow.said), slow.said);
    await a.fault({ provider: "google", fault: "none" });
    await until(async () => (await there()).filter((e) => e.title === "Appointment: Slow").length === 1, { what: "it is booked all the same" });
    assert.equal((await uses("calendar.book"))[0].status, "pending");
    for (const fault of [{ fault: "hang" }, { fault: "status", status: 500 }, { fault: "malformed" }, { fault: "reset" }]) {
      await a.fault({ provider: "google", ...fault });
      const r = await use("ava_calendar_find_slot", {});
      assert.ok(r.ms < 2000, `${fault.fault}: ${r.ms} ms`);
      assert.ok(!r.ok && /offer to take a message/.test(r.said), `${fault.fault}: ${r.said}`);
      await a.fault({ provider: "google", fault: "none" });
    }
    await a.advance(300);
    await until(async () => (await use("ava_calendar_find_slot", {})).ok, { what: "the calendar is back" });
  });

  test("another workspace's tools, calls and uses are its own", async () => {
    const other = await a.newPerson("kim@example.com");
    assert.deepEqual((await a.call("/api/v1/tools", { key: other.key })).json.tools.filter((t) => t.enabled), []);
    assert.deepEqual((await a.call("/api/v1/tools/calendar.book/uses", { key: other.key })).json.uses, []);
    assert.equal((await a.call("/api/v1/tools/calendar.book", { key: null })).status, 401);
  });
});
