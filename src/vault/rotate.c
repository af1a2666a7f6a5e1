#include <string.h>

#include "base/clock.h"
#include "vault/inner.h"

enum { BATCH = 64, LEFT_FOR_MS = 10 * 60 * 1000 };

struct step {
    struct vault_rotation *total;
    const char *workspace_id;
    size_t done;        /* in this step; 0 ends the walk */
    struct buf retired; /* by the step that ended the walk */
};

/* Wraps some DEKs anew. When there are none left the other KEKs are retired, in the same transaction:
 * a server may wrap a new DEK at any moment. */
static enum err rewrap_some(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct step *step = arg;
    struct vault *v = ctx->parts->vault;
    struct workspace_key rows[BATCH];
    char active[KEK_ID_BYTES];
    unsigned char dek[DEK_BYTES];
    vault_active_key_id(v, active);
    TRY(workspace_keys_not_under(ctx, tx, active, BATCH, rows, &step->done));
    for (size_t i = 0; i < step->done; i++) {
        TRY(dek_unwrap_retired(ctx, v, &rows[i], dek));
        dek_wrap(ctx, v, dek, &rows[i]);
        explicit_bzero(dek, sizeof dek);
        TRY(workspace_key_rewrap(ctx, tx, &rows[i]));
    }
    if (step->done)
        return OK;
    struct str list;
    TRY(masters_retire(ctx, tx, v, &list));
    buf_str(&step->retired, list);
    return OK;
}

/* Seals these fields anew, with the newest DEK. */
static enum err reseal(struct ctx *ctx, struct db_conn *tx, struct sealed_field *fields,
                       size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct sealed_place place = sealed_field_place(&fields[i]);
        struct str plain, was = fields[i].sealed;
        TRY(vault_unseal(ctx, tx, &place, was, &plain));
        TRY(vault_seal(ctx, tx, &place, plain, &fields[i].sealed));
        explicit_bzero((char *)plain.ptr, plain.len);
        TRY(sealed_replace(ctx, tx, &fields[i], was));
    }
    return OK;
}

/* Ends an older DEK with nothing under it, once nobody can still hold a field that was read before: the
 * sealed bytes of a credential are kept in memory, and for as long as a request is tried again. */
static enum err end_dek(struct ctx *ctx, struct db_conn *tx, const struct workspace_key *old,
                        struct vault_rotation *total) {
    int64_t now_ms = ava_wall_ms();
    if (!old->left_ms || now_ms < old->left_ms)
        return workspace_key_leave(ctx, tx, old, now_ms);
    if (now_ms - old->left_ms < LEFT_FOR_MS)
        return OK;
    total->retired++;
    return workspace_key_delete(ctx, tx, old->workspace_id, old->dek_id);
}

/* Seals some fields of the workspace, which are under an older DEK, with the newest. */
static enum err reseal_some(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct step *step = arg;
    struct workspace_key newest, old;
    struct sealed_field fields[BATCH];
    TRY(workspace_key_find(ctx, tx, step->workspace_id, 0, &newest));
    step->done = 0;
    for (int64_t dek_id = 1; dek_id < newest.dek_id && step->done == 0; dek_id++) {
        TRY(workspace_key_find(ctx, tx, step->workspace_id, dek_id, &old));
        if (!old.kek_id)
            continue;
        TRY(sealed_under(ctx, tx, step->workspace_id, dek_id, BATCH, fields, &step->done));
        TRY(reseal(ctx, tx, fields, step->done));
        step->total->resealed += (int64_t)step->done;
        TRY(step->done ? workspace_key_leave(ctx, tx, &old, ava_wall_ms())
                       : end_dek(ctx, tx, &old, step->total));
    }
    return OK;
}

static enum err add_dek(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *workspace_id = arg;
    struct workspace_key newest, fresh;
    TRY(workspace_key_find(ctx, tx, workspace_id, 0, &newest));
    if (!newest.kek_id)
        return OK;
    TRY(dek_make(ctx, tx, workspace_id, newest.dek_id + 1, &fresh));
    return workspace_key_insert(ctx, tx, &fresh);
}

/* One step in an arena of its own: a walk over millions of fields stays small. */
static enum err take_step(struct ctx *ctx, db_fn *fn, void *arg) {
    struct ctx inner = *ctx;
    inner.arena = arena_new(16 << 20);
    enum err e = db_write(&inner, fn, arg);
    if (e != OK)
        ctx_fail(ctx, e, "%s", inner.problem.detail ? inner.problem.detail : "the rotation failed");
    arena_free(inner.arena);
    return e;
}

static enum err rewrap_all(struct ctx *ctx, struct step *step) {
    enum err e;
    do {
        e = take_step(ctx, rewrap_some, step);
        step->total->rewrapped += e == OK ? (int64_t)step->done : 0;
    } while (e == OK && step->done);
    if (e == OK)
        masters_refuse(ctx->parts->vault, buf_view(&step->retired));
    buf_fini(&step->retired);
    return e;
}

enum err vault_rotate(struct ctx *ctx, bool new_data_keys, struct vault_rotation *out) {
    struct step step = { .total = out };
    *out = (struct vault_rotation){ 0 };
    TRY(rewrap_all(ctx, &step));
    for (const char *after = NULL; new_data_keys;) {
        TRY(workspace_key_next(ctx, db_reader(ctx), after, &step.workspace_id));
        if (!step.workspace_id)
            break;
        after = step.workspace_id;
        TRY(take_step(ctx, add_dek, (void *)step.workspace_id));
        do
            TRY(take_step(ctx, reseal_some, &step));
        while (step.done);
        vault_forget(ctx->parts->vault, step.workspace_id);
    }
    return OK;
}
