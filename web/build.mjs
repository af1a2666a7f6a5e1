// Builds the dashboard: node web/build.mjs [OUTDIR], by default build-web
// Types from the contract, tsc for the eye, esbuild for the bytes, gzip and brotli beside every file; fails over budget.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { spawnSync } from "node:child_process";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";
import { words } from "./words.mjs";

const web = dirname(fileURLToPath(import.meta.url));
const root = dirname(web);
export const kB = 1000;
export const budgets = { first: 60 * kB, css: 12 * kB, sprite: 4 * kB, screen: 15 * kB };
const icons = [
  "arrow-left", "book-open", "bot", "calendar", "check", "circle", "circle-alert", "circle-check", "circle-help", "clock", "copy", "download", "flask-conical", "house", "info",
  "activity", "hourglass", "lock", "log-out", "message-square", "pause", "pencil", "phone-call", "shield", "database", "play", "rotate-ccw", "search", "send", "phone", "plug", "refresh-cw", "sun-moon", "triangle-alert", "unplug", "users", "user-plus", "circle-user", "wifi-off", "x",
];
// A voice in a quiet room.
const mark = `<path d="M4 10v4M8 6v12M12 3v18M16 7v10M20 10v4"/>`;

const hash = (bytes) => createHash("sha256").update(bytes).digest("hex").slice(0, 10);
const gz = (bytes) => gzipSync(bytes, { level: 9 });
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } });

async function sprite() {
  const symbols = [`<symbol id="ava" viewBox="0 0 24 24">${mark}</symbol>`];
  for (const name of icons) {
    const svg = await readFile(join(root, "node_modules/lucide-static/icons", iconFile(name)), "utf8");
    const inside = svg.replace(/<!--.*?-->/s, "").replace(/^\s*<svg[^>]*>/s, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>");
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${inside}</symbol>`);
  }
  return `<!-- Icons: Lucide, ISC license --><svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
}

// Lucide renames icons now and then; our names stay.
function iconFile(name) {
  return ({ "circle-help": "circle-question-mark" }[name] ?? name) + ".svg";
}

function favicon(dot) {
  const lines = `<g fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round" transform="translate(4 4)">${mark}</g>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#1f5fd0"/>${lines}${dot ? `<circle cx="26" cy="6" r="6" fill="#f0b95a" stroke="#161a20"/>` : ""}</svg>`;
}

async function main(out) {
  const contract = parse(await readFile(join(root, "openapi.yaml"), "utf8"));
  await writeFile(join(web, "src/api-types.d.ts"), "// Made from openapi.yaml by build.mjs.\n" + astToString(await openapiTS(new URL("../openapi.yaml", import.meta.url))));
  const tsc = spawnSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "--noEmit", "-p", web], { stdio: "inherit" });
  if (tsc.status !== 0) process.exit(1);

  const files = new Map(); // path from OUTDIR -> bytes
  const put = (name, text) => {
    files.set(name, Buffer.from(text));
    return "/" + name;
  };
  const hashed = (stem, extension, text) => put(`assets/${stem}-${hash(text)}.${extension}`, text);

  const spritePath = hashed("icons", "svg", await sprite());
  const css = hashed("app", "css", (await transform(await readFile(join(web, "app.css"), "utf8"), { loader: "css", minify: true, target: ["chrome123", "firefox120", "safari17.5"] })).code);
  const shared = { bundle: true, minify: true, write: false, legalComments: "none", target: ["es2022"], charset: "utf8", plugins: [words()], define: { SPRITE: JSON.stringify(spritePath) }, logLevel: "warning" };
  const early = await build({ ...shared, entryPoints: [join(web, "src/early.ts")], format: "iife" });
  const earlyPath = hashed("early", "js", early.outputFiles[0].text);
  const bundle = await build({
    ...shared, entryPoints: { app: join(web, "src/main.tsx"), docs: join(web, "src/docs.tsx"), sandbox: join(web, "src/sandbox.tsx") }, format: "esm", splitting: true, metafile: true,
    jsx: "automatic", jsxImportSource: "preact", outdir: join(out, "assets"), entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]", absWorkingDir: root,
  });
  const outputs = Object.fromEntries(Object.entries(bundle.metafile.outputs).map(([path, o]) => [relative(out, resolve(root, path)), o]));
  for (const file of bundle.outputFiles) put(relative(out, file.path), file.text);

  const assetOf = (path) => relative(out, resolve(root, path));
  const closure = (name, seen = new Set()) => {
    if (seen.has(name)) return seen;
    seen.add(name);
    for (const i of outputs[name].imports) if (i.kind === "import-statement") closure(assetOf(i.path), seen);
    return seen;
  };
  const entry = (source) => Object.keys(outputs).find((name) => outputs[name].entryPoint?.endsWith(source));
  const icon = hashed("favicon", "svg", favicon(false));
  const dot = hashed("favicon-dot", "svg", favicon(true));
  for (const [page, source] of [["index.html", "src/main.tsx"], ["docs.html", "src/docs.tsx"], ["sandbox.html", "src/sandbox.tsx"], ["page.html"]]) {
    // page.html has no script of its own: the server fills it in.
    const js = source && entry(source);
    const preload = js && [...closure(js)].filter((n) => n !== js).map((n) => `<link rel="modulepreload" href="/${n}">\n`).join("");
    const values = { css, early: earlyPath, js: "/" + js, favicon: icon, favicon_dot: dot, preload, sprite: spritePath };
    put(page, (await readFile(join(web, page), "utf8")).replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]));
  }
  put("openapi.json", JSON.stringify(contract));

  const sizes = measure(files, outputs, closure, entry("src/main.tsx"), { css, sprite: spritePath, early: earlyPath });
  const written = new Map([["sizes.json", Buffer.from(JSON.stringify(sizes, null, 2))]]);
  for (const [name, bytes] of files) written.set(name, bytes).set(name + ".gz", gz(bytes)).set(name + ".br", brotli(bytes));
  await settle(out, written);
  report(sizes, budgets);
}

