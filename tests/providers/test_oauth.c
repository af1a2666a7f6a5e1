#include "providers/oauth.h"

#include "fixtures.h"
#include "providers/stage.h"

static const struct oauth_provider *oauth_of(enum provider p) {
    return dialect_of(p)->oauth;
}

#define GOOGLE(name)    "https://www.googleapis.com/auth/calendar" name
#define MICROSOFT(name) "https://graph.microsoft.com/" name

/* --- scopes ----------------------------------------------------------------------------------- */

TEST(what_was_granted_is_compared_with_what_was_asked_for) {
    static const struct {
        enum provider p;
        enum oauth_access access;
        const char *granted;
        bool holds, lacks;
    } CASES[] = {
        { PROVIDER_GOOGLE, OAUTH_READ,
          GOOGLE(".events.readonly") " " GOOGLE(".calendarlist.readonly") " " GOOGLE(".freebusy"),
          true, false },
        { PROVIDER_GOOGLE, OAUTH_READ, GOOGLE(".events.readonly"), true, true },
        { PROVIDER_GOOGLE, OAUTH_READ, GOOGLE(".calendarlist.readonly"), false, true },
        { PROVIDER_GOOGLE, OAUTH_WRITE, GOOGLE(".events.readonly"), false, true },
        { PROVIDER_GOOGLE, OAUTH_READ, "openid", false, true },
        { PROVIDER_GOOGLE, OAUTH_READ, "", false, true },
        { PROVIDER_GOOGLE, OAUTH_READ, "   ", false, true },
        /* More than was asked for, from an earlier consent (include_granted_scopes). */
        { PROVIDER_GOOGLE, OAUTH_READ,
          GOOGLE(".events") "  openid " GOOGLE(".events.readonly") " " GOOGLE(
              ".calendarlist.readonly") " " GOOGLE(".freebusy"),
          true, false },
        { PROVIDER_GOOGLE, OAUTH_WRITE, GOOGLE(""), true, true },
        { PROVIDER_GOOGLE, OAUTH_WRITE, GOOGLE(".events.owned"), false, true },
        /* Short, and in other letters, as Microsoft answers; offline_access is not named. */
        { PROVIDER_MICROSOFT, OAUTH_READ, "Calendars.Read", true, false },
        { PROVIDER_MICROSOFT, OAUTH_READ, "calendars.read offline_access", true, false },
        { PROVIDER_MICROSOFT, OAUTH_READ, MICROSOFT("Calendars.Read"), true, false },
        { PROVIDER_MICROSOFT, OAUTH_READ, "Calendars.ReadWrite", true, true },
        { PROVIDER_MICROSOFT, OAUTH_WRITE, "Calendars.ReadWrite profile openid", true, false },
        { PROVIDER_MICROSOFT, OAUTH_WRITE, "Calendars.Read", false, true },
        { PROVIDER_MICROSOFT, OAUTH_READ, "Calendars.Read.Shared", false, true },
        { PROVIDER_MICROSOFT, OAUTH_READ, "https://evil.example/Calendars.Read", false, true },
        { PROVIDER_MICROSOFT, OAUTH_READ, "offline_access", false, true },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct str granted = str_of(CASES[i].granted);
        bool holds = oauth_holds(oauth_of(CASES[i].p), granted, CASES[i].access);
        bool lacks = oauth_lacks(oauth_of(CASES[i].p), granted, CASES[i].access);
        if (holds != CASES[i].holds || lacks != CASES[i].lacks)
            print_error("%zu: %s\n", i, CASES[i].granted);
        CHECK_INT(holds, CASES[i].holds);
        CHECK_INT(lacks, CASES[i].lacks);
    }
}

