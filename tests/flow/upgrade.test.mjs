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
import { sqliteOnly } from "../lib/database.mjs";

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

// One row in each table, parents first. Which tables took one, and which did not.
function fill(file) {
  const rows = (text) => must(file, text).split("\n").filter(Boolean).map((l) => l.split("\t"));
  const tables = rows("SELECT name || char(9) || replace(replace(sql, char(10), ' '), char(9), ' ') FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid").filter(([name]) => !MOVED.has(name));
  const columns = rows("SELECT s.name || char(9) || c.name || char(9) || c.type || char(9) || c.\"notnull\" || char(9) || (c.dflt_value IS NOT NULL) || char(9) || c.pk FROM sqlite_schema s, pragma_table_info(s.name) c WHERE s.type = 'table'");
  const parents = rows("SELECT s.name || char(9) || f.\"from\" || char(9) || f.\"table\" || char(9) || ifnull(f.\"to\", 'id') FROM sqlite_schema s, pragma_foreign_key_list(s.name) f WHERE s.type = 'table'");
  const inserts = tables.map(([name, text], n) => {
    const parent = (c) => parents.find(([table, from]) => table === name && from === c);
    const given = columns.filter(([table, c, , needed, fallback, pk]) => table === name && ((needed === "1" && fallback === "0") || pk !== "0" || parent(c)));
    const values = given.map(([, c, type]) => {
      if (parent(c)) return `(SELECT ${parent(c)[3]} FROM ${parent(c)[2]} LIMIT 1)`;
      const rest = text.slice(text.search(new RegExp(`[(,] *${c} +${type}`)) + 1), end = rest.search(/, +\w+ +(TEXT|INTEGER|BLOB)\b|, +(PRIMARY|UNIQUE|FOREIGN|CHECK)\b/);
      return valueOf(name, c, type, end < 0 ? rest : rest.slice(0, end), n + 1);
    });
    return `INSERT INTO ${name} (${given.map(([, c]) => `"${c}"`).join(", ")}) SELECT ${values.join(", ")} WHERE NOT EXISTS (SELECT 1 FROM ${name});`;
  });
  // What fails waits for its parents: some stand behind it.
  for (let round = 0; round < 3; round++) spawnSync("sqlite3", [file], { input: `PRAGMA foreign_keys = ON;\n${inserts.join("\n")}` });
  const counts = Object.fromEntries(rows(tables.map(([name]) => `SELECT '${name}' || char(9) || count(*) FROM ${name}`).join(" UNION ALL ")).map(([name, count]) => [name, Number(count)]));
  return { counts, filled: Object.keys(counts).filter((name) => counts[name]), left: Object.keys(counts).filter((name) => !counts[name]) };
}

describe("an upgrade", { skip: missing || sqliteOnly }, () => {
  let top;
  before(() => (top = mkdtempSync(join(tmpdir(), "ava-upgrade-"))));
  after(() => rmSync(top, { recursive: true, force: true }));

  function atSchema(number, name = `schema-${number}`) {
    const folder = join(top, name), file = join(folder, "ava.db");
    mkdirSync(folder, { mode: 0o700 });
    must(file, "PRAGMA journal_mode = WAL; CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;");
    const steps = MIGRATIONS.slice(0, number).map((f) => {
      const text = readFileSync(join(FOLDER, f), "utf8");
      return `BEGIN;\n${text}\nINSERT INTO schema_migrations VALUES (${Number(f.slice(0, 4))}, '${f.slice(5, -4)}', '${createHash("sha256").update(text).digest("hex")}', 0);\nCOMMIT;`;
    });
    must(file, steps.join("\n"));
    return { folder, file };
  }

  test("from each schema to today's: every row stays, and what refers to what", { timeout: 300_000 }, (t) => {
    let most = 0;
    for (let number = 1; number < MIGRATIONS.length; number++) {
      const { folder, file } = atSchema(number), { counts, filled, left } = fill(file);
      most = Math.max(most, filled.length);
      assert.ok(filled.length >= 10 && left.length <= filled.length / 4, `schema ${number}: no rows in ${left}`);
      const r = ava(["migrate", "--data-dir", folder]);
      assert.equal(r.status, 0, `schema ${number}: ${r.stderr}`);
      assert.match(r.stdout, new RegExp(`schema ${MIGRATIONS.length}\\n`));
      assert.equal(must(file, "PRAGMA integrity_check; PRAGMA foreign_key_check"), "ok", `schema ${number}`);
      const tables = must(file, "SELECT name FROM sqlite_schema WHERE type = 'table'").split("\n");
      for (const name of filled) assert.ok(tables.includes(name), `schema ${number}: ${name} is gone`);
      const now = must(file, filled.map((name) => `SELECT count(*) FROM ${name}`).join(" UNION ALL ")).split("\n").map(Number);
      filled.forEach((name, i) => assert.ok(now[i] >= counts[name], `schema ${number}: ${name} had ${counts[name]} rows and has ${now[i]}`));
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
