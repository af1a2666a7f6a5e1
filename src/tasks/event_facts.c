#include "tasks/event_facts.h"

#include "base/sift.h"
#include "vault/vault.h"

enum err event_content_open(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                            struct event_content *out) {
    struct sealed_place place = event_row_place(row);
    struct str plain;
    TRY(vault_unseal(ctx, c, &place, row->sealed, &plain));
    if (!event_content_unpack(ctx->arena, plain, out))
        return ctx_fail(ctx, ERR_INTERNAL, "Ava cannot read what it stored.");
    return OK;
}

enum err event_facts_read(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                          struct dialect_facts *out, const char **why) {
    const struct dialect *d = dialect_of(provider_parse(str_of(row->provider)));
    struct event_content content;
    enum sift_end how;
    *why = NULL;
    *out = (struct dialect_facts){ .call = { .provider_id = NULL } };
    if (!d->read_event) {
        *why = "This Ava does not know the provider it came from.";
        return OK;
    }
    TRY(event_content_open(ctx, c, row, &content));
    struct dialect_event event = { .type = row->type,
                                   .query = sift_text(ctx->arena, content.query, NULL, &how),
                                   .body =
                                       sift_text(ctx->arena, content.body, d->event_paths, &how),
                                   .received_ms = row->received_ms };
    *why = d->read_event(ctx, &event, out);
    if (*why && how == SIFT_BROKEN)
        *why = "It is not JSON.";
    else if (*why && how == SIFT_SHORT)
        *why = "It ends in the middle.";
    return OK;
}

const char *event_told(struct ctx *ctx, const struct dialect_facts *facts) {
    const char *status = facts->call.status, *told = facts->told;
    return arena_join(ctx->arena, status ? ", " : "", status ? status : "", told ? ", " : "",
                      told ? told : "");
}
