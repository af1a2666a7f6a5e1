/* destinations: rows of customers' own endpoints. Their secrets are sealed. */
#pragma once

#include "store/sealed.h"

struct destination_row {
    const char *id, *workspace_id, *url;
    const char *events; /* patterns, comma separated */
    bool enabled;
    const char *disabled_because; /* "by_hand", "gone", "failing"; NULL while enabled */
    int64_t disabled_ms;
    int64_t failing_since_ms; /* 0: the last attempt was good, or there was none */
    int64_t last_failure_ms, last_success_ms;
    int64_t former_until_ms; /* until then the former secret signs too; 0: there is none */
    int64_t version;         /* raised by every change of url or secret */
    int64_t created_ms, updated_ms;
    int64_t removed_ms; /* 0: it is not */
    struct str sealed;
};

struct sealed_place destination_row_place(const struct destination_row *row);
enum err destination_row_insert(struct ctx *ctx, struct db_conn *tx,
                                const struct destination_row *row);
/* Writes all but id, workspace, created and how it fares. */
enum err destination_row_update(struct ctx *ctx, struct db_conn *tx,
                                const struct destination_row *row);
/* Writes failing_since, last_failure and last_success. */
enum err destination_row_fares(struct ctx *ctx, struct db_conn *tx,
                               const struct destination_row *row);
/* Switches it off and out of sight; destination_rows_remove does the rest. */
enum err destination_row_hide(struct ctx *ctx, struct db_conn *tx, const char *id, int64_t now_ms);
/* workspace_id NULL: of any, also removed ones. found->id NULL when there is none. */
enum err destination_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *id, struct destination_row *found);
/* Newest first. */
enum err destination_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *before_id, int limit, struct destination_row *out,
                               size_t *count);
/* Of all workspaces: those that Ava switched off. */
enum err destination_rows_count_disabled(struct ctx *ctx, struct db_conn *c, int64_t *out);
