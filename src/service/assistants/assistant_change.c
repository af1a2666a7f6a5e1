#include "service/assistants/assistant_change.h"

#include <string.h>

#include "base/clock.h"
#include "base/etag.h"
#include "base/id.h"
#include "base/json.h"
#include "base/tree.h"
#include "providers/vapi_assistants.h"
#include "service/assistants/assistant_config.h"
#include "service/assistants/assistants.h"
#include "tasks/feed.h"

enum err assistant_turn(struct ctx *ctx, const char *provider_id, bool may_share,
                        struct turn *turn) {
    const char *what = arena_join(ctx->arena, ctx->who.workspace_id, "/", provider_id);
    return turn_take(ctx, what, may_share, turn);
}

enum err assistant_match(struct ctx *ctx, const struct assistant_row *row, const char *if_match) {
    const char *etag = arena_printf(ctx->arena, "\"%lld\"", (long long)row->version);
    if (!if_match || etag_matches(str_of(if_match), etag))
        return OK;
    return ctx_fail(ctx, ERR_VERSION_CONFLICT,
                    "This assistant is at version %lld by now; read that one, compare, and send "
                    "your change for it.",
                    (long long)row->version);
}

/* When Vapi changed the assistant last; 0 when it does not say. */
static int64_t last_change(const json_t *whole) {
    const char *text = json_text(whole, "updatedAt");
    int64_t ms = 0;
    if (text)
        clock_parse_rfc3339(text, strlen(text), &ms);
    return ms;
}

bool assistant_is_as_seen(const struct assistant_row *row, const json_t *whole) {
    return last_change(whole) == row->updated_ms;
}

/* Whoever watches gets what reading it would give. */
static void tell(struct ctx *ctx, const struct lent *lent, const struct assistant_moment *now) {
    const char *id = now->row.provider_id;
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    struct assistant_view v = {
        .row = now->row,
        .config = assistant_config_of(ctx, now->whole),
        .is_in_use = lent->account.assistant_id && strcmp(id, lent->account.assistant_id) == 0,
    };
    assistant_write(ctx, &w, &v);
    feed_publish(ctx->parts->feed, now->row.workspace_id, ASSISTANT_CREATE.event, buf_view(&b));
    buf_fini(&b);
}

/* --- what Vapi has --------------------------------------------------------------------------- */

struct seeing {
    const char *provider_id;
    bool is_theirs; /* what changed, somebody changed at Vapi */
    struct assistant_moment *moment;
};

/* Takes the assistant under Ava's care: its first version, or one more after it was deleted. */
static enum err adopt(struct ctx *ctx, struct db_conn *tx, const struct seeing *s) {
    struct assistant_row *row = &s->moment->row;
    static const struct assistant_note IMPORTED = { .what = "imported", .is_ours = true };
    if (!row->id) {
        struct id id = id_make("asst");
        *row = (struct assistant_row){ .id = arena_strdup(ctx->arena, id.text),
                                       .workspace_id = ctx->who.workspace_id,
                                       .provider_id = s->provider_id };
    }
    row->deleted_ms = 0;
    TRY(assistant_version_add(ctx, tx, row, s->moment->whole, &IMPORTED));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "assistant.import", .object = row->id });
}

/* Writes down what was seen at Vapi: a version without author when the configuration differs, only
 * the date when it does not. */
static enum err see_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    static const struct assistant_note THEIRS = { .what = "changed_at_provider" };
    const struct seeing *s = arg;
    struct assistant_row *row = &s->moment->row;
    const json_t *whole = s->moment->whole;
    json_t *known;
    TRY(assistant_row_find_by_provider(ctx, tx, ctx->who.workspace_id, s->provider_id, row));
    if (!row->id || row->deleted_ms)
        return adopt(ctx, tx, s);
    if (!s->is_theirs || last_change(whole) <= row->updated_ms)
        return OK;
    TRY(assistant_version_config(ctx, tx, row, row->version, &known));
    if (!tree_same(known, assistant_config_of(ctx, whole)))
        return assistant_version_add(ctx, tx, row, whole, &THEIRS);
    row->updated_ms = last_change(whole);
    return assistant_row_update(ctx, tx, row);
}

