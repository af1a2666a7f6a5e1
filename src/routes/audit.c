/* The audit log: reading it, and whether it is as it was written. */
#include <string.h>

#include "base/encode.h"
#include "routes/listing.h"
#include "routes/resources.h"
#include "service/upkeep/audit_verifier.h"
#include "service/upkeep/trail.h"

/* --- the list -------------------------------------------------------------------------------- */

static void write_entry(struct jsonw *w, const struct audit_shown *shown) {
    const struct audit_entry *e = &shown->entry;
    jsonw_object(w);
    jsonw_i64_at(w, "seq", e->seq);
    jsonw_time_at(w, "at", e->at_ms);
    jsonw_text_at(w, "actor", e->actor);
    jsonw_text_at(w, "actor_name", shown->actor_name);
    jsonw_text_at(w, "action", e->action);
    jsonw_text_at(w, "object", e->object[0] ? e->object : NULL);
    jsonw_text_at(w, "object_name", shown->object_name);
    jsonw_text_at(w, "outcome", e->outcome);
    jsonw_text_at(w, "correlation_id", e->correlation_id);
    jsonw_key(w, "detail");
    if (e->detail[0])
        jsonw_raw(w, str_of(e->detail));
    else
        jsonw_null(w);
    jsonw_object_end(w);
}

struct filter {
    struct audit_filter of;
    bool of_installation;
};

static enum err read_filter(struct ctx *ctx, struct call *call, void *filter) {
    struct filter *f = filter;
    f->of = (struct audit_filter){ .actor = input_query(ctx, call, "actor"),
                                   .action = input_query(ctx, call, "action"),
                                   .outcome = input_choice(ctx, call, "outcome", "ok", "failed"),
                                   .since_ms = input_time(ctx, call, "since"),
                                   .until_ms = input_time(ctx, call, "until") };
    const char *of = input_choice(ctx, call, "of", "workspace", "installation");
    f->of_installation = of && strcmp(of, "installation") == 0;
    return OK;
}

static enum err write_page(struct ctx *ctx, const void *filter, int limit, const char *cursor,
                           struct jsonw *w, const char **next) {
    const struct filter *f = filter;
    struct audit_page page;
    int64_t before = 0;
    if (cursor && !str_to_i64(str_of(cursor), 1, INT64_MAX, &before)) {
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
        return ctx_fields_ok(ctx);
    }
    TRY(trail_list(ctx, f->of, f->of_installation, before, limit, &page));
    for (size_t i = 0; i < page.count; i++)
        write_entry(w, &page.entries[i]);
    *next = page.next_seq ? arena_printf(ctx->arena, "%lld", (long long)page.next_seq) : NULL;
    return OK;
}

static const char *const FILTERS[] = { "actor", "action", "outcome", "since", "until", "of", NULL };
static const char *const COLUMNS[] = {
    "seq",         "at",      "actor",  "actor_name",     "action", "object",
    "object_name", "outcome", "detail", "correlation_id", NULL
};
static const struct listing LISTING = {
    .name = "entries",
    .file = "audit",
    .filters = FILTERS,
    .columns = COLUMNS,
    .filter_bytes = sizeof(struct filter),
    .read_filter = read_filter,
    .page = write_page,
};

enum err get_audit(struct ctx *ctx, struct call *call) {
    return listing_reply(ctx, call, &LISTING);
}

enum err get_export_audit(struct ctx *ctx, struct call *call) {
    return listing_export(ctx, call, &LISTING);
}

/* --- whether it is as it was written --------------------------------------------------------- */

static void write_found(struct jsonw *w, const struct audit_check *k) {
    char digest[65];
    hex_encode(digest, k->digest, sizeof k->digest);
    jsonw_bool_at(w, "ok", !k->wrong);
    jsonw_i64_at(w, "first_row", k->first_seq);
    jsonw_i64_at(w, "last_row", k->last_seq);
    jsonw_i64_at(w, "heads", k->heads);
    jsonw_i64_at(w, "signed_to", k->signed_seq);
    jsonw_time_at(w, "signed_at", k->signed_ms);
    jsonw_text_at(w, "digest", k->heads ? digest : NULL);
    jsonw_key(w, "bad_row");
    if (k->wrong)
        jsonw_i64(w, k->bad_seq);
    else
        jsonw_null(w);
    jsonw_text_at(w, "wrong", k->wrong);
}

static enum err say(struct ctx *ctx, struct call *call, int status) {
    struct audit_verification v;
    audit_verifier_read(ctx, ctx->parts->verifier, &v);
    struct jsonw w = reply_json(call, status);
    jsonw_object(&w);
    jsonw_text_at(&w, "state", v.state);
    jsonw_i64_at(&w, "rows", v.rows);
    jsonw_time_at(&w, "started_at", v.began_ms);
    jsonw_time_at(&w, "ended_at", v.ended_ms);
    jsonw_key(&w, "found");
    if (strcmp(v.state, "done") == 0) {
        jsonw_object(&w);
        write_found(&w, &v.found);
        jsonw_object_end(&w);
    } else {
        jsonw_null(&w);
    }
    jsonw_object_end(&w);
    return OK;
}

enum err get_audit_verification(struct ctx *ctx, struct call *call) {
    return say(ctx, call, 200);
}

enum err post_audit_verification(struct ctx *ctx, struct call *call) {
    call->only_looks = true;
    TRY(audit_verifier_begin(ctx, ctx->parts->verifier));
    return say(ctx, call, 202);
}
