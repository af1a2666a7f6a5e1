// Names that have several addresses, as /etc/hosts and DNS give them: for receivers, of which not every address
// answers (TRAFFIC K6), and for what Ava listens on (K9). Each Ava sees a hosts file of its own.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Ava, ava, missing, until } from "../lib/ava.mjs";
import { listenPort } from "../lib/haproxy.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message";
const dir = mkdtempSync(join(tmpdir(), "ava-names-"));
after(() => rmSync(dir, { recursive: true }));

// To put before a program that shall see these names: [[address, name], ...].
function seeing(names) {
  const file = join(dir, `hosts-${randomUUID()}`);
  writeFileSync(file, names.map((n) => n.join(" ") + "\n").join("") + "127.0.0.1 localhost\n::1 localhost\n");
  return ["unshare", "-rm", "sh", "-c", `mount --bind ${file} /etc/hosts && exec "$0" "$@"`];
}
const [program, ...words] = [...seeing([["127.0.0.8", "one.example.test"]]), "getent", "hosts", "one.example.test"];
const cannot = spawnSync(program, words).status === 0 ? false : "no hosts file of one's own can be had here";

describe("a receiver", { skip: missing || cannot, concurrency: 1 }, () => {
  test("with two addresses of which the first is dead gets its delivery at the second, in one attempt; one that may not be reached by every address gets nothing", { timeout: 60_000 }, async () => {
    const receiver = await Receiver.start(0, "127.0.0.9");
    const a = await Ava.start({
      through: seeing([["127.0.0.8", "two.example.test"], ["127.0.0.9", "two.example.test"], ["127.0.0.9", "mixed.example.test"], ["10.255.255.1", "mixed.example.test"]]),
      env: { AVA_LOG_LEVEL: "off", AVA_OUTBOUND_ALLOW: "127.0.0.0/8" },
    });
    try {
      await a.signUp();
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "names-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
      const hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
      const two = await a.call("/api/v1/destinations", { body: { url: `http://two.example.test:${receiver.port}/two` } });
      assert.equal(two.status, 201, two.text);
      receiver.secrets.push(two.json.secret);
      const mixed = await a.call("/api/v1/destinations", { body: { url: `http://mixed.example.test:${receiver.port}/mixed` } });
      const body = JSON.stringify({ message: { type: "status-update", status: "ended", timestamp: Date.now(), call: { id: randomUUID(), type: "inboundPhoneCall" } } });
      const sent = await a.call(new URL(hook).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: hook, body }) } });
      assert.equal(sent.status, 200, sent.text);
      const list = async (id) => (await a.call(`/api/v1/destinations/${id}/deliveries`)).json.deliveries;
      const delivered = await until(async () => (await list(two.json.id)).find((d) => d.status === "delivered"), { what: "the delivery", ms: 20_000 });
      assert.equal(delivered.attempts, 1, JSON.stringify(delivered));
      if (mixed.status === 201) {
        const refused = await until(async () => (await list(mixed.json.id)).find((d) => d.attempts > 0), { what: "the refusal", ms: 20_000 });
        assert.notEqual(refused.status, "delivered");
      } else {
        assert.equal(mixed.status, 422, mixed.text);
      }
      assert.deepEqual(receiver.got.map((d) => d.path), ["/two"]);
      assert.deepEqual(receiver.bad, []);
    } finally {
      await a.remove();
      await receiver.stop();
    }
  });

  test("that says 201 and never its body has taken the delivery", { timeout: 60_000 }, async () => {
    const seen = [];
    const server = createServer((req, res) => {
      seen.push(req.url);
      req.resume();
      res.writeHead(201, { "Content-Length": 4 });
      res.flushHeaders();
      if (req.url === "/reset") setTimeout(() => res.destroy(), 300);
      if (req.url === "/late") setTimeout(() => res.end("done"), 3000);
    });
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    try {
      await a.signUp();
      await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "names-vapi-key-0002", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
      const hook = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
      const made = [];
      for (const path of ["/late", "/never", "/reset"]) made.push((await a.call("/api/v1/destinations", { body: { url: `http://127.0.0.1:${server.address().port}${path}` } })).json);
      const body = JSON.stringify({ message: { type: "status-update", status: "ended", timestamp: Date.now(), call: { id: randomUUID(), type: "inboundPhoneCall" } } });
      await a.call(new URL(hook).pathname, { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url: hook, body }) } });
      for (const { id } of made) {
        const done = await until(async () => (await a.call(`/api/v1/destinations/${id}/deliveries`)).json.deliveries.find((d) => d.status === "delivered"), { what: "the delivery", ms: 20_000 });
        assert.equal(done.attempts, 1);
      }
      assert.deepEqual(seen.sort(), ["/late", "/never", "/reset"]);
    } finally {
      await a.remove();
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    }
  });
});

describe("what Ava listens on", { skip: missing, concurrency: 1 }, () => {
  const live = async (url) => (await fetch(`${url}/health/live`)).status;

  test("may be both families at one port", async () => {
    const port = await listenPort(), a = await Ava.start({ env: { AVA_LISTEN: `[::]:${port},127.0.0.1:${port}`, AVA_LOG_LEVEL: "off" } });
    try {
      assert.equal(await live(`http://127.0.0.1:${port}`), 200);
      assert.equal(await live(`http://[::1]:${port}`), 200);
      assert.ok(a.link.startsWith(`http://localhost:${port}/setup#`), a.link);
    } finally {
      await a.remove();
    }
  });

  test("may be a name: all of its addresses answer", { skip: cannot }, async () => {
    const port = await listenPort(), a = await Ava.start({ through: seeing([["127.0.0.8", "here.example.test"], ["127.0.0.9", "here.example.test"]]), env: { AVA_LISTEN: `here.example.test:${port}`, AVA_LOG_LEVEL: "off" } });
    try {
      for (const address of ["127.0.0.8", "127.0.0.9"]) assert.equal(await live(`http://${address}:${port}`), 200);
    } finally {
      await a.remove();
    }
  });

  test("is refused with 78 when somebody else listens there, and the sentence says where", async () => {
    const other = createListener().listen(0, "127.0.0.1");
    await new Promise((done) => other.once("listening", done));
    const data = mkdtempSync(join(dir, "taken-")), at = `127.0.0.1:${other.address().port}`;
    const r = ava(["sandbox", "--data-dir", data, "--listen", `127.0.0.1:0,${at}`]);
    other.close();
    assert.equal(r.status, 78, r.stderr);
    assert.ok(r.stderr.includes(at), r.stderr);
  });
});
