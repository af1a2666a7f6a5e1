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

  test("somebody else's message looks like a missing one", async () => {
    const mine = (await send({ to: number() })).json;
    const other = await a.newPerson("other@example.com");
    const foreign = await a.call(`/api/v1/messages/${mine.id}`, { key: other.key });
    assert.equal(foreign.status, 404);
    assert.deepEqual((await a.call("/api/v1/messages", { key: other.key })).json.messages, []);
  });
});
