// ops/smoke: what it says of an Ava that is well, and of those that are not, and that it leaves nothing behind at either.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, bin, missing, root } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";

const script = join(root, "ops/smoke");
const top = mkdtempSync(join(tmpdir(), "ava-smoke-test-"));
after(() => rmSync(top, { recursive: true, force: true }));

// Runs it to its end: { status, out, err, json, by } with the checks by their names.
function smoke(args, { key, input = "", env = {} } = {}) {
  return new Promise((done) => {
    const child = spawn("python3", [script, ...args], { env: { PATH: process.env.PATH, ...(key ? { AVA_API_KEY: key } : {}), ...env }, stdio: "pipe" });
    const r = { out: "", err: "" };
    child.stdout.on("data", (b) => (r.out += b));
    child.stderr.on("data", (b) => (r.err += b));
    child.stdin.on("error", () => {}).end(input);
    child.once("close", (status) => {
      if (args.includes("--json") && r.out) (r.json = JSON.parse(r.out)), (r.by = Object.fromEntries(r.json.checks.map((c) => [c.name, c])));
      done({ status, ...r });
    });
  });
}

// Somebody who is no Ava: answer(req, res).
async function somebody(answer, make = (f) => http.createServer(f)) {
  const server = make(answer);
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  return { port: server.address().port, url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections?.(), server.close()) };
}

describe("an Ava that is well", { skip: missing, concurrency: 1 }, () => {
  let a;
  const sql = (text) => rows(a.data, text);
  before(async () => {
    a = await Ava.start({ limits: true });
    await a.signUp();
  });
  after(() => a?.remove());

  test("everything is ok, in words and as JSON; neither key nor token is shown", async () => {
    const r = await smoke([a.base, "--metrics", "--at-least", "0.1.0"], { key: a.key });
    assert.equal(r.status, 0, r.out + r.err);
    for (const name of ["live", "ready", "version", "key", "breakers", "vapi", "twilio", "resend", "webhooks", "metrics"]) assert.match(r.out, new RegExp(`^ok    ${name} +\\d+ ms  `, "m"));
    assert.match(r.out, /^smoke: all is well, \d\.\d s\n$/m);
    const j = await smoke([a.base, "--json", "--key-file", "-"], { input: a.key + "\n" });
    assert.equal(j.status, 0, j.out);
    assert.deepEqual([j.json.ok, j.json.version, j.json.url], [true, "0.1.0", a.base]);
    const token = /webhooks\/twilio\/([^/]+)/.exec((await a.call("/api/v1/webhooks/endpoints")).text)[1];
    for (const text of [r.out, r.err, j.out]) for (const secret of [a.key, token]) assert.ok(!text.includes(secret));
  });

  test("nothing is placed, sent or taken in", async () => {
    const count = () => ["calls", "messages", "events", "operations", "jobs"].map((t) => sql(`SELECT COUNT(*) FROM ${t}`)).join();
    const [there, asked] = [count(), (await a.ledger()).hits.length];
    const r = await smoke([a.base], { key: a.newKey("ada@example.com", "again", ["--rate", "60"]) });
    assert.equal(r.status, 0, r.out);
    assert.equal(count(), there);
    const made = (await a.ledger()).hits.slice(asked);
    assert.ok(made.length >= 3, "each connected provider was asked");
    assert.deepEqual(made.filter((m) => m.method !== "GET"), []);
    assert.equal((await a.call("/api/v1/integrations")).json.integrations.filter((i) => i.attention).length, 0);
  });

  test("a call is placed when one is asked for, and only then", async () => {
    const r = await smoke([a.base, "--json", "--call", "+33612345678"], { key: a.key });
    assert.equal(r.by.call.outcome, "ok", r.out);
    assert.equal(sql("SELECT COUNT(*) FROM calls"), "1");
  });

  test("a key that is wrong, one that was revoked, one of somebody who may see less", async () => {
    const r = await smoke([a.base, "--json"], { key: "ava_wrong" });
    assert.equal(r.status, 1);
    assert.match(r.by.key.says, /the key is not accepted/);
    assert.deepEqual(["live", "ready", "breakers", "webhooks"].map((n) => r.by[n].outcome), ["ok", "ok", "skipped", "skipped"]);
    const member = await a.newPerson("bob@example.com");
    const id = (await a.call("/api/v1/auth/me")).json.workspace.id;
    await a.call(`/api/v1/workspaces/${id}/members/${member.id}`, { method: "PUT", body: { role: "member" } });
    const m = await smoke([a.base, "--json"], { key: a.newKey("bob@example.com", "low", ["--workspace", id]) });
    assert.match(m.by.webhooks.says, /no owner or admin/, m.out);
  });

  test("a provider that is dead, and then a breaker that is open", async () => {
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    const key = a.newKey("ada@example.com", "dead", ["--rate", "600"]);
    const r = await smoke([a.base, "--json"], { key });
    assert.equal(r.status, 1, r.out);
    assert.equal(r.by.vapi.outcome, "failed");
    assert.match(r.by.vapi.says, /^50[23] provider_(error|unavailable): /);
    assert.deepEqual([r.by.twilio.outcome, r.by.resend.outcome, r.by.ready.outcome], ["ok", "ok", "ok"]);
    for (let i = 0; i < 4; i++) await smoke([a.base], { key });
    const open = await smoke([a.base, "--json"], { key });
    assert.match(open.by.breakers.says, /^breaker not closed: vapi/, open.out);
    await a.fault({ provider: "vapi", fault: "none" });
  });

  test("a version that is older than wanted", async () => {
    const r = await smoke([a.base, "--json", "--at-least", "0.10.0"], { key: a.key });
    assert.equal(r.by.version.says, "it is 0.1.0, older than 0.10.0");
    assert.equal(r.status, 1);
  });
});

