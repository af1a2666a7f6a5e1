// Bears company.
// What Ava sends back to a provider: never a word that hides a secret, never a number that reading changed.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { ASSISTANT, NUMBER, SID, scriptedWorld } from "../lib/scripted.mjs";

const WHOLE = { id: ASSISTANT, orgId: "o", createdAt: "2026-11-20T08:00:00.000Z", updatedAt: "2026-11-20T08:00:00.000Z", name: "Desk", firstMessage: "Hello" };

describe("what is read from Vapi and written back", { skip: missing, concurrency: 1 }, () => {
  let w, id, updated = Date.parse("2026-11-20T09:00:00.000Z");
  const seen = () => w.vapi.seen.filter((one) => one.method !== "GET" && one.path.startsWith("/assistant"));
  // From now on Vapi has this assistant; raw: text of further members.
  const has = (more, raw = "") => {
    const updatedAt = new Date((updated += 1000)).toISOString();
    const body = JSON.stringify({ ...WHOLE, updatedAt, ...more }).replace(/}$/, raw + "}");
    w.vapi.on("GET", /^\/assistant\/[^?]/, { body });
    w.vapi.on("PATCH", /^\/assistant\//, (r) => ({ json: { ...WHOLE, ...more, updatedAt: new Date((updated += 1000)).toISOString(), ...JSON.parse(r.body) } }));
    w.vapi.seen.length = 0;
  };
  const refused = (r, ...paths) => {
    assert.equal(r.status, 422, r.text);
    assert.deepEqual(r.json.errors.map((e) => e.field), paths);
    assert.equal(seen().length, 0, "nothing was sent");
  };
  const change = (body) => w.a.call(`/api/v1/assistants/${id}`, { method: "PATCH", body });

  before(async () => {
    w = await scriptedWorld(Ava);
    has({});
    const held = await w.a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: "Good day" } });
    assert.equal(held.status, 200, held.text);
    id = (await w.a.call("/api/v1/assistants")).json.assistants?.[0]?.id ?? (await w.a.call("/api/v1/audit")).json.entries.find((e) => e.action === "assistant.import").object;
  });
  after(() => w.remove());

  const hidden = { provider: "custom-llm", model: "m", temperature: 0.7, headers: { Authorization: "[REDACTED]" } };

  test("an object that goes whole and holds what Vapi hides is not sent; the path to enter again is named", async () => {
    has({ model: hidden });
    refused(await change({ model: { temperature: 0.2 } }), "/model/headers/Authorization");
    refused(await change({ model: { temperature: 0.2, headers: { Authorization: "********" } } }), "/model/headers/Authorization");
    has({ transport: { provider: "twilio", auth: { token: "[REDACTED]" } }, credentials: [{ provider: "openai", apiKey: "[REDACTED]" }] });
    refused(await change({ transport: { record: true } }), "/transport/auth/token");
    refused(await change({ server: { url: "https://x.example/", headers: { A: "Bearer [REDACTED]" } } }), "/server/headers/A");
  });

  test("what does not go along may stay hidden, and a value that is entered again goes", async () => {
    has({ model: hidden });
    assert.equal((await change({ firstMessage: "Good evening" })).status, 200);
    assert.deepEqual(JSON.parse(seen().at(-1).body), { firstMessage: "Good evening" });
    const r = await change({ model: { temperature: 0.2, headers: { Authorization: "Bearer new" } } });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(JSON.parse(seen().at(-1).body), { model: { ...hidden, temperature: 0.2, headers: { Authorization: "Bearer new" } } });
  });

  test("a voice with something hidden keeps its speed, and says why", async () => {
    has({ voice: { provider: "11labs", voiceId: "v", fallbackPlan: { voices: [{ provider: "custom", headers: { k: "[REDACTED]" } }] } } });
    refused(await w.a.call("/api/v1/vapi/settings/voice_speed", { method: "PUT", body: { value: 1.1 } }), "/voice/fallbackPlan/voices/0/headers/k");
  });

  test("a version that was hidden is not restored", async () => {
    has({ model: { ...hidden, temperature: 0.9 } });
    const { version } = (await w.a.call(`/api/v1/assistants/${id}`)).json;
    has({ model: { provider: "openai", model: "m" } });
    refused(await w.a.call(`/api/v1/assistants/${id}/history/${version}/restore`, { method: "POST" }), "/model/headers/Authorization");
  });

  test("an assistant is not made with a hidden value", async () => {
    has({});
    refused(await w.a.call("/api/v1/assistants", { body: { name: "New", model: hidden } }), "/model/headers/Authorization");
  });

  test("a number that reading changes is not written back changed", async () => {
    has({}, ',"model":{"temperature":0.7,"seed":18446744073709551615,"top":1e999}');
    refused(await change({ model: { temperature: 0.2 } }), "/model/seed", "/model/top");
    has({}, ',"model":{"temperature":0.7,"seed":9223372036854775807}');
    const r = await change({ model: { temperature: 0.2 } });
    assert.equal(r.status, 200, r.text);
    assert.match(seen().at(-1).body, /"seed":9223372036854775807\b/);
  });

  test("setting up webhooks drops the headers and the credential of another server", async () => {
    has({ server: { url: "https://desk.example.org/hook", timeoutSeconds: 9, credentialId: "c", headers: { "X-Other": "[REDACTED]" } } });
    const setUp = (overwrite) => w.a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: { overwrite } });
    refused(await setUp(false), "overwrite");
    const r = await setUp(true);
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.was_url, "https://desk.example.org/hook");
    assert.deepEqual(JSON.parse(seen().at(-1).body), { server: { url: w.urls.vapi, timeoutSeconds: 9, headers: { "X-Vapi-Secret": "scripted-webhook-secret" }, backoffPlan: { type: "exponential", maxRetries: 5, baseDelaySeconds: 1 } } });
  });

  test("a hidden proof of our own server is put in again", async () => {
    has({ server: { url: w.urls.vapi, headers: { "x-vapi-secret": "[REDACTED]" } } });
    const r = await change({ server: { timeoutSeconds: 8 } });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(JSON.parse(seen().at(-1).body).server.headers, { "x-vapi-secret": "scripted-webhook-secret" });
  });

  test("who gets the messages is looked for at the older place, too", async () => {
    has({ serverUrl: "https://desk.example.org/older" });
    const setUp = (overwrite) => w.a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: { overwrite } });
    const no = await setUp(false);
    refused(no, "overwrite");
    assert.match(no.text, /desk\.example\.org\/older/);
    const r = await setUp(true);
    assert.equal(r.status, 200, r.text);
    assert.equal(r.json.was_url, "https://desk.example.org/older");
    assert.deepEqual(r.json.warnings, []);
    const entry = (await w.a.call("/api/v1/audit")).json.entries.find((e) => e.action === "webhook.setup");
    assert.equal(entry.detail.was_url, "https://desk.example.org/older");
  });

  test("what has a server of its own beside the assistant's is warned about, by its host", async () => {
    has({ model: { tools: [{ type: "function", function: { name: "book" }, server: { url: "https://u:p@tools.example.org/x?key=1" } }, { type: "endCall" }], toolIds: ["t1", "gone", "t3"] } });
    w.vapi.on("GET", /^\/phone-number\/./, { json: { id: NUMBER, number: "+15005550007", serverUrl: "https://desk.example.org/number" } });
    w.vapi.on("GET", /^\/tool\/t1/, { json: { id: "t1", type: "apiRequest", server: { url: w.urls.vapi } } });
    w.vapi.on("GET", /^\/tool\/gone/, { status: 404 });
    w.vapi.on("GET", /^\/tool\/t3/, { json: { id: "t3", type: "function", function: { name: "look" }, server: { url: "https://look.example.org/" } } });
    const r = await w.a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual(r.json.warnings.map(({ code, who, detail }) => [code, who, /at (\S+), and/.exec(detail)[1]]), [["tool_has_server", "book", "tools.example.org"], ["number_has_server", "+15005550007", "desk.example.org"], ["tool_has_server", "look", "look.example.org"]]);
  });
});

