#include "service/forwarding/forwarding.h"

#include <stdatomic.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/id.h"
#include "base/jsonw.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "obs/tracer.h"
#include "service/forwarding/deliveries.h"
#include "service/forwarding/destinations.h"
#include "service/forwarding/forward_rules.h"
#include "store/calls.h"
#include "store/messages.h"
#include "store/removals.h"
#include "tasks/jobs.h"

enum {
    SHELF_MAX = 64,         /* looked up at once */
    TURN_MS = 10 * 1000,    /* then the workspace's other jobs have their turn, */
    LONGEST_MS = 30 * 1000, /* but while a slow one keeps the turn, others go beside it */
    BESIDE_MS = 1000,       /* after each look at what is new */
    LOOK_MS = 50,
    SENDING_MS = 25 * 1000, /* resolve, attempt, write */
    WRITE_MS = 30 * 1000,
    FAILING_WAIT_MS = 1000, /* a failing one is not looked at for every new event */
    ARENA_BYTES = 1 << 20,
    HOLD_PIECE = 32, /* rows of one statement */
};

/* --- from an event to deliveries ------------------------------------------------------------- */

/* The call or the text an event is about, as our rows say after it was applied. */
struct subject {
    const char *call_id, *message_id, *operation_id, *status, *ended_reason;
};

/* Our row that the event is about; all NULL when there is none. */
static enum err find_subject(struct ctx *ctx, struct db_conn *tx, const struct event_row *e,
                             struct subject *out) {
    struct call_row call = { .id = NULL };
    struct message_row message = { .id = NULL };
    *out = (struct subject){ .call_id = NULL };
    if (!e->resource[0])
        return OK;
    TRY(call_row_find_by_provider(ctx, tx, e->workspace_id, e->provider, e->resource, &call));
    if (!call.id)
        TRY(message_row_find_by_provider(ctx, tx, e->workspace_id, e->provider, e->resource,
                                         &message));
    if (!call.id && !message.id)
        TRY(call_row_find_carried(ctx, tx, e->workspace_id, e->resource, &call));
    if (call.id)
        *out = (struct subject){ .call_id = call.id,
                                 .operation_id = call.operation_id,
                                 .status = call.status,
                                 .ended_reason = call.ended_reason };
    else if (message.id)
        *out = (struct subject){ .message_id = message.id,
                                 .operation_id = message.operation_id,
                                 .status = message.status };
    return OK;
}

/* The JSON that customers get; the arena's. */
static const char *body_of(struct ctx *ctx, const struct event_row *e, const struct subject *s,
                           const char *type) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "type", type);
    jsonw_time_at(&w, "timestamp", e->received_ms);
    jsonw_key(&w, "data");
    jsonw_object(&w);
    jsonw_text_at(&w, "event_id", e->id);
    jsonw_text_at(&w, "provider", e->provider);
    jsonw_text_at(&w, "provider_type", e->type);
    jsonw_text_at(&w, "provider_id", e->resource[0] ? e->resource : NULL);
    jsonw_text_at(&w, "call_id", s->call_id);
    jsonw_text_at(&w, "message_id", s->message_id);
    jsonw_text_at(&w, "operation_id", s->operation_id);
    jsonw_text_at(&w, "status", s->status);
    jsonw_text_at(&w, "ended_reason", s->ended_reason);
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* Writes one delivery and wants its job; held when the destination is off. *count: those to send
 * now. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, const struct destination_row *to,
                       const struct delivery_row *like, size_t *count) {
    struct id id = id_make("dlv");
    struct delivery_row row = *like;
    bool is_new;
    row.id = id.text;
    row.destination_id = to->id;
    row.status = to->enabled ? "waiting" : "held";
    row.settled_ms = to->enabled ? 0 : like->created_ms;
    TRY(delivery_row_insert(ctx, tx, &row, &is_new));
    if (!is_new)
        return OK;
    if (!to->enabled) {
        metric_add(METRIC_DELIVERIES, 1, "held");
        return OK;
    }
    ++*count;
    return forwarding_want(ctx, tx, to,
                           ava_steady_ms() + (to->failing_since_ms ? FAILING_WAIT_MS : 0));
}

