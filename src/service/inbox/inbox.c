#include "service/inbox/inbox.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/id.h"
#include "base/json.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "service/calls/call_reports.h"
#include "service/email/email_reports.h"
#include "service/forwarding/forwarding.h"
#include "service/inbox/event_trace.h"
#include "service/inbox/events.h"
#include "service/messages/message_reports.h"
#include "store/calls.h"
#include "store/messages.h"
#include "tasks/event_facts.h"
#include "tasks/feed.h"
#include "tasks/happened.h"
#include "tasks/jobs.h"
#include "tasks/operations.h"
#include "vault/vault.h"

enum {
    BATCH_MAX = 32,
    BATCH_BYTES = 256 << 10, /* when a batch is heavy enough */
    BATCH_ARENA_BYTES = 64 << 20,
    WRITE_MS = 30 * 1000,
    BURST_TIMES = 2, /* so many times as much came in as was worked on: a burst */
    REST_TIMES = 40, /* in a burst we rest so many times as long as a batch took */
    REST_MAX_MS = 1000,
};

enum { WAITING_MS = 500 };

static const int64_t TRIES_MS[] = {
    5000,           30 * 1000,       2 * 60 * 1000,   10 * 60 * 1000,
    30 * 60 * 1000, 2 * 3600 * 1000, 6 * 3600 * 1000, 12 * 3600 * 1000
};

/* The job of the workspace, ready now. */
static enum err want(struct ctx *ctx, struct db_conn *tx, const char *workspace_id) {
    struct job_row job = job_of(ctx, INBOX_JOB.name, workspace_id, workspace_id, ava_steady_ms());
    return job_row_want(ctx, tx, &job);
}

static enum err recover_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return job_rows_for_events(ctx, tx, INBOX_JOB.name);
}

enum err inbox_recover(struct ctx *ctx) {
    TRY(db_write(ctx, recover_write, NULL));
    jobs_wake(ctx->parts->jobs);
    return OK;
}

/* --- a batch --------------------------------------------------------------------------------- */

/* What an event says, read before the transaction begins, and what came of it. */
struct item {
    struct event_row row, was; /* was: as it was read */
    struct call_report call;
    struct message_facts message;
    const char *unreadable; /* why; NULL: it could be read */
    bool is_lost;           /* unreadable because it cannot be opened */
    struct event_trace trace;
    struct str call_shown, text_shown; /* what it changed, as people see it; NULL ptr: nothing */
};

struct batch {
    struct item items[BATCH_MAX];
    size_t count;
    bool is_full; /* there may be more */
    const struct job_row *job;
    bool is_mine; /* the job still; else nothing was written, and nothing is told */
    const char *workspace_id;
    int64_t now_ms;
    int64_t began_ms;    /* monotonic */
    uint64_t taken_then; /* burst->taken when it began */
    size_t forwarded;    /* deliveries that are to be sent now */
};

/* Unseals and reads one event; one that cannot be understood is unreadable, which is no error. */
static enum err open_item(struct ctx *ctx, struct db_conn *c, struct item *it) {
    struct dialect_facts facts;
    TRY(event_facts_read(ctx, c, &it->row, &facts, &it->unreadable));
    it->message = facts.message;
    it->row.told = it->unreadable ? "" : event_told(ctx, &facts);
    call_report_of(ctx, it->row.provider, &facts.call, it->row.received_ms, &it->call);
    return OK;
}

/* Begins the span of working on an event that could be opened. */
static void begin_trace(struct ctx *ctx, struct item *it) {
    const char *named =
        it->call.facts.operation_id ? it->call.facts.operation_id : it->message.operation_id;
    event_trace_begin(ctx, &it->row, it->unreadable ? NULL : named, &it->trace);
    it->was.trace = it->row.trace;
}

