// Bears company.
// Ava's consent and renewals at OAuth servers that nobody made for Ava: oidc-provider, which is strict (PKCE by S256,
// refresh tokens that rotate, a family that ends when one comes twice, iss of RFC 9207), and oauth2-mock-server, which is
// scripted. The calendar behind them takes a token only while its server knows it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { Ava, freePort, missing, person, until } from "../lib/ava.mjs";
import { at, Browser } from "../lib/consent.mjs";
import { lacks, serveHeadless } from "./peers.mjs";

const CLIENT = { id: "ava-by-the-peers", secret: "a-secret-of-the-peers-0123456789" };
const SCOPES = ["events.readonly", "events", "calendarlist.readonly", "freebusy"].map((s) => "https://www.googleapis.com/auth/calendar." + s);
const KILLS = process.env.TEST_SOAK ? 100 : 9;
const answer = (res, status, body) => res.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));

function listen(handler) {
  const server = createServer(handler);
  return new Promise((r) => server.listen(0, "127.0.0.1", () => r(Object.assign(server, { base: `http://127.0.0.1:${server.address().port}` }))));
}

// A Google Calendar that asks isGood of every token.
const calendarOf = (isGood) =>
  listen(async (req, res) => {
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? "")?.[1];
    if (!token || !(await isGood(token))) return answer(res, 401, { error: { code: 401, message: "Invalid Credentials", errors: [{ domain: "global", reason: "authError" }] } });
    answer(res, 200, { items: [{ id: "ada@example.com", summary: "Ada", accessRole: "owner", primary: true, timeZone: "Europe/Berlin" }] });
  });

// Ava with Google wherever it is said to be, and a browser that is signed in.
async function avaAt(urls, port) {
  const env = { AVA_LISTEN: `127.0.0.1:${port}`, GOOGLE_CLIENT_ID: CLIENT.id, GOOGLE_CLIENT_SECRET: CLIENT.secret, GOOGLE_OAUTH_REVOKE_URL: "http://127.0.0.1:9/", CIRCUIT_BREAKER_ENABLED: "false", ...urls };
  const a = await serveHeadless(env);
  return { a, env, browser: await Browser.signIn(a, person) };
}

