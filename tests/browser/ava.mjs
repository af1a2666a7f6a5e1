// Browsers to visit a real Ava with (tests/lib/ava.mjs starts it), and what is asked of every page.
import { spawn } from "node:child_process";
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Ava, freePort, missing as noProgram, slack, until } from "../lib/ava.mjs";

export { slack };

const browsers = { chromium: "/usr/bin/chromium", firefox: "/usr/bin/firefox-esr", webkit: "/usr/bin/WebKitWebDriver" };
const screen = "/usr/bin/Xvfb"; // WebKit draws on a display only

// Why these tests cannot run here; nothing when they can.
export function missing(browser) {
  if (noProgram) return noProgram;
  for (const needed of [browsers[browser], browser === "webkit" && screen]) if (needed && !existsSync(needed)) return `no ${needed}`;
  return false;
}

// How long anything may take that is only waited for: the limit ends a hang, on a machine that has three times as much to do as it can.
export const PATIENCE_MS = 60_000;

// TEST_SLOW=1 puts each page of Chromium on an old machine far away: what reads before it waited shows.
const slow = process.env.TEST_SLOW === "1";

// What comes a moment after a press or an answer: asserts again until it holds, else fails as it failed last. Not for what must
// be so at once, nor for what must not happen: that holds at the first look.
export async function soon(asserts, ms = PATIENCE_MS) {
  const isEarly = (e) => e instanceof assert.AssertionError || /context was destroyed|because of a navigation|frame was detached/i.test(e.message);
  for (const end = Date.now() + ms; ; await pause(20)) {
    try {
      return await asserts();
    } catch (e) {
      if (!isEarly(e) || Date.now() > end) throw e;
    }
  }
}

export const person = { email: "ada@example.com", password: "correct horse battery", name: "Ada" };
export const pause = (ms) => new Promise((r) => setTimeout(r, ms));

// Limits are off unless a test is about them: a person never clicks as fast as a test.
export async function startAva(env = {}) {
  const ava = await Ava.start({ env });
  return {
    base: ava.base,
    link: ava.link,
    fault: (body) => ava.fault(body), // make a pretend provider misbehave: {"provider","fault",…}
    async calm() {
      for (const provider of ["vapi", "twilio"]) await ava.fault({ provider, fault: "none" });
    },
    advance: (seconds) => ava.advance(seconds),
    // Past the page, as another window of the same person would; `page` lends its session.
    elsewhere: (page, method, path, body, headers = {}) =>
      page.evaluate(async ([method, path, body, headers]) => {
        const { csrf_token } = await (await fetch("/api/v1/auth/me")).json();
        const r = await fetch("/api/v1" + path, { method, headers: { "X-CSRF-Token": csrf_token, ...(body ? { "Content-Type": "application/json" } : {}), ...headers }, body: body && JSON.stringify(body) });
        return r.status === 204 ? null : r.json();
      }, [method, path, body, headers]),
    metric: (name, labels) => ava.metric(name, labels),
    hits: async (provider) => (await ava.ledger()).counts[provider],
    stop: () => ava.remove(),
  };
}

const quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function startChromium() {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: browsers.chromium, args: quiet });
}

export async function startFirefox() {
  const { default: puppeteer } = await import("puppeteer-core");
  return puppeteer.launch({ browser: "firefox", executablePath: browsers.firefox, headless: true });
}

