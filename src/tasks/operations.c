#include "tasks/operations.h"

#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "obs/log.h"
#include "providers/answer.h"
#include "store/idempotency.h"
#include "store/steps.h"
#include "tasks/feed.h"
#include "tasks/jobs.h"
#include "tasks/kinds.h"
#include "tasks/operation_show.h"
#include "vault/vault.h"

enum {
    OPERATION_MS = 60 * 1000, /* of a run, RESILIENCE 5 */
    ARENA_BYTES = 8 << 20,
    PATIENT_MS = 2000,
    SETTLE_MS = 30 * 1000,
    SETTLE_AGAIN_MS = 1000,
    PROMISE_MS = 5000,
    GIVE_UP_MS = 15 * 60 * 1000,
};

const struct job_kind OPERATION_JOB = { .name = "operation", .work = operation_work };

/* After it was sent; RESILIENCE 4. */
static const int64_t LOOKS_MS[] = { 5000, 30 * 1000, 2 * 60 * 1000, 10 * 60 * 1000, GIVE_UP_MS };

/* --- one under way --------------------------------------------------------------------------- */

/* On a fiber of its own, on the loop of whoever placed it; so nothing here needs a lock. */
struct run {
    struct arena *arena;
    struct ctx ctx;
    const struct operation_kind *kind;
    struct operation_row row;
    struct operation op;
    struct upstream_watch watch;
    struct str shown;
    enum err result;
    bool is_over, was_abandoned, is_slow; /* slow: it waits for a retry beyond our patience */
    bool is_settled;                      /* how it stands is on disk */
    bool waits;                           /* for its turn, again */
    bool withdraws;                       /* to be ended only if it still waits */
    int64_t began_ms, attempt_ms;         /* monotonic; of the attempt, 0: there was none */
    struct fiber_parking *waiter;         /* NULL: nobody waits */
    unsigned holders;
};

static void run_release(struct run *r) {
    if (--r->holders == 0)
        arena_free(r->arena); /* r lives in it */
}

static void tell(struct run *r) {
    struct fiber_parking *waiter = r->waiter;
    r->waiter = NULL;
    if (waiter)
        fiber_unpark(waiter);
}

static enum err seal_content(struct ctx *ctx, struct db_conn *tx, const struct run *r,
                             struct operation_row *row) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    struct sealed_place place = operation_row_place(row);
    jsonw_object(&w);
    jsonw_key(&w, "request");
    jsonw_raw(&w, r->op.request);
    if (row->state == OPERATION_SUCCEEDED) {
        jsonw_key(&w, "result");
        jsonw_raw(&w, r->shown);
    } else if (row->state == OPERATION_FAILED) {
        jsonw_key(&w, "problem");
        operation_problem_write(&w, &r->ctx, r->result);
    }
    jsonw_object_end(&w);
    enum err e = vault_seal(ctx, tx, &place, buf_view(&b), &row->sealed);
    buf_fini(&b);
    return e;
}

/* --- telling those who watch ----------------------------------------------------------------- */

/* After the commit only: what is told can be read. */
static void publish(struct run *r) {
    struct buf b = { 0 }, problem = { 0 };
    struct jsonw w = jsonw_to(&b), pw = jsonw_to(&problem);
    struct str none = { NULL, 0 };
    if (r->row.state == OPERATION_FAILED)
        operation_problem_write(&pw, &r->ctx, r->result);
    operation_show(&r->ctx, &w, &r->row, r->row.state == OPERATION_SUCCEEDED ? r->shown : none,
                   problem.len ? buf_view(&problem) : none);
    feed_publish(r->ctx.parts->feed, r->row.workspace_id, "operation", buf_view(&b));
    buf_fini(&problem);
    buf_fini(&b);
}

/* --- what the provider call tells ------------------------------------------------------------ */

struct moving {
    const struct operation_row *row;
    struct step_row step;
};

static enum err move_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct moving *m = arg;
    TRY(operation_row_update(ctx, tx, m->row));
    return step_row_add(ctx, tx, &m->step);
}

static struct step_row step_of(const struct run *r, const char *what, const char *detail) {
    return (struct step_row){
        .workspace_id = r->row.workspace_id, .subject = r->row.id, .what = what, .detail = detail
    };
}

