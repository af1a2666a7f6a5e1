// Files that go out with a mail: the same bytes at each attempt, none of them anywhere but where they are needed, and
// nobody else waits for them. People report of such systems: base64 that a framework escaped or broke into lines and that
// came out as garbage, "Untitled Attachment" in Outlook, names that are paths, a 10 MB mail that takes 200 MB and holds up
// everybody, and the same key answered for another file.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, sanitized, until } from "../lib/ava.mjs";
import { rows, stored } from "../lib/database.mjs";

const SEND = "/api/v1/integrations/email/send", MIB = 1 << 20;
const sha256 = (b) => createHash("sha256").update(b).digest("hex");
const file = (bytes, filename = "a.bin", more = {}) => ({ filename, content: bytes.toString("base64"), ...more });

describe("attachments", { skip: missing, concurrency: 1 }, () => {
  let a, resend;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "debug" } });
    await a.signUp();
    resend = (await a.call("/sandbox/api/credentials", { key: null })).json.resend;
  });
  after(() => a?.remove());

  const send = (attachments, more = {}, rest = {}) => a.call(SEND, { body: { to: "ada@example.org", subject: "Hello", text: "With files", attachments, ...more }, ...rest });
  const mail = async (id) => (await a.call(`/api/v1/messages/${id}`)).json;
  const atResend = async (provider_id) => (await (await fetch(`${resend.base_url}/emails/${provider_id}`, { headers: { Authorization: `Bearer ${resend.api_key}`, "User-Agent": "test" } })).json());
  const settled = (id) => until(async () => (await mail(id)).provider_id, { what: `${id} is sent` });

  test("they arrive as they are, and Messages knows their names and sizes alone", async () => {
    const pdf = randomBytes(70_001), png = randomBytes(300);
    const r = await send([file(pdf, "Rechnung März ✓.pdf"), file(png, "logo.png", { content_type: "image/png", content_id: "logo@ava" })], { html: "<img src=\"cid:logo@ava\">" });
    assert.equal(r.status, 201, r.text);
    const shown = [{ filename: "Rechnung März ✓.pdf", content_type: "application/pdf", size: 70_001, sha256: sha256(pdf) }, { filename: "logo.png", content_type: "image/png", content_id: "logo@ava", size: 300, sha256: sha256(png) }];
    assert.deepEqual(r.json.attachments, shown);
    assert.deepEqual((await mail(r.json.id)).attachments, shown);
    assert.deepEqual((await a.call("/api/v1/messages?channel=email&limit=1")).json.messages[0].attachments, shown);
    const there = await atResend(r.json.provider_id);
    assert.deepEqual(there.attachments, shown);
  });

  describe("base64 as encoders write it", { concurrency: 1 }, () => {
    const bytes = Buffer.concat([Buffer.from([0xfb, 0xff, 0xbf]), Buffer.from(Array.from({ length: 999 }, (_, i) => i & 255)), Buffer.from([0xff])]), plain = bytes.toString("base64");
    const CASES = { "one line": plain, "lines of 76 (openssl)": plain.replace(/.{76}/g, "$&\n"), "lines of 60, and one at the end (Ruby)": plain.replace(/.{60}/g, "$&\n") + "\n", "CRLF (MIME)": plain.replace(/.{76}/g, "$&\r\n") };
    const body = (content) => `{"to":"ada@example.org","subject":"x","text":"x","attachments":[{"filename":"a.bin","content":"${content}"}]}`;
    const RAW = { "escaped slashes (PHP)": plain.replaceAll("/", "\\/"), "an escaped plus (.NET)": plain.replaceAll("+", "\\u002B"), "an escaped = (Gson)": plain.replaceAll("=", "\\u003d") };
    for (const [name, content] of [...Object.entries(CASES).map(([n, c]) => [n, JSON.stringify(c).slice(1, -1)]), ...Object.entries(RAW)])
      test(name, async () => {
        const r = await a.call(SEND, { raw: body(content), headers: { "Content-Type": "application/json" } });
        assert.equal(r.status, 201, r.text);
        assert.equal(r.json.attachments[0].sha256, sha256(bytes));
        assert.equal((await atResend(r.json.provider_id)).attachments[0].sha256, sha256(bytes));
      });
  });

  describe("what is wrong is named, and nothing is sent", { concurrency: 1 }, () => {
    const ok = file(Buffer.from("hello")), named = (filename) => [file(Buffer.from("x"), filename)];
    const CASES = [
      ["no list", { filename: "a" }, "attachments"], ["a text in the list", ["x"], "attachments[0]"], ["21 of them", Array(21).fill(ok), "attachments"],
      ["no name", [{ content: "eA==" }], "attachments[0].filename"], ["an empty name", named(""), "attachments[0].filename"], ["a number as name", [{ filename: 5, content: "eA==" }], "attachments[0].filename"],
      ["a name of 201 letters", named("x".repeat(201)), "attachments[0].filename"], ["a name of more than 255 bytes", named("日".repeat(90)), "attachments[0].filename"],
      ...["../../etc/passwd", "a\\b.exe", ".", "..", "a\r\nBcc: b@example.org", "a\nb", "a\u0007b", "a\u202egpj.exe", "a\u2028b"].map((n) => [`the name ${JSON.stringify(n)}`, named(n), "attachments[0].filename"]),
      ["no content", [ok, { filename: "a" }], "attachments[1].content"], ["an empty file", [ok, file(Buffer.alloc(0))], "attachments[1].content"], ["a Buffer as JSON has it", [{ filename: "a", content: Buffer.from("hello") }], "attachments[0].content"],
      ["no base64", [ok, ok, { filename: "a", content: "Hello, world!" }], "attachments[2].content", /no base64/], ["base64url", [{ filename: "a", content: "_-8=" }], "attachments[0].content", /base64url/],
      ["a data: address", [{ filename: "a", content: "data:text/plain;base64,aGVsbG8=" }], "attachments[0].content", /Leave/], ["cut off", [{ filename: "a", content: ok.content.slice(0, -1) }], "attachments[0].content", /cut off/],
      ["what looks like a mark of ours", [{ filename: "a", content: `0 ${sha256("hello")}` }], "attachments[0].content"],
      ["an address to fetch", [{ filename: "a", path: "https://example.com/a.pdf" }], "attachments[0].content", /.*/], ["a type that is none", [file(Buffer.from("x"), "a", { content_type: "pdf" })], "attachments[0].content_type"],
      ["a header in the type", [file(Buffer.from("x"), "a", { content_type: "text/plain\r\nBcc: b@example.org" })], "attachments[0].content_type"], ["a multipart", [file(Buffer.from("x"), "a", { content_type: "multipart/mixed" })], "attachments[0].content_type"],
      ["a content_id in brackets", [file(Buffer.from("x"), "a", { content_id: "<a>" })], "attachments[0].content_id"], ["the same content_id twice", [file(Buffer.from("x"), "a", { content_id: "a" }), file(Buffer.from("x"), "b", { content_id: "a" })], "attachments[1].content_id"],
      ["a field that nobody knows", [file(Buffer.from("x"), "a", { size: 1 })], "attachments[0].size"],
      ["more than 10 MiB together", [file(Buffer.alloc(5 * MIB)), file(Buffer.alloc(5 * MIB + 1))], "attachments", /10485761.*10,485,760 \(10 MiB\).*link/],
    ];
    for (const [name, attachments, field, words] of CASES)
      test(name, async () => {
        const before = (await a.ledger()).counts.resend, r = await send(attachments);
        assert.equal(r.status, 422, r.text);
        const error = r.json.errors.find((e) => e.field === field);
        assert.ok(error, r.text);
        if (words) assert.match(error.message, words);
        if (name.startsWith("more than")) assert.deepEqual([error.min, error.max], [0, 10 * MIB]);
        assert.equal((await a.ledger()).counts.resend, before);
      });
    test("a body beyond what a mail may have, and a long one that is no file", async () => {
      assert.equal((await send([file(Buffer.alloc(11 * MIB))])).status, 413);
      const r = await a.call(SEND, { body: { to: "a@example.org", subject: "x", text: "x".repeat(1.5 * MIB) } });
      assert.deepEqual([r.status, r.json.code], [400, "malformed_request"], r.text);
      assert.equal((await a.call(SEND, { key: null, body: { to: "a@example.org", attachments: [file(Buffer.alloc(MIB))] } }).catch(() => ({ status: 413 }))).status, 413, "strangers bring no files");
    });
  });

  test("one key, one file: the same again is the same mail, another file is refused", async () => {
    const key = { headers: { "Idempotency-Key": "files-1" } }, one = randomBytes(100_000), r = await send([file(one)], {}, key);
    assert.equal(r.status, 201, r.text);
    const again = await send([{ ...file(one), content: one.toString("base64").replace(/.{76}/g, "$&\n") }], {}, key);
    assert.equal(again.json.id, r.json.id, "the same file, in lines");
    const other = Buffer.from(one);
    other[99_999] ^= 1;
    const refused = await send([file(other)], {}, key);
    assert.deepEqual([refused.status, refused.json.code], [422, "idempotency_key_reused"]);
  });

  test("each attempt sends the same bytes; what is sent is not kept", async () => {
    const secret = Buffer.from("FILE-CONTENT-THAT-NOBODY-MAY-READ ".repeat(9000));
    await a.fault({ provider: "resend", fault: "cut", operation: "POST /emails", percent: 100 });
    const r = await send([file(secret)]);
    assert.ok([201, 202].includes(r.status), r.text);
    await a.fault({ provider: "resend", fault: "none" });
    await a.advance(10);
    const listed = (await a.call("/api/v1/messages?channel=email&limit=1")).json.messages[0];
    await settled(listed.id);
    assert.equal((await atResend((await mail(listed.id)).provider_id)).attachments[0].sha256, sha256(secret));
    assert.equal(rows(a.data, "SELECT count(*) FROM email_files"), "0", "what is sent is not kept");
    for (const where of [stored(a.data), a.stderr, a.stdout])
      for (const what of [secret.subarray(0, 34).toString(), secret.toString("base64").slice(300, 360)]) assert.ok(!where.includes(what), "the content is nowhere to be read");
  });

  test("10 MiB: what it costs, and that nobody waits for it", { timeout: 120_000 }, async (t) => {
    const big = randomBytes(10 * MIB), began = performance.now(), turnsBefore = await a.longestTurn();
    await a.call("/health/live", { key: null });
    a.forgetPeak();
    const stood = a.memory();
    const waits = [];
    let done = false;
    const beside = (async () => {
      while (!done) {
        const at = performance.now();
        await a.call("/api/v1/suppressions?limit=1");
        waits.push(performance.now() - at);
      }
    })();
    const r = await send([file(big, "big.pdf")]);
    done = true;
    await beside;
    assert.ok([201, 202].includes(r.status), r.text);
    const [listed] = (await a.call("/api/v1/messages?channel=email&limit=1")).json.messages;
    await settled(listed.id);
    const peak = (a.memory("VmHWM") - stood) / 1024;
    assert.equal((await atResend((await mail(listed.id)).provider_id)).attachments[0].sha256, sha256(big));
    t.diagnostic(`10 MiB: ${(performance.now() - began).toFixed(0)} ms; peak +${peak.toFixed(0)} MiB with the sandbox's own part; longest turn ${(await a.longestTurn()).toFixed(1)} ms (before ${turnsBefore.toFixed(1)}); beside it the slowest answer ${Math.max(...waits).toFixed(0)} ms of ${waits.length}`);
    if (!sanitized) assert.ok(peak < 160, `${peak} MiB`);
  });
});

