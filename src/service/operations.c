#include "service/operations.h"

#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/id.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/assistants.h"
#include "service/calls.h"
#include "service/feed.h"
#include "service/jobs.h"
#include "service/messages.h"
#include "service/twilio_calls.h"
#include "store/idempotency.h"
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

const char OPERATION_JOB[] = "operation";

/* After it was sent; RESILIENCE 4. */
static const int64_t LOOKS_MS[] = { 5000, 30 * 1000, 2 * 60 * 1000, 10 * 60 * 1000, GIVE_UP_MS };

static const struct operation_kind *const KINDS[] = { &CALL_CREATE, &TWILIO_CALL_CREATE,
                                                      &MESSAGE_CREATE, &ASSISTANT_CREATE };

static const struct operation_kind *kind_of(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (strcmp(KINDS[i]->name, name) == 0)
            return KINDS[i];
    return NULL;
}

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
    int64_t began_ms;
    struct fiber_parking *waiter; /* NULL: nobody waits */
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

static struct vault_place place_of(const struct operation_row *row) {
    return (struct vault_place){ "operations", "sealed", row->workspace_id, row->id };
}

/* What is sealed: {"request":...,"result":...} or {"request":...,"problem":...}. */
static void problem_write(struct jsonw *w, const struct ctx *ctx, enum err e) {
    const struct err_info *info = err_info(e);
    const struct problem *p = &ctx->problem;
    jsonw_object(w);
    jsonw_text_at(w, "code", info->code);
    jsonw_i64_at(w, "status", info->status);
    jsonw_text_at(w, "detail", p->detail ? p->detail : info->meaning);
    if (p->service)
        jsonw_text_at(w, "service", p->service);
    if (p->upstream_status)
        jsonw_i64_at(w, "upstream_status", p->upstream_status);
    jsonw_object_end(w);
}

static enum err seal_content(struct ctx *ctx, struct db_conn *tx, const struct run *r,
                             struct operation_row *row) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    struct vault_place place = place_of(row);
    jsonw_object(&w);
    jsonw_key(&w, "request");
    jsonw_raw(&w, r->op.request);
    if (row->state == OPERATION_SUCCEEDED) {
        jsonw_key(&w, "result");
        jsonw_raw(&w, r->shown);
    } else if (row->state == OPERATION_FAILED) {
        jsonw_key(&w, "problem");
        problem_write(&w, &r->ctx, r->result);
    }
    jsonw_object_end(&w);
    enum err e = vault_seal(ctx, tx, &place, buf_view(&b), &row->sealed);
    buf_fini(&b);
    return e;
}

static enum err open_content(struct ctx *ctx, struct db_conn *c, const struct operation_row *row,
                             json_t **out) {
    struct vault_place place = place_of(row);
    struct str plain;
    const char *why;
    TRY(vault_unseal(ctx, c, &place, row->sealed, &plain));
    *out = json_parse(ctx->arena, plain, &why);
    return *out ? OK : ctx_fail(ctx, ERR_INTERNAL, "The stored operation cannot be read.");
}

/* A member of what was sealed, as JSON of the arena; NULL ptr where there is none. */
static struct str member_text(struct ctx *ctx, const json_t *content, const char *name) {
    const json_t *member = json_object_get(content, name);
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    if (!member)
        return (struct str){ NULL, 0 };
    jsonw_tree(&w, member);
    struct str text = str_of(str_dup(ctx->arena, buf_view(&b)));
    buf_fini(&b);
    return text;
}

/* --- as people see it ------------------------------------------------------------------------ */

static void write_next(struct jsonw *w, const struct operation_row *row, bool is_waiting) {
    int64_t left_ms = row->next_ms - ava_wall_ms();
    jsonw_key(w, "next_retry_in_seconds");
    if (is_waiting)
        jsonw_i64(w, left_ms > 0 ? (left_ms + 999) / 1000 : 0);
    else
        jsonw_null(w);
}

/* The operation as people see it. result and problem are JSON, NULL ptr where there is none. */
static void show(struct jsonw *w, const struct operation_row *row, struct str result,
                 struct str problem) {
    bool retries = row->state == OPERATION_PREPARED && row->attempts > 0;
    bool is_waiting = (retries || row->state == OPERATION_UNKNOWN) && row->next_ms;
    int64_t attempt = row->attempts + (row->state == OPERATION_SENT || retries);
    jsonw_object(w);
    jsonw_text_at(w, "id", row->id);
    jsonw_text_at(w, "kind", row->kind);
    jsonw_text_at(w, "status", retries ? "retrying" : operation_state_name(row->state));
    jsonw_i64_at(w, "attempt", attempt);
    jsonw_i64_at(w, "max_attempts", row->attempts_max);
    write_next(w, row, is_waiting);
    jsonw_text_at(w, "service", row->provider);
    jsonw_text_at(w, "object_id", row->object);
    jsonw_text_at(w, "correlation_id", row->correlation_id);
    jsonw_time_at(w, "created_at", row->created_ms);
    jsonw_time_at(w, "updated_at", row->updated_ms);
    if (result.ptr) {
        jsonw_key(w, "result");
        jsonw_raw(w, result);
    }
    if (problem.ptr) {
        jsonw_key(w, "problem");
        jsonw_raw(w, problem);
    }
    jsonw_object_end(w);
}

