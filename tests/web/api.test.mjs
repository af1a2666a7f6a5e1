import assert from "node:assert/strict";
import test from "node:test";
import { Locks } from "./browser.mjs";
import { answer, load } from "./load.mjs";

const { createClient } = await load("kit/api.ts");

const session = (csrf) => ({ user: { id: "usr_1" }, workspace: { id: "ws_1", role: "owner" }, csrf_token: csrf, profile: "sandbox" });
const required = () => answer(401, { code: "session_required", status: 401, correlation_id: "c" });

const seams = { now: () => 0, newId: () => "an-id", alone: (what) => what(), somebodyElse: () => assert.fail("somebody else") };

// A server of a few lines: what each path answers, and what was asked.
function server(routes, sessionOver = async () => false, more = {}) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ url, method: init.method, headers: init.headers, body: init.body });
    await new Promise((r) => setTimeout(r, 1));
    const route = routes[`${init.method} ${url.replace("/api/v1", "")}`] ?? required;
    return route(init);
  };
  const tab = () => createClient({ ...seams, fetch, sessionOver, ...more });
  return { asked, tab, client: tab(), count: (path) => asked.filter((a) => a.url === "/api/v1" + path).length };
}

test("twenty requests with an old session make one refresh, and all succeed", async () => {
  let fresh = false;
  const { client, count } = server({
    "GET /thing": () => (fresh ? answer(200, { n: 1 }) : required()),
    "POST /auth/refresh": () => ((fresh = true), answer(200, session("c2"))),
  });
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.get("/thing")));
  assert.ok(replies.every((r) => r.ok));
  assert.equal(count("/auth/refresh"), 1);
});

test("nine tabs whose session ends at once make one refresh, and nobody is asked", async () => {
  const locks = new Locks();
  const alone = async (what) => {
    let reply;
    await locks.request("ava-session", {}, async () => (reply = await what()));
    return reply;
  };
  let fresh = false;
  const { tab, count } = server({
    "GET /thing": () => (fresh ? answer(200, {}) : required()),
    "GET /auth/me": () => (fresh ? answer(200, session("c2")) : required()),
    "POST /auth/refresh": () => (fresh ? required() : ((fresh = true), answer(200, session("c2")))),
  }, () => assert.fail("asked to sign in"), { alone });
  const tabs = Array.from({ length: 9 }, tab);
  const replies = await Promise.all(tabs.flatMap((one) => [one.get("/thing"), one.get("/thing"), one.resume()]));
  assert.ok(replies.every((r) => r.ok));
  assert.equal(count("/auth/refresh"), 1);
});

test("an Ava that cannot be asked for a new session is no reason to sign anybody out", async () => {
  for (const [refresh, code] of [[() => answer(503, { code: "overloaded" }), "overloaded"], [() => answer(429, { code: "rate_limited" }), "rate_limited"], [() => Promise.reject(new TypeError("gone")), "offline"]]) {
    const { client } = server({ "POST /auth/refresh": refresh }, () => assert.fail("asked to sign in"));
    assert.equal((await client.get("/thing")).problem.code, code);
  }
});

test("when the cookie is somebody else's now, nothing is done in their name and the page is told", async () => {
  for (const other of [{ user: { id: "usr_2" } }, { workspace: { id: "ws_2", role: "owner" } }]) {
    let told = 0;
    let me = session("mine");
    const { client, asked } = server(
      { "GET /auth/me": () => answer(200, me), "PUT /x": (init) => (init.headers["X-CSRF-Token"] === me.csrf_token ? answer(200, {}) : answer(403, { code: "csrf_failed" })) },
      undefined, { somebodyElse: () => told++ },
    );
    await client.resume();
    me = { ...session("theirs"), ...other };
    assert.equal((await client.send("PUT", "/x", { body: {} })).ok, false);
    assert.deepEqual([told, asked.filter((a) => a.method === "PUT").length], [1, 1]);
    assert.equal((await client.send("PUT", "/x", { body: {} })).ok, false);
    assert.ok(asked.every((a) => a.headers["X-CSRF-Token"] !== "theirs"));
  }
});

test("what one person asked for is not done for another who signs in over the page", async () => {
  let here = false;
  const { client, count } = server(
    { "GET /auth/me": () => (here ? required() : answer(200, session("c"))), "PUT /x": () => required(), "POST /auth/login": () => answer(200, { ...session("d"), user: { id: "usr_2" } }) },
    async () => (await client.open("/auth/login", {})).ok,
  );
  await client.resume();
  here = true;
  assert.equal((await client.send("PUT", "/x", { body: {} })).problem.code, "session_required");
  assert.equal(count("/x"), 1);
});

// What was asked before somebody signs out is answered after it, or before the word that it went well.
const gate = () => {
  let open;
  const wait = new Promise((done) => (open = done));
  return { open, wait };
};

