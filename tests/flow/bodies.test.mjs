// Bodies that are on their way in take a bounded memory, whoever sends them (HARDENING 12): who sends slowly gives way, of
// the address that holds the most, and webhooks of known senders keep a reserve. The field bounds each body and forgets
// that a hundred connections may each send one (OpenWA 936, reactphp/http 255).
import assert from "node:assert/strict";
import { connect } from "node:net";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { figures, quantile } from "../lib/load.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const SECRET = "what-vapi-sends-with-each-message", MIB = 1 << 20, piece = Buffer.alloc(64 << 10, "x");

describe("a thousand bodies that do not end", { skip: missing, concurrency: 1 }, () => {
  let a, url;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", MAX_CONNECTIONS: "4096" } });
    await a.signUp();
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "bodies-vapi-key-00001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    url = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi").urls.server;
  });
  after(() => a?.remove());

  // One request from that address, on a connection of its own: { status, json, ms }.
  function ask(localAddress, path, body, headers = {}) {
    const began = performance.now();
    return new Promise((done) => {
      const req = request({ host: "127.0.0.1", port: a.port, path, method: body === undefined ? "GET" : "POST", localAddress, agent: false, headers: { "Content-Type": "application/json", ...headers, ...(body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) }) } }, (res) => {
        let text = "";
        res.on("data", (b) => (text += b)).on("end", () => done({ status: res.statusCode, text, ms: performance.now() - began }));
      });
      req.on("error", (e) => done({ status: 0, text: e.code, ms: performance.now() - began })).end(body);
    });
  }
  let sent = 0;
  function webhook(localAddress, bytes) {
    const body = JSON.stringify(message("status-update", { id: `call-${++sent}` }, { status: "ringing", artifact: { transcript: "y".repeat(bytes) } }));
    return ask(localAddress, new URL(url).pathname, body, headersOf(secretPlan(SECRET), { url, body }));
  }

  // So many that send all but the last byte of a MiB to where webhooks go, as fast as it is taken.
  function slowOnes(count, localAddress, path, how = "length") {
    const all = { refused: 0, told: new Set(), full: 0, sockets: [] };
    for (let n = 0; n < count; n++) {
      const socket = connect({ port: a.port, host: "127.0.0.1", localAddress });
      let left = MIB - 1, said = "";
      const more = () => {
        while (left > 0 && !socket.destroyed) {
          const bytes = piece.subarray(0, Math.min(piece.length, left));
          left -= bytes.length;
          const chunk = how === "length" ? bytes : Buffer.concat([Buffer.from(bytes.length.toString(16) + "\r\n"), bytes, Buffer.from("\r\n")]);
          if (!socket.write(chunk)) return socket.once("drain", more);
        }
        all.full += left === 0;
      };
      socket.on("error", () => {}).on("data", (b) => (said += b)).on("close", () => {
        all.refused++;
        const told = /^HTTP\/1.1 (\d+)[^]*"detail":"([^"]*)"/.exec(said);
        if (told) all.told.add(`${told[1]} ${told[2]}`);
      });
      socket.write(`POST ${path} HTTP/1.1\r\nHost: ava\r\nContent-Type: application/json\r\n${how === "length" ? `Content-Length: ${MIB}` : "Transfer-Encoding: chunked"}\r\n\r\n`, more);
      all.sockets.push(socket);
    }
    all.stop = () => all.sockets.forEach((s) => s.destroy());
    all.refuses = (n) => until(() => all.refused >= n, { ms: 60_000, what: `${n} of ${count} refused` });
    all.sent = () => until(() => all.full + all.refused >= count, { ms: 60_000, what: "all are sent or refused" });
    return all;
  }

  const MADE_UP = `/webhooks/vapi/${"0".repeat(43)}`;

  test("memory stays, and everybody else's bodies come in meanwhile", { timeout: 180_000 }, async (t) => {
    const replay = () => ask("127.0.0.3", "/api/v1/events/replay", JSON.stringify({ type: "z".repeat(400_000) }), { Authorization: `Bearer ${a.key}` });
    for (let n = 0; n < 30; n++) assert.deepEqual([(await webhook("127.0.0.1", 300_000)).status, (await replay()).status], [200, 422]);
    await until(async () => (await a.call("/api/v1/events?status=received&limit=1")).json.events.length === 0, { what: "nothing left to work on" });
    for (const how of ["length", "chunks"]) {
      a.forgetPeak();
      const stood = a.memory(), slow = slowOnes(1000, "127.0.0.1", MADE_UP, how), asked = { webhooks: [], beside: [], writes: [] };
      let now = false;
      const settled = slow.refuses(900).then(() => (now = true));
      while (!now || asked.webhooks.length < 30) {
        asked.webhooks.push(await webhook("127.0.0.1", 300_000)); // as behind a proxy, which has one address for all
        asked.beside.push(await webhook("127.0.0.2", 300_000));
        asked.writes.push(await replay());
      }
      await settled;
      const grown = a.memory("VmHWM") - stood;
      t.diagnostic(`${how}: memory peaked ${(grown / 1024).toFixed(1)} MiB higher; ${slow.refused} of 1000 refused: ${[...slow.told].join("; ")}; webhooks: ${figures(asked.webhooks)}`);
      slow.stop();
      assert.deepEqual([...new Set([...asked.webhooks, ...asked.beside].map((r) => r.status))], [200]);
      assert.deepEqual([...new Set(asked.writes.map((r) => r.status))], [422], "read, and judged");
      if (!sanitized) assert.ok(grown < 64 << 10, `${grown} KiB`);
      assert.deepEqual([...slow.told], ["503 There is no memory for this body now; send it again later."]);
      if (LONG) assert.ok(quantile(asked.webhooks, 0.99) < 1000, figures(asked.webhooks));
      assert.ok((await a.metric("http_server_connections_dropped_total", { reason: "bodies" })) > 0);
    }
  });

  test("a webhook of a known sender that comes slowly is not given up for others", { timeout: 120_000 }, async () => {
    const body = JSON.stringify(message("status-update", { id: "call-slow" }, { status: "ringing", artifact: { transcript: "y".repeat(400_000) } }));
    const socket = connect({ port: a.port, host: "127.0.0.1" }), fields = { "Content-Type": "application/json", "Content-Length": body.length, Host: "ava", Connection: "close", ...headersOf(secretPlan(SECRET), { url, body }) };
    let said = "";
    socket.on("data", (b) => (said += b)).on("error", () => {});
    socket.write(`POST ${new URL(url).pathname} HTTP/1.1\r\n${Object.entries(fields).map(([n, v]) => `${n}: ${v}\r\n`).join("")}\r\n${body.slice(0, 300_000)}`);
    const many = slowOnes(300, "127.0.0.1", MADE_UP);
    await many.refuses(250);
    socket.write(body.slice(300_000));
    await until(() => said, { what: "its answer" });
    assert.match(said, /^HTTP\/1.1 200 /);
    many.stop();
  });

  test("who has little keeps it: the address with the most gives way", { timeout: 120_000 }, async () => {
    const many = slowOnes(300, "127.0.0.5", MADE_UP);
    await many.refuses(250);
    const few = slowOnes(2, "127.0.0.4", MADE_UP);
    await few.sent();
    const more = slowOnes(300, "127.0.0.5", MADE_UP);
    await more.refuses(250);
    assert.deepEqual([few.refused, few.full], [0, 2]);
    more.stop();
    few.stop();
    many.stop();
  });

  test("afterwards there is room for everybody again", async () => {
    await until(async () => (await ask("127.0.0.1", "/health/ready")).status === 200, { what: "it is there" });
    const all = await Promise.all(Array.from({ length: 8 }, (_, n) => ask("127.0.0.1", "/api/v1/events/replay", JSON.stringify({ type: "z".repeat(900_000 + n) }), { Authorization: `Bearer ${a.key}` })));
    assert.deepEqual(all.map((r) => r.status), Array(8).fill(422));
  });
});
