/* trouble: why a database takes no writes any more, and what its disk has refused lately.
 *
 * A damaged file, one that is no longer where it was opened, and a run that another one has fenced off:
 * from the first of them on nothing is committed until Ava is started again. It is said once in the log,
 * and to everybody who wants to write. All functions may be called on any thread. */
#pragma once

#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "db/files.h"
#include "obs/ctx.h"

enum { TROUBLE_RETRY_S = 2 };

enum trouble_kind { TROUBLE_NONE, TROUBLE_DAMAGED, TROUBLE_LOST, TROUBLE_FENCED };

struct trouble {
    const char *path; /* for the log */
    struct files files;
    _Atomic int kind;                /* enum trouble_kind; the first one stays */
    _Atomic int64_t last_refusal_ms; /* of the disk to take something */
};

void trouble_init(struct trouble *t, const char *path);
enum trouble_kind trouble_of(const struct trouble *t);
void trouble_get_into(struct trouble *t, enum trouble_kind kind, const char *why);

/* Are the files still in their places, and has nothing else happened? */
bool trouble_is_none(struct trouble *t);

/* Is it a result code of SQLite that tells of damage; of a disk that took nothing? */
bool trouble_is_damage(int rc);
bool trouble_is_refusal(int rc);

/* What a result code says about the file, for those who come later. */
void trouble_learn(struct trouble *t, int rc, const char *why);

/* What everybody is told who wants to write. */
enum err trouble_refuse(struct ctx *ctx, enum trouble_kind kind);
