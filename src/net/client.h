/* client: outgoing HTTP on the loop, with kept connections, deadlines and size limits.
 *
 * libcurl multi handles driven by this loop; one client per loop. client_fetch puts the calling
 * fiber to sleep until the answer is whole or the call failed. No redirects are followed, no
 * proxy is read from the environment, certificates are always verified. Who may be called, how
 * often and with what credential is decided above: only providers/upstream.c includes this. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/str.h"
#include "net/client_result.h"

struct client;
struct loop;

void client_global_init(void); /* once, before threads */
struct client *client_new(struct loop *loop);
void client_free(struct client *c); /* when no call is under way */
struct client *client_self(void);   /* this thread's, or NULL */

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
    /* Monotonic; may come nearer while the call is made, which then ends with CLIENT_TIMEOUT within half a
     * second. NULL: nothing but the times above. */
    const _Atomic int64_t *not_after_ms;
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
    bool wants_certificate; /* of an https URL: says when it ends */
    struct arena *arena;

    /* out; texts belong to the arena */
    enum client_result result;
    int status;
    struct str answer;
    const char *content_type, *content_range, *retry_after, *date; /* NULL when absent */
    int64_t certificate_ends_ms;                                   /* Unix time; 0: not known */
    int64_t length; /* of the body as the head states it; -1: it does not */
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

/* --- an answer that is read piece by piece --------------------------------------------------- */

/* A good answer (2xx) of any length: what nobody has read yet is left with whoever sends it, but for
 * two pieces and what the kernel holds. Any other answer is fetched whole.
 *
 * It has a connection of its own, closed after it, and speaks HTTP/1.1: in HTTP/2 curl 7.88 takes in
 * up to 32 MiB of a stream that nobody reads, and other answers on the connection wait behind it. */
struct client_flow;

/* About as much as a piece has at most. */
enum { CLIENT_PIECE_BYTES = 16 << 10 };

/* Makes the call up to the head of its answer. NULL: it failed, or the answer is no good one; then call
 * is as after client_fetch. Else call, which must live as long as the flow, says DONE; its times were
 * for the head alone. */
struct client_flow *client_open(struct client *c, struct client_call *call);

/* Waits for the next piece, which is lent until the next read; none and CLIENT_DONE: that was the end.
 * Any other result: the answer broke off, with CLIENT_TIMEOUT because nothing came for 10 s, or less
 * than 1 KiB/s while we waited. Ends early, with CLIENT_TIMEOUT, once *is_gone. */
enum client_result client_read(struct client_flow *f, const bool *is_gone, struct str *piece);

/* Ends it, wherever it is. On the client's thread, fiber or loop; does not wait. NULL is fine. */
void client_close(struct client_flow *f);
