/* refusal: whom a provider's refusal means. Its status says that alone in few cases: a code or its
 * words tell whether the key, the account, a line that is not free or this one request is meant
 * (RESILIENCE 2 and 10). Each dialect has the table of its provider. */
#pragma once

#include <jansson.h>

#include "base/str.h"

enum refusal_about {
    REFUSAL_REQUEST,    /* this request, whatever else the key may do */
    REFUSAL_KEY,        /* the credential: nothing more is sent with it for a while */
    REFUSAL_PERMISSION, /* a 403 that nobody can read: nothing follows for other requests */
    REFUSAL_ACCOUNT,    /* unpaid, used up, suspended */
    REFUSAL_ABSENT,     /* it is not there */
    REFUSAL_THROTTLE,   /* asked too often */
    REFUSAL_FULL,       /* no line is free: worth another try in seconds */
    REFUSAL_DAY,        /* the day's share is used up: worth another try tomorrow */
    REFUSAL_GRANT,      /* what somebody granted (OAuth) is over: they have to grant it again */
    REFUSAL_CLIENT,     /* the OAuth client of this installation: its operator's fault */
};

struct refusal {
    enum refusal_about about;
    const char *words; /* why, for people, to stand behind "refused this: "; NULL: not known */
};

/* What the status alone says, for a dialect to refine. */
struct refusal refusal_by_status(int status);

/* "Over concurrency limit", "all concurrent lines are in use": is no line free? */
bool refusal_says_full(const char *text);
/* Is this word in the text, in capitals or not? */
bool refusal_has(const char *text, const char *word);
