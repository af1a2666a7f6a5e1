// What stands between the world and Ava changes what passes: HAProxy and nginx with the configurations of docs/proxy.md
// and compression switched on, and a Node program with the middleware `compression`, as Caddy and Express compress.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { Haproxy, listenPort, noHaproxy } from "../lib/haproxy.mjs";
import { Nginx, noNginx } from "../lib/nginx.mjs";
import { SID, TOKEN } from "../lib/scripted.mjs";
import { sign } from "../lib/twilio.mjs";
import { headersOf, oddWebhooks, secretPlan } from "../lib/vapi.mjs";
import { lacks } from "./peers.mjs";

const SECRET = "what-vapi-sends-with-each-message";

// Passes everything on to Ava and compresses what comes back.
async function compressing(port, ava) {
  const compress = createRequire(import.meta.url)("compression")({ threshold: 1 });
  const server = createServer((req, res) =>
    compress(req, res, () => {
      const on = request({ host: "127.0.0.1", port: ava, method: req.method, path: req.url, headers: { ...req.headers, "x-forwarded-for": req.socket.remoteAddress } }, (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.on("data", (b) => (res.write(b), res.flush?.())).on("end", () => res.end());
      });
      on.on("error", () => res.destroy());
      req.pipe(on);
    }),
  );
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return { base: `http://127.0.0.1:${port}`, remove: () => new Promise((done) => (server.close(done), server.closeAllConnections())) };
}

const FRONTS = [
  ["HAProxy", noHaproxy, (port, ava) => Haproxy.start(port, ava, "    compression algo gzip\n    compression type application/json text/event-stream\n")],
  ["nginx", noNginx, (port, ava) => Nginx.start(port, ava)],
  ["Node's compression", lacks("compression"), compressing],
];

