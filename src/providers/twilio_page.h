/* twilio_page: lists of Twilio's, page by page, in the form Ava's API gives them. Its next_page_uri
 * is relative and carries a token; of it only the query is kept, as the cursor of ours. */
#pragma once

#include "base/jsonw.h"
#include "providers/twilio.h"

/* Writes what people get of one thing as an object; nothing when it is none of the kind, which costs
 * the others nothing. */
typedef void twilio_item_fn(struct ctx *ctx, struct jsonw *w, const json_t *thing);

/* A page as {"<ours>":[...],"next_cursor":...}, from {"<theirs>":[...],"next_page_uri":...} of the
 * list "/Calls.json". False when it is not one. */
struct twilio_page {
    const char *list, *theirs, *ours;
    twilio_item_fn *write;
};
bool twilio_page(struct ctx *ctx, const json_t *tree, const struct twilio_page *page,
                 struct str *kept);

/* The cursor of the page behind this one of the list; NULL: it is the last. False when it names a page that is
 * none of this list. */
bool twilio_page_next(struct ctx *ctx, const json_t *tree, const char *list, const char **cursor);

/* Path of the page: of the cursor, or the first one with this query when it is NULL. ERR_INVALID
 * when the cursor is none that came from here. */
enum err twilio_page_path(struct ctx *ctx, const char *account_sid, const char *list,
                          struct str query, const char *cursor, const char **path);
