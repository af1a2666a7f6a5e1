// One pass over a provider's list finds all operations of a workspace that nobody confirmed (RESILIENCE 4): not a
// request for each of them, and nothing of anybody else's.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { ASSISTANT, NUMBER, SID, scriptedWorld, twilioCall, twilioText, vapiCall } from "../lib/scripted.mjs";

const COUNT = 200, LISTS_MAX = 10;
const OTHER_KEY = "scripted-vapi-key-of-others", OTHER_SID = "ACfedcba9876543210fedcba9876543210";
const ENV = { CIRCUIT_BREAKER_ENABLED: "false", CALL_CHECK_SECONDS: "3600" };
const number = (n) => "+1500557" + String(n).padStart(4, "0");

describe("unknown operations", { skip: missing, concurrency: 1 }, () => {
  let w, other;
  const made = { vapi: [], calls: [], texts: [] }; // newest first; { owner, one }
  const lists = { vapi: [], calls: [], texts: [] }; // who asked

  // What a provider did, and then said nothing of.
  const CUT = { status: 201, body: "<html>cut" };
  const account = (path) => /Accounts\/(\w+)\//.exec(path)[1];

  // A page of Twilio's list, of fewer than were asked for.
  function page(kind, member, one) {
    const owner = account(one.path), query = new URL(one.path, "http://x").searchParams, size = Math.min(60, Number(query.get("PageSize")));
    lists[kind].push(owner);
    const fits = made[kind].filter((m) => m.owner === owner && (!query.get("To") || m.one.to === query.get("To"))).map((m) => m.one);
    const start = Number(query.get("Page") ?? 0) * size, more = fits.length > start + size;
    query.set("Page", start / size + 1);
    return { json: { [member]: fits.slice(start, start + size), next_page_uri: more ? `${one.path.split("?")[0]}?${query}` : null } };
  }

  before(async () => {
    w = await scriptedWorld(Ava, { env: ENV });
    w.vapi.on("POST", /^\/call$/, (r) => {
      const { assistantOverrides } = JSON.parse(r.body);
      made.vapi.unshift({ owner: r.headers.authorization, one: vapiCall({ assistantOverrides }) });
      return CUT;
    });
    w.vapi.on("GET", /^\/call\?/, (r) => {
      const owner = r.headers.authorization, query = new URL(r.path, "http://x").searchParams, until = query.get("createdAtLe");
      lists.vapi.push(owner);
      return { json: made.vapi.filter((m) => m.owner === owner && (!until || m.one.createdAt <= until)).map((m) => m.one).slice(0, Number(query.get("limit"))) };
    });
    for (const [kind, path, member, make] of [["calls", "Calls", "calls", twilioCall], ["texts", "Messages", "messages", twilioText]]) {
      w.twilio.on("POST", new RegExp(`/${path}\\.json$`), (r) => (made[kind].unshift({ owner: account(r.path), one: make(new URLSearchParams(r.body), { status: "completed" }) }), CUT));
      w.twilio.on("GET", new RegExp(`/${path}\\.json\\?`), (r) => page(kind, member, r));
    }
    other = await w.a.newPerson("other@example.com");
    for (const [name, body] of [["vapi", { api_key: OTHER_KEY, assistant_id: ASSISTANT, default_number_id: NUMBER }], ["twilio", { account_sid: OTHER_SID, auth_token: "x" }]])
      assert.equal((await w.a.call(`/api/v1/credentials/${name}?verify=false`, { method: "PUT", key: other.key, body })).status, 200);
  });
  after(() => w?.remove());

  const KINDS = [
    ["calls at Vapi", "vapi", "/api/v1/calls", (n) => ({ to: number(n) })],
    ["calls at Twilio", "calls", "/api/v1/twilio/calls", (n) => ({ to: number(n), from: "+15005550006", twiml: "<Response/>" })],
    ["texts", "texts", "/api/v1/twilio/messages", (n) => ({ to: number(n), from: "+15005550006", body: `Text ${n}` })],
  ];
  for (const [what, kind, path, body] of KINDS)
    test(`${COUNT} ${what} of one workspace: at most ${LISTS_MAX} lists, each found, once`, { timeout: 60_000 }, async (t) => {
      const place = async (n, key) => {
        const r = await w.a.call(path, { body: body(n), key });
        assert.equal(r.status, 202, r.text);
        assert.equal(r.json.status, "unknown", r.text);
        return r.json.id;
      };
      const operation = async (id, key) => (await w.a.call(`/api/v1/operations/${id}`, { key })).json;
      const theirs = await place(COUNT, other.key), ids = [];
      let next = 0;
      await Promise.all(Array.from({ length: 20 }, async () => {
        while (next < COUNT) {
          const n = next++;
          ids[n] = await place(n);
        }
      }));
      await w.a.advance(6);
      await until(async () => (await w.a.metric("operations_unknown", { service: kind === "vapi" ? "vapi" : "twilio" })) === 0, { every: 50, what: "all are known" });
      const ended = await Promise.all(ids.map((id) => operation(id)));
      assert.deepEqual([...new Set(ended.map((o) => o.status))], ["succeeded"]);
      assert.equal(new Set(ended.map((o) => o.result.provider_id)).size, COUNT, "each has its own");
      for (const [n, o] of ended.entries()) assert.equal(o.result.to, number(n));
      const mine = lists[kind].filter((who) => ![OTHER_SID, `Bearer ${OTHER_KEY}`].includes(who)).length;
      t.diagnostic(`${mine} lists for ${COUNT}, ${lists[kind].length - mine} for the other workspace's one`);
      assert.ok(mine <= LISTS_MAX, `${mine} lists`);
      const of = await operation(theirs, other.key);
      assert.equal(of.status, "succeeded");
      assert.ok(!ended.some((o) => o.result.provider_id === of.result.provider_id));
      assert.equal(made[kind].length, COUNT + 1, "nothing was sent twice");
      if (kind !== "texts")
        for (const o of ended.slice(0, 5)) {
          const { entries } = (await w.a.call(`/api/v1/calls/${o.result.id}/timeline`)).json;
          assert.equal(entries.filter((e) => e.kind === "succeeded").length, 1, JSON.stringify(entries));
        }
    });

  test(`${COUNT} assistants of one workspace: at most ${LISTS_MAX} lists, each found, once`, { timeout: 60_000 }, async () => {
    const there = [];
    let asked = 0;
    w.vapi.on("POST", /^\/assistant$/, (r) => (there.unshift({ ...JSON.parse(r.body), id: randomUUID(), orgId: "org", createdAt: new Date().toISOString(), updatedAt: new Date().toISOString() }), CUT));
    w.vapi.on("GET", /^\/assistant\?/, (r) => {
      const query = new URL(r.path, "http://x").searchParams, until = query.get("createdAtLe");
      asked++;
      return { json: there.filter((one) => !until || one.createdAt <= until).slice(0, Number(query.get("limit"))) };
    });
    w.vapi.on("GET", /^\/assistant\/[0-9a-f-]+$/, (r) => ({ json: there.find((one) => r.path.endsWith(one.id)) }));
    const ids = [];
    for (let n = 0; n < COUNT; n++) {
      const r = await w.a.call("/api/v1/assistants", { body: { name: `Desk ${n}` } });
      assert.deepEqual([r.status, r.json.status], [202, "unknown"], r.text);
      ids.push(r.json.id);
    }
    await w.a.advance(6);
    await until(async () => (await w.a.metric("operations_unknown", { service: "vapi" })) === 0, { every: 50, ms: 30_000, what: "all are known" });
    const ended = await Promise.all(ids.map(async (id) => (await w.a.call(`/api/v1/operations/${id}`)).json));
    assert.deepEqual([...new Set(ended.map((o) => o.status))], ["succeeded"]);
    assert.deepEqual(ended.map((o) => o.result.name), ids.map((_, n) => `Desk ${n}`));
    assert.ok(asked <= LISTS_MAX, `${asked} lists`);
    assert.equal(there.length, COUNT, "nothing was sent twice");
  });

  test("two that could have made the same text are left unknown, whatever else the pass finds", { timeout: 60_000 }, async () => {
    made.texts.length = 0;
    const ids = [];
    for (const to of [900, 901, 902, 902, 903]) ids.push((await w.text(number(to), { body: "Twice" })).json.id);
    await w.a.advance(6);
    const states = async () => (await Promise.all(ids.map(async (id) => (await w.a.call(`/api/v1/operations/${id}`)).json)));
    await until(async () => (await states()).every((o) => o.status === "succeeded" || o.next_retry_in_seconds > 6), { every: 50, what: "each was looked for" });
    assert.deepEqual((await states()).map((o) => o.status), ["succeeded", "succeeded", "unknown", "unknown", "succeeded"]);
    await w.a.advance(900);
    await until(async () => (await states()).filter((o) => o.status === "unconfirmed").length === 2, { every: 50, what: "left to people" });
  });

  test("those that the list does not show stay unknown, and are looked for again, together", { timeout: 60_000 }, async () => {
    made.texts.length = lists.texts.length = 0;
    w.twilio.on("POST", /\/Messages\.json$/, CUT);
    const ids = [];
    for (let n = 0; n < 30; n++) ids.push((await w.text(number(1000 + n))).json.id);
    const states = async () => (await Promise.all(ids.map(async (id) => (await w.a.call(`/api/v1/operations/${id}`)).json)));
    for (const [seconds, least] of [[6, 6], [30, 60], [120, 300], [600, 100]]) {
      lists.texts.length = 0;
      await w.a.advance(seconds);
      await until(async () => (await states()).every((o) => o.status === "unknown" && o.next_retry_in_seconds > least), { every: 100, what: "each was looked for" });
      assert.ok(lists.texts.length <= 3, `${lists.texts.length} lists`);
    }
    await w.a.advance(300);
    await until(async () => (await states()).every((o) => o.status === "unconfirmed"), { every: 100, what: "nobody knows" });
    assert.equal(await w.a.metric("jobs_ready", { kind: "operation" }), 0);
  });

  test("a pass that dies half-way loses nothing: the next process goes on", { timeout: 60_000 }, async () => {
    made.vapi.length = 0;
    const ids = [];
    for (let n = 0; n < 60; n++) ids.push((await w.call(number(2000 + n))).json.id);
    const operation = async (id) => (await w.a.call(`/api/v1/operations/${id}`)).json;
    await w.a.advance(6);
    await until(async () => (await operation(ids[0])).status === "succeeded" || (await operation(ids[59])).status === "succeeded", { every: 0, what: "the first is settled" });
    const { key, data } = w.a;
    await w.a.stop("SIGKILL");
    w.a = await Ava.start({ data, env: { ...ENV, AVA_LOG_LEVEL: "error", VAPI_BASE_URL: w.vapi.base, TWILIO_BASE_URL: w.twilio.base } });
    w.a.key = key;
    await w.a.advance(3600); // its clock begins anew, before the times of the rows
    await until(async () => (await w.a.metric("operations_unknown", { service: "vapi" })) === 0, { every: 50, what: "all are known" });
    const ended = await Promise.all(ids.map(operation));
    assert.deepEqual([...new Set(ended.map((o) => o.status))], ["succeeded"]);
    assert.equal(new Set(ended.map((o) => o.result.provider_id)).size, 60);
    assert.equal(made.vapi.length, 60, "nothing was sent twice");
  });
});
