// Mail servers of other people: what Ava composes and sends, they take, and readers read it as it was meant.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { freePort, root, until } from "../lib/ava.mjs";
import { lacks } from "./peers.mjs";

const require = createRequire(import.meta.url);
const sender = join(process.env.TEST_BUILD_DIR ?? join(root, "build"), "tests/peer_mail");
const absent = existsSync(sender) ? false : "peer_mail is not built";
const noAio = spawnSync("/usr/bin/python3", ["-c", "import aiosmtpd"]).status === 0 ? false : "no python3-aiosmtpd: run tools/deps install test";

// A certificate for localhost, which is its own authority.
let folder, cert, key;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "ava-mail-"));
  cert = join(folder, "cert.pem");
  key = join(folder, "key.pem");
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], { stdio: "ignore" });
});
after(() => rm(folder, { recursive: true }));

// Runs Ava's side once.
function run(wish, trusts = true) {
  return new Promise((resolve, reject) => {
    const child = spawn(sender, [], { env: trusts ? { TEST_CA_FILE: cert } : {}, stdio: ["pipe", "pipe", "ignore"] });
    let out = "";
    child.stdout.on("data", (b) => (out += b));
    child.on("exit", (code) => (code === 0 ? resolve(JSON.parse(out)) : reject(new Error(`peer_mail ended with ${code}`))));
    child.stdin.end(JSON.stringify(wish));
  });
}

const MAIL = {
  from: { name: "Ava \"die\" Große", address: "ava@example.com" },
  to: [{ name: "Jörg Müller, Dr.", address: "joerg@example.com" }, { address: "bounce@example.com" }, { name: "日本語", address: "ann@bücher.example" }],
  subject: "Grüße 😀 from Ava: a subject that is so long that it has to be folded more than once, 日本語日本語日本語日本語日本語",
  text: "Hi,\n.\n..two dots\nFrom here on\n\ttab and blank \n= equals =3D\nlong " + "x".repeat(300) + "\nÄnderung €\n",
  html: "<p>Hi &amp; <b>Grüße</b></p>\n.\n",
  attachments: [
    { file_name: "résumé 日本語 with a long name that does not fit into one line of a header.pdf", type: "application/pdf", base64: Buffer.from(Array.from({ length: 1000 }, (_, i) => i & 255)).toString("base64") },
    { file_name: "a \"b\"; c.bin", base64: Buffer.from("\r\n.\r\n").toString("base64") },
  ],
};
// As text: Python's reader knows lines by "\n".
const same = (text) => text.replace(/\r\n/g, "\n");

