// An Ava whose system calls fail as a test says (failing.c), started cold or under a small load.
import { execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, cpSync, existsSync, openSync, readSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Ava, bin, environment, until } from "./ava.mjs";
import { Scripted, vapiCall } from "./scripted.mjs";
import { headersOf, message, secretPlan } from "./vapi.mjs";

export const shim = join(dirname(bin), "tests/libfailing.so");
export const shimMissing = existsSync(shim) ? false : "no tests/libfailing.so beside the program";

// What the kernel answers to each, as the manual pages have it; the first is the most likely one.
export const KINDS = {
  read: ["EIO", "EINTR"], readv: ["EIO"], pread: ["EIO", "EINTR"], recv: ["ENOMEM", "EINTR"], recvmsg: ["ENOMEM"],
  write: ["EIO", "ENOSPC", "EINTR"], writev: ["EIO", "ENOSPC"], pwrite: ["EIO", "ENOSPC", "EINTR"], send: ["ENOBUFS", "EINTR"], sendmsg: ["ENOBUFS"],
  fsync: ["EIO", "ENOSPC"], fdatasync: ["EIO", "ENOSPC"], ftruncate: ["EIO", "ENOSPC"], lseek: ["EINVAL"],
  mmap: ["ENOMEM"], mprotect: ["ENOMEM"], madvise: ["ENOMEM", "EAGAIN"], mlock: ["ENOMEM", "EPERM"],
  open: ["EMFILE", "EIO", "ENFILE", "EACCES"], fopen: ["EMFILE"], fstat: ["ENOMEM", "EIO"], stat: ["ENOMEM", "EIO", "EACCES"], lstat: ["EIO"], statx: ["EIO", "ENOSYS"], access: ["EIO"],
  unlink: ["EIO", "EACCES"], rename: ["EIO", "ENOSPC"], mkdir: ["ENOSPC"], fchmod: ["EPERM"], readlink: ["EIO"], lock: ["ENOLCK", "EINTR", "EIO"], unlock: ["ENOLCK", "EIO", "EINTR"], fcntl: ["ENOMEM"],
  socket: ["EMFILE", "ENOBUFS", "EACCES"], socketpair: ["EMFILE"], bind: ["EADDRINUSE", "EACCES", "ENOMEM"], listen: ["EADDRINUSE"], connect: ["EAGAIN", "EADDRNOTAVAIL", "ENOMEM", "EINTR"], accept: ["EMFILE", "ENOMEM", "ECONNABORTED", "EINTR"],
  getsockopt: ["ENOBUFS"], setsockopt: ["ENOMEM", "ENOPROTOOPT"], getsockname: ["ENOBUFS"], getpeername: ["ENOTCONN", "ENOBUFS"], getaddrinfo: ["EAGAIN", "EMFILE"],
  epoll_create: ["EMFILE", "ENOMEM"], epoll_ctl: ["ENOMEM", "ENOSPC"], epoll_wait: ["EINTR"], poll: ["EINTR"], eventfd: ["EMFILE"], pipe: ["EMFILE"], signalfd: ["EMFILE"],
  getrandom: ["EIO", "EINTR", "ENOSYS"], getentropy: ["EIO"], thread: ["EAGAIN"], sem_wait: ["EINTR"], nanosleep: ["EINTR"], getrlimit: ["EPERM"], setrlimit: ["EPERM"], ioctl: ["EIO"], prctl: ["EINVAL"], syscall: ["ENOSYS", "EPERM"],
};

const SECRET = "what-vapi-sends-with-each-message";
const ASSISTANT = "5b0a4a08-133c-4146-9315-0984f8c6be80";
const NUMBER = "c1b5c7e2-6f7e-4f56-9a43-7d0f3b1f52aa";

