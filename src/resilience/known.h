/* known: who has proven themselves before, as far as it is remembered.
 *
 * A fixed number of hashes; a new one may displace another, which is then merely not known. Only who
 * has proven something gets in, so that strangers displace nobody. Thread safe, without waiting. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { KNOWN_MAX = 4096 };

/* One of zeros knows nobody. */
struct known {
    _Atomic uint64_t hashes[KNOWN_MAX];
};

void known_add(struct known *k, struct str who);
bool known_has(const struct known *k, struct str who);
