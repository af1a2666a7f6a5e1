// What callers, providers and colleagues write is theirs: markup, 200 letters without a space, right-to-left, emoji. It
// is shown as it is, runs nothing, asks nobody, and leaves the page around it as it was.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { axe, missing, openPage, panel, person, setUp, soon, startAva, startChromium } from "./ava.mjs";
import { faultsOfShape } from "./shape.mjs";

const markup = `<img src=x onerror=alert(1)><script>alert(2)</script>"'>{{7*7}}`;
const long = "Donaudampfschifffahrtsgesellschaft".repeat(6);
const hebrew = "שלום עולם (123)";
const forced = "\u202eevil txt.exe\u202c"; // an override that would go on to the end of the line
const unclosed = "\u202e\u2067never closed";
const family = "👩‍👩‍👧‍👦".repeat(20);
const values = [hebrew, forced, unclosed, markup, family, long];
const cut = (text, length) => [...text].slice(0, length).join("");
const calm = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/g, ""); // names with such are refused: flow test people

describe("hostile content in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page, dialogs = 0, callId, eventIds, mailId;
  const elsewhere = async (method, path, body, headers) => {
    const answer = await ava.elsewhere(page, method, path, body, headers);
    assert.equal(answer?.errors, undefined, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
  const send = (kind, url, params) => fetch(ava.base + "/sandbox/api/webhooks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind, url, params }) });

  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava, { reducedMotion: "reduce" });
    page.on("dialog", (d) => (dialogs++, d.dismiss()));
    await setUp(page, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  test("every field that others fill takes it", async () => {
    const me = await elsewhere("GET", "/auth/me");
    await elsewhere("PATCH", "/users/" + me.user.id, { name: hebrew });
    await elsewhere("PATCH", "/workspaces/" + me.workspace.id, { name: cut(markup, 100) });
    for (const [i, value] of values.entries()) {
      const name = calm(value);
      await elsewhere("POST", "/users", { email: `somebody-with-a-rather-long-name-${i}@a-long-domain.example.com`, password: person.password, name: cut(name, 100) });
      await elsewhere("POST", "/workspaces", { name: cut(name, 100) });
      await elsewhere("POST", "/auth/keys", { name: cut(name, 100) });
      await elsewhere("POST", "/assistants", { name: cut(name, 40), firstMessage: name });
      await elsewhere("POST", "/rules", { name: cut(name, 100), when: { event: "message.received" }, then: { channel: "email", to: [`${"o".repeat(60)}${i}@example.org`], template: "missed_call" } });
      await elsewhere("POST", "/suppressions", { address: `${"a".repeat(60)}${i}@example.org`, detail: name });
      await elsewhere("POST", "/destinations", { url: `https://hooks.example.com/${encodeURIComponent(cut(name, 100))}/${"x".repeat(200)}` });
      await elsewhere("POST", "/templates", { name: "t".repeat(60) + i, subject: name.replace(/[{}]/g, ""), text: name.replace(/[{}]/g, ""), html: `<p>${name.replace(/[{}]/g, "")}</p>` });
      await elsewhere("POST", "/integrations/email/send", { to: [`"${hebrew}" <${"b".repeat(60)}${i}@example.org>`], subject: name, text: name });
    }
    await elsewhere("PUT", "/vapi/settings/greeting_message", { value: `${long} ${hebrew} ${markup} ${unclosed}` });
    await elsewhere("PUT", "/fallback", { kind: "voicemail", text: `${long} ${hebrew}` });
    await elsewhere("POST", `/workspaces/${me.workspace.id}/invitations`, { email: `${"c".repeat(60)}@example.org`, role: "member" });
    await elsewhere("PUT", "/tools/transfer_call", { settings: { numbers: [{ name: cut(hebrew, 40), number: "+12125550133" }] } }).catch(() => {});
  });

  test("so do the messages and calls that providers tell of", async () => {
    const { endpoints } = await elsewhere("GET", "/webhooks/endpoints");
    const twilio = endpoints.find((e) => e.provider === "twilio").urls;
    for (const value of values) await send("message", twilio.message, { Body: value });
    await send("message", twilio.message, { Body: long, From: cut(markup, 60) });
    await send("message", twilio.message, { Body: hebrew, From: hebrew });
    await send("voice", twilio.voice, { From: cut(hebrew, 20) });
    await send("voice", twilio.voice, { From: long });
    await send("message", twilio.message, { Body: "שלום!" });
    const { id } = await elsewhere("POST", "/calls", { to: "+33612345678", metadata: { note: markup } });
    callId = id;
    await ava.advance(60);
    await page.goto(ava.base + "/activity");
    await panel(page, "events", "ready");
    eventIds = (await elsewhere("GET", "/events?limit=100")).events.map((e) => e.id);
    await soon(async () => {
      const mails = (await elsewhere("GET", "/messages?limit=100")).messages;
      mailId = mails.find((m) => m.subject === hebrew)?.id;
      assert.ok(mailId, "an e-mail is kept");
      assert.ok(mails.some((m) => m.body === markup), "a text is kept as it is");
    });
  });

  // What no request can fill here: the names that providers give to numbers and kinds of events.
  async function renamed(route) {
    const response = await route.fetch(), json = await response.json();
    json.numbers?.forEach((n, i) => (n.friendly_name = values[i % values.length]));
    json.events?.forEach((e, i) => ((e.type = values[i % values.length]), (e.resource = values[(i + 1) % values.length])));
    json.results?.forEach?.((r) => (r.detail = markup));
    await route.fulfill({ response, json });
  }

  const rooms = [
    ["/", "today"], ["/calls", "calls"], [() => "/calls/" + callId, "call"], ["/assistant", "settings"], ["/numbers", "numbers"], ["/messages", "messages"], [() => "/messages?mail=" + mailId, "mail"],
    ["/messages?tab=templates", "templates"], [`/messages?tab=templates&open=${"t".repeat(60)}3`, "template"], ["/messages?tab=rules", "rules"], ["/messages?tab=suppressed", "suppressed"], ["/connections", "connections"],
    ["/activity", "events"], [() => "/activity/" + eventIds[0], "event"], ["/activity?tab=out", "destinations"], ["/admin/people", "members"], ["/admin/keys", "api-keys"], ["/admin/audit", "audit"], ["/admin/settings", "in-force"], ["/admin/health", "health-details"], ["/account", "account"],
  ];
  for (const [address, name] of rooms)
    test(`the room ${typeof address === "string" ? address.slice(0, 40) : name} stays in shape`, async () => {
      await page.route(/\/api\/v1\/(twilio\/numbers|events)(\?|$)/, renamed);
      const found = [];
      await page.setViewportSize({ width: 1200, height: 860 });
      await page.goto(ava.base + (typeof address === "string" ? address : address()));
      await panel(page, name, "ready");
      for (const width of [1200, 320]) {
        await page.setViewportSize({ width, height: 860 });
        await page.waitForFunction(() => !document.querySelector("[data-panel][data-state=loading]"));
        await page.waitForTimeout(600); // the list of workspaces comes a moment later
        found.push(...(await faultsOfShape(page, values.concat(values.map((v) => cut(v, 100)), values.map((v) => cut(v, 40))))).map((f) => `${width}: ${f}`), ...(await axe(page)).map((v) => `${width}: axe ${v}`));
      }
      await page.unrouteAll({ behavior: "ignoreErrors" });
      assert.deepEqual([...new Set(found)], []);
    });

  // Where the first and the last letter of a text stand; x grows to the right.
  const ends = (selector, said) =>
    page.evaluate(([selector, said]) => {
      const at = [...document.querySelectorAll(selector)].find((e) => e.textContent === said), node = at.firstChild, range = document.createRange();
      const x = (i) => (range.setStart(node, i), range.setEnd(node, i + 1), range.getBoundingClientRect().left);
      return [x(0), x(said.length - 1)];
    }, [selector, said]);

  test("a text that runs from right to left does so, in a list and while somebody types it", async () => {
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.goto(ava.base + "/messages");
    await panel(page, "messages", "ready");
    const [first, last] = await ends("[data-row] .text", "שלום!");
    assert.ok(last < first, `the sign that ends it stands at ${last}, the first letter at ${first}`);
    await page.goto(ava.base + "/messages?new=message");
    await soon(async () => assert.equal(await page.locator("dialog [name=body]").evaluate((e) => getComputedStyle(e).unicodeBidi), "plaintext"));
  });

  test("nothing of it ran, asked elsewhere or was refused by the content policy", () => {
    assert.equal(dialogs, 0);
    assert.deepEqual(page.faults, []);
  });
});
