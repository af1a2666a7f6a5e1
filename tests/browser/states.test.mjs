// What a person sees when a provider has a bad minute: every state is provoked at the pretend provider.
import assert from "node:assert/strict";
import test, { after, afterEach, before, describe } from "node:test";
import { missing, openPage, panel, pause, setUp, soon, startAva, startChromium } from "./ava.mjs";

const recovery = 6;

describe("states, with a short memory", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva({ CACHE_TTL_SECONDS: "1", CIRCUIT_BREAKER_RECOVERY_TIMEOUT: String(recovery) }), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  afterEach(() => page.unrouteAll({ behavior: "ignoreErrors" }));
  const refresh = () => page.click("[aria-label='Refresh Settings']");
  const value = (key) => page.textContent(`[data-setting=${key}] [data-value]`);
  const healthy = async () => {
    await ava.calm();
    for (let i = 0; ; i++) {
      await page.goto(ava.base + "/assistant");
      const found = await panel(page, "settings", "ready", "error", "degraded", "limited");
      if ((await found.getAttribute("data-state")) === "ready") return;
      assert.ok(i < 2 * recovery, "it never got well again");
      await pause(1000);
    }
  };

  test("while it loads: three bars, and a word for those who cannot see them", async () => {
    let go;
    const seen = new Promise((done) => (go = done));
    await page.route("**/api/v1/vapi/settings", async (route) => {
      await seen;
      await route.continue();
    });
    await page.goto(ava.base + "/assistant");
    await page.waitForSelector("[data-panel=settings][data-state=loading] .bars");
    assert.equal((await page.$$("[data-panel=settings] .bars span")).length, 3);
    assert.match(await page.textContent("[data-panel=settings] [role=status]"), /Loading settings/);
    go();
    await panel(page, "settings", "ready");
  });

  test("a write that fails puts the old value back and keeps the typed one", async () => {
    const before = await value("greeting_message");
    await ava.fault({ provider: "vapi", fault: "status", status: 500 });
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "Kept through the storm.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    const toast = await page.waitForSelector("[data-toast=bad]");
    assert.match(await toast.textContent(), /Update failedCould not save setting\./);
    await soon(async () => assert.equal(await value("greeting_message"), before));
    await ava.calm();
    await page.click("[data-setting=greeting_message] >> text=Use my version");
    await soon(async () => assert.equal(await page.inputValue("[name=greeting_message]"), "Kept through the storm."));
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal(await value("greeting_message"), "Kept through the storm."));
  });

  test("degraded: values stay, the countdown is the server's, and one automatic try brings it back", async () => {
    await healthy();
    await ava.fault({ provider: "vapi", fault: "status", status: 503 });
    let strip;
    for (let i = 0; i < 12 && !strip; i++) {
      await pause(1100);
      await refresh();
      await page.waitForSelector("[data-panel=settings][aria-busy=false]");
      strip = await page.$("[data-state=degraded] [data-strip=provider_unavailable] button[aria-disabled]");
    }
    assert.ok(strip, "the strip came with a countdown");
    assert.match(await page.textContent("[data-strip]"), /Vapi is temporarily unavailable\. Try again in \d+s\. Your settings are safe\. You are seeing values from \d\d:\d\d\./);
    assert.equal(await value("greeting_message"), "Kept through the storm.");
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.waitForSelector("text=/Vapi is resting\\. Saving works again in \\d+ s\\./");
    await page.click("[data-setting=greeting_message] >> text=Cancel");
    await ava.calm();
    await panel(page, "settings", "ready");
  });

  test("error: a sentence, what is safe, a way out, and a reference", async () => {
    await healthy();
    await page.route("**/api/v1/vapi/settings", (route) => route.fulfill({
      status: 502, contentType: "application/problem+json", headers: { "X-Correlation-ID": "01JTESTREFERENCE" },
      json: { type: "/problems/provider_error", title: "t", status: 502, code: "provider_error", detail: "d", service: "vapi", correlation_id: "01JTESTREFERENCE", retry: { status: "exhausted", attempt: 3, max_attempts: 3 } },
    }));
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "error");
    const text = await page.textContent("[data-panel=settings]");
    assert.match(text, /Connection to Vapi failed.*Your saved settings are safe\..*Try again.*Reference 01JTESTREFERENCE.*attempt 3 of 3/s);
    assert.doesNotMatch(await page.innerText("[data-panel=settings]"), /502|bad gateway|null/i);
    await page.click("[data-panel=settings] button >> text=Try again");
    await page.waitForFunction(() => document.activeElement.tagName === "H3");
    await page.unroute("**/api/v1/vapi/settings");
    await page.click("[data-panel=settings] button >> text=Try again");
    await panel(page, "settings", "ready");
  });

  test("retrying: says which attempt, and can be cancelled", async () => {
    await page.route("**/api/v1/vapi/settings", (route) => route.fulfill({
      status: 503, contentType: "application/problem+json", headers: { "Retry-After": "5" },
      json: { type: "/problems/provider_busy", title: "t", status: 503, code: "provider_busy", detail: "d", service: "vapi", correlation_id: "01JTESTREFERENCE" },
    }));
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "retrying");
    assert.match(await page.textContent("[data-panel=settings]"), /Retrying\.\.\. attempt 2 of 3/);
    await soon(async () => assert.equal(await page.getAttribute("progress", "max"), "3"));
    await page.click("[data-panel=settings] button >> text=Cancel");
    await page.waitForSelector("[data-panel=settings][data-state=error] >> text=We stopped waiting.");
  });

  // Attempts that Ava makes while the page waits for its one answer.
  const slowly = { provider: "vapi", fault: "status", status: 429, retry_after: "4", times: 1 };

  test("retrying: what Ava tries again is seen while it does, counts down, and needs nobody", async () => {
    await healthy();
    await pause(1100); // beyond the short memory
    await ava.fault({ ...slowly, operation: "GET /assistant" });
    await refresh();
    await panel(page, "settings", "retrying");
    assert.match(await page.textContent("[data-retrying='2']"), /Retrying\.\.\. attempt 2 of 3.*next try in [345] s.*Cancel stops the waiting here, not what Ava is doing\./);
    assert.deepEqual([await page.getAttribute("progress", "max"), await page.getAttribute("progress", "value")], ["3", "2"]);
    assert.ok(await value("greeting_message"), "what is known stays");
    await page.waitForSelector("text=/next try in [123] s/");
    await panel(page, "settings", "ready");
    await soon(async () => assert.equal(await page.$("[data-retrying]"), null));
  });

  test("retrying: Cancel stops the waiting and says so; Ava finishes what it began", async () => {
    await healthy();
    await pause(1100);
    const before = await ava.hits("vapi");
    await ava.fault({ ...slowly, operation: "GET /assistant" });
    await refresh();
    await page.click("[data-panel=settings][data-state=retrying] button >> text=Cancel");
    const strip = await page.waitForSelector("[data-panel=settings][data-state=ready] [data-strip=stopped]");
    assert.match(await strip.textContent(), /We stopped waiting\. You are seeing values from \d\d:\d\d\.Try again/);
    await soon(async () => assert.ok((await ava.hits("vapi")) >= before + 2, "the second attempt was made all the same"));
    await page.click("[data-strip=stopped] button");
    await page.waitForSelector("[data-strip=stopped]", { state: "detached" });
  });

  test("retrying: so is a save, which no panel waits for", async () => {
    await healthy();
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "Saved at the second attempt.");
    await ava.fault({ ...slowly, operation: "PATCH /assistant" });
    await page.click("[data-setting=greeting_message] button[type=submit]");
    const said = await page.waitForSelector("[data-toast=retrying]");
    assert.match(await said.textContent(), /Vapi did not take it at once.*attempt 2 of 3.*next try in [345] s/);
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal(await page.$("[data-toast=retrying]"), null));
    await soon(async () => assert.equal(await value("greeting_message"), "Saved at the second attempt."));
  });

  test("retrying: so is a call that is being placed, on its page", async () => {
    await healthy();
    await ava.fault({ ...slowly, operation: "POST /call" });
    const call = await ava.elsewhere(page, "POST", "/calls", { to: "+33612345678" });
    await page.goto(ava.base + "/calls/" + (call.object_id ?? call.id));
    assert.match(await page.textContent("[data-retrying='2']"), /attempt 2 of 3.*next try in [1-5] s/);
    await page.waitForSelector("[data-retrying]", { state: "detached" });
  });

  test("Connections follow what happens elsewhere: nobody has to reload", async () => {
    await healthy();
    await page.goto(ava.base + "/connections");
    await page.waitForSelector("[data-card=vapi]:not([data-status=resting])");
    const elsewhere = async (selector) => {
      for (let i = 0; i < 15 && !(await page.$(selector)); i++) {
        await page.evaluate(() => fetch("/api/v1/vapi/settings").then((r) => r.text()));
        await pause(1100); // beyond the short memory
      }
      await page.waitForSelector(selector);
    };
    await ava.fault({ provider: "vapi", fault: "status", status: 503 });
    await elsewhere("[data-card=vapi][data-status=resting]");
    assert.match(await page.textContent("[data-card=vapi] [data-resting]"), /Vapi failed several times in a row, so Ava lets it rest|Ava tries Vapi with one request/);
    await ava.calm();
    await elsewhere("[data-card=vapi]:not([data-status=resting])");
  });

  test("a key the provider refuses asks to reconnect and signs nobody out", async () => {
    await healthy();
    await pause(1500);
    await ava.fault({ provider: "vapi", fault: "status", status: 401 });
    await refresh();
    await page.waitForSelector("[data-panel=settings][data-code=provider_credentials_rejected]");
    await page.waitForSelector("text=Vapi no longer accepts your key");
    await page.waitForSelector("a >> text=Reconnect");
    assert.ok(page.url().endsWith("/assistant"));
    assert.equal(await page.$("dialog"), null);
    await ava.calm();
    await page.goto(ava.base + "/numbers");
    await panel(page, "numbers", "ready");
  });

  test("offline: says so, keeps everything, and resumes by itself", async () => {
    await page.goto(ava.base + "/numbers");
    await panel(page, "numbers", "ready");
    await page.context().setOffline(true);
    await panel(page, "numbers", "offline");
    assert.match(await page.textContent("[data-panel=numbers]"), /Connection error.*Please check your network and try again\./);
    await soon(async () => assert.ok((await page.$$("tbody tr")).length > 0));
    await page.context().setOffline(false);
    await panel(page, "numbers", "ready");
  });

  test("nothing fell over and nothing was refused by the content policy", () => {
    assert.deepEqual(page.faults.filter((f) => !/asked elsewhere/.test(f)), []);
  });
});

