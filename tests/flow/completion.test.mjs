// Completion scripts and manual pages, as shells and mandoc read them; both come from the tables of commands and settings.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ava, missing } from "../lib/ava.mjs";

const folder = mkdtempSync(join(tmpdir(), "ava-completion-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const run = (command, args, more = {}) => spawnSync(command, args, { encoding: "utf8", cwd: folder, ...more });
const lacks = (program, why = "") => Boolean(run(program, ["--version"]).error) && `no ${program} here${why}`;

const printed = (args, name) => {
  const made = ava(args);
  assert.equal(made.status, 0, made.stderr);
  const file = join(folder, name);
  writeFileSync(file, made.stdout);
  return file;
};

describe("completion", { skip: missing }, () => {
  for (const [shell, why] of [["bash"], ["zsh", ", and it is too large to ask for"], ["fish", ", and it is too large to ask for"]])
    test(`${shell} reads its script`, { skip: lacks(shell, why) }, () => {
      const read = run(shell, ["-n", printed(["completion", shell], `ava.${shell}`)]);
      assert.deepEqual([read.status, read.stderr], [0, ""]);
    });

  test("bash is offered what may follow, of commands, flags, values and files", () => {
    const file = printed(["completion", "bash"], "offered.bash");
    writeFileSync(join(folder, "a.backup"), "");
    // As readline does it: an offer of files is made where the function asks for it.
    const offered = (...words) => {
      const script = `source "$1"; shift; compopt() { asked=1; }; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ava; printf '%s\\n' "\${COMPREPLY[@]}"; [ -z "$asked" ] || echo FILES`;
      const asked = run("bash", ["--norc", "-c", script, "bash", file, "ava", ...words]);
      assert.deepEqual([asked.status, asked.stderr], [0, ""]);
      return asked.stdout.split("\n").filter(Boolean);
    };
    const holds = (got, ...wanted) => wanted.forEach((w) => assert.ok(got.includes(w), `${w} in ${got}`));
    holds(offered(""), "serve", "user", "audit", "completion");
    assert.deepEqual(offered("che"), ["check-config"]);
    assert.deepEqual(offered("user", ""), ["create", "link"]);
    assert.deepEqual(offered("--config", "some.conf", "user", "cr"), ["create"]);
    holds(offered("user", "create", "--"), "--email", "--password-file", "--json", "--listen", "--master-keys-file");
    assert.ok(!offered("serve", "--").includes("--email"));
    assert.deepEqual(offered("user", "create", "--role", ""), ["owner", "admin", "member"]);
    assert.deepEqual(offered("serve", "--log-level", "w"), ["warn"]);
    assert.deepEqual(offered("serve", "--threads", ""), []);
    assert.deepEqual(offered("completion", ""), ["bash", "zsh", "fish"]);
    holds(offered("reference", ""), "settings", "ava.1");
    assert.deepEqual(offered("restore", ""), ["FILES"]);
    assert.deepEqual(offered("serve", "--master-keys-file", ""), ["FILES"]);
    assert.deepEqual(offered("status", ""), []);
  });

  test("every command has an offer in every shell", () => {
    const verbs = new Set(ava(["help"]).stdout.match(/^ {2}ava (\S+)/gm).map((l) => l.split(/\s+/)[2]));
    for (const shell of ["bash", "zsh", "fish"]) {
      const script = ava(["completion", shell]).stdout;
      for (const verb of verbs) assert.match(script, new RegExp(`\\b${verb}\\b`), `${verb} in ${shell}`);
    }
    assert.equal(ava(["completion", "csh"]).status, 2);
  });
});

describe("manual pages", { skip: missing }, () => {
  for (const page of ["ava.1", "ava.conf.5"])
    test(`${page} is well formed`, { skip: lacks("mandoc") }, () => {
      const file = printed(["reference", page], page);
      assert.equal(run("mandoc", ["-Tlint", "-Wwarning", file]).stdout, "");
    });

  test("every command, flag and setting is in them", { skip: lacks("mandoc") }, () => {
    const words = (page) => run("mandoc", ["-Tutf8", "-Owidth=500", printed(["reference", page], page)]).stdout.replace(/.\x08/gu, "");
    const commands = words("ava.1"), settings = words("ava.conf.5");
    for (const [, name] of ava(["help"]).stdout.matchAll(/^ {2}ava ([a-z -]+?) {2,}/gm)) assert.ok(commands.includes(`ava ${name}`), name);
    assert.ok(commands.includes("--jsonl") && commands.includes("[--dry-run]"), commands);
    for (const { name, value } of JSON.parse(ava(["config", "show", "--json"]).stdout)) assert.ok(settings.includes(name) && value !== undefined, name);
  });
});
