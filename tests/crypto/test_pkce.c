#include "crypto/pkce.h"

#include "fixtures.h"

static void judge(const json_t *v) {
    struct arena *a = arena_new(1 << 16);
    struct str verifier = str_of(json_text(v, "verifier"));
    const json_t *valid = json_object_get(v, "valid_verifier");
    CHECK_INT(pkce_is_verifier(verifier), !json_is_false(valid));
    if (json_text(v, "challenge")) {
        CHECK_TEXT(json_text(v, "method"), "S256");
        CHECK_TEXT(pkce_challenge(a, verifier), json_text(v, "challenge"));
    }
    arena_free(a);
}

TEST(all_vectors_are_judged_right) {
    CHECK(fixtures_each("oauth/pkce_vectors.jsonl", judge) >= 9);
}

TEST(a_verifier_is_of_few_letters_and_neither_short_nor_long) {
    char text[200];
    for (int c = 0; c < 256; c++) {
        memset(text, 'a', sizeof text);
        text[20] = (char)c;
        bool is_good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
        CHECK_INT(pkce_is_verifier((struct str){ text, 43 }), is_good);
    }
    memset(text, 'a', sizeof text);
    for (size_t len = 0; len < 200; len++)
        CHECK_INT(pkce_is_verifier((struct str){ text, len }), len >= 43 && len <= 128);
}
