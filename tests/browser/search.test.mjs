// Search from everywhere by keyboard: found, opened, nothing found, a slow answer that comes too late, an Ava that is away.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("search", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    for (const to of ["+33611111111", "+4915122222222"]) await ava.elsewhere(page, "POST", "/calls", { to });
    await ava.elsewhere(page, "POST", "/integrations/email/send", { to: "grey@example.org", subject: "<b>Hello</b>", text: "x" });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const open = async () => {
    await page.keyboard.press("/");
    await page.waitForSelector("dialog [role=searchbox]:focus");
  };
  const find = async (q) => {
    await Promise.all([page.waitForResponse((r) => r.url().endsWith("/search?q=" + encodeURIComponent(q))), page.fill("dialog [role=searchbox]", q)]);
  };

  test("a slash opens it in every room; typing finds, Enter opens the first, the dialog is gone", async () => {
    await page.goto(ava.base + "/connections");
    await page.waitForSelector("h1");
    await open();
    assert.deepEqual(await axe(page), []);
    await find("06 11 11");
    await panel(page, "search", "ready");
    await soon(async () => assert.match(await page.textContent("[data-hit]"), /\+33 6 11 11 11 11/));
    await soon(async () => assert.equal(await page.textContent("dialog [role=status]"), "1 found"));
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/calls/call_*");
    await soon(async () => assert.equal(await page.$("dialog"), null));
  });

  test("down and up go through what was found; Escape closes and the focus is back", async () => {
    await page.goto(ava.base + "/");
    await page.focus(".searches");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [role=searchbox]:focus");
    await find("2222");
    await panel(page, "search", "ready");
    await page.keyboard.press("ArrowDown");
    await soon(async () => assert.ok(await page.evaluate(() => document.activeElement.matches("[data-hit]"))));
    await page.keyboard.press("ArrowUp");
    await soon(async () => assert.ok(await page.evaluate(() => document.activeElement.matches("[role=searchbox]"))));
    await page.keyboard.press("Escape");
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.className + "|" + document.querySelectorAll("dialog").length), "button searches|0"));
  });

  test("an e-mail by its address, and markup in what people write is text", async () => {
    await open();
    await find("grey@");
    await panel(page, "search", "ready");
    assert.match(await page.textContent("[data-hit]"), /grey@example\.org.*<b>Hello<\/b>/);
    await page.click("[data-hit]");
    await page.waitForURL("**/messages?mail=msg_*");
  });

  test("nothing found is said, and why; one letter asks nothing", async () => {
    await open();
    await page.fill("dialog [role=searchbox]", "n");
    await find("nobody@nowhere");
    await panel(page, "search", "empty");
    await soon(async () => assert.match(await page.textContent("[data-panel=search]"), /Nothing found. What messages say is sealed/));
    assert.deepEqual(await axe(page), []);
  });

  test("an answer that comes too late changes nothing", async () => {
    let late;
    await page.route("**/search?q=06*", async (route) => ((late = route), undefined));
    await page.fill("dialog [role=searchbox]", "06 11 11");
    await page.waitForRequest((r) => r.url().includes("q=06"));
    await find("nobody");
    await panel(page, "search", "empty");
    await late.continue().catch(() => {});
    assert.equal(await page.$("[data-hit]"), null);
    await page.unroute("**/search?q=06*");
  });

  test("when Ava is away it says so, and finds again when it is back", async () => {
    await page.route("**/search?*", (route) => route.abort());
    await page.fill("dialog [role=searchbox]", "06 11 11");
    await panel(page, "search", "error");
    await soon(async () => assert.match(await page.textContent("[data-panel=search]"), /Connection error/));
    await page.unroute("**/search?*");
    await page.fill("dialog [role=searchbox]", "06 11 11 1");
    await panel(page, "search", "ready");
  });

  test("on a narrow screen, in the dark, nothing sticks out", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 700 });
    await soon(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320)));
    assert.deepEqual(await axe(page), []);
    assert.deepEqual(page.faults, []);
  });
});
