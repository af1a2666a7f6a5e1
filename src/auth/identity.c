#include "auth/identity.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/memory.h"
#include "base/recent.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"
#include "store/audit.h"
#include "store/people.h"
#include "store/sessions.h"

enum {
    PLACES = 4096,
    KNOWN_FOR_MS = 1000,
    OLD_SESSION_MS = 30 * 1000, /* how long a rotated id still serves */
    KEY_TOUCH_MS = 60 * 1000,
};

struct accounts {
    bool test_keys_allowed;
    struct recent *known; /* principals, by the hash of the token that they came with */
};

struct accounts *accounts_new(bool test_keys_allowed) {
    struct accounts *a = memory_zeroed(1, sizeof *a);
    a->test_keys_allowed = test_keys_allowed;
    a->known = recent_new(PLACES, sizeof(struct principal));
    return a;
}

void accounts_free(struct accounts *a) {
    if (!a)
        return;
    recent_free(a->known);
    free(a);
}

void accounts_changed(struct accounts *a) {
    recent_forget_all(a->known);
}

void auth_csrf_token(struct str cookie, char out[48]) {
    unsigned char mac[HMAC_SHA256_BYTES];
    hmac_sha256(mac, cookie, STR("ava-csrf"));
    hex_encode(out, mac, 20);
}

bool auth_csrf_matches(const struct ctx *ctx, struct str token) {
    return ctx->who.csrf[0] && token.ptr && hmac_equal(token, str_of(ctx->who.csrf));
}

void auth_token_hash(struct str token, unsigned char out[32]) {
    hash_blake2b(out, token);
}

const char *auth_token_new(struct ctx *ctx, const char *prefix) {
    unsigned char raw[32];
    ava_rand(raw, sizeof raw);
    char *text = base64url_encode(ctx->arena, raw, sizeof raw);
    explicit_bzero(raw, sizeof raw);
    return prefix[0] ? arena_printf(ctx->arena, "%s%s", prefix, text) : text;
}

/* Fills user, workspace and role; false when the user is gone, disabled or no longer belongs. */
static enum err fill(struct ctx *ctx, const char *user_id, const char *workspace_id,
                     struct principal *who, bool *good) {
    struct user user;
    struct db_conn *c = db_reader(ctx);
    *good = false;
    TRY(user_find(ctx, c, user_id, &user));
    if (!user.id || user.is_disabled)
        return OK;
    TRY(member_role(ctx, c, workspace_id, user_id, &who->role));
    if (who->role == ROLE_NONE)
        return OK;
    str_copy(who->user_id, sizeof who->user_id, str_of(user_id));
    str_copy(who->workspace_id, sizeof who->workspace_id, str_of(workspace_id));
    who->is_admin = user.is_admin;
    *good = true;
    return OK;
}

/* Ends all sessions of the family, and audits that an old id was used. */
static enum err end_family(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct session *s = arg;
    TRY(session_end_family(ctx, tx, s->family));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = s->workspace_id,
                                             .actor = s->user_id,
                                             .action = "session.reused",
                                             .outcome = "failed" });
}

enum err auth_by_session(struct ctx *ctx, struct str cookie, bool *found) {
    struct accounts *a = ctx->parts->accounts;
    unsigned char hash[32];
    *found = false;
    if (cookie.len < 40 || cookie.len > 64)
        return OK;
    auth_token_hash(cookie, hash);
    if (recent_get(a->known, hash, &ctx->who)) {
        *found = true;
        return OK;
    }
    uint64_t generation = recent_generation(a->known, hash);
    struct session s;
    struct principal who = { 0 };
    int64_t now = ava_steady_ms();
    TRY(session_find(ctx, db_reader(ctx), hash, &s));
    if (!s.family || now >= s.ends_ms)
        return OK;
    if (s.replaced_ms && now > s.replaced_ms + OLD_SESSION_MS) {
        /* A copy of a rotated id: somebody else has it. Nobody of this family stays in. */
        TRY(db_write(ctx, end_family, &s));
        accounts_changed(a);
        return OK;
    }
    if (now >= s.serves_until_ms)
        return OK;
    TRY(fill(ctx, s.user_id, s.workspace_id, &who, found));
    if (!*found)
        return OK;
    auth_csrf_token(cookie, who.csrf);
    str_copy(who.session, sizeof who.session, str_of(s.family));
    int64_t left = s.replaced_ms ? s.replaced_ms + OLD_SESSION_MS - now : s.serves_until_ms - now;
    recent_put(a->known, hash, generation, left < KNOWN_FOR_MS ? left : KNOWN_FOR_MS, &who);
    ctx->who = who;
    return OK;
}

/* Ending a session removes all its ids; one that was replaced stays until it would have idled. */
enum err auth_session_lasts(struct ctx *ctx, struct str cookie, bool *lasts) {
    unsigned char hash[32];
    struct session s;
    int64_t now = ava_steady_ms();
    *lasts = false;
    auth_token_hash(cookie, hash);
    TRY(session_find(ctx, db_reader(ctx), hash, &s));
    if (!s.family || now >= s.idle_until_ms || now >= s.ends_ms)
        return OK;
    str_copy(ctx->who.session, sizeof ctx->who.session, str_of(s.family));
    return fill(ctx, s.user_id, s.workspace_id, &ctx->who, lasts);
}

static enum err touch_key(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return api_key_touch(ctx, tx, arg, ava_wall_ms());
}

enum err auth_by_key(struct ctx *ctx, struct str key, bool *found) {
    struct accounts *a = ctx->parts->accounts;
    unsigned char hash[32];
    bool is_test = str_starts(key, STR("ava_test_"));
    *found = false;
    if ((!str_starts(key, STR("ava_live_")) && !is_test) || key.len > 80 ||
        (is_test && !a->test_keys_allowed))
        return OK;
    auth_token_hash(key, hash);
    if (recent_get(a->known, hash, &ctx->who)) {
        *found = true;
        return OK;
    }
    uint64_t generation = recent_generation(a->known, hash);
    struct api_key k;
    struct principal who = { .is_test_key = is_test };
    TRY(api_key_find(ctx, db_reader(ctx), hash, &k));
    if (!k.id)
        return OK;
    TRY(fill(ctx, k.user_id, k.workspace_id, &who, found));
    if (!*found)
        return OK;
    str_copy(who.key_id, sizeof who.key_id, str_of(k.id));
    who.key_rate_per_minute = k.rate_per_minute;
    who.is_admin = who.is_admin && !k.is_confined;
    if (ava_wall_ms() - k.last_used_ms > KEY_TOUCH_MS)
        TRY(db_write_beside(ctx, touch_key, (void *)k.id));
    recent_put(a->known, hash, generation, KNOWN_FOR_MS, &who);
    ctx->who = who;
    return OK;
}