describe("a number with fallbacks, in a Messaging Service", { skip: missing, concurrency: 1 }, () => {
  const PN = "PN" + "7".repeat(32), SMS2 = "https://old.example.org/sms2", VOICE2 = "https://old.example.org/voice2?token=not-yours";
  let w, number;
  const importing = (body) => w.a.call("/api/v1/twilio/numbers/import", { body: { numbers: [PN], ...body } });
  const ended = async (r) => {
    assert.equal(r.status, 202, r.text);
    const o = await until(async () => {
      const now = (await w.a.call(`/api/v1/operations/${r.json.id}`)).json;
      return ["succeeded", "failed"].includes(now.status) && now;
    }, { what: "the end of the import" });
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    return o;
  };
  before(async () => {
    w = await scriptedWorld(Ava);
    number = { sid: PN, phone_number: "+15005550077", friendly_name: "Desk", capabilities: { voice: true, sms: true }, voice_url: "", voice_method: "POST", voice_fallback_url: VOICE2, voice_fallback_method: "GET", sms_url: "", sms_method: "POST", sms_fallback_url: SMS2, sms_fallback_method: "POST", status_callback: w.urls.twilio.status.split("#")[0], status_callback_method: "POST", messaging_service_sid: "MG" + "1".repeat(32) };
    w.twilio.on("GET", /\/IncomingPhoneNumbers\/PN/, () => ({ json: number }));
    w.twilio.on("POST", /\/IncomingPhoneNumbers\/PN/, (r) => {
      for (const [name, value] of new URLSearchParams(r.body)) number[name.replace(/(?!^)[A-Z]/g, (c) => "_" + c).toLowerCase()] = value;
      return { json: number };
    });
  });
  after(() => w.remove());

  test("each is warned about, and taken only when told to", async () => {
    const [plan] = (await importing({ dry_run: true })).json.plan;
    assert.deepEqual(plan.warnings.map((x) => [x.code, x.way, x.who]), [["leads_elsewhere", "calls_fallback", "old.example.org"], ["leads_elsewhere", "texts_fallback", "old.example.org"], ["in_messaging_service", "texts", "a Messaging Service"]]);
    assert.equal(plan.is_blocked, true);
    assert.ok(!JSON.stringify(plan).includes("not-yours"));
    const refused = await importing({});
    assert.equal(refused.status, 422, refused.text);
    assert.equal(refused.json.errors[0].code, "leads_elsewhere");
    assert.equal(number.sms_fallback_url, SMS2);
  });

  test("with overwrite they are emptied, and every address says how to try again", async () => {
    await ended(await importing({ overwrite: true }));
    assert.deepEqual([number.voice_fallback_url, number.sms_fallback_url], ["", ""]);
    for (const url of [number.voice_url, number.sms_url, number.status_callback]) assert.match(url, /\/webhooks\/twilio\/[\w-]+\/\w+#rc=5&rp=ct,rt,4xx,5xx$/);
  });

  test("a second dry run changes nothing, and a second import does not forget them", async () => {
    const [plan] = (await importing({ dry_run: true })).json.plan;
    assert.deepEqual(plan.steps.map((s) => s.changes), [[], []]);
    assert.deepEqual(plan.warnings.map((x) => x.code), ["in_messaging_service"]);
    await ended(await importing({}));
  });

  test("undone, they are there again", async () => {
    const { id } = (await ended(await importing({}))).result.numbers[0];
    const r = await w.a.call(`/api/v1/twilio/numbers/${id}`, { method: "DELETE" });
    assert.equal(r.status, 200, r.text);
    assert.deepEqual([number.voice_fallback_url, number.sms_fallback_url], [VOICE2, SMS2]);
    assert.equal(number.voice_fallback_method, "GET");
    assert.ok(["calls_fallback", "texts_fallback"].every((way) => r.json.restored.includes(way)), r.text);
  });
});

describe("an API key of Twilio's instead of the account's token", { skip: missing, concurrency: 1 }, () => {
  let w;
  before(async () => (w = await scriptedWorld(Ava)));
  after(() => w.remove());

  test("is refused, and what is wanted is said", async () => {
    const SK = "SK" + "a".repeat(32), KEYS = { api_key: SK, api_secret: "s".repeat(32) };
    const put = (body) => w.a.call("/api/v1/credentials/twilio", { method: "PUT", body });
    for (const [body, fields] of [
      [{ account_sid: SID, ...KEYS }, ["api_key", "api_secret"]],
      [{ account_sid: SID, auth_token: "t".repeat(32), ...KEYS }, ["api_key", "api_secret"]],
      [{ account_sid: SK, auth_token: "s".repeat(32) }, ["account_sid"]],
      [{ account_sid: SID, auth_token: SK }, ["auth_token"]],
    ]) {
      const r = await put(body);
      assert.equal(r.status, 422, r.text);
      const said = r.json.errors.filter((e) => /cannot check webhooks.*auth_token/.test(e.message));
      assert.deepEqual(said.map((e) => e.field), fields, r.text);
      assert.ok(!r.text.includes(SK) && !r.json.errors.some((e) => e.code === "unknown_field"), r.text);
    }
    const shown = (await w.a.call("/api/v1/credentials/twilio")).json;
    assert.deepEqual(shown.fields.map((f) => f.name), ["auth_token", "next_auth_token"]);
  });
});

describe("a key with a rate of its own", { skip: missing, concurrency: 1 }, () => {
  let w, own;
  const make = (body, more) => w.a.call("/api/v1/auth/keys", { body, ...more });
  const policy = (r) => r.headers.get("ratelimit-policy");
  const text = (key, n) => w.a.call("/api/v1/twilio/messages", { key, body: { to: "+15005550" + String(n).padStart(3, "0"), from: "+15005550006", body: "Hi" } });
  before(async () => (w = await scriptedWorld(Ava, { limits: true })));
  after(() => w.remove());

  test("is made by owners and admins, up to what the operator allows", async () => {
    for (const rate of [0, 601, 1.5, "60"]) {
      const r = await make({ name: "backend", rate_limit_per_minute: rate });
      assert.equal(r.status, 422, r.text);
      assert.deepEqual(r.json.errors.map((e) => [e.field, e.min, e.max]), [["rate_limit_per_minute", 1, 600]]);
    }
    const made = await make({ name: "backend", rate_limit_per_minute: 600 });
    assert.equal(made.status, 201, made.text);
    assert.equal(made.json.rate_limit_per_minute, 600);
    own = made.json.key;
    const bob = await w.a.newPerson("bob@example.com");
    const member = await w.a.call(`/api/v1/workspaces/${w.a.me.workspace.id}/members/${bob.id}`, { method: "PUT", body: { role: "member" } });
    assert.ok(member.status < 300, member.text);
    const theirs = w.a.newKey("bob@example.com", "here", ["--workspace", w.a.me.workspace.id]);
    assert.equal((await make({ name: "mine", rate_limit_per_minute: 100 }, { key: theirs })).status, 403);
    assert.equal((await make({ name: "mine" }, { key: theirs })).json.rate_limit_per_minute, null);
  });

  test("is listed with it", async () => {
    const { keys } = (await w.a.call("/api/v1/auth/keys")).json;
    assert.deepEqual(keys.map((k) => [k.name, k.rate_limit_per_minute]), [["backend", 600], ["flow", null]]);
  });

  test("sends 600 texts in a minute, while its person stays at the default", async () => {
    let n = 0, sent = 0;
    await Promise.all(Array.from({ length: 8 }, async () => {
      while (n < 600) {
        const r = await text(own, n++);
        assert.equal(r.status, 201, r.text);
        assert.equal(policy(r), '"user-route";q=600;w=60');
        sent++;
      }
    }));
    assert.equal(sent, 600);
    assert.equal((await text(own, 601)).status, 429);
    for (let i = 0; i < 10; i++) {
      const r = await text(w.a.key, 700 + i);
      assert.equal(r.status, 201, r.text);
      assert.equal(policy(r), '"user-route";q=10;w=60');
    }
    assert.equal((await text(w.a.key, 711)).status, 429);
  });

  test("the command line gives one, too, and no more than is allowed", async () => {
    const key = w.a.newKey("ada@example.com", "small", ["--rate", "3"]);
    for (let i = 0; i < 3; i++) assert.equal(policy(await w.a.call("/api/v1/auth/keys", { key })), '"user-route";q=3;w=60');
    assert.equal((await w.a.call("/api/v1/auth/keys", { key })).status, 429);
    for (const rate of ["0", "601", "many"]) assert.throws(() => w.a.newKey("ada@example.com", "large", ["--rate", rate]), /--rate/);
  });
});

describe("the first call in the sandbox", { skip: missing, concurrency: 1 }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a.remove());

  const kinds = (t) => t.entries.filter((e) => e.kind === "webhook").map((e) => e.text.replace(/^Vapi told: /, ""));
  const ended = (id, key) => until(async () => {
    const t = (await a.call(`/api/v1/calls/${id}/timeline`, { key })).json;
    return t.call?.cost && t;
  }, { what: "the call's end and cost" });
  const TOLD = ["status-update, ringing.", "status-update, in-progress.", "status-update, ended.", "end-of-call-report, ended."];
  const walk = async (key) => {
    const placed = await a.call("/api/v1/calls", { key, body: { to: "+33612345678" } });
    assert.equal(placed.status, 201, placed.text);
    for (const seconds of [2, 3, 25]) await a.advance(seconds);
    return [placed.json, await ended(placed.json.id, key)];
  };

  test("moves by itself within 30 s, and names assistant and number", async () => {
    const [placed, t] = await walk(a.key);
    assert.equal(placed.assistant_name, "Front desk");
    assert.deepEqual(kinds(t), TOLD);
    assert.ok(t.entries.some((e) => e.kind === "talking") && t.entries.some((e) => e.kind === "ended"));
    const { json: call } = await a.call(`/api/v1/calls/${placed.id}`);
    assert.deepEqual([call.status, call.assistant_name, call.from, call.cost.currency], ["ended", "Front desk", "+12125550118", "USD"]);
    assert.deepEqual([t.call.assistant_name, t.call.from], ["Front desk", "+12125550118"]);
    assert.equal((await a.call("/api/v1/calls")).json.calls[0].assistant_name, "Front desk");
  });

  test("does so in every workspace, each told of its own calls alone", async () => {
    const made = await a.call("/api/v1/workspaces", { body: { name: "Second" } });
    assert.equal(made.status, 201, made.text);
    const key = a.newKey("ada@example.com", "second", ["--workspace", made.json.id]);
    const [placed, t] = await walk(key);
    assert.deepEqual(kinds(t), TOLD);
    assert.equal(t.call.assistant_name, "Front desk");
    assert.deepEqual((await a.call("/api/v1/calls", { key })).json.calls.map((c) => c.id), [placed.id]);
    assert.equal((await a.call("/api/v1/calls")).json.calls.length, 1);
  });

  test("does so after a restart, when the pretend Vapi has forgotten everything", async () => {
    await a.stop();
    const { key, data } = a;
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" }, data });
    a.key = key;
    const [, t] = await walk(key);
    assert.deepEqual(kinds(t), TOLD);
  });
});

