// What lies between a caller and Ava, and between Ava and a receiver: proxies, headers, addresses, connections.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ava, ava, bin, environment, missing, until } from "../lib/ava.mjs";

describe("the network", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
  });
  after(() => a.remove());

  // Each way to write If-Match that names tag, the tag of now, among others or not.
  const naming = (tag) => [tag, `W/${tag}`, `"x", ${tag}`, `${tag} , W/"x"`, "*"];

  async function putsWith(path, get, body, method = "PUT") {
    for (let n = 0; n < naming("").length; n++) {
      const tag = (await a.call(get)).headers.get("etag");
      const r = await a.call(path, { method, body: body(n), headers: { "If-Match": naming(tag)[n] } });
      assert.equal(r.status, 200, `${path} with ${naming(tag)[n]}: ${r.text}`);
    }
    for (const wrong of ['"x"', 'W/"x"', '"x", W/"y"', '"*"']) {
      const r = await a.call(path, { method, body: body(9), headers: { "If-Match": wrong } });
      assert.equal(r.status, 412, `${path} with ${wrong}: ${r.text}`);
    }
  }

  test("If-Match is read as RFC 9110 has it: a list, a weak tag, any", async () => {
    await putsWith("/api/v1/limits", "/api/v1/limits", (n) => ({ concurrent_calls: 10 + n }));
    await putsWith("/api/v1/fallback", "/api/v1/fallback", (n) => ({ kind: "message", text: `Call again in ${n} minutes.` }));
    await putsWith("/api/v1/vapi/settings/voice_speed", "/api/v1/vapi/settings", (n) => ({ value: 0.9 + n / 100 }));
  });

  test("an assistant is changed, restored and removed by a list of tags, weak or not", async () => {
    const made = await a.call("/api/v1/assistants", { body: { name: "Night desk" } });
    assert.equal(made.status, 201, made.text);
    const at = `/api/v1/assistants/${made.json.id}`;
    await putsWith(at, at, (n) => ({ name: `Night desk ${n}` }), "PATCH");
    const tag = (await a.call(at)).headers.get("etag");
    const restored = await a.call(`${at}/history/1/restore`, { method: "POST", headers: { "If-Match": `"0", W/${tag}` } });
    assert.equal(restored.status, 200, restored.text);
    assert.equal((await a.call(at, { method: "DELETE", headers: { "If-Match": '"0", W/"1"' } })).status, 412);
    const gone = await a.call(at, { method: "DELETE", headers: { "If-Match": `"0", W/${restored.headers.get("etag")}` } });
    assert.equal(gone.status, 204, gone.text);
  });

  // The statuses of all answers to these bytes, until Ava closes or as many have come.
  function statuses(bytes, count) {
    return new Promise((done, fail) => {
      let got = "";
      const found = () => [...got.matchAll(/HTTP\/1\.1 (\d+) /g)].map((m) => Number(m[1]));
      const socket = connect(a.port, "127.0.0.1", () => socket.write(bytes));
      socket.on("data", (b) => (got += b) && found().length >= count && socket.destroy());
      socket.on("close", () => done(found())).on("error", fail);
    });
  }
  const chunked = (trailers) => `POST /api/v1/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n${trailers}\r\n`;
  const get = "GET /api/v1/auth/me HTTP/1.1\r\nHost: a\r\n\r\n";

  test("trailers are dropped, and the next request is found behind them", async () => {
    assert.deepEqual(await statuses(chunked('X-Request-Cost: 7\r\nETag: "a"\r\n') + get, 2), [422, 401]);
    for (const bad of ["Host: x\r\n", "content-length : 3\r\n", "X: y\r\n z\r\n", `X: ${"y".repeat(17 << 10)}\r\n`])
      assert.deepEqual(await statuses(chunked(bad) + get, 2), [400], bad.slice(0, 20));
  });

  test("a proxy that is named by its mapped address is the proxy all the same", async () => {
    const b = await Ava.start({ limits: true, env: { AVA_LOG_LEVEL: "off", TRUSTED_PROXIES: "127.0.0.1,::ffff:172.16.0.0/108" } });
    try {
      const from = async (hops) => (await b.call("/api/v1/auth/me", { key: null, headers: { "X-Forwarded-For": hops } })).status;
      const many = await Promise.all(Array.from({ length: 80 }, () => from("198.51.100.1, ::ffff:172.16.3.4")));
      assert.ok(many.includes(429), "one stranger is slowed down");
      assert.equal(await from("198.51.100.2, ::ffff:172.16.3.4"), 401);
      assert.equal(await from("198.51.100.3, [::ffff:ac10:304]:9443"), 401);
      assert.equal(await from("::ffff:198.51.100.4, 172.16.3.4:80, [::ffff:172.16.3.5]"), 401);
    } finally {
      await b.remove();
    }
  });

  test("a kept connection that was idle for 100 s takes another request; one of 130 s is closed", async () => {
    let got = "", closed = false;
    const socket = connect(a.port, "127.0.0.1").on("data", (b) => (got += b)).on("close", () => (closed = true)).on("error", () => {});
    const answers = (n) => until(() => got.split("HTTP/1.1 401").length > n, { what: `answer ${n}` });
    const ask = "GET /api/v1/auth/me HTTP/1.1\r\nHost: a\r\n\r\n";
    socket.write(ask);
    await answers(1);
    await a.advance(100);
    socket.write(ask);
    await answers(2);
    await a.advance(130);
    await until(() => closed, { what: "the end of an idle connection" });
  });

  test("what must not be changed on the way says so", async () => {
    for (const path of ["/api/v1/limits", "/api/v1/fallback", "/api/v1/vapi/settings"]) {
      const { headers } = await a.call(path);
      assert.ok(headers.get("etag"), path);
      assert.match(headers.get("cache-control"), /no-store.*no-transform/, path);
    }
    const s = await fetch(`${a.base}/api/v1/stream`, { headers: { Authorization: `Bearer ${a.key}` } });
    assert.equal(s.headers.get("cache-control"), "no-store, no-transform");
    await s.body.cancel();
  });

  test("in a time of a query a plus that became a blank is still one", async () => {
    const at = async (time) => (await a.call(`/api/v1/analytics/calls?since=2026-11-01T00:00:00Z&until=${time}`));
    const [plain, escaped] = [await at("2026-11-21T09:30:00+05:30"), await at("2026-11-21T09:30:00%2B05:30")];
    assert.equal(plain.status, 200, plain.text);
    assert.deepEqual(plain.json, escaped.json);
    for (const wrong of ["2026-11-21 09:30:00Z", "2026-11-21T09:30:00+05+30", "+", "2026-11-21T09+30:00Z"]) assert.equal((await at(wrong)).status, 422, wrong);
  });

  test("a destination's address is taken as people type it, or told what is wrong with it", async () => {
    const post = (url) => a.call("/api/v1/destinations", { body: { url, events: ["*"] } });
    const taken = await post("\t Https://API.example.net/x ");
    assert.equal(taken.status, 201, taken.text);
    assert.equal(taken.json.url, "Https://API.example.net/x");
    const changed = await a.call(`/api/v1/destinations/${taken.json.id}`, { method: "PATCH", body: { url: " https://api.example.net/y\t" } });
    assert.equal(changed.json.url, "https://api.example.net/y", changed.text);
    for (const [url, words] of [["https://käse.example.net/a", /xn--/], ["https://api.example.net./x", /dot at the end/], ["https://a b.example/", /not one that Ava can read/]]) {
      const r = await post(url);
      assert.equal(r.status, 422, url);
      assert.match(r.json.errors[0].message, words, url);
    }
  });

  test("a tab around a value is a blank", async () => {
    assert.deepEqual(await statuses("GET /api/v1/auth/me HTTP/1.1\r\nHost: a\r\nAccept-Language:\tde\t\r\n\r\n", 1), [401]);
  });
});

