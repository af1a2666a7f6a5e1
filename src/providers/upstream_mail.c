/* The door for mail: upstream.c's way, for a dialogue instead of a request. */
#include <string.h>

#include "base/clock.h"
#include "net/mail.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "providers/answer.h"
#include "providers/attempt_span.h"
#include "providers/outbound.h"
#include "providers/smtp_codes.h"
#include "providers/upstream_inner.h"

enum {
    MAIL_ATTEMPT_MS = 30 * 1000, /* servers look at a mail before they take it */
    CONNECT_MS = 3500,
    KNOCK_MS = 1000, /* for each of several addresses but the last to let us in */
    RESOLVE_MS = 5000,
    BUSY_S = 2,
};

struct mail_attempt {
    struct mail_call *call;
    enum outcome outcome;
    struct smtp_meaning meaning; /* when a reply ended it */
    const char *failure;         /* why there was no dialogue: a sentence; NULL: there was one */
    int64_t allowed_ms;
};

static int64_t attempt_ms(const struct upstream_request *req) {
    return req->attempt_ms ? req->attempt_ms : MAIL_ATTEMPT_MS;
}

/* --- one attempt ----------------------------------------------------------------------------- */

/* Where it may be sent. *failure: why nowhere. */
static enum err find_server(struct ctx *ctx, const struct upstream_request *req,
                            const struct mail_call *call, struct resolved *to,
                            const char **failure) {
    bool is_busy;
    int64_t until_ms = ava_now_ms() + RESOLVE_MS;
    *failure = outbound_host_find(
        req->credential->workspace_id, str_of(call->host), &ctx->parts->upstream->allowed,
        until_ms < ctx->deadline_ms ? until_ms : ctx->deadline_ms, to, &is_busy);
    if (!is_busy)
        return OK;
    ctx->problem.service = provider_name(req->provider);
    ctx->problem.retry_after_s = BUSY_S;
    return ctx_fail(ctx, ERR_PROVIDER_BUSY, "%s Try again in %d s.", *failure, BUSY_S);
}

/* To the first address that lets us in. The credential is plain from here to the end. */
static enum err deliver(struct ctx *ctx, const struct upstream_request *req,
                        const struct resolved *to, struct mail_attempt *a) {
    struct mail_call *call = a->call;
    SCOPED(secret_wipe) struct secret fields = { 0 };
    int64_t began_us = ava_now_us(), until_ms = began_us / 1000 + a->allowed_ms;
    TRY(req->credential->reveal(ctx, req->credential, &fields));
    if (req->watch)
        TRY(req->watch->sending(ctx, req, req->watch->arg));
    call->username = secret_field(&fields, "username");
    call->password = secret_field(&fields, "password");
    call->arena = ctx->arena;
    call->connect_ms = CONNECT_MS;
    for (size_t i = 0; i < to->count; i++) {
        call->only = &to->list[i];
        call->knock_ms = i + 1 < to->count ? KNOCK_MS : 0;
        call->timeout_ms = until_ms - ava_now_ms();
        if (i && call->timeout_ms <= 0)
            break;
        mail_deliver(client_self(), call);
        if (call->result != CLIENT_UNREACHED)
            break;
    }
    call->only = NULL;
    call->username = call->password = (struct str){ NULL, 0 }; /* what they led to is gone */
    call->took_us = ava_now_us() - began_us;
    return OK;
}

/* The server said no: to whom? */
static enum outcome classify_refusal(struct mail_attempt *a) {
    const struct mail_call *call = a->call;
    const struct mail_reply *reply = &call->reply;
    if (call->lack || reply->code < 400)
        return OUTCOME_OK; /* it has no way to take it, or no recipient */
    a->meaning = smtp_meaning_of(call->step, reply);
    if (call->step >= MAIL_AT_MESSAGE)
        return OUTCOME_OK; /* of the whole mail, which is not sent again here */
    if (a->meaning.about == SMTP_ABOUT_KEY && reply->code >= 500)
        return OUTCOME_AUTH;
    if (a->meaning.is_throttle)
        return OUTCOME_THROTTLE;
    bool is_policy = reply->enhanced[0] && reply->enhanced[2] == '7'; /* a greylist, say */
    if (reply->code == 421 || (reply->code < 500 && call->step <= MAIL_AT_SENDER && !is_policy))
        return OUTCOME_FAIL; /* it serves nobody now */
    return OUTCOME_OK;
}

