// The API keys for a workspace, as those who look after it see them: everybody's, whose each is, and revoking one.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person } from "../lib/ava.mjs";

describe("the keys for a workspace", { skip: missing, concurrency: 1 }, () => {
  let a, home, bob, admin;
  before(async () => {
    a = await Ava.start();
    await a.signUp();
    home = a.me.workspace.id;
    bob = await a.newPerson("bob@example.com");
    admin = await a.newPerson("carol@example.com");
    for (const [who, role] of [[bob, "member"], [admin, "admin"]]) assert.equal((await a.call(`/api/v1/workspaces/${home}/members/${who.id}`, { method: "PUT", body: { role } })).status, 200);
    bob.here = a.newKey("bob@example.com", "bob's job", ["--workspace", home]);
    admin.here = a.newKey("carol@example.com", "carol's job", ["--workspace", home, "--rate", "90"]);
  });
  after(() => a?.remove());
  const list = async (key, more = "") => (await a.call(`/api/v1/workspaces/${home}/keys${more}`, { key })).json.keys;
  const remove = (key, id, of = home) => a.call(`/api/v1/workspaces/${of}/keys/${id}`, { method: "DELETE", key });

  test("owners and admins see everybody's, members their own, others none", async () => {
    for (const key of [a.key, admin.here]) assert.deepEqual((await list(key)).map((k) => k.name), ["carol's job", "bob's job", "flow"]);
    assert.deepEqual((await list(bob.here)).map((k) => k.name), ["bob's job"]);
    const stranger = await a.newPerson("dan@example.com");
    assert.equal((await a.call(`/api/v1/workspaces/${home}/keys`, { key: stranger.key })).status, 404);
    assert.equal((await a.call(`/api/v1/workspaces/${home}/keys`, { key: null })).status, 401);
    assert.equal((await a.call(`/api/v1/workspaces/${home}/keys`, { key: bob.key })).status, 404, "bob's key for his own workspace");
  });

  test("each says whose it is, its last use, its own limit, and whether it runs the installation; never the key", async () => {
    const all = await list(a.key);
    const [carols, bobs, own] = all;
    assert.deepEqual([carols.user_email, carols.rate_limit_per_minute, bobs.user_email, bobs.rate_limit_per_minute], ["carol@example.com", 90, "bob@example.com", null]);
    assert.deepEqual(all.map((k) => k.runs_installation), [false, false, true], "the operator's that is for no workspace alone");
    assert.ok(Date.parse(own.last_used_at) > 0 && bobs.last4 === bob.here.slice(-4));
    const text = JSON.stringify(all);
    for (const key of [a.key, bob.here, admin.here]) assert.ok(!text.includes(key));
    const confined = a.newKey(person.email, "confined", ["--workspace", home]);
    assert.equal((await list(a.key))[0].runs_installation, false);
    assert.equal((await remove(a.key, (await list(confined))[0].id)).status, 204);
  });

  test("pages, and what is no page", async () => {
    const first = (await a.call(`/api/v1/workspaces/${home}/keys?limit=2`)).json;
    const second = (await a.call(`/api/v1/workspaces/${home}/keys?limit=2&cursor=${first.next_cursor}`)).json;
    assert.deepEqual([...first.keys, ...second.keys].map((k) => k.name), ["carol's job", "bob's job", "flow"]);
    assert.equal(second.next_cursor, null);
    for (const query of ["?limit=0", "?limit=101", "?limit=x"]) assert.equal((await a.call(`/api/v1/workspaces/${home}/keys${query}`)).status, 422, query);
  });

  test("a member revokes none but their own; an admin anybody's, at once, audited there", async () => {
    const [carols, bobs] = await list(a.key);
    assert.equal((await remove(bob.here, carols.id)).status, 404);
    const extra = a.newKey("bob@example.com", "bob's other", ["--workspace", home]);
    assert.equal((await remove(bob.here, (await list(extra))[0].id)).status, 204);
    assert.equal((await a.call("/api/v1/calls", { key: extra })).status, 401);
    assert.equal((await remove(admin.here, bobs.id)).status, 204);
    assert.equal((await a.call("/api/v1/calls", { key: bob.here })).status, 401);
    assert.equal((await remove(admin.here, bobs.id)).status, 404, "it is gone");
    const rows = ava(["audit", "export", "--data-dir", a.data]).stdout.trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.action === "key.remove" && e.object === bobs.id);
    assert.deepEqual(rows.map((e) => [e.workspace_id, e.outcome]), [[home, "ok"]]);
  });

  test("a key is revoked by the address of its own workspace only", async () => {
    const theirs = (await a.call(`/api/v1/workspaces/${bob.workspace_id}/keys`)).json.keys[0];
    assert.equal(theirs.name, "flow", "who runs the installation sees those of every workspace");
    assert.equal((await remove(a.key, theirs.id)).status, 404);
    assert.equal((await remove(admin.here, theirs.id, bob.workspace_id)).status, 404);
    assert.equal((await a.call("/api/v1/calls", { key: bob.key })).status, 200);
    for (const id of ["key_nope", "%00", "x".repeat(200)]) assert.ok([400, 404].includes((await remove(a.key, id)).status), id);
  });
});
