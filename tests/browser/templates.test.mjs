// Templates in a browser: read, changed with the preview beside it, made, gone back to, removed; and whatever markup is
// in one runs nothing and asks nobody.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, pause, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("templates", { skip: missing("chromium") }, () => {
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
  const open = async (name) => {
    await page.goto(`${ava.base}/messages?tab=templates${name ? "&open=" + name : ""}`);
    await panel(page, name ? "template" : "templates", "ready");
  };
  const mail = () => page.frameLocator("iframe.mail");

  test("are found under Messages, by name, with those that come with Ava", async () => {
    await page.goto(ava.base + "/messages");
    await page.click(".tabs >> text=Templates");
    await panel(page, "templates", "ready");
    await soon(async () => assert.deepEqual(await page.$$eval("[data-template]", (rows) => rows.map((r) => r.dataset.template)), ["alert", "call_summary", "invitation", "missed_call", "test_mail", "text_back"]));
    assert.deepEqual(await axe(page), []);
    await page.fill("[name=search]", "Call");
    await page.press("[name=search]", "Enter");
    await page.waitForFunction(() => document.querySelectorAll("[data-template]").length === 2);
    await page.fill("[name=search]", "nobody");
    await page.press("[name=search]", "Enter");
    await page.click("[data-nothing] >> text=Clear filters");
    await page.waitForFunction(() => document.querySelectorAll("[data-template]").length === 6);
  });

  test("one that comes with Ava shows what it says, in HTML with its styles and in text", async () => {
    await page.click("text=missed_call");
    await panel(page, "preview", "ready");
    await mail().locator("h1 >> text=You missed a call").waitFor();
    await soon(async () => assert.equal(await page.textContent("[data-subject] strong"), "Missed call from +33 6 12 34 56 78"));
    assert.equal(await mail().locator("h1").evaluate((h) => getComputedStyle(h).fontSize), "22px");
    assert.equal(await mail().locator("a").evaluate((a) => getComputedStyle(a).backgroundColor), "rgb(31, 95, 208)");
    await page.click(".preview >> text=Text");
    await soon(async () => assert.match(await page.textContent("[data-text]"), /The caller said:\nPlease call me back about Thursday\./));
    assert.deepEqual(await axe(page), []);
  });

  test("the preview follows what is typed, and saving makes it the workspace's own", async () => {
    await page.fill("input[name=subject]", "{{caller}} rang, {{extra}}");
    await page.waitForSelector("[data-subject] >> text=rang, extra");
    await page.click("button[type=submit]");
    await page.waitForSelector("[data-toast=ok] >> text=Template saved");
    await page.waitForSelector("text=Yours, instead of Ava's");
    await page.waitForSelector("[data-version='1'] >> text=Ada made it");
    assert.equal((await elsewhere("GET", "/templates/missed_call")).subject, "{{caller}} rang, {{extra}}");
  });

  test("what is wrong stands at its field, with a way to the line; what was there last stays in sight", async () => {
    await panel(page, "preview", "ready");
    await page.fill("textarea[name=text]", "fine\n  {{#list}} no end\nfine");
    await panel(page, "preview", "error");
    await page.waitForSelector("text=Line 2, column 6: The section list is not closed: {{/list}} is missing.");
    await soon(async () => assert.match(await page.textContent("[data-subject]"), /rang/));
    await page.click("text=Go to line 2");
    await soon(async () => assert.equal(await page.$eval("textarea[name=text]", (a) => a.value.slice(a.selectionStart, a.selectionEnd)), "  {{#list}} no end"));
    assert.deepEqual(await axe(page), []);
    await page.click("button[type=submit]");
    await page.waitForFunction(() => document.activeElement?.name === "text");
    assert.equal((await elsewhere("GET", "/templates/missed_call")).version, 1);
  });

  test("a variable that is missing is named", async () => {
    await page.fill("textarea[name=text]", "{{caller}}");
    await page.fill("textarea[name=variables]", "{}");
    await page.waitForSelector(".preview >> text=/The variable caller is missing/");
    await page.fill("textarea[name=variables]", "{");
    await page.waitForSelector("text=This is not JSON yet.");
  });

  test("two who change it at once choose", async () => {
    await open("missed_call");
    await page.fill("input[name=subject]", "mine"); // else the page would show theirs by now
    await elsewhere("PATCH", "/templates/missed_call", { subject: "theirs" });
    await Promise.all([page.waitForResponse((r) => r.url().endsWith("/templates/missed_call")), page.click("[data-panel=template] > .panel-head button")]);
    await page.click("button[type=submit]");
    await page.waitForSelector(".conflict");
    await soon(async () => assert.equal(await page.inputValue("input[name=subject]"), "mine"));
    await pause(300); // colours change in 120 ms
    assert.deepEqual(await axe(page), []);
    await page.click(".conflict >> text=Use my version");
    await page.waitForSelector("[data-version='3']");
    assert.equal((await elsewhere("GET", "/templates/missed_call")).subject, "mine");
  });

  test("undo and going back make a new version", async () => {
    await page.click("[data-version='3'] >> text=Undo");
    await page.waitForSelector("[data-version='4'] >> text=Ada went back to version 2");
    await page.waitForFunction(() => document.querySelector("input[name=subject]")?.value === "theirs");
    await page.click("[data-version='1'] >> text=Go back to this");
    await page.waitForSelector("[data-version='5']");
    assert.match((await elsewhere("GET", "/templates/missed_call")).subject, /rang/);
  });

  test("removed, the one that comes with Ava is back", async () => {
    await page.click("text=Remove");
    await page.waitForSelector("dialog >> text=The one that comes with Ava is used again.");
    assert.deepEqual(await axe(page), []);
    await page.click("dialog .danger");
    await panel(page, "templates", "ready");
    await page.waitForSelector("[data-template=missed_call] >> text=Comes with Ava");
  });

  test("a new one is made, and a name that is taken is said at the field", async () => {
    await page.click("text=New template");
    await page.fill("input[name=name]", "late");
    await page.fill("input[name=subject]", "Late");
    await page.fill("textarea[name=text]", "Sorry, {{name}}: {{minutes}} minutes.");
    await page.waitForSelector("[data-text] >> text=Sorry, name: minutes minutes.");
    assert.deepEqual(await axe(page), []);
    await page.click("button[type=submit]");
    await page.waitForSelector("[data-version='1']");
    await soon(async () => assert.match(page.url(), /open=late$/));
    await open(".new");
    await page.fill("input[name=name]", "late");
    await page.fill("input[name=subject]", "x");
    await page.fill("textarea[name=text]", "x");
    await page.click("button[type=submit]");
    await page.waitForSelector("text=There is a template of this name already.");
  });

  test("markup in it runs nothing, asks nobody and leads nowhere", async () => {
    const html = `<style>p { color: rgb(1, 2, 3) }</style><p style="font-weight: 700" onclick="top.hit = 1" onmouseover=top.hit=1>words</p><script>top.hit = 1</script>
      <img src="https://example.com/pixel.png" alt="seen" onerror="top.hit = 1"><iframe src="https://example.com/"></iframe><link rel="stylesheet" href="https://example.com/x.css">
      <svg><script>top.hit = 1</script></svg><a href="javascript:top.hit=1">go</a><form action="https://example.com/"><button>send</button></form><base href="https://example.com/">`;
    await open(".new");
    await page.fill("input[name=subject]", "x");
    await page.fill("textarea[name=html]", html);
    await mail().locator("p >> text=words").click();
    await mail().locator("a >> text=go").click();
    await mail().locator("button >> text=send").click();
    assert.deepEqual(await mail().locator("p").evaluate((p) => [getComputedStyle(p).color, getComputedStyle(p).fontWeight]), ["rgb(1, 2, 3)", "700"]);
    assert.equal(await mail().locator("script, iframe, link, base, [onclick], img[src]").count(), 0);
    assert.equal(await page.evaluate(() => globalThis.hit), undefined);
    assert.equal(page.url(), ava.base + "/messages?tab=templates&open=.new");
  });

  test("fits 320 pixels, and the dark", async () => {
    await page.setViewportSize({ width: 320, height: 700 });
    for (const name of ["", "call_summary", "late"]) {
      await open(name);
      if (name) await panel(page, "preview", "ready");
      await soon(async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320, name));
    }
    await page.emulateMedia({ colorScheme: "dark" });
    await pause(300);
    assert.deepEqual(await axe(page), []);
  });

  test("a member reads and tries, and is told who may change it", async () => {
    await page.route("**/api/v1/auth/me", async (route) => {
      const reply = await route.fetch(), body = await reply.json();
      await route.fulfill({ response: reply, json: { ...body, user: { ...body.user, admin: false }, workspace: { ...body.workspace, role: "member" } } });
    });
    await open("late");
    await page.waitForSelector("text=Only an administrator can do this.");
    await page.fill("input[name=subject]", "tried");
    await page.waitForSelector("[data-subject] >> text=tried");
    await page.unroute("**/api/v1/auth/me");
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
