/* calls: phone calls, placed through Vapi here and through Twilio in twilio_calls.h. Ava keeps a
 * row of each; what the provider knows better is asked for when somebody looks. A row that changed
 * goes into the feed as "call". */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "providers/dialect.h"
#include "service/connections/lending.h"
#include "store/calls.h"
#include "tasks/operations.h"

extern const struct operation_kind CALL_CREATE;

/* Places a call through Vapi as an operation. body: {"to","assistant_id"?,"from_number_id"?,
 * "metadata"?}; all wrong fields are named at once. claim: NULL without an idempotency key.
 * out->shown: the call as JSON. */
enum err call_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                    const struct id *claim, struct operation_end *out);

/* --- for both providers ------------------------------------------------------------------------ */

/* A row that is about to be inserted, by call_placing_insert, as the object of an operation. */
struct call_placing {
    struct call_row row;
    struct str metadata; /* JSON, sealed with it */
    const char *account; /* as in store/lines.h */
    int64_t seconds_max; /* what it reserves; 0: nothing */
    bool waits;          /* set by call_placing_insert: for a free line */
};
/* A row of the asker's workspace with fresh ids of call and operation. */
void call_placing_init(struct ctx *ctx, struct call_placing *p, enum provider provider);
/* For operation_order.insert: writes the row, reserves its budget, and takes a line or waits for
 * one. ERR_BUDGET_EXHAUSTED, ERR_PROVIDER_BUSY (too many wait). */
enum err call_placing_insert(struct ctx *ctx, struct db_conn *tx, void *placing);
/* For operation_kind.settle (result: struct call_facts) and .forget. */
enum err call_settle(struct ctx *ctx, struct db_conn *tx, const struct operation *op,
                     enum operation_state state, const void *result, struct str *shown);
enum err call_forget(struct ctx *ctx, struct db_conn *tx, const struct operation *op);

/* Every change of a call goes through these, in its transaction: they write or delete the row, book
 * what the call took, and free its line when it is over. Call jobs_wake after the commit. */
enum err call_save(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
enum err call_remove(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);

struct call_view {
    struct call_row row;
    const json_t *metadata;     /* an object, or NULL */
    const char *assistant_name; /* NULL: it has none, or Ava does not hold it */
    bool is_stale;              /* the provider could not be asked how it stands */
};

/* A call of the asker's workspace; while it is not over the provider is asked how it stands.
 * ERR_NOT_FOUND. */
enum err call_read(struct ctx *ctx, const char *id, struct call_view *out);
/* The same as it stands in our row, without asking anybody. */
enum err call_stored(struct ctx *ctx, const char *id, struct call_view *out);

/* Ends a call: one that waits is withdrawn, else the provider is asked to end it. *out: as it
 * stands then; one that has ended already, or that the provider no longer knows, is fine. *is_ending: it
 * cannot be ended yet, and is as soon as it can. ERR_OUTCOME_UNKNOWN while nobody knows whether it goes
 * out. */
enum err call_end(struct ctx *ctx, const char *id, struct call_view *out, bool *is_ending);
/* Asks the provider to end the call, whoever wanted it. ERR_NOT_READY: there is no way to yet. */
enum err call_end_now(struct ctx *ctx, struct call_view *v);

/* The dialect and the credential by which the provider of this call is asked. */
enum err call_reach(struct ctx *ctx, const struct call_row *row, const struct dialect_calls **calls,
                    struct lent *lent);
/* Asks the provider how the call stands. The row has a provider_id. */
enum err call_ask(struct ctx *ctx, const struct call_row *row, struct call_facts *facts);
/* Takes what the provider said into the row, the view and the feed. */
void call_take(struct ctx *ctx, const struct call_facts *facts, struct call_view *v);
/* Calls of the asker's workspace, newest first, as in our rows. out: room for limit. */
enum err call_list(struct ctx *ctx, const struct call_filter *filter, int limit,
                   struct call_view *out, size_t *count, struct page_end *end);

/* Those of the workspace that one knows by this id: Ava's own, of the operation, at the provider, or at the carrier. */
enum err call_list_of_id(struct ctx *ctx, const char *id, size_t room, struct call_view *out,
                         size_t *count);

void call_write(struct jsonw *w, const struct call_view *v);   /* the object people get */
void call_publish(struct ctx *ctx, const struct call_view *v); /* into the feed, after the commit */
/* The same of a row just written in this transaction; the arena's. */
enum err call_show(struct ctx *ctx, struct db_conn *tx, const struct call_row *row,
                   struct str *shown);
