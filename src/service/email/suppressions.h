/* suppressions: addresses that get no more mails of a workspace: mails to them came back for good, whoever has them
 * complained, or somebody asked for it. */
#pragma once

#include "base/jsonw.h"
#include "store/suppressions.h"

/* Of the asker's workspace, newest first; of this address alone where one is given. */
enum err suppressions_list(struct ctx *ctx, const char *address, const char *before_id, int limit,
                           struct suppression_row *out, size_t *count);
/* By hand, with the reason "asked"; *out: the one that is there, where it is there already. With the id of a mail,
 * for what a provider told of it: with that reason, and its words. ERR_INVALID where none told so. */
struct suppression_wish {
    const char *address;
    const char *detail;     /* NULL: none */
    const char *message_id; /* NULL: none */
};
enum err suppression_add(struct ctx *ctx, const struct suppression_wish *wish,
                         struct suppression_row *out);
/* Mails go there again. ERR_NOT_FOUND. */
enum err suppression_lift(struct ctx *ctx, const char *id);
void suppression_write(struct jsonw *w, const struct suppression_row *row);
