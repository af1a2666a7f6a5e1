// Traffic as real providers send it, in their amounts: nothing is lost, misread or refused. The short forms run with all
// tests; TEST_SOAK=1 runs the long ones, which hold the figures that are promised.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Agent, request } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { figures, paced, tally } from "../lib/load.mjs";
import { reading } from "../lib/load_apart.mjs";
import { SID, TOKEN, scriptedWorld, vapiCall } from "../lib/scripted.mjs";
import { sign } from "../lib/twilio.mjs";

const LONG = Boolean(process.env.TEST_SOAK);
const SECRET = "what-vapi-sends-with-each-message";

// Posts over kept connections, with less work for this process than fetch: { status, text }.
function poster(base, connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const post = (path, body, headers) =>
    new Promise((done, fail) => {
      const req = request(base + path, { agent, method: "POST", headers: { ...headers, "Content-Length": Buffer.byteLength(body) } }, (res) => {
        let text = "";
        res.setEncoding("utf8").on("data", (s) => (text += s)).on("end", () => done({ status: res.statusCode, text }));
      });
      req.on("error", fail).end(body);
    });
  return { post, end: () => agent.destroy() };
}

// An Ava that Vapi and Twilio send to: { a, vapi, twilio }, the last two are paths.
async function receiving(env = {}, limits = true) {
  const a = await Ava.start({ limits, env: { AVA_LOG_LEVEL: "off", ...env } });
  await a.signUp();
  const put = (name, body) => a.call(`/api/v1/credentials/${name}?verify=false`, { method: "PUT", body });
  await put("twilio", { account_sid: SID, auth_token: TOKEN });
  await put("vapi", { api_key: "traffic-vapi-key-0001", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80", webhook_secret: SECRET });
  const { endpoints } = (await a.call("/api/v1/webhooks/endpoints")).json;
  const urls = (provider) => endpoints.find((e) => e.provider === provider).urls;
  return { a, vapi: urls("vapi").server, twilio: urls("twilio").status };
}

// All of a list, page by page.
async function all(a, path, name, each) {
  for (let cursor = ""; cursor !== null; ) {
    const r = await a.call(`${path}${path.includes("?") ? "&" : "?"}limit=100${cursor && `&cursor=${cursor}`}`);
    assert.equal(r.status, 200, r.text);
    r.json[name].forEach(each);
    cursor = r.json.next_cursor;
  }
}
const workedOff = (a, ms) => until(async () => (await a.call("/api/v1/events?limit=1&status=received")).json.events.length === 0, { ms, every: 100, what: "all events worked on" });

// Numbers from a seed, the same on every machine (mulberry32): a whole one below n.
function dice(seed) {
  return (n) => {
    let t = (seed = (seed + 0x6d2b79f5) | 0);
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

describe("a message with an odd thing in a field that Ava does not use", { skip: missing, concurrency: 1 }, () => {
  const MESSAGES = Number(process.env.TEST_MESSAGES ?? (LONG ? 1_000_000 : 2000));
  const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000_007);
  let w, wire;
  before(async () => {
    w = await receiving({}, false);
    wire = poster(w.a.base, 16);
  });
  after(() => (wire?.end(), w?.a.remove()));

  // Each gives the bytes of a whole field, name and value.
  const ODD = [
    (n) => `"odd":"the sun \\u${(0xd800 + n(0x400)).toString(16)} is up"`,
    (n) => `"odd":"\\u${(0xdc00 + n(0x400)).toString(16)}"`,
    (n) => `"odd${n(2) ? "\\u0000" : ""}":"a\\u0000b"`,
    () => Buffer.from('"odd":"a\0b"'),
    (n) => `"odd":${n(2) ? "-" : ""}${1 + n(9)}${String(n(1e9)).repeat(3 + n(40))}`,
    (n) => `"odd":${1 + n(9)}e${n(2) ? "" : "-"}${999 + n(1e6)}`,
    (n) => Buffer.concat([Buffer.from('"odd":"caf'), [Buffer.from([0xc3]), Buffer.from([0xe2, 0x82]), Buffer.from([0xf0, 0x9f, 0x98]), Buffer.from([0xff, 0xfe]), Buffer.from([0xed, 0xa0, 0x80])][n(5)], Buffer.from('"')]),
    (n) => `"odd":${n(9)},"odd":{"odd":[],"odd":"${n(9)}"},"odd":null`,
    (n) => ((deep) => `"odd":${"[".repeat(deep)}${"]".repeat(deep)}`)(60 + n(2000)),
    (n) => ((deep) => `"odd":${'{"odd":'.repeat(deep)}0${"}".repeat(deep)}`)(60 + n(500)),
  ];
  const report = (id) => `{@"message":{@"type":"end-of-call-report","timestamp":1790000001000,@"endedReason":"customer-ended-call","startedAt":"2026-09-21T14:12:21.000Z","endedAt":"2026-09-21T14:13:21.000Z","cost":0.25,"artifact":{@"transcript":"AI: Hello"},"call":{@"id":"${id}","type":"outboundPhoneCall",@"customer":{@"number":"+15005550142"}}}}`;
  const PLACES = report("").split("@").length - 1;
  const message = (id, place, odd) => {
    const parts = report(id).split("@");
    return Buffer.concat(parts.flatMap((part, i) => [Buffer.from(part), ...(i === place ? [Buffer.from(odd), Buffer.from(",")] : [])]));
  };
  const send = (body) => wire.post(new URL(w.vapi).pathname, body, { "Content-Type": "application/json", "X-Vapi-Secret": SECRET });
  const same = ({ id, provider_id, created_at, updated_at, ...row }) => JSON.stringify(row);

  test(`${MESSAGES}: all answered 200, all kept, the same rows as without`, { timeout: LONG ? 7_200_000 : 120_000 }, async (t) => {
    t.diagnostic(`seed ${SEED} (TEST_SEED)`);
    const n = dice(SEED), began = Date.now();
    assert.equal((await send(message("without", -1, ""))).status, 200);
    let sent = 0;
    const worker = async () => {
      while (sent < MESSAGES) {
        const id = `odd-${sent++}`, body = message(id, n(PLACES), ODD[n(ODD.length)](n));
        const r = await send(body);
        assert.equal(r.status, 200, `${r.text}: ${body.toString("latin1").slice(0, 300)}`);
        assert.equal(r.text, "{}");
      }
    };
    await Promise.all(Array.from({ length: 16 }, worker));
    t.diagnostic(`${Math.round((MESSAGES * 1000) / (Date.now() - began))} messages a second`);
    await workedOff(w.a, LONG ? 3_600_000 : 90_000);
    const ids = new Set(), shapes = new Map();
    let events = 0;
    await all(w.a, "/api/v1/calls", "calls", (c) => {
      ids.add(c.provider_id);
      shapes.set(same(c), c.provider_id);
    });
    await all(w.a, "/api/v1/events", "events", (e) => {
      events++;
      assert.equal(e.status, "done", JSON.stringify(e));
    });
    assert.deepEqual([ids.size, events], [MESSAGES + 1, MESSAGES + 1]);
    assert.deepEqual([...shapes.keys()].length, 1, [...shapes].slice(0, 3).join("\n"));
    t.diagnostic(`${MESSAGES} messages answered, kept and read, in ${Math.round((Date.now() - began) / 1000)} s`);
  });
});

describe("a burst of Twilio's callbacks", { skip: missing, concurrency: 1 }, () => {
  const COUNT = 6000;
  let w, wire;
  before(async () => {
    w = await receiving();
    wire = poster(w.a.base, 64);
  });
  after(() => (wire?.end(), w?.a.remove()));

  test(`${COUNT} signed ones to one workspace, with the limits that are preset: all kept`, { timeout: 120_000 }, async (t) => {
    const path = new URL(w.twilio).pathname;
    const ready = Array.from({ length: COUNT }, (_, i) => {
      const pairs = [["AccountSid", SID], ["CallSid", "CA" + i.toString(16).padStart(32, "0")], ["CallStatus", "completed"], ["CallDuration", "12"]];
      return { body: new URLSearchParams(pairs).toString(), headers: { "Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": sign(w.twilio, pairs, TOKEN) } };
    });
    // Due within 3 s, whether earlier ones have been answered or not.
    const began = performance.now();
    let last = 0;
    const answers = await paced(COUNT / 3, 3, async (n) => {
      last = performance.now();
      return wire.post(path, ready[n].body, ready[n].headers);
    });
    const took = performance.now() - began;
    t.diagnostic(`sent within ${((last - began) / 1000).toFixed(2)} s, answered within ${(took / 1000).toFixed(2)} s: ${Math.round((COUNT * 1000) / took)} a second, ${figures(answers)}`);
    assert.deepEqual(tally(answers), { 200: COUNT });
    // What was answered is on disk: it is counted by the next process, which limits no reader.
    await w.a.stop("SIGKILL");
    const { key, data } = w.a;
    w.a = await Ava.start({ data, env: { AVA_LOG_LEVEL: "off" } });
    w.a.key = key;
    const kept = new Set();
    await all(w.a, "/api/v1/events", "events", (e) => kept.add(e.resource));
    assert.equal(kept.size, COUNT);
    await workedOff(w.a, 60_000);
  });
});

describe("the noise of ten calls", { skip: missing, concurrency: 1 }, () => {
  const SECONDS = LONG ? 60 : 10, QUESTIONS = LONG ? 30 : 10, CALLS = 10, PER_CALL = 30;
  let w, wire;
  before(async () => {
    w = await receiving();
    wire = poster(w.a.base, 64);
  });
  after(() => (wire?.end(), w?.a.remove()));
  const send = (id, message) => wire.post(new URL(w.vapi).pathname, JSON.stringify({ message: { timestamp: Date.now(), ...message, call: { id, type: "inboundPhoneCall", customer: { number: "+15005550142" } } } }), { "Content-Type": "application/json", "X-Vapi-Secret": SECRET });

  test(`for ${SECONDS} s, beside ${QUESTIONS} assistant-requests: no question refused`, { timeout: 120_000 }, async (t) => {
    const calls = Array.from({ length: CALLS }, () => randomUUID());
    const talk = Array.from({ length: 40 }, (_, i) => ({ role: i % 2 ? "user" : "bot", message: "What was said a moment ago. ".repeat(4), time: i, secondsFromStart: i }));
    const noise = [
      (n) => ({ type: "speech-update", status: n % 2 ? "started" : "stopped", role: n % 3 ? "user" : "assistant", turn: n }),
      (n) => ({ type: "model-output", output: `word ${n}` }),
      (n) => ({ type: "transcript", transcriptType: "partial", role: "user", transcript: `I would like ${n}` }),
      (n) => ({ type: "conversation-update", conversation: talk, messages: talk, turn: n }),
    ];
    const [loud, asked] = await Promise.all([
      paced(CALLS * PER_CALL, SECONDS, (n) => send(calls[n % CALLS], noise[Math.floor(n / CALLS) % noise.length](n))),
      paced(QUESTIONS / SECONDS, SECONDS, () => send(randomUUID(), { type: "assistant-request" })),
    ]);
    t.diagnostic(`noise: ${figures(loud)}, ${JSON.stringify(tally(loud))}`);
    t.diagnostic(`questions: ${figures(asked)}, ${JSON.stringify(tally(asked))}`);
    assert.deepEqual(tally(asked), { 200: QUESTIONS });
    for (const { status } of loud) assert.ok(status === 200 || status === 503, `noise: ${status}`);
  });
});

describe("answers as large as calls were long", { skip: missing, concurrency: 1 }, () => {
  const BOUND_KIB = 4 << 10;
  let w;
  before(async () => {
    w = await scriptedWorld(Ava, { env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "off" } });
    await settings();
  });
  after(() => w?.remove());

  async function settings() {
    const r = await w.a.call("/api/v1/vapi/settings");
    assert.equal(r.status, 200, r.text);
    return r;
  }
  const large = (bytes, more) => JSON.stringify({ artifact: { transcript: "AI: Hello. ".repeat(bytes / 22), messages: Array.from({ length: Math.floor(bytes / 2 / 280) }, (_, i) => ({ role: "user", time: i, message: "x".repeat(240) })) }, ...more });

  // Runs it twice, the first time to warm up; a thread of its own reads settings from the cache meanwhile. Gives by how many KiB the memory
  // of Ava peaked higher than it stood. What is answered is made before: it would hold up those who measure.
  async function beside(t, what, make, run) {
    await run(make());
    const made = Array.from({ length: LONG ? 20 : 1 }, make);
    w.a.forgetPeak();
    const reads = await reading(`${w.a.base}/api/v1/vapi/settings`, { Authorization: `Bearer ${w.a.key}` }, 200);
    const stood = w.a.memory();
    for (const one of made) await run(one);
    const answers = await reads.stop(), grown = w.a.memory("VmHWM") - stood;
    t.diagnostic(`${what}: memory stood at ${stood} KiB and peaked ${grown} KiB higher; cached reads beside: ${figures(answers)}`);
    assert.deepEqual(tally(answers), { 200: answers.length });
    return grown;
  }

  test("a list of 50 calls of 60 kB each finds the one that was asked for", { timeout: 60_000 }, async (t) => {
    const make = () => {
      const mine = vapiCall(), others = Array.from({ length: 49 }, () => large(60_000, vapiCall()));
      const [before, behind] = large(60_000, { ...mine, assistantOverrides: { metadata: { ava_op: "@" } } }).split("@");
      return { mine, before: Buffer.from(`[${others},${before}`), behind: Buffer.from(`${behind}]`) };
    };
    const grown = await beside(t, "50 calls of 60 kB", make, async ({ mine, before, behind }) => {
      w.vapi.once("POST", /^\/call$/, { status: 201, body: "<html>cut" });
      const r = await w.call("+15005550143");
      assert.equal(r.status, 202, r.text);
      w.vapi.once("GET", /^\/call\?/, { body: Buffer.concat([before, Buffer.from(r.json.id), behind]) });
      await w.a.advance(6);
      const done = await until(async () => ((o) => o.status === "succeeded" && o)((await w.a.call(`/api/v1/operations/${r.json.id}`)).json), { what: "found in the list" });
      assert.equal(done.result.provider_id, mine.id);
    });
    if (!sanitized) assert.ok(grown < BOUND_KIB, `${grown} KiB`);
  });

  test("a call of 10 MB is read", { timeout: 60_000 }, async (t) => {
    const make = () => {
      const call = vapiCall();
      const body = Buffer.from(large(10 << 20, { ...call, status: "ended", endedReason: "customer-ended-call", cost: 1.25, startedAt: "2026-11-20T10:00:00.000Z", endedAt: "2026-11-20T10:01:20.000Z" }));
      assert.ok(body.length > 9.5 * (1 << 20), `${body.length} bytes`);
      return { call, body };
    };
    const grown = await beside(t, "a call of 10 MB", make, async ({ call, body }) => {
      w.vapi.once("POST", /^\/call$/, { status: 201, json: call });
      const r = await w.call("+15005550144");
      assert.equal(r.json.provider_id, call.id);
      w.vapi.once("GET", new RegExp(`^/call/${call.id}`), { body });
      const { status, json } = await w.a.call(`/api/v1/calls/${r.json.id}`);
      assert.deepEqual([status, json.status, json.ended_reason, json.cost?.amount_micros], [200, "ended", "customer-ended-call", 1_250_000]);
    });
    if (!sanitized) assert.ok(grown < BOUND_KIB, `${grown} KiB`);
  });
});
