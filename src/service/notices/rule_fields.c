#include "service/notices/rule_fields.h"

#include <string.h>

#include "base/json.h"
#include "base/mailbox.h"
#include "base/phone.h"
#include "obs/fields.h"
#include "service/email/template_content.h"
#include "service/notices/quiet.h"
#include "service/notices/rules.h"
#include "store/people.h"
#include "tasks/happened.h"

enum { REASON_CHARS_MAX = 128 };

static void unknown_in(struct ctx *ctx, const json_t *object, const char *parent,
                       const char *const *known, size_t count) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value) {
        bool is_known = false;
        for (size_t i = 0; i < count && !is_known; i++)
            is_known = strcmp(name, known[i]) == 0;
        if (!is_known)
            field_unknown(ctx, arena_join(ctx->arena, parent, ".", name));
    }
}

/* The member as an object; NULL, and noted where it must be there, when it is none. */
static const json_t *object_of(struct ctx *ctx, const json_t *rule, const char *name,
                               const char *what) {
    const json_t *value = json_object_get(rule, name);
    if (json_is_object(value))
        return value;
    ctx_field(ctx, name, value && !json_is_null(value) ? "wrong_type" : "required", what);
    return NULL;
}

/* --- when ------------------------------------------------------------------------------------ */

static bool is_happening(const char *event) {
    for (size_t i = 0; event && HAPPENINGS[i]; i++)
        if (strcmp(HAPPENINGS[i], event) == 0)
            return true;
    return false;
}

static void check_reasons(struct ctx *ctx, const json_t *reasons) {
    const json_t *one;
    size_t i, count = json_array_size(reasons);
    if (!json_is_array(reasons) || count < 1 || count > RULE_REASONS_MAX) {
        ctx_field_range(
            ctx, "when.reasons", json_is_array(reasons) ? "out_of_range" : "wrong_type", 1,
            RULE_REASONS_MAX,
            "when.reasons takes a list of 1 to 20 reasons, like [\"silence-timed-out\"].");
        return;
    }
    json_array_foreach(reasons, i, one) if (!json_word_of(one, REASON_CHARS_MAX))
        ctx_field(ctx, arena_printf(ctx->arena, "when.reasons[%zu]", i), "wrong_format",
                  "A reason is a word as calls give it, of at most 128 characters.");
}

static void check_when(struct ctx *ctx, const json_t *when, const char *event) {
    static const char *const KNOWN[] = { "event", "reasons", "direction" };
    const json_t *reasons = json_object_get(when, "reasons"),
                 *direction = json_object_get(when, "direction");
    const char *word = json_string_value(direction);
    unknown_in(ctx, when, "when", KNOWN, ARRAY_LEN(KNOWN));
    if (!is_happening(event)) {
        ctx_field(ctx, "when.event", event ? "unknown" : "required",
                  "when.event is call.ended, call.missed, call.summary, message.received, "
                  "budget.80, budget.exhausted, destination.disabled, connection.needs_attention "
                  "or event.dead.");
        return;
    }
    bool has_reasons = reasons && !json_is_null(reasons);
    bool has_direction = direction && !json_is_null(direction);
    if (has_reasons && strcmp(event, "call.ended") != 0)
        ctx_field(ctx, "when.reasons", "unsupported", "Only call.ended has reasons.");
    else if (has_reasons)
        check_reasons(ctx, reasons);
    if (has_direction && strcmp(event, "call.ended") != 0 && strcmp(event, "call.summary") != 0)
        ctx_field(ctx, "when.direction", "unsupported",
                  "Only call.ended and call.summary have a direction.");
    else if (has_direction &&
             (!word || (strcmp(word, "inbound") != 0 && strcmp(word, "outbound") != 0)))
        ctx_field(ctx, "when.direction", "wrong_format",
                  "when.direction is inbound or outbound; leave it out for both.");
}

/* --- then ------------------------------------------------------------------------------------ */

static bool has_caller(const char *event) {
    return strncmp(event, "call.", 5) == 0 || strcmp(event, "message.received") == 0;
}

/* A mail goes to an address or to the id of a member of the workspace; a text to a number. */
static const char *recipient_wrong(struct ctx *ctx, struct db_conn *c, bool is_sms,
                                   const char *one) {
    enum role role = ROLE_NONE;
    if (is_sms)
        return one && phone_takes_texts(str_of(one))
                   ? NULL
                   : "A text goes to a number, like +33612345678.";
    if (one && strncmp(one, "usr_", 4) == 0)
        return member_role(ctx, c, ctx->who.workspace_id, one, &role) == OK && role != ROLE_NONE
                   ? NULL
                   : "Nobody in this workspace has this id.";
    return one ? mailbox_wrong(str_of(one)) : "An address is a text, like mail@example.com.";
}

static void check_list(struct ctx *ctx, struct db_conn *c, const json_t *to, bool is_sms) {
    const json_t *one, *other;
    size_t i, k, count = json_array_size(to);
    if (count < 1 || count > RULE_RECIPIENTS_MAX) {
        ctx_field_range(ctx, "then.to", json_is_array(to) ? "out_of_range" : "wrong_type", 1,
                        RULE_RECIPIENTS_MAX,
                        "then.to is \"caller\", or a list of 1 to 10 people: addresses or ids for "
                        "mails, numbers for texts.");
        return;
    }
    json_array_foreach(to, i, one) {
        const char *field = arena_printf(ctx->arena, "then.to[%zu]", i);
        const char *wrong = recipient_wrong(ctx, c, is_sms, json_string_value(one));
        if (wrong)
            ctx_field(ctx, field, "wrong_format", wrong);
        json_array_foreach(to, k, other) if (k < i && json_equal(one, other))
            ctx_field(ctx, field, "duplicate", "This one stands there twice.");
    }
}

