/* event_facts: what a kept event says: its content opened, and read by the dialect of its provider. */
#pragma once

#include "db/db.h"
#include "providers/dialect.h"
#include "store/event_content.h"
#include "store/events.h"

/* The content of a row with what is sealed in it. Lives in the arena. */
enum err event_content_open(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                            struct event_content *out);

/* *why stays NULL when it could be understood, else says why not, a sentence for people; then *out is
 * empty. An error is the store's, or the vault's. */
enum err event_facts_read(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                          struct dialect_facts *out, const char **why);
