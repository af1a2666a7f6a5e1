// The audit log as somebody who must be able to trust it has it: signed heads in the log, verified beside a running Ava, and
// recomputed from the export by others' implementations of BLAKE2b and Ed25519.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, ava, missing, person, until } from "../lib/ava.mjs";
import { onPostgres, rows } from "../lib/database.mjs";

// The hashes of rows, as RESILIENCE 14 describes them, by Python's hashlib.
const RECOMPUTE = `
import hashlib, json, sys
last = {}
for line in sys.stdin:
    r = json.loads(line)
    ms = r["at_ms"]
    part = lambda t: str(len(t.encode())) .encode() + b":" + t.encode()
    prev = last.get(r["workspace_id"], bytes(32))
    row = prev + str(r["seq"]).encode() + b":" + str(ms).encode() + b"".join(part(r[k]) for k in ("workspace_id", "actor", "action", "object", "outcome", "correlation_id", "detail"))
    h = hashlib.blake2b(row, digest_size=32)
    assert bytes.fromhex(r["prev"]) == prev and h.hexdigest() == r["hash"], r
    last[r["workspace_id"]] = h.digest()
    print(r["hash"])
`;
const DIGEST = `
import hashlib, sys
before, *hashes = sys.stdin.read().split()
print(hashlib.blake2b(bytes.fromhex(before + "".join(hashes)), digest_size=32).hexdigest())
`;
const python = (program, input) => {
  const r = spawnSync("python3", ["-c", program], { input, encoding: "utf8" });
  assert.equal(r.status, 0, r.stderr);
  return r.stdout.trim();
};

describe("the audit log", { skip: missing, concurrency: 1 }, () => {
  let top, a;
  const heads = () => a.stderr.split("\n").filter((l) => l.includes('"audit_head"')).map((l) => JSON.parse(l));
  const run = (...words) => ava(["audit", ...words, "--data-dir", a.data]);
  before(async () => {
    top = mkdtempSync(join(tmpdir(), "ava-audit-"));
    mkdirSync(join(top, "data"), { mode: 0o700 });
    a = await Ava.start({ data: join(top, "data") });
    await a.signUp();
    await a.call("/api/v1/auth/login", { body: { email: person.email, password: "not it at all" }, key: null });
    assert.equal((await a.call("/api/v1/limits", { method: "PUT", body: { concurrent_calls: 3 } })).status, 200);
    await a.newPerson("bob@example.com");
  });
  after(async () => {
    await a?.stop();
    rmSync(top, { recursive: true, force: true });
  });

  test("beside a running Ava: whole, and not signed yet", () => {
    const r = run("verify");
    assert.equal(r.status, 0, r.stdout + r.stderr);
    assert.match(r.stdout, /^ok +\d+ rows \(1 to \d+\) in unbroken chains\nok +nothing is signed yet/);
  });

  test("within the hour a signed head goes to the log, and what is in the log holds against the database", async () => {
    await a.advance(3600);
    await until(async () => (await a.advance(600), heads().length), { every: 200, what: "a head" });
    const [head] = heads();
    assert.deepEqual([head.from, head.key, head.digest.length, head.public_key.length], [1, "k1", 64, 64]);
    const r = run("verify", "--head", `${head.to}:${head.digest}`, "--json");
    assert.equal(r.status, 0, r.stdout + r.stderr);
    const said = JSON.parse(r.stdout);
    assert.deepEqual([said.ok, said.heads, said.signed_to, said.digest], [true, 1, head.to, head.digest]);
    const wrong = run("verify", "--head", `${head.to}:${"0".repeat(64)}`);
    assert.deepEqual([wrong.status, /the log was replaced/.test(wrong.stdout)], [1, true], wrong.stdout);
    for (const odd of ["7", "x:y", `${head.to}:abc`, ":", `-1:${head.digest}`]) assert.equal(run("verify", "--head", odd).status, 2, odd);
  });

  test("what is exported can be recomputed by others, and the signature is good by node's own Ed25519", () => {
    const r = run("export");
    assert.equal(r.status, 0, r.stderr);
    const all = r.stdout.trim().split("\n").map((l) => JSON.parse(l));
    assert.deepEqual(all.map((e) => e.seq), all.map((_, i) => i + 1));
    for (const action of ["user.create", "login.failed", "limits.change"]) assert.ok(all.some((e) => e.action === action), `${action} in ${all.map((e) => e.action)}`);
    const hashes = python(RECOMPUTE, all.map((e) => JSON.stringify({ ...e, at_ms: Date.parse(e.at) })).join("\n")).split("\n");
    const [head] = heads();
    assert.equal(python(DIGEST, ["0".repeat(64), ...hashes.slice(0, head.to)].join("\n")), head.digest);
    const key = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: Buffer.from(head.public_key, "hex").toString("base64url") } });
    const at = rows(a.data, "SELECT at FROM audit_heads");
    const text = `ava audit head 1\nfrom ${head.from}\nto ${head.to}\nat ${at}\ndigest ${head.digest}\n`;
    assert.ok(verify(null, Buffer.from(text), key, Buffer.from(head.signature, "base64")));
    const mine = run("export", "--workspace", a.me.workspace.id).stdout.trim().split("\n").map((l) => JSON.parse(l));
    assert.ok(mine.length && mine.length < all.length && mine.every((e) => e.workspace_id === a.me.workspace.id));
    assert.ok(!r.stdout.includes("not it at all"), "no password");
  });

  test("a stop leaves nothing unsigned; what is changed then is named, and exits 1", async () => {
    await a.stop();
    const r = run("verify", "--json");
    assert.equal(r.status, 0, r.stdout + r.stderr);
    const { last_row, signed_to } = JSON.parse(r.stdout);
    assert.equal(signed_to, last_row);
    const copy = onPostgres ? a.data : join(top, "copy");
    if (!onPostgres) cpSync(a.data, copy, { recursive: true });
    rows(copy, "UPDATE audit_log SET actor = 'usr_x' WHERE seq = 3");
    const changed = ava(["audit", "verify", "--data-dir", copy]);
    assert.deepEqual([changed.status, changed.stdout], [1, "bad     row 3: row 3 was changed: its hash does not fit it\n"]);
    const json = JSON.parse(ava(["audit", "verify", "--json", "--data-dir", copy]).stdout);
    assert.deepEqual([json.ok, json.bad_row], [false, 3]);
  });
});
