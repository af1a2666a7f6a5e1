/* temp_redis: a Redis of a test's own, on a socket in a folder that goes with it, without persistence. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "db/kv.h"

struct temp_redis {
    char dir[64], path[96];
    pid_t pid; /* 0: none runs */
};

/* False: there is no redis-server on this machine; the test is to be skipped. It takes commands on return. more: further
 * arguments, NULL at the end; NULL: none. */
bool temp_redis_start(struct temp_redis *t, const char *const *more);
void temp_redis_kill(struct temp_redis *t); /* -9; does nothing where none runs */
void temp_redis_signal(struct temp_redis *t, int signal);
void temp_redis_end(struct temp_redis *t); /* kills, and removes the folder */

/* One command beside Ava's connection, its words NULL at the end; what it answers, up to the first line's end, lent until
 * the next. */
const char *temp_redis_say(struct temp_redis *t, const char *const *words);
#define TEMP_REDIS_SAY(t, ...) temp_redis_say((t), (const char *const[]){ __VA_ARGS__, NULL })

/* A kv on this socket, with a hash that anybody can follow. */
struct kv *temp_redis_kv(const char *path, const char *password);
/* Waits until it is up, or down; false: not within 10 s. */
bool temp_redis_comes(struct kv *kv, bool up);
