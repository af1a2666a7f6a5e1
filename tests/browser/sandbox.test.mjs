// The caller's page: somebody calls in, somebody texts in, calls go another way, the invoice beside the books; and Home hears of it.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("the sandbox's page", { skip: missing("chromium") }, () => {
  let ava, browser, page, home;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  test("a text needs a workspace to go to, and the page says so", async () => {
    await page.goto(ava.base + "/sandbox");
    await page.click("text=Somebody texts in");
    await page.waitForSelector("[data-panel=callers] [data-said] >> text=/Sign in to Ava in this browser first/");
  });

  test("somebody calls in: who answers is said, and the call stands on the page of calls by itself", async () => {
    await setUp(page, ava);
    await ava.elsewhere(page, "POST", "/webhooks/endpoints/vapi/setup", {});
    home = await page.context().newPage();
    await home.goto(ava.base + "/");
    await panel(home, "today", "ready");
    await soon(async () => assert.equal(await home.textContent("[data-calls-today]"), "0"));
    await page.goto(ava.base + "/calls");
    await panel(page, "calls", "empty");
    const sandbox = await page.context().newPage();
    await sandbox.goto(ava.base + "/sandbox");
    await sandbox.click("text=Somebody calls in");
    await sandbox.waitForSelector("[data-panel=callers] [data-said] >> text=/The call goes on: an assistant answers\\./");
    await page.waitForSelector("[data-row] >> text=from");
    await page.waitForSelector("[data-row] >> text=Talking");
    await sandbox.close();
  });

  test("Home counts it, and nobody reloads", async () => {
    await home.bringToFront();
    await home.waitForSelector("[data-calls-today] >> text=1");
    await soon(async () => assert.equal(await home.textContent("[data-failed-today]"), "0"));
  });

  test("Home says what needs attention, and leads there", async () => {
    await ava.elsewhere(page, "PUT", "/limits", { daily_minutes: 11 });
    await ava.elsewhere(page, "POST", "/calls", { to: "+33612345677" }); // sets ten of them aside
    await ava.elsewhere(page, "POST", "/destinations", { url: "https://nobody.invalid/hook" });
    await page.goto(ava.base + "/sandbox");
    await page.click("text=Somebody texts in");
    await page.waitForSelector("[data-panel=callers] [data-said] >> text=Ava took the text.");
    await home.waitForSelector("[data-wants=destination]");
    await home.waitForSelector("[data-wants=budget]");
    assert.deepEqual(await axe(home), []);
    await home.click("[data-wants=budget] a");
    await home.waitForSelector("[data-form=limits]");
  });

  test("calls go as they are told to, and the invoice is what the books say", async () => {
    await ava.elsewhere(page, "PUT", "/limits", {});
    await page.fill("[name=call_ms]", "40");
    await page.click("text=Let calls go like this");
    await page.waitForSelector("[data-panel=course] [data-said] >> text=Calls go like this from now on.");
    await page.fill("[name=drop_ends_percent]", "200");
    await page.click("text=Let calls go like this");
    await page.waitForSelector("[data-panel=course] .wrong");
    await ava.elsewhere(page, "POST", "/calls", { to: "+33612345678" });
    await ava.advance(60);
    await page.goto(ava.base + "/calls");
    await page.waitForFunction(() => document.querySelectorAll("[data-row][data-call=ended]").length === 3);
    await page.goto(ava.base + "/sandbox");
    await page.waitForSelector("[data-panel=money] >> text=Both say the same.");
    await soon(async () => assert.match(await page.textContent("[data-invoice]"), /^\$0\.0\d+$/));
    assert.deepEqual(await axe(page), []);
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
