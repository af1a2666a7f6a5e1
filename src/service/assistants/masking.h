/* masking: what of an assistant's configuration nobody gets to read, and how it survives being
 * sent back.
 *
 * Hidden is what is beneath "headers" and "credentials", what has a name like a secret's, and of
 * addresses the part that lets somebody in: the token of an Ava's own webhook address, a user and
 * password, a query that carries a key. Texts only; a hidden one becomes MASK, or has MASK in it.
 * Pure but for the problems that masking_undo notes. */
#pragma once

#include <jansson.h>

#include "obs/ctx.h"

#define MASK "********"

/* The same tree with hidden texts masked; a new reference. */
json_t *masking_done(const json_t *config);

/* sent with each masked text replaced by the true one, which stands at the same place in real
 * (NULL: there is nothing) and looks masked as the one sent does; a new reference. An entry of a
 * list is matched with one that looks the same, wherever it stands by now, or with the one at its
 * own place when it is the only entry that was changed. What matches nothing is noted in ctx as a
 * wrong field, named by its JSON pointer: a mask never becomes a value. Takes time linear in both
 * (lists are sorted once), and puts back no more than a configuration may have. */
json_t *masking_undone(struct ctx *ctx, const json_t *sent, const json_t *real);
