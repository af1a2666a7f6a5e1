/* stream: an answer that goes out in pieces: one that stays open, or a long one.
 *
 * A handler sets reply->stream. Once it has returned and the head is out, that function runs on
 * the same fiber, writes whenever it likes and sleeps in between:
 *
 *     while (http_stream_wait(s, ava_now_ms() + 15000))
 *         if (!http_stream_write(s, next_piece()))
 *             break;
 *
 * So it stays straight-line code. What that costs is a fiber for each stream, and the fiber is
 * settled (base/fiber): some three pages while it sleeps, and no place among the requests in hand.
 *
 * Every piece is flushed. What a client does not read gathers up to HTTP_STREAM_BACKLOG_MAX, or
 * for the server's write limit; then it is cut. The wait also ends when the client leaves or the
 * server drains; a stream that ends for the latter ends cleanly. Pieces are chunks in HTTP/1.1,
 * and run until the connection closes in 1.0; no further request is answered behind a stream.
 *
 * A long answer is one that comes to an end by itself (reply->stream_ends). It goes at the pace of
 * its reader, with one piece in memory:
 *
 *     while (next_piece(&piece) && piece.len)
 *         if (!http_stream_write(s, piece) || !http_stream_flush(s))
 *             return;
 *
 * Draining lets it finish. Where it cannot be finished it says http_stream_break: the connection is
 * reset, so that nobody takes a part for the whole. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { HTTP_STREAM_BACKLOG_MAX = 256 * 1024 };

struct fiber_parking;
struct http_stream;

/* Sleeps until somebody rings, or until_ms. False when the stream is over: return then. */
bool http_stream_wait(struct http_stream *s, int64_t until_ms);

/* From any thread, while the request's arena lives: there is something to write. A ring while
 * nobody waits is kept for the next wait. */
void http_stream_ring(struct http_stream *s);

/* False when the stream is over. */
bool http_stream_write(struct http_stream *s, struct str piece);

/* Waits until the kernel has all that was written, and lets others have their turn; false when the stream is over: whoever takes a piece
 * for longer than the server's write limit is cut. */
bool http_stream_flush(struct http_stream *s);

/* What was to come does not come. Return then. */
void http_stream_break(struct http_stream *s);

/* --- for the server, which owns it --- */

struct http_stream {
    pthread_mutex_t lock; /* guards the next three */
    struct fiber_parking *waiter;
    bool is_rung, is_over;
    bool is_chunked, is_flushing, is_broken;
    int64_t sent_bytes; /* of the body */
    const struct http_carrier *carrier;
    void *carried;
};

/* What takes the pieces. */
struct http_carrier {
    bool (*send)(void *carried, const struct str *parts, size_t count); /* false: cut, or gone */
    size_t (*backlog)(void *carried);                                   /* bytes not sent yet */
};

void http_stream_init(struct http_stream *s);
void http_stream_fini(struct http_stream *s);
void http_stream_open(struct http_stream *s, bool is_chunked, const struct http_carrier *carrier,
                      void *carried);
void http_stream_flushed(struct http_stream *s); /* everything is sent */
void http_stream_end(struct http_stream *s);     /* wakes its function, which then returns */
void http_stream_close(struct http_stream *s);   /* sends the last chunk */
