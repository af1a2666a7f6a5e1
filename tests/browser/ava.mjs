// A real Ava for the browser tests: the sandbox on a free port with a folder of its own, and a browser to visit it.
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const bin = resolve(root, process.env.AVA_BIN ?? "build/ava");
const browsers = { chromium: "/usr/bin/chromium", firefox: "/usr/bin/firefox-esr" };

// Why these tests cannot run here; nothing when they can.
export function missing(browser) {
  if (!existsSync(bin)) return `no program at ${process.env.AVA_BIN ?? "build/ava"}: run make build, or set AVA_BIN`;
  if (browser && !existsSync(browsers[browser])) return `no ${browsers[browser]}`;
  return false;
}

export const person = { email: "ada@example.com", password: "correct horse battery", name: "Ada" };
export const pause = (ms) => new Promise((r) => setTimeout(r, ms));

function freePort() {
  return new Promise((done, fail) => {
    const server = createServer().on("error", fail);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

// Ava refuses settings it does not know, so nothing of ours (AVA_BIN) and nothing of the caller's may leak in.
function environment() {
  return Object.fromEntries(["PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"].map((name) => [name, process.env[name]]).filter(([, value]) => value !== undefined));
}

// Limits are off unless a test is about them: a person never clicks as fast as a test.
export async function startAva(env = {}) {
  const port = await freePort();
  const data = await mkdtemp(join(tmpdir(), "ava-browser-"));
  const child = spawn(bin, ["sandbox"], {
    cwd: data,
    env: { ...environment(), AVA_LISTEN: `127.0.0.1:${port}`, AVA_DATA_DIR: data, ENABLE_RATE_LIMITING: "false", DRAIN_DELAY_SECONDS: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const gone = new Promise((r) => child.once("exit", r));
  const link = await new Promise((done, fail) => {
    const late = setTimeout(() => fail(new Error("no setup link within 20 s:\n" + said)), 20_000);
    const hear = (chunk) => {
      said += chunk;
      const found = /Open\s+(http:\/\/\S+\/setup#t=\S+)/.exec(said);
      if (found) (clearTimeout(late), done(found[1]));
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.once("exit", (code) => fail(new Error(`Ava ended with ${code} before it printed a link:\n${said}`)));
  });
  const base = `http://127.0.0.1:${port}`;
  return {
    base,
    link,
    // Make a pretend provider misbehave: {"provider","fault",…}
    async fault(body) {
      const response = await fetch(base + "/sandbox/api/faults", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`faults: ${response.status} ${await response.text()}`);
    },
    async calm() {
      for (const provider of ["vapi", "twilio"]) await this.fault({ provider, fault: "none" });
    },
    async hits(provider) {
      const response = await fetch(base + "/sandbox/api/ledger");
      return (await response.json()).counts[provider];
    },
    async stop() {
      child.kill("SIGTERM");
      const kill = setTimeout(() => child.kill("SIGKILL"), 35_000);
      await gone;
      clearTimeout(kill);
      await rm(data, { recursive: true, force: true });
    },
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

// A page that remembers what should never happen: errors, refusals by the content policy, requests elsewhere.
export async function openPage(browser, ava, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1200, height: 860 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.faults = [];
  page.on("pageerror", (e) => page.faults.push(String(e.stack)));
  page.on("console", (m) => /Content Security Policy|TrustedHTML|TrustedScript/i.test(m.text()) && page.faults.push(m.text()));
  page.on("request", (r) => !r.url().startsWith(ava.base + "/") && !r.url().startsWith("data:") && page.faults.push("asked elsewhere: " + r.url()));
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
  await page.waitForURL("**/assistant");
  await panel(page, "settings", "ready");
}

export function panel(page, name, ...states) {
  return page.waitForSelector(states.map((s) => `[data-panel=${name}][data-state=${s}]`).join(", "));
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"];

// Works with both drivers: each has evaluate(string) and evaluate(function, argument).
export async function axe(page) {
  await page.evaluate(axeSource);
  const violations = await page.evaluate(async (only) => (await globalThis.axe.run(document, { runOnly: only })).violations, tags);
  return violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")).join("; ")}`);
}
