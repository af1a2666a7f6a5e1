// A real Ava for tests: started on a free port with a folder of its own, signed in, called over real sockets.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { databaseOf, folderIn, wrongSql } from "./database.mjs";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const bin = resolve(root, process.env.TEST_AVA ?? "build/ava");
export const person = { email: "ada@example.com", password: "correct horse battery" };
export const missing = existsSync(bin) ? false : "no program at build/ava: run make build, or set TEST_AVA";
// Memory is measured without what a sanitizer adds to it.
export const sanitized = /asan|tsan/.test(bin);

// ../shared beside the repository holds providers' contracts and test vectors.
export function shared(path) {
  const found = [process.env.TEST_SHARED, join(root, "../shared")].filter(Boolean).map((top) => join(top, path)).find(existsSync);
  return { path: found, missing: found ? false : `no ${path} in ../shared` };
}

export function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// Ava refuses settings it does not know, so nothing of the caller's environment may leak in.
export function environment(more = {}) {
  const kept = ["PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"];
  return { ...Object.fromEntries(kept.filter((n) => process.env[n] !== undefined).map((n) => [n, process.env[n]])), ...more };
}

// Runs a command to its end: { status, stdout, stderr }.
export function ava(args, { env = {}, input, cwd } = {}) {
  // One that should have ended at once, and serves, ends its test.
  const r = spawnSync(bin, args, { env: environment({ ...databaseOf(folderIn(args, env), { verb: args[0], env }), ...env }), input, cwd, encoding: "utf8", maxBuffer: 64 << 20, timeout: 300_000 });
  return { status: r.status, stdout: r.stdout, stderr: r.stderr };
}

// The same without stopping this process meanwhile: for commands beside a server that is being watched.
export function avaBeside(args, { env = {}, program = bin } = {}) {
  return new Promise((done) => {
    const child = spawn(program, args, { env: environment({ ...databaseOf(folderIn(args, env), { verb: args[0], env }), ...env }), stdio: ["ignore", "pipe", "pipe"] });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (b) => (out.stdout += b));
    child.stderr.on("data", (b) => (out.stderr += b));
    child.once("close", (status) => done({ status, ...out }));
  });
}

// Waits until check() gives something truthy; the check does the asking, the limit only ends a hang.
export async function until(check, { ms = 60_000, every = 10, what = "condition" } = {}) {
  const end = Date.now() + ms;
  for (;;) {
    const got = await check();
    if (got) return got;
    if (Date.now() > end) throw new Error(`waited ${ms} ms for: ${what}`);
    await new Promise((r) => setTimeout(r, every));
  }
}

// Bounds of a test in time hold as they stand where the machine is the test's alone (TEST_TIMES, TEST_SOAK); one that others
// use too is given so many times that.
export const slack = process.env.TEST_TIMES || process.env.TEST_SOAK ? 1 : 5;

// Processor time of one turn of a loop. A machine that shares its processors counts what it was not given, too: the bound
// itself holds in the long form.
const TURN_MS_MAX = process.env.TEST_SOAK ? 50 : 100;

export class Ava {
  // Without a port Ava takes one that is free; one that it must have again after a kill may take a moment.
  static async start(options = {}) {
    for (let tries = 0; ; tries++) {
      try {
        return await Ava.#start(options);
      } catch (e) {
        if (!options.port || tries === 20 || !/Address already in use/.test(e.message)) throw e;
        await new Promise((r) => setTimeout(r, 100));
      }
    }
  }

