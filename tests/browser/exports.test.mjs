// Lists taken away from their pages: by the filters that are set, after a session that had to be renewed, where nothing is taken.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("exports", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava, { acceptDownloads: true });
    await setUp(page, ava);
    for (const to of ["+33611111111", "+33622222222"]) await ava.elsewhere(page, "POST", "/calls", { to });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const take = async (form) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.click(`[data-export=${form}]`)]);
    assert.equal(await file.failure(), null);
    return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
  };

  test("calls as CSV, all of them, in the browser's own way", async () => {
    await page.goto(ava.base + "/calls");
    await panel(page, "calls", "ready");
    assert.deepEqual(await axe(page), []);
    const { name, text } = await take("csv");
    assert.match(name, /^ava-calls-20\d\d-\d\d-\d\d\.csv$/);
    assert.deepEqual(text.split("\r\n").slice(1, -1).map((l) => /\+336\d+/.exec(l)[0]).sort(), ["+33611111111", "+33622222222"]);
    assert.equal(page.url(), ava.base + "/calls", "the page stays");
  });

  test("by the filters that are set, as JSON lines", async () => {
    await page.goto(ava.base + "/calls?to=%2B33611111111");
    await panel(page, "calls", "ready");
    await page.waitForSelector("text=Take all that match with you:");
    const { name, text } = await take("jsonl");
    assert.match(name, /\.jsonl$/);
    assert.deepEqual(text.trim().split("\n").map((l) => JSON.parse(l).to), ["+33611111111"]);
  });

  test("a session that has run out is renewed before", async () => {
    await ava.advance(16 * 60);
    assert.match((await take("csv")).text, /\+33611111111/);
  });

  test("where there is nothing, nothing is offered; on a narrow screen nothing sticks out", async () => {
    await page.goto(ava.base + "/messages");
    await panel(page, "messages", "empty");
    assert.equal(await page.$("[data-export]"), null);
    await page.setViewportSize({ width: 320, height: 800 });
    await page.goto(ava.base + "/calls");
    await panel(page, "calls", "ready");
    await soon(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320)));
    assert.deepEqual(page.faults, []);
  });
});
