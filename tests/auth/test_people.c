#include "test.h"

#include "auth/home.h"

static struct user bob(struct home *h, bool is_admin) {
    struct user u;
    CHECK_INT(people_create(home_ctx(h), "bob@example.com", STR(PASSWORD), NULL, is_admin, &u), OK);
    return u;
}

TEST(an_address_is_taken_whatever_its_case_and_a_bad_one_is_refused) {
    static const char *const BAD[] = { "",        "a",        "@b.c",    "a@",
                                       "a@b",     "a@b.",     "a@.c",    "a b@c.d",
                                       "a@b@c.d", "a\nb@c.d", "<a@b.c>", "a@b.c,d@e.f" };
    struct home h;
    struct user u;
    home_open(&h);
    CHECK_INT(people_create(home_ctx(&h), "ADA@example.COM", STR(PASSWORD), NULL, false, &u),
              ERR_INVALID);
    CHECK_TEXT(h.t.ctx.problem.fields[0].code, "taken");
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        home_ctx(&h);
        people_check_email(&h.t.ctx, BAD[i]);
        CHECK_INT(h.t.ctx.problem.field_count, 1);
    }
    home_close(&h);
}

/* So many times the two bytes of u with dots. */
static const char *umlauts(struct home *h, size_t count) {
    char *text = arena_alloc(h->t.arena, 2 * count + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(text + 2 * i, "\xc3\xbc", 2);
    text[2 * count] = '\0';
    return text;
}

static const char *wrong_of(struct home *h, const char *name, const char *password) {
    struct user u;
    enum err e = people_create(home_ctx(h), "bob@example.com", str_of(password), name, false, &u);
    return e == OK ? "" : h->t.ctx.problem.fields[0].code;
}

TEST(lengths_are_counted_in_characters_and_what_is_no_utf_8_is_refused) {
    struct home h;
    home_open(&h);
    CHECK_TEXT(wrong_of(&h, umlauts(&h, 101), PASSWORD), "too_long");
    CHECK_TEXT(wrong_of(&h, "", PASSWORD), "too_short");
    CHECK_TEXT(wrong_of(&h, "B\xc3", PASSWORD), "wrong_format");
    CHECK_TEXT(wrong_of(&h, "B\x80\x80", PASSWORD), "wrong_format");
    CHECK_TEXT(wrong_of(&h, "B\nob", PASSWORD), "wrong_format");
    CHECK_TEXT(wrong_of(&h, "Bob", umlauts(&h, 11)), "too_short");
    CHECK_TEXT(wrong_of(&h, "Bob", umlauts(&h, 257)), "too_long");
    CHECK_TEXT(wrong_of(&h, "Bob", "a long enough password\x80"), "wrong_format");
    CHECK_TEXT(wrong_of(&h, umlauts(&h, 100), umlauts(&h, 256)), "");
    home_close(&h);
}

TEST(a_person_who_is_switched_off_is_out_at_once) {
    struct home h;
    struct grant g;
    struct api_key k;
    const char *key;
    struct user out;
    home_open(&h);
    struct user u = bob(&h, false);
    CHECK_INT(auth_login(home_ctx(&h), u.email, STR(PASSWORD), &g), OK);
    CHECK_INT(key_create(home_ctx(&h),
                         &(struct key_order){ .user_id = u.id, .name = "k", .is_test = false }, &k,
                         &key),
              OK);
    CHECK(home_session_is_good(&h, g.cookie) && home_key_is_good(&h, key));
    CHECK_INT(people_change(home_ctx(&h), u.id,
                            &(struct user_change){ .has_disabled = true, .is_disabled = true },
                            &out),
              OK);
    CHECK(!home_session_is_good(&h, g.cookie) && !home_key_is_good(&h, key));
    struct grant again;
    CHECK_INT(auth_login(home_ctx(&h), u.email, STR(PASSWORD), &again), ERR_INVALID);
    CHECK_INT(auth_refresh(home_ctx(&h), str_of(g.cookie), &again), ERR_SESSION_REQUIRED);
    home_close(&h);
}

TEST(the_last_admin_can_not_be_lost) {
    struct home h;
    struct user out;
    home_open(&h);
    struct user_change demote = { .has_admin = true },
                       disable = { .has_disabled = true, .is_disabled = true };
    CHECK_INT(people_change(home_ctx(&h), h.admin.id, &demote, &out), ERR_INVALID);
    CHECK_TEXT(h.t.ctx.problem.fields[0].code, "last_admin");
    CHECK_INT(people_change(home_ctx(&h), h.admin.id, &disable, &out), ERR_INVALID);
    CHECK_INT(people_remove(home_ctx(&h), h.admin.id), ERR_INVALID);
    struct user second = bob(&h, true);
    CHECK_INT(people_change(home_ctx(&h), second.id, &disable, &out), OK);
    CHECK_INT(people_change(home_ctx(&h), h.admin.id, &demote, &out),
              ERR_INVALID); /* the other is off */
    struct user_change enable = { .has_disabled = true };
    CHECK_INT(people_change(home_ctx(&h), second.id, &enable, &out), OK);
    CHECK_INT(people_change(home_ctx(&h), h.admin.id, &demote, &out), OK);
    home_close(&h);
}

TEST(the_last_owner_of_a_workspace_can_not_be_lost) {
    struct home h;
    struct workspace w;
    struct member m;
    home_open(&h);
    struct user u = bob(&h, false);
    CHECK_INT(workspace_create(home_ctx(&h), "Team", u.id, &w), OK);
    CHECK_INT(member_set(home_operator(&h), w.id, u.id, ROLE_OWNER, ROLE_ADMIN, &m), ERR_INVALID);
    CHECK_TEXT(h.t.ctx.problem.fields[0].code, "last_owner");
    CHECK_INT(member_remove(home_ctx(&h), w.id, u.id, ROLE_OWNER), ERR_INVALID);
    CHECK_INT(member_set(home_operator(&h), w.id, h.admin.id, ROLE_OWNER, ROLE_OWNER, &m), OK);
    CHECK_INT(member_remove(home_ctx(&h), w.id, u.id, ROLE_OWNER), OK);
    CHECK_INT(member_remove(home_ctx(&h), w.id, u.id, ROLE_OWNER), ERR_NOT_FOUND);
    home_close(&h);
}

TEST(a_key_works_for_its_workspace_until_it_is_removed_and_is_shown_once) {
    struct home h;
    struct api_key k;
    const char *key;
    home_open(&h);
    CHECK_INT(
        key_create(home_ctx(&h),
                   &(struct key_order){ .user_id = h.admin.id, .name = "build", .is_test = false },
                   &k, &key),
        OK);
    CHECK(strncmp(key, "ava_live_", 9) == 0 && strcmp(k.last4, key + strlen(key) - 4) == 0);
    CHECK(home_key_is_good(&h, key));
    CHECK_TEXT(h.t.ctx.who.key_id, k.id);
    CHECK(h.t.ctx.who.csrf[0] == 0 && !h.t.ctx.who.is_test_key);
    CHECK(!home_key_is_good(&h, "ava_live_0000000000000000000000000000000000000000000"));
    CHECK(!home_key_is_good(&h, "") && !home_key_is_good(&h, "Bearer x"));
    struct ctx *ctx = home_ctx(&h);
    str_copy(ctx->who.user_id, sizeof ctx->who.user_id, str_of("usr_someone_else"));
    CHECK_INT(key_remove(ctx, k.id), ERR_NOT_FOUND);
    ctx = home_ctx(&h);
    str_copy(ctx->who.user_id, sizeof ctx->who.user_id, str_of(h.admin.id));
    CHECK_INT(key_remove(ctx, k.id), OK);
    CHECK(!home_key_is_good(&h, key));
    home_close(&h);
}

TEST(a_test_key_exists_only_where_they_are_allowed) {
    struct home h;
    struct api_key k;
    const char *key;
    home_open(&h);
    CHECK_INT(key_create(home_ctx(&h),
                         &(struct key_order){ .user_id = h.admin.id, .name = "t", .is_test = true },
                         &k, &key),
              OK);
    CHECK(home_key_is_good(&h, key) && h.t.ctx.who.is_test_key);
    accounts_free(h.t.parts.accounts);
    h.t.parts.accounts = accounts_new(false);
    CHECK(!home_key_is_good(&h, key));
    home_close(&h);
}

TEST(a_change_of_password_ends_the_sessions_of_before) {
    struct home h;
    struct grant g, again;
    struct user out;
    home_open(&h);
    CHECK_INT(auth_login(home_ctx(&h), "ada@example.com", STR(PASSWORD), &g), OK);
    struct user_change change = { .has_password = true, .password = STR("another long password") };
    CHECK_INT(people_change(home_ctx(&h), h.admin.id, &change, &out), OK);
    CHECK(!home_session_is_good(&h, g.cookie));
    CHECK_INT(auth_login(home_ctx(&h), "ada@example.com", STR(PASSWORD), &again), ERR_INVALID);
    CHECK_INT(auth_login(home_ctx(&h), "ada@example.com", STR("another long password"), &again),
              OK);
    home_close(&h);
}

TEST(a_workspace_that_is_not_ones_own_is_not_there) {
    struct home h;
    struct workspace w, seen;
    enum role role;
    home_open(&h);
    struct user u = bob(&h, false);
    CHECK_INT(workspace_create(home_ctx(&h), "Hers", h.admin.id, &w), OK);
    struct ctx *ctx = home_ctx(&h);
    str_copy(ctx->who.user_id, sizeof ctx->who.user_id, str_of(u.id));
    CHECK_INT(workspace_role(ctx, w.id, &role, &seen), ERR_NOT_FOUND);
    const char *foreign = ctx->problem.detail;
    CHECK_INT(workspace_role(ctx, "ws_nowhere", &role, &seen), ERR_NOT_FOUND);
    CHECK_TEXT(ctx->problem.detail, foreign);
    ctx = home_ctx(&h);
    str_copy(ctx->who.user_id, sizeof ctx->who.user_id, str_of(h.admin.id));
    ctx->who.is_admin = true;
    CHECK_INT(workspace_role(ctx, w.id, &role, &seen), OK);
    CHECK_INT(role, ROLE_OWNER);
    home_close(&h);
}

TEST(only_an_owner_makes_or_unmakes_an_owner) {
    struct home h;
    struct user u;
    struct workspace w;
    struct member m;
    home_open(&h);
    CHECK_INT(people_create(home_ctx(&h), "second@example.com", STR("twelve chars long"), NULL,
                            false, &u),
              OK);
    CHECK_INT(workspace_create(home_ctx(&h), "shared", h.admin.id, &w), OK);
    CHECK_INT(member_set(home_ctx(&h), w.id, u.id, ROLE_OWNER, ROLE_MEMBER, &m), ERR_NOT_FOUND);
    CHECK_INT(member_set(home_operator(&h), w.id, u.id, ROLE_ADMIN, ROLE_OWNER, &m), ERR_FORBIDDEN);
    CHECK_INT(member_set(home_operator(&h), w.id, h.admin.id, ROLE_ADMIN, ROLE_MEMBER, &m),
              ERR_FORBIDDEN);
    CHECK_INT(member_set(home_operator(&h), w.id, u.id, ROLE_ADMIN, ROLE_MEMBER, &m), OK);
    home_close(&h);
}

TEST(a_person_who_leaves_takes_an_empty_workspace_along_but_no_shared_one) {
    struct home h;
    struct user u;
    struct workspace w, found;
    struct member m;
    home_open(&h);
    CHECK_INT(people_create(home_ctx(&h), "second@example.com", STR("twelve chars long"), NULL,
                            false, &u),
              OK);
    CHECK_INT(workspace_create(home_ctx(&h), "shared", u.id, &w), OK);
    CHECK_INT(member_set(home_operator(&h), w.id, h.admin.id, ROLE_OWNER, ROLE_MEMBER, &m), OK);
    CHECK_INT(people_remove(home_ctx(&h), u.id), ERR_INVALID);
    CHECK_INT(member_set(home_operator(&h), w.id, h.admin.id, ROLE_OWNER, ROLE_OWNER, &m), OK);
    CHECK_INT(people_remove(home_ctx(&h), u.id), OK);
    struct ctx *ctx = home_ctx(&h);
    CHECK_INT(workspace_find(ctx, db_reader(ctx), u.workspace_id, NULL, &found), OK);
    CHECK(!found.id);
    home_close(&h);
}
