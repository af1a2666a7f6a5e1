#include "providers/vapi_server.h"

#include "base/json.h"
#include "test.h"

static struct arena *a;
static struct ctx ctx;
static struct secret secret;

static const char OURS[] = "https://ava.example/webhooks/vapi/t";

/* The PATCH of an assistant; NULL when it is refused. */
static const char *patch_of(const char *assistant, bool overwrite, const char **was_url) {
    const char *why;
    struct str patch;
    struct vapi_server want = { OURS, &secret };
    ctx_init(&ctx, NULL, a, 1000);
    json_t *tree = json_parse(a, str_of(assistant), &why);
    CHECK(tree != NULL);
    return vapi_server_patch(&ctx, tree, &want, overwrite, was_url, &patch) == OK
               ? str_dup(a, patch)
               : NULL;
}

static void begin(void) {
    a = arena_new(1 << 20);
    secret_set(&secret, STR("s3"));
}

#define SERVER(more)                                                                    \
    "{\"server\":{\"url\":\"https://ava.example/webhooks/vapi/t\"," more                \
    "\"headers\":{\"X-Vapi-Secret\":\"s3\"},\"backoffPlan\":{\"type\":\"exponential\"," \
    "\"maxRetries\":5,\"baseDelaySeconds\":1}}}"

TEST(only_what_is_ours_is_sent_and_how_long_they_may_wait) {
    const char *was;
    begin();
    CHECK_TEXT(patch_of("{}", false, &was), SERVER(""));
    CHECK(was == NULL);
    CHECK_TEXT(patch_of("{\"server\":{\"url\":\"https://desk.example/hook\",\"timeoutSeconds\":9,"
                        "\"credentialId\":\"c\",\"secret\":\"[REDACTED]\","
                        "\"headers\":{\"X-Other\":\"[REDACTED]\"},\"unheard\":1}}",
                        true, &was),
               SERVER("\"timeoutSeconds\":9,"));
    CHECK_TEXT(was, "https://desk.example/hook");
    arena_free(a);
}

TEST(who_gets_the_messages_is_looked_for_at_both_places) {
    static const char *const CASES[][2] = {
        { "{\"server\":{\"url\":\"https://a.example/\"}}", "https://a.example/" },
        { "{\"serverUrl\":\"https://b.example/\"}", "https://b.example/" },
        { "{\"server\":{\"url\":\"\"},\"serverUrl\":\"https://b.example/\"}",
          "https://b.example/" },
        { "{\"server\":null,\"serverUrl\":\"https://b.example/\"}", "https://b.example/" },
        { "{\"server\":{\"url\":\"https://a.example/\"},\"serverUrl\":\"https://b.example/\"}",
          "https://a.example/" },
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const char *was = NULL;
        CHECK(patch_of(CASES[i][0], false, &was) == NULL);
        CHECK_TEXT(was, CASES[i][1]);
        CHECK_TEXT(ctx.problem.fields[0].field, "overwrite");
        CHECK(str_find(str_of(ctx.problem.fields[0].message), str_of(was)) >= 0);
        CHECK(patch_of(CASES[i][0], true, &was) != NULL);
        CHECK_TEXT(was, CASES[i][1]);
    }
    arena_free(a);
}

TEST(an_address_of_ours_comes_before_an_older_one) {
    const char *was = NULL;
    begin();
    CHECK(patch_of("{\"server\":{\"url\":\"https://ava.example/webhooks/vapi/t\"},"
                   "\"serverUrl\":\"https://b.example/\"}",
                   false, &was) != NULL);
    CHECK_TEXT(was, OURS);
    arena_free(a);
}
