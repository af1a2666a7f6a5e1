#include "tasks/operations.h"

#include <string.h>

#include "base/clock.h"
#include "base/fiber.h"
#include "base/id.h"
#include "base/json.h"
#include "obs/log.h"
#include "providers/answer.h"
#include "store/due.h"
#include "store/idempotency.h"
#include "store/steps.h"
#include "tasks/idempotency.h"
#include "tasks/jobs.h"
#include "tasks/operation_pass.h"
#include "tasks/operation_run.h"
#include "tasks/operation_show.h"
#include "vault/vault.h"

enum { PROMISE_MS = 5000, ABSENT_MS = 60 * 60 * 1000, DOUBT_PAGE = 32, PAGE_BYTES = 64 << 10 };

const struct job_kind OPERATION_JOB = { .name = OPERATION_JOB_NAME, .work = operation_work };

/* --- placing it ------------------------------------------------------------------------------ */

struct placing {
    const struct operation_order *order;
    struct operation_row row;
};

static enum err write_intent(struct ctx *ctx, struct db_conn *tx, struct placing *p) {
    struct sealed_place place = operation_row_place(&p->row);
    struct buf b = { 0 };
    buf_printf(&b, "{\"request\":%.*s}", STR_FMT(p->order->request));
    enum err e = vault_seal(ctx, tx, &place, buf_view(&b), &p->row.sealed);
    buf_fini(&b);
    TRY(e);
    TRY(operation_row_insert(ctx, tx, &p->row));
    TRY(p->order->insert(ctx, tx, p->order->arg));
    return p->order->also ? p->order->also->write(ctx, tx, p->order->object, p->order->also->arg)
                          : OK;
}

/* The object, the intent and the job that would take it up again, in one transaction. */
static enum err place_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    TRY(write_intent(ctx, tx, p));
    if (p->order->claim)
        TRY(idempotency_link_in(ctx, tx, p->order->claim, p->row.id));
    if (p->order->waits && *p->order->waits) {
        struct step_row step = { .workspace_id = p->row.workspace_id,
                                 .subject = p->row.id,
                                 .what = "queued" };
        TRY(step_row_add(ctx, tx, &step));
        return operation_row_promise(ctx, tx, p->row.id);
    }
    struct job_row job =
        job_of(ctx, OPERATION_JOB_NAME, p->row.workspace_id, p->row.id, p->row.created_ms);
    return job_row_put(ctx, tx, &job, ctx->parts->run_id, p->row.created_ms + JOB_PLACED_MS);
}

/* Marks the operation as promised: it is not abandoned any more, whatever happens. */
static enum err promise_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return operation_row_promise(ctx, tx, arg);
}

/* "Accepted" is a promise, so it is durable before it is given. */
static enum err promise(struct ctx *ctx, const char *id) {
    struct ctx late = *ctx;
    late.deadline_ms = ava_now_ms() + PROMISE_MS;
    enum err e = db_write(&late, promise_write, (void *)id);
    if (e != OK)
        ctx->problem = late.problem;
    return e;
}

/* Copies the run's problem into ctx: the run's arena ends before the request does. */
static void take_problem(struct ctx *ctx, const struct operation_run *r) {
    const struct problem *p = &r->ctx.problem;
    ctx->problem = *p;
    ctx->problem.detail = p->detail ? arena_strdup(ctx->arena, p->detail) : NULL;
    for (size_t i = 0; i < p->field_count; i++) {
        struct problem_field *f = &ctx->problem.fields[i];
        f->field = arena_strdup(ctx->arena, f->field);
        f->code = arena_strdup(ctx->arena, f->code);
        f->message = f->message ? arena_strdup(ctx->arena, f->message) : NULL;
    }
}

/* Waits until it is over, or waiting is no longer worth it. */
static void wait_for(struct ctx *ctx, struct operation_run *r, enum operation_patience patience) {
    int64_t patient_until = r->began_ms + OPERATION_PATIENT_MS;
    while (!r->is_over && ava_now_ms() < ctx->deadline_ms) {
        bool retries = r->is_slow || r->row.attempts > 0;
        if (patience != PATIENCE_ALL && (r->is_slow || (retries && ava_now_ms() >= patient_until)))
            return;
        int64_t until = ctx->deadline_ms;
        if (patience != PATIENCE_ALL && patient_until < until && ava_now_ms() < patient_until)
            until = patient_until;
        struct fiber_parking parking;
        fiber_parking_init(&parking);
        r->waiter = &parking;
        fiber_park(&parking, until, NULL, NULL);
        r->waiter = NULL;
    }
}