static void classify(const struct upstream_request *req, struct mail_attempt *a) {
    const struct mail_call *call = a->call;
    a->outcome = OUTCOME_FAIL;
    if (a->failure)
        return;
    if (call->result == CLIENT_DONE)
        a->outcome = OUTCOME_OK;
    else if (call->result == CLIENT_REFUSED)
        a->outcome = classify_refusal(a);
    else if (call->result == CLIENT_STARVED || call->was_late || call->was_refused ||
             (call->result == CLIENT_TIMEOUT && a->allowed_ms < attempt_ms(req)))
        a->outcome = OUTCOME_LOCAL; /* our own trouble, or a caller's own short patience */
}

static void record(const struct ctx *ctx, const struct upstream_request *req,
                   const struct mail_attempt *a, bool is_probe) {
    const struct mail_call *call = a->call;
    const char *service = provider_name(req->provider), *outcome = outcome_name(a->outcome);
    metric_add(METRIC_PROVIDER_ATTEMPTS, 1, service, outcome);
    metric_observe_us(METRIC_PROVIDER_DURATION, call->took_us, service, req->operation, outcome);
    metric_add(METRIC_POOL_REQUESTS, 1, service, "new");
    if (a->outcome != OUTCOME_LOCAL)
        history_attempt(ctx->parts->upstream->history, req->provider, a->outcome == OUTCOME_FAIL,
                        call->took_us, ava_wall_ms());
    log_debug(ctx, "attempt", L("service", service), L("operation", req->operation),
              L("outcome", outcome), L("upstream_status", call->reply.code),
              L("result", (int)call->result), L("step", (int)call->step), L("probe", is_probe),
              L("duration_ms", (double)call->took_us / 1000));
}

static enum err attempt(struct ctx *ctx, const struct upstream_request *req, bool is_probe,
                        struct mail_attempt *a) {
    struct resolved to;
    int64_t left_ms = ctx_left_ms(ctx), own_ms = attempt_ms(req);
    TRY(find_server(ctx, req, a->call, &to, &a->failure));
    a->allowed_ms = left_ms < own_ms ? left_ms : own_ms;
    struct span *span = attempt_span_begin_mail(ctx, req, a->call->host);
    enum err e = a->failure ? OK : deliver(ctx, req, &to, a);
    if (e == OK) {
        classify(req, a);
        record(ctx, req, a, is_probe);
    }
    attempt_span_end(ctx, span,
                     &(struct attempt_end){
                         .result = a->failure ? CLIENT_UNREACHED : a->call->result,
                         .status = a->call->result == CLIENT_REFUSED ? a->call->reply.code : 0,
                         .is_mail = true,
                         .outcome = e == OK ? a->outcome : OUTCOME_LOCAL,
                         .resent = ctx->attempts });
    return e;
}

/* --- attempts -------------------------------------------------------------------------------- */

static struct retry_question question(struct ctx *ctx, const struct upstream_request *req,
                                      const struct mail_attempt *a, bool is_probe) {
    struct upstream *u = ctx->parts->upstream;
    bool has_begun = a->call->step >= MAIL_AT_MESSAGE && !a->failure;
    return (struct retry_question){
        .request = { .left_host = has_begun, .throttle_did_nothing = !has_begun },
        /* A name that leads nowhere good leads there in a second, too. */
        .outcome = a->failure ? OUTCOME_LOCAL : a->outcome,
        .attempts_max = UPSTREAM_ATTEMPTS_MAX,
        .left_ms = ctx_left_ms(ctx),
        .median_ms = retry_median_ms(u->budget, req->provider),
        .retry_after_s = a->outcome == OUTCOME_THROTTLE ? a->meaning.again_s : RETRY_NO_RETRY_AFTER,
        .is_probe = is_probe,
        .is_draining = atomic_load(&u->draining),
    };
}

static enum err attempt_until_done(struct ctx *ctx, const struct upstream_request *req,
                                   struct mail_attempt *a) {
    struct upstream *u = ctx->parts->upstream;
    struct retry_call retry = retry_begin(u->budget, req->provider);
    struct retry_decision next = { .answer = RETRY_AGAIN };
    struct guard_call guard = { .provider = req->provider,
                                .host = a->call->host,
                                .credential = req->credential->id,
                                .version = req->credential->version,
                                .is_trial = req->credential->is_trial,
                                .attempt_ms = RESOLVE_MS + attempt_ms(req) };
    enum err e = OK;
    ctx->attempts = 0;
    while (e == OK && next.answer == RETRY_AGAIN) {
        if (ctx->attempts && req->watch)
            req->watch->waiting(ctx, ctx->attempts, next.wait_ms, req->watch->arg);
        upstream_wait_for_turn(u, next.wait_ms);
        if (ctx->attempts && atomic_load(&u->draining)) {
            e = ctx_fail(ctx, ERR_DRAINING, "Ava is restarting; try again in a few seconds.");
            break;
        }
        struct guard_verdict v = guard_admit(u->guard, &guard, ava_now_ms());
        if (v.answer != GUARD_ADMITTED) {
            e = ctx->attempts ? OK : upstream_refused(ctx, req, &v);
            break;
        }
        e = attempt(ctx, req, v.is_probe, a);
        ctx->attempts += e == OK;
        if (e == OK && a->outcome == OUTCOME_OK)
            retry_learn(u->budget, req->provider, a->call->took_us);
        struct retry_question q = question(ctx, req, a, v.is_probe);
        unsigned bits = guard_settle(
            u->guard, &guard, e == OK ? a->outcome : OUTCOME_LOCAL,
            q.retry_after_s < 0 ? GUARD_NO_RETRY_AFTER : q.retry_after_s * 1000, ava_now_ms());
        upstream_spread(u, req, bits);
        if (e != OK || bits & GUARD_NOT_CLOSED)
            break;
        next = retry_decide(u->budget, &retry, &q);
    }
    retry_end(u->budget, &retry, a->outcome);
    ctx->problem.attempts = ctx->attempts;
    ctx->problem.attempts_max = UPSTREAM_ATTEMPTS_MAX;
    return e;
}

