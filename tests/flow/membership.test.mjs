// People whose rights or workspaces change while they are signed in, and strangers beside them.
import assert from "node:assert/strict";
import { stat, rm, access } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person } from "../lib/ava.mjs";

const login = (a, email) => a.call("/api/v1/auth/login", { body: { email, password: person.password }, key: null });
const cookieOf = (r) => r.headers.get("set-cookie").split(";")[0];

describe("membership", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ limits: true, env: { AVA_LOG_LEVEL: "off", TRUSTED_PROXIES: "127.0.0.1" } });
    await a.signUp();
  });
  after(() => a.remove());

  test("who lost the workspace they began with signs in to another one, or hears why not", async () => {
    const bob = await a.newPerson("bob@example.com");
    assert.equal((await a.call(`/api/v1/workspaces/${bob.workspace_id}`, { method: "DELETE" })).status, 204);
    const alone = await login(a, "bob@example.com");
    assert.equal(alone.status, 403, alone.text);
    assert.equal(alone.json.code, "forbidden");

    const home = (await a.call("/api/v1/workspaces")).json.workspaces[0].id;
    assert.equal((await a.call(`/api/v1/workspaces/${home}/members/${bob.id}`, { method: "PUT", body: { role: "member" } })).status, 200);
    const back = await login(a, "bob@example.com");
    assert.equal(back.status, 200, back.text);
    assert.equal(back.json.workspace.id, home);
    assert.equal((await a.call("/api/v1/auth/me", { key: null, headers: { Cookie: cookieOf(back) } })).status, 200);
  });

  test("a member of a workspace that does not exist is an ordinary mistake", () => {
    const r = ava(["workspace", "member", "ws_nope", person.email, "admin", "--data-dir", a.data]);
    assert.equal(r.status, 1);
    assert.match(r.stderr, /no such workspace/);
  });

  test("strangers who renew sessions they do not have take nothing from others", async () => {
    const renew = (ip) => a.call("/api/v1/auth/refresh", { method: "POST", key: null, headers: { "X-Forwarded-For": ip } });
    for (let n = 0; n < 80; n++) assert.equal((await renew(`192.0.2.${1 + (n % 4)}`)).status, 401, `request ${n + 1}`);
    assert.equal((await renew("192.0.2.9")).status, 401);
  });

  test("IPv4 callers written as IPv6 are counted one by one", async () => {
    const refused = [];
    for (let n = 1; n <= 80; n++)
      refused.push((await a.call("/api/v1/auth/me", { key: null, headers: { "X-Forwarded-For": `::ffff:198.51.100.${n}` } })).status);
    assert.equal(refused.filter((s) => s === 429).length, 0);
  });

  test("the database is for its owner only, whatever the folder's mode", async () => {
    for (const name of ["ava.db", "ava.db-wal"]) assert.equal((await stat(join(a.data, name))).mode & 0o077, 0, name);
  });

  test("what the HTTP layer refuses carries the headers of every answer", async () => {
    const r = await a.call("/" + "x".repeat(9000), { key: null });
    assert.equal(r.status, 414);
    assert.match(r.headers.get("traceparent") ?? "", /^00-/);
    assert.equal(r.headers.get("x-content-type-options"), "nosniff");
  });
});

describe("refused before anything starts", { skip: missing }, () => {
  test("a word too many, a secret on the command line, lists that could never match", () => {
    const extra = ava(["serve", "sandbox"]);
    assert.equal(extra.status, 2, extra.stderr);
    assert.equal(ava(["help", "nosuch"]).status, 2);
    assert.equal(ava(["rotate-keys", "--dry-run"]).status, 2, "no verb here can do as if");
    assert.equal(ava(["help", "config", "show"]).status, 0);
    const argv = ava(["check-config", "--admin-email", "a@example.com", "--admin-password", "correct horse battery"]);
    assert.equal(argv.status, 78);
    assert.match(argv.stderr, /--admin-password-file/);
    assert.doesNotMatch(argv.stderr, /horse/);
    for (const env of [{ CORS_ALLOWED_ORIGINS: "*" }, { CORS_ALLOWED_ORIGINS: "https://a.example/" }, { TRUSTED_PROXIES: "nonsense" }])
      assert.equal(ava(["check-config"], { env }).status, 78, JSON.stringify(env));
    assert.equal(ava(["check-config"], { env: { CORS_ALLOWED_ORIGINS: "https://a.example, http://b.example:3000" } }).status, 0);
  });

  test("a lost key file is not replaced by a wrong one", async () => {
    const a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.stop();
    const path = join(a.data, "master.keys");
    await rm(path);
    const r = ava(["serve", "--data-dir", a.data], { env: { AVA_LISTEN: "127.0.0.1:0" } });
    assert.equal(r.status, 78, r.stderr);
    await assert.rejects(access(path));
    await a.remove();
  });
});
