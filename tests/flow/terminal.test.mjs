// What a person at a terminal sees: the start in a few lines, the log as text, and never a control character that
// somebody else wrote.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, bin, environment, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

// Runs argv on a terminal of its own until its output holds the text, presses Ctrl+C, and copies the output. (The
// terminal going away would be SIGHUP, which is a reload.) A file: until that is there too.
const ON_A_TERMINAL = `
import os, pty, select, signal, sys, time
text, file, argv = sys.argv[1].encode(), sys.argv[2], sys.argv[3:]
child, terminal = pty.fork()
if child == 0:
    os.execv(argv[0], argv)
seen, pressed, end = b"", not text, time.monotonic() + 40
while time.monotonic() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    if not pressed and text in seen and seen.endswith(b"\\n") and (not file or os.path.exists(file)):
        pressed = os.write(terminal, b"\\x03") == 1
else:
    os.kill(child, signal.SIGKILL)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.stdout.buffer.write(seen)
sys.exit(status if status >= 0 else 99)
`;

const python = spawnSync("python3", ["-c", "import pty, os; os.waitstatus_to_exitcode"]).status === 0;
const skip = missing || (python ? false : "no python3 with a module pty");
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/; // all but the end of a line

// A run on a terminal: the lines up to Ctrl+C that are not blank, and those after it.
function terminal(cwd, args, { env = {}, text = "Open   ", file = "" } = {}) {
  const r = spawnSync("python3", ["-c", ON_A_TERMINAL, text, file, bin, ...args], { cwd, env: environment({ AVA_LISTEN: "127.0.0.1:0", DRAIN_DELAY_SECONDS: "0", ...env }), encoding: "utf8", timeout: 60_000 });
  assert.equal(r.status, 0, r.stdout + r.stderr);
  const [start, end = ""] = r.stdout.replaceAll("\r\n", "\n").split("^C");
  const lines = (text) => text.split("\n").filter((line) => line && !/^==\d+==WARNING: ASan|^\S+Z warn {2}root why=/.test(line)); // sanitizers speak too
  return { all: start + end, start: lines(start), end: lines(end) };
}

