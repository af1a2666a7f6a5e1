/* mailbox: e-mail addresses of people, and with their names (RFC 5321, 5322 and, for letters beyond ASCII, 6531).
 *
 * Taken is what people really have: dots, plus tags, letters of all languages on both sides of the '@'.
 * Refused are quoted local parts ("a b"@x: nobody has one, and servers disagree about them), addresses of a
 * machine (user@[192.0.2.1]) and domains without a dot. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum {
    MAILBOX_LOCAL_MAX_BYTES = 64,
    MAILBOX_ADDRESS_MAX_BYTES = 254,
    MAILBOX_NAME_MAX_CHARS = 200
};

/* NULL, or why this is no address, a sentence for people. */
const char *mailbox_wrong(struct str address);

/* "a@b.example" or "Name <a@b.example>", the name in quotes or not: NULL, and *address lent from the text; or
 * why it is neither. */
const char *mailbox_find(struct str text, struct str *address);
/* The same, with *name (NULL: none) out of its quotes; both in the arena. */
const char *mailbox_split(struct arena *a, struct str text, const char **name,
                          const char **address);

/* The address as it is compared and looked up: in small letters, also before the '@', where hardly any server
 * tells them apart. In the arena. */
const char *mailbox_key(struct arena *a, struct str address);
