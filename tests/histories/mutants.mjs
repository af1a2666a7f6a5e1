// Thirty and some small wrongs, each of which would let two hosts do what one must do; and the shortest test that must see it.
// A wrong that no test sees says that a test is missing.
//
// file, from, to: the change; from stands in the file once. by: the tests, of which one must fail: [kind, word] of tools/test, or
// { history: seed, hosts, seconds }.
const unit = (word) => ["unit-postgres", word], peers = (word) => ["peers", word];

export const MUTANTS = [
  { name: "an operation is moved without a look at its epoch", file: "src/store/operations.c", from: 'sealed = ? WHERE id = ?"\n                                   " AND epoch = ?"', to: 'sealed = ? WHERE id = ?"\n                                   " AND (epoch = ? OR TRUE)"', by: [unit("tasks_operations")] },
  { name: "who takes an operation over does not raise its epoch", file: "src/store/operations.c", from: "SET epoch = epoch + 1,", to: "SET epoch = epoch + 0,", by: [unit("tasks_operations")] },
  { name: "what was sent and is taken over is sent again", file: "src/store/operations.c", from: "state = CASE state WHEN 'sent' THEN 'unknown' ELSE state END", to: "state = CASE state WHEN 'sent' THEN 'prepared' ELSE state END", by: [unit("tasks_operations"), peers("hosts")] },
  { name: "bytes leave though another has the operation", file: "src/tasks/operation_run.c", from: "    if (!m.is_ours) {\n        lose(r);\n        return", to: "    if (!m.is_ours) {\n        lose(r);\n        if (!r)\n            return", by: [unit("tasks_operations")] },
  { name: "a job that is being leased is not skipped", file: "src/store/jobs.c", from: "LIMIT 1 /*pg FOR UPDATE SKIP LOCKED*/)", to: "LIMIT 1)", by: [unit("store_jobs")] },
  { name: "job_confirm always says mine", file: "src/store/jobs.c", from: "*is_mine = db_changes(tx) > 0;", to: "*is_mine = true;", by: [unit("store_jobs")] },
  { name: "a job is confirmed whoever has it", file: "src/store/jobs.c", from: 'lease_until = ? WHERE id = ? AND owner = ?"', to: 'lease_until = ? WHERE id = ? AND (owner = ? OR TRUE)"', by: [unit("store_jobs")] },
  { name: "a job is confirmed under a former lease of the same owner", file: "src/store/jobs.c", from: '" AND attempts = ? AND state', to: '" AND (attempts = ? OR TRUE) AND state', by: [unit("store_jobs")] },
  { name: "a confirmation does not extend the lease", file: "src/store/jobs.c", from: 'SET lease_until = ? WHERE id = ? AND owner', to: 'SET lease_until = lease_until + 0 * ? WHERE id = ? AND owner', by: [unit("store_jobs")] },
  { name: "who extends many leases waits for one that somebody moves", file: "src/store/jobs.c", from: "AND attempts = ? AND state = 'leased'\"\n                   \" /*pg FOR UPDATE SKIP LOCKED*/)", to: "AND attempts = ? AND state = 'leased')", by: [unit("store_jobs")] },
  { name: "who takes leases back waits for one that somebody moves", file: "src/store/jobs.c", from: "owner <> ?2))\"\n                   \" /*pg FOR UPDATE SKIP LOCKED*/)", to: "owner <> ?2)))", by: [unit("store_jobs")] },
  { name: "a lease that ran out is nobody's for ever", file: "src/store/jobs.c", from: "AND (lease_until < ?1 OR", to: "AND (lease_until < ?1 - 86400000 OR", by: [unit("store_jobs")] },
  { name: "a lease that goes on is taken back", file: "src/store/jobs.c", from: "AND (lease_until < ?1 OR", to: "AND (lease_until < ?1 + 86400000 OR", by: [unit("store_jobs")] },
  { name: "a host that starts voids the leases of the others", file: "src/tasks/hosts.c", from: "    return job_rows_reclaim(ctx, tx, now_ms, NULL);", to: "    return job_rows_reclaim(ctx, tx, now_ms, own.run_id);", by: [unit("tasks_hosts")] },
  { name: "a workspace has no lock", file: "src/db/pg_tx.c", from: "pg_advisory_xact_lock_shared(?), pg_advisory_xact_lock(?), ", to: "pg_advisory_xact_lock_shared(?), pg_advisory_xact_lock_shared(?), ", by: [unit("db_db"), { history: 7, hosts: 3, seconds: 12 }] },
  { name: "what is for no workspace goes beside the others", file: "src/db/pg_tx.c", from: "[DB_ALONE] = BEGIN \", \" PG_NOW \", pg_advisory_xact_lock(?)", to: "[DB_ALONE] = BEGIN \", \" PG_NOW \", pg_advisory_xact_lock_shared(?)", by: [peers("postgres")] },
  { name: "the rows of a batch are in no order", file: "src/db/pg_append.c", from: "        qsort(items, timely, sizeof *items, by_order);", to: "        (void)by_order;", by: [peers("postgres")] },
  { name: "a claim of a living host is taken over", file: "src/tasks/idempotency.c", from: "*is_over = !is_known || (!is_alive && is_old);", to: "(void)is_old;\n    *is_over = true;", by: [unit("tasks_hosts"), peers("hosts")] },
  { name: "a claim of a silent host is taken over while its request may go on", file: "src/tasks/idempotency.c", from: "*is_over = !is_known || (!is_alive && is_old);", to: "(void)is_old;\n    *is_over = !is_known || !is_alive;", by: [unit("tasks_hosts")] },
  { name: "two take over one claim", file: "src/store/idempotency.c", from: '" AND owner = ? AND operation_id IS NULL AND sealed IS NULL");\n    db_bind_text(q, owner);\n    db_bind_text(q, id);\n    db_bind_text(q, former);', to: '" AND (owner = ? OR TRUE) AND operation_id IS NULL AND sealed IS NULL");\n    db_bind_text(q, owner);\n    db_bind_text(q, id);\n    db_bind_text(q, former);', by: [unit("tasks_hosts"), peers("hosts")] },
  { name: "who lost its claim answers it", file: "src/store/idempotency.c", from: 'SET sealed = ? WHERE id = ? AND owner = ?"', to: 'SET sealed = ? WHERE id = ? AND (owner = ? OR TRUE)"', by: [["unit", "tasks_hosts"], unit("tasks_hosts")] },
  { name: "who lost its claim links it with its operation", file: "src/store/idempotency.c", from: 'SET operation_id = ? WHERE id = ? AND owner = ?"', to: 'SET operation_id = ? WHERE id = ? AND (owner = ? OR TRUE)"', by: [["unit", "tasks_hosts"], unit("tasks_hosts")] },
  { name: "a lease that another has is taken", file: "src/store/hosts.c", from: '" WHERE leases.owner = excluded.owner OR leases.until_at < ?4', to: '" WHERE TRUE OR leases.owner = excluded.owner OR leases.until_at < ?4', by: [unit("tasks_hosts")] },
  { name: "a lease of a host that is gone is kept for it", file: "src/store/hosts.c", from: " OR NOT EXISTS\"", to: " OR FALSE AND NOT EXISTS\"", by: [unit("tasks_hosts")] },
  { name: "a host goes by its own clock", file: "src/base/clock.c", from: "    if (off < least || off > most)", to: "    if (off < least && off > most)", by: [peers("hosts")] },
  { name: "two hosts with one run id both go on", file: "src/tasks/hosts.c", from: "    if (h->seen[0] && !atomic_exchange(&h->is_usurped, true))", to: "    if (!h->seen[0] && h->seen[0] && !atomic_exchange(&h->is_usurped, true))", by: [unit("tasks_hosts")] },
  { name: "If-Match is not looked at", file: "src/service/calls/call_limits.c", from: "if (s->etag && !etag_matches(", to: "if (false && s->etag && !etag_matches(", by: [{ history: 7, hosts: 3, seconds: 12 }] },
  { name: "limits are answered with what somebody saved afterwards", file: "src/service/calls/call_limits.c", from: "    out->row = s.row;", to: "    (void)s.row;", by: [["flow", "lines.test"]] },
  { name: "a turn is taken whoever of the other hosts has it", file: "src/tasks/turns.c", from: "    TRY(ask_hosts(ctx, what, is_ours));\n    while (!*is_ours", to: "    TRY(ask_hosts(ctx, what, is_ours));\n    *is_ours = true;\n    while (!*is_ours", by: [unit("tasks_hosts")] },
  { name: "a turn that is given stays with its host", file: "src/tasks/turns.c", from: "    hosts_may_not(&late, lease_of(&late, t->what));", to: "    (void)late;", by: [unit("tasks_hosts")] },
  { name: "what is wanted while another has the job is forgotten", file: "src/store/jobs.c", from: "wanted_at = CASE jobs.state WHEN 'leased' THEN excluded.run_at END", to: "wanted_at = NULL", by: [unit("store_jobs")] },
  { name: "what comes while its job is made is taken for made with it", file: "src/tasks/jobs.c", from: "    bool was_made = w->is_made;\n    w->serial = ++j->last_serial;", to: "    bool was_made = w->is_made;", by: [unit("tasks_jobs")] },
  { name: "a job that another host may have ended is taken for made", file: "src/tasks/jobs.c", from: "if (w && is_among_hosts(j))", to: "if (w && false && is_among_hosts(j))", by: [unit("tasks_jobs")] },
  { name: "a beat carries no new mark", file: "src/tasks/hosts.c", from: "            id_make(\"beat\"); /* else", to: "            h->mark; /* else", by: [unit("tasks_hosts")] },
  { name: "a verdict is believed that was made of a statement that failed", file: "src/db/pg_write.c", from: "if (is_verdict && c->failure.is_set)", to: "if (false && is_verdict && c->failure.is_set)", by: [unit("db_db")] },
];
