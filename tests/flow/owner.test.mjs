// Bears company.
// One Ava owns a data folder: a second server is refused, and one whose folder or database is taken away stops
// acknowledging at once.
import assert from "node:assert/strict";
import { chmodSync, chownSync, closeSync, copyFileSync, mkdirSync, openSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn, spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { Ava, ava, bin, environment, missing, until } from "../lib/ava.mjs";
import { databaseOf, onPostgres, sqliteOnly } from "../lib/database.mjs";
import { sign } from "../lib/twilio.mjs";

const ROUNDS = process.env.TEST_SOAK ? 200 : 20;

// A server that may be refused: { served } once it has said where, { ended } once it has gone.
function starter(t, data, env = {}) {
  const one = { said: "" };
  one.child = spawn(bin, ["sandbox"], { env: environment({ ...databaseOf(data), AVA_LISTEN: "127.0.0.1:0", AVA_DATA_DIR: data, AVA_LOG_LEVEL: "warn", DRAIN_DELAY_SECONDS: "0", ...env }), stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => one.child.kill("SIGKILL"));
  one.child.stdout.on("data", (b) => (one.said += b));
  one.child.stderr.on("data", (b) => (one.said += b));
  one.exited = new Promise((r) => one.child.once("close", (code, signal) => r((one.ended = { code, signal }))));
  one.serves = () => /Open {3}http/.test(one.said);
  one.settled = () => until(() => one.ended || one.serves(), { what: "it serves or is refused" });
  return one;
}

describe("two starts on one folder at the same moment", { skip: missing }, () => {
  for (const socket of ["a socket that stays", "the socket removed"])
    test(`one serves, the other exits 78, ${ROUNDS} times: ${socket}`, async (t) => {
      const data = await mkdtemp(join(tmpdir(), "ava-owner-"));
      for (let n = 0; n < ROUNDS; n++) {
        const two = [starter(t, data), starter(t, data)];
        await Promise.all(two.map((s) => s.settled()));
        const [serving, refused] = [two.filter((s) => !s.ended), two.filter((s) => s.ended)];
        assert.equal(serving.length, 1, two.map((s) => s.said).join("\n"));
        assert.equal(refused[0].ended.code, 78, refused[0].said);
        assert.match(refused[0].said, /^ava: another Ava is serving from \S+( \(process \d+ on [^)]+\))?; stop it first/);
        if (socket === "the socket removed") {
          rmSync(join(data, "ava.sock"));
          const third = starter(t, data);
          await third.settled();
          assert.equal(third.ended?.code, 78, third.said);
        }
        serving[0].child.kill("SIGKILL");
        await serving[0].exited;
      }
      await rm(data, { recursive: true });
    });
});

const SID = "AC" + "0123456789abcdef".repeat(2);
const TOKEN = "the-auth-token-of-today-1";

// A server with a person and a webhook address; hook() sends a new webhook each time and gives its status.
async function served(t, env = {}) {
  const a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn", ...env } });
  t.after(() => a.remove());
  await a.signUp();
  await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
  const url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
  let sent = 0;
  a.hook = async () => {
    const params = [["CallSid", `CA${String(++sent).padStart(8, "0")}`], ["CallStatus", "completed"]];
    return a.call(new URL(url).pathname, { raw: new URLSearchParams(params).toString(), key: null, headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(url, params, TOKEN) } });
  };
  a.ready = async () => (await a.call("/health/ready", { key: null })).status;
  assert.equal((await a.hook()).status, 200);
  assert.equal(await a.ready(), 200);
  return a;
}

// Alive, not ready, and nothing is acknowledged.
async function savesNothing(a) {
  const refused = await a.hook();
  assert.equal(refused.status, 503, refused.text);
  assert.equal(refused.json.code, "storage_unavailable");
  const key = await a.call("/api/v1/auth/keys", { body: { name: "new" } });
  assert.equal(key.status, 503, key.text);
  assert.equal(key.json.code, "storage_unavailable");
  assert.equal(await a.ready(), 503);
  assert.equal((await a.call("/health/live", { key: null })).status, 200);
  assert.equal(a.ended, undefined);
}

const troubles = (a, kind) => a.stderr.split("\n").filter((l) => l.includes(`"trouble":"${kind}"`)).length;

describe("a run that another one has fenced off", { skip: missing || (onPostgres && "PostgreSQL has one Ava at a time: the other one is refused") }, () => {
  test("commits nothing more, and ends with 78 and a line that says why", async (t) => {
    const a = await served(t);
    // Where locks hold nobody gets this far: as on a volume of several machines without any.
    for (const name of ["ava.lock", "ava.sock"]) rmSync(join(a.data, name));
    const other = starter(t, a.data, { AVA_LOG_LEVEL: "off" });
    await other.settled();
    assert.ok(!other.ended, other.said);
    const status = await a.hook().then((r) => r.status, () => "gone");
    assert.ok([503, "gone"].includes(status), `status ${status}`);
    assert.deepEqual(await a.exited, { code: 78, signal: null }, a.stderr);
    assert.equal(troubles(a, "fenced"), 1, a.stderr);
    assert.equal(ava(["status", "--data-dir", a.data]).status, 0, "the other one's socket stays");
    other.child.kill("SIGTERM");
    assert.equal((await other.exited).code, 0, other.said);
  });
});

