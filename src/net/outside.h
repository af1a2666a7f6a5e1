/* outside: how this process gets out, for companies whose machines may not call the world by themselves: through
 * a proxy (CONNECT, RFC 9110 9.3.6), and with authorities of their own beside the system's. Set once, before there are
 * threads. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

struct outside {
    const char *ca_file; /* PEM; "": the system's authorities alone */
    /* Names, with all below them, and addresses that are called directly; "*": all. */
    const char *no_proxy;
    struct str proxy; /* http://[user:password@]host:port; empty: none */
};

/* Can it be? False and *why, one sentence that names the setting. Any thread. */
bool outside_judge(const struct outside *o, struct arena *a, const char **why);
/* The same, and copies it. NULL: the way it begins, with neither. */
bool outside_set(const struct outside *o, struct arena *a, const char **why);

/* The proxy for this URL; NULL: it is called directly. Only https goes through it: plain http is for this machine. */
const char *outside_proxy_for(const char *url);

/* Adds the authorities of ca_file to those of each connection of this handle (of curl). */
void outside_trust(void *easy);
