#include <stdio.h>
#include <string.h>

#include "obs/log.h"
#include "vault/inner.h"

enum { BATCH = 64 };

struct step {
    struct vault_rotation *total;
    const char *workspace_id;
    size_t done; /* in this step; 0 ends the walk */
};

static enum err rewrap_some(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct step *step = arg;
    struct vault *v = ctx->parts->vault;
    struct workspace_key rows[BATCH];
    size_t count;
    unsigned char dek[DEK_BYTES];
    TRY(workspace_keys_not_under(ctx, tx, v->keys.keks[0].id, BATCH, rows, &count));
    for (size_t i = 0; i < count; i++) {
        TRY(dek_unwrap(ctx, v, &rows[i], dek));
        dek_wrap(ctx, v, dek, &rows[i]);
        explicit_bzero(dek, sizeof dek);
        TRY(workspace_key_rewrap(ctx, tx, &rows[i]));
    }
    step->done = count;
    return OK;
}

/* Seals some fields of the workspace, which are under an older DEK, with the newest. When there
 * are none left the older DEKs go. */
static enum err reseal_some(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct step *step = arg;
    struct workspace_key newest;
    struct sealed_field fields[BATCH];
    TRY(workspace_key_find(ctx, tx, step->workspace_id, 0, &newest));
    step->done = 0;
    for (int64_t dek_id = 1; dek_id < newest.dek_id; dek_id++) {
        struct workspace_key old;
        size_t count;
        TRY(workspace_key_find(ctx, tx, step->workspace_id, dek_id, &old));
        if (!old.kek_id)
            continue;
        TRY(sealed_under(ctx, tx, step->workspace_id, dek_id, BATCH, fields, &count));
        for (size_t i = 0; i < count; i++) {
            struct sealed_place place = sealed_field_place(&fields[i]);
            struct str plain, was = fields[i].sealed;
            TRY(vault_unseal(ctx, tx, &place, was, &plain));
            TRY(vault_seal(ctx, tx, &place, plain, &fields[i].sealed));
            explicit_bzero((char *)plain.ptr, plain.len);
            TRY(sealed_replace(ctx, tx, &fields[i], was));
        }
        step->done += count;
        step->total->resealed += (int64_t)count;
        /* The last one before the newest stays until the next rotation: a reader may have read a
         * field under it a moment ago and ask for the key only now. */
        if (count == 0 && dek_id + 1 < newest.dek_id) {
            TRY(workspace_key_delete(ctx, tx, step->workspace_id, dek_id));
            step->total->retired++;
        }
        if (count)
            return OK;
    }
    return OK;
}

static enum err add_dek(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *workspace_id = arg;
    struct workspace_key newest, fresh;
    TRY(workspace_key_find(ctx, tx, workspace_id, 0, &newest));
    if (!newest.kek_id)
        return OK;
    dek_make(ctx, ctx->parts->vault, workspace_id, newest.dek_id + 1, &fresh);
    return workspace_key_insert(ctx, tx, &fresh);
}

/* From now on only the active key counts. */
static enum err retire_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, "retired_keks", str_of(arg));
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

static enum err retire_others(struct ctx *ctx) {
    struct vault *v = ctx->parts->vault;
    char ids[sizeof v->retired] = " ";
    pthread_mutex_lock(&v->lock);
    if (v->retired[0])
        memcpy(ids, v->retired, sizeof ids);
    pthread_mutex_unlock(&v->lock);
    size_t at = strlen(ids);
    for (size_t i = 1; i < v->keys.count; i++) {
        const char *marked = arena_printf(ctx->arena, " %s ", v->keys.keks[i].id);
        if (strstr(ids, marked)) /* retired by an earlier rotation */
            continue;
        if (at + strlen(marked) >= sizeof ids)
            return ctx_fail(ctx, ERR_INTERNAL, "too many keys were retired here");
        at += (size_t)snprintf(ids + at, sizeof ids - at, "%s", marked + 1);
    }
    TRY(take_step(ctx, retire_write, ids));
    pthread_mutex_lock(&v->lock);
    memcpy(v->retired, ids, sizeof ids);
    pthread_mutex_unlock(&v->lock);
    return OK;
}

enum err vault_rotate(struct ctx *ctx, bool new_data_keys, struct vault_rotation *out) {
    struct step step = { .total = out };
    *out = (struct vault_rotation){ 0 };
    do {
        TRY(take_step(ctx, rewrap_some, &step));
        out->rewrapped += (int64_t)step.done;
    } while (step.done);

    for (const char *after = NULL; new_data_keys;) {
        TRY(workspace_key_next(ctx, db_reader(ctx->parts->db), after, &step.workspace_id));
        if (!step.workspace_id)
            break;
        after = step.workspace_id;
        TRY(take_step(ctx, add_dek, (void *)step.workspace_id));
        do
            TRY(take_step(ctx, reseal_some, &step));
        while (step.done);
        vault_forget(ctx->parts->vault, step.workspace_id);
    }
    return retire_others(ctx);
}
