#include "db/trouble.h"

#include "base/clock.h"
#include "obs/log.h"

static const struct {
    const char *name, *detail;
} KINDS[] = {
    [TROUBLE_NONE] = { "none", "Nothing is saved at the moment." },
    [TROUBLE_DAMAGED] = { "damaged", "The database file is damaged; nothing is saved any more." },
    [TROUBLE_LOST] = { "lost", "The database file was moved, removed or replaced; nothing is saved "
                               "any more." },
    [TROUBLE_FENCED] = { "fenced", "Another Ava has taken over; this one saves nothing any more." },
};

void trouble_init(struct trouble *t, const char *path) {
    *t = (struct trouble){ .path = path };
    atomic_init(&t->last_refusal_ms, INT64_MIN / 2);
}

enum trouble_kind trouble_of(const struct trouble *t) {
    return (enum trouble_kind)atomic_load(&t->kind);
}

void trouble_get_into(struct trouble *t, enum trouble_kind kind, const char *why) {
    int none = TROUBLE_NONE;
    if (atomic_compare_exchange_strong(&t->kind, &none, (int)kind))
        log_error(NULL, "database", L("trouble", KINDS[kind].name), L("file", t->path),
                  L("why", why));
}

bool trouble_is_none(struct trouble *t) {
    enum files_state files = trouble_of(t) == TROUBLE_NONE ? files_look(&t->files) : FILES_THERE;
    if (files == FILES_UNSEEN) /* for now: the next one may be seen again */
        return false;
    if (files == FILES_GONE)
        trouble_get_into(
            t, TROUBLE_LOST,
            "it, its -wal or its -shm was moved, removed or replaced: nothing is acknowledged "
            "until "
            "Ava is started again; stop it, put the files back (after restoring a backup: without "
            "the old -wal and -shm) and start it");
    return trouble_of(t) == TROUBLE_NONE;
}

bool trouble_is_damage(int rc) {
    return (rc & 0xFF) == SQLITE_CORRUPT || (rc & 0xFF) == SQLITE_NOTADB ||
           rc == SQLITE_IOERR_CORRUPTFS;
}

bool trouble_is_refusal(int rc) {
    int kind = rc & 0xFF;
    return kind == SQLITE_IOERR || kind == SQLITE_FULL || kind == SQLITE_READONLY ||
           kind == SQLITE_CANTOPEN;
}

void trouble_learn(struct trouble *t, int rc, const char *why) {
    if (trouble_is_damage(rc))
        trouble_get_into(t, TROUBLE_DAMAGED, why);
    else if (trouble_is_refusal(rc))
        atomic_store(&t->last_refusal_ms, ava_now_ms());
}

enum err trouble_refuse(struct ctx *ctx, enum trouble_kind kind) {
    ctx->problem.retry_after_s = TROUBLE_RETRY_S;
    return ctx_fail(ctx, ERR_STORAGE_UNAVAILABLE, "%s", KINDS[kind].detail);
}