describe("aiosmtpd, and Python's reader", { skip: absent || noAio }, () => {
  let child, port, seen = [];
  before(async () => {
    child = spawn("/usr/bin/python3", [join(root, "tests/peers/mail_server.py"), cert, key], { stdio: ["ignore", "pipe", "ignore"] });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const one = JSON.parse(line);
      if (one.port) port = one.port;
      else seen.push(one);
    });
    await until(() => port, { what: "aiosmtpd" });
  });
  after(() => child.kill());
  const account = (more) => ({ host: "localhost", port, security: "starttls", username: "me", password: "secret", from: "ava@example.com", ...more });

  test("takes a mail with everything, and reads it as it was written", async () => {
    const out = await run({ account: account(), mail: MAIL });
    assert.deepEqual(out.results.map((r) => [r.state, r.code]), [["accepted", 250], ["refused", 550], ["accepted", 250]]);
    assert.equal(out.provider_id, "AIO42");
    assert.equal(seen.length, 1);
    const [m] = seen;
    assert.deepEqual(m.defects, []);
    assert.equal(m.tls, true);
    assert.deepEqual(m.rcpt, ["joerg@example.com", "ann@xn--bcher-kva.example"]);
    assert.equal(m.subject, MAIL.subject);
    assert.deepEqual(m.from, [["Ava \"die\" Große", "ava@example.com"]]);
    assert.deepEqual(m.to, [["Jörg Müller, Dr.", "joerg@example.com"], ["", "bounce@example.com"], ["日本語", "ann@xn--bcher-kva.example"]]);
    assert.equal(m.date, "2026-11-29T18:10:15+00:00");
    assert.deepEqual(m.parts.map((p) => p.type), ["text/plain", "text/html", "application/pdf", "application/octet-stream"]);
    assert.equal(same(m.parts[0].text), MAIL.text);
    assert.equal(same(m.parts[1].text), MAIL.html);
    assert.equal(m.parts[2].file_name, MAIL.attachments[0].file_name);
    assert.equal(m.parts[3].file_name, MAIL.attachments[1].file_name);
    for (const i of [0, 1]) assert.equal(m.parts[i + 2].hex, Buffer.from(MAIL.attachments[i].base64, "base64").toString("hex"));
    for (const line of m.raw.split("\r\n")) assert.ok(line.length <= 78, line);
    assert.doesNotMatch(m.raw, /[^\r]\n|\r[^\n]/);
  });

  test("pictures stand with the HTML that shows them, and every name is read", async () => {
    const pixel = Buffer.from("R0lGODlhAQABAAAAACw=", "base64").toString("base64"), names = ["a.gif", "Übersicht.pdf", "日本語.pdf", "'quoted' 100%.txt", "a;b=c,d.txt", "x".repeat(190) + ".bin", "é".repeat(120), "=?utf-8?B?eA==?=.txt"];
    const out = await run({ account: account(), mail: { ...MAIL, to: [{ address: "ann@example.com" }], attachments: [{ file_name: "logo.gif", type: "image/gif", base64: pixel, content_id: "logo@ava" }, ...names.map((file_name) => ({ file_name, type: "text/calendar; method=REQUEST", base64: pixel }))] } });
    assert.deepEqual(out.results.map((r) => r.state), ["accepted"]);
    const m = seen.at(-1);
    assert.deepEqual(m.defects, []);
    assert.deepEqual(m.shape.slice(0, 6), ["multipart/mixed", "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/gif"]);
    assert.deepEqual([m.parts[2].content_id, m.parts[2].disposition, m.parts[2].file_name], ["<logo@ava>", "inline", "logo.gif"]);
    assert.deepEqual(m.parts.slice(3).map((p) => p.file_name), names);
    for (const line of m.raw.split("\r\n")) assert.ok(line.length <= 78, line);
  });

  test("an address beyond ASCII is announced by SMTPUTF8", async () => {
    const out = await run({ account: account(), mail: { ...MAIL, to: [{ address: "jörg@example.com" }], attachments: [] } });
    assert.deepEqual(out.results.map((r) => r.state), ["accepted"]);
    assert.deepEqual(seen.at(-1).rcpt, ["jörg@example.com"]);
  });

  test("a check says what is wrong", async () => {
    const check = (more, trusts) => run({ account: account(more), check: true }, trusts);
    assert.match((await check()).message, /^Works/);
    assert.deepEqual((await check({ password: "other" })).fields, ["password"]);
    assert.deepEqual((await check({}, false)).fields, ["host"], "nobody vouches for the certificate");
    assert.deepEqual((await check({ host: "127.0.0.1" })).fields, ["host"], "it is for another name");
    assert.deepEqual((await check({ security: "tls" })).fields, ["security"]);
    assert.deepEqual((await check({ security: "none" })).fields, ["username"], "no password in clear");
  });
});

const noPostfix = !existsSync("/usr/sbin/postfix") ? "no postfix: run tools/deps install test" : process.getuid() === 0 ? false : "postfix starts as root alone";