// The provider lives in a process of its own, and Ava is killed: what waits has its files, and they go out once.
describe("attachments and a kill", { skip: missing, concurrency: 1 }, () => {
  let provider, a, resend;
  const settings = (port = 0) => ({ verb: "serve", port, data: a?.data, env: { RESEND_BASE_URL: resend.base_url, AVA_LOG_LEVEL: "error" } });
  before(async () => {
    provider = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    resend = (await provider.call("/sandbox/api/credentials")).json.resend;
    a = await Ava.start(settings());
    await a.signUp();
    assert.equal((await a.call("/api/v1/credentials/resend?verify=false", { method: "PUT", body: { api_key: resend.api_key, from: resend.from } })).status, 200);
  });
  after(async () => (await a?.remove(), await provider?.remove()));

  test("what was accepted goes out afterwards, with its files, once", { timeout: 60_000 }, async () => {
    await provider.fault({ provider: "resend", fault: "cut", operation: "POST /emails", percent: 100 });
    const bytes = randomBytes(400_000), r = await a.call(SEND, { body: { to: "ada@example.org", subject: "Hello", text: "x", attachments: [file(bytes)] }, headers: { Prefer: "respond-async", "Idempotency-Key": "files-and-a-kill" } });
    assert.equal(r.status, 202, r.text);
    await until(async () => (await a.call(`/api/v1/operations/${r.json.id}`)).json.status !== "prepared", { what: "it was sent" });
    const { key, port } = a;
    await a.stop("SIGKILL");
    await provider.fault({ provider: "resend", fault: "none" });
    a = Object.assign(await Ava.start(settings(port)), { key });
    await until(async () => (await a.call(`/api/v1/operations/${r.json.id}`)).json.status === "succeeded", { ms: 40_000, what: "it is confirmed" });
    const all = (await (await fetch(`${resend.base_url}/emails`, { headers: { Authorization: `Bearer ${resend.api_key}`, "User-Agent": "test" } })).json()).data;
    assert.deepEqual(all.map((m) => m.attachments.map((f) => f.sha256)), [[sha256(bytes)]]);
  });
});

