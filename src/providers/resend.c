#include "providers/resend.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "providers/resend_events.h"

enum { LONG_MAIL_BYTES = 256 << 10, LONG_MAIL_MS = 30 * 1000 };

static void authorize(struct ctx *ctx, const struct upstream_request *req,
                      const struct secret *fields, struct upstream_headers *out) {
    struct str key = secret_field(fields, "api_key");
    out->lines[out->count++] = arena_printf(ctx->arena, "Authorization: Bearer %.*s", STR_FMT(key));
    if (req->message_id)
        out->lines[out->count++] = arena_join(ctx->arena, "Idempotency-Key: ", req->message_id);
}

static struct upstream_request request(const struct upstream_credential *c, const char *method,
                                       const char *operation, const char *path) {
    return (struct upstream_request){ .provider = PROVIDER_RESEND,
                                      .operation = operation,
                                      .method = method,
                                      .path = path,
                                      .credential = c,
                                      .authorize = authorize };
}

/* --- does the key work? ------------------------------------------------------------------------ */

static bool read_domains(struct ctx *ctx, const json_t *said, void *into) {
    const json_t *all = json_object_get(said, "data"), *one;
    int *verified = into;
    size_t i;
    if (!json_is_array(all))
        return false;
    *verified = 0;
    json_array_foreach(all, i, one) {
        const char *status = json_text(one, "status");
        *verified += status && strcmp(status, "verified") == 0;
    }
    return true;
}

enum err resend_check(struct ctx *ctx, const struct upstream_credential *c, bool *sends_only,
                      int *domains) {
    struct upstream_answer answer;
    struct upstream_request req = request(c, "GET", "domain.list", "/domains");
    req.read = read_domains;
    req.into = domains;
    *domains = -1;
    enum err e = upstream_call(ctx, &req, &answer);
    /* The one refusal that a key for sending alone gets here. */
    *sends_only = e == ERR_PERMISSION_DENIED && ctx->problem.upstream_status == 401;
    if (!*sends_only)
        return e;
    ctx_clear(ctx);
    return OK;
}

/* --- mails ------------------------------------------------------------------------------------- */

static bool read_sent(struct ctx *ctx, const json_t *said, void *into) {
    struct message_facts *out = into;
    const char *id = json_text(said, "id");
    *out = (struct message_facts){ .provider_id = id, .status = "queued" };
    return id && id[0];
}

enum err resend_email_send(struct ctx *ctx, const struct upstream_credential *c, const char *key,
                           struct str mail, const struct upstream_watch *watch,
                           struct message_facts *out) {
    struct upstream_answer answer;
    struct upstream_request req = request(c, "POST", "email.send", "/emails");
    req.body = mail;
    req.content_type = "application/json";
    if (mail.len > LONG_MAIL_BYTES) /* with files, over a slow line */
        req.attempt_ms = LONG_MAIL_MS;
    req.message_id = key;
    req.is_repeatable = true; /* by its Idempotency-Key */
    req.read = read_sent;
    req.into = out;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}

static bool read_email(struct ctx *ctx, const json_t *said, void *into) {
    struct message_facts *out = into;
    *out = (struct message_facts){ .provider_id = json_text(said, "id"),
                                   .status = json_text(said, "last_event") };
    return out->provider_id && out->status;
}

enum err resend_email_read(struct ctx *ctx, const struct upstream_credential *c,
                           const char *provider_id, struct message_facts *out) {
    struct upstream_answer answer;
    struct buf *path = buf_in(ctx->arena);
    buf_text(path, "/emails/");
    percent_encode(path, str_of(provider_id));
    struct upstream_request req =
        request(c, "GET", "email.get", str_dup(ctx->arena, buf_view(path)));
    req.read = read_email;
    req.into = out;
    return upstream_call(ctx, &req, &answer);
}

/* --- webhooks ---------------------------------------------------------------------------------- */

enum { HOOKS_PAGES_MAX = 10 };