describe("the day of a single number", { skip: missing, concurrency: 1 }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a.remove());

  test("limits the calls that Vapi makes over it, though the workspace has no limit", async () => {
    const [number] = (await a.call("/api/v1/twilio/numbers")).json.numbers;
    const placed = await a.call("/api/v1/twilio/numbers/import", { body: { numbers: [number.provider_id], vapi: true } });
    assert.equal(placed.status, 202, placed.text);
    const o = await until(async () => {
      const now = (await a.call(`/api/v1/operations/${placed.json.id}`)).json;
      return ["succeeded", "failed"].includes(now.status) && now;
    }, { what: "the end of the import" });
    assert.equal(o.status, "succeeded", JSON.stringify(o));
    const { id } = o.result.numbers[0], limits = `/api/v1/twilio/numbers/${id}/limits`;
    assert.equal((await a.call(limits, { method: "PUT", body: { daily_minutes: 15 } })).status, 200);
    const call = (more = {}) => a.call("/api/v1/calls", { body: { to: "+33612345678", ...more } });
    const first = await call({ from_number_id: id });
    assert.equal(first.status, 201, first.text);
    assert.equal((await a.call(limits)).json.today.seconds_reserved, 600);
    const second = await call({ from_number_id: id });
    assert.equal(second.json.code, "budget_exhausted", second.text);
    assert.match(second.text, new RegExp(number.phone_number.replace("+", "\\+")));
    assert.equal((await call()).status, 201, "another number goes on");
  });
});
