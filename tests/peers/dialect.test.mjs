// One text of SQL for both databases: every migration runs on a real PostgreSQL, which then knows each statement of the
// program, and answers it with types that Ava reads.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bin, missing as noAva, root } from "../lib/ava.mjs";
import { missing as noPostgres, Postgres } from "../lib/postgres.mjs";

const translator = join(process.env.TEST_BUILD_DIR ?? join(root, "build"), "tests/peer_dialect");
const absent = noAva || noPostgres || (existsSync(translator) ? false : "peer_dialect is not built");

// What only one side says: SQLite's about its own file, PostgreSQL's about its sessions and locks; and about the schema that
// each brings up to date.
const OWN = /pragma_database_list|schema_migrations|\bpg_|\bset_config\(/;
const READ = new Set(["bigint", "integer", "smallint", "boolean", "text", "bytea"]);

const said = (kind, texts) => execFileSync(translator, [kind], { input: texts.map((t) => t + "\0").join(""), encoding: "utf8", maxBuffer: 64 << 20 }).split("\0").slice(0, -1);

describe("the one text of SQL on PostgreSQL", { skip: absent }, () => {
  let pg;
  before(async () => {
    pg = await Postgres.start();
  });
  after(() => pg?.remove());

  test("every migration, in order", () => {
    const folder = join(root, "src/db/migrations"), names = readdirSync(folder).sort();
    const texts = said("migration", names.map((n) => readFileSync(join(folder, n), "utf8")));
    const { errors } = pg.script(texts.map((t, i) => `\\echo @@${names[i]}\nBEGIN;\n${t}\nCOMMIT;\n`).join(""), "-v", "ON_ERROR_STOP=1");
    assert.equal(errors, "");
  });

  test("every statement, and each column it answers with", (t) => {
    const planted = ["SELECT SUM(seq) FROM deliveries", "SELECT 1 FROM nowhere"], all = [...planted, ...new Set(readFileSync(bin).toString("latin1").match(/(?<=\0)(?:SELECT|UPDATE|DELETE FROM|INSERT|WITH) [\x20-\x7e]{8,}(?=\0)/g).filter((sql) => !OWN.test(sql)))];
    // A parameter that is compared with nothing but NULL gets its type from what is bound to it, which is a text.
    const texts = said("statement", all).map((sql) => sql.replace(/(\$\d+) IS (NOT )?NULL/g, "$1::text IS $2NULL"));
    const { out } = pg.script("\\o /dev/stdout\n" + texts.map((sql, i) => `\\echo @@${i}\n${sql} \\gdesc\n\\if :ERROR\n\\echo !:LAST_ERROR_MESSAGE\n\\endif\n`.replace("!:", "! :")).join(""));
    const wrong = [];
    let at = -1, seen = 0;
    for (const line of out.split("\n"))
      if (line.startsWith("@@")) at = Number(line.slice(2));
      else if (line.startsWith("! ")) wrong.push(`${line.slice(2)}: ${texts[at]}`);
      else if (line.includes("|")) {
        seen++;
        const type = line.slice(line.lastIndexOf("|") + 1);
        if (!READ.has(type)) wrong.push(`${line}: ${texts[at]}`);
      }
    t.diagnostic(`${all.length} statements, ${seen} columns`);
    assert.ok(all.length > 350 && at === all.length - 1 && seen > 500, `${all.length} statements, the last ${at}, ${seen} columns`);
    assert.deepEqual(wrong.splice(0, 2), ["sum|numeric: " + planted[0], 'relation "nowhere" does not exist: ' + planted[1]], "what would be wrong is seen");
    assert.deepEqual(wrong, []);
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
