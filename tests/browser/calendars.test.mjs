// Connecting a calendar as a person does, in Chromium and in Firefox: from the card to the page of consent and back, a look
// inside, and out again. The page of consent stands on another site (localhost, while Ava is on 127.0.0.1): whoever comes
// back from it must still be signed in.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { Ava } from "../lib/ava.mjs";
import { axe, missing, openPage, PATIENCE_MS, person, setUp, soon, startAva, startChromium, startFirefox } from "./ava.mjs";

const SERVICES = { google: "ava.demo@gmail.example", microsoft: "ava.demo@outlook.example" };

// The providers of another sandbox, whose pages are reached by a name that is another site's.
async function elsewhere() {
  const other = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
  const demo = (await other.call("/sandbox/api/credentials", { key: null })).json, env = {};
  const paths = { google: ["/calendar/v3", "/token"], microsoft: ["/v1.0", "/common/oauth2/v2.0/token"] };
  for (const [service, [api, token]] of Object.entries(paths)) {
    const name = service.toUpperCase(), { base_url, client_id, client_secret } = demo[service];
    Object.assign(env, { [`${name}_API_BASE_URL`]: base_url + api, [`${name}_OAUTH_TOKEN_URL`]: base_url + token, [`${name}_CLIENT_ID`]: client_id, [`${name}_CLIENT_SECRET`]: client_secret });
    env[`${name}_OAUTH_AUTHORIZE_URL`] = `http://localhost:${other.port}/sandbox/oauth/${service}`;
  }
  env.GOOGLE_OAUTH_REVOKE_URL = demo.google.base_url + "/revoke";
  return { other, env, site: `http://localhost:${other.port}/` };
}

for (const [service, account] of Object.entries(SERVICES)) {
  const card = `[data-card=${service}]`;

  describe(`${service} in Chromium`, { skip: missing("chromium") }, () => {
    let other, site, ava, browser, page;
    before(async () => {
      let env;
      ({ other, env, site } = await elsewhere());
      [ava, browser] = await Promise.all([startAva(env), startChromium()]);
      page = await openPage(browser, ava);
      await setUp(page, ava);
      await page.goto(ava.base + "/connections");
    });
    after(async () => {
      await browser?.close();
      await ava?.stop();
      await other?.remove();
    });

    async function leaveFor() {
      await page.click(`${card} >> text=/^(Connect |Reconnect)/`);
      await page.waitForSelector(`[data-ask=${service}]`);
      await page.click(`[data-ask=${service}] button >> text=Go on to`);
      await page.waitForURL(site + "**");
    }

    test("what will be asked is said before", async () => {
      await page.waitForSelector(`${card}[data-status=not_connected]`);
      await page.click(`${card} >> text=/^Connect /`);
      await page.waitForSelector(`[data-ask=${service}]`);
      const asked = async () => (await page.locator(`[data-ask=${service}] li`).allTextContents()).join("; ");
      await soon(async () => assert.match(await asked(), /Add, change and cancel events/));
      await page.check(`[data-ask=${service}] >> text=Only read`);
      await soon(async () => assert.doesNotMatch(await asked(), /Add, change/));
      assert.deepEqual(await axe(page), []);
      await page.click(`[data-ask=${service}] >> text=Cancel`);
      await page.waitForSelector(`[data-ask=${service}]`, { state: "detached" });
    });

    test("no: nothing was connected, and it says so", async () => {
      await leaveFor();
      await page.click("text=Cancel");
      await page.waitForURL(ava.base + "/connections**");
      assert.equal(await page.textContent(`${card} [data-result=denied]`), "No problem, nothing was connected.");
      await page.waitForSelector(`${card}[data-status=not_connected]`);
    });

    test("yes: back from another site, signed in and connected", async () => {
      await leaveFor();
      assert.notEqual(new URL(page.url()).hostname, new URL(ava.base).hostname);
      await page.click("text=Allow");
      await page.waitForURL(ava.base + "/connections**");
      assert.equal(await page.textContent(`${card} [data-result=connected]`), "Connected.");
      await page.waitForSelector(`${card}[data-status=demo]`);
      await page.waitForSelector(`${card} >> text=${account}`);
      await page.waitForSelector(`${card} >> text=Read, and make appointments`);
      assert.deepEqual(await axe(page), []);
      await soon(async () => assert.ok(!/code=|state=/.test(page.url()), "nothing of it stays in the address"));
    });

    test("a look inside", async () => {
      await page.click(`${card} >> text=Look inside`);
      await page.waitForSelector(`${card} [data-list=events] li`);
      await page.waitForSelector(`${card} [data-list=free] li`);
      assert.ok((await page.locator(`${card} [data-list=free] li`).count()) >= 3);
      assert.deepEqual(await axe(page), []);
    });

    test("the provider's word that it is over needs attention, without a reload", async () => {
      const r = await other.call(`/sandbox/api/calendars/${service}/revoke`, { key: null, body: { account } });
      assert.equal(r.status, 200, r.text);
      await page.reload();
      await page.click(`${card} >> text=Look inside`);
      await page.waitForSelector(`${card}[data-status=needs_attention]`);
      await soon(async () => assert.match(await page.textContent(card), /asks you to confirm again/));
      await leaveFor();
      await page.click("text=Allow");
      await page.waitForSelector(`${card}[data-status=demo] [data-result=connected]`);
    });

    test("and out again", async () => {
      await page.click(`${card} >> text=Disconnect`);
      await page.click("dialog button.danger");
      await page.waitForSelector(`${card}[data-status=not_connected]`);
      await page.waitForSelector("[data-toast=ok]");
      const faults = page.faults.filter((f) => !f.startsWith("asked elsewhere: " + site));
      assert.deepEqual(faults, []);
    });
  });
}

describe("a calendar in Firefox", { skip: missing("firefox") }, () => {
  let other, site, ava, browser, page;
  before(async () => {
    let env;
    ({ other, env, site } = await elsewhere());
    [ava, browser] = await Promise.all([startAva(env), startFirefox()]);
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    await page.setViewport({ width: 1200, height: 860 });
    await page.goto(ava.link);
    for (const [name, value] of [["email", person.email], ["name", person.name], ["password", person.password]]) {
      await seen(`[name=${name}]`);
      await page.type(`[name=${name}]`, value);
    }
    await page.click("button[type=submit]");
    await seen("[data-step='2'] [value=sandbox]");
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
    await other?.remove();
  });
  const seen = (selector) => page.waitForSelector(selector, { visible: true });

  async function go(service, answer) {
    await page.goto(ava.base + "/connections");
    await (await seen(`[data-card=${service}] .row .primary`)).click();
    await (await seen(`[data-ask=${service}] .primary`)).click();
    await page.waitForFunction((at) => location.href.startsWith(at), {}, site);
    await (await seen(`[name=answer][value=${answer}]`)).click();
    await page.waitForFunction((at) => location.href.startsWith(at), {}, ava.base + "/connections");
  }

  for (const service of Object.keys(SERVICES))
    test(`${service}: no, then yes, from another site`, async () => {
      await go(service, "cancel");
      await seen(`[data-card=${service}] [data-result=denied]`);
      await go(service, "allow");
      await seen(`[data-card=${service}][data-status=demo] [data-result=connected]`);
    });
});