/* What whoever placed the operation is answered: its result, its error, or "accepted", which is
 * promised first. */
static enum err report(struct ctx *ctx, struct operation_run *r, enum operation_patience patience,
                       struct operation_end *out) {
    bool is_open = !r->is_over || r->row.state == OPERATION_UNKNOWN ||
                   r->row.state == OPERATION_PREPARED ||
                   r->is_lost;    /* it goes on later, or elsewhere */
    if (r->is_over && r->waits) { /* promised in the transaction that says so */
        out->is_accepted = true;
        return OK;
    }
    out->was_abandoned = r->was_abandoned;
    ctx->attempts = out->attempts = r->ctx.attempts;
    if (is_open && patience != PATIENCE_ALL) {
        out->is_accepted = true;
        r->row.is_promised = true;
        return promise(ctx, out->id);
    }
    if (is_open) {
        ctx->problem.service = r->row.provider;
        ctx->problem.operation_id = out->id;
        return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                        "%s did not confirm this yet. Ava asks until it knows, and never sends it "
                        "twice.",
                        provider_title(r->kind->provider));
    }
    if (r->result != OK) {
        take_problem(ctx, r);
        return r->result;
    }
    out->shown = (struct str){ arena_copy(ctx->arena, r->shown.ptr, r->shown.len), r->shown.len };
    return OK;
}

static struct placing placing_of(struct ctx *ctx, const struct operation_order *order) {
    int64_t now_ms = ava_steady_ms();
    return (struct placing){ .order = order,
                             .row = { .id = order->id,
                                      .workspace_id = ctx->who.workspace_id,
                                      .kind = order->kind->name,
                                      .provider = provider_name(order->kind->provider),
                                      .object = order->object,
                                      .actor = ctx->who.user_id,
                                      .correlation_id = ctx->correlation_id,
                                      .state = OPERATION_PREPARED,
                                      .is_promised = order->patience == PATIENCE_NONE,
                                      .attempts_max = UPSTREAM_ATTEMPTS_MAX,
                                      .created_ms = now_ms,
                                      .updated_ms = now_ms,
                                      .trace = trace_keep(&ctx->trace, ctx->arena) } };
}

enum err operation_place(struct ctx *ctx, const struct operation_order *order,
                         struct operation_end *out) {
    struct placing p = placing_of(ctx, order);
    *out = (struct operation_end){ .id = p.row.id, .was_abandoned = true };
    TRY(db_write(ctx, place_write, &p));
    out->was_abandoned = false;
    struct operation_run *r = operation_run_new(ctx, order->kind, &p.row, order->request);
    operation_run_publish(r);
    if (order->waits && *order->waits) {
        out->is_accepted = true;
        operation_run_release(r);
        return OK;
    }
    if (fiber_self()) {
        fiber_on_loop(operation_run_begin, r);
        if (r->result == ERR_OVERLOADED) { /* no room for a fiber: nothing was tried */
            ctx_fail(&r->ctx, ERR_OVERLOADED, "Ava is busy; try again in a second.");
            operation_run_settle(r, OPERATION_FAILED, NULL, 0);
            r->is_over = true;
        }
    } else {
        operation_run_perform(r);
        r->is_over = true;
    }
    enum err e;
    if (order->patience == PATIENCE_NONE && !r->was_abandoned) {
        out->is_accepted = true;
        e = OK;
    } else {
        wait_for(ctx, r, order->patience);
        e = report(ctx, r, order->patience, out);
    }
    operation_run_release(r);
    return e;
}

/* --- several --------------------------------------------------------------------------------- */

struct placing_many {
    struct placing *items;
    size_t count;
    int64_t pace_ms;
};

static enum err place_many_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing_many *m = arg;
    for (size_t i = 0; i < m->count; i++) {
        struct operation_row *row = &m->items[i].row;
        row->is_promised = true;
        TRY(write_intent(ctx, tx, &m->items[i]));
        TRY(operation_schedule(ctx, tx, row, row->created_ms + (int64_t)i * m->pace_ms));
    }
    return ctx_answer_in(ctx, tx);
}

enum err operations_place(struct ctx *ctx, const struct operation_order *orders, size_t count,
                          int64_t pace_ms) {
    struct placing_many m = { arena_alloc(ctx->arena, count * sizeof *m.items), count, pace_ms };
    for (size_t i = 0; i < count; i++)
        m.items[i] = placing_of(ctx, &orders[i]);
    TRY(db_write(ctx, place_many_write, &m));
    for (size_t i = 0; i < count; i++)
        operation_tell(ctx, orders[i].id);
    jobs_wake(ctx->parts->jobs);
    return OK;
}

