/* smtp_codes: what the refusals of mail servers mean, and whom (RFC 5321, 4.2.3; RFC 3463 and the IANA
 * registry of enhanced codes; what Gmail and Exchange Online document). Pure.
 *
 * One and the same code may mean the recipient or us: 550 5.7.1 is said of a mailbox that takes no mail from
 * outside, and of a server that is on a list of spammers. Then the words decide, and where they do not, what
 * was asked when it was said. */
#pragma once

#include "net/mail_call.h"

enum smtp_about {
    SMTP_ABOUT_RECIPIENT, /* this address alone: others may get the mail */
    SMTP_ABOUT_SENDER,    /* our address, domain, account or host: no recipient is to blame */
    SMTP_ABOUT_MESSAGE,   /* its content or size */
    SMTP_ABOUT_SERVER,    /* the server has trouble of its own */
    SMTP_ABOUT_KEY,       /* the username or password */
};

struct smtp_meaning {
    enum smtp_about about;
    const char *words; /* a clause for people: "there is no such mailbox"; never NULL */
    int64_t again_s;   /* when another try is worth it; 0: never */
    bool is_throttle;  /* too much in too short a time */
};

/* What a reply of 400 to 599 means that came at this step. */
struct smtp_meaning smtp_meaning_of(enum mail_step step, const struct mail_reply *reply);
const char *smtp_about_name(enum smtp_about about); /* "recipient", "sender", ... */