for (const [name, absent, start] of FRONTS)
  describe(`behind ${name}`, { skip: missing || absent, concurrency: 1 }, () => {
    let a, front, vapi, twilio;
    before(async () => {
      const port = await listenPort(), at = await listenPort();
      a = await Ava.start({ port, env: { AVA_LOG_LEVEL: "off", AVA_PUBLIC_URL: `http://127.0.0.1:${at}`, TRUSTED_PROXIES: "127.0.0.1" } });
      await a.signUp();
      await a.call("/api/v1/credentials/twilio?verify=false", { method: "PUT", body: { account_sid: SID, auth_token: TOKEN } });
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "fronts-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
      front = await start(at, port);
      const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
      const urls = (provider) => endpoints.find((e) => e.provider === provider).urls;
      [vapi, twilio] = [urls("vapi").server, urls("twilio").status];
      assert.ok(vapi.startsWith(front.base), vapi);
      a.direct = a.base;
      a.base = front.base;
    });
    after(async () => (await front?.remove(), await a?.remove()));

    // By node:http: what is asked for and what comes back is left as it is.
    const ask = (path, { method = "GET", body, headers = {} } = {}) =>
      new Promise((done, fail) => {
        const length = body === undefined || headers["Transfer-Encoding"] ? {} : { "Content-Length": Buffer.byteLength(body) };
        const req = request(front.base + path, { method, headers: { ...length, ...headers } }, async (res) => {
          let text = "";
          for await (const piece of res) text += piece.toString("latin1");
          done({ status: res.statusCode, headers: res.headers, text });
        });
        req.on("error", fail).end(body);
      });
    const post = (body, more = {}) => ask(new URL(vapi).pathname, { method: "POST", body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: vapi, body }), ...more } });
    const events = async (query) => (await a.call("/api/v1/events?limit=100" + query)).json.events;
    const settled = () => until(async () => (await events("&status=received")).length === 0, { what: "nothing left to work on", ms: 60_000 });
    const callOf = async (id) => (await a.call("/api/v1/calls?limit=100")).json.calls.find((c) => c.provider_id === id);

    test("every odd webhook arrives as it was sent, told or in chunks", async () => {
      const sent = oddWebhooks.flatMap(([what, body, ends]) => [{}, { "Transfer-Encoding": "chunked" }].map((headers) => ({ what, ends, headers, id: randomUUID(), body })));
      for (const s of sent) {
        const r = await post(s.body(s.id), s.headers);
        assert.equal(r.status, 200, `${s.what}: ${r.status} ${r.text.slice(0, 200)}`);
      }
      await settled();
      for (const s of sent) {
        assert.deepEqual((await events("&resource=" + s.id)).map((e) => e.status), ["done"], s.what);
        if (s.ends) assert.equal((await callOf(s.id))?.status, "ended", s.what);
      }
    });

    test("a report over 8 MiB gets Ava's own 413, and the call ends", async () => {
      const id = randomUUID();
      const r = await post(JSON.stringify({ message: { type: "end-of-call-report", timestamp: Date.now(), endedReason: "customer-ended-call", cost: 0.5, call: { id, type: "inboundPhoneCall" }, artifact: { transcript: "AI: Hello. ".repeat(900_000) } } }));
      assert.equal(r.status, 413, r.text.slice(0, 200));
      assert.equal(JSON.parse(r.text).code, "payload_too_large");
      await settled();
      const call = await callOf(id);
      assert.deepEqual([call?.status, call?.cost?.amount_micros], ["ended", 500_000]);
    });

    test("what Twilio signed for the public address is proven, with its retry override in the fragment", async () => {
      const [address] = twilio.split("#"), sid = "CA" + randomUUID().replaceAll("-", ""), pairs = [["AccountSid", SID], ["CallSid", sid], ["CallStatus", "completed"], ["Note", "+1 (500) \u00e9\u0000"]];
      const r = await ask(address.slice(front.base.length), { method: "POST", body: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(address, pairs, TOKEN) } });
      assert.equal(r.status, 200, r.text);
      await settled();
      assert.equal((await callOf(sid))?.status, "completed");
    });

    test("a version that came compressed is one that can be changed, an older one is not", async () => {
      const auth = { Authorization: `Bearer ${a.key}`, "Accept-Encoding": "gzip" };
      const before = await ask("/api/v1/limits", { headers: auth });
      assert.equal(before.status, 200);
      // nginx compresses what says no-transform too, and makes its tag weak; the others leave it alone.
      assert.deepEqual([before.headers["content-encoding"], before.headers.etag.startsWith("W/")], name === "nginx" ? ["gzip", true] : [undefined, false]);
      assert.equal((await ask("/api/v1/calls", { headers: auth })).headers["content-encoding"], "gzip", "the front compresses");
      const put = (tag, minutes) => a.call("/api/v1/limits", { method: "PUT", headers: { "If-Match": tag }, body: { daily_minutes: minutes } });
      const first = await put(before.headers.etag, 900);
      assert.equal(first.status, 200, `${before.headers.etag}: ${first.text}`);
      assert.equal((await put(before.headers.etag, 600)).status, 412);
      assert.equal((await put(`${before.headers.etag}, ${(await ask("/api/v1/limits", { headers: auth })).headers.etag}`, 600)).status, 200);
    });

    test("what is live comes at once and uncompressed", async () => {
      const told = await new Promise((done, fail) => {
        const req = request(front.base + "/api/v1/stream", { headers: { Authorization: `Bearer ${a.key}`, "Accept-Encoding": "gzip", Accept: "text/event-stream" } }, (res) => {
          let text = "";
          res.on("data", async (b) => {
            const first = !text;
            text += b;
            if (first) await post(JSON.stringify({ message: { type: "status-update", status: "ended", timestamp: Date.now(), call: { id: randomUUID(), type: "inboundPhoneCall" } } }));
            if (text.includes("event: call")) done({ headers: res.headers, text }), req.destroy();
          });
        });
        req.on("error", fail).end();
        setTimeout(() => fail(new Error("nothing came for 10 s")), 10_000).unref();
      });
      assert.equal(told.headers["content-encoding"], undefined);
      assert.match(told.headers["cache-control"], /no-transform/);
    });
  });
