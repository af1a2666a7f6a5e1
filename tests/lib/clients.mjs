// What people want of several hosts while things break, and a record of it: calls and texts under an Idempotency-Key, repeated
// until they know; webhooks, repeated until they are acknowledged; a register with versions. checker.mjs judges the record.
import assert from "node:assert/strict";
import { ava, person, until } from "./ava.mjs";
import { isFinal } from "./checker.mjs";
import { sql } from "./database.mjs";
import { Receiver } from "./receiver.mjs";
import { headersOf, message, secretPlan } from "./vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message", PATIENCE_MS = 240_000;
const STEPS = [["status-update", { status: "queued" }], ["status-update", { status: "ringing" }], ["status-update", { status: "in-progress" }], ["speech-update", {}], ["status-update", { status: "ended" }], ["end-of-call-report", { endedReason: "customer-ended-call" }]];

const pause = (ms) => new Promise((r) => setTimeout(r, ms));
const isKnown = (t) => isFinal(t) || (t.status >= 200 && t.status < 300) || (t.status >= 400 && t.status < 500 && ![409, 429].includes(t.status));

export class Clients {
  wants = [];
  hooks = [];
  register = { from: undefined, puts: [], reads: [], last: undefined };
  stopped = false;

  // cap: lines of the second workspace; callMs: how long the provider's calls last.
  static async prepare(all, d, { cap = 6, callMs = 700 } = {}) {
    const self = Object.assign(new Clients(), { all, d, cap });
    const a = all.first, { vapi, twilio } = all;
    await a.signUp();
    const capped = await a.newPerson("capped@example.com"), hooked = await a.newPerson("hooked@example.com");
    self.spaces = { free: { id: a.me.workspace.id, key: a.key }, capped: { id: capped.workspace_id, key: capped.key }, hooked: { id: hooked.workspace_id, key: hooked.key } };
    const atVapi = async (path, body) => (await fetch(vapi.base_url + path, { method: body ? "POST" : "GET", headers: { Authorization: `Bearer ${vapi.api_key}`, "Content-Type": "application/json" }, body: body && JSON.stringify(body) })).json();
    self.atVapi = atVapi;
    self.assistants = { free: vapi.assistant_id, capped: (await atVapi("/assistant", { name: "The other desk" })).id };
    const put = async (space, path, body, method = "PUT") => {
      const r = await a.call(path, { method, body, key: self.spaces[space].key });
      assert.ok(r.status < 300, `${path}: ${r.status} ${r.text}`);
      return r.json;
    };
    for (const [space, assistant_id] of Object.entries(self.assistants)) {
      await put(space, "/api/v1/credentials/vapi", { api_key: vapi.api_key, assistant_id, default_number_id: vapi.default_number_id });
      await put(space, "/api/v1/webhooks/endpoints/vapi/setup", {}, "POST");
      await put(space, "/api/v1/limits", { daily_cost_cents: 10_000_000, ...(space === "capped" ? { concurrent_calls: cap } : {}) });
    }
    await put("free", "/api/v1/credentials/twilio", { account_sid: twilio.account_sid, auth_token: twilio.auth_token });
    self.from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
    await put("hooked", "/api/v1/credentials/vapi?verify=false", { api_key: "histories-vapi-key-01", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be81", webhook_secret: SECRET });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints", { key: hooked.key })).json;
    self.hookUrl = endpoints.find((e) => e.provider === "vapi").urls.server;
    self.receiver = await Receiver.start();
    self.receiver.answer = () => (d.next() < 0.02 ? 503 : 200);
    self.receiver.secrets.push((await put("hooked", "/api/v1/destinations", { url: self.receiver.url }, "POST")).secret);
    const first = await a.call("/api/v1/limits", { key: hooked.key });
    self.register.from = Number(JSON.parse(first.headers.get("etag")));
    const course = { call_ms: callMs, drop_ends_percent: 5, duplicate_percent: 5, reorder_percent: 5, start_number: 7 };
    assert.equal((await all.provider.call("/sandbox/api/vapi/course", { body: course, key: null })).status, 200);
    await all.provider.fault({ provider: "vapi", fault: "cut", percent: 5, operation: "POST /call" });
    await all.provider.fault({ provider: "twilio", fault: "cut", percent: 5, operation: "POST /2010" });
    return self;
  }

  // One request at the proxy: { at, until, status, json, etag }; status 0: nobody answered.
  async ask(space, path, { method, body, headers = {}, ms = 10_000 } = {}) {
    const at = Date.now(), h = { Authorization: `Bearer ${this.spaces[space].key}`, "Content-Type": "application/json", ...headers };
    try {
      const r = await fetch(this.all.base + path, { method: method ?? (body ? "POST" : "GET"), headers: h, body: body && JSON.stringify(body), signal: AbortSignal.timeout(ms) });
      const json = await r.json().catch(() => undefined);
      if (r.ok && r.status !== 204 && !json) return { at, until: Date.now(), status: 0, why: "cut" }; // whoever answered is gone in the middle of it
      return { at, until: Date.now(), status: r.status, json, etag: r.headers.get("etag"), replayed: r.headers.has("idempotent-replayed") };
    } catch (e) {
      return { at, until: Date.now(), status: 0, why: String(e.cause?.code ?? e.name) };
    }
  }

