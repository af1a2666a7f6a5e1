#include "providers/upstream.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "base/sift.h"
#include "config/config.h"
#include "net/client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "providers/answer.h"
#include "providers/attempt_span.h"
#include "providers/dialect.h"
#include "providers/outbound.h"
#include "providers/upstream_inner.h"

enum {
    ATTEMPT_MS = 5000,
    FIRST_BYTE_MS = 4000,
    RESOLVE_MS = 5000,
    SLOW_MS = 5000,
    ANSWER_MAX_BYTES = 16 << 20,
    KEPT_MAX_BYTES = 4 << 20, /* of it, in memory */
    REFUSAL_MAX_BYTES = 64 << 10,
    QUEUE_MS = 250,
    LOOK_UP_MS = 250,
    BUSY_S = 2,     /* after which another look-up may be tried */
    KNOCK_MS = 250, /* for each of several addresses to let us in */
};

static void collect(void *arg) {
    struct upstream *u = arg;
    guard_collect(u->guard);
    bulkhead_collect(u->bulkhead);
    cache_collect(u->cache);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++)
        metric_set(METRIC_RETRY_BUDGET, retry_budget_tokens(u->budget, p), provider_name(p));
}

static struct guard_conf guard_rules(const struct config *config) {
    return (struct guard_conf){ .is_enabled = config->breaker_enabled,
                                .failures_to_open = (unsigned)config->breaker_threshold,
                                .recovery_ms = config->breaker_recovery_s * 1000,
                                .attempt_timeout_ms = ATTEMPT_MS };
}

static struct bulkhead_conf bulkhead_rules(const struct config *config) {
    return (struct bulkhead_conf){ .provider_max = (unsigned)config->provider_max_in_flight,
                                   .workspace_max = (unsigned)config->workspace_max_in_flight,
                                   .wait_ms = QUEUE_MS };
}

struct upstream *upstream_new(const struct config *config,
                              const struct dialect *(*dialect)(enum provider p)) {
    struct upstream *u = memory_zeroed(1, sizeof *u);
    u->config = config;
    u->dialect_of = dialect;
    struct guard_conf guard = guard_rules(config);
    struct bulkhead_conf bulkhead = bulkhead_rules(config);
    u->guard = guard_new(&guard);
    u->bulkhead = bulkhead_new(&bulkhead);
    u->budget = retry_budget_new();
    u->history = history_new(ava_wall_ms());
    outbound_allow_parse(config->outbound_allow, &u->allowed); /* judged before, by cli */
    u->cache = cache_new(&(struct cache_conf){ .bytes_max = 64 << 20,
                                               .entry_bytes_max = 256 << 10,
                                               .ttl_ms = config->cache_ttl_s * 1000,
                                               .stale_ms = 3600 * 1000,
                                               .negative_ms = 10 * 1000 });
    metrics_before_scrape(collect, u);
    return u;
}

void upstream_free(struct upstream *u) {
    if (!u)
        return;
    metrics_scrape_without(u);
    guard_free(u->guard);
    bulkhead_free(u->bulkhead);
    retry_budget_free(u->budget);
    history_free(u->history);
    cache_free(u->cache);
    free(u);
}

void upstream_retune(struct upstream *u, const struct config *config) {
    struct guard_conf guard = guard_rules(config);
    struct bulkhead_conf bulkhead = bulkhead_rules(config);
    guard_retune(u->guard, &guard);
    bulkhead_retune(u->bulkhead, &bulkhead);
    cache_retune(u->cache, config->cache_ttl_s * 1000);
}

void upstream_drain(struct upstream *u) {
    atomic_store(&u->draining, true);
}

void upstream_on_moved(struct upstream *u,
                       void (*moved)(void *arg, enum provider p, const char *workspace_id),
                       void *arg) {
    u->moved = moved;
    u->moved_arg = arg;
}

/* A mail server is one workspace's, and so is the breaker of its host. */
static void note_turns(struct upstream *u, const struct upstream_request *req, unsigned bits) {
    const struct upstream_credential *c = req->credential;
    const char *own = c->is_platform ? NULL : c->workspace_id;
    const char *shared = req->provider == PROVIDER_SMTP ? own : NULL;
    int64_t now_ms = ava_wall_ms();
    if (bits & (GUARD_OPENED_PROVIDER | GUARD_CLOSED_PROVIDER))
        history_turn(u->history, req->provider, shared, bits & GUARD_OPENED_PROVIDER, now_ms);
    if (bits & (GUARD_OPENED_CREDENTIAL | GUARD_CLOSED_CREDENTIAL))
        history_turn(u->history, req->provider, own, bits & GUARD_OPENED_CREDENTIAL, now_ms);
}

