#include "service/assistants/assistant_config.h"

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
    CHECK(t != NULL);
    return t;
}

static const char WHOLE[] =
    "{\"id\":\"x\",\"orgId\":\"o\",\"createdAt\":\"c\",\"updatedAt\":\"u\",\"latestVersion\":{},"
    "\"isServerUrlSecretSet\":true,\"name\":\"N\",\"unheard\":{\"of\":[1]},"
    "\"metadata\":{\"ava_op\":\"op_1\",\"mine\":1}}";

TEST(what_only_the_provider_writes_is_not_configuration) {
    begin();
    CHECK_TEXT(tree_text(a, assistant_config_of(&ctx, tree(WHOLE))).ptr,
               "{\"name\":\"N\",\"unheard\":{\"of\":[1]},\"metadata\":{\"mine\":1}}");
    CHECK_TEXT(
        tree_text(a, assistant_config_of(&ctx, tree("{\"metadata\":{\"ava_op\":\"op\"}}"))).ptr,
        "{}");
    arena_free(a);
}

static const char *patch(const char *wanted) {
    return tree_text(a, assistant_config_patch(&ctx, tree(WHOLE), tree(wanted))).ptr;
}

TEST(only_the_members_that_differ_are_sent_whole) {
    begin();
    CHECK_TEXT(patch("{\"name\":\"N\",\"unheard\":{\"of\":[1.0]},\"metadata\":{\"mine\":1}}"),
               "{}");
    CHECK_TEXT(
        patch("{\"name\":\"M\",\"unheard\":{\"of\":[1],\"more\":2},\"metadata\":{\"mine\":1}}"),
        "{\"name\":\"M\",\"unheard\":{\"of\":[1],\"more\":2}}");
    CHECK_TEXT(patch("{\"metadata\":{\"mine\":1}}"), "{\"name\":null,\"unheard\":null}");
    arena_free(a);
}

TEST(what_ava_knows_it_by_survives_every_change_of_its_metadata) {
    begin();
    CHECK_TEXT(patch("{\"name\":\"N\",\"unheard\":{\"of\":[1]},\"metadata\":{\"other\":2}}"),
               "{\"metadata\":{\"other\":2,\"ava_op\":\"op_1\"}}");
    CHECK_TEXT(patch("{\"name\":\"N\",\"unheard\":{\"of\":[1]}}"),
               "{\"metadata\":{\"ava_op\":\"op_1\"}}");
    arena_free(a);
}

static size_t wrong(const char *body, bool is_new) {
    ctx.problem = (struct problem){ .err = OK };
    enum err e = assistant_config_check(&ctx, tree(body), is_new);
    CHECK_INT(e, ctx.problem.field_count ? ERR_INVALID : OK);
    return ctx.problem.field_count;
}

TEST(names_that_are_not_to_be_set_are_all_told_and_no_others) {
    begin();
    CHECK_INT(wrong("{\"name\":\"N\",\"anything\":{\"else\":1},\"metadata\":{\"a\":1}}", true), 0);
    CHECK_INT(wrong("{\"anything\":1,\"metadata\":null}", false), 0);
    CHECK_INT(wrong("{\"anything\":1}", true), 1);
    CHECK_INT(wrong("{\"name\":\"\",\"id\":1,\"orgId\":1,\"createdAt\":1,\"updatedAt\":1,"
                    "\"latestVersion\":1,\"isServerUrlSecretSet\":1,\"metadata\":{\"ava_op\":1}}",
                    false),
              8);
    CHECK_INT(wrong("{\"metadata\":[]}", false), 1);
    arena_free(a);
}
