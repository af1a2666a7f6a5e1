/* server: HTTP/1.1 connections of one loop, each request on a fiber of its own.
 *
 * A connection answers its pipelined requests in order; while one is being answered its bytes
 * stay where they are, and reading goes on only into free room. Answers of one turn leave in one
 * write. Time limits are for a whole head, a whole body, an idle wait: never per byte. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/message.h"

struct loop;
struct http_server;
struct tls_setup;

/* When a request is begun that is whole. */
struct http_turn {
    bool is_now;         /* at once, whatever waits */
    uint64_t whose;      /* else in turn with those of others: a hash of who asks */
    int64_t patience_ms; /* it is turned away with ERR_OVERLOADED when it waited longer; 0: never */
};

/* What a request may carry. */
struct http_body {
    size_t limit_bytes;
    /* Of a larger one handle gets the first bytes, with req->is_cut, and the connection ends behind
     * the answer; else it is refused. */
    bool takes_part;
    bool is_proven; /* it is from somebody known: there is a reserve of memory for it */
};

struct http_app {
    void *arg;
    /* Which body this request may carry; out is zeroed before. On the loop's stack, must be quick; req
     * has no body and no arena yet. */
    void (*body)(void *arg, const struct http_req *req, struct http_body *out);
    /* Answers a request; on a fiber, may wait. */
    void (*handle)(void *arg, struct http_req *req, struct http_reply *reply);
    /* Says when its turn is. On the loop's stack, must be quick; req has no arena. NULL: at once. */
    void (*turn)(void *arg, const struct http_req *req, struct http_turn *turn);
    /* Words for what the HTTP layer itself refuses. req is NULL
     * when its head could not be read, and has neither body nor arena otherwise. On the
     * loop's stack. */
    void (*refuse)(void *arg, const struct http_req *req, enum err err, const char *detail,
                   struct http_reply *reply);
    struct tls_setup *tls; /* NULL: plain HTTP */
};

/* What requests that are coming in hold, of all servers that share it (bodies.h). */
struct http_memory {
    atomic_size_t held;   /* by buffers over HTTP_BODY_SMALL_BYTES */
    size_t max, reserve;  /* reserve, of max: for what is proven */
    size_t own, own_each; /* own, of max: for the servers, own_each for each */
};
enum { HTTP_BODY_SMALL_BYTES = 8 * 1024 };

struct http_limits {
    size_t connections_max;
    int64_t head_ms, body_ms, idle_ms, write_ms; /* RESILIENCE 6: 5000, 10000, 120000, 30000 */
    size_t arena_bytes;                          /* ceiling of one request */
    struct http_memory *memory;                  /* NULL: bodies are not counted */
};
extern const struct http_limits HTTP_LIMITS_DEFAULT;

enum { HTTP_LISTEN_FIRST = 1, HTTP_LISTEN_V6_ONLY = 2 };

struct http_address {
    const char *text; /* "192.0.2.1:8000" or "[2001:db8::1]:8000" */
    unsigned how;     /* for http_listen: HTTP_LISTEN_V6_ONLY or 0 */
};

/* Reads a list of "host:port" and "[v6]:port" and returns how many addresses it names, all those of a
 * name included, as far as this machine has them; -1 and *why when it cannot, or when there are more
 * than max. [::] takes IPv4 in too, unless an IPv4 address has the same port in the list. */
int http_addresses(const char *list, struct http_address *out, int max, struct arena *a,
                   const char **why);

/* Makes a listening socket for "host:port" or "[v6]:port" with SO_REUSEPORT, so that each loop can
 * have one of its own; with HTTP_LISTEN_FIRST it refuses an address that somebody else listens on.
 * Returns -1 and sets *why on failure. */
int http_listen(const char *address, unsigned how, struct arena *a, const char **why);
/* "host:port" as bound, with the true port where 0 was asked. */
char *http_listen_address(int fd, struct arena *a);

/* Takes over the socket. app and limits must outlive the server. */
struct http_server *http_server_open(struct loop *loop, int fd, const struct http_app *app,
                                     const struct http_limits *limits);

/* Call at once: others have the socket, too, here or in another process, and go on listening. Of those
 * who wait at the door few are taken at once, and draining leaves the rest to the others. */
void http_server_share(struct http_server *s);

/* Every answer from now on ends its connection; new ones are taken as before. */
void http_server_dismiss(struct http_server *s);
/* Accepts no new connections, without resetting any, and ends streams at once; a moment later
 * closes idle connections. Each other connection ends after its answer; one that was just made may
 * still send its request. */
void http_server_drain(struct http_server *s);
/* True when draining is complete; any thread. To have no connection is not enough: the kernel may
 * hold some that were not accepted yet. */
bool http_server_is_over(const struct http_server *s);
size_t http_server_connections(const struct http_server *s);
size_t http_server_busy(const struct http_server *s); /* requests being answered */
/* Cuts what is left; call before loop_free, with no request busy. */
void http_server_free(struct http_server *s);