// Writes what changed and removes what is no more: a build that changes nothing touches nothing.
async function settle(out, written) {
  await mkdir(join(out, "assets"), { recursive: true });
  for (const [name, bytes] of written) {
    const before = await readFile(join(out, name)).catch(() => undefined);
    if (!before?.equals(bytes)) await writeFile(join(out, name), bytes);
  }
  for (const name of await readdir(join(out, "assets"))) if (!written.has("assets/" + name)) await rm(join(out, "assets", name));
}

function measure(files, outputs, closure, app, { css, sprite: spritePath, early }) {
  const size = (name) => gz(files.get(name.replace(/^\//, ""))).length;
  const total = (names) => names.reduce((sum, name) => sum + size(name), 0);
  const start = closure(app);
  const first = total([...start, "index.html", css, spritePath, early]);
  const screens = {}, languages = {};
  for (const name of Object.keys(outputs)) {
    const source = outputs[name].entryPoint;
    if (/src\/\w+\/screen\.tsx$/.test(source)) screens[basename(dirname(source))] = total([...closure(name)].filter((n) => !start.has(n)));
    const language = /^words:([a-z]{2})-shell$/.exec(source)?.[1];
    if (language) languages[language] = first + size(name);
  }
  return { first, languages, css: size(css), sprite: size(spritePath), screens };
}

function report(sizes, limit) {
  const rows = [["first load", sizes.first, limit.first], ...Object.entries(sizes.languages).map(([n, s]) => ["first load, " + n, s, limit.first]), ["css", sizes.css, limit.css], ["sprite", sizes.sprite, limit.sprite], ...Object.entries(sizes.screens).map(([n, s]) => ["screen " + n, s, limit.screen])];
  let over = false;
  for (const [name, size, max] of rows) {
    const bad = size > max;
    over ||= bad;
    console.log(`${bad ? "OVER" : "ok  "}  ${name.padEnd(22)} ${(size / kB).toFixed(1).padStart(6)} kB gzip of ${max / kB}`);
  }
  if (over) {
    console.error("The dashboard is over its budget.");
    process.exit(1);
  }
}

const target = process.argv[2] ? resolve(process.argv[2]) : join(root, "build-web");
const strangers = (await readdir(target).catch(() => [])).filter((name) => !["assets", "sizes.json"].includes(name) && !/^((index|docs|sandbox|page)\.html|openapi\.json)(\.gz|\.br)?$/.test(name));
if (strangers.length) {
  console.error(`${target} holds something else (${strangers[0]}); give a folder of its own.`);
  process.exit(2);
}
await main(target);
