/* pg_library: libpq, which is opened at run time. It brings twenty libraries of its own, so that it would cost every
 * start and every idle process on SQLite some milliseconds and 1.7 MB.
 *
 *     pq.exec(handle, "BEGIN")      is PQexec(handle, "BEGIN") */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>

#include "base/arena.h"

struct pq {
#define PG(name) __typeof__(&PQ##name) name;
#include "db/pg.def"
#undef PG
};

extern struct pq pq; /* of zeros until it is opened */

/* Opens it, once; false and *why when it is missing or too old. From one thread, before there are others. */
bool pg_library_open(struct arena *a, const char **why);