describe("a database that is taken away from a running Ava", { skip: missing || sqliteOnly }, () => {
  for (const file of ["ava.db", "ava.db-wal"])
    for (const [what, take] of [
      ["removed", (path) => rmSync(path)],
      ["moved away", (path) => renameSync(path, `${path}.away`)],
      ["replaced by a copy", (path) => (copyFileSync(path, `${path}.copy`), renameSync(`${path}.copy`, path))],
    ])
      test(`${file} ${what}: not ready at once, and nothing is acknowledged`, async (t) => {
        const a = await served(t);
        take(join(a.data, file));
        assert.equal(await a.ready(), 503);
        await savesNothing(a);
        await until(() => troubles(a, "lost") === 1, { what: "a line in the log" });
        assert.deepEqual(await a.stop(), { code: 0, signal: null });
      });

  test("moved and put back: what was acknowledged is there after the next start", async (t) => {
    const a = await served(t);
    const path = join(a.data, "ava.db");
    renameSync(path, `${path}.away`);
    await savesNothing(a);
    renameSync(`${path}.away`, path);
    await savesNothing(a);
    await a.stop();
    const b = await Ava.start({ data: a.data, env: { AVA_LOG_LEVEL: "off" } });
    t.after(() => b.stop());
    assert.equal((await b.call("/api/v1/events", { key: a.key })).json.events.length, 1);
  });

  for (const [what, from] of [["from its first byte", 0], ["behind its first page", 4096]])
    test(`overwritten with garbage ${what}: alive, not ready, storage_unavailable`, async (t) => {
      const first = await served(t);
      for (let n = 0; n < 50; n++) assert.equal((await first.hook()).status, 200);
      await first.stop();
      const a = await Ava.start({ data: first.data, env: { AVA_LOG_LEVEL: "warn" } });
      t.after(() => a.stop());
      Object.assign(a, { key: first.key, hook: async () => a.call("/api/v1/auth/keys", { body: { name: "new" } }) });
      a.ready = async () => (await a.call("/health/ready", { key: null })).status;
      assert.equal(await a.ready(), 200);
      const path = join(a.data, "ava.db"), fd = openSync(path, "r+");
      writeSync(fd, Buffer.alloc(statSync(path).size - from, 0x55), 0, undefined, from);
      closeSync(fd);
      // Who meets it first: readers and writers of whatever is not in memory.
      await until(async () => {
        for (const read of ["/api/v1/events?limit=100", "/api/v1/calls", "/api/v1/audit"]) assert.ok([200, 503].includes((await a.call(read)).status), a.stderr);
        return (await a.hook()).status === 503;
      }, { what: "somebody meets the damage" });
      await savesNothing(a);
      await until(() => troubles(a, "damaged") === 1, { what: "a line in the log" });
      await a.stop();
      assert.equal(a.ended.signal, null, a.stderr);
    });
});

describe("a data folder that is not as it should be", { skip: missing }, () => {
  // What stands in a folder of its own, and what Ava says of it before it opens anything.
  async function refused(prepare, said) {
    const home = await mkdtemp(join(tmpdir(), "ava-odd-"));
    const data = join(home, "data");
    mkdirSync(data, { mode: 0o700 });
    prepare(data);
    for (const args of [["serve", "--listen", "127.0.0.1:0"], ["workspace", "list"]]) {
      const r = spawnSync(bin, [...args, "--data-dir", data], { env: environment(), encoding: "utf8", timeout: 20_000 });
      assert.equal(r.status, 78, `${args[0]}: ${r.signal} ${r.stdout}${r.stderr}`);
      assert.match(r.stderr, said);
      assert.ok(r.stderr.includes(data), r.stderr);
    }
    rmSync(home, { recursive: true });
  }
  const fifo = (path) => assert.equal(spawnSync("mkfifo", ["-m", "600", path]).status, 0);

  for (const mode of [0o777, 0o770, 0o1777])
    test(`mode ${mode.toString(8)} is refused, with the command that mends it`, () => refused((data) => chmodSync(data, mode), /others may write into \S+ \(mode \d+\), .*: chmod go-w \S+\n/));
  for (const [what, make] of [["a FIFO", fifo], ["a folder", (path) => mkdirSync(path)], ["a device", (path) => symlinkSync("/dev/zero", path)]])
    test(`${what} as the database is refused at once`, { skip: sqliteOnly }, () => refused((data) => make(join(data, "ava.db")), /ava\.db is not a file.*: mv \S+ \S+\.odd\n/));
  for (const [what, make, said] of [
    ["a FIFO", fifo, /master\.keys is not a file; move it away: mv/],
    ["a folder", (path) => mkdirSync(path), /master\.keys is not a file; move it away: mv/],
    ["a link", (path) => symlinkSync("/dev/zero", path), /master\.keys is a symbolic link/],
    ["a file that others may read", (path) => writeFileSync(path, "k1:x\n", { mode: 0o644 }), /others may read the key file \S+: chmod 600 \S+\n/],
  ])
    test(`${what} as the key file is refused at once`, () => refused((data) => make(join(data, "master.keys")), said));

  test("one that belongs to somebody else: a link to it is refused, root may have it with a warning", { skip: process.getuid() === 0 ? false : "only root can give a folder away" }, async (t) => {
    const home = await mkdtemp(join(tmpdir(), "ava-odd-"));
    t.after(() => rmSync(home, { recursive: true }));
    const data = join(home, "data"), link = join(home, "link");
    mkdirSync(data, { mode: 0o700 });
    chownSync(data, 12345, 12345);
    symlinkSync(data, link);
    const r = ava(["serve", "--listen", "127.0.0.1:0", "--data-dir", `${link}/`]);
    assert.equal(r.status, 78, r.stdout);
    assert.match(r.stderr, /is a symbolic link to a folder that belongs to somebody else \(uid 12345\)/);
    const one = starter(t, data);
    await one.settled();
    assert.ok(!one.ended, one.said);
    assert.match(one.said, /belongs to somebody else \(uid 12345\)/);
    one.child.kill("SIGTERM");
    await one.exited;
  });
});