// WebKit by the WebDriver protocol: go(address), back(), run(script, ...arguments), click(selector), type(selector, text), close().
// look(script, ...arguments) is a run that may be repeated: nothing where no answer came, since a script that is asked for just
// while a page goes away is lost with it, and WebKitWebDriver never answers.
export async function startWebKit() {
  const display = spawn(screen, ["-displayfd", "1", "-screen", "0", "1280x1024x24", "-nolisten", "tcp"], { stdio: ["ignore", "pipe", "ignore"] });
  const number = await new Promise((done, fail) => (display.stdout.once("data", (b) => done(String(b).trim())), display.once("exit", (code) => fail(new Error(`Xvfb ended with ${code}`)))));
  const port = await freePort();
  const driver = spawn(browsers.webkit, ["--port=" + port], { env: { ...process.env, DISPLAY: ":" + number }, stdio: "ignore" });
  const stop = () => (driver.kill(), display.kill());
  let session = "";
  async function ask(method, path, body, ms = PATIENCE_MS) {
    const response = await fetch(`http://127.0.0.1:${port}${session}${path}`, { method, body: body && JSON.stringify(body), signal: AbortSignal.timeout(ms) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value?.error} ${value?.message}`);
    return value;
  }
  try {
    await until(() => fetch(`http://127.0.0.1:${port}/status`).then((r) => r.ok, () => false), { what: "WebKitWebDriver" });
    session = "/session/" + (await ask("POST", "/session", { capabilities: { alwaysMatch: { acceptInsecureCerts: false } } })).sessionId;
    await ask("POST", "/window/rect", { width: 1200, height: 900 });
  } catch (e) {
    stop();
    throw e;
  }
  const find = async (selector) => "/element/" + Object.values(await ask("POST", "/element", { using: "css selector", value: selector }))[0];
  return {
    go: (url) => ask("POST", "/url", { url }),
    back: () => ask("POST", "/back", {}),
    look: (script, ...args) => ask("POST", "/execute/sync", { script, args }, 3000).catch((e) => {
      if (e.name !== "TimeoutError") throw e;
    }),
    run: (script, ...args) => ask("POST", "/execute/sync", { script, args }),
    click: (selector) => ask("POST", "/execute/sync", { script: "document.querySelector(arguments[0]).click()", args: [selector] }),
    type: async (selector, text) => ask("POST", (await find(selector)) + "/value", { text }),
    close: () => ask("DELETE", "").catch(() => {}).finally(stop),
  };
}

async function slowDown(page) {
  const wires = await page.context().newCDPSession(page);
  await wires.send("Network.enable");
  await wires.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: -1, uploadThroughput: -1 });
  await wires.send("Emulation.setCPUThrottlingRate", { rate: 4 });
}

// A page that remembers what should never happen: errors, refusals by the content policy, requests elsewhere.
export async function openPage(browser, ava, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.faults = [];
  page.on("pageerror", (e) => page.faults.push(String(e.stack)));
  page.on("console", (m) => /Content Security Policy|TrustedHTML|TrustedScript/i.test(m.text()) && page.faults.push(m.text()));
  page.on("request", (r) => !r.url().startsWith(ava.base + "/") && !r.url().startsWith("data:") && page.faults.push("asked elsewhere: " + r.url()));
  if (slow) await slowDown(page);
  return page;
}

// The wizard, the short way: account, sandbox, the suggested values.
export async function setUp(page, ava) {
  await page.goto(ava.link);
  await page.fill("[name=email]", person.email);
  await page.fill("[name=name]", person.name);
  await page.fill("[name=password]", person.password);
  await page.click("button[type=submit]");
  await page.waitForSelector("[data-step='2']");
  await page.click("button[type=submit]");
  await page.waitForSelector("[data-step='3'] [name=greeting_message]");
  await page.click("button[type=submit]");
  await page.waitForSelector("[data-panel=first-call]");
  await page.goto(ava.base + "/assistant");
  await panel(page, "settings", "ready");
}

export function panel(page, name, ...states) {
  return page.waitForSelector(states.map((s) => `[data-panel=${name}][data-state=${s}]`).join(", "));
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

// What axe finds in the page, or in the part of it that a selector names. Works with both drivers: each has evaluate(string)
// and evaluate(function, argument).
export async function axe(page, where) {
  if (!(await page.evaluate(() => Boolean(globalThis.axe)))) await page.evaluate(axeSource);
  // What is still fading in has the colours of nothing that anybody reads.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((one) => Number.isFinite(one.effect?.getComputedTiming().endTime)).map((one) => one.finished.catch(() => {}))));
  const violations = await page.evaluate(async ([only, where]) => (await globalThis.axe.run(where ?? document, { runOnly: only, resultTypes: ["violations"] })).violations, [tags, where]);
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")}`);
}

const shots = process.env.TEST_SHOTS; // a folder to look at them in
// Both themes and the narrowest window: nothing for axe, no sideways scroll, and a picture where one is asked for.
export async function look(page, name) {
  if (shots) mkdirSync(shots, { recursive: true });
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.waitForTimeout(200);
    assert.deepEqual((await axe(page)).map((v) => `${name} ${colorScheme} ${v}`), []);
    if (shots) await page.screenshot({ path: join(shots, `${name}-${colorScheme}.png`), fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 320, height: 800 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (shots) await page.screenshot({ path: join(shots, `${name}-320.png`), fullPage: true });
  await page.setViewportSize({ width: 1200, height: 860 });
  assert.ok(width <= 320, `${name} is ${width} px wide at 320`);
}
export async function signIn(page, ava, who) {
  await page.goto(ava.base + "/signin");
  await page.fill("[name=email]", who.email);
  await page.fill("[name=password]", who.password);
  await page.click("button[type=submit]");
  await page.waitForSelector(".who");
}
