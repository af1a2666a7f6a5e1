// The same page in WebKit (Debian's webkit2gtk-driver, with the engine of Safari): set up, draw the rooms, go away and come back,
// save, follow what happens, sign out.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { until } from "../lib/ava.mjs";
import { missing, person, startAva, startWebKit } from "./ava.mjs";

describe("journey in WebKit", { skip: missing("webkit") }, () => {
  let ava, browser;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startWebKit()]);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const seen = (selector) => until(() => browser.look("const e = document.querySelector(arguments[0]); return Boolean(e && e.getClientRects().length)", selector), { what: selector, every: 50 });
  // What the page reports of itself from its first script on; a page that is loaded anew reports anew.
  async function go(address) {
    await browser.go(ava.base + address);
    await browser.run("window.faults ??= []; addEventListener('error', (e) => faults.push(String(e.message))); addEventListener('unhandledrejection', (e) => faults.push(String(e.reason))); document.addEventListener('securitypolicyviolation', (e) => faults.push(e.violatedDirective)); const had = console.error; console.error = (...all) => { faults.push(all.join(' ')); had(...all); };");
  }
  const faults = () => browser.run("return window.faults ?? []");
  const rooms = [["/", "health"], ["/calls", "calls"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/messages", "messages"], ["/connections", "connections"], ["/activity", "events"], ["/admin", "members"], ["/account", "account"]];
  const drawn = (name) => seen(`[data-panel=${name}][data-state=ready], [data-panel=${name}][data-state=empty]`);
  const streams = (n) => until(async () => (await ava.metric("stream_connections")) === n, { what: `${n} streams` });
  const text = (selector) => browser.run("return document.querySelector(arguments[0])?.textContent", selector);
  // A call placed past the page, as a colleague would.
  const place = () => browser.run(`return fetch("/api/v1/auth/me").then((r) => r.json()).then(({ csrf_token }) => fetch("/api/v1/calls", { method: "POST", headers: { "X-CSRF-Token": csrf_token, "Content-Type": "application/json" }, body: '{"to":"+33612345678"}' })).then((r) => r.json()).then((call) => call.id)`);

  test("sets up from the printed link", async () => {
    await browser.go(ava.link);
    await seen("[name=email]");
    await browser.type("[name=email]", person.email);
    await browser.type("[name=name]", person.name);
    await browser.type("[name=password]", person.password);
    await browser.click("button[type=submit]");
    await seen("[data-step='2'] [value=sandbox]");
    await browser.click("button[type=submit]");
    await seen("[data-step='3'] [name=greeting_message]");
    await browser.click("button[type=submit]");
    await seen("[data-panel=first-call]");
  });

  test("the rooms draw themselves, without a fault and without scrolling sideways", async () => {
    for (const [path, name] of rooms) {
      await go(path);
      await drawn(name);
      assert.deepEqual(await faults(), [], path);
      const [wide, window] = await browser.run("return [document.documentElement.scrollWidth, innerWidth]");
      assert.ok(wide <= window, `${path} is ${wide} px wide at ${window}`);
    }
  });

  // WebKit keeps pages that were left as they were, with all that they hold: six connections to a host are soon gone.
  test("a page that is left gives up its stream, and one that is come back to follows again", async () => {
    await go("/calls"); // after nine others
    await drawn("calls");
    await streams(1);
    await browser.run("window.mark = 'as it was'");
    await browser.go(ava.base + "/docs");
    await streams(0);
    await browser.back();
    await drawn("calls");
    assert.equal(await browser.run("return window.mark"), "as it was", "it was kept, not loaded anew");
    await streams(1);
    await seen(`[data-row="${await place()}"]`);
    assert.deepEqual(await faults(), []);
  });

  test("a setting that is saved is seen, and a colleague's change too", async () => {
    await go("/assistant");
    await drawn("settings");
    await browser.click("[data-setting=greeting_message] [data-change]");
    await seen("[name=greeting_message]");
    await browser.run("document.querySelector('[name=greeting_message]').select()");
    await browser.type("[name=greeting_message]", "Hello from WebKit.");
    await browser.click("[data-setting=greeting_message] button[type=submit]");
    await seen("[data-toast=ok]");
    assert.equal(await text("[data-setting=greeting_message] [data-value]"), "Hello from WebKit.");
    await go("/calls");
    await drawn("calls");
    await streams(1);
    await seen(`[data-row="${await place()}"]`);
    assert.deepEqual(await faults(), []);
  });

  test("signs out, and in again", async () => {
    await browser.click(".side-end .button:last-child");
    await seen("[data-panel=signin]");
    await streams(0);
    assert.equal(await browser.run("return Boolean(document.querySelector('dialog[open]'))"), false);
    await browser.type("[name=email]", person.email);
    await browser.type("[name=password]", person.password);
    await browser.click("[data-panel=signin] button[type=submit]");
    await drawn("health");
    assert.deepEqual(await faults(), []);
  });
});