/* --- telling those who watch ----------------------------------------------------------------- */

/* After the commit only: what is told can be read. */
static void publish(struct run *r) {
    struct buf b = { 0 }, problem = { 0 };
    struct jsonw w = jsonw_to(&b), pw = jsonw_to(&problem);
    struct str none = { NULL, 0 };
    if (r->row.state == OPERATION_FAILED)
        problem_write(&pw, &r->ctx, r->result);
    show(&w, &r->row, r->row.state == OPERATION_SUCCEEDED ? r->shown : none,
         problem.len ? buf_view(&problem) : none);
    feed_publish(r->ctx.parts->feed, r->row.workspace_id, "operation", buf_view(&b));
    buf_fini(&problem);
    buf_fini(&b);
}

/* --- what the provider call tells ------------------------------------------------------------ */

static enum err move_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return operation_update(ctx, tx, arg);
}

static enum err on_sending(struct ctx *ctx, void *arg) {
    struct run *r = arg;
    struct operation_row next = r->row;
    next.state = OPERATION_SENT;
    next.next_ms = 0;
    next.updated_ms = ava_wall_ms();
    if (next.sent_ms == 0)
        next.sent_ms = next.updated_ms;
    TRY(db_write(ctx, move_write, &next));
    r->row = next;
    r->op.sent_ms = next.sent_ms;
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
    if (db_write(ctx, move_write, &next) == OK) {
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
    struct str result, shown;
    bool was_abandoned;
    bool was_confirmed; /* somebody else knew first that it succeeded: that stays */
};

static enum err schedule(struct ctx *ctx, struct db_conn *tx, const struct operation_row *row,
                         int64_t at_ms) {
    struct id id = id_make("job");
    struct job_row job = { .id = id.text,
                           .workspace_id = row->workspace_id,
                           .kind = OPERATION_JOB,
                           .object = row->id,
                           .run_at_ms = at_ms,
                           .created_ms = row->created_ms };
    return job_put(ctx, tx, &job, NULL, 0);
}

/* When it is worth asking again; 0 when it was asked often enough. */
static int64_t next_look(const struct operation_row *row, int64_t now_ms) {
    for (size_t i = 0; i < ARRAY_LEN(LOOKS_MS); i++)
        if (row->sent_ms + LOOKS_MS[i] > now_ms)
            return row->sent_ms + LOOKS_MS[i];
    return 0;
}

/* A callback was quicker than the answer, or than whoever asked: what it said stays. */
static enum err take_confirmed(struct ctx *ctx, struct db_conn *tx, struct settling *s,
                               const struct operation_row *now) {
    json_t *content;
    TRY(open_content(ctx, tx, now, &content));
    s->row = *now;
    s->shown = member_text(ctx, content, "result");
    s->was_confirmed = true;
    return OK;
}

static enum err settle_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct settling *s = arg;
    struct run *r = s->run;
    struct operation_row now;
    TRY(operation_find(ctx, tx, NULL, s->row.id, &now));
    if (!now.id)
        return OK; /* its workspace was deleted meanwhile */
    if (now.state == OPERATION_SUCCEEDED)
        return take_confirmed(ctx, tx, s, &now);
    bool never_sent = s->row.state == OPERATION_FAILED && s->row.attempts == 0;
    if (never_sent && !now.is_promised) {
        s->was_abandoned = true;
        TRY(job_delete(ctx, tx, OPERATION_JOB, now.id));
        TRY(r->kind->forget(ctx, tx, &r->op));
        return operation_delete(ctx, tx, now.id);
    }
    s->shown = (struct str){ NULL, 0 };
    if (s->row.state != OPERATION_PREPARED)
        TRY(r->kind->settle(ctx, tx, &r->op, s->row.state, s->result, &s->shown));
    r->shown = s->shown;
    TRY(seal_content(ctx, tx, r, &s->row));
    TRY(operation_update(ctx, tx, &s->row));
    if (s->row.state == OPERATION_UNKNOWN || s->row.state == OPERATION_PREPARED)
        return schedule(ctx, tx, &s->row, s->row.next_ms);
    return job_delete(ctx, tx, OPERATION_JOB, now.id);
}