describe("npm oidc-provider", { skip: missing || lacks("oidc-provider"), concurrency: 1 }, () => {
  const events = [], lent = [], jar = new Map();
  const google = (path = "", more) => a.call(at("google") + path, more);
  let server, provider, calendar, a, env, browser, hold;

  // Somebody who signs in and says yes, without a page.
  async function interact(req, res) {
    const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
    if (prompt.name === "login") return provider.interactionFinished(req, res, { login: { accountId: "ada" } });
    const grant = (grantId && (await provider.Grant.find(grantId))) ?? new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  }

  before(async () => {
    const { Provider } = await import("oidc-provider");
    const port = await freePort();
    let handle = () => {};
    server = await listen(async (req, res) => {
      const held = req.url === "/token" && hold;
      if (held) (hold = undefined), await held(res);
      if (res.destroyed) return;
      return req.url.startsWith("/interaction/") ? interact(req, res).catch((e) => answer(res, 500, { error: String(e) })) : handle(req, res);
    });
    provider = new Provider(server.base, {
      clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris: [`http://127.0.0.1:${port}/oauth/google/callback`], grant_types: ["authorization_code", "refresh_token"], response_types: ["code"], token_endpoint_auth_method: "client_secret_post", scope: ["openid", ...SCOPES].join(" ") }],
      scopes: ["openid", ...SCOPES],
      pkce: { required: () => true },
      rotateRefreshToken: true,
      issueRefreshToken: () => true,
      findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      interactions: { url: (ctx, i) => `/interaction/${i.uid}` },
      features: { devInteractions: { enabled: false }, revocation: { enabled: true } },
      cookies: { keys: ["of the peers"] },
    });
    for (const name of ["grant.success", "grant.error", "grant.revoked", "authorization.error", "server_error"]) provider.on(name, (ctx, e) => events.push([name, ctx?.oidc?.params?.grant_type, e?.error]));
    handle = provider.callback();
    calendar = await calendarOf((token) => (lent.push(token), provider.AccessToken.find(token)));
    ({ a, env, browser } = await avaAt({ GOOGLE_OAUTH_AUTHORIZE_URL: server.base + "/auth", GOOGLE_OAUTH_TOKEN_URL: server.base + "/token", GOOGLE_OAUTH_REVOKE_URL: server.base + "/token/revocation", GOOGLE_API_BASE_URL: calendar.base }, port));
  });
  after(async () => {
    await a?.remove();
    for (const s of [server, calendar]) s?.close(), s?.closeAllConnections();
  });

  // From the page of consent to where the browser is sent in the end, or the answer that sends it nowhere.
  async function walk(url, cookies = jar) {
    for (let steps = 0; steps < 10; steps++) {
      const r = await fetch(url, { redirect: "manual", headers: { Cookie: [...cookies].map(([k, v]) => `${k}=${v}`).join("; ") } });
      for (const line of r.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
        value ? cookies.set(name, value) : cookies.delete(name);
      }
      if (r.status < 300 || r.status >= 400) return { status: r.status, text: await r.text() };
      url = new URL(r.headers.get("location"), url).href;
      if (!url.startsWith(server.base)) return url;
    }
    assert.fail("nowhere in ten steps");
  }

  const asked = (type) => events.filter(([name, of]) => name.startsWith("grant.") && of === type).length;
  const connect = async (access = "read") => browser.come(await walk(await browser.begin("google", access)));
  const expire = async () => {
    for (const token of new Set(lent)) await (await provider.AccessToken.find(token))?.destroy();
  };

  // The grant that Ava has is over, with all its tokens.
  const end = async () => {
    for (const token of new Set(lent)) {
      const found = await provider.AccessToken.find(token);
      if (found) await (await provider.Grant.find(found.grantId))?.destroy(), await provider.RefreshToken.revokeByGrantId(found.grantId), await found.destroy();
    }
  };

  test("a consent: code, verifier and client are good, and the way back names its issuer", async () => {
    const back = await walk(await browser.begin("google"));
    assert.equal(new URL(back).searchParams.get("iss"), server.base);
    assert.equal(await browser.come(back), "connected", JSON.stringify(events));
    const card = (await google()).json;
    assert.deepEqual([card.status, card.access, card.account], ["connected", "read", "ada@example.com"]);
    assert.equal((await google("/calendars")).json.calendars[0].name, "Ada");
    assert.equal(await connect("write"), "connected");
    assert.equal((await google()).json.access, "write");
  });

  test("refresh tokens that rotate: each is used once, however many wait for it", async () => {
    for (let round = 1; round <= 5; round++) {
      const before = asked("refresh_token");
      await expire();
      const all = await Promise.all(Array.from({ length: 40 }, () => google("/calendars")));
      assert.ok(all.every((r) => r.status === 200 || r.json.code === "provider_busy"), all.find((r) => r.status !== 200)?.text);
      assert.equal(asked("refresh_token") - before, 1, `round ${round}: ${JSON.stringify(events.slice(-5))}`);
    }
    assert.ok(!events.some(([name]) => name === "grant.error"), JSON.stringify(events));
  });

  test("invalid_grant: the word of the server ends it, once, and a consent mends it", async () => {
    const before = asked("refresh_token");
    await end();
    const over = await google("/calendars");
    assert.equal(over.status, 424, over.text);
    assert.equal((await google()).json.status, "needs_attention");
    assert.equal((await google("/events")).status, 424);
    assert.equal(asked("refresh_token") - before, 1);
    assert.deepEqual(events.at(-1), ["grant.error", "refresh_token", "invalid_grant"]);
    assert.equal(await connect("write"), "connected");
    assert.equal((await google("/calendars")).status, 200);
  });

  test("somebody consents anew while the old grant is found to be over: the new one counts", async () => {
    await end();
    let release;
    const held = new Promise((come) => (hold = () => (come(), new Promise((r) => (release = r)))));
    const waiting = google("/calendars");
    await held;
    assert.equal(await connect("write"), "connected");
    release();
    const r = await waiting;
    assert.deepEqual(events.at(-1), ["grant.error", "refresh_token", "invalid_grant"]);
    assert.equal(r.status, 503, r.text); // the request was for the account of before
    assert.match(r.json.detail, /connected anew/);
    assert.equal((await google()).json.status, "connected");
    assert.equal((await google("/calendars")).status, 200);
  });

  test("a mixed-up provider: the answer of another issuer is refused, and its own still counts", async () => {
    const back = new URL(await walk(await browser.begin("google"))), used = asked("authorization_code");
    for (const iss of ["https://evil.example", server.base + ".evil.example", server.base.replace("http:", "https:"), "", "null"]) {
      const forged = new URL(back);
      forged.searchParams.set("iss", iss);
      forged.searchParams.set("code", "of-the-attacker");
      assert.equal(await browser.come(forged.href), "foreign", iss);
    }
    assert.equal(asked("authorization_code"), used, "no code is sent to a server that did not give it");
    assert.equal(await browser.come(back.href), "connected");
  });

  test("a code is used once: replayed it shows what came of it, in another flow it is refused", async () => {
    const back = await walk(await browser.begin("google", "write")), used = asked("authorization_code");
    assert.deepEqual([await browser.come(back), await browser.come(back)], ["connected", "connected"]);
    assert.equal(asked("authorization_code"), used + 1);
    // Somebody's code put into one's own flow: the verifier is another one.
    const theirs = new URL(await walk(await browser.begin("google"))), mine = new URL(await walk(await browser.begin("google")));
    mine.searchParams.set("code", theirs.searchParams.get("code"));
    assert.equal(await browser.come(mine.href), "failed");
    assert.deepEqual(events.at(-1), ["grant.error", "authorization_code", "invalid_grant"]);
    // A code that was redeemed, with a fresh state: the server ends its family, Ava keeps what it has until it is told.
    const again = new URL(await walk(await browser.begin("google")));
    again.searchParams.set("code", new URL(back).searchParams.get("code"));
    assert.equal(await browser.come(again.href), "failed");
    assert.equal(await connect("write"), "connected");
  });

  test("PKCE that somebody took out or made weaker on the way is refused", async () => {
    const wrong = [(u) => (u.searchParams.delete("code_challenge"), u.searchParams.delete("code_challenge_method")), (u) => u.searchParams.set("code_challenge_method", "plain"), (u) => u.searchParams.delete("code_challenge_method")];
    for (const change of wrong) {
      const url = new URL(await browser.begin("google"));
      change(url);
      const back = await walk(url.href);
      assert.match(back, /error=invalid_request/);
      assert.equal(await browser.come(back), "failed");
    }
    const url = new URL(await browser.begin("google"));
    url.searchParams.set("code_challenge", "A".repeat(43));
    assert.equal(await browser.come(await walk(url.href)), "failed", "the verifier is Ava's own");
    assert.equal((await google()).json.status, "connected", "and what was there stays");
  });

  test("nobody is sent elsewhere", async () => {
    for (const to of ["https://evil.example/oauth/google/callback", `http://127.0.0.1:${a.port}/oauth/google/callback/../../evil`, `http://127.0.0.1:${a.port}@evil.example/`]) {
      const url = new URL(await browser.begin("google"));
      url.searchParams.set("redirect_uri", to);
      assert.equal((await walk(url.href)).status, 400, to);
    }
    for (const query of ["error=access_denied", "code=x", "error=%0d%0aLocation:%20https://evil.example", "code=x&redirect_uri=https://evil.example&next=//evil.example&return_to=//evil.example"]) {
      const { searchParams } = new URL(await browser.begin("google"));
      const r = await browser.go(`/oauth/google/callback?${query}&state=${searchParams.get("state")}&iss=${encodeURIComponent(server.base)}`);
      assert.equal(r.status, 303);
      assert.match(r.headers.get("location"), /^\/connections\?calendar=google&result=(denied|failed)$/);
    }
  });

  // A refresh token that was used is not good again, and the server ends the whole family when it comes twice. What a kill
  // takes away is then at most the grant whose renewal had been answered and was not on disk yet.
  test(`kill -9 while a token is renewed, ${KILLS} times: at most the grant in flight is lost, which the card says`, async () => {
    const other = await a.newPerson("bea@example.com"), bea = await Browser.signIn(a, { email: "bea@example.com", password: person.password }), beasJar = new Map();
    assert.equal(await bea.come(await walk(await bea.begin("google"), beasJar)), "connected");
    const theirs = () => google("/calendars", { key: other.key });
    let lost = 0;
    for (let i = 0; i < KILLS; i++) {
      await expire();
      const errors = () => events.filter(([name]) => name === "grant.error").length, before = errors();
      const kill = () => a.stop("SIGKILL");
      // Before the server reads it, after it has taken the token and before Ava is told, and at any moment from there on.
      const where = ["unread", "unanswered", "anywhere"][i % 3];
      const dead = new Promise((done) => {
        hold = {
          unread: async (res) => (await kill(), res.destroy(), done()),
          unanswered: (res) => {
            const end = res.end;
            res.end = (...all) => void kill().then(() => (end.apply(res, all), done()));
          },
          anywhere: () => void setTimeout(() => kill().then(done), (i * 7) % 20),
        }[where];
      });
      const waiting = google("/calendars").catch(() => {});
      await dead;
      await waiting;
      const { data, key, port } = a;
      a = Object.assign(await Ava.start({ verb: "serve", data, port, env: { CACHE_TTL_SECONDS: "0", ...env } }), { key });
      browser.a = a;
      assert.equal((await theirs()).status, 200, `kill ${i}, ${where}: what was not in flight is whole`);
      const r = await google("/calendars");
      const good = { unread: [200], unanswered: [424], anywhere: [200, 424] }[where];
      assert.ok(good.includes(r.status), `kill ${i}, ${where}: ${r.text}`);
      assert.equal((await google()).json.status, r.status === 200 ? "connected" : "needs_attention");
      assert.equal(errors() - before, r.status === 200 ? 0 : 1, `kill ${i}, ${where}: asked once`);
      if (r.status === 200) continue;
      lost++;
      assert.equal(await connect("write"), "connected", `kill ${i}, ${where}`);
      assert.equal((await google("/calendars")).status, 200);
    }
    console.log(`# ${lost} of ${KILLS} grants in flight were lost, of others none`);
    assert.equal((await theirs()).status, 200);
  });

  // Google's address for it takes the token alone; a server that also wants to know the client (RFC 7009, 2.1) refuses.
  test("given back to a server that refuses that: the row goes, and nobody is told that it was taken", async () => {
    const r = await google("", { method: "DELETE" });
    assert.deepEqual([r.status, r.json], [200, { status: "not_connected", revoked: false }], r.text);
    assert.ok(await provider.AccessToken.find(lent.at(-1)));
    assert.equal((await google()).json.status, "not_connected");
  });
});

