/* flags: feature flags, for the whole process. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum flag {
#define FLAG(NAME, name, on, about) FLAG_##NAME,
#include "config/flags.def"
#undef FLAG
    FLAG_COUNT
};

struct flag_info {
    const char *name, *about;
    bool on; /* as it is built */
};

const struct flag_info *flag_info(enum flag f);
enum flag flag_parse(struct str name); /* FLAG_COUNT: there is none of that name */

bool flag_is_on(enum flag f);
void flag_set(enum flag f, bool on);
