#include "tasks/idempotency.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "store/idempotency.h"
#include "tasks/hosts.h"
#include "vault/vault.h"

enum {
    SETTLE_MS = 5000,
    SWEEP_PIECE = 32,
    REQUEST_MS = 60 * 1000, /* longer than any request lasts */
};

bool idempotency_key_parse(struct str header, struct str *key) {
    struct str k = str_trim(header);
    if (k.len >= 2 && k.ptr[0] == '"' && k.ptr[k.len - 1] == '"')
        k = (struct str){ k.ptr + 1, k.len - 2 };
    if (k.len < 1 || k.len > IDEMPOTENCY_KEY_MAX)
        return false;
    for (size_t i = 0; i < k.len; i++)
        if (k.ptr[i] <= ' ' || k.ptr[i] >= 0x7F)
            return false;
    *key = k;
    return true;
}

/* --- what was asked -------------------------------------------------------------------------- */

/* Appends what json_dump_callback writes to the buffer. */
static int put_piece(const char *piece, size_t len, void *buf) {
    buf_put(buf, piece, len);
    return 0;
}

/* BLAKE2b-256 of route, path and body; the body without its blanks and in the order of its names,
 * so that the same said otherwise is the same. */
static void fingerprint(struct ctx *ctx, const char *route, struct str path, const json_t *body,
                        unsigned char out[32]) {
    struct buf b = { 0 };
    buf_printf(&b, "%s\n%.*s\n", route, STR_FMT(path));
    if (body)
        json_dump_callback(body, put_piece, &b, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    db_hash(db_reader(ctx), out, buf_view(&b));
    buf_fini(&b);
}

/* --- claiming -------------------------------------------------------------------------------- */

struct claiming {
    struct idempotency_row row, found;
    struct idempotency_claim *claim; /* of the request */
    bool is_new;
};

/* Claims whose requests run in this process. */
static struct {
    pthread_mutex_t lock;
    struct idempotency_claim *first;
} running = { PTHREAD_MUTEX_INITIALIZER, NULL };

static bool is_running(const char *id) {
    bool found = false;
    pthread_mutex_lock(&running.lock);
    for (const struct idempotency_claim *c = running.first; c && !found; c = c->next)
        found = strcmp(c->id.text, id) == 0;
    pthread_mutex_unlock(&running.lock);
    return found;
}

void idempotency_over(struct idempotency_claim *claim) {
    pthread_mutex_lock(&running.lock);
    struct idempotency_claim **at = &running.first;
    while (*at && *at != claim)
        at = &(*at)->next;
    if (*at)
        *at = claim->next;
    pthread_mutex_unlock(&running.lock);
}

/* Enters the claim among those that run, once: a batch may run its writes twice. */
static void run(struct idempotency_claim *claim, const char *id) {
    idempotency_over(claim);
    pthread_mutex_lock(&running.lock);
    str_copy(claim->id.text, sizeof claim->id.text, str_of(id));
    claim->next = running.first;
    running.first = claim;
    pthread_mutex_unlock(&running.lock);
}

/* *is_over: whoever made the claim that was found is gone, and left no trace of having done anything. Of another host that
 * says nothing it is, once it would have been done by then in any case; of a run that nobody knows, at once. */
static enum err find_whether_over(struct ctx *ctx, struct db_conn *tx, const struct claiming *c,
                                  bool *is_over) {
    bool is_alive, is_known;
    *is_over = !is_running(c->found.id);
    if (!*is_over || !ctx->parts->hosts || strcmp(c->found.owner, ctx->parts->run_id) == 0)
        return OK;
    TRY(hosts_find(ctx, tx, c->found.owner, &is_alive, &is_known));
    bool is_old = ava_steady_ms() - c->found.created_ms > REQUEST_MS;
    *is_over = !is_known || (!is_alive && is_old);
    return OK;
}

/* Inserts the claim, or finds the one that is there; a claim without an answer whose request runs no
 * longer is taken over. */
static enum err claim_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct claiming *c = arg;
    int64_t expired_ms = c->row.created_ms - IDEMPOTENCY_KEPT_MS;
    bool is_over = false;
    TRY(idempotency_row_insert(ctx, tx, &c->row, expired_ms, &c->is_new, &c->found));
    bool is_settled = c->found.operation_id || c->found.sealed.ptr;
    if (!c->is_new && !is_settled &&
        memcmp(c->found.fingerprint, c->row.fingerprint, sizeof c->row.fingerprint) == 0)
        TRY(find_whether_over(ctx, tx, c, &is_over));
    if (is_over) {
        TRY(idempotency_row_adopt(ctx, tx, c->found.id, c->found.owner, c->row.owner, &c->is_new));
        c->row.id = c->found.id;
    }
    if (c->is_new)
        run(c->claim, c->row.id);
    return OK;
}

/* "status length-of-head content-type LF head body" */
static enum err open_answer(struct ctx *ctx, const struct idempotency_row *row,
                            struct idempotency_answer *out) {
    struct sealed_place place = idempotency_row_place(row);
    struct str plain, rest, first;
    int64_t status, head_len;
    TRY(vault_unseal(ctx, db_reader(ctx), &place, row->sealed, &plain));
    first = str_cut(plain, '\n', &rest);
    struct str more, status_text = str_cut(first, ' ', &more);
    struct str type, head_text = str_cut(more, ' ', &type);
    if (!str_to_i64(status_text, 100, 599, &status) ||
        !str_to_i64(head_text, 0, (int64_t)rest.len, &head_len))
        return ctx_fail(ctx, ERR_INTERNAL, "The stored answer cannot be read.");
    *out = (struct idempotency_answer){
        .status = (int)status,
        .content_type = type.len ? str_dup(ctx->arena, type) : NULL,
        .head = { rest.ptr, (size_t)head_len },
        .body = { rest.ptr + head_len, rest.len - (size_t)head_len },
    };
    return OK;
}