static enum err on_sending(struct ctx *ctx, const struct upstream_request *req, void *arg) {
    struct run *r = arg;
    struct operation_row next = r->row;
    struct moving m = { &next, step_of(r, "sending", operation_sending(&r->ctx, &r->row, req)) };
    next.state = OPERATION_SENT;
    next.next_ms = 0;
    next.updated_ms = ava_wall_ms();
    if (next.sent_ms == 0)
        next.sent_ms = next.updated_ms;
    TRY(db_write(ctx, move_write, &m));
    r->row = next;
    r->op.sent_ms = next.sent_ms;
    r->attempt_ms = ava_now_ms();
    publish(r);
    return OK;
}

/* A wait that can not be written down is waited all the same: the row says "sent", which errs on
 * the safe side. */
static void on_waiting(struct ctx *ctx, int attempts, int64_t wait_ms, void *arg) {
    struct run *r = arg;
    struct operation_row next = r->row;
    next.state = OPERATION_PREPARED;
    next.attempts = attempts;
    next.updated_ms = ava_wall_ms();
    next.next_ms = next.updated_ms + wait_ms;
    struct moving m = { &next, step_of(r, "retry",
                                       arena_printf(r->arena,
                                                    "{\"service\":\"%s\",\"attempt\":%d,"
                                                    "\"ms\":%lld,\"wait_ms\":%lld}",
                                                    r->row.provider, attempts,
                                                    (long long)(ava_now_ms() - r->attempt_ms),
                                                    (long long)wait_ms)) };
    if (db_write(ctx, move_write, &m) == OK) {
        r->row = next;
        publish(r);
    }
    if (ava_now_ms() + wait_ms > r->began_ms + PATIENT_MS) {
        r->is_slow = true;
        tell(r);
    }
}

/* --- settling -------------------------------------------------------------------------------- */

struct settling {
    struct run *run;
    struct operation_row row; /* as it shall be */
    const void *result;
    struct str shown;
    bool was_abandoned;
    bool was_confirmed; /* somebody else knew first that it succeeded: that stays */
    bool is_late;       /* it was to be ended while it waited, and had begun */
};

static enum err schedule(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                         int64_t at_ms) {
    struct job_row job = job_of(ctx, OPERATION_JOB.name, row->workspace_id, row->id, at_ms);
    return job_row_put(ctx, tx, &job, NULL, 0);
}

/* When it is worth asking again; 0 when it was asked often enough. */
static int64_t next_look(const struct operation_row *row, int64_t now_ms) {
    int64_t since_ms = row->sent_ms ? row->sent_ms : row->created_ms;
    for (size_t i = 0; i < ARRAY_LEN(LOOKS_MS); i++)
        if (since_ms + LOOKS_MS[i] > now_ms)
            return since_ms + LOOKS_MS[i];
    return 0;
}

/* A callback was quicker than the answer, or than whoever asked: what it said stays. */
static enum err take_confirmed(struct ctx *ctx, struct db_conn *tx, struct settling *s,
                               const struct operation_row *now) {
    json_t *content;
    TRY(operation_open(ctx, tx, now, &content));
    s->row = *now;
    s->shown = operation_member(ctx, content, "result");
    s->was_confirmed = true;
    return OK;
}

/* How it came out, for the timeline. */
static enum err add_outcome(struct ctx *ctx, struct db_conn *tx, struct run *r,
                            const struct operation_row *row) {
    struct buf *b = buf_in(r->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "service", row->provider);
    if (r->attempt_ms)
        jsonw_i64_at(&w, "ms", ava_now_ms() - r->attempt_ms);
    if (r->result != OK) {
        jsonw_text_at(&w, "code", err_info(r->result)->code);
        if (r->ctx.problem.upstream_status)
            jsonw_i64_at(&w, "upstream_status", r->ctx.problem.upstream_status);
        if (r->ctx.problem.detail)
            jsonw_text_at(&w, "text", r->ctx.problem.detail);
    }
    jsonw_object_end(&w);
    struct step_row step = step_of(r, r->waits ? "queued" : operation_state_name(row->state),
                                   str_dup(r->arena, buf_view(b)));
    return step_row_add(ctx, tx, &step);
}

