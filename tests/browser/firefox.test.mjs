// The same page in Firefox ESR: sign in, change a setting, nothing for axe to find.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { until } from "../lib/ava.mjs";
import { axe, missing, person, startAva, startFirefox } from "./ava.mjs";

describe("journey in Firefox", { skip: missing("firefox") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startFirefox()]);
    page = await browser.newPage();
    page.setDefaultTimeout(30_000);
    await page.setViewport({ width: 1200, height: 860 });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const seen = (selector) => page.waitForSelector(selector, { visible: true });
  async function fill(selector, text) {
    await seen(selector);
    await page.$eval(selector, (field) => field.select());
    await page.type(selector, text);
  }

  test("sets up from the printed link", async () => {
    await page.goto(ava.link);
    await fill("[name=email]", person.email);
    await fill("[name=password]", person.password);
    await page.click("button[type=submit]");
    await seen("[data-step='2'] [value=sandbox]");
    await page.click("button[type=submit]");
    await seen("[data-step='3'] [name=greeting_message]");
    await page.click("button[type=submit]");
    await seen("[data-panel=first-call]");
    assert.deepEqual(await axe(page), []);
    await page.goto(ava.base + "/assistant");
    await seen("[data-panel=settings][data-state=ready]");
  });

  test("two tabs follow what happens by one stream, and go on when one closes", async () => {
    const tabs = [await browser.newPage(), await browser.newPage()];
    for (const one of tabs) {
      await one.goto(ava.base + "/calls");
      await one.waitForSelector("[data-panel]:not([data-state=loading])");
    }
    await page.goto("about:blank");
    const listening = () => until(async () => (await ava.metric("stream_connections")) === 1, { what: "one stream" });
    await listening();
    const call = await ava.elsewhere(tabs[0], "POST", "/calls", { to: "+33612345678" });
    for (const one of tabs) await one.waitForSelector(`[data-row="${call.id}"]`);
    await tabs[0].close();
    await listening();
    const next = await ava.elsewhere(tabs[1], "POST", "/calls", { to: "+33612345678" });
    await tabs[1].waitForSelector(`[data-row="${next.id}"]`);
    await tabs[1].close();
  });

  test("signs out and in", async () => {
    await page.goto(ava.base + "/assistant");
    await seen(".side-end .button:last-child");
    await page.click(".side-end .button:last-child");
    await fill("[name=email]", person.email);
    await fill("[name=password]", person.password);
    assert.deepEqual(await axe(page), []);
    await page.click("button[type=submit]");
    await seen(".side-end .button:last-child"); // inside again, in whichever room
    await page.goto(ava.base + "/");
    await seen("[data-panel=health][data-state=ready]");
  });

  test("changes a setting", async () => {
    await page.goto(ava.base + "/assistant");
    await seen("[data-panel=settings][data-state=ready]");
    await page.click("[data-setting=greeting_message] [data-change]");
    await fill("[name=greeting_message]", "Hello from Firefox.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await seen("[data-toast=ok]");
    assert.equal(await page.$eval("[data-toast=ok] strong", (e) => e.textContent), "Setting updated");
    assert.equal(await page.$eval("[data-setting=greeting_message] [data-value]", (e) => e.textContent), "Hello from Firefox.");
  });

  for (const [path, name] of [["/", "health"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/connections", "connections"], ["/calls", "limits"], ["/messages", "messages"], ["/messages?tab=templates", "templates"], ["/messages?tab=templates&open=alert", "template"], ["/activity", "events"], ["/activity?tab=out", "destinations"]])
    test(`axe finds nothing on ${path}`, async () => {
      await page.goto(ava.base + path);
      await seen(`[data-panel=${name}]:is([data-state=ready], [data-state=empty])`);
      assert.deepEqual(await axe(page), []);
    });

  test("icons are drawn: the sprite is allowed by the content policy", async () => {
    await page.goto(ava.base + "/assistant");
    await seen(".side .icon");
    await page.waitForFunction(() => document.querySelector(".side .icon use").getBoundingClientRect().width > 0);
  });
});
