// Activity in a browser: the live tail, ten thousand rows, replay of one and of many, and the customer's own addresses.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { Receiver } from "../lib/receiver.mjs";
import { axe, missing, openPage, panel, setUp, slack, soon, startAva, startChromium } from "./ava.mjs";

describe("activity", { skip: missing("chromium") }, () => {
  let ava, browser, page, receiver, endpoint;
  before(async () => {
    [ava, browser, receiver] = await Promise.all([startAva(), startChromium(), Receiver.start()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    endpoint = (await elsewhere("GET", "/webhooks/endpoints")).endpoints.find((e) => e.provider === "twilio").urls.message;
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
    await receiver?.stop();
  });

  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const text = (Body) => fetch(ava.base + "/sandbox/api/webhooks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind: "message", url: endpoint, params: { Body } }) });
  const rows = () => page.$$eval("[data-row]", (all) => all.length);
  const open = async (address = "/activity") => {
    await page.goto(ava.base + address);
    await panel(page, "events", "ready");
    await page.mouse.move(5, 5);
  };

  test("quiet so far, until a test event comes by itself", async () => {
    await page.goto(ava.base + "/activity");
    await panel(page, "events", "empty");
    assert.match(await page.textContent("[data-panel=events]"), /Quiet so farEvents appear here as they happen\.Send a test event/);
    assert.deepEqual(await axe(page), []);
    await page.click("text=Send a test event");
    await page.waitForSelector("[data-row][data-event=done]");
  });

  test("rows come by themselves; pointing at them holds them still, and says how many are new", async () => {
    await open();
    await text("one");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 2);
    await page.hover("[role=log]");
    await page.waitForSelector("[data-tail=paused]");
    await Promise.all([text("two"), text("three")]);
    await page.waitForSelector("text=2 new");
    assert.equal(await rows(), 2);
    await page.mouse.move(5, 5);
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 4);
    await soon(async () => assert.equal(await page.$("text=2 new"), null));
  });

  test("Space does the same, and once more goes on", async () => {
    await page.focus("[role=log]");
    await page.keyboard.press("Space");
    await page.waitForSelector("text=Paused: the list holds still.");
    await text("four");
    await page.waitForSelector("text=1 new");
    assert.equal(await rows(), 4);
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Space");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 5);
  });

  test("an event opens with its headers and body, without what proves who sent it", async () => {
    await page.focus("[data-row] a");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/activity/evt_*");
    await panel(page, "event", "ready");
    const words = await page.innerText("[data-panel=event]");
    assert.match(words, /x-twilio-signature[^]*\[redacted\]/i);
    assert.match(words, /"Body": "four"/);
    assert.deepEqual(await axe(page), []);
  });

  test("Replay works on it once more, and the page says so by itself", async () => {
    await page.click("[data-panel=event] >> text=Replay");
    await page.waitForSelector("[data-toast=ok] >> text=Worked on again");
    await page.waitForSelector("[data-panel=event] dt:has-text('Replays') + dd >> text=1");
    await page.waitForSelector("[data-standing=done]");
  });

  test("Copy as curl gives a command with what came, and no proof in it", async () => {
    await page.click("text=Copy as curl");
    const command = await page.textContent("[data-curl]");
    assert.match(command, /^curl -sS "\$URL"/);
    assert.match(command, /--data-urlencode 'Body=four'/);
    assert.doesNotMatch(command, /redacted|signature/i);
    await soon(async () => assert.equal(await page.evaluate(() => navigator.clipboard.readText()), command));
  });

  test("many at once: the dialog counts first, then says how many", async () => {
    await open();
    await page.click("text=Work on many again");
    await page.waitForSelector("[data-count] >> text=No event fits.");
    await soon(async () => assert.equal(await page.getAttribute("dialog button[type=submit]", "aria-disabled"), "true"));
    await page.selectOption("dialog [name=status]", "done");
    await page.waitForSelector("[data-count] >> text=5 events fit.");
    assert.deepEqual(await axe(page), []);
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("[data-toast=ok] >> text=5 events. The list says how it goes.");
  });

  test("filters stand in the address, and hold for what comes", async () => {
    await open();
    await page.selectOption("[name=provider]", "vapi");
    await page.waitForSelector("text=Nothing matches these filters");
    await text("five");
    await page.selectOption("[name=provider]", "twilio");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 6);
    await soon(async () => assert.match(page.url(), /\?provider=twilio$/));
  });

  test("one that Ava gave up on says whose fault it is and what to do", async () => {
    const { events } = await elsewhere("GET", "/events");
    await page.route("**/api/v1/events/evt_*", async (route) => {
      const response = await route.fetch(), json = await response.json();
      await route.fulfill({ response, json: { ...json, status: "dead", cause: "ours", detail: "It could not be written down." } });
    });
    await page.goto(ava.base + "/activity/" + events[0].id);
    await page.waitForSelector("[data-cause=ours] >> text=It could not be written down.");
    await page.waitForSelector("text=/replay it once the cause is gone/");
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("ten thousand rows are a few rows: only what is seen is drawn, and scrolls in time", async (t) => {
    const { events } = await elsewhere("GET", "/events?limit=1");
    const many = Array.from({ length: 10_000 }, (_, i) => ({ ...events[0], id: "evt_" + i, type: "type-" + i }));
    await page.route("**/api/v1/events?*", (route) => route.fulfill({ json: { events: many, next_cursor: null } }));
    await open();
    assert.ok((await rows()) < 40, `${await rows()} rows drawn`);
    assert.equal(await page.getAttribute("[data-row]", "aria-setsize"), "10000");
    // Scrolls from end to end, one step a frame, and writes down how many rows are drawn and how long each frame took.
    const { most, frames } = await page.evaluate(async () => {
      const log = document.querySelector("[role=log]"), frame = () => new Promise((r) => requestAnimationFrame(r));
      let most = 0, before = await frame();
      const frames = [];
      for (let top = 0; top < log.scrollHeight; top += log.scrollHeight / 240) {
        log.scrollTop = top;
        const now = await frame();
        frames.push(now - before);
        before = now;
        most = Math.max(most, document.querySelectorAll("[data-row]").length);
      }
      log.scrollTop = log.scrollHeight;
      return { most, frames: frames.sort((a, b) => a - b) };
    });
    assert.ok(most < 60, `${most} rows drawn while scrolling`);
    await page.waitForSelector("[data-row=evt_9999]");
    const wires = await page.context().newCDPSession(page);
    await wires.send("HeapProfiler.collectGarbage");
    const heap = (await wires.send("Runtime.getHeapUsage")).usedSize / 1e6, p95 = frames[Math.floor(frames.length * 0.95)], slow = frames.filter((ms) => ms > 50 * slack).length;
    t.diagnostic(`p95 frame ${p95.toFixed(1)} ms of 20, ${slow} of ${frames.length} over ${50 * slack} ms, heap ${heap.toFixed(1)} MB of 40`);
    assert.ok(heap < 40, `${heap} MB`);
    assert.ok(slow < frames.length / 2, `${slow} of ${frames.length} frames took longer than ${50 * slack} ms`);
    if (process.env.TEST_TIMES) assert.ok(p95 < 20, `p95 frame ${p95} ms`);
  });

  test("the focus stays with its row while the list scrolls, and with the list when the row is out of sight", async () => {
    const at = () => page.evaluate(() => document.activeElement.closest("[data-row]")?.dataset.row ?? document.activeElement.getAttribute("role"));
    const scroll = (rows) => page.$eval("[role=log]", (log, top) => (log.scrollTop = top), rows * 64);
    await scroll(5000);
    await page.focus("[data-row=evt_5003] a");
    await scroll(5002);
    await page.waitForSelector("[data-row=evt_5012]");
    assert.equal(await at(), "evt_5003");
    await scroll(7000);
    await page.waitForSelector("[data-row=evt_7003]");
    assert.equal(await at(), "log", "Enter opens nothing that comes into its place");
  });

  test("ten thousand rows hold still at Space, and twelve that come are counted", async () => {
    await page.focus("[role=log]");
    await page.keyboard.press("Space");
    await page.waitForSelector("text=Paused: the list holds still.");
    const at = await page.$eval("[role=log]", (log) => log.scrollTop);
    await Promise.all(Array.from({ length: 12 }, (_, i) => text("burst " + i)));
    await page.waitForSelector("text=12 new");
    assert.equal(await page.$eval("[role=log]", (log) => log.scrollTop), at);
    assert.equal(await page.getAttribute("[data-row]", "aria-setsize"), "10000");
    await page.click("text=12 new");
    await page.waitForFunction(() => /^evt_[^_]{10,}/.test(document.querySelector("[data-row][aria-posinset='1']")?.dataset.row ?? ""));
    await soon(async () => assert.equal(await page.getAttribute("[data-row]", "aria-setsize"), "10000", "the oldest go"));
    await soon(async () => assert.ok((await rows()) < 60, `${await rows()} rows drawn`));
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  const destination = () => page.waitForSelector("[data-destination]");

  test("webhooks out: an address is added, its secret shown once, and it is told", async () => {
    await page.goto(ava.base + "/activity?tab=out");
    await panel(page, "destinations", "empty");
    assert.deepEqual(await axe(page), []);
    await page.click("[data-panel=destinations] .box .button");
    await page.fill("dialog [name=url]", "nonsense");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog .wrong");
    await page.fill("dialog [name=url]", receiver.url);
    await page.click("dialog button[type=submit]");
    const secret = await page.textContent("[data-secret]");
    assert.match(secret, /^whsec_/);
    receiver.secrets.push(secret);
    assert.deepEqual(await axe(page), []);
    await page.click("text=I have kept it");
    await soon(async () => assert.doesNotMatch(await page.content(), /whsec_/, "shown this once"));
    await (await destination()).waitForSelector("text=Gets through");
    await page.click("[data-destination] .button:has-text('Test')");
    await page.waitForSelector("[data-check=ok] >> text=/It answered in \\d+ ms\\./");
    assert.deepEqual(receiver.bad, []);
  });

  test("its deliveries are listed as they go, and one is sent again", async () => {
    await page.click("[data-destination] .button:has-text('Deliveries')");
    await page.waitForSelector("text=Nothing went there yet");
    await text("to be told");
    await page.waitForSelector("[data-delivery=delivered]");
    assert.deepEqual(await axe(page), []);
    await page.click("[data-delivery] .button");
    await page.waitForSelector("[data-toast=ok] >> text=Sent again");
    await page.waitForSelector("[data-delivery] >> text=2 attempts");
  });

  test("a new secret, off and on again, recover, change and remove", async () => {
    await page.click("[data-destination] .button:has-text('New secret')");
    await page.click("dialog .button.primary");
    receiver.secrets.push(await page.textContent("[data-secret]"));
    await page.click("text=I have kept it");
    await page.waitForSelector("[data-destination] >> text=Former secret until");
    await page.click("[data-destination] .button:has-text('Switch off')");
    await page.waitForSelector("[data-destination] >> text=Somebody switched it off.");
    await page.click("[data-destination] .button:has-text('Switch on')");
    await page.waitForSelector("[data-destination] >> text=Gets through");
    await page.click("[data-destination] .button:has-text('Recover')");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("[data-toast=ok] >> text=/\\d+ deliver(y|ies) go(es)? out again\\./");
    await page.click("[data-destination] .button:has-text('Change')");
    await page.fill("dialog [name=events]", "call.*");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("[data-destination] >> text=call.*");
    await page.click("[data-destination] .button:has-text('Remove')");
    await page.click("dialog .button.danger");
    await panel(page, "destinations", "empty");
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
