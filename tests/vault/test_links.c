#include "test.h"

#include "auth/home.h"
#include "base/arena.h"
#include "vault/links.h"

struct room {
    struct arena *arena;
    struct parts parts;
    struct ctx ctx;
};

static void open_all(struct room *r) {
    static const struct clock_seams SEAMS = { .wall_ms = home_wall_ms };
    home_wall = INT64_C(1800000000000);
    clock_replace(&SEAMS);
    *r = (struct room){ .arena = arena_new(1 << 20), .parts = { .links = links_new() } };
    ctx_init(&r->ctx, &r->parts, r->arena, 1000);
    str_copy(r->ctx.who.workspace_id, sizeof r->ctx.who.workspace_id, str_of("ws_a"));
}

static void close_all(struct room *r) {
    links_free(r->parts.links);
    arena_free(r->arena);
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

TEST(no_other_kind_no_changed_byte_no_other_process) {
    struct room r;
    open_all(&r);
    const char *token = link_make(&r.ctx, "recording", "RE1", 60000);
    CHECK_INT(try(&r, "export", token), ERR_NOT_FOUND);
    for (size_t i = 0; i < strlen(token); i++) {
        char *changed = arena_strdup(r.arena, token);
        changed[i] = changed[i] == '1' ? '2' : '1';
        CHECK_INT(try(&r, "recording", changed), ERR_NOT_FOUND);
    }
    static const char *const STRANGE[] = { "", ".", "..", "1.2.3.4" };
    for (size_t i = 0; i < ARRAY_LEN(STRANGE); i++)
        CHECK_INT(try(&r, "recording", STRANGE[i]), ERR_NOT_FOUND);
    links_free(r.parts.links);
    r.parts.links = links_new();
    CHECK_INT(try(&r, "recording", token), ERR_NOT_FOUND);
    close_all(&r);
}
