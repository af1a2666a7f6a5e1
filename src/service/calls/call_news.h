/* call_news: tells the rules of a workspace (tasks/happened.h) what became of a call. */
#pragma once

#include "store/calls.h"

/* Within the write that saves the row, and before it does: what it is about to become is compared with what it is. */
enum err call_news_tell(struct ctx *ctx, struct db_conn *tx, const struct call_row *row);
/* A call was refused because of the day's budget, with words for that in ctx; after that, in a write of its own. Once a
 * day for the same words. What cannot be written is not told. */
void call_news_refused(struct ctx *ctx);