// The file that failing.c maps: armed, error, first, times, used, failed, kind.
export class Faults {
  constructor(path) {
    this.path = path;
    this.file = openSync(path, "w+");
    writeSync(this.file, Buffer.alloc(64), 0, 64, 0);
  }
  arm(kind, error, first, times = 1) {
    const b = Buffer.alloc(64);
    [0, constants.errno[error] ?? { ENOBUFS: 105 }[error], first, times, 0, 0].forEach((n, i) => b.writeInt32LE(n, i * 4));
    b.write(kind, 24);
    writeSync(this.file, b, 0, 64, 0);
    b.writeInt32LE(1, 0);
    writeSync(this.file, b, 0, 4, 0);
  }
  failed() {
    const b = Buffer.alloc(4);
    readSync(this.file, b, 0, 4, 20);
    return b.readInt32LE(0);
  }
  // { used, failed } since it was armed; nothing fails from here on.
  clear() {
    writeSync(this.file, Buffer.alloc(4), 0, 4, 0);
    const b = Buffer.alloc(64);
    readSync(this.file, b, 0, 64, 0);
    return { used: b.readInt32LE(16), failed: b.readInt32LE(20) };
  }
  close() {
    closeSync(this.file);
  }
}

const through = (faults) => ({ LD_PRELOAD: shim, FAILING: faults.path });

