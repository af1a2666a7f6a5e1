/* tools: rows of the tools that a workspace has switched on, of how they behave, and of their uses. */
#pragma once

#include "store/sealed.h"

enum { TOOL_NAME_BYTES = 48, TOOLS_ON_MAX = 32 };

/* Is it switched on? */
enum err tool_row_has(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                      const char *name, bool *has);
/* The names of those that are, at most TOOLS_ON_MAX. */
enum err tool_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *names[TOOLS_ON_MAX], size_t *count);
enum err tool_row_set(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                      const char *name, bool is_on, int64_t now_ms);

/* JSON; "{}" when nothing was set. */
enum err tool_settings_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *group, const char **settings);
enum err tool_settings_put(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const char *group, const char *settings, int64_t now_ms);

struct tool_use_row {
    const char *id, *workspace_id, *tool;
    const char *call_id, *tool_call_id; /* the provider's */
    const char *status;                 /* "done", "pending", "refused", "failed" */
    const char *operation_id;           /* NULL: none */
    int64_t took_ms, created_ms;
    struct str sealed; /* {"arguments","said"} */
};

struct sealed_place tool_use_row_place(const struct tool_use_row *row);
enum err tool_use_row_insert(struct ctx *ctx, struct db_conn *tx, const struct tool_use_row *row);
/* Newest first; of one tool or of one call (the other NULL). */
enum err tool_use_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                            const char *tool, const char *call_id, int limit,
                            struct tool_use_row *out, size_t *count);
/* How many uses of that tool a call has had that were not refused. */
enum err tool_use_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *call_id, const char *tool, int64_t *count);
