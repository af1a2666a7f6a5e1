#include "tasks/operation_run.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "providers/answer.h"
#include "store/steps.h"
#include "tasks/feed.h"
#include "tasks/jobs.h"
#include "tasks/operation_show.h"
#include "vault/vault.h"

enum {
    OPERATION_MS = 60 * 1000, /* of a run, RESILIENCE 5 */
    ARENA_BYTES = 8 << 20,
    SETTLE_MS = 30 * 1000,
    SETTLE_AGAIN_MS = 1000,
    GIVE_UP_MS = 15 * 60 * 1000,
};

const char OPERATION_JOB_NAME[] = "operation";

/* After it was sent; RESILIENCE 4. */
static const int64_t LOOKS_MS[] = { 5000, 30 * 1000, 2 * 60 * 1000, 10 * 60 * 1000, GIVE_UP_MS };

/* --- one under way --------------------------------------------------------------------------- */

void operation_run_release(struct operation_run *r) {
    if (--r->holders == 0)
        arena_free(r->arena); /* r lives in it */
}

/* Wakes whoever waits in operation_place, once. */
static void tell(struct operation_run *r) {
    struct fiber_parking *waiter = r->waiter;
    r->waiter = NULL;
    if (waiter)
        fiber_unpark(waiter);
}

/* Seals the request, and the result or the problem once there is one, into row->sealed. */
static enum err seal_content(struct ctx *ctx, struct db_conn *tx, const struct operation_run *r,
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

/* Publishes how the operation stands. After the commit only: what is published can be read. */
void operation_run_publish(struct operation_run *r) {
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
    bool is_ours;
};

/* Writes the new state and the step of the timeline, together. */
static enum err move_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct moving *m = arg;
    TRY(operation_row_update(ctx, tx, m->row, &m->is_ours));
    return m->is_ours ? step_row_add(ctx, tx, &m->step) : OK;
}

/* A step of this operation for the timeline. detail: JSON, lent. */
static struct step_row step_of(const struct operation_run *r, const char *what,
                               const char *detail) {
    return (struct step_row){
        .workspace_id = r->row.workspace_id, .subject = r->row.id, .what = what, .detail = detail
    };
}

/* Somebody else has it: another run of Ava thought that this one was gone. Theirs is the last word. */
static void lose(struct operation_run *r) {
    if (r->is_lost)
        return;
    r->is_lost = true;
    metric_add(METRIC_JOBS_LOST, 1, OPERATION_JOB_NAME);
    log_warn(&r->ctx, "operation lost", L("operation", r->row.id), L("kind", r->row.kind));
}

/* Before the first byte of each attempt: "sent" is on disk, or nothing leaves. */
static enum err on_sending(struct ctx *ctx, const struct upstream_request *req, void *arg) {
    struct operation_run *r = arg;
    struct operation_row next = r->row;
    struct moving m = { &next, step_of(r, "sending", operation_sending(&r->ctx, &r->row, req)) };
    next.state = OPERATION_SENT;
    next.next_ms = 0;
    next.updated_ms = ava_steady_ms();
    if (next.sent_ms == 0)
        next.sent_ms = next.updated_ms;
    TRY(db_write(ctx, move_write, &m));
    if (!m.is_ours) {
        lose(r);
        return ctx_fail(ctx, ERR_DRAINING, "Another run of Ava goes on with this.");
    }
    r->row = next;
    r->op.sent_ms = next.sent_ms;
    r->attempt_ms = ava_now_ms();
    operation_run_publish(r);
    return OK;
}

/* Before the wait for the next attempt: back to "prepared", since the provider did not process this
 * one. A wait that cannot be written down is waited all the same: "sent" errs on the safe side. */
static void on_waiting(struct ctx *ctx, int attempts, int64_t wait_ms, void *arg) {
    struct operation_run *r = arg;
    struct operation_row next = r->row;
    next.state = OPERATION_PREPARED;
    next.attempts = attempts;
    next.updated_ms = ava_steady_ms();
    next.next_ms = next.updated_ms + wait_ms;
    struct moving m = { &next, step_of(r, "retry",
                                       arena_printf(r->arena,
                                                    "{\"service\":\"%s\",\"attempt\":%d,"
                                                    "\"ms\":%lld,\"wait_ms\":%lld}",
                                                    r->row.provider, attempts,
                                                    (long long)(ava_now_ms() - r->attempt_ms),
                                                    (long long)wait_ms)) };
    bool is_written = db_write(ctx, move_write, &m) == OK;
    if (is_written && !m.is_ours)
        lose(r);
    if (is_written && m.is_ours) {
        r->row = next;
        operation_run_publish(r);
    }
    if (ava_now_ms() + wait_ms > r->began_ms + OPERATION_PATIENT_MS) {
        r->is_slow = true;
        tell(r);
    }
}

