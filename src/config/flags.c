#include "config/flags.h"

#include <stdatomic.h>

static const struct flag_info INFOS[] = {
#define FLAG(NAME, name, on, about) { name, about, on },
#include "config/flags.def"
#undef FLAG
};

static atomic_bool values[] = {
#define FLAG(NAME, name, on, about) on,
#include "config/flags.def"
#undef FLAG
};

const struct flag_info *flag_info(enum flag f) {
    return &INFOS[f];
}

enum flag flag_parse(struct str name) {
    enum flag f = 0;
    while (f < FLAG_COUNT && !str_is(name, INFOS[f].name))
        f++;
    return f;
}

bool flag_is_on(enum flag f) {
    return atomic_load_explicit(&values[f], memory_order_relaxed);
}

void flag_set(enum flag f, bool on) {
    atomic_store(&values[f], on);
}
