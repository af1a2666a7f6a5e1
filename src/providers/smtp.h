/* smtp: mail through a workspace's own mail server.
 *
 * Says what to send and reads what came of it; upstream_mail sends. A mail goes to those recipients that the
 * server takes: each of the others is named with what the server said of it. Words for people are ours; what
 * the server said is beside them, cleaned (good UTF-8, no control characters, 512 bytes), and is the
 * workspace's to see, since the server is its own. */
#pragma once

#include "net/mail_call.h"
#include "providers/dialect.h"
#include "providers/smtp_codes.h"

enum { SMTP_RECIPIENTS_MAX = 50, SMTP_MESSAGE_MAX_BYTES = 25 << 20 };

/* What of the credential is no secret. Lent. */
struct smtp_account {
    const char *host; /* ASCII */
    int port;
    enum mail_security security;
    const char *from;      /* an address without a name: the envelope's, where the mail has none */
    const char *from_name; /* how people are to see it; NULL: no name */
};

/* Reads it from what travels with a credential, whose from may be "Name <address>". ERR_NOT_CONNECTED when
 * it is not whole. */
enum err smtp_account_of(struct ctx *ctx, const struct dialect_account *from,
                         struct smtp_account *out);

/* Lent until smtp_send returns. */
struct smtp_mail {
    const char *from;              /* NULL: the account's */
    const char *const *recipients; /* plain addresses, each once; 1 to SMTP_RECIPIENTS_MAX */
    size_t recipient_count;
    struct str bytes; /* the whole message: mime.h makes it */
};

enum smtp_state {
    SMTP_ACCEPTED, /* the server has taken it for this recipient */
    SMTP_REFUSED,  /* it will not */
    SMTP_LATER,    /* not now: worth another try after again_s */
};

struct smtp_result {
    const char *address; /* lent from the mail */
    enum smtp_state state;
    int code; /* of the reply that decided; 0: Ava decided, since the server lacks something */
    const char *enhanced; /* RFC 3463, "5.1.1"; "": not said */
    enum smtp_about about;
    const char *words; /* why not, a clause for people; NULL when accepted */
    const char *said;  /* the server's own text; "" */
    int64_t again_s;   /* SMTP_LATER */
};

/* All in the arena. */
struct smtp_outcome {
    struct smtp_result *results; /* as many as the mail has recipients, in their order */
    size_t count, accepted;
    const char *said;        /* the server's last reply to the mail as a whole; "" */
    const char *provider_id; /* by which the server calls it in its queue, where it says so; NULL */
    int64_t again_s;         /* the longest of the results; 0: none is worth another try */
};

/* Sends it once to all. OK: out says what became of each recipient, maybe none got it. ERR_OUTCOME_UNKNOWN:
 * the server may have taken it. Any other error (ctx->problem): the server took nothing, and nobody else was
 * asked: unreachable, password refused, breaker open, ... watch: as for any call; may be NULL. */
enum err smtp_send(struct ctx *ctx, const struct upstream_credential *c,
                   const struct smtp_account *account, const struct smtp_mail *mail,
                   const struct upstream_watch *watch, struct smtp_outcome *out);

/* Connects, makes TLS, signs in and leaves. Not OK: what is wrong is a field of ctx and
 * ERR_CREDENTIAL_INVALID, where it is the credential's. */
enum err smtp_check(struct ctx *ctx, const struct upstream_credential *c,
                    const struct smtp_account *account, const char **message);

/* The id that a server gives the mail in its final reply ("queued as 4Z9", "id=1rX-0"); NULL: none.
 * In the arena. */
const char *smtp_queue_id(struct arena *a, const char *said);