void upstream_on_retry(struct upstream *u,
                       void (*retried)(const struct ctx *ctx, enum provider p, int64_t wait_ms)) {
    u->retried = retried;
}

/* What an outcome did to the breakers, for those who wait and those who watch. */
void upstream_spread(struct upstream *u, const struct upstream_request *req, unsigned bits) {
    const struct upstream_credential *c = req->credential;
    unsigned shared = GUARD_CLOSED_PROVIDER | GUARD_OPENED_PROVIDER;
    unsigned own = GUARD_CLOSED_CREDENTIAL | GUARD_OPENED_CREDENTIAL | GUARD_REFUSED_CREDENTIAL;
    note_turns(u, req, bits);
    if (bits & GUARD_CLOSED_PROVIDER)
        bulkhead_restart(u->bulkhead, req->provider, NULL);
    if (bits & GUARD_CLOSED_CREDENTIAL)
        bulkhead_restart(u->bulkhead, req->provider, c->workspace_id);
    if (u->moved && bits & (shared | own))
        u->moved(u->moved_arg, req->provider,
                 bits & shared || c->is_platform ? NULL : c->workspace_id);
}

struct guard_state upstream_state(struct upstream *u, enum provider p, const char *credential_id) {
    return guard_state(u->guard, p, NULL, credential_id, ava_now_ms());
}

struct history *upstream_history(struct upstream *u) {
    return u->history;
}

struct guard_state upstream_overall(struct upstream *u, enum provider p) {
    return guard_overall(u->guard, p, ava_now_ms());
}

const char *upstream_breaker(struct upstream *u, enum provider p, const char *credential_id) {
    return breaker_state_name(upstream_state(u, p, credential_id).breaker);
}

/* --- one attempt ----------------------------------------------------------------------------- */

/* Where the request goes. */
static const char *url_of(struct ctx *ctx, const struct upstream_request *req) {
    const struct upstream *u = ctx->parts->upstream;
    const struct dialect *d = u->dialect_of(req->provider);
    return req->url || !d->base_url ? req->url
                                    : arena_join(ctx->arena, d->base_url(u->config), req->path);
}

/* How long an attempt may take, and its first byte. */
static int64_t attempt_ms(const struct upstream_request *req) {
    return req->attempt_ms ? req->attempt_ms : ATTEMPT_MS;
}

static int64_t first_byte_ms(const struct upstream_request *req) {
    return req->attempt_ms ? req->attempt_ms : FIRST_BYTE_MS;
}

static void wipe_lines(struct upstream_headers *h) {
    for (size_t i = 0; i < h->count; i++)
        explicit_bzero((char *)h->lines[i], strlen(h->lines[i]));
}

struct attempt {
    struct client_call call;
    struct ctx *ctx;
    const struct upstream_request *req;
    struct sift *sift; /* of the answer; NULL: not a byte of it came */
    enum outcome outcome;
    struct str kept;
    struct refusal refusal;
    bool bad_shape;
    int64_t until_ms;         /* of all its addresses together; 0: there is one */
    bool is_flow;             /* its answer is passed on */
    struct client_flow *flow; /* what is open of it, once the head was good */
    struct guard_call guard;  /* of that: settled when it ends */
    int64_t token_version;    /* of the credential that was shown; 0: it has none */
    struct span *span;        /* while it is under way; NULL: none, or it is not recorded */
};

/* The time that is left for what is sent now. */
static int64_t time_for(const struct ctx *ctx, const struct upstream_request *req,
                        const struct attempt *a) {
    int64_t left_ms = ctx_left_ms(ctx), own_ms = attempt_ms(req);
    if (a->until_ms && a->until_ms - ava_now_ms() < own_ms)
        own_ms = a->until_ms - ava_now_ms();
    return left_ms < own_ms ? left_ms : own_ms;
}

/* Keeps of an answer what somebody will look at, as it comes. */
static bool take_answer(void *arg, int status, struct str bytes) {
    struct attempt *a = arg;
    bool is_good = status >= 200 && status < 300;
    if (is_good && !a->req->digest && !a->req->read)
        return true;
    if (!a->sift)
        a->sift = sift_new(a->ctx->arena, is_good ? a->req->paths : NULL,
                           is_good ? KEPT_MAX_BYTES : REFUSAL_MAX_BYTES);
    sift_feed(a->sift, bytes);
    return !is_good || !sift_is_broken(a->sift);
}

static void end_unsent(struct attempt *a, enum err e) {
    span_error(a->span, err_info(e)->code);
    span_end(a->span);
    a->span = NULL;
}

enum { HEADERS_MAX = ARRAY_LEN(((struct upstream_headers *)0)->lines) + 7 };

