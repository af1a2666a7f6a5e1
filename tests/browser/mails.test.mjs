// E-mails in a browser: each of those one goes to by itself, its files, when it is tried again; addresses that get no more;
// what a version of a template changed; and a connection that hears nothing, mended with one press.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { until } from "../lib/ava.mjs";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("e-mails", { skip: missing("chromium") }, () => {
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
  const send = async (body) => {
    const r = await elsewhere("POST", "/integrations/email/send", { subject: "Your invoice", text: "Dear Ada,\n\nhere it is.", ...body });
    return r.object_id ?? r.id;
  };
  const open = async (path, name) => {
    await page.goto(ava.base + path);
    await panel(page, name, "ready", "empty");
  };
  async function look(name) {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      assert.deepEqual(await axe(page), [], `${name} ${colorScheme}`);
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 320, height: 800 });
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320, name);
    await page.setViewportSize({ width: 1200, height: 860 });
  }

  test("one is opened from the list, and shows each of those it goes to and its files", async () => {
    const content = Buffer.from("x".repeat(1536)).toString("base64");
    const id = await send({ to: ["fine@example.org", "bounced@example.org"], bcc: "full@example.org", attachments: [{ filename: "invoice of a very long month.pdf", content }] });
    await open("/messages", "messages");
    await page.click(`[data-row='${id}'] a`);
    await panel(page, "mail", "ready");
    await ava.advance(5);
    await page.waitForFunction(() => [...document.querySelectorAll("[data-recipient]")].map((row) => row.dataset.recipient).join(" ") === "delivered bounced bounced");
    const rows = await page.$$eval("[data-recipient]", (all) => all.map((row) => row.innerText.replace(/\s+/g, " ")));
    assert.match(rows[0], /^fine@example\.org To Delivered/);
    assert.match(rows[1], /^bounced@example\.org To Came back .+/);
    assert.match(rows[2], /^full@example\.org Bcc Came back/);
    await soon(async () => assert.match(await page.innerText("[data-files]"), /invoice of a very long month\.pdf\s+1\.5 kB/));
    await soon(async () => assert.match(await page.innerText("[data-panel=mail]"), /Dear Ada,/));
    await soon(async () => assert.equal(await page.innerText("[data-panel=mail] h2"), "Your invoice"));
    await look("a mail");
    await page.click("text=All messages");
    await panel(page, "messages", "ready");
  });

  test("who gets no more is listed with the reason, and is let in again only after a word about it", async () => {
    await elsewhere("POST", "/suppressions", { address: "asked@example.org", detail: "On the phone." });
    await open("/messages", "messages");
    await page.click(".tabs >> text=No more e-mails");
    await panel(page, "suppressed", "ready");
    await soon(async () => assert.deepEqual(await page.$$eval("[data-suppressed]", (rows) => rows.map((r) => r.dataset.suppressed)), ["asked@example.org", "bounced@example.org"]));
    await soon(async () => assert.match(await page.innerText("[data-suppressed='bounced@example.org']"), /Came back[^]*See that e-mail/));
    await soon(async () => assert.match(await page.innerText("[data-suppressed='asked@example.org']"), /Asked for it[^]*On the phone\./));
    await look("suppressed");
    await page.fill("[name=address]", "BOUNCED@example.org");
    await page.press("[name=address]", "Enter");
    await page.waitForFunction(() => document.querySelectorAll("[data-suppressed]").length === 1);
    await page.click("[data-suppressed] button");
    await page.waitForSelector("dialog >> text=may come back again");
    assert.deepEqual(await axe(page), []);
    await page.click("dialog >> text=Cancel");
    assert.equal((await elsewhere("GET", "/suppressions")).suppressions.length, 2);
    await page.click("[data-suppressed] button");
    await page.click("dialog button >> text=Send again");
    await page.waitForSelector("[data-toast=ok] >> text=Gets e-mails again");
    await page.click("[data-toast=ok] >> text=Undo");
    await page.waitForSelector("[data-suppressed='bounced@example.org'] >> text=Came back");
    const [back] = (await elsewhere("GET", "/suppressions?address=bounced@example.org")).suppressions;
    assert.match(`${back.reason} ${back.detail}`, /^bounced .*nobody at this address/);
    await page.click("[data-suppressed] button");
    await page.click("dialog button >> text=Send again");
    await page.waitForSelector("[data-toast=ok] >> text=Gets e-mails again");
    await page.click("[data-nothing] >> text=Clear filters");
    await page.waitForFunction(() => [...document.querySelectorAll("[data-suppressed]")].map((r) => r.dataset.suppressed).join() === "asked@example.org");
    const { id } = (await elsewhere("GET", "/suppressions")).suppressions[0];
    await elsewhere("DELETE", `/suppressions/${id}`);
    await open("/messages?tab=suppressed", "suppressed");
    await page.waitForSelector("text=Everybody can be written to");
  });

  test("what a version of a template changed is shown line by line, and is undone", async () => {
    const lines = Array.from({ length: 12 }, (_, n) => `Line ${n}`), text = lines.join("\n");
    await elsewhere("POST", "/templates", { name: "invoice", subject: "Invoice", text });
    await elsewhere("PATCH", "/templates/invoice", { text: lines.with(6, "Line six, at last").join("\n"), subject: "Your invoice" });
    await open("/messages?tab=templates&open=invoice", "template");
    await page.click("[data-changes='2'] >> text=What changed");
    await page.waitForSelector("[data-changes='2'] [data-part=text]");
    await soon(async () => assert.deepEqual(await page.$$eval("[data-changes='2'] [data-part=text] :is(del, ins)", (all) => all.map((one) => one.tagName + " " + one.textContent)), ["DEL Line 6", "INS Line six, at last"]));
    await soon(async () => assert.deepEqual(await page.$$eval("[data-changes='2'] [data-part=subject] :is(del, ins)", (all) => all.map((one) => one.textContent)), ["Invoice", "Your invoice"]));
    assert.equal(await page.$("[data-changes='2'] >> text=Line 1"), null, "what is far from it is left out");
    await look("a diff");
    await page.click("[data-version='2'] >> text=/^Undo/");
    await page.waitForSelector("[data-version='3']");
    assert.equal((await elsewhere("GET", "/templates/invoice")).subject, "Invoice");
    await page.click("[data-changes='1'] >> text=What changed");
    await page.waitForSelector("[data-changes='1'] ins >> text=Line 11");
  });

  test("a connection of which nothing is heard says so, and one press mends it", async () => {
    const { from } = await elsewhere("GET", "/credentials/resend");
    await elsewhere("PUT", "/credentials/resend", { api_key: "re_nobody_told_it_01", from });
    await open("/connections", "connections");
    const url = new URL((await elsewhere("GET", "/webhooks/endpoints")).endpoints.find((one) => one.provider === "resend").urls.events);
    for (let n = 0; n < 3; n++) {
      assert.equal((await fetch(ava.base + url.pathname, { method: "POST", headers: { "Content-Type": "application/json", "svix-id": `msg_${n}`, "svix-timestamp": "1", "svix-signature": "v1,AAAA" }, body: "{}" })).status, 403);
      await ava.advance(2);
    }
    await page.waitForSelector("[data-card=resend][data-status=needs_attention] [data-attention=webhook_refused]"); // and nobody reloads
    await look("a card that needs attention");
    await page.click("[data-card=resend] [data-set-up] button");
    await page.waitForSelector("[data-toast=ok] >> text=It tells Ava now");
    await page.waitForSelector("[data-card=resend][data-status=demo]");
    await soon(async () => assert.equal(await page.$("[data-card=resend] [data-attention]"), null));
    await send({ to: "bounced@example.org" });
    await until(async () => (await ava.advance(2), (await elsewhere("GET", "/suppressions")).suppressions.length === 1), { what: "it is heard" });
  });

  test("one that its server does not take yet says when it is tried again, and changes as it goes out", async () => {
    const { smtp } = await (await fetch(ava.base + "/sandbox/api/credentials")).json();
    await elsewhere("DELETE", "/credentials/resend");
    await elsewhere("PUT", "/credentials/smtp", smtp);
    const id = await send({ to: ["fine@example.org", "grey@example.org"] });
    await open("/messages", "messages");
    await soon(async () => assert.match(await page.innerText(`[data-row='${id}']`), /Waiting[^]*Tried again at \d\d:\d\d[^]*does not take it yet/));
    await page.click(`[data-row='${id}'] a`);
    await page.waitForSelector("[data-recipient=waiting]");
    await soon(async () => assert.deepEqual(await page.$$eval("[data-recipient]", (all) => all.map((row) => row.dataset.recipient)), ["sent", "waiting"]));
    await look("a mail that waits");
    await ava.advance(310);
    await page.waitForFunction(() => document.querySelectorAll("[data-recipient=sent]").length === 2);
    await soon(async () => assert.equal(await page.$("[data-next]"), null));
    assert.deepEqual(page.faults, []);
  });
});