enum err forwarding_note(struct ctx *ctx, struct db_conn *tx, const struct event_row *event,
                         const char *status, size_t *count) {
    struct destination_row all[DESTINATIONS_MAX];
    struct subject subject;
    size_t found;
    struct delivery_row like = { .workspace_id = event->workspace_id,
                                 .event_id = event->id,
                                 .trace = event->trace };
    TRY(destination_rows_list(ctx, tx, event->workspace_id, NULL, DESTINATIONS_MAX, all, &found));
    if (!found)
        return OK;
    like.type = forward_type(ctx->arena, event->provider, event->type, status);
    like.created_ms = ava_wall_ms();
    like.resource =
        event->resource[0] ? arena_join(ctx->arena, event->provider, ":", event->resource) : "";
    TRY(find_subject(ctx, tx, event, &subject));
    like.body = body_of(ctx, event, &subject, like.type);
    for (size_t i = 0; i < found; i++)
        if (forward_matches(all[i].events, like.type))
            TRY(insert(ctx, tx, &all[i], &like, count));
    return OK;
}

/* --- the job --------------------------------------------------------------------------------- */

enum err forwarding_want(struct ctx *ctx, struct db_conn *tx, const struct destination_row *to,
                         int64_t at_ms) {
    struct job_row job = job_of(ctx, FORWARDING_JOB.name, to->workspace_id, to->id, at_ms);
    return job_row_want(ctx, tx, &job);
}

/* Goes up with every wake: a turn that waits for slow deliveries sees that there may be others. */
static atomic_ulong wakes;

void forwarding_wake(struct ctx *ctx) {
    atomic_fetch_add(&wakes, 1);
    jobs_wake(ctx->parts->jobs);
}

/* --- sending --------------------------------------------------------------------------------- */

/* Deliveries that senders have at one moment. */
struct under_way {
    char ids[FORWARDING_AT_ONCE][ID_BYTES];
};

/* All of it on one loop: its fibers take from the shelf one after the other. One of them fills it, which may take
 * it a while; the others go meanwhile, and are called again for what is there then. */
struct sending {
    const struct parts *parts;
    const char *destination_id;
    struct arena *arena; /* of the shelf */
    struct delivery_row shelf[SHELF_MAX];
    size_t next, count;
    struct under_way under_way;
    size_t senders; /* and who waits for them, until it does */
    bool is_over, is_filling;
    unsigned long wakes; /* seen so far */
    int64_t until_ms;    /* monotonic */
    int64_t last_ms;     /* until_ms is never later */
    int64_t resumes_ms;  /* wall clock: when the destination is worth asking again */
    struct fiber_parking done;
};

static bool is_among(const struct under_way *u, const char *id) {
    for (size_t i = 0; i < FORWARDING_AT_ONCE; i++)
        if (strcmp(u->ids[i], id) == 0)
            return true;
    return false;
}

/* Reads what can be sent now; on an error the sending is over. What was under way before is left out, though it may
 * have been sent by the time that the answer is here: the answer may be from before that. */
static void fill_shelf(struct sending *s) {
    struct ctx ctx;
    size_t found = 0;
    struct under_way before = s->under_way;
    s->is_filling = true;
    arena_free(s->arena);
    s->arena = arena_new(ARENA_BYTES * 4);
    s->next = s->count = 0;
    ctx_init(&ctx, s->parts, s->arena, WRITE_MS);
    if (delivery_rows_due(&ctx, db_reader(&ctx), s->destination_id, ava_steady_ms(), SHELF_MAX,
                          s->shelf, &found) != OK)
        s->is_over = true;
    for (size_t i = 0; i < found; i++)
        if (!is_among(&before, s->shelf[i].id))
            s->shelf[s->count++] = s->shelf[i];
    s->is_filling = false;
}

static void sender_run(void *arg);

/* On the stack of the loop: one sender more, if there is room for a fiber. */
static void sender_begin(void *arg) {
    struct sending *s = arg;
    s->senders++;
    if (!fiber_run(sender_run, s)) /* no room for a fiber: those there are do it */
        s->senders--;
}

