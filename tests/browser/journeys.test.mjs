// What a person does: set up, change a setting, see numbers, connect, sign in by keyboard.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, person, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("journeys in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  test("before the first account, the front door says where to go", async () => {
    await page.goto(ava.base + "/");
    await page.waitForURL("**/signin**");
    assert.match(await page.textContent("h1 >> text=Finish setup on the server"), /Finish/);
  });

  test("the wizard leads from the printed link to the assistant", async () => {
    await page.goto(ava.link);
    await page.waitForSelector("text=Step 1 of 5");
    await page.waitForSelector("text=Demo Mode Active - calls, texts and e-mails stay on this server.");
    await page.fill("[name=email]", person.email);
    await page.fill("[name=password]", "too short");
    await page.click("button[type=submit]");
    await page.waitForSelector("text=Use at least 12 characters.");
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.getAttribute("name")), "password"));
    await page.fill("[name=name]", person.name);
    await page.fill("[name=password]", person.password);
    await page.click("button[type=submit]");
    await page.waitForSelector("text=Step 2 of 5");
    await soon(async () => assert.ok(!page.url().includes("t="), "the token left the address"));
    await soon(async () => assert.ok(await page.isChecked("[value=sandbox]")));
    await page.click("button[type=submit]");
    await page.waitForSelector("text=Step 3 of 5");
    await page.fill("[name=greeting_message]", "Hello from the wizard.");
    await page.click("text=Back");
    await page.waitForSelector("text=Step 2 of 5");
    await page.click("button[type=submit]");
    await soon(async () => assert.equal(await page.inputValue("[name=greeting_message]"), "Hello from the wizard.", "Back keeps what was typed"));
    await page.click("button[type=submit]");
    await page.waitForSelector("text=Step 4 of 5");
  });

  test("one button places the first call, its timeline draws itself, and the end says what it was", async () => {
    await page.waitForSelector("[data-panel=first-call][data-state=ready]");
    assert.deepEqual(await axe(page), []);
    await page.click("text=Call now");
    await page.waitForSelector("[data-panel=first-call][data-state=live] .timeline li");
    await page.waitForSelector("text=Talking");
    await ava.advance(60);
    await page.waitForSelector("[data-panel=first-call][data-state=ended] .numbers >> text=/\\$\\d/"); // the cost comes after the end
    await soon(async () => assert.ok((await page.locator(".timeline li").count()) >= 4, await page.textContent(".timeline")));
    assert.deepEqual(await axe(page), []);
    await page.click("button >> text=Next");
    await page.waitForSelector("text=Step 5 of 5");
    await soon(async () => assert.match(await page.textContent("[data-panel=done]"), /You called \+1 415 555 0142, talked for \d+ s, and it cost \$0\.\d+\./));
    assert.deepEqual(await axe(page), []);
    await page.click("text=Open Ava");
    await page.waitForURL(ava.base + "/");
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    await soon(async () => assert.equal(await page.textContent("[data-setting=greeting_message] [data-value]"), "Hello from the wizard."));
  });

  test("the link works once", async () => {
    const other = await openPage(browser, ava);
    await other.goto(ava.link);
    await other.fill("[name=email]", "eve@example.com");
    await other.fill("[name=password]", person.password);
    await other.click("button[type=submit]");
    await other.waitForSelector("text=This link no longer works");
    await other.context().close();
  });

  test("a setting is changed, confirmed in the exact words, and still there after a reload", async () => {
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "Good day, this is Ava.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    const toast = await page.waitForSelector("[data-toast=ok]");
    assert.match(await toast.textContent(), /^Setting updatedGreeting has been saved successfully\.(Undo)?$/);
    await page.reload();
    await panel(page, "settings", "ready");
    assert.equal(await page.textContent("[data-setting=greeting_message] [data-value]"), "Good day, this is Ava.");
    assert.match(await page.textContent("[data-panel=settings] .age"), /Updated (just now|\d+ s ago)/);
  });

  test("a value out of range is refused beside the field, with the range", async () => {
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "   ");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("text=Greeting is needed.");
    await page.fill("[name=greeting_message]", "x".repeat(2001));
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("text=Greeting must be between 1 character and 2000 characters.");
    await page.click("[data-setting=greeting_message] >> text=Cancel");
  });

  test("numbers are listed", async () => {
    await page.click("nav >> text=Numbers");
    await panel(page, "numbers", "ready");
    assert.ok((await page.$$("[data-panel=numbers] tbody tr")).length > 0);
    assert.match(await page.textContent("tbody th"), /^\+\d[\d ]+$/);
    while (await page.$("text=Show more")) {
      const rows = (await page.$$("tbody tr")).length;
      await page.click("text=Show more");
      await page.waitForFunction((n) => document.querySelectorAll("tbody tr").length > n, rows);
    }
  });

  test("connections are tested for real; a wrong key is refused beside its field", async () => {
    await page.click("nav >> text=Connections");
    await page.waitForSelector("[data-card=twilio]");
    await page.click("[aria-label='Test Twilio']");
    const good = await page.waitForSelector("[data-card=twilio] [data-check=ok]");
    assert.match(await good.textContent(), /Works - \d+ numbers? found/);
    await soon(async () => assert.match(await page.textContent("[data-panel=twilio-addresses]"), /\/webhooks\/twilio\/\S+\/voice/));
    await page.click("[data-panel=vapi-addresses] >> text=Let Ava set it up");
    await page.waitForSelector("[data-toast=ok] >> text=Vapi sends here now");
    await page.click("[aria-label='Edit Vapi']");
    assert.equal(await page.inputValue("[name=api_key]"), "", "a secret never comes back");
    await page.fill("[name=api_key]", "not-a-key-of-anybody-0000");
    await page.click("[data-form=vapi] button[type=submit]");
    await page.waitForSelector("[data-form=vapi] >> text=Vapi did not accept this key. Check that it is the private key.");
    await page.waitForFunction(() => document.activeElement.getAttribute("name") === "api_key");
    await page.click("[data-form=vapi] >> text=Cancel");
  });

  test("home says in one sentence how it goes", async () => {
    await page.click("nav >> text=Home");
    await page.waitForSelector("[data-health=ok]");
    assert.match(await page.textContent("[data-health]"), /Everything is answering/);
    await soon(async () => assert.match(await page.textContent("h1"), /Hello, Ada/));
  });

  test("keys jump between rooms, list themselves, change the theme, and can be switched off", async () => {
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL("**/assistant");
    await page.keyboard.press(".");
    await page.waitForSelector("html[data-theme=dark], html[data-theme=light]", { state: "attached" });
    const theme = await page.getAttribute("html", "data-theme");
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open]");
    await page.uncheck("dialog [type=checkbox]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press(".");
    assert.equal(await page.getAttribute("html", "data-theme"), theme, "switched off");
    await page.evaluate(() => localStorage.clear());
  });

  test("signing out and in again needs no mouse", async () => {
    await page.goto(ava.base + "/numbers");
    await page.click("text=Sign out");
    await page.waitForURL("**/signin**");
    await page.goto(ava.base + "/assistant");
    await page.waitForURL("**/signin?next=%2Fassistant");
    await page.waitForSelector("[name=email]");
    await page.evaluate(() => document.activeElement?.blur());
    const tab = async (wanted) => {
      for (let i = 0; i < 12; i++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((s) => document.activeElement.matches(s), wanted)) return;
      }
      assert.fail("no way by Tab to " + wanted);
    };
    await tab(".skip");
    await tab("[name=email]");
    await page.keyboard.type(person.email);
    await tab("[name=password]");
    await page.keyboard.type("the wrong password");
    await page.keyboard.press("Enter");
    await page.waitForSelector("text=This e-mail and password do not belong together.");
    await soon(async () => assert.ok(await page.evaluate(() => document.activeElement.matches("[name=password]")), "the focus is in the field to mend"));
    await page.keyboard.press("Control+A");
    await page.keyboard.type(person.password);
    await page.keyboard.press("Enter");
    await page.waitForURL("**/assistant");
    await soon(async () => assert.match(await page.evaluate(() => document.activeElement.textContent), /Assistant/, "the heading has the focus"));
  });

  test("the reference shows every route with a command, from this server alone", async () => {
    await page.goto(ava.base + "/docs");
    await page.waitForSelector("#putSetting");
    assert.match(await page.textContent("#putSetting .command"), /curl -sS.*-X PUT.*settings\/greeting_message/s);
    await page.fill("#filter", "numbers/available");
    await page.waitForFunction(() => document.querySelectorAll(".route").length === 1);
  });

  test("nothing fell over, nothing was refused by the content policy, nothing was asked elsewhere", () => {
    assert.deepEqual(page.faults, []);
  });
});

