// Messages in a browser: a text sent and followed to its delivery, one that comes in, one of which nobody knows.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { until } from "../lib/ava.mjs";
import { axe, missing, openPage, panel, setUp, soon, startAva, startChromium } from "./ava.mjs";

describe("messages", { skip: missing("chromium") }, () => {
  let ava, browser, page;
  before(async () => {
    [ava, browser] = await Promise.all([startAva({ CIRCUIT_BREAKER_ENABLED: "false" }), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });

  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const open = async () => {
    await page.goto(ava.base + "/messages");
    await panel(page, "messages", "ready");
  };
  async function send(to, body) {
    await page.click("text=Send a test message");
    await page.fill("dialog [name=to]", to);
    await page.fill("dialog [name=body]", body);
    await page.click("dialog button[type=submit]");
  }

  test("before the first one the page says so and offers one", async () => {
    await page.goto(ava.base + "/messages");
    await panel(page, "messages", "empty");
    assert.match(await page.textContent("[data-panel=messages]"), /Nothing sent yetSend a test message/);
    assert.deepEqual(await axe(page), []);
  });

  test("the form says what is missing, counts letters, and in how many parts it goes", async () => {
    await send("12", "");
    await page.waitForSelector("dialog >> text=Begin with + and the country code.");
    await page.waitForSelector("dialog >> text=Text is needed.");
    await page.fill("dialog [name=body]", "x".repeat(161));
    await page.waitForSelector("[data-segments] >> text=goes out as 2 parts");
    await soon(async () => assert.match(await page.textContent("dialog .count"), /161 of 1600/));
    await page.fill("dialog [name=body]", "你好");
    await page.waitForSelector("[data-segments] >> text=/some letters need more room/");
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press("Escape");
  });

  test("a text is sent and followed until it is there, and nobody reloads", async () => {
    await send("+33 6 12 34 56 78", "Your appointment is tomorrow at nine.");
    await page.waitForSelector("[data-toast=ok] >> text=On its way");
    await soon(async () => assert.equal(await page.$("dialog"), null));
    const row = await page.waitForSelector("[data-row]");
    assert.match(await row.innerText(), /To \+33 6 12 34 56 78[^]*Your appointment is tomorrow at nine\./);
    await ava.advance(3);
    await page.waitForSelector("[data-row] >> text=Delivered");
  });

  test("one that did not arrive says why", async () => {
    await send("+33700009903", "Anybody there?");
    await page.waitForSelector("[data-row] >> nth=1");
    await ava.advance(3);
    await page.waitForSelector("[data-row] >> text=/could not be reached/");
    await page.waitForSelector("[data-row] >> text=Did not arrive");
  });

  test("a text that comes in appears by itself", async () => {
    await open();
    const { endpoints } = await elsewhere("GET", "/webhooks/endpoints");
    const url = endpoints.find((e) => e.provider === "twilio").urls.message;
    await fetch(ava.base + "/sandbox/api/webhooks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind: "message", url, params: { Body: "Can I come at ten?" } }) });
    const row = await page.waitForSelector("[data-message=received]");
    assert.match(await row.innerText(), /From \+[^]*Can I come at ten\?[^]*Received/);
  });

  test("who wrote STOP gets the text all the same, and the row says so", async () => {
    const { endpoints } = await elsewhere("GET", "/webhooks/endpoints"), from = (await elsewhere("GET", "/messages")).messages.find((m) => m.direction === "outbound").from;
    const url = endpoints.find((e) => e.provider === "twilio").urls.message;
    await fetch(ava.base + "/sandbox/api/webhooks", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ kind: "message", url, params: { Body: "Stop", From: "+33612345679", To: from } }) });
    await page.waitForSelector("[data-row] >> text=Stop");
    await send("+33 6 12 34 56 79", "One more thing.");
    const warning = await page.waitForSelector("[data-row]:has-text('One more thing.') [data-warning=opted_out]");
    assert.match(await warning.innerText(), /STOP|no more/);
    assert.deepEqual(await axe(page), []);
  });

  test("one of which nobody knows says so; when asking ends it says to check before sending again", async () => {
    const from = (await elsewhere("GET", "/messages")).messages.find((m) => m.direction === "outbound").from;
    await ava.fault({ provider: "twilio", fault: "status", status: 500 });
    const op = await elsewhere("POST", "/twilio/messages", { to: "+33612345679", from, body: "Once only." });
    await ava.calm();
    assert.equal(op.status, "unknown");
    const row = `[data-row="${op.object_id}"]`;
    await page.waitForSelector(`${row} >> text=We do not know yet whether this text went out. Checking with Twilio.`);
    for (const seconds of [5, 25, 90, 480]) {
      await ava.advance(seconds);
      await until(async () => (await elsewhere("GET", "/operations/" + op.id)).next_retry_in_seconds > 0, { what: "the next look" });
    }
    await ava.advance(300);
    await page.waitForSelector(`${row} >> text=Check before sending again`);
  });

  test("filters stand in the address", async () => {
    await open();
    await page.selectOption("[name=direction]", "inbound");
    await page.waitForSelector("[data-message=received]");
    await page.waitForFunction(() => document.querySelectorAll("[data-row]").length === 2);
    await soon(async () => assert.match(page.url(), /\?direction=inbound$/));
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual(page.faults, []));
});
