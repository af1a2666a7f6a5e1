/* conn: one connection of http/server, and its way out: writing, closing, lingering.
 *
 * Private to http/server.c, which reads and answers; everything here runs on the loop's thread. */
#pragma once

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/buf.h"
#include "http/door.h"
#include "http/line.h"
#include "http/parse.h"
#include "http/server.h"
#include "http/stream.h"
#include "http/tls.h"
#include "net/loop.h"

enum phase {
    IDLE,      /* between requests: not one byte of the next */
    HEAD,      /* part of a head is here */
    BODY,      /* the head is whole, the body is not */
    WAITING,   /* the request is whole, its turn has not come */
    HANDLING,  /* a fiber answers */
    STREAMING, /* a fiber answers in pieces; what still comes is thrown away */
    LINGER,    /* refused: the answer is out, what still comes is thrown away */
};

struct conn {
    uv_tcp_t tcp;
    struct http_server *server;
    struct conn *prev, *next;
    enum phase phase;
    int64_t deadline_ms;   /* when this phase has lasted too long */
    int64_t idle_until_ms; /* as it was before the first bytes of what may be no request */
    int64_t began_us;

    char *in;
    size_t in_len, in_room, scanned;
    size_t held;    /* of in_room, as bodies.c counts it */
    bool is_proven; /* the application knows who sends this body: it does not give way */

    struct http_head head;
    struct http_chunks chunks;
    size_t body_limit, body_len; /* body bytes present, behind the head */
    bool is_cut;                 /* the body is larger: what is present is how it begins */
    size_t request_bytes;        /* raw bytes of the request, to be dropped after it */

    struct tls *tls;         /* NULL: it speaks plain HTTP */
    struct buf out, sending; /* being filled, in the plain; being written by uv */
    uv_write_t write;
    struct http_req req;
    struct http_field *fields; /* in the arena */
    struct http_reply reply;
    struct http_stream stream;
    struct arena *arena;
    char peer[INET6_ADDRSTRLEN];

    struct loop_later
        rest; /* of its body, when this turn of the loop is full: the bytes stay with the kernel */
    int64_t put_off_ms; /* since then; 0: it is not */

    bool reading, writing, closing, closed, close_after_write, in_turn;
    bool began_tls; /* the first byte is here */
    bool is_fresh;  /* nothing of a first request yet: it is on its way */
    bool has_asked; /* a whole request came */
    size_t crowd;   /* whom it counts for: crowd.h */

    struct line *line; /* where it waits, when it does */
    struct line_place place;
    uint64_t whose;
    int64_t held_until_ms;
};

enum { CROWDS = 4096 };

struct http_server {
    struct loop *loop;
    struct door door;
    struct line line;   /* requests whose turn has not come */
    struct line held;   /* those that came too soon after a refusal; in one lane */
    uv_timer_t release; /* of the first that is held */
    uv_check_t serve;   /* after what came in was read: begins requests that wait */
    uv_idle_t haste;    /* runs while there are more of them: the loop does not sleep */
    int64_t begun_us;   /* spent on beginning requests as they came, in this turn of the loop */
    int64_t patience_ms;
    uv_timer_t sweep, leave;
    const struct http_app *app;
    const struct http_limits *limits;
    struct conn *conns, *oldest; /* the newest first */
    size_t open_count;           /* of those that are not closing */
    uint32_t crowds[CROWDS];     /* of those, by address */
    size_t body_bytes;           /* that bodies hold which are not proven, */
    size_t crowd_bytes[CROWDS];  /* and by address */
    uint64_t crowd_seed;
    struct buf spare; /* the last connection's, still warm, for the next one that writes */
    void (*go_on)(struct conn *c);       /* a write is through: there may be more to read */
    void (*refuse_body)(struct conn *c); /* there is no room for the body it sends */
    atomic_size_t conn_count, busy;      /* read by other threads for metrics */
    bool dismissing, draining;
    atomic_bool is_shut; /* read by other threads too */
};

/* True while a fiber answers on the connection: its request's bytes stay where they are. */
static inline bool conn_is_answered(const struct conn *c) {
    return c->phase == HANDLING || c->phase == STREAMING;
}

/* Changes what the two hold. */
static inline void conn_swap_bufs(struct buf *a, struct buf *b) {
    struct buf was = *a;
    *a = *b;
    *b = was;
}

/* Resizes the input buffer; false when there is no memory for that, and then it is as it was. */
bool conn_resize(struct conn *c, size_t room);
void conn_free(struct conn *c); /* once uv is done with it, and no fiber has it in hand */
void conn_close(struct conn *c);
void conn_reset(struct conn *c);
/* Half-closes and waits a moment: closing with unread bytes would reset the connection and with
 * it the refusal that the other end has not read yet. */
void conn_linger(struct conn *c);

/* Writes what the socket takes of c->out at once; the rest goes through uv. Under TLS it is encrypted first, and
 * what the handshake has to say goes with it. */
void conn_flush(struct conn *c);
size_t conn_backlog(const struct conn *c); /* bytes that the kernel has not taken yet */
