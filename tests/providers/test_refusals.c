/* Whom each refusal means: every code and sentence that ../shared/contracts and TRAFFIC name. */
#include <stdio.h>

#include "base/defs.h"
#include "base/sift.h"
#include "providers/answer.h"
#include "providers/dialect.h"
#include "test.h"

struct judged {
    struct arena *arena;
    struct ctx ctx;
    struct refusal refusal;
    enum outcome outcome;
    enum err err;
};

static struct judged judge(enum provider p, int status, const char *body) {
    static struct upstream_credential credential;
    struct judged j = { .arena = arena_new(1 << 20), .refusal = refusal_by_status(status) };
    struct upstream_request req = { .provider = p, .credential = &credential };
    enum sift_end how;
    ctx_init(&j.ctx, NULL, j.arena, 1000);
    dialect_of(p)->judge(&j.ctx, status, sift_text(j.arena, str_of(body), NULL, &how), &j.refusal);
    j.outcome = answer_outcome(status, &j.refusal);
    struct answer_failure f = { .outcome = j.outcome, .status = status, .refusal = j.refusal };
    j.err = answer_error(&j.ctx, &req, &f);
    return j;
}

static void check(enum provider p, int status, const char *body, enum outcome outcome, enum err err,
                  const char *words) {
    struct judged j = judge(p, status, body);
    bool is_so = j.outcome == outcome && j.err == err && j.ctx.problem.detail &&
                 (!words || strstr(j.ctx.problem.detail, words));
    if (!is_so)
        print_error("%d %s: outcome %d, error %d, \"%s\"\n", status, body, j.outcome, j.err,
                    j.ctx.problem.detail);
    CHECK(is_so);
    arena_free(j.arena);
}

/* --- Twilio ------------------------------------------------------------------------------------ */

static void check_code(int status, int code, enum outcome outcome, enum err err,
                       const char *words) {
    char body[100];
    snprintf(body, sizeof body, "{\"code\":%d,\"message\":\"Whatever it says\",\"status\":%d}",
             code, status);
    check(PROVIDER_TWILIO, status, body, outcome, err, words);
}

/* With 400, 403 and 429: a code is about the same whatever status comes with it. */
TEST(a_code_of_twilios_means_the_same_with_every_status) {
    static const struct {
        int code;
        const char *words;
    } REQUESTS[] = {
        { 21608, "trial account" },
        { 21219, "trial account" },
        { 572006, "trial account" },
        { 20008, "test credentials" },
        { 21408, "this country" },
        { 60410, "this prefix" },
        { 21610, "no more texts" },
        { 21611, "still wait" },
        { 21612, "no way from this number" },
        { 21617, "too long" },
        { 30001, "wait to be sent" },
        { 30022, "registered for" },
        { 30034, "A2P 10DLC" },
        { 63003, "nobody at this address" },
        { 63007, "not one of this channel" },
        { 63016, "24 hours" },
        { 63018, "no more messages of this sender" },
        { 63024, "cannot be reached" },
        { 63032, "does not let" },
        { 63038, "today" },
        { 14107, "more texts than it may" },
        { 21211, "not a valid phone number" },
        { 99999, "its code is 99999" },
    };
    static const int STATUSES[] = { 400, 403, 429 };
    for (size_t i = 0; i < ARRAY_LEN(REQUESTS); i++)
        for (size_t s = 0; s < ARRAY_LEN(STATUSES); s++)
            check_code(STATUSES[s], REQUESTS[i].code, OUTCOME_OK, ERR_PROVIDER_REJECTED,
                       REQUESTS[i].words);
}

TEST(only_what_twilio_says_of_the_key_is_about_the_key) {
    check_code(401, 20003, OUTCOME_AUTH, ERR_CREDENTIALS_REJECTED, NULL);
    check_code(403, 20003, OUTCOME_AUTH, ERR_CREDENTIALS_REJECTED, NULL);
    check_code(401, 20005, OUTCOME_AUTH, ERR_CREDENTIALS_REJECTED, NULL);
    check(PROVIDER_TWILIO, 401, "", OUTCOME_AUTH, ERR_CREDENTIALS_REJECTED, NULL);
    check(PROVIDER_TWILIO, 403, "<html>", OUTCOME_OK, ERR_PERMISSION_DENIED, NULL);
    check_code(404, 20404, OUTCOME_OK, ERR_PROVIDER_RESOURCE_NOT_FOUND, NULL);
}

TEST(twilio_is_asked_too_often_only_where_it_says_so) {
    check_code(429, 20429, OUTCOME_THROTTLE, ERR_PROVIDER_RATE_LIMITED, NULL);
    check(PROVIDER_TWILIO, 429, "{}", OUTCOME_THROTTLE, ERR_PROVIDER_RATE_LIMITED, NULL);
    check(PROVIDER_TWILIO, 429, "", OUTCOME_THROTTLE, ERR_PROVIDER_RATE_LIMITED, NULL);
    check_code(429, 10004, OUTCOME_OK, ERR_PROVIDER_BUSY, "15 s");
}

TEST(what_twilio_says_of_the_account_is_about_the_account) {
    check_code(403, 30002, OUTCOME_OK, ERR_ACCOUNT_PROBLEM, "suspended");
    check_code(400, 10001, OUTCOME_OK, ERR_ACCOUNT_PROBLEM, "not active");
}

