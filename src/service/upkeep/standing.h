/* standing: what still waits in the asker's workspace, and for how long. */
#pragma once

#include "store/standing.h"

struct standing_view {
    struct standing now;
    int64_t jobs_late_s, events_age_s, deliveries_age_s; /* of the oldest; 0: none waits */
};

enum err standing_read(struct ctx *ctx, struct standing_view *out);