/* How many lines they are. */
static size_t write_headers(struct ctx *ctx, const struct upstream_request *req,
                            const struct attempt *a, const struct upstream_headers *auth,
                            const char *lines[HEADERS_MAX]) {
    char traceparent[56];
    size_t n = 0;
    for (size_t i = 0; i < auth->count; i++)
        lines[n++] = auth->lines[i];
    span_header(ctx, a->span, traceparent);
    lines[n++] = arena_join(ctx->arena, "X-Correlation-ID: ", ctx->correlation_id);
    lines[n++] = arena_join(ctx->arena, "traceparent: ", traceparent);
    if (ctx->trace.state)
        lines[n++] = arena_join(ctx->arena, "tracestate: ", ctx->trace.state);
    lines[n++] = "User-Agent: Ava/" AVA_VERSION;
    lines[n++] =
        req->accept ? arena_join(ctx->arena, "Accept: ", req->accept) : "Accept: application/json";
    if (req->range)
        lines[n++] = arena_join(ctx->arena, "Range: ", req->range);
    if (req->content_type)
        lines[n++] = arena_printf(ctx->arena, "Content-Type: %s", req->content_type);
    return n;
}

/* Sends once, on the connection a->call asks for. The credential is plain from here to the end. */
static enum err send_once(struct ctx *ctx, const struct upstream_request *req, struct attempt *a) {
    struct client_call *call = &a->call;
    struct upstream_headers auth = { .count = 0 };
    SCOPED(secret_wipe) struct secret fields = { 0 };
    SCOPED(secret_wipe) struct secret filled = { 0 };
    const char *lines[HEADERS_MAX], *url = url_of(ctx, req);

    TRY(req->credential->reveal(ctx, req->credential, &fields));
    if (!str_to_i64(secret_field(&fields, "version"), 1, INT64_MAX, &a->token_version))
        a->token_version = 0;
    if (req->fill)
        TRY(req->fill(ctx, req, &filled));
    req->authorize(ctx, req, &fields, &auth);
    if (!a->span)
        a->span = attempt_span_begin(ctx, req, url);
    size_t n = write_headers(ctx, req, a, &auth, lines);
    *call = (struct client_call){
        .method = req->method,
        .url = url,
        .headers = lines,
        .header_count = n,
        .body = req->fill ? secret_reveal(&filled) : req->body,
        .timeout_ms = time_for(ctx, req, a),
        .connect_ms = call->connect_ms,
        .knock_ms = call->knock_ms,
        .first_byte_ms = first_byte_ms(req),
        .body_max_bytes = req->answer_max_bytes ? req->answer_max_bytes : ANSWER_MAX_BYTES,
        .head_is_enough = call->head_is_enough,
        .take = req->accept ? NULL : take_answer,
        .take_arg = a,
        .only = call->only,
        .fresh = call->fresh,
        .may_resend = call->may_resend,
        .arena = ctx->arena,
    };
    a->ctx = ctx;
    a->req = req;
    a->sift = NULL;
    enum err e = req->watch ? req->watch->sending(ctx, req, req->watch->arg) : OK;
    if (e != OK)
        end_unsent(a, e);
    if (e == OK && a->is_flow)
        a->flow = client_open(client_self(), call);
    else if (e == OK)
        client_fetch(client_self(), call);
    call->body = req->body; /* what was filled in is gone */
    wipe_lines(&auth);
    return e;
}

/* No answer came that could be judged. */
static void classify_none(const struct upstream_request *req, struct attempt *a) {
    const struct client_call *c = &a->call;
    a->outcome = OUTCOME_FAIL;
    if (c->result == CLIENT_GARBLED || c->result == CLIENT_TOO_LARGE)
        a->bad_shape = true;
    /* Its size depends on what people did, and what we lack is our own trouble: nobody's fault. */
    if (c->result == CLIENT_TOO_LARGE || c->result == CLIENT_STARVED || c->was_late ||
        c->was_refused)
        a->outcome = OUTCOME_LOCAL;
    /* Cut before our own limits: the caller was impatient, not the provider slow. */
    if (c->result == CLIENT_TIMEOUT && c->timeout_ms < attempt_ms(req) &&
        c->took_us / 1000 < first_byte_ms(req) && !c->too_slow)
        a->outcome = OUTCOME_LOCAL;
}

static void classify_refusal(struct ctx *ctx, const struct upstream_request *req,
                             struct attempt *a) {
    const struct dialect *d = ctx->parts->upstream->dialect_of(req->provider);
    enum sift_end how;
    const json_t *said = req->accept ? sift_text(ctx->arena, a->call.answer, NULL, &how)
                         : a->sift   ? sift_end(a->sift, &how, NULL)
                                     : NULL;
    a->refusal = refusal_by_status(a->call.status);
    if (d->judge)
        d->judge(ctx, a->call.status, said, &a->refusal);
    if (a->refusal.about == REFUSAL_KEY && req->url)
        a->refusal.about =
            REFUSAL_REQUEST; /* it says nothing about a key that was not sent there */
}

