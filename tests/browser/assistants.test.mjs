// The history of an assistant in a browser: who changed what, Undo, and two people at once.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("assistants", { skip: missing("chromium") }, () => {
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

  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const save = async (greeting) => {
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", greeting);
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector(`[data-setting=greeting_message] [data-value] >> text=${greeting}`);
  };
  const newest = () => page.waitForSelector("[data-panel=history] [data-version] >> nth=0");
  const open = async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "history", "ready");
  };

  test("a saved greeting appears with its author, its difference and Undo, and nobody reloads", async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "assistants", "ready");
    await save("Good morning."); // from its first change on it has a history
    await page.waitForSelector("[data-version] ins >> text=Good morning.");
    const words = await (await newest()).innerText();
    assert.match(words, /Ada changed the settings/);
    assert.match(words, /Greeting/);
    assert.doesNotMatch(await page.innerText("[data-panel=history]"), /firstMessage|null|\{/);
  });

  test("Undo takes it back, says so, and the setting above has its old value", async () => {
    const before = await (await newest()).getAttribute("data-version");
    await save("A slip of the tongue.");
    await page.waitForSelector("[data-version] ins >> text=A slip of the tongue.");
    await page.click("[data-panel=history] button >> text=Undo");
    const toast = await page.waitForSelector("[data-toast=ok] >> text=/is as it was in version/");
    assert.match(await toast.textContent(), new RegExp(`Front desk is as it was in version ${before}\\.`));
    await page.waitForSelector("[data-setting=greeting_message] [data-value] >> text=Good morning.");
    await page.waitForSelector("[data-version] >> text=/Ada went back to version/");
  });

  test("an older version says what it changed when it is opened", async () => {
    await open();
    const entry = page.locator("[data-version]").nth(1);
    await entry.locator("summary").click();
    await entry.locator("ins", { hasText: "A slip of the tongue." }).waitFor();
  });

  test("when somebody was quicker both values stand side by side, and one is chosen", async () => {
    await open();
    const inUse = (await elsewhere("GET", "/assistants")).assistants.find((a) => a.in_use);
    await page.route("**/api/v1/stream", (route) => route.abort()); // this page does not hear of it
    await open();
    await elsewhere("PATCH", "/assistants/" + inUse.id, { firstMessage: "From another window." });
    await page.click("[data-panel=history] button >> text=Undo");
    const conflict = await page.waitForSelector("[data-panel=history] [data-state=conflict]");
    const words = await conflict.innerText();
    assert.match(words, /Saved by someone else[^]*From another window\.[^]*Yours[^]*A slip of the tongue\./);
    assert.deepEqual(await axe(page), []);
    await page.setViewportSize({ width: 320, height: 800 });
    await soon(async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320));
    assert.ok((await page.locator("[data-state=conflict] dd").first().boundingBox()).width > 150, "room for words, not for letters");
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.click("[data-panel=history] [data-state=conflict] >> text=Use my version");
    await page.waitForSelector("[data-setting=greeting_message] [data-value] >> text=A slip of the tongue.");
    await soon(async () => assert.equal(await page.$("[data-state=conflict]"), null));
    assert.equal((await elsewhere("GET", "/assistants/" + inUse.id)).config.firstMessage, "A slip of the tongue.");
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("what somebody changed at Vapi joins the history when it is looked at", async () => {
    const { vapi } = await (await fetch(ava.base + "/sandbox/api/credentials")).json();
    const { provider_id } = (await elsewhere("GET", "/assistants")).assistants.find((a) => a.in_use);
    await fetch(`${vapi.base_url}/assistant/${provider_id}`, { method: "PATCH", headers: { Authorization: `Bearer ${vapi.api_key}`, "Content-Type": "application/json" }, body: '{"endCallMessage":"Said at Vapi."}' });
    await open();
    await page.waitForSelector("[data-version] ins >> text=Said at Vapi.");
    await soon(async () => assert.match(await (await newest()).innerText(), /Someone at Vapi changed it[^]*Last words/));
  });

  test("another assistant of the account can be looked at, and one that was made at Vapi taken along", async () => {
    await elsewhere("POST", "/assistants", { name: "Night desk", firstMessage: "Good evening." });
    await page.route("**/api/v1/assistants?limit=20", async (route) => {
      const response = await route.fetch(), json = await response.json();
      for (const a of json.assistants) if (a.name === "Night desk" && !page.kept) Object.assign(a, { id: null, version: null });
      await route.fulfill({ response, json });
    });
    await open();
    page.kept = true; // from the next reading on, which the click brings about
    await page.click("[aria-label='Keep its history: Night desk']");
    await page.waitForSelector("h2 >> text=History of Night desk");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.click("[aria-label='History of Front desk']");
    await page.waitForSelector("h2 >> text=History of Front desk");
    await soon(async () => assert.equal(await page.getAttribute("[aria-label='History of Front desk']", "aria-pressed"), "true"));
  });

  test("while Vapi rests the history can be read all the same", async () => {
    await ava.fault({ provider: "vapi", fault: "status", status: 500 });
    await open();
    await page.waitForSelector("[data-version] ins");
    await ava.calm();
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
