// Where the tests' Avas keep their data: in SQLite; or, with TEST_POSTGRES (the URL of a server, tools/test --postgres
// starts one), each data folder in a database of its own there. So every flow can run on both.
import { execFileSync } from "node:child_process";
import { resolve } from "node:path";

const server = process.env.TEST_POSTGRES;
const made = new Map(); // data folder -> URL

export const onPostgres = Boolean(server);
// For tests that read or break SQLite's file: { skip: sqliteOnly }.
export const sqliteOnly = onPostgres ? "about SQLite's file; this run is on PostgreSQL" : false;

// One statement at the URL's database; the rows, a line each, columns parted by |.
export function sql(url, text) {
  return execFileSync("psql", ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", text], { encoding: "utf8", maxBuffer: 64 << 20 }).trimEnd();
}

// What an Ava with this data folder finds in its environment.
export function databaseOf(data) {
  if (!server || !data) return {};
  const folder = resolve(data);
  if (!made.has(folder)) {
    const name = `ava_${process.pid}_${made.size}`;
    sql(server, `CREATE DATABASE ${name}`);
    made.set(folder, Object.assign(new URL(server), { pathname: "/" + name }).href);
  }
  return { DATABASE_URL: made.get(folder) };
}

// The folder that a command names.
export function folderIn(args, env) {
  const at = args.indexOf("--data-dir");
  return at >= 0 ? args[at + 1] : env.AVA_DATA_DIR;
}
