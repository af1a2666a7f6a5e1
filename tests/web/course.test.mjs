// The course of a call as a picture: its phases and marks, from the entries of its timeline.
import assert from "node:assert/strict";
import test from "node:test";
import { load } from "./load.mjs";

const { courseOf } = await load("calls/course.ts");

const base = Date.parse("2026-03-01T10:00:00Z");
const at = (s) => new Date(base + s * 1000).toISOString();
const entry = (s, kind, detail) => ({ at: at(s), kind, text: kind, ...(detail ? { detail } : {}) });
const told = (s, status) => entry(s, "webhook", { status });
const over = { text: "", who: "nobody", is_fault: false };
const placed = [entry(0, "requested"), entry(1, "sending"), entry(2, "succeeded")];
const call = (more) => ({ direction: "outbound", started_at: null, ended_at: null, ended: over, ...more });
const course = (about, entries, now = 1000) => courseOf({ call: call(about), entries }, base + now * 1000);
const phases = (c) => c.phases.map((p) => [p.kind, (p.from - base) / 1000, (p.until - base) / 1000]);

const talked = { started_at: at(8), ended_at: at(38) };
const whole = [...placed, told(4, "ringing"), entry(8, "talking"), told(9, "in-progress"), entry(38, "ended"), told(39, "ended")];
const answered = [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 8], ["talking", 8, 38]];
const shifted = (entries, s) => entries.map((e) => (["talking", "ended"].includes(e.kind) ? { ...e, at: new Date(Date.parse(e.at) + s * 1000).toISOString() } : e));

const table = [
  ["answered and ended", talked, whole, answered],
  ["entries in any order", talked, [...whole].reverse(), answered],
  ["never answered", { ended_at: at(34) }, [...placed, told(4, "ringing"), entry(34, "ended"), told(35, "ended")], [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 34]]],
  ["busy", { ended_at: at(5) }, [...placed, entry(5, "ended"), told(6, "ended")], [["waiting", 0, 1], ["dialling", 1, 5]]],
  ["nobody told of ringing", talked, whole.filter((e) => e.detail?.status !== "ringing"), [["waiting", 0, 1], ["dialling", 1, 8], ["talking", 8, 38]]],
  ["ringing that is told after the call", talked, [...whole.filter((e) => e.detail?.status !== "ringing"), told(60, "ringing")], [["waiting", 0, 1], ["dialling", 1, 8], ["talking", 8, 38]]],
  ["passed on to a person", { started_at: at(8), ended_at: at(68) }, [...whole.slice(0, 6), told(20, "forwarding"), entry(68, "ended"), told(69, "ended")], [...answered.slice(0, 3), ["talking", 8, 20], ["passed_on", 20, 68]]],
  ["their clock is an hour behind", { started_at: at(8 - 3600), ended_at: at(38 - 3600) }, shifted(whole, -3600), [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 9], ["talking", 9, 39]]],
  ["their clock is an hour ahead", { started_at: at(8 + 3600), ended_at: at(38 + 3600) }, shifted(whole, 3600), [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 9], ["talking", 9, 39]]],
  ["their clock is an hour ahead, and nobody picked up", { ended_at: at(3634) }, [...placed, told(4, "ringing"), entry(3634, "ended"), told(35, "ended")], [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 35]]],
  ["their clock is an hour behind, and nobody picked up", { ended_at: at(-3566) }, [...placed, told(4, "ringing"), entry(-3566, "ended"), told(35, "ended")], [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 35]]],
  ["webhooks that came an hour late", talked, [...placed, told(3600, "ringing"), entry(8, "talking"), told(3600, "in-progress"), entry(38, "ended"), told(3601, "ended")], [["waiting", 0, 1], ["dialling", 1, 8], ["talking", 8, 38]]],
  ["waits for a line", { ended: null }, [entry(0, "requested"), entry(0, "queued")], [["waiting", 0, 50]], 50],
  ["rings", { ended: null }, [...placed, told(4, "ringing")], [["waiting", 0, 1], ["dialling", 1, 4], ["ringing", 4, 10]], 10],
  ["goes on", { ended: null, started_at: at(8) }, whole.slice(0, 6), [...answered.slice(0, 3), ["talking", 8, 20]], 20],
  ["goes on, by a clock here that is an hour behind", { ended: null, started_at: at(8) }, whole.slice(0, 6), [...answered.slice(0, 3), ["talking", 8, 9]], -3600],
  ["goes on, by a clock there that is an hour ahead", { ended: null, started_at: at(3608) }, shifted(whole.slice(0, 6), 3600), [...answered.slice(0, 3).with(2, ["ringing", 4, 9]), ["talking", 9, 20]], 20],
  ["ended before it was sent", { ended_at: null }, [entry(0, "requested"), entry(0, "queued"), entry(7, "ended")], [["waiting", 0, 7]]],
  ["somebody called in", { direction: "inbound", started_at: at(3), ended_at: at(13) }, [told(0, "ringing"), entry(3, "talking"), told(3, "in-progress"), entry(13, "ended"), told(14, "ended")], [["ringing", 0, 3], ["talking", 3, 13]]],
];

for (const [name, about, entries, wanted, now] of table)
  test(name, () => {
    const c = course(about, entries, now);
    assert.deepEqual(phases(c), wanted);
    assert.equal(c.live, about.ended === null);
    for (const [i, p] of c.phases.entries()) if (i) assert.equal(p.from, c.phases[i - 1].until, "no gap");
    assert.ok(c.phases.every((p) => p.from >= c.from && p.until <= c.until), "within the picture");
    assert.ok(c.marks.every((m) => m.at >= c.from && m.at <= c.until), "marks within it too");
  });

test("marks are attempts, trouble, webhooks and the rest; what the picture shows anyway has none", () => {
  const c = course(talked, [entry(0, "requested"), entry(1, "sending"), entry(2, "retry"), entry(3, "sending"), entry(4, "succeeded"), told(5, "ringing"), entry(8, "talking"), entry(20, "tool"), entry(38, "ended"), entry(500, "forwarded")]);
  assert.deepEqual(c.marks.map((m) => [m.kind, (m.at - base) / 1000]), [["attempt", 1], ["trouble", 2], ["attempt", 3], ["attempt", 4], ["webhook", 5], ["other", 20], ["other", 38]]);
});

test("nothing is drawn of nothing", () => assert.equal(course({}, []), undefined));
