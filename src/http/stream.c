#include "http/stream.h"

#include <stdio.h>

#include "base/fiber.h"
#include "net/loop.h"

/* Wakes the fiber that waits, if one does. Under the lock. */
static void wake_locked(struct http_stream *s) {
    struct fiber_parking *waiter = s->waiter;
    s->waiter = NULL;
    if (waiter)
        fiber_unpark(waiter);
}

bool http_stream_wait(struct http_stream *s, int64_t until_ms) {
    struct fiber_parking parking;
    fiber_parking_init(&parking);
    pthread_mutex_lock(&s->lock);
    bool sleeps = !s->is_rung && !s->is_over;
    if (sleeps)
        s->waiter = &parking;
    pthread_mutex_unlock(&s->lock);
    if (sleeps)
        fiber_park(&parking, until_ms, NULL, NULL);
    pthread_mutex_lock(&s->lock);
    s->waiter = NULL; /* it may have been the time that woke us */
    s->is_rung = false;
    bool goes_on = !s->is_over;
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

void http_stream_ring(struct http_stream *s) {
    pthread_mutex_lock(&s->lock);
    s->is_rung = true;
    wake_locked(s);
    pthread_mutex_unlock(&s->lock);
}

void http_stream_end(struct http_stream *s) {
    pthread_mutex_lock(&s->lock);
    s->is_over = true;
    wake_locked(s);
    pthread_mutex_unlock(&s->lock);
}

bool http_stream_write(struct http_stream *s, struct str piece) {
    char size[24];
    int digits = snprintf(size, sizeof size, "%zx\r\n", piece.len);
    if (piece.len == 0) /* an empty chunk would be the end */
        return true;
    s->sent_bytes += (int64_t)piece.len;
    if (!s->is_chunked)
        return s->carrier->send(s->carried, &piece, 1);
    const struct str parts[] = { { size, (size_t)digits }, piece, STR("\r\n") };
    return s->carrier->send(s->carried, parts, 3);
}

bool http_stream_flush(struct http_stream *s) {
    bool goes_on = true;
    s->is_flushing = true;
    while (goes_on && s->carrier->backlog(s->carried))
        goes_on = http_stream_wait(s, FIBER_NO_DEADLINE); /* the server has one for the write */
    s->is_flushing = false;
    loop_take_turns(); /* a reader that takes all at once would otherwise have the loop to itself */
    return goes_on;
}

void http_stream_break(struct http_stream *s) {
    s->is_broken = true;
}

void http_stream_init(struct http_stream *s) {
    *s = (struct http_stream){ 0 };
    pthread_mutex_init(&s->lock, NULL);
}

void http_stream_fini(struct http_stream *s) {
    pthread_mutex_destroy(&s->lock);
}

void http_stream_open(struct http_stream *s, bool is_chunked, const struct http_carrier *carrier,
                      void *carried) {
    s->is_chunked = is_chunked;
    s->is_broken = s->is_flushing = false;
    s->sent_bytes = 0;
    s->carrier = carrier;
    s->carried = carried;
}

void http_stream_flushed(struct http_stream *s) {
    if (s->is_flushing)
        http_stream_ring(s);
}

void http_stream_close(struct http_stream *s) {
    const struct str last = STR("0\r\n\r\n");
    if (s->is_chunked)
        s->carrier->send(s->carried, &last, 1);
}
