// docs/DEPLOYMENT_GUIDE.md: its commands work as they stand, in their order; its settings are good; what it names exists.
import assert from "node:assert/strict";
import { spawnSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, bin, environment, missing, person, root } from "../lib/ava.mjs";
import { sqliteOnly } from "../lib/database.mjs";

const guide = join(root, "docs/DEPLOYMENT_GUIDE.md");
const text = readFileSync(guide, "utf8");
const blocks = (kind) => [...text.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, block]) => block);

test("every page that it links to is there, with the heading it names", () => {
  for (const page of ["DEPLOYMENT_GUIDE.md", "sizing.md", "logs.md"]) {
    const words = readFileSync(join(root, "docs", page), "utf8");
    for (const [, to] of words.matchAll(/\]\(([^)]+)\)/g)) {
      const [file, anchor] = to.split("#");
      const path = join(root, "docs", file);
      assert.ok(existsSync(path), `${page}: ${to}`);
      if (!anchor) continue;
      const headings = [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, h]) => h.toLowerCase().replace(/[^\w\s-]/g, "").replaceAll(" ", "-"));
      assert.ok(headings.includes(anchor), `${page}: ${to}`);
    }
  }
});

test("every alert and board that it names exists", () => {
  const alerts = readFileSync(join(root, "ops/prometheus/alerts.yml"), "utf8");
  for (const page of [text, readFileSync(join(root, "docs/sizing.md"), "utf8")]) for (const [name] of page.matchAll(/\bAva[A-Z][A-Za-z]+/g)) assert.ok(alerts.includes(`alert: ${name}\n`), name);
  for (const [, board] of text.matchAll(/\| \*([A-Z][a-z ]+)\*/g)) assert.ok(existsSync(join(root, "ops/grafana/dashboards", `${board.toLowerCase().replaceAll(" ", "_")}.json`)), board);
});

describe("by a shell, against the sandbox", { skip: missing, concurrency: 1 }, () => {
  let a, top;
  const env = {};
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "ava-guide-"));
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    const { vapi } = (await a.call("/sandbox/api/credentials")).json;
    Object.assign(env, { AVA: a.base, AVA_DATA_DIR: a.data, EMAIL: person.email, KEY_FILE: join(top, "key"), VAPI_KEY: vapi.api_key, ASSISTANT_ID: vapi.assistant_id, NUMBER_ID: vapi.default_number_id, YOUR_PHONE: "+33612345678", BACKUP: join(top, "before.backup"), MASTER_KEYS: join(top, "master.keys") });
  });
  after(async () => {
    await a?.remove();
    rmSync(top, { recursive: true, force: true });
  });

  test("each command works, one shell for all", { skip: sqliteOnly }, async () => {
    const commands = blocks("sh").join("");
    assert.ok(commands.split("\n").length > 10);
    // Ava's own commands read settings, and would not know the guide's variables.
    const script = `ava() { env -i PATH="$PATH" AVA_DATA_DIR="$AVA_DATA_DIR" "${bin}" "$@"; }\nset -euxo pipefail\n${commands}`;
    const child = spawn("bash", ["-c", script], { cwd: root, env: { ...environment(), ...env }, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    for (const s of [child.stdout, child.stderr]) s.on("data", (b) => (out += b));
    const status = await new Promise((r) => child.once("close", r));
    assert.equal(status, 0, out);
    assert.match(out, /ok {4}call +\d+ ms/);
  });

  test("and back: what the backup holds is served again within 5 minutes", { skip: sqliteOnly }, async () => {
    const began = Date.now();
    const data = join(top, "again");
    mkdirSync(data, { mode: 0o700 });
    copyFileSync(join(a.data, "master.keys"), join(data, "master.keys"));
    const r = ava(["restore", env.BACKUP, "--data-dir", data]);
    assert.equal(r.status, 0, r.stderr);
    const b = await Ava.start({ data }).catch((e) => ({ failed: e }));
    assert.ok(!b.failed, b.failed?.message);
    assert.equal((await b.call("/api/v1/auth/me", { key: readFileSync(env.KEY_FILE, "utf8").trim() })).status, 200);
    assert.ok(Date.now() - began < 300_000);
    await b.remove();
  });

  test("its settings are good once the certificate is there, and named where it is not", () => {
    const [ini] = blocks("ini");
    const at = (name) => join(top, name);
    const made = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("privkey.pem"), "-out", at("fullchain.pem"), "-days", "1", "-subj", "/CN=ava.example.com"]);
    assert.equal(made.status, 0);
    const settings = Object.fromEntries(ini.trim().split("\n").map((l) => l.split(/=(.*)/)));
    const bad = ava(["check-config"], { env: settings });
    assert.equal(bad.status, 78);
    assert.match(bad.stderr, /master\.keys/);
    assert.match(bad.stderr, /AVA_TLS_CERT.*\/etc\/ava\/tls\/fullchain\.pem/);
    const good = ava(["check-config"], { env: { ...settings, AVA_TLS_CERT: at("fullchain.pem"), AVA_TLS_KEY: at("privkey.pem"), AVA_MASTER_KEYS_FILE: env.MASTER_KEYS } });
    assert.equal(good.status, 0, good.stderr);
  });
});
