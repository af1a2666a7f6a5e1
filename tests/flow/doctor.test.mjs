// Bears company.
// ava doctor: what it says of an installation that is well, of one that is not, and that looking changes nothing.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, avaBeside, missing, until } from "../lib/ava.mjs";
import { keyFileOnly, onPostgres, rows, sqliteOnly } from "../lib/database.mjs";

describe("ava doctor", { skip: missing, concurrency: 1 }, () => {
  let top, provider, a, env, twilio;
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "ava-doctor-"));
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await provider.signUp();
    const { vapi, twilio: t } = (await provider.call("/sandbox/api/credentials")).json;
    twilio = t;
    env = { VAPI_BASE_URL: vapi.base_url, TWILIO_BASE_URL: t.base_url, AVA_LOG_LEVEL: "error", AVA_BACKUP_EVERY_HOURS: "6" };
    mkdirSync(join(top, "data"), { mode: 0o700 });
    a = await Ava.start({ verb: "serve", data: join(top, "data"), env });
    await a.signUp();
    env.AVA_PUBLIC_URL = a.base;
    assert.equal((await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id } })).status, 200);
    assert.equal((await a.call("/api/v1/credentials/twilio", { method: "PUT", body: { account_sid: t.account_sid, auth_token: t.auth_token } })).status, 200);
  });
  after(async () => {
    await a?.stop();
    await provider?.remove();
    rmSync(top, { recursive: true, force: true });
  });
  // What it says, by the name of the check.
  async function doctor(words = [], more = {}) {
    const r = await avaBeside(["doctor", "--json", "--data-dir", a.data, ...words], { env: { ...env, ...more } });
    assert.ok([0, 1].includes(r.status), r.stderr);
    const said = JSON.parse(r.stdout);
    return { ...r, said, of: (name) => said.checks.filter((c) => c.name === name), verdicts: (name) => said.checks.filter((c) => c.name === name).map((c) => c.verdict).join(" ") };
  }

  test("of one that is well: every check is named in the list, none fails, exit 0", async () => {
    const list = ava(["doctor", "--list"]).stdout.trim().split("\n").map((l) => l.split(" ")[0]);
    const r = await doctor();
    assert.deepEqual([...new Set(r.said.checks.map((c) => c.name))], list);
    assert.deepEqual([r.status, r.said.failures], [0, 0], r.stdout);
    for (const name of ["settings", "folder", "disk", "database", "keys", "audit", "server", "public_url"]) assert.match(r.verdicts(name), /^ok/, JSON.stringify(r.of(name)));
    assert.deepEqual(r.of("providers").map((c) => c.verdict), ["ok", "ok"]);
    assert.match(r.of("providers").map((c) => c.text).join(), /vapi, .*: Works.*twilio, .*: Works/);
    assert.match(r.of("public_url")[0].text, /answers 200 in \d+ ms, Ava \d/);
    const text = await avaBeside(["doctor", "--data-dir", a.data], { env });
    assert.match(text.stdout, /^ok {4}settings {5}\d+ settings/);
    assert.match(text.stdout, /\n\d+ ok, \d+ warnings?, 0 failures\n$/);
  });

  test("one check alone; a name that is none; a key that does not work any more", async () => {
    const one = await doctor(["--run", "keys"]);
    assert.deepEqual(one.said.checks.map((c) => c.name), ["keys"]);
    const none = ava(["doctor", "--run", "keyz", "--data-dir", a.data], { env });
    assert.deepEqual([none.status, /there is no check 'keyz'/.test(none.stderr)], [2, true], none.stderr);
    await provider.fault({ provider: "vapi", fault: "status", status: 401 });
    const r = await doctor(["--run", "providers"]);
    assert.deepEqual([r.status, r.verdicts("providers")], [1, "fail ok"], r.stdout);
    await provider.fault({ provider: "vapi", fault: "none" }).catch(() => provider.call("/sandbox/api/faults", { method: "DELETE", key: null }));
  });

  test("a folder that others may read is told, and mended when that is agreed to", { skip: keyFileOnly }, async () => {
    chmodSync(join(a.data, "master.keys"), 0o644);
    const r = await doctor(["--run", "folder"]);
    assert.deepEqual([r.status, r.verdicts("folder")], [1, "fail"]);
    assert.match(r.of("folder")[0].fix, /chmod go-rwx .*master\.keys/);
    const asked = ava(["doctor", "--run", "folder", "--fix", "--data-dir", a.data], { env, input: "" });
    assert.deepEqual([asked.status, /say --yes to let it/.test(asked.stderr), statSync(join(a.data, "master.keys")).mode & 0o777], [1, true, 0o644], asked.stderr);
    const mended = await avaBeside(["doctor", "--run", "folder", "--fix", "--yes", "--data-dir", a.data], { env });
    assert.deepEqual([mended.status, statSync(join(a.data, "master.keys")).mode & 0o777], [0, 0o600], mended.stdout + mended.stderr);
  });

  test("no backup is a warning; --fix makes one", { skip: sqliteOnly }, async () => {
    assert.equal((await doctor(["--run", "backup"])).verdicts("backup"), "warn");
    mkdirSync(join(top, "backups"), { mode: 0o700 });
    const fixed = await doctor(["--run", "backup", "--fix", "--yes"], { AVA_BACKUP_DIR: join(top, "backups") });
    assert.equal(fixed.said.checks.at(-1).verdict, "ok", fixed.stdout);
    assert.equal(readdirSync(join(top, "backups")).length, 1);
    assert.match((await doctor(["--run", "backup"])).of("backup")[0].text, /the last one is 0 min old/);
  });

  test("the public address: another program, nobody, a certificate that nobody knows", async () => {
    const other = createServer((q, s) => s.end("<html>It works!</html>")).listen(0, "127.0.0.1");
    await new Promise((r) => other.once("listening", r));
    const html = await doctor(["--run", "public_url"], { AVA_PUBLIC_URL: `http://127.0.0.1:${other.address().port}` });
    assert.match(html.of("public_url")[0].text, /answers 200, but it is no Ava/);
    other.close();
    const nobody = await doctor(["--run", "public_url"], { AVA_PUBLIC_URL: "http://127.0.0.1:9" });
    assert.deepEqual([nobody.verdicts("public_url"), /cannot be reached/.test(nobody.of("public_url")[0].text)], ["fail", true]);
    const cert = spawnSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", join(top, "k.pem"), "-out", join(top, "c.pem"), "-days", "5", "-subj", "/CN=localhost"], { encoding: "utf8" });
    assert.equal(cert.status, 0, cert.stderr);
    const tls = await doctor(["--run", "certificate"], { AVA_TLS_CERT: join(top, "c.pem"), AVA_TLS_KEY: join(top, "k.pem"), AVA_PUBLIC_URL: "" });
    assert.deepEqual([tls.verdicts("certificate"), /ends in [45] days/.test(tls.of("certificate")[0].text)], ["warn", true], tls.stdout);
  });

  test("a number that somebody has pointed elsewhere", async () => {
    const numbers = (await a.call("/api/v1/twilio/numbers")).json.numbers;
    const placed = await a.call("/api/v1/twilio/numbers/import", { body: { numbers: [numbers[0].phone_number] } });
    if (placed.status >= 400) return assert.fail(placed.text);
    await until(async () => (await a.call("/api/v1/twilio/numbers")).json.numbers.some((n) => n.imported), { what: "the number is in Ava's care" });
    assert.equal((await doctor(["--run", "webhooks"])).verdicts("webhooks"), "ok");
    const form = new URLSearchParams({ VoiceUrl: "https://studio.example.com/flow" });
    const moved = await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/IncomingPhoneNumbers/${numbers[0].provider_id}.json`, { method: "POST", body: form, headers: { Authorization: `Basic ${Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64")}` } });
    assert.ok(moved.ok, await moved.text());
    const r = await doctor(["--run", "webhooks"]);
    assert.deepEqual([r.status, r.verdicts("webhooks")], [1, "fail"], r.stdout);
    assert.match(r.of("webhooks")[0].text, /its calls go to another system/);
    assert.match(r.of("webhooks")[0].fix, new RegExp(`^ava webhook set \\${numbers[0].phone_number} --workspace \\S+   or   ava doctor --run webhooks --fix$`));
  });

  // Leads there as somebody at Twilio would.
  const lead = async (n, fields) => {
    const moved = await fetch(`${twilio.base_url}/2010-04-01/Accounts/${twilio.account_sid}/IncomingPhoneNumbers/${n.provider_id}.json`, { method: "POST", body: new URLSearchParams(fields), headers: { Authorization: `Basic ${Buffer.from(`${twilio.account_sid}:${twilio.auth_token}`).toString("base64")}` } });
    assert.ok(moved.ok, await moved.text());
  };
  const set = (...args) => avaBeside(["webhook", "set", ...args, "--data-dir", a.data], { env });

  test("ava webhook set leads it here again: a rehearsal first, then once, and the audit log has it", async () => {
    const n = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((one) => one.imported);
    const dry = await set(n.phone_number, "--dry-run");
    assert.deepEqual([dry.status, dry.stdout], [0, `${n.phone_number}: calls: led to studio.example.com, would lead to Ava\n`], dry.stderr);
    assert.equal((await doctor(["--run", "webhooks"])).verdicts("webhooks"), "fail");
    const r = await set(n.phone_number, "--json");
    assert.equal(r.status, 0, r.stderr);
    const said = JSON.parse(r.stdout);
    assert.deepEqual([said.phone_number, said.changed, said.ways, said.needs_import], [n.phone_number, true, [{ way: "calls", led_to: "studio.example.com" }], false]);
    assert.equal((await doctor(["--run", "webhooks"])).verdicts("webhooks"), "ok");
    const again = await set(n.provider_id);
    assert.deepEqual([again.status, again.stdout], [0, `${n.phone_number} leads to Ava already\n`]);
    const { entries } = (await a.call("/api/v1/audit")).json;
    assert.equal(entries.filter((e) => e.action === "number.point" && e.object === said.id && e.actor === "operator").length, 1, JSON.stringify(entries.slice(0, 4)));
  });

  test("doctor --fix does it for all, also for one that leads nowhere or to an application", async () => {
    const n = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((one) => one.imported);
    await lead(n, { VoiceUrl: "", SmsUrl: "https://studio.example.com/texts", VoiceFallbackUrl: "https://studio.example.com/fallback" });
    const r = await doctor(["--run", "webhooks"]);
    assert.equal(r.verdicts("webhooks"), "fail fail", r.stdout);
    const asked = await avaBeside(["doctor", "--run", "webhooks", "--fix", "--data-dir", a.data], { env });
    assert.deepEqual([asked.status, /say --yes to let it/.test(asked.stderr)], [1, true], asked.stderr);
    const mended = await avaBeside(["doctor", "--run", "webhooks", "--fix", "--yes", "--data-dir", a.data], { env });
    assert.equal(mended.status, 0, mended.stdout + mended.stderr);
    const again = await set(n.phone_number);
    assert.deepEqual([again.status, again.stdout], [0, `${n.phone_number} leads to Ava already\n`], again.stderr);
  });

  test("webhook set: a number that is not in Ava's care or not there, no number, a sandbox", async () => {
    const other = (await a.call("/api/v1/twilio/numbers")).json.numbers.find((one) => !one.imported);
    for (const [args, status, words] of [
      [[other.phone_number], 1, /is not in Ava's care; import it under Numbers first/],
      [["+15005550000"], 1, /has no number \+15005550000/],
      [["rubbish'; --"], 1, /number/i],
      [[other.phone_number, "--workspace", "wsp_none"], 1, /not/],
      [[], 2, /ava webhook set/],
      [["+1", "+2"], 2, /takes no '\+2'/],
    ]) {
      const r = await set(...args);
      assert.deepEqual([r.status, words.test(r.stderr)], [status, true], `${args}: ${r.stdout}${r.stderr}`);
    }
    const sandbox = await avaBeside(["webhook", "set", "+14155550142", "--data-dir", provider.data]);
    assert.deepEqual([sandbox.status, /providers of a sandbox are pretended/.test(sandbox.stderr)], [1, true], sandbox.stderr);
  });

  test("a sandbox is asked nothing outside; a folder without data is told; a typo is a usage error", async () => {
    const sandbox = await avaBeside(["doctor", "--json", "--data-dir", provider.data]);
    const said = JSON.parse(sandbox.stdout).checks.filter((c) => ["providers", "webhooks"].includes(c.name));
    assert.deepEqual(said.map((c) => c.verdict), ["skip", "skip"], sandbox.stdout);
    const nowhere = ava(["doctor", "--data-dir", join(top, "nowhere")]);
    assert.deepEqual([nowhere.status, (onPostgres ? /nothing of Ava is in this database yet/ : /there is no database/).test(nowhere.stdout + nowhere.stderr), existsSync(join(top, "nowhere"))], [1, true, false], nowhere.stdout);
    assert.equal(ava(["doctor", "--lst"]).status, 2);
  });

  test("what was changed in the audit log, and other keys", { skip: sqliteOnly }, async () => {
    const copy = join(top, "copy");
    mkdirSync(copy, { mode: 0o700 });
    const backup = await avaBeside(["backup", join(top, "for.copy"), "--data-dir", a.data]);
    assert.equal(backup.status, 0, backup.stderr);
    copyFileSync(join(a.data, "master.keys"), join(copy, "master.keys"));
    assert.equal(ava(["restore", join(top, "for.copy"), "--data-dir", copy]).status, 0);
    assert.equal(spawnSync("sqlite3", [join(copy, "ava.db"), "UPDATE audit_log SET actor = 'x' WHERE seq = 2"]).status, 0);
    const r = ava(["doctor", "--json", "--run", "audit", "--data-dir", copy]);
    assert.deepEqual([r.status, JSON.parse(r.stdout).checks[0].verdict], [1, "fail"], r.stdout);
    const mended = ava(["doctor", "--json", "--fix", "--yes", "--data-dir", copy], { env: { AVA_BACKUP_DIR: join(top, "backups") } });
    const said = JSON.parse(mended.stdout);
    assert.deepEqual(said.checks.filter((c) => c.name === "backup").map((c) => c.verdict), ["warn", "ok"]);
    assert.deepEqual([mended.status, said.failures >= 1], [1, true], "what is mended takes nothing back of what other checks found");
    rmSync(join(copy, "master.keys"));
    const keyless = ava(["doctor", "--data-dir", copy]);
    assert.deepEqual([keyless.status, /the data cannot be opened/.test(keyless.stdout), /AVA_MASTER_KEYS/.test(keyless.stderr)], [1, true, true], keyless.stdout + keyless.stderr);
  });

  test("no command migrates the data under a server of an older version", () => {
    const sql = (text) => rows(a.data, text);
    const last = sql("SELECT max(number) FROM schema_migrations");
    const row = sql(`SELECT name, sha256, applied_at FROM schema_migrations WHERE number = ${last}`).split("|").map((v) => `'${v}'`);
    sql(`DELETE FROM schema_migrations WHERE number = ${last}`);
    for (const words of [["doctor", "--run", "keys"], ["workspace", "list"], ["migrate"]]) {
      const r = ava([...words, "--data-dir", a.data], { env });
      assert.notEqual(r.status, 0);
      assert.match(r.stderr, /an older Ava is serving from this database/);
    }
    sql(`INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (${last}, ${row.join(", ")})`);
    assert.equal(ava(["workspace", "list", "--data-dir", a.data], { env }).status, 0);
  });
});