describe("at a terminal", { skip, concurrency: 1 }, () => {
  let dir;
  before(async () => (dir = await mkdtemp(join(tmpdir(), "ava-terminal-"))));
  after(() => rm(dir, { recursive: true }));

  for (const [verb, data] of [["sandbox", "./ava-sandbox"], ["serve", "./ava-data"]]) {
    test(`the first ava ${verb} says what was made, where it is and how to get in, in six lines`, () => {
      const { all, start, end } = terminal(dir, [verb]);
      assert.equal(start.length, 5, all);
      assert.match(start[0], /^\S+Z info  migrated database="created" from=0 to=\d+$/);
      assert.match(start[1], /^Ava \d+\.\d+\.\d+ - /);
      assert.ok(start[2].startsWith(`Data in ${data}  |  Listening on 127.0.0.1:`), all);
      assert.ok(start[3].startsWith(`Made the key file ${data}/master.keys: `), all);
      assert.match(start[4], /^ {2}Open {3}http:\/\/127\.0\.0\.1:\d+\/setup#t=\S+ {5}\(works once/);
      assert.match(end.at(-1), /^\S+Z info  stopped after_s=\d+$/);
    });

    test(`later ones of ava ${verb} in three`, () => {
      const { all, start } = terminal(dir, [verb]);
      assert.deepEqual(start.map((line) => /Ava|Data in|Open/.exec(line)?.[0]), ["Ava", "Data in", "Open"], all);
    });
  }

  test("root is told that it is root, and nobody else is", () => {
    const warned = /^\S+Z warn {2}root why="Ava runs as root, so whoever breaks into it has the machine; give it a user of its own"$/m;
    const { all } = terminal(dir, ["sandbox"]);
    assert.equal(warned.test(all), process.getuid() === 0, all);
  });

  test("the browser gets a file that only its owner can read: no process has the link among its arguments", async (t) => {
    const bin = await mkdtemp(join(tmpdir(), "ava-browser-"));
    t.after(() => rm(bin, { recursive: true }));
    // Looks at every process, and into the file, while Ava serves.
    await writeFile(join(bin, "xdg-open"), `#!/bin/sh\n{ echo "$#"; echo "$1"; stat -c %a "$1"; cat "$1"; cat /proc/[0-9]*/cmdline | tr '\\0' ' '; } > ${bin}/seen.new 2>/dev/null\nmv ${bin}/seen.new ${bin}/seen\n`, { mode: 0o755 });
    const data = join(bin, "a & b");
    const { all } = terminal(bin, ["sandbox", "--data-dir", data], { env: { DISPLAY: ":0", PATH: `${bin}:${process.env.PATH}` }, file: join(bin, "seen") });
    const [, token] = /setup#t=(\S+)/.exec(all);
    const [count, path, mode, page, ...processes] = (await readFile(join(bin, "seen"), "utf8")).split("\n");
    assert.deepEqual([count, path, mode], ["1", join(data, "open-setup.html"), "600"]);
    assert.match(page, new RegExp(`url=http://127\\.0\\.0\\.1:\\d+/setup#t=${token}">$`));
    assert.ok(processes.join("\n").includes("xdg-open"));
    assert.ok(!processes.join("\n").includes(token));
    assert.equal(existsSync(path), false, "it goes with Ava");
  });

  test("the log is JSON when that is asked for", () => {
    const { end } = terminal(dir, ["sandbox"], { env: { AVA_LOG_FORMAT: "json" } });
    assert.equal(JSON.parse(end.at(-1)).event, "stopped");
  });
});

describe("what others wrote", { skip, concurrency: 1 }, () => {
  const SECRET = "what-vapi-sends-with-each-message", EVIL = "\u001b]0;mine\u0007\u009b31m\u007f\n\u202eok\u2066\u2028";
  const SHOWN = "\\u001b]0;mine\\u0007\\u009b31m\\u007f\\u000a\\u202eok\\u2066\\u2028";
  let a, server;
  before(async () => {
    a = await Ava.start();
    await a.signUp();
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "at-a-terminal-vapi-key-1", assistant_id: randomUUID(), webhook_secret: SECRET } });
    server = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
  });
  after(() => a.remove());

  const told = async (message) => {
    const body = JSON.stringify({ message: { timestamp: Date.now(), ...message } });
    const r = await a.call(server.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: server, body }) } });
    assert.equal(r.status, 200, r.text);
  };
  const run = (...args) => {
    const r = ava([...args, "--data-dir", a.data]);
    assert.equal(r.status, 0, r.stderr);
    assert.doesNotMatch(r.stdout, CONTROL);
    return r.stdout;
  };

  test("not at a terminal the log is JSON, with one event for all migrations", () => {
    const events = a.stderr.split("\n").filter((line) => line && !line.startsWith("==")).map((line) => JSON.parse(line)); // a sanitizer writes ==
    const migrated = events.filter((e) => e.event === "migrated");
    assert.equal(migrated.length, 1);
    assert.deepEqual([migrated[0].database, migrated[0].from, migrated[0].to > 9], ["created", 0, true]);
  });

  // No way is known to bring control characters into these columns; the commands do not rely on that.
  const plant = (sql, ...values) => rows(a.data, sql.replace(/\?(\d)/g, (_, n) => `'${values[n - 1].replaceAll("'", "''")}'`));

  test("a workspace's name is refused with such characters; one that has them is listed without", () => {
    const refused = ava(["workspace", "create", EVIL, "--owner", "ada@example.com", "--data-dir", a.data]);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /control character.*take it out/);
    const made = run("workspace", "create", "plain", "--owner", "ada@example.com").trim();
    plant("UPDATE workspaces SET name = ?2 WHERE id = ?1", made, EVIL);
    assert.ok(run("workspace", "list").includes(`${made}  ${SHOWN}\n`));
  });

  test("so are the events that tail prints, and what happened to a call", async () => {
    const id = randomUUID();
    await told({ type: "status-update", status: "in-progress", call: { id, type: "inboundPhoneCall", customer: { number: "+14155550142" } } });
    await until(async () => (await a.call("/api/v1/calls")).json.calls.some((c) => c.provider_id === id), { what: "the call" });
    await until(async () => (await a.call("/api/v1/events?status=received")).json.events.length === 0, { what: "nothing left to work on" });
    plant("UPDATE calls SET from_number = ?2 WHERE provider_id = ?1", id, EVIL);
    assert.ok(run("explain", id).includes(` from ${SHOWN}, `));
    plant("UPDATE calls SET status = ?2 WHERE provider_id = ?1", id, EVIL);
    assert.ok(run("explain", id).includes(`, ${SHOWN}\n`), "the provider's own word for how it stands");
    const json = run("explain", id, "--json");
    assert.ok(!/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/.test(json), json);
    assert.ok(json.includes("\\u202e"), json);
    assert.ok(JSON.stringify(JSON.parse(json)).includes(JSON.stringify(EVIL)), "the same value");
    plant("UPDATE events SET type = ?1, resource = ?1", EVIL);
    assert.equal(run("tail", "--once").split(SHOWN).length, 3);
  });
});