/* --- settling -------------------------------------------------------------------------------- */

struct settling {
    struct operation_run *run;
    struct operation_row row; /* as it shall be */
    const void *result;
    struct str shown;
    bool was_abandoned;
    bool was_confirmed; /* somebody else knew first that it succeeded: that stays */
    bool is_lost;       /* somebody else has taken it up */
    bool is_late;       /* it was to be ended while it waited, and had begun */
};

enum err operation_schedule(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                            int64_t at_ms) {
    struct job_row job = job_of(ctx, OPERATION_JOB_NAME, row->workspace_id, row->id, at_ms);
    return job_row_put(ctx, tx, &job, NULL, 0);
}

int64_t operation_next_look(const struct operation_row *row, int64_t now_ms) {
    int64_t since_ms = row->sent_ms ? row->sent_ms : row->created_ms;
    for (size_t i = 0; i < ARRAY_LEN(LOOKS_MS); i++)
        if (since_ms + LOOKS_MS[i] > now_ms)
            return since_ms + LOOKS_MS[i];
    return 0;
}

/* A callback settled the operation before its answer came, or before a look was over: that end
 * stays. */
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
static enum err add_outcome(struct ctx *ctx, struct db_conn *tx, struct operation_run *r,
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

/* Puts the operation back into the queue of its service; whoever placed it is answered
 * "accepted". */
static enum err wait_again(struct ctx *ctx, struct db_conn *tx, struct operation_run *r) {
    TRY(operation_row_promise(ctx, tx, r->row.id));
    TRY(job_row_delete(ctx, tx, OPERATION_JOB_NAME, r->row.id));
    return r->kind->queue->requeue(ctx, tx, &r->op);
}

/* Settles the operation with its object, in one transaction: the first end that is written stays.
 * One that was never sent and never promised leaves no row at all. */
static enum err settle_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct settling *s = arg;
    struct operation_run *r = s->run;
    struct operation_row now;
    bool is_ours;
    TRY(operation_row_find(ctx, tx, NULL, s->row.id, &now));
    if (!now.id)
        return OK; /* its workspace was deleted meanwhile */
    if (now.state == OPERATION_SUCCEEDED)
        return take_confirmed(ctx, tx, s, &now);
    if (s->row.state == OPERATION_SUCCEEDED)
        s->row.epoch = now.epoch; /* that is known, whoever knows it */
    s->is_lost = s->row.epoch != now.epoch;
    if (s->is_lost)
        return OK;
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
        TRY(job_row_delete(ctx, tx, OPERATION_JOB_NAME, now.id));
        TRY(r->kind->forget(ctx, tx, &r->op));
        return operation_row_delete(ctx, tx, now.id);
    }
    s->shown = (struct str){ NULL, 0 };
    if (s->row.state != OPERATION_PREPARED || r->is_put_off)
        TRY(r->kind->settle(ctx, tx, &r->op, s->row.state, s->result, &s->shown));
    r->shown = s->shown;
    TRY(seal_content(ctx, tx, r, &s->row));
    TRY(operation_row_update(ctx, tx, &s->row, &is_ours));
    if (s->row.state != now.state || r->waits)
        TRY(add_outcome(ctx, tx, r, &s->row));
    if (r->waits)
        return wait_again(ctx, tx, r);
    if (s->row.state == OPERATION_UNKNOWN || s->row.state == OPERATION_PREPARED)
        return operation_schedule(ctx, tx, &s->row, s->row.next_ms);
    return job_row_delete(ctx, tx, OPERATION_JOB_NAME, now.id);
}

/* Writes the state down, trying until the store takes it or the process stops: until then the row
 * says "sent", and a process that dies here leaves it unknown. Then publishes it. */