/* Content is nobody's failure: an answer that is whole JSON, but not as documented, is an error of
 * this call alone. What is no JSON, or ended in the middle, is the provider's. */
static void classify_content(struct ctx *ctx, const struct upstream_request *req,
                             struct attempt *a) {
    enum sift_end how = SIFT_SHORT;
    bool is_cut = false;
    const json_t *said = a->sift ? sift_end(a->sift, &how, &is_cut) : NULL;
    a->kept = req->accept ? a->call.answer : (struct str){ "", 0 };
    bool is_read = req->read
                       ? req->read(ctx, said, req->into)
                       : !req->digest || (how == SIFT_WHOLE && req->digest(ctx, said, &a->kept));
    if (req->read && how != SIFT_WHOLE)
        is_read = false;
    if (is_cut && !req->paths && !req->accept)
        is_read = false; /* what is read whole is written back whole: nothing may be missing */
    if (is_read)
        return;
    a->bad_shape = true;
    a->outcome = how == SIFT_WHOLE && (json_is_object(said) || json_is_array(said)) ? OUTCOME_LOCAL
                                                                                    : OUTCOME_FAIL;
}

static void classify(struct ctx *ctx, const struct upstream_request *req, struct attempt *a) {
    const struct client_call *c = &a->call;
    a->bad_shape = false;
    a->refusal = (struct refusal){ REFUSAL_REQUEST, NULL };
    if (c->result != CLIENT_DONE) {
        classify_none(req, a);
        return;
    }
    if (answer_is_refusal(c->status))
        classify_refusal(ctx, req, a);
    a->outcome = answer_outcome(c->status, &a->refusal);
    if (a->outcome == OUTCOME_FAIL && c->status < 400)
        a->bad_shape = true; /* a redirect nobody documented */
    if (a->outcome != OUTCOME_OK || c->status >= 300 || a->flow)
        return;
    classify_content(ctx, req, a);
    if (a->outcome == OUTCOME_OK && c->took_us / 1000 > SLOW_MS && !req->attempt_ms && !c->was_late)
        a->outcome = OUTCOME_SLOW;
}

static void record(const struct ctx *ctx, const struct upstream_request *req, struct attempt *a,
                   bool is_probe) {
    const char *service = provider_name(req->provider), *outcome = outcome_name(a->outcome);
    metric_add(METRIC_PROVIDER_ATTEMPTS, 1, service, outcome);
    metric_observe_us(METRIC_PROVIDER_DURATION, a->call.took_us, service, req->operation, outcome);
    metric_add(METRIC_POOL_REQUESTS, 1, service, a->call.reused ? "reused" : "new");
    if (a->outcome != OUTCOME_LOCAL)
        history_attempt(ctx->parts->upstream->history, req->provider, a->outcome == OUTCOME_FAIL,
                        a->call.took_us, ava_wall_ms());
    log_debug(ctx, "attempt", L("service", service), L("operation", req->operation),
              L("outcome", outcome), L("upstream_status", a->call.status),
              L("result", (int)a->call.result), L("probe", is_probe),
              L("duration_ms", (double)a->call.took_us / 1000));
    attempt_span_end(ctx, a->span,
                     &(struct attempt_end){ .result = a->call.result,
                                            .status = a->call.status,
                                            .outcome = a->outcome,
                                            .resent = ctx->attempts - 1 });
    a->span = NULL;
}

/* --- refusals before an attempt -------------------------------------------------------------- */

enum err upstream_refused(struct ctx *ctx, const struct upstream_request *req,
                          const struct guard_verdict *v) {
    const char *title = provider_title(req->provider);
    int64_t seconds = (v->remaining_ms + 999) / 1000;
    if (seconds < 1)
        seconds = 1;
    ctx->problem.service = provider_name(req->provider);
    switch (v->answer) {
    case GUARD_BREAKER_OPEN:
        ctx->problem.retry_after_s = seconds;
        return ctx_fail(ctx, ERR_PROVIDER_UNAVAILABLE,
                        "%s is temporarily unavailable. Try again in %lld s.", title,
                        (long long)seconds);
    case GUARD_THROTTLED:
        ctx->problem.retry_after_s = seconds;
        return ctx_fail(ctx, ERR_PROVIDER_RATE_LIMITED,
                        "%s asks us to slow down. Try again in %lld s.", title, (long long)seconds);
    default:
        ctx->problem.upstream_status = 401;
        return answer_auth_error(ctx, req, 401);
    }
}

/* --- attempts -------------------------------------------------------------------------------- */

