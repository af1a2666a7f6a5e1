/* message_facts: what a provider tells of a text, in an answer or in a webhook.
 *
 * A dialect reads the JSON once, into this struct; service/messages/messages.h takes it into the
 * row. Texts are lent from the message that was read, or live in the arena. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct message_facts {
    const char *provider_id;  /* NULL: it tells nothing of a text, and the rest is empty */
    const char *operation_id; /* of ours that sent it, as the provider gives it back; NULL: none */
    bool is_received;         /* it came in: the row is made from content */
    const char *to, *from;    /* E.164, or another address of the channel */
    const char *status;       /* the provider's word */
    const char *error;        /* a sentence for people; NULL: none */
    struct str content;       /* of one that came in: JSON {"body","media_urls"?} */
    /* Of one that came in: its sender asks for no more texts, or for texts again. */
    bool is_stop, is_start;
    int64_t at_ms; /* when it was told, wall clock; 0: now, since we asked */
};
