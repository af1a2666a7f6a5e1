// Bears company.
// The dashboards and the alert rules against a real Prometheus that scrapes a running Ava, which has traffic and whose
// providers fail: no panel is empty, and no expression names a series that Ava does not have.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { parse } from "yaml";
import { Ava, missing, root, shared, until } from "../lib/ava.mjs";
import { Prometheus, prometheusMissing, promtoolMissing, selectors } from "../lib/prometheus.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";
import { lacks } from "./peers.mjs";

const require = createRequire(import.meta.url);
const FOLDER = join(root, "ops/grafana/dashboards"), RULES = join(root, "ops/prometheus/alerts.yml");
const SECRET = "what-vapi-sends-with-each-message", TRACE = "0af7651916cd43dd8448eb211c80319c";
const schema = shared("contracts/grafana/dashboard.jsonschema.json");

const boards = readdirSync(FOLDER).filter((f) => f.endsWith(".json")).map((file) => ({ file, ...JSON.parse(readFileSync(join(FOLDER, file))) }));
const panels = boards.flatMap((b) => b.panels.map((p) => ({ board: b.file, ...p })));
const rules = parse(readFileSync(RULES, "utf8")).groups.flatMap((g) => g.rules);

// A window that a short run fills, for one that a person looks at.
const shortened = (expr) =>
  expr.replaceAll("$instance", ".*").replaceAll("[24h:1m]", "[20s:1s]").replaceAll("[1h:1m]", "[20s:1s]").replace(/\[(\d+[smhd]|\$__rate_interval|\$__range)\]/g, "[20s]");

const TITLES = {
  "circuit_breaker_health.json": ["Circuit Breaker State", "Circuit Opens (last 24h)", "Circuit Recoveries (last 24h)", "Failure Rate by Service", "Circuit State Transitions", "Open Rate %", "Recovery Time (Avg)", "Health Score (0-100)"],
  "error_analytics.json": ["Error Rate (5xx errors/sec)", "4xx Rate (client errors)", "Error Budget (99.9 % SLO)", "MTTR", "Error Distribution", "Error Rate by Endpoint (top 10)", "Error Timeline", "Top Error Messages"],
  "performance_metrics.json": ["Response Time p50", "Response Time p95", "Response Time p99", "Throughput", "Latency Percentiles Over Time", "Request Rate by Endpoint", "Connection Pool Efficiency", "Rate Limit Hits (429)", "Slowest Endpoints (p99, top 10)", "Database Query Performance"],
  "calls_and_webhooks.json": ["Calls Live", "Calls Queued", "Calls Ended by Reason", "Call Cost (last 24h)", "Webhooks In by Provider and Result", "Webhook Ack Time", "Webhooks Dead", "Oldest Webhook", "Deliveries Out", "Lines and Budgets", "Operations Unknown"],
};

describe("the dashboards", () => {
  test("have the panels that they should have, a uid each, a data source to choose, and are drawn anew every 30 s", () => {
    assert.deepEqual(Object.fromEntries(boards.map((b) => [b.file, b.panels.map((p) => p.title).sort()])), Object.fromEntries(Object.entries(TITLES).map(([f, t]) => [f, [...t].sort()])));
    assert.equal(new Set(boards.map((b) => b.uid)).size, boards.length);
    for (const b of boards) {
      assert.match(b.uid, /^[a-z-]{8,40}$/);
      assert.equal(b.refresh, "30s");
      assert.ok(b.templating.list.some((v) => v.type === "datasource" && v.query === "prometheus"));
      assert.equal(new Set(b.panels.map((p) => p.id)).size, b.panels.length);
    }
    for (const p of panels) {
      assert.equal(p.datasource.uid, "${datasource}", p.title);
      assert.ok(p.fieldConfig.defaults.unit && p.fieldConfig.defaults.thresholds.steps.length, p.title);
      assert.ok(p.description, p.title);
    }
  });

  test("overlap nowhere", () => {
    for (const b of boards)
      for (const [i, p] of b.panels.entries()) {
        const { x, y, w, h } = p.gridPos;
        assert.ok(x + w <= 24, p.title);
        for (const q of b.panels.slice(i + 1).map((o) => o.gridPos)) assert.ok(x + w <= q.x || q.x + q.w <= x || y + h <= q.y || q.y + q.h <= y, p.title);
      }
  });

  test("are what Grafana's schema wants", { skip: schema.missing || lacks("ajv", "ajv-formats") }, () => {
    const ajv = new (require("ajv").default)({ strict: false, allErrors: true });
    require("ajv-formats").default(ajv);
    const valid = ajv.compile(JSON.parse(readFileSync(schema.path)));
    for (const { file, ...board } of boards) assert.ok(valid(board), `${file}: ${ajv.errorsText(valid.errors)}`);
  });

  test("are what tools/boards writes", () => {
    const r = spawnSync(join(root, "tools/boards"), ["--check"], { encoding: "utf8" });
    assert.equal(r.status, 0, r.stdout + r.stderr);
  });
});

