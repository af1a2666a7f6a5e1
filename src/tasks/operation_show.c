#include "tasks/operation_show.h"

#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/sift.h"
#include "obs/metrics.h"
#include "tasks/feed.h"
#include "vault/vault.h"

enum { COLLECT_MS = 5000 };

/* --- what is sealed -------------------------------------------------------------------------- */

enum err operation_open(struct ctx *ctx, struct db_conn *c, const struct operation_row *row,
                        json_t **out) {
    struct sealed_place place = operation_row_place(row);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, row->sealed, &plain));
    *out = sift_own(ctx->arena, plain);
    return *out ? OK : ctx_fail(ctx, ERR_INTERNAL, "The stored operation cannot be read.");
}

struct str operation_member(struct ctx *ctx, const json_t *content, const char *name) {
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

/* Writes "next_retry_in_seconds", rounded up; null when no attempt is planned. */
static void write_next(struct jsonw *w, const struct operation_row *row, bool is_waiting) {
    int64_t left_ms = row->next_ms - ava_steady_ms();
    jsonw_key(w, "next_retry_in_seconds");
    if (is_waiting)
        jsonw_i64(w, left_ms > 0 ? (left_ms + 999) / 1000 : 0);
    else
        jsonw_null(w);
}

/* The place in the queue; position 0 for an operation that has begun, or where the store cannot
 * tell. */
static struct operation_wait wait_of(struct ctx *ctx, const struct operation_row *row) {
    const struct operation_kind *kind = operation_kind_of(ctx, row->kind);
    struct operation op = { .id = row->id, .object = row->object };
    struct operation_wait wait = { 0 };
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    bool has_begun = row->state != OPERATION_PREPARED || row->attempts > 0;
    if (!has_begun && kind->queue && kind->queue->stands(ctx, db_reader(ctx), &op, &wait) != OK)
        wait.position = 0;
    return wait;
}

/* Writes "steps" for kinds that have them; leaves them out where they cannot be read. */
static void write_steps(struct ctx *ctx, struct jsonw *w, const struct operation_row *row) {
    const struct operation_kind *kind = operation_kind_of(ctx, row->kind);
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct buf *b = buf_in(ctx->arena);
    struct jsonw steps = jsonw_to(b);
    if (kind->steps && kind->steps(ctx, row->id, &steps) == OK) {
        jsonw_key(w, "steps");
        jsonw_raw(w, buf_view(b));
    }
}

void operation_show(struct ctx *ctx, struct jsonw *w, const struct operation_row *row,
                    struct str result, struct str problem) {
    struct operation_wait wait = wait_of(ctx, row);
    bool retries = row->state == OPERATION_PREPARED && row->attempts > 0;
    bool is_waiting = (retries || row->state == OPERATION_UNKNOWN) && row->next_ms;
    int64_t attempt = row->attempts + (row->state == OPERATION_SENT || retries);
    jsonw_object(w);
    jsonw_text_at(w, "id", row->id);
    jsonw_text_at(w, "kind", row->kind);
    jsonw_text_at(w, "status",
                  wait.position ? "queued"
                  : retries     ? "retrying"
                                : operation_state_name(row->state));
    if (wait.position) {
        jsonw_i64_at(w, "position", wait.position);
        jsonw_i64_at(w, "estimate_seconds", wait.estimate_s);
    }
    jsonw_i64_at(w, "attempt", attempt);
    jsonw_i64_at(w, "max_attempts", row->attempts_max);
    write_next(w, row, is_waiting);
    jsonw_text_at(w, "service", row->provider);
    jsonw_text_at(w, "object_id", row->object);
    jsonw_text_at(w, "correlation_id", row->correlation_id);
    jsonw_time_at(w, "created_at", row->created_ms);
    jsonw_time_at(w, "updated_at", row->updated_ms);
    write_steps(ctx, w, row);
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

void operation_problem_write(struct jsonw *w, const struct ctx *ctx, enum err e) {
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

/* --- an attempt ------------------------------------------------------------------------------ */

const char *operation_sending(struct ctx *ctx, const struct operation_row *row,
                              const struct upstream_request *req) {
    const struct upstream_credential *c = req->credential;
    struct upstream *u = ctx->parts->upstream;
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "service", row->provider);
    jsonw_i64_at(&w, "attempt", row->attempts + 1);
    if (u && c)
        jsonw_text_at(&w, "breaker", upstream_breaker(u, req->provider, c->id));
    if (c && c->last4[0])
        jsonw_text_at(&w, "key_last4", c->last4);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

/* --- reading it ------------------------------------------------------------------------------ */

/* The asker's operation with its content opened; ERR_NOT_FOUND for another workspace's id too. */
static enum err find_own(struct ctx *ctx, const char *id, struct operation_row *row,
                         json_t **content) {
    TRY(operation_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, id, row));
    if (!row->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such operation.");
    return operation_open(ctx, db_reader(ctx), row, content);
}

enum err operation_read(struct ctx *ctx, const char *id, struct buf *out) {
    struct operation_row row;
    struct jsonw w = jsonw_to(out);
    json_t *content;
    TRY(find_own(ctx, id, &row, &content));
    operation_show(ctx, &w, &row, operation_member(ctx, content, "result"),
                   operation_member(ctx, content, "problem"));
    return OK;
}

enum err operation_replay(struct ctx *ctx, const char *id, struct operation_end *end) {
    struct operation_row row;
    json_t *content;
    TRY(find_own(ctx, id, &row, &content));
    *end = (struct operation_end){ .id = row.id, .attempts = (int)row.attempts };
    if (row.state == OPERATION_SUCCEEDED) {
        end->shown = operation_member(ctx, content, "result");
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
    /* One that is tried again later is nobody's now. */
    bool is_running =
        row.state == OPERATION_SENT ||
        (row.state == OPERATION_PREPARED && row.next_ms <= ava_steady_ms() + OPERATION_PATIENT_MS);
    if (is_running && !row.is_promised) {
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_IDEMPOTENCY_IN_PROGRESS,
                        "The first request with this key is not finished; ask again in 1 s.");
    }
    end->is_accepted = true;
    return OK;
}

/* --- watching -------------------------------------------------------------------------------- */

void operation_tell(struct ctx *ctx, const char *id) {
    struct operation_row row;
    struct str none = { NULL, 0 };
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    if (operation_row_find(ctx, db_reader(ctx), NULL, id, &row) != OK || !row.id)
        return; /* the next step tells it */
    operation_show(ctx, &w, &row, none, none);
    feed_publish(ctx->parts->feed, row.workspace_id, "operation", buf_view(&b));
    buf_fini(&b);
}

void operations_collect(void *arg) {
    const struct parts *parts = arg;
    struct arena *a = arena_new(4096);
    struct ctx ctx;
    ctx_init(&ctx, parts, a, COLLECT_MS);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        int64_t count = 0;
        if (operation_rows_count(&ctx, db_reader(&ctx), OPERATION_UNKNOWN, provider_name(p),
                                 &count) == OK)
            metric_set(METRIC_OPERATIONS_UNKNOWN, (double)count, provider_name(p));
    }
    arena_free(a);
}