/* One page of them, and whether the one that is looked for is there. */
struct hooks_page {
    const char *url;
    const char *found, *last; /* ids; NULL: none */
    bool has_more;
};

static bool read_hooks(struct ctx *ctx, const json_t *said, void *into) {
    struct hooks_page *page = into;
    const json_t *all = json_object_get(said, "data"), *one;
    size_t i;
    page->found = page->last = NULL;
    page->has_more = json_is_true(json_object_get(said, "has_more"));
    json_array_foreach(all, i, one) {
        const char *endpoint = json_text(one, "endpoint");
        page->last = json_text(one, "id");
        if (endpoint && page->last && strcmp(endpoint, page->url) == 0)
            page->found = page->last;
    }
    return json_is_array(all);
}

/* *id: of the webhook at that address; NULL: there is none. */
static enum err find_hook(struct ctx *ctx, const struct upstream_credential *c, const char *url,
                          const char **id) {
    struct hooks_page page = { .url = url, .has_more = true };
    struct upstream_answer answer;
    const char *path = "/webhooks?limit=100";
    for (int n = 0; n < HOOKS_PAGES_MAX && page.has_more && !page.found; n++) {
        struct upstream_request req = request(c, "GET", "webhook.list", path);
        req.read = read_hooks;
        req.into = &page;
        TRY(upstream_call(ctx, &req, &answer));
        if (!page.last)
            break;
        struct buf *next = buf_in(ctx->arena);
        buf_text(next, "/webhooks?after=");
        percent_encode(next, str_of(page.last));
        buf_text(next, "&limit=100");
        path = str_dup(ctx->arena, buf_view(next));
    }
    *id = page.found;
    return OK;
}

/* Takes the secret out of the answer, and leaves none there. */
static bool read_hook(struct ctx *ctx, const json_t *said, void *into) {
    const json_t *text = json_object_get(said, "signing_secret");
    struct str value = { json_string_value(text), json_string_length(text) };
    bool is_good = value.len && secret_set(into, value);
    if (value.len)
        explicit_bzero((char *)value.ptr, value.len);
    return is_good;
}

static bool read_changed(struct ctx *ctx, const json_t *said, void *into) {
    return json_is_object(said);
}

static struct str hook_body(struct ctx *ctx, const char *url, bool is_new) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "endpoint", url);
    jsonw_key(&w, "events");
    resend_event_types_write(&w);
    if (!is_new)
        jsonw_text_at(&w, "status", "enabled");
    jsonw_object_end(&w);
    return buf_view(b);
}

/* Switches on what is there, and asks for its secret. */
static enum err revive_hook(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                            const char *url, struct secret *secret) {
    struct upstream_answer answer;
    struct buf *b = buf_in(ctx->arena);
    buf_text(b, "/webhooks/");
    percent_encode(b, str_of(id));
    const char *path = str_dup(ctx->arena, buf_view(b));
    struct upstream_request change = request(c, "PATCH", "webhook.update", path);
    struct upstream_request ask = request(c, "GET", "webhook.get", path);
    change.body = hook_body(ctx, url, false);
    change.content_type = "application/json";
    change.read = read_changed;
    ask.read = read_hook;
    ask.into = secret;
    TRY(upstream_call(ctx, &change, &answer));
    return upstream_call(ctx, &ask, &answer);
}

enum err resend_webhook_set(struct ctx *ctx, const struct upstream_credential *c, const char *url,
                            struct secret *secret) {
    struct upstream_answer answer;
    const char *id;
    TRY(find_hook(ctx, c, url, &id));
    if (id)
        return revive_hook(ctx, c, id, url, secret);
    struct upstream_request req = request(c, "POST", "webhook.create", "/webhooks");
    req.body = hook_body(ctx, url, true);
    req.content_type = "application/json";
    req.read = read_hook;
    req.into = secret;
    return upstream_call(ctx, &req, &answer);
}