/* Reads the events that are due, at most BATCH_MAX, and fewer where they weigh much. */
static enum err load(struct ctx *ctx, struct batch *b) {
    struct db_conn *c = db_reader(ctx);
    struct event_row *rows = arena_alloc(ctx->arena, BATCH_MAX * sizeof *rows);
    size_t due, bytes = 0;
    TRY(event_rows_due(ctx, c, b->workspace_id, b->now_ms, BATCH_MAX, rows, &due));
    for (size_t i = 0; i < due && bytes < BATCH_BYTES; i++, b->count++) {
        TRY(event_row_body(ctx, c, &rows[i]));
        bytes += rows[i].sealed.len;
        b->items[i].row = b->items[i].was = rows[i];
        enum err e = open_item(ctx, c, &b->items[i]);
        if (e == ERR_STORAGE_UNAVAILABLE)
            return e;
        begin_trace(ctx, &b->items[i]);
        if (e == OK)
            continue;
        b->items[i].unreadable = "Ava cannot open what it stored.";
        b->items[i].is_lost = true;
    }
    b->is_full = b->count == BATCH_MAX || b->count < due;
    return OK;
}

/* --- operations ------------------------------------------------------------------------------ */

/* Settles the operation that an event names: the provider has done it. Before the event is settled,
 * so that an end of Ava in between only repeats this. */
static enum err confirm_one(struct ctx *ctx, const struct item *it) {
    bool confirmed;
    if (it->unreadable)
        return OK;
    if (it->call.facts.operation_id)
        return operation_confirm(ctx, it->call.facts.operation_id, &it->call.facts, &confirmed);
    if (it->message.operation_id)
        return operation_confirm(ctx, it->message.operation_id, &it->message, &confirmed);
    return OK;
}

static enum err confirm(struct ctx *ctx, const struct batch *b) {
    for (size_t i = 0; i < b->count; i++)
        TRY(confirm_one(ctx, &b->items[i]));
    return OK;
}

/* --- settling -------------------------------------------------------------------------------- */

static void mark_done(struct item *it, int64_t now_ms) {
    it->row.status = "done";
    it->row.attempts++;
    it->row.next_ms = 0;
    it->row.settled_ms = now_ms;
    it->row.cause = it->row.detail = NULL;
}

/* The event is over without effect, until somebody replays it. */
static void mark_dead(struct item *it, int64_t now_ms, const char *cause, const char *detail) {
    mark_done(it, now_ms);
    it->row.status = "dead";
    it->row.cause = cause;
    it->row.detail = detail;
}

/* Schedules the next try, after the last one the event is dead. */
static void mark_failed(struct ctx *ctx, struct item *it, int64_t now_ms, enum err e) {
    const char *detail =
        arena_printf(ctx->arena, "Ava could not work on it: %s",
                     ctx->problem.detail ? ctx->problem.detail : err_info(e)->meaning);
    if ((size_t)it->row.attempts >= ARRAY_LEN(TRIES_MS)) {
        mark_dead(it, now_ms, "ours", detail);
        return;
    }
    it->row.status = "retrying";
    it->row.next_ms = now_ms + TRIES_MS[it->row.attempts++];
    it->row.cause = "ours";
    it->row.detail = detail;
}

/* Comes again in a moment, which counts as no try: what it speaks of is being made. */
static void mark_waiting(struct item *it, int64_t now_ms) {
    it->row.status = "retrying";
    it->row.next_ms = now_ms + WAITING_MS;
    it->row.cause = NULL;
    it->row.detail = "It waits for the answer to a call that is being placed.";
}

static void forget_shown(struct item *it) {
    it->call_shown = it->text_shown = (struct str){ NULL, 0 };
}

/* Tells the workspace's rules of an event that is dead, as the sender or Ava left it. */
static enum err tell_dead(struct ctx *ctx, struct db_conn *tx, const struct item *it) {
    const struct event_row *e = &it->row;
    struct happening h = {
        .event = "event.dead",
        .cause = e->id,
        .event_id = e->id,
        .provider = e->provider,
        .resource = e->resource,
        .said = arena_printf(ctx->arena, "Ava could not work on what %s told (%s): %s",
                             provider_title(provider_parse(str_of(e->provider))), e->type,
                             e->detail ? e->detail : "no reason is known."),
    };
    return strcmp(e->status, "dead") == 0 ? happened(ctx, tx, e->workspace_id, &h) : OK;
}

