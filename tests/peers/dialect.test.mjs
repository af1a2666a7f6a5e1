// One text of SQL for both databases: every migration runs on a real PostgreSQL, which then takes each statement of the
// program with what is bound to it, and answers it with types that Ava reads. So does SQLite.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bin, missing as noAva, root } from "../lib/ava.mjs";
import { statements } from "../lib/literals.mjs";
import { missing as noPostgres, Postgres } from "../lib/postgres.mjs";

const build = process.env.TEST_BUILD_DIR ?? join(root, "build"), translator = join(build, "tests/peer_dialect");
const absent = noAva || noPostgres || (existsSync(translator) ? false : "peer_dialect is not built");

const READ = new Set(["bigint", "integer", "smallint", "boolean", "text", "bytea"]);

// Whose words a file of db/ speaks; all others speak both.
const speaks = (file) => (/^src\/db\/(?:pg_|copy_pg|db_postgres)/.test(file) ? "postgres" : /^src\/db\/(?!migrate|probe)/.test(file) ? "sqlite" : "both");

const said = (kind, texts, ...more) => execFileSync(translator, [kind, ...more], { input: texts.map((t) => t + "\0").join(""), encoding: "utf8", maxBuffer: 64 << 20 }).split("\0").slice(0, -1);

describe("the one text of SQL on PostgreSQL", { skip: absent }, () => {
  let pg;
  before(async () => {
    pg = await Postgres.start();
  });
  after(() => pg?.remove());

  test("every migration, in order", () => {
    const folder = join(root, "src/db/migrations"), names = ["the table of them", ...readdirSync(folder).sort()];
    const table = "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT, sha256 TEXT, applied_at INTEGER);";
    const texts = said("migration", [table, ...names.slice(1).map((n) => readFileSync(join(folder, n), "utf8"))]);
    const { errors } = pg.script(texts.map((t, i) => `\\echo @@${names[i]}\nBEGIN;\n${t}\nCOMMIT;\n`).join(""), "-v", "ON_ERROR_STOP=1");
    assert.equal(errors, "");
  });

  const all = absent ? [] : statements(build, root);

  test("the statements in the sources are those in the program", (t) => {
    const known = new Set(all.map((s) => s.sql)), inProgram = readFileSync(bin).toString("latin1").match(/(?<=\0)(?:SELECT|UPDATE|DELETE FROM|INSERT|WITH) [\x20-\x7e]{8,}(?=\0)/g);
    t.diagnostic(`${all.length} statements, of ${all.filter((s) => s.types).length} of them it is known what is bound to them`);
    assert.ok(all.length > 400 && all.filter((s) => s.types).length > 250);
    assert.deepEqual(inProgram.filter((sql) => !known.has(sql)), []);
  });

  test("SQLite takes each of them", () => {
    const folder = mkdtempSync(join(tmpdir(), "ava-dialect-"));
    try {
      const texts = ["SELECT 1 FROM nowhere", ...all.filter((s) => speaks(s.file) !== "postgres" && !s.sql.includes("%s")).map((s) => s.sql)];
      const whys = said("sqlite", texts, join(folder, "ava.db"));
      assert.equal(whys.length, texts.length);
      assert.equal(whys[0], "no such table: nowhere", "what would be wrong is seen");
      assert.deepEqual(texts.map((sql, i) => whys[i] && `${whys[i]}: ${sql}`).slice(1).filter(Boolean), []);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("PostgreSQL takes each of them with what is bound to it, and answers with columns that Ava reads", (t) => {
    const planted = ["SELECT SUM(seq) FROM deliveries", "SELECT 1 FROM nowhere"].map((sql) => ({ file: "src/store/planted.c", sql }));
    planted.push({ file: "src/store/planted.c", sql: "SELECT id FROM calls WHERE id = ?", types: ["bigint"] });
    const asked = [...planted, ...all.filter((s) => speaks(s.file) !== "sqlite" && !s.sql.includes("%s"))], texts = said("statement", asked.map((s) => s.sql));
    // A parameter that is compared with nothing but NULL gets its type from what is bound to it, which is a text.
    const guessed = texts.map((sql) => sql.replace(/(\$\d+) IS (NOT )?NULL/g, "$1::text IS $2NULL"));
    const prepared = asked.map(({ types }, i) => `PREPARE s${i}${types?.length ? ` (${types})` : ""} AS ${types ? texts[i] : guessed[i]};\n`);
    const failed = "\\if :ERROR\n\\echo ! :LAST_ERROR_MESSAGE\n\\endif\n";
    const { out } = pg.script("\\o /dev/stdout\n" + guessed.map((sql, i) => `\\echo @@${i}\n${prepared[i]}${failed}${sql} \\gdesc\n${failed}`).join(""));
    const wrong = new Set();
    let at = -1, seen = 0;
    for (const line of out.split("\n"))
      if (line.startsWith("@@")) at = Number(line.slice(2));
      else if (line.startsWith("! ")) wrong.add(`${line.slice(2)}: ${texts[at]}`);
      else if (line.includes("|")) {
        seen++;
        const type = line.slice(line.lastIndexOf("|") + 1);
        if (!READ.has(type) && speaks(asked[at].file) === "both") wrong.add(`${line}: ${texts[at]}`);
      }
    t.diagnostic(`${asked.length} statements, ${seen} columns`);
    assert.ok(at === asked.length - 1 && seen > 500, `${asked.length} statements, the last ${at}, ${seen} columns`);
    const seenWrong = ["sum|numeric: " + planted[0].sql, 'relation "nowhere" does not exist: ' + planted[1].sql, "operator does not exist: text = bigint: " + texts[2]];
    assert.deepEqual([...wrong].slice(0, 3), seenWrong, "what would be wrong is seen");
    assert.deepEqual([...wrong].slice(3), []);
  });

  // Told apart from SQLite's by what the unit test of deliveries says of them there.
  test("the triggers of deliveries: one that comes behind another waits for it", () => {
    const { out, errors } = pg.script(`
      INSERT INTO users (id, email, email_key, password_hash, workspace_id, created_at, updated_at) VALUES ('u', 'a', 'a', '$argon2id$', 'w', 0, 0);
      INSERT INTO workspaces (id, name, created_at, updated_at) VALUES ('w', 'w', 0, 0);
      INSERT INTO destinations (id, workspace_id, url, events, enabled, version, created_at, updated_at, sealed) VALUES ('d', 'w', 'https://x', '*', 1, 1, 0, 0, '\\xA101'::bytea || repeat('x', 44)::bytea);
      INSERT INTO deliveries (id, workspace_id, destination_id, event_id, type, resource, status, body, next_at, created_at) SELECT 'e' || n, 'w', 'd', 'e' || n, 't', 'r', 'waiting', '{}', 0, 0 FROM generate_series(1, 3) n;
      SELECT string_agg(id || behind, ' ' ORDER BY seq) FROM deliveries;
      UPDATE deliveries SET settled_at = 1 WHERE id = 'e1';
      SELECT string_agg(id || behind, ' ' ORDER BY seq) FROM deliveries;
      UPDATE deliveries SET settled_at = 0 WHERE id = 'e1';
      SELECT string_agg(id || behind, ' ' ORDER BY seq) FROM deliveries;`, "-v", "ON_ERROR_STOP=1");
    assert.equal(errors, "");
    assert.deepEqual(out.trim().split("\n"), ["e10 e21 e31", "e10 e20 e31", "e10 e21 e31"]);
  });

  test("text is ordered by its bytes, whatever the server's language", () => {
    const { out } = pg.script("SELECT string_agg(c.table_name || '.' || column_name, ' ') FROM information_schema.columns c WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'");
    assert.equal(out.trim(), "");
  });
});
