/* migrate: the numbered SQL files built into the program, applied once each, in order.
 *
 * Forward only; each in one transaction; its checksum is remembered and a changed file is
 * refused. Before anything is applied to a database that has data, a copy is made beside it. */
#pragma once

#include "db/db.h"

struct migration {
    int number;
    const char *name;
    const char *sql;
    const char *sha256; /* hex, made at build */
};

/* Made by tools/generate from src/db/migrations/NNNN_name.sql. */
extern const struct migration migrations[];
extern const int migrations_count;