describe("where providers send to", { skip: missing }, () => {
  test("nobody, or somebody else, is at AVA_PUBLIC_URL; metrics have an address of their own", async () => {
    const other = await somebody((req, res) => res.writeHead(200, { "Content-Type": "text/html" }).end("<h1>Welcome to nginx!</h1>"));
    const api = await somebody((req, res) => res.writeHead(405, { "Content-Type": "application/json" }).end('{"error":"GET is not done here"}'));
    for (const [url, says] of [["http://127.0.0.1:9", /^at http:\/\/127\.0\.0\.1:9, where providers send to: nobody listens/], [other.url, /^at \S+, where providers send to: the answer \(200, text\/html\) is not Ava's/], [api.url, /something else answers$/]]) {
      const a = await Ava.start({ env: { AVA_PUBLIC_URL: url, AVA_METRICS_LISTEN: "127.0.0.1:0" } });
      await a.signUp();
      const r = await smoke([a.base, "--json", "--metrics"], { key: a.key });
      assert.match(r.by.webhooks.says, says);
      assert.equal(r.by.metrics.outcome, "failed");
      assert.equal(r.status, 1);
      await a.remove();
    }
    other.close(), api.close();
  });
});

describe("what is no Ava, or not one of today", () => {
  const json = (res, status, doc) => res.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(doc));
  const problem = (res, status, code) => res.writeHead(status, { "Content-Type": "application/problem+json" }).end(JSON.stringify({ status, code, detail: "There is nothing here." }));
  const cases = {
    "one so old that it knows neither versions nor breakers": [
      (req, res) => (req.url === "/health/live" ? json(res, 200, { status: "live" }) : req.url === "/health/ready" ? json(res, 200, { status: "ready", profile: "production", setup_needed: false, checks: {} }) : problem(res, 404, "not_found")),
      { version: /does not say which version/, key: /does not know \/api\/v1\/auth\/me: is it older/ },
    ],
    "a proxy with nothing behind it": [(req, res) => res.writeHead(502, { "Content-Type": "text/html" }).end("<html>502 Bad Gateway</html>"), { live: /\(502, text\/html\) is not Ava's/, ready: /not Ava's/ }],
    "a page with status 200": [(req, res) => res.end("<html>It works!</html>"), { live: /\(200, no content type\) is not Ava's/ }],
    "one that drains": [(req, res) => (req.url === "/health/ready" ? json(res, 503, { status: "draining", profile: "production", setup_needed: false, version: "0.1.0", checks: { database: "ok" } }) : json(res, 200, { status: "live" })), { ready: /^it is draining$/ }],
    "one without an account": [(req, res) => json(res, 200, { status: "ready", profile: "x", setup_needed: true, version: "0.1.0", checks: {} }), { ready: /no account yet/ }],
    "JSON of another program": [(req, res) => json(res, 200, { ok: [] }), { live: /lacks what belongs into it/, ready: /lacks what belongs into it/ }],
    "what moves cursors": [(req, res) => problem(res, 500, "\u001b[2J\u202e\nok    key"), { live: /^500 {2}\[2J {2}ok {4}key: There is nothing here\.$/ }],
    "a redirect to another host": [(req, res) => res.writeHead(301, { Location: "https://elsewhere.example/" }).end(), { live: /leads on to https:\/\/elsewhere\.example\// }],
  };
  for (const [name, [answer, says]] of Object.entries(cases))
    test(name, async () => {
      const s = await somebody(answer);
      const r = await smoke([s.url, "--json"], { key: "k" });
      s.close();
      assert.equal(r.status, 1, r.out + r.err);
      for (const [check, words] of Object.entries(says)) {
        assert.match(r.by[check].says, words);
        assert.equal(r.by[check].outcome, "failed");
      }
    });

  test("one that does not speak HTTP, one that cuts, and nobody", async () => {
    const rude = await somebody((s) => s.on("error", () => {}).end("SSH-2.0-OpenSSH_9.2\r\n"), (f) => net.createServer(f));
    const cuts = await somebody((s) => s.on("error", () => {}).destroy(), (f) => net.createServer(f));
    assert.match((await smoke([rude.url, "--json"], { key: "k" })).by.live.says, /does not speak HTTP/);
    assert.equal((await smoke([cuts.url, "--json"], { key: "k" })).status, 1);
    rude.close(), cuts.close();
    const r = await smoke([rude.url, "--json"], { key: "k" });
    assert.match(r.by.live.says, /nobody listens/);
    assert.equal(r.by.key.outcome, "skipped");
    assert.match((await smoke(["https://does-not-exist.invalid", "--json"], { key: "k" })).by.live.says, /the name does-not-exist\.invalid is not known/);
  });

  test("one that is slow: each answer has its time, and all of them theirs", async () => {
    const drips = await somebody((req, res) => {
      res.writeHead(200, { "Content-Type": "application/json" });
      const t = setInterval(() => res.write(" "), 50); // never silent, never done
      res.on("close", () => clearInterval(t));
    });
    const began = Date.now();
    const r = await smoke([drips.url, "--json", "--timeout", "0.5", "--seconds", "1.2"], { key: "k" });
    assert.ok(Date.now() - began < 6000);
    assert.equal(r.status, 1);
    assert.match(r.by.live.says, /^no answer within 0\.5 s$/);
    assert.match(r.by.breakers.says + r.by.webhooks.says, /no time was left|no key that works/);
    drips.close();
  });
});

describe("TLS", () => {
  const at = (name) => join(top, name);
  const certificate = (name, names) => {
    const r = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at(`${name}.key`), "-out", at(`${name}.pem`), "-days", "1", "-subj", "/CN=x", "-addext", `subjectAltName=${names}`], { encoding: "utf8" });
    assert.equal(r.status, 0, r.stderr);
    return { key: readFileSync(at(`${name}.key`)), cert: readFileSync(at(`${name}.pem`)) };
  };
  test("a certificate of an unknown authority, of another name, and one that is named", { skip: missing }, async () => {
    certificate("own", "DNS:localhost,IP:127.0.0.1");
    const a = await Ava.start({ env: { AVA_TLS_CERT: at("own.pem"), AVA_TLS_KEY: at("own.key") } });
    const url = `https://127.0.0.1:${a.port}`;
    const unknown = await smoke([url, "--json"], { key: "k" });
    assert.equal(unknown.status, 1);
    assert.match(unknown.by.live.says, /its certificate is not trusted \(self-signed certificate\).*--ca FILE/);
    const named = await smoke([url, "--json", "--ca", at("own.pem")], { key: "k" });
    assert.deepEqual([named.by.live.outcome, named.by.ready.outcome, named.by.key.outcome], ["ok", "failed", "failed"]);
    await a.stop();
    rmSync(a.data, { recursive: true, force: true });
    const other = await somebody((req, res) => res.end(), (f) => https.createServer(certificate("other", "DNS:elsewhere.example"), f));
    assert.match((await smoke([`https://127.0.0.1:${other.port}`, "--json", "--ca", at("other.pem")], { key: "k" })).by.live.says, /not trusted \(.*(mismatch|not valid for)/);
    other.close();
    const bare = await somebody((req, res) => res.end());
    assert.match((await smoke([`https://127.0.0.1:${bare.port}`, "--json"], { key: "k" })).by.live.says, /no TLS is spoken/);
    bare.close();
  });
});

describe("what cannot be asked is exit code 2", () => {
  const cases = [
    [[], /name either a URL or --sandbox/],
    [["ftp://x"], /is no address like/],
    [["http://user:secret@127.0.0.1"], /is no address like/],
    [["https://ava.example.com/api"], /is no address like/],
    [["http://ava.example.com"], /others can read the key/],
    [["http://127.0.0.1", "--ca", "/nowhere"], /nowhere/],
    [["http://127.0.0.1", "--key-file", "/nowhere"], /the key cannot be read/],
    [["http://127.0.0.1", "--at-least", "new"], /wants a version/],
  ];
  for (const [args, words] of cases)
    test(args.join(" ") || "nothing", async () => {
      const r = await smoke(args, { key: "k" });
      assert.equal(r.status, 2, r.out);
      assert.match(r.err, words);
    });
  test("no key, and one that is no header", async () => {
    writeFileSync(join(top, "odd"), "two\nlines\n");
    for (const r of [await smoke(["http://127.0.0.1"]), await smoke(["http://127.0.0.1", "--key-file", join(top, "odd")])]) {
      assert.equal(r.status, 2);
      assert.match(r.err, /there is no API key/);
    }
  });
});

test("make smoke: a build's own sandbox, in 30 s", { skip: missing }, async () => {
  const began = Date.now();
  const r = await smoke(["--sandbox", bin, "--json"]);
  assert.equal(r.status, 0, r.out + r.err);
  assert.deepEqual([r.by.setting.outcome, r.by.webhook.outcome], ["ok", "ok"]);
  assert.ok(Date.now() - began < 30_000);
  const none = await smoke(["--sandbox", "/bin/false"]);
  assert.equal(none.status, 2);
  assert.match(none.err, /ended with 1 before it served/);
});
