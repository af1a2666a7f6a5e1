// The reference page: examples in three languages, and routes that run from the page as whoever is signed in.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("the reference page", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const open = async () => {
    await page.goto(ava.base + "/docs");
    await page.waitForSelector("main[data-state=ready]");
  };
  const tried = (id) => page.locator(`[data-try=${id}]`);

  test("for a stranger it shows, and runs nothing", async () => {
    await open();
    await page.waitForSelector("text=Whoever is signed in can run the routes from this page.");
    assert.equal(await page.locator("[data-try]").count(), 0);
    await soon(async () => assert.match(await page.textContent("#listCalls .command"), /^curl -sS/));
  });

  test("each example in curl, Node and Python", async () => {
    await page.check("text=Python");
    await soon(async () => assert.match(await page.textContent("#listCalls .command"), /^import os\n\nimport requests/));
    await page.check("text=Node");
    await soon(async () => assert.match(await page.textContent("#listCalls .command"), /^const response = await fetch/));
  });

  test("a read runs at once and shows what came, with what the headers say", async () => {
    await setUp(page, ava);
    await open();
    await tried("listCalls").locator("summary").click();
    await tried("listCalls").locator("[name=limit]").fill("5");
    await tried("listCalls").locator("button[type=submit]").click();
    await tried("listCalls").locator("[data-status='200']").waitFor();
    await soon(async () => assert.match(await tried("listCalls").locator("pre").textContent(), /x-correlation-id: [0-9a-f]{32}\n[\s\S]*"calls": \[\]/));
    await tried("listCalls").locator("[name=limit]").fill("5000");
    await tried("listCalls").locator("button[type=submit]").click();
    await tried("listCalls").locator("[data-status='422']").waitFor();
    await soon(async () => assert.match(await tried("listCalls").locator("pre").textContent(), /The limit must be 1 to 100/));
  });

  test("a write says first that it is for real, and can be left", async () => {
    const limits = tried("putLimits");
    await limits.locator("summary").click();
    await limits.locator("textarea").fill('{"daily_minutes": 33}');
    await limits.locator("button[type=submit]").click();
    await limits.locator("text=This is done for real, in the workspace").waitFor();
    assert.equal(await limits.locator("[data-status]").count(), 0, "nothing was sent yet");
    await limits.locator("text=Cancel").click();
    await limits.locator("button[type=submit]").click();
    await limits.locator("text=Do it").click();
    await limits.locator("[data-status='200']").waitFor();
    assert.equal(await page.evaluate(async () => (await (await fetch("/api/v1/limits")).json()).daily_minutes), 33);
    await limits.locator("textarea").fill("{");
    await limits.locator("button[type=submit]").click();
    await limits.locator("text=Do it").click();
    await limits.locator("[data-status='400']").waitFor();
  });

  test("what stands in the path is asked for", async () => {
    const one = tried("getCall");
    await one.locator("summary").click();
    await one.locator("button[type=submit]").click();
    await soon(async () => assert.ok(await one.locator("[name=id]").evaluate((e) => e.matches(":invalid:focus"))));
    await one.locator("[name=id]").fill("../limits?x=1#");
    await one.locator("button[type=submit]").click();
    await one.locator("[data-status='404']").waitFor();
  });

  test("Ava goes away: it says so; narrow and dark nothing sticks out", async () => {
    await page.route("**/api/v1/calls*", (route) => route.abort());
    await tried("listCalls").locator("[name=limit]").fill("5");
    await tried("listCalls").locator("button[type=submit]").click();
    await tried("listCalls").locator("text=Connection error").waitFor();
    await page.emulateMedia({ colorScheme: "dark" });
    await page.setViewportSize({ width: 320, height: 700 });
    await soon(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320)));
    assert.deepEqual(await axe(page), []);
    await page.locator("#putLimits").scrollIntoViewIfNeeded();
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.locator("#listCalls").scrollIntoViewIfNeeded();
    assert.deepEqual(page.faults, []);
  });
});
