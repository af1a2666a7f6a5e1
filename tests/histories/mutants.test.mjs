// Each of the wrongs in mutants.mjs is planted in a copy of the sources, built there, and must make a test fail. In make soak
// (TEST_SOAK); MUTANTS="word word" plants those whose name has one of the words, MUTANTS=unit those that unit tests see.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { environment, root } from "../lib/ava.mjs";
import { MUTANTS } from "./mutants.mjs";

const WORDS = process.env.MUTANTS?.split(" ") ?? [];
const isQuick = (m) => m.by.every((one) => /^unit/.test(one[0]));
const planted = MUTANTS.filter((m) => !WORDS.length || WORDS.some((w) => (w === "unit" ? isQuick(m) : m.name.includes(w))));
const built = join(root, "build");
const skip = !process.env.TEST_SOAK && !WORDS.length ? "in make soak" : existsSync(join(built, "build.ninja")) ? false : "no build/: run make build";

test("each wrong can be planted: what it changes stands in its file once", () => {
  for (const { name, file, from } of MUTANTS) assert.equal(readFileSync(join(root, file), "utf8").split(from).length, 2, name);
});

describe("planted wrongs", { skip }, () => {
  let copy;
  before(() => {
    copy = mkdtempSync(join(tmpdir(), "ava-mutants-"));
    for (const name of readdirSync(root))
      if (name === "node_modules") symlinkSync(join(root, name), join(copy, name));
      else if (name !== ".git" && (name === "build" || name === "build-web" || !name.startsWith("build-"))) execFileSync("cp", ["-a", join(root, name), copy]); // with its times to the nanosecond: else all is built anew
    const known = join(copy, "build/meson-info/intro-targets.json"); // by which tools/test finds its programs
    writeFileSync(known, readFileSync(known, "utf8").replaceAll(root + "/", copy + "/"));
    const r = build(["all"]);
    assert.equal(r.status, 0, r.stdout);
    // What fails without a wrong sees none.
    for (const by of new Set(planted.flatMap((m) => m.by).map((one) => JSON.stringify(one)))) assert.equal(fails(JSON.parse(by)), false, by);
  });
  after(() => rmSync(copy, { recursive: true, force: true }));

  const env = (more) => environment({ ...more, TEST_AVA: join(copy, "build/ava"), TEST_BUILD_DIR: join(copy, "build") });
  const run = (program, args, more = {}) => spawnSync(program, args, { cwd: copy, env: env(more), encoding: "utf8", maxBuffer: 64 << 20, timeout: 900_000 });
  // Of the unit tests those alone that are asked: each has all of Ava in it.
  const build = (targets) => run("ninja", ["-C", "build", ...targets]);
  const targets = (by) => ["ava", ...by.filter((one) => /^unit/.test(one[0])).map((one) => `tests/test_${one[1]}`)];
  // Did it fail, and which of it?
  function fails(by) {
    const r = Array.isArray(by) ? run("tools/test", [by[0], "-k", by[1], "--build-dir", "build"]) : run("node", ["--test", "tests/histories/histories.test.mjs"], { HISTORY_SEED: by.history, HISTORY_HOSTS: by.hosts, HISTORY_SECONDS: by.seconds });
    const out = r.stdout + r.stderr;
    return r.status !== 0 && ((/^FAIL [^\n]*\n(?:.*\n)*? *(?:not ok|FAIL|- )?([^\n]{5,100})/m.exec(out)?.[0] ?? out.slice(-1500)) || "it");
  }

  for (const { name, file, from, to, by } of planted)
    test(name, { timeout: 1_800_000 }, (t) => {
      const path = join(copy, file), was = readFileSync(path, "utf8");
      writeFileSync(path, was.replace(from, () => to));
      try {
        const made = build(targets(by));
        assert.equal(made.status, 0, `it does not compile: ${made.stdout.slice(-2000)}`);
        for (const one of by) {
          const said = fails(one);
          if (said) return t.diagnostic(`seen by ${JSON.stringify(one)}: ${said.replace(/\s+/g, " ").slice(0, 200)}`);
        }
        assert.fail(`nobody saw it: ${JSON.stringify(by)}`);
      } finally {
        writeFileSync(path, was);
      }
    });
});
