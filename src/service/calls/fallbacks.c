#include "service/calls/fallbacks.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/etag.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "obs/fields.h"
#include "service/assistants/assistants.h"
#include "store/audit.h"
#include "store/fallbacks.h"

enum { ID_MAX = 128 };

static const char *const NAMES[FALLBACK_KINDS] = { "message", "voicemail", "forward", "assistant" };
static const char SENTENCE[] = "Nobody can take your call right now. Please call again later.";

const char *fallback_kind_name(enum fallback_kind k) {
    return NAMES[k];
}

static enum fallback_kind kind_of(const char *name) {
    enum fallback_kind k = 0;
    while (k < FALLBACK_KINDS && (!name || strcmp(NAMES[k], name) != 0))
        k++;
    return k;
}

static struct fallback from_row(const struct fallback_row *row) {
    if (!row->workspace_id)
        return (struct fallback){ .kind = FALLBACK_MESSAGE, .text = SENTENCE };
    return (struct fallback){ .kind = kind_of(row->kind),
                              .text = row->text,
                              .to = row->to,
                              .assistant_id = row->assistant_id,
                              .version = row->version,
                              .updated_ms = row->updated_ms };
}

void fallback_of(struct ctx *ctx, const char *workspace_id, struct fallback *out) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct fallback_row row;
    if (fallback_row_find(ctx, db_reader(ctx), workspace_id, &row) != OK)
        row.workspace_id = NULL;
    *out = from_row(&row);
}

const char *fallback_etag(struct ctx *ctx, const struct fallback *f) {
    return arena_printf(ctx->arena, "\"%lld\"", (long long)f->version);
}

/* --- changing it ----------------------------------------------------------------------------- */

/* A field that belongs to one kind: needed there, refused elsewhere. */
static bool belongs(struct ctx *ctx, const json_t *body, const char *name, bool is_its_kind,
                    const char *missing) {
    const json_t *value = json_object_get(body, name);
    bool is_there = value && !json_is_null(value);
    if (is_its_kind && !is_there)
        ctx_field(ctx, name, "required", missing);
    if (!is_its_kind && is_there)
        ctx_field(ctx, name, "unsupported",
                  arena_printf(ctx->arena, "The field %s has no meaning for this kind.", name));
    return is_its_kind && is_there;
}

static enum err check_body(struct ctx *ctx, const json_t *body, enum fallback_kind *kind) {
    static const char *const KNOWN[] = { "kind", "text", "to", "assistant_id" };
    *kind = kind_of(json_text(body, "kind"));
    if (*kind == FALLBACK_KINDS)
        ctx_field(ctx, "kind", json_object_get(body, "kind") ? "unsupported" : "required",
                  "The kind must be message, voicemail, forward or assistant.");
    field_text(ctx, body, "text", false, 1, FALLBACK_TEXT_MAX);
    if (*kind < FALLBACK_KINDS) {
        if (belongs(ctx, body, "to", *kind == FALLBACK_FORWARD, "Say which number to forward to."))
            field_phone(ctx, body, "to", "the number to forward to");
        if (belongs(ctx, body, "assistant_id", *kind == FALLBACK_ASSISTANT,
                    "Say which assistant answers."))
            field_text(ctx, body, "assistant_id", true, 1, ID_MAX);
    }
    return fields_known(ctx, body, KNOWN, ARRAY_LEN(KNOWN));
}

struct saving {
    struct fallback_row row;
    const char *etag;
};

static const char *detail_of(struct ctx *ctx, const struct fallback_row *row) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "kind", row->kind);
    jsonw_text_at(&w, "to", row->to);
    jsonw_text_at(&w, "assistant_id", row->assistant_id);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err save_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct saving *s = arg;
    struct fallback_row old;
    TRY(fallback_row_find(ctx, tx, s->row.workspace_id, &old));
    struct fallback was = from_row(&old);
    if (s->etag && !etag_matches(str_of(s->etag), fallback_etag(ctx, &was)))
        return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                        "Someone else changed what callers get meanwhile; read it again.");
    s->row.version = was.version + 1;
    s->row.created_ms = old.workspace_id ? old.created_ms : s->row.updated_ms;
    TRY(fallback_row_put(ctx, tx, &s->row));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "fallback.change",
                                             .object = s->row.kind,
                                             .detail = detail_of(ctx, &s->row) });
}

enum err fallback_save(struct ctx *ctx, const json_t *body, const char *etag,
                       struct fallback *out) {
    enum fallback_kind kind;
    const char *text = json_text(body, "text"), *assistant;
    TRY(check_body(ctx, body, &kind));
    TRY(assistant_resolve(ctx, json_text(body, "assistant_id"), &assistant));
    struct saving s = { .etag = etag,
                        .row = { .workspace_id = ctx->who.workspace_id,
                                 .kind = NAMES[kind],
                                 .text = text ? text : SENTENCE,
                                 .to = json_text(body, "to"),
                                 .assistant_id = assistant,
                                 .updated_ms = ava_wall_ms() } };
    TRY(db_write(ctx, save_write, &s));
    *out = from_row(&s.row);
    return OK;
}
