// TLS in the process, by real clients (OpenSSL's s_client, curl, node) and by those that misbehave.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";

const top = mkdtempSync(join(tmpdir(), "ava-tls-"));
const at = (name) => join(top, name);
function openssl(...args) {
  const r = spawnSync("openssl", args, { encoding: "utf8" });
  assert.equal(r.status, 0, r.stderr);
  return r.stdout;
}
// A key and a certificate of its own for localhost.
function certificate(name, { days = "30", kind = ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], more = [] } = {}) {
  openssl("req", "-x509", "-newkey", ...kind, "-nodes", "-keyout", at(`${name}.key`), "-out", at(`${name}.pem`), "-days", days, "-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", ...more);
}

describe("TLS in the process", { skip: missing, concurrency: 1 }, () => {
  let a;
  const ca = () => readFileSync(at("live.pem"));
  const connect = (more = {}) => new Promise((done, fail) => {
    const s = tls.connect({ host: "127.0.0.1", port: a.port, servername: "localhost", ca: ca(), ...more }, () => done(s));
    s.on("error", fail);
  });
  // One request over a connection of its own, or of the agent.
  const ask = (path, { method = "GET", body, headers = {}, agent, pieces } = {}) => new Promise((done, fail) => {
    const r = https.request({ host: "127.0.0.1", port: a.port, servername: "localhost", ca: ca(), path, method, headers, agent: agent ?? false }, (res) => {
      const parts = [];
      res.on("data", (b) => parts.push(b)).on("end", () => done({ status: res.statusCode, headers: res.headers, text: Buffer.concat(parts).toString() })).on("error", fail);
    });
    r.on("error", fail);
    if (pieces) (async () => { for (const p of pieces) (r.write(p), await new Promise((w) => setImmediate(w))); r.end(); })();
    else r.end(body);
  });
  const raw = (socket, text) => new Promise((done, fail) => {
    let got = "";
    socket.on("data", (b) => (got += b)).on("close", () => done(got)).on("error", fail);
    if (text !== undefined) socket.write(text);
  });
  before(async () => {
    certificate("first");
    certificate("second");
    for (const kind of ["pem", "key"]) copyFileSync(at(`first.${kind}`), at(`live.${kind}`));
    mkdirSync(at("data"), { mode: 0o700 });
    a = await Ava.start({ data: at("data"), env: { AVA_TLS_CERT: at("live.pem"), AVA_TLS_KEY: at("live.key") } });
    const setup = await ask("/api/v1/auth/setup", { method: "POST", body: JSON.stringify({ token: new URL(a.link).hash.slice(3), email: "ada@example.com", password: "correct horse battery" }), headers: { "Content-Type": "application/json" } });
    assert.equal(setup.status, 201, setup.text);
    assert.match(setup.headers["set-cookie"].join(), /__Host-ava_session=.*Secure/);
    a.key = a.newKey("ada@example.com", "flow");
  });
  after(async () => {
    await a?.stop();
    rmSync(top, { recursive: true, force: true });
  });
  const auth = () => ({ Authorization: `Bearer ${a.key}` });

  test("the link says https, and a browser's request is answered", async () => {
    assert.match(a.link, /^https:\/\/127\.0\.0\.1:\d+\/setup#t=/);
    const r = await ask("/api/v1/integrations", { headers: auth() });
    assert.equal(r.status, 200, r.text);
    assert.ok(JSON.parse(r.text).integrations.length);
  });

  for (const [version, good] of [["TLSv1.3", true], ["TLSv1.2", true], ["TLSv1.1", false]])
    test(`${version}: ${good ? "spoken" : "refused"}`, async () => {
      const go = connect({ minVersion: version, maxVersion: version, ciphers: "DEFAULT@SECLEVEL=0" });
      if (!good) return assert.rejects(go);
      const s = await go;
      assert.equal(s.getProtocol(), version);
      assert.match(await raw(s, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
    });

  test("ALPN: http/1.1 where it is offered, also behind h2; none is fine; only h2 gets an alert", async () => {
    for (const [offered, chosen] of [[["http/1.1"], "http/1.1"], [["h2", "http/1.1"], "http/1.1"], [undefined, false]]) {
      const s = await connect({ ALPNProtocols: offered });
      assert.equal(s.alpnProtocol, chosen);
      s.destroy();
    }
    await assert.rejects(connect({ ALPNProtocols: ["h2"] }), /no application protocol|alert number 120/i);
  });

  test("plain HTTP is told what this port speaks, and the connection ends", async () => {
    const got = await raw(net.connect(a.port, "127.0.0.1"), "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert.match(got, /^HTTP\/1\.1 400 /);
    assert.match(got, /This port speaks HTTPS: begin the address with https:\/\//);
  });

  test("many requests on one connection, pipelined, and in pieces of one byte", async () => {
    const one = "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", last = "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    const s = await connect();
    const got = await raw(s, one.repeat(200) + last);
    assert.equal(got.split("HTTP/1.1 200").length, 202);
    const t = await connect(), said = raw(t);
    t.setNoDelay(true);
    for (const c of last) (t.write(c), await new Promise((w) => setImmediate(w)));
    assert.match(await said, /^HTTP\/1\.1 200/);
  });

  test("a handshake that comes byte by byte", async () => {
    const through = net.createServer((client) => {
      const server = net.connect(a.port, "127.0.0.1");
      server.setNoDelay(true);
      let line = Promise.resolve();
      client.on("data", (b) => { for (const byte of b) line = line.then(() => new Promise((w) => (server.write(Buffer.of(byte)), setImmediate(w)))); });
      server.pipe(client);
      client.on("error", () => server.destroy());
      server.on("error", () => client.destroy());
    }).listen(0, "127.0.0.1");
    await new Promise((r) => through.once("listening", r));
    const s = await connect({ port: through.address().port });
    assert.match(await raw(s, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
    through.close();
  });

  test("bodies: long ones come whole, too long ones are refused, and 100-continue is said", async () => {
    const name = "x".repeat(900_000);
    const long = await ask("/api/v1/assistants", { method: "POST", body: JSON.stringify({ name }), headers: { ...auth(), "Content-Type": "application/json" } });
    assert.equal(long.status, 422, `${long.status} ${long.text}`);
    const longer = await ask("/api/v1/assistants", { method: "POST", body: "x".repeat(3 << 20), headers: { ...auth(), "Content-Type": "application/json" } }).catch((e) => ({ status: e.code }));
    assert.ok([413, "EPIPE", "ECONNRESET"].includes(longer.status), `${longer.status}`);
    const text = "a".repeat(200_000), body = JSON.stringify({ name: "long", model: { provider: "openai", model: "gpt-4o", messages: [{ role: "system", content: text }] } });
    const made = await ask("/api/v1/assistants", { method: "POST", pieces: body.match(/.{1,7000}/gs), headers: { ...auth(), "Content-Type": "application/json", "Transfer-Encoding": "chunked" } });
    assert.equal(made.status, 201, made.text.slice(0, 300));
    const read = await ask(`/api/v1/assistants/${JSON.parse(made.text).id}`, { headers: auth() });
    assert.equal(JSON.stringify(JSON.parse(read.text)).includes(text), true, "what went in comes out");
    const s = await connect(), said = raw(s);
    s.write(`POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n`);
    await new Promise((r) => s.once("data", r));
    s.write("{}");
    assert.match(await said, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 4\d\d/);
  });

  test("a stream of events reaches the browser piece by piece", async () => {
    const s = await connect();
    let got = "";
    s.on("data", (b) => (got += b));
    s.write(`GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${a.key}\r\nAccept: text/event-stream\r\n\r\n`);
    await until(() => /200 OK/.test(got) && got.includes("\r\n\r\n"), { what: "the head of the stream" });
    assert.equal((await ask("/api/v1/calls", { method: "POST", body: JSON.stringify({ to: "+33611111111" }), headers: { ...auth(), "Content-Type": "application/json" } })).status, 201);
    await until(() => /event: call/.test(got), { what: "an event" });
    s.destroy();
  });

  test("by curl and OpenSSL", () => {
    const curl = spawnSync("curl", ["-sS", "--cacert", at("live.pem"), "--tls-max", "1.2", `https://localhost:${a.port}/health/ready`, "--resolve", `localhost:${a.port}:127.0.0.1`, "-w", "%{http_version} %{ssl_verify_result}"], { encoding: "utf8" });
    assert.match(curl.stdout, /1\.1 0$/, curl.stderr);
    const s = spawnSync("openssl", ["s_client", "-connect", `127.0.0.1:${a.port}`, "-CAfile", at("live.pem"), "-verify_return_error", "-alpn", "http/1.1"], { input: "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", encoding: "utf8" });
    assert.match(s.stdout, /Verify return code: 0 \(ok\)/);
    assert.match(s.stdout, /ALPN protocol: http\/1\.1/);
  });

  test("an end is said: the answer is never cut without a word", async () => {
    const s = await connect();
    let ended = false;
    s.on("end", () => (ended = true)); // only after close_notify, else node reports an error or no end
    await raw(s, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert.ok(ended);
  });

  describe("those that misbehave cost nobody else anything", () => {
    const hello = () => {
      const s = net.connect(a.port, "127.0.0.1");
      s.on("error", () => {});
      return s;
    };
    const fine = async () => assert.equal((await ask("/api/v1/integrations", { headers: auth() })).status, 200);
    test("garbage that begins like TLS, records that are too long, a hello that is cut, an alert, half a record", async () => {
      for (const bytes of [Buffer.concat([Buffer.of(22, 3, 1, 0xff, 0xff), Buffer.alloc(70_000, 7)]), Buffer.concat([Buffer.of(22, 3, 3, 0x40, 0x01), Buffer.alloc(0x4001)]), Buffer.of(22), Buffer.of(22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3), Buffer.of(21, 3, 3, 0, 2, 2, 40), Buffer.of(22, 3, 1, 0, 0), Buffer.alloc(100_000, 22)]) {
        const s = hello();
        s.write(bytes);
        s.end();
        await new Promise((r) => s.once("close", r).resume());
        await fine();
      }
    });
    test("200 that shake no hand, and 200 that leave in the middle", { timeout: 60_000 }, async () => {
      const silent = Array.from({ length: 200 }, hello);
      const leaving = Array.from({ length: 200 }, () => {
        const s = hello();
        s.write(Buffer.of(22, 3, 1, 2, 0, 1, 0));
        setTimeout(() => s.destroy(), 20);
        return s;
      });
      await fine();
      await Promise.all(leaving.map((s) => new Promise((r) => (s.destroyed ? r() : s.once("close", r)))));
      await fine();
      await until(() => silent.every((s) => s.destroyed || s.readableEnded || s.closed), { ms: 15_000, every: 100, what: "the silent ones are sent away after 5 s" }).catch((e) => { throw new Error(`${e.message}: ${silent.filter((s) => !s.destroyed).length} left`); });
      for (const s of silent) s.destroy();
    });
    test("500 handshakes at once: all are done, and no turn of a loop is long", { timeout: 60_000 }, async () => {
      const all = await Promise.all(Array.from({ length: 500 }, () => connect()));
      await fine();
      for (const s of all) s.destroy();
      assert.ok((await a.call.call({ ...a, base: undefined }, "/metrics", {}).catch(() => 1)) === 1, "plain is not spoken here");
      const { text } = await ask("/metrics");
      assert.ok(Number(/^event_loop_longest_turn_seconds (\S+)$/m.exec(text)[1]) < 0.1, /^event_loop_longest_turn_seconds (\S+)$/m.exec(text)[0]);
      assert.ok(Number(/^tls_handshakes_total\{result="ok"\} (\d+)$/m.exec(text)[1]) >= 500);
      assert.ok(Number(/^tls_handshakes_total\{result="failed"\} (\d+)$/m.exec(text)[1]) >= 1);
    });
  });

  test("a reload brings the new certificate to new connections, and takes none from the others", async () => {
    const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
    const kept = () => ask("/health/live", { agent });
    assert.equal((await kept()).status, 200);
    const before = await connect();
    assert.equal(before.getPeerCertificate().subject.CN, "first");
    for (const kind of ["pem", "key"]) copyFileSync(at(`second.${kind}`), at(`live.${kind}`));
    const reload = ava(["config", "reload", "--data-dir", a.data]);
    assert.equal(reload.status, 0, reload.stderr + reload.stdout);
    await until(() => /"event":"certificate","file":".*live\.pem","until":"20\d\d-/.test(a.stderr), { what: "the log says so" });
    const now = await connect();
    assert.equal(now.getPeerCertificate().subject.CN, "second");
    now.destroy();
    assert.match(await raw(before, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), /^HTTP\/1\.1 200/);
    assert.equal((await kept()).status, 200);
    agent.destroy();
  });

  test("a certificate that does not fit is refused at a reload, and the one before stays", async () => {
    copyFileSync(at("first.pem"), at("live.pem"));
    const r = ava(["config", "reload", "--data-dir", a.data]);
    assert.notEqual(r.status, 0);
    assert.match(r.stderr + r.stdout, /AVA_TLS_KEY: .* is not the key of the certificate in AVA_TLS_CERT/);
    writeFileSync(at("live.pem"), "nothing");
    a.child.kill("SIGHUP");
    await until(() => /AVA_TLS_CERT: .*cannot be read as a PEM certificate/.test(a.stderr), { what: "the log says so" });
    const s = await connect({ ca: readFileSync(at("second.pem")) });
    assert.equal(s.getPeerCertificate().subject.CN, "second");
    s.destroy();
    copyFileSync(at("second.pem"), at("live.pem"));
  });

  test("Ava goes down in order: who asks gets an answer, who rests is told", async () => {
    const resting = await connect(), said = raw(resting);
    await a.stop();
    assert.equal(await said, "");
    assert.equal(a.ended.code, 0);
  });
});

// The dear part of a handshake is the server's signature, and all it takes to ask for one is a hello of 500 bytes, sent again.
describe("a flood of hellos", { skip: missing }, () => {
  test("each costs milliseconds, and others have their turn in between", { timeout: 60_000 }, async () => {
    const dir = mkdtempSync(join(tmpdir(), "ava-tls-flood-"));
    openssl("req", "-x509", "-newkey", "rsa:4096", "-nodes", "-keyout", join(dir, "rsa.key"), "-out", join(dir, "rsa.pem"), "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost");
    const hello = await new Promise((done) => {
      const once = net.createServer((s) => s.once("data", (b) => (done(b), s.destroy(), once.close()))).listen(0, "127.0.0.1", () => tls.connect(once.address().port).on("error", () => {}));
    });
    const a = await Ava.start({ data: dir, env: { AVA_TLS_CERT: join(dir, "rsa.pem"), AVA_TLS_KEY: join(dir, "rsa.key"), AVA_THREADS: "1" } });
    try {
      const ask = (path) => new Promise((done, fail) => https.get({ host: "127.0.0.1", port: a.port, servername: "localhost", ca: readFileSync(join(dir, "rsa.pem")), path, agent: false }, (res) => {
        let text = "";
        res.on("data", (b) => (text += b)).on("end", () => done(text));
      }).on("error", fail));
      const flood = await Promise.all(Array.from({ length: 120 }, () => new Promise((done) => { const s = net.connect(a.port, "127.0.0.1", () => done(s)); s.on("error", () => {}); })));
      const answered = flood.map((s) => new Promise((r) => s.once("data", r).once("close", r)));
      a.child.kill("SIGSTOP"); // so that all of them are there in one turn
      for (const s of flood) s.write(hello);
      await new Promise((r) => setTimeout(r, 100));
      a.child.kill("SIGCONT");
      await Promise.all(answered);
      for (const s of flood) s.destroy();
      const turn = Number(/^event_loop_longest_turn_seconds (\S+)$/m.exec(await ask("/metrics"))[1]);
      assert.ok(turn < 0.1, `a turn of ${turn} s of processor time`);
    } finally {
      await a.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  });
});

describe("certificates that cannot be", { skip: missing }, () => {
  const dir = mkdtempSync(join(tmpdir(), "ava-tls-bad-"));
  const where = (name) => join(dir, name);
  before(() => {
    const make = (name, ...more) => openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", where(`${name}.key`), "-out", where(`${name}.pem`), "-subj", `/CN=${name}`, ...more);
    make("good", "-days", "30");
    make("other", "-days", "30");
    const past = spawnSync("faketime", ["2020-01-01", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", where("past.key"), "-out", where("past.pem"), "-subj", "/CN=past", "-days", "30"], { encoding: "utf8" });
    assert.equal(past.status, 0, past.stderr);
    openssl("ec", "-in", where("good.key"), "-aes256", "-passout", "pass:secret", "-out", where("locked.key"));
    writeFileSync(where("empty.pem"), "");
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [what, cert, key, words, more] of [
    ["a certificate without a key", "good.pem", "", /go together/],
    ["a key without a certificate", "", "good.key", /go together/],
    ["the key of another", "good.pem", "other.key", /AVA_TLS_KEY: .*other\.key is not the key of the certificate in AVA_TLS_CERT/],
    ["one that is over", "past.pem", "past.key", /AVA_TLS_CERT: the certificate in .*past\.pem is over since 20\d\d-.*get a new one/],
    ["a file that is not there", "none.pem", "good.key", /AVA_TLS_CERT: .*none\.pem cannot be read/],
    ["an empty file", "empty.pem", "good.key", /AVA_TLS_CERT: .*cannot be read as a PEM certificate/],
    ["a key with a passphrase", "good.pem", "locked.key", /AVA_TLS_KEY: .*without a passphrase/],
    ["a key that is a certificate", "good.pem", "good.pem", /AVA_TLS_KEY: .*cannot be read as a PEM key/],
    ["a public address that is plain", "good.pem", "good.key", /AVA_PUBLIC_URL: .*is not https/, { AVA_PUBLIC_URL: "http://ava.example" }],
  ])
    test(what, () => {
      const env = { ...(cert && { AVA_TLS_CERT: where(cert) }), ...(key && { AVA_TLS_KEY: where(key) }), ...more };
      for (const words_ of [["check-config"], ["serve", "--data-dir", where("data"), "--listen", "127.0.0.1:0"]]) {
        const r = ava(words_, { env });
        assert.deepEqual([r.status, words.test(r.stderr)], [78, true], r.stderr);
        assert.ok(!/PRIVATE KEY|secret/.test(r.stderr), "no key is printed");
      }
    });
});
