/* Whatever the text, its form for PostgreSQL ends, keeps every quoted thing, and said again it is the same where
 * nothing in it was SQLite's. */
#include "fuzz/fuzz.h"

#include "db/dialect.h"

/* A text without what the dialect puts right. */
static bool is_plain(struct str s) {
    static const char *const OWN[] = { "?", "X'", "INDEXED", "/*", "instr" };
    for (size_t i = 0; i < ARRAY_LEN(OWN); i++)
        if (memmem(s.ptr, s.len, OWN[i], strlen(OWN[i])))
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str sql = { (const char *)data, size };
    struct arena *a = arena_new(64 << 20);
    struct str said = dialect_statement(a, sql), again = dialect_statement(a, said);
    struct str file = dialect_migration(a, sql);
    CLAIM(said.ptr && file.ptr);
    CLAIM(said.len <= 20 * sql.len + 1 && file.len <= 200 * sql.len + 1);
    CLAIM(!is_plain(sql) || str_eq(said, sql));
    CLAIM(!is_plain(said) || str_eq(again, said));
    arena_free(a);
    return 0;
}
