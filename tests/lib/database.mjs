// Where the tests' Avas keep their data: in SQLite; or, with TEST_POSTGRES (the URL of a server, tools/test --postgres
// starts one), each data folder in a database of its own there. So every flow can run on both.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const server = process.env.TEST_POSTGRES;
const made = new Map(); // data folder -> URL
const given = new Map(); // data folder -> environment
const served = new Set(); // data folders that ava serve has had

export const onPostgres = Boolean(server);
// For tests that read, break or save SQLite's file: { skip: sqliteOnly }.
export const sqliteOnly = onPostgres ? "about SQLite's file; this run is on PostgreSQL" : false;
export const keyFileOnly = onPostgres ? "about the key file, which ava serve does not take on PostgreSQL" : false;

const PSQL = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"], LARGE = { encoding: "utf8", maxBuffer: 256 << 20 };

// Statements, one after the other, at the URL's database; the rows, a line each, columns parted by |.
export function sql(url, text) {
  return execFileSync("psql", [...PSQL, url], { input: text, ...LARGE }).trimEnd();
}

const SHIMS = readFileSync(join(import.meta.dirname, "shims.sql"), "utf8");

// A test's statements, written for SQLite, as PostgreSQL has them: bytes, and triggers that make something fail.
const forPostgres = (text) =>
  text
    .replace(/PRAGMA [^;]*;/g, "")
    .replace(/\bX'([0-9A-Fa-f]*)'/g, "'\\x$1'::bytea")
    .replace(/ AS BLOB\)/g, " AS BYTEA)")
    .replace(/CREATE TRIGGER (\w+) ([^;]*?) WHEN ([^;]*?) BEGIN SELECT RAISE\(ABORT, ('[^']*')\); END/g, "CREATE FUNCTION $1() RETURNS trigger LANGUAGE plpgsql AS $$$$ BEGIN RAISE EXCEPTION $4; END $$$$; CREATE TRIGGER $1 $2 FOR EACH ROW WHEN ($3) EXECUTE FUNCTION $1()")
    .replace(/DROP TRIGGER (\w+)/g, "DROP FUNCTION $1 CASCADE");

const shimmed = new Set();

function question(data, text) {
  if (!server) return { program: "sqlite3", args: ["-bail", join(data, "ava.db")], input: `.timeout 60000\n${text}` };
  const url = databaseOf(data).DATABASE_URL;
  if (!shimmed.has(url)) sql(url, SHIMS);
  shimmed.add(url);
  return { program: "psql", args: [...PSQL, url], input: `SET client_min_messages = error; SET search_path TO public, tests; ${forPostgres(text)}` };
}

// The same in whichever database this data folder has.
export function rows(data, text) {
  const { program, args, input } = question(data, text);
  return execFileSync(program, args, { input, ...LARGE }).trimEnd();
}

// And without stopping this process meanwhile.
export async function rowsBeside(data, text) {
  const { program, args, input } = question(data, text), child = spawn(program, args);
  let out = "";
  for (const from of [child.stdout, child.stderr]) from.on("data", (b) => (out += b));
  child.stdin.end(input);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(out);
  return out.trimEnd();
}

// All that the database has, as bytes in latin1.
export function stored(data) {
  if (!server) return readdirSync(data).filter((f) => f.startsWith("ava.db")).map((f) => readFileSync(join(data, f), "latin1")).join("");
  return execFileSync("pg_dump", ["--data-only", "-d", databaseOf(data).DATABASE_URL], LARGE).replace(/\\\\x([0-9a-f]*)/g, (_, bytes) => Buffer.from(bytes, "hex").toString("latin1"));
}

// Keeps everybody from writing to it, as another program may, until release(); reading goes on.
export async function holdWrites(data) {
  const lockAll = "BEGIN;\nDO $$ DECLARE t text; BEGIN FOR t IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP EXECUTE 'LOCK TABLE ' || t || ' IN EXCLUSIVE MODE'; END LOOP; END $$;\n\\echo held\n";
  const begin = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None); c.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()";
  const [program, ...args] = server ? ["psql", "-X", "-q", "-A", "-t", "-d", databaseOf(data).DATABASE_URL] : ["python3", "-c", begin, join(data, "ava.db")];
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] }), ended = once(child, "exit");
  if (server) child.stdin.write(lockAll);
  await once(child.stdout, "data");
  return { release: () => (child.stdin.end(), ended) };
}

// On PostgreSQL ava serve takes no key file: its keys are those of the file that there is, else the ones that follow.
function keysOf(folder) {
  const file = join(folder, "master.keys");
  return existsSync(file) ? readFileSync(file, "utf8") : `flow:${Buffer.alloc(32, "flow").toString("base64")}`;
}

// What an Ava with this data folder finds in its environment. verb: what it is started as. env: what the test gives it.
export function databaseOf(data, { verb, env = {} } = {}) {
  const folder = data && resolve(data);
  if (given.has(folder)) return given.get(folder);
  if (!server || !folder) return {};
  if (!made.has(folder)) {
    const name = `ava_${process.pid}_${made.size}`;
    sql(server, `CREATE DATABASE ${name}`);
    made.set(folder, Object.assign(new URL(server), { pathname: "/" + name }).href);
  }
  if (verb === "serve") served.add(folder);
  const hasKeys = !served.has(folder) || "AVA_MASTER_KEYS" in env || "AVA_MASTER_KEYS_FILE" in env;
  return { DATABASE_URL: made.get(folder), ...(hasKeys ? {} : { AVA_MASTER_KEYS: keysOf(folder) }) };
}

// What the log says of statements that PostgreSQL refused for what they are, which no fault of the world explains: the
// classes of SQLSTATE that are about values, constraints, states of a session and texts; and deadlocks.
export function wrongSql(log) {
  const lines = log.split("\n").filter((l) => l.includes('"event":"db"'));
  if (process.env.TEST_DB_LINES && lines.length) appendFileSync(process.env.TEST_DB_LINES, `${process.argv[1]}\n${lines.join("\n")}\n`);
  return lines.filter((l) => /"state":"(?:0A|2[1-46]|4[02])/.test(l));
}

// From now on an Ava with this data folder finds this in its environment, and the commands beside it too.
export const useDatabase = (data, environment) => given.set(resolve(data), environment);

// The folder that a command names.
export function folderIn(args, env) {
  const at = args.indexOf("--data-dir");
  return at >= 0 ? args[at + 1] : env.AVA_DATA_DIR;
}

process.once("exit", () => {
  for (const url of made.values())
    try {
      sql(server, `DROP DATABASE ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
    } catch {} // it goes with the server
});