/* Seconds, or RETRY_NO_RETRY_AFTER. */
static int64_t said_to_wait(const struct client_call *c) {
    if (!c->retry_after)
        return RETRY_NO_RETRY_AFTER;
    return retry_after_parse(str_of(c->retry_after),
                             c->date ? str_of(c->date) : (struct str){ NULL, 0 });
}

static struct retry_request safety_of(const struct upstream *u, const struct upstream_request *req,
                                      const struct attempt *a) {
    return (struct retry_request){ .throttle_did_nothing =
                                       u->dialect_of(req->provider)->throttle_did_nothing,
                                   .is_idempotent = retry_method_is_idempotent(str_of(req->method)),
                                   .is_repeatable = req->is_repeatable,
                                   .left_host = a->call.left_host };
}

static struct retry_question question(struct ctx *ctx, const struct upstream_request *req,
                                      const struct attempt *a, bool is_probe) {
    return (struct retry_question){
        .request = safety_of(ctx->parts->upstream, req, a),
        .outcome = a->outcome,
        .attempts_max = UPSTREAM_ATTEMPTS_MAX,
        .left_ms = ctx_left_ms(ctx),
        .median_ms = retry_median_ms(ctx->parts->upstream->budget, req->provider),
        .retry_after_s = said_to_wait(&a->call),
        .is_probe = is_probe,
        .is_draining = atomic_load(&ctx->parts->upstream->draining),
    };
}

/* A kept connection may be dead already. What must not repeat, a probe, and what comes after a
 * broken one gets a new one; everything else may be sent once more, as one of its attempts. */
static void choose_connection(const struct upstream_request *req, const struct retry_call *retry,
                              bool is_probe, struct client_call *call) {
    bool is_safe = retry_method_is_idempotent(str_of(req->method)) || req->is_repeatable;
    call->fresh = !is_safe || is_probe || (retry->attempts > 1 && call->result != CLIENT_DONE);
    call->may_resend = is_safe && !is_probe && retry->attempts < UPSTREAM_ATTEMPTS_MAX;
}

/* Not to its end once Ava goes down: then there is no next attempt. */
void upstream_wait_for_turn(struct upstream *u, int64_t wait_ms) {
    int64_t until_ms = ava_now_ms() + wait_ms;
    for (int64_t left = wait_ms; left > 0 && !atomic_load(&u->draining);
         left = until_ms - ava_now_ms())
        fiber_sleep(left < LOOK_UP_MS ? left : LOOK_UP_MS);
}

/* Who is not let in any more is asked for a new token, once. */
static enum err renew(struct ctx *ctx, const struct upstream_request *req, const struct attempt *a,
                      bool may_refresh, struct retry_question *q) {
    if (a->outcome != OUTCOME_AUTH || !may_refresh)
        return OK;
    TRY(req->credential->renew(ctx, req->credential, a->token_version));
    q->has_new_token = true;
    return OK;
}

/* One attempt was made: what is remembered of it. */
static void count_attempt(struct ctx *ctx, const struct upstream_request *req, struct attempt *a,
                          struct retry_call *retry, bool is_probe) {
    struct upstream *u = ctx->parts->upstream;
    ctx->attempts++;
    if (a->call.resent) {
        ctx->attempts++;
        retry_resent(retry);
        metric_add(METRIC_PROVIDER_ATTEMPTS, 1, provider_name(req->provider),
                   outcome_name(OUTCOME_FAIL));
    }
    classify(ctx, req, a);
    if (a->outcome == OUTCOME_OK || a->outcome == OUTCOME_SLOW)
        retry_learn(u->budget, req->provider, a->call.took_us);
    record(ctx, req, a, is_probe);
}

/* Another attempt is made after wait_ms: told to whoever waits for it. */
static void announce_retry(struct ctx *ctx, const struct upstream_request *req, int64_t wait_ms) {
    const struct upstream *u = ctx->parts->upstream;
    if (req->watch)
        req->watch->waiting(ctx, ctx->attempts, wait_ms, req->watch->arg);
    else if (u->retried && ctx->who.session[0])
        u->retried(ctx, req->provider, wait_ms);
}

