/* The copier by itself: which table comes when, what two catalogues must have in common, what is objected to, and that a
 * side that fails, or counts otherwise, ends it. PostgreSQL's side is tried by peers/migrate_to. */
#include "db/copy.h"

#include <sqlite3.h>

#include "db/temp.h"
#include "test.h"

TEMP_SQLITE_ONLY("about SQLite's file, from which is copied")

static struct copy_table table(const char *name, const char **parents, size_t count) {
    static struct copy_column id = { "id", COPY_TEXT };
    return (struct copy_table){ name, &id, 1, parents, count, 0 };
}

TEST(tables_come_behind_those_that_they_refer_to) {
    const char *of_b[] = { "c", "d", "b" }, *of_c[] = { "d" }, *why = "";
    struct copy_table list[] = { table("a", NULL, 0), table("b", of_b, 3), table("c", of_c, 1),
                                 table("d", NULL, 0) };
    struct copy_tables all = { list, 4 };
    struct arena *a = arena_new(1 << 16);
    CHECK(copy_order(&all, a, &why)); /* b refers to itself, too */
    const char *const order[] = { "a", "d", "c", "b" };
    for (size_t i = 0; i < 4; i++)
        CHECK_TEXT(list[i].name, order[i]);
    arena_free(a);
}

TEST(tables_that_refer_to_each_other_are_named) {
    const char *to_b[] = { "b" }, *to_a[] = { "a" }, *why = "";
    struct copy_table list[] = { table("x", NULL, 0), table("a", to_b, 1), table("b", to_a, 1) };
    struct arena *a = arena_new(1 << 16);
    CHECK(!copy_order(&(struct copy_tables){ list, 3 }, a, &why));
    CHECK_TEXT(why, "the table a and others refer to each other");
    arena_free(a);
}

TEST(two_catalogues_match_in_any_order_of_columns_and_whatever_one_lacks_is_named) {
    struct copy_column one[] = { { "id", COPY_TEXT }, { "n", COPY_INTEGER } },
                       turned[] = { { "n", COPY_INTEGER }, { "id", COPY_TEXT } },
                       other[] = { { "id", COPY_TEXT }, { "n", COPY_BYTES } },
                       odd[] = { { "id", COPY_TEXT }, { "n", COPY_OTHER } };
    struct copy_table t[] = { { "t", one, 2, NULL, 0, 0 }, { "u", one, 1, NULL, 0, 0 } };
    const struct {
        struct copy_table with[2];
        size_t count;
        const char *why; /* NULL: they match */
    } CASES[] = {
        { { { "t", turned, 2, NULL, 0, 0 }, { "u", one, 1, NULL, 0, 0 } }, 2, NULL },
        { { { "u", one, 1, NULL, 0, 0 }, { "t", one, 2, NULL, 0, 0 } }, 2, NULL },
        { { { "t", one, 2, NULL, 0, 0 } }, 1, "the table u is not in both databases" },
        { { { "t", one, 1, NULL, 0, 0 }, { "u", one, 1, NULL, 0, 0 } },
          2,
          "the column t.n is not in both databases, or is of another type" },
        { { { "t", one, 2, NULL, 0, 0 }, { "u", one, 2, NULL, 0, 0 } },
          2,
          "the column u.n is not in both databases, or is of another type" },
        { { { "t", other, 2, NULL, 0, 0 }, { "u", one, 1, NULL, 0, 0 } },
          2,
          "the column t.n is not in both databases, or is of another type" },
        { { { "t", odd, 2, NULL, 0, 0 }, { "u", one, 1, NULL, 0, 0 } },
          2,
          "the column t.n is not in both databases, or is of another type" },
    };
    struct arena *a = arena_new(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        const struct copy_tables from = { t, 2 },
                                 to = { (struct copy_table *)CASES[i].with, CASES[i].count };
        const char *why = NULL;
        CHECK(copy_match(&from, &to, a, &why) == !CASES[i].why);
        CHECK_TEXT(why ? why : "", CASES[i].why ? CASES[i].why : "");
    }
    arena_free(a);
}

