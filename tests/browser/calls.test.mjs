// Calls in a browser: one made and followed to its end, the queue, the limits and two people at once, what callers get instead.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("calls", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    await ava.elsewhere(page, "POST", "/webhooks/endpoints/vapi/setup", {});
    await ava.elsewhere(page, "POST", "/destinations", { url: "https://hooks.example.com/a/path" });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const open = async (address = "/calls") => {
    await page.goto(ava.base + address);
    await panel(page, "calls", "ready");
  };
  // How long the pretend calls last: they ring from a thirtieth of that on, and are picked up at four.
  const callsLast = async (seconds) => assert.equal((await fetch(ava.base + "/sandbox/api/vapi/course", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ call_ms: seconds * 1000 }) })).status, 200);
  const standing = (text) => page.waitForSelector(`[data-standing] >> text=${text}`);

  test("before the first call the page says so and offers one, in the exact words", async () => {
    await page.goto(ava.base + "/calls");
    await panel(page, "calls", "empty");
    await soon(async () => assert.match(await page.textContent("[data-panel=calls]"), /No calls yet - make your first call!Make a call/));
    assert.deepEqual(await axe(page), []);
  });

  test("a number that is none is refused beside its field", async () => {
    await page.click("text=Make a call");
    await page.fill("dialog [name=to]", "06 12");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog >> text=Begin with + and the country code.");
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
    await soon(async () => assert.equal(await page.$("dialog"), null));
  });

  test("a call is made by keyboard and followed to its end, and nobody reloads", async () => {
    await callsLast(120); // twelve seconds between two webhooks: what is told of one is told before the next, on any machine
    await page.focus("[data-panel=calls] .box .button");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [name=to]:focus");
    await page.keyboard.type("+33 6 12 34 56 78");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/calls/call_*");
    await page.waitForSelector("h1 >> text=Call to +33 6 12 34 56 78");
    await page.waitForSelector("[data-entry=succeeded]");
    await page.waitForSelector("[data-course=live] [data-mark=attempt]");
    await page.waitForSelector("[data-standing] >> text=/Dialling|Ringing/");
    await ava.advance(4);
    await page.waitForSelector("[data-entry=webhook] >> text=/ringing/");
    await ava.advance(12);
    await standing("Talking");
    await page.waitForSelector("text=End call");
    await ava.advance(104);
    await standing("The other side hung up.");
    await page.waitForSelector("text=Calls end like that; there is nothing to mend.");
    await page.waitForSelector("[data-entry=ended]");
    await page.waitForSelector(".numbers >> text=/\\$\\d/");
    await soon(async () => assert.equal(await page.$("text=End call"), null));
    assert.doesNotMatch(await page.innerText("[data-panel=call]"), /null|undefined|\{\w+\}/);
    assert.deepEqual(await axe(page), []);
    await callsLast(30);
  });

  test("a picture shows its phases and what happened above them, in any size and colours", async () => {
    await page.waitForSelector("[data-course=ended] [data-phase=talking]");
    const widths = Object.fromEntries(await page.$$eval("[data-phase]", (all) => all.map((e) => [e.dataset.phase, parseFloat(e.getAttribute("width"))])));
    assert.ok(widths.talking > widths.ringing && widths.ringing > 0, JSON.stringify(widths));
    assert.match(await page.innerText(".course figcaption"), /Ringing \d+ s[^]*Talking 1 min 44 s/);
    await soon(async () => {
      const marks = await page.$$eval("[data-mark]", (all) => all.map((e) => e.dataset.mark));
      assert.ok(marks.includes("attempt") && marks.includes("webhook"), String(marks));
      assert.equal(marks.length, await page.$$eval("[data-entry]", (all) => all.filter((e) => ["sending", "succeeded", "webhook", "forwarded"].includes(e.dataset.entry)).length), "each stands in the list too");
    });
    assert.equal(await page.$$eval(".course *", (all) => all.filter((e) => getComputedStyle(e).animationName !== "none").length), 0);
    for (const look of [{ colorScheme: "light" }, { colorScheme: "dark" }, { forcedColors: "active", colorScheme: "light" }]) {
      await page.emulateMedia(look);
      await page.setViewportSize({ width: 320, height: 800 });
      await soon(async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320));
      const [bar, behind] = await page.evaluate(() => [getComputedStyle(document.querySelector("[data-phase=talking]")).fill, getComputedStyle(document.querySelector(".panel")).backgroundColor]);
      assert.notEqual(bar, behind);
      assert.deepEqual(await axe(page), []);
      if (process.env.TEST_SHOTS) await page.screenshot({ path: `${process.env.TEST_SHOTS}/course-${Object.values(look).join("-")}.png`, fullPage: true });
    }
    await page.emulateMedia({ colorScheme: null, forcedColors: null });
    await page.setViewportSize({ width: 1200, height: 860 });
    if (process.env.TEST_SHOTS) await page.screenshot({ path: `${process.env.TEST_SHOTS}/course-1200.png`, fullPage: true });
  });

  test("people meet numbers in groups and names; the ids are folded, with Copy", async () => {
    await page.waitForSelector("[data-entry=forwarded] >> text=/\\(hooks\\.example\\.com\\)/");
    const shown = await page.innerText("[data-panel=call]");
    assert.match(shown, /asked for a call to \+33 6 12 34 56 78/);
    assert.doesNotMatch(shown, /dst_|call_\w{20}|op_\w{20}/);
    await page.click("[data-ids] summary");
    assert.match(await page.innerText("[data-ids]"), /call_\w{20}[^]*op_\w{20}/);
    assert.ok((await page.$$("[data-ids] button")).length >= 3, "each has its Copy");
    assert.deepEqual(await axe(page), []);
  });

  test("an entry leads to its event, and back", async () => {
    await page.click("[data-entry=webhook] >> text=See the event");
    await page.waitForURL("**/activity/evt_*");
    await page.goBack();
    await page.waitForURL("**/calls/call_*");
  });

  test("the list has it with how it ended, how long and what it cost; Enter opens it", async () => {
    await open();
    const row = await page.innerText("[data-row]");
    await soon(async () => assert.match(row, /\+33 6 12 34 56 78[^]*The other side hung up\.[^]*\$0\.\d+/));
    await page.focus("[data-row] a");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/calls/call_*");
  });

  test("a row comes by itself, and goes through its states", async () => {
    await open();
    const { id } = await elsewhere("POST", "/calls", { to: "+33612345601" });
    await page.waitForSelector(`[data-row=${id}]`);
    await ava.advance(8);
    await page.waitForSelector(`[data-row=${id}] >> text=Talking`);
    await page.click(`[data-row=${id}] a`);
    await page.click("text=End call");
    await page.waitForSelector("[data-call=ended]");
    await soon(async () => assert.match(await page.textContent("[data-standing]"), /\.$/));
  });

  test("filters stand in the address, survive a reload, and can be cleared where nothing matches", async () => {
    await open();
    await page.selectOption("[name=direction]", "inbound");
    await panel(page, "calls", "empty");
    await soon(async () => assert.match(page.url(), /\?direction=inbound$/));
    await page.reload();
    await page.waitForSelector("text=Nothing matches these filters");
    await soon(async () => assert.equal(await page.inputValue("[name=direction]"), "inbound"));
    await page.click("text=Clear filters");
    await page.waitForSelector("[data-row]");
    await soon(async () => assert.match(page.url(), /\/calls$/));
  });

  test("limits: who was slower sees both values and chooses", async () => {
    await open("/calls?limits=change");
    await page.waitForSelector("[data-form=limits]");
    await page.fill("[name=daily_minutes]", "1.5");
    await page.click("[data-form=limits] button[type=submit]");
    await page.waitForSelector("text=Minutes a day must be a whole number, 0 or more.");
    await page.fill("[name=daily_minutes]", "300");
    await page.fill("[name=concurrent_calls]", "1");
    await elsewhere("PUT", "/limits", { daily_minutes: 111 });
    await page.click("[data-form=limits] button[type=submit]");
    await page.waitForSelector("[data-form=limits][data-state=conflict]");
    assert.match(await page.innerText("[data-form=limits] .conflict"), /Saved by someone else[^]*111 minutes[^]*Yours[^]*300 minutes/);
    assert.deepEqual(await axe(page), []);
    await page.click("[data-form=limits] >> text=Use my version");
    await page.waitForSelector("[data-toast=ok] >> text=Limits saved");
    await soon(async () => assert.equal((await elsewhere("GET", "/limits")).daily_minutes, 300));
    await soon(async () => assert.match(page.url(), /\/calls$/));
  });

  test("a call that waits for a line shows its place, and goes out when one is free", async () => {
    const first = await elsewhere("POST", "/calls", { to: "+33612345610" });
    await page.click("text=Make a call");
    await page.fill("dialog [name=to]", "+33612345611");
    await page.click("dialog button[type=submit]");
    await page.waitForURL("**/calls/call_*");
    await standing("/Waits for a free line, place 1/");
    await open();
    await page.waitForSelector("[data-row] >> text=/Waits for a free line, place 1/");
    await elsewhere("POST", `/calls/${first.id}/end`);
    await page.waitForSelector("[data-row] >> text=/Dialling|Ringing|Being placed/");
    await soon(async () => assert.equal(await page.$("[data-row] >> text=/Waits for/"), null));
  });

  test("a budget that is used up says so, and leads to where it is changed", async () => {
    await elsewhere("PUT", "/limits", { daily_minutes: 0 });
    await open("/calls?new=call");
    await page.fill("dialog [name=to]", "+33612345612");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog >> text=Today's budget is used up");
    await page.click("dialog >> text=Change budget");
    await page.waitForSelector("[data-form=limits] [name=daily_minutes]");
    await soon(async () => assert.equal(await page.$("dialog"), null));
    await page.fill("[name=daily_minutes]", "");
    await page.fill("[name=concurrent_calls]", "");
    await page.click("[data-form=limits] button[type=submit]");
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal((await elsewhere("GET", "/limits")).daily_minutes, null));
  });

  test("when the answer got lost the same press again is the same call, and one call only", async () => {
    const asked = async () => (await (await fetch(ava.base + "/sandbox/api/ledger?limit=1000")).json()).hits.filter((h) => h.method === "POST" && h.path === "/call").length;
    const before = await asked();
    await page.route("**/api/v1/calls", async (route) => {
      await route.fetch(); // it arrived there
      await route.abort();
    }, { times: 1 });
    await open("/calls?new=call");
    await page.fill("dialog [name=to]", "+33612345613");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog >> text=Connection error");
    await page.click("dialog button[type=submit]");
    await page.waitForURL("**/calls/call_*");
    assert.equal((await asked()) - before, 1);
  });

  test("while nobody knows whether a call went out the page says so, and never sends again", async () => {
    await ava.fault({ provider: "vapi", fault: "hang", operation: "POST /call" });
    await ava.fault({ provider: "vapi", fault: "status", status: 500, operation: "GET /call" });
    const { object_id } = await elsewhere("POST", "/calls", { to: "+33612345620" }, { Prefer: "respond-async" });
    await page.goto(ava.base + "/calls/" + object_id);
    const hung = async () => (await (await fetch(ava.base + "/sandbox/api/ledger?limit=1000")).json()).hits.some((h) => h.method === "POST" && h.path === "/call" && h.status === null);
    await soon(async () => assert.ok(await hung())); // before the clock jumps
    await ava.advance(60);
    await standing("We do not know yet whether this call went out. Checking with Vapi.");
    await ava.calm();
  });

  test("what callers get is chosen, said in plain words, and two people may choose at once", async () => {
    await open();
    await page.waitForSelector("[data-preview] >> text=/^Callers hear .* and the call ends\\.$/");
    await page.click("[data-panel=fallback] >> text=Change it");
    await page.check("[data-form=fallback] [value=forward]");
    await page.fill("[data-form=fallback] [name=to]", "+33 6 99 99 99 99");
    await page.waitForSelector(".said >> text=Callers are put through to +33 6 99 99 99 99.");
    await elsewhere("PUT", "/fallback", { kind: "voicemail", text: "Speak after the tone." });
    await page.click("[data-form=fallback] button[type=submit]");
    await page.waitForSelector("[data-form=fallback][data-state=conflict]");
    assert.match(await page.innerText("[data-form=fallback] .conflict"), /Speak after the tone[^]*put through/);
    assert.deepEqual(await axe(page), []);
    await page.click("[data-form=fallback] >> text=Use my version");
    await page.waitForSelector("[data-preview] >> text=/put through to/");
    await soon(async () => assert.equal((await elsewhere("GET", "/fallback")).to, "+33699999999"));
  });

  test("the month is drawn, and told in a table", async () => {
    await open();
    await panel(page, "chart", "ready");
    await page.click("text=As a table");
    await soon(async () => assert.match(await page.innerText("[data-panel=chart] table"), /Day\s+Calls\s+To mend/));
    await soon(async () => assert.match(await page.innerText("[data-panel=chart]"), /The other side hung up\./));
    await page.check("[data-panel=chart] >> text=Cost");
    await soon(async () => assert.equal(await page.getAttribute("[data-panel=chart] svg[data-measure]", "data-measure"), "cost"));
    await soon(async () => assert.match(await page.locator("[data-panel=chart] svg title").last().textContent(), /: \$0\.\d+/));
    await page.check("[data-panel=chart] >> text=Minutes");
    await soon(async () => assert.match(await page.locator("[data-panel=chart] svg title").last().textContent(), /: \d+ (s|min)/));
    await page.goto(ava.base + "/");
    await page.waitForSelector("[data-panel=chart][data-state=ready] svg");
  });

  test("a call that is not there says so", async () => {
    await page.goto(ava.base + "/calls/call_0000");
    await page.waitForSelector("[data-panel=call][data-state=error] >> text=We could not find that");
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
