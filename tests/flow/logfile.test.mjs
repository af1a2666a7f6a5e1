// AVA_LOG_FILE: lines go into a file that may be moved away, be removed or find its disk full, and none is torn or forged.
// And standard error that nobody reads stops nobody.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { after, before, beforeEach, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing, root, until } from "../lib/ava.mjs";

const logrotate = ["/usr/sbin/logrotate", "/usr/bin/logrotate"].find(existsSync);
const top = mkdtempSync(join(tmpdir(), "ava-logfile-"));
after(() => rmSync(top, { recursive: true, force: true }));

// Each line of that text, parsed: none may be anything but a whole object.
const parsed = (text) => (assert.ok(text === "" || text.endsWith("\n")), text.split("\n").filter(Boolean).map((l) => JSON.parse(l)));

describe("a log file", { skip: missing, concurrency: 1 }, () => {
  let a, folder, file;
  const lines = (name = file) => (existsSync(name) ? parsed(readFileSync(name, "utf8")) : []);
  const hangUp = () => a.child.kill("SIGHUP");
  // Everything that is in the folder now, of whatever generation.
  const all = () => readdirSync(folder).flatMap((n) => parsed((n.endsWith(".gz") ? gunzipSync(readFileSync(join(folder, n))) : readFileSync(join(folder, n))).toString()));
  before(async () => {
    folder = join(top, "live");
    mkdirSync(folder, { mode: 0o750 });
    file = join(folder, "ava.log");
    a = await Ava.start({ env: { AVA_LOG_FILE: file } });
    await a.signUp();
  });
  after(() => a?.remove());

  test("has a line of each request, mode 0640, and standard error has none", async () => {
    const r = await a.call("/api/v1/integrations");
    const line = await until(() => lines().find((l) => l.event === "request" && l.correlation_id === r.headers.get("x-correlation-id")), { what: "its line" });
    assert.equal(line.status, 200);
    assert.equal(statSync(file).mode & 0o777, 0o640);
    assert.doesNotMatch(a.stderr, /"event"/);
  });

  // Requests go on while something is done to the file; each has its line afterwards, in one file and once.
  async function under(what) {
    const ids = [];
    let over = false;
    const callers = Array.from({ length: 4 }, async () => {
      while (!over) ids.push((await a.call("/api/v1/auth/me")).headers.get("x-correlation-id"));
    });
    await what();
    over = true;
    await Promise.all(callers);
    await until(() => all().some((l) => l.correlation_id === ids.at(-1)), { what: "the last line" });
    const seen = all().filter((l) => l.event === "request").map((l) => l.correlation_id);
    assert.equal(new Set(seen).size, seen.length);
    for (const id of ids) assert.ok(seen.includes(id), `${id} of ${ids.length}`);
  }

  test("that is moved away, ten times under load: no line is lost, torn or there twice", () =>
    under(async () => {
      for (let i = 0; i < 10; i++) {
        renameSync(file, join(folder, `moved.${i}`));
        hangUp();
        await until(() => lines().length > 0, { what: "a new file" });
      }
    }));

  test("by logrotate with the lines of docs/logs.md", { skip: logrotate ? false : "no logrotate on this machine: tools/deps install test" }, () =>
    under(async () => {
      const text = /```logrotate\n([^]*?)```/.exec(readFileSync(join(root, "docs/logs.md"), "utf8"))[1];
      const owner = spawnSync("id", ["-un"], { encoding: "utf8" }).stdout.trim(), group = spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim();
      const conf = join(top, "logrotate.conf");
      writeFileSync(conf, text.replace("/var/log/ava/*.log", file).replace("ava adm", `${owner} ${group}`).replace("systemctl reload ava", `kill -HUP ${a.child.pid}`), { mode: 0o644 });
      for (let i = 0; i < 3; i++) {
        const r = spawnSync(logrotate, ["-f", "-s", join(top, "state"), conf], { encoding: "utf8" });
        assert.equal(r.status, 0, r.stderr);
        await until(() => lines().length > 0, { what: "a line in the new file" });
      }
      assert.ok(readdirSync(folder).some((n) => n.endsWith(".gz")));
    }));

  test("that is removed comes back with a reload by the command", async () => {
    unlinkSync(file);
    const r = await avaBeside(["config", "reload", "--data-dir", a.data]);
    assert.equal(r.status, 0, r.stderr);
    await until(() => lines().some((l) => l.event === "reload"), { what: "the reload's line in it" });
  });

  test("that cannot be opened: the one before stays in use and says so; a reload that is refused opens it as well", async () => {
    const moved = join(top, "old");
    renameSync(file, moved);
    mkdirSync(file);
    hangUp();
    const line = await until(() => lines(moved).find((l) => l.event === "log_file"), { what: "why" });
    assert.equal(line.level, "error");
    assert.match(line.why + line.then, /directory.*stays in use/i);
    rmSync(file, { recursive: true });
    writeFileSync(join(a.data, "ava.conf"), "RATE_LIMIT_PER_MINUTE=never\n");
    hangUp();
    await until(() => lines().some((l) => l.event === "reload" && l.outcome === "refused"), { what: "the refusal in the new file" });
    rmSync(join(a.data, "ava.conf"));
  });

  test("what callers send forges no line and moves no cursor", async () => {
    const odd = ["\u001b[2J\u001b[31m", "\u009b31m", "a\u2028{\"event\":\"request\"}", "\u202etxt.exe", "\u2066\u200b\ufeff", "x\ry", "\ufffd".repeat(2000)];
    const bytes = [Buffer.from([0xff, 0xfe, 0xc3, 0x28]), Buffer.from("\n{\"event\":\"forged\"}\n"), Buffer.from([0])];
    const began = lines().length;
    for (const text of odd) {
      const e = encodeURIComponent(text).slice(0, 6000);
      await a.call(`/api/v1/vapi/settings/${e}`);
      await a.call(`/${e}`);
      await a.call(`/problems/${e}`);
      await a.call("/api/v1/auth/login", { key: null, body: { email: text, password: text } });
      await a.call("/api/v1/templates", { body: { name: text, subject: text, text } });
      await a.call("/api/v1/calls", { body: { to: text } });
    }
    for (const raw of [...bytes, ...odd.map((t) => Buffer.from(t))])
      for (const head of [(b) => [Buffer.from("GET /"), b, Buffer.from(" HTTP/1.1\r\nHost: a\r\n\r\n")], (b) => ["User-Agent", "traceparent", "X-Correlation-ID", "X-Forwarded-For", "Origin"].flatMap((h) => [Buffer.from(h === "User-Agent" ? `GET /health/live HTTP/1.1\r\nHost: a\r\n${h}: ` : `${h}: `), b, Buffer.from("\r\n")]).concat(Buffer.from("\r\n"))])
        await new Promise((done) => {
          const s = net.connect(a.port, "127.0.0.1", () => s.end(Buffer.concat(head(raw))));
          s.on("close", done).on("error", () => {}).resume();
        });
    const last = (await a.call("/api/v1/auth/me")).headers.get("x-correlation-id");
    await until(() => lines().some((l) => l.correlation_id === last), { what: "the last line" });
    const text = readFileSync(file, "utf8");
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u);
    const events = new Set(lines().slice(began).map((l) => l.event));
    assert.ok(!events.has("forged"), [...events].join());
    assert.ok(lines().length > began + 20);
  });
});

