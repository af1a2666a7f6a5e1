// What the system grants comes to an end: memory, and descriptors under strangers who open connections and say nothing. Nothing
// hangs, nothing ends, and who has something to say is heard (HARDENING 1, 2, 9, 23; TRAFFIC K5).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";
const ROUNDS = process.env.TEST_SOAK ? 20 : 4;
const limited = (soft, hard) => ["sh", "-c", `ulimit -Sn ${soft} && ulimit -Hn ${hard} && exec "$0" "$@"`];
const said = (a, word) => a.stderr.split("\n").filter((l) => l.includes(word));
const cpuMs = (a) => ((f) => (Number(f[13]) + Number(f[14])) * 10)(readFileSync(`/proc/${a.child.pid}/stat`, "utf8").replace(/\(.*\)/, "x").split(" "));
const limitMemory = (a, bytes) => execFileSync("prlimit", ["--pid", String(a.child.pid), `--as=${bytes}:`]);
const open = (a) => readdirSync(`/proc/${a.child.pid}/fd`).length;

// Connections that say nothing, held open. Some may be closed at once: that is the other end's right.
function silent(a, count, address = "127.0.0.1", hello = "") {
  const all = Array.from({ length: count }, () => connect({ port: a.port, host: "127.0.0.1", localAddress: address }).on("error", () => {}).on("connect", function () { if (hello) this.write(hello); }).on("data", () => {}));
  return { all, close: () => all.forEach((s) => s.destroy()) };
}

