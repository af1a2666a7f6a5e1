// Every room in German: all of it German, nothing cut, nothing for axe to find, no sideways scroll at 320 px.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

const words = (language) => JSON.parse(readFileSync(new URL(`../../web/i18n/${language}.json`, import.meta.url), "utf8"));
const flat = (node, path = "") => Object.entries(node).flatMap(([k, v]) => (typeof v === "string" ? [[path + k, v]] : flat(v, path + k + ".")));
const german = words("de"), said = new Set(flat(german).map(([, text]) => text));
const english = flat(words("en")).filter(([key]) => key !== "assistant.suggested_greeting").map(([, text]) => text).filter((text) => text.length > 2 && text !== "Appointments" && !text.includes("{") && !said.has(text));
const shots = process.env.TEST_SHOTS; // a folder for pictures of what was looked at

describe("German in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava, { locale: "de-DE", colorScheme: "light", reducedMotion: "reduce" });
    if (shots) mkdirSync(shots, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  // What a person reads or hears, but for what is marked as English or as code.
  const texts = () => page.evaluate(() => {
    const all = [document.title], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const holder = node.nodeType === 3 ? node.parentElement : node;
      if (holder.closest("[lang=en], code, pre, script, noscript, .mono, iframe")) continue;
      if (node.nodeType === 3) all.push(node.textContent.trim());
      else for (const name of ["aria-label", "title", "placeholder", "alt"]) if (node.hasAttribute(name)) all.push(node.getAttribute(name));
    }
    return all.filter(Boolean);
  });

  // Words that do not fit where they stand.
  const cut = () => page.evaluate(() => [...document.querySelectorAll("button, .button, th, dt, label, legend, h1, h2, h3, nav a, .badge")].filter((e) => e.checkVisibility() && !e.closest(".hidden") && !e.classList.contains("hidden") && getComputedStyle(e).display !== "inline" && e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent.trim().slice(0, 60)));

  async function look(name) {
    const found = [], key = new RegExp(`\\b(${Object.keys(german).join("|")})\\.[a-z_-]+(\\.[a-z_-]+)*\\b`);
    await soon(async () => assert.equal(await page.getAttribute("html", "lang"), "de", name));
    for (const text of await texts()) {
      if (english.includes(text)) found.push(`English: ${text}`);
      if (key.test(text) || /\{\w+\}/.test(text.replace(/\{\{+\w+\}+/g, ""))) found.push(`no sentence: ${text}`);
    }
    found.push(...(await axe(page)));
    for (const width of [1200, 320]) {
      await page.setViewportSize({ width, height: 860 });
      if (shots) await page.screenshot({ path: join(shots, `${name.replace(/\W+/g, "-")}-${width}.png`), fullPage: true });
      found.push(...(await cut()).map((text) => `cut at ${width}: ${text}`));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      if (wide > width) found.push(`${wide} px wide at ${width}`);
    }
    await page.setViewportSize({ width: 1200, height: 860 });
    assert.deepEqual(found, [], name);
  }

  test("the wizard, from the link to the first call", async () => {
    await page.goto(ava.link);
    await page.waitForSelector("[name=email]");
    await page.click("button[type=submit]");
    await look("wizard 1, with errors");
    await setUp(page, ava);
    for (const [step, there] of [[2, "[data-panel=choose]"], [3, "[name=greeting_message]"], [4, "[data-panel=first-call]"], [5, "[data-panel=done]"]]) {
      await page.goto(ava.base + "/setup?step=" + step);
      await page.waitForSelector(there);
      await look("wizard " + step);
    }
    await page.goto(ava.base + "/setup?step=4");
    await page.click("[data-form=first-call] button[type=submit]");
    await panel(page, "call", "ready");
    await look("first call");
  });

  const rooms = [["/", "health"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/connections", "connections"], ["/calls", "limits"], ["/messages", "messages"], ["/messages?tab=templates", "templates"], ["/messages?tab=suppressed", "suppressed"], ["/messages?tab=templates&open=alert", "template"], ["/messages?tab=rules", "rules"], ["/activity", "events"], ["/activity?tab=out", "destinations"], ["/admin/people", "members"], ["/admin/keys", "api-keys"], ["/admin/audit", "audit"], ["/admin/health", "health-details"], ["/admin/settings", "in-force"], ["/admin/backups", "backups"], ["/account", "own-invitations"]];
  for (const [path, name] of rooms)
    test(`the room ${path}`, async () => {
      await page.goto(ava.base + path);
      await panel(page, name, "ready", "empty");
      await page.waitForFunction(() => !document.querySelector("[data-state=loading]"));
      await look("room " + path);
    });

  test("rooms with something in them, and one of it in detail", async () => {
    await page.goto(ava.base + "/calls");
    await ava.elsewhere(page, "POST", "/webhooks/endpoints/vapi/setup", {});
    const { id } = await ava.elsewhere(page, "POST", "/calls", { to: "+33612345678" });
    const from = (await ava.elsewhere(page, "GET", "/twilio/numbers")).numbers[0].phone_number;
    const text = await ava.elsewhere(page, "POST", "/twilio/messages", { to: "+33700009903", from, body: "Bis gleich." });
    assert.ok(text.id);
    await ava.elsewhere(page, "POST", "/destinations", { url: "https://hooks.example.com/hier" });
    await ava.advance(60);
    await page.waitForSelector(`[data-row="${id}"][data-call=ended]`);
    for (const [path, name] of [["/", "today"], ["/calls", "chart"], ["/calls/" + id, "call"], ["/messages", "messages"], ["/activity", "events"], ["/activity?tab=out", "destinations"]]) {
      await page.goto(ava.base + path);
      await panel(page, name, "ready");
      await look("with something " + path.replace(id, "id"));
    }
    await page.goto(ava.base + "/calls/" + id);
    await panel(page, "call", "ready");
    await soon(async () => assert.match(await page.textContent(".standing dl"), /0,\d+\s\$/, "money"));
    await soon(async () => assert.equal(await page.textContent("[data-standing]"), "Die Gegenseite hat aufgelegt."));
    assert.doesNotMatch(await page.innerText(".timeline"), /\b(the|asked|told|picked)\b/i, "what happened is German too");
    await soon(async () => assert.match(await page.getAttribute(".standing time", "title"), /^\d{2}\.\d{2}\.\d{4}, \d{2}:\d{2}:\d{2}$/, "dates"));
    await page.goto(ava.base + "/activity");
    await page.click("[data-row] a");
    await panel(page, "event", "ready");
    await look("an event");
  });

  test("forms and dialogs, with errors", async () => {
    await page.goto(ava.base + "/calls?limits=change");
    await page.click("[data-panel=fallback] button:has-text('Ändern')");
    await page.fill("[name=daily_cost_cents]", "-1");
    await page.click("[data-form=limits] button[type=submit]");
    await page.waitForSelector("[data-form=limits] .wrong");
    await look("limits");
    for (const [path, dialog] of [["/calls?new=call", "call"], ["/messages?new=message", "message"]]) {
      await page.goto(ava.base + path);
      await page.click(`[data-form=${dialog}] button[type=submit]`);
      await page.waitForSelector(`[data-form=${dialog}] .wrong`);
      await look("dialog " + dialog);
    }
    await page.goto(ava.base + "/activity");
    await page.click("text=Viele neu bearbeiten");
    await page.waitForSelector("[data-form=replay]");
    await look("replay of many");
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    for (const key of ["greeting_message", "max_call_duration", "voice_speed"]) await page.click(`[data-setting=${key}] [data-change]`);
    await page.fill("[name=voice_speed]", "0.9");
    await soon(async () => assert.match(await page.textContent("[data-setting=voice_speed] output"), /0,9-mal/));
    await look("settings in the edit");
    await page.goto(ava.base + "/connections");
    await page.click("[aria-label='Vapi bearbeiten']");
    await page.click("[data-form=vapi] button[type=submit]");
    await page.waitForSelector("[data-form=vapi] .wrong");
    await page.click("[aria-label='Twilio trennen']");
    await page.waitForSelector("dialog[open]");
    await look("connections with errors");
    await page.keyboard.press("Escape");
    await page.goto(ava.base + "/numbers");
    await panel(page, "numbers", "ready");
    await page.click("text=Nummer importieren");
    await page.waitForSelector("dialog[open]");
    await look("import");
    await page.goto(ava.base + "/admin/people");
    await page.click("text=Jemanden einladen");
    await page.fill("dialog [name=email]", "grace@example.com");
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("[data-link]");
    await look("invitation");
  });

  const refused = (code, status, headers = {}) => (route) => route.fulfill({ status, contentType: "application/problem+json", headers, json: { type: "/problems/" + code, title: "t", status, code, detail: "d", service: "vapi", correlation_id: "01JTESTREFERENCE" } });
  for (const [state, handler] of Object.entries({ error: refused("provider_error", 502), degraded: refused("provider_unavailable", 503, { "Retry-After": "30" }), limited: refused("rate_limited", 429, { "Retry-After": "41" }), offline: (route) => route.abort(), empty: (route) => route.fulfill({ json: { settings: [] } }) }))
    test(`the assistant, ${state}`, async () => {
      await page.route("**/api/v1/vapi/settings", handler);
      await page.goto(ava.base + "/assistant");
      await panel(page, "settings", state);
      await look("state " + state);
      await page.unrouteAll({ behavior: "ignoreErrors" });
    });

  test("why a text and an e-mail did not arrive, and what a problem is", async () => {
    const row = (id, error) => ({ id, channel: "sms", direction: "outbound", from: "+14155550100", to: "+33612345678", body: "Bis gleich.", status: "failed", provider: "twilio", error, created_at: "2026-11-20T10:00:00Z" });
    await page.route("**/api/v1/messages?*", (route) => route.fulfill({ json: { next_cursor: null, messages: [row("msg_1", "Twilio reports an error: the carrier took it for spam (code 30007). Sending it again changes nothing."), row("msg_2", "The mail server refused it: the mailbox is full.")] } }));
    await page.goto(ava.base + "/messages");
    await panel(page, "messages", "ready");
    assert.deepEqual(await page.$$eval("[data-row] .wrong", (all) => all.map((e) => e.textContent)), ["Twilio meldet einen Fehler: die Telefongesellschaft hielt sie für Spam (Code 30007). Noch einmal senden ändert nichts.", "Der Mailserver hat sie abgelehnt: das Postfach ist voll."]);
    await look("refused messages");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await page.goto(ava.base + "/problems/rate_limited");
    await page.waitForSelector("h1 >> text=Zu viele Anfragen");
    await look("a problem page");
  });

  test("the reference and the sandbox's own page", async () => {
    await page.goto(ava.base + "/docs");
    await page.waitForSelector(".route");
    await page.setViewportSize({ width: 320, height: 860 });
    await soon(async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 320));
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.fill("#filter", "putSetting");
    await page.fill("#filter", "/vapi/settings");
    await look("docs");
    await page.goto(ava.base + "/sandbox");
    await page.waitForSelector("[data-panel=ledger] tbody tr");
    await look("sandbox");
  });

  test("the choice on the account page is kept", async () => {
    await page.goto(ava.base + "/account");
    await page.selectOption("[name=language]", "en");
    await page.waitForSelector("html[lang=en] h1 >> text=Your account");
    await page.goto(ava.base + "/calls");
    await page.waitForSelector("h1 >> text=Calls");
    await page.goto(ava.base + "/account");
    await page.selectOption("[name=language]", "de");
    await page.waitForSelector("html[lang=de] h1 >> text=Ihr Konto");
  });

  async function visit(wanted, prepare = async () => {}) {
    const guest = await openPage(browser, ava, { locale: "en-US" });
    await guest.addInitScript((all) => Object.defineProperty(Navigator.prototype, "languages", { get: () => all }), wanted);
    await prepare(guest);
    await guest.goto(ava.base + "/signin");
    await guest.waitForSelector("[name=email]");
    const seen = [await guest.getAttribute("html", "lang"), await guest.textContent("h1")];
    assert.deepEqual(guest.faults.filter((f) => !/Failed to fetch dynamically/.test(f)), []);
    await guest.context().close();
    return seen;
  }

  test("who asks for French, then German, gets German; who asks for neither gets English", async () => {
    assert.deepEqual(await visit(["fr-FR", "de-DE", "en"]), ["de", "Anmelden"]);
    assert.deepEqual(await visit(["fr-FR", "it"]), ["en", "Sign in"]);
  });

  test("where German cannot be loaded the page is there in English", async () => {
    let asked = 0;
    const lost = (guest) => guest.route("**/assets/de-*.js", (route) => (asked++, route.abort()));
    assert.deepEqual(await visit(["de-DE"], lost), ["en", "Sign in"]);
    assert.equal(asked, 1);
  });

  test("signing in", async () => {
    await page.goto(ava.base + "/");
    await panel(page, "health", "ready");
    await page.waitForFunction(() => !document.querySelector("[data-state=loading]"));
    await page.click("text=Abmelden");
    await page.waitForSelector("[name=email]");
    await page.click("button[type=submit]");
    await look("sign in, with errors");
    assert.deepEqual(page.faults, []);
  });
});
