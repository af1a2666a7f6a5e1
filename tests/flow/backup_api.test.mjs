// The backups that Ava makes by itself, seen and asked for over the API by whoever runs it.
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";
import { sqliteOnly } from "../lib/database.mjs";

describe("backups over the API", { skip: missing || sqliteOnly, concurrency: 1 }, () => {
  let top, folder, a;
  const read = async () => (await a.call("/api/v1/backups")).json;
  const make = (key = a.key) => a.call("/api/v1/backups", { method: "POST", key });
  const idle = () => until(async () => { const now = await read(); return !now.making && now; }, { what: "it is made" });
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "ava-backups-"));
    folder = join(top, "backups");
    mkdirSync(join(top, "data"), { mode: 0o700 });
    a = await Ava.start({ data: join(top, "data"), env: { AVA_BACKUP_DIR: folder, AVA_BACKUP_KEEP: "3" } });
    await a.signUp();
  });
  after(async () => {
    await a?.stop();
    rmSync(top, { recursive: true, force: true });
  });

  test("the first is made by itself, and says when, how large, and of which schema", async () => {
    await until(async () => (await read()).backups.length === 1, { what: "the first" });
    const now = await idle();
    assert.deepEqual([now.folder, now.every_hours, now.keep, now.failed_at], [folder, 24, 3, null]);
    const [one] = now.backups;
    assert.match(one.name, /^ava-\d{8}T\d{6}Z\.backup$/);
    assert.equal(one.bytes, statSync(join(folder, one.name)).size - 512);
    assert.ok(one.whole && one.schema >= 36 && one.version && Math.abs(Date.parse(one.made_at) - Date.parse(now.last_at)) < 60_000);
  });

  test("one now: 202, as whole as the others, audited; no more are kept than shall be", async () => {
    for (let i = 0; i < 4; i++) {
      await a.advance(2); // their names are of a second
      const had = (await read()).backups[0].name;
      const r = await make();
      assert.equal(r.status, 202, r.text);
      await until(async () => (await read()).backups[0].name !== had, { what: "another one" });
      await idle();
    }
    const now = await read();
    assert.equal(now.backups.length, 3);
    assert.ok(now.backups.every((b) => b.whole));
    assert.deepEqual(now.backups.map((b) => b.name), readdirSync(folder).sort().reverse());
    const { entries } = (await a.call("/api/v1/audit?of=installation&action=backup")).json;
    assert.deepEqual(entries.map((e) => [e.action, e.actor_name]), Array(4).fill(["backup.make", "flow"]));
  });

  test("what it made can be put back; one that was cut, and what is none, is told from it", async () => {
    const { backups } = await read();
    truncateSync(join(folder, backups[2].name), 4096);
    writeFileSync(join(folder, "ava-20200101T000000Z.backup"), "not one at all");
    writeFileSync(join(folder, "notes.txt"), "x");
    const now = await read();
    assert.deepEqual(now.backups.map((b) => b.whole), [true, true, false, false]);
    assert.ok(!("bytes" in now.backups[3]));
    mkdirSync(join(top, "elsewhere"), { mode: 0o700 });
    copyFileSync(join(top, "data", "master.keys"), join(top, "elsewhere", "master.keys"));
    const r = ava(["restore", join(folder, backups[0].name), "--data-dir", join(top, "elsewhere")]);
    assert.equal(r.status, 0, r.stderr);
  });

  // The words of `changed` that a person's stream says, as they come.
  async function listen(key) {
    const stop = new AbortController(), heard = [];
    const { body } = await fetch(a.base + "/api/v1/stream", { headers: { Authorization: "Bearer " + key, Accept: "text/event-stream" }, signal: stop.signal });
    const here = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const read = async () => {
      for (;;) {
        const { done, value } = await here.read();
        if (done) return;
        text += value;
        heard.splice(0, Infinity, ...[...text.matchAll(/event: changed\ndata: (.*)\n/g)].map((m) => JSON.parse(m[1]).what));
      }
    };
    read().catch(() => {});
    await until(() => text.includes("event: here"), { what: "the stream is open" });
    return { heard, backups: () => heard.filter((what) => what === "backup").length, stop: () => stop.abort() };
  }

  test("that one begins and that it ended is told to pages in every workspace, and is then so", async () => {
    const elsewhere = await a.newPerson("elsewhere@example.com");
    const all = [await listen(a.key), await listen(elsewhere.key)];
    await a.advance(5);
    const had = (await read()).backups[0].name;
    await make();
    for (const one of all) await until(() => one.backups() === 2, { what: "begin and end are told" });
    const now = await read();
    assert.deepEqual([now.making, now.failed_at], [false, null]);
    assert.notEqual(now.backups[0].name, had);
    for (const one of all) one.stop();
  });

  test("many ask at once: one is made, and Ava serves on", async () => {
    await a.advance(5);
    const before = a.stderr.split("\n").filter((l) => l.includes('"event":"backup","file"')).length;
    const all = await Promise.all(Array.from({ length: 20 }, () => make()));
    assert.ok(all.every((r) => r.status === 202));
    await idle();
    const made = a.stderr.split("\n").filter((l) => l.includes('"event":"backup","file"')).length - before;
    assert.ok(made >= 1 && made <= 2, `${made} were made`);
  });

  test("a folder that cannot be written is told, with why", async () => {
    rmSync(folder, { recursive: true });
    await a.advance(5);
    const page = await listen(a.key);
    const asked = await make();
    assert.deepEqual([asked.status, asked.json.making || asked.json.failed_at !== null], [202, true], "on its way, or over");
    await until(() => page.backups() === 2, { what: "its end is told" });
    page.stop();
    const now = await read();
    assert.match(now.failed_because, /cannot write/);
    assert.deepEqual([now.making, now.backups], [false, []]);
  });

  test("for who runs the installation alone; and without a folder it is said which setting does", async () => {
    const bob = await a.newPerson("bob@example.com");
    for (const method of ["GET", "POST"]) for (const [key, status] of [[bob.key, 403], [null, 401]]) assert.equal((await a.call("/api/v1/backups", { method, key })).status, status);
    const other = await Ava.start();
    await other.signUp();
    const now = (await other.call("/api/v1/backups")).json;
    assert.deepEqual([now.folder, now.backups, now.making], [null, [], false]);
    const r = await other.call("/api/v1/backups", { method: "POST" });
    assert.deepEqual([r.status, /AVA_BACKUP_DIR/.test(r.json.detail)], [404, true], r.text);
    assert.deepEqual((await other.call("/api/v1/audit?of=installation&action=backup")).json.entries, []);
    await other.remove();
  });
});
