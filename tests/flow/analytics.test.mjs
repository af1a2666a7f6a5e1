// How calls went: sums from our own rows, which agree with what the provider charges.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

describe("analytics", { skip: missing, concurrency: 1 }, () => {
  let a, vapi;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off", CIRCUIT_BREAKER_ENABLED: "false" } });
    await a.signUp();
    vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
    await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
    for (let i = 0; i < 3; i++) await a.call("/api/v1/calls", { body: { to: `+3361234567${i}` } });
    await a.call("/sandbox/api/vapi/inbound", { body: { from: "+14155550001" }, key: null });
    await a.advance(31);
    await until(async () => (await a.call("/api/v1/calls")).json.calls.filter((c) => c.status === "ended" && c.cost).length === 4, { what: "all over, with their reports" });
    await a.advance(86_400);
    const ended = (await a.call("/api/v1/calls", { body: { to: "+33612345679" } })).json;
    await a.call(`/api/v1/calls/${ended.id}/end`, { method: "POST" });
  });
  after(() => a.remove());

  const ask = (query = "") => a.call(`/api/v1/analytics/calls${query}`);

  test("by day: calls, who answered, how long, what it cost; as the invoice has it", async () => {
    const r = (await ask()).json;
    assert.equal(r.by, "day");
    assert.deepEqual(r.groups.map((g) => [g.calls, g.answered, g.seconds]), [[4, 4, 4 * 26], [1, 0, 0]]);
    assert.equal(Date.parse(r.groups[1].key) - Date.parse(r.groups[0].key), 86_400_000);
    assert.equal(r.totals.calls, 5);
    const bill = (await a.call("/sandbox/api/vapi/invoice", { key: null })).json;
    assert.equal(r.totals.cost_micros, bill.total_micros);
    assert.equal(r.totals.faults, 0);
    assert.equal(Date.parse(r.until) - Date.parse(r.since), 30 * 86_400_000);
  });

  test("by assistant, number and reason; and only some of them", async () => {
    assert.deepEqual((await ask("?by=assistant")).json.groups.map((g) => [g.key, g.calls]), [[vapi.assistant_id, 4], [null, 1]].sort((x, y) => (x[0] ? 1 : -1) - (y[0] ? 1 : -1)));
    const days = (await ask("?by=assistant")).json.groups.find((g) => g.key === vapi.assistant_id).days;
    assert.equal(days.length, 30);
    assert.deepEqual(days.slice(-2), [3, 1], "of yesterday and today, for a line in its row");
    assert.equal(days.reduce((sum, n) => sum + n), 4);
    assert.deepEqual((await ask("?by=number")).json.groups.map((g) => g.days.reduce((sum, n) => sum + n)), (await ask("?by=number")).json.groups.map((g) => g.calls));
    assert.equal((await ask()).json.groups[0].days, undefined);
    const reasons = (await ask("?by=ended_reason")).json;
    assert.deepEqual(reasons.groups.map((g) => [g.key, g.calls]), [["customer-ended-call", 4], ["manually-canceled", 1]]);
    assert.deepEqual(reasons.ended_reasons[0], { reason: "customer-ended-call", text: "The other side hung up.", who: "nobody", is_fault: false, calls: 4 });
    assert.equal((await ask("?direction=inbound&by=number")).json.groups[0].key, "+12125550118");
    assert.equal((await ask("?direction=inbound")).json.totals.calls, 1);
    assert.equal((await ask(`?assistant_id=${vapi.assistant_id}`)).json.totals.calls, 4);
    assert.equal((await ask("?until=2020-01-01T00:00:00Z")).json.totals.calls, 0);
  });

  test("says what is wrong, and shows nobody else's", async () => {
    for (const [query, field] of [["?by=colour", "by"], ["?since=2020-01-01T00:00:00Z&until=2022-01-01T00:00:00Z", "since"], ["?since=2022-01-01T00:00:00Z&until=2021-01-01T00:00:00Z", "since"], ["?direction=up", "direction"]]) {
      const r = await ask(query);
      assert.deepEqual([r.status, r.json.errors?.[0].field], [422, field], query);
    }
    const bob = await a.newPerson("bob@example.com");
    assert.equal((await a.call("/api/v1/analytics/calls", { key: bob.key })).json.totals.calls, 0);
    assert.deepEqual((await a.call("/api/v1/calls?direction=inbound")).json.calls.map((c) => c.direction), ["inbound"]);
  });
});
