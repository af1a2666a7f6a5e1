// The pretend Vapi with a start number: the same calls, the same webhooks dropped, doubled and turned around, each time.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";

describe("the same start number", { skip: missing }, () => {
  async function play(start_number) {
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    try {
      await a.signUp();
      await a.call("/api/v1/webhooks/endpoints/vapi/setup", { body: {} });
      const course = { start_number, drop_ends_percent: 20, duplicate_percent: 20, reorder_percent: 20, call_ms: 3000 };
      assert.equal((await a.call("/sandbox/api/vapi/course", { body: course, key: null })).status, 200);
      for (let i = 0; i < 12; i++) assert.equal((await a.call("/api/v1/calls", { body: { to: `+336123456${10 + i}` } })).status, 201);
      const { told } = (await a.call("/sandbox/api/vapi/told", { key: null })).json;
      await a.advance(10);
      const sent = told.filter((e) => e.how !== "dropped").length, twice = told.filter((e) => e.how === "twice").length;
      const ended = new Set(told.filter((e) => e.type === "end-of-call-report" && e.how !== "dropped").map((e) => e.call));
      const calls = async () => (await a.call("/api/v1/calls?limit=100")).json.calls;
      await until(async () => (await calls()).filter((c) => ended.has(c.provider_id)).every((c) => c.status === "ended" && c.cost), { what: "what was told is known, in whatever order" });
      await until(async () => (await a.call("/api/v1/events?limit=100")).json.events.length === sent - twice, { what: "each of them once" });
      return told;
    } finally {
      await a.remove();
    }
  }

  test("gives the same log of events, and another one another", async () => {
    const [first, again, other] = [await play(42), await play(42), await play(43)];
    assert.deepEqual(again, first);
    assert.notDeepEqual(other, first);
    for (const how of ["sent", "late", "twice", "dropped"]) assert.ok(first.some((e) => e.how === how), how);
  });
});