/* "Accepted" is what whoever placed it hears now. */
static enum err wait_again(struct ctx *ctx, struct db_conn *tx, struct run *r) {
    TRY(operation_row_promise(ctx, tx, r->row.id));
    TRY(job_row_delete(ctx, tx, OPERATION_JOB.name, r->row.id));
    return r->kind->queue->requeue(ctx, tx, &r->op);
}

static enum err settle_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct settling *s = arg;
    struct run *r = s->run;
    struct operation_row now;
    TRY(operation_row_find(ctx, tx, NULL, s->row.id, &now));
    if (!now.id)
        return OK; /* its workspace was deleted meanwhile */
    if (now.state == OPERATION_SUCCEEDED)
        return take_confirmed(ctx, tx, s, &now);
    if (r->withdraws) {
        struct operation_wait wait;
        TRY(r->kind->queue->stands(ctx, tx, &r->op, &wait));
        s->is_late = wait.position == 0;
        if (s->is_late)
            return OK;
    }
    bool never_sent = s->row.state == OPERATION_FAILED && s->row.attempts == 0;
    if (never_sent && !now.is_promised) {
        s->was_abandoned = true;
        TRY(job_row_delete(ctx, tx, OPERATION_JOB.name, now.id));
        TRY(r->kind->forget(ctx, tx, &r->op));
        return operation_row_delete(ctx, tx, now.id);
    }
    s->shown = (struct str){ NULL, 0 };
    if (s->row.state != OPERATION_PREPARED)
        TRY(r->kind->settle(ctx, tx, &r->op, s->row.state, s->result, &s->shown));
    r->shown = s->shown;
    TRY(seal_content(ctx, tx, r, &s->row));
    TRY(operation_row_update(ctx, tx, &s->row));
    if (s->row.state != now.state || r->waits)
        TRY(add_outcome(ctx, tx, r, &s->row));
    if (r->waits)
        return wait_again(ctx, tx, r);
    if (s->row.state == OPERATION_UNKNOWN || s->row.state == OPERATION_PREPARED)
        return schedule(ctx, tx, &s->row, s->row.next_ms);
    return job_row_delete(ctx, tx, OPERATION_JOB.name, now.id);
}

/* What happened is written down, however long the store takes: until then the row says "sent",
 * and a process that dies here leaves it unknown. */
static void settle(struct run *r, enum operation_state state, const void *result, int64_t next_ms) {
    struct settling s = { .run = r, .row = r->row, .result = result };
    bool is_written = false;
    s.row.state = state;
    s.row.attempts = r->ctx.attempts > r->row.attempts ? r->ctx.attempts : r->row.attempts;
    if (r->waits)
        s.row.attempts = 0; /* nothing came of them */
    s.row.next_ms = next_ms;
    for (;;) {
        struct ctx late = r->ctx;
        late.deadline_ms = ava_now_ms() + SETTLE_MS;
        s.row.updated_ms = ava_wall_ms();
        enum err e = db_write(&late, settle_write, &s);
        is_written = e == OK;
        if (is_written)
            break;
        if (e != ERR_STORAGE_UNAVAILABLE) {
            log_error(&r->ctx, "operation not settled", L("operation", r->row.id),
                      L("code", err_info(e)->code));
            break;
        }
        if (jobs_is_stopping(r->ctx.parts->jobs))
            break;
        fiber_sleep(SETTLE_AGAIN_MS);
    }
    r->row = s.row;
    r->is_settled = is_written && !s.is_late;
    if (s.is_late)
        return;
    r->was_abandoned = s.was_abandoned;
    if (s.was_confirmed) {
        r->result = OK;
        r->shown = s.shown;
    } else if (is_written) {
        publish(r);
        if (s.shown.ptr)
            feed_publish(r->ctx.parts->feed, r->row.workspace_id, r->kind->event, s.shown);
    }
    if (r->kind->queue)
        jobs_wake(r->ctx.parts->jobs); /* what it had may be somebody else's turn */
    log_info(&r->ctx, "operation", L("operation", r->row.id), L("kind", r->row.kind),
             L("state", s.was_abandoned ? "abandoned" : operation_state_name(r->row.state)),
             L("attempts", (long)r->row.attempts));
}

/* --- running it ------------------------------------------------------------------------------ */

/* Nothing was done, and it can be done later: the provider said that it has no room; or somebody was
 * told that it would happen, and the provider cannot be asked just now. */
