#include "service/numbers/number_point.h"

#include "providers/twilio_number.h"
#include "service/numbers/number_walk.h"
#include "service/numbers/numbers.h"
#include "store/audit.h"

/* The row of it; and the number as Twilio has it. */
static enum err find(struct ctx *ctx, const struct lent *twilio, const char *which,
                     struct number_row *row, json_t **number) {
    struct db_conn *c = db_reader(ctx);
    bool is_busy;
    TRY(twilio_number_read(ctx, &twilio->ref, twilio->account.account_sid, which, number));
    if (!*number)
        return ctx_fail(ctx, ERR_NOT_FOUND, "The Twilio account has no number %s.", which);
    const char *sid = json_string_value(json_object_get(*number, "provider_id"));
    TRY(number_row_find_by_provider(ctx, c, ctx->who.workspace_id, sid, row));
    if (!number_is_held(row))
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "%s is not in Ava's care; import it under Numbers first.", which);
    TRY(number_row_is_busy(ctx, c, row->workspace_id, row->provider_id, &is_busy));
    return is_busy ? ctx_fail(ctx, ERR_INVALID, "%s is being imported; wait for its end.", which)
                   : OK;
}

/* Whose ways they were when it was imported: with Vapi its calls, and its texts if they still go there. */
static enum err wish_of(struct ctx *ctx, const struct number_row *row, const json_t *routes,
                        struct number_wish *wish, bool *is_vapis_lost) {
    struct db_conn *c = db_reader(ctx);
    enum number_party calls, texts;
    TRY(number_leads_to(ctx, c, routes, NUMBER_CALLS, &calls));
    TRY(number_leads_to(ctx, c, routes, NUMBER_TEXTS, &texts));
    *wish = (struct number_wish){ .vapi = row->vapi_id != NULL };
    wish->texts_to_vapi = wish->vapi && texts == NUMBER_VAPI;
    *is_vapis_lost = wish->vapi && calls != NUMBER_VAPI;
    return OK;
}

static enum err find_taken(struct ctx *ctx, const struct number_wish *wish, const json_t *routes,
                           struct number_pointed *out) {
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        enum number_party p;
        bool is_fallback = way == NUMBER_CALLS_FALLBACK || way == NUMBER_TEXTS_FALLBACK;
        TRY(number_leads_to(ctx, db_reader(ctx), routes, way, &p));
        if (!number_way_is_ours(wish, way) || p == NUMBER_AVA ||
            (is_fallback && p == NUMBER_NOBODY))
            continue;
        out->taken |= 1u << way;
        if (p != NUMBER_NOBODY)
            out->from[way] = number_who(ctx, routes, way);
    }
    return OK;
}

static enum err note(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_write(ctx, tx, *(const struct audit_entry *)arg);
}

enum err number_point(struct ctx *ctx, const char *which, bool is_rehearsal,
                      struct number_pointed *out) {
    struct lent twilio;
    struct number_row row;
    struct number_wish wish;
    json_t *number, *wanted;
    *out = (struct number_pointed){ 0 };
    TRY(number_lend(ctx, &twilio));
    TRY(find(ctx, &twilio, which, &row, &number));
    const json_t *routes = json_object_get(number, "routes");
    out->id = row.id;
    out->phone_number = row.phone_number;
    TRY(wish_of(ctx, &row, routes, &wish, &out->is_vapis_lost));
    TRY(find_taken(ctx, &wish, routes, out));
    TRY(number_routes_wanted(ctx, &wish, routes, &wanted));
    out->is_changed = json_object_size(wanted) > 0;
    if (is_rehearsal || !out->is_changed)
        return OK;
    struct audit_entry entry = { .action = "number.point",
                                 .object = row.id,
                                 .detail = number_changes(ctx, wanted) };
    TRY(db_write_probe(ctx, 0));
    TRY(twilio_number_route(ctx, &twilio.ref, twilio.account.account_sid, row.provider_id, wanted,
                            &number));
    return db_write(ctx, note, &entry);
}
