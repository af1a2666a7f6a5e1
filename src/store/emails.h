/* emails: rows of those a mail goes to. The mail itself is a row of messages. */
#pragma once

#include "store/sealed.h"

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

/* --- what is attached, while the mail is still to be sent ------------------------------------- */

enum { EMAIL_PIECE_BYTES = 57 * 4599 }; /* whole lines of base64 */

struct email_file_row {
    const char *id, *workspace_id, *message_id;
    int position, piece; /* of which file which piece */
    struct str sealed;
};

struct sealed_place email_file_row_place(const struct email_file_row *row);
const char *email_file_row_id(struct arena *a, const char *message_id, int position, int piece);
enum err email_file_row_insert(struct ctx *ctx, struct db_conn *tx,
                               const struct email_file_row *row);
/* found->id NULL when there is none. */
enum err email_file_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             const char *id, struct email_file_row *found);
enum err email_file_rows_delete(struct ctx *ctx, struct db_conn *tx, const char *message_id);
/* *count: pieces that a workspace has. */
enum err email_file_rows_count(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                               int64_t *count);
