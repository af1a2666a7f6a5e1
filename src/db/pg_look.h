/* pg_look: what an operator should know of the server behind DATABASE_URL, asked on a connection of its own, in a bounded
 * time whatever the server does. (A name that does not resolve takes as long as the system's resolver.) */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum {
    PG_LOOK_MS = 4000, /* for all of it */
    PG_LOOK_LONG_S = 60,
    PG_LOOK_SESSIONS_MAX = 5,
};

/* Who has had a transaction open for longer than PG_LOOK_LONG_S, as far as the role may see. */
struct pg_look_session {
    int64_t pid, age_s;
    const char *user, *application, *state;
};

struct pg_look {
    const char *host, *port,
        *name;           /* of the server and the database; "" where it was not reached */
    const char *version; /* "15.18" */
    int version_number;  /* 150018 */
    bool is_replica, is_read_only, is_local, is_encrypted;
    const char *encoding;
    int64_t connect_us, commit_us; /* commit_us: of a transaction that wrote */
    bool may_create;               /* tables, in the schema that is used */
    int64_t schema, known_schema;  /* the number of Ava's in it, and of this program; 0: none */
    int64_t bytes;
    int64_t connections, connections_max;   /* of those that the role may have */
    bool is_synced, is_committed, is_whole; /* fsync, synchronous_commit, full_page_writes */
    bool is_vacuumed;                       /* autovacuum is on */
    const char *dead_table; /* the one with most dead rows, where they are many; "" */
    int64_t dead_rows;
    struct pg_look_session sessions[PG_LOOK_SESSIONS_MAX];
    int64_t session_count; /* all of them */
};

/* False and *why: it is not reachable, or did not answer in time. Texts are the arena's. */
bool pg_look(const char *url, struct arena *a, struct pg_look *out, const char **why);
