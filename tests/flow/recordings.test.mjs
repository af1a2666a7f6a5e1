// Bears company.
// Recordings are passed on as they are read (HARDENING 8): nobody's reading costs memory, or others time, and a part is
// never taken for the whole. Found in the field, and tried here: transfers that stall for good after a pause under TLS
// (curl 4966), HTTP/2 streams that are taken in although nobody reads (curl 4939), loops that spin while paused (curl 6356).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createSecureServer } from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { figures, quantile } from "../lib/load.mjs";
import { reading } from "../lib/load_apart.mjs";
import { SID, TOKEN } from "../lib/scripted.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const AUDIO = randomBytes(16 << 20);
const hash = (bytes) => createHash("sha256").update(bytes).digest("hex");
const RE = `RE${"0".repeat(32)}`, OTHER_SID = SID.replace("0", "f");

// A Twilio with one recording: how it answers for the audio is audio(req, res).
async function provider(secure) {
  const self = { audios: 0, open: new Set(), sent: 0, versions: new Set(), audio: whole };
  const answer = (req, res) => {
    if (!/\.mp3$/.test(req.url)) return res.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify({ sid: RE, status: "completed" }));
    self.audios++;
    self.versions.add(req.httpVersion);
    self.open.add(req);
    res.on("close", () => self.open.delete(req));
    self.audio(req, res, self);
  };
  self.server = secure ? createSecureServer({ ...secure, allowHTTP1: true }, answer) : createServer(answer);
  await new Promise((r) => self.server.listen(0, "127.0.0.1", 1024, r));
  self.base = `${secure ? "https" : "http"}://localhost:${self.server.address().port}`.replace("http://localhost", "http://127.0.0.1");
  self.stop = () => (self.server.closeAllConnections?.(), new Promise((r) => self.server.close(r)));
  return self;
}

// Sends these bytes as they are taken.
function pour(res, bytes, self) {
  let at = 0;
  const more = () => {
    while (at < bytes.length && !res.destroyed) {
      const piece = bytes.subarray(at, (at += 16384));
      self.sent += piece.length;
      if (!res.write(piece)) return res.once("drain", more);
    }
    if (!res.destroyed) res.end();
  };
  more();
}

function whole(req, res, self) {
  res.writeHead(200, { "Content-Type": "audio/mpeg", "Content-Length": AUDIO.length });
  pour(res, AUDIO, self);
}

function ranged(req, res, self) {
  const m = /^bytes=(\d*)-(\d*)$/.exec(req.headers.range ?? "");
  if (!m) return whole(req, res, self);
  const from = m[1] ? Number(m[1]) : AUDIO.length - Number(m[2]), to = m[1] && m[2] ? Math.min(Number(m[2]), AUDIO.length - 1) : AUDIO.length - 1;
  if (from >= AUDIO.length) return res.writeHead(416, { "Content-Range": `bytes */${AUDIO.length}`, "Content-Type": "application/json" }).end("{}");
  res.writeHead(206, { "Content-Type": "audio/mpeg", "Content-Length": to - from + 1, "Content-Range": `bytes ${from}-${to}/${AUDIO.length}` });
  pour(res, AUDIO.subarray(from, to + 1), self);
}

// So much of it, and then, with the length of all in the head or as chunks.
const part = (bytes, then, length = true) => (req, res, self) => {
  res.writeHead(200, { "Content-Type": "audio/mpeg", ...(length ? { "Content-Length": AUDIO.length } : {}) });
  self.sent += bytes;
  res.write(AUDIO.subarray(0, bytes), () => then(res));
};

async function world(twilio, options = {}) {
  const a = await Ava.start({ ...options, env: { AVA_LOG_LEVEL: "error", TWILIO_BASE_URL: twilio.base, ...options.env } });
  await a.signUp();
  const r = await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
  assert.equal(r.status, 200, r.text);
  return a;
}

async function link(a, key) {
  const r = await a.call(`/api/v1/recordings/${RE}/audio`, key ? { key } : {});
  assert.equal(r.status, 302, r.text);
  return r.headers.get("location");
}

