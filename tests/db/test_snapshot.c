#include "db/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/defs.h"
#include "crypto/hash.h"
#include "db/temp.h"
#include "store/sealed.h"
#include "test.h"

TEMP_SQLITE_ONLY("about copies of SQLite's file")

enum { ROWS = 2000 };

static enum err put_many(struct ctx *ctx, struct db_conn *tx, void *arg) {
    char name[32];
    for (int i = 0; i < ROWS; i++) {
        snprintf(name, sizeof name, "row %d", i);
        TRY(meta_put(ctx, tx, name,
                     STR("a value of some length, so that it takes some pages in the file")));
    }
    return OK;
}

static void fill(struct temp *t) {
    temp_open(t);
    CHECK_INT(db_write(&t->ctx, put_many, NULL), OK);
}

static const char *beside(struct temp *t, const char *name) {
    return arena_printf(t->arena, "%s/%s", t->dir, name);
}

static bool make(struct temp *t, const char *to, bool gently, struct snapshot *out,
                 const char **why) {
    return snapshot_write(&(struct snapshot_order){ t->path, to, gently, hash_blake2b, NULL },
                          t->arena, out, why);
}

static const char *sql_of(struct temp *t, const char *path, const char *sql) {
    struct temp other = *t;
    snprintf(other.path, sizeof other.path, "%s", path);
    return temp_sql(&other, sql);
}

static const char *count_of(struct temp *t, const char *path) {
    return sql_of(t, path, "SELECT count(*) FROM meta WHERE name LIKE 'row %'");
}

