#include "service/assistants/masking.h"

#include "base/json.h"
#include "base/tree.h"
#include "test.h"

static struct arena *a;
static struct ctx ctx;

static void begin(void) {
    a = arena_new(4 << 20);
    ctx_init(&ctx, NULL, a, 1000);
}

static json_t *tree(const char *text) {
    const char *why = "";
    json_t *t = json_parse(a, str_of(text), &why);
    if (!t)
        print_error("%s: %s\n", text, why);
    CHECK(t != NULL);
    return t;
}

static const char *text_of(json_t *t) {
    return str_dup(a, tree_text(a, tree_in(a, t)));
}

static const char *masked(const char *text) {
    return text_of(masking_done(tree(text)));
}

TEST(what_opens_something_is_hidden_whatever_it_is_called) {
    static const char *const HIDDEN[] = { "secret",          "serverSecret", "apiKey",
                                          "api_key",         "authToken",    "password",
                                          "Authorization",   "privateKey",   "awsAccessKeyId",
                                          "twilioAuthToken", "X-Api-Key",    "clientSecret",
                                          "connectionString" };
    static const char *const OPEN[] = { "name", "voiceId", "firstMessage", "content", "keypad" };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(HIDDEN); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"%s\":\"v\"}", HIDDEN[i])),
                   arena_printf(a, "{\"%s\":\"" MASK "\"}", HIDDEN[i]));
    for (size_t i = 0; i < ARRAY_LEN(OPEN); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"%s\":\"v\"}", OPEN[i])),
                   arena_printf(a, "{\"%s\":\"v\"}", OPEN[i]));
    CHECK_TEXT(masked("{\"maxTokens\":250,\"secret\":\"\"}"),
               "{\"maxTokens\":250,\"secret\":\"\"}");
    arena_free(a);
}

TEST(all_headers_and_credentials_are_hidden_at_any_depth) {
    begin();
    CHECK_TEXT(masked("{\"model\":{\"tools\":[{\"server\":{\"headers\":{\"X\":\"v\"}}}]}}"),
               "{\"model\":{\"tools\":[{\"server\":{\"headers\":{\"X\":\"" MASK "\"}}}]}}");
    CHECK_TEXT(
        masked("{\"credentials\":[{\"provider\":\"p\",\"any\":{\"deep\":[\"v\"]},\"n\":1}]}"),
        "{\"credentials\":[{\"provider\":\"p\",\"any\":{\"deep\":[\"" MASK "\"]},\"n\":1}]}");
    arena_free(a);
}

TEST(of_addresses_only_what_lets_somebody_in_is_hidden) {
    static const char *const CASES[][2] = {
        { "https://example.com/a?b=c#d", "https://example.com/a?b=c#d" },
        { "https://u:p@example.com/a", "https://" MASK "@example.com/a" },
        { "https://example.com/a@b", "https://example.com/a@b" },
        { "https://ava.example/webhooks/vapi/T0ken", "https://ava.example/webhooks/vapi/" MASK },
        { "http://127.0.0.1:8000/webhooks/twilio/T/voice",
          "http://127.0.0.1:8000/webhooks/twilio/" MASK },
        { "https://example.com/webhooks/", "https://example.com/webhooks/" },
        { "https://example.com/a?token=T", "https://example.com/a?" MASK },
        { "https://u@example.com/a?api_key=T", "https://" MASK "@example.com/a?" MASK },
        { "call me at mail@example.com", "call me at mail@example.com" },
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"url\":\"%s\"}", CASES[i][0])),
                   arena_printf(a, "{\"url\":\"%s\"}", CASES[i][1]));
    arena_free(a);
}

/* What comes of sending this for what is there; NULL when it is refused. */
static const char *undone(const char *sent, const char *real) {
    ctx.problem = (struct problem){ .err = OK };
    const char *text = text_of(masking_undone(&ctx, tree(sent), tree(real)));
    return ctx.problem.field_count ? NULL : text;
}

