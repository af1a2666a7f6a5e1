/* dialect: what sets one provider apart from another, as one constant each.
 *
 * Services ask the dialect instead of comparing names, so that a new provider is a constant, its
 * dialect files and a line in dialect.c. A provider without a dialect has one of nothing: it has no
 * credential fields, no webhooks and no calls, and is never taken for another. */
#pragma once

#include <jansson.h>

#include "providers/call_facts.h"
#include "providers/dialect_rank.h"
#include "providers/message_facts.h"
#include "providers/refusal.h"
#include "providers/upstream.h"

/* --- credentials -------------------------------------------------------------------------------- */

/* One field of a credential, as people send it. */
struct dialect_field {
    const char *name;
    bool is_secret, is_required;
    bool is_line; /* may hold blanks and letters of any script */
    size_t chars_max;
    /* A text: why it cannot be one of these, a sentence; NULL when it can. NULL: nothing to check. */
    const char *(*wrong)(struct str text);
    /* A field that is an object, a number or a text with rules of its own: checks it, each wrong part a
     * field of ctx, where it is there; and adds the parts of an object to the secret. NULL: the field
     * is a text without blanks. */
    void (*check_object)(struct ctx *ctx, const json_t *value);
    void (*collect_object)(const json_t *value, struct secret *out);
    /* Not a field at all, but something people have and send: why it is not taken, and what is wanted
     * instead. NULL: it is a field. */
    const char *instead;
};

/* What of a credential is no secret and travels with its requests. NULL or "": none. */
struct dialect_account {
    const char *assistant_id, *number_id, *account_sid;
    const char *client_id;                  /* of the operator's OAuth client */
    const char *from;                       /* whom mails are from: "Name <a@b.example>" */
    const char *host, *security, *username; /* of a mail server */
    int port;                               /* 0: none */
    bool is_fallback;                       /* mails go this way while the e-mail service rests */
};

/* What the provider said of a credential that works. */
struct dialect_check {
    const char *message; /* "Works - 3 numbers found" */
    int numbers;         /* -1: not a question for this provider */
};

/* An error of check that is a wrong field of the credential, not trouble of the connection. */
struct dialect_refusal {
    enum err err;
    const char *field, *words;
};

/* The operator's own credential, lent from the settings. */
struct dialect_platform {
    const struct secret *key,
        *webhook_secret; /* key: the value of key_field; the other may be NULL */
    struct dialect_account account;
};

/* --- webhooks ----------------------------------------------------------------------------------- */

/* An address of Ava's at which the provider's webhooks arrive. */
struct dialect_webhook {
    const char *name; /* by which people paste it: "message_status" */
    const char *kind; /* what stands behind the token: "message-status"; NULL: nothing */
};

/* One webhook as the inbox keeps it. */
struct dialect_event {
    const char *type;
    const json_t *query, *body; /* query: NULL where there was none */
    int64_t received_ms;
};

struct dialect_facts {
    struct call_facts call;
    struct message_facts message;
    const char
        *told; /* what else it tells, a clause for people: "a machine answered"; NULL: nothing */
};

/* --- calls -------------------------------------------------------------------------------------- */

struct oauth_provider;   /* oauth.h */
struct dialect_calendar; /* calendar.h */

struct dialect_calls {
    const struct dialect_rank *ranks;
    int64_t longest_s;     /* no call of the provider's lasts longer */
    enum provider carrier; /* whose ids call_facts.carrier_id are; PROVIDER_COUNT: of none */
    /* Asks how the call stands, past the cache. */
    enum err (*read)(struct ctx *ctx, const struct upstream_credential *c,
                     const struct dialect_account *account, const char *provider_id,
                     struct call_facts *out);
    /* Ends it, and tells how it stands then; one that is over already is fine. ERR_NOT_READY: there is no
     * way to end it yet. */
    enum err (*end)(struct ctx *ctx, const struct upstream_credential *c,
                    const struct dialect_account *account, const char *provider_id,
                    struct call_facts *out);
};

struct dialect_messages {
    const struct dialect_rank *ranks;
    bool tells_of_each; /* webhooks come of each one that went out: silence means something */
    enum err (*read)(struct ctx *ctx, const struct upstream_credential *c,
                     const struct dialect_account *account, const char *provider_id,
                     struct message_facts *out);
};

/* ------------------------------------------------------------------------------------------------ */

struct dialect {
    /* What paths are below; NULL: each request brings its whole URL. */
    const char *(*base_url)(const struct config *config);
    bool
        throttle_did_nothing; /* a request it refused with 429 may be sent again, whatever it was */
    /* Refines what a status of 400 to 499 says: by the codes and words of *said (at most 64 KiB of it;
     * NULL: no JSON). NULL: the status is all there is. */
    void (*judge)(struct ctx *ctx, int status, const json_t *said, struct refusal *out);

    const struct dialect_field *fields; /* NULL: it cannot be connected */
    size_t field_count;
    const char
        *key_field; /* whose last four stand for the credential where it has no account_sid */
    void (*check_fields)(struct ctx *ctx, const json_t *body); /* of several together; NULL: none */
    enum err (*check)(struct ctx *ctx, const struct upstream_credential *c,
                      const struct dialect_account *account, struct dialect_check *out);
    const struct dialect_refusal *refusals; /* ended by err OK */
    void (*platform)(const struct config *config, struct dialect_platform *out); /* NULL: never */

    const struct dialect_webhook *webhooks; /* ended by a NULL name; NULL: it sends none */
    const char *callback_suffix; /* behind each address of ours that it is given; NULL: none */
    /* Has the provider send its webhooks to url; *secret: by which it signs them, wiped by the caller. Of an address that
     * it knows already it tells the secret again. NULL: not by its API alone. */
    enum err (*set_webhook)(struct ctx *ctx, const struct upstream_credential *c, const char *url,
                            struct secret *secret);
    /* What of a body read_event looks at, for sift.h; NULL: all of it. */
    const char *const *event_paths;
    /* What the webhook says of a call or a text; both empty when it says nothing of either. NULL, or
     * why it cannot be understood, a sentence for people. */
    const char *(*read_event)(struct ctx *ctx, const struct dialect_event *event,
                              struct dialect_facts *out);
    /* By which name customers' endpoints know it: "call.ended"; NULL: by none of its own. status:
     * what it says of its call. */
    const char *(*event_name)(const char *type, const char *status);

    const struct oauth_provider *oauth;      /* NULL: it is not connected by consent */
    const struct dialect_calendar *calendar; /* NULL: it has no calendars */
    const struct dialect_calls *calls;       /* NULL: it makes no calls */
    const struct dialect_messages *messages; /* NULL: it sends no messages */
};

const struct dialect *dialect_of(enum provider p); /* never NULL */
