#include "providers/vapi_assistants.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/sift.h"
#include "base/tree.h"
#include "providers/vapi_find.h"

/* Vapi gives 1000 at most. */
enum { FIND_PAGE = 50, SHOWN_MAX = 800 };

static const char LIST[] = "assistant"; /* the list, as a resource of the cache */

/* --- one ------------------------------------------------------------------------------------- */

/* All of it, into *out. */
static void whole(struct upstream_request *req, const json_t **out) {
    req->digest = NULL;
    req->paths = NULL;
    req->read = vapi_read_assistant;
    req->into = out;
}

enum err vapi_assistant_read(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                             const json_t **out) {
    struct upstream_request read = vapi_assistant_request(ctx, c, "GET", "assistant.get", id);
    struct upstream_answer answer;
    whole(&read, out);
    read.skip_cache = true;
    return upstream_call(ctx, &read, &answer);
}

/* The list has names in it. */
static void forget_list(struct ctx *ctx, const struct upstream_credential *c) {
    struct upstream_request list = vapi_request(c, "GET", "assistant.list", "/assistant");
    list.resource = LIST;
    upstream_forget(ctx, &list);
}

void vapi_assistant_forget(struct ctx *ctx, const struct upstream_credential *c, const char *id) {
    struct upstream_request read = vapi_assistant_request(ctx, c, "GET", "assistant.get", id);
    upstream_forget(ctx, &read);
    forget_list(ctx, c);
}

enum err vapi_assistant_write(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                              struct str patch, const json_t **now, struct upstream_answer *out) {
    struct upstream_request read = vapi_assistant_request(ctx, c, "GET", "assistant.get", id);
    struct upstream_request write = vapi_assistant_request(ctx, c, "PATCH", "assistant.update", id);
    struct str settings;
    const json_t *said;
    whole(&write, &said);
    write.body = patch;
    write.content_type = "application/json";
    write.is_repeatable = true; /* it sets absolute values */
    enum err e = upstream_call(ctx, &write, out);
    forget_list(ctx, c);
    TRY(e);
    *now = said;
    if (!vapi_to_settings(ctx, said, &settings)) /* it was read so already */
        return ctx_fail(ctx, ERR_INTERNAL, "Vapi's assistant cannot be read.");
    out->body = settings;
    upstream_remember(ctx, &read, out->bumped, settings);
    return OK;
}

enum err vapi_assistant_delete(struct ctx *ctx, const struct upstream_credential *c,
                               const char *id) {
    struct upstream_request req = vapi_assistant_request(ctx, c, "DELETE", "assistant.delete", id);
    struct upstream_answer answer;
    req.digest = NULL;
    enum err e = upstream_call(ctx, &req, &answer);
    forget_list(ctx, c);
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx); /* an attempt before this one may have done it */
    return OK;
}

/* --- making one ------------------------------------------------------------------------------ */

static void write_metadata(struct jsonw *w, const json_t *metadata, const char *operation_id) {
    const char *name;
    json_t *value;
    jsonw_key(w, "metadata");
    jsonw_object(w);
    json_object_foreach((json_t *)metadata, name, value) {
        jsonw_key_str(w, str_of(name));
        jsonw_tree(w, value);
    }
    jsonw_text_at(w, "ava_op", operation_id);
    jsonw_object_end(w);
}

static struct str order_body(struct ctx *ctx, const struct vapi_assistant_order *order) {
    static const char *const APART[] = { "metadata", "server", "serverMessages" };
    struct buf *out = buf_secret_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const char *name;
    json_t *value;
    jsonw_object(&w);
    json_object_foreach((json_t *)order->config, name, value) {
        bool is_apart = false;
        for (size_t i = 0; i < ARRAY_LEN(APART); i++)
            is_apart |= strcmp(name, APART[i]) == 0;
        if (is_apart)
            continue;
        jsonw_key_str(&w, str_of(name));
        jsonw_tree(&w, value);
    }
    vapi_server_write(&w, order->config, order->server);
    write_metadata(&w, json_object_get(order->config, "metadata"), order->operation_id);
    jsonw_object_end(&w);
    return buf_view(out);
}

enum err vapi_assistant_create(struct ctx *ctx, const struct upstream_credential *c,
                               const struct vapi_assistant_order *order,
                               const struct upstream_watch *watch, const json_t **made) {
    struct upstream_request req = vapi_request(c, "POST", "assistant.create", "/assistant");
    struct upstream_answer answer;
    req.body = order_body(ctx, order);
    req.content_type = "application/json";
    whole(&req, made);
    req.watch = watch;
    req.resource = LIST;
    return upstream_call(ctx, &req, &answer);
}

/* One that somebody else made may have any shape. */
static bool is_one(const json_t *one) {
    return json_text(one, "id") != NULL;
}

static const char *operation_of(const json_t *one) {
    return json_text(json_object_get(one, "metadata"), "ava_op");
}

