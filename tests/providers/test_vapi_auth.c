#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "crypto/hmac.h"
#include "providers/vapi_auth.h"

static FILE *vectors(void) {
    const char *folder = getenv("TEST_SHARED");
    char path[500];
    snprintf(path, sizeof path, "%s/fixtures/vapi/webhook_auth_vectors.jsonl",
             folder ? folder : "../shared");
    return fopen(path, "r");
}

static struct str member(const void *headers, const char *name) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)headers, key, value) {
        if (strcasecmp(key, name) == 0)
            return str_of(json_string_value(value));
    }
    return (struct str){ NULL, 0 };
}

static bool judge(struct arena *a, const json_t *v) {
    struct vapi_auth_request r = { .method = str_of(json_text(v, "method")),
                                   .url = str_of(json_text(v, "url")),
                                   .body = str_of(json_text(v, "body")),
                                   .now_s = json_i64_or(v, "now", 0),
                                   .header = member,
                                   .arg = json_object_get(v, "headers") };
    struct vapi_auth_plan plan = vapi_auth_plan_of(json_object_get(v, "plan"));
    return vapi_auth_is_valid(a, &plan, &r);
}

TEST(all_vectors_are_judged_right) {
    static char line[1 << 20];
    FILE *f = vectors();
    int judged = 0;
    if (!f) {
        print_message("# no fixtures in ../shared, nor where TEST_SHARED says\n");
        skip();
    }
    while (fgets(line, sizeof line, f)) {
        struct arena *a = arena_new(16 << 20);
        const char *why = "";
        json_t *v = json_parse(a, (struct str){ line, strcspn(line, "\n") }, &why);
        bool valid = judge(a, v);
        const json_t *expected = json_object_get(v, "valid");
        if (json_is_boolean(expected) && valid != json_is_true(expected))
            fail_msg("wrong: %s", json_text(v, "name"));
        judged++;
        arena_free(a);
    }
    fclose(f);
    CHECK(judged > 20);
}

/* --- what the vectors do not say ------------------------------------------------------------- */

enum { NOW = 1795000000 };

static const char BODY[] = "{\"message\":{\"type\":\"hang\"}}";

static json_t *plan_of(struct arena *a, const char *text) {
    const char *why;
    json_t *plan = json_parse(a, str_of(text), &why);
    CHECK(plan);
    return plan;
}

static bool is_valid(struct arena *a, const char *plan, const char *headers, const char *body) {
    struct vapi_auth_request r = { .method = STR("POST"),
                                   .url = STR("https://ava.example/webhooks/vapi/t"),
                                   .body = str_of(body),
                                   .now_s = NOW,
                                   .header = member,
                                   .arg = plan_of(a, headers) };
    struct vapi_auth_plan how = vapi_auth_plan_of(plan_of(a, plan));
    return vapi_auth_is_valid(a, &how, &r);
}

static const char *signed_at(struct arena *a, int64_t at) {
    unsigned char mac[HMAC_SHA256_BYTES];
    char hex[2 * HMAC_SHA256_BYTES + 1];
    const char *text = arena_printf(a, "%lld.%s", (long long)at, BODY);
    hmac_sha256(mac, STR("key-of-the-plan"), str_of(text));
    hex_encode(hex, mac, sizeof mac);
    return arena_printf(a, "{\"X-Signature\":\"%s\",\"X-Timestamp\":\"%lld\"}", hex, (long long)at);
}

#define HMAC_PLAN "{\"type\":\"hmac\",\"algorithm\":\"sha256\",\"secretKey\":\"key-of-the-plan\"}"

TEST(a_timestamp_may_be_300_seconds_away_and_no_more) {
    struct arena *a = arena_new(1 << 20);
    CHECK(is_valid(a, HMAC_PLAN, signed_at(a, NOW), BODY));
    CHECK(is_valid(a, HMAC_PLAN, signed_at(a, NOW - 300), BODY));
    CHECK(is_valid(a, HMAC_PLAN, signed_at(a, NOW + 300), BODY));
    CHECK(!is_valid(a, HMAC_PLAN, signed_at(a, NOW - 301), BODY));
    CHECK(!is_valid(a, HMAC_PLAN, signed_at(a, NOW + 301), BODY));
    CHECK(is_valid(a, HMAC_PLAN, signed_at(a, INT64_C(1000) * NOW + 7), BODY)); /* milliseconds */
    arena_free(a);
}

TEST(a_signature_that_does_not_cover_the_body_is_never_valid) {
    struct arena *a = arena_new(1 << 20);
    unsigned char mac[HMAC_SHA256_BYTES];
    char hex[2 * HMAC_SHA256_BYTES + 1];
    hmac_sha256(mac, STR("key-of-the-plan"), STR("1795000000"));
    hex_encode(hex, mac, sizeof mac);
    const char *headers =
        arena_printf(a, "{\"x-signature\":\"%s\",\"x-timestamp\":\"1795000000\"}", hex);
    CHECK(!is_valid(a,
                    "{\"type\":\"hmac\",\"algorithm\":\"sha256\",\"secretKey\":\"key-of-the-plan\","
                    "\"payloadFormat\":\"{timestamp}\"}",
                    headers, BODY));
    arena_free(a);
}

