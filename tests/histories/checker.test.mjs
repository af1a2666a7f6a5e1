// Who checks the checker: a history with nothing against it, and one broken in each way that it must see.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CHECKS, judge, most } from "../lib/checker.mjs";

const ok = (operation, at = 10) => ({ at, until: at + 5, status: 201, operation });
const lost = (at) => ({ at, until: at + 5, status: 0 });

// Two calls (one repeated through a kill), a text, a call that was never sent because of a freeze; three webhooks of two calls;
// a register that was set three times, once without an answer.
const good = () => ({
  wants: [
    { key: "k1", what: "call", to: "+1", tries: [ok("op1")] },
    { key: "k2", what: "call", to: "+2", tries: [lost(100), { at: 110, until: 111, status: 409 }, { ...ok("op2", 120), status: 202 }, ok("op2", 130)] },
    { key: "k3", what: "text", to: "+3", tries: [ok("op3")] },
    { key: "k4", what: "call", to: "+4", tries: [lost(200), { ...ok("op4", 300), status: 202 }] },
    { key: "k5", what: "call", to: "+5", tries: [{ at: 1, until: 2, status: 422 }] },
  ],
  faults: [{ what: "kill", whom: "host 1", at: 100, until: 110, met: 1 }, { what: "freeze", whom: "host 2", at: 190, until: 290, met: 1 }],
  provider: { calls: [{ to: "+1", op: "op1" }, { to: "+2", op: "op2" }], texts: [{ to: "+3" }] },
  operations: [
    { id: "op1", state: "succeeded", sent_at: 11 },
    { id: "op2", state: "succeeded", sent_at: 101 },
    { id: "op3", state: "succeeded", sent_at: 11 },
    { id: "op4", state: "unconfirmed", sent_at: 201 },
  ],
  hooks: [
    { resource: "a", body: 1, tries: [lost(5), { at: 20, until: 21, status: 200 }] },
    { resource: "a", body: 2, tries: [{ at: 30, until: 31, status: 200 }] },
    { resource: "b", body: 3, tries: [{ at: 30, until: 31, status: 503 }, { at: 40, until: 41, status: 200 }] },
  ],
  events: [{ resource: "a", status: "done", n: 2 }, { resource: "b", status: "done", n: 1 }],
  deliveries: [
    { id: "d1", resource: "a", seq: 1, status: "delivered", event: "e1" },
    { id: "d2", resource: "b", seq: 2, status: "delivered", event: "e3" },
    { id: "d3", resource: "a", seq: 3, status: "delivered", event: "e2" },
  ],
  receipts: [{ id: "d2", status: 200 }, { id: "d1", status: 503 }, { id: "d1", status: 200 }, { id: "d3", status: 200 }, { id: "d1", status: 200 }],
  caps: [{ name: "desk", cap: 2, spans: [{ from: 0, to: 10 }, { from: 5, to: 15 }, { from: 10, to: 20 }] }],
  money: { booked: 700, spent: 700, reserved: 50, unknown: 50 },
  register: {
    from: 1,
    puts: [
      { at: 0, until: 5, status: 200, match: 1, version: 2, value: 21 },
      { at: 10, until: 60, status: 0, match: 2, value: 22 },
      { at: 10, until: 40, status: 412, match: 2, value: 23 },
      { at: 50, until: 55, status: 200, match: 3, version: 4, value: 24 },
      { at: 60, until: 65, status: 503, match: 4, value: 25 },
    ],
    reads: [{ at: 6, until: 8, version: 2, value: 21 }, { at: 41, until: 45, version: 3, value: 22 }],
    last: { version: 4, value: 24 },
  },
  rest: { jobs: [{ kind: "operation", object: "op4", state: "ready", is_due: false }], held: 1, waiting: 0, unknown: 1, audit: { ok: true, text: "" }, conflicts: 0, deadlocks: [] },
  least: { answered: 4, acked: 3, puts: 2, repeated: 2 },
});

