// Every way a provider can be rude, through real sockets: each ends in its status, code and sentence
// (RESILIENCE 10), in the metrics and in one log line, after the attempts RESILIENCE 4 allows, and leaves nothing.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { after, before, describe, test } from "node:test";
import { ASSISTANT, Rude, assistant, floods, hangsUp, head, inTurn, never, polite, redirects, resets, says, saysAndEnds, saysAndResets, status, trickledHead, trickles, whole } from "../fakes/rude.mjs";
import { Ava, missing, until } from "../lib/ava.mjs";

const SETTINGS = "/api/v1/vapi/settings";
const NOTHING = "Nothing was changed; try again.";
const MAYBE = "The change may have gone through; read it again before you repeat it.";
const GARBAGE = `Vapi answered something that is not what it documents. ${NOTHING}`;
const BROKEN = `The connection to Vapi failed. ${NOTHING}`;
const FAULT = `Vapi reports a fault of its own. ${NOTHING}`;
const LATE = `Vapi did not answer in time. ${NOTHING}`;
const TEXT = JSON.stringify(assistant());

let named = 0;
const worlds = []; // whatever a failed test left running ends with the file
after(() => Promise.all(worlds.map((w) => Promise.all([w.a.remove(), w.rude.stop()]))));

class World {
  static async start(env = {}) {
    const self = new World();
    self.rude = await Rude.start();
    self.a = await Ava.start({ env: { VAPI_BASE_URL: self.rude.url, CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_ENABLED: "false", ...env } });
    worlds.push(self);
    await self.a.signUp();
    self.people = [{ key: self.a.key }];
    for (let n = 1; n <= 3; n++) self.people.push(await self.a.newPerson(`person${n}@example.com`));
    await self.meet(polite);
    await self.read();
    self.files = self.a.openFiles();
    return self;
  }

  // From now on this person's calls meet the behaviour. A new key each time: no gate of an earlier test is in the way.
  async meet(behaviour, who = this.people[0]) {
    who.api = `rude-key-${++named}`;
    this.rude.meet(who.api, behaviour);
    const saved = await this.a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", key: who.key, body: { api_key: who.api, assistant_id: ASSISTANT } });
    assert.equal(saved.status, 200, saved.text);
  }

  async read({ who = this.people[0], ms, method, path = SETTINGS, body } = {}) {
    const id = `rude-request-${++named}`;
    const began = Date.now();
    const r = await this.a.call(path, { method, body, key: who.key, headers: { "X-Correlation-ID": id, ...(ms ? { "X-Request-Timeout-Ms": String(ms) } : {}) } });
    return { ...r, id, ms: Date.now() - began, seen: this.rude.seen(who.api) };
  }

  write(more = {}) {
    return this.read({ method: "PUT", path: `${SETTINGS}/max_call_duration`, body: { value: 120 }, ...more });
  }

  // Successes fill the retry budget again: every test has all of it.
  async rest() {
    await this.meet(polite);
    await until(async () => {
      await Promise.all(Array.from({ length: 4 }, () => this.read()));
      return (await this.a.metric("retry_budget_tokens", { service: "vapi" })) === 100;
    }, { every: 0 });
  }

  async idle() {
    await until(async () => (await this.a.metric("bulkhead_in_flight", { service: "vapi" })) === 0, { what: "no call under way" });
  }

  // Runs the call and says what it changed: { outcomes: { fail: 3 }, retries, failures, budgetEmpty }.
  async watched(call) {
    const before = await this.a.metrics();
    const r = await call();
    const after = await this.a.metrics();
    const grown = (name) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    r.outcomes = {};
    for (const o of ["ok", "auth", "throttle", "fail", "slow", "local"]) {
      const n = grown(`provider_attempts_total{service="vapi",outcome="${o}"}`);
      if (n) r.outcomes[o] = n;
    }
    r.retries = { fail: grown('retries_total{service="vapi",reason="fail"}'), throttle: grown('retries_total{service="vapi",reason="throttle"}') };
    r.failures = grown('circuit_breaker_failures_total{service="vapi"}');
    return r;
  }

