// What systemd and Ava tell each other, and sockets that stay open while Ava is started again: a restart under load,
// without a proxy, fails nobody (docs/packages.md). The supervisor is tests/lib/supervisor.py, since few test machines run
// systemd; where its programs are, they are asked too.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { Ava, ava, bin, environment, missing, root, sanitized, until } from "../lib/ava.mjs";
import { databaseOf, onPostgres } from "../lib/database.mjs";
import { listenPort } from "../lib/haproxy.mjs";
import { figures, paced, tally } from "../lib/load.mjs";
import { sign } from "../lib/twilio.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const RESTARTS = Number(process.env.TEST_RESTARTS ?? (LONG ? 50 : 3)), RATE = 200; // requests a second
const SID = "AC" + "0123456789abcdef".repeat(2), TOKEN = "the-auth-token-of-today-1";

const noAnalyze = spawnSync("systemd-analyze", ["--version"]).error && "no systemd-analyze: tools/deps install test";

// An Ava under a supervisor; what that says is in .told, and in .said what Ava printed since its last start.
class Supervised extends Ava {
  static async open({ env = {}, sockets = ["http=127.0.0.1:0"], flags = [], verb = "sandbox", data } = {}) {
    const self = new Supervised();
    self.data = data ?? (await mkdtemp(join(tmpdir(), "ava-systemd-")));
    self.told = [];
    self.said = "";
    self.jumpedMs = 0;
    const settings = { AVA_DATA_DIR: self.data, ENABLE_RATE_LIMITING: "false", DRAIN_DELAY_SECONDS: "0", MAX_LOOP_LAG_MS: "0", ...databaseOf(self.data, { verb, env }), ...env };
    const args = [join(root, "tests/lib/supervisor.py"), ...flags, ...sockets.flatMap((s) => ["--socket", s]), bin, verb];
    self.keeper = spawn("python3", args, { cwd: self.data, env: environment(settings), stdio: ["pipe", "pipe", "inherit"] });
    self.over = new Promise((done) => self.keeper.once("exit", done));
    createInterface({ input: self.keeper.stdout }).on("line", (line) => {
      const what = JSON.parse(line);
      self.told.push(what);
      self.said += what.said ?? "";
    });
    return self;
  }
  // The next thing told from here on that fits; nothing told before is looked at again.
  async next(fits, what) {
    return until(() => {
      while (this.told.length) {
        const one = this.told.shift();
        this.ports = one.ports ?? this.ports;
        if (fits(one)) return one;
      }
    }, { what });
  }
  async up() {
    this.said = "";
    this.keeper.stdin.write("start\n");
    const one = await this.next((o) => o.notify?.startsWith("READY=1") || "exited" in o, "READY=1");
    if ("exited" in one) throw new Error(`Ava ended with ${one.exited}: ${this.said}`);
    await until(() => /Open {3}(http\S+)/.test(this.said), { what: "the link" });
    this.port = this.ports?.[0];
    this.base = `http://127.0.0.1:${this.port}`;
    this.link = /Open {3}(http\S+)/.exec(this.said)[1];
    return one.notify;
  }
  signal(name) {
    this.keeper.stdin.write(`signal ${name}\n`);
  }
  async down() {
    this.signal("SIGTERM");
    return (await this.next((o) => "exited" in o, "its end")).exited;
  }
  async remove() {
    this.keeper.stdin.end();
    await this.over;
    await rm(this.data, { recursive: true, force: true });
  }
}

const get = (path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;
// Bytes over a connection of its own: the whole answer, or how it broke.
const ask = (port, path) =>
  new Promise((done) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(get(path)));
    socket.on("data", (b) => {
      text += b;
      if (text.includes("\r\n\r\n")) socket.destroy();
    });
    socket.setTimeout(20_000, () => socket.destroy(new Error("no answer"))).once("error", (e) => done(e.code ?? e.message)).once("close", () => done(text));
  });

