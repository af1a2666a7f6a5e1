#include "test.h"

#include "crypto/aead.h"
#include "vault/house.h"
#include "vault/inner.h"

TEST(what_was_sealed_opens_again_also_after_a_restart) {
    struct house h;
    const char *why = "";
    house_open(&h);
    CHECK_INT(house_put(&h, "ws_a", "c1", "the secret"), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "the secret");
    CHECK(house_restart(&h, key_line(h.t.arena, "k1", 1), &why));
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "the secret");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM credentials WHERE instr(sealed, 'secret') > 0"),
               "0");
    house_close(&h);
}

TEST(the_same_text_never_looks_the_same_sealed_and_may_be_empty) {
    struct house h;
    house_open(&h);
    CHECK_INT(house_put(&h, "ws_a", "c1", "same"), OK);
    CHECK_INT(house_put(&h, "ws_a", "c2", "same"), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(DISTINCT sealed) FROM credentials"), "2");
    CHECK_INT(house_put(&h, "ws_a", "c3", ""), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c3"), "");
    house_close(&h);
}

static struct house_row sealed_row(struct house *h, const char *text) {
    struct house_row r = { "ws_a", "c1", text, false, { NULL, 0 } };
    CHECK_INT(db_write(&h->t.ctx, house_put_write, &r), OK);
    return r;
}

TEST(a_blob_that_was_moved_does_not_open) {
    static const struct sealed_place ELSEWHERE[] = {
        { "credentials", "sealed", "ws_a", "c2", 1 }, { "credentials", "public", "ws_a", "c1", 1 },
        { "events", "sealed", "ws_a", "c1", 1 },      { "credentials", "sealed", "ws_b", "c1", 1 },
        { "credentialss", "ealed", "ws_a", "c1", 1 }, { "credentials", "sealed", "ws_a", "c1", 2 },
        { "credentials", "sealed", "ws_a", "c1", 0 },
    };
    struct house h;
    struct str plain;
    house_open(&h);
    CHECK_INT(house_put(&h, "ws_b", "x", "so that it has a key"), OK);
    struct house_row r = sealed_row(&h, "the secret");
    for (size_t i = 0; i < ARRAY_LEN(ELSEWHERE); i++)
        CHECK_INT(vault_unseal(&h.t.ctx, db_reader(&h.t.ctx), &ELSEWHERE[i], r.sealed, &plain),
                  ERR_INTERNAL);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "the secret");
    house_close(&h);
}

static enum err put_again_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct credential_row row = {
        .id = "c1", .workspace_id = "ws_a", .provider = "c1", .public = "{}", .version = 2
    };
    struct sealed_place place = credential_row_place(&row);
    TRY(vault_seal(ctx, tx, &place, str_of(arg), &row.sealed));
    return credential_row_put(ctx, tx, &row);
}

TEST(an_older_value_put_back_into_its_own_row_does_not_open) {
    struct house h;
    house_open(&h);
    sealed_row(&h, "the old secret");
    const char *old = temp_sql(&h.t, "SELECT hex(sealed) FROM credentials");
    CHECK_INT(db_write(&h.t.ctx, put_again_write, (void *)"the new secret"), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "the new secret");
    CHECK(temp_script(&h.t, arena_printf(h.t.arena, "UPDATE credentials SET sealed = X'%s'", old)));
    CHECK(house_get(&h.t.ctx, "ws_a", "c1") == NULL);
    house_close(&h);
}

/* Seals as Avas did that did not bind the version: under a data key of theirs. */
static enum err old_put_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    static const char *const PARTS[] = { "ava/field/v1", "credentials", "sealed", "ws_a",
                                         "c1",           "1",           "1" };
    struct workspace_key key;
    struct buf aad = { 0 };
    unsigned char dek[DEK_BYTES];
    struct str plain = str_of(arg);
    TRY(dek_make(ctx, tx, "ws_a", 1, &key));
    key.binds = false;
    TRY(workspace_key_insert(ctx, tx, &key));
    TRY(dek_unwrap(ctx, ctx->parts->vault, &key, dek));
    unsigned char *blob = arena_alloc(ctx->arena, FIELD_HEAD_BYTES + plain.len + AEAD_MORE_BYTES);
    memcpy(blob, "\xA1\x01\x00\x00\x00\x01", FIELD_HEAD_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        vault_aad_part(&aad, str_of(PARTS[i]));
    aead_seal(blob + FIELD_HEAD_BYTES, dek, plain, buf_view(&aad));
    buf_fini(&aad);
    return credential_row_put(
        ctx, tx,
        &(struct credential_row){
            .id = "c1",
            .workspace_id = "ws_a",
            .provider = "c1",
            .public = "{}",
            .version = 1,
            .sealed = { (char *)blob, FIELD_HEAD_BYTES + plain.len + AEAD_MORE_BYTES } });
}

