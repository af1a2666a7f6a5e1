#include "providers/dialect_rank.h"

#include <string.h>

int dialect_rank(const struct dialect_rank *ranks, const char *status) {
    for (; status && ranks && ranks->status; ranks++)
        if (strcmp(ranks->status, status) == 0)
            return ranks->rank;
    return 0;
}
