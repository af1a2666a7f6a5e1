/* events: rows of what providers sent (RESILIENCE 11). Inserted before anybody is answered, and
 * once per dedupe identity; worked on afterwards, by service/inbox/inbox. Their content is
 * sealed. */
#pragma once

#include "base/id.h"
#include "store/page.h"
#include "store/sealed.h"

/* received > done | retrying > done | dead; a replay makes it received again. */
struct event_row {
    const char *id, *workspace_id, *provider, *type, *resource, *status, *correlation_id;
    const char *cause, *detail; /* of a dead or retrying one; NULL: none */
    const char *told; /* what it says, for people, as it was read last; NULL: it was not read yet */
    int64_t attempts, replays, received_ms;
    int64_t next_ms;    /* retrying: not before */
    int64_t settled_ms; /* done or dead since; 0: not yet */
    struct str sealed, dedupe;
    const char *trace; /* it came in under, as trace_keep has it; NULL: none is known */
};

struct event_filter {
    const char *provider, *type, *resource, *status; /* NULL: any */
    int64_t since_ms, until_ms;                      /* 0: any */
    const char *before_id;                           /* NULL: from the newest */
};

struct sealed_place event_row_place(const struct event_row *row);
/* *is_new false when that dedupe identity is there already. */
enum err event_row_insert(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                          bool *is_new);
/* The same for an append, of what was sealed ahead under the key with this check value: no row where that is not the
 * workspace's newest any more, or where the event is there already. */
enum err event_row_append(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                          struct str kcv);
/* --- spooled in the book of a host (service/inbox/spool.h) */
enum { EVENTS_SPOOLED_MAX = 512 };
/* Some of those that wait there, with dedupe and sealed; room for EVENTS_SPOOLED_MAX. Oldest first. */
enum err event_rows_spooled(struct ctx *ctx, struct db_conn *c, struct event_row *out,
                            size_t *count);
enum err event_rows_count_spooled(struct ctx *ctx, struct db_conn *c, int64_t *out);
/* Inserts one into the database: no row where it is there already, its workspace is gone or removed, or the
 * data key of that id, under which it was sealed. */
enum err event_row_bring(struct ctx *ctx, struct db_conn *tx, const struct event_row *row,
                         int64_t dek_id);
/* The ids from the one to the other that the database has, in their order: limit at most. */
enum err event_ids_between(struct ctx *ctx, struct db_conn *c, const char *from, const char *to,
                           int limit, const char **out, size_t *count);
enum err event_row_has(struct ctx *ctx, struct db_conn *c, const struct event_row *row, bool *has);
enum err event_row_drop(struct ctx *ctx, struct db_conn *tx, const char *id);
enum err event_row_put_aside(struct ctx *ctx, struct db_conn *tx, const char *id);

enum err event_row_find(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        const char *id, struct event_row *found);
/* end: where the page ends that has fewer rows than limit (page.h). */
enum err event_rows_list(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                         const struct event_filter *filter, int limit, struct event_row *out,
                         size_t *count, struct page_end *end);

/* For the command line, over all workspaces. */
struct event_tail {
    const char *provider; /* NULL: any */
    bool is_failed;       /* those alone that could not be worked on */
};
/* Events whose ids sort behind after_id, oldest first. */
enum err event_rows_after(struct ctx *ctx, struct db_conn *c, const char *after_id,
                          const struct event_tail *what, int limit, struct event_row *out,
                          size_t *count);
/* id: one behind which so many events are left, "" for all; room bytes. */
enum err event_rows_before(struct ctx *ctx, struct db_conn *c, const struct event_tail *what,
                           int64_t left, char *id, size_t room);
enum err event_row_whose(struct ctx *ctx, struct db_conn *c, const char *id,
                         const char **workspace_id); /* NULL: nobody's */

/* The oldest that can be worked on now, with what is sealed where it is short; event_row_body brings
 * the others. One that waits for its next try holds back those of its resource behind it, and nobody
 * else. */
enum err event_rows_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                        int64_t now_ms, int limit, struct event_row *out, size_t *count);
/* Brings what is sealed, where the row came without it. */
enum err event_row_body(struct ctx *ctx, struct db_conn *c, struct event_row *row);
/* When the first unsettled one may be worked on, 0: now; INT64_MAX when there is none. */
enum err event_rows_next_due(struct ctx *ctx, struct db_conn *c, const char *workspace_id,
                             int64_t *at_ms);
/* Writes status, attempts, next, settled, cause and detail of that id. */
enum err event_row_settle(struct ctx *ctx, struct db_conn *tx, const struct event_row *row);

/* Make events "received" again: the one of that id, whatever its state, or up to limit settled ones
 * that the filter names, oldest first, behind the id in after, which becomes the last one's. *count:
 * how many. */
enum err event_row_reset(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                         const char *id, int64_t *count);
enum err event_rows_reset(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                          const struct event_filter *filter, char after[ID_BYTES], int limit,
                          int64_t *count);

/* The ids of so many events or fewer: all together no more than a quarter of a MiB of bodies, or one. */
#define LIGHT_EVENTS(where, count)                                                            \
    "SELECT id FROM (SELECT id, sum(bytes) OVER (ROWS UNBOUNDED PRECEDING) - bytes AS before" \
    " FROM (SELECT id, COALESCE(length(sealed), (SELECT length(b.sealed) FROM event_bodies b" \
    " WHERE b.id = events.id), 0) AS bytes FROM events WHERE " where " LIMIT " count          \
    ") AS found) AS found WHERE before < 262144"

/* Deletes some of the settled ones whose ids sort before that one. */
enum err event_rows_sweep(struct ctx *ctx, struct db_conn *tx, const char *before_id);
/* When the oldest one that is not settled was received, of all workspaces; 0: there is none. Of those
 * that wait for their next try no more than 1,000 are looked at. */
enum err event_rows_oldest(struct ctx *ctx, struct db_conn *c, int64_t *received_ms);
enum err event_rows_count_dead(struct ctx *ctx, struct db_conn *c, const char *provider,
                               int64_t *out);
