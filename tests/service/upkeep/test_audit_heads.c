#include "test.h"

#include "base/clock.h"
#include "base/defs.h"
#include "config/config.h"
#include "service/upkeep/audit_heads.h"
#include "vault/house.h"

enum { ROWS = 2500, DAY_S = 24 * 3600 };

static enum err write_many(struct ctx *ctx, struct db_conn *tx, void *arg) {
    static const char *const OF[] = { "ws_a", "ws_b", "" };
    const int *count = arg;
    for (int i = 0; i < *count; i++)
        TRY(audit_write(ctx, tx,
                        (struct audit_entry){ .workspace_id = OF[i % 3],
                                              .actor = "usr_1",
                                              .action = "settings.change",
                                              .object = i % 2 ? "x" : "" }));
    return OK;
}

static void fill(struct house *h, int count) {
    CHECK_INT(db_write(&h->t.ctx, write_many, &count), OK);
}

static struct audit_check look(struct house *h) {
    struct audit_head none = { .seq = 0 };
    struct audit_check k;
    CHECK_INT(audit_check(&h->t.ctx, &none, NULL, &k), OK);
    return k;
}

/* A log of ROWS rows under three heads, and some that are not signed yet. */
static void open_signed(struct house *h) {
    house_open(h);
    fill(h, ROWS);
    CHECK_INT(audit_heads_sign(&h->t.ctx, true), OK);
    fill(h, 10);
}

TEST(a_log_is_signed_piece_by_piece_and_whole) {
    struct house h;
    open_signed(&h);
    struct audit_check k = look(&h);
    CHECK(!k.wrong);
    CHECK_INT(k.rows, ROWS + 10);
    CHECK_INT(k.heads, 3);
    CHECK_INT(k.signed_seq, ROWS);
    CHECK_TEXT(temp_sql(&h.t, "SELECT group_concat(from_seq || '-' || seq, ' ') FROM audit_heads"),
               "1-1000 1001-2000 2001-2500");
    house_close(&h);
}

static bool go_on_until(void *arg, int64_t rows) {
    int64_t *seen = arg;
    *seen = rows;
    return rows < 1000;
}

TEST(whoever_watches_a_check_hears_how_far_it_is_and_can_break_it_off) {
    struct house h;
    struct audit_head none = { .seq = 0 };
    struct audit_check k;
    int64_t seen = 0;
    open_signed(&h);
    struct audit_watch watch = { go_on_until, &seen };
    CHECK_INT(audit_check(&h.t.ctx, &none, &watch, &k), ERR_DRAINING);
    CHECK_INT(seen, 1000);
    CHECK_INT(k.rows, 1000);
    CHECK(!look(&h).wrong);
    house_close(&h);
}

TEST(a_head_comes_once_there_are_a_thousand_rows_or_one_is_an_hour_old) {
    struct house h;
    house_open(&h);
    fill(&h, AUDIT_HEAD_ROWS - 1);
    CHECK_INT(audit_heads_sign(&h.t.ctx, false), OK);
    CHECK_INT(look(&h).heads, 0);
    fill(&h, 1);
    CHECK_INT(audit_heads_sign(&h.t.ctx, false), OK);
    CHECK_INT(look(&h).heads, 1);
    fill(&h, 1);
    CHECK_INT(audit_heads_sign(&h.t.ctx, false), OK);
    CHECK_INT(look(&h).heads, 1);
    clock_advance(3600 * 1000);
    temp_ctx(&h.t, &h.t.ctx);
    CHECK_INT(audit_heads_sign(&h.t.ctx, false), OK);
    CHECK_INT(look(&h).heads, 2);
    CHECK_INT(audit_heads_sign(&h.t.ctx, true), OK);
    CHECK_INT(look(&h).heads, 2);
    house_close(&h);
}

