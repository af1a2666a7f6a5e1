// Bears company.
// Calendars against independent programs: Google's and Microsoft's own clients drive the sandbox, and Prism stands between
// Ava and the sandbox with contracts derived from what both publish.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, shared } from "../lib/ava.mjs";
import { at, Browser } from "../lib/consent.mjs";
import { lacks, Prism } from "./peers.mjs";

const require = createRequire(import.meta.url), HOUR = 3_600_000, DAY = 24 * HOUR;
const soon = new Date(Math.ceil(Date.now() / DAY) * DAY + 30 * DAY), iso = (ms) => new Date(+soon + ms).toISOString();
const verifier = "a-verifier-of-the-peers-that-is-long-enough-0123", challenge = createHash("sha256").update(verifier).digest("base64url");

// The answer of somebody on the pretend page, and what came with the way back.
async function consent(a, url) {
  const browser = new Browser();
  browser.a = a;
  return Object.fromEntries(new URL(await browser.answer(url)).searchParams);
}

async function pretend(provider) {
  const a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
  const own = (await a.call("/sandbox/api/credentials", { key: null })).json[provider];
  return { a, own, redirect: `${a.base}/oauth/${provider}/callback`, page: `${a.base}/sandbox/oauth/${provider}` };
}

describe("npm @googleapis/calendar", { skip: missing || lacks("@googleapis/calendar"), concurrency: 1 }, () => {
  let a, own, calendar, client;
  before(async () => {
    const { auth, calendar: calendarOf } = require("@googleapis/calendar");
    const p = await pretend("google");
    ({ a, own } = p);
    client = new auth.OAuth2({ clientId: own.client_id, clientSecret: own.client_secret, redirectUri: p.redirect, forceRefreshOnFailure: true, endpoints: { oauth2AuthBaseUrl: p.page, oauth2TokenUrl: own.base_url + "/token", oauth2RevokeUrl: own.base_url + "/revoke" } });
    const scope = ["calendar.events", "calendar.calendarlist.readonly", "calendar.freebusy"].map((s) => "https://www.googleapis.com/auth/" + s);
    const { code } = await consent(a, client.generateAuthUrl({ access_type: "offline", prompt: "consent", scope, state: "s", code_challenge_method: "S256", code_challenge: challenge }));
    const { tokens } = await client.getToken({ code, codeVerifier: verifier });
    assert.ok(tokens.access_token && tokens.refresh_token && tokens.expiry_date > Date.now());
    client.setCredentials(tokens);
    calendar = calendarOf({ version: "v3", auth: client, rootUrl: own.base_url + "/", retry: false });
  });
  after(() => a?.remove());

  test("lists calendars, and events page by page", async () => {
    const { data } = await calendar.calendarList.list();
    assert.deepEqual(data.items.map((c) => [c.primary ?? false, c.accessRole]), [[true, "owner"], [false, "reader"]]);
    const ids = [], ask = (pageToken) => calendar.events.list({ calendarId: "primary", timeMin: new Date(Date.now() - DAY).toISOString(), timeMax: iso(0), singleEvents: true, orderBy: "startTime", maxResults: 4, pageToken });
    for (let page = (await ask()).data; ; page = (await ask(page.nextPageToken)).data) {
      assert.ok(page.items.length <= 4);
      ids.push(...page.items.map((e) => e.id));
      if (!page.nextPageToken) break;
    }
    assert.ok(ids.length > 8 && new Set(ids).size === ids.length, `${ids}`);
  });

  test("makes, changes and removes an event; what takes the time is told", async () => {
    const id = "peer0123456789", body = { id, summary: "By Google's client", start: { dateTime: iso(9 * HOUR), timeZone: "Europe/Berlin" }, end: { dateTime: iso(10 * HOUR), timeZone: "Europe/Berlin" }, attendees: [{ email: "kim@example.org" }] };
    const made = (await calendar.events.insert({ calendarId: "primary", requestBody: body, sendUpdates: "all" })).data;
    assert.deepEqual([made.id, made.summary, made.status], [id, body.summary, "confirmed"]);
    await assert.rejects(calendar.events.insert({ calendarId: "primary", requestBody: body }), { status: 409 });
    assert.equal((await calendar.events.patch({ calendarId: "primary", eventId: id, requestBody: { summary: "Moved" } })).data.summary, "Moved");
    assert.equal((await calendar.events.get({ calendarId: "primary", eventId: id })).data.summary, "Moved");
    const busy = async () => (await calendar.freebusy.query({ requestBody: { timeMin: iso(8 * HOUR), timeMax: iso(12 * HOUR), items: [{ id: "primary" }, { id: "nobody@example.org" }] } })).data.calendars;
    const isTaken = async () => (await busy()).primary.busy.some((b) => Date.parse(b.start) === +soon + 9 * HOUR);
    assert.ok(await isTaken());
    assert.equal((await busy())["nobody@example.org"].errors[0].reason, "notFound");
    await calendar.events.delete({ calendarId: "primary", eventId: id });
    assert.ok(!(await isTaken()));
    await assert.rejects(calendar.events.delete({ calendarId: "primary", eventId: id }), { status: 410 });
    await assert.rejects(calendar.events.get({ calendarId: "primary", eventId: "none0000" }), { status: 404 });
  });

  test("renews its token by itself, and gives it back", async () => {
    const before = client.credentials.access_token;
    await a.call("/sandbox/api/calendars/google/expire", { key: null, body: {} });
    assert.equal((await calendar.calendarList.list()).data.items.length, 2);
    assert.notEqual(client.credentials.access_token, before);
    await client.revokeToken(client.credentials.refresh_token);
    await assert.rejects(calendar.calendarList.list(), (e) => /invalid_grant|401/.test(e.message + e.status));
  });
});

