// Every write of the API against bodies nobody should send: a clear problem each time, never a 500, nothing half saved.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const json = { "Content-Type": "application/json" };
const deep = "[".repeat(200) + "]".repeat(200);

describe("hostile input", { skip: missing }, () => {
  let a, writes;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    const assistant = (await a.call("/api/v1/assistants", { body: { name: "Target" } })).json;
    const destination = (await a.call("/api/v1/destinations", { body: { url: "http://127.0.0.1:9/" } })).json;
    const { numbers } = (await a.call("/api/v1/twilio/numbers")).json;
    await a.call("/api/v1/twilio/numbers/import", { body: { numbers: [numbers[0].phone_number], overwrite: true } });
    const number = await until(async () => (await a.call("/api/v1/twilio/numbers")).json.numbers.find((n) => n.id), { what: "a number in Ava's care" });
    const rule = (await a.call("/api/v1/rules", { body: { preset: "text_back" } })).json;
    const { paths } = (await a.call("/api/v1/openapi.json")).json;
    writes = Object.entries(paths).flatMap(([path, ops]) =>
      Object.entries(ops)
        .filter(([, op]) => op.requestBody?.content?.["application/json"] && !/^\/(sandbox|webhooks)/.test(path)) // webhooks prove themselves first: inbox.test.mjs
        .map(([method]) => ({ method: method.toUpperCase(), template: path, path: path.replace("rules/{id}", "rules/" + rule.id).replace("calendar/{provider}", "calendar/google").replace("templates/{id}", "templates/alert").replace("assistants/{id}", "assistants/" + assistant.id).replace("numbers/{id}", "numbers/" + number.id).replace("destinations/{id}", "destinations/" + destination.id).replace("{key}", "voice_speed").replace("{provider}", "vapi").replace("{id}", a.me.workspace.id).replace("{user_id}", a.me.user.id) })),
    );
    assert.ok(writes.length >= 9);
  });
  after(() => a.remove());

  // The problem every refusal is: one sentence, a known code, the correlation id of its header.
  function isProblem(r, statuses, what) {
    assert.ok(statuses.includes(r.status), `${what}: ${r.status} ${r.text.slice(0, 200)}`);
    assert.match(r.headers.get("content-type"), /^application\/problem\+json/, what);
    assert.equal(r.json.status, r.status);
    assert.equal(r.json.type, `/problems/${r.json.code}`);
    assert.equal(r.json.correlation_id, r.headers.get("x-correlation-id"));
    assert.ok(r.json.detail.length > 10 && !r.json.detail.includes("\n"), what);
  }

  const cases = [
    ["nothing", "", [400]],
    ["half an object", '{"value": ', [400]],
    ["a name twice", '{"value":1,"value":2}', [400]],
    ["two hundred levels", deep, [400]],
    ["a list", "[1,2]", [400]],
    ["a text", '"x"', [400]],
    ["NUL in a text", '{"value":"a\\u0000b"}', [400]],
    ["invalid UTF-8", Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xc0, 0xaf, 0x22, 0x7d]), [400]],
    ["bytes behind the end", '{"value":1} {"value":2}', [400]],
    ["an unknown field", '{"no_such_field":"x"}', [422, 403]],
    ["wrong types all over", '{"value":{"a":1},"email":7,"password":[],"name":{},"role":1,"token":null,"api_key":5,"assistant_id":false}', [422]],
    ["a huge number", '{"value":1e400}', [400, 422]],
    ["an integer out of range", '{"value":99999999999999999999}', [400, 422]],
  ];
  for (const [name, raw, statuses] of cases)
    test(`${name}: refused on every write`, async () => {
      for (const w of writes) isProblem(await a.call(w.path, { method: w.method, raw, headers: json }), statuses, `${w.method} ${w.template}, ${name}`);
    });

  test("another media type is 415, a body over its limit 413 at once", async () => {
    for (const w of writes) {
      isProblem(await a.call(w.path, { method: w.method, raw: "{}", headers: { "Content-Type": "text/plain" } }), [415], w.template);
      const big = w.template.includes("/auth/setup") || w.template.includes("/auth/login") ? 17 << 10 : w.template.endsWith("/email/send") ? 15 << 20 : (1 << 20) + 1;
      isProblem(await a.call(w.path, { method: w.method, raw: " ".repeat(big), headers: json }), [413], w.template);
    }
  });

  test("of somebody who shows nothing no body over 16 KiB is taken in", async () => {
    for (const w of writes) isProblem(await a.call(w.path, { method: w.method, raw: " ".repeat(17 << 10), headers: json, key: null }), [413], w.template);
  });

  test("what the HTTP layer refuses carries the caller's id too, and is counted", async () => {
    const id = "refused-early-1";
    const r = await a.call("/api/v1/auth/login", { raw: " ".repeat(17 << 10), headers: { ...json, "X-Correlation-ID": id } });
    isProblem(r, [413], "early");
    assert.equal(r.json.correlation_id, id);
    assert.ok((await a.metric("http_server_request_duration_seconds_count", { route: "/api/v1/auth/login", status: "413" })) >= 1);
  });

  test("all wrong fields are named at once", async () => {
    const r = await a.call("/api/v1/users", { body: { email: "x", password: "short", name: "", admin: "yes", extra: 1 } });
    assert.equal(r.status, 422);
    assert.deepEqual(r.json.errors.map((e) => e.field).sort(), ["admin", "email", "extra", "name", "password"]);
    assert.equal((await a.call("/api/v1/users")).json.users.length, 1, "nothing half saved");
  });

  test("queries: unknown, repeated, broken", async () => {
    for (const [path, statuses] of [
      ["/api/v1/events?nope=1", [422]],
      ["/api/v1/events?limit=101", [422]],
      ["/api/v1/events?limit=-1", [422]],
      ["/api/v1/events?since=yesterday", [422]],
      ["/api/v1/events?cursor=%00", [422]],
      ["/api/v1/events?limit=%zz", [400]],
      ["/api/v1/events/%00", [404]],
      ["/api/v1/events/%ff%fe", [404]],
      ["/api/v1/vapi/settings/..%2f..%2fcredentials", [404]],
      ["/api/v1/credentials/google", [404]],
      ["/api/v1/credentials/vapi?verify=maybe", [422]],
    ])
      isProblem(await a.call(path), statuses, path);
    isProblem(await a.call("/api/v1/vapi/settings", { headers: { "X-Request-Timeout-Ms": "5" } }), [422], "timeout header");
  });

  test("a header can not be split through the correlation id", async () => {
    const raw = await new Promise((done, fail) => {
      let text = "";
      const socket = connect(a.port, "127.0.0.1", () => socket.write("GET /health/live HTTP/1.1\r\nHost: x\r\nX-Correlation-ID: abcdefgh\r\n Set-Cookie: x=y\r\nConnection: close\r\n\r\n"));
      socket.on("data", (b) => (text += b)).on("end", () => done(text)).on("error", fail);
    });
    assert.match(raw, /^HTTP\/1\.1 400 /);
    assert.doesNotMatch(raw, /Set-Cookie/);
    const encoded = await a.call("/health/live", { headers: { "X-Correlation-ID": "abcdefgh%0d%0aSet-Cookie:x" } });
    assert.equal(encoded.headers.get("set-cookie"), null);
  });

  test("after all that Ava is well, and the setting as it was", async () => {
    assert.equal((await a.call("/health/ready")).status, 200);
    assert.equal((await a.call("/api/v1/vapi/settings/voice_speed")).json.value, 1);
  });
});
