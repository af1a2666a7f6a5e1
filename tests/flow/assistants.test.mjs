// Bears company.
// Assistants: made once, changed on top of what Vapi has, remembered with their authors, and taken back.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person, sanitized, slack, until } from "../lib/ava.mjs";

const env = { CIRCUIT_BREAKER_ENABLED: "false", AVA_LOG_LEVEL: "error", RATE_LIMIT_PER_MINUTE: "10000", RATE_LIMIT_DEFAULT_PER_MINUTE: "10000" };

describe("assistants", { skip: missing }, () => {
  let a, vapi;
  before(async () => {
    a = await Ava.start({ env });
    await a.signUp();
    vapi = (await a.call("/sandbox/api/credentials", { key: null })).json.vapi;
  });
  after(() => a.remove());

  const api = (path, options = {}) => a.call("/api/v1/assistants" + path, options);
  const make = (body = {}, headers = {}) => api("", { body: { name: "Night desk", firstMessage: "Good evening.", ...body }, headers });
  const made = async (body) => ((r) => (assert.equal(r.status, 201, r.text), r.json))(await make(body));
  const patch = (id, body, headers = {}) => api("/" + id, { method: "PATCH", body, headers });
  const history = async (id) => (await api(`/${id}/history`)).json.versions;
  const version = async (id, n) => (await api(`/${id}/history/${n}`)).json;
  const restore = (id, n, headers = {}) => api(`/${id}/history/${n}/restore`, { method: "POST", headers });
  // Past Ava: what Vapi itself has, and what somebody changes there.
  const direct = async (path, method = "GET", body) => {
    const r = await fetch(vapi.base_url + path, { method, headers: { Authorization: `Bearer ${vapi.api_key}`, "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
    return r.json();
  };
  const theirs = (one) => direct("/assistant/" + one.provider_id);
  const posts = async () => (await a.ledger()).hits.filter((h) => h.provider === "vapi" && h.method === "POST" && h.path === "/assistant").length;

  test("makes one whose messages come here, signed and repeated", async () => {
    const r = await make({ metadata: { shop: "north" }, model: { provider: "openai", model: "gpt-4o", extra: { kept: [1, "two"] } } });
    assert.equal(r.status, 201, r.text);
    assert.equal(r.headers.get("etag"), '"1"');
    assert.match(r.json.id, /^asst_[0-9a-f]{32}$/);
    assert.deepEqual([r.json.name, r.json.version, r.json.in_use, r.json.config.firstMessage], ["Night desk", 1, false, "Good evening."]);
    assert.deepEqual(r.json.config.metadata, { shop: "north" }, "Ava's own mark is not shown");
    const there = await theirs(r.json);
    assert.match(there.metadata.ava_op, /^op_/);
    assert.deepEqual(there.server.backoffPlan, { type: "exponential", maxRetries: 5, baseDelaySeconds: 1 });
    const endpoint = (await a.call("/api/v1/webhooks/endpoints")).json.endpoints.find((e) => e.provider === "vapi");
    assert.equal(there.server.url, endpoint.urls.server);
    assert.ok(there.server.headers["X-Vapi-Secret"].length >= 32);
    assert.deepEqual(there.model.extra, { kept: [1, "two"] });
    const read = await api("/" + r.json.id);
    assert.deepEqual([read.status, read.headers.get("etag")], [200, '"1"']);
    assert.deepEqual(read.json, r.json);
  });

  test("a server of one's own stays, and is only made patient", async () => {
    const one = await made({ server: { url: "https://example.com/hook", timeoutSeconds: 7 } });
    assert.deepEqual((await theirs(one)).server, { url: "https://example.com/hook", timeoutSeconds: 7, backoffPlan: { type: "exponential", maxRetries: 5, baseDelaySeconds: 1 } });
    const two = await made({ server: { url: "https://example.com/hook", backoffPlan: { type: "fixed", maxRetries: 1, baseDelaySeconds: 2 } } });
    assert.equal((await theirs(two)).server.backoffPlan.type, "fixed");
  });

  test("an assistant that names the messages it wants also wants those Ava needs", async () => {
    const one = await made({ serverMessages: ["tool-calls"] });
    assert.deepEqual((await theirs(one)).serverMessages, ["tool-calls", "status-update", "end-of-call-report"]);
  });

  test("names every wrong field and makes nothing; what Vapi refuses is told in words", async () => {
    const before = await posts();
    for (const [body, fields] of [
      [{ name: undefined }, ["name"]],
      [{ name: "" }, ["name"]],
      [{ name: "é".repeat(41), id: "x", orgId: "y", createdAt: "z", updatedAt: "z", latestVersion: {} }, ["createdAt", "id", "latestVersion", "name", "orgId", "updatedAt"]],
      [{ metadata: { ava_op: "op_1" } }, ["metadata"]],
      [{ metadata: "x" }, ["metadata"]],
      [{ server: { url: "https://example.com", headers: { "X-Key": "********" } } }, ["/server/headers/X-Key"]],
    ]) {
      const r = await make(body);
      assert.equal(r.status, 422, r.text);
      assert.deepEqual(r.json.errors.map((e) => e.field).sort(), fields, r.text);
    }
    const large = (await make({ model: { messages: [{ content: "é".repeat(131_072) }] } })).json.errors[0];
    assert.deepEqual([large.field, large.code, large.max], ["config", "too_long", 262144]);
    assert.equal(await posts(), before);
    const r = await make({ bogus: 1, maxDurationSeconds: 5 });
    assert.deepEqual([r.status, r.json.code], [422, "provider_rejected_request"]);
    assert.match(r.json.detail, /it does not know the field bogus; maxDurationSeconds must not be less than 10/);
    assert.ok(!(await direct("/assistant?limit=1000")).some((x) => x.maxDurationSeconds === 5));
  });

  test("a change is merged deeply, sent whole by member, and leaves the rest alone", async () => {
    const one = await made({ voice: { provider: "openai", voiceId: "alloy", speed: 1, future: { deep: true } }, endCallMessage: "Bye." });
    const before = await theirs(one);
    const r = await patch(one.id, { voice: { speed: 1.1 }, endCallMessage: null }, { "If-Match": '"1"' });
    assert.deepEqual([r.status, r.headers.get("etag"), r.json.version], [200, '"2"', 2], r.text);
    assert.deepEqual(r.json.config.voice, { provider: "openai", voiceId: "alloy", speed: 1.1, future: { deep: true } });
    assert.ok(!("endCallMessage" in r.json.config));
    const after = await theirs(one);
    for (const gone of ["updatedAt", "voice", "endCallMessage"]) delete before[gone], delete after[gone];
    assert.deepEqual(after, before);
    const sent = (await a.ledger()).hits.filter((h) => h.method === "PATCH").length;
    const same = await patch(one.id, { voice: { speed: 1.1 } });
    assert.deepEqual([same.status, same.json.version], [200, 2]);
    assert.equal((await a.ledger()).hits.filter((h) => h.method === "PATCH").length, sent, "nothing to send");
    assert.equal((await theirs(one)).metadata.ava_op, before.metadata.ava_op);
    const meta = await patch(one.id, { metadata: { shop: "south" } });
    assert.deepEqual(meta.json.config.metadata, { shop: "south" });
    assert.deepEqual((await theirs(one)).metadata, { shop: "south", ava_op: before.metadata.ava_op });
  });

  test("a change for an older version is a conflict, and both are there to compare", async () => {
    const one = await made({ firstMessage: "One." });
    await patch(one.id, { firstMessage: "Two." });
    const r = await patch(one.id, { firstMessage: "Mine." }, { "If-Match": '"1"' });
    assert.deepEqual([r.status, r.json.code], [412, "version_conflict"]);
    assert.match(r.json.detail, /version 2/);
    assert.equal((await version(one.id, 2)).config.firstMessage, "Two.");
    assert.equal((await theirs(one)).firstMessage, "Two.");
    assert.equal((await restore(one.id, 1, { "If-Match": '"1"' })).status, 412);
    assert.equal((await api("/" + one.id, { method: "DELETE", headers: { "If-Match": '"1"' } })).status, 412);
    assert.equal((await patch(one.id, { firstMessage: "Mine." }, { "If-Match": '"2"' })).status, 200);
  });

  test("a body of tens of thousands of values holds nobody else up", async () => {
    const key = a.newKey(person.email, "bystander");
    // How long somebody else's reads take, the slowest of them, while `work` goes on.
    const beside = async (work) => {
      let done = false, slowest = 0;
      const others = (async () => {
        while (!done) {
          const begun = performance.now();
          assert.equal((await a.call("/api/v1/auth/me", { key, headers: { Connection: "close" } })).status, 200);
          slowest = Math.max(slowest, performance.now() - begun);
        }
      })();
      const r = await work().finally(() => (done = true));
      await others;
      return [r, slowest];
    };
    const beneath = (value) => list(20, () => "n".repeat(250)).reduce((inner, name) => ({ [name]: inner }), value);
    const list = (n, of) => Array.from({ length: n }, (_, i) => of(i));
    const one = await made();
    for (const [what, first, second, status = 200] of [
      ["numbers", { metadata: { x: list(20_000, () => 0) } }, { metadata: { x: list(20_000, () => 1) } }],
      ["more numbers", { metadata: { x: list(30_000, () => 0) } }, { metadata: { secret: "********", x: list(60_000, () => 1) } }, 422],
      ["moved secrets", { metadata: { x: list(3_000, (i) => ({ i, apiKey: "k" })) } }, { metadata: { x: list(3_000, (i) => ({ i: 2_999 - i, apiKey: "********" })) } }],
      ["masks for nothing", { metadata: null }, { metadata: { headers: list(60_000, () => "********") } }, 422],
      ["long names that all differences stand under", { metadata: beneath(list(900, () => 0)) }, { metadata: beneath(list(900, () => 1)) }],
    ]) {
      const ready = await patch(one.id, first);
      assert.equal(ready.status, 200, `${what}: ${ready.text.slice(0, 300)}`);
      const [r, slowest] = await beside(() => patch(one.id, second));
      assert.equal(r.status, status, `${what}: ${r.text.slice(0, 300)}`);
      if (!sanitized) assert.ok(slowest < 100 * slack, `${what}: somebody else waited ${Math.round(slowest)} ms`);
      if (status !== 200) continue;
      const [told, later] = await beside(() => api(`/${one.id}/history/${r.json.version}`));
      assert.equal(told.status, 200);
      assert.ok(told.json.changes.length > 0 && told.text.length < 500_000, `${what}: ${told.text.length} bytes`);
      if (!sanitized) assert.ok(later < 100 * slack, `${what}, history: somebody else waited ${Math.round(later)} ms`);
    }
  });

  test("a configuration that grows too large stays as it is", async () => {
    const one = await made({ model: { messages: [{ content: "x".repeat(200_000) }] } });
    const r = await patch(one.id, { firstMessage: "y".repeat(70_000) });
    assert.deepEqual([r.status, r.json.errors[0].code], [422, "too_long"]);
    assert.equal((await api("/" + one.id)).json.version, 1);
    assert.equal((await patch(one.id, { model: { messages: [] }, firstMessage: "y".repeat(70_000) })).status, 200);
  });

  test("of many changes for one version exactly one is made", async () => {
    const one = await made();
    const all = await Promise.all(Array.from({ length: 12 }, (_, i) => patch(one.id, { firstMessage: `From ${i}` }, { "If-Match": '"1"' })));
    assert.deepEqual(all.map((r) => r.status).sort(), [200, ...Array(11).fill(412)]);
    const won = all.find((r) => r.status === 200);
    assert.equal((await theirs(one)).firstMessage, won.json.config.firstMessage);
    assert.equal((await history(one.id)).length, 2);
  });

  test("changes to different parts at the same time are all there", async () => {
    const one = await made({ voice: { provider: "openai", voiceId: "alloy", speed: 1 } });
    const names = Array.from({ length: 10 }, (_, i) => `part${i}`);
    for (const r of await Promise.all(names.map((n) => patch(one.id, { voice: { [n]: n } })))) assert.equal(r.status, 200, r.text);
    const { voice } = await theirs(one);
    assert.deepEqual(names.filter((n) => voice[n] !== n), []);
    assert.deepEqual((await history(one.id)).map((v) => v.version), [11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  test("remembers who changed what, and how", async () => {
    const one = await made({ firstMessage: "One.", model: { provider: "openai", messages: [{ role: "system", content: "Be kind." }] } });
    await patch(one.id, { firstMessage: "Two.", "a/b~c": undefined, model: { messages: [{ role: "system", content: "Be brief." }] }, endCallMessage: "Bye." });
    const [second, first] = await history(one.id);
    assert.deepEqual([second.version, second.what, first.version, first.what], [2, "changed", 1, "created"]);
    assert.deepEqual([second.author.id, second.author.name], [a.me.user.id, a.me.user.email]);
    const shown = await version(one.id, 2);
    assert.deepEqual(shown.changes, [
      { path: "/endCallMessage", before: null, after: "Bye." },
      { path: "/firstMessage", before: "One.", after: "Two." },
      { path: "/model/messages/0/content", before: "Be kind.", after: "Be brief." },
    ].sort((x, y) => shown.changes.findIndex((c) => c.path === x.path) - shown.changes.findIndex((c) => c.path === y.path)));
    assert.equal(shown.config.firstMessage, "Two.");
    assert.deepEqual((await version(one.id, 1)).changes, []);
    for (const none of ["0", "3", "x", "-1"]) assert.equal((await api(`/${one.id}/history/${none}`)).status, 404, none);
    const page = (await api(`/${one.id}/history?limit=1`)).json;
    assert.equal(page.next_cursor, "2");
    assert.deepEqual((await api(`/${one.id}/history?limit=1&cursor=2`)).json.versions.map((v) => v.version), [1]);
    const audit = (await a.call("/api/v1/audit")).json.entries.filter((e) => e.object === one.id).map((e) => e.action);
    assert.deepEqual(audit, ["assistant.change", "assistant.create"]);
  });

  test("Undo gives a version back as a new one, and calls keep coming in", async () => {
    const one = await made({ firstMessage: "One." });
    await patch(one.id, { firstMessage: "Two.", endCallMessage: "Bye." });
    const before = (await theirs(one)).server;
    const rotated = (await a.call("/api/v1/webhooks/endpoints/vapi/rotate", { method: "POST" })).json.urls.server;
    await direct("/assistant/" + one.provider_id, "PATCH", { server: { ...before, url: rotated } });
    const r = await restore(one.id, 1);
    assert.equal(r.status, 200, r.text);
    assert.deepEqual([r.json.version, r.json.config.firstMessage, r.json.config.endCallMessage], [4, "One.", undefined]);
    assert.deepEqual((await history(one.id)).map((v) => [v.what, v.restored_version]), [["restored", 1], ["changed_at_provider", undefined], ["changed", undefined], ["created", undefined]]);
    assert.equal((await theirs(one)).server.url, rotated, "where messages go is not taken back");
    assert.equal((await restore(one.id, 9)).status, 404);
    assert.equal((await restore(one.id, 4)).json.version, 4, "nothing to take back");
  });

  test("what somebody changes at Vapi is a version of its own, by nobody here", async () => {
    const one = await made();
    await direct("/assistant/" + one.provider_id, "PATCH", { firstMessage: "From the console." });
    const read = await api("/" + one.id);
    assert.deepEqual([read.json.version, read.json.config.firstMessage, read.headers.get("etag")], [2, "From the console.", '"2"']);
    const [seen] = await history(one.id);
    assert.deepEqual([seen.what, seen.author], ["changed_at_provider", null]);
    assert.equal((await patch(one.id, { name: "X" }, { "If-Match": '"1"' })).status, 412);
    await direct("/assistant/" + one.provider_id, "PATCH", { firstMessage: "From the console." });
    assert.equal((await api("/" + one.id)).json.version, 2, "a date that moves alone is no change");
    await direct("/assistant/" + one.provider_id, "PATCH", { firstMessage: "Again." });
    assert.equal((await patch(one.id, { name: "X" }, { "If-Match": '"2"' })).status, 412, "seen by whoever changes it, too");
  });

  test("once it was seen, the settings and the list show it too, whatever the cache had", async () => {
    await a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: "Ours." } });
    const one = (await api("?limit=100")).json.assistants.find((x) => x.in_use);
    await direct("/assistant/" + one.provider_id, "PATCH", { firstMessage: "Theirs.", name: "Their desk" });
    assert.equal((await a.call("/api/v1/vapi/settings/greeting_message")).json.value, "Ours.", "nobody looked yet");
    await api("/" + one.id);
    assert.equal((await a.call("/api/v1/vapi/settings/greeting_message")).json.value, "Theirs.");
    assert.equal((await api("?limit=100")).json.assistants.find((x) => x.in_use).name, "Their desk");
  });

  test("a setting that is saved stands in the history with its author, and Undo works for it", async () => {
    const save = (value) => a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value } });
    await save("The first.");
    const one = (await api("?limit=100")).json.assistants.find((x) => x.in_use);
    assert.match(one.id, /^asst_/, "the one in use is under Ava's care from its first change on");
    assert.equal(one.provider_id, vapi.assistant_id);
    await save("The second.");
    const [last, before] = await history(one.id);
    assert.deepEqual([last.what, last.author.id], ["settings", a.me.user.id]);
    assert.deepEqual((await version(one.id, last.version)).changes, [{ path: "/firstMessage", before: "The first.", after: "The second." }]);
    assert.equal((await restore(one.id, before.version)).status, 200);
    assert.equal((await a.call("/api/v1/vapi/settings/greeting_message")).json.value, "The first.");
  });

  test("settings do not wait for each other, and each is remembered as what it was", async () => {
    await api("/" + (await api("?limit=100")).json.assistants.find((x) => x.in_use).id); // what others did before is known
    const before = (await history((await api("?limit=100")).json.assistants.find((x) => x.in_use).id))[0].version;
    await a.fault({ provider: "vapi", fault: "latency", latency_ms: 400, operation: "PATCH" }); // one after the other none of the last would be in time
    const all = await Promise.all(Array.from({ length: 40 }, (_, i) => a.call("/api/v1/vapi/settings/greeting_message", { method: "PUT", body: { value: `Hello ${i}` } })));
    await a.fault({ provider: "vapi", fault: "none" });
    assert.deepEqual(all.map((r) => r.status), Array(40).fill(200));
    const one = (await api("?limit=100")).json.assistants.find((x) => x.in_use);
    const since = (await api(`/${one.id}/history?limit=100`)).json.versions.filter((v) => v.version > before);
    assert.deepEqual(since.map((v) => v.what), Array(40).fill("settings"), "none of them is taken for somebody else's");
    const now = (await api("/" + one.id)).json;
    assert.deepEqual([now.version, now.config.firstMessage], [since[0].version, (await theirs(one)).firstMessage], "and the newest is what Vapi has");
    assert.equal((await version(one.id, now.version)).config.firstMessage, now.config.firstMessage);
  });

  test("takes existing ones under its care, all or none", async () => {
    const mine = await direct("/assistant", "POST", { name: "Made at Vapi", firstMessage: "Hi.", metadata: { x: 1 } });
    const listed = (await api("?limit=99")).json.assistants.find((x) => x.provider_id === mine.id);
    assert.deepEqual([listed.id, listed.version, listed.name, listed.created_at], [null, null, "Made at Vapi", mine.createdAt]);
    const bring = (...ids) => api("/import", { body: { provider_ids: ids } });
    const wrong = await bring(mine.id, "5b0a4a08-0000-4000-8000-000000000000");
    assert.equal(wrong.status, 422);
    assert.match(wrong.json.errors[0].message, /5b0a4a08-0000-4000-8000-000000000000/);
    for (const body of [{}, { provider_ids: [] }, { provider_ids: "x" }, { provider_ids: [7] }, { provider_ids: Array(21).fill("x") }, { provider_ids: ["x"], more: 1 }])
      assert.equal((await api("/import", { body })).status, 422, JSON.stringify(body));
    assert.equal((await api("?limit=99")).json.assistants.find((x) => x.provider_id === mine.id).id, null);
    const [held] = (await bring(mine.id)).json.assistants;
    assert.deepEqual([held.version, held.config.metadata], [1, { x: 1 }]);
    assert.equal((await bring(mine.id)).json.assistants[0].id, held.id, "twice is once");
    assert.deepEqual((await history(held.id)).map((v) => v.what), ["imported"]);
  });

  test("lists newest first, page by page, nobody twice and nobody forgotten", async () => {
    const all = (await direct("/assistant?limit=1000")).map((x) => x.id);
    const seen = [];
    for (let cursor = ""; cursor !== null; ) {
      const page = (await api(`?limit=3${cursor && "&cursor=" + encodeURIComponent(cursor)}`)).json;
      assert.ok(page.assistants.length <= 3);
      seen.push(...page.assistants.map((x) => x.provider_id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, all);
    for (const wrong of ["limit=0", "limit=101", "cursor=x", "cursor=2026-11-20T08:00:00Z", "cursor=2026-11-20T08:00:00Z_0", "colour=red"])
      assert.equal((await api("?" + wrong)).status, 422, wrong);
  });

  test("the list shows a new name at once", async () => {
    const one = await made();
    await api("?limit=100");
    await patch(one.id, { name: "Renamed" });
    assert.equal((await api("?limit=100")).json.assistants.find((x) => x.id === one.id).name, "Renamed");
  });

  test("removes one, at Vapi too; its history stays", async () => {
    const one = await made();
    const gone = await api("/" + one.id, { method: "DELETE", headers: { "If-Match": '"1"' } });
    assert.equal(gone.status, 204, gone.text);
    assert.equal((await theirs(one)).message, "Assistant not found");
    for (const r of [await api("/" + one.id), await patch(one.id, { name: "X" }), await api("/" + one.id, { method: "DELETE" }), await restore(one.id, 1)])
      assert.deepEqual([r.status, r.json.code], [404, "not_found"]);
    assert.deepEqual((await history(one.id)).map((v) => v.what), ["deleted", "created"]);
    assert.ok(!(await api("?limit=100")).json.assistants.some((x) => x.provider_id === one.provider_id));
    const inUse = (await api("?limit=100")).json.assistants.find((x) => x.in_use);
    const kept = await api("/" + inUse.id, { method: "DELETE" });
    assert.deepEqual([kept.status, kept.json.errors[0].code], [422, "in_use"]);
    const lost = await made();
    await direct("/assistant/" + lost.provider_id, "DELETE");
    assert.deepEqual([(await api("/" + lost.id)).status, (await api("/" + lost.id)).json.code], [404, "provider_resource_not_found"]);
    assert.equal((await api("/" + lost.id, { method: "DELETE" })).status, 204, "one that is gone already is fine");
  });

  test("a secret is never shown, survives being sent back, and can be changed", async () => {
    const canary = "canary-Zq7Xw9Kp3Lm5";
    const server = { url: "https://ada:" + canary + "@example.com/hook?token=" + canary, headers: { "X-Shop-Key": canary }, secret: undefined };
    const one = await made({
      server,
      credentials: [{ provider: "openai", apiKey: canary }, { provider: "11labs", apiKey: canary + "2" }],
      model: { provider: "custom-llm", url: "https://llm.example.com", tools: [{ type: "apiRequest", server: { url: "https://t.example.com", headers: { Authorization: "Bearer " + canary } } }] },
    });
    assert.deepEqual(one.config.credentials, [{ provider: "openai", apiKey: "********" }, { provider: "11labs", apiKey: "********" }]);
    assert.deepEqual(one.config.server.headers, { "X-Shop-Key": "********" });
    assert.equal(one.config.server.url, "https://********@example.com/hook?********");
    assert.equal((await patch(one.id, { ...one.config, firstMessage: "As it was." })).status, 200, "what was read can be sent back");
    const there = await theirs(one);
    assert.equal(there.credentials[1].apiKey, canary + "2");
    assert.equal(there.model.tools[0].server.headers.Authorization, "Bearer " + canary);
    const twisted = await patch(one.id, { credentials: [one.config.credentials[1], one.config.credentials[0]] });
    assert.equal(twisted.status, 200, twisted.text);
    assert.deepEqual((await theirs(one)).credentials.map((c) => c.apiKey), [canary + "2", canary], "each goes with its own");
    const guess = await patch(one.id, { credentials: [{ provider: "twilio", apiKey: "********" }] });
    assert.deepEqual([guess.status, guess.json.errors[0].field, guess.json.errors[0].code], [422, "/credentials/0/apiKey", "masked"]);
    await patch(one.id, { server: { headers: { "X-Shop-Key": canary + "3" } } });
    const [last] = await history(one.id);
    const shown = await version(one.id, last.version);
    assert.deepEqual(shown.changes, [{ path: "/server/headers/X-Shop-Key", before: "********", after: "********" }], "that it changed can be seen, not to what");
    assert.equal((await restore(one.id, 1)).status, 200);
    assert.equal((await theirs(one)).server.headers["X-Shop-Key"], canary);
    const texts = [];
    for (const path of ["/" + one.id, "?limit=100", `/${one.id}/history`, ...(await history(one.id)).map((v) => `/${one.id}/history/${v.version}`)]) texts.push((await api(path)).text);
    texts.push(JSON.stringify(one), (await a.call("/api/v1/audit")).text, a.stderr);
    for (const text of texts) assert.ok(!text.includes(canary));
  });

  test("the token of the webhook address is not shown to those who may only look", async () => {
    const one = await made();
    const { url } = (await theirs(one)).server;
    for (const path of ["/" + one.id, `/${one.id}/history/1`]) assert.ok(!(await api(path)).text.includes(url.split("/").pop()));
    assert.equal(one.config.server.url, url.replace(/[^/]+$/, "********"));
    assert.equal((await patch(one.id, { server: one.config.server, firstMessage: "Other." })).status, 200);
    assert.equal((await theirs(one)).server.url, url);
  });

  test("a server of ours that goes to Vapi again carries its proof, also where Vapi had none of it", async () => {
    const one = await made();
    const { url, headers } = (await theirs(one)).server;
    await direct("/assistant/" + one.provider_id, "PATCH", { server: { url } });
    assert.equal((await patch(one.id, { server: { timeoutSeconds: 7 } })).status, 200);
    assert.deepEqual((await theirs(one)).server, { url, timeoutSeconds: 7, headers });
    await patch(one.id, { server: { url: "https://example.com/other", headers: null } });
    assert.deepEqual((await theirs(one)).server, { url: "https://example.com/other", timeoutSeconds: 7 }, "and no other");
  });

  test("while Vapi does not answer, what Ava saw last is shown and says so", async () => {
    const one = await made();
    await a.fault({ provider: "vapi", fault: "status", status: 500 });
    const read = await api("/" + one.id, { headers: { "X-Request-Timeout-Ms": "1500" } });
    const changed = await patch(one.id, { firstMessage: "Lost." }, { "X-Request-Timeout-Ms": "1500" });
    await a.fault({ provider: "vapi", fault: "none" });
    assert.deepEqual([read.status, read.json.stale, read.json.config.firstMessage, read.headers.get("etag")], [200, true, "Good evening.", '"1"']);
    assert.deepEqual([changed.status, changed.json.code], [502, "provider_error"]);
    assert.equal((await api("/" + one.id)).json.version, 1);
  });

  test("a change whose answer was lost is seen later, by nobody here", async () => {
    const one = await made();
    await a.fault({ provider: "vapi", fault: "cut", operation: "PATCH /assistant", times: 3 });
    const r = await patch(one.id, { firstMessage: "Arrived all the same." }, { "X-Request-Timeout-Ms": "1500" });
    await a.fault({ provider: "vapi", fault: "none" });
    if (r.status !== 200) assert.match(r.json.detail, /may have gone through/);
    const read = (await api("/" + one.id)).json;
    assert.deepEqual([read.version, read.config.firstMessage], [2, "Arrived all the same."]);
  });

  test("one of which nobody knows whether it was made is found again, and never made twice", async () => {
    const before = await posts();
    await a.fault({ provider: "vapi", fault: "cut", operation: "POST /assistant" });
    const r = await make({ name: "Cut off" }, { "Idempotency-Key": "made-once" });
    await a.fault({ provider: "vapi", fault: "none" });
    assert.deepEqual([r.status, r.json.status, r.json.kind], [202, "unknown", "assistant.create"], r.text);
    assert.equal((await api("/" + r.json.object_id)).status, 404, "nobody knows yet");
    for (let i = 0; i < 12; i++) await direct("/assistant", "POST", { name: `Beside ${i}` }); // more than a page of them
    await a.advance(6);
    const op = await until(async () => ((o) => o.status === "succeeded" && o)((await a.call("/api/v1/operations/" + r.json.id)).json), { what: "the assistant to be found" });
    assert.equal(op.result.name, "Cut off");
    assert.equal((await api("/" + op.object_id)).json.provider_id, op.result.provider_id);
    assert.deepEqual((await history(op.object_id)).map((v) => [v.what, v.author?.id]), [["created", a.me.user.id]]);
    assert.equal((await direct("/assistant?limit=1000")).filter((x) => x.name === "Cut off").length, 1);
    assert.equal(await posts(), before + 1 + 12);
    const again = await make({ name: "Cut off" }, { "Idempotency-Key": "made-once" });
    assert.deepEqual([again.status, again.json.id], [201, op.object_id]);
  });

  test("respond-async: accepted at once, settled later", async () => {
    const r = await make({ name: "Later" }, { Prefer: "respond-async" });
    assert.equal(r.status, 202, r.text);
    await until(async () => (await a.call("/api/v1/operations/" + r.json.id)).json.status === "succeeded", { what: "it to be made" });
    assert.equal((await api("/" + r.json.object_id)).json.name, "Later");
  });

  test("in bodies Ava's id stands for the provider's", async () => {
    const one = await made();
    const call = await a.call("/api/v1/calls", { body: { to: "+33612345678", assistant_id: one.id } });
    assert.deepEqual([call.status, call.json.assistant_id], [201, one.provider_id], call.text);
    assert.deepEqual((await a.call("/api/v1/calls?assistant_id=" + one.id)).json.calls.map((c) => c.id), [call.json.id]);
    const fallback = await a.call("/api/v1/fallback", { method: "PUT", body: { kind: "assistant", assistant_id: one.id } });
    assert.equal(fallback.json.assistant_id, one.provider_id);
    const none = "asst_" + "0".repeat(32);
    for (const [path, method, body] of [["calls", "POST", { to: "+33612345678" }], ["fallback", "PUT", { kind: "assistant" }], ["credentials/vapi", "PUT", { api_key: vapi.api_key }]]) {
      const r = await a.call("/api/v1/" + path, { method, body: { ...body, assistant_id: none } });
      assert.deepEqual([r.status, r.json.code], [404, "not_found"], path);
    }
    const chosen = await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: one.id, default_number_id: vapi.default_number_id } });
    assert.deepEqual([chosen.status, chosen.json.assistant_id], [200, one.provider_id], chosen.text);
    assert.equal((await api("/" + one.id)).json.in_use, true);
    await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id: vapi.assistant_id, default_number_id: vapi.default_number_id } });
  });

  test("somebody else's looks like a missing one, and a member only looks", async () => {
    const one = await made();
    const other = await a.newPerson("other@example.com");
    const strip = (r) => [r.status, { ...r.json, correlation_id: "" }];
    const none = "asst_" + "0".repeat(32);
    for (const [path, method, body] of [["", "GET"], ["", "PATCH", { name: "Taken" }], ["", "DELETE"], ["/history", "GET"], ["/history/1", "GET"], ["/history/1/restore", "POST"]]) {
      const foreign = await api("/" + one.id + path, { method, body, key: other.key });
      assert.equal(foreign.status, 404, path);
      assert.deepEqual(strip(foreign), strip(await api("/" + none + path, { method, body, key: other.key })));
    }
    const used = await a.call("/api/v1/calls", { body: { to: "+33612345678", assistant_id: one.id }, key: other.key });
    assert.equal(used.status, 404);
    await a.call(`/api/v1/workspaces/${a.me.workspace.id}/members/${other.id}`, { method: "PUT", body: { role: "member" } });
    const looking = a.newKey("other@example.com", "looks", ["--workspace", a.me.workspace.id]);
    assert.equal((await api("/" + one.id, { key: looking })).status, 200);
    for (const r of [await api("", { body: { name: "X" }, key: looking }), await patch(one.id, { name: "X" }, { Authorization: `Bearer ${looking}` })]) assert.deepEqual([r.status, r.json.code], [403, "forbidden"]);
  });

  test("whoever watches is told", async (t) => {
    const end = new AbortController();
    t.after(() => end.abort());
    const stream = (await fetch(`${a.base}/api/v1/stream`, { headers: { Authorization: `Bearer ${a.key}` }, signal: end.signal })).body.getReader();
    const one = await made();
    await patch(one.id, { name: "Watched" });
    let seen = "";
    while (!/event: assistant\ndata: .*"name":"Watched"/.test(seen)) seen += new TextDecoder().decode((await stream.read()).value);
    assert.match(seen, /event: operation\n/);
  });

  test("says why one that a number still uses stays", async () => {
    const other = await made();
    const choose = (assistant_id) => a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: vapi.api_key, assistant_id, default_number_id: vapi.default_number_id } });
    await choose(other.id);
    const [pinned] = (await api("/import", { body: { provider_ids: [vapi.assistant_id] } })).json.assistants;
    const r = await api("/" + pinned.id, { method: "DELETE" });
    assert.deepEqual([r.status, r.json.code, r.json.upstream_status], [422, "provider_rejected_request", 409], r.text);
    assert.match(r.json.detail, /a phone number, still uses this assistant/);
    assert.equal((await api("/" + pinned.id)).status, 200);
    await choose(vapi.assistant_id);
  });
});

