/* redis_url: where Redis is and who Ava is there, from REDIS_URL.
 *
 *     redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]
 *     unix:[//USER:PASSWORD@]/PATH
 *
 * User and password are percent-encoded; ":PASSWORD@" is a password without a user. The parts hold a
 * secret: whoever has them wipes them (redis_url_wipe). */
#pragma once

#include <stdbool.h>

#include "base/str.h"

enum { REDIS_URL_WORD_MAX = 512 };

struct redis_url {
    char host[256], port[8]; /* host empty: path is a socket of this machine */
    char path[108];
    char user[REDIS_URL_WORD_MAX];     /* empty: the one called default */
    char password[REDIS_URL_WORD_MAX]; /* empty: none is asked for */
    int database;                      /* 0..15 on a server as it comes, more where it has more */
};

/* What REDIS_URL has to look like, in one sentence for people. */
#define REDIS_URL_FORM                                                                   \
    "give redis://USER:PASSWORD@HOST:6379/0 or unix:/PATH; characters such as @ : / in " \
    "the password are written as %40 %3A %2F"

/* False and *why, which never holds any of the text: it is none. */
bool redis_url_parse(struct str text, struct redis_url *out, const char **why);
void redis_url_wipe(struct redis_url *url);
