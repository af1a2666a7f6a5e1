#include "http/stream.h"

#include <stdio.h>

#include "base/fiber.h"

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
    if (!s->is_chunked)
        return s->send(s->carrier, &piece, 1);
    const struct str parts[] = { { size, (size_t)digits }, piece, STR("\r\n") };
    return s->send(s->carrier, parts, 3);
}

void http_stream_init(struct http_stream *s) {
    *s = (struct http_stream){ 0 };
    pthread_mutex_init(&s->lock, NULL);
}

void http_stream_fini(struct http_stream *s) {
    pthread_mutex_destroy(&s->lock);
}

void http_stream_open(struct http_stream *s, bool is_chunked,
                      bool (*send)(void *carrier, const struct str *parts, size_t count),
                      void *carrier) {
    s->is_chunked = is_chunked;
    s->send = send;
    s->carrier = carrier;
}

void http_stream_close(struct http_stream *s) {
    const struct str last = STR("0\r\n\r\n");
    if (s->is_chunked)
        s->send(s->carrier, &last, 1);
}