static bool can_wait(const struct run *r) {
    bool said_so = r->result == ERR_PROVIDER_BUSY && r->ctx.problem.upstream_status;
    bool is_later = r->result == ERR_PROVIDER_BUSY || r->result == ERR_PROVIDER_UNAVAILABLE ||
                    r->result == ERR_PROVIDER_RATE_LIMITED;
    return r->kind->queue && (said_so || (is_later && r->row.is_promised));
}

/* Of a walk: something stood in its way that may be gone later. */
static bool is_held_up(const struct run *r) {
    return !r->kind->look_up &&
           (answer_may_be_stale(r->result) || r->result == ERR_STORAGE_UNAVAILABLE);
}

static void perform(struct run *r) {
    const void *result = NULL;
    bool is_known, goes_on;
    r->op.is_last = next_look(&r->row, ava_wall_ms()) == 0;
    r->result = r->kind->perform(&r->ctx, &r->op, &r->watch, &result);
    r->waits = can_wait(r);
    if (r->waits) {
        settle(r, OPERATION_PREPARED, result, 0);
        return;
    }
    int64_t next_ms = next_look(&r->row, ava_wall_ms());
    switch (r->result) {
    case OK:
        settle(r, OPERATION_SUCCEEDED, result, 0);
        break;
    case ERR_OUTCOME_UNKNOWN:
        settle(r, next_ms ? OPERATION_UNKNOWN : OPERATION_UNCONFIRMED, result, next_ms);
        jobs_wake(r->ctx.parts->jobs);
        break;
    case ERR_DRAINING: /* the next process goes on, if anybody was told that it would happen */
        is_known = r->row.attempts > 0 || r->row.is_promised;
        settle(r, is_known ? OPERATION_PREPARED : OPERATION_FAILED, result, ava_wall_ms());
        break;
    default:
        goes_on = is_held_up(r) && next_ms && !r->op.is_last;
        r->ctx.attempts += goes_on && !r->ctx.attempts; /* it is retried, so something was tried */
        settle(r, goes_on ? OPERATION_PREPARED : OPERATION_FAILED, result, goes_on ? next_ms : 0);
        if (goes_on)
            jobs_wake(r->ctx.parts->jobs);
    }
}

static void run_alone(void *arg) {
    struct run *r = arg;
    perform(r);
    r->is_over = true;
    tell(r);
    run_release(r);
}

static void run_begin(void *arg) {
    struct run *r = arg;
    r->holders++;
    if (!fiber_run(run_alone, r)) {
        r->holders--;
        r->result = ERR_OVERLOADED;
    }
}

/* A run of a row, with a ctx and an arena of its own. */
static struct run *run_new(const struct ctx *ctx, const struct operation_kind *kind,
                           const struct operation_row *row, struct str request) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct run *r = arena_alloc(a, sizeof *r);
    *r = (struct run){ .arena = a, .kind = kind, .row = *row, .holders = 1 };
    ctx_init(&r->ctx, ctx->parts, a, OPERATION_MS);
    r->began_ms = ava_now_ms();
    r->ctx.trace = ctx->trace;
    r->ctx.who = ctx->who;
    str_copy(r->ctx.correlation_id, sizeof r->ctx.correlation_id, str_of(row->correlation_id));
    str_copy(r->ctx.who.workspace_id, sizeof r->ctx.who.workspace_id, str_of(row->workspace_id));
    str_copy(r->ctx.who.user_id, sizeof r->ctx.who.user_id, str_of(row->actor));
    r->row.id = arena_strdup(a, row->id);
    r->row.workspace_id = r->ctx.who.workspace_id;
    r->row.kind = kind->name;
    r->row.provider = provider_name(kind->provider);
    r->row.object = arena_strdup(a, row->object);
    r->row.actor = r->ctx.who.user_id;
    r->row.correlation_id = r->ctx.correlation_id;
    r->row.sealed.ptr = arena_copy(a, row->sealed.ptr, row->sealed.len);
    r->op = (struct operation){ .id = r->row.id, .object = r->row.object, .sent_ms = row->sent_ms };
    r->op.request = (struct str){ arena_copy(a, request.ptr, request.len), request.len };
    r->watch = (struct upstream_watch){ on_sending, on_waiting, r };
    return r;
}

