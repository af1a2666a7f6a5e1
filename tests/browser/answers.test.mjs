// How the services answered, drawn: lines, a rest, the table, both themes, a narrow screen.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("how the services answered", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva({ CACHE_TTL_SECONDS: "0" }), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const ask = async (times) => {
    for (let i = 0; i < times; i++) await ava.elsewhere(page, "GET", "/vapi/settings");
  };

  test("a line for each part of a hundred, in words too, and the same as a table", async () => {
    await ask(5);
    await page.goto(ava.base + "/connections");
    await panel(page, "answers", "ready");
    await soon(async () => assert.equal(await page.locator("[data-chart=vapi] path").count(), 3));
    assert.match(await page.textContent("[data-chart=vapi]"), /Lately half of the answers came within \d+ ms, nearly all within/);
    assert.equal(await page.$(".answers .away"), null);
    await page.click("[data-chart=vapi] summary");
    await soon(async () => assert.equal(await page.locator("[data-chart=vapi] tbody tr").count(), 1));
    assert.deepEqual(await axe(page), []);
  });

  test("when Ava leaves one alone it is drawn and said, by itself", async () => {
    await ava.fault({ provider: "vapi", fault: "status", status: 500 });
    await ask(4);
    await page.waitForSelector("[data-chart=vapi] .away");
    await page.waitForSelector("text=does not answer: Ava has left it alone since");
    await ava.calm();
    await ava.advance(31);
    await ask(4);
    await page.waitForSelector("text=did not answer: Ava left it alone at");
    assert.deepEqual(await axe(page), []);
  });

  test("in the dark, narrow, with forced colours nothing sticks out", async () => {
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 800 });
    await soon(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320)));
    assert.deepEqual(await axe(page), []);
    await page.emulateMedia({ forcedColors: "active" });
    assert.deepEqual(page.faults, []);
  });
});
