import assert from "node:assert/strict";
import test from "node:test";
import { Browser, quiet } from "./browser.mjs";
import { load } from "./load.mjs";

const { Live } = await load("kit/live.ts");
const ada = "usr_1 ws_1";

// A tab that writes down what it hears of calls; undefined stands for "read anew".
function tab(browser, { who = ada, ...more } = {}) {
  const one = { heard: [], others: 0, kept: [] };
  const luck = (browser.channels.all.size % 10) / 10;
  const later = (ms, what) => browser.time.seams.later(ms, () => (one.isFrozen ? one.kept.push(what) : what()));
  one.live = new Live(browser.seams({ random: () => luck, later, somebodyElse: () => one.others++, ...more }));
  one.live.on("call", (data) => one.heard.push(data));
  if (who) one.live.start(who);
  return one;
}

async function tabs(count, more) {
  const browser = new Browser();
  const all = Array.from({ length: count }, () => tab(browser, more));
  await quiet();
  browser.newest.opens(10);
  await quiet();
  return { browser, time: browser.time, all };
}

test("nine tabs: one stream, and all hear what it says, once and in its order", async () => {
  const { browser, all } = await tabs(9);
  for (const n of [11, 12, 13]) browser.newest.says(n, "call", n);
  browser.newest.says(14, "connection", {});
  browser.newest.says(15, "what is not known here", {});
  await quiet();
  assert.equal(browser.streams.length, 1);
  for (const one of all) assert.deepEqual([one.heard, one.live.status.is], [[11, 12, 13], "open"]);
});

test("when the tab that holds it closes, another goes on where it stopped", async () => {
  const { browser, all } = await tabs(9);
  browser.newest.says(11, "call", 11);
  browser.newest.beats(20);
  await quiet();
  all[0].live.stop();
  await quiet();
  assert.deepEqual([browser.open.length, browser.newest.lastId], [1, "20"]);
  browser.newest.opens(20);
  browser.newest.says(21, "call", 21);
  await quiet();
  for (const one of all.slice(1)) assert.deepEqual(one.heard, [11, 21]);
  assert.deepEqual(all[0].heard, [11]);
});

test("what a new holder did not see and others did is told to nobody twice", async () => {
  const { browser, all } = await tabs(3);
  const deaf = [...browser.channels.all][1];
  deaf.frozen = true;
  browser.newest.says(11, "call", 11);
  await quiet();
  deaf.frozen = false;
  all[0].live.stop();
  await quiet();
  assert.equal(browser.newest.lastId, "10", "the second tab is next, and was away");
  browser.newest.opens(10);
  browser.newest.says(11, "call", 11);
  browser.newest.says(12, "call", 12);
  await quiet();
  assert.deepEqual([all[1].heard, all[2].heard], [[11, 12], [11, 12]]);
});

test("a tab that slept through something reads anew, once, and goes on", async () => {
  const { browser, all } = await tabs(2);
  const channel = [...browser.channels.all][1];
  channel.frozen = true;
  browser.newest.says(11, "call", 11);
  await quiet();
  channel.frozen = false;
  browser.newest.says(12, "call", 12);
  browser.newest.beats(13);
  await quiet();
  assert.deepEqual(all[1].heard, [undefined, 12]);
});

test("a holder that is frozen keeps its lock: the silence is noticed, another takes over, and there are not two for good", async () => {
  const { browser, time, all } = await tabs(5);
  const [channel] = browser.channels.all;
  const frozen = browser.newest;
  const { post } = all[0].live.channel;
  all[0].isFrozen = channel.frozen = true;
  all[0].live.channel.post = () => {};
  await time.pass(40_000);
  assert.notEqual(browser.newest, frozen);
  assert.ok(browser.streams.length <= 3, `${browser.streams.length} streams`);
  all[0].isFrozen = channel.frozen = false; // awake again, it learns that its lock was taken
  all[0].live.channel.post = post;
  for (const what of all[0].kept) what();
  browser.newest.opens(10);
  browser.newest.says(11, "call", 11);
  await quiet();
  for (const one of all) assert.deepEqual(one.heard, [11]);
  assert.equal(browser.open.length, 1);
  const count = browser.streams.length;
  for (let i = 0; i < 20; i++) {
    await time.pass(15_000);
    browser.newest.beats(20 + i);
    await quiet();
  }
  assert.equal(browser.streams.length, count, "and nobody takes it again");
});

test("a holder that answers is left alone, whatever its stream does; who is not seen takes nothing", async () => {
  const { browser, time } = await tabs(3);
  browser.newest.breaks();
  await quiet();
  for (let i = 0; i < 10; i++) {
    await time.pass(30_000);
    if (browser.newest.isOpen) browser.newest.breaks();
    await quiet();
  }
  assert.equal(browser.locks.queues.get("ava-live " + ada).length, 2, "the same one holds the lock");
  const hidden = new Browser();
  const one = tab(hidden);
  await quiet();
  hidden.newest.opens(1);
  const other = tab(hidden, { isSeen: () => false });
  await quiet();
  one.live.channel.post = () => {};
  [...hidden.channels.all][0].frozen = true;
  await hidden.time.pass(600_000);
  assert.equal(other.live.wire, undefined);
});