/* --- placing it ------------------------------------------------------------------------------ */

struct placing {
    const struct operation_order *order;
    struct operation_row row;
};

/* The object, the intent and the job that would take it up again, in one transaction. */
static enum err place_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct placing *p = arg;
    struct sealed_place place = operation_row_place(&p->row);
    struct buf b = { 0 };
    buf_printf(&b, "{\"request\":%.*s}", STR_FMT(p->order->request));
    enum err e = vault_seal(ctx, tx, &place, buf_view(&b), &p->row.sealed);
    buf_fini(&b);
    TRY(e);
    TRY(operation_row_insert(ctx, tx, &p->row));
    TRY(p->order->insert(ctx, tx, p->order->arg));
    if (p->order->claim)
        TRY(idempotency_row_link(ctx, tx, p->order->claim->text, p->row.id));
    if (p->order->waits && *p->order->waits) {
        struct step_row step = { .workspace_id = p->row.workspace_id,
                                 .subject = p->row.id,
                                 .what = "queued" };
        TRY(step_row_add(ctx, tx, &step));
        return operation_row_promise(ctx, tx, p->row.id);
    }
    struct job_row job =
        job_of(ctx, OPERATION_JOB.name, p->row.workspace_id, p->row.id, p->row.created_ms);
    return job_row_put(ctx, tx, &job, ctx->parts->run_id, p->row.created_ms + JOB_LEASE_MS);
}

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