describe("Ava tells its supervisor", { skip: missing, concurrency: 3 }, () => {
  test("when it is ready, reloads and goes down, also by an abstract socket and out of its cage", async () => {
    for (const flags of [[], ["--abstract"]]) {
      const a = await Supervised.open({ flags });
      try {
        assert.match(await a.up(), /^READY=1\nSTATUS=Serving on 127\.0\.0\.1:\d+$/);
        assert.equal((await a.call("/health/ready", { key: null })).status, 200);
        a.signal("SIGHUP");
        const reloading = (await a.next((o) => o.notify, "a reload")).notify;
        assert.match(reloading, /^RELOADING=1\nMONOTONIC_USEC=\d+$/);
        const uptime = Number(process.hrtime.bigint() / 1000n);
        assert.ok(Math.abs(uptime - Number(/\d{3,}/.exec(reloading)[0])) < 60e6, "the time is the kernel's");
        assert.equal((await a.next((o) => o.notify, "its end")).notify, "READY=1");
        a.signal("SIGTERM");
        assert.match((await a.next((o) => o.notify, "the end")).notify, /^STOPPING=1\nSTATUS=/);
        assert.equal((await a.next((o) => "exited" in o, "its end")).exited, 0);
        assert.doesNotMatch(a.said, /call_denied/);
      } finally {
        await a.remove();
      }
    }
  });

  test("that it is alive, for as long as its loops turn", async () => {
    const a = await Supervised.open({ flags: ["--watchdog", "1.6"] });
    try {
      await a.up();
      for (let n = 0; n < 3; n++) await a.next((o) => o.notify === "WATCHDOG=1", "a sign of life");
      a.signal("SIGSTOP");
      const began = Date.now();
      a.told.length = 0;
      await until(() => Date.now() - began > 2000, { what: "a time in which two were due" });
      assert.ok(a.told.filter((o) => o.notify === "WATCHDOG=1").length <= 1, "one may have been on its way");
      a.signal("SIGCONT");
      await a.next((o) => o.notify === "WATCHDOG=1", "alive again");
      assert.equal(await a.down(), 0);
    } finally {
      await a.remove();
    }
  });

  test("nothing where nobody asked, and nothing of it reaches a child or a reload", async () => {
    const a = await Ava.start({ env: { LISTEN_FDS: "1", LISTEN_PID: "1", WATCHDOG_USEC: "1000000", NOTIFY_SOCKET: "/nobody/there" } });
    try {
      assert.equal((await a.call("/health/ready", { key: null })).status, 200, "sockets of another process are not taken");
      assert.match(a.stderr, /"event":"systemd".*"socket":"\/nobody\/there"/);
    } finally {
      await a.remove();
    }
  });
});

describe("the unit file", { skip: missing || noAnalyze }, () => {
  test("allows all that a serving Ava calls, its cage included, and little else", { skip: sanitized && "a sanitizer calls more" }, async () => {
    const unit = join(root, "packaging/systemd/ava.service"), confined = ["python3", join(root, "tests/lib/confined.py"), unit];
    const refused = spawnSync("python3", [...confined.slice(1), "chroot", "/", "true"], { encoding: "utf8" });
    assert.notEqual(refused.status, 0, "it confines");
    const a = await Ava.start({ through: confined });
    try {
      await a.signUp();
      assert.equal((await a.call("/api/v1/vapi/settings")).status, 200);
      if (!onPostgres) assert.equal(ava(["backup", join(a.data, "copy.backup"), "--data-dir", a.data]).status, 0);
      assert.doesNotMatch(a.stderr, /"event":"cage"/, "it could build its cage");
      assert.equal((await a.metric("system_calls_denied_total")) ?? 0, 0);
    } finally {
      await a.remove();
    }
  });
});

