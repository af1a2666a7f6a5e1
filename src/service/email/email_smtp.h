/* email_smtp: mails through the workspace's own mail server, as operations.
 *
 * A mail server knows no key under which it takes a mail once: one whose end was sent and not confirmed is unknown,
 * is never sent again, and nobody can be asked; after a while it is unconfirmed. */
#pragma once

#include "tasks/operations.h"

extern const struct operation_kind EMAIL_SMTP;
