// The command line: what it prints, what it returns, and that it works beside a running server.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing, root } from "../lib/ava.mjs";
import { keyFileOnly } from "../lib/database.mjs";

describe("settings on the command line", { skip: missing }, () => {
  test("check-config names every problem, its range, the nearest name and its origin, and exits 78", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ava-conf-"));
    const file = join(dir, "ava.conf");
    await writeFile(file, "# comment\nCIRCUIT_BREAKER_TRESHOLD = 4\nAVA_LOG_LEVEL=loud\n");
    const r = ava(["check-config", "--config", file], { env: { RATE_LIMIT_PER_MINUTE: "0", AVA_LISTN: "x", REDIS_URL: "redis://x" } });
    assert.equal(r.status, 78);
    for (const part of [`${file}:2`, "Did you mean CIRCUIT_BREAKER_THRESHOLD?", "AVA_LOG_LEVEL: 'loud' is not one of debug|info", "RATE_LIMIT_PER_MINUTE: 0 is too low (1..10000)", "AVA_LISTN is not a setting. Did you mean AVA_LISTEN?", "REDIS_URL: without DATABASE_URL", "5 problems. Nothing was started."])
      assert.ok(r.stderr.includes(part), `${part} in\n${r.stderr}`);
    await rm(dir, { recursive: true });
  });

  test("flag beats environment beats file beats default, and config show says which", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ava-conf-"));
    const file = join(dir, "ava.conf");
    await writeFile(file, "CACHE_TTL_SECONDS=1\nRATE_LIMIT_PER_MINUTE=11\nMAX_REQUESTS=100\n");
    const r = ava(["config", "show", "--origin", "--config", file, "--cache-ttl-seconds", "3"], { env: { CACHE_TTL_SECONDS: "2", RATE_LIMIT_PER_MINUTE: "12", VAPI_API_KEY: "hidden-key-1" } });
    assert.equal(r.status, 0, r.stderr);
    for (const line of ["CACHE_TTL_SECONDS 3 flag", "RATE_LIMIT_PER_MINUTE 12 environment", "MAX_REQUESTS 100 file", "AVA_LISTEN 127.0.0.1:8000 default", "VAPI_API_KEY set environment"]) assert.ok(r.stdout.split("\n").includes(line), `${line} in\n${r.stdout}`);
    assert.ok(!r.stdout.includes("hidden-key-1"));
    await rm(dir, { recursive: true });
  });

  test("production refuses what is unsafe, with the remedy", () => {
    const r = ava(["serve"], { env: { AVA_PROFILE: "production", INTEGRATIONS_STUB_MODE: "true" } });
    assert.equal(r.status, 78);
    for (const part of ["INTEGRATIONS_STUB_MODE", "AVA_MASTER_KEYS: missing", "AVA_PUBLIC_URL: missing"]) assert.ok(r.stderr.includes(part), r.stderr);
    assert.equal(r.stdout, "");
  });

  test("plain http to another machine is refused", () => {
    const r = ava(["check-config"], { env: { VAPI_BASE_URL: "http://api.example.com" } });
    assert.equal(r.status, 78);
    assert.match(r.stderr, /plain http is for this machine only/);
  });

  test(".env.example is what ava config example prints", () => {
    assert.equal(readFileSync(join(root, ".env.example"), "utf8"), ava(["config", "example"]).stdout);
  });

  test("the documentation pages are what ava reference prints", () => {
    for (const page of ["settings", "metrics", "problems"]) assert.equal(readFileSync(join(root, `docs/${page}.md`), "utf8"), ava(["reference", page]).stdout, page);
  });

  test("version, openapi, completion, help; a typo suggests the nearest verb and exits 2", () => {
    assert.match(ava(["version"]).stdout, /^ava \d+\.\d+\.\d+\n$/);
    assert.equal(JSON.parse(ava(["openapi"]).stdout).openapi, "3.1.0");
    assert.match(ava(["completion", "bash"]).stdout, /complete -F _ava ava/);
    assert.match(ava([]).stdout, /ava serve/);
    const typo = ava(["sandbx"]);
    assert.equal(typo.status, 2);
    assert.match(typo.stderr, /did you mean 'sandbox'/);
    assert.equal(ava(["serve", "--no-such-flag"]).status, 2);
    assert.equal(ava(["key", "create"]).status, 2);
  });
});