TEST(what_an_older_ava_sealed_opens_and_is_bound_with_new_data_keys) {
    struct house h;
    struct vault_rotation r;
    house_open(&h);
    CHECK_INT(db_write(&h.t.ctx, old_put_write, (void *)"of before"), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "of before");
    const char *old = temp_sql(&h.t, "SELECT hex(sealed) FROM credentials");
    CHECK_INT(house_put(&h, "ws_a", "c2", "of now"), OK); /* gets a key that binds */
    CHECK_TEXT(temp_sql(&h.t, "SELECT group_concat(dek_id || ':' || binds) FROM workspace_keys"),
               "1:0,2:1");
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "of before");
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c2"), "of now");
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK(temp_script(&h.t, "UPDATE workspace_keys SET left_at = left_at - 601000"));
    CHECK_INT(vault_rotate(&h.t.ctx, true, &r), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "of before");
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c2"), "of now");
    CHECK(temp_script(
        &h.t,
        arena_printf(h.t.arena, "UPDATE credentials SET sealed = X'%s' WHERE id = 'c1'", old)));
    CHECK(house_get(&h.t.ctx, "ws_a", "c1") == NULL); /* its key is gone */
    house_close(&h);
}

TEST(no_single_bit_of_a_blob_can_be_changed_nor_a_byte_cut_off) {
    struct house h;
    struct sealed_place place = { "credentials", "sealed", "ws_a", "c1", 1 };
    house_open(&h);
    struct house_row r = sealed_row(&h, "the secret");
    for (size_t i = 0; i < r.sealed.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct str plain;
            char *bytes = arena_copy(h.t.arena, r.sealed.ptr, r.sealed.len);
            bytes[i] = (char)(bytes[i] ^ 1 << bit);
            CHECK_INT(vault_unseal(&h.t.ctx, db_reader(&h.t.ctx), &place,
                                   (struct str){ bytes, r.sealed.len }, &plain),
                      ERR_INTERNAL);
        }
    }
    for (size_t len = 0; len < r.sealed.len; len++) {
        struct secret out = { 0 };
        CHECK_INT(vault_reveal(&h.t.ctx, db_reader(&h.t.ctx), &place,
                               (struct str){ r.sealed.ptr, len }, &out),
                  ERR_INTERNAL);
        CHECK(!secret_is_set(&out));
    }
    house_close(&h);
}

TEST(every_reason_not_to_open_looks_the_same) {
    struct house h;
    struct sealed_place place = { "credentials", "sealed", "ws_a", "c1", 1 };
    struct str plain;
    house_open(&h);
    sealed_row(&h, "x");
    CHECK_INT(vault_unseal(&h.t.ctx, db_reader(&h.t.ctx), &place, STR("rubbish"), &plain),
              ERR_INTERNAL);
    const char *words = h.t.ctx.problem.detail;
    place.row_id = "c2";
    struct house_row r = sealed_row(&h, "x");
    CHECK_INT(vault_unseal(&h.t.ctx, db_reader(&h.t.ctx), &place, r.sealed, &plain), ERR_INTERNAL);
    CHECK_TEXT(h.t.ctx.problem.detail, words);
    house_close(&h);
}

static const char *meta_of(struct house *h) {
    return temp_sql(
        &h->t, "SELECT group_concat(name || hex(value)) FROM (SELECT * FROM meta ORDER BY name)");
}

