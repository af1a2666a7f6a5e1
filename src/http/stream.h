/* stream: an answer that stays open and goes out in pieces.
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
 * and run until the connection closes in 1.0; no further request is answered behind a stream. */
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

/* --- for the server, which owns it --- */

struct http_stream {
    pthread_mutex_t lock; /* guards the next three */
    struct fiber_parking *waiter;
    bool is_rung, is_over;
    bool is_chunked;
    bool (*send)(void *carrier, const struct str *parts, size_t count); /* false: cut, or gone */
    void *carrier;
};

void http_stream_init(struct http_stream *s);
void http_stream_fini(struct http_stream *s);
void http_stream_open(struct http_stream *s, bool is_chunked,
                      bool (*send)(void *carrier, const struct str *parts, size_t count),
                      void *carrier);
void http_stream_end(struct http_stream *s);   /* wakes its function, which then returns */
void http_stream_close(struct http_stream *s); /* sends the last chunk */
