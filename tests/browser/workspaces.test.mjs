// One person in two workspaces: the choice in the side bar, and all tabs of the browser go along.
import assert from "node:assert/strict";
import test, { after, before, describe } from "node:test";
import { Ava, ava as run } from "../lib/ava.mjs";
import { axe, missing, openPage, panel, person, setUp, soon, startChromium } from "./ava.mjs";

describe("several workspaces", { skip: missing("chromium") }, () => {
  let ava, browser, page, other;
  before(async () => {
    [ava, browser] = await Promise.all([Ava.start({ env: {} }), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    other = await ava.newPerson("other@example.com");
  });
  after(async () => {
    await browser?.close();
    await ava?.remove();
  });

  test("who has one workspace is asked nothing", async () => {
    await Promise.all([page.waitForResponse("**/api/v1/workspaces?*").then((r) => r.finished()), page.goto(ava.base + "/")]);
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    assert.equal(await page.$("[name=workspace]"), null);
  });

  test("who has two goes to the other one and back, and every tab begins anew there", async () => {
    assert.equal(run(["workspace", "member", other.workspace_id, person.email, "member", "--data-dir", ava.data]).status, 0);
    const second = await page.context().newPage();
    await second.goto(ava.base + "/connections");
    await panel(second, "connections", "ready");
    await page.goto(ava.base + "/calls");
    await page.waitForSelector("[name=workspace]");
    assert.deepEqual(await axe(page), []);
    await page.selectOption("[name=workspace]", other.workspace_id);
    await page.waitForURL(ava.base + "/");
    await page.waitForSelector(`[name=workspace]`);
    await soon(async () => assert.equal(await page.inputValue("[name=workspace]"), other.workspace_id));
    await second.waitForURL(ava.base + "/");
    await second.waitForSelector("[name=workspace]");
    await soon(async () => assert.equal(await second.inputValue("[name=workspace]"), other.workspace_id));
    await second.reload();
    await second.waitForSelector("[name=workspace]");
    await soon(async () => assert.equal(await second.inputValue("[name=workspace]"), other.workspace_id, "also after a reload"));
    await second.close();
    assert.deepEqual(page.faults, []);
  });

  test("taken out of it meanwhile: it says so and stays where it is", async () => {
    const options = await page.$$eval("[name=workspace] option", (all) => all.map((o) => o.value)), home = options.find((id) => id !== other.workspace_id);
    await Promise.all([page.waitForEvent("load"), page.selectOption("[name=workspace]", home)]);
    await page.waitForFunction((id) => document.querySelector("[name=workspace]")?.value === id, home);
    const me = await page.evaluate(async () => (await (await fetch("/api/v1/auth/me")).json()).user.id);
    assert.equal((await ava.call(`/api/v1/workspaces/${other.workspace_id}/members/${me}`, { method: "DELETE", key: other.key })).status, 204);
    await page.selectOption("[name=workspace]", other.workspace_id);
    await page.waitForSelector("[data-toast=bad] >> text=You are still in this workspace");
    await page.setViewportSize({ width: 320, height: 800 });
    await soon(async () => assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320)));
  });
});
