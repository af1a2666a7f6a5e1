/* kv_parts: what the files of kv have in common, and nobody else includes. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/fiber.h"
#include "db/kv.h"
#include "db/kv_reply.h"

/* --- a connection (kv_wire.c). Of the thread that opened it. ---------------------------------------- */

struct kv_wire {
    int fd; /* -1: none */
    struct kv_reader *reader;
    struct buf out; /* what is still to be written */
    char why[160];  /* it is broken, or could not be made */
};

/* Within so many ms. False and why. */
bool kv_wire_open(struct kv_wire *w, const struct redis_url *url, int64_t within_ms);
void kv_wire_close(struct kv_wire *w);
bool kv_wire_fail(struct kv_wire *w, const char *format, ...) PRINTF_LIKE(2, 3); /* false */
bool kv_wire_write(struct kv_wire *w); /* as much of out as goes at once; false: broken */
bool kv_wire_read(struct kv_wire *w);  /* what is there, for the reader; false: broken */
/* Writes one command and waits for its answer, until then (ava_now_ms). NULL: broken. */
const struct kv_reply *kv_wire_ask(struct kv_wire *w, size_t count, const struct str *words,
                                   int64_t until_ms);

/* Appends a command as Redis takes it. */
void kv_command(struct buf *to, size_t count, const struct str *words);

/* --- one question ------------------------------------------------------------------------------------- */

struct kv_answer {
    enum kv_reply_kind kind;
    size_t count;
    int64_t numbers[KV_NUMBERS_MAX];
};

/* Of its asker, who may give up, and then of the thread; under the lock of kv. */
struct kv_ask {
    struct kv_ask *next;
    struct kv *kv;
    struct buf command;
    struct kv_answer answer;
    struct fiber_parking parking;
    int64_t since_ms;
    bool is_sent, is_settled, is_good; /* is_good: the answer is one */
    bool is_unwanted; /* nobody waits for it: a probe, a script, or its asker gave up */
    bool is_probe;
    bool was_repeated; /* its script was not known to the server, and was told it since */
};

struct kv {
    struct redis_url url;
    char installation[64];
    void (*hash)(void *arg, struct str of, unsigned char out[KV_HASH_BYTES]);
    void *hash_arg;
    struct buf probe; /* a command that tells whether Redis takes writes */
    pthread_t thread;
    int wake_fd;
    atomic_bool is_up, ends;
    atomic_uint waiting;  /* queued and sent */
    atomic_uint late;     /* in a row */
    pthread_mutex_t lock; /* guards what follows */
    struct kv_ask *queued, **last_queued;
    struct kv_ask *sent, **last_sent;
    struct kv_state state; /* is_up apart */
    char limit_sha[41];    /* of limit.lua; set before it is up for the first time */
    /* The thread's own. */
    struct kv_wire wire;
    int good;     /* probes in a row */
    bool is_told; /* that it is away, since it was up last */
    int64_t probe_at_ms;
};

/* Asks, and waits for at most KV_BUDGET_MS. use: label of the metrics. The command is given over. False: no
 * answer, or an error. */
bool kv_call(struct kv *kv, const char *use, struct buf *command, struct kv_answer *out);

/* --- the first words of a connection (kv_greet.c) ----------------------------------------------------- */

/* Signs in, looks who answers, and tells the scripts. False and why in kv->wire. */
bool kv_greet(struct kv *kv, int64_t until_ms);

extern const char kv_limit_lua[];