  async loggedOnce(r) {
    await until(() => this.a.logged(r.id).length > 0, { what: "the log line" });
    const lines = this.a.logged(r.id);
    assert.equal(lines.length, 1);
    assert.equal(lines[0].status, r.status);
    assert.equal(lines[0].code, r.json?.code);
    assert.doesNotMatch(JSON.stringify(lines), /rude-key|secret words/);
  }

  // Nothing under way, no file left open, and it still works.
  async leaveNothing() {
    await this.idle();
    await this.rude.dropAll();
    await this.meet(polite);
    await until(async () => {
      assert.equal((await this.read()).status, 200); // curl looks for dead connections when it needs one
      return this.a.openFiles() <= this.files + 8;
    }, { what: `open files back to ${this.files}`, every: 50 });
    assert.equal(await this.a.metric("http_server_requests_in_flight"), 1, "only the scrape itself");
    await this.a.remove();
    await this.rude.stop();
    assert.equal(this.a.ended.code, 0, this.a.stderr.slice(-2000));
  }
}

function problem(r, [code, name, detail]) {
  assert.equal(r.status, code, r.text);
  assert.equal(r.json.code, name);
  assert.equal(r.json.detail, detail);
  assert.equal(r.json.service, "vapi");
  assert.equal(r.json.correlation_id, r.id);
  assert.doesNotMatch(r.text, /127\.0\.0\.1|secret words|rude-key/);
}

const failed = [502, "provider_error", BROKEN];
const garbage = [502, "provider_bad_response", GARBAGE];
const fault = [502, "provider_error", FAULT];
const chunked = (chunks) => head(200, { "Transfer-Encoding": "chunked" }) + chunks;
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;
const notUtf8 = Buffer.concat([Buffer.from(TEXT.slice(0, -1) + ',"x":"'), Buffer.from([0xff, 0xc0, 0xaf]), Buffer.from('"}')]);
const long = (fields) => saysAndEnds(head(200, fields) + TEXT);

const FAULTS = [
  ["resets before the head", resets, failed],
  ["hangs up before the head", hangsUp, failed],
  ["resets in the middle of the head", saysAndResets("HTTP/1.1 200 OK\r\nContent-"), failed],
  ["resets in the middle of the body", saysAndResets(head(200, { "Content-Length": TEXT.length }) + TEXT.slice(0, 40)), failed],
  ["sends less than the length it states", long({ "Content-Length": TEXT.length + 10 }), failed],
  ["never sends the last chunk", saysAndEnds(chunked(chunk(TEXT))), failed],
  ["sends chunks that are none", saysAndEnds(chunked(`zz\r\n${TEXT}\r\n0\r\n\r\n`)), failed],
  ["states a length shorter than what it sends", long({ "Content-Length": TEXT.length - 10 }), garbage],
  ["states a negative length", long({ "Content-Length": -1 }), garbage],
  ["states a length beyond 64 bits", long({ "Content-Length": "99999999999999999999999" }), garbage],
  ["states a length in words", long({ "Content-Length": "many" }), garbage],
  ["states two lengths, the last one true", long({ "Content-Length": [TEXT.length - 10, TEXT.length] }), garbage],
  ["states two lengths, the first one true", long({ "Content-Length": [TEXT.length, TEXT.length - 10] }), garbage],
  ["speaks something else than HTTP", saysAndEnds("SSH-2.0-OpenSSH_9.2\r\n"), garbage],
  ["answers without a status line", saysAndEnds("<html>hello</html>"), garbage],
  ["answers in a version of HTTP there is not", says("HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n"), garbage],
  ["answers 200 with a web page", says(whole(200, "<html>secret words</html>")), garbage],
  ["answers 200 with nothing", says(whole(200, "")), garbage],
  ["answers 204 to a read", says(head(204)), garbage],
  ["answers 200 with null", says(whole(200, "null")), garbage],
  ["answers 200 with a list", says(whole(200, "[]")), garbage],
  ["answers 200 with half of its JSON", says(whole(200, TEXT.slice(0, 100))), garbage],
  ["nests 100,000 deep", says(whole(200, "[".repeat(100_000) + "]".repeat(100_000))), garbage],
  ["redirects to itself", (wire, r) => (assert.doesNotMatch(r.path, /elsewhere/), redirects(302, "/elsewhere")(wire, r)), garbage],
  ["answers 304 to a question without condition", says(head(304)), garbage],
  ["floods the head with 10 MB of fields", floods("HTTP/1.1 200 OK\r\n", `X-Flood: ${"y".repeat(100)}\r\n`, 10 << 20), garbage],
  ["sends interim answers without end", floods("", "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n", 10 << 20), garbage],
  ["sends one field of 10 MB", floods("HTTP/1.1 200 OK\r\nX-Flood: ", "y", 10 << 20), failed],
  ["announces 10 MB", floods(head(200, { "Content-Length": 10 << 20 }), "x", 10 << 20), garbage],
  ["answers 500", status(500), fault],
  ["answers 503", status(503), fault],
  ["answers 408", status(408), fault],
  ["answers a status there is not", status(799), fault],
];