static void check_to(struct ctx *ctx, struct db_conn *c, const json_t *then, const char *event,
                     bool is_sms) {
    const json_t *to = json_object_get(then, "to");
    const char *word = json_string_value(to);
    if (!word || strcmp(word, "caller") != 0) {
        check_list(ctx, c, to, is_sms);
        return;
    }
    if (!is_sms)
        ctx_field(
            ctx, "then.to", "unsupported",
            "Ava knows no e-mail address of a caller: send a text, or name who gets the mail.");
    else if (is_happening(event) && !has_caller(event))
        ctx_field(ctx, "then.to", "unsupported", "Nobody calls or writes here: name who gets it.");
}

static void check_template(struct ctx *ctx, struct db_conn *c, const json_t *then, bool is_sms) {
    const char *name = json_text(then, "template");
    struct template_view v;
    bool found = false;
    if (!name) {
        ctx_field(
            ctx, "then.template", "required",
            "then.template is the name of a template, one of yours or one that comes with Ava.");
        return;
    }
    if (template_find(ctx, c, name, &v, &found) != OK || !found)
        ctx_field(ctx, "then.template", "unknown", "There is no template of this name.");
    else if (is_sms && !v.content.text.ptr)
        ctx_field(ctx, "then.template", "unsupported",
                  "This template has no text, which is what goes into a text message.");
}

static void check_then(struct ctx *ctx, struct db_conn *c, const json_t *then, const char *event) {
    static const char *const KNOWN[] = { "channel", "to", "template", "from" };
    const char *channel = json_text(then, "channel"), *from = json_text(then, "from");
    const json_t *given = json_object_get(then, "from");
    bool is_sms = channel && strcmp(channel, "sms") == 0, has_from = given && !json_is_null(given);
    unknown_in(ctx, then, "then", KNOWN, ARRAY_LEN(KNOWN));
    if (!is_sms && (!channel || strcmp(channel, "email") != 0)) {
        ctx_field(ctx, "then.channel", channel ? "unknown" : "required",
                  "then.channel is sms or email.");
        return;
    }
    check_to(ctx, c, then, event, is_sms);
    check_template(ctx, c, then, is_sms);
    if (has_from && !is_sms)
        ctx_field(ctx, "then.from", "unsupported", "Mails are from the address under Connections.");
    else if (has_from && (!from || !field_is_phone(from)))
        ctx_field(ctx, "then.from", "wrong_format",
                  "then.from is one of your numbers, like +14155550123.");
    else if (is_sms && !has_from && is_happening(event) && !has_caller(event))
        ctx_field(ctx, "then.from", "required",
                  "No number of yours was called here: say which one the text is from.");
}

/* --- quiet hours ----------------------------------------------------------------------------- */

static void check_quiet(struct ctx *ctx, const json_t *quiet) {
    static const char *const KNOWN[] = { "from", "to", "time_zone", "then" };
    const char *zone = json_text(quiet, "time_zone"), *then = json_text(quiet, "then");
    int from = -1, to = -1;
    if (!quiet || json_is_null(quiet))
        return;
    if (!json_is_object(quiet)) {
        ctx_field(ctx, "quiet_hours", "wrong_type", "quiet_hours is an object, or null.");
        return;
    }
    unknown_in(ctx, quiet, "quiet_hours", KNOWN, ARRAY_LEN(KNOWN));
    if (!quiet_parse(json_text(quiet, "from"), &from))
        ctx_field(ctx, "quiet_hours.from", "wrong_format", "Write the time like 22:00.");
    if (!quiet_parse(json_text(quiet, "to"), &to))
        ctx_field(ctx, "quiet_hours.to", "wrong_format", "Write the time like 07:00.");
    else if (from == to)
        ctx_field(ctx, "quiet_hours.to", "out_of_range",
                  "Quiet hours that end when they begin are none, or all: switch the rule off.");
    if (!zone || !zone_open(ctx->arena, str_of(zone)))
        ctx_field(ctx, "quiet_hours.time_zone", "wrong_format",
                  "The time zone is a name like Europe/Berlin.");
    if (!then || (strcmp(then, "later") != 0 && strcmp(then, "never") != 0))
        ctx_field(ctx, "quiet_hours.then", "wrong_format",
                  "quiet_hours.then is later (when they end) or never.");
}

void rule_fields_check(struct ctx *ctx, struct db_conn *c, const json_t *rule) {
    const json_t *when =
        object_of(ctx, rule, "when", "The field when is missing: {\"event\": \"call.missed\"}.");
    const json_t *then = object_of(
        ctx, rule, "then", "The field then is missing: {\"channel\", \"to\", \"template\"}.");
    const char *event = json_text(when, "event");
    if (when)
        check_when(ctx, when, event);
    if (then)
        check_then(ctx, c, then, event);
    check_quiet(ctx, json_object_get(rule, "quiet_hours"));
}
