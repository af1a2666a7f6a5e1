// Whose account it is, and who belongs to the workspace: inviting, answering, roles, removal, one's own password.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import test, { after, before, describe } from "node:test";
import { axe, look, missing, openPage, panel, person, setUp, signIn, soon, startAva, startChromium } from "./ava.mjs";

const guest = { email: "grace.of.a.rather.long.department@example.com", password: "staple battery horse", name: "Grace" };
const workspace = "Ada's workspace";

describe("people", { skip: missing("chromium") }, () => {
  let ava, browser, page, her;
  before(async () => {
    [ava, browser] = await Promise.all([startAva(), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await elsewhere("POST", "/users", guest);
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const toast = (p, words) => p.waitForSelector(`[data-toast=ok]:has-text("${words}")`);

  test("one alone, and nobody invited yet", async () => {
    await page.click(".side >> text=Admin");
    await page.waitForURL("**/admin");
    await panel(page, "members", "ready");
    await panel(page, "invitations", "empty");
    assert.match(await page.textContent("main"), /Who works in Ada's workspace, and who is invited to\./);
    assert.match(await page.textContent(`[data-member="${person.email}"]`), /Ada You.*Owner/);
    assert.equal(await page.$(`[data-member="${person.email}"] button`), null, "nobody takes themselves out by mistake");
    assert.match(await page.textContent("[data-panel=invitations]"), /No open invitationsInvite somebody by their e-mail address\./);
    await look(page, "people-empty");
  });

  test("somebody is invited, by an address that is one, and the link is seen once", async () => {
    await page.click(".button:has-text('Invite somebody')");
    const save = () => page.click("[data-form=invite] button[type=submit]");
    await save();
    await page.waitForSelector("[data-form=invite] .wrong >> text=E-mail is needed.");
    await page.fill("[data-form=invite] [name=email]", "grace at example");
    await save();
    await page.waitForSelector("[data-form=invite] .wrong >> text=E-mail does not look complete.");
    await look(page, "people-invite");
    await page.fill("[data-form=invite] [name=email]", guest.email);
    await page.selectOption("[data-form=invite] [name=role]", "admin");
    await save();
    const link = await page.textContent("[data-link]");
    assert.match(link, /\/signin#invitation=\S{40,}$/);
    await look(page, "people-link");
    await page.click("text=I have copied the link");
    await panel(page, "invitations", "ready");
    await soon(async () => assert.match(await page.textContent(`[data-invitation="${guest.email}"]`), /Administrator/));
    await soon(async () => assert.ok(!(await page.content()).includes(link), "shown this once"));
    await look(page, "people-invited");
  });

  test("the one who is invited hears of it, declines, and it is gone for both", async () => {
    her = await openPage(browser, ava);
    await signIn(her, ava, guest);
    await her.goto(ava.base + "/");
    await her.click("[data-wants=invitation] a");
    await panel(her, "own-invitations", "ready");
    assert.match(await her.textContent("[data-panel=own-invitations]"), /Ada invites you to Ada's workspace as an administrator\./);
    await soon(async () => assert.match(await her.textContent("[data-panel=account]"), new RegExp(`Grace.*${guest.email}.*Grace's workspace.*Owner`)));
    await look(her, "account-invited");
    await her.click(`[aria-label="Decline the invitation to ${workspace}"]`);
    await toast(her, `You declined ${workspace}`);
    await panel(her, "own-invitations", "empty");
    await page.click("[aria-label='Refresh Open invitations']");
    await panel(page, "invitations", "empty");
  });

  test("an invitation is withdrawn, named before it is", async () => {
    await elsewhere("POST", `/workspaces/${await home()}/invitations`, { email: "frank@example.com", role: "member" });
    await page.goto(ava.base + "/people");
    await page.click("[aria-label='Withdraw the invitation of frank@example.com']");
    await soon(async () => assert.match(await page.textContent("dialog"), /frank@example\.com can no longer join with it\./));
    await page.click("dialog .button.danger");
    await toast(page, "Invitation withdrawn");
    await panel(page, "invitations", "empty");
  });

  test("another one is accepted, and one that was withdrawn meanwhile says so", async () => {
    const at = `/workspaces/${await home()}/invitations`;
    const gone = await elsewhere("POST", at, { email: guest.email, role: "member" });
    await her.goto(ava.base + "/account");
    await panel(her, "own-invitations", "ready");
    await elsewhere("DELETE", `${at}/${gone.id}`);
    await her.click(`[aria-label="Accept the invitation to ${workspace}"]`);
    await her.waitForSelector("[data-toast=bad]:has-text('This invitation is over')");
    await panel(her, "own-invitations", "empty");
    await elsewhere("POST", at, { email: guest.email, role: "member" });
    await her.click("[aria-label='Refresh Invitations']");
    await her.click(`[aria-label="Accept the invitation to ${workspace}"]`);
    await toast(her, `You joined ${workspace}`);
    await page.goto(ava.base + "/people");
    await page.waitForSelector(`[data-member="${guest.email}"]`);
    await look(page, "people-two");
  });

  test("a role is changed, and the person removed, named before they are", async () => {
    await page.click("[aria-label='Change role of Grace']");
    await page.selectOption("[data-form=role] [name=role]", "admin");
    await page.click("[data-form=role] button[type=submit]");
    await toast(page, "Role changed");
    await soon(async () => assert.match(await page.textContent(`[data-member="${guest.email}"]`), /Administrator/));
    await page.click("[data-toast=ok]:has-text('Role changed') >> text=Undo");
    await page.waitForSelector(`[data-member="${guest.email}"]:has-text('Member')`);
    const { members } = await elsewhere("GET", `/workspaces/${await home()}/members`);
    assert.equal(members.find((m) => m.email === guest.email).role, "member");
    await page.click("[aria-label='Remove Grace']");
    await soon(async () => assert.match(await page.textContent("dialog"), new RegExp(`Remove Grace from this workspace.*Grace \\(${guest.email}\\) can no longer see or change anything here\\.`)));
    await look(page, "people-remove");
    await page.click("dialog .button.danger:has-text('Remove Grace')");
    await toast(page, "Person removed");
    await soon(async () => assert.equal(await page.$(`[data-member="${guest.email}"]`), null));
  });

  test("a member sees who is there, and that others invite", async () => {
    await her.route("**/api/v1/auth/me", async (route) => {
      const answer = await route.fetch(), json = await answer.json();
      json.workspace.role = "member";
      await route.fulfill({ response: answer, json });
    });
    await her.goto(ava.base + "/people");
    await panel(her, "members", "ready");
    await her.waitForSelector("text=An owner or administrator of this workspace invites people and changes their roles.");
    assert.equal(await her.$("[data-panel=invitations]"), null);
    assert.equal(await her.$("[data-panel=members] td button"), null);
    await her.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("one's own password: errors at the fields, then it is said what ended", async () => {
    const other = await openPage(browser, ava);
    await signIn(other, ava, guest);
    await her.goto(ava.base + "/account");
    const save = () => her.click("[data-form=password] button[type=submit]");
    await save();
    await her.waitForSelector(".wrong >> text=Current password is needed.");
    await her.waitForSelector(".wrong >> text=New password is needed.");
    await her.fill("[name=current_password]", guest.password);
    await her.fill("[name=new_password]", "short");
    await save();
    await her.waitForSelector(".wrong >> text=The new password needs at least 12 characters.");
    await her.fill("[name=current_password]", "not my password");
    await her.fill("[name=new_password]", "a new one, and a long one");
    await save();
    await her.waitForSelector(".wrong >> text=This is not your current password.");
    await soon(async () => assert.equal(await her.evaluate(() => document.activeElement.name), "current_password"));
    await look(her, "account-wrong");
    await her.fill("[name=current_password]", guest.password);
    await save();
    await toast(her, "Password changed");
    await her.waitForSelector("[data-panel=password] .good >> text=You are signed out everywhere else.");
    await soon(async () => assert.deepEqual(await her.$$eval("[data-form=password] input[type=password]", (all) => all.map((one) => one.value)), ["", ""]));
    await look(her, "account-changed");
    // This window goes on, writes too; the other one is asked to sign in.
    assert.equal((await her.evaluate(() => fetch("/api/v1/auth/me").then((r) => r.status))), 200);
    await other.goto(ava.base + "/people");
    await other.waitForURL("**/signin*");
    await signIn(other, ava, { ...guest, password: "a new one, and a long one" });
    await other.context().close();
  });

  test("while the lists cannot be read: the states of every panel", async () => {
    const problem = (code, status, headers = {}) => (route) => route.fulfill({ status, contentType: "application/problem+json", headers, json: { type: "/problems/" + code, title: "t", status, code, detail: "d", correlation_id: "01JTESTREFERENCE" } });
    for (const [state, handler] of Object.entries({ error: problem("internal_error", 500), limited: problem("rate_limited", 429, { "Retry-After": "41" }), offline: (r) => r.abort(), loading: () => {} })) {
      for (const asked of ["**/members?*", "**/invitations?*"]) await page.route(asked, handler);
      await page.goto(ava.base + "/people");
      await Promise.all(["members", "invitations"].map((name) => panel(page, name, state)));
      await page.waitForTimeout(300);
      await look(page, "people-" + state);
      await page.goto(ava.base + "/account");
      await panel(page, "own-invitations", state);
      await page.waitForTimeout(300);
      await look(page, "account-" + state);
      await page.unrouteAll({ behavior: "ignoreErrors" });
    }
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual([page.faults, her.faults], [[], []]));

  const home = async () => (await page.evaluate(() => fetch("/api/v1/auth/me").then((r) => r.json()))).workspace.id;
});