/* --- as a job -------------------------------------------------------------------------------- */

/* *wanted: somebody was told that it would happen, or can ask for it again under the same key. If
 * not, whoever placed it saw the connection break, and will ask anew. */
static enum err find_whether_wanted(struct ctx *ctx, const struct operation_row *row,
                                    bool *wanted) {
    *wanted = row->is_promised;
    return *wanted ? OK : idempotency_row_has(ctx, db_reader(ctx), row->id, wanted);
}

/* Performs an operation that never began, or abandons it when nobody wants it any more. */
static void resume(struct operation_run *r, bool wanted) {
    if (wanted) {
        operation_run_perform(r);
        return;
    }
    r->result = ctx_fail(&r->ctx, ERR_DRAINING, "Ava stopped before this was sent.");
    operation_run_settle(r, OPERATION_FAILED, NULL, 0);
}

struct taking {
    const char *id;
    struct operation_row row;
};

/* First of all: from here on nobody else moves the operation. */
static enum err take_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct taking *t = arg;
    TRY(operation_row_find(ctx, tx, NULL, t->id, &t->row));
    const struct operation_kind *kind = t->row.id ? operation_kind_of(ctx, t->row.kind) : NULL;
    /* What is only looked for is sent by nobody; a pass that another job began looks for it too, and has its say. */
    bool is_looked_for = kind && kind->look_up && t->row.state == OPERATION_UNKNOWN;
    return is_looked_for ? OK : operation_row_take(ctx, tx, t->id, ava_steady_ms(), &t->row);
}

enum err operation_work(struct ctx *ctx, const struct job_row *job) {
    struct taking t = { .id = job->object };
    struct operation_run *r;
    bool is_mine;
    TRY(job_write(ctx, job, take_write, &t, &is_mine));
    if (!is_mine)
        return OK;
    struct operation_row row = t.row;
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind)
        return ctx_fail(ctx, ERR_INTERNAL, "There is no operation to work on.");
    TRY(operation_run_of(ctx, kind, &row, &r));
    bool wanted = true;
    enum err e = OK;
    if (row.state == OPERATION_UNKNOWN && kind->look_up)
        e = operation_pass(r);
    else if (row.state == OPERATION_UNKNOWN)
        operation_run_perform(r);
    else if (row.state == OPERATION_PREPARED && (e = find_whether_wanted(ctx, &row, &wanted)) == OK)
        resume(r, wanted);
    operation_run_release(r);
    return e;
}

enum err operation_is_ours(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                           bool *is_ours) {
    return operation_row_is_ours(ctx, tx, op->id, op->epoch, is_ours);
}

int64_t operations_oldest(const struct operation *const *ops, size_t count) {
    int64_t oldest_ms = ops[0]->sent_ms;
    for (size_t i = 1; i < count; i++)
        if (ops[i]->sent_ms < oldest_ms)
            oldest_ms = ops[i]->sent_ms;
    return oldest_ms;
}

enum err operation_unless_out(struct ctx *ctx, enum err e, int64_t was_sent_ms, const char *words) {
    bool was_turned_away = e == ERR_PROVIDER_RATE_LIMITED || e == ERR_PROVIDER_UNAVAILABLE ||
                           e == ERR_PROVIDER_BUSY || e == ERR_STORAGE_UNAVAILABLE;
    if (was_turned_away && !was_sent_ms && ctx->problem.attempts <= 1)
        return e;
    return answer_may_be_stale(e) || e == ERR_STORAGE_UNAVAILABLE
               ? ctx_fail(ctx, ERR_OUTCOME_UNKNOWN, "%s", words)
               : e;
}

bool operation_proves_absence(const struct operation *op) {
    return op->sent_ms && ava_steady_ms() - op->sent_ms >= ABSENT_MS;
}

enum err operation_look(struct ctx *ctx, const char *id, bool *is_absent) {
    struct operation_row row;
    const void *result = NULL;
    struct operation_run *r;
    *is_absent = false;
    TRY(operation_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind || !kind->look_up || row.state != OPERATION_UNCONFIRMED)
        return OK;
    TRY(operation_run_of(ctx, kind, &row, &r));
    enum err e = kind->look_up(&r->ctx, &r->op, NULL, &result, is_absent);
    *is_absent = *is_absent && operation_proves_absence(&r->op);
    if (e == OK && result) {
        r->ctx.attempts = 0;
        operation_run_settle(r, OPERATION_SUCCEEDED, result, 0);
    }
    operation_run_release(r);
    return e;
}

/* --- waiting for its turn -------------------------------------------------------------------- */