// A request over a socket of its own: .head once that is there; .all() reads to the end, { bytes, hash, ended }, and tells
// how many bytes it has as they come. (What is unread when a reset comes, libuv takes for a good end.)
function raw(a, path, { version = "1.1", method = "GET", headers = "" } = {}) {
  const socket = connect(a.port, "127.0.0.1"), self = { socket, ended: null };
  let seen = Buffer.alloc(0), total = 0;
  const sum = createHash("sha256");
  socket.write(`${method} ${path} HTTP/${version}\r\nHost: ava\r\n${headers}\r\n`);
  self.closed = new Promise((r) => {
    socket.once("error", (e) => (self.ended ??= e.code));
    socket.once("close", () => r((self.ended ??= "end")));
  });
  self.started = new Promise((done, fail) => {
    const take = (b) => {
      seen = Buffer.concat([seen, b]);
      const at = seen.indexOf("\r\n\r\n");
      if (at < 0) return;
      socket.off("data", take);
      socket.pause();
      self.head = seen.subarray(0, at).toString();
      self.rest = seen.subarray(at + 4);
      done(self);
    };
    socket.on("data", take);
    self.closed.then(() => fail(new Error(`closed before its head: ${self.ended}`)));
  });
  self.started.catch(() => {});
  self.all = async (told = () => {}) => {
    await self.started;
    const count = (b) => (sum.update(b), (total += b.length), told(total));
    count(self.rest);
    socket.on("data", count);
    socket.resume();
    await self.closed;
    return { bytes: total, hash: sum.digest("hex"), ended: self.ended };
  };
  self.leave = () => socket.destroy();
  return self;
}

