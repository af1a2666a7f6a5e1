/* message_facts: what a provider tells of a text, in an answer or in a webhook.
 *
 * A dialect reads the JSON once, into this struct; service/messages/messages.h takes it into the
 * row. Texts are lent from the message that was read, or live in the arena. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum message_verdict {
    MESSAGE_NO_VERDICT,
    MESSAGE_ARRIVED,
    MESSAGE_BOUNCED,     /* for good, and because of the one it goes to */
    MESSAGE_COMPLAINED,  /* whoever got it calls it unwanted */
    MESSAGE_NOT_ARRIVED, /* for another reason: our server, domain, words, or for now */
};

struct message_facts {
    const char *provider_id;  /* NULL: it tells nothing of a text, and the rest is empty */
    const char *operation_id; /* of ours that sent it, as the provider gives it back; NULL: none */
    bool is_received;         /* it came in: the row is made from content */
    const char *to, *from;    /* E.164, or another address of the channel */
    const char *status;       /* the provider's word */
    const char *error;        /* a sentence for people; NULL: none */
    struct str content;       /* of one that came in: JSON {"body","media_urls"?} */
    /* Of a mail: what became of it at one of those it goes to. */
    const json_t *recipients; /* their addresses as a list; NULL: it is about all of them */
    enum message_verdict verdict;
    const char *hint; /* the server's own words, in which the address may stand; NULL: none */
    /* Of one that came in: its sender asks for no more texts, or for texts again. */
    bool is_stop, is_start;
    int64_t next_ms; /* of one that waits: when it is tried again, wall clock */
    int64_t at_ms;   /* when it was told, wall clock; 0: now, since we asked */
};
