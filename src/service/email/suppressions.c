#include "service/email/suppressions.h"

#include <string.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/mailbox.h"
#include "obs/fields.h"
#include "store/audit.h"
#include "store/emails.h"
#include "store/messages.h"

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

/* What became of that mail at this address: only a provider can tell that it came back, nobody by hand. */
static enum err take_told(struct ctx *ctx, struct db_conn *tx, struct suppression_row *row) {
    struct email_recipient_row to[EMAIL_RECIPIENTS_MAX];
    struct message_row mail;
    size_t count = 0;
    TRY(message_row_find(ctx, tx, row->workspace_id, row->message_id, &mail));
    if (mail.id)
        TRY(email_recipient_rows_of(ctx, tx, mail.id, to, &count));
    for (size_t i = 0; i < count; i++) {
        bool is_told = strcmp(to[i].status, "bounced") == 0 || !strcmp(to[i].status, "complained");
        if (!is_told || strcmp(to[i].address_key, row->address_key) != 0)
            continue;
        row->reason = to[i].status;
        row->detail = to[i].error;
        return OK;
    }
    ctx_field(ctx, "message_id", "unknown",
              "No mail of this id came back from this address, or was unwanted there.");
    return ctx_fields_ok(ctx);
}

static enum err add_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct adding *a = arg;
    bool is_new;
    if (a->row.message_id)
        TRY(take_told(ctx, tx, &a->row));
    TRY(suppression_row_put(ctx, tx, &a->row, &is_new));
    TRY(suppression_row_find(ctx, tx, a->row.workspace_id, a->row.address_key, a->out));
    if (is_new)
        TRY(audit_write(ctx, tx,
                        (struct audit_entry){ .action = "suppression.add", .object = a->row.id }));
    return ctx_answer_in(ctx, tx);
}

enum err suppression_add(struct ctx *ctx, const struct suppression_wish *wish,
                         struct suppression_row *out) {
    struct id id = id_make("sup");
    struct adding a = { .row = { .id = id.text,
                                 .workspace_id = ctx->who.workspace_id,
                                 .address_key = mailbox_key(ctx->arena, str_of(wish->address)),
                                 .reason = "asked",
                                 .detail = wish->detail,
                                 .message_id = wish->message_id,
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
