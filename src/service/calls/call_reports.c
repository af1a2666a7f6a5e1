#include "service/calls/call_reports.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "providers/dialect.h"
#include "service/calls/call_apply.h"
#include "service/calls/call_status.h"
#include "service/calls/calls.h"
#include "service/calls/lines.h"
#include "service/connections/lending.h"
#include "store/operations.h"
#include "vault/vault.h"

enum { PLACING_MS = 60 * 1000 };

/* The account at the provider whose line the call takes; NULL: it takes none, or it is unknown. */
static const char *account_of(struct ctx *ctx, const char *provider,
                              const struct call_facts *facts) {
    struct lent lent;
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    enum provider p = provider_parse(str_of(provider));
    bool found = facts->provider_id && facts->takes_line && lending_find(ctx, p, &lent) == OK;
    return found ? lines_account(ctx, p, &lent.ref) : NULL;
}

void call_report_of(struct ctx *ctx, const char *provider, const struct call_facts *facts,
                    int64_t received_ms, struct call_report *out) {
    *out = (struct call_report){ .provider = provider,
                                 .facts = *facts,
                                 .account = account_of(ctx, provider, facts),
                                 .received_ms = received_ms };
}

/* --- into our row ---------------------------------------------------------------------------- */

/* Our row of the call: by its id, by the operation that placed it, or, for a call that Vapi
 * handles, by its id at Twilio. row->id NULL: none. */
static enum err find(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                     const struct call_report *r, struct call_row *row) {
    const struct call_facts *f = &r->facts;
    TRY(call_row_find_by_provider(ctx, tx, workspace_id, r->provider, f->provider_id, row));
    if (!row->id && f->operation_id)
        TRY(call_row_find_placed(ctx, tx, workspace_id, f->operation_id, row));
    if (row->id && strcmp(row->provider, r->provider) != 0)
        row->id = NULL;
    if (!row->id)
        TRY(call_row_find_carried(ctx, tx, workspace_id, f->provider_id, row));
    return OK;
}

/* A call that we hear of for the first time, such as an inbound one. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const struct call_report *r, struct call_row *row) {
    struct id id = id_make("call");
    const struct call_facts *f = &r->facts;
    *row = (struct call_row){ .id = arena_strdup(ctx->arena, id.text),
                              .workspace_id = workspace_id,
                              .provider = r->provider,
                              .provider_id = f->provider_id,
                              .direction = f->direction ? f->direction : "inbound",
                              .to = f->to ? f->to : "",
                              .from_number_id = f->number_id,
                              .assistant_id = f->assistant_id,
                              .status = "requested",
                              .created_ms = f->at_ms,
                              .updated_ms = f->at_ms };
    struct sealed_place place = call_row_place(row);
    TRY(vault_seal(ctx, tx, &place, STR("null"), &row->sealed));
    return call_row_insert(ctx, tx, row);
}

/* Removes the row that the carrier reported first: it is the same call as this one, which this
 * provider handles. */
static enum err join_carried(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                             const struct call_report *r) {
    const struct dialect_calls *calls = dialect_of(provider_parse(str_of(r->provider)))->calls;
    struct call_row twin = { .id = NULL };
    if (r->facts.carrier_id && calls && calls->carrier != PROVIDER_COUNT)
        TRY(call_row_find_by_provider(ctx, tx, workspace_id, provider_name(calls->carrier),
                                      r->facts.carrier_id, &twin));
    return twin.id && !twin.operation_id ? call_remove(ctx, tx, &twin) : OK;
}

/* A call that Ava did not place takes a line once it talks, whoever placed it or let it in. */
static enum err note_others(struct ctx *ctx, struct db_conn *tx, const struct call_report *r,
                            const struct call_row *row) {
    struct line_row line = { .call_id = row->id,
                             .workspace_id = row->workspace_id,
                             .account = r->account ? r->account : "" },
                    had;
    bool talks = !row->operation_id && r->account && strcmp(row->status, "in-progress") == 0;
    line.line = strcmp(row->direction, "inbound") == 0 ? row->to : row->from ? row->from : "";
    if (!talks || call_is_over(row))
        return OK;
    TRY(line_row_find(ctx, tx, row->id, &had, NULL));
    return had.call_id ? OK : lines_note_inbound(ctx, tx, &line);
}

/* A webhook may be quicker than the answer to the request that made the call, and names an id that
 * nobody knows yet. */
static enum err may_be_placed_now(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                                  const struct call_report *r, bool *may) {
    bool goes_out = !r->facts.direction || strcmp(r->facts.direction, "outbound") == 0;
    *may = false;
    if (!goes_out || ava_wall_ms() - r->received_ms > PLACING_MS)
        return OK;
    return operation_rows_are_sent(ctx, tx, workspace_id, r->provider, may);
}

enum err call_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                           const struct call_report *r, struct str *shown, bool *waits) {
    struct call_row row;
    *shown = (struct str){ NULL, 0 };
    *waits = false;
    if (!r->facts.provider_id)
        return OK;
    TRY(find(ctx, tx, workspace_id, r, &row));
    if (row.id && strcmp(row.provider, r->provider) != 0)
        return OK; /* the carrier's view of a call that Vapi tells us about itself */
    bool is_new = !row.id;
    if (is_new)
        TRY(may_be_placed_now(ctx, tx, workspace_id, r, waits));
    if (*waits)
        return OK;
    if (is_new)
        TRY(insert(ctx, tx, workspace_id, r, &row));
    if (!call_facts_apply(&row, &r->facts) && !is_new)
        return OK;
    row.updated_ms = ava_wall_ms();
    TRY(call_save(ctx, tx, &row));
    if (row.ending_ms && !call_is_over(&row)) /* it may have a way to be ended now */
        TRY(lines_want_check(ctx, tx, workspace_id, row.updated_ms));
    TRY(note_others(ctx, tx, r, &row));
    TRY(join_carried(ctx, tx, workspace_id, r));
    return call_show(ctx, tx, &row, shown);
}
