// Nine tabs of one browser, and what becomes of their one stream: closed, frozen, cut, held back, signed out, restarted.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:http";
import test, { after, afterEach, before, describe } from "node:test";
import { Ava, person, until } from "../lib/ava.mjs";
import { missing, PATIENCE_MS, slack, soon, startChromium } from "./ava.mjs";

const TO = "+33612345678";
const LIMIT_MS = 5 * PATIENCE_MS; // of one test: ends a hang

// A proxy that may hold back, or cut, what of the stream has come. `mode` is open, hold or cut; `streams` counts those asked
// for; drop() cuts those that are open.
function startProxy(port) {
  const open = new Set();
  const proxy = { mode: "open", streams: 0, drop: () => open.forEach((res) => res.destroy()) };
  const server = createServer((req, res) => {
    const isStream = req.url === "/api/v1/stream";
    if (isStream) proxy.streams++, open.add(res), res.on("close", () => open.delete(res));
    const on = request({ port, host: "127.0.0.1", method: req.method, path: req.url, headers: req.headers }, (from) => {
      if (isStream && proxy.mode === "hold") return from.resume(); // neither head nor bytes
      res.writeHead(from.statusCode, from.headers);
      from.pipe(res);
      if (isStream && proxy.mode === "cut") setTimeout(() => res.destroy(), 1000);
    });
    on.on("error", () => res.destroy());
    res.on("close", () => on.destroy());
    req.pipe(on);
  });
  return new Promise((done) => server.listen(0, "127.0.0.1", () => done(Object.assign(proxy, {
    base: `http://127.0.0.1:${server.address().port}`,
    stop: () => (server.close(), server.closeAllConnections()),
  }))));
}

// What waits for real silences of many seconds.
const long = process.env.TEST_SOAK ? false : "waits for silences: TEST_SOAK=1 (make soak) runs it";

