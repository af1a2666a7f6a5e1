// The audit log over the API: filtered, with the names of those who did it, and checked on request by whoever runs Ava.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";

// So many entries more, each with its right hash (RESILIENCE 14).
const GROW = `
import hashlib, sys
first = int(sys.argv[1]) + 1
part = lambda t: str(len(t)).encode() + b":" + t.encode()
prev = bytes(32)
print("BEGIN;")
for seq in range(first, first + int(sys.argv[2])):
    fields = ("ws_of_many", "usr_1", "setting.change", "x", "ok", "", "")
    h = hashlib.blake2b(prev + str(seq).encode() + b":1700000000000" + b"".join(map(part, fields)), digest_size=32).digest()
    if (seq - first) % 500 == 0: print("INSERT INTO audit_log (seq, at, workspace_id, actor, action, object, outcome, correlation_id, detail, prev, hash) VALUES")
    print(str((seq, 1700000000000, *fields))[:-1], end="")
    print(", X'%s', X'%s')%s" % (prev.hex(), h.hex(), ";" if (seq - first) % 500 == 499 else ","))
    prev = h
print("COMMIT;")
`;

describe("the audit log over the API", { skip: missing, concurrency: 1 }, () => {
  let a, home, bob, carol;
  const list = async (query = "", key = a.key) => (await a.call("/api/v1/audit" + query, { key })).json;
  const check = (key = a.key, method = "POST") => a.call("/api/v1/audit/verification", { method, key });
  const checked = async () => {
    assert.equal((await check()).status, 202);
    return until(async () => { const { json } = await check(a.key, "GET"); return json.state !== "running" && json; }, { what: "the end of the check" });
  };
  before(async () => {
    a = await Ava.start();
    await a.signUp();
    home = a.me.workspace.id;
    [bob, carol] = [await a.newPerson("bob@example.com"), await a.newPerson("carol@example.com")];
    for (const [who, role] of [[bob, "member"], [carol, "admin"]]) assert.equal((await a.call(`/api/v1/workspaces/${home}/members/${who.id}`, { method: "PUT", body: { role } })).status, 200);
    bob.here = a.newKey("bob@example.com", "bob's job", ["--workspace", home]);
    carol.here = a.newKey("carol@example.com", "carol's job", ["--workspace", home]);
    assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 3 }, key: carol.here })).status, 200);
    await a.call("/api/v1/auth/login", { body: { email: person.email, password: "not it at all" }, key: null });
    assert.equal((await a.call("/api/v1/flags/overload_turns", { method: "PUT", body: { on: false } })).status, 200);
  });
  after(() => a?.remove());

  test("who did it has a name: of a person, of a key, of nobody any more", async () => {
    const { entries } = await list("?limit=100");
    const limits = entries.find((e) => e.action === "limits.change");
    assert.equal(limits.actor_name, "carol's job");
    assert.equal(entries.find((e) => e.action === "login.failed")?.outcome, "failed");
    const mine = (await a.call(`/api/v1/workspaces/${home}/keys`)).json.keys.find((k) => k.name === "flow");
    assert.equal(entries.find((e) => e.actor === mine.id).actor_name, "flow");
  });

  test("what it was done to has a name, also when it is gone", async () => {
    const { entries } = await list("?limit=100");
    const about = (action, object) => entries.find((e) => e.action === action && (!object || e.object === object))?.object_name;
    assert.equal(about("member.set", bob.id), (await a.call(`/api/v1/workspaces/${home}/members`)).json.members.find((m) => m.user_id === bob.id).name ?? "bob@example.com");
    assert.equal(about("key.create", entries.find((e) => e.actor_name === "carol's job").actor), "carol's job");
    assert.equal(about("limits.change"), null);
    const { json: made } = await a.call("/api/v1/templates", { body: { name: "welcome", subject: "s", text: "t" } });
    const named = async () => (await list("?action=template")).entries.map((e) => [e.action, e.object, e.object_name ?? e.detail?.name]);
    assert.deepEqual(await named(), [["template.create", made.id, "welcome"]]);
    assert.equal((await a.call("/api/v1/templates/" + made.id, { method: "DELETE" })).status, 204);
    assert.deepEqual(await named(), [["template.remove", made.id, "welcome"], ["template.create", made.id, "welcome"]]);
    a.newKey("bob@example.com", "for a day", ["--workspace", home]);
    const { json: { keys } } = await a.call(`/api/v1/workspaces/${home}/keys`), gone = keys.find((k) => k.name === "for a day");
    assert.equal((await a.call(`/api/v1/workspaces/${home}/keys/${gone.id}`, { method: "DELETE" })).status, 204);
    const told = (await list("?action=key")).entries.filter((e) => e.object === gone.id);
    assert.deepEqual(told.map((e) => [e.action, e.object_name, e.detail]), [["key.remove", null, { name: "for a day" }], ["key.create", null, { name: "for a day" }]]);
  });

  test("filters: by who, what, how it ended, since and until; and what is no filter", async () => {
    const of = async (query) => (await list("?limit=100&" + query)).entries;
    const all = await of("");
    const { actor, at } = all.find((e) => e.action === "limits.change");
    assert.deepEqual(new Set((await of("actor=" + actor)).map((e) => e.action)), new Set(["limits.change"]));
    assert.deepEqual((await of("action=key")).map((e) => e.action), all.filter((e) => e.action.startsWith("key.")).map((e) => e.action));
    assert.ok((await of("action=key")).length >= 3);
    assert.deepEqual((await of("action=limits.change")).length, 1);
    assert.deepEqual(await of("action=limit"), []);
    assert.ok((await of("outcome=failed")).every((e) => e.outcome === "failed") && (await of("outcome=failed")).length);
    assert.ok((await of("since=" + at)).some((e) => e.action === "limits.change") && !(await of("until=" + at)).some((e) => e.action === "limits.change"));
    for (const query of ["outcome=maybe", "since=yesterday", "of=everything", "nonsense=1", "cursor=x", "limit=0"]) assert.equal((await a.call("/api/v1/audit?" + query)).status, 422, query);
    const pages = [];
    for (let cursor = ""; cursor !== null; ) {
      const page = await list(`?limit=2&action=key${cursor && "&cursor=" + cursor}`);
      pages.push(...page.entries);
      cursor = page.next_cursor;
    }
    assert.deepEqual(pages.map((e) => e.seq), (await of("action=key")).map((e) => e.seq));
  });

  test("what belongs to no workspace is for who runs the installation", async () => {
    assert.ok((await list("?of=installation")).entries.some((e) => e.action === "flag.change"));
    assert.ok(!(await list()).entries.some((e) => e.action === "flag.change"));
    assert.equal((await a.call("/api/v1/audit?of=installation", { key: carol.here })).status, 403);
    assert.equal((await a.call("/api/v1/audit?of=workspace", { key: carol.here })).status, 200);
    assert.equal((await a.call("/api/v1/audit", { key: bob.here })).status, 403);
  });

  test("a check: asked for by who runs the installation alone, and it says what the command says", async () => {
    for (const key of [bob.here, carol.here]) for (const method of ["GET", "POST"]) assert.equal((await check(key, method)).status, 403);
    assert.equal((await check(null)).status, 401);
    const none = (await check(a.key, "GET")).json;
    assert.deepEqual([none.state, none.found, none.ended_at], ["never", null, null]);
    const first = await checked();
    const whole = JSON.parse(ava(["audit", "verify", "--json", "--data-dir", a.data]).stdout);
    assert.deepEqual([first.state, first.found.ok, first.rows, first.found.heads, first.found.digest, first.found.bad_row], ["done", true, whole.rows, 0, null, null]);
    assert.ok(Date.parse(first.started_at) <= Date.parse(first.ended_at));
    await a.advance(3600);
    await until(async () => (await a.advance(600), a.stderr.includes('"audit_head"')), { every: 200, what: "a head" });
    const second = await checked();
    const head = JSON.parse(a.stderr.split("\n").find((l) => l.includes('"audit_head"')));
    assert.deepEqual([second.found.ok, second.found.heads, second.found.signed_to, second.found.digest], [true, 1, head.to, head.digest]);
  });

  test("many ask at once: one check, beside which others are served; and going down breaks it off", async () => {
    const { data, key, me } = a;
    const again = async () => (a = Object.assign(await Ava.start({ data }), { key, me }));
    const ended = () => a.stderr.split("\n").filter((l) => l.includes('"audit_verify"'));
    await a.stop();
    rows(data, execFileSync("python3", ["-c", GROW, rows(data, "SELECT MAX(seq) FROM audit_log"), "150000"], { encoding: "utf8", maxBuffer: 64 << 20 }));
    await again();
    const all = await Promise.all(Array.from({ length: 30 }, () => check()));
    assert.deepEqual(new Set(all.map((r) => `${r.status} ${r.json.state}`)), new Set(["202 running"]));
    assert.equal(new Set(all.map((r) => r.json.started_at)).size, 1);
    const seen = new Set();
    const last = await until(async () => { const { json } = await check(a.key, "GET"); seen.add(json.rows); return json.state !== "running" && json; }, { what: "the end" });
    assert.ok(last.found?.ok && last.rows > 150_000, JSON.stringify(last) + a.stderr.slice(-1500));
    assert.ok(seen.size > 3, "how far it is was seen meanwhile: " + [...seen]);
    await until(() => ended().length, { what: "the log has it" });
    assert.equal(ended().length, 1);
    assert.equal((await check()).json.state, "running");
    const began = Date.now();
    await a.stop();
    assert.ok(Date.now() - began < 5000, "going down waited for it");
    await again();
  });

  test("an entry that was changed is named, in the answer and in the log", async () => {
    const { data, key, me } = a;
    await a.stop();
    rows(data, "UPDATE audit_log SET actor = 'usr_somebody_else' WHERE seq = 5;");
    a = Object.assign(await Ava.start({ data }), { key, me });
    assert.equal((await check(a.key, "GET")).json.state, "never", "it is what this process found");
    const { state, found } = await checked();
    assert.deepEqual([state, found.ok, found.bad_row], ["done", false, 5]);
    assert.match(found.wrong, /row 5 was changed/);
    await until(() => /"event":"audit_verify".*"row":5/.test(a.stderr), { what: "the log says so" });
  });
});
