/* email_order: what somebody wants sent by mail, read from a request and checked. */
#pragma once

#include <jansson.h>

#include "obs/ctx.h"
#include "service/email/attachments.h"
#include "store/emails.h"

enum { EMAIL_SUBJECT_MAX = 998, EMAIL_PART_MAX = 400 * 1000, EMAIL_AHEAD_DAYS = 30 };

struct operation_also;

/* Texts are the body's, or the arena's. */
struct email_order {
    struct email_recipient_row recipients[EMAIL_RECIPIENTS_MAX];
    size_t count;
    const char *subject, *text, *html; /* text or html may be NULL */
    const json_t *reply_to, *headers;  /* NULL: none */
    const char *scheduled_at;          /* RFC 3339; NULL: now */
    const char *template_name;         /* that says subject, text and html; NULL: they are given */
    const json_t *variables;           /* for it; NULL: none */
    struct attachments attachments;
    const struct operation_also *also; /* tasks/operations.h; NULL: nothing */
};

/* Reads {"to","cc"?,"bcc"?,"reply_to"?,"subject","text"?,"html"?,"headers"?,"scheduled_at"?,"attachments"?}, or
 * "template" and "variables"? instead of subject, text and html; addresses that come twice count once. files: what was
 * taken out of the body; NULL: nothing. */
enum err email_order_read(struct ctx *ctx, const json_t *body, const struct lift *files,
                          struct email_order *out);

/* The test mail, by the template of that name: {"to"}. */
enum err email_order_test(struct ctx *ctx, const json_t *body, const struct lift *files,
                          struct email_order *out);
