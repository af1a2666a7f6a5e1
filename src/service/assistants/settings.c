#include "service/assistants/settings.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "providers/vapi_assistants.h"
#include "service/assistants/assistant_change.h"
#include "service/assistants/call_length.h"
#include "service/connections/credentials.h"

enum { GREETING_CHARS_MAX = 2000, DURATION_MIN_S = 60, DURATION_MAX_S = 3600 };
static const double SPEED_MIN = 0.5, SPEED_MAX = 1.2;

static enum err lend(struct ctx *ctx, struct lent *out) {
    TRY(lending_find(ctx, PROVIDER_VAPI, out));
    if (!out->account.assistant_id || !out->account.assistant_id[0]) {
        ctx->problem.service = provider_name(PROVIDER_VAPI);
        return ctx_fail(ctx, ERR_NOT_CONNECTED,
                        "No assistant is chosen; connect Vapi with the id of one.");
    }
    return OK;
}

static void view_of(struct ctx *ctx, const struct upstream_answer *answer,
                    struct settings_view *out) {
    *out = (struct settings_view){ .body = answer->body,
                                   .etag = vapi_settings_etag(ctx, answer->body),
                                   .answer = *answer };
}

enum err settings_list(struct ctx *ctx, struct settings_view *out) {
    struct lent lent;
    struct upstream_answer answer;
    TRY(lend(ctx, &lent));
    TRY(vapi_settings_read(ctx, &lent.ref, lent.account.assistant_id, &answer));
    view_of(ctx, &answer, out);
    return OK;
}

/* The one object out of the list; with a null value when the assistant does not set it. */
static struct str pick(struct ctx *ctx, struct str list, enum vapi_setting s) {
    json_t *tree = sift_own(ctx->arena, list), *item;
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    size_t i;
    const json_t *found = NULL;
    json_array_foreach(json_object_get(tree, "settings"), i, item) {
        const char *key = json_text(item, "key");
        if (key && strcmp(key, vapi_setting_name(s)) == 0)
            found = item;
    }
    if (found) {
        jsonw_tree(&w, found);
    } else {
        jsonw_object(&w);
        jsonw_text_at(&w, "key", vapi_setting_name(s));
        jsonw_text_at(&w, "value", NULL);
        jsonw_text_at(&w, "updated_at", NULL);
        jsonw_object_end(&w);
    }
    return buf_view(out);
}

enum err setting_read(struct ctx *ctx, enum vapi_setting s, struct settings_view *out) {
    TRY(settings_list(ctx, out));
    out->body = pick(ctx, out->body, s);
    return OK;
}

/* Ava's own rules; number fields carry their range also for a wrong type. */
static enum err check_value(struct ctx *ctx, enum vapi_setting s, const json_t *v) {
    const char *text = json_string_value(v);
    switch (s) {
    case VAPI_GREETING:
        if (!text)
            ctx_field(ctx, "value", v ? "wrong_type" : "required", "The greeting must be a text.");
        else if (!str_fits(str_of(text), 1, GREETING_CHARS_MAX))
            ctx_field_range(ctx, "value", text[0] ? "too_long" : "too_short", 1, GREETING_CHARS_MAX,
                            "The greeting needs 1 to 2000 characters.");
        break;
    case VAPI_DURATION:
        if (!json_is_integer(v))
            ctx_field_range(ctx, "value", v ? "wrong_type" : "required", DURATION_MIN_S,
                            DURATION_MAX_S,
                            "The longest call must be a whole number of seconds, 60 to 3600.");
        else if (json_integer_value(v) < DURATION_MIN_S || json_integer_value(v) > DURATION_MAX_S)
            ctx_field_range(ctx, "value", "out_of_range", DURATION_MIN_S, DURATION_MAX_S,
                            "The longest call must be between 60 and 3600 seconds.");
        break;
    default:
        if (!json_is_number(v))
            ctx_field_range(ctx, "value", v ? "wrong_type" : "required", SPEED_MIN, SPEED_MAX,
                            "Voice speed must be a number between 0.5 and 1.2.");
        else if (json_number_value(v) < SPEED_MIN || json_number_value(v) > SPEED_MAX)
            ctx_field_range(ctx, "value", "out_of_range", SPEED_MIN, SPEED_MAX,
                            "Voice speed must be between 0.5 and 1.2.");
    }
    return ctx_fields_ok(ctx);
}

/* --- saving ---------------------------------------------------------------------------------- */

struct saving {
    enum vapi_setting setting;
    const json_t *value;
    const char *etag;
};

/* For assistant_change.make: the members that the setting changes. */
static enum err make(struct ctx *ctx, const struct assistant_moment *now, void *arg,
                     struct str *patch) {
    const struct saving *s = arg;
    return vapi_setting_patch(ctx, now->whole, s->setting, s->value, s->etag, patch);
}

static enum err audit_change(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_write(ctx, tx, *(const struct audit_entry *)arg);
}

/* Reads the assistant anew, and changes only what belongs to the setting. */
static enum err write_setting(struct ctx *ctx, const struct lent *lent, const struct saving *s,
                              struct upstream_answer *answer) {
    const char *id = lent->account.assistant_id;
    const json_t *assistant, *now;
    struct str patch;
    TRY(vapi_assistant_read(ctx, &lent->ref, id, &assistant));
    TRY(vapi_setting_patch(ctx, assistant, s->setting, s->value, s->etag, &patch));
    return vapi_assistant_write(ctx, &lent->ref, id, patch, &now, answer);
}

/* An assistant of the operator's belongs to nobody's history; one that answers for several workspaces
 * is changed by none of them. */
static enum err save_platform(struct ctx *ctx, const struct lent *lent, const struct saving *s,
                              struct audit_entry audit, struct upstream_answer *answer) {
    if (lent->is_shared)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "The operator's Vapi account serves others too; connect your own first.");
    TRY(db_write_probe(ctx, 0)); /* no change at the provider that could not be written down */
    TRY(write_setting(ctx, lent, s, answer));
    enum err e = db_write(ctx, audit_change, &audit);
    if (e != OK)
        return ctx_fail(ctx, e,
                        "The setting was changed at Vapi, but Ava could not write that down; read "
                        "it again.");
    return OK;
}

enum err setting_save(struct ctx *ctx, enum vapi_setting s, const json_t *value, const char *etag,
                      struct settings_view *out) {
    struct lent lent;
    struct upstream_answer answer;
    struct assistant_moment now;
    struct saving saving = { s, value, etag };
    struct assistant_change change = { .note = { .what = "settings", .is_ours = true },
                                       .audit = { .action = "setting.change",
                                                  .object = vapi_setting_name(s) },
                                       .may_share = true,
                                       .make = make,
                                       .arg = &saving };
    TRY(check_value(ctx, s, value));
    TRY(lend(ctx, &lent));
    if (lent.ref.is_platform)
        TRY(save_platform(ctx, &lent, &saving, change.audit, &answer));
    else
        TRY(assistant_change(ctx, &lent, lent.account.assistant_id, &change, &now, &answer));
    if (s == VAPI_DURATION)
        call_length_learn(ctx, json_integer_value(value));
    view_of(ctx, &answer, out);
    out->body = pick(ctx, answer.body, s);
    return OK;
}
