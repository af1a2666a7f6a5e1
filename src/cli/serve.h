/* serve: what the parts of the running server share. serve.c runs it and takes it down; the others
 * each do one thing for it, on the main thread, and do not know each other. */
#pragma once

#include "base/buf.h"
#include "cli/house.h"
#include "cli/systemd.h"
#include "cli/workers.h"

struct backups;
struct cage;
struct copying;
struct entry;
struct entry_rules;
struct sandbox;
struct sweeper;
struct task_kinds;
struct tls_setup;
struct tracing;

struct serve {
    struct house house;
    struct entry *entry;
    struct workers workers;
    struct sandbox *sandbox; /* NULL: with real providers */
    struct tracing *tracing;
    int control, signals;
    struct systemd systemd;
    struct repeat *sweeper, *beater; /* beater: NULL where there are no hosts */
    struct repeat *bookkeeper;       /* NULL: there is no book */
    struct cage *cage;               /* NULL: calls are not restricted */
    struct tls_setup *tls;           /* NULL: AVA_LISTEN speaks plain HTTP */
    struct backups *backups;         /* NULL: none are made */
    struct copying *copying;         /* for a command that makes a backup */
    int browser;                     /* browser.h; -1: none waits */
    struct entry_rules *retired;     /* read until every loop has turned; NULL: none */
    bool goes_down;
    int64_t began_ms, began_wall_ms;
    int64_t look_ms;       /* when the book is looked after next, */
    int64_t compare_ms;    /* and held against the database */
    int64_t jump_ms;       /* of the clock, as far as it was said */
    int64_t refreshed_ms;  /* when who watches was told last to read anew */
    bool is_short;         /* of memory, as it was said */
    const char *database;  /* path of its file */
    const char *addresses; /* where it listens, "127.0.0.1:8000,..." */
    bool guessed_url;      /* AVA_PUBLIC_URL was not set */
};

/* Makes all that the workers need, except the workers themselves. EXIT_OK, or a status after saying
 * why; what was made until then is in s. */
int serve_up(struct serve *s, struct cli *cli, bool is_sandbox);

/* Takes the sockets that the supervisor has made, in place of AVA_LISTEN and AVA_METRICS_LISTEN: every
 * loop accepts on each of them. Adds their addresses to shown. *metrics is the one named "metrics", else
 * as it was. EXIT_OK, or a status after saying why. */
int serve_take_sockets(struct serve *s, struct cli *cli, struct buf *shown, int *metrics);

/* Makes backups from now on where AVA_BACKUP_DIR is set. EXIT_OK, or a status after saying why. */
int serve_backups(struct serve *s, struct cli *cli);

/* The copy that a backup is made of. serve_copying_open removes what a former run left of them. */
void serve_copying_open(struct serve *s);
void serve_copying_close(struct serve *s); /* breaks one off; before the database closes */
void serve_copying_watch(struct serve *s); /* often: one that nobody asks for any more goes */
void serve_copying_begin(struct serve *s, struct buf *answer); /* {"path":...}, or {"error":...} */
void serve_copying_ask(struct serve *s,
                       struct buf *answer); /* {"state":"copying", "done" or "failed", "why":...} */
const char *serve_copy(void *arg, const atomic_bool *gives_up, struct arena *a,
                       const char **why); /* snapshot_mirror_fn; arg: struct serve */

/* For struct inside: what there is of them; one now. */
void serve_write_backups(void *serve, struct buf *out);
void serve_back_up(void *serve); /* with AVA_BACKUP_DIR */

/* With PostgreSQL: the book (tasks/book.h), filled as far as that can be done; its thread; what is measured of it. Stopped
 * before jobs and databases are freed. */
void serve_book_open(struct serve *s);
void serve_book_start(struct serve *s);
void serve_book_stop(struct serve *s); /* also where it never started */
void serve_book_collect(void *serve);  /* for metrics_before_scrape */

/* Forgets what is old enough, again and again, until it is stopped; before the database closes. */
void serve_sweep_start(struct serve *s);
void serve_sweep_stop(struct serve *s); /* also where it never started */

/* Where the database is shared: this run joins those who work with it, at once; says that it lives, again and again; and
 * leaves, once nothing of it goes on. EXIT_OK, or a status after saying why. */
int serve_hosts_join(struct serve *s, struct cli *cli);
void serve_hosts_start(struct serve *s);
void serve_hosts_leave(struct serve *s); /* also where it never started */

/* Tells a person on stdout where Ava is and how to get in. */
void serve_announce(struct serve *s, struct cli *cli);

/* Each writes one JSON object: the result of a reload (reload.h); how the server fares. */
void serve_reload(struct serve *s, struct buf *answer);
void serve_status(void *serve, struct buf *answer); /* any thread */

/* At a start, before anything is counted: all series there will be, as far as they are known. */
void serve_declare(const struct task_kinds *kinds);
/* From now on each scrape looks at the live state. */
void serve_measure(struct serve *s);
int64_t serve_resident_bytes(void);