test("people and workspaces in one browser never hear each other", async () => {
  const browser = new Browser();
  const one = tab(browser);
  const two = tab(browser, { who: "usr_1 ws_2" });
  const three = tab(browser, { who: "usr_2 ws_1" });
  await quiet();
  assert.equal(browser.open.length, 3);
  browser.streams[0].opens(1);
  browser.streams[1].opens(1, { workspace: "ws_2" });
  browser.streams[2].opens(1, { user: "usr_2" });
  browser.streams[0].says(2, "call", "of the first");
  await quiet();
  assert.deepEqual([one.heard, two.heard, three.heard], [["of the first"], [], []]);
});

test("when the cookie becomes somebody else's, the stream that comes back is not heard and every tab is told", async () => {
  const { browser, time, all } = await tabs(3);
  browser.newest.ends();
  await quiet();
  await time.pass(2000);
  browser.newest.opens(10, { user: "usr_2" });
  browser.newest.says(11, "call", "of another");
  await quiet();
  for (const one of all) assert.deepEqual([one.heard, one.others], [[], 1]);
  assert.equal(browser.open.length, 0);
});

test("somebody else in the same tab begins with nothing of the one before", async () => {
  const { browser, all } = await tabs(1);
  browser.newest.says(11, "call", 11);
  await quiet();
  all[0].live.stop();
  all[0].live.start("usr_2 ws_2");
  await quiet();
  assert.equal(browser.newest.lastId, undefined);
});

test("a session that is over is told to all; who signs in, in whichever tab, brings all back", async () => {
  const { browser, time, all } = await tabs(3);
  browser.session = "out";
  browser.newest.ends();
  await quiet();
  await time.pass(2000);
  browser.newest.refuses(401);
  await quiet();
  assert.deepEqual(all.map((one) => one.live.status.is), ["out", "out", "out"]);
  await time.pass(120_000);
  assert.equal(browser.open.length, 0);
  all[2].live.hurry();
  await quiet();
  browser.newest.opens(10);
  await quiet();
  assert.deepEqual(all.map((one) => one.live.status.is), ["open", "open", "open"]);
});

test("where nothing comes through every tab reads anew now and then, and no more once it does", async () => {
  const { browser, time, all } = await tabs(2);
  browser.newest.breaks();
  await quiet();
  await time.pass(2000);
  assert.deepEqual(all[1].heard, [], "a connection that broke loses nothing by itself");
  await time.pass(60_000);
  const count = all[1].heard.length;
  assert.ok(count >= 3 && count <= 4, `${count} times in a minute`);
  assert.equal(all[1].live.status.is, "held");
  assert.deepEqual(all[0].heard, all[1].heard);
  while (!browser.newest.isOpen) await time.pass(1000);
  browser.newest.opens(10);
  await quiet();
  const before = all[1].heard.length;
  await time.pass(30_000);
  assert.equal(all[1].heard.length, before);
});

test("ids that begin again lower, as after a clock that was set back, are heard", async () => {
  const { browser, time, all } = await tabs(2);
  browser.newest.says(5000, "call", 1);
  browser.newest.breaks();
  await quiet();
  await time.pass(2000);
  browser.newest.opens(0);
  browser.newest.says(300, "lost", {});
  browser.newest.says(301, "call", 2);
  await quiet();
  for (const one of all) assert.deepEqual(one.heard.slice(-2), [undefined, 2]);
});

test("a first try that failed may have missed what the panels did not see either", async () => {
  const browser = new Browser();
  const one = tab(browser);
  await quiet();
  browser.newest.breaks();
  await quiet();
  await browser.time.pass(2000);
  browser.newest.opens(10);
  browser.newest.says(11, "call", 11);
  await quiet();
  assert.deepEqual(one.heard, [undefined, 11]);
});

test("a browser without locks or channels has a stream per tab", async () => {
  for (const less of [{ locks: undefined }, { channel: undefined }]) {
    const browser = new Browser();
    const all = [tab(browser, less), tab(browser, less)];
    assert.equal(browser.streams.length, 2);
    browser.streams.forEach((s) => s.opens(10));
    browser.streams.forEach((s) => s.says(11, "call", 11));
    await quiet();
    assert.deepEqual(all.map((one) => one.heard), [[11], [11]]);
    all[0].live.stop();
    assert.equal(browser.open.length, 1);
    all[0].live.start(ada);
    assert.equal(browser.newest.lastId, "11", "seen again, it goes on");
  }
});

test("who no longer listens hears nothing", async () => {
  const { browser, all } = await tabs(1);
  const calls = [];
  const off = all[0].live.on("call", (data) => calls.push(data));
  browser.newest.says(11, "call", 1);
  await quiet();
  off();
  browser.newest.says(12, "call", 2);
  await quiet();
  assert.deepEqual([calls, all[0].heard], [[1], [1, 2]]);
});
