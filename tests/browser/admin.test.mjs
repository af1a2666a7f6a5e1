// Admin, by somebody who runs this Ava: every section with its address, what it shows, and what is done there.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before, describe } from "node:test";
import { axe, look, missing, openPage, panel, person, setUp, signIn, soon, startAva, startChromium } from "./ava.mjs";

const guest = { email: "grace@example.com", password: "staple battery horse", name: "Grace" };

describe("admin", { skip: missing("chromium") }, () => {
  let ava, browser, page, her;
  before(async () => {
    [ava, browser] = await Promise.all([startAva({ RATE_LIMIT_PER_MINUTE: "33", VAPI_WEBHOOK_SECRET: "never-to-be-seen" }), startChromium()]);
    page = await openPage(browser, ava);
    await setUp(page, ava);
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await elsewhere("POST", "/users", guest);
    her = await openPage(browser, ava);
    await signIn(her, ava, guest);
    await her.route("**/api/v1/auth/me", async (route) => {
      const answer = await route.fetch(), json = await answer.json();
      json.workspace.role = "member";
      await route.fulfill({ response: answer, json });
    });
  });
  after(async () => {
    await browser?.close();
    await ava?.stop();
  });
  const elsewhere = (...what) => ava.elsewhere(page, ...what);
  const home = async () => (await page.evaluate(() => fetch("/api/v1/auth/me").then((r) => r.json()))).workspace.id;
  const problem = (code, status, headers = {}) => (route) => route.fulfill({ status, contentType: "application/problem+json", headers, json: { type: "/problems/" + code, title: "t", status, code, detail: "d", correlation_id: "01JTESTREFERENCE" } });
  // Every state that a panel has when what it shows cannot be read.
  async function states(section, asked, ...panels) {
    for (const [state, handler] of Object.entries({ error: problem("internal_error", 500), limited: problem("rate_limited", 429, { "Retry-After": "41" }), offline: (r) => r.abort(), loading: () => {} })) {
      for (const one of asked) await page.route(one, handler);
      await page.goto(`${ava.base}/admin/${section}`);
      await Promise.all(panels.map((name) => panel(page, name, state)));
      await page.waitForTimeout(300);
      await look(page, `${section}-${state}`);
      await page.unrouteAll({ behavior: "ignoreErrors" });
    }
  }

  test("its place among the rooms: the entry, the letter, the old address, each section by its own", async () => {
    await page.click(".side >> text=Admin");
    await page.waitForURL("**/admin");
    await panel(page, "members", "ready");
    await soon(async () => assert.equal(await page.textContent("h1"), "Admin"));
    assert.equal((await page.$$(".side nav a")).length, 8);
    await page.goto(ava.base + "/people");
    await page.waitForURL("**/admin/people");
    await panel(page, "members", "ready");
    await soon(async () => assert.equal(await page.textContent(".tabs [aria-current=page]"), "People"));
    await soon(async () => assert.equal(await page.textContent(".side [aria-current=page]"), "Admin"));
    await page.goto(ava.base + "/");
    await page.waitForSelector("h1");
    await page.keyboard.press("g");
    await page.keyboard.press("d");
    await page.waitForURL("**/admin");
    await page.goto(ava.base + "/admin/nonsense");
    await page.waitForSelector("h1:has-text('We could not find that')");
    await look(page, "admin-nonsense");
    await page.click("main >> text=Admin");
    await panel(page, "members", "ready");
  });

  test("keys: none yet, one is made and seen once, and the program gets in", async () => {
    await page.goto(ava.base + "/admin/people");
    await panel(page, "members", "ready");
    await page.click(".tabs >> text=API keys");
    await page.waitForURL("**/admin/keys");
    await panel(page, "api-keys", "empty");
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.id), "top", "the heading takes the focus"));
    await look(page, "keys-empty");
    await page.click("main .button:has-text('Make a key')");
    const save = () => page.click("[data-form=key] button[type=submit]");
    await save();
    await page.waitForSelector("[data-form=key] .wrong >> text=Name is needed.");
    await page.fill("[data-form=key] [name=name]", "The shop's backend");
    await page.fill("[data-form=key] [name=rate]", "often");
    await save();
    await page.waitForSelector("[data-form=key] .wrong >> text=Type a whole number");
    await page.fill("[data-form=key] [name=rate]", "99999");
    await save();
    await page.waitForSelector("[data-form=key] .wrong >> text=between 1 and 600");
    await look(page, "keys-make");
    await page.fill("[data-form=key] [name=rate]", "120");
    await save();
    const secret = await page.textContent("[data-secret]");
    assert.match(secret, /^ava_test_\S{30,}$/);
    await page.click("[aria-label='Copy the key']");
    await soon(async () => assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret));
    await look(page, "keys-made");
    await page.click("text=I have copied the key");
    await page.waitForSelector("[data-key=\"The shop's backend\"]");
    await soon(async () => assert.ok(!(await page.content()).includes(secret), "shown this once"));
    await soon(async () => assert.match(await page.textContent("[data-key]"), new RegExp(`The shop's backend.*ends in ${secret.slice(-4)}You.*Never120 for each route`)));
    assert.equal((await fetch(ava.base + "/api/v1/calls", { headers: { Authorization: "Bearer " + secret } })).status, 200);
    await page.click("[aria-label='Refresh Keys for this workspace']");
    await page.waitForSelector("[data-key] >> text=just now >> nth=1");
    await look(page, "keys");
  });

  test("keys: a member sees the own ones, and is told so", async () => {
    await her.goto(ava.base + "/admin/keys");
    await panel(her, "api-keys", "empty");
    await her.waitForSelector("text=You see your own keys.");
  });

  test("keys: one is revoked by its name, and nothing uses it any more", async () => {
    await page.click("[aria-label=\"Revoke The shop's backend\"]");
    assert.match(await page.textContent("dialog"), /turned away from the next request on.*It was used/);
    await page.click("dialog button[type=submit]");
    await page.waitForSelector("dialog .wrong >> text=That is not the name of this key.");
    await look(page, "keys-revoke");
    await page.fill("dialog [name=confirm]", "The shop's backend");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-toast=ok]:has-text('Key revoked')");
    await panel(page, "api-keys", "empty");
  });

  test("keys: while the list cannot be read", () => states("keys", ["**/keys?*"], "api-keys"));

  test("audit: who did what, filtered in the address, and what stands in an entry", async () => {
    await elsewhere("PUT", "/limits", { concurrent_calls: 3 });
    await elsewhere("PUT", "/flags/overload_turns", { on: false });
    await elsewhere("PUT", "/flags/overload_turns", { on: true });
    await page.goto(ava.base + "/admin/audit");
    await panel(page, "audit", "ready");
    await soon(async () => assert.match(await page.textContent("[data-action='limits.change']"), /just now.*YouChanged the limits/));
    await soon(async () => assert.match(await page.textContent("[data-action='key.remove']"), /YouRevoked an API key/));
    await page.click("[data-action='limits.change'] summary");
    await page.waitForSelector("[data-action='limits.change'] details[open] code:has-text('limits.change')");
    await look(page, "audit");
    const mine = (await elsewhere("POST", "/rules", { name: "Tell <b>me</b>", when: { event: "call.missed" }, then: { channel: "sms", to: "caller", template: "text_back", from: "+14155550100" } })).id;
    await page.reload();
    const about = (action) => page.locator(`[data-action='${action}'] [data-label=About]`).first();
    await about("rule.create").waitFor();
    await soon(async () => assert.match(await about("rule.create").innerText(), /^Tell <b>me<\/b>/, "by its name"));
    await about("rule.create").locator("summary").click();
    await soon(async () => assert.match(await about("rule.create").innerText(), new RegExp(`About\\s+${mine}`), "the id stands under Details"));
    await about("rule.create").getByRole("button", { name: "Copy About" }).waitFor();
    await elsewhere("DELETE", "/rules/" + mine);
    await page.reload();
    await about("rule.remove").waitFor();
    for (const action of ["rule.remove", "rule.create"]) await soon(async () => assert.match(await about(action).innerText(), /^Tell <b>me<\/b>/, "gone: its entries keep the name"));
    await page.selectOption("[name=action]", "key");
    await page.waitForURL("**/admin/audit?action=key");
    await page.waitForFunction(() => [...document.querySelectorAll("[data-action]")].every((row) => row.dataset.action.startsWith("key.")) && document.querySelector("[data-action]"));
    await page.selectOption("[name=outcome]", "failed");
    await panel(page, "audit", "empty");
    await look(page, "audit-nothing");
    await page.click("text=Clear filters");
    await panel(page, "audit", "ready");
    await soon(async () => assert.equal(new URL(page.url()).search, ""));
    await page.selectOption("[name=of]", "installation");
    await page.waitForSelector("[data-action='flag.change']");
  });

  test("audit: from and until, in a link that others open and in what is taken away", async () => {
    await ava.advance(180);
    await elsewhere("PUT", "/limits", { concurrent_calls: 4 });
    const [newest] = (await elsewhere("GET", "/audit?action=limits.change&limit=1")).entries;
    const between = new Date(Date.parse(newest.at) - 90_000);
    const field = (ms) => page.evaluate((at) => new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 16), ms);
    const rows = () => page.$$eval("[data-action]", (all) => all.map((one) => one.dataset.action));
    const asked = new Date(Math.floor(between / 60_000) * 60_000).toISOString(); // fields have no seconds
    await page.goto(ava.base + "/admin/audit");
    await panel(page, "audit", "ready");
    await page.fill("[name=since]", await field(Number(between)));
    await page.press("[name=since]", "Tab");
    await page.waitForURL("**/admin/audit?since=" + encodeURIComponent(asked));
    await page.waitForFunction(() => document.querySelectorAll("[data-action]").length === 1);
    assert.deepEqual(await rows(), ["limits.change"]);
    await look(page, "audit-since");
    await soon(async () => assert.equal(new URL(await page.$eval("[data-export=csv]", (a) => a.href)).searchParams.get("since"), asked));
    const taken = await page.evaluate((href) => fetch(href).then((r) => r.text()), await page.getAttribute("[data-export=jsonl]", "href"));
    assert.deepEqual(taken.trim().split("\n").map((line) => JSON.parse(line).action), ["limits.change"]);
    await page.fill("[name=since]", "");
    await page.press("[name=since]", "Tab");
    await page.fill("[name=until]", await field(Number(between)));
    await page.press("[name=until]", "Tab");
    await page.waitForURL("**/admin/audit?until=" + encodeURIComponent(asked));
    await page.waitForFunction(() => document.querySelectorAll("[data-action]").length > 1);
    await page.reload(); // as somebody who was sent the link
    await page.waitForSelector("[data-action='key.remove']");
    await soon(async () => assert.equal(await page.inputValue("[name=until]"), await field(Date.parse(asked))));
    assert.equal((await page.$$("[data-action='limits.change']")).length, 1, "the one before, not the one after");
    await page.goto(`${ava.base}/admin/audit?since=${encodeURIComponent(asked)}&until=${encodeURIComponent(asked)}`);
    await page.waitForSelector("[data-nothing]");
    await page.click("text=Clear filters");
    await panel(page, "audit", "ready");
    await soon(async () => assert.equal(new URL(page.url()).search, ""));
    await elsewhere("PUT", "/limits", { concurrent_calls: 3 });
  });

  test("audit: whether it is as it was written", async () => {
    await page.goto(ava.base + "/admin/audit");
    await page.waitForSelector("[data-panel=audit-check] >> text=Not checked since Ava was started.");
    await page.click("text=Check now");
    await page.waitForSelector("[data-panel=audit-check] >> text=/Checked \\d+ entries, all as they were written\\./");
    await page.waitForSelector("[data-panel=audit-check] >> text=Nothing is signed yet.");
    await look(page, "audit-checked");
    const found = { ok: false, first_row: 1, last_row: 1204, heads: 1, signed_to: 1000, signed_at: "2026-11-30T07:00:00.000Z", digest: "ab".repeat(32), bad_row: 17, wrong: "row 17 was changed: its hash does not fit it" };
    const says = (more) => (route) => route.fulfill({ json: { state: "done", rows: 1204, started_at: "2026-11-30T08:00:00.000Z", ended_at: "2026-11-30T08:00:01.000Z", found, ...more } });
    for (const [name, more, words] of [["bad", {}, "Entry 17 is not as it was written."], ["running", { state: "running", found: null, ended_at: null }, "Checking. 1,204 entries read so far."], ["failed", { state: "failed", found: null }, "could not read the log to its end"], ["signed", { found: { ...found, ok: true, bad_row: null, wrong: null } }, "Signed up to entry 1,000, by 1 head"]]) {
      await page.route("**/audit/verification", says(more));
      await page.goto(ava.base + "/admin/audit");
      await page.waitForSelector(`[data-panel=audit-check] >> text=${words}`);
      await panel(page, "audit", "ready");
      await look(page, "audit-check-" + name);
      await page.unrouteAll({ behavior: "ignoreErrors" });
    }
  });

  test("audit: not for members, who hear whom to ask; and while it cannot be read", async () => {
    await her.goto(ava.base + "/admin/audit");
    await her.waitForSelector("[data-state=forbidden] >> text=Only an administrator can do this.");
    await her.waitForSelector("[data-state=forbidden] >> text=Ask Grace.");
    await look(her, "audit-forbidden");
    await states("audit", ["**/api/v1/audit?*", "**/audit/verification"], "audit", "audit-check");
  });

  test("health: what answers, how near the limits are, what waits, and the database", async () => {
    await page.goto(ava.base + "/admin/health");
    await panel(page, "health-details", "ready");
    assert.match(await page.textContent("[data-panel=health-details] [data-service=vapi]"), /VapiRequests go through\.Answers/);
    assert.match(await page.textContent("[data-panel=health-details] [data-service=google]"), /Nobody connected it\.Not connected/);
    assert.match(await page.textContent("[data-panel=health-details]"), /Calls that go on0 of 3/);
    assert.match(await page.textContent("[data-panel=installation]"), /Version \d.*Open connections.*Saves.*Schema\d+/);
    await look(page, "health");
  });

  test("health: a circuit breaker that opens is seen without a reload, in words that people understand", async () => {
    await ava.fault({ provider: "vapi", fault: "status", status: 503 });
    for (let i = 0; i < 3; i++) await elsewhere("PUT", "/vapi/settings/voice_speed", { value: 1 + i / 10 });
    await page.waitForSelector("[data-panel=health-details] [data-service=vapi][data-breaker=open]");
    await soon(async () => assert.match(await page.textContent("[data-panel=health-details] [data-service=vapi]"), /the circuit breaker is open: Ava lets it rest\. Next try in \d+ s\.Resting/));
    await look(page, "health-resting");
    await ava.calm();
  });

  test("health: what was given up asks to be looked at, and a database that cannot save", async () => {
    const real = await elsewhere("GET", "/health/details");
    real.workspace.inbox = { waiting: 10000, dead: 12, oldest_seconds: 4000 };
    real.workspace.queue.dead = 2;
    real.workspace.deliveries = { waiting: 1204, oldest_seconds: 90, destinations_disabled: 1 };
    real.workspace.calls.today.calls_now = 3;
    real.workspace.providers[1].breaker = "half_open";
    real.workspace.providers[2].status = "needs_attention";
    real.installation.database = { ...real.installation.database, writable: false, bytes: 4_123_456_789, disk_free_bytes: 9_000_000, disk_bytes: 80_000_000_000 };
    await page.route("**/health/details", (route) => route.fulfill({ json: real }));
    await page.goto(ava.base + "/admin/health");
    await page.waitForSelector("[data-panel=installation] >> text=Cannot save");
    assert.match(await page.textContent("[data-panel=health-details]"), /Events given up12 ?Look at this/);
    assert.equal(await page.getAttribute("text=See the events", "href"), "/activity?status=dead");
    await look(page, "health-bad");
    real.installation = null;
    await page.goto(ava.base + "/admin/health");
    await panel(page, "health-details", "ready");
    assert.equal(await page.$("[data-panel=installation]"), null, "an owner sees the workspace");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await states("health", ["**/health/details"], "health-details");
  });

  test("health: who is nearest to a limit of requests, in words and not by colour alone", async () => {
    const real = await elsewhere("GET", "/health/details");
    const rate = (of, path, used, limit, key) => ({ of, id: key ? "key_1" : null, name: key ?? null, method: path && "GET", path, used, limit, reset_seconds: 12 });
    real.workspace.requests = { ...real.workspace.requests, limited: true, nearest: [rate("key", "/api/v1/assistants/{id}/versions/{version}/comparison", 600, 600, "nightly"), rate("self", "/api/v1/calls", 50, 60), rate("webhooks", null, 2100, 10000), rate("workspace", "/api/v1/calls", 70, 3600)] };
    await page.route("**/health/details", (route) => route.fulfill({ json: real }));
    await page.goto(ava.base + "/admin/health");
    await page.waitForSelector("[data-near] [data-of=key]");
    const said = (of) => page.textContent(`[data-near] [data-of=${of}]`);
    assert.match(await said("key"), /Key “nightly” GET .*comparison.*600 of 600 ?Full: what comes now is refused.*in 12 s/);
    assert.match(await said("self"), /You GET \/api\/v1\/calls.*50 of 60 ?Nearly full/);
    assert.match(await said("webhooks"), /Its webhooks.*2,100 of 10,000/);
    assert.doesNotMatch(await said("workspace"), /full/i);
    await look(page, "health-near");
    real.workspace.requests.nearest = [];
    await page.reload();
    await page.waitForSelector("[data-near] p");
    await page.unrouteAll({ behavior: "ignoreErrors" });
  });

  test("settings: what is in force, locked where it was set, and never a secret", async () => {
    await page.goto(ava.base + "/admin/settings");
    await Promise.all([panel(page, "flags", "ready"), panel(page, "in-force", "ready")]);
    assert.match(await page.textContent("[data-setting=RATE_LIMIT_PER_MINUTE]"), /33.*Set by RATE_LIMIT_PER_MINUTE in the environment.*At a reload/);
    assert.match(await page.textContent("[data-setting=AVA_BACKUP_DIR]"), /EmptyAs Ava comesAt a restart/);
    assert.match(await page.textContent("[data-setting=VAPI_WEBHOOK_SECRET]"), /Set, and not shown/);
    assert.ok(!(await page.content()).includes("never-to-be-seen"));
    await look(page, "settings");
    await page.selectOption("[name=origin]", "environment");
    await page.waitForURL("**/admin/settings?origin=environment");
    await soon(async () => assert.equal(await page.$("[data-origin=default]"), null));
    await page.fill("[name=name]", "rate_limit_per");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.querySelectorAll("[data-setting]").length === 1);
    await page.selectOption("[name=origin]", "pending");
    await panel(page, "in-force", "empty");
    await look(page, "settings-nothing");
    await page.click("text=Clear filters");
    await panel(page, "in-force", "ready");
  });

  test("settings: a flag is switched, after it was said what that means, and back", async () => {
    await page.click("[aria-label='Switch off overload_turns']");
    assert.match(await page.textContent("dialog"), /takes effect with the next request, in every workspace/);
    await look(page, "settings-flag");
    await page.click("dialog .button.primary");
    await page.waitForSelector("[data-toast=ok]:has-text('overload_turns is off.')");
    await soon(async () => assert.match(await page.textContent("[data-flag=overload_turns]"), /Off.*Not as built.*Changed by you.*just now/));
    await page.click("[aria-label='Switch on overload_turns']");
    await page.click("dialog .button.primary");
    await page.waitForSelector("[data-toast=ok]:has-text('overload_turns is on.')");
  });

  test("settings: who does not run Ava hears that; and while they cannot be read", async () => {
    await her.goto(ava.base + "/admin/settings");
    await her.waitForSelector("[data-state=forbidden] >> text=Ask the person who runs it.");
    await look(her, "settings-forbidden");
    await states("settings", ["**/api/v1/flags", "**/api/v1/settings"], "flags", "in-force");
  });

  test("backups: without a folder it is said which setting does", async () => {
    await page.goto(ava.base + "/admin/backups");
    await panel(page, "backups", "empty");
    await page.waitForSelector("[data-panel=backups] code:has-text('AVA_BACKUP_DIR')");
    await panel(page, "master-keys", "ready");
    assert.match(await page.textContent("[data-panel=master-keys]"), /Everything is sealed under k1\./);
    await look(page, "backups-none");
  });

  // A second person sees what the first one asked for; what takes long, or fails, is pretended, and told for real.
  async function followed(other, theirs) {
    const second = await openPage(browser, other);
    const told = async () => (await other.advance(2), await other.elsewhere(theirs, "POST", "/backups"));
    await signIn(second, other, person);
    await second.goto(other.base + "/admin/backups");
    await second.waitForSelector("[data-backup] >> nth=1");
    await told();
    await second.waitForSelector("[data-backup] >> nth=2");
    let now = { ...(await other.elsewhere(theirs, "GET", "/backups")), making: true };
    await second.route("**/api/v1/backups", (route) => route.fulfill({ json: now }));
    await told();
    await second.waitForSelector("[role=status] >> text=One is being made");
    await second.click(".tabs >> text=API keys");
    await panel(second, "api-keys", "empty");
    await second.click(".tabs >> text=Backups");
    await second.waitForSelector("[role=status] >> text=One is being made");
    await second.waitForSelector("[aria-disabled=true]:has-text('Back up now')");
    now = { ...now, making: false, failed_at: new Date().toISOString(), failed_because: "cannot write ava.backup: No space left on device" };
    await told();
    await second.waitForSelector("[role=status] >> text=No space left on device");
    await soon(async () => assert.equal(await second.$("[role=status] >> text=It is made"), null));
    now = { ...now, making: true };
    await told();
    await second.waitForSelector("[role=status] >> text=One is being made");
    now = { ...now, making: false, failed_at: null, failed_because: null };
    await told();
    await second.waitForSelector("[role=status] >> text=It is made, and was read back whole.");
    await look(second, "backups-made");
    assert.deepEqual(second.faults, []);
    await second.context().close();
  }

  test("backups: one is made now, by an Ava that has a folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ava-backups-"));
    const other = await startAva({ AVA_BACKUP_DIR: folder });
    const theirs = await openPage(browser, other);
    try {
      await setUp(theirs, other);
      await theirs.goto(other.base + "/admin/backups");
      await theirs.waitForSelector("[data-backup]");
      await other.advance(2); // a name of its own
      await theirs.click("text=Back up now");
      await theirs.waitForSelector("[data-backup] >> nth=1");
      await soon(async () => assert.match(await theirs.textContent("[data-backup]"), /\d (kB|MB)\d+, by Ava \d.*Whole/));
      await theirs.waitForSelector("button:not([aria-disabled]):has-text('Back up now')");
      await look(theirs, "backups");
      await followed(other, theirs);
      assert.deepEqual(theirs.faults, []);
    } finally {
      await theirs.context().close();
      await other.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("backups: one that fails, one that was cut, and a change of keys that is on its way", async () => {
    const real = await elsewhere("GET", "/health/details");
    real.installation.master_keys = { active: "k2", loaded: ["k2", "k1"], workspaces: 1204, workspaces_under_older: 301, workspaces_under_retired: 2 };
    const files = [{ name: "ava-20261130T004210Z.backup", made_at: "2026-11-30T00:42:10.000Z", whole: true, bytes: 41_234_567, schema: 36, version: "0.1.0" }, { name: "ava-20261129T004210Z.backup", made_at: "2026-11-29T00:42:10.000Z", whole: false }];
    await page.route("**/health/details", (route) => route.fulfill({ json: real }));
    await page.route("**/api/v1/backups", (route) => route.fulfill({ json: { folder: "/mnt/another/disk/with/a/rather/long/name/for/backups", every_hours: 24, keep: 7, making: true, failed_at: "2026-11-30T00:42:10.000Z", failed_because: "cannot write /mnt/another: No space left on device", last_at: files[0].made_at, backups: files } }));
    await page.goto(ava.base + "/admin/backups");
    await Promise.all([panel(page, "backups", "ready"), panel(page, "master-keys", "ready")]);
    assert.match(await page.textContent("[data-panel=backups]"), /The last one could not be made\..*No space left.*41 MB.*Not whole/);
    assert.match(await page.textContent("[data-panel=master-keys]"), /903 of 1,204 workspaces are under k2\..*ava rotate-keys.*2 workspaces are closed\./);
    await soon(async () => assert.equal(await page.getAttribute("[data-panel=master-keys] progress", "value"), "903"));
    await look(page, "backups-bad");
    await page.unrouteAll({ behavior: "ignoreErrors" });
    await states("backups", ["**/api/v1/backups", "**/health/details"], "backups", "master-keys");
  });

  test("keyboard alone: from section to section, into a dialog and out of it", async () => {
    await page.goto(ava.base + "/admin/keys");
    await panel(page, "api-keys", "empty");
    await page.focus(".tabs >> text=API keys");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/admin/audit");
    await panel(page, "audit", "ready");
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.id), "top"));
    await page.focus(".tabs >> text=API keys");
    await page.keyboard.press("Enter");
    await panel(page, "api-keys", "empty");
    await page.focus("main .button:has-text('Make a key')");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [name=name]:focus");
    await page.keyboard.type("By keyboard");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-secret]");
    await page.focus("dialog .button.primary");
    await page.keyboard.press("Enter");
    await page.waitForSelector("[data-key='By keyboard']");
    await page.focus("[aria-label='Revoke By keyboard']");
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [name=confirm]:focus");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Revoke By keyboard", "the focus is where it was"));
    await page.keyboard.press("Enter");
    await page.waitForSelector("dialog [name=confirm]:focus");
    await page.keyboard.type("By keyboard");
    await page.keyboard.press("Enter");
    await panel(page, "api-keys", "empty");
    await soon(async () => assert.equal(await page.evaluate(() => document.activeElement.id), "top", "what had the focus is gone: the heading has it"));
  });

  test("nothing went wrong that nobody saw", () => assert.deepEqual([page.faults, her.faults], [[], []]));
});
