// Twilio's signature, three ways against its reference: the vectors, its library towards Ava, the sandbox towards its library.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, shared } from "../lib/ava.mjs";
import { lacks, twilioSignatures } from "./peers.mjs";

const vectors = shared("fixtures/twilio/signature_vectors.jsonl");

describe("ava webhook verify twilio --jsonl", { skip: missing || vectors.missing }, () => {
  test("is right for every core case", () => {
    const lines = readFileSync(vectors.path, "utf8").trim().split("\n");
    const r = ava(["webhook", "verify", "twilio", "--jsonl"], { input: lines.join("\n") + "\n" });
    const verdicts = r.stdout.trim().split("\n");
    assert.equal(verdicts.length, lines.length, r.stderr);
    const wrong = lines.map((l, i) => ({ ...JSON.parse(l), verdict: verdicts[i] })).filter((v) => v.tier === "core" && v.verdict !== (v.valid ? "valid" : "invalid"));
    assert.deepEqual(wrong.map((v) => `${v.name}: ${v.verdict}`), []);
  });
});

describe("npm twilio", { skip: missing || lacks("twilio") }, () => {
  const sid = "AC" + "0a1b".repeat(8);
  const token = "0123456789abcdef0123456789abcdef";
  let a, urls, reference;
  before(async () => {
    reference = twilioSignatures();
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    const put = await a.call("/api/v1/credentials/twilio", { method: "PUT", body: { account_sid: sid, auth_token: token } });
    assert.equal(put.status, 200, put.text);
    // What Twilio's overrides say behind '#' it reads itself, and signs the address without.
    urls = Object.fromEntries(Object.entries((await a.call("/api/v1/webhooks/endpoints")).json.endpoints[0].urls).map(([kind, url]) => [kind, url.split("#")[0]]));
  });
  after(() => a.remove());

  const form = (params) => new URLSearchParams(Object.entries(params).flatMap(([n, v]) => [v].flat().map((one) => [n, one]))).toString();
  const send = (url, raw, signature, type = "application/x-www-form-urlencoded") =>
    a.call(url.slice(a.base.length), { key: null, method: "POST", raw, headers: { "Content-Type": type, "X-Twilio-Signature": signature } });

  test("what it signs, Ava takes in", async () => {
    const bodies = [
      { CallSid: "CA1", CallStatus: "ringing", From: "+14155550142", To: "+12125550118" },
      { MessageSid: "SM1", Body: "Grüße, 你好 & 100% + = \r\n\"", NumMedia: "0", Empty: "" },
      { CallSid: "CA2", Digits: ["2", "1", "2"], a: "x", A: "y", "a b": "z" },
      {},
    ];
    for (const params of bodies)
      for (const url of Object.values(urls)) {
        const good = reference.getExpectedTwilioSignature(token, url, params);
        assert.equal((await send(url, form(params), good)).status, 200, JSON.stringify(params));
        const foreign = reference.getExpectedTwilioSignature("f".repeat(32), url, params);
        assert.equal((await send(url, form(params), foreign)).status, 403);
        assert.equal((await send(url, form({ ...params, More: "1" }), good)).status, 403);
      }
  });

  test("a JSON body with its hash in the address too", async () => {
    const body = JSON.stringify({ property: "value", boolean: true });
    const url = `${urls.status}?bodySHA256=${reference.getExpectedBodyHash(body)}`;
    const good = reference.getExpectedTwilioSignature(token, url, {});
    assert.equal((await send(url, body, good, "application/json")).status, 200);
    assert.equal((await send(url, body + " ", good, "application/json")).status, 403);
  });

  test("what the sandbox signs, it takes for Twilio's", async (t) => {
    const seen = [];
    const server = createServer((request, response) => {
      let body = "";
      request.on("data", (b) => (body += b));
      request.on("end", () => (seen.push({ headers: request.headers, url: request.url, params: Object.fromEntries(new URLSearchParams(body)) }), response.end()));
    });
    await new Promise((r) => server.listen(0, "127.0.0.1", r));
    t.after(() => (server.close(), server.closeAllConnections()));
    const url = `http://127.0.0.1:${server.address().port}/hook?x=1&y=%20`;
    for (const kind of ["voice", "status", "message", "message-status"]) {
      const r = await a.call("/sandbox/api/webhooks", { body: { kind, url, auth_token: token, params: { Body: "Grüße & 100%", Extra: "", ApiVersion: null } } });
      assert.deepEqual(r.json.sent, [{ status: 200 }], r.text);
      const { headers, params } = seen.pop();
      assert.ok(reference.validateRequest(token, headers["x-twilio-signature"], url, params), kind);
      assert.equal(params.Body, "Grüße & 100%");
      assert.equal("ApiVersion" in params, false);
      assert.equal(params.CallSid ?? params.MessageSid, r.json.resource);
    }
  });

  test("the sandbox sends to Ava: taken once, refused when wrong", async () => {
    const call = (more) => a.call("/sandbox/api/webhooks", { body: { kind: "message", url: urls.message, auth_token: token, account_sid: sid, ...more } });
    const good = await call({ duplicate: 2 });
    assert.deepEqual(good.json.sent, [{ status: 200 }, { status: 200 }, { status: 200 }]);
    const events = (await a.call(`/api/v1/events?resource=${good.json.resource}`)).json.events;
    assert.equal(events.length, 1);
    for (const signature of ["wrong", "missing"]) assert.deepEqual((await call({ signature })).json.sent, [{ status: 403 }]);
    assert.equal((await call({ url: "http://example.com/" })).status, 422);
  });
});
