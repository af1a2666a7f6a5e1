#include "service/connections/webhook_health.h"

#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "service/connections/endpoint_known.h"
#include "store/messages.h"

enum { NOTE_EVERY_MS = 1000, NOTED_SLOTS = 256 };

enum webhook_health webhook_health_of(const struct webhook_signs *s, int64_t now_ms) {
    if (s->refused >= WEBHOOKS_REFUSED_MIN && s->refused_ms > s->saved_ms)
        return WEBHOOKS_REFUSED;
    if (s->sent_ms && now_ms - s->sent_ms >= WEBHOOKS_SILENT_MS)
        return WEBHOOKS_SILENT;
    return WEBHOOKS_FINE;
}

enum err webhook_health_read(struct ctx *ctx, enum provider p, int64_t saved_ms,
                             enum webhook_health *out, int64_t *since_ms) {
    const struct dialect_messages *messages = dialect_of(p)->messages;
    struct db_conn *c = db_reader(ctx);
    struct webhook_signs s = { .saved_ms = saved_ms };
    struct endpoint_row rows[16];
    int64_t after_ms = saved_ms;
    size_t count;
    *out = WEBHOOKS_FINE;
    *since_ms = 0;
    if (!messages || !messages->tells_of_each)
        return OK;
    TRY(endpoint_rows_list(ctx, c, ctx->who.workspace_id, ava_steady_ms(), rows, ARRAY_LEN(rows),
                           &count));
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].provider, provider_name(p)) != 0)
            continue;
        after_ms = rows[i].last_received_ms > after_ms ? rows[i].last_received_ms : after_ms;
        if (rows[i].refused_ms > s.refused_ms) {
            s.refused = rows[i].refused;
            s.refused_ms = rows[i].refused_ms;
        }
    }
    TRY(message_row_first_after(ctx, c, ctx->who.workspace_id, provider_name(p), after_ms,
                                &s.sent_ms));
    *out = webhook_health_of(&s, ava_wall_ms());
    *since_ms = *out == WEBHOOKS_REFUSED ? s.refused_ms : *out == WEBHOOKS_SILENT ? s.sent_ms : 0;
    return OK;
}

/* Of many that come at once one notes it: which address was noted in which second. */
static _Atomic uint64_t noted[NOTED_SLOTS];

static bool is_first(const struct endpoint_row *endpoint, int64_t at_ms) {
    uint64_t address = 14695981039346656037u, second = (uint64_t)(at_ms / NOTE_EVERY_MS);
    for (const char *p = endpoint->id; *p; p++) /* FNV-1a */
        address = (address ^ (unsigned char)*p) * 1099511628211u;
    uint64_t now = address << 32 | (second & UINT32_MAX);
    return atomic_exchange(&noted[address % NOTED_SLOTS], now) != now;
}

struct note {
    const struct endpoint_row *endpoint;
    int64_t at_ms;
};

static enum err good_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct note *n = arg;
    return endpoint_row_touch(ctx, tx, n->endpoint->id, n->at_ms);
}

void webhook_health_good(struct ctx *ctx, const struct endpoint_row *endpoint) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct note n = { endpoint, ava_wall_ms() };
    if (endpoint->refused ||
        (n.at_ms - endpoint->last_received_ms > NOTE_EVERY_MS && is_first(endpoint, n.at_ms)))
        if (db_write_beside(ctx, good_write, &n) == OK)
            endpoint_forget(endpoint->token_hash);
}

static enum err refused_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct note *n = arg;
    return endpoint_row_refuse(ctx, tx, n->endpoint->id, n->at_ms, NOTE_EVERY_MS);
}

bool webhook_health_refused(struct ctx *ctx, const struct endpoint_row *endpoint) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    struct note n = { endpoint, ava_wall_ms() };
    int64_t since_ms = n.at_ms - endpoint->refused_ms;
    if (since_ms >= 0 && since_ms < NOTE_EVERY_MS)
        return false;
    if (db_write(ctx, refused_write, &n) != OK)
        return false;
    endpoint_forget(endpoint->token_hash);
    return endpoint->refused + 1 == WEBHOOKS_REFUSED_MIN;
}
