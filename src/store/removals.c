#include "store/removals.h"

#include "base/clock.h"
#include "base/defs.h"
#include "base/id.h"
#include "store/book.h"
#include "store/events.h"
#include "store/jobs.h"

/* Rows of one statement; assistants weigh more than all others. PostgreSQL, where each statement is a way there and back
 * and keeps nobody else from writing, takes more of them. */
#define PIECE       "32 /*pg * 16 */"
#define HEAVY_PIECE "4 /*pg * 16 */"

#define ALL_OF(table) "DELETE FROM " table " WHERE workspace_id = ?"
#define SOME_OF(table, piece)                                  \
    "DELETE FROM " table " WHERE id IN (SELECT id FROM " table \
    " WHERE workspace_id = ? LIMIT " piece ")"

static enum err run_on(struct ctx *ctx, struct db_conn *tx, const char *sql, const char *id) {
    struct db_stmt *q = db_use(tx, sql);
    db_bind_text(q, id);
    return db_run(ctx, q);
}

enum err workspace_row_remove(struct ctx *ctx, struct db_conn *tx, const char *id) {
    /* Who and what gets in, and what would go on by itself. */
    static const char *const ENDED[] = {
        ALL_OF("memberships"),       ALL_OF("sessions"),
        ALL_OF("api_keys"),          ALL_OF("invitations"),
        ALL_OF("webhook_endpoints"), ALL_OF("credentials"),
        ALL_OF("workspace_keys"),    ALL_OF("jobs"),
        ALL_OF("oauth_grants"),      ALL_OF("oauth_states"),
    };
    int64_t now_ms = ava_steady_ms();
    struct id job_id = id_make("job");
    struct job_row job = { .id = job_id.text,
                           .workspace_id = id,
                           .kind = REMOVAL_JOB_NAME,
                           .object = id,
                           .run_at_ms = now_ms,
                           .created_ms = now_ms };
    static const char *const MARKED[] = {
        "UPDATE workspaces SET removed_at = ? WHERE id = ?",
        "UPDATE destinations SET removed_at = ?, enabled = 0 WHERE workspace_id = ?",
    };
    for (size_t i = 0; i < ARRAY_LEN(MARKED); i++) {
        struct db_stmt *q = db_use(tx, MARKED[i]);
        db_bind_i64(q, now_ms);
        db_bind_text(q, id);
        TRY(db_run(ctx, q));
    }
    for (size_t i = 0; i < ARRAY_LEN(ENDED); i++)
        TRY(run_on(ctx, tx, ENDED[i], id));
    TRY(book_note(ctx, tx, id));
    return job_row_put(ctx, tx, &job, NULL, 0);
}

enum err workspace_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *id, bool *more) {
    static const char *const MANY[] = {
        "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries WHERE destination_id IN"
        " (SELECT id FROM destinations WHERE workspace_id = ?) LIMIT " PIECE ")",
        SOME_OF("operations", PIECE),
        SOME_OF("calls", PIECE),
        SOME_OF("email_files", HEAVY_PIECE),
        SOME_OF("messages", PIECE),
        SOME_OF("suppressions", PIECE),
        SOME_OF("rule_uses", PIECE),
        SOME_OF("rules", PIECE),
        SOME_OF("bookings", PIECE),
        SOME_OF("tool_uses", PIECE),
        "DELETE FROM events WHERE id IN (" LIGHT_EVENTS("workspace_id = ?", PIECE) ")",
        SOME_OF("steps", PIECE),
        SOME_OF("idempotency_keys", PIECE),
        SOME_OF("assistant_versions", HEAVY_PIECE),
        SOME_OF("template_versions", HEAVY_PIECE),
        "DELETE FROM opt_outs WHERE workspace_id = ?1 AND address IN"
        " (SELECT address FROM opt_outs WHERE workspace_id = ?1 LIMIT " PIECE ")",
    };
    *more = true;
    /* What was under way when it was removed may have left itself something to do. */
    TRY(run_on(ctx, tx,
               "DELETE FROM jobs WHERE workspace_id = ? AND kind <> '" REMOVAL_JOB_NAME "'", id));
    for (size_t i = 0; i < ARRAY_LEN(MANY); i++) {
        TRY(run_on(ctx, tx, MANY[i], id));
        if (db_changes(tx))
            return OK;
    }
    *more = false;
    TRY(book_note(ctx, tx, id));
    return run_on(ctx, tx, "DELETE FROM workspaces WHERE id = ? AND removed_at > 0", id);
}

enum err destination_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *id, bool *more) {
    TRY(run_on(ctx, tx,
               "DELETE FROM deliveries WHERE seq IN (SELECT seq FROM deliveries"
               " WHERE destination_id = ? LIMIT " PIECE ")",
               id));
    *more = db_changes(tx) > 0;
    return *more ? OK
                 : run_on(ctx, tx, "DELETE FROM destinations WHERE id = ? AND removed_at > 0", id);
}
