#include "providers/vapi_whole.h"

#include "base/buf.h"
#include "base/sift.h"
#include "test.h"

static struct arena *a;
static struct ctx ctx;

/* The names of the wrong fields of a body that Vapi said, in one line; "" when it may go. */
static const char *wrong(const char *body) {
    enum sift_end how;
    struct buf *out = buf_in(a);
    ctx_init(&ctx, NULL, a, 1000);
    enum err e = vapi_whole_check(&ctx, sift_text(a, str_of(body), NULL, &how));
    CHECK_INT(e, ctx.problem.field_count ? ERR_INVALID : OK);
    for (size_t i = 0; i < ctx.problem.field_count; i++)
        buf_printf(out, "%s%s", i ? " " : "", ctx.problem.fields[i].field);
    return str_dup(a, buf_view(out));
}

TEST(a_hidden_value_is_named_by_its_path_wherever_it_stands) {
    static const char *const CASES[][2] = {
        { "{\"model\":{\"headers\":{\"Authorization\":\"[REDACTED]\"}}}",
          "/model/headers/Authorization" },
        { "{\"server\":{\"headers\":{\"a/b\":\"Bearer [redacted]\"},\"secret\":\"********\"}}",
          "/server/headers/a~1b /server/secret" },
        { "{\"credentials\":[{\"id\":\"x\"},{\"apiKey\":\"sk-[REDACTED]\"}]}",
          "/credentials/1/apiKey" },
        { "{\"voice\":{\"server\":{\"url\":\"https://a.example/b?key=[REDACTED]\"}}}",
          "/voice/server/url" },
        { "{\"transport\":{\"headers\":{\"X\":\"Digest of a long kind, key=[REDACTED]\"}}}",
          "/transport/headers/X" },
    };
    a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(wrong(CASES[i][0]), CASES[i][1]);
    arena_free(a);
}

TEST(a_sentence_that_mentions_the_word_may_go) {
    a = arena_new(1 << 20);
    CHECK_TEXT(wrong("{\"model\":{\"messages\":[{\"content\":\"Write [REDACTED] instead of card "
                     "numbers.\"}]}}"),
               "");
    arena_free(a);
}

TEST(a_number_that_reading_changed_is_named_and_all_others_may_go) {
    a = arena_new(1 << 20);
    CHECK_TEXT(wrong("{\"metadata\":{\"t\":18446744073709551615,\"u\":[1,-10000000000000000000],"
                     "\"v\":1e999,\"w\":-1e5000}}"),
               "/metadata/t /metadata/u/1 /metadata/v /metadata/w");
    CHECK_TEXT(wrong("{\"metadata\":{\"a\":9223372036854775807,\"b\":-9223372036854775808,"
                     "\"c\":0.1,\"d\":1e18,\"e\":\"infinity\",\"f\":\"\",\"g\":\"12\"}}"),
               "");
    arena_free(a);
}

TEST(what_a_person_wrote_is_only_looked_through_for_hidden_values) {
    enum sift_end how;
    a = arena_new(1 << 20);
    ctx_init(&ctx, NULL, a, 1000);
    CHECK_INT(vapi_hidden_check(&ctx, sift_text(a, STR("{\"a\":1e20}"), NULL, &how)), OK);
    CHECK_INT(vapi_hidden_check(&ctx, sift_text(a, STR("{\"a\":\"********\"}"), NULL, &how)),
              ERR_INVALID);
    arena_free(a);
}