// In a process that has forgotten the old keys.
test("what versions say survives new data keys", { skip: missing }, async (t) => {
  const first = await Ava.start({ env });
  t.after(() => first.remove());
  await first.signUp();
  const one = (await first.call("/api/v1/assistants", { body: { name: "Sealed", firstMessage: "Sealed." } })).json;
  await first.stop();
  for (let i = 0; i < 3; i++) {
    const r = ava(["rotate-keys", "--data", "--data-dir", first.data]);
    assert.equal(r.status, 0, r.stderr);
  }
  const again = await Ava.start({ data: first.data, env });
  t.after(() => again.stop());
  const shown = await again.call(`/api/v1/assistants/${one.id}/history/1`, { key: first.key });
  assert.equal(shown.json.config?.firstMessage, "Sealed.", shown.text);
});

// A Vapi that does its work at once, and answers when the test lets it.
async function slowVapi() {
  const id = "5b0a4a08-133c-4146-9315-0984f8c6be80", held = [];
  let state = { id, orgId: "o", createdAt: "2026-01-02T03:04:05.000Z", updatedAt: "2026-11-20T08:00:00.000Z", name: "Slow", firstMessage: "Hello", maxDurationSeconds: 600 }, hold = 0;
  const server = createServer(async (req, res) => {
    let body = "";
    for await (const piece of req) body += piece;
    if (req.method === "PATCH") state = { ...state, ...JSON.parse(body), updatedAt: new Date(Date.parse(state.updatedAt) + 1000).toISOString() };
    const answer = JSON.stringify(req.url.startsWith("/assistant/") ? state : [state]);
    const send = () => res.writeHead(200, { "Content-Type": "application/json" }).end(answer);
    if (req.method === "PATCH" && hold-- > 0) held.push(send);
    else send();
  });
  await new Promise((r) => server.listen(0, "127.0.0.1", r));
  return { id, held, base: `http://127.0.0.1:${server.address().port}`, state: () => state, holdNext: (n) => (hold = n), stop: () => (server.closeAllConnections(), server.close()) };
}