enum err vapi_assistants_find(struct ctx *ctx, const struct upstream_credential *c,
                              int64_t since_ms, struct vapi_assistants_made *made) {
    static const char *const PATHS[] = { "[].id", "[].createdAt", "[].metadata.ava_op", NULL };
    struct vapi_made *wanted = arena_alloc(ctx->arena, made->count * sizeof *wanted);
    struct vapi_search search = { .operation = "assistant.list",
                                  .before = "/assistant?",
                                  .after = "",
                                  .page = FIND_PAGE,
                                  .paths = PATHS,
                                  .is_one = is_one,
                                  .operation_of = operation_of,
                                  .since_ms = since_ms };
    for (size_t i = 0; i < made->count; i++)
        wanted[i] = (struct vapi_made){ .operation_id = made->list[i].operation_id };
    TRY(vapi_find(ctx, c, &search, wanted, made->count, &made->is_whole));
    for (size_t i = 0; i < made->count; i++)
        made->list[i].id = wanted[i].one ? json_text(wanted[i].one, "id") : NULL;
    return OK;
}

/* --- listing --------------------------------------------------------------------------------- */

/* One that has no id or no age cannot be shown; it costs the others nothing. */
static void listed_write(struct jsonw *w, const json_t *one) {
    if (!json_text(one, "id") || !json_text(one, "createdAt"))
        return;
    jsonw_object(w);
    jsonw_text_at(w, "provider_id", json_text(one, "id"));
    jsonw_text_at(w, "name", json_text(one, "name"));
    jsonw_text_at(w, "created_at", json_text(one, "createdAt"));
    jsonw_text_at(w, "updated_at", json_text(one, "updatedAt"));
    jsonw_object_end(w);
}

static bool to_page(struct ctx *ctx, const json_t *list, struct str *kept) {
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    const json_t *one;
    size_t i;
    if (!json_is_array(list))
        return false;
    jsonw_list(&w);
    json_array_foreach(list, i, one) {
        listed_write(&w, one);
    }
    jsonw_list_end(&w);
    *kept = buf_view(out);
    return true;
}

/* A cursor says when the last one shown was made, and how many of that millisecond were shown. */
struct place {
    const char *made; /* NULL: from the newest */
    int64_t shown;
};

static enum err place_of(struct ctx *ctx, const char *cursor, struct place *out) {
    struct str rest, made;
    int64_t ms;
    *out = (struct place){ .made = NULL };
    if (!cursor)
        return OK;
    made = str_cut(str_of(cursor), '_', &rest);
    if (clock_parse_rfc3339(made.ptr, made.len, &ms) && rest.ptr &&
        str_to_i64(rest, 1, SHOWN_MAX, &out->shown)) {
        out->made = str_dup(ctx->arena, made);
        return OK;
    }
    ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
    return ctx_fields_ok(ctx);
}

/* What was shown of the millisecond the page begins with comes again, and is passed over. */
static void write_page(struct ctx *ctx, struct jsonw *w, const json_t *list, int limit,
                       const struct place *from) {
    struct place next = *from;
    size_t i, shown = 0, skip = (size_t)from->shown;
    const json_t *one;
    bool more = false;
    jsonw_object(w);
    jsonw_key(w, "assistants");
    jsonw_list(w);
    json_array_foreach(list, i, one) {
        const char *made = json_text(one, "created_at");
        bool is_same = next.made && strcmp(made, next.made) == 0;
        if (i < skip && from->made && strcmp(made, from->made) == 0)
            continue;
        more = shown == (size_t)limit;
        if (more)
            break;
        jsonw_tree(w, one);
        shown++;
        next = (struct place){ made, is_same ? next.shown + 1 : 1 };
    }
    jsonw_list_end(w);
    jsonw_text_at(w, "next_cursor",
                  more ? arena_printf(ctx->arena, "%s_%lld", next.made, (long long)next.shown)
                       : NULL);
    jsonw_object_end(w);
}

enum err vapi_assistants_read(struct ctx *ctx, const struct upstream_credential *c, int limit,
                              const char *cursor, struct upstream_answer *out) {
    struct buf *path = buf_in(ctx->arena), *page = buf_in(ctx->arena);
    static const char *const PATHS[] = { "[].id", "[].name", "[].createdAt", "[].updatedAt", NULL };
    struct place from;
    TRY(place_of(ctx, cursor, &from));
    buf_text(path, "/assistant?");
    if (from.made) {
        buf_text(path, "createdAtLe=");
        percent_encode(path, str_of(from.made));
        buf_text(path, "&");
    }
    buf_printf(path, "limit=%lld", (long long)(limit + 1 + from.shown));
    struct upstream_request read =
        vapi_request(c, "GET", "assistant.list", str_dup(ctx->arena, buf_view(path)));
    read.resource = LIST;
    read.digest = to_page;
    read.paths = PATHS;
    TRY(upstream_call(ctx, &read, out));
    struct jsonw w = jsonw_to(page);
    write_page(ctx, &w, sift_own(ctx->arena, out->body), limit, &from);
    out->body = buf_view(page);
    return OK;
}
