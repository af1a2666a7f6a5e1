/* plain: texts of others, so that a terminal, a log and a page show them as what they are.
 *
 * Not plain are control characters (C0, DEL, C1), those that turn the direction of writing (U+202A to
 * U+202E, U+2066 to U+2069), the separators U+2028 and U+2029, and bytes that are no UTF-8. */
#pragma once

#include <stdbool.h>

#include "base/buf.h"

bool plain_is(struct str text);

/* Adds the text with \uXXXX for what is not plain, and for marks that nobody sees (U+061C, U+200B,
 * U+200E, U+200F, U+FEFF, tags). Also good for a whole JSON text: it stays one, and means the
 * same. */
void plain_put(struct buf *out, struct str text);