TEST(access_has_a_name_and_what_is_none_is_the_lesser_one) {
    CHECK_TEXT(oauth_access_name(OAUTH_READ), "read");
    CHECK_TEXT(oauth_access_name(OAUTH_WRITE), "write");
    CHECK_INT(oauth_access_parse("write"), OAUTH_WRITE);
    CHECK(oauth_access_parse("read") == OAUTH_READ && oauth_access_parse("Write") == OAUTH_READ &&
          oauth_access_parse("") == OAUTH_READ && oauth_access_parse(NULL) == OAUTH_READ);
}

/* --- the way there ---------------------------------------------------------------------------- */

TEST(the_address_has_every_value_escaped_and_the_challenge_of_s256) {
    struct config config = { .google_oauth_authorize_url = "https://a.example/auth",
                             .microsoft_oauth_authorize_url = "https://a.example/auth?tenant=x" };
    struct parts parts = { .config = &config };
    struct ctx ctx;
    struct str verifier = STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); /* RFC 7636, B */
    struct arena *a = arena_new(1 << 16);
    ctx_init(&ctx, &parts, a, 1000);
    const char *url = oauth_authorize_url(&ctx, oauth_of(PROVIDER_GOOGLE), "id&x=1",
                                          "https://b.example/oauth/google/callback",
                                          "s+/=", verifier, OAUTH_READ);
    CHECK(strstr(url, "https://a.example/auth?response_type=code&client_id=id%26x%3D1&redirect_uri="
                      "https%3A%2F%2Fb.example%2Foauth%2Fgoogle%2Fcallback&scope=") == url);
    CHECK(strstr(url, "&state=s%2B%2F%3D&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
                      "&code_challenge_method=S256&access_type=offline&prompt=consent"));
    CHECK(!strstr(url, "dBjft"));
    url = oauth_authorize_url(&ctx, oauth_of(PROVIDER_MICROSOFT), "id", "https://b.example/c", "s",
                              verifier, OAUTH_WRITE);
    CHECK(strstr(url, "https://a.example/auth?tenant=x&response_type=code&") == url);
    CHECK(strstr(url, "Calendars.ReadWrite%20offline_access&"));
    arena_free(a);
}

/* --- the token endpoint ----------------------------------------------------------------------- */

static struct {
    enum provider provider;
    const char *refresh; /* what to renew with; NULL: it is for a code */
    enum err err;
    struct oauth_tokens tokens;
    char scopes[300], seen[4000];
    int asked;
} got;

static void ask(struct stage *s) {
    struct oauth_client client = { got.provider, oauth_of(got.provider), &s->credential, "the-id",
                                   "https://ava.example/oauth/x/callback" };
    struct secret refresh = { 0 };
    oauth_tokens_wipe(&got.tokens);
    got.tokens.scopes = NULL; /* of the stage before */
    if (got.refresh) {
        secret_set(&refresh, str_of(got.refresh));
        got.err = oauth_refresh(stage_ctx(s), &client, &refresh, &got.tokens);
    } else {
        got.err = oauth_exchange(stage_ctx(s), &client, STR("a/code+1"), STR("the-verifier"),
                                 &got.tokens);
    }
    got.asked = stage_seen(s, "POST /token ");
    snprintf(got.scopes, sizeof got.scopes, "%s", got.tokens.scopes ? got.tokens.scopes : "");
    snprintf(got.seen, sizeof got.seen, "%.*s", (int)s->seen.len, s->seen.ptr);
}

static void ask_for(enum provider p, const char *refresh, int status, const char *body) {
    struct scene scenes[] = { { "POST /token ", status, body, NULL }, { 0 } };
    got.provider = p;
    got.refresh = refresh;
    stage_play(scenes, ask);
}

static void judge_redirect(const json_t *v) {
    /* The way back is consent_finish's: flow `calendars`, "no, part of it, and a wrong verifier". */
    CHECK(strstr(json_text(v, "redirect"), "error=access_denied"));
}

