// Traces by OTLP, read with OpenTelemetry's own code: which spans there are and whose they are, one trace from a request over
// the provider's webhook to the customer, what is sampled, and collectors that misbehave.
import assert from "node:assert/strict";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";
import { answer, Collector, undecodable } from "../lib/collector.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { Scripted } from "../lib/scripted.mjs";

const skip = missing || undecodable;
const KIND = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };
const TRACE = "0af7651916cd43dd8448eb211c80319c", PARENT = "b7ad6b7169203331";
const TO = "+33612345678";

const traced = (collector, more = {}) => ({
  AVA_LOG_LEVEL: "warn",
  CIRCUIT_BREAKER_ENABLED: "false",
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  OTEL_BSP_SCHEDULE_DELAY: "50",
  ...more,
});
const told = (a) => a.stderr.split("\n").filter((l) => l.includes('"event":"traces"')).map((l) => JSON.parse(l));
const counted = async (a, result) => (await a.metric("traces_spans_total", { result })) ?? 0;

for (const protocol of ["http/protobuf", "http/json"])
  describe(`one trace, ${protocol}`, { skip, concurrency: 1 }, () => {
    let a, collector, receiver, sandbox;
    before(async () => {
      collector = await Collector.start();
      a = await Ava.start({ env: traced(collector, { OTEL_EXPORTER_OTLP_PROTOCOL: protocol, OTEL_SERVICE_NAME: "ava-at-work", OTEL_EXPORTER_OTLP_HEADERS: "x-key=a%20secret%2Ckey" }) });
      await a.signUp();
      sandbox = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
      const { api_key, assistant_id, default_number_id } = sandbox;
      assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key, assistant_id, default_number_id } })).status, 200);
      await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
      receiver = await Receiver.start();
      const made = await a.call("/api/v1/destinations", { body: { url: `${receiver.url}?token=in-the-query`, events: ["call.ended"] } });
      assert.equal(made.status, 201, made.text);
      receiver.secrets.push(made.json.secret);
    });
    after(async () => {
      await receiver.stop();
      await a.remove();
      await collector.stop();
    });

    test("from the caller's own span over the call, its webhook and its event to the customer", async () => {
      const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: "rojo=1,congo=2", "X-Correlation-ID": "order-4711" };
      const r = await a.call("/api/v1/calls", { body: { to: TO }, headers });
      assert.equal(r.status, 201, r.text);
      for (const seconds of [3, 30]) await a.advance(seconds);
      receiver.skewMs = 33_000;
      await until(() => receiver.taken().length, { what: "the delivery" });
      const of = (fits) => collector.span((s) => s.trace === TRACE && fits(s));

      const request = await of((s) => s.kind === KIND.server);
      assert.equal(request.name, "POST /api/v1/calls");
      assert.equal(request.parent, PARENT);
      assert.equal(request.flags, 0x301);
      assert.equal(request.state, "rojo=1,congo=2");
      assert.equal(r.headers.get("traceparent"), `00-${TRACE}-${request.id}-01`);
      assert.deepEqual(request.attributes, { "http.request.method": "POST", "http.route": "/api/v1/calls", "http.response.status_code": 201, "ava.correlation_id": "order-4711" });
      assert.deepEqual([request.resource["service.name"], request.scope], ["ava-at-work", "ava"]);
      assert.ok(Math.abs(request.startMs - Date.now()) < 120_000);

      const operation = await of((s) => s.name === "operation call.create");
      assert.deepEqual([operation.parent, operation.kind, operation.attributes["ava.operation.id"]], [request.id, KIND.internal, r.json.operation_id]);
      assert.equal(operation.attributes["ava.operation.state"], "succeeded");

      const attempt = await of((s) => s.name.startsWith("POST call"));
      assert.deepEqual([attempt.parent, attempt.kind, attempt.failed], [operation.id, KIND.client, false]);
      assert.equal(attempt.attributes["http.request.method"], "POST");
      assert.equal(attempt.attributes["http.response.status_code"], 201);
      assert.equal(attempt.attributes["server.address"], "127.0.0.1");
      assert.equal(attempt.attributes["server.port"], Number(new URL(sandbox.base_url).port));
      assert.equal(attempt.attributes["ava.outcome"], "ok");

      const commit = await of((s) => s.name === "COMMIT settle_write" && s.parent === operation.id);
      assert.deepEqual([commit.kind, commit.attributes["db.system.name"]], [KIND.client, "sqlite"]);
      await of((s) => s.name.startsWith("SELECT ") && s.attributes["db.query.summary"] === s.name);

      const ended = receiver.taken()[0];
      const event = await of((s) => s.kind === KIND.consumer && s.attributes["messaging.message.id"] === ended.data.event_id);
      assert.deepEqual([event.name, event.parent, event.state], ["process events", request.id, "rojo=1,congo=2"]);
      const webhook = await collector.span((s) => s.id === event.links[0]?.id);
      assert.deepEqual([webhook.trace, webhook.kind], [event.links[0].trace, KIND.server]);
      assert.match(webhook.name, /^POST \/webhooks\/vapi\/\{/);

      const delivery = await of((s) => s.kind === KIND.producer);
      assert.deepEqual([delivery.name, delivery.parent, delivery.attributes["messaging.message.id"]], ["send deliveries", event.id, ended.id]);
      const sent = await of((s) => s.name === "POST delivery");
      assert.equal(sent.parent, delivery.id);
      assert.equal(ended.headers.traceparent, `00-${TRACE}-${sent.id}-01`);
      assert.equal(ended.headers.tracestate, "rojo=1,congo=2");

      const job = await collector.span((s) => s.name === "job inbox");
      assert.notEqual(job.trace, TRACE);
      assert.equal(job.parent, "");
    });

    test("nothing of it is a secret, a number, an address or a path", async () => {
      await collector.span((s) => s.kind === KIND.producer);
      const all = JSON.stringify(collector.spans);
      for (const word of [TO, TO.slice(1), sandbox.api_key, a.key, "in-the-query", "secret,key", "ada@example.com", "whsec_", "/ava?"]) assert.equal(all.includes(word), false, word);
      for (const s of collector.spans) assert.equal(/\/webhooks\/vapi\/[^{]/.test(JSON.stringify(s)), false);
      for (const r of collector.requests) assert.deepEqual([r.headers["x-key"], r.method, r.path], ["a secret,key", "POST", "/v1/traces"]);
      assert.deepEqual(collector.wrong, []);
      assert.equal(collector.spans.some((s) => /health|metrics/.test(s.name)), false);
    });

    test("what fails says why, in each span of its way", async () => {
      await a.fault({ provider: "vapi", fault: "status", status: 503, operation: "GET /assistant" });
      const r = await a.call("/api/v1/vapi/settings/voice_speed", { method: "PUT", body: { value: 1.1 }, headers: { "X-Correlation-ID": "it-fails-1" } });
      await a.fault({ provider: "vapi", fault: "none" });
      assert.ok(r.status >= 500, r.text);
      const request = await collector.span((s) => s.attributes["ava.correlation_id"] === "it-fails-1");
      assert.deepEqual([request.failed, request.attributes["error.type"]], [true, r.json.code]);
      const failed = await collector.span((s) => s.failed && s.trace === request.trace && s.kind === KIND.client);
      assert.deepEqual([failed.attributes["http.response.status_code"], failed.attributes["error.type"]], [503, "503"]);
      assert.equal(failed.attributes["ava.outcome"], "fail");
      assert.equal(failed.attributes["ava.operation"].startsWith("assistant"), true);
      const again = collector.spans.filter((s) => s.trace === request.trace && s.kind === KIND.client && s.attributes["http.request.resend_count"]);
      assert.deepEqual(again.map((s) => s.attributes["http.request.resend_count"]), [1, 2]);
    });
  });

