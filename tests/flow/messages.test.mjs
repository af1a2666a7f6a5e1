// Bears company.
// Texts through Twilio: sent once, whatever breaks; and both directions in one list.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

const TO = "+33612345678";

describe("messages", { skip: missing }, () => {
  let a, twilio, from, count = 0;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
  });
  after(() => a.remove());

  const number = () => `+3370000${String(++count).padStart(4, "0")}`;
  const send = (body = {}, headers = {}) => a.call("/api/v1/twilio/messages", { body: { to: TO, from, body: "Hello", ...body }, headers });
  const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const settled = (id, ...states) => until(async () => ((o) => states.includes(o.status) && o)(await operation(id)), { what: `${id} ${states}` });
  const theirs = async (to) => {
    const r = await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/Messages.json?PageSize=1000&To=${encodeURIComponent(to)}`, {
      headers: { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") },
    });
    return (await r.json()).messages;
  };
  const posts = async () => (await a.ledger()).hits.filter((h) => h.method === "POST" && /Messages\.json$/.test(h.path)).length;
  const heard = async (sid) => (await a.call(`/api/v1/events?resource=${sid}&limit=100`)).json.events.filter((e) => e.type === "message-status");

  test("sends a text, which is delivered, and each state comes back signed", async () => {
    const to = number();
    const r = await send({ to, body: "Grüße, 你好 & 100% + =", media_urls: ["https://example.com/a.png"] });
    assert.equal(r.status, 201, r.text);
    assert.match(r.json.id, /^msg_/);
    assert.match(r.json.provider_id, /^MM/);
    assert.deepEqual([r.json.channel, r.json.direction, r.json.to, r.json.from, r.json.status], ["sms", "outbound", to, from, "queued"]);
    assert.equal(r.json.body, "Grüße, 你好 & 100% + =");
    const [one] = await theirs(to);
    assert.equal(one.sid, r.json.provider_id);
    assert.equal(one.body, r.json.body);
    assert.equal(one.num_media, "1");
    await a.advance(3);
    const read = await a.call(`/api/v1/messages/${r.json.id}`);
    assert.equal(read.json.status, "delivered");
    assert.equal(read.json.body, r.json.body);
    assert.deepEqual(read.json.media_urls, ["https://example.com/a.png"]);
    await until(async () => (await heard(one.sid)).length === 3, { what: "queued, sent and delivered as webhooks" });
    assert.equal((await operation(r.json.operation_id)).kind, "message.create");
  });

  test("says why a text did not arrive", async () => {
    const r = await send({ to: "+33700009903" });
    await a.advance(3);
    const read = (await a.call(`/api/v1/messages/${r.json.id}`)).json;
    assert.equal(read.status, "undelivered");
    assert.match(read.error, /could not be reached \(code 30003\)/);
  });

  test("lists them newest first with filters and pages", async () => {
    const to = number();
    const mine = [(await send({ to })).json, (await send({ to, body: "Again" })).json].reverse();
    const list = (await a.call(`/api/v1/messages?to=${encodeURIComponent(to)}`)).json;
    assert.deepEqual(list.messages.map((m) => m.id), mine.map((m) => m.id));
    assert.equal(list.messages[0].body, "Again");
    const first = (await a.call("/api/v1/messages?limit=1&channel=sms&direction=outbound")).json;
    const next = (await a.call(`/api/v1/messages?limit=1&cursor=${first.next_cursor}`)).json;
    assert.deepEqual([first, next].map((p) => p.messages[0].id), mine.map((m) => m.id));
    assert.deepEqual((await a.call("/api/v1/messages?direction=inbound")).json, { messages: [], next_cursor: null });
    assert.equal((await a.call("/api/v1/messages?since=2100-01-01T00:00:00Z")).json.messages.length, 0);
    for (const wrong of ["since=tomorrow", "direction=up", "channel=fax", "limit=0", "colour=red"])
      assert.equal((await a.call(`/api/v1/messages?${wrong}`)).status, 422, wrong);
  });

  test("names every wrong field, and sends nothing", async () => {
    const hits = await posts();
    for (const [body, fields] of [
      [{ to: "0612345678" }, ["to"]],
      [{ to: null, from: 7, body: null }, ["to", "from", "body"]],
      [{ body: "" }, ["body"]],
      [{ body: "é".repeat(1601) }, ["body"]],
      [{ media_urls: "https://example.com/a.png" }, ["media_urls"]],
      [{ media_urls: ["http://example.com/a.png", "ftp://x"] }, ["media_urls"]],
      [{ media_urls: Array(11).fill("https://example.com/a.png") }, ["media_urls"]],
      [{ text: "x" }, ["text"]],
    ]) {
      const r = await send(body);
      assert.equal(r.status, 422, r.text);
      assert.deepEqual(r.json.errors.map((e) => e.field).sort(), fields.sort(), r.text);
    }
    const long = (await send({ body: "é".repeat(1601) })).json.errors[0];
    assert.deepEqual([long.min, long.max], [1, 1600]);
    const many = (await send({ media_urls: Array(11).fill("https://example.com/a.png") })).json.errors[0];
    assert.deepEqual([many.min, many.max], [0, 10]);
    assert.equal(await posts(), hits);
    assert.equal((await send({ body: "é".repeat(1600), to: number() })).status, 201, "1600 code points are fine");
  });

  test("Twilio's refusal is told in words, and kept", async () => {
    const r = await send({ to: "+15005550004" });
    assert.equal(r.status, 422, r.text);
    assert.equal(r.json.code, "provider_rejected_request");
    assert.match(r.json.detail, /asked for no more texts \(code 21610\)/);
    const [kept] = (await a.call("/api/v1/messages?status=failed")).json.messages;
    assert.equal(kept.to, "+15005550004");
    assert.match(kept.error, /21610/);
    assert.match((await send({ from: "+14155550199" })).json.detail, /21606/);
  });

  test("respond-async: accepted at once, settled later", async () => {
    const r = await send({ to: number() }, { Prefer: "respond-async" });
    assert.equal(r.status, 202, r.text);
    assert.equal(r.headers.get("location"), `/api/v1/operations/${r.json.id}`);
    const done = await settled(r.json.id, "succeeded");
    assert.equal(done.result.body, "Hello");
  });

  test("a throttled text is tried again", async () => {
    await a.fault({ provider: "twilio", fault: "status", status: 429, retry_after: "1", times: 1, operation: "POST /2010" });
    const to = number();
    const r = await send({ to });
    assert.equal(r.status, 201, r.text);
    assert.equal(r.headers.get("ava-attempts"), "2");
    assert.equal((await theirs(to)).length, 1);
  });

  test("the same key twice is one text", async () => {
    const to = number();
    const key = { "Idempotency-Key": "text-once" };
    const [first, second] = [await send({ to }, key), await send({ to }, key)];
    assert.equal(first.json.id, second.json.id);
    assert.equal(second.headers.get("idempotent-replayed"), "true");
    assert.equal((await theirs(to)).length, 1);
    assert.equal((await send({ to, body: "Something else" }, key)).status, 422);
  });

  test("whoever watches is told of each change", async (t) => {
    const end = new AbortController();
    t.after(() => end.abort());
    const stream = (await fetch(`${a.base}/api/v1/stream`, { headers: { Authorization: `Bearer ${a.key}` }, signal: end.signal })).body.getReader();
    const mine = (await send({ to: number() })).json;
    await a.advance(3);
    await a.call(`/api/v1/messages/${mine.id}`);
    let seen = "";
    while (!/event: message\ndata: .*"status":"delivered"/.test(seen)) seen += new TextDecoder().decode((await stream.read()).value);
    assert.match(seen, /event: operation\n/);
    assert.match(seen, /event: message\ndata: .*"status":"queued"/);
  });

  test("somebody else's message looks like a missing one", async () => {
    const mine = (await send({ to: number() })).json;
    const other = await a.newPerson("other@example.com");
    const foreign = await a.call(`/api/v1/messages/${mine.id}`, { key: other.key });
    assert.equal(foreign.status, 404);
    assert.deepEqual((await a.call("/api/v1/messages", { key: other.key })).json.messages, []);
  });
});

// No callback arrives here: what became of a text can only be asked.
describe("texts that were promised, and a Twilio that rests", { skip: missing }, () => {
  let count = 0;
  const number = () => `+3370100${String(++count).padStart(4, "0")}`;
  const resting = async (recovery) => {
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(recovery) } });
    await a.signUp();
    const from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
    const send = (headers = {}) => a.call("/api/v1/twilio/messages", { body: { to: number(), from, body: "Hello" }, headers });
    await a.fault({ provider: "twilio", fault: "status", status: 503, operation: "POST /2010" });
    await until(async () => (await send(), (await a.metric("circuit_breaker_state", { service: "twilio" })) === 2), { what: "it rests" });
    await a.fault({ provider: "twilio", fault: "none" });
    assert.equal((await send()).status, 503, "who waits hears it at once");
    const promised = async () => (await send({ Prefer: "respond-async" })).json.id;
    const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
    const waits = (id) => until(async () => (await operation(id)).next_retry_in_seconds > 0, { what: `${id} waits for its next try` });
    return { a, promised, operation, waits };
  };

  test("go out once it answers", async () => {
    const { a, promised, operation, waits } = await resting(20);
    try {
      const before = (await a.ledger()).counts.twilio, ids = [];
      for (let i = 0; i < 4; i++) ids.push(await promised());
      for (const id of ids) await waits(id);
      await a.advance(6);
      for (const id of ids) await waits(id);
      assert.equal((await a.ledger()).counts.twilio, before, "it was left in peace");
      for (const s of [25, 90, 480]) {
        await a.advance(s); // one is the try, those beside it may be refused and come again
        for (const id of ids) await until(async () => ((o) => o.status === "succeeded" || o.next_retry_in_seconds > 0)(await operation(id)), { what: "each was tried" });
      }
      for (const id of ids) assert.equal((await operation(id)).status, "succeeded");
      const sent = (await a.call("/api/v1/messages?limit=100")).json.messages.filter((m) => ids.includes(m.operation_id));
      assert.equal(new Set(sent.map((m) => m.provider_id).filter(Boolean)).size, 4);
    } finally {
      await a.remove();
    }
  });

  test("fail with the reason when it rests for a quarter of an hour", async () => {
    const { a, promised, operation, waits } = await resting(3600);
    try {
      const id = await promised();
      for (const s of [6, 25, 90, 480]) {
        await waits(id);
        await a.advance(s);
      }
      await waits(id);
      await a.advance(301);
      const o = await until(async () => ((o) => o.status === "failed" && o)(await operation(id)), { what: "it ends" });
      assert.equal(o.problem.code, "provider_unavailable");
      assert.equal((await a.call(`/api/v1/messages/${o.object_id}`)).json.status, "failed");
    } finally {
      await a.remove();
    }
  });
});

describe("texts of which nobody knows", { skip: missing }, () => {
  let a, twilio, from, count = 0;
  before(async () => {
    a = await Ava.start({ env: { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error", AVA_PUBLIC_URL: "http://127.0.0.1:9" } });
    await a.signUp();
    twilio = (await a.call("/sandbox/api/credentials", { key: null })).json.twilio;
    from = (await a.call("/api/v1/twilio/numbers")).json.numbers[0].phone_number;
  });
  after(() => a.remove());

  const number = () => `+3371000${String(++count).padStart(4, "0")}`;
  const send = (body = {}, headers = {}) => a.call("/api/v1/twilio/messages", { body: { from, body: "Hello", ...body }, headers });
  const operation = async (id) => (await a.call(`/api/v1/operations/${id}`)).json;
  const settled = (id, ...states) => until(async () => ((o) => states.includes(o.status) && o)(await operation(id)), { what: `${id} ${states}` });
  const direct = (path, form) =>
    fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}${path}`, {
      method: form ? "POST" : "GET",
      headers: { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") },
      body: form && new URLSearchParams(form),
    }).then((r) => r.json());
  const theirs = async (to) => (await direct(`/Messages.json?PageSize=1000&To=${encodeURIComponent(to)}`)).messages;
  const posts = async () => (await a.ledger()).hits.filter((h) => h.method === "POST" && /Messages\.json$/.test(h.path)).length;
  const broken = async (fault, ...bodies) => {
    await a.fault({ provider: "twilio", operation: "POST /2010", ...fault });
    const answers = [];
    for (const body of bodies) answers.push(await send(body));
    await a.fault({ provider: "twilio", fault: "none" });
    for (const r of answers) assert.deepEqual([r.status, r.json.status], [202, "unknown"], r.text);
    return answers.map((r) => r.json);
  };
  const untilUnconfirmed = async (op) => {
    for (const seconds of [5, 25, 90, 480]) {
      await a.advance(seconds);
      await until(async () => (await operation(op.id)).next_retry_in_seconds > 0, { what: "the next look" });
      assert.equal((await operation(op.id)).status, "unknown");
    }
    await a.advance(300);
    await settled(op.id, "unconfirmed");
    assert.equal((await a.call(`/api/v1/messages/${op.object_id}`)).json.status, "unconfirmed");
  };

  test("one that was sent is found by what it says", async () => {
    const to = number();
    await direct("/Messages.json", { To: to, From: from, Body: "Something else" });
    const [op] = await broken({ fault: "cut" }, { to });
    const sent = await posts();
    assert.equal(await a.metric("operations_unknown", { service: "twilio" }), 1);
    await a.advance(6);
    const done = await settled(op.id, "succeeded");
    const [one] = (await theirs(to)).filter((m) => m.body === "Hello");
    assert.equal(done.result.provider_id, one.sid);
    assert.equal(await posts(), sent, "not one further POST");
  });

  for (const [what, fault] of [["the answer cannot be read", { fault: "malformed" }], ["Twilio answers 500", { fault: "status", status: 500 }]])
    test(`one that was not sent ends unconfirmed, never sent again: ${what}`, async () => {
      const to = number();
      const [op] = await broken(fault, { to });
      const sent = await posts();
      await untilUnconfirmed(op);
      assert.equal((await theirs(to)).length, 0);
      assert.equal(await posts(), sent, "not one further POST");
      assert.equal(await a.metric("operations_unknown", { service: "twilio" }), 0);
    });

  test("where two of Twilio's could be it, neither is taken", async () => {
    const to = number();
    const [op] = await broken({ fault: "cut" }, { to });
    await direct("/Messages.json", { To: to, From: from, Body: "Hello" });
    const sent = await posts();
    await untilUnconfirmed(op);
    assert.equal(await posts(), sent);
    assert.equal((await theirs(to)).length, 2);
  });

  test("what one of ours has is no match for another", async () => {
    const to = number();
    const mine = (await send({ to })).json;
    const [op] = await broken({ fault: "status", status: 500 }, { to });
    await untilUnconfirmed(op);
    assert.notEqual((await a.call(`/api/v1/messages/${op.object_id}`)).json.provider_id, mine.provider_id);
  });

  test("what two of ours could have made is taken by neither", async () => {
    const to = number();
    const [first] = await broken({ fault: "cut" }, { to });
    const [second] = await broken({ fault: "status", status: 500 }, { to });
    await untilUnconfirmed(first);
    await settled(second.id, "unconfirmed");
    assert.equal((await theirs(to)).length, 1);
  });
});
