#include "service/messages/message_reports.h"

#include "base/clock.h"
#include "base/id.h"
#include "service/messages/messages.h"
#include "store/opt_outs.h"
#include "vault/vault.h"

/* A text that came in: it is heard of for the first time, and so is what its sender asks for. */
static enum err insert(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                       const char *provider, const struct message_facts *f,
                       struct message_row *row) {
    struct id id = id_make("msg");
    *row = (struct message_row){ .id = arena_strdup(ctx->arena, id.text),
                                 .workspace_id = workspace_id,
                                 .channel = "sms",
                                 .direction = "inbound",
                                 .provider = provider,
                                 .provider_id = f->provider_id,
                                 .to = f->to ? f->to : "",
                                 .from = f->from ? f->from : "",
                                 .status = "received",
                                 .created_ms = f->at_ms,
                                 .updated_ms = f->at_ms };
    struct sealed_place place = message_row_place(row);
    TRY(vault_seal(ctx, tx, &place, f->content, &row->sealed));
    TRY(message_row_insert(ctx, tx, row));
    struct opt_out_row asked = { .workspace_id = workspace_id,
                                 .address = row->from,
                                 .is_out = f->is_stop,
                                 .asked_ms = f->at_ms };
    return f->is_stop || f->is_start ? opt_out_row_put(ctx, tx, &asked) : OK;
}

enum err message_report_apply(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const char *provider, const struct message_facts *f,
                              struct str *shown) {
    struct message_row row;
    *shown = (struct str){ NULL, 0 };
    if (!f->provider_id)
        return OK;
    TRY(message_row_find_by_provider(ctx, tx, workspace_id, provider, f->provider_id, &row));
    if (!row.id && !f->is_received)
        return OK; /* sent by somebody else's hand */
    if (!row.id) {
        TRY(insert(ctx, tx, workspace_id, provider, f, &row));
    } else if (message_facts_apply(&row, f)) {
        row.updated_ms = ava_wall_ms();
        TRY(message_row_update(ctx, tx, &row));
    } else {
        return OK;
    }
    return message_show(ctx, tx, &row, shown);
}
