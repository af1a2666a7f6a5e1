// Rules in a browser: one click texts back whoever was missed; the rest is changed, rested, asked what it did, and removed.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { sign } from "../lib/twilio.mjs";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("rules", { skip: missing("chromium") }, () => {
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
  const rules = async () => (await ava.elsewhere(page, "GET", "/rules")).rules;

  test("one click, and whoever is missed gets a text", async () => {
    await page.goto(ava.base + "/messages");
    await page.click(".tabs >> text=Rules");
    await page.waitForSelector("text=No rules yet");
    assert.deepEqual(await axe(page), []);
    await page.click("[data-presets] >> text=Text back whoever we missed");
    await page.waitForSelector("[data-rule][data-enabled=true] >> text=When a call is missed: a text to the caller, by the template text_back.");
    await soon(async () => assert.deepEqual((await rules()).map((r) => [r.name, r.then.to]), [["Text back whoever we missed", "caller"]]));
    await soon(async () => assert.equal(await page.$("[data-presets] >> text=Text back whoever we missed"), null, "nobody is written to by two of them"));
    await page.click("text=Last uses");
    await page.waitForSelector("text=It had nothing to do yet.");
    assert.deepEqual(await axe(page), []);
  });

  test("a rule rests and goes on by its switch", async () => {
    await page.click("[role=switch]");
    await page.waitForSelector("[data-rule][data-enabled=false]");
    await soon(async () => assert.equal((await rules())[0].enabled, false));
    await page.focus("[role=switch]");
    await page.keyboard.press("Space");
    await page.waitForSelector("[data-rule][data-enabled=true]");
  });

  test("the editor asks only for what the rule needs, and says what is wrong where it is", async () => {
    await page.click("[data-presets] >> text=New rule");
    await page.selectOption("[name=event]", "budget.80");
    await page.selectOption("[name=channel]", "email");
    await soon(async () => assert.equal(await page.$("[name=who]"), null, "nobody called"));
    await soon(async () => assert.equal(await page.$("[name=from]"), null));
    await page.fill("[name=name]", "Money");
    await page.fill("[name=to]", "desk@example.org, nobody");
    await page.selectOption("[name=template]", "alert");
    await page.selectOption("[name=quiet]", "later");
    await page.fill("[name=quiet_from]", "25:00");
    await page.click("[data-form=rule] [type=submit]");
    await page.waitForSelector("[data-form=rule] .wrong");
    await soon(async () => assert.equal((await page.$$("[data-form=rule] .wrong")).length, 2));
    assert.deepEqual(await axe(page), []);
    await page.fill("[name=to]", "desk@example.org");
    await page.fill("[name=quiet_from]", "21:00");
    await page.click("[data-form=rule] [type=submit]");
    await page.waitForSelector("[data-toast=ok] >> text=Rule saved");
    const made = (await rules()).find((r) => r.name === "Money");
    assert.deepEqual([made.when, made.then.to, made.quiet_hours.from, made.quiet_hours.then], [{ event: "budget.80" }, ["desk@example.org"], "21:00", "later"]);
  });

  test("what is there is changed and removed", async () => {
    await page.click("[data-rule]:has-text('Money') >> text=Change");
    await soon(async () => assert.equal(await page.inputValue("[name=to]"), "desk@example.org"));
    await page.fill("[name=name]", "Budget");
    await page.click("[data-form=rule] [type=submit]");
    await page.waitForSelector("[data-rule] h3 >> text=Budget");
    await page.click("[data-toast=ok]:has-text('Budget') >> text=Undo");
    await page.waitForSelector("[data-rule] h3 >> text=Money");
    await soon(async () => assert.deepEqual((await rules()).find((r) => r.name === "Money").quiet_hours.from, "21:00"));
    for (const name of ["Cap", "Budget"]) {
      await page.click(`[data-rule]:has-text('${name === "Cap" ? "Money" : "Theirs"}') >> text=Change`);
      await page.fill("[name=name]", name);
      await page.click("[data-form=rule] [type=submit]");
      await page.waitForSelector(`[data-rule] h3 >> text=${name}`);
      if (name === "Budget") break;
      const { id } = (await rules()).find((r) => r.name === "Cap");
      await ava.elsewhere(page, "PATCH", "/rules/" + id, { name: "Theirs" });
      await page.waitForSelector("[data-rule] h3 >> text=Theirs");
      await page.click("[data-toast=ok]:has-text('Cap') >> text=Undo");
      await page.waitForSelector("[data-toast=bad]");
      assert.ok((await rules()).some((r) => r.name === "Theirs"), "what somebody else made of it stays");
    }
    await page.click("[data-rule]:has-text('Budget') >> text=Remove");
    await page.click("dialog[open] button.danger");
    await page.waitForFunction(() => document.querySelectorAll("[data-rule]").length === 1);
    await soon(async () => assert.equal((await rules()).length, 1));
  });

  test("what it did last, and why it did nothing", async () => {
    const { twilio } = await (await fetch(ava.base + "/sandbox/api/credentials")).json();
    const url = (await ava.elsewhere(page, "GET", "/webhooks/endpoints")).endpoints.find((e) => e.provider === "twilio").urls.status;
    const own = (await ava.elsewhere(page, "GET", "/twilio/numbers")).numbers[0].phone_number;
    for (const [n, From] of ["+33612345678", "+33612345678", "+266696687"].entries()) {
      const pairs = Object.entries({ CallSid: `CA${String(n).padStart(32, "0")}`, From, To: own, Direction: "inbound", CallStatus: "no-answer" });
      const r = await fetch(ava.base + new URL(url).pathname, { method: "POST", body: new URLSearchParams(pairs), headers: { "X-Twilio-Signature": sign(url, pairs, twilio.auth_token) } });
      assert.equal(r.status, 200, await r.text());
    }
    const [rule] = await rules();
    for (let uses = []; uses.filter((u) => u.status !== "waiting").length < 3; ) uses = (await ava.elsewhere(page, "GET", `/rules/${rule.id}/uses`)).uses;
    await page.reload();
    await panel(page, "rules", "ready");
    await page.click("text=Last uses");
    await panel(page, "rule-uses", "ready");
    await soon(async () => assert.deepEqual(await page.$$eval("[data-use]", (rows) => rows.map((r) => r.dataset.use)), ["skipped", "skipped", "sent"]));
    await page.waitForSelector("text=The number is withheld");
    await page.waitForSelector("text=1 of 100 messages");
    assert.deepEqual(await axe(page), []);
    await page.click("[data-use=sent] >> text=See the call");
    await page.waitForSelector("[data-entry=notice] >> text=The rule “Text back whoever we missed” wrote to the caller");
  });
});
