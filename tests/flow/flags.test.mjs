// Feature flags: in force at once, kept over a restart, audited, and only for whoever runs the installation.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

describe("feature flags", { skip: missing, concurrency: 1 }, () => {
  let a;
  const put = (name, body, more = {}) => a.call(`/api/v1/flags/${name}`, { method: "PUT", body, ...more });
  const flags = async () => (await a.call("/api/v1/flags")).json.flags;
  before(async () => {
    a = await Ava.start();
    await a.signUp();
  });
  after(() => a?.remove());
  const refusals = () => a.stderr.split("\n").filter((l) => l.includes('"event":"request"') && l.includes('"code":"session_required"')).length;
  const knock = (n) => Promise.all(Array.from({ length: n }, () => a.call("/api/v1/calls", { key: null })));

  test("each says what it does, and that it is as it was built", async () => {
    const all = await flags();
    assert.ok(all.length >= 3);
    for (const f of all) {
      assert.deepEqual([f.on, f.is_default, f.changed_at, f.changed_by], [true, true, null, null]);
      assert.match(f.about, /^On: .+ Off: .+\.$/);
    }
  });

  test("a flag switches the way a thing is done, and back, from the next request on", async () => {
    await knock(300);
    await until(() => /"event":"refusals"|"session_required"/.test(a.stderr), { what: "lines of the log" });
    await a.advance(2);
    const shared = refusals();
    assert.ok(shared < 200, `${shared} lines for 300 refusals`);
    const r = await put("refusals_share_the_log", { on: false });
    assert.deepEqual([r.status, r.json.on, r.json.is_default], [200, false, false], r.text);
    assert.ok(r.json.changed_by && r.json.changed_at);
    await knock(300);
    await until(() => refusals() >= shared + 300, { what: "one line for each" });
    assert.equal((await put("refusals_share_the_log", { on: true })).json.is_default, true);
    await a.advance(2);
    const before = refusals();
    await knock(300);
    await a.call("/health/live", { key: null });
    assert.ok(refusals() < before + 200);
  });

  test("within a second: 200 flips, each in force for the request after it", async () => {
    for (let i = 0; i < 200; i++) {
      const on = i % 2 === 1;
      assert.equal((await put("overload_turns", { on })).json.on, on);
      assert.equal((await flags()).find((f) => f.name === "overload_turns").on, on);
    }
  });

  test("kept over a kill, told at the start, audited once for each change", async () => {
    assert.equal((await put("recovery_in_one_pass", { on: false })).status, 200);
    assert.equal((await put("recovery_in_one_pass", { on: false })).status, 200, "again is nothing new");
    const { data, key, me } = a;
    await a.stop("SIGKILL");
    a = Object.assign(await Ava.start({ data }), { key, me });
    assert.deepEqual((await flags()).map((f) => `${f.name} ${f.on}`), ["overload_turns true", "recovery_in_one_pass false", "refusals_share_the_log true"]);
    await until(() => /"event":"flag","name":"recovery_in_one_pass","on":"no"/.test(a.stderr), { what: "the log says so" });
    assert.equal((await put("recovery_in_one_pass", { on: true })).status, 200);
    const { ava } = await import("../lib/ava.mjs");
    const rows = ava(["audit", "export", "--data-dir", data]).stdout.trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.action === "flag.change" && e.object === "recovery_in_one_pass");
    assert.deepEqual(rows.map((e) => e.detail), ['{"on":false}', '{"on":true}']);
  });

  test("what cannot be: a flag that does not exist, no value, a wrong one, somebody who does not run it", async () => {
    const other = await a.newPerson("bob@example.com");
    for (const [name, body, status, words] of [
      ["nonsense", { on: true }, 404, /no such flag; GET \/api\/v1\/flags/],
      ["overload_turns", {}, 422, /true or false/],
      ["overload_turns", { on: "yes" }, 422, /on/],
      ["overload_turns", { on: null }, 422, /on/],
      ["overload_turns", { on: true, off: 1 }, 422, /off/],
      ["OVERLOAD_TURNS", { on: true }, 404, /no such flag/],
      ["%00", { on: true }, 404, /no such|nothing/i],
    ]) {
      const r = await put(name, body);
      assert.ok(r.status === status || (name === "%00" && r.status === 400), `${name} ${JSON.stringify(body)}: ${r.text}`);
      if (r.status === status) assert.match(r.text, words);
    }
    assert.equal((await a.call("/api/v1/flags", { key: other.key })).status, 403);
    assert.equal((await put("overload_turns", { on: false }, { key: other.key })).status, 403);
    assert.equal((await a.call("/api/v1/flags", { key: null })).status, 401);
    assert.equal((await flags())[0].on, true);
  });
});
