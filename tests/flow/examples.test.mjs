// The examples of the reference page: each is a program that its language reads, and they run against this Ava.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing } from "../lib/ava.mjs";
import { load } from "../web/load.mjs";

const { example, languages, methods, canBeTried } = await load("reference.ts");

describe("examples of the reference", { skip: missing, concurrency: 1 }, () => {
  let a, doc, all, folder;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "ava-examples-"));
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    doc = (await a.call("/api/v1/openapi.json")).json;
    all = Object.entries(doc.paths).flatMap(([path, item]) => methods.filter((m) => item[m]).map((method) => ({ path, method, op: item[method] })));
  });
  after(async () => {
    await a?.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  const text = (language, o) => example(language, a.base, o.path, o.method, o.op);
  const run = (language, o, env) => {
    const file = join(folder, { curl: "example.sh", node: "example.mjs", python: "example.py" }[language]);
    writeFileSync(file, text(language, o));
    const [program, ...args] = { curl: ["sh"], node: [process.execPath], python: ["python3"] }[language];
    return spawnSync(program, [...args, file], { encoding: "utf8", env: { PATH: process.env.PATH, KEY: a.key, NO_PROXY: "*", ...env } });
  };

  test("of every route, in every language, a program without errors of grammar", () => {
    assert.ok(all.length > 100, `${all.length}`);
    all.forEach((o, i) => {
      writeFileSync(join(folder, `${i}.py`), text("python", o));
      writeFileSync(join(folder, `${i}.sh`), text("curl", o));
      writeFileSync(join(folder, `${i}.mjs`), text("node", o));
    });
    execFileSync("python3", ["-c", `import ast, sys; [ast.parse(open("${folder}/%d.py" % i).read()) for i in range(${all.length})]`]);
    execFileSync("sh", ["-c", `for f in ${folder}/*.sh; do sh -n $f || exit 1; done`]);
    for (let i = 0; i < all.length; i += 40) {
      const some = all.slice(i, i + 40).map((_, n) => `${folder}/${i + n}.mjs`);
      for (const file of some) writeFileSync(file.replace(".mjs", ".cjs"), "(async () => {" + text("node", all[Number(/(\d+)\.mjs/.exec(file)[1])]) + "})");
      execFileSync(process.execPath, ["-e", `const vm = require("vm"), fs = require("fs"); for (const f of ${JSON.stringify(some.map((f) => f.replace(".mjs", ".cjs")))}) new vm.Script(fs.readFileSync(f, "utf8"), { filename: f });`]);
    }
  });

  test("reads run as they stand, and say the same in every language", () => {
    for (const path of ["/api/v1/calls", "/api/v1/vapi/settings/{key}", "/api/v1/limits", "/health/live", "/problems/{code}"]) {
      const o = all.find((one) => one.path === path && one.method === "get");
      const [curl, ...others] = languages.map((language) => [language, run(language, o)]);
      assert.equal(curl[1].status, 0, curl[1].stderr);
      for (const [language, r] of others) {
        assert.equal(r.status, 0, `${language} ${path}: ${r.stderr}`);
        assert.match(r.stdout, /^200 /, `${language} ${path}: ${r.stdout}`);
        const body = r.stdout.slice(4).trim();
        if (path !== "/health/live" && !body.startsWith("<")) assert.deepEqual(Object.keys(JSON.parse(body)), Object.keys(JSON.parse(curl[1].stdout)));
      }
    }
  });

  test("writes run with the example of the contract", () => {
    for (const [path, method] of [["/api/v1/calls", "post"], ["/api/v1/limits", "put"], ["/api/v1/suppressions", "post"]]) {
      const o = all.find((one) => one.path === path && one.method === method);
      for (const language of languages) {
        const r = run(language, o);
        assert.equal(r.status, 0, `${language} ${path}: ${r.stderr}`);
        assert.doesNotMatch(r.stdout, /"type":"\/problems\/(malformed_request|validation_failed|unsupported)/, `${language} ${path}: ${r.stdout}`);
      }
    }
  });

  test("what stands in a path comes from the environment", async () => {
    const call = (await a.call("/api/v1/calls")).json.calls[0], o = all.find((one) => one.path === "/api/v1/calls/{id}" && one.method === "get");
    for (const language of languages) assert.match(run(language, o, { ID: call.id }).stdout, new RegExp(call.id), language);
  });

  test("a quote in an example stays a quote, and runs nothing", () => {
    const op = { operationId: "x", tags: [], summary: "", description: "", responses: {}, "x-problems": [], requestBody: { content: { "application/json": { schema: {}, example: { text: `it's "$(touch ${folder}/pwned)" \`id\` \${process.exit(9)} {os} \\ \n` } } } } };
    for (const language of languages) {
      writeFileSync(join(folder, "x"), "");
      const r = spawnSync({ curl: "sh", node: process.execPath, python: "python3" }[language], [(writeFileSync(join(folder, "quoted.mjs"), example(language, a.base, "/api/v1/calls", "post", op)), join(folder, "quoted.mjs"))], { encoding: "utf8", env: { PATH: process.env.PATH, KEY: a.key } });
      assert.equal(r.status, 0, `${language}: ${r.stderr}`);
      assert.match(r.stdout, /"text"|unknown_field/, `${language}: ${r.stdout}`);
    }
    assert.equal(spawnSync("test", ["-e", join(folder, "pwned")]).status, 1);
  });

  test("the page offers to run what it can, and nothing that ends the session, never ends or is a file", () => {
    const tried = all.filter((o) => canBeTried(o.path, o.op)).map((o) => `${o.method} ${o.path}`);
    assert.ok(tried.includes("get /api/v1/calls") && tried.includes("post /api/v1/calls") && tried.length > 80, `${tried.length}`);
    for (const not of ["get /api/v1/stream", "post /api/v1/auth/logout", "post /webhooks/vapi/{token}", "get /api/v1/exports/calls", "put /api/v1/auth/password", "get /metrics"]) assert.ok(!tried.includes(not), not);
  });
});