// Whole JSON that is not what is documented: an error of this call alone, asked for once, and nobody's failure.
const CONTENT = [
  ["answers 200 with another shape", says(whole(200, { hello: "world" })), garbage],
  ["answers 200 with a date that is none", says(whole(200, assistant({ updatedAt: "yesterday" }))), garbage],
];

// Content that is odd beside what is read, or in a field that can be left out.
const ODD = [
  ["answers 200 with a number where a text belongs", says(whole(200, assistant({ firstMessage: 5 })))],
  ["answers 200 with bytes that are no UTF-8", says(whole(200, notUtf8))],
  ["answers 200 with the same name twice", says(whole(200, TEXT.replace('"name"', '"id"')))],
  ["answers 200 with a number that is too big", says(whole(200, TEXT.replace("600", "1e999")))],
  ["packs a tree of 60 MB into a text of 1", says(whole(200, `${TEXT.slice(0, -1)},"x":[${"[],".repeat(340_000)}0]}`))],
];

function floodTests(title, count, floodings) {
  describe(title, { concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start()));
    after(() => w.leaveNothing());

    for (const [name, beginning, piece] of floodings)
      test(`${name}: cut in time`, async () => {
        const BYTES = 128 << 20; // more than the kernel's own buffers can take in
        await w.rest();
        await w.meet(floods(beginning, piece, BYTES));
        w.a.forgetPeak();
        const before = w.a.memory();
        const answers = await Promise.all(Array.from({ length: count }, () => w.read()));
        for (const r of answers) problem(r, garbage);
        const { requests, sent } = w.rude.seen(w.people[0].api);
        assert.ok(requests >= count && requests <= 3 * count, `${requests} requests`);
        assert.ok(sent / requests < BYTES / 4, `${Math.round(sent / requests)} bytes taken for each`);
        const grown = w.a.memory("VmHWM") - before;
        console.log(`# ${name}: ${Math.round(sent / requests / 1024)} KiB left the provider per attempt, memory peaked ${grown} KiB higher`);
        assert.ok(grown < 160 << 10, `${grown} KiB more at the peak`);
        await w.idle();
      });
  });
}

