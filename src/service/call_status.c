#include "service/call_status.h"

#include <string.h>

#include "base/defs.h"

enum { RANK_END = 9 };

static const struct {
    const char *word;
    int rank;
} STATES[] = {
    { "scheduled", 1 },        { "queued", 2 },           { "initiated", 3 },
    { "ringing", 4 },          { "in-progress", 5 },      { "forwarding", 6 },
    { "ended", RANK_END },     { "completed", RANK_END }, { "busy", RANK_END },
    { "no-answer", RANK_END }, { "canceled", RANK_END },  { "failed", RANK_END },
};

int call_status_rank(const char *status) {
    for (size_t i = 0; i < ARRAY_LEN(STATES); i++)
        if (strcmp(STATES[i].word, status) == 0)
            return STATES[i].rank;
    return 0;
}

bool call_status_is_end(const char *status) {
    return call_status_rank(status) == RANK_END;
}
