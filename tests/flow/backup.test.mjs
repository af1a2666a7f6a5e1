// Bears company.
// All data in one checked file, made while Ava serves, and put back: nothing is sent twice, nothing half is taken for whole.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, bin, environment, missing, sanitized, until } from "../lib/ava.mjs";
import { sqliteOnly } from "../lib/database.mjs";
import { Faults, shim, shimMissing } from "../lib/failing.mjs";

const folderOf = (parent, name) => (mkdirSync(join(parent, name), { mode: 0o700 }), join(parent, name));
const listed = (folder) => readdirSync(folder).filter((f) => f !== "ava.lock").sort();
const sqlOf = (file, sql) => {
  const r = spawnSync("sqlite3", [file, sql], { encoding: "utf8" });
  assert.equal(r.status, 0, r.stderr);
  return r.stdout.trim();
};
const restore = (file, folder, ...more) => ava(["restore", file, "--data-dir", folder, ...more]);

describe("a backup", { skip: missing || sqliteOnly, concurrency: 1 }, () => {
  let top, a, provider, file, queued, mailed;
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "ava-backup-"));
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await provider.signUp();
    const { smtp } = (await provider.call("/sandbox/api/credentials")).json;
    a = await Ava.start({ data: folderOf(top, "first"), env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 1 } })).status, 200);
    assert.equal((await a.call("/api/v1/calls", { body: { to: "+33611111111" } })).status, 201);
    queued = (await a.call("/api/v1/calls", { body: { to: "+33622222222" } })).json;
    assert.equal(queued.status, "queued");
    assert.equal((await a.call("/api/v1/credentials/resend", { method: "DELETE" })).status, 204);
    assert.equal((await a.call("/api/v1/credentials/smtp", { method: "PUT", body: smtp })).status, 200);
    const r = await a.call("/api/v1/integrations/email/send", { body: { to: "grey@example.org", subject: "Hello", text: "It is tomorrow." } });
    assert.equal(r.status, 202, r.text);
    mailed = r.json;
  });
  // What came to the mail server, of anybody.
  const asked = async () => (await provider.ledger()).hits.filter((hit) => hit.provider === "smtp" && hit.method === "RCPT").length;
  after(async () => {
    await a?.stop();
    await provider?.remove();
    rmSync(top, { recursive: true, force: true });
  });
  // A folder as a new machine has it: the keys, and no data.
  const fresh = (name, { keys = true } = {}) => {
    const folder = folderOf(top, name);
    if (keys) copyFileSync(join(top, "first/master.keys"), join(folder, "master.keys"));
    return folder;
  };

  test("is made while writes go on, is one file of its own, and says what is not in it", async () => {
    file = join(top, "one.backup");
    let ends = false, written = 0;
    const writes = Promise.all([1, 2, 3, 4].map(async () => {
      while (!ends) assert.equal((await a.call("/api/v1/calls", { body: { to: "+3363" + String(written++).padStart(7, "0") } })).status, 202);
    }));
    const r = await avaBeside(["backup", file, "--data-dir", a.data]);
    ends = true;
    await writes;
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stdout, /one\.backup: \d+\.\d MB, as of 20\d\d-\S+Z, by Ava \d\S+, schema \d+; every byte was read back\n$/);
    assert.match(r.stderr, /master keys are not in it/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(listed(top), ["first", "one.backup"], "and no other");
    assert.equal(sqlOf(file, "PRAGMA integrity_check"), "ok");
    assert.ok(Number(sqlOf(file, "SELECT count(*) FROM calls")) >= 2);
    const key = readFileSync(join(a.data, "master.keys"), "utf8").split(":")[1].trim();
    assert.ok(!readFileSync(file).includes(Buffer.from(key, "base64")) && !readFileSync(file).includes(key));
  });

  test("for scripts: JSON, a name of its own in a folder; what is there already stays", async () => {
    const folder = folderOf(top, "kept");
    const r = await avaBeside(["backup", folder, "--json", "--data-dir", a.data]);
    assert.equal(r.status, 0, r.stderr);
    const said = JSON.parse(r.stdout);
    assert.match(said.file, /\/kept\/ava-20\d{6}T\d{6}Z\.backup$/);
    assert.equal(statSync(said.file).size, said.bytes + 512);
    assert.deepEqual(Object.keys(said), ["file", "bytes", "schema", "made_at", "version"]);
    const before = readFileSync(file), again = await avaBeside(["backup", file, "--data-dir", a.data]);
    assert.deepEqual([again.status, /is there already; a backup replaces nothing/.test(again.stderr)], [1, true], again.stderr);
    assert.ok(readFileSync(file).equals(before));
    for (const [args, status, words] of [
      [["backup"], 2, /ava backup FILE/],
      [["backup", join(top, "none/at/all")], 1, /cannot write .*No such file or directory/],
      [["backup", join(top, "x"), "--data-dir", join(top, "nowhere")], 78, /there is no database/],
      [["restore"], 2, /ava restore FILE/],
    ]) {
      const bad = ava([...args, ...(args.includes("--data-dir") ? [] : ["--data-dir", a.data])]);
      assert.deepEqual([bad.status, words.test(bad.stderr)], [status, true], `${args}: ${bad.stderr}`);
    }
    assert.deepEqual(listed(top), ["first", "kept", "one.backup"]);
  });

  test("is made of a copy by Ava itself, which is gone afterwards; a command that is killed leaves nothing for good", { timeout: 120_000 }, async () => {
    const folder = fresh("large"), copies = () => readdirSync(folder).filter((f) => f.startsWith("ava.db.copying-"));
    let b = await Ava.start({ data: folder, env: { AVA_LOG_LEVEL: "warn" } });
    try {
      sqlOf(join(folder, "ava.db"), "CREATE TABLE large (x BLOB); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) INSERT INTO large SELECT randomblob(100000) FROM n;");
      const to = join(top, "large.backup"), killed = spawn(bin, ["backup", to, "--data-dir", folder], { env: environment({}), stdio: "ignore" });
      await until(async () => copies().length === 1, { every: 5, what: "a copy is made" });
      killed.kill("SIGKILL");
      const second = await avaBeside(["backup", to, "--data-dir", folder]); // while the first one's copy is still made: of the database itself
      assert.equal(second.status, 0, second.stderr);
      assert.equal(sqlOf(to, "SELECT count(*), sum(length(x)) FROM large"), "600|60000000");
      rmSync(to);
      await b.stop();
      assert.deepEqual(copies(), [], "what nobody took is gone with the server");
      writeFileSync(join(folder, "ava.db.copying-77"), "of one that was killed");
      b = await Ava.start({ data: folder, env: { AVA_LOG_LEVEL: "warn" } });
      assert.deepEqual(copies(), []);
      const third = avaBeside(["backup", to, "--data-dir", folder]);
      await until(async () => copies().length === 1, { every: 5, what: "a copy is made again" });
      assert.equal((await third).status, 0);
      assert.deepEqual(copies(), []);
      assert.equal(sqlOf(to, "SELECT count(*) FROM large"), "600");
      assert.doesNotMatch(b.stderr, /its log grows/);
      rmSync(to);
    } finally {
      await b.stop();
    }
  });

  test("a rehearsal says that it can be restored, beside the data that is there, and changes nothing", () => {
    const folder = fresh("rehearsed"), had = listed(folder);
    const r = restore(file, folder, "--dry-run");
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stderr, /It can be restored.*Nothing was changed/);
    assert.match(r.stderr, /[1-9]\d* calls, messages or mails had not ended/);
    assert.deepEqual(listed(folder), had);
  });

  test("restored, everything is there, nobody is signed in, and what was under way is not done again", async () => {
    const folder = fresh("second");
    const r = restore(file, folder);
    assert.equal(r.status, 0, r.stderr);
    assert.match(r.stderr, /Restored\.\n.*unconfirmed.*\n.*signs in again/s);
    assert.deepEqual(listed(folder), ["ava.db", "master.keys"]);
    const { me, key } = a;
    const b = await Ava.start({ data: folder, env: { AVA_LOG_LEVEL: "error" } });
    try {
      Object.assign(b, { me, key });
      const call = (await b.call("/api/v1/calls?limit=100")).json.calls.find((c) => c.operation_id === queued.id);
      assert.equal(call.status, "unconfirmed", JSON.stringify(call));
      assert.equal((await b.call(`/api/v1/operations/${queued.id}`)).json.status, "unconfirmed");
      const seen = await asked();
      assert.equal((await b.call(`/api/v1/messages/${mailed.object_id}`)).json.status, "unconfirmed");
      await b.advance(600);
      await b.advance(3 * 3600);
      await until(async () => (await b.advance(600), (await b.call("/api/v1/limits")).json.today.calls_now === 0), { every: 100, what: "no line is held" });
      assert.equal((await b.call("/api/v1/calls", { body: { to: "+33644444444" } })).status, 201, "the line is free");
      const placed = (await b.ledger()).hits.filter((h) => h.provider === "vapi" && h.method === "POST" && h.path === "/call");
      assert.equal(placed.length, 1, "the new one alone");
      assert.equal(await asked(), seen, "and no mail");
      assert.equal(sqlOf(join(folder, "ava.db"), "SELECT count(*) FROM sessions"), "0");
      const trail = (await b.call("/api/v1/audit")).json;
      assert.equal(sqlOf(join(folder, "ava.db"), "SELECT count(*) FROM audit_log WHERE action = 'restore' AND actor = 'operator'"), "1", JSON.stringify(trail));
    } finally {
      await b.stop();
    }
  });

  test("over data that is there: only when told so, and that is kept", async () => {
    const folder = join(top, "second"), was = readFileSync(join(folder, "ava.db"));
    const refused = restore(file, folder);
    assert.deepEqual([refused.status, /there is data in .* already; with --replace it is kept aside/.test(refused.stderr)], [78, true], refused.stderr);
    assert.ok(readFileSync(join(folder, "ava.db")).equals(was));
    const done = restore(file, folder, "--replace");
    assert.equal(done.status, 0, done.stderr);
    const aside = listed(folder).find((f) => f.startsWith("ava.db.replaced."));
    assert.ok(readFileSync(join(folder, aside)).equals(was));
    assert.match(done.stderr, /What was there before is kept as .*ava\.db\.replaced/);
    assert.deepEqual(listed(folder), ["ava.db", aside, "master.keys"].sort());
  });

  test("a log that was left beside the data is not played into the restored one", async () => {
    const folder = fresh("killed"), { me, key } = a;
    assert.equal(restore(file, folder).status, 0);
    const b = await Ava.start({ data: folder, env: { AVA_LOG_LEVEL: "error" } });
    Object.assign(b, { me, key });
    assert.equal((await b.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 7 } })).status, 200);
    await b.stop("SIGKILL");
    assert.ok(statSync(join(folder, "ava.db-wal")).size > 0, "it has a log");
    const r = restore(file, folder, "--replace");
    assert.equal(r.status, 0, r.stderr);
    assert.ok(!existsSync(join(folder, "ava.db-wal")) || statSync(join(folder, "ava.db-wal")).size === 0);
    assert.equal(sqlOf(join(folder, "ava.db"), "SELECT count(*) FROM call_limits WHERE concurrent_calls = 7"), "0");
    const aside = listed(folder).find((f) => /^ava\.db\.replaced\.[^-]*-\d\d-\d\dT[^-]*$/.test(f));
    assert.equal(sqlOf(join(folder, aside), "SELECT count(*) FROM call_limits WHERE concurrent_calls = 7"), "1", "what was kept aside is whole");
  });

  describe("what is no whole backup, or not for here, changes nothing", () => {
    const made = (name, change) => {
      const path = join(top, name);
      copyFileSync(file, path);
      change(path);
      return path;
    };
    const flip = (at) => (path) => {
      const bytes = readFileSync(path);
      bytes[at < 0 ? bytes.length + at : at] ^= 1;
      writeFileSync(path, bytes);
    };
    for (const [name, change, words] of [
      ["cut", (p) => truncateSync(p, statSync(p).size - 1), /no backup of Ava, or its end is missing/],
      ["cut in the middle", (p) => truncateSync(p, 40_000), /no backup of Ava, or its end is missing/],
      ["empty", (p) => truncateSync(p, 0), /no backup of Ava, or its end is missing/],
      ["one bit of the data", flip(50_000), /not whole: .*cut or changed/],
      ["one bit of what its end says", flip(-480), /not whole: .*cut or changed/],
      ["longer", (p) => writeFileSync(p, Buffer.concat([readFileSync(p), Buffer.alloc(512, " ")])), /no backup of Ava/],
      ["a page is missing, its end is there", (p) => { const b = readFileSync(p); writeFileSync(p, Buffer.concat([b.subarray(0, 8192), b.subarray(12_288)])); }, /not whole/],
      ["no database at all", (p) => writeFileSync(p, "hello ".repeat(500)), /no backup of Ava/],
      ["a database that is not Ava's backup", (p) => { rmSync(p); sqlOf(p, "CREATE TABLE t (x); INSERT INTO t VALUES (1)"); }, /no backup of Ava/],
      ["a folder", (p) => { rmSync(p); mkdirSync(p); }, /no backup of Ava|Is a directory/],
      ["a pipe", (p) => { rmSync(p); spawnSync("mkfifo", [p]); }, /no backup of Ava/],
      ["not there", (p) => rmSync(p), /cannot read .*No such file/],
    ])
      test(name, () => {
        const folder = fresh(`bad ${name}`), had = listed(folder);
        for (const more of [[], ["--dry-run"]]) {
          const r = restore(made(`${name}.file`, change), folder, ...more);
          assert.deepEqual([r.status, words.test(r.stderr)], [78, true], r.stderr);
          assert.ok(/nothing was changed/.test(r.stderr), r.stderr);
          rmSync(join(top, `${name}.file`), { recursive: true, force: true });
        }
        assert.deepEqual(listed(folder), had);
      });

    test("of another key, or without one", () => {
      const other = folderOf(top, "other keys"), none = folderOf(top, "no keys");
      writeFileSync(join(other, "master.keys"), `k9:${Buffer.alloc(32, 7).toString("base64")}\n`, { mode: 0o600 });
      for (const [folder, words] of [[other, /AVA_MASTER_KEYS/], [none, /AVA_MASTER_KEYS: the key file .* is missing/]]) {
        const had = listed(folder), r = restore(file, folder);
        assert.deepEqual([r.status, words.test(r.stderr)], [78, true], r.stderr);
        assert.deepEqual(listed(folder), had);
      }
    });

    test("under a living Ava", () => {
      const r = restore(file, a.data, "--replace");
      assert.deepEqual([r.status, /another Ava is serving/.test(r.stderr)], [78, true], r.stderr);
      assert.ok(!listed(a.data).some((f) => f.includes("restoring") || f.includes("replaced")));
    });

    for (const kind of ["pwrite", "write", "fsync", "fdatasync", "rename", "ftruncate"])
      test(`a disk that is full at any ${kind}`, { skip: shimMissing || (sanitized && "a sanitizer wants to be loaded first"), timeout: 120_000 }, async () => {
        const faults = new Faults(join(top, "faults")), env = { LD_PRELOAD: shim, FAILING: faults.path };
        const folder = fresh(`full ${kind}`), to = join(top, `full.${kind}.backup`);
        assert.equal(restore(file, folder).status, 0);
        const rows = () => sqlOf(join(folder, "ava.db"), "SELECT count(*) FROM calls");
        const had = rows();
        let failed = 0;
        for (const first of [1, 2, 3, 5, 8, 13, 21, 34, 55]) {
          faults.arm(kind, "ENOSPC", first, -1);
          const b = ava(["backup", to, "--data-dir", folder], { env });
          if (faults.clear().failed) {
            failed++;
            assert.ok(b.status === 1 ? !existsSync(to) : b.status === 0, b.stderr);
            if (b.status === 1) assert.match(b.stderr, /No space left|disk is full|full|disk I\/O/i);
          }
          assert.ok(!existsSync(`${to}.partial`), "nothing half");
          rmSync(to, { force: true });
          faults.arm(kind, "ENOSPC", first, -1);
          const r = ava(["restore", file, "--replace", "--data-dir", folder], { env });
          const hit = faults.clear().failed;
          failed += hit ? 1 : 0;
          assert.ok(r.status === 0 || (hit && r.stderr.length > 10), `${r.status} ${r.stderr}`);
          assert.equal(rows(), had, "the one or the other, and whole");
          for (const f of listed(folder)) if (f.includes(".replaced.")) rmSync(join(folder, f));
        }
        faults.close();
        assert.ok(failed || ["write", "fdatasync"].includes(kind), "some failed");
      });

    test("killed at any moment: the old data or the new, whole", { timeout: 120_000 }, async () => {
      const folder = fresh("cut short");
      assert.equal(restore(file, folder).status, 0);
      const whole = () => sqlOf(join(folder, "ava.db"), "PRAGMA quick_check; SELECT count(*) > 0 FROM calls");
      for (let i = 0; i < 25; i++) {
        const child = spawn(bin, ["restore", file, "--replace", "--data-dir", folder], { env: environment(), stdio: "ignore" });
        const ended = new Promise((r) => child.once("exit", r));
        setTimeout(() => child.kill("SIGKILL"), i * 8);
        await ended;
        assert.equal(whole(), "ok\n1", `after ${i * 8} ms`);
      }
      const r = restore(file, folder, "--replace");
      assert.equal(r.status, 0, r.stderr);
      assert.ok(!listed(folder).some((f) => f.includes("restoring")), String(listed(folder)));
    });
  });
});

