#include "service/email/email_tools.h"

#include "base/json.h"
#include "base/tree.h"
#include "service/email/email.h"

static const struct tool_field FIELDS[] = {
    { .name = "to",
      .type = TOOL_EMAIL,
      .is_required = true,
      .about = "The address to write to. Have the caller spell it, and read it back to them." },
    { .name = "subject",
      .type = TOOL_TEXT,
      .is_required = true,
      .min = 1,
      .max = 200,
      .about = "The subject." },
    { .name = "text",
      .type = TOOL_TEXT,
      .is_required = true,
      .min = 1,
      .max = 5000,
      .about = "What the mail says, in plain words." },
    { .name = NULL }
};

static const char *domain_wrong(struct arena *a, const char *text) {
    return str_is_visible(str_of(text)) && text[0] != '@' ? NULL
                                                          : "Write a domain like example.com.";
}

static const struct tool_field SETTINGS[] = {
    { .name = "domain",
      .type = TOOL_TEXT,
      .min = 1,
      .max = 253,
      .wrong = domain_wrong,
      .about = "Only to addresses of this domain; to any when left out." },
    { .name = "reply_to",
      .type = TOOL_EMAIL,
      .about = "Where answers go; to whom mails are from when left out." },
    { .name = NULL }
};

static bool is_of(const char *address, const char *domain) {
    struct str rest;
    str_cut(str_of(address), '@', &rest);
    return rest.ptr && str_eq_nocase(rest, str_of(domain));
}

static enum err send(struct ctx *ctx, struct tool_run *run) {
    const char *to = json_text(run->args, "to"), *domain = json_text(run->settings, "domain");
    struct email_order *order = arena_alloc(ctx->arena, sizeof *order);
    struct operation_end end;
    if (domain && !is_of(to, domain))
        return ctx_fail(ctx, ERR_FORBIDDEN, "Mails may only be sent to addresses of %s.", domain);
    json_t *body = json_pack("{s:s, s:s, s:s}", "to", to, "subject",
                             json_text(run->args, "subject"), "text", json_text(run->args, "text"));
    if (json_text(run->settings, "reply_to"))
        json_object_set_new(body, "reply_to", json_string(json_text(run->settings, "reply_to")));
    TRY(email_order_read(ctx, tree_in(ctx->arena, body), NULL, order));
    enum err e = email_place(ctx, order, PATIENCE_NORMAL, run->claim, &end);
    run->operation_id = end.was_abandoned ? NULL : end.id;
    TRY(e);
    run->is_pending = end.is_accepted;
    buf_printf(run->said,
               run->is_pending ? "The mail to %s is on its way." : "The mail to %s was sent.", to);
    return OK;
}

const struct tool EMAIL_TOOL_SEND = {
    .name = "email.send",
    .group = "email",
    .about = "Sends a mail, for example what the caller asked to have in writing.",
    .fields = FIELDS,
    .settings = SETTINGS,
    .uses_max = 3,
    .run = send,
};
