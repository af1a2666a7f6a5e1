/* dialect_rank: which status of a provider's is further on, since webhooks come in any order. */
#pragma once

enum { DIALECT_RANK_LAST = 10 }; /* from this rank on it is over */

/* A table of them ends with a NULL status. */
struct dialect_rank {
    const char *status;
    int rank;
};

/* The rank of a status; 0 for NULL and for words that are not in the table. ranks NULL: always 0. */
int dialect_rank(const struct dialect_rank *ranks, const char *status);
