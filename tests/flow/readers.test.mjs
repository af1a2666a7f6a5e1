// What one workspace reads, however much it has, holds up nobody else (HARDENING 20).
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Ava, missing, person, until } from "../lib/ava.mjs";
import { rows } from "../lib/database.mjs";

const LONG = Boolean(process.env.TEST_SOAK);

describe("beside a workspace that reads much", { skip: missing, concurrency: 1 }, () => {
  let a, other;
  before(async () => {
    a = await Ava.start({ env: { AVA_LOG_LEVEL: "off" } });
    await a.signUp();
    other = await a.newPerson("other@example.com");
  });
  after(() => a?.remove());
  const sql = (text) => rows(a.data, text);

  test("sums over many calls: who signs in, and whose sums are short, does not wait for them", { timeout: 300_000 }, async (t) => {
    const calls = LONG ? 500_000 : 200_000, now = Date.now();
    sql(`BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${calls})
      INSERT INTO calls (id, workspace_id, provider, provider_id, direction, to_number, status, ended_reason, started_at, ended_at, created_at, updated_at, sealed)
      SELECT printf('call_%032d', i), '${a.me.workspace.id}', 'vapi', printf('p%d', i), 'outbound', '+15005550006', 'ended', 'customer-ended-call', ${now} - i, ${now}, ${now} - i, ${now}, CAST(X'A101' || zeroblob(48) AS BLOB) FROM n; COMMIT;`);
    const sums = (key) => () => a.call("/api/v1/analytics/calls", { key });
    const signIn = () => a.call("/api/v1/auth/login", { key: null, body: person });
    assert.equal((await signIn()).status, 200);
    const order = [], note = (name, run) => run().then((r) => (order.push(name), assert.equal(r.status, 200, `${name}: ${r.text.slice(0, 200)}`)));
    const longs = Array.from({ length: 5 }, (_, n) => note(`long ${n}`, sums(a.key)));
    await until(async () => (await a.metric("http_server_requests_in_flight")) >= 5, { every: 1, what: "they are under way" });
    await Promise.all([...longs, note("signed in", signIn), note("short", sums(other.key))]);
    t.diagnostic(order.join(", "));
    for (const name of ["signed in", "short"]) assert.ok(order.indexOf(name) < 3, order.join(", "));
    const more = await Promise.all(Array.from({ length: 12 }, sums(a.key)));
    const refused = more.filter((r) => r.status !== 200);
    assert.ok(refused.length && refused.every((r) => r.status === 503 && r.json.code === "overloaded" && r.headers.get("retry-after")), refused.map((r) => r.status).join());
  });
});
