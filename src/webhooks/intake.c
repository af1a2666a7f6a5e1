#include "webhooks/intake.h"

#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "obs/spans.h"
#include "service/connections/webhook_health.h"
#include "service/inbox/spool.h"
#include "tasks/soon.h"

enum {
    KEEP_MS = 20 * 1000,
    KEEPING_BYTES = 4 << 20,
    ASK_MS = 300, /* the database, about what the book does not know */
    RETRY_S = 2,
};

/* --- whose it is, and that it is theirs ------------------------------------------------------ */

void intake_count(struct ctx *ctx, const char *provider, const char *result) {
    if (!ctx->parts->whole)
        metric_add(METRIC_WEBHOOKS, 1, provider, result);
}

enum err intake_find(struct ctx *ctx, const char *provider, struct str token,
                     struct endpoint_row *out) {
    TRY(endpoint_by_token(ctx, token, out));
    if (!out->id || strcmp(out->provider, provider) != 0) {
        intake_count(ctx, provider, "unknown_token");
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such webhook address.");
    }
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(out->workspace_id));
    return OK;
}

struct str intake_url(struct ctx *ctx, struct str target) {
    return str_of(
        arena_printf(ctx->arena, "%s%.*s", ctx->parts->config->public_url, STR_FMT(target)));
}

enum err intake_refuse(struct ctx *ctx, const char *provider, const char *why) {
    intake_count(ctx, provider, "bad_signature");
    return ctx_fail(ctx, ERR_FORBIDDEN, "%s", why);
}

/* Is it proven by what the book says? */
static bool is_proven_here(struct ctx *ctx, intake_prove_fn *prove, void *arg) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    SCOPED(book_shut) struct book_view view = book_read(ctx);
    return ctx->parts->whole && prove(ctx, arg) == OK;
}

enum err intake_prove(struct ctx *ctx, intake_prove_fn *prove, void *arg) {
    int64_t deadline_ms = ctx->deadline_ms;
    if (!book_is_readable(ctx))
        return prove(ctx, arg);
    if (is_proven_here(ctx, prove, arg))
        return OK;
    if (book_misses_database(ctx)) {
        ctx->problem.retry_after_s = RETRY_S;
        return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE,
                        "This webhook cannot be judged while the database is away.");
    }
    ctx->deadline_ms = ava_now_ms() + ASK_MS;
    enum err e = prove(ctx, arg);
    ctx->deadline_ms = deadline_ms;
    return e;
}

/* --- keeping --------------------------------------------------------------------------------- */

static enum err keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in) {
    bool is_new = false;
    in->workspace_id = endpoint->workspace_id;
    TRY(event_take(ctx, in, &is_new));
    intake_count(ctx, in->provider, is_new ? "accepted" : "duplicate");
    return OK;
}

enum err intake_keep(struct ctx *ctx, const struct endpoint_row *endpoint, struct incoming *in) {
    enum err e = keep(ctx, endpoint, in);
    if (e == OK)
        webhook_health_good(ctx, endpoint);
    else
        intake_count(ctx, in->provider, "not_stored");
    return e;
}

/* --- while somebody waits on the phone ------------------------------------------------------- */

struct keeping {
    struct soon soon;
    struct endpoint_row endpoint;
    struct incoming in;
    bool is_spool; /* in the book, else in the database */
    bool is_kept;
    bool is_elsewhere; /* kept in the other place, or still on the way there */
};

/* Counts and logs what became of an event that somebody on the phone was answered about, unless the database has it. */
static void tell(struct ctx *ctx, const struct incoming *in, enum intake_kept kept, bool is_late) {
    if (kept == INTAKE_KEPT)
        return;
    if (kept == INTAKE_SPOOLED)
        log_warn(ctx, "event spooled", L("provider", in->provider), L("type", in->type),
                 L("resource", in->resource));
    else if (is_late)
        log_warn(ctx, "event late", L("provider", in->provider), L("type", in->type),
                 L("resource", in->resource));
    else
        log_error(ctx, "event not kept", L("provider", in->provider), L("type", in->type),
                  L("resource", in->resource));
    if (kept == INTAKE_SPOOLED || !is_late)
        intake_count(ctx, in->provider, kept == INTAKE_SPOOLED ? "spooled" : "not_stored");
}

