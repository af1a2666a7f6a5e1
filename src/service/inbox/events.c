#include "service/inbox/events.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/id.h"
#include "obs/metrics.h"
#include "providers/dialect.h"
#include "service/inbox/inbox.h"
#include "store/audit.h"
#include "store/people.h"
#include "store/sealed.h"
#include "tasks/event_facts.h"
#include "tasks/jobs.h"
#include "vault/vault.h"

enum {
    STEP = 500,             /* rows in one transaction */
    LONG_BYTES = 64 * 1024, /* a body to compress beside the loop, and to write by itself */
};

/* --- taking in ------------------------------------------------------------------------------- */

struct taking {
    struct ctx *ctx;
    const struct incoming *in;
    struct str content; /* packed */
    const char *trace;
    struct event_row row;     /* as it was sealed ahead, */
    struct vault_ahead ahead; /* by this */
    bool is_new;
};

/* On a thread beside the loop when the body is long: compressing takes time. */
static void pack(void *arg) {
    struct taking *t = arg;
    t->content = event_content_pack(t->ctx->arena, &t->in->content);
}

/* Of now, with nothing sealed yet. */
static struct event_row row_of(const struct taking *t) {
    const struct incoming *in = t->in;
    return (struct event_row){ .id = arena_strdup(t->ctx->arena, id_make("evt").text),
                               .workspace_id = in->workspace_id,
                               .provider = in->provider,
                               .type = in->type,
                               .resource = in->resource,
                               .status = "received",
                               .correlation_id = t->ctx->correlation_id,
                               .received_ms = ava_wall_ms(),
                               .dedupe = in->dedupe,
                               .trace = t->trace };
}

/* Seals and inserts the event; one with the same dedupe key stays, and is_new is false. */
static enum err take_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct taking *t = arg;
    struct workspace whose;
    TRY(workspace_find(ctx, tx, t->in->workspace_id, NULL, &whose));
    if (!whose.id) /* removed since its address was looked up */
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such webhook address.");
    struct event_row row = row_of(t);
    struct sealed_place place = event_row_place(&row);
    TRY(vault_seal(ctx, tx, &place, t->content, &row.sealed));
    return event_row_insert(ctx, tx, &row, &t->is_new);
}

static enum err take_append(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct taking *t = arg;
    return event_row_append(ctx, tx, &t->row,
                            (struct str){ (const char *)t->ahead.kcv, sizeof t->ahead.kcv });
}

/* Seals the event first, so that it is kept together with those of everybody else. *is_kept: it was. It is not where it
 * came before, where its key was taken away meanwhile, and where there is none. */
static enum err take_ahead(struct taking *t, bool *is_kept) {
    struct ctx *ctx = t->ctx;
    int64_t rows = 0;
    t->row = row_of(t);
    struct sealed_place place = event_row_place(&t->row);
    TRY(vault_seal_ahead(ctx, &place, t->content, &t->ahead));
    t->row.sealed = t->ahead.sealed;
    if (t->row.sealed.ptr)
        TRY(db_append(ctx, take_append, t, t->in->dedupe, &rows));
    *is_kept = rows > 0;
    return OK;
}

static enum err take(struct taking *t) {
    struct ctx *ctx = t->ctx;
    bool is_long = t->in->content.body.len > LONG_BYTES;
    if (is_long)
        fiber_offload(pack, t);
    else
        pack(t);
    if (!is_long)
        TRY(take_ahead(t, &t->is_new));
    if (t->is_new)
        return OK;
    TRY(db_write(ctx, take_write, t));
    if (t->is_new && !is_long)
        vault_forget(ctx->parts->vault, t->in->workspace_id); /* what it had in mind is no key */
    return OK;
}

enum err event_take(struct ctx *ctx, const struct incoming *in, bool *is_new) {
    struct taking t = { .ctx = ctx, .in = in, .trace = trace_keep(&ctx->trace, ctx->arena) };
    TRY(take(&t));
    *is_new = t.is_new;
    if (t.is_new && !ctx->parts->whole) { /* what is spooled is worked on once it is moved */
        if (ctx->parts->jobs)
            jobs_burst(ctx->parts->jobs)->taken++;
        jobs_want(ctx->parts->jobs, &INBOX_JOB, in->workspace_id);
    }
    return OK;
}

/* --- reading --------------------------------------------------------------------------------- */

enum err event_find(struct ctx *ctx, const char *id, struct event_row *out, size_t *count) {
    TRY(event_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, out));
    *count = out->id != NULL;
    return OK;
}

enum err event_list(struct ctx *ctx, const struct event_filter *filter, int limit,
                    struct event_row *out, size_t *count, struct page_end *end) {
    return event_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, filter, limit, out, count,
                           end);
}