/* Tells them of a text that came in, and of what a call was about. */
static enum err tell_rules(struct ctx *ctx, struct db_conn *tx, const struct item *it) {
    const struct message_facts *m = &it->message;
    const struct call_facts *c = &it->call.facts;
    const char *provider = it->row.provider;
    struct message_row text;
    struct call_row call;
    struct happening h = { .event_id = it->row.id, .at_ms = it->row.received_ms };
    if (m->provider_id && m->is_received) {
        TRY(message_row_find_by_provider(ctx, tx, it->row.workspace_id, provider, m->provider_id,
                                         &text));
        h.event = "message.received";
        h.cause = arena_join(ctx->arena, provider, ":", m->provider_id);
        h.who = text.from;
        h.line = text.to;
        h.message_id = text.id;
        TRY(text.id ? happened(ctx, tx, it->row.workspace_id, &h) : OK);
    }
    if (!c->summary)
        return OK;
    TRY(call_row_find_by_provider(ctx, tx, it->row.workspace_id, provider, c->provider_id, &call));
    if (!call.id)
        return OK;
    bool comes_in = strcmp(call.direction, "inbound") == 0;
    h.event = "call.summary";
    h.cause = arena_join(ctx->arena, provider, ":", c->provider_id);
    h.who = comes_in ? call.from : call.to;
    h.line = comes_in ? call.to : call.from;
    h.message_id = NULL;
    h.call_id = call.id;
    h.direction = call.direction;
    return happened(ctx, tx, it->row.workspace_id, &h);
}

/* Applies one event to our rows, notes its deliveries and settles it, in the transaction.
 * *forwarded grows by the deliveries to be sent now. */
static enum err apply(struct ctx *ctx, struct db_conn *tx, struct item *it, int64_t now_ms,
                      size_t *forwarded) {
    const char *workspace_id = it->row.workspace_id;
    forget_shown(it);
    if (it->unreadable) {
        mark_dead(it, now_ms, it->is_lost ? "ours" : "sender", it->unreadable);
        TRY(tell_dead(ctx, tx, it));
    } else {
        bool waits;
        TRY(call_report_apply(ctx, tx, workspace_id, &it->call, &it->call_shown, &waits));
        if (waits) {
            mark_waiting(it, now_ms);
            return event_row_settle(ctx, tx, &it->row);
        }
        TRY((it->message.recipients ? email_report_apply : message_report_apply)(
            ctx, tx, workspace_id, it->row.provider, &it->message, &it->text_shown));
        mark_done(it, now_ms);
        TRY(tell_rules(ctx, tx, it));
        TRY(forwarding_note(ctx, tx, &it->row, it->call.facts.status, forwarded));
    }
    return event_row_settle(ctx, tx, &it->row);
}

/* The job comes again when there is more, and ends when there is not: what is taken in from now on
 * wants it anew. */
static enum err go_on_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct batch *b = arg;
    struct job_row job = job_of(ctx, INBOX_JOB.name, b->workspace_id, b->workspace_id, b->now_ms);
    TRY(event_rows_next_due(ctx, tx, b->workspace_id, &job.run_at_ms));
    if (job.run_at_ms == INT64_MAX)
        return job_row_delete(ctx, tx, INBOX_JOB.name, b->workspace_id);
    if (job.run_at_ms < b->now_ms)
        job.run_at_ms = b->now_ms;
    return job_row_put(ctx, tx, &job, NULL, 0);
}

/* The whole batch in one transaction, with the job that goes on. */
static enum err all_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct batch *b = arg;
    for (size_t i = 0; i < b->count; i++)
        TRY(apply(ctx, tx, &b->items[i], b->now_ms, &b->forwarded));
    return go_on_write(ctx, tx, b);
}

struct single {
    struct item *item;
    size_t forwarded;
};

static enum err one_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct single *s = arg;
    return apply(ctx, tx, s->item, ava_steady_ms(), &s->forwarded);
}

static enum err failed_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct item *it = arg;
    TRY(tell_dead(ctx, tx, it));
    return event_row_settle(ctx, tx, &it->row);
}

/* One of them fails: each gets a transaction of its own, so that it fails alone. */
static enum err one_by_one(struct ctx *ctx, struct batch *b) {
    for (size_t i = 0; i < b->count && b->is_mine; i++) {
        struct item *it = &b->items[i];
        it->row = it->was;
        ctx_clear(ctx);
        struct single s = { .item = it };
        enum err e = job_write(ctx, b->job, one_write, &s, &b->is_mine);
        if (e == ERR_STORAGE_UNAVAILABLE)
            return e;
        if (e == OK) {
            b->forwarded += s.forwarded;
            continue;
        }
        it->row = it->was;
        forget_shown(it);
        mark_failed(ctx, it, b->now_ms, e);
        log_warn(ctx, "event failed", L("event", it->row.id), L("type", it->row.type),
                 L("attempts", (long)it->row.attempts), L("code", err_info(e)->code));
        TRY(job_write(ctx, b->job, failed_write, it, &b->is_mine));
    }
    return b->is_mine ? job_write(ctx, b->job, go_on_write, b, &b->is_mine) : OK;
}

