#include "test.h"

#include <string.h>

#include "base/json.h"
#include "base/sift.h"
#include "providers/dialect.h"
#include "providers/resend_codes.h"

/* What Resend answers, and whom it means (resend.com/docs/api-reference/errors, read 2026-11-29). */
TEST(each_refusal_means_whom_it_should) {
    static const struct {
        int status;
        const char *name, *message;
        enum refusal_about about;
    } CASES[] = {
        { 400, "validation_error", "API key is invalid", REFUSAL_KEY },
        { 401, "validation_error", "API key is invalid", REFUSAL_KEY },
        { 401, "missing_api_key", "Missing API Key", REFUSAL_KEY },
        { 403, "invalid_api_key", "API key is invalid.", REFUSAL_KEY },
        { 401, "restricted_api_key", "This API key is restricted to only send emails.",
          REFUSAL_PERMISSION },
        { 403, "validation_error",
          "The example.com domain is not verified. Please, add and verify your domain.",
          REFUSAL_REQUEST },
        { 403, "validation_error",
          "You can only send testing emails to your own email address (me@example.com).",
          REFUSAL_REQUEST },
        { 400, "validation_error", "We found an error with one or more fields in the request.",
          REFUSAL_REQUEST },
        { 422, "validation_error", "Invalid `to` field.", REFUSAL_REQUEST },
        { 422, "missing_required_field", "Missing `subject` field.", REFUSAL_REQUEST },
        { 409, "invalid_idempotent_request", "Same key, other payload.", REFUSAL_REQUEST },
        { 409, "concurrent_idempotent_requests", "In progress.", REFUSAL_THROTTLE },
        { 429, "rate_limit_exceeded", "Too many requests.", REFUSAL_THROTTLE },
        { 429, "daily_quota_exceeded", "You have reached your daily email quota.",
          REFUSAL_ACCOUNT },
        { 429, "monthly_quota_exceeded", "You have reached your monthly email quota.",
          REFUSAL_ACCOUNT },
        { 404, "not_found", "Email not found", REFUSAL_ABSENT },
        { 451, "security_error", "We may have found a security issue.", REFUSAL_REQUEST },
        { 418, "something_new", "Nobody knows it yet.", REFUSAL_REQUEST },
        { 403, "something_new", "Nobody knows it yet.", REFUSAL_PERMISSION },
    };
    struct ctx ctx = { .arena = arena_new(1 << 16) };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        json_t *said = json_pack("{s:i,s:s,s:s}", "statusCode", CASES[i].status, "name",
                                 CASES[i].name, "message", CASES[i].message);
        struct refusal r = refusal_by_status(CASES[i].status);
        resend_judge(&ctx, CASES[i].status, said, &r);
        CHECK_INT(r.about, CASES[i].about);
        json_decref(said);
    }
    struct refusal edge = refusal_by_status(403); /* "error code: 1010", no JSON: ours */
    resend_judge(&ctx, 403, NULL, &edge);
    CHECK_INT(edge.about, REFUSAL_PERMISSION);
    arena_free(ctx.arena);
}

static struct message_facts read_event(struct ctx *ctx, const char *body, const char **why) {
    struct dialect_facts facts;
    enum sift_end how;
    const struct dialect *d = dialect_of(PROVIDER_RESEND);
    struct dialect_event event = { .type = "x",
                                   .body =
                                       sift_text(ctx->arena, str_of(body), d->event_paths, &how),
                                   .received_ms = 1000 };
    *why = d->read_event(ctx, &event, &facts);
    return facts.message;
}

#define BOUNCE(type, sub, said)                                                             \
    "{\"type\":\"email.bounced\",\"data\":{\"email_id\":\"e1\",\"to\":[\"a@b.example\"],"   \
    "\"bounce\":{\"type\":\"" type "\",\"subType\":\"" sub "\",\"diagnosticCode\":[\"" said \
    "\"]}}}"