/* Attempts until one is good or no more may be made. Leaves the last one in *a. */
static enum err attempt_until_done(struct ctx *ctx, const struct upstream_request *req,
                                   struct attempt *a, bool *timed_out) {
    struct upstream *u = ctx->parts->upstream;
    struct retry_call retry = retry_begin(u->budget, req->provider);
    struct retry_decision next = { .answer = RETRY_AGAIN };
    struct retry_question q = { 0 };
    enum err e = OK;
    struct guard_call call = { .provider = req->provider,
                               .credential = req->credential->id,
                               .version = req->credential->version,
                               .is_trial = req->credential->is_trial,
                               .attempt_ms = attempt_ms(req),
                               .may_refresh = req->credential->renew != NULL };
    a->outcome = OUTCOME_LOCAL;
    ctx->attempts = 0;
    while (next.answer == RETRY_AGAIN) {
        if (ctx->attempts)
            announce_retry(ctx, req, next.wait_ms);
        upstream_wait_for_turn(u, next.wait_ms);
        if (ctx->attempts && atomic_load(&u->draining)) {
            e = ctx_fail(ctx, ERR_DRAINING, "Ava is restarting; try again in a few seconds.");
            break;
        }
        struct guard_verdict v = guard_admit(u->guard, &call, ava_now_ms());
        if (v.answer != GUARD_ADMITTED) {
            /* Refused on the way to a retry: the attempt before says more than the refusal. */
            e = ctx->attempts ? OK : upstream_refused(ctx, req, &v);
            break;
        }
        choose_connection(req, &retry, v.is_probe, &a->call);
        bool may_refresh = call.may_refresh;
        e = send_once(ctx, req, a);
        if (e != OK) {
            guard_settle(u->guard, &call, OUTCOME_LOCAL, GUARD_NO_RETRY_AFTER, ava_now_ms());
            break;
        }
        count_attempt(ctx, req, a, &retry, v.is_probe);
        if (a->flow) {
            a->guard = call;
            break;
        }
        q = question(ctx, req, a, v.is_probe);
        unsigned bits = guard_settle(
            u->guard, &call, a->outcome,
            q.retry_after_s < 0 ? GUARD_NO_RETRY_AFTER : q.retry_after_s * 1000, ava_now_ms());
        upstream_spread(u, req, bits);
        if (bits & GUARD_NOT_CLOSED)
            break; /* this failure opened a breaker, or it was a probe: no bytes after it */
        e = renew(ctx, req, a, may_refresh, &q);
        if (e != OK)
            break;
        next = retry_decide(u->budget, &retry, &q);
    }
    retry_end(u->budget, &retry, a->outcome);
    *timed_out = a->call.result == CLIENT_TIMEOUT;
    ctx->problem.attempts = ctx->attempts;
    ctx->problem.attempts_max = UPSTREAM_ATTEMPTS_MAX;
    if (q.retry_after_s > 0 && a->outcome != OUTCOME_OK)
        ctx->problem.retry_after_s = q.retry_after_s;
    return e;
}

/* It may have happened, and asking for it again could make it happen twice. */
static bool is_unknown(const struct upstream *u, const struct upstream_request *req,
                       const struct attempt *a) {
    struct retry_request r = safety_of(u, req, a);
    return (a->outcome == OUTCOME_FAIL || a->outcome == OUTCOME_LOCAL) &&
           strcmp(req->method, "GET") != 0 && !retry_is_safe(&r, OUTCOME_FAIL);
}

enum err upstream_find_place(struct ctx *ctx, const struct upstream_request *req,
                             struct bulkhead_place *out) {
    const char *whose = req->scope ? req->scope : req->credential->workspace_id;
    int64_t queue_until = ava_now_ms() + QUEUE_MS;
    if (bulkhead_enter(ctx->parts->upstream->bulkhead, req->provider, whose,
                       queue_until < ctx->deadline_ms ? queue_until : ctx->deadline_ms, out))
        return OK;
    ctx->problem.service = provider_name(req->provider);
    ctx->problem.retry_after_s = 1;
    return ctx_fail(ctx, ERR_PROVIDER_BUSY, "Too many calls to %s are under way. Try again in 1 s.",
                    provider_title(req->provider));
}

enum err upstream_starved(struct ctx *ctx) {
    ctx->problem.retry_after_s = 1;
    return ctx_fail(
        ctx, ERR_OVERLOADED,
        "Ava has no connection to spare right now. Nothing was sent; try again in 1 s.");
}

/* The call with all its attempts; OK: a is a good answer. */
static enum err through(struct ctx *ctx, const struct upstream_request *req, struct attempt *a) {
    struct upstream *u = ctx->parts->upstream;
    struct bulkhead_place place = { 0 };
    bool timed_out = false;
    TRY(upstream_find_place(ctx, req, &place));
    enum err e = attempt_until_done(ctx, req, a, &timed_out);
    bulkhead_leave(u->bulkhead, &place, a->outcome, timed_out);
    if (e != OK)
        return e;
    if ((a->outcome == OUTCOME_OK || a->outcome == OUTCOME_SLOW) && !a->bad_shape &&
        a->call.status < 300) {
        ctx_clear(ctx);
        return OK;
    }
    if (a->call.result == CLIENT_STARVED)
        return upstream_starved(ctx);
    if (is_unknown(u, req, a))
        return answer_unknown(ctx, req, a->call.result == CLIENT_DONE ? a->call.status : 0);
    return answer_error(
        ctx, req,
        &(struct answer_failure){ .outcome = a->outcome,
                                  .status = a->call.result == CLIENT_DONE ? a->call.status : 0,
                                  .refusal = a->refusal,
                                  .timed_out = timed_out,
                                  .bad_shape = a->bad_shape });
}