TEST(what_was_read_can_be_sent_back_and_is_what_it_was) {
    static const char REAL[] =
        "{\"server\":{\"url\":\"https://u:p@e.com/webhooks/vapi/T\",\"headers\":{\"X\":\"v\"}},"
        "\"credentials\":[{\"provider\":\"a\",\"apiKey\":\"1\"},{\"provider\":\"a\",\"apiKey\":"
        "\"2\"}],\"n\":[1,null,true]}";
    begin();
    CHECK_TEXT(undone(masked(REAL), REAL), REAL);
    arena_free(a);
}

TEST(a_mask_takes_only_the_value_of_its_own_place) {
    begin();
    CHECK_TEXT(undone("{\"secret\":\"" MASK "\"}", "{\"secret\":\"v\",\"password\":\"w\"}"),
               "{\"secret\":\"v\"}");
    CHECK_TEXT(undone("{\"secret\":\"new\"}", "{\"secret\":\"v\"}"), "{\"secret\":\"new\"}");
    CHECK(undone("{\"secret\":\"" MASK "\"}", "{\"password\":\"w\"}") == NULL);
    CHECK_TEXT(ctx.problem.fields[0].field, "/secret");
    CHECK_TEXT(ctx.problem.fields[0].code, "masked");
    CHECK(undone("{\"url\":\"https://other.com/webhooks/vapi/" MASK "\"}",
                 "{\"url\":\"https://e.com/webhooks/vapi/T\"}") == NULL);
    CHECK_TEXT(undone("{\"firstMessage\":\"" MASK "\"}", "{}"), "{\"firstMessage\":\"" MASK "\"}");
    arena_free(a);
}

#define KEY(p, k) "{\"provider\":\"" p "\",\"apiKey\":\"" k "\"}"

TEST(entries_of_a_list_keep_their_own_wherever_they_go) {
    static const char REAL[] = "{\"credentials\":[" KEY("a", "1") "," KEY("b", "2") "]}";
    begin();
    CHECK_TEXT(undone("{\"credentials\":[" KEY("b", MASK) "]}", REAL),
               "{\"credentials\":[" KEY("b", "2") "]}");
    CHECK_TEXT(undone("{\"credentials\":[" KEY("b", MASK) "," KEY("a", MASK) "]}", REAL),
               "{\"credentials\":[" KEY("b", "2") "," KEY("a", "1") "]}");
    CHECK_TEXT(undone("{\"credentials\":[" KEY("a", MASK) "," KEY("b", "3") "]}", REAL),
               "{\"credentials\":[" KEY("a", "1") "," KEY("b", "3") "]}");
    arena_free(a);
}

TEST(a_changed_entry_is_matched_only_where_nothing_else_could_be_meant) {
    static const char REAL[] = "{\"credentials\":[" KEY("a", "1") "," KEY("b", "2") "]}";
    begin();
    CHECK_TEXT(undone("{\"credentials\":[" KEY("a", MASK) ",{\"provider\":\"b\",\"apiKey\":\"" MASK
                                                          "\",\"name\":\"N\"}]}",
                      REAL),
               "{\"credentials\":[" KEY("a", "1") ",{\"provider\":\"b\",\"apiKey\":\"2\","
                                                  "\"name\":\"N\"}]}");
    CHECK(undone("{\"credentials\":[" KEY("c", MASK) "," KEY("d", MASK) "]}", REAL) == NULL);
    CHECK_INT(ctx.problem.field_count, 2);
    CHECK(undone("{\"credentials\":[" KEY("c", MASK) "]}", REAL) == NULL);
    CHECK(undone("{\"credentials\":[" KEY("a", MASK) "," KEY("b", MASK) "," KEY("c", MASK) "]}",
                 REAL) == NULL);
    CHECK_TEXT(ctx.problem.fields[0].field, "/credentials/2/apiKey");
    arena_free(a);
}
