#include "db/db_span.h"

#include <ctype.h>
#include <string.h>

#include "db/kind.h"

static size_t word_len(const char *text) {
    size_t len = 0;
    while (isalnum((unsigned char)text[len]) || text[len] == '_')
        len++;
    return len;
}

void db_span_name(const char *sql, char out[DB_SPAN_NAME_BYTES]) {
    static const char *const BEFORE[] = { " FROM ", " INTO ", "UPDATE " };
    const char *table = NULL;
    for (size_t i = 0; i < ARRAY_LEN(BEFORE) && !table; i++)
        if ((table = strstr(sql, BEFORE[i])))
            table += strlen(BEFORE[i]);
    size_t verb = word_len(sql), rest = table ? word_len(table) : 0;
    if (verb + rest + 2 > DB_SPAN_NAME_BYTES)
        verb = rest = 0;
    memcpy(out, sql, verb);
    if (rest) {
        out[verb++] = ' ';
        memcpy(out + verb, table, rest);
    }
    out[verb + rest] = 0;
}

void db_span_read(struct ctx *ctx, const char *name, int64_t began_us, enum err e) {
    struct span *s = span_since(ctx, SPAN_CLIENT, name, NULL, began_us);
    span_text(s, "db.system.name", ctx->parts->db->kind->system);
    span_text(s, "db.query.summary", name);
    if (e != OK)
        span_error(s, err_info(e)->code);
    span_end(s);
}

struct span *db_span_begin_write(struct ctx *ctx, const char *name) {
    struct span *s = span_begin(ctx, SPAN_CLIENT, "COMMIT", name);
    span_text(s, "db.system.name", ctx->parts->db->kind->system);
    span_text(s, "db.operation.name", "COMMIT");
    return s;
}

void db_span_end_write(struct span *s, size_t together, enum err e) {
    if (together > 1)
        span_number(s, "db.operation.batch.size", (int64_t)together);
    if (e != OK)
        span_error(s, err_info(e)->code);
    span_end(s);
}
