/* answer: what a provider's answer means, in outcome classes and in Ava's errors (RESILIENCE 2
 * and 10). Shared by upstream.c and its tests; no sockets here. */
#pragma once

#include "providers/refusal.h"
#include "providers/upstream.h"
#include "resilience/outcome.h"

/* By status, where it is no refusal (answer_is_refusal); by what the refusal means, where it is. */
enum outcome answer_outcome(int status, const struct refusal *refusal);

/* 400 to 499, but for 408: the provider answered, and said no. */
bool answer_is_refusal(int status);

struct answer_failure {
    enum outcome outcome;
    int status; /* 0: there was no answer */
    struct refusal refusal;
    bool timed_out, bad_shape;
};

/* Fills ctx->problem and returns the error that fits. */
enum err answer_error(struct ctx *ctx, const struct upstream_request *req,
                      const struct answer_failure *f);
enum err answer_auth_error(struct ctx *ctx, const struct upstream_request *req, int status);

/* ERR_OUTCOME_UNKNOWN with its words, for an unsafe call that may have been carried out. status:
 * what was answered, 0 for nothing. */
enum err answer_unknown(struct ctx *ctx, const struct upstream_request *req, int status);

/* True when an older value may be shown instead of this error, because it may pass: never after
 * 401, 403 or 404. */
bool answer_may_be_stale(enum err e);

/* The problem in ctx as bytes, for callers who wait for the same answer, and back. */
struct str answer_pack(struct ctx *ctx);
enum err answer_unpack(struct ctx *ctx, enum err e, struct str packed);
