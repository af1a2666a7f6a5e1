/* Reads texts of SQL, each ended by a NUL, and writes them as PostgreSQL takes them, each ended by a NUL. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "db/dialect.h"

int main(int argc, char **argv) {
    bool is_migration = argc > 1 && strcmp(argv[1], "migration") == 0;
    struct buf in = { 0 };
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof piece, stdin));)
        buf_put(&in, piece, n);
    for (size_t at = 0; at < in.len; at += strlen(in.ptr + at) + 1) {
        struct arena *a = arena_new(4096);
        struct str sql = str_of(in.ptr + at);
        struct str said = is_migration ? dialect_migration(a, sql) : dialect_statement(a, sql);
        fwrite(said.ptr, 1, said.len, stdout);
        putchar(0);
        arena_free(a);
    }
    buf_fini(&in);
    return 0;
}