describe("attachments through a mail server", { skip: missing, concurrency: 1 }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    const demo = (await a.call("/sandbox/api/credentials")).json.smtp;
    await a.call("/api/v1/credentials/resend", { method: "DELETE" });
    assert.equal((await a.call("/api/v1/credentials/smtp", { method: "PUT", body: demo })).status, 200);
  });
  after(() => a?.remove());

  test("as parts: a picture with the HTML that shows it, the rest behind it", async () => {
    const pdf = randomBytes(1000), png = randomBytes(400);
    const r = await a.call(SEND, { body: { to: "ada@example.org", subject: "x", text: "see", html: "<img src=\"cid:logo\">", attachments: [file(pdf, "Übersicht.pdf"), file(png, "logo.png", { content_id: "logo" })] } });
    assert.equal(r.status, 201, r.text);
    const { message } = (await a.call("/sandbox/api/mails")).json.mails[0];
    assert.match(message, /multipart\/mixed[^]*multipart\/alternative[^]*multipart\/related[^]*Content-ID: <logo>[^]*filename\*=utf-8''%C3%9Cbersicht\.pdf/);
    assert.match(message, /name="=\?utf-8\?B\?/);
    const lines = pdf.toString("base64").match(/.{1,76}/g).join("\r\n");
    assert.ok(message.includes(lines), "in lines of 76");
  });

  test("10 MiB", { timeout: 60_000 }, async (t) => {
    const big = randomBytes(10 * MIB);
    a.forgetPeak();
    const stood = a.memory(), r = await a.call(SEND, { body: { to: "ada@example.org", subject: "x", text: "x", attachments: [file(big)] } });
    assert.ok([201, 202].includes(r.status), r.text);
    const [listed] = (await a.call("/api/v1/messages?channel=email&limit=1")).json.messages;
    await until(async () => (await a.call(`/api/v1/messages/${listed.id}`)).json.status === "sent", { what: "it is sent" });
    if (!sanitized) assert.ok((await a.longestTurn()) < 30, "the mail goes out in pieces, between which others have their turn");
    t.diagnostic(`peak +${((a.memory("VmHWM") - stood) / 1024).toFixed(0)} MiB; longest turn ${(await a.longestTurn()).toFixed(1)} ms`);
  });
});
