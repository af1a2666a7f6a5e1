#include "providers/resend.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/json.h"

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
