// Bears company.
// A name server that does not answer holds up nobody but who asked for its names (HARDENING 11): each workspace has a
// share of the questions that may be open, and what could not be asked is nobody's failure. In the field it is the pool
// of look-ups that such a server fills, and everybody who needs it waits (nodejs/node 8436).
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { Receiver } from "../lib/receiver.mjs";
import { headersOf, message, secretPlan } from "../lib/vapi.mjs";

const SECRET = "what-vapi-sends-with-each-message", SERVER = "127.53.53.53";
const dir = mkdtempSync(join(tmpdir(), "ava-resolver-")), conf = join(dir, "resolv.conf");
// Ava gets a resolver of its own, in a mount namespace.
const through = ["unshare", "-rm", "sh", "-c", `mount --bind ${conf} /etc/resolv.conf && exec "$@"`, "sh"];

// Takes questions and answers none.
function silentServer() {
  const socket = createSocket("udp4"), self = { questions: new Map(), close: () => socket.close() };
  socket.on("message", (b, from) => self.questions.set(from.port, b.subarray(13, 13 + b[12]).toString())); // each comes from a socket of its own
  return new Promise((done, fail) => socket.once("error", fail).bind(53, SERVER, () => done(self)));
}

let server = null;
try {
  writeFileSync(conf, `nameserver ${SERVER}\noptions timeout:10 attempts:2\n`);
  execFileSync(through[0], [...through.slice(1), "true"], { stdio: "ignore" });
  server = await silentServer();
} catch {
  server = null;
}

describe("a name server that does not answer", { skip: missing || (server ? false : "no port 53 or no mount namespace here"), concurrency: 1 }, () => {
  let a, receiver, third, mine;
  const silent = [];
  const all = "/api/v1/destinations";
  before(async () => {
    receiver = await Receiver.start();
    a = await Ava.start({ through, env: { AVA_LOG_LEVEL: "error", AVA_OUTBOUND_ALLOW: "127.0.0.0/8" } });
    await a.signUp();
    third = { key: a.key };
    for (const [n, who] of ["one", "two"].entries()) {
      const person = await a.newPerson(`${who}@example.com`);
      for (let k = 0; k < 10; k++) {
        const made = await a.call(all, { body: { url: `https://never-${n}-${k}.example.test/ava` }, key: person.key });
        assert.equal(made.status, 201, made.text);
        silent.push({ id: made.json.id, key: person.key });
      }
    }
    await a.call("/api/v1/credentials/vapi?verify=false", { method: "PUT", body: { api_key: "resolver-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET } });
    mine = (await a.call(all, { body: { url: receiver.url.replace("127.0.0.1", "localhost") } })).json;
    receiver.secrets.push(mine.secret);
  });
  after(async () => {
    await a?.remove();
    await receiver?.stop();
    server?.close();
    rmSync(dir, { recursive: true, force: true });
  });

  test("is asked for no more than a share of each workspace, and a third one's deliveries go on", { timeout: 60_000 }, async (t) => {
    // Each silent destination is tried four times at once: more questions than places, of two workspaces.
    const trials = [...silent, ...silent, ...silent, ...silent].map((d) => a.call(`${all}/${d.id}/test`, { method: "POST", key: d.key }));
    await until(() => server.questions.size >= 16, { what: "their questions are open" });
    const { endpoints } = (await a.call("/api/v1/webhooks/endpoints", { key: third.key })).json, url = endpoints.find((e) => e.provider === "vapi").urls.server;
    const waits = [], took = async (what) => {
      const began = performance.now();
      await what();
      waits.push(performance.now() - began);
    };
    for (let n = 0; n < 10; n++) {
      const body = JSON.stringify(message("status-update", { id: `call-${n}` }, { status: "ringing" }));
      await took(async () => {
        const r = await a.call(url.slice(a.base.length), { key: null, method: "POST", raw: body, headers: { "Content-Type": "application/json", ...headersOf(secretPlan(SECRET), { url, body }) } });
        assert.equal(r.status, 200, r.text);
        await until(() => receiver.taken().filter((d) => d.type !== "test.ping").length > n, { what: `delivery ${n} of the third workspace` });
      });
      await took(async () => {
        const trial = await a.call(`${all}/${mine.id}/test`, { method: "POST", key: third.key });
        assert.deepEqual([trial.status, trial.json.delivered], [200, true], trial.text);
      });
    }
    const asked = server.questions.size;
    t.diagnostic(`${asked} questions open; what the third workspace sent took at most ${Math.max(...waits).toFixed(0)} ms`);
    assert.equal(asked, 16, [...server.questions.values()].join());
    for (const d of (await a.call(`${all}/${mine.id}/deliveries`)).json.deliveries) assert.deepEqual(d.tried.map((one) => [one.status_code, one.error]), [[200, null]]);
    // What could not be asked is no attempt: whoever asked hears that it was not tried, and when to come again.
    const answers = await Promise.all(trials), said = answers.map((r) => (r.status === 200 ? r.json.error : `${r.status} ${r.json.code}`));
    t.diagnostic([...new Set(said)].map((one) => `${one}: ${said.filter((x) => x === one).length}`).join("; "));
    assert.equal(said.filter((one) => /cannot be found/.test(one)).length, 16, said.join());
    assert.ok(said.includes("503 provider_busy"));
    assert.ok(answers.every((r) => r.status === 200 || r.headers.get("retry-after")));
  });
});
