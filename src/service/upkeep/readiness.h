/* readiness: can this Ava take traffic? An open breaker never makes it unready. */
#pragma once

#include "obs/ctx.h"

struct readiness {
    bool database, keys;
    bool clock; /* of this machine: not far from the database's, by which Ava goes */
};

/* Probes the database when its last write is older than five seconds. */
void readiness_check(struct ctx *ctx, struct readiness *out);

/* Can this Ava answer the phone, whatever else it can do? from: "book", which needs no database; "database", which is
 * asked only where there is no book that can be read; NULL: neither. book: "ok", "failed", "none". */
struct phone_readiness {
    const char *from, *book;
    bool keys;
};
void readiness_check_phone(struct ctx *ctx, struct phone_readiness *out);