describe("backups by themselves", { skip: missing || sqliteOnly, concurrency: 1 }, () => {
  let top, a;
  const kept = () => readdirSync(join(top, "backups")).filter((f) => /^ava-\d{8}T\d{6}Z\.backup$/.test(f)).sort();
  const settings = (more = {}) => ({ data: join(top, "data"), env: { AVA_LOG_LEVEL: "info", AVA_BACKUP_DIR: join(top, "backups"), AVA_BACKUP_EVERY_HOURS: "6", AVA_BACKUP_KEEP: "2", ...more } });
  before(() => (top = mkdtempSync(join(tmpdir(), "ava-backups-"))));
  after(async () => {
    await a?.stop();
    rmSync(top, { recursive: true, force: true });
  });

  test("the first at once, then each time, and no more than are to be kept; what is not Ava's stays", async () => {
    folderOf(top, "data");
    a = await Ava.start(settings());
    await a.signUp();
    await until(() => kept().length === 1, { what: "the first" });
    assert.equal(statSync(join(top, "backups")).mode & 0o777, 0o700);
    for (const f of ["notes.txt", "ava-2020.backup", "ava-20200101T000000Z.backup.partial", "other-20200101T000000Z.backup"]) writeFileSync(join(top, "backups", f), "x");
    const first = kept()[0];
    for (let i = 2; i <= 4; i++) {
      const newest = kept().at(-1);
      await a.advance(6 * 3600 + 1);
      await until(() => kept().at(-1) > newest && kept().length === 2, { what: `number ${i}` });
    }
    assert.ok(!kept().includes(first));
    assert.deepEqual(readdirSync(join(top, "backups")).filter((f) => !kept().includes(f)).sort(), ["ava-2020.backup", "notes.txt", "other-20200101T000000Z.backup"], "but for what was half");
    const r = ava(["restore", join(top, "backups", kept()[1]), "--dry-run", "--data-dir", join(top, "data")]);
    assert.equal(r.status, 78, "it serves");
    const status = ava(["status", "--data-dir", join(top, "data")]);
    assert.match(status.stdout, /backup +\S+.* ago/, status.stdout + status.stderr);
  });

  test("after a restart none is made before it is due; a restart into a due one makes it", async () => {
    await a.stop();
    const had = kept();
    a = await Ava.start(settings({ AVA_BACKUP_EVERY_HOURS: "720" }));
    assert.ok((await a.call("/health/ready", { key: null })).status === 200);
    assert.deepEqual(kept(), had);
  });

  test("a folder that cannot be written is told, and Ava serves on", async () => {
    await a.stop();
    rmSync(join(top, "backups"), { recursive: true });
    a = await Ava.start(settings());
    await until(() => kept().length === 1, { what: "the first" });
    rmSync(join(top, "backups"), { recursive: true });
    await a.advance(7 * 3600);
    await until(() => /"event":"backup","failed":"cannot write/.test(a.stderr), { what: "the log says so" });
    assert.equal((await a.call("/health/ready", { key: null })).status, 200);
  });

  test("settings that cannot be are refused before anything starts", () => {
    writeFileSync(join(top, "file"), "x");
    const r = ava(["serve", "--data-dir", folderOf(top, "d2")], { env: { AVA_BACKUP_DIR: join(top, "file/below"), AVA_LISTEN: "127.0.0.1:0" } });
    assert.deepEqual([r.status, /AVA_BACKUP_DIR: /.test(r.stderr)], [78, true], r.stderr);
  });
});