/* What somebody who can only write into the database may try; the first bad row, and a word of the sentence. */
static const struct {
    const char *sql;
    int64_t bad_seq;
    const char *word;
} DEEDS[] = {
    { "UPDATE audit_log SET actor = 'usr_2' WHERE seq = 7", 7, "was changed" },
    { "UPDATE audit_log SET at = at + 1 WHERE seq = 7", 7, "was changed" },
    { "UPDATE audit_log SET workspace_id = 'ws_b' WHERE seq = 7", 7, "was changed" },
    { "UPDATE audit_log SET detail = 'x' WHERE seq = 2505", 2505, "was changed" },
    { "UPDATE audit_log SET hash = randomblob(32) WHERE seq = 2505", 2505, "was changed" },
    { "UPDATE audit_log SET prev = randomblob(32) WHERE seq = 2505", 2505, "was changed" },
    { "DELETE FROM audit_log WHERE seq = 7", 7, "7 to 7 are missing" },
    { "DELETE FROM audit_log WHERE seq BETWEEN 900 AND 1100", 900, "900 to 1100 are missing" },
    { "DELETE FROM audit_log WHERE seq <= 7", 1, "no signed head ends there" },
    { "DELETE FROM audit_log WHERE seq <= 1000", 1, "no entry says that retention" },
    { "DELETE FROM audit_log WHERE seq <= 1000; DELETE FROM audit_heads WHERE seq <= 1000", 1,
      "no signed head ends there" },
    { "DELETE FROM audit_log WHERE seq > 2400", 2401, "were signed" },
    { "DELETE FROM audit_log", 1, "were signed" },
    { "DELETE FROM audit_heads WHERE seq = 2000", 2001, "not those that were signed" },
    { "UPDATE audit_heads SET digest = randomblob(32) WHERE seq = 2000", 1001,
      "not those that were signed" },
    { "UPDATE audit_heads SET signature = randomblob(64) WHERE seq = 1000", 1000, "does not fit" },
    { "UPDATE audit_heads SET at = at + 1 WHERE seq = 1000", 1000, "does not fit" },
    { "UPDATE audit_heads SET from_seq = 5 WHERE seq = 1000", 1000, "does not fit" },
    { "UPDATE audit_heads SET kek_id = 'k9'", 2500, "not loaded" },
};

TEST(whatever_is_done_to_the_database_alone_shows) {
    struct house h;
    open_signed(&h);
    CHECK_TEXT(temp_all(&h.t, "CREATE TABLE keep_log AS SELECT * FROM audit_log;"
                              "CREATE TABLE keep_heads AS SELECT * FROM audit_heads"),
               "");
    for (size_t i = 0; i < ARRAY_LEN(DEEDS); i++) {
        CHECK_TEXT(temp_all(&h.t, DEEDS[i].sql), "");
        struct audit_check k = look(&h);
        CHECK_INT(k.bad_seq, DEEDS[i].bad_seq);
        CHECK(k.wrong && strstr(k.wrong, DEEDS[i].word));
        if (!k.wrong || !strstr(k.wrong, DEEDS[i].word))
            fprintf(stderr, "# %s: %s\n", DEEDS[i].sql, k.wrong ? k.wrong : "nothing is wrong");
        CHECK_TEXT(temp_all(&h.t, "DELETE FROM audit_log; DELETE FROM audit_heads;"
                                  "INSERT INTO audit_log SELECT * FROM keep_log;"
                                  "INSERT INTO audit_heads SELECT * FROM keep_heads"),
                   "");
        CHECK(!look(&h).wrong);
    }
    house_close(&h);
}

/* Ava's own functions make chains that are right: only the signature tells. */
TEST(rows_that_were_written_anew_with_right_chains_are_not_those_that_were_signed) {
    struct house h;
    open_signed(&h);
    CHECK_TEXT(temp_all(&h.t, "DELETE FROM audit_log WHERE seq > 2300"), "");
    fill(&h, 210);
    struct audit_check k = look(&h);
    CHECK_INT(k.bad_seq, 2001);
    CHECK(k.wrong && strstr(k.wrong, "not those that were signed"));
    house_close(&h);
}

