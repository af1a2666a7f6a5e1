/* dialect_rank: which status of a provider's is further on, since webhooks come in any order. */
#pragma once

#include <stdbool.h>

enum { DIALECT_RANK_LAST = 10 }; /* from this rank on it is over */

/* A table of them ends with a NULL status. */
struct dialect_rank {
    const char *status;
    int rank;
};

/* The rank of a status; 0 for NULL and for words that are not in the table. ranks NULL: always 0. */
int dialect_rank(const struct dialect_rank *ranks, const char *status);

/* May a provider's word take the place of the one that is held? A higher rank may. A word that nobody
 * documented may where the thing is not over, and gives way to every word that is known; so do Ava's
 * own. */
bool dialect_rank_follows(const struct dialect_rank *ranks, const char *held, const char *word);
