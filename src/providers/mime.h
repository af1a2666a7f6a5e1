/* mime: a mail as bytes (RFC 5322, 2045, 2047, 2231, 6532).
 *
 * Deterministic: date, Message-ID and boundary come in, so that each attempt sends the same bytes. Lines end
 * in CRLF and are never longer than 998 bytes, headers fold at 76; everything but addresses beyond ASCII is
 * ASCII. No text from outside can begin a header or end a part: in names, subjects, addresses and headers
 * every kind of line break is refused, and a boundary holds "=_", which no encoded content can. */
#pragma once

#include "base/buf.h"
#include "base/mailbox.h"
#include "obs/ctx.h"

enum {
    MIME_NAME_MAX_CHARS = 200,
    MIME_SUBJECT_MAX_CHARS = 500,
    MIME_FILE_NAME_MAX_CHARS = 200,
    MIME_ATTACHMENTS_MAX = 20,
    MIME_HEADERS_MAX = 10,
    MIME_RECIPIENTS_MAX = 50,
    MIME_MAX_BYTES = 25 << 20, /* of the whole mail */
};

struct mime_mailbox {
    const char *name; /* NULL or "": none */
    const char *address;
};

struct mime_attachment {
    const char *file_name;
    const char *content_type; /* "application/pdf"; NULL: application/octet-stream */
    struct str bytes;
    const char *content_id; /* by which HTML shows it ("cid:..."); NULL: it is no part of that */
};

struct mime_header {
    const char *name, *value; /* name: one of those mime_header_is_allowed knows; value: ASCII */
};

/* Lent until mime_compose returns. */
struct mime_mail {
    struct mime_mailbox from, reply_to; /* reply_to.address NULL: none */
    const struct mime_mailbox *to, *cc;
    size_t to_count, cc_count; /* together 1 to MIME_RECIPIENTS_MAX */
    const char *subject;
    struct str text, html; /* ptr NULL: without; one of them at least */
    const struct mime_attachment *attachments;
    size_t attachment_count;
    const struct mime_header *headers;
    size_t header_count;
    int64_t date_ms;        /* Unix time */
    const char *message_id; /* "op_1@example.com", without < and > */
    const char *boundary;   /* letters and digits, 8 to 40, another for each mail */
};

/* The mail, in the arena. ERR_INVALID: wrong fields are named in ctx (from, to, cc, reply_to, subject,
 * text, html, headers, attachments). */
enum err mime_compose(struct ctx *ctx, const struct mime_mail *m, struct str *out);
/* The same into the caller's buffer, which is empty before: for mails of megabytes. */
enum err mime_compose_into(struct ctx *ctx, const struct mime_mail *m, struct buf *into,
                           struct str *out);

bool mime_header_is_allowed(const char *name);
bool mime_content_type_is_good(const char *text); /* with parameters, but no multipart or message */
bool mime_content_id_is_good(const char *text);   /* without < and > */

/* --- parts, for tests and fuzzing ------------------------------------------------------------ */

/* Adds an unstructured header: folded, in encoded words where it must be. value: no line breaks. */
void mime_put_header(struct buf *out, const char *name, struct str value);
/* Adds the text in quoted-printable, with CRLF for each kind of line end; none behind the last line that
 * the text does not have. */
void mime_put_quoted(struct buf *out, struct str text);
