// Tools of assistants: switched on, told how to behave, written into the assistant; and the first run that ends with a booked
// appointment and a text.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("tools", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const row = (name) => page.locator(`[data-tool="${name}"]`);

  test("each has a switch, its arguments and what it did last", async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "tools", "ready");
    await soon(async () => assert.equal(await page.locator("[data-tool]").count(), 7));
    for (const name of ["calendar.find_slot", "calendar.book", "sms.send", "contact.note"]) {
      await row(name).getByRole("switch").click();
      await page.waitForSelector(`[data-tool="${name}"][data-on=true]`);
    }
    await row("calendar.find_slot").getByRole("button", { name: /Details/ }).click();
    await page.waitForSelector("[data-panel=tool-uses][data-state=empty]");
    await soon(async () => assert.match(await row("calendar.find_slot").textContent(), /How long the appointment is to be/));
  });

  test("a wrong setting is said at its field, a right one is kept", async () => {
    const form = page.locator('[data-form="calendar"]');
    await form.locator("[name=time_zone]").fill("Berlin");
    await form.getByRole("button", { name: "Save" }).click();
    await page.waitForSelector('[data-form="calendar"] >> text=/There is no such time zone/');
    await form.locator("[name=time_zone]").fill("Europe/Berlin");
    await form.getByRole("button", { name: "Save" }).click();
    await page.waitForSelector("[data-toast=ok] >> text=/counts from the next use/");
    await row("call.transfer").getByRole("button", { name: /Details/ }).click();
    const numbers = page.locator('[data-form="call"]');
    await numbers.locator("[name=numbers]").fill("Sales, +12125550133\nDr. Ada, Bell, 12");
    await numbers.getByRole("button", { name: "Save" }).click();
    await page.waitForSelector('[data-form="call"] >> text=/Entry 2 must be/');
    await numbers.locator("[name=numbers]").fill("Sales, +12125550133\nDr. Ada, Bell, +12125550144");
    const saved = page.waitForResponse((r) => r.request().method() === "PUT" && r.ok());
    await numbers.getByRole("button", { name: "Save" }).click();
    await saved;
    const kept = await page.evaluate(async () => (await (await fetch("/api/v1/tools/call.transfer")).json()).settings);
    assert.deepEqual(kept, { numbers: [{ name: "Sales", number: "+12125550133" }, { name: "Dr. Ada, Bell", number: "+12125550144" }] });
    assert.deepEqual(await axe(page), []);
  });

  test("written into the assistant, a caller gets an appointment and a text, and it stands in the call", async () => {
    await page.locator("[data-write] button").click();
    await page.waitForSelector("[data-toast=ok] >> text=/has 4 tools/");
    await ava.elsewhere(page, "POST", "/webhooks/endpoints/vapi/setup", {});
    await page.goto(ava.base + "/connections");
    const card = page.locator('[data-card="google"]');
    await card.getByRole("button", { name: /Connect/ }).click();
    await card.getByRole("button", { name: /Go on/ }).click();
    await page.waitForURL(/sandbox\/oauth/);
    await page.getByRole("button", { name: "Allow" }).click();
    await page.waitForSelector('[data-card="google"] [data-result=connected]');
    await page.goto(ava.base + "/sandbox");
    await page.click("text=A caller wants an appointment");
    await page.waitForSelector("[data-steps]");
    await soon(async () => {
      const steps = await page.locator("[data-steps] li").allTextContents();
      assert.deepEqual(steps.map((s) => s.split(" ")[0]), ["ava_calendar_find_slot", "ava_calendar_book", "ava_sms_send", "ava_contact_note"], steps.join("\n"));
    });
    await page.waitForSelector("[data-panel=callers] [data-said] >> text=/did all it was asked for/");
    assert.deepEqual(await axe(page), []);
    await page.goto(ava.base + "/assistant");
    await row("calendar.book").getByRole("button", { name: /Details/ }).click();
    await page.waitForSelector('[data-tool="calendar.book"] >> text=/Booked: /');
    await page.setViewportSize({ width: 320, height: 800 });
    await soon(async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320));
  });
});