describe("npm oauth2-mock-server", { skip: missing || lacks("oauth2-mock-server"), concurrency: 1 }, () => {
  const requests = [], scripted = [], bad = new Set();
  const google = (path = "", more) => a.call(at("google") + path, more);
  let server, calendar, a, browser, last, numbers = 0;

  before(async () => {
    const { OAuth2Server } = await import("oauth2-mock-server");
    server = new OAuth2Server();
    await server.issuer.keys.generate("RS256");
    await server.start(0, "127.0.0.1");
    const base = `http://127.0.0.1:${server.address().port}`;
    server.service.on("beforeTokenSigning", (token) => (token.payload.jti = String(++numbers))); // else all of a second are one
    server.service.on("beforeResponse", (r, req) => {
      requests.push(req.body);
      Object.assign(r, scripted.shift()?.(r.body));
    });
    calendar = await calendarOf((token) => ((last = token), !bad.has(token)));
    ({ a, browser } = await avaAt({ GOOGLE_OAUTH_AUTHORIZE_URL: base + "/authorize", GOOGLE_OAUTH_TOKEN_URL: base + "/token", GOOGLE_API_BASE_URL: calendar.base }, await freePort()));
  });
  after(async () => {
    await a?.remove();
    await server?.stop();
    calendar?.close();
    calendar?.closeAllConnections();
  });

  const walk = async (url) => (await fetch(url, { redirect: "manual" })).headers.get("location");
  // What the next request for a token is answered.
  const script = (status, body) => scripted.push((good) => ({ statusCode: status, body: typeof body === "function" ? body(good) : body }));
  const connect = async (access = "read", change = (body) => body) => {
    script(200, (body) => change({ ...body, refresh_token: body.refresh_token ?? "first", scope: SCOPES.join(" ") }));
    return browser.come(await walk(await browser.begin("google", access)));
  };

  test("a consent, and a verifier that is not the challenge's", async () => {
    assert.equal(await connect("write"), "connected", JSON.stringify(requests));
    const form = requests.at(-1);
    assert.deepEqual([form.client_id, form.client_secret, form.grant_type], [CLIENT.id, CLIENT.secret, "authorization_code"]);
    assert.match(form.code_verifier, /^[\w.~-]{43,128}$/);
    const url = new URL(await browser.begin("google"));
    url.searchParams.set("code_challenge", "A".repeat(43));
    assert.equal(await browser.come(await walk(url.href)), "failed");
    assert.equal((await google()).json.status, "connected");
  });

  test("what a renewal is answered is told apart: trouble ends nothing, the operator's fault ends nothing", async () => {
    for (const [status, body, code] of [[503, { error: "temporarily_unavailable" }, 502], [401, { error: "invalid_client" }, 502], [400, { error: "unauthorized_client" }, 502], [200, { token_type: "Bearer" }, 502], [429, { error: "slow_down" }, 429]]) {
      bad.add(last);
      for (let i = 0; i < 3; i++) script(status, body);
      const r = await google("/calendars");
      scripted.length = 0;
      assert.equal(r.status, code, `${JSON.stringify(body)}: ${r.text}`);
      assert.equal((await google()).json.status, "connected", JSON.stringify(body));
    }
    await until(async () => (await google("/calendars")).status === 200, { what: "it goes on" });
  });

  test("an answer without a refresh token keeps the one that is there", async () => {
    for (let i = 0; i < 2; i++) {
      bad.add(last);
      script(200, ({ refresh_token, ...body }) => body);
      const r = await google("/calendars");
      assert.equal(r.status, 200, r.text);
    }
    const [one, two] = requests.filter((f) => f.grant_type === "refresh_token").slice(-2);
    assert.equal(one.refresh_token, two.refresh_token);
    bad.add(last);
    script(200, (body) => ({ ...body, refresh_token: "the-next-one" }));
    assert.equal((await google("/calendars")).status, 200);
    bad.add(last);
    assert.equal((await google("/calendars")).status, 200);
    assert.equal(requests.at(-1).refresh_token, "the-next-one", "and a new one takes its place");
  });

  test("invalid_grant ends it, and is not asked again", async () => {
    bad.add(last);
    script(400, { error: "invalid_grant", error_codes: [50076] });
    assert.equal((await google("/calendars")).status, 424);
    const n = requests.length;
    assert.equal((await google("/calendars")).status, 424);
    assert.equal(requests.length, n);
    assert.equal((await google()).json.status, "needs_attention");
    assert.equal(await connect("read", (body) => ({ ...body, scope: SCOPES[0] })), "partial");
    assert.equal(await connect("read", (body) => ({ ...body, scope: "openid" })), "scope");
    assert.equal((await google()).json.status, "connected");
  });
});
