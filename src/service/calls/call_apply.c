#include "service/calls/call_apply.h"

#include "service/calls/call_status.h"

/* A call that ended tells when it began as well as when it ended; before that a later message may
 * have been on its way for longer. */
static void take_times(struct call_row *row, const struct call_facts *f, bool is_behind) {
    bool knows_start = f->has_exact_times || (f->ended_ms && !is_behind);
    bool knows_end = f->has_exact_times || (f->ended_reason && !row->ended_reason);
    if (f->started_ms && (!row->started_ms || knows_start))
        row->started_ms = f->started_ms;
    if (f->ended_ms && (!row->ended_ms || knows_end))
        row->ended_ms = f->ended_ms;
}

/* Nothing is no bill of a call that talked: the bill comes later, and may be corrected. */
static void take_cost(struct call_row *row, const struct call_facts *f) {
    bool has_talked = row->started_ms && row->ended_ms > row->started_ms;
    if (!f->has_cost || (f->cost_micros == 0 && (has_talked || row->has_cost)))
        return;
    row->has_cost = true;
    row->cost_micros = f->cost_micros;
}

bool call_facts_apply(struct call_row *row, const struct call_facts *f) {
    struct call_row was = *row;
    enum provider p = provider_parse(str_of(row->provider));
    if (!row->ended_ms)
        row->missed_ms = 0; /* the provider knows it */
    take_times(row, f, call_status_rank(p, f->status) < call_status_rank(p, row->status));
    if (call_status_follows(p, row->status, f->status))
        row->status = f->status;
    if (!row->provider_id)
        row->provider_id = f->provider_id;
    if (!row->carrier_id)
        row->carrier_id = f->carrier_id;
    if (!row->from)
        row->from = f->from;
    if (!row->ended_reason)
        row->ended_reason = f->ended_reason;
    take_cost(row, f);
    return row->status != was.status || row->provider_id != was.provider_id ||
           row->carrier_id != was.carrier_id || row->from != was.from ||
           row->started_ms != was.started_ms || row->ended_ms != was.ended_ms ||
           row->ended_reason != was.ended_reason || row->has_cost != was.has_cost ||
           row->cost_micros != was.cost_micros || row->missed_ms != was.missed_ms;
}
