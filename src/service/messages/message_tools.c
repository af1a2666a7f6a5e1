#include "service/messages/message_tools.h"

#include <string.h>

#include "base/json.h"
#include "base/tree.h"
#include "service/messages/messages.h"

static const struct tool_field FIELDS[] = {
    { .name = "text",
      .type = TOOL_TEXT,
      .is_required = true,
      .min = 1,
      .max = 1000,
      .about = "What the text says. Short, and without anything the caller did not ask for." },
    { .name = "to",
      .type = TOOL_PHONE,
      .about = "The number to write to, as +14155550142. Leave it out for the caller's own." },
    { .name = NULL }
};

static const struct tool_field SETTINGS[] = {
    { .name = "from",
      .type = TOOL_PHONE,
      .about = "The number that texts come from; the one that was called when left out." },
    { .name = "anybody",
      .type = TOOL_FLAG,
      .about = "Whether callers may have texts sent to other numbers than their own." },
    { .name = NULL }
};

/* Whom it goes to. Other numbers cost money and annoy people, so they are the workspace's to allow. */
static enum err choose_to(struct ctx *ctx, const struct tool_run *run, const char **to) {
    const char *asked = json_text(run->args, "to"), *caller = run->call->caller;
    *to = asked ? asked : caller;
    if (!*to)
        ctx_field(ctx, "to", "required", "The caller's number is not known. Ask for it.");
    else if (asked && (!caller || strcmp(asked, caller) != 0) &&
             !json_is_true(json_object_get(run->settings, "anybody")))
        return ctx_fail(ctx, ERR_FORBIDDEN, "Texts may only be sent to the number that calls.");
    return ctx_fields_ok(ctx);
}

static enum err send(struct ctx *ctx, struct tool_run *run) {
    const char *from = json_text(run->settings, "from"), *to;
    struct operation_end end;
    TRY(choose_to(ctx, run, &to));
    if (!from)
        from = run->call->line;
    if (!from)
        return ctx_fail(ctx, ERR_FORBIDDEN, "Nobody has said from which number texts are sent.");
    const json_t *body = tree_in(ctx->arena, json_pack("{s:s, s:s, s:s}", "to", to, "from", from,
                                                       "body", json_text(run->args, "text")));
    enum err e = message_place(ctx, body, PATIENCE_NORMAL, run->claim, &end);
    run->operation_id = end.was_abandoned ? NULL : end.id;
    TRY(e);
    run->is_pending = end.is_accepted;
    buf_printf(run->said,
               run->is_pending ? "The text to the number ending in %s is on its way."
                               : "The text to the number ending in %s was sent.",
               to + (strlen(to) > 4 ? strlen(to) - 4 : 0));
    return OK;
}

const struct tool SMS_SEND = {
    .name = "sms.send",
    .group = "sms",
    .about =
        "Sends the caller a text message, for example to confirm an appointment. Only when they "
        "want one.",
    .fields = FIELDS,
    .settings = SETTINGS,
    .uses_max = 3,
    .run = send,
};
