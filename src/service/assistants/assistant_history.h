/* assistant_history: the versions of assistants under Ava's care: who made which, what it says, and
 * how it differs from the one before. Versions count from 1, one by one; the newest 500 are kept.
 * What they say is sealed as it is, and shown with its secrets masked. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "store/assistants.h"

enum { ASSISTANT_VERSIONS_KEPT = 500 };

struct assistant_note {
    const char *what;         /* as in 0006_assistants.sql */
    bool is_ours;             /* its author is who asks; else nobody here */
    int64_t restored_version; /* 0: none */
};

/* Within a write: adds the next version, with the configuration in whole (the provider's object, or
 * a configuration of before); updates the row, and inserts it when its version is 0. */
enum err assistant_version_add(struct ctx *ctx, struct db_conn *tx, struct assistant_row *row,
                               const json_t *whole, const struct assistant_note *note);

/* *config: the configuration of that version, the arena's; NULL when there is no such version (any
 * more). */
enum err assistant_version_config(struct ctx *ctx, struct db_conn *c,
                                  const struct assistant_row *row, int64_t version,
                                  json_t **config);

/* --- for people -------------------------------------------------------------------------------- */

/* Versions newest first, below the version before (0: from the newest); out: room for limit.
 * ERR_NOT_FOUND when the workspace has no such assistant; a deleted one still has its history. */
enum err assistant_history_list(struct ctx *ctx, const char *id, int64_t before, int limit,
                                struct assistant_version_row *out, size_t *count);
void assistant_version_write(struct jsonw *w, const struct assistant_version_row *v);

/* Writes one version as an object, with its configuration and its changes. ERR_NOT_FOUND. */
enum err assistant_history_show(struct ctx *ctx, const char *id, int64_t version, struct jsonw *w);