TEST(a_plan_without_a_secret_admits_nobody) {
    struct arena *a = arena_new(1 << 20);
    CHECK(!is_valid(a, "{\"type\":\"bearer\"}", "{\"authorization\":\"\"}", BODY));
    CHECK(!is_valid(a, "{\"type\":\"bearer\",\"token\":\"\"}", "{\"authorization\":\"Bearer \"}",
                    BODY));
    CHECK(!is_valid(a, "{\"type\":\"oauth2\",\"token\":\"t\"}", "{\"authorization\":\"t\"}", BODY));
    CHECK(!is_valid(a, "{\"type\":\"hmac\",\"algorithm\":\"md5\",\"secretKey\":\"k\"}",
                    "{\"x-signature\":\"\",\"x-timestamp\":\"1795000000\"}", BODY));
    CHECK(!is_valid(a, "[]", "{}", BODY));
    arena_free(a);
}

TEST(a_million_changes_of_a_genuine_message_are_all_refused) {
    const int rounds = getenv("TEST_SOAK") ? 1000000 : 50000;
    struct arena *a = arena_new(1 << 20);
    const json_t *headers = plan_of(a, signed_at(a, NOW));
    struct vapi_auth_plan plan = vapi_auth_plan_of(plan_of(a, HMAC_PLAN));
    int accepted = 0;
    for (int i = 0; i < rounds; i++) {
        struct arena *b = arena_new(65536);
        char body[sizeof BODY], signature[80], stamp[16];
        char *const texts[] = { body, signature, stamp };
        str_copy(body, sizeof body, STR(BODY));
        str_copy(signature, sizeof signature, str_of(json_text(headers, "X-Signature")));
        str_copy(stamp, sizeof stamp, str_of(json_text(headers, "X-Timestamp")));
        char *text = texts[ava_rand_below(3)];
        size_t at = ava_rand_below(strlen(text));
        char was = text[at];
        do {
            text[at] = (char)(0x21 + ava_rand_below(0x5E));
        } while (text[at] == was || (text == signature && (text[at] | 0x20) == (was | 0x20)));
        json_t *mutated = json_pack("{s:s, s:s}", "x-signature", signature, "x-timestamp", stamp);
        struct vapi_auth_request r = { .method = STR("POST"),
                                       .body = str_of(body),
                                       .now_s = NOW,
                                       .header = member,
                                       .arg = mutated };
        accepted += vapi_auth_is_valid(b, &plan, &r);
        json_decref(mutated);
        arena_free(b);
    }
    CHECK_INT(accepted, 0);
    arena_free(a);
}

/* --- what may be kept ------------------------------------------------------------------------ */

static const char *complaint(struct arena *a, const char *plan) {
    static const struct parts NOTHING = { .db = NULL };
    struct ctx ctx;
    ctx_init(&ctx, &NOTHING, a, 1000);
    vapi_auth_check_plan(&ctx, plan_of(a, plan));
    return ctx.problem.field_count ? arena_strdup(a, ctx.problem.fields[0].field) : "";
}

TEST(plans_are_refused_by_the_name_of_what_is_wrong) {
    struct arena *a = arena_new(1 << 20);
    CHECK_TEXT(complaint(a, HMAC_PLAN), "");
    CHECK_TEXT(complaint(a, "{\"type\":\"bearer\",\"token\":\"t\"}"), "");
    CHECK_TEXT(complaint(a, "[]"), "webhook_auth");
    CHECK_TEXT(complaint(a, "{\"type\":\"oauth2\"}"), "webhook_auth.type");
    CHECK_TEXT(complaint(a, "{\"type\":\"bearer\"}"), "webhook_auth.token");
    CHECK_TEXT(complaint(a, "{\"type\":\"bearer\",\"token\":\"t\",\"secretKey\":\"k\"}"),
               "webhook_auth.secretKey");
    CHECK_TEXT(complaint(a, "{\"type\":\"hmac\",\"secretKey\":\"k\"}"), "webhook_auth.algorithm");
    CHECK_TEXT(complaint(a, "{\"type\":\"hmac\",\"secretKey\":\"k\",\"algorithm\":\"sha\"}"),
               "webhook_auth.algorithm");
    CHECK_TEXT(complaint(a, "{\"type\":\"hmac\",\"secretKey\":\"k\",\"algorithm\":\"sha1\","
                            "\"payloadFormat\":\"{timestamp}\"}"),
               "webhook_auth.payloadFormat");
    CHECK_TEXT(complaint(a, "{\"type\":\"hmac\",\"secretKey\":\"%\",\"algorithm\":\"sha1\","
                            "\"secretIsBase64\":true}"),
               "webhook_auth.secretKey");
    CHECK_TEXT(complaint(a, "{\"type\":\"bearer\",\"token\":\"t\",\"headerName\":\"a b\"}"),
               "webhook_auth.headerName");
    arena_free(a);
}

TEST(a_choice_is_exactly_one_of_its_words) {
    static const char *const NONE[] = {
        "sha256 sha512", " sha256",  "sha256 ",           " ", "", "sha25",
        "ha256",         " sha256 ", "sha256 sha512 sha1"
    };
    static const char *const WORDS[] = { "sha256", "sha512", "sha1" };
    static const char PLAN[] = "{\"type\":\"hmac\",\"secretKey\":\"k\",\"algorithm\":\"%s\"}";
    struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(NONE); i++)
        CHECK_TEXT(complaint(a, arena_printf(a, PLAN, NONE[i])), "webhook_auth.algorithm");
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        CHECK_TEXT(complaint(a, arena_printf(a, PLAN, WORDS[i])), "");
    arena_free(a);
}
