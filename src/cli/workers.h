/* workers: one thread per loop, each with an outgoing client and a server on every address.
 *
 * Knows no routes: what answers is an http_app that its maker sets. The maker also opens the
 * sockets. Functions are for the main thread, except those that count: any thread may ask them while
 * the loops run. */
#pragma once

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "config/config.h"
#include "http/server.h"
#include "net/loop.h"

enum { THREADS_MAX = 64, ADDRESSES_MAX = 8 };

struct jobs;

struct worker {
    struct workers *all;
    pthread_t thread;
    struct loop *loop;
    int fds[ADDRESSES_MAX + 1]; /* the last one may be the metrics' */
    struct http_server *servers[ADDRESSES_MAX + 1];
    size_t server_count;
    struct loop_call dismiss, drain, turn;
    sem_t ready, leave;
};

struct workers {
    struct worker list[THREADS_MAX];
    size_t count;
    size_t address_count;              /* of app; a worker's server behind them answers metrics */
    bool is_shared[ADDRESSES_MAX + 1]; /* the socket of that server is others' too */
    struct http_app app, metrics_app;  /* set before workers_start, as is jobs */
    struct db *db;                     /* read on each loop */
    struct jobs *jobs;                 /* started on the first loop */
    struct http_limits limits;
    struct http_memory memory; /* of bodies, on all loops */
    size_t fibers_per_loop;
    atomic_bool is_up;    /* all loops run */
    atomic_size_t turned; /* loops that have, since workers_turn */
    atomic_size_t ended;  /* loops that have */
};

/* How many there will be, and what each may hold. */
void workers_plan(struct workers *w, const struct config *c, struct db *db);
/* Returns when all loops run. */
void workers_start(struct workers *w);

/* Divides the fibers anew, as c says. A loop takes its part up with its next turn. */
void workers_share_fibers(struct workers *w, const struct config *c);
/* Asks every loop for a turn. After it no fiber reads what was replaced before. */
void workers_turn(struct workers *w);
/* Waits up to ms until every loop has turned. False: one has not. */
bool workers_have_turned(struct workers *w, int64_t ms);

size_t workers_connections(const struct workers *w);
size_t workers_busy(const struct workers *w);    /* requests in progress */
int64_t workers_lag_ms(const struct workers *w); /* of the latest loop */
int64_t workers_longest_turn_us(const struct workers *w);
int64_t workers_last_turn_ms(const struct workers *w); /* of the loop whose last turn is oldest */

/* The steps of going down, in this order. */
void workers_dismiss(struct workers *w); /* every connection ends with its next answer */
void workers_drain(struct workers *w);   /* no new connections */
/* Not busy is not enough: a body may be on its way in, an answer on its way out. */
bool workers_are_quiet(const struct workers *w);
void workers_stop(struct workers *w);
bool workers_have_ended(const struct workers *w);
void workers_join(struct workers *w); /* once all have ended */
