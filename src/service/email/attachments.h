/* attachments: files that go out with a mail.
 *
 * They come as base64 in JSON and are taken out of it before it is parsed (base/lift.h). Until what became of the mail is
 * known their bytes stand in rows of their own (store/emails.h), sealed once; each attempt puts the same bytes together
 * from there. Afterwards only names, types, sizes and hashes are left, with the message. All that takes long is done
 * beside the loop, and few mails with files are put together at a time: each holds some 15 MB while it goes out. */
#pragma once

#include <jansson.h>

#include "base/lift.h"
#include "providers/mime.h"
#include "store/messages.h"
#include "tasks/operations.h"

enum {
    ATTACHMENTS_MAX = 20,
    ATTACHMENTS_BYTES_MAX = 10 << 20, /* of a mail, decoded */
    ATTACHMENTS_WAITING_BYTES_MAX =
        200 << 20, /* of the mails of a workspace that are still to be sent */
};

struct attachment {
    const char *filename, *content_type,
        *content_id;  /* content_id NULL: it is no part of the HTML */
    struct str bytes; /* while it comes in */
    const char *sha256;
    int64_t size;
};

struct attachments {
    struct attachment items[ATTACHMENTS_MAX];
    size_t count;
};

/* Takes the files out of a body; what remains is to be parsed. */
struct str attachments_lift(struct arena *a, struct str body, struct lift *out);

/* Reads the member "attachments" of the body; what is wrong is noted as "attachments[2].content". */
void attachments_read(struct ctx *ctx, const json_t *body, const struct lift *files,
                      struct attachments *out);

/* Appends the member "attachments" with all but the bytes; nothing where there are none. */
void attachments_write(struct jsonw *w, const struct attachments *all);

/* Puts the bytes away with the message, in the transaction that writes it. ERR_PROVIDER_BUSY while the workspace has too
 * much of it waiting. */
enum err attachments_keep(struct ctx *ctx, struct db_conn *tx, const struct message_row *message,
                          const struct attachments *all);

/* One mail while it goes out: its place among those, and its bytes. */
struct attachments_held;
/* Waits for a place. Where the request (struct operation) has no attachments, *out is NULL. */
enum err attachments_hold(struct ctx *ctx, const struct operation *op, const json_t *request,
                          struct attachments_held **out);
void attachments_let_go(struct attachments_held *h); /* NULL is fine */

/* The request with its files as Resend takes it; good until it is let go. */
enum err attachments_body(struct attachments_held *h, struct str *out);
/* The mail with its files, as a mail server takes it; the same. mail: all but the attachments. */
enum err attachments_mime(struct attachments_held *h, struct mime_mail *mail, struct str *out);