// Every part has an Ava and a provider of its own, so that their waits go by side by side.
describe("a rude provider", { skip: missing, concurrency: 8 }, () => {
  for (const half of [0, 1])
    describe(`read from, ${half + 1} of 2`, { concurrency: 1 }, () => {
      let w;
      before(async () => (w = await World.start()));
      after(() => w.leaveNothing());

      for (const [name, behaviour, expected] of FAULTS.filter((_, n) => n % 2 === half))
        test(`${name}: ${expected[0]} ${expected[1]}`, async () => {
          await w.rest();
          await w.meet(behaviour);
          const r = await w.watched(() => w.read());
          problem(r, expected);
          assert.equal(r.seen.requests, 3, "three attempts and no more");
          assert.deepEqual(r.outcomes, { fail: 3 });
          assert.deepEqual(r.retries, { fail: 2, throttle: 0 });
          assert.equal(r.failures, 1, "one call is one piece of evidence");
          assert.deepEqual(r.json.retry, { status: "exhausted", attempt: 3, max_attempts: 3, next_retry_in_seconds: null });
          assert.ok(r.ms < 10_500, `${r.ms} ms`);
          await w.loggedOnce(r);
          await w.idle();
        });
    });

  describe("answers and retries", { concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start()));
    after(() => w.leaveNothing());

    for (const [name, behaviour, expected] of CONTENT)
      test(`${name}: told once, and no failure`, async () => {
        await w.meet(behaviour);
        const r = await w.watched(() => w.read());
        problem(r, expected);
        assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [1, { local: 1 }, 0]);
        await w.loggedOnce(r);
      });

    for (const [name, behaviour] of ODD)
      test(`${name}: read all the same`, async () => {
        await w.meet(behaviour);
        const r = await w.watched(() => w.read());
        assert.equal(r.status, 200, r.text);
        assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [1, { ok: 1 }, 0]);
      });

    test("501 is an answer: not repeated, not a failure", async () => {
      await w.meet(status(501));
      const r = await w.watched(() => w.read());
      problem(r, fault);
      assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [1, { ok: 1 }, 0]);
      await w.loggedOnce(r);
    });

    test("interim answers before the good one are noise, also what they say", async () => {
      await w.meet(says(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nRetry-After: 600\r\nContent-Length: 5\r\n\r\n${whole(200, TEXT)}`));
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 200, r.text);
      assert.deepEqual([r.seen.requests, r.outcomes], [1, { ok: 1 }]);
    });

    test("no length at all, and a length beside chunks, are read as HTTP reads them", async () => {
      await w.meet(saysAndEnds(head(200) + TEXT));
      assert.equal((await w.read()).status, 200);
      await w.meet(says(head(200, { "Content-Length": 3, "Transfer-Encoding": "chunked" }) + chunk(TEXT) + "0\r\n\r\n"));
      assert.equal((await w.read()).status, 200);
    });

    test("a fault that ends is survived by a retry, and said", async () => {
      await w.rest();
      await w.meet(inTurn(resets, says(whole(200, "{")), polite));
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 200, r.text);
      assert.equal(r.headers.get("ava-attempts"), "3");
      assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [3, { fail: 2, ok: 1 }, 1]);
      await w.loggedOnce(r);
    });

    test("a redirect elsewhere is not followed: not one byte, no connection", async () => {
      let connections = 0;
      const other = createServer((s) => (connections++, s.destroy()));
      await new Promise((done) => other.listen(0, "127.0.0.1", done));
      for (const code of [301, 302, 303, 307, 308]) {
        await w.rest();
        await w.meet(redirects(code, `http://127.0.0.1:${other.address().port}/assistant/x`));
        const r = await w.read();
        problem(r, garbage);
        assert.equal(r.json.upstream_status, code);
        await w.loggedOnce(r);
      }
      assert.equal(connections, 0);
      other.close();
    });
  });

  describe("written to", { concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start()));
    after(() => w.leaveNothing());
    const onPatch = (behaviour) => (wire, r) => (r.method === "PATCH" ? behaviour : polite)(wire, r);

    for (const [name, behaviour, code, words] of [
      ["resets", resets, "provider_error", "The connection to Vapi failed."],
      ["cuts the body", long({ "Content-Length": TEXT.length + 10 }), "provider_error", "The connection to Vapi failed."],
      ["answers garbage", says(whole(200, "<html>")), "provider_bad_response", "Vapi answered something that is not what it documents."],
      ["answers 500", status(500), "provider_error", "Vapi reports a fault of its own."],
    ])
      test(`${name} after the change was sent: says that it may have gone through`, async () => {
        await w.rest();
        await w.meet(onPatch(behaviour));
        const r = await w.watched(() => w.write());
        problem(r, [502, code, `${words} ${MAYBE}`]);
        assert.deepEqual(r.seen.methods, ["GET", "PATCH", "PATCH", "PATCH"], "absolute values may be sent again");
        assert.deepEqual(r.outcomes, { ok: 1, fail: 3 });
        await w.loggedOnce(r);
        await w.idle();
      });

    test("breaks while the assistant is read first: nothing is sent, nothing was changed", async () => {
      await w.rest();
      await w.meet(resets);
      const r = await w.write();
      problem(r, failed);
      assert.deepEqual(r.seen.methods, ["GET", "GET", "GET"]);
      await w.loggedOnce(r);
    });
  });

  describe("a provider that asks for patience", { concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start()));
    after(() => w.leaveNothing());
    const NOW = "Fri, 20 Nov 2026 08:00:00 GMT", LATER = "Fri, 20 Nov 2026 08:01:30 GMT", EARLIER = "Fri, 20 Nov 2026 07:00:00 GMT", LONG_AGO = "Fri, 20 Nov 2020 08:01:30 GMT";

    for (const [name, fields, seconds] of [
      ["seconds", { "Retry-After": "7" }, 7],
      ["seconds with spaces", { "Retry-After": "  7  " }, 7],
      ["decimals, rounded up", { "Retry-After": "6.2" }, 7],
      ["a date, against its own clock", { "Retry-After": LATER, Date: NOW }, 90],
      ["a date without a Date, over by Ava's clock: as if absent", { "Retry-After": LONG_AGO }, 1],
      ["a date in the past: as if absent", { "Retry-After": EARLIER, Date: NOW }, 1],
      ["a date with a broken Date, over by Ava's clock: as if absent", { "Retry-After": LONG_AGO, Date: "today" }, 1],
      ["a date in the form of asctime", { "Retry-After": "Fri Nov 20 08:01:30 2026", Date: NOW }, 90],
      ["a date in the form of RFC 850", { "Retry-After": "Friday, 20-Nov-26 08:01:30 GMT", Date: NOW }, 90],
      ["a negative number: as if absent", { "Retry-After": "-7" }, 1],
      ["nonsense: as if absent", { "Retry-After": "soon" }, 1],
      ["half nonsense: as if absent", { "Retry-After": "7 seconds" }, 1],
      ["nothing", {}, 1],
      ["an empty one: as if absent", { "Retry-After": "" }, 1],
      ["a day", { "Retry-After": "86400" }, 86_400],
      ["a time since 1970: as if absent", { "Retry-After": "1795999999" }, 1],
      ["far too much: as if absent", { "Retry-After": "99999999999999999999999" }, 1],
    ])
      test(`${name}`, async () => {
        await w.meet(status(429, fields));
        const r = await w.watched(() => w.read({ ms: 900 })); // no time to wait even one second
        problem(r, [429, "provider_rate_limited", `Vapi asks us to slow down. Try again in ${seconds} s.`]);
        assert.equal(r.headers.get("retry-after"), String(seconds));
        assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [1, { throttle: 1 }, 0]);
        assert.equal(r.json.retry.next_retry_in_seconds, seconds);
        const next = await w.read({ ms: 900 });
        assert.equal(next.status, 429, "the gate answers by itself");
        assert.equal(next.seen.requests, 1);
        await w.loggedOnce(r);
      });

    test("zero: at once again, three times", async () => {
      await w.rest();
      await w.meet(status(429, { "Retry-After": "0" }));
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 429);
      assert.deepEqual([r.seen.requests, r.outcomes, r.retries], [3, { throttle: 3 }, { fail: 0, throttle: 2 }]);
      assert.ok(r.ms < 1500, `${r.ms} ms`);
    });

    test("what fits into the time is waited for, and not less", async () => {
      await w.rest();
      await w.meet(inTurn(status(429, { "Retry-After": "0.5" }), polite));
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 200, r.text);
      assert.equal(r.headers.get("ava-attempts"), "2");
      assert.deepEqual([r.outcomes, r.retries], [{ throttle: 1, ok: 1 }, { fail: 0, throttle: 1 }]);
      assert.ok(r.ms >= 1000, `${r.ms} ms`);
      assert.equal((await w.a.metric("retry_success_total", { service: "vapi" })) >= 1, true);
    });
  });

  describe("kept connections", { concurrency: 1 }, () => {
    let w;
    before(async () => (w = await World.start({ AVA_THREADS: "1" }))); // one pool
    after(() => w.leaveNothing());
    const onceEach = (then) => (wire, r) => (wire.served ? then(wire, r) : ((wire.served = true), polite(wire, r)));

    test("one that closes under the next request costs one of the attempts, not the answer", async () => {
      await w.rest();
      await w.meet(onceEach(hangsUp));
      await w.rude.dropAll();
      assert.equal((await w.read()).status, 200);
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 200, r.text);
      assert.equal(r.headers.get("ava-attempts"), "2");
      assert.deepEqual([r.seen.requests, r.outcomes, r.retries], [3, { fail: 1, ok: 1 }, { fail: 1, throttle: 0 }]);
    });

    test("a write survives it too, and is sent twice, not more", async () => {
      await w.rest();
      await w.meet((wire, r) => (r.method === "PATCH" && wire.served ? hangsUp(wire) : ((wire.served = true), polite(wire, r))));
      const r = await w.watched(() => w.write());
      assert.equal(r.status, 200, r.text);
      assert.deepEqual(r.seen.methods, ["GET", "PATCH", "PATCH"]);
    });

    test("thirty that were closed while idle: thirty good answers, each asked for once", async () => {
      await w.rest();
      await w.meet((wire, r) => setTimeout(() => polite(wire, r), 30));
      await Promise.all(Array.from({ length: 30 }, () => w.read()));
      const before = w.rude.seen(w.people[0].api).requests;
      assert.ok(w.rude.wires.size >= 10, `${w.rude.wires.size} kept`);
      await w.rude.dropAll();
      const answers = await Promise.all(Array.from({ length: 30 }, () => w.read()));
      assert.deepEqual([...new Set(answers.map((r) => `${r.status} ${r.headers.get("ava-attempts")}`))], ["200 null"]);
      assert.equal(w.rude.seen(w.people[0].api).requests - before, 30);
    });

    test("a second answer nobody asked for never becomes the next one", async () => {
      const poison = whole(200, assistant({ firstMessage: "of somebody else" }));
      for (const late of [false, true]) {
        await w.meet((wire) => {
          wire.send(late ? whole(200, TEXT) : Buffer.concat([whole(200, TEXT), poison]));
          if (late) wire.send("", () => wire.send(poison, () => (wire.poisoned = true)));
        });
        for (let n = 0; n < 5; n++) {
          const r = await w.read();
          assert.equal(r.status, 200, r.text);
          assert.doesNotMatch(r.text, /of somebody else/);
          if (late) await until(() => [...w.rude.wires].every((wire) => !wire.keys.has(w.people[0].api) || wire.poisoned));
        }
      }
    });
  });

  floodTests("ten megabytes and more, thirty at a time", 30, [
    ["as chunks", head(200, { "Transfer-Encoding": "chunked" }), `1000\r\n${"x".repeat(4096)}\r\n`],
    ["until the connection ends", head(200), "x"],
    ["as fields", "HTTP/1.1 200 OK\r\n", `X-Flood: ${"y".repeat(100)}\r\n`],
  ]);

  describe("a slow provider", { concurrency: 8 }, () => {
    let both;
    before(async () => {
      both = await Promise.all([World.start(), World.start()]);
      for (const w of both) await w.rest();
    });
    after(() => Promise.all(both.map((w) => w.leaveNothing())));

    // Each caller has a workspace of its own; three may retry at the same time.
    for (const [n, name, behaviour, attempts, least, words, write] of [
      [0, "accepts and never answers", never, 3, 9500, LATE],
      [0, "sends the head one byte a second", trickledHead, 3, 9500, LATE],
      [0, "sends the body one byte a second: given up on early", trickles, 3, 3000, LATE],
      [1, "says 100 Continue and nothing more", says("HTTP/1.1 100 Continue\r\n\r\n"), 3, 9500, LATE],
      [1, "switches protocols and says nothing more", says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), 3, 9500, LATE],
      [1, "never answers a change", (wire, r) => r.method === "GET" && polite(wire, r), 4, 9500, `Vapi did not answer in time. ${MAYBE}`, true],
    ])
      test(name, async () => {
        const w = both[n], who = (w.used = (w.used ?? 0) + 1) && w.people[w.used];
        await w.meet(behaviour, who);
        const r = await (write ? w.write({ who }) : w.read({ who }));
        problem(r, [504, "provider_timeout", words]);
        assert.ok(r.ms >= least && r.ms < 11_500, `${r.ms} ms`); // the total of 10 s, and a busy machine
        assert.equal(r.seen.requests, attempts);
        await w.loggedOnce(r);
      });

    test("an impatient caller is answered in time and is no evidence against the provider", async () => {
      const w = await World.start({ CIRCUIT_BREAKER_ENABLED: "true" });
      await w.meet(never);
      const r = await w.watched(async () => {
        const all = await Promise.all(Array.from({ length: 6 }, () => w.read({ ms: 300 })));
        return all[0];
      });
      problem(r, [504, "provider_timeout", LATE]);
      assert.ok(r.ms >= 280 && r.ms < 1500, `${r.ms} ms`);
      assert.deepEqual([r.seen.requests, r.outcomes, r.failures], [6, { local: 6 }, 0]);
      assert.equal(await w.a.metric("circuit_breaker_state", { service: "vapi" }), 0);
      await w.leaveNothing();
    });

    test("garbage opens a breaker as a dead wire does, and manners close it", async () => {
      const w = await World.start({ CIRCUIT_BREAKER_ENABLED: "true", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: "1" });
      await w.meet(says(whole(200, "<html>")));
      for (let n = 0; n < 3; n++) problem(await w.read(), garbage);
      const { requests } = w.rude.seen(w.people[0].api);
      assert.equal(requests, 7, "the failure that opens a breaker is not retried");
      const r = await w.watched(() => w.read());
      assert.equal(r.status, 503);
      assert.equal(r.json.code, "provider_unavailable");
      assert.deepEqual([r.seen.requests, r.outcomes], [requests, {}]);
      await w.loggedOnce(r);
      await w.meet(polite);
      await until(async () => (await w.a.metric("circuit_breaker_state", { service: "vapi" })) === 1, { what: "half open" });
      for (let n = 0; n < 2; n++) assert.equal((await w.read()).status, 200);
      assert.equal(await w.a.metric("circuit_breaker_state", { service: "vapi" }), 0);
      await w.leaveNothing();
    });
  });
});

// What is JSON is read to the limit, which takes this machine's time: after all the others.
describe("a provider that goes on", { skip: missing }, () => {
  floodTests("for 16 MiB and more", 4, [
    ["as one text", `${head(200)}{"x":"`, "y"],
    ["as one list", `${head(200)}[`, "1,"],
  ]);
});
