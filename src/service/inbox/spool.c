#include "service/inbox/spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/inbox/inbox.h"
#include "store/people.h"
#include "tasks/book.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

enum { TAKE_MS = 10 * 1000, MOVE_MS = 2 * 1000, BETWEEN_MAX = 8192 };

enum err spool_take(struct ctx *ctx, const struct incoming *in) {
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    bool is_new;
    if (!ctx->parts->whole)
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "There is no book to spool it in.");
    ctx->deadline_ms = ava_now_ms() + TAKE_MS;
    return event_take(ctx, in, &is_new);
}

/* --- moving ---------------------------------------------------------------------------------- */

struct moving {
    struct event_row *rows;
    size_t count;
    bool is_there[EVENTS_SPOOLED_MAX]; /* came to the database just now */
    bool is_done[EVENTS_SPOOLED_MAX];  /* may leave the book */
};

/* Nothing is asked in between, so that they go to the server together. */
static enum err bring_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct moving *m = arg;
    for (size_t i = 0; i < m->count; i++)
        TRY(event_row_bring(ctx, tx, &m->rows[i], vault_key_of(m->rows[i].sealed)));
    return OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Which of them are there under their own ids? Those that are not may be there under others, or cannot be. */
static enum err find_there(struct ctx *ctx, struct moving *m) {
    const char *from = m->rows[0].id, *to = from;
    const char **ids = arena_alloc(ctx->arena, BETWEEN_MAX * sizeof *ids);
    size_t count;
    for (size_t i = 0; i < m->count; i++) {
        from = strcmp(m->rows[i].id, from) < 0 ? m->rows[i].id : from;
        to = strcmp(m->rows[i].id, to) > 0 ? m->rows[i].id : to;
    }
    TRY(event_ids_between(ctx, db_reader(ctx), from, to, BETWEEN_MAX, ids, &count));
    for (size_t i = 0; i < m->count; i++)
        m->is_there[i] = bsearch(&m->rows[i].id, ids, count, sizeof *ids, by_text) != NULL;
    return OK;
}

/* The key it was sealed under is gone from the database: it is sealed anew. */
static enum err reseal_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct event_row row = *(const struct event_row *)arg;
    struct sealed_place place = event_row_place(&row);
    struct ctx reading = *ctx;
    struct str plain;
    bool is_new;
    SCOPED(book_shut) struct book_view view = book_read(&reading);
    TRY(vault_unseal(&reading, db_reader(&reading), &place, row.sealed, &plain));
    TRY(vault_seal(ctx, tx, &place, plain, &row.sealed));
    return event_row_insert(ctx, tx, &row, &is_new);
}

/* Why did it not come? It was there before, its workspace is gone, or its key is. */
static enum err settle_one(struct ctx *ctx, const struct event_row *row, bool *is_there) {
    struct workspace whose;
    bool has;
    TRY(event_row_has(ctx, db_reader(ctx), row, &has));
    if (has)
        return OK;
    TRY(workspace_find(ctx, db_reader(ctx), row->workspace_id, NULL, &whose));
    if (!whose.id) {
        log_warn(ctx, "spooled event dropped", L("event", row->id),
                 L("why", "its workspace was removed meanwhile"));
        return OK;
    }
    TRY(db_write(ctx, reseal_write, (void *)row));
    *is_there = true;
    return OK;
}

static enum err put_aside_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return event_row_put_aside(ctx, tx, arg);
}

static enum err drop_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct moving *m = arg;
    for (size_t i = 0; i < m->count; i++)
        if (m->is_done[i])
            TRY(event_row_drop(ctx, tx, m->rows[i].id));
    return OK;
}

/* In the book. */
static enum err write_book(struct ctx *ctx, db_fn *fn, void *arg) {
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    if (!ctx->parts->whole)
        return ERR_STORAGE_UNAVAILABLE;
    ctx->deadline_ms = ava_now_ms() + TAKE_MS;
    return db_write(ctx, fn, arg);
}

/* One that the database does not take, whatever is done, keeps nobody else from it. */
static enum err move_one(struct ctx *ctx, struct moving *m, size_t i) {
    struct moving one = { .rows = &m->rows[i], .count = 1 };
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(m->rows[i].workspace_id));
    enum err e = db_write(ctx, bring_write, &one);
    if (e == OK)
        e = find_there(ctx, &one);
    m->is_there[i] = one.is_there[0];
    if (e == OK && !m->is_there[i])
        e = settle_one(ctx, &m->rows[i], &m->is_there[i]);
    if (e == ERR_STORAGE_UNAVAILABLE || ctx_left_ms(ctx) == 0)
        return e;
    m->is_done[i] = e == OK;
    if (e == OK)
        return OK;
    log_error(ctx, "spooled event not moved", L("event", m->rows[i].id),
              L("why", ctx->problem.detail ? ctx->problem.detail : ""),
              L("then", "it stays in the book"));
    ctx_clear(ctx);
    return write_book(ctx, put_aside_write, (void *)m->rows[i].id);
}

static int by_dedupe(const void *a, const void *b) {
    const struct event_row *x = a, *y = b;
    return str_order(x->dedupe, y->dedupe);
}

static enum err list(struct ctx *ctx, struct moving *m) {
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    m->count = 0;
    if (!ctx->parts->whole)
        return OK;
    return event_rows_spooled(ctx, db_reader(ctx), m->rows, &m->count);
}

/* All together; where that fails for the sake of one, each by itself. */
static enum err bring(struct ctx *ctx, struct moving *m) {
    enum err e = db_write_beside(ctx, bring_write, m);
    if (e == OK)
        e = find_there(ctx, m);
    bool is_together = e == OK;
    if (e == ERR_STORAGE_UNAVAILABLE)
        return e;
    ctx_clear(ctx);
    for (size_t i = 0; i < m->count && e != ERR_STORAGE_UNAVAILABLE; i++) {
        ctx->deadline_ms = ava_now_ms() + MOVE_MS;
        m->is_done[i] = is_together && m->is_there[i];
        e = m->is_done[i] ? OK : move_one(ctx, m, i);
    }
    return e;
}

enum err spool_move(struct ctx *ctx, size_t *count) {
    struct moving m = { .rows = arena_alloc(ctx->arena, EVENTS_SPOOLED_MAX * sizeof *m.rows) };
    *count = 0;
    TRY(list(ctx, &m));
    if (!m.count)
        return OK;
    /* In the order in which others insert them, or two could wait for each other. */
    qsort(m.rows, m.count, sizeof *m.rows, by_dedupe);
    enum err e = bring(ctx, &m);
    TRY(write_book(ctx, drop_write, &m));
    for (size_t i = 0; i < m.count; i++) {
        *count += m.is_done[i];
        if (m.is_there[i])
            jobs_want(ctx->parts->jobs, &INBOX_JOB, m.rows[i].workspace_id);
    }
    return e;
}
