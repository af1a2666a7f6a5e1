#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "crypto/standard_webhook.h"

static const char SECRET[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/* The example of the published library. */
TEST(it_signs_as_the_published_example) {
    struct arena *a = arena_new(1 << 16);
    struct buf *out = buf_in(a);
    CHECK(standard_webhook_sign(a, str_of(SECRET), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
                                STR("{\"test\": 2432232314}"), out));
    CHECK_TEXT(str_dup(a, buf_view(out)), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    arena_free(a);
}

static struct str text_of(const json_t *line, const char *name) {
    const json_t *v = json_object_get(line, name);
    return (struct str){ json_string_value(v), json_string_length(v) };
}

TEST(all_core_vectors_of_svix_are_judged_right) {
    const char *folder = getenv("TEST_SHARED");
    char path[500], text[1 << 14];
    snprintf(path, sizeof path, "%s/fixtures/resend/svix_vectors.jsonl",
             folder ? folder : "../shared");
    FILE *f = fopen(path, "r");
    int judged = 0;
    if (!f) {
        print_message("# no fixtures in ../shared, nor where TEST_SHARED says\n");
        skip();
    }
    while (fgets(text, sizeof text, f)) {
        struct arena *a = arena_new(1 << 18);
        json_t *line = json_loads(text, 0, NULL), *headers = json_object_get(line, "headers");
        struct standard_webhook w = { .id = text_of(headers, "svix-id"),
                                      .timestamp = text_of(headers, "svix-timestamp"),
                                      .signature = text_of(headers, "svix-signature"),
                                      .body = text_of(line, "body"),
                                      .now_s = json_i64_or(line, "now", 0) };
        bool other_case =
            json_object_get(headers, "Svix-Id") || json_object_get(headers, "webhook-id");
        if (!other_case) /* names of fields are not this function's */
            CHECK_INT(standard_webhook_is_valid(a, &w, text_of(line, "secret")),
                      json_is_true(json_object_get(line, "valid")));
        judged++;
        json_decref(line);
        arena_free(a);
    }
    fclose(f);
    CHECK(judged >= 40);
}

TEST(what_is_no_secret_proves_nothing) {
    static const char *const NONE[] = { "", "whsec_", "whsec_not base64", "whsec_====" };
    struct arena *a = arena_new(1 << 16);
    for (int i = 0; i < 4; i++) {
        struct standard_webhook w = { STR("id"), STR("1000"), STR("v1,AAAA"), STR("{}"), 1000 };
        struct buf *out = buf_in(a);
        CHECK(!standard_webhook_is_secret(a, str_of(NONE[i])));
        CHECK(!standard_webhook_is_valid(a, &w, str_of(NONE[i])));
        CHECK(!standard_webhook_sign(a, str_of(NONE[i]), "id", 1, STR("{}"), out));
    }
    arena_free(a);
}
