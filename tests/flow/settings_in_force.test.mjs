// How this Ava is set up, as whoever runs it reads it: what is in force, where it comes from, and never a secret.
import assert from "node:assert/strict";
import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, root } from "../lib/ava.mjs";

const SECRET = "sk-never-to-be-seen-0001", IN_FILE = "sk-never-to-be-seen-0002";

describe("settings in force", { skip: missing, concurrency: 1 }, () => {
  let a, data, key;
  const all = async () => (await a.call("/api/v1/settings")).json.settings;
  const one = async (name) => (await all()).find((s) => s.name === name);
  const reload = () => {
    const r = ava(["config", "reload", "--data-dir", data]);
    assert.equal(r.status, 0, r.stderr);
  };
  before(async () => {
    data = await mkdtemp(join(tmpdir(), "ava-settings-"));
    key = join(data, "vapi.key");
    await writeFile(key, IN_FILE + "\n", { mode: 0o600 });
    await writeFile(join(data, "ava.conf"), "CACHE_TTL_SECONDS=7\nAVA_BACKUP_KEEP=3\n");
    a = await Ava.start({ data, env: { TWILIO_ACCOUNT_SID: "AC" + "0".repeat(32), TWILIO_AUTH_TOKEN: SECRET, VAPI_API_KEY_FILE: key, RATE_LIMIT_PER_MINUTE: "33" } });
    await a.signUp();
  });
  after(() => a?.remove());

  test("every setting there is, in order, with its value, its default and where it comes from", async () => {
    const names = [...(await readFile(join(root, "src/config/config.def"), "utf8")).matchAll(/^SETTING\(\w+, (\w+),/gm)].map((m) => m[1]);
    assert.deepEqual((await all()).map((s) => s.name), names);
    for (const [name, value, origin, live] of [["RATE_LIMIT_PER_MINUTE", "33", "environment", true], ["CACHE_TTL_SECONDS", "7", "file", true], ["AVA_BACKUP_KEEP", "3", "file", false], ["AUDIT_RETENTION_DAYS", "0", "default", true]]) {
      const s = await one(name);
      assert.deepEqual([s.value, s.origin, s.live, s.secret, s.pending], [value, origin, live, false, false], name);
    }
    assert.equal((await one("RATE_LIMIT_PER_MINUTE")).default, "10");
  });

  test("of a secret only that it is set", async () => {
    for (const [name, value, origin] of [["TWILIO_AUTH_TOKEN", "set", "environment"], ["VAPI_API_KEY", "set", "environment"], ["RESEND_API_KEY", "not set", "default"]]) {
      const s = await one(name);
      assert.deepEqual([s.value, s.default, s.origin, s.secret], [value, null, origin, true], name);
    }
    reload();
    assert.equal((await one("TWILIO_AUTH_TOKEN")).value, "set", "although it was wiped since");
    const { text } = await a.call("/api/v1/settings");
    for (const secret of [SECRET, IN_FILE]) assert.ok(!text.includes(secret) && !text.includes(Buffer.from(secret).toString("base64")));
  });

  test("a reload: what is live is as it reads now, what is not waits for a restart and says so", async () => {
    await writeFile(join(data, "ava.conf"), "CACHE_TTL_SECONDS=9\nAVA_BACKUP_KEEP=5\n");
    assert.equal((await one("CACHE_TTL_SECONDS")).value, "7", "before");
    reload();
    const live = await one("CACHE_TTL_SECONDS"), restart = await one("AVA_BACKUP_KEEP");
    assert.deepEqual([live.value, live.pending, restart.value, restart.pending], ["9", false, "3", true]);
    await writeFile(join(data, "ava.conf"), "CACHE_TTL_SECONDS=9\n");
    reload();
    assert.deepEqual([(await one("AVA_BACKUP_KEEP")).origin, (await one("AVA_BACKUP_KEEP")).pending], ["file", true]);
  });

  test("read while it is reloaded, again and again", async () => {
    let going = true;
    const reads = (async () => { let n = 0; for (; going; n++) assert.equal((await a.call("/api/v1/settings")).status, 200); return n; })();
    for (let i = 0; i < 20; i++) {
      await writeFile(join(data, "ava.conf"), `CACHE_TTL_SECONDS=${10 + i}\n`);
      await new Promise((done) => { a.child.kill("SIGHUP"); setImmediate(done); });
    }
    for (let i = 0; i < 5; i++) reload();
    going = false;
    assert.ok((await reads) > 0);
    assert.equal((await one("CACHE_TTL_SECONDS")).value, "29");
  });

  test("for who runs the installation alone, and nothing to write", async () => {
    const bob = await a.newPerson("bob@example.com");
    assert.equal((await a.call("/api/v1/settings", { key: bob.key })).status, 403);
    assert.equal((await a.call("/api/v1/settings", { key: null })).status, 401);
    assert.equal((await a.call("/api/v1/settings", { method: "PUT", body: {} })).status, 405);
  });
});
