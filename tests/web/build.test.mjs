// Builds the dashboard as it ships: within its budgets, nothing inline, nothing from elsewhere, one file per page.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { packOf, packs } from "../../web/words.mjs";
import { root } from "./load.mjs";

const folder = await mkdtemp(join(tmpdir(), "ava-web-"));
after(() => rm(folder, { recursive: true, force: true }));
const out = join(folder, "out");
const built = spawnSync(process.execPath, [join(root, "web/build.mjs"), out], { encoding: "utf8" });
const text = (name) => readFile(join(out, name), "utf8");

test("builds, and stays within its budgets", async () => {
  assert.equal(built.status, 0, built.stdout + built.stderr);
  const sizes = JSON.parse(await text("sizes.json"));
  assert.ok(sizes.first <= 60_000 && sizes.languages.de <= 60_000 && sizes.css <= 12_000 && sizes.sprite <= 4_000);
  for (const [screen, size] of Object.entries(sizes.screens)) assert.ok(size <= 15_000, screen);
});

test("every file has a gzip and a brotli twin that say the same", async () => {
  const files = (await readdir(out, { recursive: true, withFileTypes: true })).filter((f) => f.isFile() && !/\.(gz|br)$/.test(f.name) && f.name !== "sizes.json");
  assert.ok(files.length > 8);
  for (const file of files) {
    const path = join(file.parentPath ?? file.path, file.name);
    const plain = await readFile(path);
    assert.deepEqual(gunzipSync(await readFile(path + ".gz")), plain);
    assert.deepEqual(brotliDecompressSync(await readFile(path + ".br")), plain);
  }
});

test("pages hold nothing inline and nothing from elsewhere", async () => {
  for (const page of ["index.html", "docs.html", "sandbox.html", "page.html"]) {
    const html = await text(page);
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:|javascript:|\{\{/, page);
    for (const [, path] of html.matchAll(/(?:src|href|data-dot)="([^"]+)"/g)) if (path !== "/") await readFile(join(out, path.replace(/#.*/, "")));
  }
});

test("scripts never write markup from text, evaluate, or keep more than three preferences", async () => {
  for (const name of await readdir(join(root, "web/src"), { recursive: true })) {
    if (!/\.tsx?$/.test(name)) continue;
    const source = await readFile(join(root, "web/src", name), "utf8");
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|sessionStorage|document\.cookie/, name);
    if (name !== "kit/prefs.ts") assert.doesNotMatch(source, /localStorage/, name);
  }
});

test("the embedding tool carries every page into one C file", async () => {
  const file = join(folder, "assets.c");
  const made = spawnSync("python3", [join(root, "tools/embed"), out, file], { encoding: "utf8" });
  assert.equal(made.status, 0, made.stderr);
  const c = await readFile(file, "utf8");
  for (const path of ["/index.html", "/docs.html", "/sandbox.html", "/page.html", "/openapi.json"]) assert.ok(c.includes(`.path = "${path}"`), path);
  assert.ok(!c.includes(folder) && !c.includes("sizes.json"));
});

test("the lock file names versions and sums, not the place they came from", async () => {
  assert.doesNotMatch(await readFile(join(root, "package-lock.json"), "utf8"), /"resolved"/);
});

const read = async (name) => JSON.parse(await readFile(join(root, "web/i18n", name), "utf8"));
const flat = (node, path = "") => Object.entries(node).flatMap(([k, v]) => (typeof v === "string" ? [[path + k, v]] : flat(v, path + k + ".")));

// What comes before anything of a room: the scripts that the page names.
async function first(page) {
  const named = [...(await text(page)).matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, name]) => name);
  return (await Promise.all(named.map(text))).join("\n");
}
const isIn = (scripts, sentence) => scripts.includes(JSON.stringify(sentence).slice(1, -1)) || scripts.includes(sentence);

test("the first load has the words of the shell, and none that are a room's alone", async () => {
  const scripts = await first("index.html"), all = flat(await read("en.json"));
  const shell = new Set(all.filter(([key]) => packOf(key) === "shell").map(([, words]) => words));
  for (const [key, words] of all) {
    if (packOf(key) === "shell") assert.ok(isIn(scripts, words), key);
    else if (words.length > 30 && !shell.has(words)) assert.ok(!isIn(scripts, words), key);
  }
});

test("German is loaded by who reads it, and by nobody else", async () => {
  const german = flat(await read("de.json")).filter(([, words]) => /[äöüß„]/.test(words) && words.length > 20), scripts = {};
  for (const name of await readdir(join(out, "assets"))) if (name.endsWith(".js")) scripts[name] = await text("assets/" + name);
  const foreign = Object.keys(scripts).filter((name) => /^de-\w+-\w+\.js$/.test(name));
  assert.deepEqual(foreign.map((name) => name.split("-")[1]).sort(), Object.keys(packs).sort());
  for (const [name, script] of Object.entries(scripts)) if (!foreign.includes(name)) assert.deepEqual(german.filter(([, words]) => isIn(script, words)), [], name);
  for (const page of ["index.html", "docs.html", "sandbox.html"]) assert.ok(!/\bde-\w+-/.test(await text(page)), page);
});