describe("what is sampled", { skip, concurrency: 1 }, () => {
  let a, collector, vapi;
  before(async () => {
    collector = await Collector.start();
    vapi = await Scripted.start([["GET", /^\/assistant/, { status: 503, json: {} }], ["GET", /./, { status: 200, json: [] }], ["POST", /^\/call/, { status: 503, json: {} }]]);
    a = await Ava.start({ verb: "serve", env: traced(collector, { OTEL_TRACES_SAMPLER_ARG: "0", VAPI_BASE_URL: vapi.base }) });
    await a.signUp();
    const put = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "sampled-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", default_number_id: "5b0a4a08-133c-4146-9315-0984f8c6be81" } });
    assert.equal(put.status, 200, put.text);
  });
  after(async () => {
    await a.remove();
    await vapi.stop();
    await collector.stop();
  });
  const fail = async (correlation) => {
    const r = await a.call("/api/v1/vapi/settings/voice_speed", { method: "PUT", body: { value: 1.1 }, headers: { "X-Correlation-ID": correlation } });
    assert.ok(r.status >= 500, r.text);
    return r;
  };
  const errorSeen = (correlation) => collector.span((s) => s.kind === KIND.server && s.attributes["ava.correlation_id"] === correlation, correlation);

  test("at the ratio 0 what ends well is not, and what ends in an error is, with all below it", async () => {
    for (let i = 0; i < 20; i++) assert.equal((await a.call("/api/v1/calls")).status, 200);
    const r = await fail("an-error-1");
    const request = await errorSeen("an-error-1");
    assert.ok(request.failed);
    assert.equal(request.attributes["error.type"], r.json.code);
    assert.equal(request.flags & 1, 0, "not sampled, kept for its error");
    const attempts = collector.spans.filter((s) => s.parent === request.id && s.attributes["ava.provider"] === "vapi");
    assert.ok(attempts.length >= 1 && attempts.every((s) => s.failed));
    const sent = vapi.seen.filter((one) => one.path.startsWith("/assistant"));
    assert.deepEqual(sent.map((one) => one.headers.traceparent), attempts.map((s) => `00-${s.trace}-${s.id}-00`));
    assert.equal(collector.spans.some((s) => !s.failed && s.kind === KIND.server), false);
  });

  test("so is an operation whose request ended well", async () => {
    const r = await a.call("/api/v1/calls", { body: { to: TO }, headers: { "X-Correlation-ID": "unknown-1" } });
    assert.equal(r.status, 202, r.text);
    const operation = await collector.span((s) => s.name === "operation call.create");
    assert.deepEqual([operation.failed, operation.attributes["error.type"], operation.attributes["ava.operation.state"]], [true, "outcome_unknown", "unknown"]);
    const attempt = collector.spans.find((s) => s.parent === operation.id && s.attributes["ava.provider"] === "vapi");
    assert.equal(attempt.attributes["error.type"], "503");
    assert.equal(r.headers.get("traceparent"), `00-${operation.trace}-${operation.parent}-00`);
  });

  test("a caller that samples is heard, up to some traces a second", async () => {
    const ask = (id, flags) => a.call("/api/v1/calls", { headers: { traceparent: `00-${id}-${PARENT}-${flags}`, tracestate: "a=1" } });
    const one = "1".repeat(32);
    await ask(one, "01");
    await collector.span((s) => s.trace === one);
    const ids = Array.from({ length: 300 }, (_, i) => (i + 1).toString(16).padStart(32, "0"));
    const began = Date.now();
    await Promise.all(ids.map((id) => ask(id, "01")));
    const seconds = Math.ceil((Date.now() - began) / 1000) + 1;
    await fail("an-error-2");
    await errorSeen("an-error-2");
    const kept = ids.filter((id) => collector.spans.some((s) => s.trace === id)).length;
    assert.ok(kept >= 1 && kept <= 20 * seconds, `${kept} in ${seconds} s`);
    const r = await ask("2".repeat(32), "00");
    assert.match(r.headers.get("traceparent"), /-00$/);
  });

  test("a provider gets the caller's tracestate too", async () => {
    await a.call("/api/v1/calls", { body: { to: TO }, headers: { traceparent: `00-${TRACE}-${PARENT}-00`, tracestate: "rojo=1" } });
    const { headers } = vapi.seen.findLast((one) => one.method === "POST");
    assert.equal(headers.tracestate, "rojo=1");
    assert.match(headers.traceparent, new RegExp(`^00-${TRACE}-`));
  });
});

