#include <stdio.h>
#include <string.h>

#include "db/pg.h"
#include "db/trouble.h"
#include "obs/log.h"
#include "obs/metrics.h"

void pg_fail(struct pg_failure *f, const char *sql, const char *state, const char *words) {
    if (f->is_set)
        return;
    f->is_set = true;
    f->sql = sql;
    str_copy(f->state, sizeof f->state, str_of(state ? state : ""));
    str_copy(f->words, sizeof f->words, str_trim(str_of(words ? words : "")));
    for (char *end = strchr(f->words, '\n'); end; end = strchr(end, '\n'))
        *end = ' ';
}

void pg_fail_away(struct pg_failure *f, const char *sql) {
    pg_fail(f, sql, "08006", "the database is not reachable");
    f->is_lost = f->is_known = true;
}

void pg_fail_by(struct pg_failure *f, PGconn *handle, const PGresult *result, const char *sql) {
    bool is_lost = !handle || pq.status(handle) != CONNECTION_OK;
    if (result && pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY))
        pg_fail(f, sql, pq.resultErrorField(result, PG_DIAG_SQLSTATE),
                pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    else
        pg_fail(f, sql, "", handle ? pq.errorMessage(handle) : "there is no connection");
    f->is_lost |= is_lost;
}

/* By the class of a SQLSTATE: PostgreSQL 15, appendix A. */
static bool is_class(const struct pg_failure *f, const char *class) {
    return strncmp(f->state, class, strlen(class)) == 0;
}

bool pg_is_away(const struct pg_failure *f) {
    return f->is_lost || is_class(f, "08") || is_class(f, "57P") || is_class(f, "25006");
}

/* Passes by itself: away, full, too much at once, or not in time. */
static bool passes(const struct pg_failure *f) {
    return pg_is_away(f) || is_class(f, "53") || is_class(f, "58") || is_class(f, "57014") ||
           is_class(f, "55P03") || is_class(f, "40") || is_class(f, "25P03");
}

enum err pg_say(struct ctx *ctx, const struct pg_failure *f) {
    if (!f->is_known)
        log_error(ctx, "db", L("state", f->state), L("why", f->words),
                  L("sql", f->sql ? f->sql : ""));
    if (is_class(f, "40"))
        metric_add(METRIC_DB_CONFLICTS, 1);
    if (!passes(f))
        return ctx_fail(ctx, ERR_INTERNAL,
                        "Something went wrong on our side; nothing was changed.");
    ctx->problem.retry_after_s = pg_is_away(f) ? TROUBLE_RETRY_S : 1;
    if (is_class(f, "53100"))
        return ctx_fail(
            ctx, ERR_STORAGE_UNAVAILABLE,
            "The disk of the database is full; nothing half done was kept. Try again soon.");
    return ctx_fail(
        ctx, ERR_STORAGE_UNAVAILABLE,
        "Ava cannot reach its database right now; nothing half done was kept. Try again soon.");
}
