/* The audit log of a workspace. */
#include "routes/listing.h"
#include "routes/resources.h"
#include "service/upkeep/trail.h"

static enum err read_filter(struct ctx *ctx, struct call *call, void *filter) {
    return OK;
}

static void write_entry(struct jsonw *w, const struct audit_entry *e) {
    jsonw_object(w);
    jsonw_i64_at(w, "seq", e->seq);
    jsonw_time_at(w, "at", e->at_ms);
    jsonw_text_at(w, "actor", e->actor);
    jsonw_text_at(w, "action", e->action);
    jsonw_text_at(w, "object", e->object[0] ? e->object : NULL);
    jsonw_text_at(w, "outcome", e->outcome);
    jsonw_text_at(w, "correlation_id", e->correlation_id);
    jsonw_key(w, "detail");
    if (e->detail[0])
        jsonw_raw(w, str_of(e->detail));
    else
        jsonw_null(w);
    jsonw_object_end(w);
}

static enum err write_page(struct ctx *ctx, const void *filter, int limit, const char *cursor,
                           struct jsonw *w, const char **next) {
    struct audit_page page;
    int64_t before = 0;
    if (cursor && !str_to_i64(str_of(cursor), 1, INT64_MAX, &before)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    TRY(trail_list(ctx, before, limit, &page));
    for (size_t i = 0; i < page.count; i++)
        write_entry(w, &page.entries[i]);
    *next = page.has_more
                ? arena_printf(ctx->arena, "%lld", (long long)page.entries[page.count - 1].seq)
                : NULL;
    return OK;
}

static const char *const FILTERS[] = { NULL };
static const char *const COLUMNS[] = { "seq",     "at",     "actor",          "action", "object",
                                       "outcome", "detail", "correlation_id", NULL };
static const struct listing LISTING = {
    .name = "entries",
    .file = "audit",
    .filters = FILTERS,
    .columns = COLUMNS,
    .read_filter = read_filter,
    .page = write_page,
};

enum err get_audit(struct ctx *ctx, struct call *call) {
    return listing_reply(ctx, call, &LISTING);
}

enum err get_export_audit(struct ctx *ctx, struct call *call) {
    return listing_export(ctx, call, &LISTING);
}