TEST(a_name_is_quoted) {
    struct arena *a = arena_new(1 << 16);
    CHECK_TEXT(copy_quoted(a, "plain"), "\"plain\"");
    CHECK_TEXT(copy_quoted(a, "x\"; DROP TABLE y; --"), "\"x\"\"; DROP TABLE y; --\"");
    arena_free(a);
}

/* --- a look at a file ----------------------------------------------------------------------------- */

static const char ROWS[] =
    "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT) STRICT;"
    "CREATE TABLE child (id TEXT PRIMARY KEY, of INTEGER REFERENCES parent (id), b BLOB) STRICT,"
    " WITHOUT ROWID;"
    "INSERT INTO parent VALUES (1, 'one'), (5, 'f\xC3\xBCnf'), (9223372036854775807, NULL);"
    "INSERT INTO child VALUES ('a', 1, X'00FF'), ('b', NULL, X''), ('c', 5, NULL);";

static struct copy_source *source_of(struct temp *t, const char *more) {
    const char *why = "";
    temp_folder(t);
    CHECK_TEXT(temp_all(t, ROWS), "");
    CHECK_TEXT(temp_all(t, more), "");
    struct copy_source *s = copy_sqlite_open(t->path, t->arena, &why);
    CHECK(s);
    return s;
}

static void end(struct temp *t, struct copy_source *s) {
    copy_sqlite_close(s);
    temp_close(t);
}

TEST(a_look_counts_rows_and_bytes_and_keeps_others_from_writing) {
    struct temp t;
    struct copy_found found;
    struct copy_source *s = source_of(&t, "");
    CHECK(copy_look(s, &found));
    CHECK_INT(found.tables.count, 2);
    CHECK_TEXT(found.tables.list[0].name, "parent");
    CHECK_INT(found.rows, 6);
    CHECK_INT(found.bytes, 3 * 8 + 3 + 5 + 3 + 2 * 8 + 2);
    CHECK_INT(found.objection_count, 0);
    CHECK_INT(copy_sqlite_schema(s), 0);
    sqlite3 *db;
    CHECK_INT(sqlite3_open(t.path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "DELETE FROM child", NULL, NULL, NULL), SQLITE_BUSY);
    sqlite3_close(db);
    end(&t, s);
}

TEST(what_cannot_be_copied_is_named_with_its_place) {
    static const struct {
        const char *sql, *said;
    } CASES[] = {
        { "UPDATE parent SET name = CAST(X'6100' AS TEXT) WHERE id = 5",
          "parent.name, rowid 5: has a NUL character in it" },
        { "UPDATE parent SET name = CAST(X'C3' AS TEXT) WHERE id = 5",
          "parent.name, rowid 5: is no UTF-8" },
        { "UPDATE parent SET name = CAST(X'EDA080' AS TEXT) WHERE id = 1",
          "parent.name, rowid 1: is no UTF-8" },
        { "UPDATE child SET id = CAST(X'FF' AS TEXT) WHERE id = 'c'",
          "child.id, row 3: is no UTF-8" },
        { "CREATE TABLE loose (id INTEGER, t TEXT, i INTEGER);"
          "INSERT INTO loose VALUES (1, X'00', 7)",
          "loose.t, rowid 1: is of another type than its column" },
        { "CREATE TABLE loose (i INTEGER); INSERT INTO loose VALUES ('seven')",
          "loose.i, rowid 1: is of another type than its column" },
        { "CREATE TABLE loose (i INTEGER); INSERT INTO loose VALUES (7.5)",
          "loose.i, rowid 1: is of another type than its column" },
        { "UPDATE child SET of = 77 WHERE id = 'a'",
          "child, rowid unknown (of parent): refers to a row that is not there" },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct temp t;
        struct copy_found found;
        struct copy_source *s = source_of(&t, CASES[i].sql);
        CHECK(copy_look(s, &found));
        CHECK_INT(found.objection_count, 1);
        CHECK_TEXT(found.objections[0], CASES[i].said);
        end(&t, s);
    }
}