TEST(a_log_that_was_replaced_with_its_heads_is_not_the_one_whose_head_was_seen) {
    struct house h;
    struct audit_head pinned;
    struct audit_check k;
    open_signed(&h);
    CHECK_INT(audit_head_from(&h.t.ctx, db_reader(&h.t.ctx), 1, &pinned), OK);
    CHECK_INT(audit_check(&h.t.ctx, &pinned, NULL, &k), OK);
    CHECK(!k.wrong);
    CHECK_TEXT(temp_all(&h.t, "DELETE FROM audit_log; DELETE FROM audit_heads"), "");
    fill(&h, ROWS);
    CHECK_INT(audit_heads_sign(&h.t.ctx, true), OK);
    CHECK(!look(&h).wrong);
    CHECK_INT(audit_check(&h.t.ctx, &pinned, NULL, &k), OK);
    CHECK_INT(k.bad_seq, 1000);
    CHECK(k.wrong && strstr(k.wrong, "was replaced"));
    house_close(&h);
}

TEST(after_a_rotation_newer_heads_vouch_for_older_ones) {
    struct house h;
    const char *why = "";
    open_signed(&h);
    const char *both =
        arena_join(h.t.arena, key_line(h.t.arena, "k2", 2), key_line(h.t.arena, "k1", 1));
    CHECK(house_restart(&h, both, &why));
    CHECK(!look(&h).wrong);
    CHECK_INT(audit_heads_sign(&h.t.ctx, true), OK);
    CHECK(!look(&h).wrong);
    CHECK(house_restart(&h, key_line(h.t.arena, "k2", 2), &why));
    struct audit_check k = look(&h);
    CHECK(!k.wrong);
    CHECK_INT(k.heads, 4);
    CHECK_TEXT(temp_all(&h.t, "UPDATE audit_heads SET digest = randomblob(32) WHERE seq = 1000"),
               "");
    CHECK_INT(look(&h).bad_seq, 1);
    house_close(&h);
}

TEST(retention_removes_up_to_a_signed_head_and_says_so) {
    struct house h;
    struct config c = { .log_level = "off" };
    bool is_done = false;
    open_signed(&h);
    h.t.parts.config = &c;
    CHECK_INT(audit_forget_old(&h.t.ctx, 5000, &is_done), OK);
    CHECK(is_done);
    CHECK_INT(look(&h).rows, ROWS + 10);
    atomic_store(&c.audit_retention_days, 30);
    clock_advance((int64_t)29 * DAY_S * 1000);
    temp_ctx(&h.t, &h.t.ctx);
    CHECK_INT(audit_forget_old(&h.t.ctx, 5000, &is_done), OK);
    CHECK_INT(look(&h).rows, ROWS + 10);
    clock_advance((int64_t)2 * DAY_S * 1000);
    temp_ctx(&h.t, &h.t.ctx);
    CHECK_INT(audit_forget_old(&h.t.ctx, 5000, &is_done), OK);
    CHECK(is_done);
    struct audit_check k = look(&h);
    CHECK(!k.wrong);
    CHECK_INT(k.first_seq, ROWS + 1);
    CHECK_INT(k.rows, 10 + 3); /* what was not signed, and an entry for each head */
    CHECK_INT(audit_heads_sign(&h.t.ctx, true), OK);
    CHECK(!look(&h).wrong);
    fill(&h, 5);
    CHECK(!look(&h).wrong);
    CHECK_TEXT(temp_all(&h.t, "DELETE FROM audit_log WHERE seq <= 2503"), "");
    CHECK_INT(look(&h).bad_seq, 1);
    house_close(&h);
}

TEST(a_clock_that_was_set_years_ahead_removes_nothing) {
    struct house h;
    struct config c = { .log_level = "off" };
    bool is_done = false;
    open_signed(&h);
    h.t.parts.config = &c;
    atomic_store(&c.audit_retention_days, 30);
    clock_jump((int64_t)400 * DAY_S * 1000);
    CHECK_INT(audit_forget_old(&h.t.ctx, 5000, &is_done), OK);
    CHECK_INT(look(&h).rows, ROWS + 10);
    clock_jump((int64_t)-400 * DAY_S * 1000);
    house_close(&h);
}

TEST(an_empty_log_is_fine) {
    struct house h;
    house_open(&h);
    CHECK_TEXT(temp_all(&h.t, "DELETE FROM audit_log"), "");
    struct audit_check k = look(&h);
    CHECK(!k.wrong);
    CHECK_INT(k.rows, 0);
    CHECK_INT(audit_heads_sign(&h.t.ctx, true), OK);
    CHECK_INT(look(&h).heads, 0);
    house_close(&h);
}