const onSmallDisk = (folder) => ["unshare", "-rm", "sh", "-c", `mount -t tmpfs -o size=64k none ${folder} && exec "$@"`, "sh"];
const noMount = spawnSync("unshare", ["-rm", "sh", "-c", "mount -t tmpfs none /mnt"]).status === 0 ? false : "nothing can be mounted here";

test("a full disk: Ava serves on, counts what is lost, and says so once on standard error", { skip: missing || noMount }, async () => {
  const folder = join(top, "small");
  mkdirSync(folder);
  const a = await Ava.start({ through: onSmallDisk(folder), env: { AVA_LOG_FILE: join(folder, "ava.log"), AVA_CAGE: "off" } });
  const inside = (name) => `/proc/${a.child.pid}/root${join(folder, name)}`;
  const ask = () => a.call("/health/live", { key: null });
  await a.signUp();
  const many = () => Promise.all(Array.from({ length: 64 }, () => a.call("/api/v1/auth/me")));
  await until(async () => (await many(), (await a.metric("log_lines_dropped_total")) > 0), { what: "a full disk" });
  for (let i = 0; i < 20; i++) assert.equal((await ask()).status, 200);
  assert.equal(a.stderr.match(/ava: the log cannot be written/g).length, 1, a.stderr);
  writeFileSync(inside("ava.log"), ""); // somebody makes room
  const id = (await a.call("/api/v1/auth/me")).headers.get("x-correlation-id");
  const text = await until(() => [readFileSync(inside("ava.log"), "utf8")].find((t) => t.includes(id)), { what: "lines again" });
  parsed(text.replace(/^\n/, ""));
  assert.equal((await a.stop()).code, 0);
  rmSync(a.data, { recursive: true, force: true });
});

describe("standard error", { skip: missing }, () => {
  test("that was closed, and that nobody reads: Ava serves on and ends in time", async () => {
    for (const spoil of [(s) => s.destroy(), (s) => s.pause()]) {
      const a = await Ava.start();
      await a.signUp();
      spoil(a.child.stderr);
      for (let i = 0; i < 40; i++) await Promise.all(Array.from({ length: 32 }, async () => assert.equal((await a.call("/api/v1/auth/me")).status, 200)));
      const began = Date.now();
      assert.equal((await a.stop()).code, 0);
      assert.ok(Date.now() - began < 8000);
      rmSync(a.data, { recursive: true, force: true });
    }
  });
});

describe("refused with a sentence and code 78, by check-config and at a start", { skip: missing }, () => {
  const cases = {
    "a folder that is not there": [(d) => join(d, "none/ava.log"), /none is not a folder/],
    "a folder in place of the file": [(d) => d, /is no regular file/],
    "a device": [() => "/dev/null", /is no regular file/],
    "a folder that everybody may write into": [(d) => (mkdirSync(join(d, "open")), spawnSync("chmod", ["777", join(d, "open")]), join(d, "open/ava.log")), /others may write into .*open.*chmod o-w/],
  };
  let data;
  beforeEach(() => (data = mkdtempSync(join(top, "refused-"))));
  for (const [name, [make, why]] of Object.entries(cases))
    test(name, () => {
      const env = { AVA_LOG_FILE: make(data), AVA_DATA_DIR: join(data, "d"), AVA_LISTEN: "127.0.0.1:0" };
      for (const verb of ["check-config", "serve"]) {
        const r = ava([verb], { env });
        assert.equal(r.status, 78, r.stderr);
        assert.match(r.stderr, why);
        assert.match(r.stderr, /AVA_LOG_FILE/);
      }
    });
});
