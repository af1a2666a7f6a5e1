// Templates of e-mails over the API: made, changed, gone back to and removed; what is wrong in them or missing is named;
// whatever somebody writes into them takes bounded time and comes out as text.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ava, ava, missing } from "../lib/ava.mjs";

const all = "/api/v1/templates";
const builtIns = ["alert", "call_summary", "invitation", "missed_call", "test_mail", "text_back"];

describe("templates", { skip: missing, concurrency: 1 }, () => {
  let a, names = 0;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "warn" } });
    await a.signUp();
  });
  after(() => a.remove());

  const make = async (more = {}, options = {}) => {
    const r = await a.call(all, { body: { name: `t_${++names}`, subject: "Hello {{name}}", text: "Hello {{name}}!", ...more }, ...options });
    assert.equal(r.status, 201, r.text);
    return { ...r.json, etag: r.headers.get("etag") };
  };
  const patch = (key, body, headers = {}) => a.call(`${all}/${key}`, { method: "PATCH", body, headers });
  const preview = (body) => a.call(`${all}/preview`, { body: { subject: "s", ...body } });
  const says = async (body) => {
    const r = await preview(body);
    assert.equal(r.status, 200, r.text);
    return r.json;
  };
  // The fields that a refusal names: { field: message }.
  const wrong = (r, status = 422) => {
    assert.equal(r.status, status, r.text);
    return Object.fromEntries((r.json.errors ?? []).map((e) => [e.field, e.message ?? e.code]));
  };
  const list = async (query = "") => (await a.call(`${all}?limit=100${query}`)).json;
  const versions = async (key) => (await a.call(`${all}/${key}/versions`)).json.versions;

  describe("a journey", () => {
    test("is made, read by id and by name, changed, gone back to, and removed", async () => {
      const t = await make({ name: "late", subject: "Late, {{name}}", text: "one" });
      assert.match(t.id, /^tpl_[0-9a-f]{32}$/);
      assert.deepEqual([t.name, t.version, t.built_in, t.html], ["late", 1, false, null]);
      for (const key of [t.id, "late"]) assert.equal((await a.call(`${all}/${key}`)).json.text, "one");

      const second = await patch("late", { text: "two", html: "<b>two</b>" }, { "If-Match": t.etag });
      assert.deepEqual([second.status, second.json.version, second.json.html], [200, 2, "<b>two</b>"]);
      assert.equal((await patch("late", { text: "stale" }, { "If-Match": t.etag })).status, 412);
      assert.equal((await patch("late", { text: "two" })).json.version, 2, "what changes nothing makes no version");
      assert.equal((await patch("late", { html: null })).json.html, null);

      assert.deepEqual((await versions("late")).map((v) => [v.version, v.what, v.author.id]), [[3, "changed", a.me.user.id], [2, "changed", a.me.user.id], [1, "created", a.me.user.id]]);
      assert.equal((await a.call(`${all}/late/versions/2`)).json.html, "<b>two</b>");
      const back = await a.call(`${all}/late/undo`, { body: { version: 1 } });
      assert.deepEqual([back.status, back.json.version, back.json.text, back.json.html], [200, 4, "one", null]);
      assert.equal((await versions("late"))[0].restored_version, 1);
      assert.equal((await a.call(`${all}/late/undo`, { body: { version: 99 } })).status, 404);

      assert.equal((await a.call(`${all}/${t.id}`, { method: "DELETE" })).status, 204);
      assert.equal((await a.call(`${all}/late`)).status, 404);
      assert.equal((await make({ name: "late" })).version, 1, "its name is free again");
      const actions = (await a.call("/api/v1/audit?limit=100")).json.entries.filter((e) => e.object === t.id).map((e) => e.action);
      assert.deepEqual(actions.reverse(), ["template.create", "template.change", "template.change", "template.undo", "template.remove"]);
    });

    test("the newest fifty versions are kept", async () => {
      const { name } = await make();
      for (let n = 2; n <= 55; n++) assert.equal((await patch(name, { text: `version ${n}` })).json.version, n);
      const kept = (await a.call(`${all}/${name}/versions?limit=100`)).json.versions;
      assert.deepEqual([kept.length, kept[0].version, kept.at(-1).version], [50, 55, 6]);
      const page = (await a.call(`${all}/${name}/versions?limit=3&cursor=10`)).json;
      assert.deepEqual([page.versions.map((v) => v.version), page.next_cursor], [[9, 8, 7], "7"]);
      assert.equal((await a.call(`${all}/${name}/undo`, { body: { version: 5 } })).status, 404);
    });

    test("the same request again is the same answer, and happens once", async () => {
      const key = { "Idempotency-Key": "make-this-template-once" };
      const body = { name: "once_only", subject: "s", text: "t" };
      const [first, again] = [await a.call(all, { body, headers: key }), await a.call(all, { body, headers: key })];
      assert.deepEqual([first.status, again.status, again.json], [201, 201, first.json]);
      assert.equal(again.headers.get("idempotent-replayed"), "true");
      const undo = { body: { version: 1 }, headers: { "Idempotency-Key": "go-back-once" } };
      for (let n = 0; n < 2; n++) assert.equal((await a.call(`${all}/once_only/undo`, undo)).json.version, 2);
    });

    test("of many changes for one version exactly one is made, and no change is lost", async () => {
      const t = await make();
      const held = await Promise.all(Array.from({ length: 20 }, (_, n) => patch(t.id, { text: `held ${n}` }, { "If-Match": t.etag })));
      assert.deepEqual(held.map((r) => r.status).sort(), [200, ...Array(19).fill(412)]);
      const free = await Promise.all(Array.from({ length: 20 }, (_, n) => patch(t.id, { text: `free ${n}` })));
      assert.deepEqual(free.map((r) => r.json.version).sort((x, y) => x - y), Array.from({ length: 20 }, (_, n) => n + 3));
      assert.equal((await versions(t.id)).length, 20); // a page
    });

    test("the list goes by name, in pages, and finds", async () => {
      for (const name of ["zz_1", "zz_2", "zz_3"]) await make({ name });
      assert.deepEqual((await list("&search=zz_")).templates.map((t) => t.name), ["zz_1", "zz_2", "zz_3"]);
      const first = (await a.call(`${all}?search=zz_&limit=2`)).json;
      assert.deepEqual([first.templates.length, first.next_cursor], [2, "zz_2"]);
      assert.deepEqual((await a.call(`${all}?search=zz_&limit=2&cursor=zz_2`)).json.templates.map((t) => t.name), ["zz_3"]);
      const whole = (await list()).templates.map((t) => t.name);
      assert.deepEqual(whole, [...whole].sort());
      for (const name of builtIns) assert.ok(whole.includes(name));
      assert.ok(!JSON.stringify(await list()).includes("Hello {{name}}"));
    });
  });

  describe("what comes with Ava", () => {
    for (const name of builtIns)
      test(`${name} says something with its example, and nothing without what it needs`, async () => {
        const t = (await a.call(`${all}/${name}`)).json;
        assert.deepEqual([t.id, t.built_in, t.version], [null, true, 0]);
        const r = await a.call(`${all}/${name}/preview`, { body: { variables: t.example } });
        assert.equal(r.status, 200, r.text);
        for (const part of ["subject", "text", "html"]) assert.ok(r.json[part] && !r.json[part].includes("{{"), `${part}: ${r.json[part]}`);
        assert.ok(!/<(table|img|script)/.test(r.json.html));
        for (const value of Object.values(t.example).flat()) assert.ok(r.json.text.includes(value), `${value} is in the text`);
        const bare = await a.call(`${all}/${name}/preview`, { body: {} });
        if (["test_mail", "text_back"].includes(name)) assert.equal(bare.status, 200, bare.text);
        else assert.ok(Object.keys(wrong(bare)).every((f) => f.startsWith("variables.")), bare.text);
      });

    test("is taken the place of, and is back when that is removed", async () => {
      const changed = await patch("alert", { subject: "Attention: {{title}}" });
      assert.deepEqual([changed.status, changed.json.version, changed.json.built_in, changed.json.replaces_built_in], [200, 1, false, true]);
      assert.ok(changed.json.html.includes("{{title}}"), "the rest is as it came");
      assert.equal((await list()).templates.filter((t) => t.name === "alert").length, 1);
      const r = await a.call(`${all}/alert/preview`, { body: { variables: { title: "x", text: "y" } } });
      assert.equal(r.json.subject, "Attention: x");
      assert.equal((await a.call(`${all}/alert`, { method: "DELETE" })).status, 204);
      const back = (await a.call(`${all}/alert`)).json;
      assert.deepEqual([back.built_in, back.subject], [true, "{{title}}"]);
      assert.equal((await a.call(`${all}/alert`, { method: "DELETE" })).status, 422);
      assert.deepEqual(await versions("alert"), []);
      assert.equal((await a.call(`${all}/alert/undo`, { body: { version: 1 } })).status, 404);
      assert.equal((await patch("alert", { subject: "x" }, { "If-Match": '"built_in"' })).status, 200);
      assert.equal((await patch("alert", { subject: "y" }, { "If-Match": '"built_in"' })).status, 412);
      await a.call(`${all}/alert`, { method: "DELETE" });
    });
  });

  describe("what is said", () => {
    test("variables, sections and partials; escaped in HTML, never in text, raw where it is marked", async () => {
      await make({ name: "sign", subject: "-", text: "-- \n{{from}}", html: "<i>{{from}}</i>" });
      const r = await says({
        subject: "{{n}} for {{name}}", text: "{{name}}{{#more}}, {{.}}{{/more}}{{^none}} all{{/none}}\n{{> sign}}", html: "<p>{{name}} {{{name}}}</p>{{> sign}}",
        variables: { n: 2, name: "<Ada & 'Co'>", more: ["x", "y"], none: [], from: "\"A\"" },
      });
      assert.deepEqual(r, {
        subject: "2 for <Ada & 'Co'>", text: "<Ada & 'Co'>, x, y all\n-- \n\"A\"",
        html: "<p>&lt;Ada &amp; &#39;Co&#39;&gt; <Ada & 'Co'></p><i>&quot;A&quot;</i>",
      });
    });

    test("a preview is kept for nobody: the same key may ask for something else", async () => {
      const ask = (text) => a.call(`${all}/preview`, { body: { subject: "s", text }, headers: { "Idempotency-Key": "only-looking" } });
      assert.deepEqual([(await ask("one")).json.text, (await ask("two")).json.text, (await ask("one")).json.text], ["one", "two", "one"]);
    });

    test("values are never templates", async () => {
      const evil = "{{secret}} {{#a}}{{/b}} {{> sign}} {{{x}}} {{=| |=}}";
      const r = await says({ text: "{{v}}", html: "{{{v}}}", subject: "{{v}}", variables: { v: evil, secret: "no" } });
      assert.deepEqual(r, { subject: evil, text: evil, html: evil });
    });

    test("a variable that is missing is named, once, with where it is used", async () => {
      const fields = wrong(await preview({ subject: "From {{caller}}", text: "a\n{{caller}}{{x.y}}", html: "{{z}}", variables: { x: {} } }));
      assert.deepEqual(Object.keys(fields).sort(), ["variables.caller", "variables.z"]);
      assert.match(fields["variables.caller"], /^The variable caller is missing\. It is used in subject, line 1\.$/);
      assert.match(Object.keys(wrong(await preview({ text: "{{x.y}}", variables: { x: {} } })))[0], /^variables\.x\.y$/);
      const t = await make({ text: "{{a}} {{b}}" });
      assert.deepEqual(Object.keys(wrong(await a.call(`${all}/${t.id}/preview`, { body: { variables: { name: 1 } } }))), ["variables.a"]);
    });

    test("a line break cannot get into a subject", async () => {
      const fields = wrong(await preview({ subject: "From {{who}}", text: "x", variables: { who: "a\r\nBcc: eve@example.com" } }));
      assert.match(fields["variables.who"], /line break/);
      assert.match(wrong(await preview({ subject: "one\ntwo", text: "x" })).subject, /one line/);
    });

    test("lists and objects are no text, and variables are an object", async () => {
      assert.match(wrong(await preview({ text: "{{l}}", variables: { l: [1] } }))["variables.l"], /a list or an object/);
      assert.match(wrong(await preview({ text: "x", variables: [1] })).variables, /object/);
    });
  });

  describe("bad input", () => {
    const cases = [
      ["an unclosed section", { text: "Hello\n {{#list}} x" }, "text", /^Line 2, column \d+: The section list is not closed/],
      ["one closed in another", { html: "{{#a}}{{#b}}{{/a}}" }, "html", /^Line 1, .*must be closed before a/],
      ["a tag without its end", { subject: "Hello {{name" }, "subject", /^Line 1, column 7: .*}} is missing/],
      ["10,000 nested sections", { text: "{{#a}}".repeat(10_000) + "{{/a}}".repeat(10_000) }, "text", /at most 16 deep/],
      ["other delimiters", { text: "{{=<% %>=}}" }, "text", /delimiters/],
      ["something that is no name", { text: "{{a b}}" }, "text", /is no name/],
      ["a subject that is too long", { subject: "x".repeat(999) }, "subject", /998 bytes/],
      ["a part that is too long", { html: "ü".repeat(131_073) }, "html", /262144 bytes/],
      ["a subject that is no text", { subject: 7 }, "subject", /must be a text/],
    ];
    for (const [what, body, field, says] of cases)
      test(`${what} is an error of its field, kept or tried`, async () => {
        for (const [path, more] of [[all, { name: "bad" }], [`${all}/preview`, {}]]) {
          const fields = wrong(await a.call(path, { body: { subject: "s", text: "t", ...more, ...body } }));
          assert.match(fields[field], says);
          assert.deepEqual(Object.keys(fields), [field]);
        }
        const t = await make();
        assert.match(wrong(await patch(t.id, body))[field], says);
        assert.equal((await a.call(`${all}/${t.id}`)).json.version, 1);
      });

    test("names, missing parts and unknown fields", async () => {
      for (const name of ["", "Late", "a-b", "x".repeat(65), "tpl_" + "0".repeat(32), 7, null]) assert.ok(wrong(await a.call(all, { body: { name, subject: "s", text: "t" } })).name, String(name));
      assert.deepEqual(Object.keys(wrong(await a.call(all, { body: { name: "bad" } }))).sort(), ["subject", "text"]);
      assert.deepEqual(Object.keys(wrong(await a.call(all, { body: { name: "bad", subject: "s", text: "t", body: "x" } }))), ["body"]);
      const t = await make();
      assert.deepEqual(Object.keys(wrong(await patch(t.id, { name: "other" }))), ["name"]);
      assert.ok(wrong(await patch(t.id, { text: null })).text, "one part is needed");
      assert.ok(wrong(await patch(t.id, { subject: null })).subject);
      assert.deepEqual(Object.keys(wrong(await a.call(all, { body: { name: t.name, subject: "s", text: "t" } }))), ["name"]);
      for (const version of [undefined, 0, -1, "1", 1.5]) assert.ok(wrong(await a.call(`${all}/${t.id}/undo`, { body: { version } })).version);
    });

    test("partials that hold themselves, or are not there, are an error of the part", async () => {
      await make({ name: "loop", text: "x{{> loop}}", html: "y{{> pong}}" });
      await make({ name: "pong", text: "x", html: "{{> loop}}" });
      const fields = wrong(await preview({ text: "{{> loop}}", html: "{{> loop}}" }));
      assert.match(fields.text, /loop goes on and on/);
      assert.match(fields.html, /goes on and on/);
      assert.match(wrong(await preview({ text: "a\n{{> nobody}}" })).text, /In text, line 2: There is no template nobody/);
      await make({ name: "only_html", text: null, html: "h" });
      assert.match(wrong(await preview({ text: "{{> only_html}}" })).text, /no template only_html with a part for this/);
    });

    test("what would be more than 1 MiB is refused, and nobody waits for it", async () => {
      const list = Array.from({ length: 3000 }, (_, n) => n);
      const nest = (inside) => "{{#l}}".repeat(8) + inside + "{{/l}}".repeat(8);
      for (const [text, says] of [[nest("x"), /More than 1048576 bytes/], [nest(""), /more work/], ["{{#l}}{{v}}{{/l}}", /More than/]]) {
        const began = Date.now();
        const [r, other] = await Promise.all([preview({ text, html: text, variables: { l: list, v: "y".repeat(1000) } }), a.call(`${all}/alert`)]);
        assert.match(wrong(r).text, says);
        assert.match(wrong(r).html, says);
        assert.equal(other.status, 200);
        assert.ok(Date.now() - began < 5000);
      }
      const whole = await says({ text: "{{#l}}{{v}}{{/l}}", variables: { l: list.slice(0, 1024), v: "z".repeat(1024) } });
      assert.equal(whole.text.length, 1 << 20);
      await make({ name: "doubling", text: "{{> doubling}}{{> doubling}}" });
      assert.match(wrong(await preview({ text: "{{> doubling}}" })).text, /goes on and on/);
    });

    // Each byte of these is six in the answer; how long a loop was busy with that, remove() asks in the end.
    test("what comes out may be control characters from end to end", async () => {
      const text = "{{#l}}{{v}}{{/l}}";
      const r = await says({ text, html: text, variables: { l: Array(1024).fill(1), v: "\u0001".repeat(1024) } });
      assert.deepEqual([r.text.length, r.html.length], [1 << 20, 1 << 20]);
    });

    test("partials count with what asks for them", async () => {
      const big = "x".repeat(250_000);
      for (let n = 0; n < 5; n++) await make({ name: `big_${n}`, text: big });
      const r = await preview({ text: Array.from({ length: 5 }, (_, n) => `{{> big_${n}}}`).join("") });
      assert.match(wrong(r).text, /1 MiB/);
    });

    test("the longest template there may be is kept and rendered", async () => {
      const part = "{{v}}".repeat(52_428);
      const t = await make({ text: part, html: part });
      const r = await a.call(`${all}/${t.id}/preview`, { body: { variables: { v: "ab", name: "n" } } });
      assert.equal(r.status, 200, r.text);
      assert.equal(r.json.html.length, 104_856);
    });
  });

  describe("whose it is", () => {
    test("another workspace's is not there, by id or name, and its names are free", async () => {
      const t = await make({ name: "mine" });
      const eve = await a.newPerson("eve@example.com");
      const as = (path, options = {}) => a.call(path, { key: eve.key, ...options });
      for (const key of [t.id, "mine"]) {
        assert.equal((await as(`${all}/${key}`)).status, 404);
        assert.equal((await as(`${all}/${key}`, { method: "PATCH", body: { text: "x" } })).status, 404);
        assert.equal((await as(`${all}/${key}`, { method: "DELETE" })).status, 404);
        assert.equal((await as(`${all}/${key}/versions`)).status, 404);
        assert.equal((await as(`${all}/${key}/versions/1`)).status, 404);
        assert.equal((await as(`${all}/${key}/preview`, { body: { variables: {} } })).status, 404);
        assert.equal((await as(`${all}/${key}/undo`, { body: { version: 1 } })).status, 404);
      }
      assert.match(wrong(await as(`${all}/preview`, { body: { subject: "s", text: "{{> mine}}" } })).text, /no template mine/);
      assert.equal((await as(all, { body: { name: "mine", subject: "s", text: "hers" } })).status, 201);
      assert.equal((await a.call(`${all}/mine`)).json.text, "Hello {{name}}!");
    });

    test("members read and try, and change nothing", async () => {
      const carl = await a.newPerson("carl@example.com");
      await a.call(`/api/v1/workspaces/${a.me.workspace.id}/members/${carl.id}`, { method: "PUT", body: { role: "member" } });
      const key = a.newKey("carl@example.com", "here", ["--workspace", a.me.workspace.id]);
      const t = await make();
      const as = (path, options = {}) => a.call(path, { key, ...options });
      assert.equal((await as(`${all}/${t.id}`)).status, 200);
      assert.equal((await as(`${all}/preview`, { body: { subject: "s", text: "t" } })).status, 200);
      for (const [path, options] of [[all, { body: { name: "x", subject: "s", text: "t" } }], [`${all}/${t.id}`, { method: "PATCH", body: { text: "x" } }], [`${all}/${t.id}`, { method: "DELETE" }], [`${all}/${t.id}/undo`, { body: { version: 1 } }]])
        assert.equal((await as(path, options)).status, 403, path);
    });

    test("a workspace has at most two hundred", async () => {
      const dan = await a.newPerson("dan@example.com");
      const put = (n) => a.call(all, { key: dan.key, body: { name: `n_${n}`, subject: "s", text: "t" } });
      for (let n = 0; n < 200; n += 20) for (const r of await Promise.all(Array.from({ length: 20 }, (_, k) => put(n + k)))) assert.equal(r.status, 201, r.text);
      const more = await put(200);
      assert.deepEqual([more.status, /at most 200 templates/.test(more.json.detail)], [422, true]);
      assert.equal((await a.call(`${all}?limit=100`, { key: dan.key })).json.templates.length, 100);
    });
  });
});

test("what templates say is sealed, and survives new data keys", { skip: missing }, async (t) => {
  const first = await Ava.start({ env: { AVA_LOG_LEVEL: "warn" } });
  t.after(() => first.remove());
  await first.signUp();
  const secret = "very-private-words";
  const made = await first.call(all, { body: { name: "kept", subject: secret, text: secret, html: secret } });
  assert.equal(made.status, 201, made.text);
  await first.stop();
  for (const file of readdirSync(first.data).filter((f) => f.includes("ava"))) assert.ok(!readFileSync(join(first.data, file)).includes(secret), file);
  for (let n = 0; n < 3; n++) {
    const r = ava(["rotate-keys", "--data", "--data-dir", first.data]);
    assert.equal(r.status, 0, r.stderr);
  }
  const again = await Ava.start({ data: first.data, env: { AVA_LOG_LEVEL: "warn" } });
  t.after(() => again.stop());
  const shown = await again.call(`${all}/kept`, { key: first.key });
  assert.deepEqual([shown.json.subject, shown.json.text, shown.json.html], [secret, secret, secret]);
});