test("whoever signs out while panels load is not asked to sign in again, whichever is answered first", async () => {
  for (const isFirst of [true, false]) {
    const panel = gate();
    const out = gate();
    let here = true;
    const { client, count } = server({
      "GET /auth/me": () => (here ? answer(200, session("c")) : required()),
      "GET /panel": () => panel.wait.then(required),
      "POST /auth/logout": () => ((here = false), out.wait.then(() => answer(204))),
    }, () => assert.fail("asked to sign in"));
    await client.resume();
    const [reading, leaving] = [client.get("/panel"), client.signOut()];
    for (const [one, answered] of isFirst ? [[panel, undefined], [out, leaving]] : [[out, leaving], [panel, undefined]]) {
      one.open();
      await (answered ?? new Promise((r) => setTimeout(r, 20)));
    }
    assert.equal((await reading).problem.code, "session_required");
    assert.equal(count("/auth/refresh"), 0, "nor for a session that was given up");
  }
});

test("nor is who is asked for a new session meanwhile, nor after another tab signed out", async () => {
  const refresh = gate();
  let here = true;
  const { client } = server({
    "GET /auth/me": () => (here ? answer(200, session("c")) : required()),
    "GET /panel": required, "POST /auth/refresh": () => refresh.wait.then(required),
  }, () => assert.fail("asked to sign in"));
  await client.resume();
  here = false;
  const reading = client.get("/panel");
  await new Promise((r) => setTimeout(r, 20));
  client.left();
  refresh.open();
  assert.equal((await reading).problem.code, "session_required");
  assert.equal((await client.get("/panel")).problem.code, "session_required", "what a page asks that is just going");
});

test("a write that was under way is not done for whoever signs in next", async () => {
  const write = gate();
  let me;
  const { client, count } = server({
    "GET /auth/me": () => (me ? answer(200, me) : required()), "PUT /x": () => write.wait.then(required),
    "POST /auth/logout": () => answer(204), "POST /auth/login": () => answer(200, (me = { ...session("d"), user: { id: "usr_2" } })),
  }, () => assert.fail("asked to sign in"));
  me = session("c");
  await client.resume();
  const writing = client.send("PUT", "/x", { body: {} });
  await client.signOut();
  me = undefined;
  await client.open("/auth/login", {});
  write.open();
  assert.equal((await writing).problem.code, "session_required");
  assert.equal(count("/x"), 1);
});

test("who could not sign out is still here", async () => {
  let fresh = false;
  const { client } = server({
    "GET /thing": () => (fresh ? answer(200, {}) : required()), "GET /auth/me": () => (fresh ? answer(200, session("c")) : required()),
    "POST /auth/refresh": () => ((fresh = true), answer(200, session("c"))), "POST /auth/logout": () => Promise.reject(new TypeError("gone")),
  }, () => assert.fail("asked to sign in"));
  const [reading, out] = await Promise.all([client.get("/thing"), client.signOut()]);
  assert.deepEqual([reading.ok, out.problem.code], [true, "offline"]);
});

test("whoever signs in here is no somebody else", async () => {
  const { client } = server({ "GET /auth/me": () => answer(200, session("c")), "POST /auth/login": () => answer(200, { ...session("d"), user: { id: "usr_2" } }) });
  await client.resume();
  assert.ok((await client.open("/auth/login", {})).ok);
});

test("each request says by which name to ask for it, its repetitions by the same", async () => {
  let n = 0;
  let fresh = false;
  const { client, asked } = server({
    "GET /a": () => (fresh ? answer(200, {}) : required()), "GET /b": () => answer(200, {}),
    "POST /auth/refresh": () => ((fresh = true), answer(200, session("c"))),
  }, undefined, { newId: () => "id-" + ++n });
  await client.get("/a");
  await client.get("/b", { id: "chosen" });
  const ids = (path) => [...new Set(asked.filter((a) => a.url.endsWith(path)).map((a) => a.headers["X-Correlation-ID"]))];
  assert.equal(ids("/a").length, 1);
  assert.deepEqual(ids("/b"), ["chosen"]);
});

test("a refused refresh asks the person once, then goes on", async () => {
  let signedIn = false;
  let questions = 0;
  const { client } = server(
    { "GET /thing": () => (signedIn ? answer(200, {}) : required()), "POST /auth/refresh": required },
    async () => (questions++, await new Promise((r) => setTimeout(r, 5)), (signedIn = true)),
  );
  const replies = await Promise.all([client.get("/thing"), client.get("/thing"), client.get("/thing")]);
  assert.ok(replies.every((r) => r.ok));
  assert.equal(questions, 1);
});

