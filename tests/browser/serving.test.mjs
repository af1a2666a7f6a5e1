// How the pages are served: policy, caching, encodings. No browser needed.
import assert from "node:assert/strict";
import { request } from "node:http";
import test, { after, before, describe } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { missing, startAva } from "./ava.mjs";

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const rooms = ["/", "/signin", "/setup", "/calls", "/calls/call_0192", "/assistant", "/numbers", "/messages", "/connections", "/activity", "/activity/evt_0192"];

describe("serving", { skip: missing() }, () => {
  let ava, index;
  before(async () => {
    ava = await startAva();
    index = (await get("/")).text;
  });
  after(() => ava?.stop());

  // The bytes as they come, not decoded on the way as fetch would.
  function get(path, headers = {}, method = "GET") {
    return new Promise((done, fail) => {
      const { hostname: host, port } = new URL(ava.base); // the path goes out as it is, dots and all
      const req = request({ host, port, path, headers, method, agent: false }, (res) => {
        const parts = [];
        res.on("data", (part) => parts.push(part));
        res.on("end", () => done({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts), text: Buffer.concat(parts).toString() }));
      });
      req.on("error", fail);
      req.end();
    });
  }
  const assets = () => [...index.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((m) => m[1]);

  test("every room is the same page, under the strict policy, never cached blindly", async () => {
    for (const room of rooms) {
      const page = await get(room);
      // Nobody has an account yet: every room but the setup says "Finish setup on the server".
      assert.equal(page.status, room === "/setup" ? 200 : 503, room);
      assert.equal(page.text, index, room);
      assert.match(page.headers["content-type"], /^text\/html; ?charset=utf-8$/i);
      assert.equal(page.headers["content-security-policy"], policy);
      assert.equal(page.headers["x-content-type-options"], "nosniff");
      assert.match(page.headers["cache-control"], /no-cache/);
      assert.ok(page.headers["x-correlation-id"]);
    }
  });

  test("the other pages are under the same policy", async () => {
    for (const path of ["/docs", "/sandbox", "/problems/rate_limited"]) {
      const page = await get(path);
      assert.equal(page.status, 200, path);
      assert.equal(page.headers["content-security-policy"], policy, path);
      assert.doesNotMatch(page.text, /<!--ava:/, path);
    }
  });

  test("hashed files are kept for ever, and come small to whoever can read that", async () => {
    assert.ok(assets().length >= 4);
    for (const path of assets()) {
      const plain = await get(path);
      assert.equal(plain.status, 200, path);
      assert.match(plain.headers["cache-control"], /immutable/, path);
      assert.equal(plain.headers["content-encoding"], undefined, path);
      assert.match(plain.headers["vary"] ?? "", /accept-encoding/i, path);
      for (const [encoding, decode] of [["br", brotliDecompressSync], ["gzip", gunzipSync]]) {
        const small = await get(path, { "Accept-Encoding": encoding });
        if (small.headers["content-encoding"] === undefined) continue; // not smaller: sent as it is
        assert.equal(small.headers["content-encoding"], encoding, path);
        assert.deepEqual(decode(small.body), plain.body, path);
      }
    }
  });

  test("a page that did not change is not sent again", async () => {
    const page = await get("/");
    const again = await get("/", { "If-None-Match": page.headers.etag });
    assert.equal(again.status, 304);
    assert.equal(again.body.length, 0);
  });

  test("HEAD says the same without the body", async () => {
    const head = await get("/setup", {}, "HEAD");
    assert.equal(head.status, 200);
    assert.equal(head.body.length, 0);
  });

  test("what is not there is a 404, also with dots in it", async () => {
    for (const path of ["/assets/none.js", "/assets/../../etc/passwd", "/assets/%2e%2e/index.html", "/index.html.gz", "/nowhere", "/calls/", "/callsign"]) {
      const status = (await get(path)).status;
      assert.ok(status === 404 || status === 400, `${path}: ${status}`);
    }
  });

  test("the contract is served as it was written", async () => {
    const contract = await get("/api/v1/openapi.json");
    assert.match(contract.headers["content-type"], /^application\/json/);
    assert.match(JSON.parse(contract.text).openapi, /^3\.1/);
  });

  test("readiness tells a page what it needs before anybody signs in", async () => {
    const ready = JSON.parse((await get("/health/ready")).text);
    assert.equal(ready.status, "ready");
    assert.equal(ready.profile, "sandbox");
    assert.equal(ready.setup_needed, true);
  });
});