  // turnMs: where one turn serves hundreds of sockets at once, each with all that fits.
  // denies: it is the point of the test that Ava makes calls that its cage refuses; else none may be.
  static async #start({ verb = "sandbox", env = {}, data, port = 0, limits = false, through = [], denies = false, turnMs = TURN_MS_MAX }) {
    const self = new Ava();
    self.jumpedMs = 0;
    self.turnMs = turnMs;
    self.data = data ?? (await mkdtemp(join(tmpdir(), "ava-flow-")));
    self.stdout = self.stderr = "";
    const began = Date.now();
    const [program, ...words] = [...through, bin, verb]; // through: a program that becomes another, as exec does
    self.child = spawn(program, words, {
      cwd: self.data,
      env: environment({ AVA_LISTEN: `127.0.0.1:${port}`, AVA_DATA_DIR: self.data, ENABLE_RATE_LIMITING: String(limits), DRAIN_DELAY_SECONDS: "0", MAX_LOOP_LAG_MS: "0", ...databaseOf(self.data, { verb, env }), ...env }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    self.exited = new Promise((r) => self.child.once("exit", (code, signal) => r((self.ended = { code, signal }))));
    self.exited.then(() => {
      const denied = self.stderr.split("\n").filter((l) => l.includes('"event":"call_denied"'));
      if (denied.length && !denies) throw new Error(`Ava's cage refuses what Ava does:\n${denied.join("\n")}`);
      const wrong = wrongSql(self.stderr);
      if (wrong.length) throw new Error(`PostgreSQL refuses what Ava asks:\n${wrong.join("\n")}`);
    });
    self.child.stdout.on("data", (b) => (self.stdout += b));
    self.child.stderr.on("data", (b) => (self.stderr += b));
    await until(() => self.ended || /Open {3}(http\S+)/.test(self.stdout), { what: "the line with the link" });
    if (self.ended) throw new Error(`Ava ended with ${self.ended.code}:\n${self.stdout}${self.stderr}`);
    self.base = /Listening on ([^\s,]+)/.exec(self.stdout)[1].replace(/^/, "http://");
    self.port = Number(new URL(self.base).port);
    self.startMs = Date.now() - began;
    self.link = /Open {3}(http\S+)/.exec(self.stdout)[1];
    return self;
  }

  // One HTTP call; the answer's JSON is in .json, its text in .text.
  async call(path, { method, body, key = this.key, headers = {}, raw } = {}) {
    const h = { ...headers };
    if (key) h.Authorization ??= `Bearer ${key}`;
    let payload = raw;
    if (body !== undefined) (payload = JSON.stringify(body)), (h["Content-Type"] ??= "application/json");
    const ask = () => fetch(this.base + path, { method: method ?? (payload === undefined ? "GET" : "POST"), headers: h, body: payload, redirect: "manual" });
    // Right after a jump of the clock a kept connection may be closed for idling just when it is used again: then
    // nothing of what was sent has been read.
    const response = await ask().catch((e) => {
      if (this.ended) throw new Error(`Ava ended (${this.ended.signal ?? this.ended.code}); its last words: ${this.stderr.slice(-2000)}`, { cause: e });
      if (Date.now() - this.jumpedMs > 1000 || !["UND_ERR_SOCKET", "ECONNRESET"].includes(e.cause?.code)) throw e;
      return ask();
    });
    const text = await response.text();
    let json;
    try {
      json = JSON.parse(text);
    } catch {}
    return { status: response.status, headers: response.headers, text, json };
  }

  // First account through the printed link, and an API key of it in this.key.
  async signUp(who = person) {
    const token = new URL(this.link).hash.slice(3);
    const setup = await this.call("/api/v1/auth/setup", { body: { token, ...who }, key: null });
    if (setup.status !== 201) throw new Error(`setup: ${setup.status} ${setup.text}`);
    this.me = setup.json;
    this.key = this.newKey(who.email, "flow");
    return this;
  }

  newKey(email, name, more = []) {
    const made = ava(["key", "create", "--user", email, "--name", name, "--data-dir", this.data, ...more]);
    if (made.status !== 0) throw new Error(`key create: ${made.stderr}`);
    return made.stdout.trim();
  }

  // Another person with a workspace of their own, and a key: { id, workspace_id, key }.
  async newPerson(email, { role = "member" } = {}) {
    const file = join(this.data, "password");
    await writeFile(file, person.password + "\n", { mode: 0o600 });
    const made = ava(["user", "create", "--email", email, "--password-file", file, "--role", role, "--json", "--data-dir", this.data]);
    if (made.status !== 0) throw new Error(`user create: ${made.stderr}`);
    return { ...JSON.parse(made.stdout), key: this.newKey(email, "flow") };
  }

  async fault(body) {
    const r = await this.call("/sandbox/api/faults", { body, key: null });
    if (r.status !== 200) throw new Error(`faults: ${r.status} ${r.text}`);
  }

  // Lets time pass for this Ava.
  async advance(seconds) {
    const r = await this.call("/sandbox/api/clock", { body: { advance_seconds: seconds }, key: null });
    if (r.status !== 200) throw new Error(`clock: ${r.status} ${r.text}`);
    this.jumpedMs = Date.now();
  }

  async ledger() {
    const most = 1000, hits = []; // of one answer, which without `since` are the newest: what is counted would grow fewer
    for (;;) {
      const page = (await this.call(`/sandbox/api/ledger?since=${hits.at(-1)?.seq ?? 0}&limit=${most}`, { key: null })).json;
      hits.push(...page.hits);
      if (page.hits.length < most) return { ...page, hits };
    }
  }

  // A metric's value: metric("circuit_breaker_state", { service: "vapi" }).
  async metric(name, labels = {}) {
    const { text } = await this.call("/metrics", { key: null });
    for (const line of text.split("\n")) {
      const m = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (m?.[1] === name && Object.entries(labels).every(([k, v]) => m[2]?.includes(`${k}="${v}"`))) return Number(m[3]);
    }
    return undefined;
  }

  // All of them at once: a Map from 'name{label="value"}' to its number.
  async metrics() {
    const { text } = await this.call("/metrics", { key: null });
    return new Map(text.split("\n").filter((l) => l && l[0] !== "#").map((l) => [l.slice(0, l.lastIndexOf(" ")), Number(l.slice(l.lastIndexOf(" ") + 1))]));
  }

  // What the log says of a request, one object per line.
  logged(correlationId, event = "request") {
    return this.stderr.split("\n").filter((l) => l.includes(`"${correlationId}"`) && l.endsWith("}")).map((l) => JSON.parse(l)).filter((l) => l.event === event);
  }

  // Only root may look into a process that keeps secrets: 0 for everybody else.
  openFiles() {
    try {
      return readdirSync(`/proc/${this.child.pid}/fd`).length;
    } catch {
      return 0;
    }
  }

  // From now on VmHWM is the peak since now, where that is allowed.
  forgetPeak() {
    try {
      writeFileSync(`/proc/${this.child.pid}/clear_refs`, "5");
    } catch {}
  }

  // VmRSS, VmHWM, ... of the process, in KiB.
  memory(what = "VmRSS") {
    return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${this.child.pid}/status`, "utf8"))[1]);
  }

  async stop(signal = "SIGTERM") {
    if (!this.ended) this.child.kill(signal);
    return this.exited;
  }

  // The processor time of its longest turn of a loop, in ms; undefined when it cannot be asked any more.
  async longestTurn() {
    const asked = await fetch(`${this.base}/metrics`, { headers: { Connection: "close" }, signal: AbortSignal.timeout(2000) }).then((r) => r.text()).catch(() => "");
    const found = /^event_loop_longest_turn_seconds (\S+)$/m.exec(asked);
    return found ? Number(found[1]) * 1000 : undefined;
  }

  async remove() {
    const turn = this.ended ? undefined : await this.longestTurn();
    await this.stop();
    await rm(this.data, { recursive: true, force: true });
    // Processor time, which a busy machine does not stretch; a sanitizer does.
    if (turn > this.turnMs && !sanitized) throw new Error(`a loop was busy for ${turn} ms in one turn: so long everybody else on it waited`);
  }
}
