// What a screen reader is told: the tree that Chromium gives to it, of Home, Calls, one call, the Assistant and Connections,
// in a wide window and in a narrow one, where tables are drawn as cards.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("the tree of a screen reader, by Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, page, wires, callId;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    await ava.elsewhere(page, "POST", "/webhooks/endpoints/vapi/setup", {});
    callId = (await ava.elsewhere(page, "POST", "/calls", { to: "+33612345678" })).id;
    await ava.advance(60);
    wires = await page.context().newCDPSession(page);
    await wires.send("Accessibility.enable");
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  // All that is told, in order: { role, name, level, live, within }, within being the roles around it.
  async function tree() {
    const { nodes } = await wires.send("Accessibility.getFullAXTree");
    const known = new Map(nodes.map((n) => [n.nodeId, n])), told = [];
    const walk = (node, within) => {
      const role = node.role?.value, isTold = !node.ignored && !["generic", "none", "StaticText", "InlineTextBox", "LineBreak"].includes(role);
      const property = (name) => node.properties?.find((p) => p.name === name)?.value.value;
      if (isTold) told.push({ role, name: node.name?.value ?? "", level: property("level"), live: property("live"), within });
      for (const id of node.childIds ?? []) if (known.has(id)) walk(known.get(id), isTold ? [...within, role] : within);
    };
    walk(nodes[0], []);
    return told;
  }
  const namesOf = (told, role) => told.filter((n) => n.role === role).map((n) => n.name);
  const mustHaveNames = ["link", "button", "textbox", "searchbox", "combobox", "checkbox", "radio", "switch", "slider", "region", "table", "dialog", "article", "navigation", "search", "log", "image", "progressbar", "meter", "columnheader", "rowheader", "heading"];

  // One h1, which is the room; below it no level is left out.
  function outlineOf(told) {
    const heads = told.filter((n) => n.role === "heading");
    assert.deepEqual(heads.filter((h) => h.level === 1).length, 1, "one h1");
    assert.equal(heads[0].level, 1, "the h1 is the first heading");
    heads.reduce((before, h) => {
      assert.ok(h.level <= before + 1, `"${h.name}" is of level ${h.level} after ${before}`);
      return h.level;
    }, 0);
    return heads.map((h) => `${h.level} ${h.name}`);
  }

  const rooms = [
    ["/", "today", "Home - Ava", ["1 Hello, Ada", "2 How it is going", "2 Today", "2 Next steps"]],
    ["/calls", "calls", "Calls - Ava", ["1 Calls", "2 All calls", "2 Limits and today", "2 When nobody answers", "2 Last 30 days"]],
    [() => "/calls/" + callId, "call", "Call to +33 6 12 34 56 78 - Ava", ["1 Call to +33 6 12 34 56 78", "2 What happened"]],
    ["/assistant", "settings", "Assistant - Ava", ["1 Assistant", "2 Settings", "3 Greeting", "3 Longest call", "3 Voice speed", "2 Assistants"]],
    ["/connections", "connections", "Connections - Ava", ["1 Connections", "2 Your connections", "3 Vapi", "4 Addresses for Vapi", "3 Twilio"]],
  ];
  for (const width of [1200, 320])
    for (const [address, name, title, outline] of rooms)
      test(`${name} at ${width} px: a title, an outline, landmarks, and a name for everything`, async () => {
        await page.setViewportSize({ width, height: 860 });
        await page.goto(ava.base + (typeof address === "string" ? address : address()));
        await panel(page, name, "ready");
        await page.getByRole("heading", { name: outline.at(-1).slice(2), exact: true }).waitFor(); // what is below comes last
        await page.waitForFunction(() => !document.querySelector("[data-panel][data-state=loading]"));
        await soon(async () => {
          const told = await tree();
          assert.equal(told[0].name, title);
          const heads = outlineOf(told);
          assert.deepEqual(outline.filter((o) => !heads.includes(o)), [], heads.join("\n"));
          for (const [role, count] of [["main", 1], ["banner", 1], ["navigation", 1]]) assert.ok(namesOf(told, role).length >= count, role);
          assert.deepEqual(namesOf(told, "navigation").slice(0, 1), ["Rooms"]);
          assert.equal(told.findIndex((n) => n.role === "link" && n.name === "Skip to content"), 1, "the skip link comes first");
          assert.deepEqual(told.filter((n) => mustHaveNames.includes(n.role) && !n.name.trim()).map((n) => [...n.within.slice(-2), n.role].join(" > ")), []);
          assert.ok(told.some((n) => n.role === "status" && n.live === "polite"), "where news is told");
        });
      });

  for (const width of [1200, 320])
    test(`the list of calls is a table with heads of columns and rows at ${width} px`, async () => {
      await page.setViewportSize({ width, height: 860 });
      await page.goto(ava.base + "/calls");
      await panel(page, "calls", "ready");
      await soon(async () => {
        const told = await tree();
        assert.ok(namesOf(told, "table").includes("All calls"));
        if (width > 768) assert.deepEqual(namesOf(told, "columnheader").slice(0, 5), ["Who", "When", "Talked", "How it went", "Cost"]);
        assert.ok(namesOf(told, "rowheader").some((n) => n.includes("+33 6 12 34 56 78")));
        assert.ok(namesOf(told, "cell").some((n) => n.includes("The other side hung up.")));
      });
    });

  test("a refused setting is told with its field, a saved one as news", async () => {
    await page.setViewportSize({ width: 1200, height: 860 });
    await page.goto(ava.base + "/assistant");
    await panel(page, "settings", "ready");
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", " ");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("text=Greeting is needed.");
    await soon(async () => {
      const { nodes } = await wires.send("Accessibility.getFullAXTree");
      const field = nodes.find((n) => n.role?.value === "textbox" && n.name.value === "Greeting");
      assert.match(field?.description?.value ?? "", /Greeting is needed\./);
      assert.equal(field.properties.find((p) => p.name === "invalid").value.value, "true");
    });
    await page.fill("[name=greeting_message]", "Told as news.");
    await page.click("[data-setting=greeting_message] button[type=submit]");
    await page.waitForSelector("[data-toast=ok]");
    await soon(async () => {
      const told = await tree();
      assert.ok(told.some((n) => n.within.includes("status") && n.role === "strong"), "the toast stands in a status");
    });
  });

  test("events come into a polite log; a dialog has its heading's name", async () => {
    await page.goto(ava.base + "/activity");
    await panel(page, "events", "ready");
    await soon(async () => assert.deepEqual((await tree()).filter((n) => n.role === "log").map((n) => [Boolean(n.name), n.live]), [[true, "polite"]]));
    await page.goto(ava.base + "/calls?new=call");
    await page.waitForSelector("dialog [name=to]");
    await soon(async () => assert.deepEqual(namesOf(await tree(), "dialog"), ["Make a call"]));
  });
});