async function ready(through, env = {}) {
  const a = await Ava.start({ through, env: { AVA_LOG_LEVEL: "warn", ...env } });
  await a.signUp();
  await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "starved-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
  a.hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
  let n = 0;
  a.webhook = async () => {
    const body = JSON.stringify({ message: { type: "speech-update", n: n++, call: { id: "5b1d9c40-7777-4000-8000-00000000e101" } } });
    return (await a.call(new URL(a.hook).pathname, { key: null, method: "POST", raw: body, headers: { Connection: "close", "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: a.hook, body }) } })).status;
  };
  a.live = async () => (await fetch(a.base + "/health/live", { headers: { Connection: "close" } })).status;
  return a;
}

for (const [soft, hard, threads] of [[1024, 1024, 2], [128, 128, 2], [256, 256, 4], [256, 4096, 2]])
  describe(`with ${soft} descriptors of ${hard}, and ${threads} loops`, { skip: missing, concurrency: 1 }, () => {
    let a;
    before(async () => (a = await ready(limited(soft, hard), { AVA_THREADS: String(threads) })));
    after(() => a?.remove());

    test("it says at start what it was granted, and takes no more connections than that", async () => {
      const lines = said(a, '"connections"');
      if (hard < 4096) assert.equal(lines.length, 1, a.stderr);
      for (const line of lines) assert.match(line, /LimitNOFILE/);
    });

    test(`1,300 silent connections, opened and closed ${ROUNDS} times: it answers meanwhile, and rests after`, { timeout: 120_000 }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const crowd = silent(a, 1300, "127.0.0.1", round % 2 ? "\r\n" : "");
        await new Promise((r) => setTimeout(r, 200)); // they come while it is asked
        for (let i = 0; i < 5; i++) {
          assert.equal(await a.webhook(), 200);
          assert.equal(await a.live(), 200);
        }
        assert.ok(open(a) <= hard, `${open(a)} open`);
        crowd.close();
      }
      assert.equal(await a.webhook(), 200);
      await until(async () => (await a.metric("http_server_connections")) < 20, { what: "all are closed again" });
      const before = cpuMs(a), began = Date.now();
      await new Promise((r) => setTimeout(r, 1000)); // how much it does with nothing to do
      assert.ok((cpuMs(a) - before) / (Date.now() - began) < 0.3, "it rests");
      assert.equal(await a.metric("circuit_breaker_opens_total", { service: "vapi" }), 0);
    });

    test("connections that had an answer and are held give way to who comes", { timeout: 60_000 }, async () => {
      const crowd = silent(a, 1100, "127.0.0.1", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n");
      await new Promise((r) => setTimeout(r, 300));
      for (let i = 0; i < 10; i++) assert.equal(await a.webhook(), 200);
      assert.equal((await a.call("/api/v1/auth/me")).status, 200);
      crowd.close();
      assert.equal(a.ended, undefined);
    });
  });

describe("one address", { skip: missing, concurrency: 1 }, () => {
  test("that holds connections beyond its share loses its own, and nobody else's", { timeout: 60_000 }, async () => {
    const a = await ready([], { MAX_CONNECTIONS: "200", AVA_THREADS: "1" });
    try {
      const other = silent(a, 20, "127.0.0.3", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n");
      await until(async () => (await a.metric("http_server_connections")) >= 20, { what: "they are in" });
      const crowd = silent(a, 400, "127.0.0.2", "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n");
      await until(async () => (await a.metric("http_server_connections_dropped_total", { reason: "address" })) > 0, { what: "some gave way" });
      assert.equal(await a.webhook(), 200);
      assert.equal(other.all.filter((s) => s.closed || s.destroyed).length, 0, "nobody else's");
      crowd.close();
      other.close();
    } finally {
      await a.remove();
    }
  });

  test("that sends empty lines only is closed like one that sends nothing", { timeout: 30_000 }, async () => {
    const a = await ready([]);
    try {
      const one = silent(a, 1, "127.0.0.1", "\r\n"), socket = one.all[0], began = Date.now();
      const more = setInterval(() => socket.writable && socket.write("\r\n"), 400);
      await new Promise((done) => socket.on("close", done));
      clearInterval(more);
      assert.ok(Date.now() - began < 8000, `${Date.now() - began} ms`);
    } finally {
      await a.remove();
    }
  });
});

describe("a process that was stopped", { skip: missing, concurrency: 1 }, () => {
  test("for longer than a provider may take blames nobody: no breaker opens", { timeout: 60_000 }, async () => {
    const a = await ready([], { CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "off" });
    try {
      await a.fault({ provider: "vapi", fault: "hang" });
      const reads = Array.from({ length: 6 }, () => a.call("/api/v1/vapi/settings").catch(() => null));
      await until(async () => (await a.metric("bulkhead_in_flight", { service: "vapi" })) >= 3, { every: 20, what: "they are under way" });
      a.child.kill("SIGSTOP");
      await new Promise((r) => setTimeout(r, 8000)); // it stands still, as in a snapshot of its machine
      a.child.kill("SIGCONT");
      await Promise.all(reads);
      // Connections that were kept may have been given up meanwhile, by either end.
      await until(() => a.live().catch(() => null), { what: "it answers again" });
      await until(() => a.metric("up").then(() => true, () => null), { what: "and on kept connections" });
      assert.equal(await a.metric("circuit_breaker_failures_total", { service: "vapi" }), 0);
      assert.equal(await a.metric("circuit_breaker_opens_total", { service: "vapi" }), 0);
      await a.fault({ provider: "vapi", fault: "none" });
      assert.notEqual((await a.call("/api/v1/vapi/settings")).status, 503);
    } finally {
      a.child.kill("SIGCONT");
      await a.remove();
    }
  });
});

describe("a process that gets no more memory", { skip: missing || (sanitized ? "a sanitizer maps terabytes" : false), concurrency: 1 }, () => {
  test("turns away what is new, loses nothing it acknowledged, and goes on when there is some again", { timeout: 180_000 }, async (t) => {
    const a = await ready([], { CACHE_TTL_SECONDS: "0", AVA_LOG_LEVEL: "warn" });
    try {
      const taken = [];
      const webhook = async (filler) => {
        const id = randomUUID(), body = JSON.stringify({ message: { type: "status-update", status: "ringing", timestamp: Date.now(), filler, call: { id, type: "inboundPhoneCall" } } });
        const r = await a.call(new URL(a.hook).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: a.hook, body }) } });
        if (r.status === 200) taken.push(id);
        return r.status;
      };
      assert.equal(await webhook(""), 200);
      const kinds = [() => webhook("x".repeat(1_500_000)), () => webhook(""), () => a.call("/api/v1/vapi/settings").then((r) => r.status), () => a.call("/api/v1/calls?limit=100").then((r) => r.status), () => a.call("/api/v1/analytics/calls").then((r) => r.status), () => a.call("/api/v1/destinations", { body: { url: "https://example.com/" + "y".repeat(900_000) } }).then((r) => r.status)];
      for (const more of [16, 4, 1, 0]) {
        limitMemory(a, a.memory("VmSize") * 1024 + (more << 20));
        const said = await Promise.all(Array.from({ length: 120 }, (_, i) => kinds[i % kinds.length]().catch((e) => e.cause?.code ?? String(e))));
        t.diagnostic(`${more} MiB more: ${[...new Set(said)].map((s) => `${s} x ${said.filter((x) => x === s).length}`).join(", ")}`);
        assert.equal(a.ended, undefined, a.stderr.slice(-2000));
        limitMemory(a, "unlimited");
        let last;
        await until(async () => (last = await a.call("/api/v1/calls").catch((e) => ({ text: String(e.cause ?? e) }))).status === 200, { what: "reads again" }).catch((e) => assert.fail(`${e.message}: ${last?.status} ${last?.text} ${a.stderr.slice(-1500)}`));
        assert.equal(await webhook(""), 200);
      }
      assert.equal(await a.metric("circuit_breaker_opens_total", { service: "vapi" }), 0);
      const known = new Set();
      for (let cursor = ""; cursor !== null; ) {
        const page = (await a.call(`/api/v1/events?limit=100${cursor && `&cursor=${cursor}`}`)).json;
        page.events.forEach((e) => known.add(e.resource));
        cursor = page.next_cursor;
      }
      assert.deepEqual(taken.filter((id) => !known.has(id)), [], "acknowledged and lost");
    } finally {
      await a.remove();
    }
  });
});
