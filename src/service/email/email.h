/* email: mails a workspace sends. Each is a message (service/messages/messages.h) and an operation: written
 * down before the first byte leaves, sent once whatever breaks.
 *
 * Through Resend it carries the operation's id as its key, under which Resend sends it once: while its
 * outcome is unknown, or Resend cannot be reached, the same bytes are sent again. */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "service/email/email_order.h"
#include "store/messages.h"
#include "tasks/operations.h"

extern const struct operation_kind EMAIL_SEND;

/* Sends a mail; a template is rendered into order first, once. All wrong fields are named at once; nobody of whom the workspace keeps a suppression gets
 * one. out->shown: the message as JSON. */
enum err email_place(struct ctx *ctx, struct email_order *order, enum operation_patience patience,
                     const struct id *claim, struct operation_end *out);

/* Several mails at once: all are written down, or, with one that is wrong among them, none ("mails[3].to[0]").
 *
 * Each is an operation of its own, sent one by one by its job, and not through Resend's POST /emails/batch: under the one
 * key of a batch the mails would share their fate. A suppression at Resend, a refused address or a lost answer of one
 * would be that of a hundred; through a mail server there is no batch at all; and where the answer is lost, only single
 * keys tell of each whether it went out. The price is time: they go out at the pace that Resend allows (2 a second). */
enum { EMAIL_BATCH_MAX = 100, EMAIL_BATCH_RECIPIENTS_MAX = 1000 };
struct email_placed {
    const char *id, *operation_id;
};
/* out: room for EMAIL_BATCH_MAX; in the order of the list. */
enum err email_place_batch(struct ctx *ctx, const json_t *body, struct email_placed *out,
                           size_t *count);

/* Appends "recipients", what became of a mail at each of those it goes to; of another message nothing. */
enum err email_write_recipients(struct ctx *ctx, struct jsonw *w,
                                const struct message_row *message);
