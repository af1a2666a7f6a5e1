/* pretend_smtp_talk: what the pretend mail server says to each line. Pure, but for faults and ledger. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "sandbox/faults.h"
#include "sandbox/ledger.h"

enum {
    SMTP_TALK_RECIPIENTS_MAX = 100,
    SMTP_TALK_LINE_MAX = 4096,
    SMTP_TALK_MAIL_MAX_BYTES = 30 << 20,
    SMTP_TALK_ADDRESS_BYTES = 321,
    SMTP_TALK_GREY_MAX = 4096,
};

enum smtp_talk_then {
    SMTP_TALK_ON,
    SMTP_TALK_CLOSE, /* after what is to be said */
    SMTP_TALK_RESET, /* instead */
    SMTP_TALK_HANG,  /* nothing more is said */
};

/* Shared by all its connections; used on one thread. */
struct smtp_talk_world {
    struct faults *faults;
    struct ledger *ledger;
    /* A mail was taken; all is lent. */
    void (*taken)(void *arg, const char *from, const char (*to)[SMTP_TALK_ADDRESS_BYTES],
                  size_t to_count, struct str bytes, const char *id);
    void *arg;
    int64_t mails;
    uint64_t greyed[SMTP_TALK_GREY_MAX]; /* whom grey@ has refused once */
    size_t greyed_count;
};

struct smtp_talk {
    struct smtp_talk_world *world;
    bool has_from, in_message;
    int awaits; /* of AUTH LOGIN: 1 the name, 2 the password; of AUTH PLAIN: 3 both */
    char from[SMTP_TALK_ADDRESS_BYTES], last4[5];
    char to[SMTP_TALK_RECIPIENTS_MAX][SMTP_TALK_ADDRESS_BYTES];
    size_t to_count;
    struct buf in, message;
    int64_t wait_ms; /* before what is to be said now */
};

void smtp_talk_begin(struct smtp_talk *t, struct smtp_talk_world *w, struct buf *out);
/* Takes in bytes and puts the answers into out. */
enum smtp_talk_then smtp_talk_feed(struct smtp_talk *t, struct str bytes, struct buf *out);
void smtp_talk_end(struct smtp_talk *t);