test("of two settings saved at once, whichever is answered first, the newest version is what Vapi has", { skip: missing }, async (t) => {
  const vapi = await slowVapi();
  t.after(() => vapi.stop());
  const a = await Ava.start({ env: { ...env, VAPI_BASE_URL: vapi.base } });
  t.after(() => a.remove());
  await a.signUp();
  await a.call("/api/v1/credentials/vapi", { method: "PUT", body: { api_key: "a-key-for-slow-vapi", assistant_id: vapi.id } });
  const save = (key, value) => a.call("/api/v1/vapi/settings/" + key, { method: "PUT", body: { value } });
  assert.equal((await save("max_call_duration", 700)).status, 200); // from here on it has a history
  vapi.holdNext(1);
  const first = save("greeting_message", "First.");
  await until(() => vapi.held.length, { what: "the first to be done, and not answered" });
  assert.equal((await save("max_call_duration", 900)).status, 200);
  vapi.held[0]();
  assert.equal((await first).status, 200);
  const [one] = (await a.call("/api/v1/assistants")).json.assistants;
  const { versions } = (await a.call(`/api/v1/assistants/${one.id}/history`)).json;
  assert.deepEqual(versions.map((v) => v.what), ["settings", "settings", "settings", "imported"], "neither is taken for somebody else's");
  const newest = (await a.call(`/api/v1/assistants/${one.id}/history/${versions[0].version}`)).json;
  assert.deepEqual([newest.config.firstMessage, newest.config.maxDurationSeconds], [vapi.state().firstMessage, vapi.state().maxDurationSeconds]);
  assert.equal((await a.call("/api/v1/assistants/" + one.id)).json.version, versions[0].version, "and nothing has to be seen again");
});