describe("sockets that were opened for Ava", { skip: missing, concurrency: 3 }, () => {
  test("are served in place of AVA_LISTEN, the one named metrics with the metrics alone", async () => {
    const a = await Supervised.open({ sockets: ["http=127.0.0.1:0", "more=127.0.0.1:0", "metrics=127.0.0.1:0"], env: { AVA_LISTEN: "127.0.0.1:1" } });
    try {
      await a.up();
      const [first, second, metrics] = a.ports;
      for (const port of [first, second]) assert.match(await ask(port, "/health/live"), /^HTTP\/1.1 200 /);
      assert.match(await ask(first, "/metrics"), /^HTTP\/1.1 404 /);
      assert.match(await ask(metrics, "/metrics"), /^HTTP\/1.1 200 /);
      assert.match(await ask(metrics, "/health/live"), /^HTTP\/1.1 404 /);
      assert.match(a.said, /"unused":"AVA_LISTEN"/);
      assert.equal(await a.down(), 0);
    } finally {
      await a.remove();
    }
  });

  test("that it cannot serve end the start with a sentence", async () => {
    for (const kind of ["unix", "mute"]) {
      const a = await Supervised.open({ flags: ["--kind", kind] });
      try {
        a.keeper.stdin.write("start\n");
        assert.equal((await a.next((o) => "exited" in o, "its end")).exited, 78);
        assert.match(a.said, /not a TCP socket that listens/);
      } finally {
        await a.remove();
      }
    }
  });

  test("keep whoever comes while no Ava runs", async () => {
    const a = await Supervised.open();
    try {
      await a.up();
      assert.equal(await a.down(), 0);
      const waiting = [1, 2, 3].map(() => ask(a.port, "/health/live"));
      await a.up();
      for (const answer of await Promise.all(waiting)) assert.match(answer, /^HTTP\/1.1 200 /);
      assert.equal(await a.down(), 0);
    } finally {
      await a.remove();
    }
  });

  test("by the real systemd-socket-activate", { skip: spawnSync("systemd-socket-activate", ["--version"]).error && "no systemd-socket-activate here" }, async () => {
    const port = await listenPort(), data = await mkdtemp(join(tmpdir(), "ava-systemd-"));
    const keep = ["PATH", "HOME", "LANG"].map((n) => `--setenv=${n}`), set = { AVA_DATA_DIR: data, DRAIN_DELAY_SECONDS: "0", ...databaseOf(data) };
    const child = spawn("systemd-socket-activate", ["-l", `127.0.0.1:${port}`, ...keep, ...Object.entries(set).map(([n, v]) => `--setenv=${n}=${v}`), bin, "sandbox"], { stdio: ["ignore", "pipe", "pipe"] });
    const ended = new Promise((done) => child.once("exit", (code) => done(code)));
    let said = "";
    child.stderr.on("data", (b) => (said += b));
    child.stdout.on("data", (b) => (said += b));
    try {
      await until(() => said.includes("Listening on"), { what: "systemd-socket-activate" });
      assert.match(await ask(port, "/health/live"), /^HTTP\/1.1 200 /);
      child.kill("SIGTERM");
      assert.equal(await ended, 0, said);
    } finally {
      child.kill("SIGKILL");
      await rm(data, { recursive: true, force: true });
    }
  });
});

