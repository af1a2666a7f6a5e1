#include "service/calls/call_status.h"

#include <stddef.h>
#include <string.h>

#include "base/defs.h"

enum { LAST = 10 };

struct rank {
    const char *status;
    int rank;
};

static const struct rank TWILIO_CALL[] = {
    { "queued", 1 },      { "initiated", 2 },    { "ringing", 3 },
    { "in-progress", 4 }, { "completed", LAST }, { "busy", LAST },
    { "failed", LAST },   { "no-answer", LAST }, { "canceled", LAST },
};

static const struct rank VAPI_CALL[] = {
    { "scheduled", 1 },   { "queued", 2 },     { "ringing", 3 },
    { "in-progress", 4 }, { "forwarding", 5 }, { "ended", LAST },
};

static int rank_in(const struct rank *table, size_t count, const char *status) {
    for (size_t i = 0; status && i < count; i++)
        if (strcmp(table[i].status, status) == 0)
            return table[i].rank;
    return 0;
}

int call_status_rank(enum provider p, const char *status) {
    return p == PROVIDER_VAPI ? rank_in(VAPI_CALL, ARRAY_LEN(VAPI_CALL), status)
                              : rank_in(TWILIO_CALL, ARRAY_LEN(TWILIO_CALL), status);
}

bool call_status_follows(enum provider p, const char *from, const char *to) {
    int was = call_status_rank(p, from), is = call_status_rank(p, to);
    return to && (is > was || was == 0);
}

bool call_status_is_last(enum provider p, const char *status) {
    return call_status_rank(p, status) >= LAST;
}

bool call_is_over(const struct call_row *row) {
    bool never_was = !row->provider_id &&
                     (strcmp(row->status, "failed") == 0 || strcmp(row->status, "canceled") == 0);
    return row->ended_ms || never_was ||
           call_status_is_last(provider_parse(str_of(row->provider)), row->status);
}
