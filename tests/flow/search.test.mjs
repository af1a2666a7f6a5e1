// Search: ids of every kind, numbers as people write them, addresses; one's own workspace only.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";


describe("search", { skip: missing, concurrency: 1 }, () => {
  let a, other, call, text;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    const { numbers } = (await a.call("/api/v1/twilio/numbers")).json;
    assert.ok((await a.call("/api/v1/twilio/numbers/import", { body: { numbers: [numbers[0].phone_number] } })).status < 300);
    await until(async () => (await a.call("/api/v1/twilio/numbers")).json.numbers.some((n) => n.imported), { what: "a number is in Ava's care" });
    await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
    call = (await a.call("/api/v1/calls", { body: { to: "+33612345678" } })).json;
    assert.equal((await a.call("/api/v1/calls", { body: { to: "+4915198765432" } })).status, 201);
    await until(async () => (await a.call("/api/v1/events")).json.events.length, { what: "events came" });
    text = (await a.call("/api/v1/twilio/messages", { body: { to: "+33699887766", from: numbers[0].phone_number, body: "Nobody finds me by what I say" } })).json;
    assert.ok(text.id, JSON.stringify(text));
    assert.equal((await a.call("/api/v1/integrations/email/send", { body: { to: "Grey.Smith@Example.org", subject: "Hello", text: "x" } })).status < 300, true);
    other = await a.newPerson("other@example.com");
  });
  after(() => a?.remove());

  const found = async (q, key) => {
    const r = await a.call(`/api/v1/search?q=${encodeURIComponent(q)}`, { key: key ?? a.key });
    assert.equal(r.status, 200, r.text);
    return r.json;
  };
  const counts = async (q, key) => {
    const f = await found(q, key);
    return [f.calls.length, f.messages.length, f.numbers.length];
  };

  test("a number as people write it, whole or a piece of it", async () => {
    for (const q of ["+33612345678", "33612345678", "0033 6 12 34 56 78", "06 12 34 56 78", "06.12.34.56.78", "(0)612-345-678", "345 678", "  345678  "])
      assert.deepEqual((await found(q)).calls.map((c) => c.id), [call.id], q);
    assert.deepEqual((await found("99887766")).messages.map((m) => m.id), [text.id]);
    assert.deepEqual(await counts("12"), [0, 0, 0], "two digits are in every number");
    const number = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((n) => n.imported);
    assert.deepEqual((await found(number.phone_number.slice(-7))).numbers.map((n) => n.phone_number), [number.phone_number]);
    assert.deepEqual((await found(number.friendly_name.toUpperCase())).numbers.map((n) => n.id), [number.id]);
  });

  test("an address, in any case", async () => {
    for (const q of ["grey.smith@example.org", "GREY", "Example.ORG"]) assert.equal((await found(q)).messages.length, 1, q);
    assert.equal((await found("Nobody finds")).messages.length, 0, "what a message says is sealed");
  });

  test("any id: of Ava, of the operation, at the provider; what is about it comes too", async () => {
    const now = (await a.call(`/api/v1/calls/${call.id}`)).json;
    for (const id of [now.id, now.operation_id, now.provider_id]) assert.deepEqual((await found(id)).calls.map((c) => c.id), [call.id], id);
    assert.ok((await found(now.provider_id)).events.length > 0, "its events");
    const sent = (await a.call(`/api/v1/messages/${text.id}`)).json;
    for (const id of [sent.id, sent.provider_id]) assert.deepEqual((await found(id)).messages.map((m) => m.id), [text.id], id);
    const [event] = (await a.call("/api/v1/events")).json.events;
    assert.deepEqual((await found(event.id)).events.map((e) => e.id), [event.id]);
    assert.ok((await found(event.type)).events.every((e) => e.type === event.type));
  });

  test("nothing of other workspaces, whatever is asked", async () => {
    const now = (await a.call(`/api/v1/calls/${call.id}`)).json, [event] = (await a.call("/api/v1/events")).json.events;
    for (const q of [now.id, now.operation_id, now.provider_id, text.id, "345678", "grey", event.id, event.type, event.resource ?? "x1"]) {
      const f = await found(q, other.key);
      assert.deepEqual([f.calls, f.messages, f.numbers, f.events, f.is_cut], [[], [], [], [], false], q);
    }
  });

  test("what cannot be looked for is said; what looks like a pattern is text", async () => {
    for (const q of ["", " ", "x", " x ", "y".repeat(101)]) {
      const r = await a.call(`/api/v1/search?q=${encodeURIComponent(q)}`);
      assert.deepEqual([r.status, r.json.errors[0].field], [422, "q"], q);
    }
    assert.equal((await a.call("/api/v1/search")).status, 422);
    assert.equal((await a.call("/api/v1/search?q=%ff%fe")).status, 422);
    assert.equal((await a.call("/api/v1/search?q=abc&limit=5")).status, 422);
    assert.equal((await a.call("/api/v1/search?q=abc", { key: null })).status, 401);
    for (const q of ["%%%", "___", "' OR 1=1 --", "\"; DROP TABLE calls", "*345*", "<script>", "שלום", "\u0000\u0000\u0000x"]) {
      const r = await a.call(`/api/v1/search?q=${encodeURIComponent(q)}`);
      assert.ok(r.status === 200 ? r.json.calls.length + r.json.messages.length === 0 : r.status === 422, `${q}: ${r.text}`);
    }
  });

  test("among very many it looks at the newest, and says that there may be more", async () => {
    rows(a.data, `BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4100)
      INSERT INTO calls (id, workspace_id, provider, direction, to_number, status, created_at, updated_at, sealed)
      SELECT printf('call_z%031d', i), workspace_id, provider, direction, '+15550001111', 'ended', created_at, updated_at, sealed FROM n, (SELECT * FROM calls WHERE id = '${call.id}') c; COMMIT;`);
    const f = await a.call("/api/v1/search?q=345678");
    assert.deepEqual([f.status, f.json.calls, f.json.is_cut], [200, [], true], "further back than it looks");
    assert.deepEqual((await found(call.id)).calls.map((c) => c.id), [call.id], "an id is found however old");
  });
});