enum err upstream_through(struct ctx *ctx, const struct upstream_request *req,
                          struct upstream_answer *out) {
    struct attempt *a = arena_alloc(ctx->arena, sizeof *a);
    TRY(through(ctx, req, a));
    *out = (struct upstream_answer){ .status = a->call.status,
                                     .body = a->kept,
                                     .attempts = ctx->attempts };
    return OK;
}

/* --- passed on as it comes ------------------------------------------------------------------- */

/* Outlives the ctx it was opened with, and what that lent. */
struct upstream_flow {
    struct upstream *upstream;
    struct upstream_request req;
    struct upstream_credential credential;
    struct attempt *attempt;
    const char *correlation_id;
};

/* The verdict on the whole answer; once. */
static void flow_settle(struct upstream_flow *f, enum outcome o) {
    struct upstream *u = f->upstream;
    upstream_spread(
        u, &f->req,
        guard_settle(u->guard, &f->attempt->guard, o, GUARD_NO_RETRY_AFTER, ava_now_ms()));
}

/* Whoever read it left before its end: that says nothing about the provider. */
static void flow_close(void *arg) {
    struct upstream_flow *f = arg;
    flow_settle(f, OUTCOME_LOCAL);
    client_close(f->attempt->flow);
}

enum err upstream_open(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_head *head, struct upstream_flow **out) {
    struct attempt *a = arena_alloc(ctx->arena, sizeof *a);
    struct upstream_flow *f = arena_alloc(ctx->arena, sizeof *f);
    a->is_flow = true;
    TRY(through(ctx, req, a));
    *f = (struct upstream_flow){ .upstream = ctx->parts->upstream,
                                 .req = *req,
                                 .credential = *req->credential,
                                 .attempt = a,
                                 .correlation_id = arena_strdup(ctx->arena, ctx->correlation_id) };
    f->credential.id = a->guard.credential = arena_strdup(ctx->arena, req->credential->id);
    f->credential.workspace_id = arena_strdup(ctx->arena, req->credential->workspace_id);
    f->req.credential = &f->credential;
    arena_defer(ctx->arena, flow_close, f);
    *head = (struct upstream_head){ a->call.status, a->call.length, a->call.content_range };
    *out = f;
    return OK;
}

bool upstream_read(struct upstream_flow *f, const bool *is_gone, struct str *piece) {
    struct client_call *call = &f->attempt->call;
    call->result = client_read(f->attempt->flow, is_gone, piece);
    if (piece->len || *is_gone)
        return !*is_gone;
    enum outcome o = call->result == CLIENT_DONE        ? OUTCOME_OK
                     : call->result == CLIENT_TOO_LARGE ? OUTCOME_LOCAL
                                                        : OUTCOME_FAIL;
    flow_settle(f, o);
    if (o != OUTCOME_OK)
        log_warn(NULL, "broke_off", L("service", provider_name(f->req.provider)),
                 L("operation", f->req.operation), L("result", (int)call->result),
                 L("correlation_id", f->correlation_id));
    return o == OUTCOME_OK;
}

/* --- to customers' own addresses ------------------------------------------------------------- */

static const char *failure_of(struct ctx *ctx, const struct client_call *c) {
    switch (c->result) {
    case CLIENT_DONE:
        return NULL;
    case CLIENT_UNREACHED:
        return "Nobody answers at this address.";
    case CLIENT_STARVED:
        return "Ava had no connection to spare; nothing was sent.";
    case CLIENT_TLS:
        return "Its certificate cannot be verified, or it does not speak TLS.";
    case CLIENT_TIMEOUT:
        return arena_printf(ctx->arena,
                            c->left_host ? "It did not answer within %lld s."
                                         : "Connecting to it took longer than %lld s.",
                            (long long)(c->timeout_ms + 999) / 1000);
    case CLIENT_GARBLED:
        return "It answered something that is not HTTP.";
    case CLIENT_TOO_LARGE:
        return "The head of its answer is larger than 64 KiB.";
    default:
        return "The connection broke before it answered.";
    }
}

/* One round over the addresses that did not refuse yet: KNOCK_MS for each in the first round, and what
 * is left for all that were silent in the second. Returns once one of them has let us in. */
