// Without a mouse: from the printed link to the first call, out and in again, a setting, a call, an import, a connection.
// At every stop the focus can be seen and nothing lies over it; after every step it is somewhere that makes sense.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { missing, openPage, panel, person, soon, startAva, startChromium } from "./ava.mjs";
import { faultOfFocus } from "./shape.mjs";

describe("by keyboard in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava, { reducedMotion: "reduce" });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const press = (key) => page.keyboard.press(key);
  const type = (text) => page.keyboard.type(text);
  const is = (selector) => page.evaluate((s) => document.activeElement.matches(s), selector);
  const where = () => page.evaluate(() => document.activeElement.outerHTML.slice(0, 120));

  // Tab until the focus is there; every stop on the way is looked at.
  async function tab(selector, key = "Tab", most = 60) {
    for (let i = 0; i < most; i++) {
      await press(key);
      const fault = await faultOfFocus(page);
      assert.equal(fault, "", fault);
      if (await is(selector)) return;
    }
    assert.fail(`no way by ${key} to ${selector}; the focus is at ${await where()}`);
  }
  // The focus comes there by itself.
  async function lands(selector) {
    await page.waitForFunction((s) => document.activeElement.matches(s), selector).catch(async () => assert.fail(`the focus is not at ${selector} but at ${await where()}`));
  }
  async function replace(text) {
    await press("Control+A");
    await type(text);
  }

  test("the wizard, and the first call", async () => {
    await page.goto(ava.link);
    await page.waitForSelector("[name=email]");
    await tab("[name=email]");
    await press("Enter");
    await lands("[name=email]");
    await type(person.email);
    await tab("[name=name]");
    await type(person.name);
    await tab("[name=password]");
    await type(person.password);
    await press("Enter");
    await page.waitForSelector("[data-step='2']");
    await lands("h1");
    await tab("[type=radio]");
    await press("ArrowDown");
    await press("ArrowUp");
    await soon(async () => assert.ok(await is("[value=sandbox]:checked")));
    await press("Enter");
    await page.waitForSelector("[data-step='3'] [name=greeting_message]");
    await lands("h1");
    await tab("[name=greeting_message]");
    await replace("Hello by keyboard.");
    await tab("[type=range]");
    await press("ArrowRight");
    await tab("button[type=submit]");
    await press("Enter");
    await page.waitForSelector("[data-panel=first-call]");
    await lands("h1");
    await tab(".button.primary");
    await press("Space");
    await page.waitForSelector("[data-panel=first-call][data-state=ended]");
    await tab(".button.primary");
    await press("Enter");
    await page.waitForSelector("[data-panel=done]");
    await lands("h1");
    await tab(".button.primary, a.primary");
    await press("Enter");
    await page.waitForURL(ava.base + "/");
    await lands("h1");
  });

  test("the skip link leads past the rooms; letters jump, and the heading of the room has the focus", async () => {
    await page.reload();
    await panel(page, "health", "ready");
    await tab(".skip");
    await press("Enter");
    await lands("h1");
    for (const [key, path] of [["l", "/calls"], ["a", "/assistant"], ["n", "/numbers"], ["m", "/messages"], ["c", "/connections"], ["y", "/activity"], ["d", "/admin"], ["h", "/"]]) {
      await press("g");
      await press(key);
      await page.waitForURL(ava.base + path);
      await lands("h1");
    }
  });

  test("a room that is not loaded yet gives its heading the focus when it is", async () => {
    await page.reload();
    await panel(page, "health", "ready");
    await page.route("**/*.js", async (route) => {
      await new Promise((r) => setTimeout(r, 300));
      await route.continue();
    });
    await press("g");
    await press("n");
    await page.waitForURL("**/numbers");
    await page.waitForSelector("h1 >> text=Numbers");
    await lands("h1");
    await page.unrouteAll({ behavior: "wait" });
  });

  test("a setting: what is wrong keeps the focus, what is right gives it back", async () => {
    await press("g");
    await press("a");
    await panel(page, "settings", "ready");
    const change = "[data-setting=greeting_message] [data-change]";
    await tab(change);
    await press("Enter");
    await lands("[name=greeting_message]");
    await replace(" ");
    await tab("[data-setting=greeting_message] button[type=submit]");
    await press("Enter");
    await page.waitForSelector("text=Greeting is needed.");
    await lands("[name=greeting_message]");
    await replace("Typed by hand.");
    await tab("[data-setting=greeting_message] button[type=submit]");
    await press("Enter");
    await page.waitForSelector("[data-toast=ok]");
    await lands(change);
    await press("Enter");
    await lands("[name=greeting_message]");
    await tab("[data-setting=greeting_message] .button.quiet");
    await press("Space");
    await lands(change);
  });

  test("a call: Escape closes and gives the focus back, a wrong number keeps it, the call's heading takes it", async () => {
    await press("g");
    await press("l");
    await panel(page, "calls", "ready", "empty");
    const make = ".head .button.primary";
    await page.waitForSelector(make);
    await tab(make);
    await press("Enter");
    await lands("dialog [name=to]");
    await press("Escape");
    await lands(make);
    await press("Space");
    await lands("dialog [name=to]");
    await type("12");
    await press("Enter");
    await page.waitForSelector("dialog .wrong");
    await lands("dialog [name=to]");
    for (let i = 0; i < 12; i++) {
      await press("Tab");
      assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("dialog")), "Tab stays in the dialog");
    }
    await page.focus("dialog [name=to]");
    await replace("+33612345678");
    await press("Enter");
    await page.waitForURL("**/calls/call_*");
    await panel(page, "call", "ready");
    await lands("h1");
  });

  test("a number is brought into Ava's care, and the focus comes back to its row", async () => {
    await press("g");
    await press("n");
    await panel(page, "numbers", "ready");
    await tab("tbody .button:not(.quiet)");
    await press("Enter");
    await page.waitForSelector("dialog[open]");
    for (let stage = ""; stage !== "done"; ) {
      stage = await page.getAttribute("dialog [data-stage]", "data-stage");
      if (stage === "choose" || stage === "preview") {
        await tab("dialog .button.primary");
        await press("Enter");
      }
      await page.waitForFunction((had) => document.querySelector("dialog [data-stage]").dataset.stage !== had || had === "done", stage);
    }
    await lands("dialog p[tabindex]");
    await press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForSelector("tbody .badge.ok >> text=/^Imported/");
    await lands("main *");
  });

  test("a connection: a wrong key keeps the focus, Cancel gives it back, and so does the dialog before disconnecting", async () => {
    await press("g");
    await press("c");
    await panel(page, "connections", "ready");
    await tab("[aria-label='Edit Vapi']");
    await press("Enter");
    await lands("[data-form=vapi] input");
    await press("Enter");
    await page.waitForSelector("[data-form=vapi] .wrong");
    await lands("[name=api_key]");
    await type("not-a-key-of-anybody-0000");
    await press("Enter");
    await page.waitForSelector("text=Vapi did not accept this key.");
    await lands("[name=api_key]");
    await tab("[data-form=vapi] > .row .button.quiet");
    await press("Enter");
    await lands("[aria-label='Edit Vapi']");
    await tab("[aria-label='Disconnect Twilio']");
    await press("Enter");
    await page.waitForSelector("dialog[open]");
    await press("Escape");
    await lands("[aria-label='Disconnect Twilio']");
  });

  test("out and in again", async () => {
    await tab(".side-end .button:last-child", "Shift+Tab", 80);
    await press("Enter");
    await page.waitForURL("**/signin**");
    await page.waitForSelector("[name=email]");
    await lands("h1, [name=email]");
    if (!(await is("[name=email]"))) await tab("[name=email]");
    await type(person.email);
    await tab("[name=password]");
    await type("the wrong password");
    await press("Enter");
    await page.waitForSelector("text=This e-mail and password do not belong together.");
    await lands("[name=password]");
    await replace(person.password);
    await press("Enter");
    await page.waitForURL(ava.base + "/");
    await lands("h1");
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