enum err assistant_look(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                        struct turn *turn, struct assistant_moment *out) {
    const json_t *whole;
    TRY(vapi_assistant_read(ctx, &lent->ref, provider_id, &whole));
    struct seeing s = { provider_id, turn_is_alone(turn), out };
    out->whole = whole;
    TRY(assistant_row_find_by_provider(ctx, db_reader(ctx), ctx->who.workspace_id, provider_id,
                                       &out->row));
    bool is_held = out->row.id && !out->row.deleted_ms;
    if (is_held && (!s.is_theirs || assistant_is_as_seen(&out->row, whole)))
        return OK;
    TRY(db_write(ctx, see_write, &s));
    vapi_assistant_forget(ctx, &lent->ref, provider_id);
    tell(ctx, lent, out);
    return OK;
}

/* --- changing it ----------------------------------------------------------------------------- */

struct committing {
    const struct assistant_change *change;
    const json_t *was;
    struct assistant_moment *now;
};

/* Two shared changes can commit in the opposite order of their PATCHes. The one that Vapi dated
 * later already contains this one, so its configuration is kept as the newest. */
static enum err add_version(struct ctx *ctx, struct db_conn *tx, const struct committing *c) {
    struct assistant_row *row = &c->now->row;
    json_t *newest;
    if (!c->change->may_share || last_change(c->now->whole) > row->updated_ms)
        return assistant_version_add(ctx, tx, row, c->now->whole, &c->change->note);
    TRY(assistant_version_config(ctx, tx, row, row->version, &newest));
    return assistant_version_add(ctx, tx, row, newest, &c->change->note);
}

/* Writes the version and the audit entry after the PATCH. */
static enum err commit_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct committing *c = arg;
    struct audit_entry audit = c->change->audit;
    struct assistant_row *row = &c->now->row;
    TRY(assistant_row_find_by_provider(ctx, tx, row->workspace_id, row->provider_id, row));
    if (!tree_same(assistant_config_of(ctx, c->was), assistant_config_of(ctx, c->now->whole)))
        TRY(add_version(ctx, tx, c));
    audit.object = audit.object ? audit.object : row->id;
    return audit_write(ctx, tx, audit);
}

/* Sends the PATCH; out->whole: as Vapi has it then. */
static enum err send(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                     struct str patch, struct assistant_moment *out,
                     struct upstream_answer *answer) {
    const json_t *whole;
    TRY(vapi_assistant_write(ctx, &lent->ref, provider_id, patch, &whole, answer));
    out->whole = whole;
    return OK;
}

/* Read, compare with If-Match, decide, send, write down; the turn is held. */
static enum err change_in_turn(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                               const struct assistant_change *change, struct turn *turn,
                               struct assistant_moment *out, struct upstream_answer *answer) {
    struct str patch = { NULL, 0 };
    TRY(assistant_look(ctx, lent, provider_id, turn, out));
    TRY(assistant_match(ctx, &out->row, change->if_match));
    TRY(change->make(ctx, out, change->arg, &patch));
    if (patch.len == 0)
        return OK;
    TRY(db_write_probe(ctx, 0)); /* no change at the provider that could not be written down */
    struct committing c = { change, out->whole, out };
    TRY(send(ctx, lent, provider_id, patch, out, answer));
    enum err e = db_write(ctx, commit_write, &c);
    if (e != OK)
        return ctx_fail(
            ctx, e, "It was changed at Vapi, but Ava could not write that down; read it again.");
    tell(ctx, lent, out);
    return OK;
}

enum err assistant_change(struct ctx *ctx, const struct lent *lent, const char *provider_id,
                          const struct assistant_change *change, struct assistant_moment *out,
                          struct upstream_answer *answer) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    TRY(assistant_turn(ctx, provider_id, change->may_share, &turn));
    return change_in_turn(ctx, lent, provider_id, change, &turn, out, answer);
}
