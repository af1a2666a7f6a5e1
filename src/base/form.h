/* form: names and values of query strings and form bodies, from outside bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/str.h"

struct form_pair {
    struct str name, value;
};

struct form {
    struct form_pair *pairs; /* decoded, in order, repeated names kept */
    size_t count;
};

enum { FORM_PAIRS_MAX = 1000 };

/* application/x-www-form-urlencoded (WHATWG URL, 5.1) as bodies and query strings have it. False
 * when an escape is broken or there are more than FORM_PAIRS_MAX pairs. Values may hold any byte,
 * NUL included: the caller decides. */
bool form_parse(struct arena *a, struct str text, struct form *out);

/* The first value of that name; NULL ptr when absent. */
struct str form_find(const struct form *f, const char *name);