describe("states, with limits on", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva({ ENABLE_RATE_LIMITING: "true" }), startChromium()]);
    page = await openPage(browser, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  test("a calm walk through all rooms meets no limit", async () => {
    const refused = [];
    page.on("response", (r) => r.status() === 429 && refused.push(r.url()));
    await setUp(page, ava);
    for (let round = 0; round < 3; round++)
      for (const room of ["Home", "Calls", "Assistant", "Numbers", "Messages", "Connections", "Activity"]) {
        await page.click(`nav >> text=${room}`);
        await page.waitForSelector("[data-panel]:not([data-state=loading])");
      }
    assert.deepEqual(refused, []);
  });

  test("limited: counts down, keeps the values, and leaves the other rooms alone", async () => {
    await page.click("nav >> text=Assistant");
    await panel(page, "settings", "ready");
    for (let i = 0; i < 12 && !(await page.$("[data-panel=settings][data-state=limited]")); i++) {
      await page.click("[aria-label='Refresh Settings']");
      await page.waitForSelector("[data-panel=settings][aria-busy=false]");
    }
    await panel(page, "settings", "limited");
    assert.match(await page.textContent("[data-strip]"), /Too many requests\. Try again in \d+s\./);
    assert.equal(await page.getAttribute("[data-strip] .button.primary", "aria-disabled"), "true");
    assert.ok(await page.$("[data-setting=greeting_message] [data-value]"));
    await page.click("nav >> text=Numbers");
    await panel(page, "numbers", "ready");
  });
});
