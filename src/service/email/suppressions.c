#include "service/email/suppressions.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/mailbox.h"
#include "store/audit.h"

enum err suppressions_list(struct ctx *ctx, const char *address, const char *before_id, int limit,
                           struct suppression_row *out, size_t *count) {
    const char *key = address ? mailbox_key(ctx->arena, str_of(address)) : NULL;
    return suppression_rows_list(ctx, db_reader(ctx), ctx->who.workspace_id, key, before_id, limit,
                                 out, count);
}

struct adding {
    struct suppression_row row;
    struct suppression_row *out;
};

static enum err add_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct adding *a = arg;
    bool is_new;
    TRY(suppression_row_put(ctx, tx, &a->row, &is_new));
    TRY(suppression_row_find(ctx, tx, a->row.workspace_id, a->row.address_key, a->out));
    if (is_new)
        TRY(audit_write(ctx, tx,
                        (struct audit_entry){ .action = "suppression.add", .object = a->row.id }));
    return ctx_answer_in(ctx, tx);
}

enum err suppression_add(struct ctx *ctx, const char *address, const char *detail,
                         struct suppression_row *out) {
    struct id id = id_make("sup");
    struct adding a = { .row = { .id = id.text,
                                 .workspace_id = ctx->who.workspace_id,
                                 .address_key = mailbox_key(ctx->arena, str_of(address)),
                                 .reason = "asked",
                                 .detail = detail,
                                 .created_ms = ava_wall_ms() },
                        .out = out };
    return db_write(ctx, add_write, &a);
}

static enum err lift_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *id = arg;
    bool found;
    TRY(suppression_row_delete(ctx, tx, ctx->who.workspace_id, id, &found));
    if (!found)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such suppression.");
    return audit_write(ctx, tx, (struct audit_entry){ .action = "suppression.lift", .object = id });
}

enum err suppression_lift(struct ctx *ctx, const char *id) {
    return db_write(ctx, lift_write, (void *)id);
}

void suppression_write(struct jsonw *w, const struct suppression_row *row) {
    jsonw_object(w);
    jsonw_text_at(w, "id", row->id);
    jsonw_text_at(w, "address", row->address_key);
    jsonw_text_at(w, "reason", row->reason);
    jsonw_text_at(w, "detail", row->detail);
    jsonw_text_at(w, "message_id", row->message_id);
    jsonw_time_at(w, "created_at", row->created_ms);
    jsonw_object_end(w);
}
