/* id: typed, sortable names for stored things: "key_" and a UUIDv7 (RFC 9562, 5.7) in 32 hex
 * digits, so that ids made later by this process sort later, also within one millisecond. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum { ID_BYTES = 40 }; /* room for a prefix of up to 6 letters, '_', 32 digits and NUL */

struct id {
    char text[ID_BYTES];
};

struct id id_make(const char *prefix);                   /* prefix without '_', at most 6 letters */
struct id id_floor(const char *prefix, int64_t wall_ms); /* sorts before all made then or later */
bool id_is(struct str text, const char *prefix);         /* has the form id_make gives */
void id_uuid7(unsigned char out[16]);                    /* the same without a type */
