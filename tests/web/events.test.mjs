import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { load } from "./load.mjs";

const { curl, placesOf, windowOf } = await load("activity/words.ts");
const { moment, local } = await load("kit/moment.ts");

// What a shell makes of it: the arguments, one a line.
const shell = (command) => spawnSync("sh", ["-c", "curl() { printf '%s\\n' \"$@\"; }\nURL=http://here\n" + command], { encoding: "utf8" }).stdout.trimEnd().split("\n");

test("a command says what came, whatever letters are in it, and no proof of who sent it", () => {
  const twilio = shell(curl({ provider: "twilio", headers: { Host: "ava.example", "X-Twilio-Signature": "[redacted]", "User-Agent": "TwilioProxy/1.1" }, body: { Body: "it's \"$HOME\" `id`", From: "+33612345678" } }));
  assert.deepEqual(twilio, ["-sS", "http://here", "-H", "User-Agent: TwilioProxy/1.1", "--data-urlencode", "Body=it's \"$HOME\" `id`", "--data-urlencode", "From=+33612345678"]);
  const vapi = shell(curl({ provider: "vapi", headers: { "Content-Type": "application/json" }, body: { message: { text: "it's" } } }));
  assert.deepEqual(vapi, ["-sS", "http://here", "-H", "Content-Type: application/json", "--data-raw", '{"message":{"text":"it\'s"}}']);
});

test("of ten thousand rows those are drawn that can be seen, and a few around them", () => {
  assert.deepEqual(windowOf(10_000, 0, 640, 64), { first: 0, last: 14 });
  assert.deepEqual(windowOf(10_000, 6400, 640, 64), { first: 96, last: 114 });
  assert.deepEqual(windowOf(10_000, 640_000, 640, 64), { first: 9996, last: 10_000 });
  assert.deepEqual(windowOf(3, 0, 640, 64), { first: 0, last: 3 });
  assert.deepEqual(windowOf(2, 64_000, 640, 64), { first: 2, last: 2 }); // it was longer a moment ago
  for (let top = 0; top < 9000; top += 7) {
    const { first, last } = windowOf(10_000, top, 601, 64);
    assert.ok(last - first <= placesOf(601, 64), `${last - first} rows at ${top}: a place for each`);
  }
});

test("a moment typed here is the same moment there", () => {
  const at = Date.parse("2026-11-21T20:15:00Z");
  assert.equal(moment(local(at)), "2026-11-21T20:15:00.000Z");
  assert.equal(moment(""), undefined);
});
