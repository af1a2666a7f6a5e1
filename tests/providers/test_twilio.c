#include "test.h"

#include "base/encode.h"
#include "base/json.h"
#include "providers/stage.h"
#include "providers/twilio_numbers.h"

#define SID  "AC0123456789abcdef0123456789abcdef"
#define LIST "/2010-04-01/Accounts/" SID "/IncomingPhoneNumbers.json"
#define NUMBER                                                                                     \
    "{\"sid\":\"PN1\",\"phone_number\":\"+14155550100\",\"friendly_name\":null,\"capabilities\":{" \
    "\"voice\":true,\"SMS\":true}}"
#define PAGE(next) "{\"incoming_phone_numbers\":[" NUMBER "],\"next_page_uri\":" next "}"

TEST(an_account_sid_is_ac_and_32_hex_digits) {
    CHECK(twilio_is_account_sid(STR(SID)));
    CHECK(!twilio_is_account_sid(STR("")) && !twilio_is_account_sid(STR("A")) &&
          !twilio_is_account_sid(STR("AC")));
    CHECK(!twilio_is_account_sid(STR("AC0123456789abcdef0123456789abcde")) &&
          !twilio_is_account_sid(STR(SID "0")));
    CHECK(!twilio_is_account_sid(STR("AC0123456789abcdef0123456789abcdeg")) &&
          !twilio_is_account_sid(STR("AC/../../Accounts/0123456789abcdef")));
}

static void page_on(struct stage *s) {
    struct upstream_answer out;
    const char *why;
    CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20, NULL, &out), OK);
    json_t *page = json_parse(s->arena, out.body, &why);
    json_t *n = json_array_get(json_object_get(page, "numbers"), 0);
    CHECK_TEXT(json_text(n, "phone_number"), "+14155550100");
    CHECK(json_is_true(json_object_get(json_object_get(n, "capabilities"), "sms")));
    CHECK(json_is_false(json_object_get(json_object_get(n, "capabilities"), "mms")));
    const char *cursor = json_text(page, "next_cursor");
    CHECK(cursor != NULL);
    CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20, cursor, &out), OK);
    CHECK_INT(stage_seen(s, "GET " LIST "?PageSize=20&Page=1&PageToken=PA1 "), 1);
    CHECK(json_is_null(json_object_get(json_parse(s->arena, out.body, &why), "next_cursor")));
    char *pair =
        base64_encode(s->arena, SID ":token-of-the-test", strlen(SID ":token-of-the-test"));
    CHECK_INT(stage_seen(s, arena_printf(s->arena, "Authorization: Basic %s\r\n", pair)), 2);
}

TEST(a_cursor_leads_to_the_page_that_twilio_named) {
    static const struct scene SCENES[] = {
        { "GET " LIST "?PageSize=20 ", 200, PAGE("\"" LIST "?PageSize=20&Page=1&PageToken=PA1\""),
          NULL },
        { "GET " LIST "?PageSize=20&Page=1&PageToken=PA1 ", 200, PAGE("null"), NULL },
        { 0 },
    };
    stage_play(SCENES, page_on);
}

static void hostile_cursors(struct stage *s) {
    static const char *const RAW[] = { "a b", "a\r\nHost: evil", "a#b", "a\"b", "\x01", "\xff" };
    struct upstream_answer out;
    for (size_t i = 0; i < ARRAY_LEN(RAW); i++)
        CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20,
                                      base64url_encode(s->arena, RAW[i], strlen(RAW[i])), &out),
                  ERR_INVALID);
    static const char *const BAD[] = { "", "!", "a", "abc=", "../../x", "%41" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++)
        CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20, BAD[i], &out),
                  ERR_INVALID);
    char *longest = arena_alloc(s->arena, 2000);
    memset(longest, 'Y', 1999);
    CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20, longest, &out),
              ERR_INVALID);
    CHECK_TEXT(s->ctx.problem.fields[0].field, "cursor");
    CHECK_INT(stage_seen(s, "GET "), 0);
}

TEST(a_cursor_that_did_not_come_from_here_is_refused_before_anything_is_sent) {
    static const struct scene SCENES[] = { { 0 } };
    stage_play(SCENES, hostile_cursors);
}

static void foreign_pages(struct stage *s) {
    for (int i = 1; i <= 5; i++) {
        struct upstream_answer out;
        s->credential.id = arena_printf(s->arena, "cred_%d", i);
        struct ctx *ctx = stage_ctx(s);
        ctx->deadline_ms = ava_now_ms() + 150;
        CHECK_INT(twilio_numbers_read(ctx, &s->credential, SID, i, NULL, &out),
                  ERR_PROVIDER_BAD_RESPONSE);
    }
}

TEST(a_next_page_anywhere_else_is_not_followed) {
    static const struct scene SCENES[] = {
        { "GET " LIST "?PageSize=1 ", 200, PAGE("\"https://evil.example/x?a=b\""), NULL },
        { "GET " LIST "?PageSize=2 ", 200, PAGE("\"//evil.example" LIST "?a=b\""), NULL },
        { "GET " LIST "?PageSize=3 ", 200, PAGE("\"/2010-04-01/Accounts/" SID "/Calls.json?a=b\""),
          NULL },
        { "GET " LIST "?PageSize=4 ", 200, PAGE("\"" LIST "\""), NULL },
        { "GET " LIST "?PageSize=5 ", 200, PAGE("7"), NULL },
        { 0 },
    };
    stage_play(SCENES, foreign_pages);
}

static void odd_page(struct stage *s) {
    struct upstream_answer out;
    CHECK_INT(twilio_numbers_read(stage_ctx(s), &s->credential, SID, 20, NULL, &out), OK);
    CHECK(str_find(out.body, STR("+15005550006")) > 0 && str_find(out.body, STR("PN2")) < 0);
}

TEST(one_number_that_cannot_be_read_costs_the_others_nothing) {
    static const struct scene SCENES[] = {
        { "GET " LIST, 200,
          "{\"incoming_phone_numbers\":[{},7,{\"sid\":\"PN1\",\"phone_number\":\"+15005550006\","
          "\"friendly_name\":\"Night desk \\udd25\"},{\"sid\":\"PN2\",\"phone_number\":null}]}",
          NULL },
        { 0 },
    };
    stage_play(SCENES, odd_page);
}

static void check_account(struct stage *s) {
    int numbers = -1;
    CHECK_INT(twilio_check(stage_ctx(s), &s->credential, SID, &numbers), OK);
    CHECK_INT(numbers, 1);
}

static void check_suspended(struct stage *s) {
    int numbers = -1;
    CHECK_INT(twilio_check(stage_ctx(s), &s->credential, SID, &numbers), ERR_ACCOUNT_PROBLEM);
}

TEST(an_account_is_good_when_it_is_active) {
    static const struct scene GOOD[] = {
        { "GET /2010-04-01/Accounts/" SID ".json ", 200,
          "{\"sid\":\"" SID "\",\"status\":\"active\"}", NULL },
        { "GET " LIST "?PageSize=50 ", 200, PAGE("null"), NULL },
        { 0 },
    };
    static const struct scene SUSPENDED[] = {
        { "GET /2010-04-01/Accounts/" SID ".json ", 200,
          "{\"sid\":\"" SID "\",\"status\":\"suspended\"}", NULL },
        { 0 },
    };
    stage_play(GOOD, check_account);
    stage_play(SUSPENDED, check_suspended);
}
