/* client: outgoing HTTP on the loop, with kept connections, deadlines and size limits.
 *
 * libcurl multi handles driven by this loop; one client per loop. client_fetch puts the calling
 * fiber to sleep until the answer is whole or the call failed. No redirects are followed, no
 * proxy is read from the environment, certificates are always verified. Who may be called, how
 * often and with what credential is decided above: only providers/upstream.c includes this. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/str.h"

struct client;
struct loop;

void client_global_init(void); /* once, before threads */
struct client *client_new(struct loop *loop);
void client_free(struct client *c); /* when no call is under way */
struct client *client_self(void);   /* this thread's, or NULL */

enum client_result {
    CLIENT_DONE,      /* status and body are good; the status, where the head is enough */
    CLIENT_UNREACHED, /* DNS or connect failed, or knock_ms are over: nothing left this host */
    CLIENT_STARVED, /* the system grants us no socket now: nothing left this host, nobody's fault */
    CLIENT_TLS,     /* the certificate or the handshake: nothing of the request left */
    CLIENT_BROKEN,  /* reset or truncated */
    CLIENT_GARBLED, /* not HTTP, lengths that cannot be true, a head over 64 KiB, or take says so */
    CLIENT_TIMEOUT, /* !left_host: while it was being connected */
    CLIENT_TOO_LARGE, /* body over its limit */
};

struct client_call {
    /* in */
    const char *method, *url;
    const char *const *headers; /* "Name: value" */
    size_t header_count;
    struct str body; /* empty: none */
    int64_t timeout_ms, first_byte_ms;
    int64_t connect_ms; /* for connecting and TLS; 0: 3.5 s */
    int64_t knock_ms;   /* for the TCP connection, else CLIENT_UNREACHED; 0: connect_ms */
    size_t body_max_bytes;
    /* Connects there and nowhere else, whatever the URL's host leads to, which is only for TLS and
     * the Host field; NULL: where the host leads. */
    const struct address *only;
    bool fresh;      /* only a new connection: for what must not repeat */
    bool may_resend; /* once more on a new connection, when a kept one dies without a word */
    /* The status decides: once the final head is there the call is done, whatever becomes of the
     * body, of which only what comes at once is read, so that the connection can be kept. */
    bool head_is_enough;
    /* Given the body as it comes, piece by piece, on the loop; then answer stays empty. False: the rest is
     * not wanted, since this is garbage. NULL: the body is collected. */
    bool (*take)(void *arg, int status, struct str bytes);
    void *take_arg;
    struct arena *arena;

    /* out; texts belong to the arena */
    enum client_result result;
    int status;
    struct str answer;
    const char *content_type, *retry_after, *date; /* NULL when absent */
    bool left_host; /* a byte of the request may have reached the provider */
    bool reused;    /* a kept connection was used */
    bool resent;    /* the provider may have seen it twice */
    bool
        was_refused; /* this system refused us memory, buffers or ports for it: no news of the peer */
    bool too_slow;   /* CLIENT_TIMEOUT because the body came at less than 1 KiB/s */
    bool
        was_late; /* this process stood still meanwhile, or just before: times, and connections that
                     * were given up, say nothing of the other end */
    int64_t took_us;
};

void client_fetch(struct client *c, struct client_call *call);