/* Who is not there for good is one thing; that we, our words or a full mailbox are in the way another. */
TEST(a_bounce_is_told_by_whose_fault_it_is) {
    static const struct {
        const char *body;
        enum message_verdict verdict;
    } CASES[] = {
        { BOUNCE("Permanent", "General", "smtp; 550 5.1.1 user unknown"), MESSAGE_BOUNCED },
        { BOUNCE("Permanent", "NoEmail", "smtp; 550 no such user"), MESSAGE_BOUNCED },
        { BOUNCE("Permanent", "General", "smtp; 550 5.7.1 <a@b.example> no such user, 5.1.1"),
          MESSAGE_BOUNCED },
        { BOUNCE("Permanent", "General",
                 "smtp; 550 5.7.1 service unavailable; client host blocked"),
          MESSAGE_NOT_ARRIVED },
        { BOUNCE("Permanent", "General", "smtp; 550 5.7.26 unauthenticated: SPF and DKIM failed"),
          MESSAGE_NOT_ARRIVED },
        { BOUNCE("Permanent", "ContentRejected", "smtp; 554 5.6.0 content"), MESSAGE_NOT_ARRIVED },
        { BOUNCE("Permanent", "MessageTooLarge", "smtp; 552 5.3.4 too big"), MESSAGE_NOT_ARRIVED },
        { BOUNCE("Permanent", "MailboxFull", "smtp; 552 5.2.2 over quota"), MESSAGE_NOT_ARRIVED },
        { BOUNCE("Transient", "General", "smtp; 451 4.7.1 greylisted"), MESSAGE_NOT_ARRIVED },
        { BOUNCE("Undetermined", "Undetermined", "?"), MESSAGE_NOT_ARRIVED },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct ctx ctx = { .arena = arena_new(1 << 16) };
        const char *why;
        struct message_facts m = read_event(&ctx, CASES[i].body, &why);
        CHECK(!why && strcmp(m.provider_id, "e1") == 0 && strcmp(m.status, "bounced") == 0);
        CHECK_INT(m.verdict, CASES[i].verdict);
        CHECK(m.error && strstr(m.error, "came back"));
        arena_free(ctx.arena);
    }
}

TEST(content_that_is_odd_is_told_or_passed_over_and_breaks_nothing) {
    static const struct {
        const char *body;
        bool is_understood, is_of_mail;
    } CASES[] = {
        { "{\"type\":\"contact.created\",\"data\":{\"id\":\"x\"}}", true, false },
        { "{\"type\":\"email.invented\",\"data\":{\"email_id\":\"x\"}}", true, false },
        { "{\"type\":\"email.sent\",\"data\":{\"email_id\":\"x\",\"to\":\"a@b.example\"}}", true,
          true },
        { "{\"type\":\"email.sent\",\"data\":{\"email_id\":\"x\",\"to\":null}}", true, true },
        { "{\"type\":\"email.bounced\",\"data\":{\"email_id\":\"x\"}}", true, true },
        { "{\"type\":\"email.bounced\",\"data\":{\"email_id\":\"x\",\"bounce\":\"no\"}}", true,
          true },
        { "{\"type\":\"email.sent\",\"data\":{}}", false, false },
        { "{\"type\":\"email.sent\",\"data\":{\"email_id\":7}}", false, false },
        { "{\"type\":7}", true, false },
        { "[]", false, false },
        { "", false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct ctx ctx = { .arena = arena_new(1 << 16) };
        const char *why;
        struct message_facts m = read_event(&ctx, CASES[i].body, &why);
        CHECK_INT(!why, CASES[i].is_understood);
        CHECK_INT(m.provider_id != NULL, CASES[i].is_of_mail);
        arena_free(ctx.arena);
    }
}

TEST(it_names_the_operation_that_sent_it) {
    struct ctx ctx = { .arena = arena_new(1 << 16) };
    const char *why;
    struct message_facts m = read_event(
        &ctx,
        "{\"type\":\"email.delivered\",\"data\":{\"email_id\":\"x\",\"to\":[\"a@b.example\"],"
        "\"tags\":{\"ava_op\":\"op_1\",\"more\":\"y\"}}}",
        &why);
    CHECK_TEXT(m.operation_id, "op_1");
    CHECK_INT(m.verdict, MESSAGE_ARRIVED);
    arena_free(ctx.arena);
}
