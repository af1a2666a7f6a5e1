#include "tasks/operation_pass.h"

#include <string.h>

#include "base/clock.h"
#include "config/flags.h"
#include "obs/log.h"
#include "store/jobs.h"
#include "tasks/jobs.h"
#include "tasks/turns.h"

enum { TOGETHER_MAX = 256, LISTED_BYTES = 32 << 20, AGAIN_MS = 1000 };

struct pass {
    struct operation_run *first;
    struct ctx ctx; /* with an arena for what is listed */
    struct operation_run *runs[TOGETHER_MAX];
    const struct operation *ops[TOGETHER_MAX];
    size_t count;
    const void *listed;
};

/* Moves the job of an operation that is still unknown to its next time, soon when that has come: a
 * pass is about to take it, or has. One that is settled has no job any more. */
static enum err leave_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct operation_run *r = arg;
    struct operation_row now;
    int64_t soon_ms = ava_steady_ms() + AGAIN_MS;
    TRY(operation_row_find(ctx, tx, NULL, r->row.id, &now));
    if (!now.id || now.state != OPERATION_UNKNOWN)
        return OK;
    return operation_schedule(ctx, tx, &now, now.next_ms > soon_ms ? now.next_ms : soon_ms);
}

static enum err leave_to_others(struct operation_run *r) {
    enum err e = db_write(&r->ctx, leave_write, r);
    jobs_wake(r->ctx.parts->jobs);
    return e;
}

/* Opens all unknown operations of the workspace and kind. One that cannot be opened fails by itself, in
 * its own job. */
static enum err gather(struct pass *p) {
    struct operation_row *rows = arena_alloc(p->ctx.arena, TOGETHER_MAX * sizeof *rows);
    const struct operation_run *first = p->first;
    size_t found;
    TRY(operation_rows_unknown(&p->ctx, db_reader(&p->ctx), first->row.workspace_id,
                               first->kind->name, rows, TOGETHER_MAX, &found));
    for (size_t i = 0; i < found; i++) {
        if (operation_run_of(&p->ctx, first->kind, &rows[i], &p->runs[p->count]) == OK) {
            p->ops[p->count] = &p->runs[p->count]->op;
            p->count++;
        }
        ctx_clear(&p->ctx);
    }
    return OK;
}

/* Is it among those that the pass looks for, and is it time to look for it? Not when another pass was
 * just through with it. */
static bool has_due(const struct pass *p, const char *id) {
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->runs[i]->row.id, id) == 0)
            return p->runs[i]->row.next_ms <= ava_steady_ms();
    return false;
}

/* Goes through the provider's list once, where there are several to look for, and settles each. A list
 * that cannot be had is a look that found nothing, for all of them. */
static void look_for_all(struct pass *p) {
    const struct operation_kind *kind = p->first->kind;
    enum err e = p->count > 1 ? kind->list(&p->ctx, p->ops, p->count, &p->listed) : OK;
    if (e != OK)
        log_warn(&p->ctx, "operations not listed", L("kind", kind->name),
                 L("count", (long)p->count), L("code", err_info(e)->code));
    for (size_t i = 0; i < p->count && !jobs_is_stopping(p->ctx.parts->jobs); i++) {
        p->runs[i]->result = e;
        if (e == OK)
            operation_run_look(p->runs[i], p->listed);
        else
            operation_run_put_off(p->runs[i]);
    }
}

/* The pass itself; the turn is ours. */
static enum err go_through(struct operation_run *first) {
    struct arena *a = arena_new(LISTED_BYTES);
    struct pass *p = arena_alloc(a, sizeof *p);
    *p = (struct pass){ .first = first, .ctx = first->ctx };
    p->ctx.arena = a;
    enum err e = gather(p);
    bool is_due = e == OK && has_due(p, first->row.id);
    if (is_due)
        look_for_all(p);
    for (size_t i = 0; i < p->count; i++)
        operation_run_release(p->runs[i]);
    arena_free(a);
    return e == OK && !is_due ? leave_to_others(first) : e;
}

enum err operation_pass(struct operation_run *first) {
    struct turn turn;
    if (first->row.next_ms > ava_steady_ms())
        return leave_to_others(first);
    if (!first->kind->list || !first->row.sent_ms || !flag_is_on(FLAG_ONE_PASS)) {
        operation_run_look(first, NULL);
        return OK;
    }
    const char *what =
        arena_printf(first->arena, "%s/%s unknown", first->row.workspace_id, first->kind->name);
    if (!turn_take_now(&first->ctx, what, &turn))
        return leave_to_others(first);
    enum err e = go_through(first);
    turn_give(&turn);
    return e;
}
