#include "tasks/matching.h"

enum {
    RUN_MS = 60 * 1000,   /* an operation runs no longer than that after it was sent */
    APART_MS = 60 * 1000, /* two clocks */
};

struct matching_span matching_run(int64_t sent_ms) {
    return (struct matching_span){ sent_ms, sent_ms + RUN_MS };
}

struct matching_span matching_rivals(int64_t sent_ms) {
    return (struct matching_span){ sent_ms - RUN_MS - APART_MS, sent_ms + RUN_MS + APART_MS };
}

const struct twilio_match *matching_only(const struct twilio_matches *m, const bool *taken,
                                         int64_t others) {
    const struct twilio_match *only = NULL;
    if (others || !m->is_whole)
        return NULL;
    for (size_t i = 0; i < m->count; i++) {
        if (taken[i])
            continue;
        if (only)
            return NULL;
        only = &m->list[i];
    }
    return only;
}

enum err matching_find(struct ctx *ctx, const struct twilio_matches *m, const char *row_id,
                       matching_taken_fn *is_taken, int64_t others, const void **facts,
                       bool *is_absent) {
    struct db_conn *c = db_reader(ctx);
    bool taken[TWILIO_PAGE] = { false };
    *is_absent = m->is_whole && !m->is_unclear;
    for (size_t i = 0; i < m->count; i++) {
        TRY(is_taken(ctx, c, provider_name(PROVIDER_TWILIO), m->list[i].provider_id, row_id,
                     &taken[i]));
        *is_absent &= taken[i];
    }
    const struct twilio_match *only = matching_only(m, taken, others);
    if (only)
        *facts = only->facts;
    return OK;
}
