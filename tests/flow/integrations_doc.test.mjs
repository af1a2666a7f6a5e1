// docs/INTEGRATIONS.md: each of its curl lines works as it stands, with curl, against the sandbox; and no route of what it is
// about is left out.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, root } from "../lib/ava.mjs";
import { Browser } from "../lib/consent.mjs";

const text = readFileSync(join(root, "docs/INTEGRATIONS.md"), "utf8");
const lines = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block]) => block.trimEnd().split("\n"));
const steps = [];
for (let i = 0; i < lines.length; i += 2) steps.push({ says: lines[i], command: lines[i + 1] ?? "" });

const curl = existsSync("/usr/bin/curl") ? false : "no /usr/bin/curl";
const pick = (json, path) => path.split(".").reduce((value, key) => value?.[key], json);

test("each line of it says what comes back", () => {
  assert.ok(steps.length > 35);
  for (const { says, command } of steps) {
    assert.match(says, /^# \d{3}( or \d{3})?(; [A-Z]+ is its [\w.]+)*$/);
    assert.match(command, /^curl /);
  }
});

test("no route of settings, numbers, e-mail and calendars is left out", () => {
  const about = /^\/api\/v1\/(vapi\/settings|twilio\/numbers|integrations|suppressions|credentials)/;
  const said = steps.map(({ command }) => {
    const [, path] = /\$AVA([^"?]+)/.exec(command);
    return `${(/-X (\w+)/.exec(command)?.[1] ?? "GET").toLowerCase()} ${path}`;
  });
  const routes = [...readFileSync(join(root, "openapi.yaml"), "utf8").matchAll(/^ {2}(\/\S+):\n((?: {4}.*\n|\n)+)/gm)].flatMap(([, path, body]) => [...body.matchAll(/^ {4}(get|post|put|patch|delete):/gm)].map(([, method]) => [method, path])).filter(([, path]) => about.test(path));
  assert.ok(routes.length > 25, `${routes.length}`);
  for (const [method, path] of routes) {
    const shape = new RegExp(`^${method} ${path.replace(/\{[^}]+\}/g, "[^/]+")}$`);
    assert.ok(said.some((s) => shape.test(s)), `${method} ${path}`);
  }
});

describe("against the sandbox", { skip: missing || curl, concurrency: 1 }, () => {
  let a;
  const env = {};
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    const demo = (await a.call("/sandbox/api/credentials")).json;
    Object.assign(env, { AVA: a.base, KEY: a.key, VAPI_KEY: demo.vapi.api_key, ASSISTANT_ID: demo.vapi.assistant_id, TWILIO_SID: demo.twilio.account_sid, TWILIO_TOKEN: demo.twilio.auth_token, RESEND_KEY: demo.resend.api_key, SMTP_HOST: demo.smtp.host, SMTP_PORT: String(demo.smtp.port), SMTP_USER: demo.smtp.username, SMTP_PASSWORD: demo.smtp.password });
    assert.equal(await (await Browser.signIn(a)).connect("google", "write"), "connected");
  });
  after(() => a?.remove());

  // The shell reads the line as a person's would; curl's own function adds how to tell the status.
  function run(command) {
    const script = `curl() { command curl -sS -w '\\n%{http_code}' "$@"; }\n${command}`;
    const { stdout, stderr, status } = spawnSync("/bin/bash", ["-c", script], { env: { PATH: "/usr/bin:/bin", ...env }, encoding: "utf8", timeout: 30_000 });
    assert.equal(status, 0, stderr);
    const at = stdout.lastIndexOf("\n");
    return { status: Number(stdout.slice(at + 1)), text: stdout.slice(0, at) };
  }

  for (const { says, command } of steps)
    test(command.replace(/^curl /, "").replace(/-H (?:"[^"]*"|'[^']*') ?/g, "").slice(0, 110), () => {
      const r = run(command);
      assert.ok(says.split(";")[0].match(/\d{3}/g).map(Number).includes(r.status), `${r.status} ${r.text}`);
      for (const [, name, path] of says.matchAll(/(\w+) is its ([\w.]+)/g)) {
        env[name] = pick(JSON.parse(r.text), path);
        assert.ok(env[name], `${path}: ${r.text}`);
      }
    });
});