enum err event_read(struct ctx *ctx, const char *id, struct event_row *out,
                    struct event_content *content) {
    struct db_conn *c = db_reader(ctx);
    TRY(event_row_find(ctx, c, ctx->who.workspace_id, id, out));
    if (!out->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such event.");
    return event_content_open(ctx, c, out, content);
}

void event_write(struct jsonw *w, const struct event_row *e) {
    jsonw_text_at(w, "id", e->id);
    jsonw_text_at(w, "provider", e->provider);
    jsonw_text_at(w, "type", e->type);
    jsonw_text_at(w, "resource", e->resource[0] ? e->resource : NULL);
    jsonw_time_at(w, "received_at", e->received_ms);
    jsonw_text_at(w, "status", e->status);
    jsonw_i64_at(w, "attempts", e->attempts);
    jsonw_i64_at(w, "replays", e->replays);
    jsonw_time_at(w, "settled_at", e->settled_ms);
    jsonw_time_at(w, "next_attempt_at", e->next_ms);
    jsonw_text_at(w, "cause", e->cause);
    jsonw_text_at(w, "detail", e->detail);
}

/* --- again ----------------------------------------------------------------------------------- */

struct replaying {
    const char *id;        /* NULL: those of the filter */
    struct event_row *out; /* the one */
    const struct event_filter *filter;
    char after[ID_BYTES]; /* the last one that is due again */
    int64_t count, step;
};

/* What the audit log says of a replay: how many, and by which filter. */
static const char *detail_of(struct ctx *ctx, const struct replaying *r) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    jsonw_i64_at(&w, "count", r->count);
    if (r->filter) {
        jsonw_text_at(&w, "provider", r->filter->provider);
        jsonw_text_at(&w, "type", r->filter->type);
        jsonw_text_at(&w, "resource", r->filter->resource);
        jsonw_text_at(&w, "status", r->filter->status);
        jsonw_time_at(&w, "since", r->filter->since_ms);
        jsonw_time_at(&w, "until", r->filter->until_ms);
    }
    jsonw_object_end(&w);
    const char *text = str_dup(ctx->arena, buf_view(&b));
    buf_fini(&b);
    return text;
}

static enum err audit_replay(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct replaying *r = arg;
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .action = "event.replay",
                                          .object = r->id ? r->id : "events",
                                          .detail = detail_of(ctx, r) }));
    return ctx_answer_in(ctx, tx);
}

/* Makes one event due again, and audits it. */
static enum err replay_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct replaying *r = arg;
    TRY(event_row_reset(ctx, tx, ctx->who.workspace_id, r->id, &r->count));
    if (!r->count)
        return OK;
    TRY(event_row_find(ctx, tx, ctx->who.workspace_id, r->id, r->out));
    return audit_replay(ctx, tx, r);
}

/* The same for the next settled ones of a filter, without a word to the audit log yet. */
static enum err replay_step_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct replaying *r = arg;
    int64_t left = EVENT_REPLAYS_MAX - r->count;
    return event_rows_reset(ctx, tx, ctx->who.workspace_id, r->filter, r->after,
                            (int)(left < STEP ? left : STEP), &r->step);
}

enum err event_replay(struct ctx *ctx, const char *id, struct event_row *out) {
    struct replaying r = { .id = id, .out = out };
    TRY(db_write(ctx, replay_write, &r));
    if (r.count == 0)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such event.");
    jobs_want(ctx->parts->jobs, &INBOX_JOB, ctx->who.workspace_id);
    return OK;
}

enum err events_replay(struct ctx *ctx, const struct event_filter *filter, int64_t *count) {
    struct event_filter until_now = *filter;
    struct replaying r = { .filter = &until_now };
    enum err e = OK;
    if (!until_now.until_ms)
        until_now.until_ms = ava_wall_ms(); /* what comes meanwhile is worked on anyway */
    do {
        r.step = 0;
        e = db_write(ctx, replay_step_write, &r);
        r.count += r.step;
    } while (e == OK && r.step && r.count < EVENT_REPLAYS_MAX);
    *count = r.count;
    if (!r.count)
        return e;
    jobs_want(ctx->parts->jobs, &INBOX_JOB, ctx->who.workspace_id);
    r.filter = filter;
    enum err audited = db_write(ctx, audit_replay, &r);
    return e != OK ? e : audited;
}

/* --- the end --------------------------------------------------------------------------------- */

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    const int64_t kept_ms = INT64_C(24) * 3600 * 1000 * EVENT_KEPT_DAYS;
    struct id oldest = id_floor("evt", ava_earlier_ms() - kept_ms);
    TRY(event_rows_sweep(ctx, tx, oldest.text));
    *more = db_changes(tx) > 0;
    return OK;
}

enum err events_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done) {
    return db_write_steps(ctx, forget_write, NULL, within_ms, is_done);
}

/* 0 for what is not there, or comes from a clock that went back since. */
static double age_s(int64_t received_ms) {
    int64_t now_ms = ava_wall_ms();
    return received_ms && now_ms > received_ms ? (double)(now_ms - received_ms) / 1000 : 0;
}

void events_collect(void *arg) {
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    ctx_init(&ctx, arg, a, 1000);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        const char *name = provider_name(p);
        int64_t count = 0;
        if (dialect_of(p)->webhooks &&
            event_rows_count_dead(&ctx, db_reader(&ctx), name, &count) == OK)
            metric_set(METRIC_WEBHOOK_DEAD, (double)count, name);
    }
    int64_t oldest_ms = 0;
    if (event_rows_oldest(&ctx, db_reader(&ctx), &oldest_ms) == OK)
        metric_set(METRIC_WEBHOOK_OLDEST, age_s(oldest_ms), NULL);
    arena_free(a);
}