describe("npm @microsoft/microsoft-graph-client", { skip: missing || lacks("@microsoft/microsoft-graph-client"), concurrency: 1 }, () => {
  let a, own, api, tokens, graph, token;
  before(async () => {
    const { Client, HTTPMessageHandler } = require("@microsoft/microsoft-graph-client"), wire = new HTTPMessageHandler();
    const p = await pretend("microsoft");
    ({ a, own } = p);
    tokens = async (form) => (await fetch(own.base_url + "/common/oauth2/v2.0/token", { method: "POST", body: new URLSearchParams({ client_id: own.client_id, client_secret: own.client_secret, ...form }) })).json();
    const query = new URLSearchParams({ client_id: own.client_id, response_type: "code", redirect_uri: p.redirect, scope: "https://graph.microsoft.com/Calendars.ReadWrite offline_access", state: "s", code_challenge: challenge, code_challenge_method: "S256" });
    const { code } = await consent(a, `${p.page}?${query}`);
    token = await tokens({ grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri: p.redirect });
    assert.equal(token.scope, "Calendars.ReadWrite");
    // Its own way to tell its token is for https alone.
    const middleware = { execute: (context) => ((context.options.headers = { ...context.options.headers, Authorization: `Bearer ${token.access_token}` }), wire.execute(context)) };
    graph = Client.initWithMiddleware({ baseUrl: own.base_url + "/", defaultVersion: "v1.0", middleware });
    api = (path) => graph.api(path).header("Prefer", 'outlook.timezone="UTC"');
  });
  after(() => a?.remove());

  test("lists calendars, and events page by page", async () => {
    const calendars = (await api("/me/calendars").get()).value;
    assert.deepEqual(calendars.map((c) => [c.isDefaultCalendar, c.canEdit]), [[true, true], [false, false]]);
    const ids = [], first = api("/me/calendarView").query({ startDateTime: new Date(Date.now() - DAY).toISOString(), endDateTime: iso(0) }).top(4).orderby("start/dateTime").select(["id", "subject", "start", "end"]);
    // Its PageIterator follows https alone: what stands behind the base is asked for as it stands.
    for (let page = await first.get(); ; ) {
      assert.ok(page.value.length <= 4);
      ids.push(...page.value.map((e) => e.id));
      const next = page["@odata.nextLink"];
      if (!next) break;
      assert.ok(next.startsWith(own.base_url + "/v1.0/me/"), next);
      page = await api(next.slice((own.base_url + "/v1.0").length)).get();
    }
    assert.ok(ids.length > 8 && new Set(ids).size === ids.length, `${ids}`);
  });

  test("makes, changes and removes an event, once for a transactionId", async () => {
    const when = (ms) => ({ dateTime: iso(ms).slice(0, 19), timeZone: "UTC" });
    const body = { subject: "By Microsoft's client", transactionId: "peer-1", start: when(9 * HOUR), end: when(10 * HOUR), attendees: [{ type: "required", emailAddress: { address: "kim@example.org" } }] };
    const made = await api("/me/events").post(body);
    assert.equal((await api("/me/events").post(body)).id, made.id);
    assert.equal((await api(`/me/events/${made.id}`).patch({ subject: "Moved" })).subject, "Moved");
    const view = async () => (await api("/me/calendarView").query({ startDateTime: iso(8 * HOUR), endDateTime: iso(12 * HOUR) }).get()).value.map((e) => e.subject);
    assert.ok((await view()).includes("Moved"));
    await api(`/me/events/${made.id}`).delete();
    assert.ok(!(await view()).includes("Moved"));
    await assert.rejects(api(`/me/events/${made.id}`).get(), { statusCode: 404, code: "ErrorItemNotFound" });
  });

  test("hears what is over, and goes on with a renewed token", async () => {
    await a.call("/sandbox/api/calendars/microsoft/expire", { key: null, body: {} });
    await assert.rejects(api("/me/calendars").get(), { statusCode: 401, code: "InvalidAuthenticationToken" });
    const next = await tokens({ grant_type: "refresh_token", refresh_token: token.refresh_token });
    assert.notEqual(next.refresh_token, token.refresh_token, "Microsoft's rotate");
    token = next;
    assert.equal((await api("/me/calendars").get()).value.length, 2);
  });
});

