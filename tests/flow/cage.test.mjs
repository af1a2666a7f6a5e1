// Whoever breaks into a running Ava can do little: what it never needs is refused, told and counted; and everything
// else works. All other flow tests run in the same cage, and fail when it refuses anything (lib/ava.mjs).
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { Ava, avaBeside, bin, missing, root, sanitized, until } from "../lib/ava.mjs";

const intruder = join(dirname(bin), "tests/libintruder.so");
const skip = missing || (sanitized && "sanitizers need what is refused here") || (existsSync(intruder) ? false : "no tests/libintruder.so beside the program");

// What became of each attempt: { execve: "EPERM", ... }.
async function broken(t, { verb = "sandbox", through = [] } = {}) {
  const outside = await mkdtemp(join(tmpdir(), "ava-outside-"));
  const file = join(outside, "secret");
  await writeFile(file, "of somebody else", { mode: 0o666 });
  const a = await Ava.start({ verb, through, denies: true, env: { LD_PRELOAD: intruder, OUTSIDE: file } });
  t.after(async () => (await a.remove(), await rm(outside, { recursive: true })));
  await a.signUp();
  a.child.kill("SIGUSR2");
  await until(() => existsSync(join(a.data, "intruder")), { what: "the intruder has tried everything" });
  const lines = (await readFile(join(a.data, "intruder"), "utf8")).trim().split("\n");
  return { a, file, tried: Object.fromEntries(lines.map((l) => l.split(" "))) };
}

const FILES = { read_outside: "EACCES", write_outside: "EACCES", remove_outside: "EACCES", read_others: "EACCES", write_settings: "EACCES" };
const USUAL = { read_data: "done", write_data: "done", remove_data: "done", read_names: "done", thread: "done", resolve: "done" };

describe("the cage", { skip }, () => {
  for (const verb of ["serve", "sandbox"])
    test(`of ava ${verb} refuses, tells and counts what Ava never needs, and Ava serves on`, async (t) => {
      const { a, file, tried } = await broken(t, { verb });
      const calls = Object.keys(tried).filter((name) => !(name in FILES) && !(name in USUAL));
      assert.ok(calls.length >= 30, calls.join(" "));
      assert.deepEqual(tried, { ...Object.fromEntries(calls.map((name) => [name, "EPERM"])), ...FILES, ...USUAL });
      assert.equal(readFileSync(file, "utf8"), "of somebody else");
      for (const name of calls) {
        const call = { fork: "clone", unheard_of: "unknown" }[name] ?? name;
        assert.equal(await a.metric("system_calls_denied_total", { call }), 1, call);
        assert.ok(a.stderr.includes(`"event":"call_denied","call":"${call}"`), call);
      }
      assert.equal((await a.call("/api/v1/auth/me")).status, 200);
      assert.deepEqual(await a.stop(), { code: 0, signal: null });
    });

  test("holds for every thread, and is off where it is switched off", async (t) => {
    const threads = (a) => readdirSync(`/proc/${a.child.pid}/task`).map((id) => readFileSync(`/proc/${a.child.pid}/task/${id}/status`, "utf8"));
    const a = await Ava.start();
    t.after(() => a.remove());
    await a.signUp(); // hashing has a thread, too
    await until(() => threads(a).every((s) => /^Seccomp:\t2$/m.test(s) && /^NoNewPrivs:\t1$/m.test(s)));
    const b = await Ava.start({ env: { AVA_CAGE: "off" } });
    t.after(() => b.remove());
    assert.ok(threads(b).every((s) => /^Seccomp:\t0$/m.test(s) && /^NoNewPrivs:\t0$/m.test(s)));
  });

  test("lets a reload read files that others have replaced, in other folders too", async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "ava-secrets-"));
    t.after(() => rm(folder, { recursive: true }));
    const [conf, key] = [join(folder, "ava.conf"), join(folder, "vapi.key")];
    const write = async (path, text) => (await writeFile(path + ".new", text, { mode: 0o600 }), await rename(path + ".new", path));
    await write(conf, "RATE_LIMIT_PER_MINUTE=11\n");
    await write(key, "a-first-key");
    const a = await Ava.start({ through: ["sh", "-c", `exec "$0" "$@" --config ${conf}`], env: { VAPI_API_KEY_FILE: key, VAPI_ASSISTANT_ID: "5b0a4a08-133c-4146-9315-0984f8c6be80" } });
    t.after(() => a.remove());
    await write(conf, "RATE_LIMIT_PER_MINUTE=12\n");
    await write(key, "a-second-key");
    const r = await avaBeside(["config", "reload", "--data-dir", a.data]);
    assert.equal(r.stdout, "VAPI_API_KEY changed\nRATE_LIMIT_PER_MINUTE 11 -> 12\n", r.stderr);
  });

  test("refuses all the same where somebody else listens already, and says once that nobody is told", { skip: !existsSync("/usr/bin/python3") && "no python3" }, async (t) => {
    const { a, tried } = await broken(t, { through: ["/usr/bin/python3", join(root, "tests/lib/listener.py")] });
    const became = Object.values(tried).reduce((n, what) => ({ ...n, [what]: (n[what] ?? 0) + 1 }), {});
    assert.deepEqual(became, { EPERM: 30, EACCES: 5, done: 6 }, JSON.stringify(tried));
    assert.deepEqual(a.stderr.split("\n").filter((l) => l.includes('"event":"cage"')).map((l) => JSON.parse(l).missing), ["denied calls are not told"]);
    assert.ok(!a.stderr.includes("call_denied"));
  });

  test("without Landlock or seccomp Ava says so once, and goes on", { skip: !existsSync("/usr/bin/python3") && "no python3" }, async (t) => {
    // A filter around Ava, as a container's: the calls that make a cage are not there.
    const a = await Ava.start({ through: ["/usr/bin/python3", join(root, "tests/lib/without.py"), "landlock_create_ruleset", "seccomp"] });
    t.after(() => a.remove());
    const said = () => a.stderr.split("\n").filter((l) => l.includes('"event":"cage"')).map((l) => JSON.parse(l).missing);
    await until(() => said().length >= 2, { what: "both are told, the calls once it serves" });
    await a.signUp();
    assert.equal((await a.call("/api/v1/auth/me")).status, 200);
    assert.deepEqual(said(), ["files", "calls"], a.stderr);
  });
});
