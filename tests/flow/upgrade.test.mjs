// From every schema that there ever was to today's: a database of that time, with rows in every table, is brought up to date
// without losing one, and the copy from before it can be put back.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ava, missing, root } from "../lib/ava.mjs";

const FOLDER = join(root, "src/db/migrations");
const MIGRATIONS = readdirSync(FOLDER).filter((f) => f.endsWith(".sql")).sort();
// Rows of these would have to be true: a data key under a master key that is not loaded is refused at the start.
const MOVED = new Set(["meta", "schema_migrations", "workspace_keys"]);

function sql(file, text) {
  const r = spawnSync("sqlite3", ["-bail", file], { input: text, encoding: "utf8", maxBuffer: 64 << 20 });
  return { ok: r.status === 0 && !r.stderr, out: r.stdout.trim(), why: r.stderr };
}
function must(file, text) {
  const r = sql(file, text);
  assert.ok(r.ok, `${r.why}\n${text.slice(0, 500)}`);
  return r.out;
}

// A value that the column's type and its CHECK take.
function valueOf(table, column, type, check, n) {
  const choice = /\bIN \(([^)]*)\)/.exec(check);
  if (choice) return choice[1].split(",")[0].trim();
  if (/argon2id/.test(check)) return "'$argon2id$x'";
  const bytes = /length\(\w+\) = (\d+)/.exec(check);
  if (type === "BLOB") return /A101/.test(check) ? "CAST(X'A101' || zeroblob(64) AS BLOB)" : bytes ? `CAST(printf('%0${bytes[1]}d', ${n}) AS BLOB)` : "X'00'";
  if (type === "INTEGER") return String(n);
  return bytes ? `printf('%0${bytes[1]}d', ${n})` : `'${table}-${column}-${n}'`;
}

// One row in each table that is empty, parents first. Which tables took one.
function fill(file) {
  const list = must(file, ".mode list\nSELECT name || char(9) || replace(sql, char(10), ' ') FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid").split("\n").map((l) => l.split("\t"));
  const filled = [];
  let todo = list.filter(([name]) => !MOVED.has(name));
  for (let round = 0; round < 4 && todo.length; round++)
    todo = todo.filter(([name, text], n) => {
      const columns = must(file, `SELECT name || '|' || type || '|' || "notnull" || '|' || ifnull(dflt_value, '') || '|' || pk FROM pragma_table_info('${name}')`).split("\n").map((l) => l.split("|"));
      const parents = Object.fromEntries(must(file, `SELECT "from" || '|' || "table" || '|' || ifnull("to", '') FROM pragma_foreign_key_list('${name}')`).split("\n").filter(Boolean).map((l) => l.split("|")).map(([from, to, key]) => [from, [to, key || "id"]]));
      const given = columns.filter(([c, , needed, fallback, pk]) => (needed === "1" && fallback === "") || pk !== "0" || parents[c]);
      const values = given.map(([c, type]) => {
        if (parents[c]) return `(SELECT ${parents[c][1]} FROM ${parents[c][0]} LIMIT 1)`;
        const at = text.search(new RegExp(`[(,] *${c} +${type}`)), rest = text.slice(at + 1);
        const end = rest.search(/, +\w+ +(TEXT|INTEGER|BLOB)\b|, +(PRIMARY|UNIQUE|FOREIGN|CHECK)\b/);
        return valueOf(name, c, type, end < 0 ? rest : rest.slice(0, end), n + 1);
      });
      const r = sql(file, `PRAGMA foreign_keys = ON; INSERT INTO ${name} (${given.map(([c]) => `"${c}"`).join(", ")}) VALUES (${values.join(", ")});`);
      if (r.ok) filled.push(name);
      return !r.ok;
    });
  return { filled, left: todo.map(([name]) => name) };
}

describe("an upgrade", { skip: missing }, () => {
  let top;
  before(() => (top = mkdtempSync(join(tmpdir(), "ava-upgrade-"))));
  after(() => rmSync(top, { recursive: true, force: true }));

  function atSchema(number, name = `schema-${number}`) {
    const folder = join(top, name), file = join(folder, "ava.db");
    mkdirSync(folder, { mode: 0o700 });
    must(file, "PRAGMA journal_mode = WAL; CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;");
    for (const f of MIGRATIONS.slice(0, number)) {
      const text = readFileSync(join(FOLDER, f), "utf8"), name = f.slice(5, -4);
      must(file, `BEGIN;\n${text}\nINSERT INTO schema_migrations VALUES (${Number(f.slice(0, 4))}, '${name}', '${createHash("sha256").update(text).digest("hex")}', 0);\nCOMMIT;`);
    }
    return { folder, file };
  }

  test("from each schema to today's: every row stays, and what refers to what", { timeout: 300_000 }, (t) => {
    let most = 0;
    for (let number = 1; number < MIGRATIONS.length; number++) {
      const { folder, file } = atSchema(number), { filled, left } = fill(file);
      most = Math.max(most, filled.length);
      assert.ok(filled.length >= 10 && left.length <= filled.length / 4, `schema ${number}: no rows in ${left}`);
      const counts = Object.fromEntries(filled.map((name) => [name, Number(must(file, `SELECT count(*) FROM ${name}`))]));
      const r = ava(["migrate", "--data-dir", folder]);
      assert.equal(r.status, 0, `schema ${number}: ${r.stderr}`);
      assert.match(r.stdout, new RegExp(`schema ${MIGRATIONS.length}\\n`));
      assert.equal(must(file, "PRAGMA integrity_check"), "ok");
      assert.equal(must(file, "PRAGMA foreign_key_check"), "", `schema ${number}`);
      const tables = must(file, "SELECT name FROM sqlite_schema WHERE type = 'table'").split("\n");
      for (const [name, count] of Object.entries(counts)) {
        assert.ok(tables.includes(name), `schema ${number}: ${name} is gone`);
        const now = Number(must(file, `SELECT count(*) FROM ${name}`));
        assert.ok(now >= count, `schema ${number}: ${name} had ${count} rows and has ${now}`);
      }
      assert.equal(ava(["workspace", "list", "--data-dir", folder]).status, 0);
      const same = must(file, "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name)");
      if (number === 1) t.fresh = same;
      assert.equal(same, t.fresh, "and whichever it came from, it is the same schema");
    }
    t.diagnostic(`${MIGRATIONS.length - 1} schemas, rows in up to ${most} tables`);
  });

  test("and back: the copy from before it is a backup of its own", () => {
    const { folder, file } = atSchema(MIGRATIONS.length - 1, "and-back");
    fill(file);
    assert.equal(ava(["migrate", "--data-dir", folder]).status, 0);
    const [copy] = readdirSync(folder).filter((f) => /\.schema-\d+\..*\.backup$/.test(f));
    assert.ok(copy, readdirSync(folder).join());
    assert.equal(must(join(folder, copy), "SELECT max(number) FROM schema_migrations"), String(MIGRATIONS.length - 1), "it has the former schema");
    assert.equal(must(join(folder, copy), "PRAGMA integrity_check"), "ok");
    const other = join(top, "back");
    mkdirSync(other, { mode: 0o700 });
    copyFileSync(join(folder, "master.keys"), join(other, "master.keys"));
    const r = ava(["restore", join(folder, copy), "--dry-run", "--data-dir", other]);
    assert.equal(r.status, 0, r.stderr);
  });
});
