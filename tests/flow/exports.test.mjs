// Bears company.
// Lists taken away whole, as CSV and JSON lines: read back by Python's csv, with what providers and callers wrote into them.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing, person, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";

const EVENTS = 2345, SID = "AC" + "0123456789abcdef".repeat(2), TOKEN = "the-auth-token-of-today-1";
// Rows as another program reads them: a list of lists.
const rowsOf = (bytes) => JSON.parse(execFileSync("python3", ["-c", "import csv, io, json, sys; print(json.dumps(list(csv.reader(io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8-sig', newline='')))))"], { input: bytes, encoding: "utf8", maxBuffer: 1 << 28 }));

describe("exports", { skip: missing, concurrency: 1 }, () => {
  let a, member;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    member = await a.newPerson("member@example.com");
    assert.equal(ava(["workspace", "member", a.me.workspace.id, "member@example.com", "member", "--data-dir", a.data]).status, 0);
    member.key = a.newKey("member@example.com", "of the first workspace", ["--workspace", a.me.workspace.id]);
  });
  after(() => a?.remove());

  const sql = (text) => rows(a.data, text);
  const taken = async (path, options) => {
    const r = await fetch(a.base + path, { headers: { Authorization: `Bearer ${options?.key ?? a.key}` } });
    return { status: r.status, headers: r.headers, bytes: Buffer.from(await r.arrayBuffer()) };
  };
  // All of a list, page by page.
  const listed = async (name, query = "") => {
    const all = [];
    for (let cursor = ""; ; ) {
      const { status, json, text } = await a.call(`/api/v1/${name}?limit=100${query}${cursor}`);
      assert.equal(status, 200, text);
      all.push(...(json[name] ?? json.entries));
      if (!json.next_cursor) return all;
      cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
    }
  };
  const lines = (bytes) => bytes.toString().split("\n").slice(0, -1).map((l) => JSON.parse(l));

  test("calls: both forms have what the list has, and the answer says what to save it as", async () => {
    for (const to of ["+33611111111", "+33622222222", "+4915112345678"])
      assert.equal((await a.call("/api/v1/calls", { body: { to, metadata: { note: '=HYPERLINK("http://evil.example","x")', sum: "+1-1" } } })).status, 201);
    const all = await listed("calls"), json = await taken("/api/v1/exports/calls?format=jsonl"), csv = await taken("/api/v1/exports/calls");
    assert.deepEqual([json.status, json.headers.get("content-type"), csv.headers.get("content-type")], [200, "application/jsonl", "text/csv; charset=utf-8"]);
    assert.match(csv.headers.get("content-disposition"), /^attachment; filename="ava-calls-20\d\d-\d\d-\d\d\.csv"$/);
    assert.match(json.headers.get("content-disposition"), /\.jsonl"$/);
    assert.equal(csv.headers.get("cache-control"), "no-store");
    assert.deepEqual(lines(json.bytes).map((c) => c.id), all.map((c) => c.id));
    assert.deepEqual(lines(json.bytes).map((c) => c.metadata), all.map((c) => c.metadata));
    assert.deepEqual([...csv.bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf]);
    const [names, ...rows] = rowsOf(csv.bytes), at = (row, name) => row[names.indexOf(name)];
    assert.deepEqual(rows.map((r) => [at(r, "id"), at(r, "to"), at(r, "direction")]), all.map((c) => [c.id, c.to, c.direction]), "numbers as they are");
    assert.deepEqual(rows.map((r) => JSON.parse(at(r, "metadata"))), all.map((c) => c.metadata));
    assert.ok(rows.every((r) => r.length === names.length));
  });

  test("by the filters of the list", async () => {
    const only = await taken("/api/v1/exports/calls?format=jsonl&to=%2B33611111111");
    assert.deepEqual(lines(only.bytes).map((c) => c.to), ["+33611111111"]);
    const none = await taken("/api/v1/exports/calls?since=2100-01-01T00:00:00Z");
    assert.equal(rowsOf(none.bytes).length, 1, "the names alone");
    assert.equal((await taken("/api/v1/exports/calls?format=jsonl&since=2100-01-01T00:00:00Z")).bytes.length, 0);
    for (const [query, field] of [["format=xls", "format"], ["limit=5", "limit"], ["cursor=x", "cursor"], ["since=yesterday", "since"], ["colour=red", "colour"]]) {
      const r = await a.call(`/api/v1/exports/calls?${query}`);
      assert.deepEqual([r.status, r.json?.errors?.[0]?.field], [422, field], r.text);
    }
    assert.equal((await a.call("/api/v1/exports/people")).status, 404);
    assert.equal((await a.call("/api/v1/exports/calls", { key: null })).status, 401);
    const head = await a.call("/api/v1/exports/calls", { method: "HEAD" });
    assert.deepEqual([head.status, head.text, /ava-calls/.test(head.headers.get("content-disposition"))], [200, "", true]);
  });

  test("messages: what people text is text, whatever a spreadsheet would make of it", async () => {
    await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
    const texts = ["=cmd|' /C calc'!A0", "@SUM(1+1)", "-2+3", "+33 6 12", "two\nlines, \"quoted\"", "\tcells", "Grüße 📞 שלום", "plain"];
    for (const text of texts) {
      const r = await avaBeside(["webhook", "send", "twilio.message", "--from", "+14155550199", "--text", text, "--workspace", a.me.workspace.id, "--data-dir", a.data], { env: { AVA_PUBLIC_URL: a.base } });
      assert.equal(r.status, 0, r.stderr);
    }
    await until(async () => (await listed("messages")).length === texts.length, { what: "all texts came" });
    const bodies = (await listed("messages")).map((m) => m.body);
    const csv = await taken("/api/v1/exports/messages?direction=inbound"), [names, ...rows] = rowsOf(csv.bytes);
    const cells = rows.map((r) => r[names.indexOf("body")]);
    assert.deepEqual(cells.map((c) => c.replace(/^'/, "")), bodies);
    for (const c of cells) assert.ok(!/^[=+\-@\t\r]/.test(c), JSON.stringify(c));
    assert.ok(cells.includes("plain") && cells.includes("Grüße 📞 שלום"));
    assert.deepEqual(lines((await taken("/api/v1/exports/messages?format=jsonl")).bytes).map((m) => m.body), bodies, "programs get it as it was");
  });

  test(`${EVENTS} events: every one once, newest first, while more come in`, async () => {
    sql(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${EVENTS})
      INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at)
      SELECT printf('evt_0%031d', i), '${a.me.workspace.id}', 'vapi', 'transcript', printf('call-%d', i), randomblob(32), 'done', 'load', i, 1 FROM n; COMMIT;`);
    const before = (await listed("events")).map((e) => e.id), texting = avaBeside(["webhook", "send", "twilio.message", "--text", "meanwhile", "--workspace", a.me.workspace.id, "--data-dir", a.data], { env: { AVA_PUBLIC_URL: a.base } });
    const got = lines((await taken("/api/v1/exports/events?format=jsonl")).bytes).map((e) => e.id);
    assert.equal((await texting).status, 0);
    assert.equal(new Set(got).size, got.length);
    assert.deepEqual(got.filter((id) => before.includes(id)), before);
    assert.ok(got.length >= EVENTS && got.length <= before.length + 1, `${got.length}`);
    assert.equal(rowsOf((await taken("/api/v1/exports/events?provider=vapi&type=transcript")).bytes).length, EVENTS + 1);
  });

  test("the audit log is for owners and admins, the rest for members too", async () => {
    assert.equal((await a.call("/api/v1/exports/audit", { key: member.key })).status, 403);
    assert.equal((await taken("/api/v1/exports/calls", { key: member.key })).status, 200);
    const all = await listed("audit"), json = lines((await taken("/api/v1/exports/audit?format=jsonl")).bytes);
    assert.ok(all.length > 3);
    assert.deepEqual(json.map((e) => e.seq), all.map((e) => e.seq));
    const [names, ...rows] = rowsOf((await taken("/api/v1/exports/audit")).bytes);
    assert.deepEqual(rows.map((r) => Number(r[names.indexOf("seq")])), all.map((e) => e.seq));
    const stranger = await a.newPerson("stranger@example.com");
    assert.equal(lines((await taken("/api/v1/exports/calls?format=jsonl", { key: stranger.key })).bytes).length, 0, "only one's own workspace");
  });

  // A client that reads nothing of what it asked for.
  const hold = (key) => new Promise((resolve) => {
    const s = connect({ port: a.port, host: "127.0.0.1" });
    s.once("connect", () => s.write(`GET /api/v1/exports/events?format=jsonl HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n\r\n`));
    s.once("readable", () => resolve(s)); // and is not read
  });

  test("two at once of a user, and a reader that stops reading costs others nothing", async () => {
    sql(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)
      INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at)
      SELECT printf('evt_1%031d', i), '${a.me.workspace.id}', 'vapi', 'transcript', printf('call-%d', i), randomblob(32), 'done', 'load', i, 1 FROM n; COMMIT;`);
    const held = [await hold(a.key), await hold(a.key)];
    const third = await a.call("/api/v1/exports/calls");
    assert.deepEqual([third.status, third.json.code, third.headers.get("retry-after")], [429, "rate_limited", "30"], third.text);
    assert.equal((await taken("/api/v1/exports/calls", { key: member.key })).status, 200, "others may");
    assert.equal((await a.call("/api/v1/calls")).status, 200);
    held.forEach((s) => s.destroy());
    await until(async () => (await taken("/api/v1/exports/calls")).status === 200, { what: "the places are free again" });
  });

  test("who may not read any more gets no further: the answer is cut, not ended", async () => {
    // At the pace of a line of 3 MB a second: who may read is looked at once a second.
    const key = a.newKey(person.email, "for a while"), to = join(a.data, "export.jsonl");
    const child = spawn("curl", ["-sS", "--limit-rate", "3M", "-o", to, "-H", `Authorization: Bearer ${key}`, `${a.base}/api/v1/exports/events?format=jsonl`], { stdio: "ignore" });
    const ended = new Promise((r) => child.once("exit", r));
    await until(() => existsSync(to) && statSync(to).size > 0, { what: "it comes" });
    const { keys } = (await a.call("/api/v1/auth/keys")).json;
    assert.equal((await a.call(`/api/v1/auth/keys/${keys.find((k) => k.name === "for a while").id}`, { method: "DELETE" })).status, 204);
    assert.equal(await ended, 56, "curl: failure in receiving network data");
  });
});
