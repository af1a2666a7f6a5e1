/* Recordings of calls, and the short-lived way to hear one. */
#include "service/calls/recordings.h"

#include "http/stream.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum { RANGE_MAX_CHARS = 64 };

enum err get_recordings(struct ctx *ctx, struct call *call) {
    static const char *const KNOWN[] = { "call_id", "since", "limit", "cursor", NULL };
    struct recordings_wish wish = { .call_id = NULL };
    TRY(input_known_query(ctx, call, KNOWN));
    wish.call_id = input_query(ctx, call, "call_id");
    wish.since_ms = input_time(ctx, call, "since");
    TRY(input_page(ctx, call, &wish.limit, &wish.cursor));
    struct jsonw w = reply_json(call, 200);
    return recordings_list(ctx, &wish, &w);
}

enum err get_recording_audio(struct ctx *ctx, struct call *call) {
    const char *token;
    TRY(recording_link(ctx, input_param(ctx, call, 0), &token));
    call->reply->status = 302;
    http_reply_header_text(call->reply, "Location", arena_join(ctx->arena, "/recordings/", token));
    http_reply_header_text(call->reply, "Cache-Control", "no-store");
    return OK;
}

/* A recording on its way through. */
struct hearing {
    struct upstream_flow *flow;
    const bool *is_gone;
};

/* Passes the audio on as it is read. */
static void run(void *arg, struct http_stream *s) {
    struct hearing *h = arg;
    struct str piece;
    while (upstream_read(h->flow, h->is_gone, &piece)) {
        if (!piece.len)
            return;
        if (!http_stream_write(s, piece) || !http_stream_flush(s))
            return;
    }
    http_stream_break(s);
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The header when it asks for one part, "bytes=0-" or "bytes=-500"; else NULL, and all is answered, as it
 * is where the part depends on a version (If-Range): we know of none. */
static const char *range_of(struct ctx *ctx, const struct http_req *req) {
    struct str range = http_field(req, "range"), to, from;
    if (!range.ptr || http_field_count(req, "range") != 1 || http_field(req, "if-range").ptr ||
        range.len > RANGE_MAX_CHARS || !str_starts(range, STR("bytes=")))
        return NULL;
    from = str_cut((struct str){ range.ptr + 6, range.len - 6 }, '-', &to);
    if (!to.ptr || from.len + to.len == 0)
        return NULL;
    for (size_t i = 0; i < from.len; i++)
        if (!is_digit(from.ptr[i]))
            return NULL;
    for (size_t i = 0; i < to.len; i++)
        if (!is_digit(to.ptr[i]))
            return NULL;
    return str_dup(ctx->arena, range);
}

enum err get_recording(struct ctx *ctx, struct call *call) {
    struct str token = str_of(input_param(ctx, call, 0));
    struct http_reply *reply = call->reply;
    struct upstream_head head = { 200, -1, NULL };
    struct hearing *h = arena_alloc(ctx->arena, sizeof *h);
    h->is_gone = call->req->is_gone;
    TRY(recording_open(ctx, token, range_of(ctx, call->req), &head,
                       call->req->method == METHOD_HEAD ? NULL : &h->flow));
    reply->status = head.status == 206 && head.content_range ? 206 : 200;
    reply->content_type = "audio/mpeg";
    reply->stream = run;
    reply->stream_arg = h;
    reply->stream_ends = true;
    reply->stream_bytes = head.length > 0 ? head.length : 0;
    if (reply->status == 206)
        http_reply_header_text(reply, "Content-Range", head.content_range);
    http_reply_header_text(reply, "Cache-Control", "no-store");
    http_reply_header_text(reply, "Content-Disposition", "inline; filename=\"recording.mp3\"");
    return OK;
}
