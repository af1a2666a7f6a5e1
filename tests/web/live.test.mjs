import assert from "node:assert/strict";
import test from "node:test";
import { load, settled, Time } from "./load.mjs";

const { Live } = await load("kit/live.ts");

class Source {
  readyState = 0;
  listeners = {};
  addEventListener(name, listener) {
    this.listeners[name] = listener;
  }
  close() {
    this.readyState = 2;
  }
  say(name, data) {
    this.listeners[name]({ data: data === undefined ? undefined : JSON.stringify(data) });
  }
  opens() {
    this.readyState = 1;
    this.say("open");
  }
  refused() {
    this.readyState = 2;
    this.say("error");
  }
}

function made(who = "in") {
  const time = new Time();
  const sources = [];
  const heard = [];
  const live = new Live({ ...time.seams, open: (url) => (sources.push(Object.assign(new Source(), { url })), sources.at(-1)), renew: async () => who });
  live.on("connection", (data) => heard.push(data));
  return { time, sources, heard, live };
}

test("opens one stream, and hands on what it says", () => {
  const { sources, heard, live } = made();
  live.start();
  live.start();
  assert.deepEqual(sources.map((s) => s.url), ["/api/v1/stream"]);
  sources[0].opens();
  sources[0].say("connection", { provider: "vapi" });
  sources[0].say("call", { id: "call_1" });
  assert.deepEqual(heard, [{ provider: "vapi" }]);
});

test("says when something was missed: lost events, and being away", () => {
  const { sources, heard, live } = made();
  live.start();
  sources[0].opens();
  sources[0].say("lost", {});
  assert.deepEqual(heard, [undefined]);
  live.stop();
  assert.equal(sources[0].readyState, 2);
  sources[0].say("connection", { provider: "vapi" });
  assert.equal(heard.length, 1, "nothing after the stop");
  live.start();
  sources[1].opens();
  assert.deepEqual(heard, [undefined, undefined]);
});

test("leaves a broken connection to the browser, which comes back by itself with the last id", async () => {
  const { sources, heard, live, time } = made();
  live.start();
  sources[0].opens();
  sources[0].readyState = 0;
  sources[0].say("error");
  await time.pass(600_000);
  sources[0].opens();
  assert.equal(sources.length, 1);
  assert.deepEqual(heard, []);
});

test("refused: comes back later and later, up to a minute and a half, and soon again once it was open", async () => {
  const { sources, live, time } = made();
  live.start();
  const waits = [];
  for (let i = 0; i < 8; i++) {
    sources.at(-1).refused();
    await settled();
    const at = time.now;
    const count = sources.length;
    while (sources.length === count) await time.pass(1000);
    waits.push((time.now - at) / 1000);
  }
  assert.deepEqual(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
  sources.at(-1).opens();
  sources.at(-1).refused();
  await settled();
  const count = sources.length;
  await time.pass(2000);
  assert.equal(sources.length, count + 1);
});

test("stays away once somebody has to sign in, and once it was stopped meanwhile", async () => {
  for (const who of ["out", "in"]) {
    const { sources, live, time } = made(who);
    live.start();
    sources[0].refused();
    if (who === "in") live.stop();
    await settled();
    await time.pass(600_000);
    assert.equal(sources.length, 1, who);
    live.start();
    assert.equal(sources.length, 2, `${who}, and here again`);
  }
});

test("who no longer listens hears nothing", () => {
  const { sources, live, heard } = made();
  const calls = [];
  const off = live.on("call", (data) => calls.push(data));
  live.start();
  sources[0].say("call", 1);
  off();
  sources[0].say("call", 2);
  assert.deepEqual([calls, heard], [[1], []]);
});
