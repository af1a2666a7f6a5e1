#include "service/calls/call_status.h"

#include <stddef.h>
#include <string.h>

#include "providers/dialect.h"

static const struct dialect_rank *ranks_of(enum provider p) {
    const struct dialect_calls *calls = dialect_of(p)->calls;
    return calls ? calls->ranks : NULL;
}

int call_status_rank(enum provider p, const char *status) {
    return dialect_rank(ranks_of(p), status);
}

bool call_status_follows(enum provider p, const char *from, const char *to) {
    return dialect_rank_follows(ranks_of(p), from, to);
}

bool call_status_is_last(enum provider p, const char *status) {
    return call_status_rank(p, status) >= DIALECT_RANK_LAST;
}

bool call_is_over(const struct call_row *row) {
    bool never_was = !row->provider_id &&
                     (strcmp(row->status, "failed") == 0 || strcmp(row->status, "canceled") == 0);
    return row->ended_ms || never_was ||
           call_status_is_last(provider_parse(str_of(row->provider)), row->status);
}
