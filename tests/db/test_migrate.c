#include "test.h"

#include <glob.h>
#include <signal.h>
#include <sys/resource.h>

#include "db/backup.h"
#include "db/migrate.h"
#include "db/temp.h"

#define COMMON                                                                               \
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;"                 \
    "CREATE TABLE hosts (name TEXT, version TEXT, schema_version INTEGER, beat_at INTEGER) " \
    "STRICT;"

/* A program with three migrations, in place of the generated one. */
const struct migration migrations[] = {
    { 1, "first", COMMON "CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT;",
      "aa" },
    { 2, "second", "ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO b SELECT x FROM a;", "bb" },
    { 3, "third", "-- contract\nALTER TABLE b ADD COLUMN z INTEGER;", "cc", true },
};
const int migrations_count = 3;

#define TABLE                                                                         \
    "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL," \
    " sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;" COMMON

/* Of a file all are applied; of what others share the contract waits. */
static int opened(const struct temp *t) {
    return t->url[0] ? 2 : 3;
}

static const char *open_fails(struct temp *t) {
    struct db_conf conf = temp_conf(t);
    const char *why = NULL;
    t->parts.db = db_open(&conf, t->arena, &why);
    CHECK(t->parts.db == NULL && why != NULL);
    CHECK(temp_script(t, "SELECT 1"));
    return why;
}

/* Lets temp_close have a database to close. */
static void end(struct temp *t) {
    temp_empty(t);
    CHECK(temp_reopen(t));
    temp_close(t);
}

static size_t backups(struct temp *t, char *first, size_t room) {
    glob_t g = { 0 };
    char pattern[128];
    snprintf(pattern, sizeof pattern, "%s.schema-*.backup", t->path);
    glob(pattern, 0, NULL, &g);
    size_t n = g.gl_pathc;
    if (n && first)
        snprintf(first, room, "%s", g.gl_pathv[0]);
    globfree(&g);
    return n;
}

TEST(a_new_database_gets_all_migrations_and_no_backup) {
    struct temp t;
    temp_open(&t);
    CHECK_INT(db_schema_version(t.parts.db), opened(&t));
    CHECK_TEXT(temp_sql(&t, "SELECT group_concat(number || sha256) FROM schema_migrations"),
               t.url[0] ? "1aa,2bb" : "1aa,2bb,3cc");
    CHECK_INT(backups(&t, NULL, 0), 0);
    db_close(t.parts.db);
    CHECK(temp_reopen(&t)); /* nothing is applied twice */
    CHECK_INT(db_schema_version(t.parts.db), opened(&t));
    temp_close(&t);
}

TEST(an_older_database_is_copied_before_it_is_brought_up_to_date) {
    struct temp t;
    char copy[256];
    temp_sqlite_only("about copies of SQLite's file");
    temp_folder(&t);
    CHECK(temp_script(&t,
                      TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0);"
                            "CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT;"
                            "INSERT INTO a VALUES (42);"));
    CHECK(temp_reopen(&t));
    CHECK_INT(db_schema_version(t.parts.db), 3);
    CHECK_TEXT(temp_sql(&t, "SELECT x FROM b"), "42");
    CHECK_INT(backups(&t, copy, sizeof copy), 1);
    struct temp old = t;
    snprintf(old.path, sizeof old.path, "%.90s", copy);
    CHECK_TEXT(temp_sql(&old, "SELECT x FROM a"), "42");
    CHECK_TEXT(temp_sql(&old, "SELECT max(number) FROM schema_migrations"), "1");
    temp_close(&t);
}

static void touch(const char *path) {
    FILE *f = fopen(path, "w");
    CHECK(f != NULL);
    fputs("an older copy", f);
    fclose(f);
}

/* A database before the second migration, with two older copies and what a killed run left. */
static void old_with_copies(struct temp *t, const char *more) {
    temp_folder(t);
    CHECK(temp_script(t, TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0);"
                               "CREATE TABLE a (x INTEGER) STRICT;"
                               "INSERT INTO a VALUES (42);"));
    CHECK(temp_script(t, more));
    touch(arena_printf(t->arena, "%s.schema-1.2026-01-01T00:00:00.000Z.backup", t->path));
    touch(arena_printf(t->arena, "%s.schema-9.2026-02-01T00:00:00.000Z.backup", t->path));
    touch(arena_printf(t->arena, "%s.schema-x", t->path)); /* somebody's own */
}

TEST(of_all_copies_the_newest_is_kept) {
    struct temp t;
    char copy[256];
    temp_sqlite_only("about copies of SQLite's file");
    old_with_copies(&t, "CREATE TABLE b (x INTEGER) STRICT;");
    CHECK_INT(backups(&t, NULL, 0), 2);
    CHECK(temp_reopen(&t));
    CHECK_INT(backups(&t, copy, sizeof copy), 1);
    CHECK_TEXT(backup_newest(t.path, t.arena), copy);
    struct temp old = t;
    snprintf(old.path, sizeof old.path, "%.90s", copy);
    CHECK_TEXT(temp_sql(&old, "SELECT x FROM a"), "42");
    CHECK(access(arena_printf(t.arena, "%s.schema-x", t.path), F_OK) == 0);
    temp_close(&t);
}

/* Each start of a program whose migration fails makes a copy, and none of them stays but the last. */
TEST(copies_do_not_pile_up_when_a_migration_fails_again_and_again) {
    struct temp t;
    temp_sqlite_only("about copies of SQLite's file");
    old_with_copies(&t, "SELECT 1"); /* b is missing */
    for (int i = 0; i < 3; i++) {
        CHECK(strstr(open_fails(&t), "second") != NULL);
        CHECK_INT(backups(&t, NULL, 0), 1);
    }
    end(&t);
}