/* --- telling --------------------------------------------------------------------------------- */

/* Publishes the events and what they changed; after the commit. */
static void publish(struct ctx *ctx, const struct batch *b) {
    bool has_news = false;
    for (size_t i = 0; i < b->count; i++) {
        const struct item *it = &b->items[i];
        struct buf out = { 0 };
        struct jsonw w = jsonw_to(&out);
        jsonw_object(&w);
        event_write(&w, &it->row);
        jsonw_object_end(&w);
        feed_publish(ctx->parts->feed, b->workspace_id, "event", buf_view(&out));
        buf_fini(&out);
        if (it->call_shown.ptr)
            feed_publish(ctx->parts->feed, b->workspace_id, "call", it->call_shown);
        if (it->text_shown.ptr)
            feed_publish(ctx->parts->feed, b->workspace_id, "message", it->text_shown);
        has_news |= it->call_shown.ptr || it->text_shown.ptr || it->call.facts.summary ||
                    strcmp(it->row.status, "dead") == 0;
    }
    if (has_news)
        jobs_wake(ctx->parts->jobs); /* a line may have come free, or a rule has something to do */
}

/* --- in turn with taking in ------------------------------------------------------------------ */

/* Rests while a burst is taken in, at most REST_MAX_MS. */
static void wait_for_turn(const struct jobs_burst *burst) {
    int64_t left_ms = burst->rest_until_ms - ava_now_ms();
    if (left_ms > 0)
        fiber_sleep(left_ms < REST_MAX_MS ? left_ms : REST_MAX_MS);
}

/* A burst: there is more to do than a batch, and more came in meanwhile than was worked on. */
static void note_turn(const struct batch *b, struct jobs_burst *burst) {
    if (b->is_full && burst->taken - b->taken_then > BATCH_MAX)
        burst->rest_until_ms = ava_now_ms() + (ava_now_ms() - b->began_ms + 1) * REST_TIMES;
}

/* One batch: load, confirm operations, apply and settle, publish. The wish is dropped before the
 * last look at what is due (go_on_write), so that an event that comes later wishes anew. */
static enum err work(struct ctx *ctx, const struct job_row *job) {
    struct arena *a = arena_new(BATCH_ARENA_BYTES);
    struct batch *b = arena_alloc(a, sizeof *b);
    struct jobs_burst *burst = jobs_burst(ctx->parts->jobs);
    struct ctx own = *ctx;
    own.arena = a;
    str_copy(own.who.workspace_id, sizeof own.who.workspace_id, str_of(job->workspace_id));
    wait_for_turn(burst);
    *b = (struct batch){ .job = job,
                         .is_mine = true,
                         .workspace_id = job->workspace_id,
                         .now_ms = ava_steady_ms(),
                         .began_ms = ava_now_ms(),
                         .taken_then = burst->taken };
    own.deadline_ms = ava_now_ms() + WRITE_MS;
    enum err e = load(&own, b);
    if (e == OK)
        e = confirm(&own, b);
    jobs_unwant(ctx->parts->jobs, &INBOX_JOB, job->workspace_id);
    if (e == OK)
        e = job_write(&own, job, all_write, b, &b->is_mine);
    if (e != OK)
        b->forwarded = 0; /* what was noted went with the transaction */
    note_turn(b, burst);
    if (e != OK && e != ERR_STORAGE_UNAVAILABLE)
        e = one_by_one(&own, b);
    if (e == OK && b->is_mine)
        publish(&own, b);
    for (size_t i = 0; e == OK && i < b->count; i++)
        event_trace_end(&b->items[i].trace, &b->items[i].row);
    if (b->forwarded)
        forwarding_wake(&own);
    arena_free(a);
    return e;
}

const struct job_kind INBOX_JOB = { .name = "inbox", .work = work, .want = want, .lasts = true };
