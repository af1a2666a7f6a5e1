// The same page in WebKit (Debian's webkit2gtk-driver, with the engine of Safari): set up, and draw the rooms.
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
  const seen = (selector) => until(() => browser.run("const e = document.querySelector(arguments[0]); return Boolean(e && e.getClientRects().length)", selector), { what: selector, every: 50 });
  // What the page reports of itself from its first script on; a page that is loaded anew reports anew.
  async function go(address) {
    await browser.go(ava.base + address);
    await browser.run("window.faults ??= []; addEventListener('error', (e) => faults.push(String(e.message))); addEventListener('unhandledrejection', (e) => faults.push(String(e.reason))); document.addEventListener('securitypolicyviolation', (e) => faults.push(e.violatedDirective)); const had = console.error; console.error = (...all) => { faults.push(all.join(' ')); had(...all); };");
  }
  const faults = () => browser.run("return window.faults ?? []");

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
    for (const [path, name] of [["/", "health"], ["/calls", "calls"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/messages", "messages"], ["/connections", "connections"], ["/activity", "events"], ["/admin", "members"], ["/account", "account"]]) {
      await go(path);
      await seen(`[data-panel=${name}][data-state=ready], [data-panel=${name}][data-state=empty]`);
      assert.deepEqual(await faults(), [], path);
      const [wide, window] = await browser.run("return [document.documentElement.scrollWidth, innerWidth]");
      assert.ok(wide <= window, `${path} is ${wide} px wide at ${window}`);
    }
  });
});
