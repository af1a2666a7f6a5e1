#include "service/upkeep/audit_heads.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "config/config.h"
#include "obs/log.h"

enum { HOUR_MS = 3600 * 1000, PAGE = 200, PAGE_BYTES = 1 << 20, PAGE_MS = 30 * 1000 };
#define DAY_MS ((int64_t)24 * HOUR_MS)

/* --- signing --------------------------------------------------------------------------------- */

static struct str text_of(struct arena *a, const struct audit_head *h) {
    char digest[65];
    hex_encode(digest, h->digest, sizeof h->digest);
    return str_of(arena_printf(a, "ava audit head 1\nfrom %lld\nto %lld\nat %lld\ndigest %s\n",
                               (long long)h->from_seq, (long long)h->seq, (long long)h->at_ms,
                               digest));
}

struct signing {
    struct audit_head head; /* seq 0: there was nothing to sign */
    struct vault_signature signature;
};

/* One head over the rows beyond the last one. */
static enum err sign_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct signing *s = arg;
    struct audit_head last;
    struct audit_digest d;
    struct audit_row *rows = arena_alloc(ctx->arena, sizeof *rows * PAGE);
    size_t count = PAGE, all = 0;
    s->head = (struct audit_head){ .seq = 0 };
    TRY(audit_head_last(ctx, tx, &last));
    int64_t at = last.seq;
    enum err e = OK;
    audit_digest_begin(&d, last.digest);
    while (e == OK && count == PAGE && all < AUDIT_HEAD_ROWS) {
        e = audit_rows(ctx, tx, at, rows, PAGE, &count);
        for (size_t i = 0; e == OK && i < count; i++)
            audit_digest_add(&d, rows[i].hash);
        if (e == OK && count) {
            s->head.from_seq = s->head.from_seq ? s->head.from_seq : rows[0].entry.seq;
            at = rows[count - 1].entry.seq;
        }
        all += count;
    }
    audit_digest_end(tx, &d, s->head.digest);
    if (e != OK || !all)
        return e;
    s->head.seq = at;
    s->head.at_ms = ava_wall_ms();
    vault_sign(ctx->parts->vault, text_of(ctx->arena, &s->head), &s->signature);
    memcpy(s->head.signature, s->signature.bytes, sizeof s->head.signature);
    str_copy(s->head.kek_id, sizeof s->head.kek_id, str_of(s->signature.kek_id));
    return audit_head_insert(ctx, tx, &s->head);
}

static void tell(struct arena *a, const struct signing *s) {
    char digest[65], public[2 * SIGN_PUBLIC_BYTES + 1];
    hex_encode(digest, s->head.digest, sizeof s->head.digest);
    hex_encode(public, s->signature.public, sizeof s->signature.public);
    log_info(NULL, "audit_head", L("from", (long)s->head.from_seq), L("to", (long)s->head.seq),
             L("digest", digest), L("key", s->head.kek_id), L("public_key", public),
             L("signature", base64_encode(a, s->head.signature, sizeof s->head.signature)));
}

enum err audit_heads_sign(struct ctx *ctx, bool everything) {
    struct audit_head last;
    int64_t count, oldest_ms, now_ms = ava_wall_ms();
    struct db_conn *c = db_reader(ctx);
    TRY(audit_head_last(ctx, c, &last));
    TRY(audit_rows_beyond(ctx, c, last.seq, &count, &oldest_ms));
    bool is_due = count >= AUDIT_HEAD_ROWS || everything || now_ms - oldest_ms >= HOUR_MS;
    for (; is_due && count > 0; count -= AUDIT_HEAD_ROWS) {
        struct signing s;
        TRY(db_write(ctx, sign_write, &s));
        if (!s.head.seq)
            return OK;
        tell(ctx->arena, &s);
    }
    return OK;
}

/* --- forgetting ------------------------------------------------------------------------------ */

struct forgetting {
    int64_t before_ms;
    bool is_done;
};

