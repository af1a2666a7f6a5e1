#include "test.h"

#include "base/clock.h"
#include "service/inbox/events.h"
#include "tasks/event_facts.h"
#include "vault/house.h"
#include "vault/inner.h"

/* What came, with a body of so many bytes that no compression makes short. */
static struct incoming coming(struct house *h, const char *name, size_t body_bytes) {
    char *body = arena_alloc(h->t.arena, body_bytes + 1);
    uint64_t x = 88172645463325252u + body_bytes;
    for (size_t i = 0; i < body_bytes; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        body[i] = (char)('!' + x % 90);
    }
    return (struct incoming){ .workspace_id = "ws_a",
                              .provider = "vapi",
                              .type = "status-update",
                              .resource = "call_1",
                              .dedupe = str_of(arena_strdup(h->t.arena, name)),
                              .content = { STR("{}"), { NULL, 0 }, { body, body_bytes } } };
}

/* Takes it in: 1 new, 0 there before, -1 not kept. */
static int take(struct house *h, const struct incoming *in) {
    bool is_new = false;
    temp_ctx(&h->t, &h->t.ctx);
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, STR("ws_a"));
    return event_take(&h->t.ctx, in, &is_new) == OK ? is_new : -1;
}

/* The events that open and say what came. */
static int open_ones(struct house *h, const struct incoming *in) {
    struct event_row rows[64];
    struct event_filter all = { 0 };
    struct page_end end;
    size_t count = 0;
    int good = 0;
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, STR("ws_a"));
    CHECK_INT(event_list(&h->t.ctx, &all, 64, rows, &count, &end), OK);
    for (size_t i = 0; i < count; i++) {
        struct event_row row;
        struct event_content content;
        good += event_read(&h->t.ctx, rows[i].id, &row, &content) == OK &&
                str_eq(content.body, in->content.body);
    }
    return good;
}

static enum err newer_key(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace_key key;
    TRY(dek_make(ctx, tx, "ws_a", *(int64_t *)arg, &key));
    return workspace_key_insert(ctx, tx, &key);
}

/* As another process does it: this one does not learn of it. */
static void make_key(struct house *h, int64_t dek_id) {
    CHECK_INT(db_write(&h->t.ctx, newer_key, &dek_id), OK);
}

static const char *keys_used(struct house *h) {
    return temp_sql(&h->t, "SELECT group_concat(k) FROM (SELECT hex(substr(COALESCE(e.sealed,"
                           " b.sealed), 3, 4)) AS k FROM events e LEFT JOIN event_bodies b"
                           " ON b.id = e.id ORDER BY e.id) AS keys");
}

TEST(an_event_is_kept_once_whatever_its_size) {
    static const size_t SIZES[] = { 0, 1, 1900, 2100, 64 * 1024, 64 * 1024 + 1, 300 * 1024 };
    for (size_t i = 0; i < ARRAY_LEN(SIZES); i++) {
        struct house h;
        house_open(&h);
        struct incoming first = coming(&h, "first", SIZES[i]),
                        second = coming(&h, "second", SIZES[i]);
        CHECK_INT(take(&h, &first), 1); /* makes the workspace's first key */
        CHECK_INT(take(&h, &second), 1);
        CHECK_INT(take(&h, &first), 0);
        CHECK_INT(take(&h, &second), 0);
        CHECK_INT(open_ones(&h, &first), 2);
        CHECK_TEXT(
            temp_sql(&h.t,
                     "SELECT COUNT(*) FROM event_bodies WHERE id NOT IN (SELECT id FROM events)"),
            "0");
        CHECK_TEXT(temp_sql(&h.t, "SELECT COUNT(*) FROM workspace_keys"), "1");
        house_close(&h);
    }
}

TEST(a_newer_key_counts_at_once_also_for_what_was_sealed_before_it_was_known) {
    struct house h;
    house_open(&h);
    struct incoming in[4] = { coming(&h, "a", 10), coming(&h, "b", 10), coming(&h, "c", 10),
                              coming(&h, "d", 10) };
    CHECK_INT(take(&h, &in[0]), 1);
    CHECK_INT(take(&h, &in[1]), 1); /* from here on it is remembered */
    make_key(&h, 2);
    CHECK_INT(take(&h, &in[2]), 1);
    CHECK_INT(take(&h, &in[3]), 1);
    CHECK_TEXT(keys_used(&h), "00000001,00000001,00000002,00000002");
    CHECK_INT(open_ones(&h, &in[0]), 4);
    house_close(&h);
}

TEST(a_key_that_the_database_lost_seals_nothing_though_another_has_its_number) {
    struct house h;
    house_open(&h);
    struct incoming in[3] = { coming(&h, "a", 10), coming(&h, "b", 10), coming(&h, "c", 3000) };
    CHECK_INT(take(&h, &in[0]), 1);
    CHECK_INT(take(&h, &in[1]), 1);
    CHECK(temp_script(&h.t, "DELETE FROM events; DELETE FROM workspace_keys"));
    make_key(&h, 1); /* as after a failover to a server that had not got it */
    CHECK_INT(take(&h, &in[1]), 1);
    CHECK_INT(take(&h, &in[2]), 1);
    CHECK_INT(open_ones(&h, &in[1]), 1);
    CHECK_INT(open_ones(&h, &in[2]), 1);
    house_close(&h);
}

TEST(nothing_is_kept_for_a_workspace_that_is_gone) {
    struct house h;
    house_open(&h);
    struct incoming in = coming(&h, "a", 10), late = coming(&h, "b", 10),
                    later = coming(&h, "c", 10);
    h.t.may_be_refused = true;
    CHECK_INT(take(&h, &in), 1);
    CHECK_INT(take(&h, &late), 1);
    CHECK(temp_script(&h.t, "PRAGMA foreign_keys = ON; DELETE FROM workspaces WHERE id = 'ws_a'"));
    CHECK_INT(take(&h, &later), -1);
    CHECK_TEXT(temp_sql(&h.t, "SELECT COUNT(*) FROM events"), "0");
    house_close(&h);
}
