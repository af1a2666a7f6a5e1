/* templates: rows of a workspace's templates, and of their versions. What a version says is sealed. */
#pragma once

#include "store/sealed.h"

struct template_row {
    const char *id, *workspace_id, *name;
    int64_t version; /* the newest, from 1 */
    int64_t created_ms, updated_ms;
};

/* By its id or its name; found->id NULL when there is none. */
enum err template_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const char *id_or_name, struct template_row *found);
/* By name; at most room of them. */
enum err template_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            struct template_row *out, size_t room, size_t *count);
enum err template_row_insert(struct ctx *ctx, struct db_conn *tx, const struct template_row *row);
/* Writes version and updated of that id. */
enum err template_row_update(struct ctx *ctx, struct db_conn *tx, const struct template_row *row);
/* Out of sight at once; its name is free again. */
enum err template_row_hide(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms);
/* Removes a piece of what is hidden in the workspace; *more: something may be left. */
enum err template_rows_remove(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              bool *more);

struct template_version_row {
    const char *id, *workspace_id, *template_id;
    const char *what;                  /* "created", "changed", "restored" */
    const char *author;                /* a user's id; NULL: nobody here */
    const char *author_name;           /* read only: name or address; NULL: gone */
    int64_t version, restored_version; /* restored_version 0: none */
    int64_t created_ms;
    struct str sealed; /* not read by lists */
};

struct sealed_place template_version_row_place(const struct template_version_row *row);
/* Inserts it, and drops those before the newest `keep` of its template. */
enum err template_version_row_insert(struct ctx *ctx, struct db_conn *tx,
                                     const struct template_version_row *row, int64_t keep);
enum err template_version_row_find(struct ctx *ctx, struct db_conn *c, const char *template_id,
                                   int64_t version, struct template_version_row *found);
/* Newest first, below before (0: from the newest). */
enum err template_version_rows_list(struct ctx *ctx, struct db_conn *c, const char *template_id,
                                    int64_t before, int limit, struct template_version_row *out,
                                    size_t *count);
