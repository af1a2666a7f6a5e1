// Who asks the sandbox by another name: a page whose name was made to lead to this machine (DNS rebinding), HARDENING 30.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, missing } from "../lib/ava.mjs";

describe("the sandbox asked by a name", { skip: missing }, () => {
  let a;
  before(async () => (a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", AVA_PUBLIC_URL: "https://play.example.com", CORS_ALLOWED_ORIGINS: "https://app.example.com" } })));
  after(() => a?.remove());
  const ask = (path, headers = {}) =>
    new Promise((done, fail) => {
      const r = request({ host: "127.0.0.1", port: a.port, path, headers }, (answer) => {
        let text = "";
        answer.on("data", (b) => (text += b)).on("end", () => done({ status: answer.statusCode, headers: answer.headers, text }));
      });
      r.on("error", fail).end();
    });

  for (const host of ["localhost:8123", "LOCALHOST", "ava.localhost:1", "127.0.0.1:8123", "192.168.7.9", "[::1]:8123", "[::1]", "play.example.com", "play.example.com:443"])
    test(`that is surely ours (${host}) it answers`, async () => {
      assert.equal((await ask("/sandbox/api/ledger", { Host: host })).status, 200);
      assert.equal((await ask("/sandbox", { Host: host })).status, 200);
    });

  for (const host of ["evil.example", "evil.example:8123", "127.0.0.1.evil.example", "localhost.evil.example", "notlocalhost", "evil.example.", "play.example.com.evil.example", "xlocalhost:1"])
    test(`that may be anybody's (${host}) it does not`, async () => {
      for (const path of ["/sandbox", "/sandbox/api/ledger", "/sandbox/api/faults"]) {
        const r = await ask(path, { Host: host });
        assert.equal(r.status, 403, `${path}: ${r.text}`);
        assert.match(r.text, /AVA_PUBLIC_URL/);
      }
      assert.equal((await ask("/health/live", { Host: host })).status, 200);
    });

  test("a cache between knows that answers differ by their origin, whoever asks", async () => {
    for (const headers of [{}, { Origin: "https://app.example.com" }, { Origin: "https://other.example" }])
      assert.match((await ask("/api/v1/auth/me", headers)).headers.vary ?? "", /Origin/, JSON.stringify(headers));
  });
});
