/* calls: rows of phone calls, made or taken. The caller's own data (metadata) is sealed; numbers,
 * times and states are plain, because people search them. */
#pragma once

#include "store/page.h"
#include "store/rivals.h"
#include "store/sealed.h"

struct call_row {
    const char *id, *workspace_id, *operation_id, *provider;
    const char *provider_id; /* NULL: the provider has not told, or never will */
    const char *direction;   /* "outbound", "inbound" */
    const char *to, *from;   /* E.164; from NULL: the provider alone knows it */
    const char *carrier_id;  /* the same call at the carrier: Twilio's CallSid of one at Vapi */
    const char *from_number_id, *assistant_id; /* of Vapi; NULL elsewhere */
    const char *status; /* the provider's, or "requested", "failed", "unknown", "unconfirmed" */
    const char *ended_reason; /* NULL until it has ended */
    int64_t started_ms, ended_ms, created_ms, updated_ms;
    int64_t missed_ms; /* when the provider first did not know it; 0: it knows it */
    int64_t ending_ms; /* since when somebody wants it ended that cannot be ended yet; 0: nobody */
    bool has_cost;
    int64_t cost_micros; /* millionths of a US dollar */
    struct str sealed;
};

struct sealed_place call_row_place(const struct call_row *row);
enum err call_row_insert(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
/* Writes status, ended_reason and all times of that id, and where they are set provider_id, from,
 * carrier_id and cost. */
enum err call_row_update(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
enum err call_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id);
enum err call_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id, const char *id,
                       struct call_row *found);
/* Find a call by the provider's id, by the operation that placed it, by its id at the carrier.
 * found->id is NULL when there is none. */
enum err call_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                   const char *provider, const char *provider_id,
                                   struct call_row *found);
enum err call_row_find_placed(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                              const char *operation_id, struct call_row *found);
enum err call_row_find_carried(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               const char *carrier_id, struct call_row *found);

/* In any workspace, by its own id, its operation's, a provider's or a carrier's. Two workspaces may know
 * the same provider's id; each call is there once. */
enum err call_rows_find_anywhere(struct ctx *ctx, struct db_conn *c, const char *id, size_t room,
                                 struct call_row *found, size_t *count);

/* *taken: another row than except_id has this provider's id, in any workspace. */
enum err call_row_is_taken(struct ctx *ctx, struct db_conn *c, const char *provider,
                           const char *provider_id, const char *except_id, bool *taken);
/* *count: other rows of the workspace between the same numbers, made in that span, whose outcome is
 * unknown. */
enum err call_rows_unsettled(struct ctx *ctx, struct db_conn *c, const struct rival_like *like,
                             int64_t *count);

struct call_filter {
    const char *status, *direction, *to, *assistant_id; /* NULL: any */
    const char *like;           /* what one of its two numbers holds; NULL: anything */
    int64_t since_ms, until_ms; /* 0: any */
    const char *before_id;      /* NULL: from the newest */
};
/* end: where the page ends that has fewer rows than limit (page.h). */
enum err call_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const struct call_filter *filter, int limit, struct call_row *out,
                        size_t *count, struct page_end *end);