/* What the claim that was made or found means for the request: do it, repeat an answer, or
 * refuse. */
static enum err judge(struct ctx *ctx, const struct claiming *c, struct idempotency_claim *out) {
    if (c->is_new) {
        out->found = IDEMPOTENCY_FIRST;
        return OK;
    }
    if (memcmp(c->found.fingerprint, c->row.fingerprint, sizeof c->row.fingerprint) != 0)
        return ctx_fail(ctx, ERR_IDEMPOTENCY_REUSED,
                        "This Idempotency-Key was used for another request; use a new key.");
    if (c->found.operation_id) {
        out->found = IDEMPOTENCY_OPERATION;
        out->operation_id = c->found.operation_id;
        return OK;
    }
    if (!c->found.sealed.ptr) {
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_IDEMPOTENCY_IN_PROGRESS,
                        "The first request with this key is not finished; ask again in 1 s.");
    }
    out->found = IDEMPOTENCY_ANSWERED;
    return open_answer(ctx, &c->found, &out->answer);
}

enum err idempotency_claim(struct ctx *ctx, struct str key, const char *route, struct str path,
                           const json_t *body, struct idempotency_claim *out) {
    struct id id = id_make("idem");
    struct claiming c = { .claim = out,
                          .row = { .id = id.text,
                                   .workspace_id = ctx->who.workspace_id,
                                   .principal = ctx->who.user_id,
                                   .route = route,
                                   .key = str_dup(ctx->arena, key),
                                   .owner = ctx->parts->run_id,
                                   .created_ms = ava_steady_ms() } };
    fingerprint(ctx, route, path, body, c.row.fingerprint);
    enum err e = db_write(ctx, claim_write, &c);
    if (e != OK)
        idempotency_over(out); /* it may have been entered before the batch failed */
    return e == OK ? judge(ctx, &c, out) : e;
}

/* --- settling -------------------------------------------------------------------------------- */

struct keeping {
    const struct id *claim;
    const struct idempotency_answer *answer;
};

/* This host said nothing for so long that another one took the claim up. */
static enum err is_taken(struct ctx *ctx) {
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_IDEMPOTENCY_IN_PROGRESS,
                    "Another host goes on with this request; ask again in 1 s.");
}

enum err idempotency_keep_in(struct ctx *ctx, struct db_conn *tx, const struct id *claim,
                             const struct idempotency_answer *answer) {
    struct idempotency_row row = { .workspace_id = ctx->who.workspace_id, .id = claim->text };
    struct sealed_place place = idempotency_row_place(&row);
    struct buf b = { 0 };
    struct str sealed;
    buf_printf(&b, "%d %zu %s\n", answer->status, answer->head.len,
               answer->content_type ? answer->content_type : "");
    buf_put(&b, answer->head.ptr, answer->head.len);
    buf_put(&b, answer->body.ptr, answer->body.len);
    struct str plain = buf_view(&b);
    enum err e = vault_seal(ctx, tx, &place, plain, &sealed);
    explicit_bzero((char *)plain.ptr, plain.len);
    buf_fini(&b);
    bool is_mine;
    TRY(e);
    TRY(idempotency_row_answer(ctx, tx, claim->text, ctx->parts->run_id, sealed, &is_mine));
    return is_mine ? OK : is_taken(ctx);
}

enum err idempotency_link_in(struct ctx *ctx, struct db_conn *tx, const struct id *claim,
                             const char *operation_id) {
    bool is_mine;
    TRY(idempotency_row_link(ctx, tx, claim->text, ctx->parts->run_id, operation_id, &is_mine));
    return is_mine ? OK : is_taken(ctx);
}

static enum err keep_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct keeping *k = arg;
    return idempotency_keep_in(ctx, tx, k->claim, k->answer);
}

/* The answer is on its way out: it is written down whatever is left of the request's time. */
static enum err write_late(struct ctx *ctx, db_fn *fn, void *arg) {
    struct ctx late = *ctx;
    late.deadline_ms = ava_now_ms() + SETTLE_MS;
    return db_write(&late, fn, arg);
}

enum err idempotency_keep(struct ctx *ctx, const struct id *claim,
                          const struct idempotency_answer *answer) {
    return write_late(ctx, keep_write, &(struct keeping){ claim, answer });
}

/* Deletes the claim, so that the key is free again. */
static enum err give_back_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct id *claim = arg;
    return idempotency_row_delete(ctx, tx, claim->text, ctx->parts->run_id);
}

enum err idempotency_give_back(struct ctx *ctx, const struct id *claim) {
    return write_late(ctx, give_back_write, (void *)claim);
}

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg, bool *more) {
    TRY(idempotency_rows_sweep(ctx, tx, ava_steady_ms() - IDEMPOTENCY_KEPT_MS, SWEEP_PIECE));
    *more = db_changes(tx) == SWEEP_PIECE;
    return OK;
}

enum err idempotency_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done) {
    return db_write_steps(ctx, forget_write, NULL, within_ms, is_done);
}