describe("a collector that misbehaves", { skip, concurrency: 4 }, () => {
  const HTML = { status: 200, headers: { "Content-Type": "text/html" }, body: "<html><h1>It works!</h1></html>" };
  // what it does, what is said of it, what becomes of the spans; again: the same spans are sent once more
  const FAULTS = [
    ["answers garbage", { body: Buffer.from("ffffffffffffffffffff", "hex") }, /not OTLP/, "not_told"],
    ["answers a page", HTML, /not OTLP/, "not_told"],
    ["answers without an end", { then: "endless" }, /far too long|in time/, undefined],
    ["takes some of them", { body: answer_of({ partialSuccess: { rejectedSpans: 1, errorMessage: "\u001b[31mno" } }) }, /only some/, "refused"],
    ["says it took fewer than none", { body: answer_of({ partialSuccess: { rejectedSpans: -5 } }) }, /not OTLP/, "not_told"],
    ["redirects", { status: 307, headers: { Location: "http://127.0.0.1:9/v1/traces" } }, /redirects/, "refused"],
    ["knows no such path", { status: 404 }, /knows no \/v1\/traces/, "refused"],
    ["refuses the key", { status: 401 }, /OTEL_EXPORTER_OTLP_HEADERS/, "refused"],
    ["does not read it", { status: 400 }, /OTEL_EXPORTER_OTLP_PROTOCOL/, "refused"],
    ["finds it too large", { status: 413 }, /smaller requests/, "too_large"],
    ["asks for patience", { status: 429, headers: { "Retry-After": "1" } }, /slow down/, "again"],
    ["is not available", { status: 503, headers: { "Retry-After": "soon" } }, /not available/, "again"],
    ["answers with no HTTP", { raw: "SSH-2.0-OpenSSH_9.2\r\n", then: "cut" }, /not HTTP|breaks/, "again"],
    ["hangs up", { raw: "", then: "cut" }, /breaks/, "again"],
    ["does not answer", { raw: "", then: "hang" }, /in time/, "again"],
    ["stops in the middle", { raw: "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", then: "cut" }, /breaks/, "again"],
  ];
  function answer_of(fields) {
    return undecodable ? "" : answer(fields);
  }

  for (const [name, does, why, then] of FAULTS)
    test(`it ${name}: nobody is held up, it is told once, and once that it works again`, async () => {
      const collector = await Collector.start();
      collector.behave = () => does;
      // Short where it has to be waited for; elsewhere a busy machine must not be taken for a slow collector.
      const patience = ["hang", "endless"].includes(does.then) ? "500" : "5000";
      const a = await Ava.start({ env: traced(collector, { AVA_LOG_LEVEL: "info", OTEL_EXPORTER_OTLP_TIMEOUT: patience }) });
      try {
        await a.signUp();
        const began = Date.now();
        assert.equal((await a.call("/api/v1/calls")).status, 200);
        await until(() => told(a).length, { what: "what is said of it" });
        for (let i = 0; i < 20; i++) assert.equal((await a.call("/api/v1/calls")).status, 200);
        assert.ok(Date.now() - began < 10_000);
        const tried = collector.requests.length;
        await until(async () => (await a.call("/api/v1/calls")) && collector.requests.length > tried, { what: "another request", every: 50 });
        assert.match(told(a)[0].why, why);
        assert.equal(told(a)[0].taken, "no");
        if (then && then !== "again") await until(() => counted(a, then), { what: then });
        const first = collector.requests[0].spans.map((s) => s.id).sort();
        collector.behave = () => ({});
        await until(async () => (await a.call("/api/v1/calls"), told(a).length > 1), { what: "that it works again", ms: 30_000, every: 100 });
        assert.deepEqual(told(a).map((l) => l.taken), ["no", "yes"], "once each");
        await until(() => counted(a, "exported"), { what: "exported spans" });
        if (then === "again") assert.deepEqual(collector.requests.find((r, i) => i && r.spans.some((s) => s.id === first[0])).spans.map((s) => s.id).sort(), first);
      } finally {
        await a.remove();
        await collector.stop();
      }
    });

  test("it is not there: what fits is kept and sent when it comes", async () => {
    const away = await Collector.start();
    await away.stop();
    const a = await Ava.start({ env: traced(away, { AVA_LOG_LEVEL: "info", OTEL_BSP_MAX_QUEUE_SIZE: "512" }) });
    await a.signUp();
    await until(() => told(a).length, { what: "what is said of it" });
    assert.match(told(a)[0].why, /nobody answers/);
    for (let i = 0; i < 10; i++) await Promise.all(Array.from({ length: 60 }, () => a.call("/api/v1/calls")));
    assert.ok((await counted(a, "queue_full")) > 0, "more than fits");
    const collector = await Collector.start(away.port);
    try {
      await collector.span((s) => s.name === "GET /api/v1/calls");
      await until(() => told(a).length > 1, { what: "that it works again" });
      assert.equal(told(a).length, 2);
    } finally {
      await a.remove();
      await collector.stop();
    }
  });

  test("it hangs while Ava goes down: that takes no longer than its bound", async () => {
    const collector = await Collector.start();
    collector.behave = () => ({ raw: "", then: "hang" });
    const a = await Ava.start({ env: traced(collector) });
    await a.signUp();
    await until(() => collector.requests.length, { what: "a request" });
    const began = Date.now();
    await a.stop();
    assert.ok(Date.now() - began < 6000, `${Date.now() - began} ms`);
    await a.remove();
    await collector.stop();
  });
});

