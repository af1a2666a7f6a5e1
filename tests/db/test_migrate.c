#include "test.h"

#include <glob.h>

#include "db/migrate.h"
#include "db/temp.h"

/* A program with two migrations, in place of the generated one. */
const struct migration migrations[] = {
    { 1, "first", "CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT;", "aa" },
    { 2, "second", "ALTER TABLE a ADD COLUMN y INTEGER; INSERT INTO b SELECT x FROM a;", "bb" },
};
const int migrations_count = 2;

#define TABLE                                                                         \
    "CREATE TABLE schema_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL," \
    " sha256 TEXT NOT NULL, applied_at INTEGER NOT NULL) STRICT;"

static const char *open_fails(struct temp *t) {
    const char *why = NULL;
    t->parts.db = db_open(&(struct db_conf){ t->path, hash_blake2b }, t->arena, &why);
    CHECK(t->parts.db == NULL && why != NULL);
    CHECK(temp_script(t, "SELECT 1"));
    return why;
}

/* Lets temp_close have a database to close. */
static void end(struct temp *t) {
    unlink(t->path);
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
    CHECK_INT(db_schema_version(t.parts.db), 2);
    CHECK_TEXT(temp_sql(&t, "SELECT group_concat(number || sha256) FROM schema_migrations"),
               "1aa,2bb");
    CHECK_INT(backups(&t, NULL, 0), 0);
    db_close(t.parts.db);
    CHECK(temp_reopen(&t)); /* nothing is applied twice */
    CHECK_INT(db_schema_version(t.parts.db), 2);
    temp_close(&t);
}

TEST(an_older_database_is_copied_before_it_is_brought_up_to_date) {
    struct temp t;
    char copy[256];
    temp_folder(&t);
    CHECK(temp_script(&t,
                      TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0);"
                            "CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x INTEGER) STRICT;"
                            "INSERT INTO a VALUES (42);"));
    CHECK(temp_reopen(&t));
    CHECK_INT(db_schema_version(t.parts.db), 2);
    CHECK_TEXT(temp_sql(&t, "SELECT x FROM b"), "42");
    CHECK_INT(backups(&t, copy, sizeof copy), 1);
    struct temp old = t;
    snprintf(old.path, sizeof old.path, "%.90s", copy);
    CHECK_TEXT(temp_sql(&old, "SELECT x FROM a"), "42");
    CHECK_TEXT(temp_sql(&old, "SELECT max(number) FROM schema_migrations"), "1");
    temp_close(&t);
}

TEST(a_database_of_a_newer_program_is_refused_and_untouched) {
    struct temp t;
    temp_folder(&t);
    CHECK(temp_script(&t, TABLE "INSERT INTO schema_migrations VALUES (1,'first','aa',0),"
                                "(2,'second','bb',0),(3,'third','cc',0);"));
    CHECK(strstr(open_fails(&t), "newer Ava") != NULL);
    CHECK_TEXT(temp_sql(&t, "SELECT count(*) FROM schema_migrations"), "3");
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