test("a provider's refusal is no reason to sign anybody out", async () => {
  const { client, count } = server(
    { "GET /vapi/settings": () => answer(424, { code: "provider_credentials_rejected", upstream_status: 401, service: "vapi" }) },
    () => assert.fail("asked to sign in"),
  );
  const reply = await client.get("/vapi/settings");
  assert.equal(reply.problem.code, "provider_credentials_rejected");
  assert.equal(count("/auth/refresh"), 0);
});

test("writes carry the token of the last session answer, reads do not", async () => {
  const { client, asked } = server({ "GET /auth/me": () => answer(200, session("first")), "PUT /x": () => answer(200, {}), "GET /x": () => answer(200, {}) });
  await client.resume();
  await client.send("PUT", "/x", { body: { value: 1 } });
  await client.get("/x");
  assert.equal(asked[1].headers["X-CSRF-Token"], "first");
  assert.equal(asked[1].headers["Content-Type"], "application/json");
  assert.equal(asked[2].headers["X-CSRF-Token"], undefined);
});

test("a token that another tab made old is renewed and the write tried once more", async () => {
  let token = "old";
  const { client, count } = server({
    "GET /auth/me": () => answer(200, session(token)),
    "PUT /x": (init) => (init.headers["X-CSRF-Token"] === "new" ? answer(200, {}) : answer(403, { code: "csrf_failed" })),
  });
  await client.resume();
  token = "new";
  assert.ok((await client.send("PUT", "/x", { body: {} })).ok);
  assert.equal(count("/x"), 2);
});

test("a page opened after a quarter of an hour resumes by the cookie alone", async () => {
  const { client } = server({ "GET /auth/me": required, "POST /auth/refresh": () => answer(200, session("c")) });
  assert.ok((await client.resume()).ok);
});

test("who signs in while it is asked whether an old session can be renewed waits for that", async () => {
  let answers;
  const { client, asked } = server({
    "POST /auth/refresh": () => new Promise((done) => (answers = () => done(required()))),
    "POST /auth/login": () => answer(200, session("c")),
  });
  let opened;
  const resumed = client.resume(() => (opened = client.open("/auth/login", {})));
  while (!answers) await new Promise((r) => setTimeout(r, 1));
  answers();
  assert.equal((await resumed).problem.code, "session_required");
  assert.ok((await opened).ok);
  assert.deepEqual(asked.map((a) => a.url.replace("/api/v1/auth/", "")), ["me", "me", "refresh", "login"]);
});

test("no network is `offline`, a cancelled request is nobody's problem", async () => {
  const client = createClient({ ...seams, fetch: async () => Promise.reject(new TypeError("failed")), sessionOver: async () => false });
  assert.deepEqual(await client.get("/x"), { ok: false, problem: { code: "offline" } });
  const stop = new AbortController();
  stop.abort();
  await assert.rejects(client.get("/x", { signal: stop.signal }));
});

test("keeps how old, how stale, which version, and how long to wait", async () => {
  const { client } = server({
    "GET /a": () => answer(200, { settings: [], stale: true }, { Age: "420", ETag: '"v1"', "Retry-After": "17" }),
    "GET /b": () => answer(503, { code: "provider_unavailable", service: "vapi", retry: { status: "not_retryable", next_retry_in_seconds: 9 } }),
    "GET /c": () => new Response("<html>a proxy's page</html>", { status: 502, headers: { "X-Correlation-ID": "c-12345678" } }),
  });
  const a = await client.get("/a");
  assert.deepEqual([a.stale, a.age, a.etag, a.wait], [true, 420, '"v1"', 17]);
  assert.equal((await client.get("/b")).problem.wait, 9);
  const c = (await client.get("/c")).problem;
  assert.deepEqual([c.code, c.correlation_id], ["internal_error", "c-12345678"]);
});

test("that Ava tries again is told to whoever waits for that request, and to nobody else", async () => {
  const said = [];
  const { client, asked } = server({ "GET /a": () => answer(200, {}), "PUT /b": () => answer(200, {}) }, undefined, { newId: (() => { let n = 0; return () => "id-" + ++n; })(), retried: (r) => said.push(r?.attempt) });
  const panel = new AbortController();
  panel.signal.addEventListener("retry", (e) => said.push("panel " + e.detail.attempt));
  const both = [client.get("/a", { signal: panel.signal }), client.send("PUT", "/b", { body: {} })];
  for (const [correlation_id, attempt] of [["id-1", 2], ["id-2", 2], ["id-2", 3], ["another tab's", 2]]) client.tell({ correlation_id, attempt, service: "vapi", max_attempts: 3, next_retry_in_seconds: 1 });
  await Promise.all(both);
  client.tell({ correlation_id: "id-1", attempt: 3 });
  assert.deepEqual(said, ["panel 2", 2, 3, undefined]);
  assert.equal(asked.length, 2);
});