/* Starts further senders: one per delivery on the shelf, at most FORWARDING_AT_ONCE with the
 * caller. */
static void call_others(struct sending *s) {
    size_t left = s->count - s->next;
    for (size_t i = 0; i < left && s->senders < FORWARDING_AT_ONCE; i++)
        fiber_on_loop(sender_begin, s);
}

/* The next one, copied into the arena of who sends it; *slot: where it is noted as under way. */
static bool take(struct sending *s, struct arena *a, struct delivery_row *out, char **slot) {
    if (s->is_filling || s->is_over || ava_now_ms() >= s->until_ms ||
        jobs_is_stopping(s->parts->jobs))
        return false;
    if (s->next == s->count)
        fill_shelf(s);
    if (s->next == s->count)
        return false;
    *out = s->shelf[s->next++];
    out->id = arena_strdup(a, out->id);
    out->destination_id = s->destination_id;
    out->body = arena_strdup(a, out->body);
    out->workspace_id = arena_strdup(a, out->workspace_id);
    out->type = arena_strdup(a, out->type);
    out->event_id = arena_strdup(a, out->event_id);
    if (out->trace)
        out->trace = arena_strdup(a, out->trace);
    for (size_t i = 0; i < FORWARDING_AT_ONCE; i++)
        if (!s->under_way.ids[i][0]) {
            *slot = s->under_way.ids[i];
            str_copy(*slot, ID_BYTES, str_of(out->id));
            return true;
        }
    return false; /* cannot be: a sender has one at a time */
}

/* Ends this round: the destination rests until then. */
static void rest(struct sending *s, int64_t pause_ms) {
    int64_t at_ms = ava_steady_ms() + pause_ms;
    s->is_over = true;
    if (at_ms > s->resumes_ms)
        s->resumes_ms = at_ms;
}

/* A delivery is part of the trace that its event is part of. */
static void begin_spans(struct ctx *ctx, const struct delivery_row *row) {
    if (!trace_resume(&ctx->trace, ctx->arena, row->trace))
        tracer_choose(ctx->parts->tracer, &ctx->trace, ava_now_ms());
    spans_begin(ctx, SPAN_PRODUCER, "send", "deliveries");
    struct span *s = spans_root(ctx);
    span_text(s, "messaging.system", "ava");
    span_text(s, "messaging.destination.name", "deliveries");
    span_text(s, "messaging.operation.name", "send");
    span_text(s, "messaging.operation.type", "send");
    span_text(s, "messaging.message.id", row->id);
    span_text(s, "ava.event.id", row->event_id);
    span_text(s, "ava.event.type", row->type);
    span_number(s, "ava.attempts", row->attempts + 1);
}

/* Takes one delivery, calls others to help, and sends it. False when there is none. */
static bool send_next(struct sending *s) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct delivery_row row;
    struct ctx ctx;
    char *slot;
    int64_t pause_ms = 0;
    bool is_taken = take(s, a, &row, &slot);
    if (is_taken) {
        call_others(s);
        ctx_init(&ctx, s->parts, a, SENDING_MS);
        str_copy(ctx.who.workspace_id, sizeof ctx.who.workspace_id, str_of(row.workspace_id));
        begin_spans(&ctx, &row);
        enum err e = delivery_send(&ctx, &row, &pause_ms);
        if (!pause_ms) /* else nothing was sent */
            spans_end(&ctx, e == OK ? NULL : err_info(e)->code);
        slot[0] = 0;
        if (e != OK)
            log_warn(&ctx, "delivery not written down", L("delivery", row.id),
                     L("code", err_info(e)->code));
        if (pause_ms)
            rest(s, pause_ms);
    }
    arena_free(a);
    return is_taken;
}

/* The fiber of a sender; the last one to end wakes the job. */
static void sender_run(void *arg) {
    struct sending *s = arg;
    while (send_next(s))
        ;
    if (--s->senders == 0)
        fiber_unpark(&s->done);
}

