#include "test.h"

#include "db/pg.h"

/* What was bound as value i. */
static struct str value(const struct pg_stmt *q, int i) {
    return (struct str){ buf_view(&q->bytes).ptr + q->values[i].at, (size_t)q->values[i].len };
}

static struct pg_stmt *statement(void) {
    static struct postgres db;
    return pg_stmt_new(&db, "SELECT ?");
}

TEST(text_is_bound_as_it_is) {
    struct pg_stmt *q = statement();
    pg_bind_str(&q->base, STR("Gr\xC3\xBC\xC3\x9F Gott \xF0\x9F\x98\x80"));
    pg_bind_str(&q->base, STR(""));
    pg_bind_str(&q->base, (struct str){ NULL, 0 });
    CHECK(str_is(value(q, 0), "Gr\xC3\xBC\xC3\x9F Gott \xF0\x9F\x98\x80"));
    CHECK_INT(q->values[1].len, 0);
    CHECK_INT(q->values[2].len, 0);
    pg_stmt_free(q);
}

TEST(text_that_no_database_of_postgresql_can_hold_is_replaced_where_it_cannot) {
    static const struct {
        struct str from;
        const char *to;
    } CASES[] = {
        { STR("\0"), "\xEF\xBF\xBD" },
        { STR("a\0b"), "a\xEF\xBF\xBD"
                       "b" },
        { STR("call_\xFF"), "call_\xEF\xBF\xBD" },
        { STR("\xC3"), "\xEF\xBF\xBD" },
        { STR("\xED\xA0\x80"),
          "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD" },        /* half of a pair of UTF-16 */
        { STR("\xC0\x80x"), "\xEF\xBF\xBD\xEF\xBF\xBDx" }, /* a NUL, written too long */
    };
    struct pg_stmt *q = statement();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        pg_bind_str(&q->base, CASES[i].from);
        CHECK(str_is(value(q, (int)i), CASES[i].to));
    }
    pg_stmt_free(q);
}

TEST(integers_are_big_endian_and_a_null_has_the_type_that_is_said) {
    struct pg_stmt *q = statement();
    pg_bind_i64(&q->base, -2);
    pg_bind_i64(&q->base, 0x0102030405060708);
    pg_bind_null(&q->base, DB_VALUE_TEXT);
    pg_bind_null(&q->base, DB_VALUE_ANY);
    pg_bind_blob(&q->base, "\0\xFF", 2);
    CHECK(str_eq(value(q, 0), STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE")));
    CHECK(str_eq(value(q, 1), STR("\1\2\3\4\5\6\7\x8")));
    CHECK(str_eq(value(q, 4), STR("\0\xFF")));
    CHECK_INT(q->values[2].len, -1);
    CHECK_INT(q->types.bits[0],
              PG_I64 | PG_I64 << 2 | PG_TEXT << 4 | PG_UNKNOWN << 6 | PG_BLOB << 8);
    pg_stmt_free(q);
}