// A Postfix of its own: what it takes stands in a Maildir, and some addresses get the answers that its tables give.
async function postfix() {
  const top = await mkdtemp(join(tmpdir(), "ava-postfix-")), conf = join(top, "conf"), port = await freePort();
  for (const name of ["conf", "queue", "data", "mail"]) mkdirSync(join(top, name));
  chmodSync(top, 0o755);
  execFileSync("chown", ["postfix", join(top, "data")]);
  execFileSync("chown", ["nobody", join(top, "mail")]);
  const rcpt = [["/^bounce@/", "550 5.1.1 no such user"], ["/^later@/", "450 4.7.1 come again in five minutes"], ["/^policy@/", "550 5.7.1 your host may not send for this domain"], ["/^full@/", "452 4.2.2 mailbox full"]];
  writeFileSync(join(conf, "rcpt"), rcpt.map((l) => l.join(" ")).join("\n") + "\n");
  writeFileSync(join(conf, "boxes"), "/./ box/\n");
  writeFileSync(join(conf, "main.cf"), Object.entries({
    compatibility_level: "3.6", queue_directory: join(top, "queue"), data_directory: join(top, "data"), maillog_file: join(top, "log"), maillog_file_prefixes: tmpdir(), myhostname: "mx.example.com", mydestination: "", inet_protocols: "ipv4", smtputf8_enable: "yes",
    smtpd_tls_cert_file: cert, smtpd_tls_key_file: key, smtpd_tls_security_level: "encrypt", virtual_mailbox_domains: "example.com, bücher.example, xn--bcher-kva.example", virtual_mailbox_base: join(top, "mail"), virtual_mailbox_maps: "regexp:" + join(conf, "boxes"), virtual_uid_maps: "static:65534", virtual_gid_maps: "static:65534",
    smtpd_recipient_restrictions: `check_recipient_access regexp:${join(conf, "rcpt")}, permit`, smtpd_relay_restrictions: "permit_auth_destination, reject_unauth_destination", message_size_limit: "200000", mailbox_size_limit: "0", virtual_mailbox_limit: "0",
  }).map(([k, v]) => `${k} = ${v}\n`).join(""));
  const service = (name, type, program) => `${name} ${type} ${type === "inet" ? "n" : "-"} - n - - ${program}\n`;
  writeFileSync(join(conf, "master.cf"), service(`127.0.0.1:${port}`, "inet", "smtpd") + [["rewrite", "trivial-rewrite"], ["bounce"], ["defer", "bounce"], ["trace", "bounce"], ["error"], ["retry", "error"], ["anvil"], ["proxymap"], ["lmtp"], ["verify"]].map(([name, program]) => service(name, "unix", program || name)).join("") + "virtual unix - n n - - virtual\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\npostlog unix-dgram n - n - 1 postlogd\ntlsmgr unix - - n 1000? 1 tlsmgr\n");
  const child = spawn("/usr/sbin/postfix", ["-c", conf, "start-fg"], { stdio: "ignore" });
  const log = () => (existsSync(join(top, "log")) ? readFileSync(join(top, "log"), "utf8") : "no log");
  const greets = () => new Promise((done) => {
    const socket = connect(port, "127.0.0.1").on("error", () => done(false)).once("data", (b) => (socket.destroy(), done(String(b).startsWith("220"))));
  });
  await until(async () => child.exitCode !== null || (await greets()), { what: "postfix", every: 50 });
  if (child.exitCode !== null) throw new Error(`postfix does not start: ${log()}`);
  const box = join(top, "mail/box/new");
  return {
    port,
    log,
    mails: () => (existsSync(box) ? readdirSync(box).map((name) => readFileSync(join(box, name), "utf8")) : []),
    stop: async () => {
      spawnSync("/usr/sbin/postfix", ["-c", conf, "stop"]);
      if (child.exitCode === null) await new Promise((done) => child.once("exit", done));
      await rm(top, { recursive: true, force: true });
    },
  };
}

describe("Postfix", { skip: absent || noPostfix }, () => {
  let mx;
  before(async () => (mx = await postfix()));
  after(() => mx?.stop());
  const account = (more) => ({ host: "localhost", port: mx.port, security: "starttls", from: "ava@example.com", ...more });

  test("takes a mail with everything and delivers it; each recipient has its own answer", async () => {
    const to = ["joerg", "bounce", "later", "policy", "full"].map((name) => ({ address: `${name}@example.com` }));
    const out = await run({ account: account(), mail: { ...MAIL, to } });
    assert.deepEqual(out.results.map((r) => [r.state, r.code]), [["accepted", 250], ["refused", 550], ["later", 450], ["refused", 550], ["later", 452]], JSON.stringify(out) + mx.log());
    assert.match(out.provider_id, /^[0-9A-Za-z]+$/, "its queue id");
    const [raw] = await until(() => mx.mails().length && mx.mails(), { what: "the mail is delivered" }).catch((e) => assert.fail(e.message + mx.log()));
    assert.match(raw, new RegExp(`Received: .*\\n?.*ESMTPS`, "s"));
    const read = spawnSync("/usr/bin/python3", ["-c", "import sys,json,email,email.policy\nm=email.message_from_bytes(sys.stdin.buffer.read(),policy=email.policy.default)\nprint(json.dumps({'subject':m['subject'],'text':m.get_body(('plain',)).get_content(),'html':m.get_body(('html',)).get_content(),'files':[p.get_filename() for p in m.iter_attachments()],'defects':[str(d) for p in m.walk() for d in p.defects]}))"], { input: raw, encoding: "utf8" });
    const m = JSON.parse(read.stdout);
    assert.deepEqual([m.subject, m.defects, m.files], [MAIL.subject, [], MAIL.attachments.map((a) => a.file_name)]);
    assert.equal(same(m.text), MAIL.text);
    assert.equal(same(m.html), MAIL.html);
  });

  test("addresses beyond ASCII, a mail that is too large, and a check", async () => {
    assert.deepEqual((await run({ account: account(), mail: { ...MAIL, to: [{ address: "jörg@example.com" }], attachments: [] } })).results.map((r) => r.state), ["accepted"]);
    const large = await run({ account: account(), mail: { ...MAIL, to: [{ address: "ann@example.com" }], attachments: [{ file_name: "a.bin", base64: Buffer.alloc(300_000).toString("base64") }] } });
    assert.deepEqual(large.results?.map((r) => r.state) ?? [large.error], large.results ? ["refused"] : [large.error], JSON.stringify(large));
    assert.match((await run({ account: account(), check: true })).message, /^Works/);
  });
});

