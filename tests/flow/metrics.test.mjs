// What monitoring reads: two text forms, checked with the real promtool, bounded whatever callers send.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ava, avaBeside, missing, until } from "../lib/ava.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const promtool = spawnSync("promtool", ["--version"]).error ? "no promtool: run tools/deps install test" : false;
const PROMETHEUS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
const TRACE = "0af7651916cd43dd8448eb211c80319c";

function check(text) {
  const r = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.equal(r.status, 0, r.stdout + r.stderr);
}

// Sends bytes as they are, and waits for the end of the answer.
function send(a, bytes) {
  return new Promise((done, fail) => {
    const socket = connect(a.port, "127.0.0.1", () => socket.write(bytes)).on("error", fail);
    socket.on("data", () => {}).on("close", done);
  });
}

describe("metrics", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a.remove());

  const text = async (accept) => a.call("/metrics", { key: null, headers: accept ? { Accept: accept } : {} });
  const families = (t) => new Set([...t.matchAll(/^# TYPE (\S+)/gm)].map((m) => m[1]));

  test("are clean under promtool before anything happened", { skip: promtool }, async () => check((await text()).text));

  test("are what the reference says, each from the start but where labels are open", async () => {
    const here = families((await text()).text);
    for (const name of ["circuit_breaker_state", "backup_last_success_timestamp_seconds", "tls_certificate_expiry_timestamp_seconds", "disk_free_bytes", "db_wal_bytes", "clock_jump_seconds", "process_open_fds", "process_max_fds", "process_resident_memory_bytes", "process_start_time_seconds", "process_cpu_seconds_total", "log_messages_total", "calls_ended_total"]) assert.ok(here.has(name), name);
    const all = await a.metrics();
    for (const service of ["vapi", "twilio", "resend", "smtp", "google", "microsoft", "destination"]) assert.equal(all.get(`circuit_breaker_state{service="${service}"}`), 0, service);
    assert.ok(Math.abs(all.get("process_start_time_seconds") - Date.now() / 1000) < 120);
    assert.ok(all.get("process_open_fds") > 5 && all.get("process_open_fds") < all.get("process_max_fds"));
    assert.ok(all.get("process_resident_memory_bytes") > 1e6 && all.get("process_cpu_seconds_total") > 0);
    assert.ok(all.get("disk_free_bytes") > 0 && all.get("disk_size_bytes") >= all.get("disk_free_bytes"));
  });

  test("have the form that Accept would rather have", async () => {
    for (const [accept, open] of [[undefined, false], ["*/*", false], ["text/plain", false], [PROMETHEUS, true], ["application/openmetrics-text", true], ["application/openmetrics-text;q=0.2, text/plain", false], ["application/openmetrics-text;version=0.0.1", false], ["application/openmetrics-text;q=0", false], ["text/html,application/xhtml+xml,*/*;q=0.8", false], [";;;,,q=", false]]) {
      const r = await text(accept);
      assert.equal(r.status, 200);
      assert.equal(r.headers.get("content-type"), open ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8", accept);
      assert.equal(r.headers.get("vary"), "Accept, Accept-Encoding");
      assert.equal(r.headers.get("content-encoding"), "gzip", "fetch takes it");
      assert.equal(r.text.endsWith("\n# EOF\n"), open, accept);
      assert.ok(families(r.text).has(open ? "log_messages" : "log_messages_total"));
    }
  });

  test("show with OpenMetrics the trace of a slow or failed request, where it is sampled", async () => {
    await a.call("/api/v1/no/such", { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } });
    await a.call("/api/v1/auth/me", { headers: { traceparent: "00-11111111111111111111111111111111-00f067aa0ba902b7-00" } });
    const open = (await text(PROMETHEUS)).text;
    assert.match(open, new RegExp(`^http_server_request_duration_seconds_bucket\\{.*status="404",le="[0-9.]+"\\} \\d+ # \\{trace_id="${TRACE}"\\} 0\\.\\d+ \\d+\\.\\d{3}$`, "m"));
    assert.doesNotMatch(open, /1{32}/, "a trace that is not sampled leads nowhere");
    assert.doesNotMatch((await text()).text, /trace_id/);
  });

  test("say at once that the breaker of the only workspace is open, also right after its key was tried out", async () => {
    const saved = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: "metrics-vapi-key-000001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
    assert.equal(saved.status, 200, saved.text);
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    for (let i = 0; i < 3; i++) assert.equal((await a.call("/api/v1/vapi/settings")).status, 502);
    assert.equal(await a.metric("circuit_breaker_state", { service: "vapi" }), 2);
    assert.equal(await a.metric("log_messages_total", { level: "error", code: "provider_error" }), 3);
    await a.fault({ provider: "vapi", fault: "none" });
    const status = await avaBeside(["status", "--json", "--data-dir", a.data]);
    assert.deepEqual(JSON.parse(status.stdout).providers.find((p) => p.name === "vapi").breaker, "open", status.stdout);
    assert.match((await avaBeside(["status", "--data-dir", a.data])).stdout, /^vapi +open +back in \d+ s$/m);
  });

  test("time reads by the table that they begin with, and transactions; a bounded number of them", async () => {
    assert.equal((await a.call("/api/v1/calls")).status, 200);
    const all = [...(await a.metrics()).entries()].filter(([name]) => name.startsWith("db_query_duration_seconds_count"));
    const of = Object.fromEntries(all.map(([name, n]) => [/query="([^"]*)"/.exec(name)[1], n]));
    for (const query of ["commit", "SELECT api_keys", "SELECT calls"]) assert.ok(of[query] > 0, `${query} in ${JSON.stringify(of)}`);
    assert.ok(Object.keys(of).length < 64 && Object.keys(of).every((q) => /^(commit|[A-Z]+( [a-z_]+)?)$/.test(q)), Object.keys(of).join());
  });

  test("count each call once, by why it ended and what it cost, however often that is told", async () => {
    const SECRET = "what-vapi-sends-with-each-message", path = new URL((await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server).pathname;
    const put = await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "metrics-vapi-key-000001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    assert.equal(put.status, 200, put.text);
    const tell = async (body) => {
      const raw = JSON.stringify(body);
      const r = await a.call(path, { key: null, method: "POST", raw, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: a.base + path, body: raw }) } });
      assert.equal(r.status, 200, r.text);
    };
    for (const [id, reason, cost] of [["5b1d9c40-7777-4000-8000-00000000000a", "customer-ended-call", 0.0725], ["5b1d9c40-7777-4000-8000-00000000000b", "pipeline-error-openai-401-unauthorized", 0.01], ["5b1d9c40-7777-4000-8000-00000000000c", "a-reason-nobody-has-heard-of", 0]]) {
      await tell(message("status-update", { id }, { status: "ended", endedReason: reason }));
      for (const at of ["20.000", "21.000"]) await tell(message("end-of-call-report", { id }, { endedReason: reason, startedAt: "2026-11-20T10:00:00.000Z", endedAt: `2026-11-20T10:01:${at}Z`, cost }));
    }
    await until(async () => (await a.call("/api/v1/events?status=received")).json.events.length === 0, { what: "nothing left to work on" });
    const ended = [...(await a.metrics())].filter(([name, n]) => name.startsWith("calls_ended_total") && n > 0);
    assert.deepEqual(ended, [['calls_ended_total{reason="customer-ended-call"}', 1], ['calls_ended_total{reason="fault-you"}', 1], ['calls_ended_total{reason="other"}', 1]]);
    assert.ok(Math.abs((await a.metric("calls_cost_dollars_total")) - 0.0825) < 1e-9, String(await a.metric("calls_cost_dollars_total")));
    assert.equal(await a.metric("webhook_oldest_seconds"), 0);
  });

  test("get no more series by odd routes, methods, statuses and senders", async () => {
    const flood = async (from) => {
      const ways = Array.from({ length: 300 }, (_, i) => `/api/v1/${from + i}/odd?${i}`);
      await Promise.all(ways.map((path, i) => a.call(path, { key: i % 2 ? undefined : null, method: ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"][i % 6] })));
      await Promise.all(ways.map((path, i) => a.call(`/webhooks/${i % 2 ? "vapi" : "nobody" + i}/${from + i}/server`, { key: null, raw: "{}" })));
      await Promise.all(["BREW", "PROPFIND", "get", "X".repeat(40)].flatMap((m) => ways.slice(0, 20).map((path) => send(a, `${m} ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`))));
      return (await a.metrics()).size;
    };
    const once = await flood(0);
    assert.equal(await flood(1000), once);
    assert.equal(await a.metric("metric_series_refused_total"), 0);
  });

  test("are clean under promtool after all that", { skip: promtool }, async () => check((await text()).text));
});
