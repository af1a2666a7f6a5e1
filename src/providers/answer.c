#include "providers/answer.h"

#include <string.h>

#include "base/clock.h"

enum { FULL_S = 15 };

bool answer_is_refusal(int status) {
    return status >= 400 && status < 500 && status != 408;
}

enum outcome answer_outcome(int status, const struct refusal *refusal) {
    if (answer_is_refusal(status))
        return refusal->about == REFUSAL_KEY        ? OUTCOME_AUTH
               : refusal->about == REFUSAL_THROTTLE ? OUTCOME_THROTTLE
                                                    : OUTCOME_OK; /* it answered, with a no */
    if (status >= 200 && status < 300)
        return OUTCOME_OK;
    return status == 501 ? OUTCOME_OK : OUTCOME_FAIL;
}

bool answer_may_be_stale(enum err e) {
    switch (e) {
    case ERR_PROVIDER_ERROR:
    case ERR_PROVIDER_BAD_RESPONSE:
    case ERR_PROVIDER_TIMEOUT:
    case ERR_PROVIDER_UNAVAILABLE:
    case ERR_PROVIDER_BUSY:
    case ERR_PROVIDER_RATE_LIMITED:
        return true;
    default:
        return false;
    }
}

/* is_key: it means the key itself, else what the key may do. */
static enum err auth_error(struct ctx *ctx, const struct upstream_request *req, bool is_key,
                           int status) {
    const char *title = provider_title(req->provider);
    ctx->problem.service = provider_name(req->provider);
    ctx->problem.upstream_status = status;
    if (req->credential->is_platform)
        return ctx_fail(ctx, ERR_PROVIDER_MISCONFIGURED,
                        "%s does not accept the key of this installation; its operator has to "
                        "replace it.",
                        title);
    if (req->credential->renew)
        return is_key ? ctx_fail(ctx, ERR_CREDENTIALS_REJECTED,
                                 "%s asks you to confirm again; connect the calendar anew under "
                                 "Connections.",
                                 title)
                      : ctx_fail(ctx, ERR_PERMISSION_DENIED,
                                 "%s says that what was granted does not allow this; connect the "
                                 "calendar again and grant it.",
                                 title);
    if (!is_key)
        return ctx_fail(ctx, ERR_PERMISSION_DENIED,
                        "%s refused this action for the stored key; give the key the permission "
                        "or save another one.",
                        title);
    return ctx_fail(ctx, ERR_CREDENTIALS_REJECTED,
                    "%s no longer accepts the stored key; save a new one under Connections.",
                    title);
}

enum err answer_auth_error(struct ctx *ctx, const struct upstream_request *req, int status) {
    return auth_error(ctx, req, true, status);
}

/* Seconds until the next day begins, in UTC: by which clock a provider counts its days nobody says. */
static int64_t until_tomorrow_s(void) {
    int64_t day_ms = INT64_C(24) * 3600 * 1000;
    return (day_ms - ava_wall_ms() % day_ms + 999) / 1000;
}

static enum err rejected(struct ctx *ctx, const struct upstream_request *req,
                         const struct answer_failure *f) {
    const char *title = provider_title(req->provider), *words = f->refusal.words;
    switch (f->refusal.about) {
    case REFUSAL_ACCOUNT:
        return ctx_fail(ctx, ERR_ACCOUNT_PROBLEM,
                        words ? "%s reports a problem of your account there: %s"
                              : "%s reports a billing or account problem; look at your account "
                                "there.",
                        title, words);
    case REFUSAL_ABSENT:
        return ctx_fail(ctx, ERR_PROVIDER_RESOURCE_NOT_FOUND,
                        "%s no longer has this; it was probably deleted there.", title);
    case REFUSAL_FULL:
        ctx->problem.retry_after_s = FULL_S;
        return ctx_fail(ctx, ERR_PROVIDER_BUSY, "All lines at %s are taken. Try again in %d s.",
                        title, FULL_S);
    case REFUSAL_DAY:
        ctx->problem.retry_after_s = until_tomorrow_s();
        return ctx_fail(ctx, ERR_PROVIDER_BUSY, "%s refused this: %s", title,
                        words ? words : "the limit of the day is reached.");
    case REFUSAL_GRANT:
        return ctx_fail(ctx, ERR_CREDENTIALS_REJECTED,
                        "%s asks you to confirm again; connect the calendar anew under "
                        "Connections.",
                        title);
    case REFUSAL_CLIENT:
        return ctx_fail(ctx, ERR_PROVIDER_MISCONFIGURED,
                        "%s does not accept the OAuth client of this installation%s%s; its "
                        "operator has to look at it.",
                        title, words ? ": " : "", words ? words : "");
    case REFUSAL_PERMISSION:
        return auth_error(ctx, req, false, f->status);
    default:
        return words ? ctx_fail(ctx, ERR_PROVIDER_REJECTED, "%s refused this: %s", title, words)
                     : ctx_fail(ctx, ERR_PROVIDER_REJECTED,
                                "%s refused this request without saying why.", title);
    }
}