/* What happened is written down, however long the store takes: until then the row says "sent",
 * and a process that dies here leaves it unknown. */
static void settle(struct run *r, enum operation_state state, struct str result, int64_t next_ms) {
    struct settling s = { .run = r, .row = r->row, .result = result };
    bool is_written = false;
    s.row.state = state;
    s.row.attempts = r->ctx.attempts > r->row.attempts ? r->ctx.attempts : r->row.attempts;
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
    r->is_settled = is_written;
    r->was_abandoned = s.was_abandoned;
    if (s.was_confirmed) {
        r->result = OK;
        r->shown = s.shown;
    } else if (is_written) {
        publish(r);
        if (s.shown.ptr)
            feed_publish(r->ctx.parts->feed, r->row.workspace_id, r->kind->event, s.shown);
    }
    log_info(&r->ctx, "operation", L("operation", r->row.id), L("kind", r->row.kind),
             L("state", s.was_abandoned ? "abandoned" : operation_state_name(r->row.state)),
             L("attempts", (long)r->row.attempts));
}

/* --- running it ------------------------------------------------------------------------------ */

static void perform(struct run *r) {
    struct str result = { NULL, 0 };
    bool is_known;
    r->result = r->kind->perform(&r->ctx, &r->op, &r->watch, &result);
    switch (r->result) {
    case OK:
        settle(r, OPERATION_SUCCEEDED, result, 0);
        break;
    case ERR_OUTCOME_UNKNOWN:
        settle(r, OPERATION_UNKNOWN, result, next_look(&r->row, ava_wall_ms()));
        jobs_wake(r->ctx.parts->jobs);
        break;
    case ERR_DRAINING: /* the next process goes on, if anybody was told that it would happen */
        is_known = r->row.attempts > 0 || r->row.is_promised;
        settle(r, is_known ? OPERATION_PREPARED : OPERATION_FAILED, result, ava_wall_ms());
        break;
    default:
        settle(r, OPERATION_FAILED, result, 0);
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
    r->op = (struct operation){ r->row.id, r->row.object, row->sent_ms, { NULL, 0 } };
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
    struct vault_place place = place_of(&p->row);
    struct id id = id_make("job");
    struct buf b = { 0 };
    buf_printf(&b, "{\"request\":%.*s}", STR_FMT(p->order->request));
    enum err e = vault_seal(ctx, tx, &place, buf_view(&b), &p->row.sealed);
    buf_fini(&b);
    TRY(e);
    TRY(operation_insert(ctx, tx, &p->row));
    TRY(p->order->insert(ctx, tx, p->order->arg));
    if (p->order->claim)
        TRY(idempotency_link(ctx, tx, p->order->claim->text, p->row.id));
    struct job_row job = { .id = id.text,
                           .workspace_id = p->row.workspace_id,
                           .kind = OPERATION_JOB,
                           .object = p->row.id,
                           .run_at_ms = p->row.created_ms,
                           .created_ms = p->row.created_ms };
    return job_put(ctx, tx, &job, ctx->parts->run_id, p->row.created_ms + JOB_LEASE_MS);
}

static enum err promise_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return operation_promise(ctx, tx, arg);
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
    out->was_abandoned = r->was_abandoned;
    ctx->attempts = out->attempts = r->ctx.attempts;
    if (is_open && patience != PATIENCE_ALL) {
        out->is_accepted = true;
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
    *out = (struct operation_end){ .id = p.row.id };
    TRY(db_write(ctx, place_write, &p));
    struct run *r = run_new(ctx, order->kind, &p.row, order->request);
    publish(r);
    if (fiber_self()) {
        fiber_on_loop(run_begin, r);
        if (r->result == ERR_OVERLOADED) { /* no room for a fiber: nothing was tried */
            ctx_fail(&r->ctx, ERR_OVERLOADED, "Ava is busy; try again in a second.");
            settle(r, OPERATION_FAILED, (struct str){ NULL, 0 }, 0);
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

/* --- reading it ------------------------------------------------------------------------------ */

static enum err find_own(struct ctx *ctx, const char *id, struct operation_row *row,
                         json_t **content) {
    TRY(operation_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, id, row));
    if (!row->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such operation.");
    return open_content(ctx, db_reader(ctx->parts->db), row, content);
}

enum err operation_read(struct ctx *ctx, const char *id, struct buf *out) {
    struct operation_row row;
    struct jsonw w = jsonw_to(out);
    json_t *content;
    TRY(find_own(ctx, id, &row, &content));
    show(&w, &row, member_text(ctx, content, "result"), member_text(ctx, content, "problem"));
    return OK;
}

enum err operation_replay(struct ctx *ctx, const char *id, struct operation_end *end) {
    struct operation_row row;
    json_t *content;
    TRY(find_own(ctx, id, &row, &content));
    *end = (struct operation_end){ .id = row.id, .attempts = (int)row.attempts };
    if (row.state == OPERATION_SUCCEEDED) {
        end->shown = member_text(ctx, content, "result");
        return OK;
    }
    if (row.state == OPERATION_FAILED) {
        const json_t *problem = json_object_get(content, "problem");
        const char *code = json_text(problem, "code");
        enum err e = code ? err_by_code(code) : OK;
        ctx->problem.service = row.provider;
        ctx->problem.attempts = (int)row.attempts;
        ctx->problem.attempts_max = (int)row.attempts_max;
        ctx->problem.upstream_status = (int)json_i64_or(problem, "upstream_status", 0);
        return ctx_fail(ctx, e == OK ? ERR_PROVIDER_ERROR : e, "%s", json_text(problem, "detail"));
    }
    bool is_open = row.state == OPERATION_PREPARED || row.state == OPERATION_SENT;
    if (is_open && !row.is_promised) {
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_IDEMPOTENCY_IN_PROGRESS,
                        "The first request with this key is not finished; ask again in 1 s.");
    }
    end->is_accepted = true;
    return OK;
}

/* --- as a job -------------------------------------------------------------------------------- */

/* Nobody was told that it would happen, and nobody can ask for it again under the same key: whoever
 * placed it saw the connection break, and will ask anew. */
static enum err is_wanted(struct ctx *ctx, const struct operation_row *row, bool *wanted) {
    *wanted = row->is_promised;
    return *wanted ? OK : idempotency_has(ctx, db_reader(ctx->parts->db), row->id, wanted);
}

static void resume(struct run *r, bool wanted) {
    if (wanted) {
        perform(r);
        return;
    }
    r->result = ctx_fail(&r->ctx, ERR_DRAINING, "Ava stopped before this was sent.");
    settle(r, OPERATION_FAILED, (struct str){ NULL, 0 }, 0);
}

static void look(struct run *r) {
    struct str result = { NULL, 0 };
    r->ctx.attempts = 0;
    r->result = r->kind->look_up(&r->ctx, &r->op, &result);
    int64_t next_ms = next_look(&r->row, ava_wall_ms());
    if (r->result == OK && result.ptr) {
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
    TRY(open_content(ctx, db_reader(ctx->parts->db), row, &content));
    *out = run_new(ctx, kind, row, member_text(ctx, content, "request"));
    return OK;
}

enum err operation_work(struct ctx *ctx, const struct job_row *job) {
    struct operation_row row;
    struct run *r;
    TRY(operation_find(ctx, db_reader(ctx->parts->db), NULL, job->object, &row));
    const struct operation_kind *kind = row.id ? kind_of(row.kind) : NULL;
    if (!kind)
        return ctx_fail(ctx, ERR_INTERNAL, "There is no operation to work on.");
    TRY(run_of(ctx, kind, &row, &r));
    bool wanted = true;
    enum err e = OK;
    if (row.state == OPERATION_UNKNOWN)
        look(r);
    else if (row.state == OPERATION_PREPARED && (e = is_wanted(ctx, &row, &wanted)) == OK)
        resume(r, wanted);
    run_release(r);
    return e;
}

/* --- told by the provider -------------------------------------------------------------------- */

enum err operation_confirm(struct ctx *ctx, const char *id, struct str facts, bool *confirmed) {
    struct operation_row row;
    struct run *r;
    *confirmed = false;
    TRY(operation_find(ctx, db_reader(ctx->parts->db), ctx->who.workspace_id, id, &row));
    const struct operation_kind *kind = row.id ? kind_of(row.kind) : NULL;
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
    TRY(operations_orphan(ctx, tx, now_ms, arg));
    return jobs_reclaim(ctx, tx, now_ms, ctx->parts->run_id);
}

enum err operations_recover(struct ctx *ctx) {
    int64_t count = 0;
    TRY(db_write(ctx, recover_write, &count));
    if (count)
        log_warn(ctx, "operations unknown", L("count", (long)count));
    return OK;
}

void operations_collect(void *arg) {
    const struct parts *parts = arg;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    ctx_init(&ctx, parts, a, PROMISE_MS);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        int64_t count = 0;
        if (operations_count(&ctx, db_reader(parts->db), OPERATION_UNKNOWN, provider_name(p),
                             &count) == OK)
            metric_set(METRIC_OPERATIONS_UNKNOWN, (double)count, provider_name(p));
    }
    arena_free(a);
}
