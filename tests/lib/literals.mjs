// The program's SQL, as its sources have it after the preprocessor: each statement with the file it is in and, where the
// source binds its values one after the other right behind it, the types of those.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";

const VERB = /^\s*(?:WITH|SELECT|INSERT|REPLACE|UPDATE|DELETE)\s\s*\S.{6}/s;
const TOKEN = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[A-Za-z_]\w*|->|\S/g;
const BOUND = { db_bind_text: "text", db_bind_str: "text", db_bind_i64: "bigint", db_bind_blob: "bytea", db_bind_null: "unknown" };
const ENDS = new Set(["db_next", "db_run", "db_done", "db_use"]);

const ESCAPES = { n: "\n", t: "\t", r: "\r", 0: "\0" };
const textOf = (literal) => literal.slice(1, -1).replace(/\\(.)/gs, (_, c) => ESCAPES[c] ?? c);
const isText = (token) => token?.[0] === '"';

// Tokens of C; literals that stand beside each other are one.
function tokensOf(source) {
  const out = [];
  let joined = false;
  for (const [token] of source.matchAll(TOKEN)) {
    if (!isText(token)) out.push(token);
    else if (joined) out[out.length - 1] = `"${out.at(-1).slice(1, -1)}${token.slice(1, -1)}"`;
    else out.push(token);
    joined = isText(token);
  }
  return out;
}

// Where the brackets that open at `at` close.
function closing(tokens, at) {
  for (let depth = 0; at < tokens.length; at++) {
    if ("([{".includes(tokens[at])) depth++;
    else if (")]}".includes(tokens[at]) && --depth === 0) return at;
  }
  return at;
}

// Where the second argument of the call begins whose bracket opens at `at`.
function secondArgument(tokens, at) {
  for (let depth = 0; at < tokens.length; at++) {
    if ("([{".includes(tokens[at])) depth++;
    else if (")]}".includes(tokens[at])) depth--;
    else if (tokens[at] === "," && depth === 1) return at + 1;
  }
  return at;
}

const parameters = (sql) => {
  let largest = 0;
  for (const [, number] of sql.replace(/'[^']*'/g, "").matchAll(/\?(\d*)/g)) largest = Math.max(largest, number ? Number(number) : largest + 1);
  return largest;
};

// What is bound from here on, of the one statement; undefined where that is not plain to see.
function typesBehind(tokens, at, sql) {
  const types = [];
  for (; at < tokens.length && !ENDS.has(tokens[at]) && tokens[at] !== "}"; at++) if (tokens[at] in BOUND) types.push(BOUND[tokens[at]]);
  return types.length === parameters(sql) ? types : undefined;
}

function statementsIn(file, source) {
  const tokens = tokensOf(source), found = [];
  for (const [i, token] of tokens.entries()) {
    if (isText(token) && VERB.test(textOf(token))) found.push({ file, sql: textOf(token) });
    if (token !== "db_use" || tokens[i + 1] !== "(" || tokens[i - 1] === "*") continue; // "*": where it is declared
    const end = closing(tokens, i + 1), texts = tokens.slice(secondArgument(tokens, i + 1), end).filter(isText);
    for (const text of texts) found.push({ file, sql: textOf(text), types: typesBehind(tokens, end, textOf(text)) });
  }
  return found;
}

const known = (a, b) => (b.types ? b : a); // of one text, where it is known what is bound

// Of the program that was built in this folder: [{ file, sql, types }], each text once, from every file of src/ in which db_use
// is called or something begins as a statement does.
export function statements(build, root) {
  const all = new Map();
  for (const { directory, command, file } of JSON.parse(readFileSync(join(build, "compile_commands.json"), "utf8"))) {
    const path = resolve(directory, file), name = relative(root, path);
    if (!name.startsWith("src/") || !existsSync(path) || !/\bdb_use\b|"(?:WITH|SELECT|INSERT|UPDATE|DELETE) /.test(readFileSync(path, "utf8"))) continue;
    const preprocess = command.replace(/ -MD\b| -M[QF] \S+| -o \S+| -c\b/g, "") + " -E -P -w";
    for (const s of statementsIn(name, execFileSync("sh", ["-c", preprocess], { cwd: directory, encoding: "utf8", maxBuffer: 64 << 20 }))) all.set(s.sql, known(s, all.get(s.sql) ?? s));
  }
  return [...all.values()];
}