describe(`${RESTARTS} restarts without a proxy at ${RATE} requests a second`, { skip: missing }, () => {
  const stop = {};
  let provider, vapi, a, key;

  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    vapi = (await provider.call("/sandbox/api/credentials", { key: null })).json.vapi;
    a = await Supervised.open({ env: { VAPI_BASE_URL: vapi.base_url, DRAIN_DELAY_SECONDS: "1", AVA_LOG_LEVEL: "warn", AVA_THREADS: "2", AVA_PUBLIC_URL: "http://127.0.0.1:8000" } });
    await a.up();
    await a.signUp();
    key = a.key;
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id } })).status, 200);
    assert.equal((await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } })).status, 200);
    await provider.fault({ provider: "vapi", fault: "latency", latency_ms: 200, operation: "PATCH" }); // always some in hand
  });
  after(async () => {
    stop.now = true;
    await a?.remove();
    await provider?.remove();
  });

  test("no request fails, on new connections and on kept ones, and every write happened once", async () => {
    const hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls.status;
    // Kept ones take turns, so that each is used, and let go, within the delay.
    const kept = new Agent({ keepAlive: true, maxSockets: 16, scheduling: "fifo" }), fresh = new Agent({ keepAlive: false });
    const send = (n, path, { body, form, headers = {}, method } = {}) =>
      new Promise((done, fail) => {
        const payload = body ? JSON.stringify(body) : form;
        const type = body ? { "Content-Type": "application/json" } : form ? { "Content-Type": "application/x-www-form-urlencoded" } : {};
        const length = payload ? { "Content-Length": Buffer.byteLength(payload) } : {};
        const options = { port: a.port, path, agent: n % 2 ? kept : fresh, method: method ?? (payload ? "POST" : "GET"), headers: { Authorization: `Bearer ${key}`, ...type, ...length, ...headers } };
        const req = request(options, (res) => {
          let text = "";
          res.setEncoding("utf8").on("data", (b) => (text += b)).on("error", fail);
          res.on("end", () => done({ status: res.statusCode, json: res.statusCode >= 400 ? JSON.parse(text) : {} }));
        });
        req.setTimeout(60_000, () => req.destroy(new Error("no answer"))).on("error", fail).end(payload);
      });
    const called = [], hooked = [];
    const kinds = [
      (n) => send(n, "/api/v1/vapi/settings"),
      (n) => send(n, "/api/v1/auth/keys"),
      (n) => send(n, "/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: `Hello ${n}` } }),
      (n) => {
        const to = `+3361${String(n).padStart(7, "0")}`;
        called.push(to);
        return send(n, "/api/v1/calls", { body: { to }, headers: { Prefer: "respond-async" } });
      },
      (n) => {
        const id = `CA${String(n).padStart(8, "0")}`, params = [["CallSid", id], ["CallStatus", "completed"]];
        hooked.push(id);
        return send(n, new URL(hook).pathname, { form: new URLSearchParams(params).toString(), headers: { "X-Twilio-Signature": sign(hook, params, TOKEN) } });
      },
    ];
    const stopMs = [], startMs = [];
    const load = paced(RATE, 3600, (n) => kinds[n % kinds.length](n), stop);
    for (let n = 0; n < RESTARTS; n++) {
      await new Promise((r) => setTimeout(r, 300 + Math.random() * 300));
      const began = Date.now();
      assert.equal(await a.down(), 0, a.said);
      const ended = Date.now();
      assert.doesNotMatch(a.said, /"cut"/);
      await a.up();
      stopMs.push(ended - began);
      startMs.push(Date.now() - ended);
    }
    stop.now = true;
    const answers = await load;
    kept.destroy();
    const counts = tally(answers), good = ["200", "202"];
    console.log(`# ${RESTARTS} restarts, ${answers.length} requests, ${answers.filter((x) => !good.includes(String(x.status))).length} failed: ${JSON.stringify(counts)}; ${figures(answers)}; stopped after ${Math.max(...stopMs)} ms at most, started after ${Math.max(...startMs)} ms at most`);
    assert.deepEqual(Object.keys(counts).filter((name) => !good.includes(name)), [], JSON.stringify(counts));
    const all = async (path, list) => {
      const found = [];
      for (let cursor = ""; cursor !== null; ) {
        const page = (await a.call(`${path}?limit=100${cursor && `&cursor=${cursor}`}`)).json;
        found.push(...page[list]);
        cursor = page.next_cursor;
      }
      return found;
    };
    a.key = key;
    const once = (got, wanted, what) => assert.deepEqual(got.sort(), wanted.sort(), what);
    once((await all("/api/v1/calls", "calls")).filter((c) => c.provider === "vapi").map((c) => c.to), [...called], "one call for each that was accepted");
    once((await all("/api/v1/events", "events")).map((e) => e.resource), [...hooked], "one event for each webhook");
  });
});
