// Importing numbers in a browser: choose, preview, confirm, each step as it happens, done; and giving one back.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

const shots = process.env.TEST_SHOTS; // a folder to look at the pages in

describe("importing numbers", { skip: missing("chromium") }, () => {
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

  const shot = async (name) => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.waitForTimeout(200); // colours change over 120 ms
      assert.deepEqual(await axe(page), [], `${name} ${colorScheme}`);
      if (shots) await page.screenshot({ path: `${shots}/${name}-${colorScheme}.png` });
    }
    await page.setViewportSize({ width: 320, height: 800 });
    if (shots) await page.screenshot({ path: `${shots}/${name}-320.png`, fullPage: true });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320, `${name} at 320`);
    await page.setViewportSize({ width: 1200, height: 860 });
  };
  // Past Ava, as another system would.
  const atTwilio = async (index, form) => {
    const { twilio } = await (await fetch(ava.base + "/sandbox/api/credentials")).json();
    const headers = { Authorization: "Basic " + Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64") };
    const account = `${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/IncomingPhoneNumbers`;
    const { incoming_phone_numbers: all } = await (await fetch(account + ".json", { headers })).json();
    const one = all[index];
    return form ? (await fetch(`${account}/${one.sid}.json`, { method: "POST", headers, body: new URLSearchParams(form) })).json() : one;
  };
  const row = (index) => page.locator("[data-panel=numbers] tbody tr").nth(index);
  const stage = (name) => page.waitForSelector(`dialog [data-stage=${name}]`);

  test("by keyboard: choose, preview, import, each step until it is done", async () => {
    await page.goto(ava.base + "/numbers");
    await panel(page, "numbers", "ready");
    await row(0).locator("text=Nobody").first().waitFor();
    await page.waitForSelector("text=Twilio has not reached Ava yet.");
    await shot("numbers");
    await page.focus("[data-panel=numbers] .row button.primary");
    await page.keyboard.press("Enter");
    await stage("choose");
    await soon(async () => assert.equal(await page.getAttribute("dialog button.primary", "aria-disabled"), "true", "nothing is chosen yet"));
    await page.focus("dialog [name=number] >> nth=0");
    await page.keyboard.press("Space");
    await shot("import-choose");
    await page.focus("dialog button.primary");
    await page.keyboard.press("Enter");
    await stage("preview");
    await soon(async () => assert.match(await page.innerText("dialog"), /Remember where it leads now/));
    assert.equal(await page.$("dialog [data-warning]"), null);
    await page.focus("dialog button.primary");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [data-outcome=succeeded]");
    await soon(async () => assert.deepEqual(await page.$$eval("dialog [data-step]", (all) => all.map((e) => `${e.dataset.step} ${e.dataset.stepState}`)), ["remember done", "point done"]));
    await soon(async () => assert.match(await page.innerText("dialog"), /1 number imported\.[^]*In the audit log as number\.import/));
    await shot("import-done");
    await page.keyboard.press("Escape");
    await row(0).locator("text=Imported").waitFor();
    await soon(async () => assert.match(await row(0).innerText(), /Ava/));
  });

  test("a number of another system is taken over only after that was said, and Vapi's part is named", async () => {
    await atTwilio(1, { VoiceUrl: "https://studio.example.com/secret-path" });
    await page.goto(ava.base + "/numbers");
    await panel(page, "numbers", "ready");
    await row(1).locator("text=Another system").waitFor();
    await row(1).locator("button").click();
    await stage("choose");
    await soon(async () => assert.ok(await page.isChecked("dialog [name=number]:checked")));
    await page.check("dialog [name=who][value=vapi]");
    await page.click("dialog button.primary");
    await stage("preview");
    const words = await page.innerText("dialog");
    assert.match(words, /Calls of this number go to studio\.example\.com now/);
    assert.match(words, /Vapi changes where calls of this number go at Twilio/);
    assert.doesNotMatch(words, /secret-path|null|\{/);
    await soon(async () => assert.equal(await page.getAttribute("dialog button.primary", "aria-disabled"), "true"));
    await shot("import-preview");
    await page.check("dialog [name=overwrite]");
    await page.click("dialog button.primary");
    await page.waitForSelector("dialog [data-outcome=succeeded]");
    await page.click("dialog .row button.primary");
    await row(1).locator("text=Your assistant").waitFor();
  });

  test("what is refused half way is shown step by step, and put back", async () => {
    await ava.fault({ provider: "vapi", fault: "status", status: 400, operation: "POST /phone-number", times: 1 });
    await row(2).locator("button").click();
    await page.check("dialog [name=who][value=vapi]");
    await page.click("dialog button.primary");
    await stage("preview");
    await page.click("dialog button.primary");
    await page.waitForSelector("dialog [data-outcome=failed]");
    await soon(async () => assert.deepEqual(await page.$$eval("dialog [data-step]", (all) => all.map((e) => e.dataset.stepState)), ["undone", "undone", "failed", "skipped"]));
    await soon(async () => assert.match(await page.innerText("dialog"), /as they were before/));
    await shot("import-failed");
    await page.click("dialog .row button.primary");
    assert.equal((await atTwilio(2)).sms_url, "");
  });

  test("a number is given back after a question that says what that means", async () => {
    await row(1).locator("button").click();
    await soon(async () => assert.match(await page.innerText("dialog"), /go again where they went before/));
    await shot("give-back");
    await page.click("dialog button.danger");
    await page.waitForSelector("[data-toast=ok] >> text=/leads again where it did before/");
    await row(1).locator("text=Another system").waitFor();
    assert.equal((await atTwilio(1)).voice_url, "https://studio.example.com/secret-path");
  });

  test("nothing went wrong on the page", () => assert.deepEqual(page.faults, []));
});
