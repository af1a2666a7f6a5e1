#include "test.h"

#include "auth/home.h"
#include "base/arena.h"
#include "vault/house.h"
#include "vault/links.h"

struct room {
    struct house house;
    struct ctx ctx;
};

static void open_all(struct room *r) {
    static const struct clock_seams SEAMS = { .wall_ms = home_wall_ms };
    home_wall = INT64_C(1800000000000);
    clock_replace(&SEAMS);
    house_open(&r->house);
    ctx_init(&r->ctx, &r->house.t.parts, r->house.t.arena, 1000);
    str_copy(r->ctx.who.workspace_id, sizeof r->ctx.who.workspace_id, str_of("ws_a"));
}

static void close_all(struct room *r) {
    house_close(&r->house);
    clock_replace(NULL);
}

static enum err try(struct room *r, const char *kind, const char *token) {
    const char *thing;
    return link_open(&r->ctx, kind, str_of(token), &thing);
}

TEST(a_link_tells_whose_it_is_and_for_what_until_it_ends) {
    struct room r;
    const char *thing = NULL;
    open_all(&r);
    const char *token = link_make(&r.ctx, "recording", "RE1", 60000);
    r.ctx.who.workspace_id[0] = 0;
    CHECK_INT(link_open(&r.ctx, "recording", str_of(token), &thing), OK);
    CHECK_TEXT(thing, "RE1");
    CHECK_TEXT(r.ctx.who.workspace_id, "ws_a");
    home_wall += 59999;
    CHECK_INT(try(&r, "recording", token), OK);
    home_wall += 1;
    CHECK_INT(try(&r, "recording", token), ERR_NOT_FOUND);
    close_all(&r);
}

TEST(no_other_kind_and_no_changed_byte) {
    struct room r;
    open_all(&r);
    const char *token = link_make(&r.ctx, "recording", "RE1", 60000);
    CHECK_INT(try(&r, "export", token), ERR_NOT_FOUND);
    for (size_t i = 0; i < strlen(token); i++) {
        char *changed = arena_strdup(r.house.t.arena, token);
        changed[i] = changed[i] == '1' ? '2' : '1';
        CHECK_INT(try(&r, "recording", changed), ERR_NOT_FOUND);
    }
    static const char *const STRANGE[] = {
        "", ".", "..", "1.2.3.4", "1800000060000.ws_a.RE1.k1", "1800000060000.ws_a.RE1.k1."
    };
    for (size_t i = 0; i < ARRAY_LEN(STRANGE); i++)
        CHECK_INT(try(&r, "recording", STRANGE[i]), ERR_NOT_FOUND);
    close_all(&r);
}

static void restart(struct room *r, const char *keys) {
    const char *why = "";
    if (!house_restart(&r->house, keys, &why))
        fail_msg("%s", why);
}

/* So does every other host. */
TEST(whoever_has_the_master_key_opens_it_after_a_restart_too) {
    struct room r;
    open_all(&r);
    struct arena *a = r.house.t.arena;
    const char *token = link_make(&r.ctx, "recording", "RE1", 60000);
    const char *k1 = key_line(a, "k1", 1), *k2 = key_line(a, "k2", 2);
    restart(&r, k1);
    CHECK_INT(try(&r, "recording", token), OK);
    restart(&r, arena_printf(a, "%s%s", k2, k1)); /* on the way to another */
    CHECK_INT(try(&r, "recording", token), OK);
    const char *newer = link_make(&r.ctx, "recording", "RE1", 60000);
    CHECK(strstr(newer, ".k2."));
    CHECK_INT(try(&r, "recording", newer), OK);
    restart(&r, k1);
    CHECK_INT(try(&r, "recording", newer), ERR_NOT_FOUND);
    close_all(&r);
}
