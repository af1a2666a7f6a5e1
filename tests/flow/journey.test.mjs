// A person who has never seen Ava: link, account, a Vapi setting, Twilio numbers; then the same with an API key.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, person } from "../lib/ava.mjs";

describe("the first journey", { skip: missing }, () => {
  let a;
  before(async () => (a = await Ava.start()));
  after(() => a.remove());

  test("health answers before anybody has an account, and pages say what to do", async () => {
    assert.equal((await a.call("/health/live")).json.status, "live");
    const ready = (await a.call("/health/ready")).json;
    assert.equal(ready.status, "ready");
    assert.equal(ready.profile, "sandbox");
    assert.equal(ready.setup_needed, true);
    assert.equal((await a.call("/")).status, 503);
    assert.equal((await a.call("/setup")).status, 200);
  });

  test("the link makes the first account, once", async () => {
    const token = new URL(a.link).hash.slice(3);
    const weak = await a.call("/api/v1/auth/setup", { body: { token, email: "no-address", password: "short" } });
    assert.equal(weak.status, 422);
    assert.deepEqual(weak.json.errors.map((e) => e.field).sort(), ["email", "password"]);
    await a.signUp();
    const again = await a.call("/api/v1/auth/setup", { body: { token, email: "eve@example.com", password: person.password }, key: null });
    assert.equal(again.status, 403);
    assert.equal((await a.call("/")).status, 200);
  });

  test("a key reads, changes and reads the settings; unknown fields of the assistant survive", async () => {
    const first = await a.call("/api/v1/vapi/settings");
    assert.equal(first.status, 200, first.text);
    assert.equal(first.headers.get("cache-status"), "ava;fwd=miss");
    const keys = first.json.settings.map((s) => s.key);
    assert.deepEqual(keys, ["greeting_message", "max_call_duration", "voice_speed"]);
    for (const s of first.json.settings) assert.match(s.updated_at, /^\d{4}-\d\d-\d\dT.*Z$/);

    const greet = (value) => a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value } });
    assert.equal((await greet("ü".repeat(2001))).status, 422);
    assert.equal((await greet("ü".repeat(2000))).status, 200, "characters, not bytes");
    const changed = await greet("Grüß Gott ☎");
    assert.equal(changed.status, 200, changed.text);
    assert.equal(changed.json.value, "Grüß Gott ☎");
    const speed = await a.call("/api/v1/vapi/settings/voice_speed", { method: "PUT", body: { value: 0.9 } });
    assert.equal(speed.json.value, 0.9);
    const second = await a.call("/api/v1/vapi/settings");
    assert.deepEqual(second.json.settings.map((s) => s.value).filter((_, i) => i !== 1), ["Grüß Gott ☎", 0.9]);
    assert.equal((await a.call("/api/v1/vapi/settings")).headers.get("cache-status"), "ava;hit");
    assert.equal((await a.call("/api/v1/vapi/settings/max_call_duration")).json.key, "max_call_duration");
  });

  test("a value outside the rules names the field and the true range, and changes nothing", async () => {
    const before = (await a.call("/api/v1/vapi/settings")).text;
    const cases = [
      ["voice_speed", 1.3, 0.5, 1.2],
      ["voice_speed", 0.6, 0.7, 1.2], // the demo voice is 11labs
      ["voice_speed", "fast", 0.5, 1.2],
      ["max_call_duration", 59, 60, 3600],
      ["max_call_duration", 60.5, 60, 3600],
    ];
    for (const [key, value, min, max] of cases) {
      const r = await a.call(`/api/v1/vapi/settings/${key}`, { method: "PUT", body: { value } });
      assert.equal(r.status, 422, `${key}=${value}: ${r.text}`);
      assert.equal(r.json.code, "validation_failed");
      assert.deepEqual([r.json.errors[0].field, r.json.errors[0].min, r.json.errors[0].max], ["value", min, max], `${key}=${value}`);
    }
    for (const body of [{}, { value: 1, other: 2 }, { value: null }, { value: [] }]) {
      const r = await a.call("/api/v1/vapi/settings/max_call_duration", { method: "PUT", body });
      assert.equal(r.status, 422, JSON.stringify(body));
    }
    assert.equal((await a.call("/api/v1/vapi/settings/nonsense", { method: "PUT", body: { value: 1 } })).status, 404);
    assert.equal((await a.call("/api/v1/vapi/settings")).text, before);
  });

  test("If-Match protects against somebody else's change", async () => {
    const now = await a.call("/api/v1/vapi/settings");
    const mine = { "If-Match": now.headers.get("etag") };
    const ok = await a.call("/api/v1/vapi/settings/max_call_duration", { method: "PUT", body: { value: 120 }, headers: mine });
    assert.equal(ok.status, 200, ok.text);
    const stale = await a.call("/api/v1/vapi/settings/max_call_duration", { method: "PUT", body: { value: 180 }, headers: mine });
    assert.equal(stale.status, 412);
    assert.equal(stale.json.code, "version_conflict");
    assert.equal((await a.call("/api/v1/vapi/settings/max_call_duration")).json.value, 120);
  });

  test("what is disconnected stays disconnected, until it is connected again", async () => {
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "DELETE" })).status, 204);
    const gone = await a.call("/api/v1/vapi/settings");
    assert.equal(gone.status, 424);
    assert.equal(gone.json.code, "provider_not_connected");
    const card = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "vapi");
    assert.equal(card.status, "not_connected");
    const back = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: "a-new-sandbox-key", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
    assert.equal(back.json.check.ok, true, back.text);
    assert.equal((await a.call("/api/v1/vapi/settings")).status, 200);
  });

  test("numbers come page by page", async () => {
    const seen = [];
    for (let cursor = null, n = 0; n < 10; n++) {
      const r = await a.call(`/api/v1/twilio/numbers?limit=1${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      assert.equal(r.status, 200, r.text);
      seen.push(...r.json.numbers);
      if (!(cursor = r.json.next_cursor)) break;
    }
    assert.equal(seen.length, 3);
    assert.equal(new Set(seen.map((n) => n.phone_number)).size, 3);
    for (const n of seen) {
      assert.equal(n.id, null);
      assert.match(n.provider_id, /^PN/);
      assert.match(n.phone_number, /^\+\d+$/);
      assert.equal(typeof n.capabilities.voice, "boolean");
    }
    for (const cursor of ["x", "Li4vLi4v", Buffer.from("PageSize=1#").toString("base64url")])
      assert.equal((await a.call(`/api/v1/twilio/numbers?cursor=${cursor}`)).status, 422, cursor);
    assert.equal((await a.call("/api/v1/twilio/numbers?limit=0")).json.errors[0].max, 100);
  });

  test("the correlation id of the caller reaches the provider and comes back", async () => {
    const id = "flow-test.1234_abc";
    const r = await a.call("/api/v1/credentials/vapi?verify=true", { headers: { "X-Correlation-ID": id } });
    assert.equal(r.headers.get("x-correlation-id"), id);
    const { hits } = await a.ledger();
    assert.ok(hits.some((h) => h.correlation_id === id), "the sandbox saw it");
    for (const bad of ["short", "has blank in it", "x".repeat(65), "semi;colon1"]) {
      const refused = await a.call("/health/live", { headers: { "X-Correlation-ID": bad } });
      assert.notEqual(refused.headers.get("x-correlation-id"), bad);
      assert.match(refused.headers.get("x-correlation-id"), /^[0-9a-f]{32}$/);
    }
  });

  test("a trace that came in goes on", async () => {
    const r = await a.call("/health/live", { headers: { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" } });
    assert.match(r.headers.get("traceparent"), /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/);
  });

  test("sessions: wrong password, sign in, CSRF, refresh, sign out", async () => {
    const wrong = await a.call("/api/v1/auth/login", { body: { email: person.email, password: "not the password" }, key: null });
    assert.equal(wrong.status, 422);
    assert.equal(wrong.json.errors[0].field, "password");
    const nobody = await a.call("/api/v1/auth/login", { body: { email: "nobody@example.com", password: "not the password" }, key: null });
    assert.equal(nobody.json.errors[0].code, wrong.json.errors[0].code);
    const login = await a.call("/api/v1/auth/login", { body: person, key: null });
    assert.equal(login.status, 200, login.text);
    const [set] = login.headers.getSetCookie();
    assert.match(set, /^ava_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    const Cookie = set.split(";")[0];
    const as = (path, more = {}) => a.call(path, { key: null, ...more, headers: { Cookie, ...more.headers } });
    assert.equal((await as("/api/v1/auth/me")).json.csrf_token, login.json.csrf_token);
    assert.equal((await as("/api/v1/auth/keys", { body: { name: "x" } })).json.code, "csrf_failed");
    const token = { "X-CSRF-Token": login.json.csrf_token };
    assert.equal((await as("/api/v1/auth/keys", { body: { name: "x" }, headers: { ...token, Origin: "https://evil.example" } })).json.code, "csrf_failed");
    assert.equal((await as("/api/v1/auth/keys", { body: { name: "x" }, headers: { ...token, "Sec-Fetch-Site": "cross-site" } })).json.code, "csrf_failed");
    assert.equal((await as("/api/v1/auth/keys", { body: { name: "x" }, headers: { ...token, Origin: a.base } })).status, 201);
    const refreshed = await as("/api/v1/auth/refresh", { method: "POST" });
    assert.equal(refreshed.status, 200, refreshed.text);
    assert.notEqual(refreshed.headers.get("set-cookie").split(";")[0], Cookie);
    assert.equal((await as("/api/v1/auth/me")).status, 200, "the old id works for 30 s");
    const fresh = { Cookie: refreshed.headers.get("set-cookie").split(";")[0], "X-CSRF-Token": refreshed.json.csrf_token };
    assert.equal((await a.call("/api/v1/auth/logout", { method: "POST", key: null, headers: fresh })).status, 204);
    assert.equal((await a.call("/api/v1/auth/me", { key: null, headers: fresh })).json.code, "session_required");
    assert.equal((await as("/api/v1/auth/me")).status, 401, "the whole session is over");
  });

  test("keys: mode test in the sandbox, gone at once when deleted", async () => {
    const made = await a.call("/api/v1/auth/keys", { body: { name: "backend" } });
    assert.equal(made.status, 201);
    assert.match(made.json.key, /^ava_test_[\w-]{43}$/);
    assert.equal((await a.call("/api/v1/auth/me", { key: made.json.key })).json.csrf_token, null);
    assert.equal((await a.call(`/api/v1/auth/keys/${made.json.id}`, { method: "DELETE" })).status, 204);
    assert.equal((await a.call("/api/v1/auth/me", { key: made.json.key })).status, 401);
    assert.ok(!(await a.call("/api/v1/auth/keys")).text.includes(made.json.key));
  });

  test("what happened is in the audit log", async () => {
    const { entries } = (await a.call("/api/v1/audit?limit=100")).json;
    const actions = new Set(entries.map((e) => e.action));
    for (const wanted of ["user.create", "key.create", "setting.change", "login.ok", "login.failed", "logout"]) assert.ok(actions.has(wanted), wanted);
  });

  test("other origins get no CORS headers, unknown ones no pages", async () => {
    const r = await a.call("/api/v1/auth/me", { headers: { Origin: "https://other.example" } });
    assert.equal(r.headers.get("access-control-allow-origin"), null);
    assert.equal((await a.call("/nothing/here")).json.code, "not_found");
    assert.equal((await a.call("/..%2f..%2fetc/passwd")).status, 404);
    const wrong = await a.call("/api/v1/auth/me", { method: "DELETE" });
    assert.equal(wrong.status, 405);
    assert.equal(wrong.headers.get("allow"), "GET, HEAD");
  });

  test("every problem code has its page, in the dashboard's frame", async () => {
    const { json } = await a.call("/api/v1/openapi.json");
    for (const code of json.components.schemas.ProblemCode.enum) {
      const page = await a.call(`/problems/${code}`);
      assert.equal(page.status, 200, code);
      assert.match(page.text, /<h2>How to check<\/h2>/);
      assert.doesNotMatch(page.text, /ava:(title|body|language)/);
      assert.match(page.text, /<html lang="en">/);
      const german = await a.call(`/problems/${code}`, { headers: { "Accept-Language": "de-AT,de;q=0.9,en;q=0.8" } });
      assert.equal(german.headers.get("vary"), "Accept-Language");
      assert.match(german.text, /<html lang="de">/);
      const parts = (text) => [text.match(/<h1>(.*?)<\/h1>/)[1], ...[...text.matchAll(/<h2>(.*?)<\/h2>\n<p>(.*?)<\/p>/gs)].flatMap((m) => m.slice(1))];
      const [here, there] = [parts(german.text), parts(page.text)];
      assert.equal(here.length, 5, code);
      here.forEach((words, i) => assert.notEqual(words, there[i], code));
    }
  });
});
