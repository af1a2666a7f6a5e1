// The same page in Firefox ESR: sign in, change a setting, nothing for axe to find.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { until } from "../lib/ava.mjs";
import { axe, missing, PATIENCE_MS, person, soon, startAva, startFirefox } from "./ava.mjs";

describe("journey in Firefox", { skip: missing("firefox") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startFirefox()]);
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
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
    await soon(async () => assert.equal(await page.$eval("[data-toast=ok] strong", (e) => e.textContent), "Setting updated"));
    await soon(async () => assert.equal(await page.$eval("[data-setting=greeting_message] [data-value]", (e) => e.textContent), "Hello from Firefox."));
  });

  for (const [path, name] of [["/", "health"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/connections", "connections"], ["/calls", "limits"], ["/messages", "messages"], ["/messages?tab=templates", "templates"], ["/messages?tab=templates&open=alert", "template"], ["/activity", "events"], ["/activity?tab=out", "destinations"]])
    test(`axe finds nothing on ${path}`, async () => {
      await page.goto(ava.base + path);
      await seen(`[data-panel=${name}]:is([data-state=ready], [data-state=empty])`);
      assert.deepEqual(await axe(page), []);
    });

  // What stands in the way of all that a room reads, in the page itself: neither of the session nor of the stream.
  function obstruct(state) {
    const problem = (code, status, headers = {}) => new Response(JSON.stringify({ type: "/problems/" + code, title: "t", status, code, detail: "d", correlation_id: "01JTESTREFERENCE" }), { status, headers: { "Content-Type": "application/problem+json", ...headers } });
    const answers = {
      error: async () => problem("internal_error", 500),
      limited: async () => problem("rate_limited", 429, { "Retry-After": "90" }),
      offline: () => Promise.reject(new TypeError("NetworkError when attempting to fetch resource.")),
      loading: () => new Promise(() => {}),
      empty: async (answer) => {
        const response = await answer(), body = await response.json();
        for (const [name, value] of Object.entries(body)) if (Array.isArray(value)) body[name] = [];
        return new Response(JSON.stringify(body), { status: response.status, headers: response.headers });
      },
    };
    const real = window.fetch.bind(window);
    window.fetch = (what, options = {}) => {
      const url = String(what.url ?? what), reads = (options.method ?? "GET") === "GET" && url.includes("/api/v1/") && !/\/auth\/|\/stream/.test(url);
      return reads ? answers[state](() => real(what, options)) : real(what, options);
    };
  }

  // The panels of each room, a * behind those that can be empty. The frame around them is looked at above.
  const rooms = {
    "/": ["health"], "/assistant": ["settings*", "assistants*"], "/numbers": ["numbers*"], "/connections": ["connections"], "/calls": ["calls*", "limits", "fallback"], "/calls/call_1": ["call"], "/messages": ["messages*"],
    "/messages?mail=msg_1": ["mail"], "/messages?tab=templates": ["templates*"], "/messages?tab=templates&open=alert": ["template"], "/messages?tab=rules": ["rules*"], "/messages?tab=suppressed": ["suppressed*"], "/activity": ["events*"],
    "/activity/evt_1": ["event"], "/activity?tab=out": ["destinations*"], "/admin/people": ["members*", "invitations*"], "/admin/keys": ["api-keys*"], "/admin/audit": ["audit*", "audit-check"], "/admin/health": ["health-details"],
    "/admin/settings": ["in-force*", "flags"], "/admin/backups": ["backups*", "master-keys"], "/account": ["own-invitations*"],
  };
  for (const state of ["error", "limited", "offline", "loading", "empty"])
    test(`axe finds nothing in any panel that is ${state}`, async () => {
      const { identifier } = await page.evaluateOnNewDocument(obstruct, state);
      const found = [];
      try {
        await page.goto(ava.base + "/"); // from there on by links: what is read in one room is not read again in the next
        await seen(".shell");
        for (const [path, all] of Object.entries(rooms)) {
          const panels = all.filter((name) => state !== "empty" || name.endsWith("*")).map((name) => name.replace("*", ""));
          if (!panels.length) continue;
          await page.evaluate((path) => {
            const link = Object.assign(document.createElement("a"), { href: path });
            document.querySelector(".shell").append(link);
            link.click();
            link.remove();
          }, path);
          // Some panels wait for the one above them.
          for (const name of panels.slice(0, state === "loading" ? 1 : undefined)) await seen(`[data-panel=${name}][data-state=${state}]`);
          found.push(...(await axe(page, "main")).map((what) => `${path} ${what}`));
        }
      } finally {
        await page.removeScriptToEvaluateOnNewDocument(identifier);
      }
      assert.deepEqual(found, []);
    });

  test("icons are drawn: the sprite is allowed by the content policy", async () => {
    await page.goto(ava.base + "/assistant");
    await seen(".side .icon");
    await page.waitForFunction(() => document.querySelector(".side .icon use").getBoundingClientRect().width > 0);
  });
});