// An Ava that is used and whose providers fail at times; .go() does all of it once.
class World {
  static async start() {
    const w = new World();
    w.receiver = await Receiver.start();
    w.a = await Ava.start({
      env: { CACHE_TTL_SECONDS: "0", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: "1", CALL_CENTS_PER_MINUTE: "6", AVA_OUTBOUND_ALLOW: "127.0.0.0/8", AVA_LOG_LEVEL: "error" },
      limits: true,
    });
    await w.a.signUp();
    const vapi = (await w.a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    const put = await w.a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id, webhook_secret: SECRET } });
    assert.equal(put.status, 200, put.text);
    w.hook = (await w.a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
    const to = await w.a.call("/api/v1/destinations", { body: { url: w.receiver.url } });
    assert.equal(to.status, 201, to.text);
    return w;
  }

  keyAgain() {
    this.a.key = this.a.newKey("ada@example.com", "again", ["--rate", "600"]);
  }

  async webhook(type, call, more) {
    const body = JSON.stringify(message(type, call, more));
    return this.a.call(new URL(this.hook).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: this.hook, body }) } });
  }

  async go() {
    const { a } = this, id = randomUUID();
    await this.webhook("status-update", { id }, { status: "in-progress" });
    const ended = await this.webhook("end-of-call-report", { id }, { endedReason: "customer-ended-call", cost: 0.25 });
    assert.equal(ended.status, 200, ended.text);
    await a.call(new URL(this.hook).pathname, { key: null, method: "POST", raw: "{}" }); // no proof
    await a.call("/api/v1/no/such");
    await a.call("/api/v1/calls?limit=10", { headers: { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` } });
    await a.call("/api/v1/limits", { method: "PUT", body: { daily_minutes: 0 } });
    await a.call("/api/v1/calls", { body: { to: "+33612345678" } });
    for (let i = 0; i < 3; i++) await a.call("/api/v1/vapi/settings");
    await a.fault({ provider: "vapi", fault: "status", status: 503 });
    for (let i = 0; i < 4; i++) await a.call("/api/v1/vapi/settings");
    await a.fault({ provider: "vapi", fault: "none" });
    const state = async () => a.metric("circuit_breaker_state", { service: "vapi" });
    await until(async () => (await state()) !== 2, { what: "it may be probed" });
    for (let i = 0; i < 3 && (await state()); i++) await a.call("/api/v1/vapi/settings");
  }

  async remove() {
    await this.a?.remove();
    await this.receiver?.stop();
  }
}

describe("Prometheus", { skip: missing || prometheusMissing, concurrency: 1 }, () => {
  let w, p, exposed;
  before(async () => {
    w = await World.start();
    w.keyAgain();
    p = await Prometheus.start({ targets: [new URL(w.a.base).host], rules: readFileSync(RULES, "utf8") });
  });
  after(async () => {
    await p?.stop();
    await w?.remove();
  });

  const labelled = (r) => r.some((one) => !Number.isNaN(one.value));

  test("scrapes Ava, whose series stay as they are", async () => {
    await until(async () => (await p.query("up")).some((r) => r.value === 1), { what: "a scrape that succeeds" });
    const [target] = await p.targets();
    assert.equal(target.lastError, "");
  });

  test("shows something in every panel", { timeout: 120_000 }, async () => {
    const left = new Map(panels.flatMap((panel) => panel.targets.map((t) => [`${panel.title} ${t.refId}`, shortened(t.expr)])));
    await until(
      async () => {
        await w.go();
        for (const [name, expr] of left) if (labelled(await p.query(expr))) left.delete(name);
        return left.size === 0;
      },
      { ms: 90_000, what: "every panel" },
    ).catch((e) => {
      throw new Error(`${e.message}; empty: ${JSON.stringify([...left], null, 1)}`);
    });
  });

  test("finds every series that a panel or an alert names", async () => {
    const recorded = new Set(rules.map((r) => r.record).filter(Boolean));
    const { text } = await w.a.call("/metrics", { key: null });
    exposed = new Set(text.split("\n").filter((l) => l && l[0] !== "#").map((l) => /^\w+/.exec(l)[0]));
    const exprs = [...panels.flatMap((panel) => panel.targets.map((t) => [panel.title, t.expr])), ...rules.map((r) => [r.alert ?? r.record, r.expr])];
    assert.ok(exprs.length > 50);
    for (const [name, expr] of exprs) {
      const all = selectors(expr.replaceAll("$instance", ".*"));
      assert.ok(all.length > 0, name);
      for (const s of all) {
        const metric = /^[\w:]+/.exec(s)[0];
        assert.ok(metric === "up" || recorded.has(metric) || exposed.has(metric), `${name}: there is no ${metric}`);
        const got = await p.query(`last_over_time(${s}[2m])`);
        assert.ok(got.length > 0, `${name}: nothing fits ${s}`);
      }
    }
  });

  test("keeps the traces beside the buckets", async () => {
    await until(
      async () => {
        const found = await p.ask("query_exemplars", { query: "http_server_request_duration_seconds_bucket", start: Date.now() / 1000 - 120, end: Date.now() / 1000 + 1 });
        return found.some((s) => s.exemplars.some((e) => e.labels.trace_id === TRACE));
      },
      { what: "an exemplar" },
    );
  });

  test("reads every rule and has no trouble with one", async () => {
    const { groups } = await (await fetch(`${p.base}/api/v1/rules`)).json().then((r) => r.data);
    const loaded = groups.flatMap((g) => g.rules);
    assert.equal(loaded.length, rules.length);
    await until(async () => (await (await fetch(`${p.base}/api/v1/rules`)).json()).data.groups.every((g) => g.rules.every((r) => r.health === "ok")), { what: "every rule was evaluated" });
  });
});

describe("the alert rules", () => {
  test("each says how bad it is and where to read on, and the page is there", () => {
    const pages = new Set(readdirSync(join(root, "docs/runbooks")));
    const named = new Set();
    for (const r of rules.filter((one) => one.alert)) {
      assert.ok(["critical", "warning"].includes(r.labels.severity), r.alert);
      const page = /^https:\/\/ava\.example\/runbooks\/([a-z-]+\.md)$/.exec(r.annotations.runbook_url)?.[1];
      assert.ok(pages.has(page), `${r.alert}: ${r.annotations.runbook_url}`);
      named.add(page);
      const text = readFileSync(join(root, "docs/runbooks", page), "utf8");
      assert.ok(text.includes(r.alert), `${page} names ${r.alert}`);
      assert.deepEqual([...text.matchAll(/^## (.*)$/gm)].map((m) => m[1]), ["What it means", "Three commands", "What to do"], page);
      assert.equal(/```\n([^`]*)```/.exec(text)[1].trim().split(/\n(?!\s)/).length, 3, `${page} has three commands`);
    }
    assert.deepEqual([...pages].filter((page) => !named.has(page)), []);
  });

  test("fire when they should and only then", { skip: promtoolMissing }, () => {
    const r = spawnSync("promtool", ["test", "rules", "alerts.test.yml"], { cwd: join(root, "ops/prometheus"), encoding: "utf8" });
    assert.equal(r.status, 0, r.stdout + r.stderr);
  });

  test("each has a case in which it fires and one in which it does not", () => {
    const cases = parse(readFileSync(join(root, "ops/prometheus/alerts.test.yml"), "utf8")).tests.flatMap((t) => t.alert_rule_test);
    for (const { alert } of rules.filter((r) => r.alert)) {
      const own = cases.filter((c) => c.alertname === alert);
      assert.ok(own.some((c) => c.exp_alerts?.length) && own.some((c) => !c.exp_alerts?.length), alert);
    }
  });
});
