// 400 % zoom: 320 by 256 CSS pixels. Every room can be used: no scrolling sideways, everything is reached by Tab, and what
// stands still while the page scrolls lies over none of it.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { missing, openPage, panel, setUp, startAva, startChromium } from "./ava.mjs";
import { faultOfFocus, faultsOfShape } from "./shape.mjs";

describe("at 400 % in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page, callId, eventId;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava, { reducedMotion: "reduce", viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 });
    await setUp(page, ava);
    const elsewhere = (...what) => ava.elsewhere(page, ...what);
    await elsewhere("POST", "/webhooks/endpoints/vapi/setup", {});
    callId = (await elsewhere("POST", "/calls", { to: "+33612345678" })).id;
    const from = (await elsewhere("GET", "/twilio/numbers")).numbers[0].phone_number;
    await elsewhere("POST", "/twilio/messages", { to: "+33700009903", from, body: "Hello." });
    await elsewhere("POST", "/destinations", { url: "https://hooks.example.com/a/long/path/to/where/events/go" });
    await elsewhere("POST", "/auth/keys", { name: "Till" });
    await ava.advance(60);
    await page.goto(ava.base + "/activity");
    await page.waitForSelector("[data-row]");
    eventId = (await elsewhere("GET", "/events")).events[0].id;
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  // Tab through all of it: each stop can be seen, and each control was a stop.
  async function reach() {
    await page.evaluate(() => (document.activeElement?.blur(), scrollTo(0, 0)));
    const faults = new Set();
    let rounds = 0; // out of the page and in again at its beginning: where Tab began is not known
    for (let stops = 0; stops < 300 && rounds < 2; stops++) {
      await page.keyboard.press("Tab");
      const fault = await faultOfFocus(page);
      if (fault) faults.add(fault);
      const over = await page.evaluate(() => {
        const at = document.activeElement;
        if (!at || at === document.body) return "out";
        const stays = at === globalThis.stop; // a moment has a stop for its day, its month, ...
        globalThis.stop = at;
        if (at.dataset.reached && !stays && !at.closest(".tail")) return "again";
        at.dataset.reached = "yes";
        return "";
      });
      if (over === "again") break;
      if (over === "out") rounds++;
    }
    // And back: what comes into sight from above comes out from under what stands still there.
    for (let stops = 0; stops < 60; stops++) {
      await page.keyboard.press("Shift+Tab");
      const fault = await faultOfFocus(page);
      if (fault) faults.add(fault);
    }
    const missed = await page.evaluate(() => [...(document.querySelector("dialog[open]") ?? document).querySelectorAll("a[href], button, input, select, textarea, summary")]
      .filter((e) => e.checkVisibility() && !e.disabled && e.tabIndex >= 0 && !e.dataset.reached && !(e.type === "radio" && document.querySelector(`[name="${e.name}"][data-reached]`)) && !e.closest(".tail"))
      .map((e) => "never reached: " + e.outerHTML.slice(0, 120)));
    return [...faults, ...missed];
  }

  const rooms = [
    ["/", "today"], ["/calls", "calls"], [() => "/calls/" + callId, "call"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/messages", "messages"], ["/messages?tab=templates", "templates"],
    ["/messages?tab=templates&open=alert", "template"], ["/messages?tab=rules", "rules"], ["/connections", "connections"], ["/activity", "events"], [() => "/activity/" + eventId, "event"], ["/activity?tab=out", "destinations"],
    ["/admin/people", "members"], ["/admin/keys", "api-keys"], ["/admin/audit", "audit"], ["/admin/settings", "in-force"], ["/admin/health", "health-details"], ["/account", "account"],
  ];
  for (const [address, name] of rooms)
    test(`the room ${typeof address === "string" ? address : name}`, async () => {
      await page.goto(ava.base + (typeof address === "string" ? address : address()));
      await panel(page, name, "ready", "empty");
      await page.waitForFunction(() => !document.querySelector("[data-panel][data-state=loading]"));
      await page.waitForTimeout(600); // what comes a moment after the rest
      assert.deepEqual([...(await faultsOfShape(page)), ...(await reach())], []);
    });

  for (const [address, form] of [["/calls?new=call", "call"], ["/messages?new=message", "message"]])
    test(`the dialog ${form}`, async () => {
      await page.goto(ava.base + address);
      await page.waitForSelector(`dialog [data-form=${form}]`);
      assert.deepEqual([...(await faultsOfShape(page)), ...(await reach())], []);
    });
});