static void check_tokens(const json_t *v, const json_t *body) {
    const char *refresh = json_text(body, "refresh_token"), *expect = json_text(v, "expect");
    const struct oauth_provider *at = oauth_of(got.provider);
    CHECK_INT(got.err, OK);
    CHECK_INT(got.asked, 1);
    CHECK(str_is(secret_reveal(&got.tokens.access), json_text(body, "access_token")));
    CHECK_INT(got.tokens.life_ms, json_i64_or(body, "expires_in", 0) * 1000);
    CHECK_TEXT(got.scopes, json_text(body, "scope"));
    CHECK_INT(secret_is_set(&got.tokens.refresh), refresh != NULL);
    if (refresh)
        CHECK(str_is(secret_reveal(&got.tokens.refresh), refresh));
    if (expect && strstr(expect, "keep the stored refresh token"))
        CHECK(!secret_is_set(&got.tokens.refresh));
    if (expect && strstr(expect, "store the new refresh token"))
        CHECK(secret_is_set(&got.tokens.refresh));
    bool is_enough = oauth_holds(at, str_of(got.scopes), OAUTH_READ);
    CHECK_INT(is_enough, !(expect && strstr(expect, "calendar scope missing")));
}

static void check_refusal(const char *expect) {
    if (strstr(expect, "reconnect")) {
        CHECK_INT(got.err, ERR_CREDENTIALS_REJECTED);
        CHECK_INT(got.asked, 1);
    } else if (strstr(expect, "operator error")) {
        CHECK_INT(got.err, ERR_PROVIDER_MISCONFIGURED);
        CHECK_INT(got.asked, 1);
    } else if (strstr(expect, "retry with backoff")) {
        CHECK_INT(got.err, ERR_PROVIDER_ERROR);
        CHECK_INT(got.asked, 3);
    } else {
        fail_msg("nobody knows: %s", expect);
    }
    CHECK(!secret_is_set(&got.tokens.access));
}

static void judge_token(const json_t *v) {
    if (json_text(v, "redirect")) {
        judge_redirect(v);
        return;
    }
    const json_t *body = json_object_get(v, "body");
    int status = (int)json_i64_or(v, "status", 0);
    struct buf b = { 0 };
    const char *text = fixtures_text(&b, body);
    bool is_first = strstr(json_text(v, "case"), "authorization_code") ||
                    strstr(json_text(v, "case"), "consent");
    ask_for(provider_parse(str_of(json_text(v, "provider"))), is_first ? NULL : "1//old", status,
            text);
    if (status == 200)
        check_tokens(v, body);
    else
        check_refusal(json_text(v, "expect"));
    oauth_tokens_wipe(&got.tokens);
    buf_fini(&b);
}

TEST(all_recorded_token_answers_are_judged_right) {
    CHECK(fixtures_each("oauth/token_responses.jsonl", judge_token) >= 13);
}

TEST(a_code_goes_out_with_its_verifier_and_the_client_in_the_body) {
    ask_for(PROVIDER_GOOGLE, NULL, 200, "{\"access_token\":\"t\",\"expires_in\":60}");
    CHECK(strstr(got.seen, "grant_type=authorization_code&client_id=the-id&client_secret="
                           "client-of-the-test&code=a%2Fcode%2B1&code_verifier=the-verifier&"
                           "redirect_uri=https%3A%2F%2Fava.example%2Foauth%2Fx%2Fcallback"));
    CHECK(strstr(got.seen, "Content-Type: application/x-www-form-urlencoded"));
    CHECK(!strstr(got.seen, "Authorization:"));
    ask_for(PROVIDER_GOOGLE, "1//a+b", 200, "{\"access_token\":\"t\",\"expires_in\":60}");
    CHECK(strstr(got.seen, "grant_type=refresh_token&client_id=the-id&client_secret="
                           "client-of-the-test&refresh_token=1%2F%2Fa%2Bb"));
}

TEST(a_code_is_never_sent_twice) {
    ask_for(PROVIDER_GOOGLE, NULL, 503, "{\"error\":\"temporarily_unavailable\"}");
    CHECK_INT(got.asked, 1);
    CHECK(got.err != OK && got.err != ERR_CREDENTIALS_REJECTED);
}