// [what is wrong, how it comes to be, what is said]
const BROKEN = [
  ["a call is there twice", (h) => h.provider.calls.push({ to: "+1", op: "op9" }), /once: call k1 is 2 at the provider/],
  ["two numbers were called by one operation", (h) => h.provider.calls.push({ to: "+4", op: "op1" }), /once: operation op1 is 2 calls/],
  ["a text is there twice", (h) => h.provider.texts.push({ to: "+3" }), /once: text k3 is 2 at the provider/],
  ["a call that was answered with 201 is not there", (h) => h.provider.calls.shift(), /once: call k1 was answered 201 and is 0/],
  ["a call that was promised and succeeded is not there", (h) => ((h.wants[1].tries[3].status = 202), h.provider.calls.pop()), /once: call k2 succeeded and is 0/],
  ["one key has two operations", (h) => (h.wants[1].tries[3].operation = "op7"), /once: call k2 was answered with 2 operations/],
  ["a client never came to know", (h) => (h.wants[0].tries = [lost(1), { at: 9, until: 10, status: 409 }]), /once: call k1 was never answered/],
  ["a call was answered with its failure, and is there", (h) => (h.wants[0].tries = [{ at: 1, until: 2, status: 502, replayed: true }]), /once: call k1 was answered with its failure and is at the provider/],
  ["a call was answered with its failure, and then not", (h) => h.wants[0].tries.unshift({ at: 1, until: 2, status: 502, replayed: true }), /once: call k1 was answered with its failure and with 201/],
  ["a call that nobody wanted", (h) => h.provider.calls.push({ to: "+99" }), /once: nobody wanted \+99/],
  ["an operation is gone", (h) => h.operations.pop(), /once: call k4: its operation op4 is gone/],
  ["a call that counts as failed is there", (h) => (h.operations[1].state = "failed"), /once: call k2 failed and is at the provider/],
  ["an operation was left where it was", (h) => (h.operations[3].state = "sent"), /once: call k4 is still sent/],
  ["a call is unknown and can be found", (h) => h.provider.calls.push({ to: "+4", op: "op4" }), /once: call k4 is unconfirmed, though the provider has it/],
  ["a call was lost in quiet times", (h) => (h.operations[3].sent_at = 300 + 1000 + 1), /once: call k4 is unconfirmed, and nothing was broken/],
  ["an acknowledged webhook is lost", (h) => (h.events[0].n = 1), /webhooks: a: 2 acknowledged, 1 events/],
  ["a webhook is two events", (h) => (h.events[1].n = 2), /webhooks: b: 1 webhooks, 2 events/],
  ["a webhook was refused for good", (h) => (h.hooks[2].tries[1].status = 503), /webhooks: b: 1 were never acknowledged/],
  ["an event is not settled", (h) => (h.events[1].status = "received"), /webhooks: events at rest are b received/],
  ["an event was not forwarded", (h) => (h.deliveries.pop(), h.receipts.splice(3, 1)), /webhooks: 3 events, 2 deliveries/],
  ["an event was settled twice", (h) => h.deliveries.push({ ...h.deliveries[0], id: "d4", seq: 4 }), /webhooks: event e1 has 2 deliveries/],
  ["a delivery waits for ever", (h) => (h.deliveries[1].status = "waiting"), /webhooks: deliveries at rest are d2 waiting/],
  ["a delivery is said to be there and is not", (h) => h.receipts.shift(), /webhooks: d2 counts as delivered, and nobody got it/],
  ["what the endpoint refused counts as delivered", (h) => (h.receipts[3].status = 500), /webhooks: d3 counts as delivered/],
  ["something came that was never written", (h) => h.receipts.push({ id: "d9", status: 200 }), /webhooks: d9 was received and is nowhere/],
  ["two of one call came in another order", (h) => h.receipts.unshift({ id: "d3", status: 200 }), /webhooks: a: 1 came after 3/],
  ["more calls at once than lines", (h) => (h.caps[0].spans[2].from = 9), /lines: desk: 3 calls at once, 2 lines/],
  ["a call that does not end holds its line", (h) => h.caps[0].spans.unshift({ from: 0, to: null }), /lines: desk: 3/],
  ["less was booked than spent", (h) => (h.money.booked = 699), /budget: 699 booked, 700 on the invoice/],
  ["money stays set aside", (h) => (h.money.reserved = 51), /budget: 51 reserved at rest/],
  ["two PUTs made one version", (h) => h.register.puts.push({ at: 70, until: 75, status: 200, match: 1, version: 2, value: 30 }), /register: version 2 was made twice/],
  ["a PUT made a version that is not the next", (h) => (h.register.puts[3].match = 1), /register: PUT at 1 made 4/],
  ["a version came of itself", (h) => (h.register.puts[1].status = 412), /register: nobody made version 3/],
  ["an acknowledged version is gone", (h) => (h.register.last = { version: 3, value: 22 }), /register: version 4 is gone/],
  ["a version reads what another wrote", (h) => (h.register.reads[0].value = 22), /register: version 2 reads 22, which nobody wrote there/],
  ["an acknowledged value was lost under its own version", (h) => (h.register.last.value = 25), /register: version 4 reads 25/],
  ["one version reads in two ways", (h) => h.register.puts.push({ at: 10, until: 11, status: 0, match: 2, value: 26 }) && h.register.reads.push({ at: 46, until: 47, version: 3, value: 26 }), /register: version 3 reads 22 and 26/],
  ["a PUT was refused for nothing", (h) => h.register.puts.push({ at: 70, until: 71, status: 412, match: 9, value: 27 }), /register: PUT at 9 was refused, and nobody had changed it/],
  ["what was read is older than what had been", (h) => h.register.reads.push({ at: 56, until: 58, version: 3, value: 22 }), /register: version 3 was seen after 4 had been/],
  ["a job is leased at rest", (h) => (h.rest.jobs[0].state = "leased"), /rest: jobs at rest: operation op4 leased/],
  ["a job is dead", (h) => (h.rest.jobs[0].state = "dead"), /rest: jobs at rest: operation op4 dead/],
  ["a job is due and nobody does it", (h) => (h.rest.jobs[0].is_due = true), /rest: jobs at rest: operation op4 ready/],
  ["a job is there twice", (h) => h.rest.jobs.push({ ...h.rest.jobs[0] }), /rest: 2 jobs of operation op4/],
  ["a line was never given back", (h) => (h.rest.held = 2), /rest: 2 lines are held at rest, 1 of them/],
  ["a call waits with nobody before it", (h) => (h.rest.waiting = 1), /rest: 1 calls wait for a line/],
  ["the audit log is forked", (h) => (h.rest.audit = { ok: false, text: "row 7" }), /rest: the audit log does not verify: row 7/],
  ["there was a deadlock", (h) => (h.rest.deadlocks = ["Process 1 waits"]), /rest: 0 conflicts .* 1 deadlocks by PostgreSQL's: Process 1/],
  ["hardly anything was answered", (h) => (h.wants = h.wants.slice(3)), /substance: only 1 answered, 4 wanted/],
  ["nothing was ever repeated", (h) => (h.wants[1].tries = h.wants[1].tries.slice(3)), /substance: only 1 repeated, 2 wanted/],
  ["no PUT succeeded", (h) => (h.least.puts = 3), /substance: only 2 puts, 3 wanted/],
  ["a fault that broke nothing", (h) => (h.faults[0].met = 0), /substance: kill of host 1 met nothing/],
  ["a fault that still goes on", (h) => (h.faults[1].until = undefined), /substance: freeze of host 2 never ended/],
];

describe("the checker", () => {
  test("has nothing against a good history", () => assert.deepEqual(judge(good()), []));
  for (const [name, spoil, said] of BROKEN)
    test(name, () => {
      const history = good();
      spoil(history);
      assert.ok(judge(history).some((text) => said.test(text)), judge(history).join("\n") || "nothing was said");
    });
  test("each check has something to say", () => assert.deepEqual(Object.keys(CHECKS).filter((name) => !BROKEN.some(([, , said]) => said.source.startsWith(name + ":"))), []));
  test("a line that is given back in the moment another is taken counts once", () => {
    assert.equal(most([{ from: 0, to: 5 }, { from: 5, to: 9 }]), 1);
    assert.equal(most([]), 0);
  });
});
