#include "tasks/event_facts.h"

#include "base/fiber.h"
#include "base/sift.h"
#include "vault/vault.h"

enum { SLOW_BYTES = 64 * 1024 /* to be unpacked and read beside the loop */ };

/* One that is being opened, and read where paths are given. */
struct opening {
    struct arena *arena;
    struct str plain;
    struct event_content *content;
    bool is_read; /* too, below */
    const char *const *paths;
    json_t *query, *body;
    enum sift_end how;
    bool is_good;
};

static void unpack(void *arg) {
    struct opening *o = arg;
    enum sift_end ignored;
    o->is_good = event_content_unpack(o->arena, o->plain, o->content);
    if (!o->is_good || !o->is_read)
        return;
    o->query = sift_text(o->arena, o->content->query, NULL, &ignored);
    o->body = sift_text(o->arena, o->content->body, o->paths, &o->how);
}

/* Waits, where it is much. */
static enum err open_row(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                         struct opening *o) {
    struct sealed_place place = event_row_place(row);
    TRY(vault_unseal(ctx, c, &place, row->sealed, &o->plain));
    o->arena = ctx->arena;
    if (o->plain.len > SLOW_BYTES)
        fiber_offload(unpack, o);
    else
        unpack(o);
    return o->is_good ? OK : ctx_fail(ctx, ERR_INTERNAL, "Ava cannot read what it stored.");
}

enum err event_content_open(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                            struct event_content *out) {
    struct opening o = { .content = out };
    return open_row(ctx, c, row, &o);
}

enum err event_facts_read(struct ctx *ctx, struct db_conn *c, const struct event_row *row,
                          struct dialect_facts *out, const char **why) {
    const struct dialect *d = dialect_of(provider_parse(str_of(row->provider)));
    struct event_content content;
    struct opening o = { .content = &content, .is_read = true, .paths = d->event_paths };
    *why = NULL;
    *out = (struct dialect_facts){ .call = { .provider_id = NULL } };
    if (!d->read_event) {
        *why = "This Ava does not know the provider it came from.";
        return OK;
    }
    TRY(open_row(ctx, c, row, &o));
    struct dialect_event event = {
        .type = row->type, .query = o.query, .body = o.body, .received_ms = row->received_ms
    };
    *why = d->read_event(ctx, &event, out);
    if (*why && o.how == SIFT_BROKEN)
        *why = "It is not JSON.";
    else if (*why && o.how == SIFT_SHORT)
        *why = "It ends in the middle.";
    return OK;
}

const char *event_told(struct ctx *ctx, const struct dialect_facts *facts) {
    const char *status = facts->call.status, *told = facts->told;
    return arena_join(ctx->arena, status ? ", " : "", status ? status : "", told ? ", " : "",
                      told ? told : "");
}
