/* messages: rows of texts and e-mails, sent or received. What they say is sealed; addresses, times
 * and states are plain, because people search them. */
#pragma once

#include "store/page.h"
#include "store/rivals.h"
#include "store/sealed.h"

struct message_row {
    const char *id, *workspace_id;
    const char *operation_id; /* NULL: it came in */
    const char *channel;      /* "sms", "email" */
    const char *direction;    /* "outbound", "inbound" */
    const char *provider;
    const char *provider_id; /* NULL: the provider has not told, or never will */
    const char *to, *from;
    const char *status; /* the provider's, or "requested", "failed", "unknown", "unconfirmed" */
    const char *error;  /* a sentence for people; NULL: none */
    int64_t created_ms, updated_ms;
    int64_t next_ms; /* wall clock, when it is tried again; 0: it does not wait */
    struct str sealed;
};

struct sealed_place message_row_place(const struct message_row *row);
enum err message_row_insert(struct ctx *ctx, struct db_conn *tx, const struct message_row *row);
/* *at_ms: when the first mail was sent through that service after after_ms, those left out that are planned for later; 0:
 * none was. */
enum err message_row_first_after(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                 const char *provider, int64_t after_ms, int64_t *at_ms);
/* Writes provider_id (where it is not NULL), status, error and next_ms of that id. */
enum err message_row_update(struct ctx *ctx, struct db_conn *tx, const struct message_row *row);
enum err message_row_delete(struct ctx *ctx, struct db_conn *tx, const char *id);
/* found->id NULL when there is none. */
enum err message_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                          const char *id, struct message_row *found);
enum err message_row_find_by_provider(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                                      const char *provider, const char *provider_id,
                                      struct message_row *found);

/* *taken: another row than except_id has this provider's id, in any workspace. */
enum err message_row_is_taken(struct ctx *ctx, struct db_conn *c, const char *provider,
                              const char *provider_id, const char *except_id, bool *taken);
/* *count: other rows of the workspace between the same addresses, made in that span, whose outcome
 * is unknown. */
enum err message_rows_unsettled(struct ctx *ctx, struct db_conn *c, const struct rival_like *like,
                                int64_t *count);

struct message_filter {
    const char *channel, *direction, *status, *to, *from; /* NULL: any */
    const char *like;           /* what one of its addresses holds, small letters; NULL: anything */
    int64_t since_ms, until_ms; /* 0: any */
    const char *before_id;      /* NULL: from the newest */
};
/* At most limit, fewer when they weigh more than MESSAGE_PAGE_BYTES together; *more: there are others
 * behind them. */
enum { MESSAGE_PAGE_BYTES = 256 << 10 };
/* end: where a page ends behind which there are no more (page.h). */
enum err message_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                           const struct message_filter *filter, int limit, struct message_row *out,
                           size_t *count, bool *more, struct page_end *end);
