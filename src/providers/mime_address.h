/* mime_address: addresses of people, and with their names. Pure.
 *
 * Taken is what people really have: dots, plus tags, letters of all languages on both sides of the '@'.
 * Refused are quoted local parts ("a b"@x: nobody has one, and servers disagree about them), addresses of a
 * machine (user@[192.0.2.1]) and domains without a dot. */
#pragma once

#include "base/str.h"

enum { MIME_LOCAL_MAX_BYTES = 64, MIME_ADDRESS_MAX_BYTES = 254, MIME_ADDRESS_NAME_MAX_CHARS = 200 };

/* NULL, or why this is no address, a sentence for people. */
const char *mime_address_wrong(struct str address);

/* "a@b.example" or "Name <a@b.example>", the name in quotes or not: NULL, and *name (NULL: none) and *address
 * in the arena; or why it is neither. */
const char *mime_address_split(struct arena *a, struct str text, const char **name,
                               const char **address);