/* While deliveries are under way: takes what came meanwhile beside them. */
static void look_again(struct sending *s) {
    unsigned long now_wakes = atomic_load(&wakes);
    int64_t now_ms = ava_now_ms();
    if (now_wakes == s->wakes || s->is_filling || s->is_over || s->senders == FORWARDING_AT_ONCE ||
        now_ms >= s->last_ms)
        return;
    s->wakes = now_wakes;
    if (s->until_ms < now_ms + BESIDE_MS)
        s->until_ms = now_ms + BESIDE_MS;
    if (s->until_ms > s->last_ms)
        s->until_ms = s->last_ms;
    if (s->next == s->count)
        fill_shelf(s);
    call_others(s);
}

/* Returns once no delivery is under way. Senders run on this loop only: nobody is missed between
 * looking and sleeping. */
static void wait_for_senders(struct sending *s) {
    while (s->senders) {
        fiber_park(&s->done, ava_now_ms() + LOOK_MS, NULL, NULL);
        fiber_parking_init(&s->done);
        if (s->senders)
            look_again(s);
    }
}

/* The job comes again when there is more, and ends when there is not. */
static enum err go_on_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct sending *s = arg;
    struct destination_row to;
    int64_t at_ms = INT64_MAX, now_ms = ava_steady_ms();
    TRY(destination_row_find(ctx, tx, NULL, s->destination_id, &to));
    if (to.id)
        TRY(delivery_rows_next_due(ctx, tx, to.id, &at_ms));
    if (to.id && (to.removed_ms || (!to.enabled && at_ms < INT64_MAX)))
        at_ms = now_ms; /* switched off meanwhile */
    if (at_ms == INT64_MAX)
        return job_row_delete(ctx, tx, FORWARDING_JOB.name, s->destination_id);
    if (at_ms < s->resumes_ms)
        at_ms = s->resumes_ms;
    if (at_ms < now_ms)
        at_ms = now_ms;
    struct job_row job = job_of(ctx, FORWARDING_JOB.name, to.workspace_id, to.id, at_ms);
    return job_row_put(ctx, tx, &job, NULL, 0);
}

/* A piece of what a destination that is off has open: held, or removed with it. */
static enum err off_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    const struct sending *s = arg;
    struct destination_row to;
    TRY(destination_row_find(ctx, tx, NULL, s->destination_id, &to));
    if (!to.id || to.enabled)
        return OK;
    if (to.removed_ms)
        return destination_rows_remove(ctx, tx, to.id, more);
    TRY(delivery_rows_hold(ctx, tx, to.id, ava_steady_ms(), HOLD_PIECE));
    *more = db_changes(tx) == HOLD_PIECE;
    return OK;
}

/* Sends for at most TURN_MS, several deliveries at once, then moves or deletes the job. */
static enum err work(struct ctx *ctx, const struct job_row *job) {
    struct sending *s = arena_alloc(ctx->arena, sizeof *s);
    struct destination_row to;
    bool is_done;
    *s = (struct sending){ .parts = ctx->parts,
                           .destination_id = job->object,
                           .wakes = atomic_load(&wakes),
                           .until_ms = ava_now_ms() + TURN_MS,
                           .last_ms = ava_now_ms() + LONGEST_MS };
    TRY(destination_row_find(ctx, db_reader(ctx), NULL, job->object, &to));
    if (to.id && !to.enabled) {
        TRY(db_write_steps_gently(ctx, off_write, s, TURN_MS, &is_done));
        return job_write(ctx, job, go_on_write, s, NULL);
    }
    s->arena = arena_new(4096);
    fiber_parking_init(&s->done);
    s->senders = 1; /* this fiber, so that nobody wakes it before it sleeps */
    fiber_on_loop(sender_begin, s);
    s->senders--;
    wait_for_senders(s);
    arena_free(s->arena);
    ctx->deadline_ms = ava_now_ms() + WRITE_MS;
    return job_write(ctx, job, go_on_write, s, NULL);
}

const struct job_kind FORWARDING_JOB = {
    .name = "forwarding", .work = work, .is_slow = true, .lasts = true
};
