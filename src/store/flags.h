/* flags: feature flags as an operator has set them. */
#pragma once

#include "db/db.h"

struct flag_row {
    const char *name, *changed_by; /* name NULL: it was not set */
    bool is_on;
    int64_t changed_ms;
};

enum err flag_row_find(struct ctx *ctx, struct db_conn *c, const char *name, struct flag_row *out);
enum err flag_row_put(struct ctx *ctx, struct db_conn *tx, const struct flag_row *row);
