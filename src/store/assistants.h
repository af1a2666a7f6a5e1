/* assistants: rows of those under Ava's care, and of their versions. What a version says is sealed:
 * a configuration may hold secrets of other services. */
#pragma once

#include "store/sealed.h"

struct assistant_row {
    const char *id, *workspace_id, *provider_id;
    const char *name;               /* NULL: it has none */
    int64_t version;                /* the newest, from 1 */
    int64_t created_ms, updated_ms; /* the provider's, as last seen */
    int64_t deleted_ms;             /* 0: it is there */
};

/* found->id NULL when there is none; those that were deleted are found too. */
enum err assistant_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *id, struct assistant_row *found);
enum err assistant_row_find_by_provider(struct ctx *ctx, struct db_conn *c,
                                        const char *workspace_id, const char *provider_id,
                                        struct assistant_row *found);
enum err assistant_row_insert(struct ctx *ctx, struct db_conn *tx, const struct assistant_row *row);
/* Writes name, version, updated and deleted of that id. */
enum err assistant_row_update(struct ctx *ctx, struct db_conn *tx, const struct assistant_row *row);

struct assistant_version_row {
    const char *id, *workspace_id, *assistant_id;
    const char *what;                  /* "created", "changed", ...: 0006_assistants.sql */
    const char *author;                /* a user's id; NULL: nobody here */
    const char *author_name;           /* read only: name or address; NULL: gone */
    int64_t version, restored_version; /* restored_version 0: none */
    int64_t created_ms;
    struct str sealed; /* not read by lists */
};

struct sealed_place assistant_version_row_place(const struct assistant_version_row *row);
/* Inserts it, and drops those before the newest `keep` of its assistant. */
enum err assistant_version_row_insert(struct ctx *ctx, struct db_conn *tx,
                                      const struct assistant_version_row *row, int64_t keep);
enum err assistant_version_row_find(struct ctx *ctx, struct db_conn *c, const char *assistant_id,
                                    int64_t version, struct assistant_version_row *found);
/* The version that was in force then, 0: none that we know of. */
enum err assistant_version_row_at(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                  const char *provider_id, int64_t at_ms, int64_t *version);
/* Newest first, below before (0: from the newest). */
enum err assistant_version_rows_list(struct ctx *ctx, struct db_conn *c, const char *assistant_id,
                                     int64_t before, int limit, struct assistant_version_row *out,
                                     size_t *count);