// The derived documents name no way to change or remove an event: its body is an event's, and its answers too.
function completed(spec, one, create) {
  const tree = JSON.parse(readFileSync(spec.path, "utf8")), { post } = tree.paths[create];
  const name = one.match(/{([^}]+)}$/)[1], id = { name, in: "path", required: true, schema: { type: "string" } };
  const parameters = [...(post.parameters ?? []), id], ok = Object.values(post.responses).find((r) => r.content);
  tree.paths[one] = { get: { responses: { 200: ok }, security: post.security, parameters }, ...tree.paths[one], patch: { ...post, operationId: "change", parameters, responses: { ...post.responses, 200: ok } }, delete: { operationId: "remove", parameters, security: post.security, responses: { ...post.responses, 204: { description: "gone" } } } };
  return tree;
}

const CONTRACTS = {
  google: { spec: shared("contracts/google/calendar_v3.derived.openapi.json"), base: "/calendar/v3", token: "/token", one: "/calendars/{calendarId}/events/{eventId}", create: "/calendars/{calendarId}/events", limit: 5, wrong: ["/calendars/primary/events?maxResults=many", {}] },
  microsoft: { spec: shared("contracts/microsoft/graph_calendar.derived.openapi.json"), base: "/v1.0", token: "/common/oauth2/v2.0/token", one: "/me/events/{event-id}", create: "/me/events", limit: 100, /* a next page names its host, which is not the one that Ava asks here */ wrong: ["/me/calendarView?$top=many", {}] },
};

for (const [provider, { spec, base, token, one, create, limit, wrong }] of Object.entries(CONTRACTS))
  describe(`the contract of ${provider}`, { skip: missing || lacks("@stoplight/prism-cli") || spec.missing, concurrency: 1 }, () => {
    const folder = mkdtempSync(join(tmpdir(), "ava-prism-"));
    let behind, prism, a, browser;
    before(async () => {
      behind = await pretend(provider);
      const path = join(folder, "spec.json");
      writeFileSync(path, JSON.stringify(completed(spec, one, create)));
      prism = await Prism.start("proxy", path, behind.own.base_url + base);
      const name = provider.toUpperCase(), { own, page } = behind;
      a = await Ava.start({ env: { AVA_LOG_LEVEL: "error", CACHE_TTL_SECONDS: "0", [`${name}_API_BASE_URL`]: prism.base, [`${name}_OAUTH_AUTHORIZE_URL`]: page, [`${name}_OAUTH_TOKEN_URL`]: own.base_url + token, [`${name}_CLIENT_ID`]: own.client_id, [`${name}_CLIENT_SECRET`]: own.client_secret } });
      await a.signUp();
      browser = await Browser.signIn(a);
    });
    after(async () => {
      await prism?.stop();
      await a?.remove();
      await behind?.a.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    const api = async (path, more) => {
      const r = await a.call(at(provider) + path, more);
      assert.ok(r.status < 300, `${path}: ${r.status} ${r.text}\n${prism.log.slice(-2000)}`);
      return r.json;
    };

    test("a wrong request is let through by nobody", async () => {
      const r = await fetch(prism.base + wrong[0], { ...wrong[1], headers: { Authorization: "Bearer x" } });
      assert.ok(r.status === 400 || r.status === 422, `${r.status} ${await r.text()}`);
      const made = await fetch(prism.base + create.replace("{calendarId}", "primary"), { method: "POST", headers: { Authorization: "Bearer x", "Content-Type": "application/json" }, body: '{"start":7}' });
      assert.ok(made.status === 400 || made.status === 422, `${made.status} ${await made.text()}`);
    });

    test("all that Ava asks fits it, and all that the sandbox answers", async () => {
      const { state, code, scope } = await consent(behind.a, await browser.begin(provider, "write"));
      assert.equal(await browser.come(`/oauth/${provider}/callback?${new URLSearchParams({ state, code, scope })}`), "connected", prism.log.slice(-2000));
      const [mine, other] = (await api("/calendars")).calendars;
      const seen = [];
      for (let cursor = ""; cursor !== null; ) {
        const page = await api(`/events?limit=${limit}${cursor && "&cursor=" + cursor}`);
        seen.push(...page.events);
        cursor = page.next_cursor;
      }
      assert.ok(seen.length > 10);
      await api(`/events?calendar=${encodeURIComponent(other.id)}`);
      const { slots } = await api(`/free?calendar=${encodeURIComponent(mine.id)}&calendar=${encodeURIComponent(other.id)}&time_zone=Europe/Berlin`);
      const made = await api("/events", { body: { title: 'Ada & "Ava"', description: "Grüße\nhere", location: "Room 1", start: slots[0].start, end: slots[0].end, time_zone: "Europe/Berlin", attendees: ["kim@example.org"] } });
      assert.equal(made.status, "booked", JSON.stringify(made));
      const event = `/events/${encodeURIComponent(made.id)}`;
      await api(event, { method: "PATCH", body: { title: "Later", start: slots[1].start, end: slots[1].end, attendees: [] } });
      await api(event, { method: "DELETE" });
      assert.deepEqual(prism.violations, []);
      for (const what of [/get/i, /post/i, /patch/i, /delete/i]) assert.ok(prism.requests(what) > 0, `${what}: ${prism.log.slice(0, 3000)}`);
    });
  });
