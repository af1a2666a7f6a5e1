// People whose rights or workspaces change while they are signed in, and strangers beside them.
import assert from "node:assert/strict";
import { stat, rm, access } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person, until } from "../lib/ava.mjs";
import { keyFileOnly, sqliteOnly } from "../lib/database.mjs";

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

  test("a stranger who guesses for an hour locks nobody out but themselves", async () => {
    const from = (ip, password) => a.call("/api/v1/auth/login", { body: { email: person.email, password }, key: null, headers: { "X-Forwarded-For": ip } });
    const seen = new Set();
    for (let n = 0; n < 360; n++) {
      seen.add((await from("192.0.2.10", "wrong")).status);
      await a.advance(10);
    }
    assert.deepEqual([...seen].sort(), [422, 429]);
    assert.equal((await from("192.0.2.20", person.password)).status, 200, "at the first try");
    const refused = [];
    for (let n = 0; n < 40; n++) refused.push((await from(`198.51.100.${n + 1}`, "wrong")).status);
    assert.equal(refused.filter((s) => s === 422).length, 30, "many addresses together are slowed down");
    const new_one = await from("192.0.2.30", person.password);
    assert.equal(new_one.status, 429);
    assert.match(new_one.json.detail, /ava user link/);
    assert.equal((await from("192.0.2.20", person.password)).status, 200, "who signed in from there before gets in");
  });

  test("who signed in with this browser before gets in from anywhere, while strangers guess and after a restart", async (t) => {
    const start = (data) => Ava.start({ limits: true, data, env: { AVA_LOG_LEVEL: "off", TRUSTED_PROXIES: "127.0.0.1" } });
    let b = await (await start()).signUp();
    t.after(() => b.remove());
    const login = (ip, password, cookie) => b.call("/api/v1/auth/login", { body: { email: person.email, password }, key: null, headers: { "X-Forwarded-For": ip, ...(cookie && { Cookie: cookie }) } });
    const deviceOf = (r) => r.headers.getSetCookie().find((c) => c.startsWith("ava_device="));
    const first = await login("192.0.2.40", person.password);
    assert.match(deviceOf(first), /^ava_device=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=15552000$/);
    const device = deviceOf(first).split(";")[0];
    const crowd = async () => {
      const seen = [];
      for (let n = 0; n < 40; n++) seen.push((await login(`198.51.100.${n + 1}`, "wrong")).status);
      assert.equal(seen.filter((s) => s === 429).length >= 10, true, seen.join(" "));
      assert.equal((await login("203.0.113.7", person.password)).status, 429, "a stranger with the right one, meanwhile");
    };
    await crowd();
    const again = await login("203.0.113.8", person.password, device);
    assert.equal(again.status, 200, again.text);
    assert.equal(deviceOf(again).split(";")[0], device);
    assert.equal((await login("203.0.113.8", "wrong", device)).status, 422, "it is no password");
    assert.equal((await b.call("/api/v1/auth/me", { key: null, headers: { Cookie: device } })).status, 401, "nor a session");
    await b.stop();
    b = await start(b.data);
    await crowd();
    assert.equal((await login("203.0.113.9", person.password, device)).status, 200, "also after a restart");
    const own = [];
    for (let n = 0; n < 6; n++) own.push((await login(`203.0.113.${n + 20}`, "wrong", device)).status);
    assert.deepEqual(own, [422, 422, 422, 422, 422, 429], "its own limit, wherever it is");
  });

  test("24 strangers who guess all the time keep nobody waiting who was here before", { timeout: 120_000 }, async (t) => {
    const from = (ip, email, password) => a.call("/api/v1/auth/login", { body: { email, password }, key: null, headers: { "X-Forwarded-For": ip } });
    const homes = Array.from({ length: 8 }, (_, n) => ({ email: `resident${n}@example.com`, ip: `2001:db9:${n}::1` }));
    for (const h of homes) {
      await a.newPerson(h.email);
      assert.equal((await from(h.ip, h.email, person.password)).status, 200);
      await a.advance(60);
    }
    // Each has a network of its own, of which it uses one address after the other, so that no limit stands in its way.
    const stop = { now: false }, seen = new Map();
    const strangers = Array.from({ length: 24 }, async (_, n) => {
      for (let i = 1; !stop.now; i++) {
        const { status } = await from(`2001:dba:${n}:${i.toString(16)}::1`, `resident${(n + i) % 40}@example.com`, "a guess, and a wrong one");
        seen.set(status, (seen.get(status) ?? 0) + 1);
        if (status !== 422) await new Promise((r) => setTimeout(r, 5));
      }
    });
    await until(() => (seen.get(422) ?? 0) + (seen.get(503) ?? 0) > 30, { what: "the strangers are at it" });
    const guessed = seen.get(422) ?? 0;
    const came = await Promise.all(homes.map(async (h) => {
      const began = performance.now(), r = await from(h.ip, h.email, person.password);
      return { status: r.status, ms: performance.now() - began };
    }));
    const meanwhile = (seen.get(422) ?? 0) - guessed;
    stop.now = true;
    await Promise.all(strangers);
    t.diagnostic(`strangers: ${JSON.stringify([...seen])}; ${meanwhile} guesses checked meanwhile, eight at once after ${Math.max(...came.map((c) => c.ms)).toFixed(0)} ms at most`);
    assert.deepEqual([...new Set(came.map((c) => c.status))], [200]);
    // Two under way, and one of three turns: how long a check takes is the machine's business.
    assert.ok(meanwhile <= 2 + 8 / 2 + 2, `${meanwhile} guesses were checked while eight waited`);
  });

  test("IPv4 callers written as IPv6 are counted one by one", async () => {
    const refused = [];
    for (let n = 1; n <= 80; n++)
      refused.push((await a.call("/api/v1/auth/me", { key: null, headers: { "X-Forwarded-For": `::ffff:198.51.100.${n}` } })).status);
    assert.equal(refused.filter((s) => s === 429).length, 0);
  });

  test("the database is for its owner only, whatever the folder's mode", { skip: sqliteOnly }, async () => {
    for (const name of ["ava.db", "ava.db-wal"]) assert.equal((await stat(join(a.data, name))).mode & 0o077, 0, name);
  });

  test("what the HTTP layer refuses carries the headers of every answer", async () => {
    const r = await a.call("/" + "x".repeat(9000), { key: null });
    assert.equal(r.status, 414);
    assert.match(r.headers.get("traceparent") ?? "", /^00-/);
    assert.equal(r.headers.get("x-content-type-options"), "nosniff");
  });
});