describe("nine tabs in Chromium", { skip: missing("chromium") }, () => {
  let ava, browser, context;
  const faults = [];
  before(async () => {
    [ava, browser] = await Promise.all([Ava.start({ env: { AVA_LOG_LEVEL: "error" } }), startChromium()]);
    await ava.signUp();
  });
  after(async () => {
    await browser?.close();
    await ava?.remove();
  });
  afterEach(() => context?.close());

  const streams = () => ava.metric("stream_connections");
  const onlyOne = () => until(async () => (await streams()) === 1, { what: "one stream" });
  const place = async () => (await ava.call("/api/v1/calls", { body: { to: TO } })).json;
  const row = (id) => `[data-row="${id}"]`;
  const strip = (page, is) => page.waitForSelector(`[data-connection=${is}]`, { timeout: PATIENCE_MS });

  async function signIn(base = ava.base, who = person) {
    context = await browser.newContext({ viewport: { width: 1200, height: 860 } });
    const r = await context.request.post(base + "/api/v1/auth/login", { data: who });
    assert.equal(r.status(), 200);
  }
  async function tab(path = "/calls", base = ava.base, prepare) {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("pageerror", (e) => faults.push(String(e.stack)));
    await prepare?.(page);
    await page.goto(base + path);
    await page.waitForSelector("[data-panel]:not([data-state=loading])");
    return page;
  }
  // Which of the tabs holds the stream: its lock says so.
  async function holderOf(tabs) {
    for (const page of tabs) {
      const { held, id } = await page.evaluate(async () => {
        const mine = await new Promise((done) => {
          const name = "who-am-i-" + Math.random();
          void navigator.locks.request(name, async () => done((await navigator.locks.query()).held.find((l) => l.name === name).clientId));
        });
        return { held: (await navigator.locks.query()).held, id: mine };
      });
      if (held.some((l) => l.name.startsWith("ava-live ") && l.clientId === id)) return page;
    }
  }
  // The process that draws a page: the one that works while the page does. Stopped, it is as frozen as a page can be.
  async function processOf(page) {
    const all = (await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo")).processInfo.filter((p) => p.type === "renderer").map((p) => p.id);
    const worked = (pid) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ")[11]);
    const before = all.map(worked);
    await page.evaluate(() => {
      for (const end = performance.now() + 700; performance.now() < end; );
    });
    const most = all.map((pid, i) => [worked(pid) - before[i], pid]).sort((a, b) => b[0] - a[0]);
    return most[0][1];
  }

  test("all work, all follow within a second, by one stream; closing its tab loses nothing and shows nothing twice", { timeout: LIMIT_MS }, async () => {
    await signIn();
    const tabs = [];
    for (let i = 0; i < 9; i++) tabs.push(await tab());
    await onlyOne();
    const call = await place();
    const came = Date.now();
    await Promise.all(tabs.map((page) => page.waitForSelector(row(call.id))));
    assert.ok(Date.now() - came < 1000 * slack, `${Date.now() - came} ms until the last of nine showed it`);
    assert.equal(await streams(), 1);
    const holder = await until(() => holderOf(tabs));
    const left = tabs.filter((page) => page !== holder);
    const placed = [];
    const closing = holder.close();
    for (let i = 0; i < 5; i++) placed.push(await place());
    await closing;
    placed.push(await place());
    for (const page of left) {
      for (const one of placed) await page.waitForSelector(row(one.id));
      const rows = await page.$$eval("[data-row]", (all) => all.map((one) => one.dataset.row));
      assert.equal(new Set(rows).size, rows.length, "each once");
    }
    await onlyOne();
  });

  // Chromium says freeze before it freezes a page of itself; here the page is told so and goes on running.
  test("a tab that is put to sleep gives the stream away, and catches up when it wakes", { timeout: LIMIT_MS }, async () => {
    await signIn();
    const tabs = [await tab(), await tab()];
    await onlyOne();
    const holder = await until(() => holderOf(tabs));
    const other = tabs.find((page) => page !== holder);
    await holder.evaluate(() => document.dispatchEvent(new Event("freeze")));
    await until(async () => (await holderOf(tabs)) === other, { what: "another tab holds it" });
    const call = await place();
    await other.waitForSelector(row(call.id));
    assert.equal(await holder.$(row(call.id)), null);
    await holder.evaluate(() => document.dispatchEvent(new Event("resume")));
    await holder.waitForSelector(row(call.id));
    await onlyOne();
  });

  test("a tab that froze without a word keeps its lock: another notices the silence and takes over", { timeout: LIMIT_MS, skip: long }, async () => {
    await signIn();
    const holder = await tab();
    await onlyOne();
    const other = await tab();
    const pid = await processOf(holder);
    process.kill(pid, "SIGSTOP");
    let call;
    try {
      call = await place();
      await other.waitForSelector(row(call.id));
      assert.equal(await holderOf([other]), other);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await holder.waitForSelector(row(call.id));
    await onlyOne();
    assert.ok((await holderOf([holder, other])) === other);
  });

  test("nine tabs whose session ends at once renew it once, and nobody is signed out", { timeout: LIMIT_MS }, async () => {
    await signIn();
    const tabs = [];
    for (let i = 0; i < 9; i++) tabs.push(await tab());
    await onlyOne();
    const refreshes = [];
    context.on("request", (r) => r.url().endsWith("/auth/refresh") && refreshes.push(r));
    await ava.advance(16 * 60);
    const answered = Promise.all(tabs.map((page) => page.waitForResponse((r) => r.url().includes("/api/v1/calls?") && r.status() === 200)));
    await Promise.all(tabs.map((page) => page.evaluate(() => document.querySelectorAll("[aria-label^=Refresh]").forEach((b) => b.click()))));
    await answered;
    assert.equal(refreshes.length, 1);
    for (const page of tabs) assert.equal(await page.$("dialog"), null);
    await onlyOne();
    const call = await place();
    for (const page of tabs) await page.waitForSelector(row(call.id));
  });

  test("another account in another tab: the first begins anew as that one, and sees nothing of it before", { timeout: LIMIT_MS }, async () => {
    const eve = { email: "eve@example.com", password: person.password };
    const { key } = await ava.newPerson(eve.email);
    await signIn();
    const mine = await place();
    const first = await tab();
    await first.waitForSelector(row(mine.id));
    await first.evaluate(() => (globalThis.isTheSame = true));
    const second = await tab("/account");
    await second.click("text=Sign out");
    await first.waitForURL("**/signin**");
    await soon(async () => assert.equal(await first.$(row(mine.id)), null, "what was shown is gone"));
    await second.fill("[name=email]", eve.email);
    await second.fill("[name=password]", eve.password);
    await second.click("button[type=submit]");
    await first.waitForSelector(".side");
    await soon(async () => assert.match(await first.textContent(".who"), /eve/));
    const theirs = (await ava.call("/api/v1/calls", { key, body: { to: TO } })).json;
    const calls = await tab();
    await calls.waitForSelector(row(theirs.id));
    assert.equal(await calls.$(row(mine.id)), null);
  });

  test("the cookie becomes another's behind the page's back: nothing is done or shown in their name", { timeout: LIMIT_MS }, async () => {
    const mallory = { email: "mallory@example.com", password: person.password };
    await ava.newPerson(mallory.email);
    await signIn();
    const page = await tab();
    await page.evaluate(() => (globalThis.isTheSame = true));
    await page.evaluate(async (who) => {
      const { csrf_token } = await (await fetch("/api/v1/auth/me")).json();
      await fetch("/api/v1/auth/logout", { method: "POST", headers: { "X-CSRF-Token": csrf_token } });
      await fetch("/api/v1/auth/login", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(who) });
    }, mallory);
    await page.waitForFunction(() => globalThis.isTheSame === undefined && document.querySelector(".who")?.textContent.includes("mallory"));
  });

  test("cookies gone in the middle: the page says so, keeps what is typed, and goes on after signing in, in every tab", { timeout: LIMIT_MS }, async () => {
    const proxy = await startProxy(ava.port);
    try {
      await signIn(proxy.base);
      const tabs = [await tab("/assistant", proxy.base), await tab("/calls", proxy.base)];
      await onlyOne();
      await tabs[0].click("[data-setting=greeting_message] [data-change]");
      await tabs[0].fill("[name=greeting_message]", "Typed before the cookies went.");
      await context.clearCookies();
      proxy.drop();
      for (const page of tabs) await strip(page, "out");
      // A request of the page may have asked to sign in already.
      if (!(await tabs[1].$("dialog[open]"))) await tabs[1].click("[data-connection=out] button", { timeout: 2000 }).catch(() => {});
      await tabs[1].fill("dialog [name=password]", person.password);
      await tabs[1].click("dialog button[type=submit]");
      for (const page of tabs) await page.waitForSelector("[data-connection]", { state: "detached" });
      assert.equal(await tabs[0].inputValue("[name=greeting_message]"), "Typed before the cookies went.");
      await onlyOne();
      const call = await place();
      await tabs[1].waitForSelector(row(call.id));
    } finally {
      proxy.stop();
    }
  });

  test("a proxy that holds the stream back: the page says so, looks by itself, and recovers", { timeout: LIMIT_MS, skip: long }, async () => {
    const proxy = await startProxy(ava.port);
    try {
      await signIn(proxy.base);
      proxy.mode = "hold";
      const page = await tab("/calls", proxy.base);
      await strip(page, "held");
      assert.match(await page.textContent("[data-connection]"), /Live updates do not come through\./);
      const call = await place();
      await page.waitForSelector(row(call.id));
      proxy.mode = "open";
      await page.waitForSelector("[data-connection]", { state: "detached" });
    } finally {
      proxy.stop();
    }
  });

  test("a stream that is cut each second still tells everything", { timeout: LIMIT_MS }, async () => {
    const proxy = await startProxy(ava.port);
    try {
      await signIn(proxy.base);
      proxy.mode = "cut";
      const page = await tab("/calls", proxy.base);
      const calls = [];
      for (let i = 0; i < 5; i++) {
        const before = proxy.streams;
        calls.push(await place());
        await until(() => proxy.streams > before, { what: "the page came back" });
      }
      for (const call of calls) await page.waitForSelector(row(call.id), { timeout: PATIENCE_MS });
      const rows = await page.$$eval("[data-row]", (all) => all.map((one) => one.dataset.row));
      assert.equal(new Set(rows).size, rows.length, "each once");
    } finally {
      proxy.stop();
    }
  });

  test("a clock that is an hour off: what is new is new, and a running call counts from now", { timeout: LIMIT_MS }, async () => {
    await signIn();
    for (const off of [-3_600_000, 3_600_000]) {
      const page = await tab("/calls", ava.base, (page) => page.addInitScript((off) => {
        const real = Date.now;
        Date.now = () => real() + off;
      }, off));
      const call = await place();
      await page.waitForSelector(row(call.id));
      assert.match(await page.textContent(row(call.id) + " time"), /just now|\d+ s ago/);
      await page.close();
    }
  });

  test("Ava restarts under the page: it says what happened, keeps what is typed, and recovers by itself", { timeout: LIMIT_MS }, async () => {
    await signIn();
    const page = await tab("/assistant");
    const calls = await tab();
    await page.click("[data-setting=greeting_message] [data-change]");
    await page.fill("[name=greeting_message]", "Typed over a restart.");
    const { data, port } = ava;
    await ava.stop();
    for (const one of [page, calls]) await strip(one, "cut");
    await soon(async () => assert.match(await page.textContent("[data-connection]"), /Ava does not answer\..*What you typed is kept.*next try in \d+ s|trying now/s));
    ava = await Ava.start({ data, port, env: { AVA_LOG_LEVEL: "error" } }).then((again) => Object.assign(again, { key: ava.key }));
    for (const one of [page, calls]) await one.waitForSelector("[data-connection]", { state: "detached" });
    await page.waitForSelector("text=Connected again");
    assert.equal(await page.inputValue("[name=greeting_message]"), "Typed over a restart.");
    const call = await place();
    await calls.waitForSelector(row(call.id));
    await onlyOne();
  });

  test("nothing fell over", () => assert.deepEqual(faults, []));
});
