/* probe: the write that shows whether anything can be written. */
#pragma once

#include "db/db.h"

enum { PROBE_BYTES_MAX = 64 << 10 };

/* A db_fn: puts so many bytes (arg: a size_t, at most PROBE_BYTES_MAX) in the place of what the probe before left. */
enum err probe_write(struct ctx *ctx, struct db_conn *tx, void *arg);