describe("the rest of a session", { skip: missing("chromium") }, () => {
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

  test("a session that is over asks over the page, keeps the draft, and goes on", async () => {
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "A draft that must survive.");
    await page.context().clearCookies();
    // A read of the page's own may be the first to meet it; the click then waits for the dialog to go.
    const clicked = page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("dialog >> text=Please sign in again");
    await page.waitForSelector("dialog >> text=Your changes are still here.");
    await page.fill("dialog [name=password]", person.password);
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog", { state: "detached" });
    await clicked;
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal(await page.textContent("[data-setting=greeting_message] [data-value]"), "A draft that must survive."));
  });

  test("somebody else's change is shown beside one's own", async () => {
    const other = await page.context().newPage();
    for (const one of [page, other]) {
      await one.goto(ava.base + "/assistant");
      await panel(one, "settings", "ready");
      await one.click("[data-setting=greeting_message] [data-change]");
    }
    await other.fill("[name=greeting_message]", "Theirs.");
    await other.click("[data-setting=greeting_message] button[type=submit]");
    await other.waitForSelector("[data-toast=ok]");
    await page.fill("[name=greeting_message]", "Mine.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    const conflict = await page.waitForSelector(".conflict");
    assert.match(await conflict.textContent(), /Someone changed this meanwhile.*Theirs\..*Mine\./);
    await page.click(".conflict >> text=Use my version");
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal(await page.textContent("[data-setting=greeting_message] [data-value]"), "Mine."));
    await other.close();
  });

  test("a change of another setting is no conflict", async () => {
    const other = await page.context().newPage();
    for (const one of [page, other]) {
      await one.goto(ava.base + "/assistant");
      await panel(one, "settings", "ready");
    }
    await other.click("[data-setting=max_call_duration] [data-change]");
    await other.fill("[name=max_call_duration]", "12");
    await other.click("[data-setting=max_call_duration] button[type=submit]");
    await other.waitForSelector("[data-toast=ok]");
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "No quarrel here.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal(await page.textContent("[data-setting=max_call_duration] [data-value]"), "12 min"));
    await other.close();
  });

  test("who types a greeting as soon as its field is there keeps it", async () => {
    const quick = await page.context().newPage();
    await quick.addInitScript(() => {
      new MutationObserver((_, watch) => {
        const field = document.querySelector("[name=greeting_message]");
        if (!field) return;
        watch.disconnect();
        field.value = "Typed at once.";
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }).observe(document, { childList: true, subtree: true });
    });
    await quick.goto(ava.base + "/setup?step=3");
    await quick.waitForSelector("[name=greeting_message]");
    await quick.click("text=Back");
    await quick.click("[data-step='2'] button[type=submit]");
    assert.equal(await quick.inputValue("[data-step='3'] [name=greeting_message]"), "Typed at once.");
    await quick.close();
  });

  test("the form to sign in is there before it is known whether an old session can be renewed; where it can, nobody has to", async () => {
    const guest = await page.context().newPage();
    let answer;
    const held = new Promise((done) => (answer = done));
    await ava.advance(16 * 60);
    await page.goto("about:blank"); // else it renews the session itself
    await guest.route("**/api/v1/auth/refresh", async (route) => {
      await held;
      await route.continue();
    });
    await guest.goto(ava.base + "/signin");
    await guest.waitForSelector("[data-panel=signin] [name=password]");
    answer();
    await guest.waitForURL(ava.base + "/");
    await panel(guest, "health", "ready");
    await guest.close();
  });

  test("a screen that stumbles leaves the rest of the page standing", async () => {
    await page.route("**/api/v1/vapi/settings", (route) => route.fulfill({ json: { settings: { length: 1 } } }));
    await page.goto(ava.base + "/assistant");
    await page.waitForSelector("[data-state=crash] >> text=This page stumbled.");
    await page.waitForSelector("text=The rest of Ava is fine.");
    await soon(async () => assert.match(await page.textContent("[data-state=crash] code"), /^page-/));
    await page.unroute("**/api/v1/vapi/settings");
    await page.click("nav >> text=Numbers");
    await panel(page, "numbers", "ready");
  });
});
