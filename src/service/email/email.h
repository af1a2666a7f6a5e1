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

/* Appends "recipients", what became of a mail at each of those it goes to; of another message nothing. */
enum err email_write_recipients(struct ctx *ctx, struct jsonw *w,
                                const struct message_row *message);
