#include "test.h"

#include <pthread.h>
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
    char active[KEK_ID_BYTES];
    vault_active_key_id(h.t.parts.vault, active);
    CHECK_TEXT(active, "k2");
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

/* As an older version left it when the keys were changed in the wrong order. */
TEST(a_rotation_opens_what_is_under_a_retired_key_and_so_can_always_be_finished) {
    struct house h;
    struct vault_rotation r;
    struct vault_state keys;
    const char *why = "";
    house_open(&h);
    fill(&h);
    CHECK(temp_script(&h.t, "INSERT INTO meta (name, value) VALUES ('retired_keks', X'206b3120')"));
    CHECK(house_restart(&h, both(&h), &why));
    CHECK_INT(wrong(&h), ROWS);
    CHECK_INT(vault_state(&h.t.ctx, &keys), OK);
    CHECK(keys.behind == 2 && keys.refused == 2);
    CHECK_INT(vault_rotate(&h.t.ctx, false, &r), OK);
    CHECK_INT(r.rewrapped, 2);
    CHECK_INT(wrong(&h), 0);
    CHECK_INT(vault_state(&h.t.ctx, &keys), OK);
    CHECK(keys.behind == 0 && keys.refused == 0);
    house_close(&h);
}

TEST(nothing_new_is_sealed_under_a_key_that_another_process_retired) {
    struct house h;
    house_open(&h);
    CHECK(temp_script(&h.t, "INSERT INTO meta (name, value) VALUES ('retired_keks', X'206b3120')"));
    CHECK_INT(house_put(&h, "ws_a", "c1", "x"), ERR_INTERNAL);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM workspace_keys"), "0");
    house_close(&h);
}

struct exchange {
    struct keyring keys;
    const char *why;
    bool taken;
};

static enum err take_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct exchange *x = arg;
    x->taken = vault_take_keys(ctx, tx, &x->keys, &x->why);
    return OK;
}

static bool take(struct house *h, const char *keys, const char **why) {
    struct exchange x = { .why = "" };
    CHECK(keyring_parse(&x.keys, str_of(keys), h->t.arena, why));
    if (!vault_judge_keys(&h->t.ctx, &x.keys, why)) {
        keyring_fini(&x.keys);
        return false;
    }
    CHECK_INT(db_write(&h->t.ctx, take_write, &x), OK);
    keyring_fini(&x.keys);
    *why = x.why;
    return x.taken;
}

TEST(keys_are_exchanged_while_it_is_open_and_one_that_is_needed_stays) {
    struct house h;
    struct vault_rotation r;
    char active[KEK_ID_BYTES];
    const char *why = "";
    house_open(&h);
    fill(&h);
    CHECK(!take(&h, key_line(h.t.arena, "k2", 2), &why));
    CHECK(strstr(why, "'k1', which is not loaded") != NULL);
    CHECK(!take(&h, key_line(h.t.arena, "k1", 3), &why));
    CHECK(strstr(why, "not the one this data was sealed with") != NULL);
    CHECK_INT(wrong(&h), 0);
    CHECK(take(&h, both(&h), &why));
    vault_active_key_id(h.t.parts.vault, active);
    CHECK_TEXT(active, "k2");
    CHECK_INT(wrong(&h), 0);
    CHECK_INT(vault_rotate(&h.t.ctx, false, &r), OK);
    CHECK(take(&h, key_line(h.t.arena, "k2", 2), &why));
    CHECK_INT(wrong(&h), 0);
    CHECK(!take(&h, key_line(h.t.arena, "k1", 1), &why));
    house_close(&h);
}

TEST(what_was_sealed_since_the_keys_were_judged_is_seen_when_they_are_taken) {
    struct house h;
    struct exchange x = { .why = "" };
    const char *why = "";
    house_open(&h);
    CHECK(keyring_parse(&x.keys, str_of(key_line(h.t.arena, "k2", 2)), h.t.arena, &why));
    CHECK(vault_judge_keys(&h.t.ctx, &x.keys, &why)); /* nothing is under k1 yet */
    CHECK_INT(house_put(&h, "ws_a", "c1", "just in time"), OK);
    CHECK_INT(db_write(&h.t.ctx, take_write, &x), OK);
    CHECK(!x.taken);
    CHECK(strstr(x.why, "'k1', which is not loaded") != NULL);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "just in time");
    keyring_fini(&x.keys);
    house_close(&h);
}

TEST(
    new_data_keys_seal_every_field_anew_and_the_old_ones_go_when_nobody_can_hold_what_they_sealed) {
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
    CHECK(r.resealed == ROWS && r.retired == 0); /* at once: somebody may have read a moment ago */
    CHECK(temp_script(&h.t, "UPDATE workspace_keys SET left_at = left_at - 601000"));
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK(r.resealed == ROWS && r.retired == 4);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) || ' ' || min(dek_id) FROM workspace_keys"), "4 3");
    CHECK_INT(wrong(&h), 0);
    house_close(&h);
}

/* Whoever seals the last of them anew fails, while cut says 0. */
static const char CUT_SQLITE[] = "CREATE TRIGGER cut_it BEFORE UPDATE OF sealed ON credentials"
                                 " WHEN old.id = 'c99' AND (SELECT n FROM cut) = 0"
                                 " BEGIN SELECT RAISE(ABORT, 'cut'); END;",
                  CUT_POSTGRES[] =
                      "CREATE FUNCTION cut_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                      " IF old.id = 'c99' AND (SELECT n FROM cut) = 0 THEN"
                      " RAISE EXCEPTION 'cut'; END IF; RETURN new; END $$;"
                      "create trigger cut_it BEFORE UPDATE OF sealed ON credentials"
                      " FOR EACH ROW EXECUTE FUNCTION cut_it()";

TEST(a_rotation_that_was_cut_short_goes_on_when_it_is_run_again) {
    struct house h;
    struct vault_rotation r;
    const char *why = "";
    house_open(&h);
    fill(&h);
    CHECK(temp_script(&h.t, "CREATE TABLE cut (n INTEGER); INSERT INTO cut VALUES (0)"));
    CHECK(temp_script(&h.t, temp_on_postgres() ? CUT_POSTGRES : CUT_SQLITE));
    CHECK(vault_rotate(&h.t.ctx, true, &r) != OK);
    CHECK_INT(wrong(&h), 0); /* everything is readable in between */
    CHECK(house_restart(&h, key_line(h.t.arena, "k1", 1), &why));
    CHECK_INT(wrong(&h), 0);
    CHECK(temp_script(&h.t, "UPDATE cut SET n = 1"));
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM workspace_keys"), "5");
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
    for (int i = 0; i < 5; i++)
        CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    for (int i = 0; i < 2; i++) {
        atomic_store(&readers[i].ends, true);
        pthread_join(threads[i], NULL);
        CHECK_INT(readers[i].failed, 0);
    }
    house_close(&h);
}