describe("who belongs where", { skip: missing }, () => {
  let a, home, owner, ownerSpace;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    home = a.me.workspace.id;
    owner = await a.newPerson("owner@example.com");
    ownerSpace = `/api/v1/workspaces/${owner.workspace_id}`;
  });
  after(() => a.remove());

  // Signed in as in a browser: calls with the cookie and its CSRF token.
  const signedIn = async (email, password = person.password) => {
    const r = await a.call("/api/v1/auth/login", { body: { email, password }, key: null });
    assert.equal(r.status, 200, r.text);
    const headers = { Cookie: cookieOf(r), "X-CSRF-Token": r.json.csrf_token };
    return { headers, call: (path, options = {}) => a.call(path, { key: null, ...options, headers }) };
  };
  const invite = (email, role = "member", key = owner.key) => a.call(`${ownerSpace}/invitations`, { key, body: { email, role } });
  const is = async (who, status) => assert.equal((await who.call("/api/v1/auth/me")).status, status);

  test("an owner learns nobody's name, adds nobody unasked and ends nobody's session", async () => {
    const ada = await signedIn(person.email);
    const strip = (r) => ({ ...r.json, correlation_id: "" });
    const known = await a.call(`${ownerSpace}/members/${a.me.user.id}`, { method: "PUT", key: owner.key, body: { role: "member" } });
    const unknown = await a.call(`${ownerSpace}/members/usr_00000000000000000000000000000000`, { method: "PUT", key: owner.key, body: { role: "member" } });
    assert.deepEqual([known.status, unknown.status], [404, 404]);
    assert.deepEqual(strip(known), strip(unknown));
    await is(ada, 200);
    assert.equal((await a.call(`${ownerSpace}/members`, { key: owner.key })).json.members.length, 1);
  });

  test("an invitation says nothing of whether somebody is there, and only the person invited accepts it", async () => {
    const eve = await a.newPerson("eve@example.com");
    const [known, nobody] = [await invite("EVE@example.com"), await invite("nobody@example.com")];
    assert.deepEqual([known.status, nobody.status], [201, 201], known.text);
    assert.deepEqual(Object.keys(known.json), Object.keys(nobody.json));
    assert.equal(known.json.link.endsWith(`/signin#invitation=${known.json.token}`), true);
    const listed = await a.call(`${ownerSpace}/invitations`, { key: owner.key });
    assert.deepEqual(listed.json.invitations.map((i) => i.email), ["nobody@example.com", "EVE@example.com"]);
    assert.ok(!listed.text.includes(known.json.token));
    const accept = (who, token) => who.call("/api/v1/invitations/accept", { body: { token } });
    const [her, other] = [await signedIn("eve@example.com"), await signedIn(person.email)];
    assert.equal((await accept(other, known.json.token)).status, 404, "another address");
    assert.equal((await accept(her, nobody.json.token)).status, 404);
    assert.equal((await accept(her, "no such token")).status, 404);
    assert.equal((await a.call("/api/v1/invitations/accept", { key: eve.key, body: { token: known.json.token } })).status, 403, "a key speaks for one workspace");
    const joined = await accept(her, known.json.token);
    assert.deepEqual([joined.status, joined.json.id, joined.json.role], [200, owner.workspace_id, "member"], joined.text);
    assert.equal((await accept(her, known.json.token)).status, 404, "once");
    assert.deepEqual((await a.call(`${ownerSpace}/members`, { key: owner.key })).json.members.map((m) => m.email).sort(), ["eve@example.com", "owner@example.com"]);
    await is(her, 200);
  });

  test("who is signed in sees what invites them, with names, and answers it without the link", async () => {
    await a.newPerson("gus@example.com");
    const [gus, other] = [await signedIn("gus@example.com"), await signedIn(person.email)];
    const own = async (who) => (await who.call("/api/v1/invitations")).json.invitations;
    assert.deepEqual(await own(gus), []);
    const { json: made } = await invite("Gus@Example.com", "admin");
    const [one, ...more] = await own(gus);
    assert.deepEqual(more, []);
    const space = (await a.call(ownerSpace, { key: owner.key })).json.name;
    assert.deepEqual([one.id, one.workspace_name, one.invited_by, one.role], [made.id, space, "owner@example.com", "admin"]);
    assert.ok(!JSON.stringify(one).includes(made.token));
    assert.deepEqual((await own(other)).filter((i) => i.id === made.id), [], "nobody else's");
    const at = `/api/v1/invitations/${made.id}`;
    assert.equal((await a.call("/api/v1/invitations", { key: owner.key })).status, 403, "a key speaks for one workspace");
    for (const [path, method] of [[at, "DELETE"], [at + "/accept", "POST"]]) {
      assert.equal((await other.call(path, { method })).status, 404, "for another address");
      assert.equal((await a.call(path, { method, key: owner.key })).status, 403);
    }
    assert.equal((await gus.call(at, { method: "DELETE" })).status, 204);
    assert.equal((await gus.call(at + "/accept", { method: "POST" })).status, 404, "declined is over");
    assert.ok(!(await a.call(`${ownerSpace}/invitations`, { key: owner.key })).json.invitations.some((i) => i.id === made.id));
    const { json: again } = await invite("gus@example.com");
    const joined = await gus.call(`/api/v1/invitations/${again.id}/accept`, { method: "POST" });
    assert.deepEqual([joined.status, joined.json.id, joined.json.role], [200, owner.workspace_id, "member"], joined.text);
    assert.deepEqual(await own(gus), []);
    const actions = (await a.call("/api/v1/audit?limit=50", { key: owner.key })).json.entries.map((e) => e.action);
    for (const action of ["invitation.decline", "invitation.accept"]) assert.ok(actions.includes(action), action);
  });

  test("who may invite whom, and what ends an invitation", async () => {
    const member = await a.newPerson("member@example.com"), admin = await a.newPerson("admin@example.com");
    for (const [who, role] of [[member, "member"], [admin, "admin"]])
      assert.equal((await a.call(`${ownerSpace}/members/${who.id}`, { method: "PUT", body: { role } })).status, 200, "who runs the installation may");
    const [asMember, asAdmin] = ["member", "admin"].map((n) => a.newKey(`${n}@example.com`, "there", ["--workspace", owner.workspace_id]));
    assert.equal((await invite("x@example.com", "member", asMember)).status, 403);
    assert.equal((await invite("x@example.com", "owner", asAdmin)).status, 403);
    assert.equal((await invite("no address", "member")).status, 422);
    assert.equal((await invite("x@example.com", "queen")).json.errors[0].field, "role");
    await a.newPerson("x@example.com");
    const x = await signedIn("x@example.com");
    const accept = async (made) => (await x.call("/api/v1/invitations/accept", { body: { token: made.json.token } })).status;
    const first = await invite("x@example.com");
    const second = await invite("x@example.com", "member", asAdmin);
    assert.equal(await accept(first), 404, "replaced by the second");
    assert.equal((await a.call(`${ownerSpace}/members/${admin.id}`, { method: "DELETE", key: owner.key })).status, 204);
    assert.equal(await accept(second), 404, "its maker is gone");
    const third = await invite("x@example.com");
    assert.equal((await a.call(`${ownerSpace}/invitations/${third.json.id}`, { method: "DELETE", key: asMember })).status, 403);
    assert.equal((await a.call(`${ownerSpace}/invitations/${third.json.id}`, { method: "DELETE", key: owner.key })).status, 204);
    assert.equal(await accept(third), 404, "withdrawn");
    const fourth = await invite("x@example.com");
    await a.advance(7 * 24 * 3600 + 1);
    const later = await signedIn("x@example.com");
    assert.equal((await later.call("/api/v1/invitations/accept", { body: { token: fourth.json.token } })).status, 404, "too old");
  });

  test("who is taken out loses the keys and sessions of that workspace, for good, and no others", async () => {
    const carl = await a.newPerson("carl@example.com");
    const put = () => a.call(`${ownerSpace}/members/${carl.id}`, { method: "PUT", body: { role: "member" } });
    await put();
    const inOwners = a.newKey("carl@example.com", "there", ["--workspace", owner.workspace_id]);
    const session = await signedIn("carl@example.com");
    const works = async (key) => (await a.call("/api/v1/auth/me", { key })).status;
    assert.deepEqual([await works(inOwners), await works(carl.key)], [200, 200]);
    assert.equal((await a.call(`${ownerSpace}/members/${carl.id}`, { method: "PUT", key: owner.key, body: { role: "admin" } })).status, 200);
    await is(session, 200);
    assert.equal((await a.call(`${ownerSpace}/members/${carl.id}`, { method: "DELETE", key: owner.key })).status, 204);
    assert.deepEqual([await works(inOwners), await works(carl.key)], [401, 200]);
    await is(session, 200);
    await put();
    assert.equal(await works(inOwners), 401, "also when the person comes back");
    // Whose own workspace is gone works in the other one: that session ends with the membership.
    assert.equal((await a.call(`/api/v1/workspaces/${carl.workspace_id}`, { method: "DELETE" })).status, 204);
    const there = await signedIn("carl@example.com");
    await is(there, 200);
    await a.call(`${ownerSpace}/members/${carl.id}`, { method: "DELETE", key: owner.key });
    await is(there, 401);
    assert.equal((await there.call("/api/v1/auth/refresh", { method: "POST" })).status, 401);
  });

  test("signing out works for whatever a refresh would take", async () => {
    const late = await signedIn(person.email);
    await a.advance(16 * 60);
    await is(late, 401);
    const out = await late.call("/api/v1/auth/logout", { method: "POST" });
    assert.equal(out.status, 204, out.text);
    assert.match(out.headers.get("set-cookie"), /Max-Age=0/);
    assert.equal((await late.call("/api/v1/auth/refresh", { method: "POST" })).status, 401, "a copy of the cookie is worth nothing");
    assert.equal((await a.call("/api/v1/auth/logout", { method: "POST", key: null })).status, 204, "nobody to sign out");
    const other = await signedIn(person.email);
    const elsewhere = await a.call("/api/v1/auth/logout", { method: "POST", key: null, headers: { Cookie: other.headers.Cookie, Origin: "https://evil.example" } });
    assert.equal(elsewhere.json.code, "csrf_failed");
    await is(other, 200);
  });

  test("people change their own password, and what is signed in elsewhere is over", async () => {
    const dora = await a.newPerson("dora@example.com");
    const [here, elsewhere] = [await signedIn("dora@example.com"), await signedIn("dora@example.com")];
    const change = (who, body) => who.call("/api/v1/auth/password", { method: "PUT", body });
    const next = "é".repeat(12);
    assert.equal((await a.call("/api/v1/auth/password", { method: "PUT", key: dora.key, body: { current_password: person.password, new_password: next } })).status, 403);
    assert.equal((await change(here, { current_password: person.password, new_password: "é".repeat(6) })).json.errors[0].code, "too_short", "characters, not bytes");
    assert.equal((await change(here, { current_password: "wrong", new_password: next })).json.errors[0].field, "current_password");
    const r = await change(here, { current_password: person.password, new_password: next });
    assert.deepEqual([r.status, r.json.keys_kept, r.json.keys_revoked], [200, 1, 0], r.text);
    await is(here, 401);
    await is(elsewhere, 401);
    const on = { headers: { Cookie: cookieOf(r), "X-CSRF-Token": r.json.csrf_token } };
    on.call = (path, options = {}) => a.call(path, { key: null, ...options, headers: on.headers });
    await is(on, 200);
    assert.equal((await a.call("/api/v1/auth/me", { key: dora.key })).status, 200, "its key goes on");
    assert.equal((await login(a, "dora@example.com")).status, 422, "the old one is no password any more");
    const all = await change(await signedIn("dora@example.com", next), { current_password: next, new_password: person.password, revoke_keys: true });
    assert.deepEqual([all.status, all.json.keys_kept, all.json.keys_revoked], [200, 0, 1], all.text);
    assert.equal((await a.call("/api/v1/auth/me", { key: dora.key })).status, 401);
  });

  test("names of people, workspaces, keys and assistants are one line of what can be seen", async () => {
    const home = a.me.workspace.id;
    const { json: one } = await a.call("/api/v1/assistants", { body: { name: "Night desk", firstMessage: "Hi." } });
    const calls = [
      ["POST", "/api/v1/users", { email: "n@example.com", password: person.password }],
      ["PATCH", `/api/v1/users/${a.me.user.id}`, {}],
      ["POST", "/api/v1/workspaces", {}],
      ["PATCH", `/api/v1/workspaces/${home}`, {}],
      ["POST", "/api/v1/auth/keys", {}],
      ["PATCH", `/api/v1/assistants/${one.id}`, {}],
      ["POST", "/api/v1/assistants", { firstMessage: "Hi." }],
    ];
    for (const [method, path, body] of calls)
      for (const bad of ["\n", "\u001b", "\u007f", "\u0085", "\u009b", "\u2028", "\u2029", "\u202a", "\u202e", "\u2066", "\u2069"]) {
        const r = await a.call(path, { method, body: { ...body, name: `Sales${bad}x` } });
        assert.equal(r.status, 422, `${method} ${path} ${JSON.stringify(bad)}: ${r.text}`);
        assert.deepEqual([r.json.errors[0].field, r.json.errors[0].code], ["name", "wrong_format"]);
        assert.match(r.json.errors[0].message ?? r.json.detail, /take it out/);
      }
    for (const good of ["Café 5 €", "שלום", "👩‍💻"])
      assert.equal((await a.call(`/api/v1/workspaces/${home}`, { method: "PATCH", body: { name: good } })).status, 200, good);
    const email = await a.call("/api/v1/users", { body: { email: "a\u202eb@example.com", password: person.password } });
    assert.equal(email.json.errors[0].field, "email");
    const password = await a.call("/api/v1/users", { body: { email: "p@example.com", password: "é".repeat(256) } });
    assert.equal(password.status, 201, "256 characters, as the sentence says: " + password.text);
  });

  test("guessing the current password is limited like signing in", async () => {
    await a.newPerson("finn@example.com");
    const finn = await signedIn("finn@example.com");
    const seen = [];
    for (let n = 0; n < 7; n++) seen.push((await finn.call("/api/v1/auth/password", { method: "PUT", body: { current_password: "wrong", new_password: person.password } })).status);
    assert.deepEqual(seen.slice(0, 5), [422, 422, 422, 422, 422]);
    assert.ok(seen.includes(429), seen.join());
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

  test("a lost key file is not replaced by a wrong one", { skip: keyFileOnly }, async () => {
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

describe("a key of somebody who runs the installation", { skip: missing }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
  });
  after(() => a?.remove());
  const made = async (body, key) => {
    const r = await a.call("/api/v1/auth/keys", { body: { name: "k", mode: "test", ...body }, key });
    assert.equal(r.status, 201, r.text);
    return r.json.key;
  };

  test("that was made for one workspace is of that workspace only, and so are those it makes", async () => {
    const own = a.me.workspace.id, other = (await a.call("/api/v1/workspaces", { body: { name: "Another" } })).json.id;
    const here = await made({ workspace_id: own }), there = a.newKey(person.email, "by hand", ["--workspace", other]);
    for (const [key, ws, not] of [[here, own, other], [await made({}, here), own, other], [there, other, own], [await made({}, there), other, own]]) {
      assert.equal((await a.call("/api/v1/users", { key })).status, 403);
      assert.equal((await a.call("/api/v1/workspaces", { key, body: { name: "no" } })).status, 403);
      assert.deepEqual((await a.call("/api/v1/workspaces", { key })).json.workspaces.map((w) => w.id), [ws]);
      assert.equal((await a.call(`/api/v1/workspaces/${not}`, { key })).status, 404);
      assert.equal((await a.call("/api/v1/calls", { key })).status, 200);
    }
    const wide = await made({});
    for (const key of [a.key, wide]) assert.equal((await a.call("/api/v1/users", { key })).status, 200);
  });
});
