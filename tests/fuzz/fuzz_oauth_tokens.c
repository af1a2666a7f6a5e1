/* The answer of a token endpoint: whatever comes, a token is one line of visible letters, its life has bounds, and
 * nothing else holds it afterwards. */
#include "fuzz/fuzz.h"

#include "base/json.h"
#include "base/sift.h"
#include "providers/oauth.h"

static void check_token(const struct secret *token) {
    struct str text = secret_reveal(token);
    CLAIM(text.len && text.len <= SECRET_MAX_BYTES);
    for (size_t i = 0; i < text.len; i++)
        CLAIM(text.ptr[i] > ' ' && text.ptr[i] < 0x7f);
}

static void check_wiped(const json_t *said, const char *name) {
    const char *text = json_text(said, name);
    CLAIM(!text || !text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(32 << 20);
    struct ctx ctx;
    struct oauth_tokens tokens = { .scopes = NULL };
    enum sift_end how;
    ctx_init(&ctx, NULL, a, 1000);
    json_t *said = sift_text(a, (struct str){ (const char *)data, size }, OAUTH_TOKEN_PATHS, &how);
    if (said && oauth_tokens_read(&ctx, said, &tokens)) {
        check_token(&tokens.access);
        if (secret_is_set(&tokens.refresh))
            check_token(&tokens.refresh);
    }
    if (said) {
        CLAIM(tokens.life_ms >= 0 && tokens.life_ms <= 24 * 3600 * 1000);
        CLAIM(!tokens.scopes || tokens.scopes[0]);
        check_wiped(said, "access_token");
        check_wiped(said, "refresh_token");
    }
    oauth_tokens_wipe(&tokens);
    arena_free(a);
    return 0;
}
