/* mail_call: one mail, handed to a mail server over a connection of its own (RFC 5321).
 *
 * Facts in, facts out: where to connect, which addresses and which bytes come from above, and what the
 * server said comes back, word for word. It retries nothing and judges no reply beyond its first digit.
 * Each command waits for its reply before the next is sent, so that every reply belongs to one command and
 * one recipient. When some recipients are refused, the mail goes to the others; when all are, nothing of it
 * is sent.
 *
 * Memory: 16 KiB for what the server says at once, 16 KiB for what is sent, and the texts of the replies, of
 * which at most 512 bytes each are kept. mail.h sends it. */
#pragma once

#include "base/address.h"
#include "net/client_result.h"
#include "net/mail_reply.h"

enum { MAIL_RECIPIENTS_MAX = 100 };

enum mail_security {
    MAIL_STARTTLS, /* asked for before anything else; a server without it gets nothing */
    MAIL_TLS,      /* from the first byte */
    MAIL_PLAIN,
};

/* How far it came: what was being waited for when it ended. */
enum mail_step {
    MAIL_AT_GREETING,   /* connecting, TLS, the greeting and EHLO */
    MAIL_AT_AUTH,       /* the password */
    MAIL_AT_SENDER,     /* MAIL FROM */
    MAIL_AT_RECIPIENTS, /* RCPT TO */
    MAIL_AT_DATA,       /* may it come? */
    MAIL_AT_MESSAGE,    /* its bytes, but not their end: nobody has taken it */
    MAIL_AT_END,        /* the end was sent: until the reply the server may have taken it */
    MAIL_AT_REST,       /* all is said */
};

/* What the server lacks for it; then no reply says so. */
enum mail_lack {
    MAIL_LACKS_NOTHING,
    MAIL_LACKS_STARTTLS,
    MAIL_LACKS_AUTH,
    MAIL_LACKS_UTF8,
    MAIL_LACKS_ROOM
};

struct mail_recipient {
    const char *address;     /* in */
    struct mail_reply reply; /* out: to RCPT TO; code 0: it was not asked about */
};

struct mail_call {
    /* in; lent until the end */
    const char *host; /* for the certificate; ASCII */
    int port;
    enum mail_security security;
    const struct address *only;        /* as in struct client_call; NULL: where the host leads */
    const char *ehlo;                  /* how we call ourselves: a domain in ASCII */
    struct str username, password;     /* username.ptr NULL: no AUTH. Copies are wiped */
    const char *from;                  /* NULL: for a look at the server: QUIT follows after AUTH */
    struct mail_recipient *recipients; /* 1 to MAIL_RECIPIENTS_MAX */
    size_t recipient_count;
    struct str
        message; /* any line ends; they leave as CRLF, and dots as RFC 5321, 4.5.2 wants it */
    int64_t timeout_ms, connect_ms, knock_ms; /* as in struct client_call */
    struct arena *arena;

    /* out; texts belong to the arena */
    enum client_result result; /* CLIENT_DONE: it came to its end; CLIENT_REFUSED: a reply or a lack
                                * ended it before; else why there was no reply */
    enum mail_step step;
    enum mail_lack lack;
    struct mail_reply
        reply;       /* the last one that was no recipient's: the final one, when step is REST */
    size_t accepted; /* recipients the server took */
    bool was_refused, was_late; /* as in struct client_call */
    int64_t took_us;
};

/* Nobody knows whether the server took it: its end was sent, and no whole reply came. */
bool mail_is_unknown(const struct mail_call *call);

/* An address of Unicode with its domain in ASCII (xn--), in the arena; NULL: that domain has no such form. */
const char *mail_address_ascii(struct arena *a, const char *address);
