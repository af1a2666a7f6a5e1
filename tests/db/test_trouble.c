#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/defs.h"
#include "db/temp.h"
#include "store/sealed.h"

TEMP_SQLITE_ONLY("about SQLite's file; peers postgres has the like")

static enum err put(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, arg, str_of(arg));
}

static enum err put_large(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, "large", str_of(arg));
}

static enum err save(struct temp *t, const char *name) {
    ctx_clear(&t->ctx);
    return db_write(&t->ctx, put, (void *)name);
}

static enum err probe(struct temp *t) {
    ctx_clear(&t->ctx);
    return db_write_probe(&t->ctx, 60000);
}

static const char *beside(struct temp *t, const char *suffix) {
    return arena_printf(t->arena, "%s%s", t->path, suffix);
}

static void copy(const char *from, const char *to) {
    static char bytes[4 << 20];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    size_t n = fread(bytes, 1, sizeof bytes, in);
    CHECK(fwrite(bytes, 1, n, out) == n);
    fclose(in);
    fclose(out);
}

TEST(a_run_that_was_fenced_off_commits_nothing_any_more) {
    struct temp t;
    temp_open(&t);
    CHECK_INT(db_claim(&t.ctx, "run_one"), OK);
    CHECK_INT(save(&t, "before"), OK);
    CHECK(!db_is_fenced(t.parts.db));
    CHECK(temp_script(&t, "UPDATE meta SET value = CAST('run_two' AS BLOB) WHERE name = 'run'"));
    CHECK_INT(save(&t, "after"), ERR_STORAGE_UNAVAILABLE);
    CHECK(t.ctx.problem.retry_after_s > 0);
    CHECK(db_is_fenced(t.parts.db));
    CHECK_INT(probe(&t), ERR_STORAGE_UNAVAILABLE);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name = 'after'"), "0");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name = 'before'"), "1");
    temp_close(&t);
}

TEST(who_has_not_claimed_the_database_writes_beside_the_run_that_has) {
    struct temp t;
    temp_open(&t);
    struct db *command = t.parts.db;
    CHECK(temp_reopen(&t));
    CHECK_INT(db_claim(&t.ctx, "run_one"), OK);
    struct db *server = t.parts.db;
    t.parts.db = command;
    CHECK_INT(save(&t, "beside"), OK);
    db_close(command);
    t.parts.db = server;
    CHECK_INT(save(&t, "after it"), OK);
    temp_close(&t);
}

TEST(a_file_that_was_removed_or_replaced_takes_nothing_and_is_not_ready_at_once) {
    static const char *const FILES[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < ARRAY_LEN(FILES) * 2; i++) {
        struct temp t;
        temp_open(&t);
        const char *path = beside(&t, FILES[i / 2]), *aside = beside(&t, ".copy");
        CHECK_INT(save(&t, "before"), OK);
        CHECK_INT(probe(&t), OK);
        if (i % 2) {
            copy(path, aside);
            CHECK_INT(rename(aside, path), 0);
        } else
            CHECK_INT(unlink(path), 0);
        CHECK_INT(probe(&t), ERR_STORAGE_UNAVAILABLE);
        CHECK_INT(save(&t, "after"), ERR_STORAGE_UNAVAILABLE);
        CHECK(strstr(t.ctx.problem.detail, "replaced") != NULL);
        temp_close(&t);
    }
}

TEST(files_that_others_put_in_place_of_ours_are_left_alone_when_it_is_closed) {
    struct temp t;
    struct stat st;
    temp_open(&t);
    CHECK_INT(save(&t, "before"), OK);
    copy(t.path, beside(&t, ".new"));
    CHECK_INT(rename(beside(&t, ".new"), t.path), 0);
    copy(beside(&t, "-wal"), beside(&t, ".new"));
    CHECK_INT(rename(beside(&t, ".new"), beside(&t, "-wal")), 0);
    CHECK_INT(save(&t, "after"), ERR_STORAGE_UNAVAILABLE);
    db_close(t.parts.db);
    CHECK(stat(beside(&t, "-wal"), &st) == 0 && st.st_size > 0);
    CHECK(temp_reopen(&t));
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM meta WHERE name IN ('before', 'after')"), "1");
    temp_close(&t);
}

