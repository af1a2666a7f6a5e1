#include "service/notices/rules.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/json.h"
#include "base/phone.h"
#include "base/sift.h"
#include "obs/fields.h"
#include "service/notices/rule_fields.h"
#include "store/audit.h"
#include "store/people.h"
#include "tasks/jobs.h"

enum { NAME_CHARS_MAX = 100 };
static const char NONE[] = "There is no such rule.";
static const char *const PARTS[] = { "when", "then", "quiet_hours" };

/* --- presets --------------------------------------------------------------------------------- */

/* What one click makes; "@" is whoever clicks. */
static const struct {
    const char *name, *rule;
} PRESETS[] = {
    { "text_back", "{\"name\":\"Text back whoever we missed\",\"when\":{\"event\":\"call.missed\"},"
                   "\"then\":{\"channel\":\"sms\",\"to\":\"caller\",\"template\":\"text_back\"}}" },
    { "missed_call",
      "{\"name\":\"Mail me each missed call\",\"when\":{\"event\":\"call.missed\"},"
      "\"then\":{\"channel\":\"email\",\"to\":[\"@\"],\"template\":\"missed_call\"}}" },
    { "call_summary",
      "{\"name\":\"Mail me what calls were about\","
      "\"when\":{\"event\":\"call.summary\"},"
      "\"then\":{\"channel\":\"email\",\"to\":[\"@\"],\"template\":\"call_summary\"}}" },
    { "budget", "{\"name\":\"Mail me when the budget runs out\","
                "\"when\":{\"event\":\"budget.80\"},"
                "\"then\":{\"channel\":\"email\",\"to\":[\"@\"],\"template\":\"alert\"}}" },
};

/* The preset that the body names, as a tree of its own; NULL: it names none, or one that there is not (then noted). */
static json_t *preset_of(struct ctx *ctx, const json_t *body) {
    const json_t *value = json_object_get(body, "preset");
    const char *name = json_string_value(value);
    if (!value || json_is_null(value))
        return NULL;
    for (size_t i = 0; name && i < ARRAY_LEN(PRESETS); i++) {
        if (strcmp(PRESETS[i].name, name) != 0)
            continue;
        struct str rest = str_of(PRESETS[i].rule), head = str_cut(rest, '@', &rest);
        const char *text = str_dup(ctx->arena, head);
        if (rest.ptr)
            text = arena_join(ctx->arena, text, ctx->who.user_id, str_dup(ctx->arena, rest));
        return sift_own(ctx->arena, str_of(text));
    }
    ctx_field(ctx, "preset", "unknown",
              "The preset is text_back, missed_call, call_summary or budget.");
    return NULL;
}

/* --- what people write ----------------------------------------------------------------------- */

/* The part as the body gives it, else as it was. */
static const json_t *part_of(const json_t *body, const json_t *was, const char *name) {
    const json_t *given = json_object_get(body, name);
    return given ? given : json_object_get(was, name);
}

/* The row from the body, over what was (NULL: nothing): all of it is checked together. */
static enum err read_body(struct ctx *ctx, struct db_conn *c, const json_t *body, const json_t *was,
                          struct rule_row *row) {
    static const char *const KNOWN[] = {
        "name", "enabled", "when", "then", "quiet_hours", "preset"
    };
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    const json_t *enabled = json_object_get(body, "enabled");
    const char *name =
        field_name(ctx, body, "name", !json_text(was, "name") && !row->name, NAME_CHARS_MAX);
    row->name = name ? name : json_text(was, "name") ? json_text(was, "name") : row->name;
    bool is_on = field_bool(ctx, body, "enabled");
    if (enabled && !json_is_null(enabled) && is_on != row->enabled) {
        row->enabled = is_on;
        row->since_ms = ava_wall_ms();
    }
    bool is_told = !row->created_ms;
    jsonw_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        const json_t *part = part_of(body, was, PARTS[i]);
        is_told |= json_object_get(body, PARTS[i]) != NULL;
        jsonw_key(&w, PARTS[i]);
        if (part)
            jsonw_tree(&w, part);
        else
            jsonw_null(&w);
    }
    jsonw_object_end(&w);
    row->definition = str_dup(ctx->arena, buf_view(b));
    const json_t *rule = sift_own(ctx->arena, str_of(row->definition));
    if (is_told) /* a rule whose template is gone can still be switched off */
        rule_fields_check(ctx, c, rule);
    const char *event = json_text(json_object_get(rule, "when"), "event");
    row->event = event ? event : "";
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN) - (row->created_ms ? 1 : 0));
}

/* --- changes --------------------------------------------------------------------------------- */

static enum err audit(struct ctx *ctx, struct db_conn *tx, const char *action,
                      const struct rule_row *r) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "name", r->name);
    jsonw_text_at(&w, "event", r->event);
    jsonw_bool_at(&w, "enabled", r->enabled);
    jsonw_object_end(&w);
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = r->workspace_id,
                                             .action = action,
                                             .object = r->id,
                                             .detail = str_dup(ctx->arena, buf_view(b)) });
}

static enum err create_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct rule_row *row = arg;
    struct rule_row *others = arena_alloc(ctx->arena, RULES_MAX * sizeof *others);
    size_t count;
    TRY(rule_rows_list(ctx, tx, row->workspace_id, NULL, RULES_MAX, others, &count));
    if (count == RULES_MAX)
        return ctx_fail(ctx, ERR_INVALID, "A workspace has at most %d rules; remove one first.",
                        RULES_MAX);
    TRY(rule_row_insert(ctx, tx, row));
    TRY(audit(ctx, tx, "rule.create", row));
    return ctx_answer_in(ctx, tx);
}