static void take_problem(struct ctx *ctx, const struct run *r) {
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
static void wait_for(struct ctx *ctx, struct run *r, enum operation_patience patience) {
    int64_t patient_until = r->began_ms + PATIENT_MS;
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

/* How it stands, for whoever placed it. */
static enum err report(struct ctx *ctx, struct run *r, enum operation_patience patience,
                       struct operation_end *out) {
    bool is_open = !r->is_over || r->row.state == OPERATION_UNKNOWN;
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

enum err operation_place(struct ctx *ctx, const struct operation_order *order,
                         struct operation_end *out) {
    int64_t now_ms = ava_wall_ms();
    struct placing p = { .order = order,
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
                                  .updated_ms = now_ms } };
    *out = (struct operation_end){ .id = p.row.id, .was_abandoned = true };
    TRY(db_write(ctx, place_write, &p));
    out->was_abandoned = false;
    struct run *r = run_new(ctx, order->kind, &p.row, order->request);
    publish(r);
    if (order->waits && *order->waits) {
        out->is_accepted = true;
        run_release(r);
        return OK;
    }
    if (fiber_self()) {
        fiber_on_loop(run_begin, r);
        if (r->result == ERR_OVERLOADED) { /* no room for a fiber: nothing was tried */
            ctx_fail(&r->ctx, ERR_OVERLOADED, "Ava is busy; try again in a second.");
            settle(r, OPERATION_FAILED, NULL, 0);
            r->is_over = true;
        }
    } else {
        perform(r);
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
    run_release(r);
    return e;
}

/* --- as a job -------------------------------------------------------------------------------- */

/* Nobody was told that it would happen, and nobody can ask for it again under the same key: whoever
 * placed it saw the connection break, and will ask anew. */
static enum err find_whether_wanted(struct ctx *ctx, const struct operation_row *row,
                                    bool *wanted) {
    *wanted = row->is_promised;
    return *wanted ? OK : idempotency_row_has(ctx, db_reader(ctx->parts->db), row->id, wanted);
}

static void resume(struct run *r, bool wanted) {
    if (wanted) {
        perform(r);
        return;
    }
    r->result = ctx_fail(&r->ctx, ERR_DRAINING, "Ava stopped before this was sent.");
    settle(r, OPERATION_FAILED, NULL, 0);
}

static void look(struct run *r) {
    const void *result = NULL;
    r->ctx.attempts = 0;
    bool is_absent;
    r->result = r->kind->look_up(&r->ctx, &r->op, &result, &is_absent);
    int64_t next_ms = next_look(&r->row, ava_wall_ms());
    if (r->result == OK && result) {
        settle(r, OPERATION_SUCCEEDED, result, 0);
    } else {
        r->ctx.attempts = 0; /* of looking, not of the operation */
        settle(r, next_ms ? OPERATION_UNKNOWN : OPERATION_UNCONFIRMED, result, next_ms);
    }
}

/* A run of what is stored, to be released. */
static enum err run_of(struct ctx *ctx, const struct operation_kind *kind,
                       const struct operation_row *row, struct run **out) {
    json_t *content;
    TRY(operation_open(ctx, db_reader(ctx->parts->db), row, &content));
    *out = run_new(ctx, kind, row, operation_member(ctx, content, "request"));
    return OK;
}

enum err operation_work(struct ctx *ctx, const struct job_row *job) {
    struct operation_row row;
    struct run *r;
    TRY(operation_row_find(ctx, db_reader(ctx->parts->db), NULL, job->object, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind)
        return ctx_fail(ctx, ERR_INTERNAL, "There is no operation to work on.");
    TRY(run_of(ctx, kind, &row, &r));
    bool wanted = true;
    enum err e = OK;
    if (row.state == OPERATION_UNKNOWN && kind->look_up)
        look(r);
    else if (row.state == OPERATION_UNKNOWN)
        perform(r);
    else if (row.state == OPERATION_PREPARED && (e = find_whether_wanted(ctx, &row, &wanted)) == OK)
        resume(r, wanted);
    run_release(r);
    return e;
}

enum err operation_look(struct ctx *ctx, const char *id, bool *is_absent) {
    struct operation_row row;
    const void *result = NULL;
    struct run *r;
    *is_absent = false;
    TRY(operation_row_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind || !kind->look_up || row.state != OPERATION_UNCONFIRMED)
        return OK;
    TRY(run_of(ctx, kind, &row, &r));
    enum err e = kind->look_up(&r->ctx, &r->op, &result, is_absent);
    if (e == OK && result) {
        r->ctx.attempts = 0;
        settle(r, OPERATION_SUCCEEDED, result, 0);
    }
    run_release(r);
    return e;
}

/* --- waiting for its turn -------------------------------------------------------------------- */

enum err operation_begin(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id) {
    struct operation_row row = { .id = id, .workspace_id = workspace_id };
    row.created_ms = ava_wall_ms();
    return schedule(ctx, tx, &row, row.created_ms);
}

enum err operation_cancel(struct ctx *ctx, const char *id, bool *done) {
    struct operation_row row;
    struct run *r;
    *done = false;
    TRY(operation_row_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    if (!kind || !kind->queue || row.state != OPERATION_PREPARED)
        return OK;
    TRY(run_of(ctx, kind, &row, &r));
    r->withdraws = true;
    r->result = ctx_fail(&r->ctx, ERR_CANCELED, "It was ended while it waited for its turn.");
    settle(r, OPERATION_FAILED, NULL, 0);
    *done = r->is_settled;
    run_release(r);
    return OK;
}

/* --- told by the provider -------------------------------------------------------------------- */

enum err operation_confirm(struct ctx *ctx, const char *id, const void *facts, bool *confirmed) {
    struct operation_row row;
    struct run *r;
    *confirmed = false;
    TRY(operation_row_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? operation_kind_of(ctx, row.kind) : NULL;
    bool is_open = row.state == OPERATION_SENT || row.state == OPERATION_UNKNOWN ||
                   row.state == OPERATION_UNCONFIRMED;
    if (!kind || !is_open)
        return OK;
    TRY(run_of(ctx, kind, &row, &r));
    if (row.state == OPERATION_SENT) /* the attempt under way was the one */
        r->ctx.attempts = (int)row.attempts + 1;
    settle(r, OPERATION_SUCCEEDED, facts, 0);
    enum err e = r->is_settled ? OK : ERR_STORAGE_UNAVAILABLE;
    *confirmed = r->is_settled;
    run_release(r);
    return e == OK ? OK : ctx_fail(ctx, e, "The operation could not be settled.");
}

/* --- starting and watching ------------------------------------------------------------------- */

static enum err recover_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    int64_t now_ms = ava_wall_ms();
    TRY(operation_rows_orphan(ctx, tx, now_ms, arg));
    return job_rows_reclaim(ctx, tx, now_ms, ctx->parts->run_id);
}

enum err operations_recover(struct ctx *ctx) {
    int64_t count = 0;
    TRY(db_write(ctx, recover_write, &count));
    if (count)
        log_warn(ctx, "operations unknown", L("count", (long)count));
    return OK;
}
