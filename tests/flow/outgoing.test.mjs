// Bears company.
// Out of a company's network: through a proxy, and to hosts whose certificates are by an authority of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing } from "../lib/ava.mjs";

const top = mkdtempSync(join(tmpdir(), "ava-outgoing-"));
const at = (name) => join(top, name);
const openssl = (...args) => assert.equal(spawnSync("openssl", args, { encoding: "utf8" }).status, 0);
const listen = (server) => new Promise((done) => server.listen(0, "127.0.0.1", () => done(server.address().port)));

describe("outgoing calls", { skip: missing, concurrency: 1 }, () => {
  let provider, vapi, front, port, proxy, way, asked, refuses;
  before(async () => {
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "30", "-subj", "/CN=House authority");
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("host.key"), "-out", at("host.csr"), "-subj", "/CN=host");
    writeFileSync(at("names"), "subjectAltName=DNS:localhost,DNS:vapi.outside.test,DNS:hooks.outside.test,IP:127.0.0.1\n");
    openssl("x509", "-req", "-in", at("host.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"), "-CAcreateserial", "-out", at("host.pem"), "-days", "30", "-extfile", at("names"));
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await provider.signUp();
    vapi = (await provider.call("/sandbox/api/credentials")).json.vapi;
    // TLS in front of the pretend Vapi.
    const to = new URL(vapi.base_url);
    front = https.createServer({ key: readFileSync(at("host.key")), cert: readFileSync(at("host.pem")) }, (q, s) => {
      if (q.url === "/hook") return q.resume().on("end", () => s.writeHead(204).end());
      q.pipe(http.request({ host: to.hostname, port: to.port, path: q.url, method: q.method, headers: q.headers }, (r) => r.pipe(s.writeHead(r.statusCode, r.headers))));
    });
    port = await listen(front);
    asked = [];
    proxy = http.createServer().on("connect", (q, socket, head) => {
      asked.push([q.url, q.headers["proxy-authorization"]]);
      socket.on("error", () => {});
      if (refuses) return socket.end(refuses);
      const through = net.connect(port, "127.0.0.1", () => (socket.write("HTTP/1.1 200 OK\r\nX-From-Proxy: yes\r\nContent-Length: 5\r\n\r\n"), through.write(head), socket.pipe(through).pipe(socket)));
      through.on("error", () => socket.destroy());
    });
    way = `http://127.0.0.1:${await listen(proxy)}`;
  });
  after(async () => {
    front?.close();
    front?.closeAllConnections();
    proxy?.close();
    proxy?.closeAllConnections();
    await provider?.remove();
    rmSync(top, { recursive: true, force: true });
  });
  async function connected(env, use) {
    asked.length = 0;
    const a = await Ava.start({ verb: "serve", env: { AVA_LOG_LEVEL: "info", ...env } });
    try {
      await a.signUp();
      const r = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id } });
      await use(a, r);
    } finally {
      await a.remove();
    }
  }

  test("an authority of the company's is believed beside the system's; without it nobody is", async () => {
    await connected({ VAPI_BASE_URL: `https://localhost:${port}` }, (a, r) => {
      assert.equal(r.status, 502, r.text);
    });
    await connected({ VAPI_BASE_URL: `https://localhost:${port}`, AVA_CA_FILE: at("ca.pem") }, async (a, r) => {
      assert.equal(r.status, 200, r.text);
      assert.equal((await a.call("/api/v1/vapi/settings")).status, 200);
    });
    assert.equal(asked.length, 0);
  });

  test("through a proxy: the name is asked of it, what it says is no answer of the provider, its password is never printed", async () => {
    await connected({ VAPI_BASE_URL: `https://vapi.outside.test:${port}`, AVA_CA_FILE: at("ca.pem"), HTTPS_PROXY: way.replace("http://", "http://ava:s3cret-word@") }, async (a, r) => {
      assert.equal(r.status, 200, r.text);
      assert.equal((await a.call("/api/v1/vapi/settings")).status, 200);
      assert.deepEqual([...new Set(asked.map(([host]) => host))], [`vapi.outside.test:${port}`]);
      assert.equal(Buffer.from(asked[0][1].split(" ")[1], "base64").toString(), "ava:s3cret-word");
      for (const text of [a.stdout, a.stderr, JSON.stringify(r.json), ava(["config", "show"], { env: { HTTPS_PROXY: "http://ava:s3cret-word@proxy:3128" } }).stdout]) assert.ok(!text.includes("s3cret"), text);
    });
  });

  test("NO_PROXY: names with all below them, addresses, and all", async () => {
    for (const [list, direct] of [["localhost", true], ["other.test, LOCALHOST", true], ["*", true], ["ocalhost", false], ["x.localhost", false], ["", false]])
      await connected({ VAPI_BASE_URL: `https://localhost:${port}`, AVA_CA_FILE: at("ca.pem"), HTTPS_PROXY: way, NO_PROXY: list }, (a, r) => {
        assert.equal(r.status, 200, r.text);
        assert.equal(asked.length === 0, direct, `${list}: ${JSON.stringify(asked)}`);
      });
  });

  test("plain http is for this machine, and never goes through it", async () => {
    await connected({ VAPI_BASE_URL: vapi.base_url, HTTPS_PROXY: way }, (a, r) => assert.deepEqual([r.status, asked.length], [200, 0], r.text));
  });

  test("addresses that users give are judged all the same, and the judged one is asked for", async () => {
    const env = { VAPI_BASE_URL: vapi.base_url, AVA_CA_FILE: at("ca.pem"), HTTPS_PROXY: way };
    await connected(env, async (a) => {
      const made = await a.call("/api/v1/destinations", { body: { url: `https://localhost:${port}/hook` } });
      const tested = await a.call(`/api/v1/destinations/${made.json.id}/test`, { body: {} });
      assert.deepEqual([tested.json.delivered, /not public/.test(tested.json.error)], [false, true], tested.text);
      assert.equal(asked.length, 0);
    });
    await connected({ ...env, AVA_OUTBOUND_ALLOW: "127.0.0.0/8" }, async (a) => {
      const made = await a.call("/api/v1/destinations", { body: { url: `https://localhost:${port}/hook` } });
      assert.equal(made.status, 201, made.text);
      const tested = await a.call(`/api/v1/destinations/${made.json.id}/test`, { body: {} });
      assert.deepEqual([tested.json.delivered, tested.json.status_code], [true, 204], tested.text);
      assert.deepEqual([...new Set(asked.map(([host]) => host))], [`127.0.0.1:${port}`], "the address, not the name");
    });
  });

  test("a proxy that refuses, wants a password, talks nonsense, or is away: an honest error in time, nothing half", async () => {
    for (const answer of ["HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\n\r\n{\"id\":\"x\"}\n", "HTTP/1.1 502 Bad Gateway\r\n\r\n", "SSH-2.0-OpenSSH\r\n", "\r\n".repeat(10)]) {
      refuses = answer;
      await connected({ VAPI_BASE_URL: `https://vapi.outside.test:${port}`, AVA_CA_FILE: at("ca.pem"), HTTPS_PROXY: way }, (a, r) => assert.ok([502, 503, 504].includes(r.status), `${answer}: ${r.status} ${r.text}`));
    }
    refuses = undefined;
    await connected({ VAPI_BASE_URL: `https://vapi.outside.test:${port}`, AVA_CA_FILE: at("ca.pem"), HTTPS_PROXY: "http://127.0.0.1:9" }, (a, r) => assert.ok([502, 503].includes(r.status), r.text));
  });

  test("what cannot be is refused at the start, by name", () => {
    writeFileSync(at("empty.pem"), "");
    for (const [env, words] of [
      [{ AVA_CA_FILE: at("none.pem") }, /AVA_CA_FILE: .*none\.pem No such file/],
      [{ AVA_CA_FILE: at("empty.pem") }, /AVA_CA_FILE: .*holds no certificate in PEM/],
      [{ AVA_CA_FILE: at("ca.key") }, /AVA_CA_FILE: .*holds no certificate/],
      [{ HTTPS_PROXY: "proxy:3128" }, /HTTPS_PROXY: it must be http:\/\/host:port/],
      [{ HTTPS_PROXY: "socks5://u:pw-word@proxy:1080" }, /HTTPS_PROXY: it must be/],
      [{ HTTPS_PROXY: "http://" }, /HTTPS_PROXY: it must be/],
    ])
      for (const words_ of [["check-config"], ["serve", "--data-dir", at("d"), "--listen", "127.0.0.1:0"]]) {
        const r = ava(words_, { env });
        assert.deepEqual([r.status, words.test(r.stderr), r.stderr.includes("pw-word")], [78, true, false], r.stderr);
      }
  });
});