enum err operation_begin(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id) {
    struct operation_row row = { .id = id, .workspace_id = workspace_id };
    row.created_ms = ava_steady_ms();
    return operation_schedule(ctx, tx, &row, row.created_ms);
}

enum err operation_cancel(struct ctx *ctx, const char *id, bool *done) {
    struct operation_row row;
    struct operation_run *r;
    *done = false;
    TRY(operation_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind || !kind->queue || row.state != OPERATION_PREPARED)
        return OK;
    TRY(operation_run_of(ctx, kind, &row, &r));
    r->withdraws = true;
    r->result = ctx_fail(&r->ctx, ERR_CANCELED, "It was ended while it waited for its turn.");
    operation_run_settle(r, OPERATION_FAILED, NULL, 0);
    *done = r->is_settled;
    operation_run_release(r);
    return OK;
}

/* --- told by the provider -------------------------------------------------------------------- */

enum err operation_confirm(struct ctx *ctx, const char *id, const void *facts, bool *confirmed) {
    struct operation_row row;
    struct operation_run *r;
    *confirmed = false;
    TRY(operation_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    bool is_open = row.state == OPERATION_SENT || row.state == OPERATION_UNKNOWN ||
                   row.state == OPERATION_UNCONFIRMED;
    if (!kind || !is_open)
        return OK;
    TRY(operation_run_of(ctx, kind, &row, &r));
    if (row.state == OPERATION_SENT) /* the attempt under way was the one */
        r->ctx.attempts = (int)row.attempts + 1;
    operation_run_settle(r, OPERATION_SUCCEEDED, facts, 0);
    enum err e = r->is_settled ? OK : ERR_STORAGE_UNAVAILABLE;
    *confirmed = r->is_settled;
    operation_run_release(r);
    return e == OK ? OK : ctx_fail(ctx, e, "The operation could not be settled.");
}

/* --- starting and watching ------------------------------------------------------------------- */

struct recovery {
    int64_t unknown, back_ms;
};

/* Due times are put right, what was "sent" becomes unknown and gets a job, and leases are taken back. */
static enum err recover_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct recovery *r = arg;
    int64_t now_ms = ava_steady_ms();
    TRY(due_put_right(ctx, tx, now_ms, &r->back_ms));
    TRY(operation_rows_orphan(ctx, tx, now_ms, &r->unknown));
    return job_rows_reclaim(ctx, tx, now_ms, ctx->parts->run_id);
}

enum err operations_recover(struct ctx *ctx) {
    struct recovery r = { 0 };
    if (ctx->parts->hosts) /* hosts_join has done so for what is nobody's */
        return OK;
    TRY(db_write(ctx, recover_write, &r));
    if (r.back_ms)
        log_warn(
            ctx, "clock", L("went_back_s", (long)(r.back_ms / 1000)),
            L("why", "it says less than in the run before; due times and sessions were put right"));
    if (r.unknown)
        log_warn(ctx, "operations unknown", L("count", (long)r.unknown));
    return OK;
}

static enum err doubt(struct ctx *ctx, const struct operation_row *row, int64_t *count) {
    const struct operation_kind *kind = operation_kind_of(ctx, row->kind);
    struct operation_run *r;
    if (!kind)
        return OK;
    TRY(operation_run_of(ctx, kind, row, &r));
    r->result = ctx_fail(&r->ctx, ERR_OUTCOME_UNKNOWN,
                         "A backup was restored: it may have been done after that was made.");
    operation_run_settle(r, OPERATION_UNCONFIRMED, NULL, 0);
    bool is_settled = r->is_settled;
    operation_run_release(r);
    if (!is_settled)
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "An operation could not be settled.");
    ++*count;
    return OK;
}

enum err operations_doubt(struct ctx *ctx, int64_t *count) {
    struct arena *all = ctx->arena;
    struct operation_row rows[DOUBT_PAGE];
    char after[ID_BYTES] = "";
    size_t found = DOUBT_PAGE;
    enum err e = OK;
    *count = 0;
    while (e == OK && found == DOUBT_PAGE) {
        ctx->arena = arena_new(PAGE_BYTES);
        e = operation_rows_open(ctx, db_reader(ctx), after, rows, DOUBT_PAGE, &found);
        for (size_t i = 0; e == OK && i < found; i++)
            e = doubt(ctx, &rows[i], count);
        if (e == OK && found)
            str_copy(after, sizeof after, str_of(rows[found - 1].id));
        if (ctx->problem.detail)
            ctx->problem.detail = arena_strdup(all, ctx->problem.detail);
        arena_free(ctx->arena);
        ctx->arena = all;
    }
    return e;
}
