/* rivals: before something of a provider's is taken for what one of our requests made: does another
 * row have it already, and could another row have made it? Calls and texts ask alike, each with SQL
 * of its own table. */
#pragma once

#include "db/db.h"

/* sql: one row when another row than except_id has this id, in any workspace; binds provider,
 * provider_id, except_id. */
enum err rival_has_id(struct ctx *ctx, struct db_conn *c, const char *sql, const char *provider,
                      const char *provider_id, const char *except_id, bool *taken);

/* What ours looks like, and when a rival must have been made (wall clock, until_ms excluded). */
struct rival_like {
    const char *id, *workspace_id, *to, *from;
    int64_t since_ms, until_ms;
};
/* sql: COUNT(*); binds workspace_id, to, from, id, since, until. */
enum err rivals_count(struct ctx *ctx, struct db_conn *c, const char *sql,
                      const struct rival_like *like, int64_t *count);
