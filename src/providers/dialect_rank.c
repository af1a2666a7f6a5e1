#include "providers/dialect_rank.h"

#include <string.h>

int dialect_rank(const struct dialect_rank *ranks, const char *status) {
    for (; status && ranks && ranks->status; ranks++)
        if (strcmp(ranks->status, status) == 0)
            return ranks->rank;
    return 0;
}

bool dialect_rank_follows(const struct dialect_rank *ranks, const char *held, const char *word) {
    int was = dialect_rank(ranks, held), is = dialect_rank(ranks, word);
    if (!word || (held && strcmp(held, word) == 0))
        return false;
    return was == 0 || (is == 0 ? was < DIALECT_RANK_LAST : is > was);
}
