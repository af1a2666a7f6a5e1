// Sixty days of webhooks, of which thirty are kept: the sweep keeps up, and neither the database nor its log grows beyond
// what is kept (HARDENING 19). make soak takes as many a day as a large installation gets.
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, until } from "../lib/ava.mjs";
import { onPostgres, rows, rowsBeside } from "../lib/database.mjs";

const LONG = Boolean(process.env.TEST_SOAK), A_DAY = LONG ? 500_000 : 2000, DAYS = 60, KEPT = 30, DAY_S = 24 * 3600, PIECE = 10_000, SWEEP_S = 60;

describe("sixty days of webhooks", { skip: missing }, () => {
  let a, workspace;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "error" } });
    await a.signUp();
    workspace = a.me.workspace.id;
  });
  after(() => a?.remove());
  // Beside this process, which has connections to look after.
  const sql = (text) => rowsBeside(a.data, text);
  const sizeOf = (name) => (onPostgres ? Number(rows(a.data, "SELECT pg_database_size(current_database())")) : statSync(join(a.data, name)).size);

  test(`${A_DAY} a day: never more than 31 days' worth`, { timeout: 7_200_000 }, async (t) => {
    let most = 0, log = 0, wall = Date.now(), half;
    for (let day = 1; day <= DAYS; day++) {
      // What intake writes, but for what is sealed in it: ids carry the time.
      const step = Math.floor((DAY_S * 1000) / A_DAY);
      for (let first = 0; first < A_DAY; first += PIECE)
        await sql(`WITH RECURSIVE n(i) AS (SELECT ${first} UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.min(first + PIECE, A_DAY) - 1})
        INSERT INTO events (id, workspace_id, provider, type, resource, dedupe, status, correlation_id, received_at, settled_at, sealed)
        SELECT printf('evt_%012x7%019d', ${wall} + i * ${step}, i), '${workspace}', 'vapi', 'status-update', printf('call-%d', i), randomblob(32), 'done', 'load', ${wall} + i * ${step}, ${wall}, CAST(X'A101' || zeroblob(300) AS BLOB) FROM n;`);
      await a.advance(DAY_S);
      wall += DAY_S * 1000;
      const count = async () => Number(await sql("SELECT count(*) FROM events"));
      // A sweep that was under way as the day passed looks at the day before: the next is due in a while.
      await until(async () => (await count()) <= (KEPT + 1) * A_DAY || (await a.advance(SWEEP_S), false), { ms: 600_000, every: LONG ? 1000 : 50, what: `day ${day}: no more than 31 days` });
      most = Math.max(most, await count());
      if (!onPostgres) log = Math.max(log, sizeOf("ava.db-wal"));
      if (day === DAYS / 2 + 2) half = sizeOf("ava.db");
      assert.equal((await a.call("/health/ready", { key: null })).status, 200, `day ${day}`);
    }
    t.diagnostic(`${most} rows at most, ${(sizeOf("ava.db") / 1048576).toFixed(0)} MiB of database (${(half / 1048576).toFixed(0)} after 32 days), ${(log / 1048576).toFixed(0)} MiB of log at most`);
    assert.ok(most > KEPT * A_DAY * 0.9, "thirty days are kept");
    // PostgreSQL's vacuum goes by its own clock, which has had minutes.
    if (!onPostgres) assert.ok(sizeOf("ava.db") < half * 1.15, "the file is as large as what is kept");
    assert.ok(log < 256 << 20, `${log} bytes of log`);
  });
});