describe("smtp-server", { skip: absent || lacks("smtp-server") }, () => {
  let server, mails = [];
  const listen = (options) =>
    new Promise((resolve) => {
      const { readFileSync } = require("node:fs");
      server = new (require("smtp-server").SMTPServer)({
        key: readFileSync(key),
        cert: readFileSync(cert),
        authMethods: ["LOGIN"],
        onAuth: (auth, session, done) => (auth.username === "me" && auth.password === "secret" ? done(null, { user: 1 }) : done(Object.assign(new Error("no"), { responseCode: 535 }))),
        onRcptTo: (to, session, done) => done(to.address.startsWith("later") ? Object.assign(new Error("4.7.1 Greylisted"), { responseCode: 451 }) : null),
        onData: (stream, session, done) => {
          let raw = "";
          stream.setEncoding("utf8");
          stream.on("data", (s) => (raw += s));
          stream.on("end", () => {
            mails.push({ raw, rcpt: session.envelope.rcptTo.map((r) => r.address), secure: session.secure });
            done(null, "Ok: queued as NODE7");
          });
        },
        ...options,
      });
      server.listen(0, "127.0.0.1", () => resolve(server.server.address().port));
    });
  after(() => server?.close());

  test("TLS from the first byte, AUTH LOGIN, one recipient later", async () => {
    const port = await listen({ secure: true });
    const account = { host: "localhost", port, security: "tls", username: "me", password: "secret", from: "ava@example.com" };
    const to = [{ address: "ann@example.com" }, { address: "later@example.com" }];
    const out = await run({ account, mail: { ...MAIL, to } });
    assert.deepEqual(out.results.map((r) => [r.state, r.about]), [["accepted", "recipient"], ["later", "recipient"]]);
    assert.equal(out.provider_id, "NODE7");
    assert.deepEqual(mails[0].rcpt, ["ann@example.com"]);
    assert.equal(mails[0].secure, true);
    const big = Buffer.from(Array.from({ length: 4 << 20 }, (_, i) => (i * 7919) >> 8 & 255)); // more than fits on the way at once
    await run({ account, mail: { ...MAIL, to: to.slice(0, 1), attachments: [{ file_name: "big.bin", base64: big.toString("base64") }] } });
    const [, body] = mails[1].raw.split('filename="big.bin"\r\n\r\n');
    assert.ok(Buffer.from(body.slice(0, body.indexOf("\r\n--=_")), "base64").equals(big));
    const refused = await run({ account: { ...account, password: "wrong" }, mail: { ...MAIL, to } });
    assert.equal(refused.error, "provider_credentials_rejected");
    assert.equal(mails.length, 2);
    await new Promise((r) => server.close(r));
  });

  test("STARTTLS is asked for before anything is said", async () => {
    const port = await listen({ secure: false });
    const account = { host: "localhost", port, security: "starttls", username: "me", password: "secret", from: "ava@example.com" };
    const out = await run({ account, mail: { ...MAIL, to: [{ address: "ann@example.com" }] } });
    assert.deepEqual(out.results.map((r) => r.state), ["accepted"]);
    assert.equal(mails.at(-1).secure, true);
    await new Promise((r) => server.close(r));
    const bare = await listen({ secure: false, disabledCommands: ["STARTTLS"] });
    const without = await run({ account: { ...account, port: bare }, check: true });
    assert.deepEqual(without.fields, ["security"]);
  });
});
