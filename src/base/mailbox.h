/* mailbox: e-mail addresses as people have them (RFC 5321, 5322 and, for letters beyond ASCII, 6531).
 *
 * Taken is what mail providers hand out: a dot-atom before the @ (plus tags, letters of any script), a
 * domain of at least two labels behind it. Not taken, though the standards know them: quoted local
 * parts, comments, address literals. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum {
    MAILBOX_ADDRESS_MAX_BYTES = 254,
    MAILBOX_LOCAL_MAX_BYTES = 64,
    MAILBOX_NAME_MAX_BYTES = 256
};

bool mailbox_is_address(struct str text);

/* "a@b.example" or "Name <a@b.example>", the name in quotes or not. */
struct mailbox {
    struct str name, address; /* lent from the text; name empty: none */
};
bool mailbox_parse(struct str text, struct mailbox *out);

/* The address as it is compared and looked up: its domain in small letters, and so what is before it, which
 * hardly any server tells apart. In the arena. */
const char *mailbox_key(struct arena *a, struct str address);
