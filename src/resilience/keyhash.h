/* keyhash: SipHash-2-4 under a key drawn once per process, so that nobody outside can choose keys
 * that meet in one slot. Not for storing, not for secrets. */
#pragma once

#include <stdint.h>

#include "base/str.h"

uint64_t keyhash_of(struct str key);
uint64_t keyhash_pair(struct str first, struct str second); /* ("a","bc") is not ("ab","c") */