// One provider for all; what it answers is always good, so that every trouble is ours.
export async function provider() {
  const dated = { orgId: "eb166faa-7145-46ef-8044-589b47ae3b56", createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:00.000Z" };
  const ended = { status: "ended", endedReason: "customer-ended-call", endedAt: new Date().toISOString() }; // takes no line
  const p = await Scripted.start([
    ["POST", /^\/call/, () => ({ status: 201, json: vapiCall(ended) })],
    ["GET", /^\/call\//, () => ({ json: vapiCall(ended) })],
    ["GET", /^\/call/, { json: [] }],
    ["GET", /^\/assistant\//, { json: { ...dated, id: ASSISTANT, name: "Ava", firstMessage: "Hello.", voice: { provider: "vapi", voiceId: "Elliot", speed: 1 }, model: { provider: "openai", model: "gpt-4o" } } }],
    ["GET", /^\/phone-number/, { json: [{ ...dated, id: NUMBER, number: "+14155550100", provider: "vapi", status: "active" }] }],
  ]);
  return p;
}

// A folder of an Ava that took webhooks and was killed: { data, taken }.
export async function template(base) {
  const a = await warm(base);
  for (let i = 0; i < 5; i++) await a.load();
  await a.kill();
  return { data: a.data, taken: a.taken, key: a.key, hook: a.hook };
}

// The acknowledged webhooks that the database does not have; "damaged: ..." where it is.
export function lost(data, taken) {
  const [check, ...there] = execFileSync("sqlite3", [join(data, "ava.db")], { input: "PRAGMA quick_check(1); SELECT resource FROM events;", encoding: "utf8", maxBuffer: 256 << 20 }).trim().split("\n");
  const has = new Set(there);
  return check === "ok" ? taken.filter((id) => !has.has(id)) : [`damaged: ${check}`];
}

// Starts on a copy of that folder with the fault armed from the first instruction on: what went wrong, or undefined.
// After it the folder still has all that was acknowledged.
export async function cold(of, base, kind, error, use, times = 1) {
  const data = await mkdtemp(join(tmpdir(), "ava-cold-"));
  const file = data + ".faults", faults = new Faults(file);
  if (of) cpSync(of.data, data, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  faults.arm(kind, error, use, times);
  let stdout = "", stderr = "", ended;
  const child = spawn(bin, ["serve"], { cwd: data, env: environment({ AVA_LISTEN: "127.0.0.1:0", AVA_DATA_DIR: data, AVA_LOG_LEVEL: "warn", DRAIN_DELAY_SECONDS: "0", VAPI_BASE_URL: base, AVA_THREADS: "2", ...through(faults) }), stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (b) => (stdout += b));
  child.stderr.on("data", (b) => (stderr += b));
  const closed = new Promise((r) => child.once("close", (code, signal) => r((ended = { code, signal }))));
  const bad = (what) => `cold ${kind} ${error} use ${use}${times < 0 ? " and on" : ""}: ${what}; ${(stderr || stdout).trim().slice(-300)}`;
  let failed = 0, wrong;
  try {
    await until(() => ended || /Listening on (\S+)/.test(stdout), { ms: 20_000, what: "it serves or ends" }).catch(() => (wrong = bad("neither serves nor ends")));
    if (!ended && !wrong) {
      const url = "http://" + /Listening on ([^\s,]+)/.exec(stdout)[1] + "/health/live";
      if (times < 0) failed = faults.clear().failed;
      let last;
      await until(async () => ended || (last = await fetch(url, { headers: { Connection: "close" }, signal: AbortSignal.timeout(5000) }).then((r) => r.status, (e) => e.cause?.code ?? e.name)) === 200, { ms: 10_000, what: "answers" }).catch(() => (wrong = bad(`says that it serves and does not (${last})`)));
    }
    failed ||= faults.clear().failed;
    if (!ended) {
      child.kill("SIGTERM");
      await Promise.race([closed, new Promise((r) => setTimeout(r, 10_000).unref())]);
      if (!ended) (wrong ??= bad("does not end on SIGTERM")), child.kill("SIGKILL"), await closed;
      else if (ended.signal) wrong ??= bad(`ended by ${ended.signal}`);
      else if (ended.code !== 0) wrong ??= bad(`ended with ${ended.code} after it served`);
    } else if (ended.signal) wrong ??= bad(`ended by ${ended.signal}`);
    else if (ended.code === 0 || !(stderr + stdout).trim()) wrong ??= bad(`exit code ${ended.code}, without a sentence`);
    if (of && !wrong) {
      const gone = lost(data, of.taken);
      if (gone.length) wrong = bad(`lost ${gone.length}: ${gone[0]}`);
    }
  } finally {
    faults.close();
    await rm(data, { recursive: true, force: true });
    await rm(file, { force: true });
  }
  return { wrong, failed, served: ended?.code === 0 };
}

const asked = (a, path, options = {}) =>
  fetch(a.base + path, { redirect: "manual", signal: AbortSignal.timeout(15_000), ...options, headers: { ...(path === a.hook ? {} : { Authorization: `Bearer ${a.key}` }), ...(options.body ? { "Content-Type": "application/json" } : {}), ...options.headers } })
    .then(async (r) => ((r.said = await r.text()), r.status))
    .catch((e) => (e.name === "TimeoutError" ? "hangs" : (e.cause?.code ?? e.name)));

// A served one with .load() (which tells what each request became), .faults, .taken (acknowledged webhooks).
export async function warm(base, { data } = {}) {
  const folder = data ?? (await mkdtemp(join(tmpdir(), "ava-warm-")));
  const faults = new Faults(folder + ".faults");
  const a = await Ava.start({ verb: "serve", data: folder, env: { CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "warn", VAPI_BASE_URL: base, AVA_THREADS: "2", ...through(faults) } });
  a.faults = faults;
  a.taken = [];
  await a.signUp();
  const put = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "failing-vapi-key-0001", assistant_id: ASSISTANT, default_number_id: NUMBER, webhook_secret: SECRET } });
  if (put.status >= 300) throw new Error(put.text);
  a.hook = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server).pathname;
  a.webhook = async () => {
    const id = randomUUID(), body = JSON.stringify(message("status-update", { id }, { status: "ringing" }));
    const status = await asked(a, a.hook, { method: "POST", body, headers: { Connection: "close", ...headersOf(secretPlan(SECRET), { body }) } });
    if (status === 200) a.taken.push(id);
    return status;
  };
  let n = 0;
  a.placed = () => asked(a, "/api/v1/calls", { method: "POST", body: JSON.stringify({ to: "+14155550142" }), headers: { "Idempotency-Key": randomUUID() } });
  a.settings = () => asked(a, "/api/v1/vapi/settings");
  a.streamed = async () => {
    const stop = new AbortController(), limit = setTimeout(() => stop.abort(), 3000);
    try {
      const r = await fetch(a.base + "/api/v1/stream", { headers: { Authorization: `Bearer ${a.key}` }, signal: stop.signal });
      await r.body.getReader().read();
      return r.status;
    } catch (e) {
      return e.cause?.code ?? e.name;
    } finally {
      clearTimeout(limit);
      stop.abort();
    }
  };
  a.load = async () => {
    const all = { webhook: a.webhook(), settings: a.settings(), calls: asked(a, "/api/v1/calls?limit=5"), again: a.webhook(), analytics: asked(a, "/api/v1/analytics/calls", { headers: { Connection: "close" } }), limits: asked(a, "/api/v1/limits", { method: "PUT", body: JSON.stringify({ daily_minutes: 100_000 + n++ }) }), placed: a.placed(), stream: a.streamed(), ready: asked(a, "/health/ready", { headers: { Connection: "close" } }) };
    return Object.fromEntries(await Promise.all(Object.entries(all).map(async ([name, p]) => [name, await p])));
  };
  a.kill = async () => {
    a.child.kill("SIGKILL");
    await a.exited;
    faults.close();
    await rm(folder + ".faults", { force: true });
  };
  return a;
}

const FOR_MS = 2000;

// One use (or all from it on, times -1, for two seconds at most) fails under load. What went wrong, or undefined; a is still usable unless it ended.
export async function disturb(a, kind, error, use, times = 1, loads = 1) {
  const bad = (what) => `warm ${kind} ${error} use ${use}${times < 0 ? " and on" : ""}: ${what}`;
  a.faults.arm(kind, error, use, times);
  while (loads-- > 1 && !a.ended && a.faults.failed() === 0) await a.load();
  const loaded = a.load();
  await Promise.race([loaded, new Promise((r) => setTimeout(r, FOR_MS))]); // what goes on may keep everybody waiting
  const { failed } = a.faults.clear();
  const said = await loaded;
  if (a.ended) return { failed, wrong: bad(`ended by ${a.ended.signal ?? a.ended.code}; ${a.stderr.trim().slice(-400)}`) };
  const hung = Object.entries(said).filter(([, s]) => s === "hangs").map(([name]) => name);
  if (hung.length) return { failed, wrong: bad(`${hung} without an answer`) };
  if (!failed) return { failed };
  let last;
  const trouble = () => /"event":"database","trouble":"(\w+)"/.exec(a.stderr)?.[1]; // it trusts its file no more: that stays
  const isRight = () => kind === "pread" && error === "EIO" && trouble() === "damaged"; // what a disk says of a block that is gone
  try {
    await until(async () => {
      last = await Promise.all([a.webhook(), a.settings(), a.placed()]);
      return a.ended || trouble() || (last[0] === 200 && last[1] === 200 && [201, 202].includes(last[2]));
    }, { ms: 15_000, every: 50, what: "all works again" });
  } catch {
    return { failed, wrong: bad(`does not work again: ${last}; ${a.stderr.trim().slice(-400)}`) };
  }
  if (a.ended) return { failed, wrong: bad(`ended afterwards by ${a.ended.signal ?? a.ended.code}; ${a.stderr.trim().slice(-300)}`) };
  if (trouble() && !isRight()) return { failed, wrong: bad(`its database is ${trouble()}`) };
  if (trouble()) return { failed, trouble: trouble(), wrong: (await asked(a, "/health/ready")) === 503 ? undefined : bad("in trouble, and says that it is ready") };
  const opens = await a.metric("circuit_breaker_opens_total", { service: "vapi" });
  if (opens !== (a.opens ?? 0)) return (a.opens = opens), { failed, wrong: bad("opened the provider's breaker") };
  return { failed };
}