/* A write that got no good answer may still have been carried out. */
static const char NOTHING_CHANGED[] = "Nothing was changed; try again.";
static const char MAY_HAVE_CHANGED[] =
    "The change may have gone through; read it again before you repeat it.";

enum err answer_error(struct ctx *ctx, const struct upstream_request *req,
                      const struct answer_failure *f) {
    const char *title = provider_title(req->provider);
    ctx->problem.service = provider_name(req->provider);
    ctx->problem.upstream_status = f->status;
    switch (f->outcome) {
    case OUTCOME_AUTH:
        return answer_auth_error(ctx, req, f->status);
    case OUTCOME_THROTTLE:
        if (ctx->problem.retry_after_s == 0)
            ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_PROVIDER_RATE_LIMITED,
                        "%s asks us to slow down. Try again in %lld s.", title,
                        (long long)ctx->problem.retry_after_s);
    case OUTCOME_OK:
    case OUTCOME_SLOW:
        if (f->status != 501)
            return rejected(ctx, req, f);
        break;
    default:
        break;
    }
    bool only_reads = !req->method || strcmp(req->method, "GET") == 0 || req->changes_nothing;
    const char *then = only_reads ? NOTHING_CHANGED : MAY_HAVE_CHANGED;
    if (f->timed_out)
        return ctx_fail(ctx, ERR_PROVIDER_TIMEOUT, "%s did not answer in time. %s", title, then);
    if (f->bad_shape)
        return ctx_fail(ctx, ERR_PROVIDER_BAD_RESPONSE,
                        "%s answered something that is not what it documents. %s", title, then);
    if (f->status)
        return ctx_fail(ctx, ERR_PROVIDER_ERROR, "%s reports a fault of its own. %s", title, then);
    return ctx_fail(ctx, ERR_PROVIDER_ERROR, "The connection to %s failed. %s", title, then);
}

enum err answer_unknown(struct ctx *ctx, const struct upstream_request *req, int status) {
    ctx->problem.service = provider_name(req->provider);
    ctx->problem.upstream_status = status;
    return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                    "%s did not confirm this. Ava asks until it knows, and never sends it twice.",
                    provider_title(req->provider));
}

struct packed {
    const char *service; /* static */
    int64_t retry_after_s;
    int upstream_status, attempts, attempts_max;
    char detail[];
};

struct str answer_pack(struct ctx *ctx) {
    const struct problem *p = &ctx->problem;
    size_t len = p->detail ? strlen(p->detail) + 1 : 1;
    struct packed *to = arena_alloc(ctx->arena, sizeof *to + len);
    to->service = p->service;
    to->retry_after_s = p->retry_after_s;
    to->upstream_status = p->upstream_status;
    to->attempts = p->attempts;
    to->attempts_max = p->attempts_max;
    memcpy(to->detail, p->detail ? p->detail : "", len);
    return (struct str){ (const char *)to, sizeof *to + len };
}

enum err answer_unpack(struct ctx *ctx, enum err e, struct str packed) {
    struct packed *from = arena_copy(ctx->arena, packed.ptr, packed.len);
    ctx->problem.service = from->service;
    ctx->problem.retry_after_s = from->retry_after_s;
    ctx->problem.upstream_status = from->upstream_status;
    ctx->problem.attempts = from->attempts;
    ctx->problem.attempts_max = from->attempts_max;
    return ctx_fail(ctx, e, "%s", from->detail);
}
