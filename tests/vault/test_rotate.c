#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "vault/house.h"

enum { ROWS = 150 };

static void fill(struct house *h) {
    for (int i = 0; i < ROWS; i++) {
        const char *id = arena_printf(h->t.arena, "c%d", i);
        CHECK_INT(house_put(h, i % 2 ? "ws_a" : "ws_b", id, id), OK);
    }
}

static int wrong(struct house *h) {
    int n = 0;
    for (int i = 0; i < ROWS; i++) {
        const char *id = arena_printf(h->t.arena, "c%d", i);
        const char *got = house_get(&h->t.ctx, i % 2 ? "ws_a" : "ws_b", id);
        n += !got || strcmp(got, id) != 0;
    }
    return n;
}

static const char *both(struct house *h) {
    return arena_printf(h->t.arena, "%s%s", key_line(h->t.arena, "k2", 2),
                        key_line(h->t.arena, "k1", 1));
}

TEST(a_new_master_key_wraps_every_data_key_anew_and_the_old_one_is_refused_afterwards) {
    struct house h;
    struct vault_rotation r;
    const char *why = "";
    house_open(&h);
    fill(&h);
    CHECK(house_restart(&h, both(&h), &why));
    CHECK_TEXT(vault_active_key_id(h.t.parts.vault), "k2");
    CHECK_INT(wrong(&h), 0);
    CHECK_INT(vault_rotate(&h.t.ctx, false, &r), OK);
    CHECK(r.rewrapped == 2 && r.resealed == 0 && r.retired == 0);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM workspace_keys WHERE kek_id != 'k2'"), "0");
    CHECK_INT(wrong(&h), 0);
    CHECK(house_restart(&h, key_line(h.t.arena, "k2", 2), &why)); /* k1 is not needed any more */
    CHECK_INT(wrong(&h), 0);
    house_close(&h);
}

TEST(a_retired_key_neither_opens_what_was_put_back_nor_seals_anything_new) {
    struct house h;
    struct vault_rotation r;
    const char *why = "";
    house_open(&h);
    CHECK_INT(house_put(&h, "ws_a", "c1", "x"), OK);
    const char *old = temp_sql(&h.t, "SELECT hex(wrapped) FROM workspace_keys");
    CHECK(house_restart(&h, both(&h), &why));
    CHECK_INT(vault_rotate(&h.t.ctx, false, &r), OK);
    CHECK(temp_script(
        &h.t,
        arena_printf(h.t.arena, "UPDATE workspace_keys SET kek_id = 'k1', wrapped = X'%s'", old)));
    CHECK(house_restart(&h, both(&h), &why));
    CHECK(house_get(&h.t.ctx, "ws_a", "c1") == NULL);
    why = "";
    CHECK(
        !house_restart(&h, key_line(h.t.arena, "k1", 1), &why)); /* active again: refused at once */
    CHECK(strstr(why, "retired") != NULL);
    house_close(&h);
}

TEST(new_data_keys_seal_every_field_anew_and_the_old_ones_go_one_rotation_later) {
    struct house h;
    struct vault_rotation r;
    house_open(&h);
    fill(&h);
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK(r.resealed == ROWS && r.retired == 0);
    CHECK_TEXT(
        temp_sql(&h.t, "SELECT count(*) FROM credentials WHERE substr(sealed,3,4) != X'00000002'"),
        "0");
    CHECK_INT(wrong(&h), 0);
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK(r.resealed == ROWS && r.retired == 2);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) || min(dek_id) FROM workspace_keys"), "42");
    CHECK_INT(wrong(&h), 0);
    house_close(&h);
}

TEST(a_rotation_that_was_cut_short_goes_on_when_it_is_run_again) {
    struct house h;
    struct vault_rotation r;
    const char *why = "";
    house_open(&h);
    fill(&h);
    CHECK(temp_script(&h.t, "CREATE TABLE cut (n INTEGER); INSERT INTO cut VALUES (0);"
                            "CREATE TRIGGER cut_it BEFORE UPDATE OF sealed ON credentials"
                            " WHEN old.id = 'c99' AND (SELECT n FROM cut) = 0"
                            " BEGIN SELECT RAISE(ABORT, 'cut'); END;"));
    CHECK(vault_rotate(&h.t.ctx, true, &r) != OK);
    CHECK_INT(wrong(&h), 0); /* everything is readable in between */
    CHECK(house_restart(&h, key_line(h.t.arena, "k1", 1), &why));
    CHECK_INT(wrong(&h), 0);
    CHECK(temp_script(&h.t, "UPDATE cut SET n = 1"));
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM workspace_keys"), "4");
    CHECK_INT(wrong(&h), 0);
    house_close(&h);
}

struct reader {
    struct house *h;
    atomic_bool ends;
    atomic_int failed, read;
};

static void *keep_reading(void *arg) {
    struct reader *r = arg;
    for (int i = 0; !atomic_load(&r->ends); i = (i + 1) % ROWS) {
        struct arena *a = arena_new(1 << 20);
        struct ctx ctx;
        ctx_init(&ctx, &r->h->t.parts, a, 60000);
        char id[16];
        snprintf(id, sizeof id, "c%d", i);
        const char *got = house_get(&ctx, i % 2 ? "ws_a" : "ws_b", id);
        if (!got || strcmp(got, id) != 0)
            atomic_fetch_add(&r->failed, 1);
        atomic_fetch_add(&r->read, 1);
        arena_free(a);
    }
    return NULL;
}

/* Until it has begun and ended a read since: the next rotation may take the key of this one. */
static void await_turn(struct reader *r) {
    int seen = atomic_load(&r->read);
    while (atomic_load(&r->read) < seen + 2)
        sched_yield();
}

TEST(readers_never_notice_a_rotation) {
    struct house h;
    struct vault_rotation r;
    struct reader readers[2] = { { .h = &h }, { .h = &h } };
    const char *why = "";
    pthread_t threads[2];
    house_open(&h);
    fill(&h);
    CHECK(house_restart(&h, both(&h), &why));
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, keep_reading, &readers[i]);
    for (int i = 0; i < 5; i++) {
        await_turn(&readers[0]);
        await_turn(&readers[1]);
        CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    }
    for (int i = 0; i < 2; i++) {
        atomic_store(&readers[i].ends, true);
        pthread_join(threads[i], NULL);
        CHECK_INT(readers[i].failed, 0);
    }
    house_close(&h);
}