describe("beside a running server", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn" } });
    await a.signUp();
  });
  after(() => a.remove());
  const run = (args, more) => ava([...args, "--data-dir", a.data], more);

  test("status tells how it fares, for people and as JSON", () => {
    assert.match(run(["status"]).stdout, /^serving since .*\nvapi {4}closed {5}0 of 3 failures\n/);
    assert.equal(JSON.parse(run(["status", "--json"]).stdout).providers.length, 4);
    assert.equal(ava(["status", "--data-dir", "/nonexistent"]).status, 1);
    assert.equal(statSync(join(a.data, "ava.sock")).mode & 0o777, 0o600);
  });

  test("a second server on the same folder is refused", () => {
    const r = run(["serve", "--listen", "127.0.0.1:0"]);
    assert.equal(r.status, 78);
    assert.match(r.stderr, new RegExp(`another Ava is serving from ${a.data} \\(process ${a.child.pid} on `));
  });

  test("an occupied port is refused before anything starts", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ava-port-"));
    const r = ava(["serve", "--data-dir", dir, "--listen", `127.0.0.1:${a.port}`]);
    assert.equal(r.status, 78);
    assert.match(r.stderr, /cannot listen on/);
    await rm(dir, { recursive: true });
  });

  test("key create prints the key alone, and it works at once", async () => {
    const r = run(["key", "create", "--user", "ada@example.com", "--name", "cli"]);
    assert.match(r.stdout, /^ava_live_[\w-]{43}\n$/);
    assert.equal((await a.call("/api/v1/auth/me", { key: r.stdout.trim() })).status, 200);
    assert.equal(run(["key", "create", "--user", "nobody@example.com", "--name", "x"]).status, 1);
  });

  test("workspaces are made, listed and shared", async () => {
    const made = run(["workspace", "create", "Night line", "--owner", "ada@example.com"]).stdout.trim();
    assert.match(made, /^ws_[0-9a-f]{32}$/);
    assert.ok(run(["workspace", "list"]).stdout.includes(`${made}  Night line`));
    await a.newPerson("bob@example.com");
    assert.match(run(["workspace", "member", made, "bob@example.com", "admin"]).stdout, /bob@example.com is admin/);
    assert.equal(run(["workspace", "member", made, "bob@example.com", "king"]).status, 2);
    assert.equal(run(["workspace", "allow-platform", made, "twilio"]).status, 0);
    assert.match(run(["workspace", "weigh", made, "3"]).stdout, /has the weight 3/);
    assert.equal(run(["workspace", "weigh", made, "101"]).status, 2);
    assert.equal(run(["workspace", "weigh", "ws_unknown", "3"]).status, 1);
  });

  test("keys are rotated while readers never fail; the old key is refused afterwards", async (t) => {
    const settings = { api_key: "a-good-sandbox-key", assistant_id: "5b0a4a08-133c-4146-9315-0984f8c6be80" };
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: settings })).status, 200);
    const old = (await readFile(join(a.data, "master.keys"), "utf8")).trim();
    const fresh = `k2:${randomBytes(32).toString("base64")}`;
    const keys = join(a.data, "both.keys");
    await a.stop();
    await writeFile(keys, `${fresh}\n${old}\n`, { mode: 0o600 });
    const env = { AVA_MASTER_KEYS_FILE: keys, AVA_LOG_LEVEL: "off", CACHE_TTL_SECONDS: "0" };
    const b = await Ava.start({ data: a.data, env });
    t.after(() => b.stop());
    b.key = a.key;
    let stop = false, reads = 0;
    const reader = (async () => {
      while (!stop) {
        const r = await b.call("/api/v1/vapi/settings");
        assert.equal(r.status, 200, r.text);
        reads++;
      }
    })();
    for (let n = 0; n < 5; n++) {
      const r = await avaBeside(["rotate-keys", "--data", "--data-dir", a.data], { env: { AVA_MASTER_KEYS_FILE: keys } });
      assert.equal(r.status, 0, r.stderr);
      assert.match(r.stdout, /^active key k2: /);
    }
    stop = true;
    await reader;
    assert.ok(reads > 5);
    await b.stop();
    await writeFile(keys, old + "\n", { mode: 0o600 });
    const refused = run(["serve", "--listen", "127.0.0.1:0"], { env: { AVA_MASTER_KEYS_FILE: keys } });
    assert.equal(refused.status, 78, refused.stdout);
    assert.match(refused.stderr, /sealed under the master key 'k2', which is not loaded/);
    await writeFile(keys, `k2:${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
    const wrong = run(["serve", "--listen", "127.0.0.1:0"], { env: { AVA_MASTER_KEYS_FILE: keys } });
    assert.equal(wrong.status, 78);
    assert.match(wrong.stderr, /is not the one this data was sealed with/);
    await writeFile(keys, fresh + "\n", { mode: 0o600 });
    a = await Ava.start({ data: a.data, env });
    a.key = b.key;
    assert.equal((await a.call("/api/v1/vapi/settings")).status, 200);
  });
});

describe("headless", { skip: missing }, () => {
  test("AVA_ADMIN_EMAIL and a password file make the first account before the port opens; no link then", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ava-pass-"));
    const file = join(dir, "password");
    await writeFile(file, "a headless password\n", { mode: 0o600 });
    const a = await Ava.start({ verb: "serve", env: { AVA_ADMIN_EMAIL: "root@example.com", AVA_ADMIN_PASSWORD_FILE: file } });
    assert.ok(!a.stdout.includes("setup#t="), a.stdout);
    const login = await a.call("/api/v1/auth/login", { body: { email: "root@example.com", password: "a headless password" } });
    assert.equal(login.status, 200, login.text);
    assert.equal(login.json.user.admin, true);
    if (!keyFileOnly) assert.equal(statSync(join(a.data, "master.keys")).mode & 0o777, 0o600);
    await a.stop();
    const play = ava(["sandbox", "--data-dir", a.data, "--listen", "127.0.0.1:0"]);
    assert.equal(play.status, 78, play.stderr);
    assert.match(play.stderr, /ava serve has worked with these data, .* a data folder of its own/);
    await a.remove();
    await rm(dir, { recursive: true });
  });
});