static enum err knock(struct ctx *ctx, const struct upstream_request *req,
                      const struct resolved *to, bool is_first_round, uint32_t *refused,
                      struct attempt *a) {
    size_t silent = to->count - (size_t)__builtin_popcount(*refused);
    for (size_t i = 0; i < to->count; i++) {
        int64_t left_ms = time_for(ctx, req, a);
        if (*refused >> i & 1 || (a->call.only && left_ms <= 0))
            continue;
        a->call.only = &to->list[i];
        a->call.knock_ms = to->count == 1   ? 0
                           : is_first_round ? KNOCK_MS
                                            : left_ms / (int64_t)silent;
        TRY(send_once(ctx, req, a));
        if (a->call.result != CLIENT_UNREACHED)
            return OK;
        if (!a->call.knock_ms || a->call.took_us / 1000 < a->call.knock_ms)
            *refused |= 1U << i;
        silent -= !is_first_round;
    }
    return OK;
}

/* Sends to the first of the addresses that lets us in. To those who wait it is one attempt. */
static enum err send_to_any(struct ctx *ctx, const struct upstream_request *req,
                            const struct resolved *to, struct attempt *a) {
    int64_t began_us = ava_now_us(), whole_ms = time_for(ctx, req, a);
    uint32_t refused = 0;
    a->until_ms = ava_now_ms() + whole_ms;
    a->call.connect_ms = whole_ms;
    TRY(knock(ctx, req, to, true, &refused, a));
    if (a->call.result == CLIENT_UNREACHED)
        TRY(knock(ctx, req, to, false, &refused, a));
    a->call.timeout_ms = whole_ms;
    a->call.took_us = ava_now_us() - began_us;
    return OK;
}

/* The attempt itself, once it is admitted. What people get to read of it is in *out. */
static enum err send_judged(struct ctx *ctx, const struct upstream_request *req, bool is_probe,
                            struct attempt *a, struct upstream_echo *out) {
    struct upstream *u = ctx->parts->upstream;
    struct resolved to;
    int64_t began_us = ava_now_us(), until_ms = ava_now_ms() + RESOLVE_MS;
    *out = (struct upstream_echo){ .retry_after_s = RETRY_NO_RETRY_AFTER };
    a->outcome = OUTCOME_FAIL;
    bool is_busy;
    out->failure =
        outbound_find(req->credential->workspace_id, str_of(req->url), &u->allowed,
                      until_ms < ctx->deadline_ms ? until_ms : ctx->deadline_ms, &to, &is_busy);
    if (is_busy) {
        ctx->problem.service = provider_name(req->provider);
        ctx->problem.retry_after_s = BUSY_S;
        return ctx_fail(ctx, ERR_PROVIDER_BUSY, "%s Try again in %d s.", out->failure, BUSY_S);
    }
    if (!out->failure) {
        a->call.fresh = is_probe;
        a->call.may_resend = !is_probe;
        a->call.head_is_enough = true;
        TRY(send_to_any(ctx, req, &to, a));
        classify(ctx, req, a);
        record(ctx, req, a, is_probe);
        out->failure = failure_of(ctx, &a->call);
        out->status = out->failure ? 0 : a->call.status;
        out->retry_after_s = said_to_wait(&a->call);
    }
    out->took_us = ava_now_us() - began_us;
    return OK;
}

enum err upstream_send(struct ctx *ctx, const struct upstream_request *req,
                       struct upstream_echo *out) {
    struct upstream *u = ctx->parts->upstream;
    struct bulkhead_place place = { 0 };
    struct attempt *a = arena_alloc(ctx->arena, sizeof *a);
    struct guard_call call = { .provider = req->provider,
                               .host = req->scope,
                               .credential = req->credential->id,
                               .version = req->credential->version,
                               .is_trial = req->credential->is_trial,
                               .attempt_ms = RESOLVE_MS + attempt_ms(req) };
    TRY(upstream_find_place(ctx, req, &place));
    struct guard_verdict v = guard_admit(u->guard, &call, ava_now_ms());
    enum err e = v.answer == GUARD_ADMITTED ? send_judged(ctx, req, v.is_probe, a, out)
                                            : upstream_refused(ctx, req, &v);
    if (v.answer == GUARD_ADMITTED)
        guard_settle(u->guard, &call, e == OK ? a->outcome : OUTCOME_LOCAL,
                     e == OK && out->retry_after_s >= 0 ? out->retry_after_s * 1000
                                                        : GUARD_NO_RETRY_AFTER,
                     ava_now_ms());
    /* One customer's slow receiver says nothing about another's: nothing is learned here. */
    bulkhead_leave(u->bulkhead, &place, OUTCOME_LOCAL, false);
    return e;
}

const struct address_ranges *upstream_allowed(const struct upstream *u) {
    return &u->allowed;
}