  // Again under the same key until it knows.
  async want(what, n, space) {
    const to = `+33${what === "call" ? 61 : 62}${String(n).padStart(7, "0")}`, key = `${what}-${n}`, w = { key, what, space, to, tries: [] };
    this.wants.push(w);
    const [path, body] = what === "call" ? ["/api/v1/calls", { to }] : ["/api/v1/twilio/messages", { to, from: this.from, body: `Text ${n}` }];
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
      const r = await this.ask(space, path, { body, headers: { "Idempotency-Key": key } });
      w.tries.push({ at: r.at, until: r.until, status: r.status, operation: r.status === 201 ? r.json.operation_id : r.json?.id, code: r.json?.code ?? r.why, replayed: r.replayed });
      if (isKnown(w.tries.at(-1))) break;
      await pause(this.d.between(50, 300));
    }
    // And some ask once more, when they know already.
    if (this.d.next() < 0.2) {
      const r = await this.ask(space, path, { body, headers: { "Idempotency-Key": key } });
      w.tries.push({ at: r.at, until: r.until, status: r.status, operation: r.status === 201 ? r.json.operation_id : r.json?.id, code: r.json?.code ?? r.why, replayed: r.replayed });
    }
  }

  // The steps of one call, each after the one before was acknowledged; some are sent twice at the same time.
  async tell(n) {
    const resource = `hook-${this.all.port}-${n}`;
    for (const [i, [type, more]] of STEPS.entries()) {
      const body = JSON.stringify(message(type, { id: resource }, { timestamp: 1_700_000_000_000 + n * 100 + i, ...more }));
      const hook = { resource, body: n * 10 + i, tries: [] };
      this.hooks.push(hook);
      const send = async () => {
        for (const end = Date.now() + PATIENCE_MS; Date.now() < end; ) {
          const at = Date.now();
          const status = await fetch(this.hookUrl, { method: "POST", body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: this.hookUrl, body }) }, signal: AbortSignal.timeout(10_000) }).then((r) => (r.body?.cancel(), r.status), () => 0);
          hook.tries.push({ at, until: Date.now(), status });
          if (status === 200) return;
          await pause(this.d.between(20, 200));
        }
      };
      await Promise.all(this.d.next() < 0.2 ? [send(), send()] : [send()]);
    }
  }

  // Reads what the register is at, and writes on top of that.
  async write(value) {
    const path = "/api/v1/limits", r = await this.ask("hooked", path);
    if (r.status !== 200) return pause(100);
    const match = Number(JSON.parse(r.etag));
    this.register.reads.push({ at: r.at, until: r.until, version: match, value: r.json.daily_minutes });
    const p = await this.ask("hooked", path, { method: "PUT", body: { daily_minutes: value }, headers: { "If-Match": r.etag } });
    this.register.puts.push({ at: p.at, until: p.until, status: p.status, match, value, ...(p.status === 200 ? { version: Number(JSON.parse(p.etag)) } : {}), code: p.json?.code ?? p.why });
  }

  // perSecond: { calls, texts, hooks, puts }; until stop() is called. What was begun is brought to its end.
  async run(perSecond) {
    const count = { calls: 0, texts: 0, hooks: 0, puts: 0 };
    const DO = {
      calls: (n) => this.want("call", n, n % 3 === 0 ? "capped" : "free"),
      texts: (n) => this.want("text", n, "free"),
      hooks: (n) => this.tell(n),
      puts: (n) => this.write(n),
    };
    await Promise.all(
      Object.entries(perSecond).map(async ([what, rate]) => {
        const under = new Set();
        while (!this.stopped) {
          const one = DO[what](++count[what]).finally(() => under.delete(one));
          under.add(one);
          await pause(this.d.between(0.2, 1.8) * (1000 / rate));
          if (under.size >= 40) await Promise.race(under);
        }
        await Promise.all(under);
      }),
    );
  }

  stop() {
    this.stopped = true;
  }

  // --- at rest

  sql(text) {
    return JSON.parse(sql(this.all.pg.url, `SELECT COALESCE(json_agg(x), '[]') FROM (${text}) AS x`));
  }

  // What still moves, in words; nothing: all is at rest.
  moving() {
    const unknown = "state = 'unknown'", count = (from) => `(SELECT count(*) FROM ${from})`;
    const [n] = this.sql(`SELECT ${count("operations WHERE state IN ('prepared', 'sent')")} AS operations, ${count("events WHERE status <> 'done'")} AS events, ${count("deliveries WHERE settled_at = 0")} AS deliveries, ${count("jobs WHERE state = 'leased' OR (state = 'ready' AND run_at <= " + Date.now() + ")")} AS jobs, ${count("calls WHERE slot IS NOT NULL AND status <> 'unknown'")} AS lines, ${count(`operations WHERE ${unknown} AND attempts > 0 AND sent_at > ${Date.now() - 20_000}`)} AS young`);
    return Object.entries(n).filter(([, many]) => many > 0).map(([what, many]) => `${many} ${what}`).join(", ");
  }

  async atTwilio() {
    const { base_url, account_sid, auth_token } = this.all.twilio, all = [];
    const headers = { Authorization: "Basic " + Buffer.from(`${account_sid}:${auth_token}`).toString("base64") };
    for (let next = `/2010-04-01/Accounts/${account_sid}/Messages.json?PageSize=1000`; next; ) {
      const page = await (await fetch(base_url + next, { headers })).json();
      all.push(...page.messages);
      next = page.next_page_uri;
    }
    return all;
  }

  async callsThere() {
    const all = [];
    for (let until = ""; ; ) {
      const page = await this.atVapi(`/call?limit=1000${until}`), known = new Set(all.map((c) => c.id));
      all.push(...page.filter((c) => !known.has(c.id)));
      if (page.length < 1000) return all.filter((c) => c.type === "outboundPhoneCall");
      until = `&createdAtLe=${page.at(-1).createdAt}`;
    }
  }

  // Waits until nothing moves, and gives the record. faults: what was broken; least: see checker.
  async record(faults, least, ms = 300_000) {
    let left = "";
    await until(() => !(left = this.moving()), { ms, every: 250, what: "rest" }).catch(() => {});
    const calls = await this.callsThere(), last = await this.ask("hooked", "/api/v1/limits"), hooked = `workspace_id = '${this.spaces.hooked.id}'`;
    this.register.last = { version: Number(JSON.parse(last.etag)), value: last.json.daily_minutes };
    const [sums] = this.sql("SELECT (SELECT COALESCE(sum(cost_micros), 0) FROM call_days WHERE number = '') AS booked, COALESCE(sum(reserved_micros), 0) AS reserved, COALESCE(sum(reserved_micros) FILTER (WHERE status = 'unknown'), 0) AS unknown, count(*) FILTER (WHERE slot = 'held') AS held, count(*) FILTER (WHERE slot = 'waiting') AS waiting, count(*) FILTER (WHERE slot = 'held' AND status = 'unknown') AS unknown_held FROM calls");
    const audit = ava(["audit", "verify", "--data-dir", this.all.first.data]);
    const pgSaid = (this.all.pgSaid ?? "") + this.all.pg.log;
    let conflicts = 0;
    for (const h of this.all.list) conflicts += (await h.ava.metric("db_conflicts_total")) ?? 0;
    const invoice = (await this.all.provider.call("/sandbox/api/vapi/invoice", { key: null })).json;
    return {
      left,
      wants: this.wants,
      hooks: this.hooks,
      register: this.register,
      faults,
      least,
      provider: { calls: calls.map((c) => ({ to: c.customer.number, op: c.assistantOverrides?.metadata?.ava_op })), texts: (await this.atTwilio()).map((m) => ({ to: m.to })) },
      operations: this.sql("SELECT id, kind, state, sent_at, epoch FROM operations"),
      events: this.sql(`SELECT resource, status, count(*) AS n, ${hooked} AS is_wanted FROM events GROUP BY resource, status, workspace_id`),
      deliveries: this.sql(`SELECT id, resource, seq, status, event_id AS event FROM deliveries WHERE ${hooked}`),
      receipts: this.receiver.got.map((r) => ({ id: r.id, status: r.status })),
      caps: [{ name: "the capped workspace", cap: this.cap, spans: calls.filter((c) => c.assistantId === this.assistants.capped).map((c) => ({ from: Date.parse(c.createdAt), to: c.endedAt && Date.parse(c.endedAt) })) }],
      money: { booked: sums.booked, spent: invoice.total_micros, reserved: sums.reserved, unknown: sums.unknown },
      rest: {
        jobs: this.sql(`SELECT kind, object, state, run_at <= ${Date.now()} AS is_due FROM jobs`),
        held: sums.held,
        waiting: sums.waiting,
        unknown: sums.unknown_held,
        audit: { ok: audit.status === 0, text: audit.stdout + audit.stderr },
        conflicts,
        deadlocks: (pgSaid.match(/ERROR: {2}deadlock detected[^]*?(?=STATEMENT)/g) ?? []),
      },
    };
  }
}
