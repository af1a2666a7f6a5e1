// Every screen in both themes: nothing for axe to find, no sideways scroll at 320 px, one h1.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("looks in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  async function look(name) {
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.waitForTimeout(200); // colours change over 120 ms
      found.push(...(await axe(page)).map((v) => `${name} ${colorScheme} ${v}`));
    }
    await page.setViewportSize({ width: 320, height: 800 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    await page.setViewportSize({ width: 1200, height: 860 });
    assert.deepEqual(found, []);
    assert.ok(width <= 320, `${name} is ${width} px wide at 320`);
    await soon(async () => assert.equal((await page.$$("h1")).length, 1, name));
  }
  const problem = (code, status, more = {}, headers = {}) => (route) =>
    route.fulfill({ status, contentType: "application/problem+json", headers, json: { type: "/problems/" + code, title: "t", status, code, detail: "d", service: "vapi", correlation_id: "01JTESTREFERENCE", ...more } });

  test("before the first account", async () => {
    await page.goto(ava.base + "/signin");
    await page.waitForSelector("text=Finish setup on the server");
    await look("setup needed");
  });

  test("the wizard", async () => {
    await page.goto(ava.link);
    await page.waitForSelector("[name=email]");
    await page.click("button[type=submit]");
    await look("wizard 1, with errors");
    await setUp(page, ava);
    await page.goto(ava.base + "/setup?step=2");
    await page.waitForSelector("[data-panel=choose]");
    await look("wizard 2");
    await page.goto(ava.base + "/setup?step=3");
    await page.waitForSelector("[name=greeting_message]");
    await look("wizard 3");
    for (const step of [4, 5]) {
      await page.goto(ava.base + "/setup?step=" + step);
      await page.waitForSelector(step === 4 ? "[data-panel=first-call]" : "[data-panel=done]");
      await look("wizard " + step);
    }
  });

  for (const [path, name] of [["/", "health"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/connections", "connections"], ["/calls", "limits"], ["/messages", "messages"], ["/messages?tab=templates", "templates"], ["/messages?tab=suppressed", "suppressed"], ["/messages?tab=templates&open=alert", "template"], ["/messages?tab=rules", "rules"], ["/activity", "events"], ["/activity?tab=out", "destinations"], ["/people", "members"], ["/admin/people", "members"], ["/account", "own-invitations"]])
    test(`the room ${path}`, async () => {
      await page.goto(ava.base + path);
      await panel(page, name, "ready", "empty");
      await page.waitForTimeout(300);
      await look(path);
    });

  test("rooms with something in them, and one of it in detail", async () => {
    const elsewhere = (...what) => ava.elsewhere(page, ...what);
    await page.goto(ava.base + "/calls");
    await elsewhere("POST", "/webhooks/endpoints/vapi/setup", {});
    const { id } = await elsewhere("POST", "/calls", { to: "+33612345678" });
    await elsewhere("POST", "/calls", { to: "+33612345679" });
    const from = (await elsewhere("GET", "/twilio/numbers")).numbers[0].phone_number;
    await elsewhere("POST", "/twilio/messages", { to: "+33700009903", from, body: "A text that is longer than one line of a narrow window, and has averylongwordwithoutanyspacetobreakat." });
    await elsewhere("POST", "/destinations", { url: "https://hooks.example.com/a/long/path/to/where/events/go" });
    await ava.advance(60);
    await page.waitForSelector("[data-row] >> text=The other side hung up.");
    for (const [path, name] of [["/", "today"], ["/calls", "chart"], ["/calls/" + id, "call"], ["/messages", "messages"], ["/activity", "events"], ["/activity?tab=out", "destinations"]]) {
      await page.goto(ava.base + path);
      await panel(page, name, "ready");
      await page.waitForTimeout(300);
      await look(path);
    }
    await page.goto(ava.base + "/activity");
    await page.click("[data-row] a");
    await panel(page, "event", "ready");
    await look("an event");
  });

  test("forms and dialogs of the rooms", async () => {
    await page.goto(ava.base + "/calls?limits=change");
    await page.waitForSelector("[data-form=limits]");
    await page.click("[data-panel=fallback] >> text=Change it");
    await page.click("[data-form=limits] button[type=submit]");
    await look("limits and fallback in the edit");
    for (const [path, dialog] of [["/calls?new=call", "call"], ["/messages?new=message", "message"]]) {
      await page.goto(ava.base + path);
      await page.click(`[data-form=${dialog}] button[type=submit]`);
      await page.waitForSelector(`[data-form=${dialog}] .wrong`);
      await look(path);
    }
    await page.goto(ava.base + "/activity");
    await page.click("text=Work on many again");
    await page.waitForSelector("[data-form=replay]");
    await look("replay of many");
  });

  test("forms and dialogs", async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    for (const key of ["greeting_message", "max_call_duration", "voice_speed"]) await page.click(`[data-setting=${key}] [data-change]`);
    await look("settings in the edit");
    await page.goto(ava.base + "/connections");
    await page.click("[aria-label='Edit Vapi']");
    await page.click("[data-form=vapi] button[type=submit]");
    await page.waitForSelector("[data-form=vapi] .wrong");
    await look("connection form with errors");
    await page.click("[aria-label='Disconnect Twilio']");
    await page.waitForSelector("dialog[open]");
    await look("dialog");
    await page.keyboard.press("Escape");
  });

  const states = { // what stands in the way of a panel
    error: problem("provider_error", 502, { retry: { status: "exhausted", attempt: 3, max_attempts: 3 } }),
    degraded: problem("provider_unavailable", 503, {}, { "Retry-After": "30" }),
    limited: problem("rate_limited", 429, {}, { "Retry-After": "41" }),
    retrying: problem("provider_busy", 503, {}, { "Retry-After": "20" }),
    empty: (route) => route.fulfill({ json: { settings: [] } }),
    loading: () => {},
    offline: (route) => route.abort(),
  };
  for (const [state, handler] of Object.entries(states))
    test(`the assistant, ${state}`, async () => {
      await page.route("**/api/v1/vapi/settings", handler);
      await page.goto(ava.base + "/assistant");
      await panel(page, "settings", state);
      await page.waitForTimeout(300);
      await look(state);
      await page.unrouteAll({ behavior: "ignoreErrors" });
    });

  const rooms = [["/calls", "calls", "**/api/v1/calls?*"], ["/messages", "messages", "**/api/v1/messages?*"], ["/activity", "events", "**/api/v1/events?*"]];
  for (const [path, name, asked] of rooms)
    for (const state of ["error", "limited", "offline", "loading"])
      test(`the room ${path}, ${state}`, async () => {
        await page.route(asked, states[state]);
        await page.goto(ava.base + path);
        await panel(page, name, state);
        await page.waitForTimeout(300);
        await look(path + " " + state);
        await page.unrouteAll({ behavior: "ignoreErrors" });
      });

  test("degraded with values, a failed save and its toast", async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    await page.route("**/api/v1/vapi/settings/*", problem("provider_unavailable", 503, {}, { "Retry-After": "30" }));
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "Not now.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("[data-toast=bad]");
    await panel(page, "settings", "degraded");
    await look("degraded with values");
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("the reference", async () => {
    await page.goto(ava.base + "/docs");
    await page.waitForSelector(".route");
    await page.click("#putSetting summary");
    await look("docs");
  });

  test("the sandbox's own page: a fault comes and goes", async () => {
    await page.goto(ava.base + "/sandbox");
    await page.waitForSelector("[data-panel=ledger] tbody tr");
    await page.fill("[name=times]", "3");
    await page.click("text=Let it happen");
    await page.waitForSelector("text=Answers with an error 503, 3 more times");
    await look("sandbox");
    await page.click("[aria-label^='Remove']");
    await page.waitForSelector("text=Everything behaves.");
  });

  test("the page of a problem code", async () => {
    await page.goto(ava.base + "/problems/rate_limited");
    await page.waitForSelector("h1");
    await look("problem page");
  });

  test("sign in", async () => {
    await page.goto(ava.base + "/");
    await page.click("text=Sign out");
    await page.waitForSelector("[name=email]");
    await page.click("button[type=submit]");
    await look("sign in, with errors");
  });
});
