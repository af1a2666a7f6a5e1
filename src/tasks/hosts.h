/* hosts: the runs of Ava that work with one database at the same time, each of which says every few seconds that it lives;
 * and what only one of them may do at a time.
 *
 * Where the database is this run's alone (SQLite) there are none: parts.hosts is NULL, which every function here takes for
 * "nobody else". What keeps two runs from doing a thing twice are not these rows, but the fences of jobs and operations: a
 * run that was taken for dead and wakes finds its leases taken over. */
#pragma once

#include "obs/ctx.h"

enum {
    HOSTS_BEAT_MS = 5 * 1000,
    HOSTS_OFF_MAX_MS = 5 * 1000, /* of a machine's clock: more is not ready */
    HOSTS_MAX = 64,              /* shown */
};

struct hosts;

/* place: of the data folder, as hosts_place gives it; copied. */
struct hosts *hosts_new(const char *place);
void hosts_free(struct hosts *h);

/* The name of this data folder among those of all machines: what its file "host.id" says, which is made where it is not
 * there. NULL and *why: it can be neither read nor made. The arena's. */
const char *hosts_place(const char *data_dir, struct arena *a, const char **why);

/* At the start, before anything is begun: takes over at once what former runs of the same data folder left, which are gone
 * for certain, and what runs left that nobody knows. *is_alone: no other run is alive. */
enum err hosts_join(struct ctx *ctx, bool *is_alone);
/* Every HOSTS_BEAT_MS: says that this run lives, and makes jobs whose lease ended ready again. */
enum err hosts_beat(struct ctx *ctx);
/* Nobody need wait for what this run has: its leases end, and its row goes. */
void hosts_leave(struct ctx *ctx);

/* Another process says that it is this run (a copy of a running machine): this one must do nothing any more. */
bool hosts_is_usurped(const struct hosts *h);
/* What this program needs was taken away from the schema: so must this one. */
bool hosts_is_outdated(const struct hosts *h);
size_t hosts_alive(const struct hosts *h); /* this one included, as of the last beat; at least 1 */

/* Is the run still there? A run of which nothing is known is not. */
enum err hosts_find(struct ctx *ctx, struct db_conn *c, const char *run_id, bool *is_alive,
                    bool *is_known);
/* May this run do what one does for all, until so long from now? It asks again before that is over. */
enum err hosts_may(struct ctx *ctx, const char *name, int64_t for_ms, bool *may);
enum err hosts_may_not(struct ctx *ctx, const char *name); /* it is over before its time */
/* Forgets runs that said nothing for a day, and leases that ended then. */
enum err hosts_forget_old(struct ctx *ctx);