TEST(the_wrong_key_or_a_missing_one_does_not_open_the_vault_and_changes_nothing) {
    struct house h;
    const char *why = "";
    house_open(&h);
    CHECK_INT(house_put(&h, "ws_a", "c1", "the secret"), OK);
    const char *before = meta_of(&h),
               *keys = temp_sql(&h.t, "SELECT hex(wrapped) FROM workspace_keys");
    CHECK(!house_restart(&h, key_line(h.t.arena, "k1", 2), &why));
    CHECK(strstr(why, "'k1' is not the one") != NULL);
    CHECK(!house_vault(&h, key_line(h.t.arena, "k9", 9), &why));
    CHECK(strstr(why, "'k1', which is not loaded") != NULL);
    CHECK_TEXT(meta_of(&h), before);
    CHECK_TEXT(temp_sql(&h.t, "SELECT hex(wrapped) FROM workspace_keys"), keys);
    CHECK(house_vault(&h, key_line(h.t.arena, "k1", 1), &why));
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "the secret");
    house_close(&h);
}

TEST(a_first_seal_that_was_rolled_back_leaves_no_key_behind_that_nobody_has) {
    struct house h;
    const char *why = "";
    house_open(&h);
    struct house_row lost = { "ws_a", "c1", "lost", true, { NULL, 0 } };
    CHECK_INT(db_write(&h.t.ctx, house_put_write, &lost), ERR_STORAGE_UNAVAILABLE);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM workspace_keys"), "0");
    CHECK_INT(house_put(&h, "ws_a", "c1", "kept"), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_a", "c1"), "kept");
    CHECK(house_restart(&h, key_line(h.t.arena, "k1", 1), &why));
    const char *got = house_get(&h.t.ctx, "ws_a", "c1");
    CHECK(got != NULL);
    CHECK_TEXT(got, "kept");
    house_close(&h);
}

/* ws_b gets the very data key of ws_a, wrapped in good order for ws_b. */
static enum err share_key(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace_key row;
    unsigned char dek[DEK_BYTES];
    TRY(workspace_key_find(ctx, tx, "ws_a", 1, &row));
    TRY(dek_unwrap(ctx, ctx->parts->vault, &row, dek));
    row.workspace_id = "ws_b";
    dek_wrap(ctx, ctx->parts->vault, dek, &row);
    return workspace_key_insert(ctx, tx, &row);
}

TEST(the_workspace_binds_a_blob_even_under_the_same_key) {
    struct house h;
    struct sealed_place place = { "credentials", "sealed", "ws_b", "c1", 1 };
    struct str plain;
    house_open(&h);
    struct house_row r = sealed_row(&h, "the secret");
    CHECK_INT(db_write(&h.t.ctx, share_key, NULL), OK);
    CHECK_INT(vault_unseal(&h.t.ctx, db_reader(&h.t.ctx), &place, r.sealed, &plain), ERR_INTERNAL);
    CHECK_INT(house_put(&h, "ws_b", "c2", "its own"), OK);
    CHECK_TEXT(house_get(&h.t.ctx, "ws_b", "c2"), "its own");
    house_close(&h);
}

TEST(a_wrapped_key_opens_only_as_the_one_it_was_wrapped_as) {
    struct house h;
    struct workspace_key good, row;
    unsigned char dek[DEK_BYTES];
    house_open(&h);
    sealed_row(&h, "x");
    CHECK_INT(workspace_key_find(&h.t.ctx, db_reader(&h.t.ctx), "ws_a", 1, &good), OK);
    row = good;
    CHECK_INT(dek_unwrap(&h.t.ctx, h.t.parts.vault, &row, dek), OK);
    row.workspace_id = "ws_b";
    CHECK_INT(dek_unwrap(&h.t.ctx, h.t.parts.vault, &row, dek), ERR_INTERNAL);
    row = good;
    row.dek_id = 2;
    CHECK_INT(dek_unwrap(&h.t.ctx, h.t.parts.vault, &row, dek), ERR_INTERNAL);
    row = good;
    row.kcv = (struct str){ arena_alloc(h.t.arena, KCV_BYTES), KCV_BYTES };
    CHECK_INT(dek_unwrap(&h.t.ctx, h.t.parts.vault, &row, dek), ERR_INTERNAL);
    house_close(&h);
}
