import assert from "node:assert/strict";
import test from "node:test";
import { load, settled, Time } from "./load.mjs";

const { Resource } = await load("kit/resource.ts");
const good = (data, more = {}) => ({ ok: true, data, stale: false, age: 0, ...more });
const bad = (code, wait) => ({ ok: false, problem: { code, wait } });

function made(...replies) {
  const time = new Time();
  const calls = [];
  const resource = new Resource(async () => (calls.push(time.now), replies.length > 1 ? replies.shift() : replies[0]), 10_000, time.seams);
  return { time, calls, resource, state: () => resource.snapshot.state };
}

test("is loading until the first answer, then ready", async () => {
  const { resource, state } = made(good(1));
  assert.equal(state(), "loading");
  resource.view();
  await settled();
  assert.equal(state(), "ready");
  assert.equal(resource.snapshot.data, 1);
});

test("does not ask again for what it just read, and never by itself", async () => {
  const { resource, calls, time } = made(good(1));
  resource.view();
  await settled();
  resource.view();
  await time.pass(600_000);
  assert.equal(calls.length, 1);
  resource.view();
  await settled();
  assert.equal(calls.length, 2);
});

test("knows when the values were true, not only when they arrived", async () => {
  const { resource, time } = made(good(1, { age: 120 }));
  resource.view();
  await settled();
  assert.equal(resource.snapshot.at, time.now - 120_000);
});

test("keeps the last values under a failure", async () => {
  const { resource, state } = made(good(1), bad("provider_error"));
  await resource.reload();
  await resource.reload();
  assert.equal(state(), "error");
  assert.equal(resource.snapshot.data, 1);
});

test("degraded: counts down, then tries once by itself with jitter, and no more", async () => {
  const { resource, calls, time, state } = made(good(1), bad("provider_unavailable", 17));
  await resource.reload();
  await resource.reload();
  assert.equal(state(), "degraded");
  assert.equal(resource.snapshot.until, time.now + 17_000);
  await time.pass(17_999);
  assert.equal(calls.length, 2);
  await time.pass(2);
  assert.equal(calls.length, 3);
  await time.pass(600_000);
  assert.equal(calls.length, 3);
});

test("a stale answer is shown as degraded with its values", async () => {
  const { resource, state } = made(good([1], { stale: true, age: 400, wait: 12 }));
  await resource.reload();
  assert.equal(state(), "degraded");
  assert.deepEqual(resource.snapshot.data, [1]);
  assert.equal(resource.snapshot.total, 12);
});

test("limited: does not ask before its time, even when looked at", async () => {
  const { resource, calls, time, state } = made(bad("rate_limited", 41));
  resource.view();
  await settled();
  assert.equal(state(), "limited");
  await time.pass(30_000);
  resource.view();
  await settled();
  assert.equal(calls.length, 1);
});

test("busy: retries by itself, three attempts in all", async () => {
  const { resource, calls, time, state } = made(bad("provider_busy", 1));
  resource.view();
  await settled();
  assert.equal(state(), "retrying");
  assert.equal(resource.snapshot.attempt, 2);
  await time.pass(60_000);
  assert.equal(calls.length, 3);
  assert.equal(state(), "error");
});

test("retrying can be cancelled, and then nothing more is sent", async () => {
  const { resource, calls, time, state } = made(bad("overloaded", 5));
  resource.view();
  await settled();
  resource.cancel();
  await time.pass(60_000);
  assert.equal(calls.length, 1);
  assert.equal(state(), "error");
  assert.equal(resource.snapshot.problem, undefined, "no promise to try again");
});

test("an answer to a cancelled question changes nothing", async () => {
  let answer;
  const resource = new Resource(() => new Promise((r) => (answer = r)), 0, new Time().seams);
  resource.view();
  resource.cancel();
  answer(good(1));
  await settled();
  assert.equal(resource.snapshot.data, undefined);
});