/* --- what it means to the caller ------------------------------------------------------------- */

static const char *failure_of(const struct mail_attempt *a) {
    const struct mail_call *call = a->call;
    if (call->step == MAIL_AT_MESSAGE)
        return "The connection to the mail server broke in the middle of the mail.";
    switch (call->result) {
    case CLIENT_UNREACHED:
        return "The mail server does not answer at this host and port.";
    case CLIENT_TLS:
        return "The certificate of the mail server cannot be verified, or it does not speak TLS on "
               "this port.";
    case CLIENT_GARBLED:
        return "What answers at this host and port does not speak SMTP.";
    case CLIENT_TIMEOUT:
        return "The mail server did not answer in time.";
    default:
        return "The connection to the mail server broke.";
    }
}

static enum err error_of(struct ctx *ctx, const struct upstream_request *req,
                         const struct mail_attempt *a) {
    const struct mail_call *call = a->call;
    ctx->problem.service = provider_name(req->provider);
    if (a->failure)
        return ctx_fail(ctx, ERR_PROVIDER_REJECTED, "%s", a->failure);
    if (call->result == CLIENT_REFUSED) {
        ctx->problem.upstream_status = call->reply.code;
        ctx->problem.retry_after_s = a->meaning.again_s;
        return a->outcome == OUTCOME_THROTTLE
                   ? ctx_fail(ctx, ERR_PROVIDER_RATE_LIMITED,
                              "The mail server asks us to slow down: %s.", a->meaning.words)
                   : ctx_fail(ctx, ERR_PROVIDER_ERROR,
                              "The mail server does not serve us now: %s. Nothing was sent.",
                              a->meaning.words);
    }
    return ctx_fail(ctx,
                    call->result == CLIENT_TIMEOUT   ? ERR_PROVIDER_TIMEOUT
                    : call->result == CLIENT_GARBLED ? ERR_PROVIDER_BAD_RESPONSE
                                                     : ERR_PROVIDER_ERROR,
                    "%s Nothing was sent.", failure_of(a));
}

static enum err verdict(struct ctx *ctx, const struct upstream_request *req,
                        const struct mail_attempt *a) {
    const struct mail_call *call = a->call;
    if (!a->failure && mail_is_unknown(call)) {
        ctx->problem.service = provider_name(req->provider);
        return ctx_fail(ctx, ERR_OUTCOME_UNKNOWN,
                        "The mail server did not confirm that it took the mail. Ava never sends it "
                        "twice; ask the recipient before you do.");
    }
    if (!a->failure && a->outcome == OUTCOME_OK) {
        ctx_clear(ctx);
        return OK;
    }
    if (!a->failure && call->result == CLIENT_STARVED)
        return upstream_starved(ctx);
    if (a->outcome == OUTCOME_AUTH)
        return answer_auth_error(ctx, req, call->reply.code);
    return error_of(ctx, req, a);
}

enum err upstream_mail(struct ctx *ctx, const struct upstream_request *req,
                       struct mail_call *call) {
    struct upstream *u = ctx->parts->upstream;
    struct bulkhead_place place = { 0 };
    struct mail_attempt a = { .call = call, .outcome = OUTCOME_LOCAL };
    call->result = CLIENT_DONE;
    call->step = MAIL_AT_GREETING;
    TRY(upstream_find_place(ctx, req, &place));
    enum err e = attempt_until_done(ctx, req, &a);
    /* One customer's slow server says nothing about another's: nothing is learned here. */
    bulkhead_leave(u->bulkhead, &place, OUTCOME_LOCAL, false);
    return e == OK ? verdict(ctx, req, &a) : e;
}
