/* page: how far a list with filters looks for its page.
 *
 * Rows that a filter refuses cost time too, and lists are read on the loop. So one page looks at
 * PAGE_LOOK_MAX rows at most, some milliseconds; where that was not enough to fill it, it is short,
 * and says behind which row the next one goes on. */
#pragma once

#include "base/id.h"
#include "db/db.h"

enum { PAGE_LOOK_MAX = 4000 };

/* The id of the last row that is looked at; "": all are. */
struct page_end {
    char id[ID_BYTES];
};

/* Fills end from a statement with three parameters: the scope, the id before which it looks (NULL: the
 * newest), and how many rows it passes over. end stays as it is where there are not so many. */
enum err page_end_find(struct ctx *ctx, struct db_stmt *q, const char *scope, const char *before_id,
                       struct page_end *end);

/* Where the page after this one begins, the arena's: behind its last row where it has more after it, else where looking
 * ended. NULL: this was the last. last_id NULL: there is no more. */
const char *page_next(struct ctx *ctx, const char *last_id, const struct page_end *end);
