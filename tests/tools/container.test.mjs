// The container's files, as far as they can be judged where no image can be built: every source is there, every package
// is declared, and the program of the last stage finds its libraries. Whoever has Docker builds the image.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { ava, bin, missing, root, sanitized } from "../lib/ava.mjs";

const read = (path) => readFileSync(join(root, path), "utf8");
const run = (command, ...args) => {
  const r = spawnSync(command, args, { encoding: "utf8", cwd: root });
  assert.equal(r.status, 0, `${command} ${args}: ${r.stderr}`);
  return r.stdout;
};
// [WORD, rest] of each instruction, continued lines joined.
const instructions = read("packaging/Dockerfile").replace(/\\\n/g, " ").split("\n").filter((l) => l && l[0] !== "#").map((l) => /^(\w+) +(.*)$/.exec(l.replace(/ +/g, " ")).slice(1));
const all = (word) => instructions.filter(([w]) => w === word).map(([, rest]) => rest);
const stages = read("packaging/Dockerfile").split(/^FROM /m).length - 1;

describe("the Dockerfile", () => {
  test("copies what is there", () => {
    const ignored = read("packaging/Dockerfile.dockerignore").split("\n").filter(Boolean);
    for (const rest of all("COPY").filter((r) => !r.startsWith("--from")))
      for (const source of rest.split(" ").slice(0, -1)) {
        assert.ok(existsSync(join(root, source)), `${source} is there`);
        assert.ok(!ignored.includes(source), `${source} is not left out`);
      }
    assert.deepEqual(all("COPY").filter((r) => r.startsWith("--from")), ["--from=build /src/build/ava /usr/bin/ava"]);
  });

  test("installs what tools/deps names, from Debian 12, and leaves no lists", () => {
    assert.deepEqual(all("FROM"), ["debian:12-slim AS build", "debian:12-slim"]);
    assert.equal(stages, 2);
    const named = all("RUN").flatMap((r) => [...r.matchAll(/--no-install-recommends ([^&]*)/g)].flatMap((m) => m[1].trim().split(" ")));
    assert.deepEqual(named.join(" "), "make $(/tmp/deps list run)");
    const known = run("tools/deps", "list", "build").split("\n");
    assert.ok(known.includes("make"));
    assert.match(all("RUN").at(-1), /rm -rf \/var\/lib\/apt\/lists/);
  });

  test("runs as nobody in particular, is asked how it fares by a verb there is, and is stopped in good order", { skip: missing }, () => {
    assert.match(all("USER").at(-1), /^[1-9]\d{3,}:[1-9]\d{3,}$/);
    assert.match(all("RUN").at(-1), new RegExp(`-m 0700 -o ${all("USER")[0].replace(":", " -g ")} /var/lib/ava`));
    assert.deepEqual(all("STOPSIGNAL"), ["SIGTERM"]);
    const [program, verb] = JSON.parse(/CMD (\[.*\])/.exec(all("HEALTHCHECK")[0])[1]);
    assert.equal(program, "/usr/bin/ava");
    assert.equal(ava(["help", verb]).status, 0);
    assert.equal(ava([verb, "--json", "--data-dir", "/nowhere"]).status, 1, "nobody serves there");
    for (const pair of all("ENV").at(-1).split(" ")) assert.ok(read("src/config/config.def").includes(pair.split("=")[0]), pair);
  });

  const noDpkg = spawnSync("readelf", ["--version"]).error || spawnSync("dpkg", ["--version"]).error;
  // Libraries that are opened at run time, which no list of the linker names.
  const opened = readdirSync(join(root, "src"), { recursive: true }).filter((f) => f.endsWith(".c")).map((f) => join("src", f)).filter((f) => read(f).includes("dlopen(")).flatMap((f) => [...read(f).matchAll(/"(lib[\w+-]+\.so[.\d]*)"/g)].map((m) => m[1]));
  test("has the libraries that the program asks for, and no other", { skip: missing || (sanitized && "a sanitizer asks for more") || (noDpkg && "not on Debian, or no readelf") }, () => {
    const needed = [...run("readelf", "-d", bin).matchAll(/NEEDED.*\[(.*)\]/g)].map((m) => m[1]);
    const paths = new Map([...run("ldd", bin).matchAll(/^\s+(\S+) => (\S+)/gm)].map((m) => [m[1], m[2]]));
    const owner = (library) => {
      const path = paths.get(library), asked = [path, path.replace(/^\/lib/, "/usr/lib"), path.replace(/^\/usr/, "")];
      for (const p of asked) {
        const r = spawnSync("dpkg", ["-S", p], { encoding: "utf8" });
        if (r.status === 0) return r.stdout.split(":")[0];
      }
      throw new Error(`no package has ${path}`);
    };
    const cached = run("/sbin/ldconfig", "-p");
    for (const library of opened) paths.set(library, new RegExp(`${library.replaceAll(".", "\\.")} .*=> (\\S+)`).exec(cached)[1]);
    assert.ok(opened.includes("libpq.so.5"));
    const packages = new Set([...needed, ...opened].filter((n) => !/^(ld-linux|libm\.|libc\.)/.test(n)).map(owner));
    const listed = run("tools/deps", "list", "run").split("\n").filter((p) => p && p !== "ca-certificates");
    assert.deepEqual(listed.sort(), [...packages].sort());
    const recommended = /^Recommends: (.*)$/m.exec(read("tools/package"))[1].split(", ");
    assert.deepEqual(recommended.sort(), [...new Set(opened.map(owner))].sort(), "by the Debian package, too");
  });
});

describe("the compose file", () => {
  const compose = parse(read("packaging/compose.yaml"));
  test("mounts what is there, read-only what is ours", (t) => {
    for (const [name, service] of Object.entries(compose.services))
      for (const [from, , how] of (service.volumes ?? []).map((v) => v.split(":"))) {
        if (!from.startsWith(".")) assert.ok(from in compose.volumes, `${name}: ${from}`);
        else if (from.startsWith("../ops/") && !existsSync(join(root, "ops"))) t.diagnostic(`${from}: comes with the dashboards`);
        else assert.ok(existsSync(join(root, "packaging", from)) && how === "ro", `${name}: ${from}`);
      }
    assert.ok(existsSync(join(root, dirname("packaging/compose.yaml"), compose.services.ava.build.context, compose.services.ava.build.dockerfile)));
  });

  test("gives Ava settings that there are, and little else; Prometheus asks where Ava answers", () => {
    const service = compose.services.ava, scrape = parse(read("packaging/compose/prometheus.yml"));
    for (const name of Object.keys(service.environment)) assert.ok(read("src/config/config.def").includes(`, ${name.replace(/_FILE$/, "")},`), name);
    assert.deepEqual([service.read_only, service.cap_drop, service.security_opt], [true, ["ALL"], ["no-new-privileges:true"]]);
    assert.equal(service.environment.AVA_METRICS_LISTEN.split(":")[1], scrape.scrape_configs[0].static_configs[0].targets[0].split(":")[1]);
    assert.equal(scrape.scrape_configs[0].job_name, "ava");
    for (const ports of Object.values(compose.services).flatMap((s) => s.ports ?? [])) assert.match(ports, /^127\.0\.0\.1:/, "for this machine alone");
    for (const file of ["datasource", "dashboards"]) assert.equal(parse(read(`packaging/compose/${file}.yml`)).apiVersion, 1);
  });
});
