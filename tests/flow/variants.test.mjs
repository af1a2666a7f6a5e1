// Every way in which Vapi can be told to prove itself: genuine messages of all of them are accepted, and no change
// of one is. Signed by tests/lib/vapi.mjs, which was written from Vapi's description and not from Ava's code.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ava, missing } from "../lib/ava.mjs";
import { headersOf, message } from "../lib/vapi.mjs";

const soak = Boolean(process.env.TEST_SOAK), CHANGES = soak ? 5000 : 50; // of each variant
const NOW = 1795000000, url = "https://ava.example/webhooks/vapi/token";

function* variants() {
  for (const headerName of [undefined, "X-Vapi-Secret", "x-auth"]) for (const bearerPrefixEnabled of [undefined, true, false]) yield { type: "bearer", token: "a-token-of-some-length-1", headerName, bearerPrefixEnabled };
  for (const algorithm of ["sha256", "sha512", "sha1"])
    for (const signatureEncoding of [undefined, "hex", "base64"])
      for (const signaturePrefix of [undefined, "v1="])
        for (const secretIsBase64 of [false, true])
          for (const format of [{}, { payloadFormat: "{body}", includeTimestamp: false }, { payloadFormat: "{method}\n{url}\n{timestamp}\n{body}" }, { payloadFormat: "{svix-id}.{timestamp}.{body}", messageIdHeader: "svix-id" }, { timestampHeader: "x-at", signatureHeader: "x-mac" }, { payloadFormat: "{timestamp}:{body}" }])
            yield { type: "hmac", algorithm, signatureEncoding, signaturePrefix, secretIsBase64, secretKey: secretIsBase64 ? Buffer.from("a secret with 0 bytes\0in it").toString("base64") : "a-secret-of-some-length-1", ...format };
}

const plain = (plan) => JSON.parse(JSON.stringify(plan)); // without what is undefined
const body = JSON.stringify(message("status-update", { id: "call-1" }, { status: "ringing", timestamp: NOW * 1000 }));
const lineOf = (plan) => ({ plan: plain(plan), method: "POST", url, body, headers: headersOf(plan, { url, body, at: NOW }), now: NOW });
const judge = (lines) => ava(["webhook", "verify", "vapi", "--jsonl"], { input: lines.map((l) => JSON.stringify(l)).join("\n") + "\n" }).stdout.trim().split("\n");

let seed = 7;
const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
const other = (text, at) => {
  let c;
  do c = String.fromCharCode(0x21 + random(0x5e));
  while (c === text[at] || c.toLowerCase() === text[at].toLowerCase());
  return text.slice(0, at) + c + text.slice(at + 1);
};

// One character of the proof, or of what it is over. In base64 the last characters may hold bits that mean nothing.
function changed(line) {
  const names = Object.keys(line.headers), covered = line.plan.type === "hmac";
  const which = random(covered ? names.length + 1 : names.length);
  if (which === names.length) return { ...line, body: other(line.body, random(line.body.length)) };
  const name = names[which], value = line.headers[name];
  const at = line.plan.signatureEncoding === "base64" && name === (line.plan.signatureHeader ?? "x-signature") ? random(value.length - 4) : random(value.length);
  return { ...line, headers: { ...line.headers, [name]: other(value, at) } };
}

test("each genuine variant is accepted, and no change of one", { skip: missing }, (t) => {
  const all = [...variants()].map(lineOf);
  assert.ok(all.length >= 200, String(all.length));
  assert.deepEqual(judge(all).filter((v) => v !== "valid"), []);
  let refused = 0;
  for (const line of all) {
    const lines = Array.from({ length: CHANGES }, () => changed(line)), verdicts = judge(lines);
    assert.equal(verdicts.length, CHANGES);
    const wrong = verdicts.findIndex((v) => v !== "invalid");
    if (wrong >= 0) assert.fail(`${verdicts[wrong]}: ${JSON.stringify(lines[wrong])}`);
    refused += verdicts.length;
  }
  t.diagnostic(`${all.length} genuine variants accepted, ${refused} changes refused`);
});