static enum err forget_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct forgetting *f = arg;
    struct audit_head head;
    char digest[65];
    TRY(audit_head_old(ctx, tx, f->before_ms, &head));
    f->is_done = head.seq == 0;
    if (f->is_done)
        return OK;
    hex_encode(digest, head.digest, sizeof head.digest);
    TRY(audit_write(
        ctx, tx,
        (struct audit_entry){ .workspace_id = "",
                              .actor = "system",
                              .action = "audit.retention",
                              .object = arena_printf(ctx->arena, "%lld", (long long)head.seq),
                              .detail = arena_printf(ctx->arena, "{\"digest\":\"%s\"}", digest) }));
    return audit_rows_remove(ctx, tx, head.seq);
}

enum err audit_forget_old(struct ctx *ctx, int64_t within_ms, bool *is_done) {
    int64_t days = ctx->parts->config->audit_retention_days, until_ms = ava_now_ms() + within_ms;
    struct forgetting f = { ava_earlier_ms() - days * DAY_MS, days == 0 };
    while (!f.is_done && ava_now_ms() < until_ms)
        TRY(db_write(ctx, forget_write, &f));
    *is_done = f.is_done;
    return OK;
}

/* --- checking -------------------------------------------------------------------------------- */

struct walk {
    struct ctx *ctx;
    struct db_conn *c;
    struct audit_check *out;
    struct arena *words; /* outlives the pages */
    struct audit_digest digest;
    struct audit_head next; /* the head that covers the rows from here on; seq 0: none */
    int64_t removed_seq;    /* as the youngest entry of retention says */
    const struct audit_watch *watch;
    bool saw_pinned;
};

static bool bad(struct walk *w, int64_t seq, const char *sentence) {
    w->out->bad_seq = seq;
    w->out->wrong = sentence;
    return false;
}

/* The signature of a head. One by a key that is not loaded proves nothing, but a later head does. */
static bool judge_head(struct walk *w, const struct audit_head *h) {
    struct vault_signature s = { .kek_id = "" };
    str_copy(s.kek_id, sizeof s.kek_id, str_of(h->kek_id));
    memcpy(s.bytes, h->signature, sizeof s.bytes);
    enum vault_verdict v = vault_judge(w->ctx->parts->vault, text_of(w->ctx->arena, h), &s);
    w->out->unread_heads = v == SIGNATURE_OF_ABSENT_KEY ? w->out->unread_heads + 1 : 0;
    if (v == SIGNATURE_BAD)
        return bad(w, h->seq,
                   arena_printf(w->words,
                                "the signature of the head at row %lld does not fit: "
                                "that head was changed or put there by others",
                                (long long)h->seq));
    w->out->heads++;
    w->out->signed_seq = h->seq;
    w->out->signed_ms = h->at_ms;
    memcpy(w->out->digest, h->digest, sizeof w->out->digest);
    return true;
}

static void look_for_pinned(struct walk *w, const struct audit_head *pinned,
                            const struct audit_head *h) {
    if (h->seq == pinned->seq && memcmp(h->digest, pinned->digest, sizeof h->digest) == 0)
        w->saw_pinned = true;
}

/* A head ends at this row: all that it covers must amount to what was signed. */
static bool close_head(struct walk *w, int64_t seq) {
    unsigned char digest[32];
    audit_digest_end(w->c, &w->digest, digest);
    audit_digest_begin(&w->digest, digest);
    if (memcmp(digest, w->next.digest, sizeof digest) != 0)
        return bad(w, w->next.from_seq,
                   arena_printf(w->words,
                                "rows %lld to %lld are not those that were signed: some were "
                                "changed, or the log before them was",
                                (long long)w->next.from_seq, (long long)seq));
    return judge_head(w, &w->next);
}

static enum err next_head(struct walk *w, int64_t from_seq) {
    return audit_head_from(w->ctx, w->c, from_seq, &w->next);
}

/* The row by itself, and after the one before it in its chain. */
static bool judge_row(struct walk *w, const struct audit_row *row, int64_t expected_seq) {
    static const unsigned char NONE[32];
    int64_t seq = row->entry.seq;
    if (seq != expected_seq)
        return bad(w, expected_seq,
                   arena_printf(w->words, "rows %lld to %lld are missing", (long long)expected_seq,
                                (long long)seq - 1));
    if (!audit_row_is_sound(w->c, row))
        return bad(w, seq,
                   arena_printf(w->words, "row %lld was changed: its hash does not fit it",
                                (long long)seq));
    bool is_cut = !row->has_before && w->out->first_seq > 1; /* removed, or there was none */
    bool good =
        is_cut || memcmp(row->prev, row->has_before ? row->before : NONE, sizeof row->before) == 0;
    if (!good)
        bad(w, seq,
            arena_printf(w->words, "row %lld does not follow the one before it", (long long)seq));
    if (strcmp(row->entry.action, "audit.retention") == 0 && row->entry.workspace_id[0] == 0)
        w->removed_seq = strtoll(row->entry.object, NULL, 10);
    return good;
}