TEST(a_snapshot_is_one_private_file_that_any_sqlite_opens_and_that_comes_out_as_it_was) {
    for (int gently = 0; gently < 2; gently++) {
        struct temp t;
        struct snapshot made, read, out;
        struct stat st;
        const char *why = "";
        fill(&t);
        const char *file = beside(&t, "copy.backup"), *to = beside(&t, "restored.db");
        CHECK(make(&t, file, gently, &made, &why));
        CHECK(stat(file, &st) == 0 && (st.st_mode & 0777) == 0600 &&
              st.st_size == made.bytes + 512);
        CHECK(access(beside(&t, "copy.backup.partial"), F_OK) != 0);
        CHECK_INT(made.schema, db_schema_version(t.parts.db));
        CHECK_TEXT(count_of(&t, file), "2000");
        CHECK(snapshot_check(file, hash_blake2b, t.arena, &read, &why));
        CHECK(read.bytes == made.bytes && read.made_ms == made.made_ms &&
              read.schema == made.schema);
        CHECK(snapshot_unpack(file, to, hash_blake2b, t.arena, &out, &why));
        CHECK(stat(to, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_size == made.bytes);
        CHECK_TEXT(count_of(&t, to), "2000");
        CHECK(
            !snapshot_unpack(file, to, hash_blake2b, t.arena, &out, &why)); /* something is there */
        CHECK_TEXT(count_of(&t, to), "2000");
        temp_close(&t);
    }
}

static void change(const char *path, long at, long bytes, const char *with) {
    FILE *f = fopen(path, "r+");
    CHECK(f && fseek(f, at, at < 0 ? SEEK_END : SEEK_SET) == 0);
    CHECK(fwrite(with, 1, (size_t)bytes, f) == (size_t)bytes);
    fclose(f);
}

static const char *a_copy(struct temp *t, const char *of, const char *name) {
    static char bytes[4 << 20];
    const char *to = beside(t, name);
    FILE *in = fopen(of, "rb"), *out = fopen(to, "wb");
    size_t n = fread(bytes, 1, sizeof bytes, in);
    CHECK(n < sizeof bytes && fwrite(bytes, 1, n, out) == n);
    fclose(in);
    fclose(out);
    return to;
}

static void is_refused(struct temp *t, const char *file) {
    struct snapshot s;
    const char *why = NULL, *to = beside(t, "restored.db");
    CHECK(!snapshot_check(file, hash_blake2b, t->arena, &s, &why));
    CHECK(why && *why);
    why = NULL;
    CHECK(!snapshot_unpack(file, to, hash_blake2b, t->arena, &s, &why));
    CHECK(why && *why);
    CHECK(access(to, F_OK) != 0);
}

TEST(what_was_cut_changed_or_put_together_is_refused_and_leaves_nothing) {
    struct temp t;
    struct snapshot made;
    const char *why = "", *whole;
    fill(&t);
    whole = beside(&t, "whole.backup");
    CHECK(make(&t, whole, false, &made, &why));
    const char *one = a_copy(&t, whole, "one");
    for (long cut = 1; cut < made.bytes + 512; cut += 1 + cut / 3) {
        CHECK(truncate(a_copy(&t, whole, "one"), made.bytes + 512 - cut) == 0);
        is_refused(&t, one);
    }
    /* One bit, anywhere: in the database, and in what its end says. */
    for (long at = 0; at < made.bytes + 480; at += 1 + made.bytes / 60) {
        char byte = 0;
        FILE *f = fopen(whole, "rb");
        CHECK(fseek(f, at, SEEK_SET) == 0 && fread(&byte, 1, 1, f) == 1);
        fclose(f);
        byte ^= 1;
        change(a_copy(&t, whole, "one"), at, 1, &byte);
        is_refused(&t, one);
    }
    for (long at = made.bytes; at < made.bytes + 200; at++) {
        char byte = 0;
        FILE *f = fopen(whole, "rb");
        CHECK(fseek(f, at, SEEK_SET) == 0 && fread(&byte, 1, 1, f) == 1);
        fclose(f);
        byte ^= 1;
        change(a_copy(&t, whole, "one"), at, 1, &byte);
        is_refused(&t, one);
    }
    is_refused(&t, t.path);
    is_refused(&t, t.dir);
    is_refused(&t, beside(&t, "nothing"));
    is_refused(&t, "/dev/null");
    CHECK(mkfifo(beside(&t, "fifo"), 0600) == 0);
    is_refused(&t, beside(&t, "fifo"));
    temp_close(&t);
}

static _Atomic bool is_over;

static enum err put_next(struct ctx *ctx, struct db_conn *tx, void *arg) {
    int *n = arg;
    char name[32];
    for (int i = 0; i < 2; i++) { /* always two together */
        snprintf(name, sizeof name, "pair %d %d", *n, i);
        TRY(meta_put(ctx, tx, name, STR("x")));
    }
    ++*n;
    return OK;
}

static void *keep_writing(void *arg) {
    struct temp *t = arg;
    struct arena *a = arena_new(64 << 20);
    struct ctx ctx;
    int n = 0;
    ctx_init(&ctx, &t->parts, a, 60000);
    while (!is_over)
        CHECK_INT(db_write(&ctx, put_next, &n), OK);
    arena_free(a);
    return NULL;
}

TEST(what_is_written_meanwhile_is_in_it_whole_or_not_at_all) {
    struct temp t;
    pthread_t writer;
    fill(&t);
    is_over = false;
    CHECK_INT(pthread_create(&writer, NULL, keep_writing, &t), 0);
    for (int i = 0; i < 10; i++) {
        struct snapshot made;
        const char *why = "", *file = arena_printf(t.arena, "%s/%d.backup", t.dir, i);
        CHECK(make(&t, file, i % 2, &made, &why));
        CHECK_TEXT(count_of(&t, file), "2000");
        CHECK_TEXT(sql_of(&t, file, "SELECT count(*) % 2 FROM meta WHERE name LIKE 'pair %'"), "0");
    }
    is_over = true;
    pthread_join(writer, NULL);
    temp_close(&t);
}

TEST(one_that_cannot_be_written_leaves_the_older_one_and_nothing_half) {
    struct temp t;
    struct snapshot made;
    struct rlimit all;
    const char *why = NULL;
    fill(&t);
    const char *file = beside(&t, "copy.backup");
    CHECK(make(&t, file, false, &made, &why));
    getrlimit(RLIMIT_FSIZE, &all);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 100000, all.rlim_max }); /* as a full disk */
    why = NULL;
    CHECK(!make(&t, file, true, &made, &why) && why && *why);
    setrlimit(RLIMIT_FSIZE, &all);
    CHECK(access(beside(&t, "copy.backup.partial"), F_OK) != 0);
    CHECK(snapshot_check(file, hash_blake2b, t.arena, &made, &why));
    why = NULL;
    CHECK(!make(&t, "/nowhere/copy.backup", false, &made, &why) && why && *why);
    temp_close(&t);
}