describe("settings of traces", { skip }, () => {
  test("what waits is sent before Ava ends", async () => {
    const collector = await Collector.start();
    const a = await Ava.start({ env: traced(collector, { OTEL_BSP_SCHEDULE_DELAY: "60000" }) });
    await a.signUp();
    await a.call("/api/v1/calls");
    assert.equal(collector.requests.length, 0);
    await a.stop();
    assert.ok(collector.spans.some((s) => s.name === "GET /api/v1/calls"));
    await a.remove();
    await collector.stop();
  });

  test("a reload turns them on, sends them elsewhere, and turns them off", async () => {
    const [one, other] = [await Collector.start(), await Collector.start()];
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "info" } });
    await a.signUp();
    const reload = async (lines) => {
      const before = a.stderr.split('"event":"reload"').length;
      writeFileSync(`${a.data}/ava.conf`, lines.join("\n") + "\n");
      a.child.kill("SIGHUP");
      await until(() => a.stderr.split('"event":"reload"').length > before, { what: "the reload" });
    };
    const to = (c, more = []) => [`OTEL_EXPORTER_OTLP_ENDPOINT=${c.url}`, "OTEL_BSP_SCHEDULE_DELAY=50", ...more];
    await a.call("/api/v1/calls");
    await reload(to(one));
    await a.call("/api/v1/calls");
    await one.span((s) => s.name === "GET /api/v1/calls");
    await reload(to(other, ["OTEL_EXPORTER_OTLP_PROTOCOL=http/json", "OTEL_SERVICE_NAME=elsewhere"]));
    await a.call("/api/v1/messages");
    const span = await other.span((s) => s.name === "GET /api/v1/messages");
    assert.equal(span.resource["service.name"], "elsewhere");
    assert.equal(one.spans.some((s) => s.name === "GET /api/v1/messages"), false);
    await reload(to(other, ["OTEL_TRACES_SAMPLER_ARG=2"]));
    assert.match(a.stderr, /OTEL_TRACES_SAMPLER_ARG: '2' is not a number from 0 to 1/);
    await reload([]);
    const seen = other.requests.length + one.requests.length;
    for (let i = 0; i < 5; i++) await a.call("/api/v1/calls");
    await a.remove();
    assert.equal(other.requests.length + one.requests.length, seen);
    assert.deepEqual([...one.wrong, ...other.wrong], []);
    await Promise.all([one.stop(), other.stop()]);
  });

  test("a reload gets away from a collector that does not answer", async () => {
    const [stuck, good] = [await Collector.start(), await Collector.start()];
    stuck.behave = () => ({ raw: "", then: "hang" });
    const data = mkdtempSync(join(tmpdir(), "ava-traces-"));
    const to = (c) => writeFileSync(join(data, "ava.conf"), `OTEL_EXPORTER_OTLP_ENDPOINT=${c.url}\nOTEL_BSP_SCHEDULE_DELAY=50\n`);
    to(stuck);
    const a = await Ava.start({ data, env: { AVA_LOG_LEVEL: "info" } });
    await a.signUp();
    await until(() => stuck.requests.length, { what: "a request" });
    to(good);
    a.child.kill("SIGHUP");
    await until(() => a.stderr.includes('"event":"reload"'), { what: "the reload" });
    await a.call("/api/v1/messages");
    await good.span((s) => s.name === "GET /api/v1/messages");
    assert.deepEqual(told(a).filter((l) => /reload/.test(l.then ?? "")), []);
    await a.remove();
    await Promise.all([stuck.stop(), good.stop()]);
  });

  test("check-config judges them", () => {
    const wrong = (env, words) => {
      const r = ava(["check-config"], { env });
      assert.equal(r.status, 78, JSON.stringify(env));
      assert.match(r.stderr, words);
      assert.equal(r.stderr.includes("hidden"), false);
    };
    wrong({ OTEL_EXPORTER_OTLP_ENDPOINT: "localhost:4318" }, /is not an http or https URL/);
    wrong({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:hidden@collector" }, /is not a plain URL/);
    wrong({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318", OTEL_EXPORTER_OTLP_HEADERS: "k=hidden" }, /use https/);
    wrong({ OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" }, /http\/protobuf\|http\/json/);
    wrong({ OTEL_EXPORTER_OTLP_HEADERS: "hidden" }, /not name=value/);
    wrong({ OTEL_TRACES_SAMPLER_ARG: "50%" }, /not a number from 0 to 1/);
    wrong({ OTEL_BSP_MAX_QUEUE_SIZE: "1" }, /too low/);
    assert.equal(ava(["check-config"], { env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" } }).status, 0);
  });
});
