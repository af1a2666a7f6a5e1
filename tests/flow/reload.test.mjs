// The settings are read again while Ava serves: all or nothing, at once, and nobody's request fails for it.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing, until } from "../lib/ava.mjs";
import { stored } from "../lib/database.mjs";
import { paced, tally } from "../lib/load.mjs";

const SECRET = "sk-never-to-be-seen-0001", NEXT = "sk-never-to-be-seen-0002", WARM = "sk-of-the-environment-03";

describe("reload", { skip: missing, concurrency: 1 }, () => {
  let a, conf, file;
  const write = (lines) => writeFile(conf, Object.entries(lines).map(([n, v]) => `${n}=${v}\n`).join(""));
  const good = { RATE_LIMIT_PER_MINUTE: "10", RATE_LIMIT_DEFAULT_PER_MINUTE: "1000" };
  const command = (...more) => avaBeside(["config", "reload", "--data-dir", a.data, ...more]);
  const reloads = () => a.stderr.split("\n").filter((l) => l.includes('"event":"reload"')).map((l) => JSON.parse(l));
  const hangUp = async () => {
    const had = reloads().length;
    a.child.kill("SIGHUP");
    await until(() => reloads().length > had, { what: "the log line of the reload" });
    return reloads().at(-1);
  };
  const policy = async () => (await a.call("/api/v1/vapi/settings")).headers.get("ratelimit-policy");

  before(async () => {
    const data = await mkdtemp(join(tmpdir(), "ava-reload-"));
    conf = join(data, "ava.conf"); // found in the folder Ava is started in
    file = join(data, "vapi.key");
    await writeFile(file, SECRET + "\n", { mode: 0o600 });
    await write(good);
    a = await Ava.start({
      data, env: { VAPI_API_KEY_FILE: file, VAPI_ASSISTANT_ID: "5b0a4a08-133c-4146-9315-0984f8c6be80", TWILIO_AUTH_TOKEN: WARM, TWILIO_ACCOUNT_SID: "AC" + "0".repeat(32), ENABLE_RATE_LIMITING: "true" },
    });
    await a.signUp();
  });
  after(() => a.remove());

  test("nothing changed: it says so, and what came from the environment is as it was", async () => {
    const r = await command();
    assert.equal(r.status, 0, r.stderr);
    assert.equal(r.stdout, "nothing changed\n");
  });

  test("a plain value is shown from and to, is in force at once, and stands in the log and the audit chain", async () => {
    assert.equal(await policy(), '"user-route";q=10;w=60');
    await write({ ...good, RATE_LIMIT_PER_MINUTE: "500" });
    const r = await command();
    assert.equal(r.status, 0, r.stderr);
    assert.equal(r.stdout, "RATE_LIMIT_PER_MINUTE 10 -> 500\n");
    assert.equal(await policy(), '"user-route";q=500;w=60');
    await until(() => reloads().at(-1)?.changed === "RATE_LIMIT_PER_MINUTE");
  });

  test("a limit changes up and down under load by SIGHUP, and no request fails", async () => {
    const stop = {}, answers = paced(60, 60, () => a.call("/api/v1/auth/keys"), stop);
    for (const [name, value] of [["RATE_LIMIT_DEFAULT_PER_MINUTE", "9000"], ["MAX_REQUESTS", "64"], ["PROVIDER_MAX_IN_FLIGHT", "8"], ["WORKSPACE_MAX_IN_FLIGHT", "4"],
      ["CACHE_TTL_SECONDS", "0"], ["CIRCUIT_BREAKER_THRESHOLD", "7"], ["CIRCUIT_BREAKER_ENABLED", "false"], ["TRUSTED_PROXIES", "127.0.0.1"], ["AVA_LOG_LEVEL", "info"]]) {
      await write({ ...good, RATE_LIMIT_DEFAULT_PER_MINUTE: "10000", [name]: value });
      const line = await hangUp();
      assert.equal(line.outcome, "ok", JSON.stringify(line));
    }
    await write({ ...good, RATE_LIMIT_DEFAULT_PER_MINUTE: "10000" });
    await hangUp();
    stop.now = true;
    const counts = tally(await answers);
    assert.deepEqual(Object.keys(counts), ["200"], JSON.stringify(counts));
  });

  test("one problem and nothing changes: every one is named with its origin, by command and by SIGHUP", async () => {
    await write({ ...good, RATE_LIMIT_PER_MINUTE: "20" });
    await hangUp();
    await write({ RATE_LIMIT_PER_MINUTE: "0", CACHE_TTL_SECONDS: "x", TRUSTED_PROXIES: "nonsense", NO_SUCH: "1", RATE_LIMIT_DEFAULT_PER_MINUTE: "33" });
    const r = await command();
    assert.equal(r.status, 1);
    assert.equal(r.stdout, "");
    for (const words of ["RATE_LIMIT_PER_MINUTE: 0 is too low (1..10000)\n  from ava.conf:1", "CACHE_TTL_SECONDS: 'x' is not a whole number", "TRUSTED_PROXIES: not a list", "NO_SUCH is not a setting", "4 problems. Nothing was changed."])
      assert.ok(r.stderr.includes(words), `${words}\n---\n${r.stderr}`);
    const json = await command("--json");
    assert.equal(json.status, 1);
    assert.equal(JSON.parse(json.stdout).problems.length, 4);
    const line = await hangUp();
    assert.equal(line.level, "error");
    assert.equal(line.outcome, "refused");
    assert.match(line.problems, /RATE_LIMIT_PER_MINUTE: 0 is too low \(1\.\.10000\)/);
    assert.match(line.remedy, /reload again/);
    assert.equal(await policy(), '"user-route";q=20;w=60');
    await write({ ...good, RATE_LIMIT_PER_MINUTE: "20" });
    assert.equal((await command()).stdout, "nothing changed\n", "33 never came in force");
  });

  test("what needs a restart is named each time, and goes on as it was", async () => {
    const lines = { ...good, AVA_LISTEN: "127.0.0.1:1", MAX_CONNECTIONS: "100", RATE_LIMIT_PER_MINUTE: "21" };
    await write(lines); // AVA_LISTEN comes from the environment, which is stronger
    const r = await command();
    assert.equal(r.status, 0, r.stderr);
    assert.equal(r.stdout, "RATE_LIMIT_PER_MINUTE 20 -> 21\nneeds a restart: MAX_CONNECTIONS\n");
    const again = JSON.parse((await command("--json")).stdout);
    assert.deepEqual(again, { reloaded: true, changed: [], needs_restart: ["MAX_CONNECTIONS"] });
    assert.equal((await hangUp()).needs_restart, "MAX_CONNECTIONS");
    await write({ ...good, RATE_LIMIT_PER_MINUTE: "21" });
    assert.equal((await command()).stdout, "nothing changed\n");
  });

  test("a platform credential changes at once and is never printed", async () => {
    const { key } = await a.newPerson("bob@example.com"); // his workspace has none of its own
    const settings = async () => (await a.call("/api/v1/vapi/settings", { key })).status;
    await a.fault({ provider: "vapi", credential: NEXT.slice(-4), fault: "status", status: 402 });
    assert.equal(await settings(), 200, "the first key is in use");
    await writeFile(file, NEXT + "\n", { mode: 0o600 });
    const r = await command();
    assert.equal(r.status, 0, r.stderr);
    assert.equal(r.stdout, "VAPI_API_KEY changed\n");
    assert.equal(await settings(), 424, "the second key is in use, and nothing cached under the first one");
    await rm(file);
    const gone = await command();
    assert.equal(gone.status, 1);
    assert.match(gone.stderr, /VAPI_API_KEY: the file .* cannot be read/);
    await writeFile(file, SECRET + "\n", { mode: 0o600 });
    assert.equal((await command()).stdout, "VAPI_API_KEY changed\n");
    assert.equal(await settings(), 200);
    const said = a.stdout + a.stderr + r.stdout + r.stderr + gone.stderr;
    for (const secret of [SECRET, NEXT, WARM]) assert.ok(!said.includes(secret));
  });

  test("a page of another site may read from the moment its origin is listed", async () => {
    const allowed = async () => (await a.call("/api/v1/auth/me", { headers: { Origin: "https://app.example.com" } })).headers.get("access-control-allow-origin");
    assert.equal(await allowed(), null);
    await write({ ...good, CORS_ALLOWED_ORIGINS: "https://app.example.com" });
    assert.equal((await command()).stdout, "CORS_ALLOWED_ORIGINS - -> https://app.example.com\nRATE_LIMIT_PER_MINUTE 21 -> 10\n");
    assert.equal(await allowed(), "https://app.example.com");
  });

  test("without a server the command says where it looked", () => {
    const r = ava(["config", "reload", "--data-dir", "/nonexistent"]);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /no Ava is serving from/);
  });

  test("the audit chain has each reload that was good, with names alone", async () => {
    await a.stop();
    const text = stored(a.data);
    assert.ok(text.includes("config.reload"));
    assert.ok(text.includes('{"changed":["VAPI_API_KEY"],"needs_restart":[]}'));
    for (const secret of [SECRET, NEXT, WARM]) assert.ok(!text.includes(secret));
  });
});