enum err rule_create(struct ctx *ctx, const json_t *body, struct rule_row *out) {
    struct id id = id_make("rule");
    int64_t now_ms = ava_wall_ms();
    *out = (struct rule_row){ .workspace_id = ctx->who.workspace_id,
                              .enabled = true,
                              .since_ms = now_ms };
    const json_t *preset = preset_of(ctx, body);
    TRY(read_body(ctx, db_reader(ctx), body, preset, out));
    out->id = arena_strdup(ctx->arena, id.text);
    out->created_ms = out->updated_ms = now_ms;
    return db_write(ctx, create_write, out);
}

static enum err find(struct ctx *ctx, struct db_conn *c, const char *id, struct rule_row *out) {
    TRY(rule_row_find(ctx, c, ctx->who.workspace_id, id, out));
    return out->id ? OK : ctx_fail(ctx, ERR_NOT_FOUND, "%s", NONE);
}

enum err rule_read(struct ctx *ctx, const char *id, struct rule_row *out) {
    return find(ctx, db_reader(ctx), id, out);
}

enum err rule_list(struct ctx *ctx, const char *before_id, int limit, struct rule_row *out,
                   size_t *count) {
    return rule_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, before_id, limit, out, count);
}

struct change {
    const char *id;
    const json_t *body;
    struct rule_row *out;
};

/* Read and checked within the write: two changes of different parts are both there in the end. */
static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    TRY(find(ctx, tx, c->id, c->out));
    TRY(read_body(ctx, tx, c->body, sift_own(ctx->arena, str_of(c->out->definition)), c->out));
    c->out->updated_ms = ava_wall_ms();
    TRY(rule_row_update(ctx, tx, c->out));
    return audit(ctx, tx, "rule.change", c->out);
}

enum err rule_change(struct ctx *ctx, const char *id, const json_t *body, struct rule_row *out) {
    TRY(rule_read(ctx, id, out)); /* whoever may not know of it hears nothing of fields */
    return db_write(ctx, change_write, &(struct change){ .id = id, .body = body, .out = out });
}

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    TRY(find(ctx, tx, c->id, c->out));
    TRY(rule_row_delete(ctx, tx, c->out->workspace_id, c->id));
    return audit(ctx, tx, "rule.remove", c->out);
}

enum err rule_remove(struct ctx *ctx, const char *id) {
    struct rule_row was;
    return db_write(ctx, remove_write, &(struct change){ .id = id, .out = &was });
}

enum err rule_uses(struct ctx *ctx, const char *id, const char *before_id, int limit,
                   struct rule_use_row *out, size_t *count) {
    struct db_conn *c = db_reader(ctx);
    struct rule_row rule;
    TRY(find(ctx, c, id, &rule));
    return rule_use_rows_list(ctx, c, id, before_id, limit, out, count);
}

/* --- seen from outside ----------------------------------------------------------------------- */

void rule_write(struct ctx *ctx, struct jsonw *w, const struct rule_row *r) {
    const json_t *rule = sift_own(ctx->arena, str_of(r->definition));
    jsonw_object(w);
    jsonw_text_at(w, "id", r->id);
    jsonw_text_at(w, "name", r->name);
    jsonw_bool_at(w, "enabled", r->enabled);
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        jsonw_key(w, PARTS[i]);
        jsonw_tree(w, json_object_get(rule, PARTS[i]));
    }
    jsonw_time_at(w, "created_at", r->created_ms);
    jsonw_time_at(w, "updated_at", r->updated_ms);
    jsonw_object_end(w);
}

void rule_use_write(struct jsonw *w, const struct rule_use_row *u) {
    bool waits = strcmp(u->status, "waiting") == 0;
    const char *who = u->who && !phone_is_withheld(str_of(u->who)) ? u->who : NULL;
    jsonw_object(w);
    jsonw_text_at(w, "id", u->id);
    jsonw_text_at(w, "rule_id", u->rule_id);
    jsonw_text_at(w, "event", u->event);
    jsonw_text_at(w, "status", u->status);
    jsonw_text_at(w, "reason", u->reason);
    jsonw_text_at(w, "detail", u->detail);
    jsonw_text_at(w, "to", strcmp(u->recipient, "caller") == 0 ? who : u->recipient);
    jsonw_text_at(w, "caller", who);
    jsonw_text_at(w, "call_id", u->call_id);
    jsonw_text_at(w, "event_id", u->event_id);
    jsonw_text_at(w, "message_id", u->sent_message_id);
    jsonw_text_at(w, "message_status", u->sent_status);
    jsonw_time_at(w, "happened_at", u->happened_ms);
    jsonw_time_at(w, "due_at", waits ? u->due_ms : 0);
    jsonw_time_at(w, "settled_at", u->settled_ms);
    jsonw_object_end(w);
}

bool rule_quiet(struct ctx *ctx, const json_t *definition, struct quiet_hours *out,
                struct zone **zone) {
    const json_t *quiet = json_object_get(definition, "quiet_hours");
    const char *name = json_text(quiet, "time_zone");
    *zone = name ? zone_open(ctx->arena, str_of(name)) : NULL;
    if (!*zone)
        *zone = zone_open(ctx->arena, STR("UTC"));
    return quiet_parse(json_text(quiet, "from"), &out->from_min) &&
           quiet_parse(json_text(quiet, "to"), &out->to_min);
}
