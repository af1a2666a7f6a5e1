/* standing: how much there is still to do for one workspace, for those who look after it. */
#pragma once

#include "db/db.h"

enum { STANDING_MAX = 10000 }; /* no more are counted */

struct standing {
    int64_t jobs_waiting, jobs_dead;
    int64_t jobs_next_ms; /* when the first that waits is due, as ava_steady_ms; 0: none */
    int64_t events_open, events_dead;
    int64_t events_oldest_ms; /* when the oldest open one came, Unix time; 0: none */
    int64_t deliveries_open, deliveries_oldest_ms; /* likewise */
    int64_t destinations_disabled;                 /* by Ava, because nothing gets through */
};

enum err standing_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                       struct standing *out);
