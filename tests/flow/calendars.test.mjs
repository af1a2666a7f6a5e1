// Bears company.
// Calendars of Google and Microsoft: consent in a browser, tokens renewed once for all who wait, appointments made once,
// and nobody told of a free hour that nobody knows. People report of such systems: codes used up by a prefetch or by the
// second of two callbacks, refresh tokens lost when a consent brings none, grants taken for dead because the network was,
// a hundred refreshes at once of which ninety-nine end the grant, birthdays that take the whole day, times of another
// zone taken for one's own, and calendars shown as free since they could not be read.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { at, Browser } from "../lib/consent.mjs";

const HOUR = 3_600_000, DAY = 24 * HOUR, KILLS = process.env.TEST_SOAK ? 100 : 5;

for (const provider of ["google", "microsoft"])
  describe(`calendars at ${provider}`, { skip: missing, concurrency: 1 }, () => {
    let a, browser, owner;
    before(async () => {
      a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
      await a.signUp();
      browser = await Browser.signIn(a);
    });
    after(() => a?.remove());

    const api = (path, more) => a.call(at(provider) + path, more);
    const stage = async (deed, body) => {
      const r = await a.call(`/sandbox/api/calendars/${provider}/${deed}`, { key: null, ...(body ? { body } : {}) });
      assert.equal(r.status, 200, r.text);
      return r.json;
    };
    const grants = async () => Object.values((await stage("grants")).grants);
    const there = async () => (await stage(`events?account=${encodeURIComponent(owner)}`)).events;
    const refreshes = async () => (await grants()).reduce((n, g) => n + (g.refreshes ?? 0), 0);
    const hits = async (path) => (await a.ledger()).hits.filter((h) => h.provider === provider && h.path.includes(path)).length;

    test("before there is one, answers say so and how to get one", async () => {
      for (const path of ["", "/events", "/calendars", "/free"]) {
        const r = await api(path);
        assert.equal(path ? r.status : r.json.status, path ? 403 : "not_connected", r.text);
        if (path) assert.match(r.json.detail, /Stub mode disabled.*has not connected a (Google|Microsoft) calendar.*connect/);
      }
      assert.equal((await a.call(at("yahoo"))).status, 404);
      const row = (await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === provider);
      assert.equal(row.status, "not_connected");
    });

    test("the first run: consent in a browser, what stands there, an appointment, and it is taken", async () => {
      assert.equal((await api("/connect", {})).status, 403, "a key cannot consent");
      assert.equal(await browser.connect(provider), "connected");
      const card = (await api("")).json;
      assert.deepEqual([card.status, card.access], ["connected", "write"]);
      owner = card.account;
      assert.match(owner, /^ava\.demo@/);
      const calendars = (await api("/calendars")).json.calendars;
      assert.deepEqual(calendars.map((c) => [c.name, c.primary, c.can_write]), [["Calendar", true, true], ["Holidays", false, false]]);
      const events = (await api("/events?limit=100")).json.events;
      assert.ok(events.length > 10, JSON.stringify(events));
      const slots = (await api("/free?minutes=45&time_zone=Europe/Berlin")).json.slots;
      assert.match(slots[0].start, /T\d\d:\d\d:00\+0[12]:00$/);
      const [slot] = slots;
      const made = await api("/events", { body: { title: "Ada and Ava", start: slot.start, end: slot.end, attendees: ["kim@example.org"] } });
      assert.equal(made.status, 201, made.text);
      assert.equal(made.json.status, "booked");
      assert.ok(made.json.id);
      const after = (await api("/free?minutes=45&time_zone=Europe/Berlin")).json.slots;
      assert.ok(!after.some((s) => s.start === slot.start), "the hour is taken");
      const moved = await api(`/events/${encodeURIComponent(made.json.id)}`, { method: "PATCH", body: { title: "Ada, Ava and Kim" } });
      assert.equal(moved.json?.title, "Ada, Ava and Kim", moved.text);
      assert.equal((await api(`/events/${encodeURIComponent(made.json.id)}`, { method: "DELETE" })).status, 204);
      assert.equal((await api(`/events/${encodeURIComponent(made.json.id)}`, { method: "DELETE" })).status, 204, "gone already is fine");
      assert.ok((await api("/free?minutes=45&time_zone=Europe/Berlin")).json.slots.some((s) => s.start === slot.start), "and free again");
    });

    test("500 at once with a token that is over: one renewal, and all are served", async () => {
      const before = await refreshes();
      const calls = async (path) => {
        const all = await Promise.all(Array.from({ length: 500 }, () => api(path)));
        for (const r of all) assert.ok(r.status === 200 || r.json.code === "provider_busy", r.text);
        assert.ok(all.filter((r) => r.status === 200).length >= 100);
      };
      await a.advance(3700);
      await calls("/calendars");
      assert.equal((await refreshes()) - before, 1);
      // The token looks good, and the provider takes it no more.
      await stage("expire", {});
      await calls("/calendars");
      assert.equal((await refreshes()) - before, 2);
      assert.equal((await api("/calendars")).status, 200);
      assert.equal((await api("")).json.status, "connected");
    });

    test("pages: each event once, over pages of any size, and when the provider forgets its own", async () => {
      const all = async (limit, between = () => {}) => {
        const ids = [];
        for (let cursor, pages = 0; pages === 0 || cursor; pages++) {
          assert.ok(pages < 200);
          const r = await api(`/events?limit=${limit}${cursor ? `&cursor=${cursor}` : ""}`);
          assert.equal(r.status, 200, r.text);
          assert.ok(r.json.events.length <= limit);
          ids.push(...r.json.events.map((e) => e.id));
          cursor = r.json.next_cursor;
          await between(pages);
        }
        return ids;
      };
      const whole = await all(100);
      assert.equal(new Set(whole).size, whole.length);
      assert.deepEqual(await all(7), whole);
      await stage("settings", { page_size: 3 });
      assert.deepEqual(await all(10), whole, "shorter pages than were asked for");
      assert.deepEqual(await all(5, (page) => page % 2 === 0 && stage("stale", {})), whole, "tokens that are none any more");
      await stage("settings", { page_size: 2500 });
      for (const cursor of ["x", "e30", Buffer.from('{"f":1,"t":2,"s":-1}').toString("base64url"), "A".repeat(7000)])
        assert.equal((await api(`/events?cursor=${cursor}`)).status, 422, cursor.slice(0, 20));
      for (const [query, field] of [["from=yesterday", "from"], ["from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z", "to"], ["from=2026-01-01T00:00:00Z&to=2027-06-01T00:00:00Z", "to"], ["limit=101", "limit"], ["calendar=", "calendar"], ["colour=red", "colour"]]) {
        const r = await api(`/events?${query}`);
        assert.deepEqual([r.status, r.json.errors?.[0].field], [422, field], r.text);
      }
    });

    test("what stands in calendars: days, zones nobody knows, what takes no time", async () => {
      const from = Math.ceil(Date.now() / DAY) * DAY + 20 * DAY, when = (h) => from + h * HOUR, iso = (ms) => new Date(ms).toISOString().slice(0, 19);
      const put = (id, start, end, raw, more = {}) => stage("events", { account: owner, id, start_ms: start, end_ms: end, ...(raw ? { raw } : {}), ...more });
      const times = (start, end, zone) => provider === "google" ? { start: { dateTime: start, timeZone: zone }, end: { dateTime: end, timeZone: zone } } : { start: { dateTime: start, timeZone: zone }, end: { dateTime: end, timeZone: zone }, showAs: "busy" };
      const title = provider === "google" ? "summary" : "subject";
      await put("odd1", when(8), when(9), { id: "odd1", [title]: "By Moscow's clocks", ...times(iso(when(11)), iso(when(12)), "Europe/Moscow") });
      await put("odd2", when(9), when(10), { id: "odd2", [title]: "By nobody's", ...times(iso(when(9)), iso(when(10)), "Customized Time Zone") });
      await put("odd3", when(0), when(24), provider === "google" ? { id: "odd3", status: "cancelled" } : { id: "odd3", isCancelled: true, subject: "", showAs: "busy", ...times(iso(when(0)), iso(when(24)), "UTC") });
      const r = await api(`/events?from=${new Date(from).toISOString()}&to=${new Date(from + DAY).toISOString()}&limit=100`);
      assert.equal(r.status, 200, r.text);
      const one = (id) => r.json.events.find((e) => e.id === id);
      assert.equal(Date.parse(one("odd1").start), when(8), JSON.stringify(one("odd1")));
      assert.equal(one("odd2").start, iso(when(9)), "as it came: nobody knows when it is");
      assert.equal(one("odd2").time_zone, "Customized Time Zone");
      if (one("odd3")) assert.deepEqual([one("odd3").status, one("odd3").busy], ["canceled", false]);
      const demo = (await api("/events?limit=100")).json.events;
      const birthday = demo.find((e) => e.title === "Birthday of Sam"), fair = demo.find((e) => e.title === "Trade fair"), call = demo.find((e) => e.title === "Team call");
      assert.deepEqual([birthday.all_day, birthday.busy, birthday.start.length], [true, false, 10]);
      assert.equal(Date.parse(fair.end) - Date.parse(fair.start), 2 * DAY, "the end is exclusive");
      assert.deepEqual([fair.busy, fair.kind, call.busy, call.series_id], [true, "out_of_office", true, "demoseries1"]);
      for (const id of ["odd1", "odd2", "odd3"]) await put(id, 0, 1);
    });

    test("what cannot be read is never free", async () => {
      const holidays = (await api("/calendars")).json.calendars[1].id, both = `/free?calendar=primary&calendar=${encodeURIComponent(holidays)}`;
      assert.ok((await api(both)).json.slots.length > 10);
      for (const id of [holidays, "nobody@example.org"]) {
        await stage("settings", { unreadable: [holidays] });
        const r = await api(`/free?calendar=primary&calendar=${encodeURIComponent(id)}`);
        assert.equal(r.status, 200, r.text);
        assert.deepEqual(r.json.slots, []);
        assert.deepEqual(r.json.unreadable.map((u) => u.calendar), [id]);
      }
      await stage("settings", { unreadable: [] });
      for (const fault of [{ fault: "status", status: 500 }, { fault: "malformed" }, { fault: "truncated" }]) {
        await a.fault({ provider, ...fault, times: 3 });
        const r = await api(both);
        assert.ok(r.status >= 500, r.text);
        assert.equal(r.json.slots, undefined);
        await a.fault({ provider, fault: "none" });
      }
      for (const [query, field] of [["minutes=4", "minutes"], ["hours=9-17", "hours"], ["hours=17:00-09:00", "hours"], ["days=mo", "days"], ["time_zone=Berlin", "time_zone"], ["from=2026-12-01T00:00:00Z&to=2027-03-01T00:00:00Z", "to"]]) {
        const bad = await api(`/free?${query}`);
        assert.deepEqual([bad.status, bad.json.errors?.[0].field], [422, field], bad.text);
      }
    });

    test("an appointment is made once, whatever breaks", async () => {
      await a.advance(120); // the breaker of the test before
      const start = new Date(Math.ceil(Date.now() / HOUR) * HOUR + 40 * DAY), end = new Date(+start + HOUR / 2), before = (await there()).length;
      const order = { title: "Once", start: start.toISOString(), end: end.toISOString() };
      await a.fault({ provider, operation: provider === "google" ? "POST /calendar" : "POST /v1.0", fault: "cut", times: 2 });
      const made = await api("/events", { body: order, headers: { "Idempotency-Key": "once-1" } });
      assert.ok([201, 202].includes(made.status), made.text);
      const again = await api("/events", { body: order, headers: { "Idempotency-Key": "once-1" } });
      assert.ok([201, 202].includes(again.status), again.text);
      await until(async () => {
        await a.advance(20); // the provider rested after all that
        return (await api("/events", { body: order, headers: { "Idempotency-Key": "once-1" } })).status === 201;
      }, { what: "it is booked", every: 100 });
      assert.equal((await there()).filter((e) => e.title === "Once").length, 1);
      assert.equal((await there()).length, before + 1);
      for (const [body, field] of [[{ ...order, title: undefined }, "title"], [{ ...order, end: order.start }, "end"], [{ ...order, attendees: ["kim"] }, "attendees[0]"], [{ ...order, time_zone: "Mars/Olympus" }, "time_zone"], [{ ...order, start: "tomorrow" }, "start"], [{ ...order, title: "a\r\nb" }, "title"], [{ ...order, colour: 1 }, "colour"]]) {
        const r = await api("/events", { body });
        assert.deepEqual([r.status, r.json.errors?.[0].field], [422, field], r.text);
      }
      assert.equal((await there()).length, before + 1);
    });

    test("a renewal that fails ends nothing; the word that it is over does, and consent mends it", async () => {
      const token = provider === "google" ? "POST /token" : "POST /common";
      for (const fault of [{ fault: "status", status: 503 }, { fault: "reset" }, { fault: "malformed" }, { fault: "status", status: 429, retry_after: "1" }]) {
        await a.advance(3700);
        await a.fault({ provider, operation: token, ...fault, times: 4 });
        const r = await api("/calendars");
        assert.ok(r.status >= 500 || r.status === 429, `${fault.fault}: ${r.text}`);
        await a.fault({ provider, fault: "none" });
        assert.equal((await api("")).json.status, "connected");
        await a.advance(300);
        await until(async () => (await api("/calendars")).status === 200, { what: `served again after ${fault.fault}` });
      }
      const rule = await a.call("/api/v1/rules", { body: { name: "A calendar", when: { event: "connection.needs_attention" }, then: { channel: "email", to: ["desk@example.com"], template: "alert" } } });
      assert.equal(rule.status, 201, rule.text);
      await stage("revoke", { account: owner });
      const over = await api("/calendars");
      assert.equal(over.status, 424, over.text);
      assert.match(over.json.detail, /asks you to confirm again/);
      assert.equal((await api("")).json.status, "needs_attention");
      assert.equal((await a.call("/api/v1/integrations")).json.integrations.find((i) => i.provider === provider).status, "needs_attention");
      const asked = await hits("token");
      assert.equal((await api("/events")).status, 424);
      assert.equal(await hits("token"), asked, "what is over is not asked for again");
      await until(async () => (await a.call(`/api/v1/rules/${rule.json.id}/uses`)).json.uses?.some((u) => u.status === "sent"), { what: "the rule tells of it" });
      assert.equal(await browser.connect(provider), "connected");
      assert.equal((await api("/calendars")).status, 200);
    });

    test("callbacks as browsers make them: looked at, doubled, cut off, foreign", async () => {
      const back = await browser.answer(await browser.begin(provider)), codes = await hits("token");
      assert.equal((await browser.go(back, { method: "HEAD" })).status, 204);
      for (const headers of [{ "Sec-Purpose": "prefetch" }, { Purpose: "prefetch" }, { "X-Moz": "prefetch" }, { "Sec-Purpose": "prefetch;prerender" }]) assert.equal(await browser.come(back, { headers }), 204);
      const other = await Browser.signIn(a);
      assert.equal(await other.come(back), "foreign", "another sign-in of the same person");
      assert.equal(await hits("token"), codes, "nothing of that uses the code up");
      assert.equal(await browser.come(back.replace(/state=[^&]+/, "state=" + "A".repeat(43))), "expired");
      assert.equal(await browser.come(back.replace(/&?state=[^&]+/, "")), "expired");
      const results = await Promise.all([browser.come(back), browser.come(back), browser.come(back.replace(/code=[^&]+/, "code=another")), browser.come(back)]);
      assert.equal(new Set(results).size, 1, `${results}`);
      assert.equal(await hits("token"), codes + 1, "a code is used once");
      const first = results[0], again = await browser.come(back);
      assert.equal(again, first);
      if (first !== "connected") assert.equal(await browser.connect(provider, "read"), "connected"); // the one with another code came first
      assert.equal((await api("/calendars")).status, 200);
      const elsewhere = await browser.answer(await browser.begin(provider));
      assert.equal(await browser.come(elsewhere.replace(provider, provider === "google" ? "microsoft" : "google")), "foreign", "of another provider");
      const late = await browser.answer(await browser.begin(provider));
      await a.advance(660);
      assert.equal(await browser.come(late), "expired");
      assert.equal((await browser.go(`${at(provider)}/connect`, { headers: { "Sec-Fetch-Site": "cross-site" } })).status, 403);
      assert.equal(await browser.come(`/oauth/${provider}/callback?error=access_denied&state=x`), "expired");
    });

    test("no, part of it, and a wrong verifier", async () => {
      const status = async () => (({ status, access }) => [status, access])((await api("")).json);
      assert.equal(await browser.connect(provider, "write", { answer: "cancel" }), "denied");
      assert.deepEqual(await status(), ["connected", "read"], "what was there stays");
      if (provider === "google") {
        assert.equal(await browser.connect(provider, "write", { scopes: (s) => !/calendar\.events$/.test(s) }), "scope");
        assert.deepEqual(await status(), ["connected", "read"]);
        assert.equal(await browser.connect(provider, "write", { scopes: (s) => !/freebusy/.test(s) }), "partial");
        assert.deepEqual(await status(), ["connected", "write"]);
      }
      assert.equal(await browser.connect(provider, "read"), "connected");
      const refused = await api("/events", { body: { title: "No", start: new Date(Date.now() + DAY).toISOString(), end: new Date(Date.now() + DAY + HOUR).toISOString() } });
      assert.equal(refused.status, 424, refused.text);
      assert.match(refused.json.detail, /may only read.*access=write/);
      const page = await browser.begin(provider), forged = page.replace(/code_challenge=[^&]+/, "code_challenge=" + "B".repeat(43));
      assert.equal(await browser.come(await browser.answer(forged)), "failed");
      assert.deepEqual(await status(), ["connected", "read"]);
      const shown = await browser.go(page.replace(/redirect_uri=[^&]+/, "redirect_uri=" + encodeURIComponent("https://evil.example/oauth/google/callback")));
      assert.equal(shown.status, 400, "nobody is sent elsewhere");
    });

    test("a consent without a refresh token keeps the one of the same account, and of no other", async () => {
      assert.equal(await browser.connect(provider), "connected");
      await stage("settings", { refresh: "never" });
      assert.equal(await browser.connect(provider), "connected");
      await a.advance(3700);
      assert.equal((await api("/calendars")).status, 200, "renewed by the token of before");
      assert.equal(await browser.connect(provider, "write", { account: 1 }), "again", "another account, and no lasting leave");
      assert.equal((await api("")).json.account, owner);
      await stage("settings", { refresh: "always" });
      assert.equal(await browser.connect(provider, "write", { account: 1 }), "connected");
      assert.match((await api("")).json.account, /^other\.demo@/);
      assert.equal(await browser.connect(provider), "connected");
    });

    test("kill -9 while a token is renewed: nothing is lost where the provider forgives a repeat", async () => {
      await stage("settings", { grace_s: 86400 });
      for (let i = 0; i < KILLS; i++) {
        await a.advance(3700);
        const asked = api("/calendars").catch(() => {}), port = a.port, data = a.data;
        if (i % 2) await new Promise((r) => setTimeout(r, (i * 7) % 40));
        else await until(async () => (await hits("token").catch(() => 1)) > 0, { ms: 100 }).catch(() => {});
        await a.stop("SIGKILL");
        await asked;
        const { key, me } = a;
        a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" }, data, port });
        Object.assign(a, { key, me });
        browser.a = a;
        await stage("settings", { grace_s: 86400 });
        const r = await api("/calendars");
        assert.equal(r.status, 200, `after kill ${i}: ${r.text}`);
      }
      assert.equal((await api("")).json.status, "connected");
    });

    test("given back: the row goes, the provider is told, and nothing is left", async () => {
      const r = await api("", { method: "DELETE" });
      assert.deepEqual([r.status, r.json], [200, { status: "not_connected", revoked: provider === "google" }]);
      if (provider === "google") assert.ok((await grants()).every((g) => g.ended || g.account !== owner));
      assert.equal((await api("/calendars")).status, 403);
      assert.equal((await api("", { method: "DELETE" })).status, 424);
    });
  });