describe("a recording on its way through", { skip: missing, concurrency: 1 }, () => {
  let twilio, a;
  before(async () => {
    twilio = await provider();
    a = await world(twilio);
  });
  after(async () => {
    await a?.remove();
    await twilio?.stop();
  });
  const failures = () => a.metric("circuit_breaker_failures_total", { service: "twilio" });
  const allClosed = () => until(() => twilio.open.size === 0, { what: "Twilio's connections closed" });

  test("16 MiB arrive byte for byte, with their length, also to HTTP/1.0", async () => {
    twilio.audio = whole;
    const r = await fetch(a.base + (await link(a)));
    assert.deepEqual([r.status, r.headers.get("content-type"), r.headers.get("content-length"), r.headers.get("cache-control")], [200, "audio/mpeg", String(AUDIO.length), "no-store"]);
    assert.equal(hash(Buffer.from(await r.arrayBuffer())), hash(AUDIO));
    const old = await raw(a, await link(a), { version: "1.0" }).all();
    assert.deepEqual(old, { bytes: AUDIO.length, hash: hash(AUDIO), ended: "end" });
  });

  test("without a length they are chunks, to HTTP/1.0 all up to the end", async () => {
    twilio.audio = (req, res, self) => (res.writeHead(200, { "Content-Type": "audio/mpeg" }), pour(res, AUDIO, self));
    const r = await fetch(a.base + (await link(a)));
    assert.equal(r.headers.get("transfer-encoding"), "chunked");
    assert.equal(hash(Buffer.from(await r.arrayBuffer())), hash(AUDIO));
    const old = await raw(a, await link(a), { version: "1.0" }).all();
    assert.deepEqual(old, { bytes: AUDIO.length, hash: hash(AUDIO), ended: "end" });
  });

  test("one that is empty, one of a byte", async () => {
    for (const bytes of [0, 1]) {
      twilio.audio = (req, res) => res.writeHead(200, { "Content-Type": "audio/mpeg", "Content-Length": bytes }).end(AUDIO.subarray(0, bytes));
      const r = await fetch(a.base + (await link(a)));
      assert.deepEqual([r.status, (await r.arrayBuffer()).byteLength], [200, bytes]);
    }
  });

  test("a single range is passed on; what is none, or lies behind the end, is the whole", async () => {
    twilio.audio = ranged;
    const path = await link(a), get = (range, more) => fetch(a.base + path, { headers: { Range: range, ...more } });
    for (const [range, from, to] of [["bytes=0-1", 0, 2], ["bytes=1000000-", 1000000, AUDIO.length], ["bytes=-500", AUDIO.length - 500, AUDIO.length]]) {
      const r = await get(range);
      assert.equal(r.status, 206, range);
      assert.equal(r.headers.get("content-range"), `bytes ${from}-${to - 1}/${AUDIO.length}`);
      assert.equal(hash(Buffer.from(await r.arrayBuffer())), hash(AUDIO.subarray(from, to)));
    }
    for (const [range, more] of [["bytes=0-1,5-9", {}], ["bytes=-", {}], ["lines=0-1", {}], ["bytes=a-b", {}], [`bytes=${AUDIO.length}-`, {}], ["bytes=0-1", { "If-Range": '"x"' }]]) {
      const r = await get(range, more);
      assert.deepEqual([range, r.status, (await r.arrayBuffer()).byteLength], [range, 200, AUDIO.length]);
    }
    const audios = twilio.audios, head = await fetch(a.base + path, { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("content-type"), twilio.audios], [200, "audio/mpeg", audios]);
    await allClosed();
  });

  test("a Twilio that breaks off midway ends the connection, and counts as a failure", async () => {
    for (const [length, version] of [[true, "1.1"], [false, "1.1"], [true, "1.0"], [false, "1.0"]]) {
      await a.call("/sandbox/api/clock", { body: { advance_seconds: 120 }, key: null }); // no failures in a row
      const before = await failures();
      let breakOff;
      twilio.audio = part(1 << 20, (res) => (breakOff = () => res.socket.resetAndDestroy()), length);
      const got = await raw(a, await link(a), { version }).all((bytes) => bytes >= 1 << 20 && breakOff());
      assert.ok(got.ended === "ECONNRESET" && got.bytes < AUDIO.length, `${length}, ${version}: ${JSON.stringify(got)}`);
      await until(async () => (await failures()) === before + 1, { what: "a failure" });
    }
    twilio.audio = part(1 << 20, (res) => res.socket.resetAndDestroy());
    await assert.rejects(async () => (await fetch(a.base + (await link(a)))).arrayBuffer());
  });

  test("so does one that falls silent midway, after 10 s", { timeout: 60_000 }, async () => {
    await a.advance(120);
    const before = await failures();
    twilio.audio = part(1 << 20, () => {});
    const got = await raw(a, await link(a)).all();
    assert.equal(got.ended, "ECONNRESET");
    assert.equal(await failures(), before + 1);
    await allClosed();
  });

  test("a reader who leaves midway is nobody's failure, and the rest is not fetched", async () => {
    await a.advance(120);
    twilio.audio = whole;
    const before = await failures();
    for (let n = 0; n < 8; n++) {
      const one = raw(a, await link(a));
      await one.started;
      one.leave();
      await allClosed();
    }
    assert.equal(await failures(), before);
    const still = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === "twilio");
    assert.notEqual(still.status, "down", JSON.stringify(still));
  });

  test("48 readers that do not read: memory, others and Twilio's bytes stay where they are, then they are cut", { timeout: 120_000 }, async (t) => {
    twilio.audio = whole;
    const path = await link(a);
    await raw(a, path).all();
    const others = await reading(`${a.base}/api/v1/auth/me`, { Authorization: `Bearer ${a.key}` }, 100);
    const stood = a.memory(), sent = twilio.sent;
    const readers = [];
    for (let n = 0; n < 48; n++) readers.push(await raw(a, path).started);
    let last = -1;
    await until(() => twilio.sent === last || ((last = twilio.sent), false), { every: 500, what: "no more is fetched" });
    const cpu = () => readFileSync(`/proc/${a.child.pid}/stat`, "utf8").split(") ")[1].split(" ").slice(11, 13).reduce((x, y) => x + Number(y), 0);
    const began = cpu(), at = Date.now();
    await until(() => Date.now() - at > 1000, { every: 100, what: "a second" });
    const busy = cpu() - began, grown = a.memory() - stood, fetched = (twilio.sent - sent) / 48;
    const reads = await others.stop();
    t.diagnostic(`memory grew by ${(grown / 1024).toFixed(1)} MiB, ${(fetched / 1024).toFixed(0)} KiB of each fetched, ${busy} ticks of CPU in a second; others: ${figures(reads)}`);
    assert.deepEqual([...new Set(reads.map((r) => r.status))], [200]);
    if (!sanitized) assert.ok(grown < 16 << 10, `${grown} KiB`);
    assert.ok(fetched < 12 << 20, `${fetched} bytes of each were fetched`); // most of it into the kernel of Twilio
    assert.ok(busy < 50, `${busy} ticks: it spins`);
    if (LONG) assert.ok(quantile(reads, 0.99) < 100, figures(reads));
    const before = await failures();
    await a.advance(31);
    await Promise.all(readers.map((r) => (r.socket.resume(), r.closed)));
    await allClosed();
    assert.equal(await failures(), before);
  });

  test("one who reads slowly, but reads, gets all of it", { timeout: 60_000 }, async () => {
    twilio.audio = whole;
    const one = await raw(a, await link(a)).started;
    let bytes = one.rest.length, pauses = 0;
    one.socket.on("data", (b) => {
      bytes += b.length;
      if (++pauses % 40) return;
      one.socket.pause();
      setTimeout(() => one.socket.resume(), 5);
    });
    one.socket.resume();
    assert.deepEqual([await one.closed, bytes], ["end", AUDIO.length]);
  });

  test("a workspace's readers have their share, and others theirs", { timeout: 60_000 }, async () => {
    twilio.audio = whole;
    const other = await a.newPerson("other@example.com"), path = await link(a);
    assert.equal((await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: OTHER_SID, auth_token: TOKEN }, key: other.key })).status, 200);
    const theirs = await link(a, other.key), readers = [];
    for (let n = 0; n < 64; n++) readers.push(await raw(a, path).started);
    const refused = await a.call(path, { key: null });
    assert.deepEqual([refused.status, refused.json?.code, refused.headers.get("retry-after")], [503, "overloaded", "5"]);
    assert.equal((await raw(a, theirs).all()).hash, hash(AUDIO));
    readers.forEach((r) => r.leave());
    await allClosed();
    assert.equal((await raw(a, path).all()).hash, hash(AUDIO));
  });

  test("going down waits for it", async () => {
    const b = await world(twilio);
    try {
      twilio.audio = whole;
      const one = await raw(b, await link(b)).started;
      b.child.kill("SIGTERM");
      await until(() => fetch(b.base + "/health/ready").then((r) => r.status === 503, () => true), { what: "it goes down" });
      assert.deepEqual(await one.all(), { bytes: AUDIO.length, hash: hash(AUDIO), ended: "end" });
      assert.equal((await b.exited).code, 0);
    } finally {
      await b.remove();
    }
  });
});

