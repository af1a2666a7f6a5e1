// One person in several workspaces: going from one to the other, and never doing in one what was begun in the other.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person } from "../lib/ava.mjs";

describe("going to another workspace", { skip: missing, concurrency: 1 }, () => {
  let a, other, stranger, now;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    other = await a.newPerson("other@example.com");
    stranger = await a.newPerson("stranger@example.com");
    assert.equal(ava(["workspace", "member", other.workspace_id, person.email, "member", "--data-dir", a.data]).status, 0);
    now = await signIn();
  });
  after(() => a?.remove());

  const kept = (r) => ({ Cookie: r.headers.get("set-cookie").split(";")[0], "X-CSRF-Token": r.json.csrf_token });
  async function signIn() {
    const r = await a.call("/api/v1/auth/login", { body: person, key: null });
    assert.equal(r.status, 200, r.text);
    return { headers: kept(r), workspace: r.json.workspace };
  }
  const as = (headers, path, options = {}) => a.call(path, { key: null, headers, ...options });
  const go = (headers, workspace_id) => as(headers, "/api/v1/auth/workspace", { method: "PUT", body: { workspace_id } });
  const here = async (headers) => (await as(headers, "/api/v1/auth/me")).json.workspace.id;

  test("the session goes on there under a new id, with the role one has there, and stays when it is renewed", async () => {
    const home = now.workspace.id, r = await go(now.headers, other.workspace_id);
    assert.deepEqual([r.status, r.json.workspace.id, r.json.workspace.role], [200, other.workspace_id, "member"], r.text);
    const there = kept(r);
    assert.notEqual(there.Cookie, now.headers.Cookie);
    assert.equal(await here(there), other.workspace_id);
    assert.equal((await as(there, "/api/v1/audit")).status, 403, "a member there");
    const renewed = await as({ Cookie: there.Cookie }, "/api/v1/auth/refresh", { method: "POST" });
    assert.equal(renewed.json.workspace.id, other.workspace_id);
    const back = await go(kept(renewed), home);
    assert.deepEqual([back.status, back.json.workspace.id, back.json.workspace.role], [200, home, "owner"]);
    now = { headers: kept(back), workspace: back.json.workspace };
  });

  test("what another tab began before goes on where it was begun, or is refused: its token fits no other workspace", async () => {
    const old = now.headers, r = await go(old, other.workspace_id), there = kept(r);
    assert.equal(await here(old), now.workspace.id, "for 30 s, as after a renewal");
    const mixed = await as({ Cookie: there.Cookie, "X-CSRF-Token": old["X-CSRF-Token"] }, "/api/v1/calls", { body: { to: "+33611111111" } });
    assert.deepEqual([mixed.status, mixed.json.code], [403, "csrf_failed"]);
    const late = await as({ Cookie: old.Cookie }, "/api/v1/auth/refresh", { method: "POST" });
    assert.equal(late.json.workspace.id, other.workspace_id, "a tab that renews late comes along");
    assert.equal((await go(old, now.workspace.id)).status, 401, "an id that was replaced goes nowhere");
    now.headers = kept(await go(kept(late), now.workspace.id));
  });

  test("taken out of it: the next renewal is at home", async () => {
    const there = kept(await go(now.headers, other.workspace_id));
    assert.equal((await a.call(`/api/v1/workspaces/${other.workspace_id}/members/${a.me.user.id}`, { method: "DELETE", key: other.key })).status, 204);
    assert.equal((await as(there, "/api/v1/auth/me")).status, 401);
    const again = await signIn();
    assert.equal(again.workspace.id, now.workspace.id);
    now = again;
  });

  test("nobody goes where they do not belong, and a key goes nowhere", async () => {
    for (const [id, status] of [[stranger.workspace_id, 404], [other.workspace_id, 404], ["ws_none", 404], ["", 422], [7, 422], ["x".repeat(100), 422]]) {
      const r = await go(now.headers, id);
      assert.equal(r.status, status, `${id}: ${r.text}`);
    }
    assert.equal(await here(now.headers), now.workspace.id, "still signed in, and there");
    assert.equal((await a.call("/api/v1/auth/workspace", { method: "PUT", body: { workspace_id: a.me.workspace.id } })).status, 403, "by key");
    assert.equal((await a.call("/api/v1/auth/workspace", { method: "PUT", body: { workspace_id: a.me.workspace.id }, key: null })).status, 401);
    assert.equal((await as({ Cookie: now.headers.Cookie }, "/api/v1/auth/workspace", { method: "PUT", body: { workspace_id: a.me.workspace.id } })).status, 403, "without the token");
  });

  test("a new password leaves one where one is", async () => {
    assert.equal(ava(["workspace", "member", stranger.workspace_id, person.email, "admin", "--data-dir", a.data]).status, 0);
    const there = kept(await go(now.headers, stranger.workspace_id));
    const r = await as(there, "/api/v1/auth/password", { method: "PUT", body: { current_password: person.password, new_password: "another correct horse" } });
    assert.deepEqual([r.status, r.json.workspace?.id], [200, stranger.workspace_id], r.text);
  });
});
