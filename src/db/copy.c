#include "db/copy.h"

#include <string.h>

#include "base/buf.h"

const char *copy_quoted(struct arena *a, const char *name) {
    struct buf *b = buf_in(a);
    buf_char(b, '"');
    for (; *name; name++) {
        if (*name == '"')
            buf_char(b, '"');
        buf_char(b, *name);
    }
    buf_char(b, '"');
    return str_dup(a, buf_view(b));
}

/* --- two catalogues ------------------------------------------------------------------------------ */

static const struct copy_table *table_of(const struct copy_tables *all, const char *name) {
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->list[i].name, name) == 0)
            return &all->list[i];
    return NULL;
}

static const struct copy_column *column_of(const struct copy_table *t, const char *name) {
    for (size_t i = 0; i < t->column_count; i++)
        if (strcmp(t->columns[i].name, name) == 0)
            return &t->columns[i];
    return NULL;
}

/* Has other every column of t, of its type? *why says which it has not. */
static bool has_columns(const struct copy_table *t, const struct copy_table *other, struct arena *a,
                        const char **why) {
    for (size_t i = 0; i < t->column_count; i++) {
        const struct copy_column *c = &t->columns[i], *there = column_of(other, c->name);
        if (there && there->type == c->type && c->type != COPY_OTHER)
            continue;
        *why = arena_printf(a, "the column %s.%s is not in both databases, or is of another type",
                            t->name, c->name);
        return false;
    }
    return true;
}

static bool has_tables(const struct copy_tables *all, const struct copy_tables *others,
                       struct arena *a, const char **why) {
    for (size_t i = 0; i < all->count; i++) {
        const struct copy_table *there = table_of(others, all->list[i].name);
        if (!there) {
            *why = arena_printf(a, "the table %s is not in both databases", all->list[i].name);
            return false;
        }
        if (!has_columns(&all->list[i], there, a, why))
            return false;
    }
    return true;
}

bool copy_match(const struct copy_tables *from, const struct copy_tables *to, struct arena *a,
                const char **why) {
    return has_tables(from, to, a, why) && has_tables(to, from, a, why);
}

/* Does it wait for none of those from at on? What it refers to itself does not count. */
static bool is_next(const struct copy_tables *all, size_t at, const struct copy_table *t) {
    for (size_t i = 0; i < t->parent_count; i++)
        for (size_t later = at; later < all->count; later++)
            if (strcmp(all->list[later].name, t->parents[i]) == 0 && &all->list[later] != t)
                return false;
    return true;
}

bool copy_order(struct copy_tables *tables, struct arena *a, const char **why) {
    for (size_t at = 0; at < tables->count; at++) {
        size_t i = at;
        while (i < tables->count && !is_next(tables, at, &tables->list[i]))
            i++;
        if (i == tables->count) {
            *why = arena_printf(a, "the table %s and others refer to each other",
                                tables->list[at].name);
            return false;
        }
        struct copy_table next = tables->list[i];
        memmove(&tables->list[at + 1], &tables->list[at], (i - at) * sizeof next);
        tables->list[at] = next;
    }
    return true;
}

/* --- looking ------------------------------------------------------------------------------------- */

/* Why the value cannot be copied as it is; NULL: it can. */
static const char *objection(const struct copy_column *c, const struct copy_value *v) {
    if (v->is_null)
        return NULL;
    if (v->type != c->type)
        return "is of another type than its column";
    if (c->type != COPY_TEXT)
        return NULL;
    if (str_has_nul(v->bytes))
        return "has a NUL character in it";
    return str_is_utf8(v->bytes) ? NULL : "is no UTF-8";
}

static void object(struct copy_found *f, const char *text) {
    if (f->objection_count < COPY_OBJECTIONS_MAX)
        f->objections[f->objection_count] = text;
    f->objection_count++;
}

static void look_at_row(struct copy_source *s, const struct copy_table *t,
                        const struct copy_value *row, struct copy_found *f) {
    for (size_t i = 0; i < t->column_count; i++) {
        const char *what = objection(&t->columns[i], &row[i]);
        if (what && f->objection_count < COPY_OBJECTIONS_MAX)
            object(f, arena_printf(s->arena, "%s.%s, %s: %s", t->name, t->columns[i].name,
                                   s->place(s), what));
        else if (what)
            object(f, NULL);
        if (!row[i].is_null)
            f->bytes += row[i].type == COPY_INTEGER ? 8 : (int64_t)row[i].bytes.len;
    }
}

static bool look_at_table(struct copy_source *s, const struct copy_table *t, struct copy_found *f) {
    struct copy_value row[COPY_COLUMNS_MAX];
    int64_t rows = 0;
    if (!s->begin(s, t))
        return false;
    for (; s->next(s, row); rows++)
        look_at_row(s, t, row, f);
    f->rows += rows;
    if (!s->why && rows != t->rows)
        s->why = arena_printf(s->arena,
                              "the table %s is counted as %lld rows, and has %lld: its indices "
                              "and it differ; nothing was changed",
                              t->name, (long long)t->rows, (long long)rows);
    return !s->why;
}

bool copy_look(struct copy_source *s, struct copy_found *out) {
    *out = (struct copy_found){ .rows = 0 };
    if (!s->tables(s, &out->tables) || !copy_order(&out->tables, s->arena, &s->why))
        return false;
    for (size_t i = 0; i < out->tables.count; i++)
        if (!look_at_table(s, &out->tables.list[i], out))
            return false;
    for (const char *orphan = s->orphan(s); orphan; orphan = s->orphan(s))
        object(out, arena_printf(s->arena, "%s: refers to a row that is not there", orphan));
    return !s->why;
}

/* --- copying ------------------------------------------------------------------------------------- */

static bool copy_table(struct copy_source *s, struct copy_target *t,
                       const struct copy_table *table) {
    struct copy_value row[COPY_COLUMNS_MAX];
    int64_t there = 0;
    if (!s->begin(s, table) || !t->table(t, table))
        return false;
    while (s->next(s, row))
        if (!t->row(t, row))
            return false;
    if (s->why || !t->end(t, &there))
        return false;
    if (there != table->rows)
        t->why = arena_printf(t->arena, "the table %s has %lld rows, and %lld came to be there",
                              table->name, (long long)table->rows, (long long)there);
    return !t->why;
}

static bool copy_tables(struct copy_source *s, struct copy_target *t, const struct copy_tables *all,
                        void (*said)(const struct copy_table *)) {
    for (size_t i = 0; i < all->count; i++) {
        if (!copy_table(s, t, &all->list[i]))
            return false;
        if (said && all->list[i].rows)
            said(&all->list[i]);
    }
    return true;
}

bool copy_all(struct copy_source *s, struct copy_target *t, const struct copy_found *found,
              void (*said)(const struct copy_table *table), const char **why) {
    struct copy_tables there;
    if (t->tables(t, &there) && copy_match(&found->tables, &there, t->arena, &t->why) &&
        t->begin(t, &found->tables) && copy_tables(s, t, &found->tables, said) &&
        t->commit(t, found->rows))
        return true;
    *why = s->why ? s->why : t->why;
    return false;
}