// Ava knows no authority but the system's: it gets a root file of its own, in a mount namespace.
const ROOTS = "/etc/ssl/certs/ca-certificates.crt";
const through = (file) => ["unshare", "-rm", "sh", "-c", `mount --bind ${file} ${ROOTS} && exec "$@"`, "sh"];
function certificate(dir) {
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", join(dir, "key"), "-out", join(dir, "cert")], { stdio: "ignore" });
  return { key: readFileSync(join(dir, "key")), cert: readFileSync(join(dir, "cert")) };
}
const dir = mkdtempSync(join(tmpdir(), "ava-roots-"));
let secure = null;
try {
  secure = certificate(dir);
  execFileSync(through(join(dir, "cert"))[0], [...through(join(dir, "cert")).slice(1), "true"], { stdio: "ignore" });
} catch {
  secure = null;
}

describe("under TLS, from a Twilio that offers HTTP/2", { skip: missing || (secure ? false : "no openssl, or no mount namespace here"), concurrency: 1 }, () => {
  let twilio, a;
  before(async () => {
    twilio = await provider(secure);
    a = await world(twilio, { through: through(join(dir, "cert")) });
  });
  after(async () => {
    await a?.remove();
    await twilio?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  test("16 MiB arrive byte for byte, also with pauses, over HTTP/1.1", { timeout: 60_000 }, async () => {
    const path = await link(a);
    assert.equal((await raw(a, path).all()).hash, hash(AUDIO));
    const all = await Promise.all(Array.from({ length: 8 }, async () => {
      const one = await raw(a, path).started, sum = createHash("sha256").update(one.rest);
      let n = 0;
      one.socket.on("data", (b) => {
        sum.update(b);
        if (++n % 50) return;
        one.socket.pause();
        setTimeout(() => one.socket.resume(), 10);
      });
      one.socket.resume();
      await one.closed;
      return sum.digest("hex");
    }));
    assert.deepEqual([...new Set(all)], [hash(AUDIO)]);
    assert.deepEqual([...twilio.versions], ["1.1"]);
  });

  test("48 readers that do not read cost as little", { timeout: 60_000 }, async (t) => {
    const path = await link(a), stood = a.memory(), sent = twilio.sent, readers = [];
    for (let n = 0; n < 48; n++) readers.push(await raw(a, path).started);
    let last = -1;
    await until(() => twilio.sent === last || ((last = twilio.sent), false), { every: 500, what: "no more is fetched" });
    const grown = a.memory() - stood, fetched = (twilio.sent - sent) / 48;
    t.diagnostic(`memory grew by ${(grown / 1024).toFixed(1)} MiB, ${(fetched / 1024).toFixed(0)} KiB of each fetched`);
    if (!sanitized) assert.ok(grown < 16 << 10, `${grown} KiB`);
    readers.forEach((r) => r.leave());
    await until(() => twilio.open.size === 0, { what: "Twilio's connections closed" });
  });
});
