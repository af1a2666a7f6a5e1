#include "service/calls/call_tools.h"

#include <string.h>

#include "base/json.h"
#include "providers/vapi_calls.h"
#include "service/connections/lending.h"

/* --- giving it to somebody else ----------------------------------------------------------------- */

static const struct tool_field TRANSFER_FIELDS[] = {
    { .name = "to",
      .type = TOOL_CHOICE,
      .is_required = true,
      .about = "Whom the caller is given to: one of the names." },
    { .name = NULL }
};

static const struct tool_field TRANSFER_SETTINGS[] = {
    { .name = "numbers",
      .type = TOOL_NUMBERS,
      .about = "Whom calls may be given to: names, as the assistant says them, and numbers." },
    { .name = NULL }
};

/* The number of that name; in any case, as models write it. */
static const char *number_of(const json_t *list, const char *name) {
    const json_t *one;
    size_t i;
    json_array_foreach(list, i, one) {
        if (str_eq_nocase(str_of(json_text(one, "name")), str_of(name)))
            return json_text(one, "number");
    }
    return NULL;
}

static void name_them(struct ctx *ctx, const json_t *list) {
    struct buf *b = buf_in(ctx->arena);
    const json_t *one;
    size_t i;
    buf_text(b, "This must be one of");
    json_array_foreach(list, i, one) {
        buf_printf(b, "%s %s", i ? "," : "", json_text(one, "name"));
    }
    buf_char(b, '.');
    ctx_field(ctx, "to", "unknown", b->ptr);
}

static enum err transfer(struct ctx *ctx, struct tool_run *run) {
    const json_t *list = json_object_get(run->settings, "numbers");
    const char *number = number_of(list, json_text(run->args, "to"));
    struct lent lent;
    bool ended;
    if (!json_array_size(list))
        return ctx_fail(ctx, ERR_FORBIDDEN, "Nobody has said whom calls may be given to.");
    if (!number) {
        name_them(ctx, list);
        return ctx_fields_ok(ctx);
    }
    TRY(lending_find(ctx, PROVIDER_VAPI, &lent));
    TRY(vapi_call_transfer(ctx, &lent.ref, run->call->call_id, run->call->control_url, number,
                           &ended));
    buf_text(run->said, ended ? "The call is over." : "The call is being given to them now.");
    return OK;
}

const struct tool CALL_TRANSFER = {
    .name = "call.transfer",
    .group = "call",
    .about = "Gives the caller to a person. Tell them before that you do.",
    .fields = TRANSFER_FIELDS,
    .settings = TRANSFER_SETTINGS,
    .uses_max = 3,
    .run = transfer,
};

/* --- writing something down --------------------------------------------------------------------- */

static const struct tool_field NOTE_FIELDS[] = {
    { .name = "text",
      .type = TOOL_TEXT,
      .is_required = true,
      .min = 1,
      .max = 2000,
      .about = "What is to be kept about the caller or what they want." },
    { .name = NULL }
};

static const struct tool_field NO_SETTINGS[] = { { .name = NULL } };

/* The use itself, with what was noted, is what stays. */
static enum err note(struct ctx *ctx, struct tool_run *run) {
    buf_text(run->said, "Noted.");
    return OK;
}

const struct tool CONTACT_NOTE = {
    .name = "contact.note",
    .group = "contact",
    .about =
        "Keeps a note about the caller that colleagues will read: what they want, or whom they "
        "want called back.",
    .fields = NOTE_FIELDS,
    .settings = NO_SETTINGS,
    .uses_max = 20,
    .run = note,
};