static void overwrite(struct temp *t, long from) {
    FILE *f = fopen(t->path, "r+b");
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    fseek(f, from, SEEK_SET);
    for (long at = from; at < size; at++)
        fputc(0x55, f);
    fclose(f);
}

static void make_rows(struct temp *t) {
    for (int i = 0; i < 200; i++)
        CHECK_INT(save(t, arena_printf(t->arena, "row %d of some length, so that it is many", i)),
                  OK);
    db_close(t->parts.db);
    CHECK(temp_reopen(t));
}

TEST(a_file_that_is_no_database_any_more_takes_nothing_and_ava_lives_on) {
    struct temp t;
    temp_open(&t);
    make_rows(&t);
    CHECK_INT(save(&t, "before"), OK);
    overwrite(&t, 0);
    CHECK_INT(save(&t, "after"), ERR_STORAGE_UNAVAILABLE);
    CHECK_INT(probe(&t), ERR_STORAGE_UNAVAILABLE);
    CHECK(strstr(t.ctx.problem.detail, "damaged") != NULL);
    temp_close(&t);
}

TEST(damage_that_only_a_reader_meets_stops_the_writer_too) {
    struct temp t;
    struct str value;
    temp_open(&t);
    make_rows(&t);
    CHECK_INT(meta_get(&t.ctx, db_reader(&t.ctx), "row 1 of some length", &value), OK);
    CHECK_INT(save(&t, "young"), OK);
    overwrite(&t, 4096);
    CHECK_INT(probe(&t), OK); /* nobody has met it */
    enum err e = OK;
    for (int i = 0; i < 200 && e == OK; i++)
        e = meta_get(&t.ctx, db_reader(&t.ctx),
                     arena_printf(t.arena, "row %d of some length, so that it is many", i), &value);
    CHECK_INT(e, ERR_STORAGE_UNAVAILABLE);
    CHECK_INT(probe(&t), ERR_STORAGE_UNAVAILABLE);
    CHECK_INT(save(&t, "after"), ERR_STORAGE_UNAVAILABLE);
    temp_close(&t);
}

/* A file may not grow beyond its size and that much more. */
static void limit_growth(struct temp *t, rlim_t more) {
    struct stat st;
    CHECK_INT(stat(beside(t, "-wal"), &st), 0);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ (rlim_t)st.st_size + more, RLIM_INFINITY });
}

TEST(a_disk_that_takes_little_but_no_webhook_is_not_ready) {
    enum { LARGE_BYTES = 60000, ROOM_BYTES = 45000 };
    struct temp t;
    signal(SIGXFSZ, SIG_IGN);
    temp_open(&t);
    char *large = arena_alloc(t.arena, LARGE_BYTES);
    memset(large, 'a', LARGE_BYTES - 1);
    large[LARGE_BYTES - 1] = 0;
    limit_growth(&t, ROOM_BYTES);
    CHECK_INT(save(&t, "small"), OK);
    ctx_clear(&t.ctx);
    CHECK_INT(db_write_probe(&t.ctx, -1), ERR_STORAGE_UNAVAILABLE); /* as large as a webhook */
    CHECK_INT(db_write(&t.ctx, put_large, large), ERR_STORAGE_UNAVAILABLE);
    CHECK_INT(save(&t, "small again"), OK);
    CHECK_INT(probe(&t), ERR_STORAGE_UNAVAILABLE); /* although the last commit is young */
    limit_growth(&t, 1 << 30);
    ctx_clear(&t.ctx);
    CHECK_INT(db_write_probe(&t.ctx, -1), OK);
    temp_close(&t);
}
