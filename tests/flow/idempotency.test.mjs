// Idempotency-Key on every POST: the same request under the same key happens once (RESILIENCE 9).
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { stored } from "../lib/database.mjs";

describe("idempotency keys", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a.remove());

  const post = (path, body, key, more = {}) => a.call(path, { body, headers: key === undefined ? {} : { "Idempotency-Key": key }, ...more });
  const keys = async () => (await a.call("/api/v1/auth/keys?limit=100")).json.keys.length;
  const found = (result) => a.metric("idempotency_requests_total", { result });

  test("the same again is the same answer, and happens once; also with other blanks and another order", async () => {
    const first = await post("/api/v1/auth/keys", { name: "one", mode: "test" }, "k-1");
    assert.equal(first.status, 201, first.text);
    assert.equal(first.headers.get("idempotent-replayed"), null);
    const count = await keys();
    for (const raw of ['{"name":"one","mode":"test"}', '{ "mode" : "test",\n "name":"one" }']) {
      const again = await a.call("/api/v1/auth/keys", { method: "POST", raw, headers: { "Idempotency-Key": "k-1", "Content-Type": "application/json" } });
      assert.equal(again.status, 201);
      assert.equal(again.headers.get("idempotent-replayed"), "true");
      assert.equal(again.text, first.text);
      assert.notEqual(again.headers.get("x-correlation-id"), first.headers.get("x-correlation-id"));
      assert.equal(again.headers.get("content-type"), first.headers.get("content-type"));
    }
    assert.equal(await keys(), count);
  });

  test("quotes around the key do not matter", async () => {
    assert.equal((await post("/api/v1/auth/keys", { name: "one", mode: "test" }, '"k-1"')).headers.get("idempotent-replayed"), "true");
  });

  test("the same key for something else is refused", async () => {
    const r = await post("/api/v1/auth/keys", { name: "two", mode: "test" }, "k-1");
    assert.equal(r.status, 422);
    assert.equal(r.json.code, "idempotency_key_reused");
    assert.equal(r.json.errors, undefined);
  });

  test("each route, person and workspace has keys of its own", async () => {
    const other = await a.newPerson("other@example.com");
    const theirs = await post("/api/v1/auth/keys", { name: "one", mode: "test" }, "k-1", { key: other.key });
    assert.equal(theirs.status, 201);
    assert.equal(theirs.headers.get("idempotent-replayed"), null);
    const elsewhere = await post("/api/v1/calls", { to: "+33612345678" }, "k-1");
    assert.equal(elsewhere.status, 201, elsewhere.text);
    assert.equal(elsewhere.headers.get("idempotent-replayed"), null);
  });

  test("malformed keys are refused, on every POST", async () => {
    for (const key of ["a b", '""', "x".repeat(256), "caf\u00e9"]) {
      const r = await post("/api/v1/auth/keys", { name: "no" }, key);
      assert.equal(r.status, 400, JSON.stringify(key) + r.text);
      assert.equal(r.json.code, "malformed_request");
    }
    assert.equal((await post("/api/v1/auth/keys", { name: "long", mode: "test" }, "x".repeat(255))).status, 201);
    assert.equal((await post("/api/v1/auth/login", { email: "a@b.c", password: "x" }, "a b", { key: null })).status, 400);
  });

  test("a refusal before anything was tried is forgotten", async () => {
    assert.equal((await post("/api/v1/auth/keys", { name: "" }, "k-2")).status, 422);
    assert.equal((await post("/api/v1/auth/keys", { name: "good", mode: "test" }, "k-2")).status, 201);
  });

  test("what the provider refused is remembered, also when it would not refuse it now", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 400, operation: "POST /call" });
    const r = await post("/api/v1/calls", { to: "+33612345678" }, "k-3");
    await a.fault({ provider: "vapi", fault: "none" });
    assert.equal(r.status, 422, r.text);
    const again = await post("/api/v1/calls", { to: "+33612345678" }, "k-3");
    assert.equal(again.status, 422);
    assert.equal(again.json.code, "provider_rejected_request");
    assert.equal(again.json.detail, r.json.detail);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
  });

  test("while the first is under way the others are told to wait; 50 at once make one call", async () => {
    await a.fault({ provider: "vapi", fault: "latency", latency_ms: 400, operation: "POST /call" });
    const answers = await Promise.all(Array.from({ length: 50 }, () => post("/api/v1/calls", { to: "+33611111111" }, "k-4")));
    await a.fault({ provider: "vapi", fault: "none" });
    assert.equal(answers.filter((r) => r.status === 201).length, 1);
    for (const r of answers.filter((r) => r.status !== 201)) {
      assert.equal(r.status, 409, r.text);
      assert.equal(r.json.code, "idempotency_in_progress");
      assert.equal(r.headers.get("retry-after"), "1");
    }
    assert.equal((await a.call("/api/v1/calls?to=%2B33611111111")).json.calls.length, 1);
    assert.equal((await post("/api/v1/calls", { to: "+33611111111" }, "k-4")).status, 201);
  });

  test("an unknown outcome: 202 with the operation until it is known, then what came of it", async () => {
    await a.fault({ provider: "vapi", fault: "cut", operation: "POST /call" });
    const first = await post("/api/v1/calls", { to: "+33622222222" }, "k-5");
    await a.fault({ provider: "vapi", fault: "none" });
    assert.equal(first.status, 202);
    const again = await post("/api/v1/calls", { to: "+33622222222" }, "k-5");
    assert.equal(again.status, 202);
    assert.equal(again.json.id, first.json.id);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
    await a.advance(5);
    const done = await until(async () => ((r) => r.status === 201 && r)(await post("/api/v1/calls", { to: "+33622222222" }, "k-5")), { what: "201" });
    assert.equal(done.json.operation_id, first.json.id);
  });

  test("answers are sealed on disk, and keys are forgotten after 24 hours", async () => {
    const made = await post("/api/v1/auth/keys", { name: "sealed", mode: "test" }, "k-6");
    assert.ok(!stored(a.data).includes(made.json.key), "the key is readable in the database");
    await a.advance(24 * 3600 - 60);
    assert.equal((await post("/api/v1/auth/keys", { name: "sealed", mode: "test" }, "k-6")).headers.get("idempotent-replayed"), "true");
    await a.advance(120);
    const anew = await post("/api/v1/auth/keys", { name: "sealed", mode: "test" }, "k-6");
    assert.equal(anew.status, 201);
    assert.notEqual(anew.json.key, made.json.key);
  });

  test("all of it is counted", async () => {
    for (const result of ["first", "replayed", "operation", "in_progress", "reused"]) assert.ok((await found(result)) > 0, result);
  });
});
