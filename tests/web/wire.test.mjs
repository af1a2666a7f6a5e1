import assert from "node:assert/strict";
import test from "node:test";
import { Browser, quiet } from "./browser.mjs";
import { load } from "./load.mjs";

const { reader, Wire } = await load("kit/wire.ts");

function made(more) {
  const browser = new Browser();
  const heard = [];
  const statuses = [];
  const wire = new Wire(browser.seams(more), { event: (e) => e.name && heard.push(`${e.name} ${e.id ?? ""}`.trim()), beat: () => {}, status: (s) => statuses.push(s) }, "usr_1 ws_1");
  return { browser, time: browser.time, heard, statuses, wire };
}

test("reads events however the network cuts them to pieces", () => {
  const text = 'retry: 2000\nid: 1\nevent: here\ndata: {"a":1}\n\n:\nid: 2\n\nid: 3\r\nevent: call\r\ndata: {\ndata: }\r\n\r\n:\n\n';
  for (const size of [1, 2, 3, 7, text.length]) {
    const heard = [];
    const read = reader((e) => heard.push(e));
    for (let i = 0; i < text.length; i += size) read(text.slice(i, i + size));
    assert.deepEqual(heard.map((e) => [e.id, e.name, e.data]), [["1", "here", '{"a":1}'], ["2", "", ""], ["3", "call", "{\n}"]], `pieces of ${size}`);
  }
});

test("comes back with the last id, heartbeats included, after a moment that is not the same for all", async () => {
  for (const random of [0, 0.999]) {
    const { browser, time, heard, wire } = made({ random: () => random });
    wire.start();
    assert.equal(browser.newest.lastId, undefined);
    browser.newest.opens(10);
    browser.newest.says(11, "call", {});
    browser.newest.beats(14);
    await quiet();
    await time.pass(20_000);
    browser.newest.breaks();
    await quiet();
    await time.pass(random ? 1499 : 499);
    assert.equal(browser.streams.length, random ? 2 : 1, "0.5 to 1.5 s later");
    await time.pass(100);
    assert.equal(browser.newest.lastId, "14");
    browser.newest.opens(14);
    browser.newest.says(15, "call", {});
    await quiet();
    assert.deepEqual(heard, ["here 10", "call 11", "here 14", "call 15"]);
  }
});

test("a stream that is cut each second tells everything, a few seconds late, and does not storm", async () => {
  const { browser, time, heard, wire } = made();
  wire.start();
  let id = 1;
  const began = time.now;
  while (time.now - began < 120_000) {
    const one = browser.newest;
    one.opens(one.lastId ?? id);
    one.says(++id, "call", {});
    await quiet();
    await time.pass(1000);
    if (id % 2) one.ends();
    else one.breaks();
    await quiet();
    const count = browser.streams.length;
    while (browser.streams.length === count) await time.pass(100);
  }
  assert.equal(heard.filter((h) => h.startsWith("call")).length, id - 1, "none missed, none twice");
  assert.ok(browser.streams.length > 22 && browser.streams.length < 30, `${browser.streams.length} in two minutes`);
});

test("refused or not reachable: later and later, up to a minute, and as late as the server says", async () => {
  const { browser, time, statuses, wire } = made();
  wire.start();
  const waits = [];
  const fail = async (how) => {
    how(browser.newest);
    await quiet();
    const at = time.now;
    const count = browser.streams.length;
    while (browser.streams.length === count) await time.pass(500);
    waits.push((time.now - at) / 1000);
  };
  for (let i = 0; i < 8; i++) await fail((s) => s.breaks());
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
  assert.equal(statuses.at(-1).is, "cut");
  await fail((s) => s.refuses(503, { "Retry-After": "90" }));
  assert.equal(waits.at(-1), 90);
  assert.equal(statuses.at(-1).is, "held", "something answers");
  browser.newest.opens(1);
  await quiet();
  await time.pass(10_000);
  await fail((s) => s.breaks());
  assert.equal(waits.at(-1), 1, "soon again once it was open");
});

test("what a proxy holds back is noticed, head or bytes, and it is tried again", async () => {
  for (const held of [() => {}, (s) => s.head(), (s) => (s.head(), s.writes("retry: 20")), (s) => s.head("text/html")]) {
    const { browser, time, statuses, wire } = made();
    wire.start();
    held(browser.newest);
    await quiet();
    await time.pass(13_000);
    assert.equal(statuses.at(-1)?.is, "held", String(held));
    assert.equal(browser.streams[0].isOpen && browser.streams.length > 1, false, "the one that is held back is let go");
    while (browser.streams.length < 2) await time.pass(1000);
    browser.newest.opens(5);
    await quiet();
    assert.equal(statuses.at(-1).is, "open");
  }
});

test("a connection that died in silence, as in a laptop that slept for a day, is replaced as soon as the clock says so", async () => {
  const { browser, time, wire, heard } = made();
  wire.start();
  browser.newest.opens(10);
  await quiet();
  for (let i = 0; i < 6; i++) {
    await time.pass(15_000);
    browser.newest.beats(11 + i);
    await quiet();
  }
  assert.equal(browser.streams.length, 1, "heartbeats keep it");
  time.now += 86_400_000;
  wire.look();
  await time.pass(1500);
  assert.equal(browser.open.length, 1);
  assert.equal(browser.newest.lastId, "16");
  browser.newest.opens(0);
  browser.newest.says(99, "lost", {});
  await quiet();
  assert.equal(heard.at(-1), "lost 99");
});

test("a clock that is set back an hour makes nobody deaf for an hour", async () => {
  const { browser, time, wire } = made();
  wire.start();
  browser.newest.opens(10);
  await quiet();
  time.timers.forEach((t) => (t.at -= 3_600_000));
  time.now -= 3_600_000;
  await time.pass(42_000);
  assert.equal(browser.streams.length, 2);
});

test("a session that wants renewing is renewed; one that is over stops the stream until somebody is here", async () => {
  const { browser, time, statuses, wire } = made();
  wire.start();
  browser.newest.refuses(401);
  await quiet();
  await time.pass(2000);
  assert.equal(browser.streams.length, 2, "in");
  browser.session = "out";
  browser.newest.refuses(401);
  await quiet();
  await time.pass(600_000);
  assert.equal(browser.streams.length, 2);
  assert.equal(statuses.at(-1).is, "out");
  wire.hurry();
  browser.newest.opens(1);
  await quiet();
  assert.equal(statuses.at(-1).is, "open");
});

test("a stream of somebody else is not heard at all", async () => {
  for (const other of [{ user: "usr_2" }, { workspace: "ws_2" }]) {
    const { browser, heard, statuses, wire } = made();
    wire.start("5");
    browser.newest.opens(10, other);
    browser.newest.says(11, "call", { id: "call_of_another" });
    await quiet();
    assert.deepEqual([heard, statuses.at(-1).is, browser.open.length], [[], "other", 0]);
  }
});
