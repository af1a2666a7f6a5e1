/* event_facts: what a kept event says: its content opened, and read by the dialect of its
 * provider. */
#pragma once

#include "db/db.h"
#include "providers/dialect.h"
#include "store/event_content.h"
#include "store/events.h"

/* Opens the sealed content of a row; lives in the arena. Waits where that is long: no statement may be
 * open. ERR_INTERNAL when it cannot be unpacked. */
enum err event_content_open(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                            struct event_content *out);

/* What the event of a row says of a call or a text. *why: NULL when it could be understood, else
 * why not, a sentence for people; *out is of no use then. Errors are those of
 * event_content_open. */
enum err event_facts_read(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                          struct dialect_facts *out, const char **why);

/* What it said of a state and besides, to follow its type in a sentence for people: ", ringing"; ""
 * where it said nothing. In the arena. */
const char *event_told(struct ctx *ctx, const struct dialect_facts *facts);
