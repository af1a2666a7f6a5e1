/* messages: texts through Twilio, and every other message a workspace sent or got. Ava keeps a row
 * of each, what it says sealed; what the provider knows better is asked for when somebody looks.
 * A row that changed goes into the feed as "message". */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "providers/message_facts.h"
#include "store/messages.h"
#include "tasks/operations.h"

extern const struct operation_kind MESSAGE_CREATE;

/* Sends a text through Twilio as an operation. body: {"to","from","body","media_urls"?}; all wrong
 * fields are named at once. out->shown: the message as JSON. */
enum err message_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                       const struct id *claim, struct operation_end *out);

/* The same, with what is written along with it; NULL: nothing. */
enum err message_place_also(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                            const struct id *claim, const struct operation_also *also,
                            struct operation_end *out);

struct message_view {
    struct message_row row;
    const json_t *content; /* {"body","media_urls"?,"warnings"?}; NULL when it cannot be read */
    bool is_stale;         /* the provider could not be asked how it stands */
};

/* A message of the asker's workspace; until its last status the provider is asked how it stands.
 * ERR_NOT_FOUND. */
enum err message_read(struct ctx *ctx, const char *id, struct message_view *out);
/* Messages of the asker's workspace, newest first, as in our rows. out: room for limit; fewer where
 * they are long. *more: there are others behind them. */
enum err message_list(struct ctx *ctx, const struct message_filter *filter, int limit,
                      struct message_view *out, size_t *count, bool *more, struct page_end *end);

/* The one of the workspace that has this id, Ava's own or at its provider; *count: 0 or 1. */
enum err message_list_of_id(struct ctx *ctx, const char *id, struct message_view *out,
                            size_t *count);

void message_write(struct jsonw *w, const struct message_view *v); /* the object people get, */
void message_write_members(struct jsonw *w, const struct message_view *v); /* or what is in it */

/* Brings the message of an operation up to date in the transaction that settles it, as for
 * operation_kind.settle; result: struct message_facts. A webhook that was quicker stays. */
enum err message_settle(struct ctx *ctx, struct db_conn *tx, const char *id,
                        enum operation_state state, const void *result, struct str *shown);

/* The same of a row just written in this transaction; the arena's. */
enum err message_show(struct ctx *ctx, struct db_conn *tx, const struct message_row *row,
                      struct str *shown);

/* Merges what the provider said into the row; a status of a lower rank changes nothing. True when
 * the row changed; its new texts are lent from facts. */
bool message_facts_apply(struct message_row *row, const struct message_facts *facts);