void operation_run_settle(struct operation_run *r, enum operation_state state, const void *result,
                          int64_t next_ms) {
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
        s.row.updated_ms = ava_steady_ms();
        enum err e = db_write(&late, settle_write, &s);
        is_written = e == OK;
        if (is_written)
            break;
        if (e != ERR_STORAGE_UNAVAILABLE) {
            log_error(&r->ctx, "operation not settled", L("operation", r->row.id),
                      L("code", err_info(e)->code));
            break;
        }
        if (!r->ctx.parts->jobs || jobs_is_stopping(r->ctx.parts->jobs))
            break;
        fiber_sleep(SETTLE_AGAIN_MS);
    }
    if (!is_written && state == OPERATION_SUCCEEDED && !jobs_is_stopping(r->ctx.parts->jobs)) {
        /* It was done, but cannot be written down as it came: never told as made. It is looked up. */
        r->result = ERR_OUTCOME_UNKNOWN;
        operation_run_settle(r, OPERATION_UNKNOWN, NULL,
                             operation_next_look(&r->row, ava_steady_ms()));
        jobs_wake(r->ctx.parts->jobs);
        return;
    }
    if (s.is_lost)
        lose(r);
    if (s.is_lost)
        return;
    r->row = s.row;
    r->is_settled = is_written && !s.is_late;
    if (s.is_late)
        return;
    r->was_abandoned = s.was_abandoned;
    if (s.was_confirmed) {
        r->result = OK;
        r->shown = s.shown;
    } else if (is_written) {
        operation_run_publish(r);
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

/* True when nothing was done, for a reason that passes. What may have been done has ERR_OUTCOME_UNKNOWN instead. */
static bool is_for_later(enum err e) {
    return e == ERR_PROVIDER_BUSY || e == ERR_PROVIDER_UNAVAILABLE ||
           e == ERR_PROVIDER_RATE_LIMITED || e == ERR_STORAGE_UNAVAILABLE;
}

/* True when nothing was done and the operation may go back into its queue: the provider said that
 * it has no room; or it was promised, and the provider cannot be reached just now. */
static bool can_wait(const struct operation_run *r) {
    bool said_so = r->result == ERR_PROVIDER_BUSY && r->ctx.problem.upstream_status;
    bool is_later = is_for_later(r->result) && r->result != ERR_STORAGE_UNAVAILABLE;
    return r->kind->queue && (said_so || (is_later && r->row.is_promised));
}

/* True when it is performed again: a walk that was stopped by something that may pass; or what was promised and never
 * done, since nobody would hear of a refusal. */
static bool is_held_up(const struct operation_run *r) {
    bool is_stopped = answer_may_be_stale(r->result) || r->result == ERR_STORAGE_UNAVAILABLE;
    return r->kind->look_up ? r->row.is_promised && is_for_later(r->result) : is_stopped;
}

/* What the provider does not take yet is performed again, until it is over: true. */
static bool put_off(struct operation_run *r, const void *result) {
    if (!r->kind->again)
        return false;
    r->op.is_promised = r->row.is_promised;
    r->op.next_ms = r->kind->again(&r->ctx, &r->op, r->result, result, ava_steady_ms());
    if (!r->op.next_ms)
        return false;
    r->is_put_off = r->row.is_promised = true;
    r->ctx.attempts += !r->ctx.attempts; /* it is retried, so something was tried */
    operation_run_settle(r, OPERATION_PREPARED, result, r->op.next_ms);
    jobs_wake(r->ctx.parts->jobs);
    return true;
}

static void begin_spans(struct operation_run *r, const char *name) {
    struct ctx *ctx = &r->ctx;
    spans_begin(ctx, SPAN_INTERNAL, name, r->kind->name);
    span_text(spans_root(ctx), "ava.operation.id", r->row.id);
    span_text(spans_root(ctx), "ava.operation.kind", r->kind->name);
    span_text(spans_root(ctx), "ava.correlation_id", r->row.correlation_id);
    span_link(ctx, spans_root(ctx), r->job_trace);
}

static void end_spans(struct operation_run *r) {
    bool goes_on = r->waits || r->is_put_off;
    span_text(spans_root(&r->ctx), "ava.operation.state", operation_state_name(r->row.state));
    span_number(spans_root(&r->ctx), "ava.attempts", r->row.attempts);
    spans_end(&r->ctx, r->result == OK || goes_on ? NULL : err_info(r->result)->code);
}

static void perform(struct operation_run *r) {
    const void *result = NULL;
    bool is_known, goes_on;
    r->op.is_last = operation_next_look(&r->row, ava_steady_ms()) == 0;
    r->result = r->kind->perform(&r->ctx, &r->op, &r->watch, &result);
    if (r->is_lost)
        return;
    r->waits = can_wait(r);
    if (r->waits) {
        operation_run_settle(r, OPERATION_PREPARED, result, 0);
        return;
    }
    if (put_off(r, result))
        return;
    int64_t next_ms = operation_next_look(&r->row, ava_steady_ms());
    switch (r->result) {
    case OK:
        operation_run_settle(r, OPERATION_SUCCEEDED, result, 0);
        break;
    case ERR_OUTCOME_UNKNOWN:
        operation_run_settle(r, next_ms ? OPERATION_UNKNOWN : OPERATION_UNCONFIRMED, result,
                             next_ms);
        jobs_wake(r->ctx.parts->jobs);
        break;
    case ERR_DRAINING: /* the next process goes on, if anybody was told that it would happen */
        is_known = r->row.attempts > 0 || r->row.is_promised;
        operation_run_settle(r, is_known ? OPERATION_PREPARED : OPERATION_FAILED, result,
                             ava_steady_ms());
        break;
    default:
        goes_on = is_held_up(r) && next_ms && !r->op.is_last;
        r->ctx.attempts += goes_on && !r->ctx.attempts; /* it is retried, so something was tried */
        operation_run_settle(r, goes_on ? OPERATION_PREPARED : OPERATION_FAILED, result,
                             goes_on ? next_ms : 0);
        if (goes_on)
            jobs_wake(r->ctx.parts->jobs);
    }
}

void operation_run_perform(struct operation_run *r) {
    begin_spans(r, "operation");
    perform(r);
    end_spans(r);
}

void operation_run_put_off(struct operation_run *r) {
    int64_t now_ms = ava_steady_ms(), next_ms = operation_next_look(&r->row, now_ms);
    if (r->row.next_ms > now_ms)
        return;
    r->ctx.attempts = 0; /* of looking, not of the operation */
    operation_run_settle(r, next_ms ? OPERATION_UNKNOWN : OPERATION_UNCONFIRMED, NULL, next_ms);
}

void operation_run_look(struct operation_run *r, const void *listed) {
    const void *result = NULL;
    bool is_absent;
    r->ctx.attempts = 0;
    begin_spans(r, "look_up");
    r->result = r->kind->look_up(&r->ctx, &r->op, listed, &result, &is_absent);
    if (r->result == OK && result)
        operation_run_settle(r, OPERATION_SUCCEEDED, result, 0);
    else
        operation_run_put_off(r);
    end_spans(r);
}

/* The fiber of an operation; it holds the run until it is over. */
static void run_alone(void *arg) {
    struct operation_run *r = arg;
    operation_run_perform(r);
    r->is_over = true;
    tell(r);
    operation_run_release(r);
}

void operation_run_begin(void *arg) {
    struct operation_run *r = arg;
    r->holders++;
    if (!fiber_run(run_alone, r)) {
        r->holders--;
        r->result = ERR_OVERLOADED;
    }
}

/* A run is below the request that asked for the operation, whoever runs it. */
static void join_trace(struct operation_run *r, const struct ctx *ctx) {
    char asked_id[33], span_id[17];
    if (!trace_resume(&r->ctx.trace, r->arena, r->row.trace)) {
        ctx_follow(&r->ctx, ctx);
        trace_descend(&r->ctx.trace);
    } else if (trace_ids(str_of(r->row.trace), asked_id, span_id) &&
               strcmp(asked_id, ctx->trace.trace_id) != 0) {
        r->job_trace = trace_keep(&ctx->trace, r->arena);
    }
    r->row.trace = NULL; /* lent */
}

/* Copies all it needs: whoever placed the operation may leave before it is over. */
struct operation_run *operation_run_new(const struct ctx *ctx, const struct operation_kind *kind,
                                        const struct operation_row *row, struct str request) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct operation_run *r = arena_alloc(a, sizeof *r);
    *r = (struct operation_run){ .arena = a, .kind = kind, .row = *row, .holders = 1 };
    ctx_init(&r->ctx, ctx->parts, a, OPERATION_MS);
    r->began_ms = ava_now_ms();
    r->ctx.who = ctx->who;
    join_trace(r, ctx);
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
    r->op = (struct operation){ .id = r->row.id,
                                .object = r->row.object,
                                .created_ms = row->created_ms,
                                .sent_ms = row->sent_ms,
                                .is_promised = row->is_promised,
                                .was_put_off = row->next_ms != 0,
                                .epoch = row->epoch };
    r->op.request = (struct str){ arena_copy(a, request.ptr, request.len), request.len };
    r->watch = (struct upstream_watch){ on_sending, on_waiting, r };
    return r;
}

enum err operation_run_of(struct ctx *ctx, const struct operation_kind *kind,
                          const struct operation_row *row, struct operation_run **out) {
    json_t *content;
    TRY(operation_open(ctx, db_reader(ctx), row, &content));
    *out = operation_run_new(ctx, kind, row, operation_member(ctx, content, "request"));
    return OK;
}
