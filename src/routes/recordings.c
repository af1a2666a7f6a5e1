/* Recordings of calls, and the short-lived way to hear one. */
#include "service/calls/recordings.h"

#include "routes/reply.h"
#include "routes/resources.h"

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

enum err get_recording(struct ctx *ctx, struct call *call) {
    struct str audio;
    TRY(recording_audio(ctx, str_of(input_param(ctx, call, 0)), &audio));
    call->reply->status = 200;
    call->reply->content_type = "audio/mpeg";
    call->reply->lent_body = audio;
    http_reply_header_text(call->reply, "Cache-Control", "no-store");
    http_reply_header_text(call->reply, "Content-Disposition",
                           "inline; filename=\"recording.mp3\"");
    return OK;
}