TEST(odd_answers_are_no_tokens_and_end_no_grant) {
    static const char *const BODIES[] = {
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        "{\"access_token\":\"\"}",
        "{\"access_token\":7}",
        "{\"access_token\":\"a b\"}",
        "{\"access_token\":\"a\\u0000b\"}",
        "{\"access_token\":\"a\\r\\nX: y\"}",
        "{\"access_token\":\"t\",\"token_type\":\"mac\"}",
        "{\"access_token\":\"t\",\"refresh_token\":\"\"}",
        "{\"access_token\":\"t\",\"refresh_token\":7}",
        "{\"access_token\":\"t\",\"refresh_token\":\"a\\nb\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        ask_for(PROVIDER_GOOGLE, "1//old", 200, BODIES[i]);
        if (got.err != ERR_PROVIDER_BAD_RESPONSE)
            print_error("%s: %d\n", BODIES[i], got.err);
        CHECK_INT(got.err, ERR_PROVIDER_BAD_RESPONSE);
    }
}

TEST(how_long_a_token_is_good_is_read_as_servers_write_it) {
    static const struct {
        const char *more;
        int64_t life_ms;
    } CASES[] = {
        { "", 600000 },
        { ",\"expires_in\":null", 600000 },
        { ",\"expires_in\":\"3599\"", 3599000 },
        { ",\"expires_in\":\"soon\"", 600000 },
        { ",\"expires_in\":3599.9", 3599000 },
        { ",\"expires_in\":0", 0 },
        { ",\"expires_in\":-5", 0 },
        { ",\"expires_in\":1e300", 86400000 },
        { ",\"expires_in\":-1e300", 0 },
        { ",\"expires_in\":9223372036854775807", 86400000 },
        { ",\"expires_in\":86401,\"refresh_token\":null,\"token_type\":\"bearer\"", 86400000 },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"access_token\":\"t\"%s}", CASES[i].more);
        ask_for(PROVIDER_MICROSOFT, "old", 200, body);
        CHECK_INT(got.err, OK);
        CHECK_INT(got.tokens.life_ms, CASES[i].life_ms);
    }
}

static bool expected;

static void give_back(struct stage *s) {
    struct oauth_client client = { PROVIDER_GOOGLE, oauth_of(PROVIDER_GOOGLE), &s->credential,
                                   "the-id", NULL };
    struct secret token = { 0 };
    char url[80];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/revoke", s->rude->port);
    s->config.google_oauth_revoke_url = url;
    secret_set(&token, STR("1//a+b"));
    CHECK_INT(oauth_revoke(stage_ctx(s), &client, &token), expected);
    CHECK(stage_seen(s, "token=1%2F%2Fa%2Bb") >= 1);
    CHECK_INT(stage_seen(s, "client-of-the-test"), 0);
    client.at = oauth_of(PROVIDER_MICROSOFT); /* which has no address for it */
    s->scenes = NULL;
    CHECK(!oauth_revoke(stage_ctx(s), &client, &token));
    secret_wipe(&token);
}

TEST(what_is_over_already_counts_as_given_back_and_no_other_refusal_does) {
    static const struct {
        int status;
        const char *body;
        bool is_taken;
    } CASES[] = {
        { 200, "{}", true },
        { 400, "{\"error\":\"invalid_token\"}", true },
        { 400, "{\"error\":\"invalid_grant\"}", true },
        { 400, "{\"error\":\"invalid_request\"}", false },
        { 400, "{\"error\":\"unsupported_token_type\"}", false },
        { 400, "", false },
        { 401, "{\"error\":\"invalid_client\"}", false },
        { 401, "", false },
        { 403, "{}", false },
        { 404, "<html>", false },
        { 503, "{}", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct scene scenes[] = { { "POST /revoke ", CASES[i].status, CASES[i].body, NULL },
                                  { 0 } };
        expected = CASES[i].is_taken;
        stage_play(scenes, give_back);
    }
}