TEST(a_damaged_file_is_seen_before_a_row_is_read) {
    struct temp t;
    struct copy_source *s = source_of(
        &t, "CREATE INDEX named ON parent (name);"
            "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
            " INSERT INTO parent SELECT i, 'a name of some length ' || i FROM n");
    CHECK(copy_sqlite_is_sound(s));
    copy_sqlite_close(s);
    FILE *f = fopen(t.path, "r+");
    CHECK(f && fseek(f, 8 * 4096, SEEK_SET) == 0);
    for (int i = 0; i < 4096; i++)
        fputc(0xA5, f);
    fclose(f);
    const char *why = "";
    s = copy_sqlite_open(t.path, t.arena, &why);
    CHECK(s && !copy_sqlite_is_sound(s));
    CHECK(strstr(s->why, "is damaged") || strstr(s->why, "malformed"));
    end(&t, s);
}

TEST(of_many_objections_the_first_are_named_and_all_are_counted) {
    struct temp t;
    struct copy_found found;
    struct copy_source *s = source_of(
        &t, "WITH RECURSIVE n (i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 109)"
            " INSERT INTO parent SELECT i, CAST(X'FF' AS TEXT) FROM n");
    CHECK(copy_look(s, &found));
    CHECK_INT(found.objection_count, 100);
    CHECK_TEXT(found.objections[COPY_OBJECTIONS_MAX - 1], "parent.name, rowid 19: is no UTF-8");
    end(&t, s);
}

/* --- a target that only counts -------------------------------------------------------------------- */

enum fails { NEVER, AT_TABLES, AT_BEGIN, AT_TABLE, AT_ROW, AT_END, AT_COMMIT, IN_COUNT, FAILURES };

struct counting {
    struct copy_target base;
    enum fails fails;
    const struct copy_tables *like; /* what it has */
    int64_t rows, integers;
    int commits;
};

static bool good(struct copy_target *t, enum fails at) {
    struct counting *c = (struct counting *)t;
    if (c->fails == at)
        t->why = "as it was told to";
    return c->fails != at;
}

static bool has(struct copy_target *t, struct copy_tables *out) {
    *out = *((struct counting *)t)->like;
    return good(t, AT_TABLES);
}

static bool begin(struct copy_target *t, const struct copy_tables *all) {
    return good(t, AT_BEGIN);
}

static bool begin_table(struct copy_target *t, const struct copy_table *of) {
    ((struct counting *)t)->rows = 0;
    return good(t, AT_TABLE);
}

static bool take(struct copy_target *t, const struct copy_value *row) {
    struct counting *c = (struct counting *)t;
    c->rows++;
    c->integers += row[0].type == COPY_INTEGER;
    return good(t, AT_ROW);
}

static bool end_table(struct copy_target *t, int64_t *rows) {
    struct counting *c = (struct counting *)t;
    *rows = c->rows - (c->fails == IN_COUNT);
    return good(t, AT_END);
}

static bool commit(struct copy_target *t, int64_t rows) {
    CHECK_INT(rows, 6);
    ((struct counting *)t)->commits++;
    return good(t, AT_COMMIT);
}

TEST(all_rows_go_over_and_whatever_fails_before_the_commit_ends_it) {
    for (enum fails fails = NEVER; fails < FAILURES; fails++) {
        struct temp t;
        struct copy_found found;
        const char *why = NULL;
        struct copy_source *s = source_of(&t, "");
        CHECK(copy_look(s, &found));
        struct counting c = { .base = { .arena = t.arena,
                                        .tables = has,
                                        .begin = begin,
                                        .table = begin_table,
                                        .row = take,
                                        .end = end_table,
                                        .commit = commit },
                              .fails = fails,
                              .like = &found.tables };
        CHECK(copy_all(s, &c.base, &found, NULL, &why) == (fails == NEVER));
        CHECK_INT(c.commits, fails == NEVER || fails == AT_COMMIT);
        CHECK((why == NULL) == (fails == NEVER));
        if (fails == NEVER)
            CHECK_INT(c.integers, 3);
        if (fails == IN_COUNT)
            CHECK_TEXT(why, "the table parent has 3 rows, and 2 came to be there");
        end(&t, s);
    }
}
