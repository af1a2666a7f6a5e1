#include "db/dialect.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"

enum kind { SPACE, WORD, PARAMETER, BYTES, TEXT, COMMENT, OPENS_PG, CLOSES_PG, SIGN, END };

struct token {
    enum kind kind;
    struct str text;
};

struct dialect {
    struct str rest;
    struct buf *out;
    bool is_migration;
    bool in_pg;  /* within a comment whose text is said to PostgreSQL */
    int largest; /* number of a parameter */
};

/* --- tokens ---------------------------------------------------------------------------------- */

static bool is_word(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

/* How far it goes on from at while is() says so. */
static size_t run(struct str s, size_t at, bool (*is)(char)) {
    while (at < s.len && is(s.ptr[at]))
        at++;
    return at;
}

static bool is_space(char c) {
    return isspace((unsigned char)c);
}

static bool is_digit(char c) {
    return isdigit((unsigned char)c);
}

/* Behind the closing quote of what opens at at; the end when nothing closes it. A quote in it stands twice. */
static size_t behind_quote(struct str s, size_t at) {
    char quote = s.ptr[at++];
    while (at < s.len) {
        if (s.ptr[at++] != quote)
            continue;
        if (at == s.len || s.ptr[at] != quote)
            return at;
        at++;
    }
    return s.len;
}

/* Behind the mark; the end when it does not come. */
static size_t behind(struct str s, size_t at, const char *mark) {
    size_t len = strlen(mark);
    for (; at + len <= s.len; at++)
        if (memcmp(s.ptr + at, mark, len) == 0)
            return at + len;
    return s.len;
}

static bool starts(struct str s, const char *with) {
    size_t len = strlen(with);
    return s.len >= len && memcmp(s.ptr, with, len) == 0;
}

static enum kind kind_of(const struct dialect *d, struct str s) {
    if (is_space(s.ptr[0]))
        return SPACE;
    if (s.len > 1 && s.ptr[0] == 'X' && s.ptr[1] == '\'')
        return BYTES;
    if (is_word(s.ptr[0]))
        return WORD;
    if (s.ptr[0] == '?')
        return PARAMETER;
    if (s.ptr[0] == '\'' || s.ptr[0] == '"')
        return TEXT;
    if (d->in_pg && starts(s, "*/"))
        return CLOSES_PG;
    if (!d->in_pg && starts(s, "/*pg "))
        return OPENS_PG;
    return starts(s, "--") || starts(s, "/*") ? COMMENT : SIGN;
}

static size_t length(enum kind kind, struct str s) {
    switch (kind) {
    case SPACE:
        return run(s, 0, is_space);
    case WORD:
        return run(s, 0, is_word);
    case PARAMETER:
        return run(s, 1, is_digit);
    case BYTES:
        return behind_quote(s, 1);
    case TEXT:
        return behind_quote(s, 0);
    case COMMENT:
        return s.ptr[0] == '-' ? behind(s, 0, "\n") : behind(s, 2, "*/");
    case OPENS_PG:
        return strlen("/*pg ");
    case CLOSES_PG:
        return 2;
    default:
        return s.len ? 1 : 0;
    }
}

/* The next token, left where it is. */
static struct token peek(const struct dialect *d) {
    struct str s = d->rest;
    if (!s.len)
        return (struct token){ END, s };
    enum kind kind = kind_of(d, s);
    s.len = length(kind, s);
    return (struct token){ kind, s };
}

static struct token next(struct dialect *d) {
    struct token t = peek(d);
    d->rest.ptr += t.text.len;
    d->rest.len -= t.text.len;
    if (t.kind == OPENS_PG || t.kind == CLOSES_PG)
        d->in_pg = t.kind == OPENS_PG;
    return t;
}

static bool is(struct token t, const char *word) {
    return t.kind == WORD && str_is(t.text, word);
}

/* Takes the word, with the space before it, when it is what comes next. */
static bool accept(struct dialect *d, const char *word) {
    struct dialect before = *d;
    while (peek(d).kind == SPACE)
        next(d);
    if (is(next(d), word))
        return true;
    *d = before;
    return false;
}

/* Takes the next token that is no space; empty at the end. */
static struct str take(struct dialect *d) {
    struct token t = next(d);
    while (t.kind == SPACE)
        t = next(d);
    return t.text;
}

/* --- what both kinds of text have in common ------------------------------------------------------ */

static void put_parameter(struct dialect *d, struct str text) {
    int number = 0;
    for (size_t i = 1; i < text.len && number < 100000; i++)
        number = number * 10 + (text.ptr[i] - '0');
    if (text.len == 1)
        number = d->largest + 1;
    if (number > d->largest)
        d->largest = number;
    buf_printf(d->out, "$%d", number);
}

static void put_bytes(struct dialect *d, struct str text) {
    buf_text(d->out, "'\\x");
    buf_str(d->out, (struct str){ text.ptr + 2, text.len - 2 });
    buf_text(d->out, "::bytea");
}

static void put_word(struct dialect *d, struct str word) {
    static const char *const TYPES[][2] = { { "INTEGER", "BIGINT" },
                                            { "BLOB", "BYTEA" },
                                            { "TEXT", "TEXT COLLATE \"C\"" } };
    if (d->is_migration && str_is(word, "INTEGER") && accept(d, "PRIMARY")) {
        buf_text(d->out, "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY");
        return;
    }
    for (size_t i = 0; d->is_migration && i < ARRAY_LEN(TYPES); i++)
        if (str_is(word, TYPES[i][0])) {
            buf_text(d->out, TYPES[i][1]);
            return;
        }
    buf_str(d->out, str_is(word, "instr") ? STR("strpos") : word);
}

static void put(struct dialect *d, struct token t) {
    switch (t.kind) {
    case PARAMETER:
        put_parameter(d, t.text);
        break;
    case BYTES:
        put_bytes(d, t.text);
        break;
    case OPENS_PG:
    case CLOSES_PG:
        break;
    case WORD:
        if (is(t, "INDEXED") && accept(d, "BY"))
            take(d);
        else
            put_word(d, t.text);
        break;
    default:
        buf_str(d->out, t.text);
    }
}

struct str dialect_statement(struct arena *a, struct str sql) {
    struct dialect d = { .rest = sql, .out = buf_in(a) };
    for (struct token t = next(&d); t.kind != END; t = next(&d))
        put(&d, t);
    return buf_view(d.out);
}

/* --- migrations ------------------------------------------------------------------------------- */

static int depth_after(int depth, struct token t) {
    if (t.kind == SIGN && t.text.ptr[0] == '(')
        return depth + 1;
    if (t.kind == SIGN && t.text.ptr[0] == ')')
        return depth - 1;
    return depth;
}

static bool is_sign(struct token t, char c) {
    return t.kind == SIGN && t.text.ptr[0] == c;
}

/* The rest of a statement CREATE TABLE: what stands behind its last bracket is SQLite's. */
static void put_table(struct dialect *d) {
    int depth = 0;
    for (struct token t = next(d); t.kind != END; t = next(d)) {
        bool was_in = depth > 0;
        depth = depth_after(depth, t);
        put(d, t);
        if (is_sign(t, ';'))
            return;
        if (was_in && depth == 0)
            break;
    }
    while (peek(d).kind != END && !is_sign(peek(d), ';'))
        next(d);
}

/* Up to the word, which is taken and not put. The END of a CASE is not the one. */
static void put_until(struct dialect *d, const char *word) {
    int cases = 0;
    for (struct token t = next(d); t.kind != END && (cases || !is(t, word)); t = next(d)) {
        cases += is(t, "CASE") - (cases && is(t, "END"));
        put(d, t);
    }
}

/* The rest of a statement CREATE TRIGGER, turned round: its body goes into a function, which comes first. */
static void put_trigger(struct dialect *d) {
    struct str name = take(d);
    struct buf *whole = d->out, head = { 0 }, condition = { 0 };
    d->out = &head;
    struct token t = next(d);
    for (; t.kind != END && !is(t, "WHEN") && !is(t, "BEGIN"); t = next(d))
        put(d, t);
    d->out = &condition;
    if (is(t, "WHEN"))
        put_until(d, "BEGIN");
    d->out = whole;
    buf_text(d->out, "OR REPLACE FUNCTION ");
    buf_str(d->out, name);
    buf_text(d->out, "() RETURNS trigger LANGUAGE plpgsql AS $ava$ BEGIN");
    put_until(d, "END");
    buf_text(d->out, "RETURN NULL; END $ava$;\nCREATE TRIGGER ");
    buf_str(d->out, name);
    buf_str(d->out, buf_view(&head));
    buf_text(d->out, " FOR EACH ROW ");
    if (condition.len) {
        buf_text(d->out, "WHEN (");
        buf_str(d->out, buf_view(&condition));
        buf_text(d->out, ") ");
    }
    buf_text(d->out, "EXECUTE FUNCTION ");
    buf_str(d->out, name);
    buf_text(d->out, "()");
    buf_fini(&head);
    buf_fini(&condition);
}

struct str dialect_migration(struct arena *a, struct str sql) {
    struct dialect d = { .rest = sql, .out = buf_in(a), .is_migration = true };
    for (struct token t = next(&d); t.kind != END; t = next(&d)) {
        bool creates = is(t, "CREATE");
        put(&d, t);
        if (!creates)
            continue;
        if (accept(&d, "TABLE")) {
            buf_text(d.out, " TABLE");
            put_table(&d);
        } else if (accept(&d, "TRIGGER")) {
            buf_text(d.out, " ");
            put_trigger(&d);
        }
    }
    return buf_view(d.out);
}