static void keep_alone(struct soon *soon) {
    struct keeping *k = (struct keeping *)soon;
    struct ctx *ctx = &soon->ctx;
    spans_begin_below(ctx, SPAN_INTERNAL, k->is_spool ? "spool" : "keep", "event");
    k->is_kept = (k->is_spool ? spool_take(ctx, &k->in) : keep(ctx, &k->endpoint, &k->in)) == OK;
    spans_end(ctx, k->is_kept ? NULL : "not_stored");
    if (!k->is_kept && soon->is_left && !k->is_elsewhere)
        tell(ctx, &k->in, INTAKE_NOT_KEPT, false);
    soon_tell(soon);
    if (k->is_kept && !k->is_spool) {
        book_note_quick(ctx);
        webhook_health_good(ctx, &k->endpoint);
    }
}

static struct str copy_str(struct arena *a, struct str s) {
    return s.ptr ? (struct str){ arena_copy(a, s.ptr, s.len), s.len } : s;
}

static struct keeping *keeping_begin(const struct ctx *ctx, const struct endpoint_row *endpoint,
                                     const struct incoming *in, bool is_spool) {
    struct keeping *k =
        soon_new(ctx, sizeof *k, KEEPING_BYTES + 4 * in->content.body.len, KEEP_MS, keep_alone);
    struct arena *a = k->soon.arena;
    k->is_spool = is_spool;
    k->endpoint = *endpoint;
    k->endpoint.id = arena_strdup(a, endpoint->id);
    k->endpoint.workspace_id = arena_strdup(a, endpoint->workspace_id);
    k->in = *in;
    k->in.workspace_id = k->endpoint.workspace_id;
    k->in.type = arena_strdup(a, in->type);
    k->in.resource = arena_strdup(a, in->resource);
    k->in.dedupe = copy_str(a, in->dedupe);
    k->in.content.headers = copy_str(a, in->content.headers);
    k->in.content.body = copy_str(a, in->content.body);
    k->in.content.query = copy_str(a, in->content.query);
    soon_begin(&k->soon);
    return k;
}

/* What the database did not take yet, into the book; and whichever has it first counts. */
static enum intake_kept spool(struct ctx *ctx, struct keeping *k,
                              const struct endpoint_row *endpoint, const struct incoming *in,
                              int64_t until_ms, bool *is_late) {
    struct keeping *s = keeping_begin(ctx, endpoint, in, true);
    soon_wait(&s->soon, until_ms);
    if (!s->is_kept)
        soon_wait(&k->soon, until_ms);
    enum intake_kept kept = k->is_kept   ? INTAKE_KEPT
                            : s->is_kept ? INTAKE_SPOOLED
                                         : INTAKE_NOT_KEPT;
    *is_late = !k->soon.is_over || !s->soon.is_over;
    k->is_elsewhere = s->is_kept;
    s->is_elsewhere = k->is_kept || !k->soon.is_over;
    soon_let_go(&s->soon);
    return kept;
}

enum intake_kept intake_keep_soon(struct ctx *ctx, const struct endpoint_row *endpoint,
                                  const struct incoming *in, int64_t began_ms) {
    bool has_book = book_is_readable(ctx);
    int64_t patient_ms = !has_book                   ? INTAKE_PATIENT_MS
                         : book_misses_database(ctx) ? 0
                                                     : INTAKE_QUICK_MS;
    struct keeping *k = keeping_begin(ctx, endpoint, in, false);
    bool is_late = !soon_wait(&k->soon, ava_now_ms() + patient_ms);
    enum intake_kept kept = k->is_kept ? INTAKE_KEPT : INTAKE_NOT_KEPT;
    if (is_late && patient_ms)
        book_note_late(ctx);
    if (has_book && kept != INTAKE_KEPT)
        kept = spool(ctx, k, endpoint, in, began_ms + INTAKE_ALL_MS, &is_late);
    tell(ctx, in, kept, is_late);
    soon_let_go(&k->soon);
    return kept;
}

const char *intake_word(struct ctx *ctx, struct str text, size_t max) {
    if (!text.len || text.len > max || !str_is_utf8(text))
        return "";
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20)
            return "";
    return str_dup(ctx->arena, text);
}
