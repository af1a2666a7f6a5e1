/* One stream of server-sent events per page: everything live in the caller's workspace. What goes
 * out is what tasks/feed has; here is only its form, the heartbeat, and whether whoever listens
 * still may. */
#include "http/stream.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "routes/asker.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "tasks/feed.h"

enum {
    BEAT_MS = 15 * 1000, /* proxies cut what is silent for longer */
    WELCOME_MS = 1000,   /* whoever may not listen any more hears nothing after it */
    RETRY_MS = 2000,     /* after which a browser comes back */
    LOOK_MS = 5000,      /* that looking may take */
    ARENA_BYTES = 1 << 20,
};

/* In the request's arena, which ends when the stream has. */
struct live {
    const struct parts *parts;
    const struct http_req *req;
    struct feed_sub *sub;
    int64_t since;
    char user_id[40], workspace_id[40]; /* whom it is for */
};

/* For feed_place.wake: wakes the fiber of the stream; any thread. */
static void ring(void *stream) {
    http_stream_ring(stream);
}

static void leave(void *sub) {
    feed_unsubscribe(sub);
}

/* One event in the form of server-sent events. */
static void write_event(struct buf *out, const struct feed_event *e) {
    buf_printf(out, "id: %" PRId64 "\nevent: %s\ndata: %.*s\n\n", e->id, e->name, STR_FMT(e->json));
}

/* Sends all events that wait, in one piece. False when the connection ended. */
static bool send_waiting(struct live *l, struct http_stream *s) {
    struct buf out = { 0 };
    for (const struct feed_event *e; (e = feed_take(l->sub)); feed_release(e))
        write_event(&out, e);
    bool is_open = http_stream_write(s, buf_view(&out));
    buf_fini(&out);
    return is_open;
}

/* False when the session or key is no longer good. A store that cannot be asked ends nothing: the
 * next look asks again. */
static bool is_welcome(struct live *l) {
    struct arena *a = arena_new(ARENA_BYTES);
    struct ctx ctx;
    bool is_known = false;
    ctx_init(&ctx, l->parts, a, LOOK_MS);
    bool welcome = asker_lasts(&ctx, l->req, &is_known) != OK || is_known;
    arena_free(a);
    return welcome;
}

/* Opens the stream: says whom it is for, so that a page whose cookie became somebody else's notices,
 * and gives the first bytes that a proxy must let through. */
static bool greet(const struct live *l, struct http_stream *s) {
    char hello[256];
    int len = snprintf(hello, sizeof hello,
                       "retry: %d\nid: %" PRId64 "\nevent: here\n"
                       "data: {\"user_id\":\"%s\",\"workspace_id\":\"%s\"}\n\n",
                       RETRY_MS, l->since, l->user_id, l->workspace_id);
    return http_stream_write(s, (struct str){ hello, (size_t)len });
}

/* A comment line, and the id to come back with when all was sent. */
static bool beat(const struct live *l, struct http_stream *s) {
    char text[64];
    int64_t id = feed_mark(l->sub);
    int len = id ? snprintf(text, sizeof text, ":\nid: %" PRId64 "\n\n", id)
                 : snprintf(text, sizeof text, ":\n\n");
    return http_stream_write(s, (struct str){ text, (size_t)len });
}

/* The stream on its fiber: sends what the feed has until the client leaves or may not listen any more,
 * with a heartbeat. */
static void run(void *arg, struct http_stream *s) {
    struct live *l = arg;
    int64_t beat_ms = ava_now_ms() + BEAT_MS, look_ms = ava_now_ms() + WELCOME_MS;
    bool is_open = greet(l, s);
    while (is_open && send_waiting(l, s) &&
           http_stream_wait(s, beat_ms < look_ms ? beat_ms : look_ms)) {
        int64_t now_ms = ava_now_ms();
        if (now_ms >= look_ms) {
            look_ms = now_ms + WELCOME_MS;
            is_open = is_welcome(l);
        }
        if (is_open && now_ms >= beat_ms) {
            beat_ms = now_ms + BEAT_MS;
            is_open = beat(l, s);
        }
    }
}

/* Subscribes the request's fiber to the feed; the end of the request's arena unsubscribes. */
static enum err enter(struct ctx *ctx, struct call *call, struct live *l) {
    struct feed_place place = { .workspace_id = ctx->who.workspace_id,
                                .user_id = ctx->who.user_id,
                                .last_id = http_field(call->req, "last-event-id"),
                                .wake = ring,
                                .arg = call->req->stream };
    enum err e = feed_subscribe(ctx->parts->feed, &place, &l->sub, &l->since);
    if (e == ERR_RATE_LIMITED) {
        ctx->problem.retry_after_s = BEAT_MS / 1000;
        return ctx_fail(ctx, e, "You have %d streams open already; close one.", FEED_PER_USER_MAX);
    }
    if (e == ERR_OVERLOADED) {
        ctx->problem.retry_after_s = BEAT_MS / 1000;
        return ctx_fail(ctx, e, "Ava has as many streams open as it can carry.");
    }
    arena_defer(ctx->arena, leave, l->sub);
    return OK;
}

enum err get_stream(struct ctx *ctx, struct call *call) {
    static const char *const NONE[] = { NULL };
    struct live *l = arena_alloc(ctx->arena, sizeof *l);
    TRY(input_known_query(ctx, call, NONE));
    *l = (struct live){ .parts = ctx->parts, .req = call->req };
    memcpy(l->user_id, ctx->who.user_id, sizeof l->user_id);
    memcpy(l->workspace_id, ctx->who.workspace_id, sizeof l->workspace_id);
    if (call->req->method != METHOD_HEAD)
        TRY(enter(ctx, call, l));
    call->reply->content_type = "text/event-stream";
    /* A proxy that compressed the stream would gather events until a block is full. */
    http_reply_header_text(call->reply, "Cache-Control", "no-store, no-transform");
    http_reply_header_text(call->reply, "X-Accel-Buffering", "no"); /* nginx would gather it */
    call->reply->stream = run;
    call->reply->stream_arg = l;
    return OK;
}