describe("the data folder", { skip: missing }, () => {
  test("may have a path longer than a socket's", async () => {
    const home = mkdtempSync(join(tmpdir(), "ava-long-"));
    const data = join(home, "d".repeat(120));
    const a = await Ava.start({ data: home, env: { AVA_LOG_LEVEL: "off", AVA_DATA_DIR: data } });
    try {
      const status = ava(["status", "--data-dir", data]);
      assert.equal(status.status, 0, status.stderr);
      const second = ava(["serve", "--data-dir", data, "--listen", "127.0.0.1:0"]);
      assert.notEqual(second.status, 0);
      assert.match(second.stderr, /another Ava is serving/);
    } finally {
      await a.remove();
      rmSync(home, { recursive: true, force: true });
    }
  });

  // A shell with a read-only file system at $1; nobody else sees it.
  const beside = (dir, then) => spawnSync("unshare", ["-rm", "sh", "-c", `mount -t tmpfs -o ro none "$1" && ${then}`, "sh", dir], { env: environment(), encoding: "utf8" });
  const cannotMount = () => {
    const dir = mkdtempSync(join(tmpdir(), "ava-ro-"));
    const r = beside(dir, "true");
    rmSync(dir, { recursive: true });
    return r.status === 0 ? false : "nothing can be mounted here";
  };
  test("on a read-only file system is told so", { skip: missing || cannotMount() }, () => {
    const dir = mkdtempSync(join(tmpdir(), "ava-ro-"));
    for (const data of ["$1", "$1/ava"]) {
      const r = beside(dir, `exec "${bin}" serve --data-dir "${data}" --listen 127.0.0.1:0`);
      assert.equal(r.status, 78, r.stderr);
      assert.match(r.stderr, /on a read-only file system/);
    }
    rmSync(dir, { recursive: true });
  });
});