test("what Ava says has changed is read at once where it is shown, else at the next view", async () => {
  const { resource, calls } = made(good(1));
  resource.view();
  await settled();
  resource.changed();
  await settled();
  assert.equal(calls.length, 1);
  resource.subscribe(() => {});
  resource.view();
  await settled();
  assert.equal(calls.length, 2);
  resource.changed();
  await settled();
  assert.equal(calls.length, 3);
});

test("what changes while it is being read is read once more", async () => {
  const waiting = [];
  const resource = new Resource(() => new Promise((answer) => waiting.push(answer)), 10_000, new Time().seams);
  resource.subscribe(() => {});
  resource.view();
  resource.changed(); // the answer on its way may be from before
  resource.changed();
  assert.equal(waiting.length, 1);
  waiting[0](good("before"));
  await settled();
  assert.equal(waiting.length, 2);
  waiting[1](good("after"));
  await settled();
  assert.equal(resource.snapshot.data, "after");
  assert.equal(waiting.length, 2);
});

// What Ava says, through the stream, of a request that it tries again at the provider while we wait.
const retry = (signal, attempt, seconds) => signal.dispatchEvent(new CustomEvent("retry", { detail: { correlation_id: "x", service: "vapi", attempt, max_attempts: 3, next_retry_in_seconds: seconds } }));

function waiting() {
  const time = new Time();
  const asked = [];
  const resource = new Resource((signal) => new Promise((answer, fail) => {
    asked.push({ signal, answer });
    signal.addEventListener("abort", () => fail(signal.reason));
  }), 10_000, time.seams);
  return { time, asked, resource };
}

test("Ava's own attempts are shown while it makes them, and gone with the answer", async () => {
  const { time, asked, resource } = waiting();
  void resource.reload();
  retry(asked[0].signal, 2, 5);
  const { state, attempt, max, until, busy } = resource.snapshot;
  assert.deepEqual([state, attempt, max, until - time.now, busy], ["retrying", 2, 3, 5000, true]);
  retry(asked[0].signal, 3, 1);
  assert.equal(resource.snapshot.attempt, 3);
  await time.pass(60_000);
  assert.equal(asked.length, 1, "the page makes none of its own meanwhile");
  asked[0].answer(good(1));
  await settled();
  assert.equal(resource.snapshot.state, "ready");
  void resource.reload();
  void resource.reload();
  retry(asked[1].signal, 2, 5);
  assert.equal(resource.snapshot.state, "ready", "what was given up says nothing any more");
});

test("after Ava's attempts the page still has its own", async () => {
  const { asked, resource } = waiting();
  void resource.reload();
  retry(asked[0].signal, 3, 1);
  asked[0].answer(bad("provider_busy", 2));
  await settled();
  assert.deepEqual([resource.snapshot.state, resource.snapshot.attempt], ["retrying", 2]);
});

test("cancel stops the waiting and says so, with and without values", async () => {
  const { asked, resource } = waiting();
  void resource.reload();
  retry(asked[0].signal, 2, 5);
  resource.cancel();
  assert.deepEqual([resource.snapshot.state, resource.snapshot.isStopped, asked[0].signal.aborted], ["error", true, true]);
  void resource.reload();
  assert.equal(resource.snapshot.isStopped, false);
  asked[1].answer(good(1));
  await settled();
  void resource.reload();
  retry(asked[2].signal, 2, 5);
  resource.cancel();
  assert.deepEqual([resource.snapshot.state, resource.snapshot.isStopped, resource.snapshot.data], ["ready", true, 1]);
});

test("a tab that nobody sees reads when it is seen again", async () => {
  let isSeen = true;
  const time = new Time();
  let reads = 0;
  const resource = new Resource(async () => (reads++, good(reads)), 10_000, { ...time.seams, isSeen: () => isSeen });
  resource.subscribe(() => {});
  resource.view();
  await settled();
  isSeen = false;
  for (let i = 0; i < 9; i++) resource.changed();
  await settled();
  assert.equal(reads, 1);
  isSeen = true;
  resource.view(60_000);
  await settled();
  assert.equal(reads, 2);
});
