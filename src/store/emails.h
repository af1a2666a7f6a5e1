/* emails: rows of those a mail goes to. The mail itself is a row of messages. */
#pragma once

#include "db/db.h"

enum { EMAIL_RECIPIENTS_MAX = 50 };

struct email_recipient_row {
    const char *kind; /* "to", "cc", "bcc" */
    const char *address, *address_key;
    const char *status; /* the provider's word, or "requested" */
    const char *error;  /* a sentence for people; NULL: none */
};

enum err email_recipient_row_insert(struct ctx *ctx, struct db_conn *tx, const char *message_id,
                                    const char *workspace_id, int position, int64_t now_ms,
                                    const struct email_recipient_row *row);
/* In the order they were given; out: room for EMAIL_RECIPIENTS_MAX. */
enum err email_recipient_rows_of(struct ctx *ctx, struct db_conn *c, const char *message_id,
                                 struct email_recipient_row *out, size_t *count);
/* Writes status and error. */
enum err email_recipient_row_update(struct ctx *ctx, struct db_conn *tx, const char *message_id,
                                    int position, int64_t now_ms,
                                    const struct email_recipient_row *row);