/* --- Vapi -------------------------------------------------------------------------------------- */

static void vapi(int status, const char *message, enum outcome outcome, enum err err,
                 const char *words) {
    char body[600];
    snprintf(body, sizeof body, "{\"message\":%s,\"error\":\"Bad Request\",\"statusCode\":%d}",
             message, status);
    check(PROVIDER_VAPI, status, body, outcome, err, words);
}

TEST(no_line_is_free_however_vapi_says_it) {
    static const char *const SAYINGS[] = {
        "\"Over Concurrency Limit\"",
        "\"Over concurrency limit for this key.\"",
        "[\"phoneNumberId is busy\",\"over concurrency limit\"]",
        "\"All concurrent lines of your organization are in use.\"",
    };
    static const int STATUSES[] = { 400, 403, 404, 409, 422, 429 };
    for (size_t i = 0; i < ARRAY_LEN(SAYINGS); i++)
        for (size_t s = 0; s < ARRAY_LEN(STATUSES); s++)
            vapi(STATUSES[s], SAYINGS[i], OUTCOME_OK, ERR_PROVIDER_BUSY, "15 s");
    check(PROVIDER_VAPI, 400, "{\"error\":\"Over Concurrency Limit\"}", OUTCOME_OK,
          ERR_PROVIDER_BUSY, NULL);
}

TEST(a_403_of_vapis_is_about_this_request) {
    vapi(403, "\"Number is on the do-not-call list of this organisation.\"", OUTCOME_OK,
         ERR_PROVIDER_REJECTED, "must not be called");
    vapi(403, "\"Forbidden resource\"", OUTCOME_OK, ERR_PERMISSION_DENIED, NULL);
    vapi(401, "\"Invalid Key.\"", OUTCOME_AUTH, ERR_CREDENTIALS_REJECTED, NULL);
}

TEST(vapis_reasons_are_told_by_meaning) {
    vapi(400,
         "[\"assistantOverrides.maxDurationSeconds must not be greater than 43200 (got 90000)\"]",
         OUTCOME_OK, ERR_PROVIDER_REJECTED,
         "assistantOverrides.maxDurationSeconds must not be greater than 43200.");
    vapi(400, "\"Couldn't start call: your balance is $0.00, add credits\"", OUTCOME_OK,
         ERR_ACCOUNT_PROBLEM, "no credit left");
    vapi(400, "\"Wallet Balance is below the minimum.\"", OUTCOME_OK, ERR_ACCOUNT_PROBLEM, NULL);
    vapi(402, "\"Payment Required\"", OUTCOME_OK, ERR_ACCOUNT_PROBLEM, NULL);
    vapi(400, "\"customer.number: must start with +\"", OUTCOME_OK, ERR_PROVIDER_REJECTED,
         "customer.number must start with +.");
    vapi(400, "\"Numbers Bought On Vapi Have A Daily Outbound Call Limit.\"", OUTCOME_OK,
         ERR_PROVIDER_BUSY, "tomorrow");
    vapi(429, "\"Daily call limit reached for this number\"", OUTCOME_OK, ERR_PROVIDER_BUSY,
         "tomorrow");
    vapi(400, "\"Free Vapi numbers do not support international calls.\"", OUTCOME_OK,
         ERR_PROVIDER_REJECTED, "may not call that country");
    vapi(400, "\"Existing Phone Number already in use by another org.\"", OUTCOME_OK,
         ERR_PROVIDER_REJECTED, "exists there already");
    vapi(400, "\"`customer.number` is not a valid phone number in the E.164 format. Hot tip.\"",
         OUTCOME_OK, ERR_PROVIDER_REJECTED, "+15551234567");
    vapi(429, "\"Rate limit exceeded\"", OUTCOME_THROTTLE, ERR_PROVIDER_RATE_LIMITED, NULL);
    vapi(404, "\"Assistant not found\"", OUTCOME_OK, ERR_PROVIDER_RESOURCE_NOT_FOUND, NULL);
    vapi(400, "[\"voice.speed must be <= 2\",\"name can't be longer than 40 (E.164)\"]", OUTCOME_OK,
         ERR_PROVIDER_REJECTED, "voice.speed must be <= 2; name can't be longer than 40 (E.164).");
}

/* Another wait for a day than for a line. */
TEST(what_is_used_up_for_today_waits_for_tomorrow) {
    struct judged j = judge(PROVIDER_VAPI, 400, "{\"message\":\"daily limit reached\"}");
    CHECK(j.ctx.problem.retry_after_s > 0 && j.ctx.problem.retry_after_s <= 86400);
    CHECK(j.ctx.problem.upstream_status == 400);
    arena_free(j.arena);
}

/* 5xx and 408 are the provider's failure, whatever they say. */
TEST(words_excuse_no_failure) {
    struct refusal full = { REFUSAL_FULL, NULL };
    CHECK_INT(answer_outcome(500, &full), OUTCOME_FAIL);
    CHECK_INT(answer_outcome(503, &full), OUTCOME_FAIL);
    CHECK_INT(answer_outcome(408, &full), OUTCOME_FAIL);
}
