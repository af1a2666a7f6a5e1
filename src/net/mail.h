/* mail: the door by which a struct mail_call leaves; only providers/upstream_mail.c includes this. */
#pragma once

#include "net/client.h"
#include "net/mail_call.h"

/* Delivers, as a fiber, at most timeout_ms long. */
void mail_deliver(struct client *c, struct mail_call *call);