TEST(a_copy_that_cannot_be_made_leaves_the_older_ones_and_nothing_half) {
    struct temp t;
    glob_t g = { 0 };
    struct rlimit all, some;
    temp_sqlite_only("about copies of SQLite's file");
    old_with_copies(&t, "CREATE TABLE b (x INTEGER) STRICT;"
                        "CREATE TABLE big AS SELECT zeroblob(200000) AS z;");
    getrlimit(RLIMIT_FSIZE, &all);
    some = (struct rlimit){ 100000, all.rlim_max }; /* as a full disk */
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &some);
    const char *why = NULL;
    struct db_conf conf = temp_conf(&t);
    struct db *db = db_open(&conf, t.arena, &why);
    setrlimit(RLIMIT_FSIZE, &all);
    CHECK(db == NULL && why && strstr(why, "cannot make a copy before the migration") != NULL);
    CHECK_INT(backups(&t, NULL, 0), 2);
    CHECK(glob(arena_printf(t.arena, "%s.schema-*.partial", t.path), 0, NULL, &g) == GLOB_NOMATCH);
    globfree(&g);
    end(&t);
}

TEST(a_database_of_a_newer_program_is_refused_and_untouched) {
    struct temp t;
    temp_folder(&t);
    CHECK(temp_script(&t, TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0),"
                                "(2,'second','bb',0),(3,'third','cc',0),(4,'fourth','dd',0);"));
    CHECK(strstr(open_fails(&t), "newer Ava") != NULL);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM schema_migrations"), "4");
    end(&t);
}

TEST(a_migration_that_was_changed_afterwards_is_refused) {
    struct temp t;
    temp_folder(&t);
    CHECK(temp_script(&t, TABLE "INSERT INTO schema_migrations VALUES (1,'first','other',0);"));
    CHECK(strstr(open_fails(&t), "not the one this database was made with") != NULL);
    end(&t);
}

TEST(a_migration_that_fails_changes_nothing) {
    struct temp t;
    temp_folder(&t);
    CHECK(temp_script(&t, TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0);"
                                "CREATE TABLE a (x INTEGER) STRICT;")); /* b is missing */
    CHECK(strstr(open_fails(&t), "second") != NULL);
    CHECK_TEXT(temp_sql(&t, "SELECT max(number) FROM schema_migrations"), "1");
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM pragma_table_info('a')"), "1");
    end(&t);
}

static bool reopen_as(struct temp *t, enum db_schema how, const char **why) {
    struct db_conf conf = temp_conf(t);
    conf.schema = how;
    t->parts.db = db_open(&conf, t->arena, why);
    return t->parts.db != NULL;
}

/* A newer program has applied more; the last contract among it says who can go on. */
TEST(an_older_program_goes_on_with_a_newer_schema_until_something_is_taken_away) {
    struct temp t;
    const char *why = "";
    temp_folder(&t);
    CHECK(temp_reopen(&t));
    CHECK_TEXT(temp_sql(&t, "SELECT hex(value) FROM meta WHERE name = 'least_schema'"),
               t.url[0] ? "30" : "33");
    db_close(t.parts.db);
    CHECK(temp_script(&t, "INSERT INTO schema_migrations (number, name, sha256, applied_at)"
                          " VALUES (4, 'fourth', 'dd', 0)"));
    CHECK(reopen_as(&t, DB_SCHEMA_MIGRATE, &why));
    CHECK_INT(db_schema_version(t.parts.db), 4);
    db_close(t.parts.db);
    CHECK(reopen_as(&t, DB_SCHEMA_KEEP, &why)); /* a command, too */
    db_close(t.parts.db);
    CHECK(temp_script(&t, "UPDATE meta SET value = X'34' WHERE name = 'least_schema'"));
    CHECK(strstr(open_fails(&t), "newer Ava") != NULL);
    CHECK(temp_script(&t, "UPDATE meta SET value = X'78' WHERE name = 'least_schema'"));
    CHECK(strstr(open_fails(&t), "newer Ava") != NULL); /* not a number */
    end(&t);
}

TEST(what_older_hosts_need_is_taken_away_when_somebody_asks_and_none_is_left) {
    struct temp t;
    const char *why = "";
    if (!getenv("TEST_POSTGRES")) {
        printf("# about hosts that share a database\n");
        skip();
    }
    temp_folder(&t);
    CHECK(temp_reopen(&t));
    db_close(t.parts.db);
    CHECK(temp_script(&t, "INSERT INTO hosts (name, version, schema_version, beat_at)"
                          " VALUES ('new', '2', 3, 9000000000000), ('gone', '1', 2, 5),"
                          " ('old', '1.9', 2, 9000000000000)"));
    CHECK(!reopen_as(&t, DB_SCHEMA_FINISH, &why));
    CHECK(strstr(why, "host old runs Ava 1.9") != NULL);
    CHECK_TEXT(temp_sql(&t, "SELECT max(number) FROM schema_migrations"), "2");
    CHECK(temp_script(&t, "DELETE FROM hosts WHERE name = 'old'"));
    CHECK(reopen_as(&t, DB_SCHEMA_KEEP, &why)); /* a command has nothing to apply */
    db_close(t.parts.db);
    CHECK(reopen_as(&t, DB_SCHEMA_FINISH, &why));
    CHECK_INT(db_schema_version(t.parts.db), 3);
    CHECK_TEXT(temp_sql(&t, "SELECT hex(value) FROM meta WHERE name = 'least_schema'"), "33");
    temp_close(&t);
}
