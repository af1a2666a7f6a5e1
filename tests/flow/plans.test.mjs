// Every statement of the program, as SQLite would carry it out (HARDENING 20): none goes through all rows of a table that
// grows with what workspaces do, but for those listed here, each with its reason.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, bin, missing } from "../lib/ava.mjs";
import { sqliteOnly } from "../lib/database.mjs";

// Tables of the installation itself, and what is no table.
// A sub-select is called found.
const SMALL = /^(\(subquery-\d+\)|CONSTANT ROW|schema_migrations|sqlite_schema|pragma_\w+|meta|users|workspaces|workspace_keys|setup_tokens|destinations|hosts|leases|w|found)$/;

// Beginning of the statement, what it scans, why it may.
const KNOWN = [
  [/UNION SELECT .* FROM calls WHERE carrier_id = \?1 LIMIT \?9$/, "calls", "the command line asks for one call, over all workspaces"],
  [/^SELECT COUNT\(\*\) FROM deliveries WHERE settled_at = 0$/, "deliveries", "a gauge: what is open, by an index of that alone"],
  [/^SELECT COUNT\(\*\) FROM events WHERE status = 'dead'/, "events", "a gauge: what is dead, by an index of that alone"],
  [/FROM events WHERE status = 'retrying' LIMIT 1000\) AS found\) AS found$/, "events", "a gauge: a thousand of those that wait, by an index of them alone"],
  [/^UPDATE jobs SET/, "jobs", "what is leased, which is bounded"],
  [/^SELECT run_at FROM jobs WHERE state = 'ready'/, "jobs", "the first by its index"],
  [/FROM calls WHERE slot = '(?:waiting|held)'/, "calls", "what waits for a line or holds one, by indices of those alone"],
  [/substr\(sealed, 3, 4\)/, "event_bodies", "a command: rotation of keys"],
  [/^DELETE FROM sessions WHERE ends_at/, "sessions", "now and then, and there are few"],
  ...["events", "deliveries", "sessions", "webhook_endpoints", "idempotency_keys", "oauth_grants", "oauth_states", "rule_uses"].map((table) => [/^UPDATE .* - \?1/, table, "at a start, when the clock went back"]),
  ...["events", "deliveries"].map((table) => [/^UPDATE \w+ SET next_at = 0 WHERE .* AND next_at > \?1$/, table, "at a start, what is open, by an index of that alone"]),
  [/FROM events WHERE status = 'received' ORDER BY id LIMIT 512\)/, "events", "of the book: what is spooled"],
  [/^SELECT COUNT\(\*\) FROM events$/, "events", "of the book: what is spooled"],
  [/^UPDATE rule_uses SET due_at = 0 WHERE status = 'waiting'/, "rule_uses", "at a start, what waits, by an index of that alone"],
];

// The same for what goes through all rows of one workspace, or destination.
const KNOWN_OF_ONE = [
  [/ORDER BY \w+ (?:DESC )?LIMIT 1$/, /audit_log|deliveries/, "the first or last by its index"],
  [/^WITH RECURSIVE w \(id\) AS \(SELECT MIN\(workspace_id\) FROM events/, /events/, "a gauge: the first of each workspace by its index"],
  [/^SELECT 1 FROM audit_log WHERE workspace_id = \? AND action/, /audit_log/, "sandbox alone: was a credential ever added?"],
  [/substr\(sealed, 3, 4\)/, /./, "a command: rotation of keys"],
  [/^DELETE FROM workspace_keys WHERE workspace_id >= \?1/, /events/, "of the book: is anything spooled?"],
];

// Indices that hold open rows alone.
const OPEN = /INDEX (calls_held|calls_waiting|events_retrying|deliveries_in_order) /;

describe("how statements are carried out", { skip: missing || sqliteOnly }, () => {
  let a;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.stop();
  });
  after(() => a?.remove());

  // SQL is literals only, so all of it stands in the program.
  const statements = () => [...new Set(readFileSync(bin).toString("latin1").match(/(?<=\0)(?:SELECT|UPDATE|DELETE FROM|INSERT|WITH) [\x20-\x7e]{8,}(?=\0)/g))].filter((sql) => !/\bpg_|\bset_config\(|\bclock_timestamp\(|\bconvert_(?:to|from)\(|%s/.test(sql)); // which PostgreSQL's side asks, or a copy of everything
  const planOf = (sql) => execFileSync("sqlite3", ["-readonly", join(a.data, "ava.db")], { input: `EXPLAIN QUERY PLAN ${sql};`, encoding: "utf8" });

  test("no statement goes through all of a table that grows, but for those that are known to", { timeout: 120_000 }, (t) => {
    const all = statements(), used = new Set(), found = [];
    assert.ok(all.length > 200, `${all.length} statements found`);
    for (const sql of all)
      for (const [, what] of planOf(sql).matchAll(/SCAN (\(\S+\)|CONSTANT ROW|\w+)/g)) {
        if (SMALL.test(what)) continue;
        const known = KNOWN.find(([text, table]) => table === what && text.test(sql));
        if (known) used.add(known);
        else found.push(`${what}: ${sql}`);
      }
    t.diagnostic(`${all.length} statements`);
    assert.deepEqual(found, []);
    assert.deepEqual(KNOWN.filter((k) => !used.has(k)).map((k) => String(k[0])), [], "nothing is listed that is not there");
  });

  test("nor through all of one workspace", { timeout: 120_000 }, () => {
    const used = new Set(), found = [], GROWING = /^(events|event_bodies|calls|messages|operations|audit_log|deliveries|steps|idempotency_keys|assistant_versions|template_versions)$/;
    for (const sql of statements())
      for (const [step, what] of planOf(sql).matchAll(/SEARCH (\w+) (?:USING .*)?\((?:workspace_id|destination_id|user_id)=\?\)$/gm)) {
        if (!GROWING.test(what) || OPEN.test(step) || /LIMIT \d+( \/\*pg \* \d+ \*\/)?\)( AS found\) AS found WHERE before < \d+\))?$/.test(sql)) continue; // so many rows in a step
        const known = KNOWN_OF_ONE.find(([text, table]) => table.test(what) && text.test(sql));
        if (known) used.add(known);
        else found.push(`${what}: ${sql}`);
      }
    assert.deepEqual(found, []);
    assert.deepEqual(KNOWN_OF_ONE.filter((k) => !used.has(k)).map((k) => String(k[0])), [], "nothing is listed that is not there");
  });
});
