#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/json.h"
#include "providers/answer.h"
#include "providers/dialect.h"

static struct arena *arena;
static struct ctx ctx;
static struct upstream_credential credential;
static struct upstream_request request;

static void begin(void) {
    arena_free(arena);
    arena = arena_new(1 << 20);
    ctx_init(&ctx, NULL, arena, 1000);
}

static enum err error_told(enum outcome o, int status, bool timed_out, bool bad_shape,
                           struct refusal refusal) {
    request = (struct upstream_request){ .provider = PROVIDER_VAPI, .credential = &credential };
    struct answer_failure f = { o, status, refusal, timed_out, bad_shape };
    return answer_error(&ctx, &request, &f);
}

static enum err error_of(enum outcome o, int status, bool timed_out, bool bad_shape,
                         struct refusal refusal) {
    begin();
    return error_told(o, status, timed_out, bad_shape, refusal);
}

static enum outcome outcome_of(int status) {
    struct refusal refusal = refusal_by_status(status);
    return answer_outcome(status, &refusal);
}

static enum err of_status(int status) {
    return error_of(outcome_of(status), status, false, status < 400, refusal_by_status(status));
}

TEST(every_status_has_its_outcome_class) {
    static const struct {
        int status;
        enum outcome outcome;
    } CASES[] = {
        { 200, OUTCOME_OK },   { 204, OUTCOME_OK },       { 301, OUTCOME_FAIL },
        { 304, OUTCOME_FAIL }, { 400, OUTCOME_OK },       { 401, OUTCOME_AUTH },
        { 402, OUTCOME_OK },   { 403, OUTCOME_OK },       { 404, OUTCOME_OK },
        { 408, OUTCOME_FAIL }, { 409, OUTCOME_OK },       { 420, OUTCOME_THROTTLE },
        { 422, OUTCOME_OK },   { 429, OUTCOME_THROTTLE }, { 500, OUTCOME_FAIL },
        { 501, OUTCOME_OK },   { 502, OUTCOME_FAIL },     { 503, OUTCOME_FAIL },
        { 599, OUTCOME_FAIL }, { 0, OUTCOME_FAIL },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_INT(outcome_of(CASES[i].status), CASES[i].outcome);
}

TEST(every_status_has_the_error_our_caller_gets) {
    static const struct {
        int status;
        enum err err;
    } CASES[] = {
        { 301, ERR_PROVIDER_BAD_RESPONSE }, { 400, ERR_PROVIDER_REJECTED },
        { 401, ERR_CREDENTIALS_REJECTED },  { 402, ERR_ACCOUNT_PROBLEM },
        { 403, ERR_PERMISSION_DENIED },     { 404, ERR_PROVIDER_RESOURCE_NOT_FOUND },
        { 408, ERR_PROVIDER_ERROR },        { 409, ERR_PROVIDER_REJECTED },
        { 422, ERR_PROVIDER_REJECTED },     { 429, ERR_PROVIDER_RATE_LIMITED },
        { 500, ERR_PROVIDER_ERROR },        { 501, ERR_PROVIDER_ERROR },
        { 503, ERR_PROVIDER_ERROR },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        CHECK_INT(of_status(CASES[i].status), CASES[i].err);
        CHECK(err_info(CASES[i].err)->status != 401); /* browsers would sign the user out */
        CHECK_INT(ctx.problem.upstream_status, CASES[i].status);
        CHECK_TEXT(ctx.problem.service, "vapi");
    }
    CHECK_INT(of_status(429), ERR_PROVIDER_RATE_LIMITED);
    CHECK_INT(ctx.problem.retry_after_s, 1);
    CHECK_INT(error_of(OUTCOME_FAIL, 0, true, false, refusal_by_status(0)), ERR_PROVIDER_TIMEOUT);
    CHECK_INT(error_of(OUTCOME_FAIL, 0, false, false, refusal_by_status(0)), ERR_PROVIDER_ERROR);
    CHECK_INT(error_of(OUTCOME_FAIL, 200, false, true, refusal_by_status(200)),
              ERR_PROVIDER_BAD_RESPONSE);
}

TEST(a_refusal_of_the_operators_key_is_the_operators_fault) {
    credential.is_platform = true;
    CHECK_INT(of_status(401), ERR_PROVIDER_MISCONFIGURED);
    CHECK_INT(of_status(403), ERR_PROVIDER_MISCONFIGURED);
    CHECK_INT(err_info(ERR_PROVIDER_MISCONFIGURED)->status, 502);
    credential.is_platform = false;
}

TEST(only_what_says_nothing_about_the_resource_may_be_answered_from_before) {
    CHECK(answer_may_be_stale(ERR_PROVIDER_TIMEOUT) &&
          answer_may_be_stale(ERR_PROVIDER_UNAVAILABLE));
    CHECK(!answer_may_be_stale(ERR_CREDENTIALS_REJECTED) &&
          !answer_may_be_stale(ERR_PERMISSION_DENIED));
    CHECK(!answer_may_be_stale(ERR_PROVIDER_RESOURCE_NOT_FOUND) &&
          !answer_may_be_stale(ERR_PROVIDER_REJECTED));
}

TEST(a_problem_that_was_packed_for_others_says_the_same_unpacked) {
    of_status(429);
    ctx.problem.retry_after_s = 17;
    ctx.problem.attempts = 2;
    ctx.problem.attempts_max = 3;
    struct str packed = answer_pack(&ctx);
    struct arena *other = arena_new(1 << 16);
    struct ctx follower;
    ctx_init(&follower, NULL, other, 1000);
    char *odd = arena_alloc(other, packed.len + 1); /* the cache may keep it anywhere */
    memcpy(odd + 1, packed.ptr, packed.len);
    CHECK_INT(
        answer_unpack(&follower, ERR_PROVIDER_RATE_LIMITED, (struct str){ odd + 1, packed.len }),
        ERR_PROVIDER_RATE_LIMITED);
    CHECK_TEXT(follower.problem.detail, ctx.problem.detail);
    CHECK_TEXT(follower.problem.service, "vapi");
    CHECK(follower.problem.retry_after_s == 17 && follower.problem.upstream_status == 429);
    CHECK(follower.problem.attempts == 2 && follower.problem.attempts_max == 3);
    arena_free(other);
}

static int judge_fixtures(const char *folder, const char *name) {
    char path[500], line[1 << 16];
    int judged = 0;
    snprintf(path, sizeof path, "%s/fixtures/%s/errors.jsonl", folder ? folder : "../shared", name);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    while (fgets(line, sizeof line, f)) {
        json_t *v = json_loads(line, 0, NULL);
        CHECK(v != NULL);
        int status = (int)json_integer_value(json_object_get(v, "status"));
        struct refusal refusal = refusal_by_status(status);
        const char *expect = json_string_value(json_object_get(v, "expect"));
        begin();
        if (answer_is_refusal(status))
            dialect_of(provider_parse(str_of(name)))
                ->judge(&ctx, status, json_object_get(v, "body"), &refusal);
        enum outcome o = answer_outcome(status, &refusal);
        enum err e = error_told(o, status, false, false, refusal);
        CHECK(err_info(e)->status >= 400 && err_info(e)->status != 401);
        if (expect && strstr(expect, "not open the breaker"))
            CHECK(o != OUTCOME_FAIL);
        if (expect && strstr(expect, "404 to the caller"))
            CHECK_INT(err_info(e)->status, 404);
        if (expect && strncmp(expect, "credential error", 16) == 0)
            CHECK_INT(err_info(e)->status, 424);
        json_decref(v);
        judged++;
    }
    fclose(f);
    return judged;
}

TEST(the_recorded_errors_of_the_providers_are_mapped_as_expected) {
    int vapi = judge_fixtures(getenv("TEST_SHARED"), "vapi"),
        twilio = judge_fixtures(getenv("TEST_SHARED"), "twilio");
    arena_free(arena);
    arena = NULL;
    if (vapi < 0 || twilio < 0) {
        print_message("# no fixtures in ../shared, nor where TEST_SHARED says\n");
        skip();
    }
    CHECK(vapi > 3 && twilio > 3);
}
