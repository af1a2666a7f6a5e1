// Two browsers in one workspace: what one changes the other sees, and neither loses what is typed.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { person, until } from "../lib/ava.mjs";
import { missing, openPage, panel, setUp, slack, soon, startAva, startChromium } from "./ava.mjs";

describe("two browsers in one workspace", { skip: missing("chromium") }, () => {
  let ava, browser, ada, bob;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    ada = await openPage(browser, ava);
    await setUp(ada, ava);
    bob = await openPage(browser, ava);
    await bob.context().request.post(ava.base + "/api/v1/auth/login", { data: person });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  // Ada writes, Bob looks: within a second he sees it.
  const write = (method, path, body, headers) => ava.elsewhere(ada, method, path, body, headers);
  async function follows(what, change, selector, state = "visible") {
    const began = Date.now();
    await change();
    const told = Date.now();
    await bob.waitForSelector(selector, { state, timeout: 3000 * slack });
    assert.ok(Date.now() - told < 1000 * slack, `${what}: ${Date.now() - told} ms after ${told - began} ms of writing`);
  }
  // His page is there, and its stream.
  async function look(path, ...panels) {
    await bob.goto(ava.base + path);
    for (const name of panels) await panel(bob, name, "ready", "empty");
    await until(async () => (await ava.metric("stream_connections")) === 2, { what: "both listen" });
  }

  test("a setting is shown at once where nobody types, and side by side where somebody does", async () => {
    await look("/assistant", "settings");
    await follows("a setting", () => write("PUT", "/vapi/settings/greeting_message", { value: "Ada was here." }), "[data-setting=greeting_message] >> text=Ada was here.");
    await bob.click("[data-setting=greeting_message] [data-change]");
    await bob.fill("[name=greeting_message]", "Bob types.");
    await write("PUT", "/vapi/settings/greeting_message", { value: "Ada again." });
    await write("PUT", "/vapi/settings/voice_speed", { value: 0.9 });
    await bob.waitForSelector("[data-setting=voice_speed] >> text=0.9");
    assert.equal(await bob.inputValue("[name=greeting_message]"), "Bob types.");
    await bob.click("[data-setting=greeting_message] button[type=submit]");
    const both = await bob.waitForSelector("[data-setting=greeting_message] [data-state=conflict]");
    assert.match(await both.innerText(), /Ada again\.[^]*Bob types\./);
    await bob.click("[data-setting=greeting_message] [data-state=conflict] >> text=Use my version");
    await bob.waitForSelector("[data-toast=ok]");
    await soon(async () => assert.equal((await write("GET", "/vapi/settings")).settings.find((s) => s.key === "greeting_message").value, "Bob types."));
  });

  test("limits and the fallback, with one's own form kept and both versions side by side", async () => {
    await look("/calls", "limits", "fallback");
    await follows("limits", () => write("PUT", "/limits", { daily_minutes: 77 }), "[data-panel=limits] >> text=77");
    await bob.click("text=Change limits");
    await bob.fill("[name=daily_minutes]", "55");
    await follows("limits under a form", () => write("PUT", "/limits", { daily_minutes: 88 }), "[data-panel=limits] >> text=88");
    assert.equal(await bob.inputValue("[name=daily_minutes]"), "55");
    await bob.click("[data-form=limits] [type=submit]");
    const both = await bob.waitForSelector("[data-form=limits][data-state=conflict] .conflict");
    await soon(async () => assert.match(await both.innerText(), /88/));
    await follows("the fallback", () => write("PUT", "/fallback", { kind: "message", text: "We call you back, says Ada." }), "[data-panel=fallback] >> text=We call you back, says Ada.");
  });

  test("what was saved can be taken back, unless somebody has changed it since", async () => {
    await look("/calls", "limits");
    const minutes = async () => (await write("GET", "/limits")).daily_minutes;
    const save = async (n) => {
      await bob.click("text=Change limits");
      await bob.fill("[name=daily_minutes]", String(n));
      await bob.click("[data-form=limits] [type=submit]");
      return bob.waitForSelector(`[data-panel=limits] >> text=${n}`);
    };
    await save(101);
    await soon(async () => assert.equal(await minutes(), 101));
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-toast=ok] >> text=Put back");
    await soon(async () => assert.equal(await minutes(), 88));
    await save(102);
    await write("PUT", "/limits", { daily_minutes: 103 });
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-toast=bad] >> text=Someone changed this meanwhile");
    assert.equal(await minutes(), 103);
    await bob.waitForSelector("[data-panel=limits] >> text=103");
    await bob.click("[data-toast=bad] [aria-label=Close]");
    await look("/assistant", "settings");
    const greet = async (words) => {
      await bob.click("[data-setting=greeting_message] [data-change]");
      await bob.fill("[name=greeting_message]", words);
      await bob.click("[data-setting=greeting_message] button[type=submit]");
      await bob.waitForSelector("[data-toast=ok] >> text=Undo");
    };
    await greet("Not quite what Bob meant.");
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-setting=greeting_message] [data-value] >> text=Bob types.");
    await bob.waitForFunction(() => document.querySelector("[data-setting=greeting_message]").dataset.state === "shown");
    await greet("Bob once more.");
    await write("PUT", "/vapi/settings/greeting_message", { value: "Ada knows better." });
    await bob.waitForSelector("[data-setting=greeting_message] [data-value] >> text=Ada knows better.");
    await bob.locator("[data-toast=ok] >> text=Undo").last().click();
    assert.match(await bob.innerText("[data-setting=greeting_message] [data-state=conflict]"), /Ada knows better\.[^]*Bob types\./);
    await bob.click("[data-setting=greeting_message] [data-state=conflict] >> text=Keep");
  });

  test("rules, templates, tools and addresses that get no mail", async () => {
    await look("/messages?tab=rules", "rules");
    let rule;
    await follows("a rule", async () => (rule = await write("POST", "/rules", { preset: "text_back" })), "[data-rule]");
    await follows("a rule's end", () => write("DELETE", "/rules/" + rule.id), "[data-rule]", "detached");
    await look("/messages?tab=templates", "templates");
    await follows("a template", () => write("POST", "/templates", { name: "by_ada", subject: "Hello", text: "Hello" }), "text=by_ada");
    await look("/messages?tab=suppressed", "suppressed");
    await follows("an address", () => write("POST", "/suppressions", { address: "no@example.com" }), "text=no@example.com");
    await look("/assistant", "tools");
    const tool = (await write("GET", "/tools")).tools[0];
    await follows("a tool", () => write("PUT", "/tools/" + tool.name, { enabled: !tool.enabled }), `[data-panel=tools] [role=switch]${tool.enabled ? ":not(:checked)" : ":checked"}`);
  });

  test("a rule, an address and a tool can be taken back", async () => {
    await write("POST", "/rules", { name: "To be missed", when: { event: "message.received" }, then: { channel: "email", to: ["ada@example.com"], template: "missed_call" } });
    await look("/messages?tab=rules", "rules");
    await bob.click("[data-rule] .button:has-text('Remove')");
    await bob.click("dialog .button.danger");
    await bob.waitForSelector("[data-rule]", { state: "detached" });
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-rule] >> text=To be missed");
    const { rules } = await write("GET", "/rules");
    assert.deepEqual(rules.map((r) => [r.name, r.enabled, r.then.to]), [["To be missed", true, ["ada@example.com"]]]);

    await look("/messages?tab=suppressed", "suppressed");
    await bob.click("[aria-label='Let no@example.com get mail again'], [data-suppressed='no@example.com'] .button");
    await bob.click("dialog .button.danger");
    await bob.waitForSelector("[data-suppressed='no@example.com']", { state: "detached" });
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-suppressed='no@example.com']");

    await look("/assistant", "tools");
    const tool = (await write("GET", "/tools")).tools[1], now = async () => (await write("GET", "/tools")).tools[1].enabled;
    const flip = `[data-tool='${tool.name}'] [role=switch]`;
    await bob.click(flip);
    await bob.waitForSelector("[data-toast=ok] >> text=Undo");
    await soon(async () => assert.equal(await now(), !tool.enabled));
    await bob.click("[data-toast=ok] >> text=Undo");
    await bob.waitForSelector("[data-toast=ok] >> text=Put back");
    await soon(async () => assert.equal(await now(), tool.enabled));
    await bob.click(flip);
    await bob.waitForSelector("[data-toast=ok] >> text=Undo");
    await follows("a tool that somebody turns back", () => write("PUT", "/tools/" + tool.name, { enabled: tool.enabled }), `[data-tool='${tool.name}'][data-on='${tool.enabled}']`);
    await bob.locator("[data-toast=ok] >> text=Undo").last().click();
    await bob.waitForSelector("[data-toast=bad] >> text=Someone changed this meanwhile");
  });

  test("people, invitations and keys", async () => {
    const home = "/workspaces/" + (await write("GET", "/auth/me")).workspace.id;
    await write("POST", "/users", { email: "carol@example.com", password: person.password, name: "Carol" });
    await look("/admin/people", "members", "invitations");
    const { users } = await write("GET", "/users");
    const carol = users.find((u) => u.email === "carol@example.com").id;
    await follows("who belongs here", () => write("PUT", `${home}/members/${carol}`, { role: "member" }), "[data-member='carol@example.com']");
    await follows("a role", () => write("PUT", `${home}/members/${carol}`, { role: "admin" }), "[data-member='carol@example.com'] >> text=/^Admin/");
    await follows("an invitation", () => write("POST", `${home}/invitations`, { email: "dan@example.com", role: "member" }), "[data-panel=invitations] >> text=dan@example.com");
    await look("/admin/keys", "api-keys");
    let key;
    await follows("a key", async () => (key = await write("POST", "/auth/keys", { name: "Till" })), "[data-panel=api-keys] >> text=Till");
    await follows("a key's end", () => write("DELETE", `${home}/keys/${key.id}`), "[data-panel=api-keys] tbody >> text=Till", "detached");
  });

  test("connections", async () => {
    await look("/connections", "connections");
    await follows("a connection that ends", () => write("DELETE", "/credentials/twilio"), "[data-card=twilio][data-status=not_connected], [data-card=twilio][data-status=demo]:not(:has([data-check]))");
  });

  test("nothing fell over", () => assert.deepEqual([...ada.faults, ...bob.faults], []));
});