/* All rows, page by page. */
static enum err walk_rows(struct walk *w, const struct audit_head *pinned) {
    struct audit_row rows[PAGE];
    size_t count = PAGE;
    struct arena *all = w->ctx->arena;
    enum err e = next_head(w, w->out->first_seq);
    for (int64_t at = w->out->first_seq - 1; e == OK && count == PAGE && !w->out->wrong;) {
        w->ctx->arena = arena_new(PAGE_BYTES);
        ctx_grant(w->ctx, PAGE_MS);
        e = audit_rows_chained(w->ctx, w->c, at, rows, PAGE, &count);
        for (size_t i = 0; e == OK && i < count && !w->out->wrong; i++) {
            if (!judge_row(w, &rows[i], ++at))
                break;
            w->out->rows++;
            audit_digest_add(&w->digest, rows[i].hash);
            if (at != w->next.seq || !close_head(w, at))
                continue;
            look_for_pinned(w, pinned, &w->next);
            e = next_head(w, at + 1);
        }
        arena_free(w->ctx->arena);
        w->ctx->arena = all;
        if (e == OK && w->watch && !w->watch->go_on(w->watch->arg, w->out->rows))
            e = ctx_fail(w->ctx, ERR_DRAINING, "The check of the audit log was broken off.");
    }
    return e;
}

/* Where the log begins: at row 1, or behind a signed head up to which retention removed it. */
static enum err begin(struct walk *w) {
    unsigned char none[32] = { 0 };
    struct audit_head head = { .seq = 0 };
    int64_t first = w->out->first_seq;
    if (first > 1)
        TRY(audit_head_from(w->ctx, w->c, first - 1, &head));
    if (first > 1 && head.seq != first - 1)
        bad(w, 1,
            arena_printf(w->words, "rows 1 to %lld are missing, and no signed head ends there",
                         (long long)first - 1));
    else if (first > 1)
        judge_head(w, &head);
    audit_digest_begin(&w->digest, first > 1 ? head.digest : none);
    return OK;
}

/* What can only be said once all was read. */
static void conclude(struct walk *w, const struct audit_head *pinned) {
    struct audit_check *out = w->out;
    if (!out->wrong && w->next.seq)
        bad(w, out->last_seq + 1,
            arena_printf(w->words, "rows %lld to %lld are missing: they were signed",
                         (long long)out->last_seq + 1, (long long)w->next.seq));
    if (!out->wrong && out->first_seq > 1 && w->removed_seq != out->first_seq - 1)
        bad(w, 1,
            arena_printf(w->words,
                         "rows 1 to %lld are missing, and no entry says that retention "
                         "removed them",
                         (long long)out->first_seq - 1));
    if (!out->wrong && out->unread_heads)
        bad(w, out->signed_seq,
            "the last head is by a master key that is not loaded, so nothing vouches for the log");
    if (!out->wrong && pinned->seq && !w->saw_pinned)
        bad(w, pinned->seq,
            "the head that you named is not in this log: it was signed, so the log was replaced");
}

enum err audit_check(struct ctx *ctx, const struct audit_head *pinned,
                     const struct audit_watch *watch, struct audit_check *out) {
    struct walk w = { .ctx = ctx,
                      .c = db_reader(ctx),
                      .out = out,
                      .words = ctx->arena,
                      .watch = watch,
                      .removed_seq = -1 };
    *out = (struct audit_check){ 0 };
    TRY(audit_rows_ends(ctx, w.c, &out->first_seq, &out->last_seq));
    TRY(begin(&w));
    enum err e = out->wrong || !out->first_seq ? OK : walk_rows(&w, pinned);
    if (e == OK && !out->first_seq)
        e = next_head(&w, 1);
    buf_fini(&w.digest.hashes);
    if (e == OK)
        conclude(&w, pinned);
    return e;
}
