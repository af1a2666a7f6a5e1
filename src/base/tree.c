#include "base/tree.h"

#include <stdio.h>

#include "base/jsonw.h"

/* Changes `into`, an object, as the patch says. */
static void merge(json_t *into, const json_t *patch) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)patch, name, value) {
        if (json_is_null(value)) {
            json_object_del(into, name);
        } else if (!json_is_object(value)) {
            json_object_set_new(into, name, json_deep_copy(value));
        } else {
            if (!json_is_object(json_object_get(into, name)))
                json_object_set_new(into, name, json_object());
            merge(json_object_get(into, name), value);
        }
    }
}

json_t *tree_merged(const json_t *target, const json_t *patch) {
    if (!json_is_object(patch))
        return json_deep_copy(patch);
    json_t *merged = json_is_object(target) ? json_deep_copy(target) : json_object();
    merge(merged, patch); /* in place: a copy for each level would be depth times the size */
    return merged;
}

static bool same_members(const json_t *a, const json_t *b) {
    const char *name;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_foreach((json_t *)a, name, value) {
        if (!tree_same(value, json_object_get(b, name)))
            return false;
    }
    return true;
}

static bool same_items(const json_t *a, const json_t *b) {
    size_t i;
    json_t *value;
    if (json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach(a, i, value) {
        if (!tree_same(value, json_array_get(b, i)))
            return false;
    }
    return true;
}

bool tree_same(const json_t *a, const json_t *b) {
    if (!a || !b)
        return a == b;
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (json_is_object(a) && json_is_object(b))
        return same_members(a, b);
    if (json_is_array(a) && json_is_array(b))
        return same_items(a, b);
    return json_equal(a, b);
}

/* --- differences ----------------------------------------------------------------------------- */

void tree_point(struct buf *pointer, const char *name) {
    buf_char(pointer, '/');
    for (; *name; name++) {
        if (*name == '~')
            buf_text(pointer, "~0");
        else if (*name == '/')
            buf_text(pointer, "~1");
        else
            buf_char(pointer, *name);
    }
}

enum { POINTER_BYTES_MAX = 256, ENTRIES_MAX = 1000 };

struct walk {
    struct buf pointer;
    tree_diff_fn *each;
    void *arg;
};

static void differ(struct walk *w, struct tree_pair before, struct tree_pair after);

static void differ_at(struct walk *w, const char *name, struct tree_pair before,
                      struct tree_pair after) {
    size_t len = w->pointer.len;
    tree_point(&w->pointer, name);
    differ(w, before, after);
    w->pointer.len = len;
}

static struct tree_pair member(struct tree_pair of, const char *name) {
    return (struct tree_pair){ json_object_get(of.real, name), json_object_get(of.shown, name) };
}

static struct tree_pair item(struct tree_pair of, size_t i) {
    return (struct tree_pair){ json_array_get(of.real, i), json_array_get(of.shown, i) };
}

static void differ_members(struct walk *w, struct tree_pair before, struct tree_pair after) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)before.real, name, value) {
        differ_at(w, name, member(before, name), member(after, name));
    }
    json_object_foreach((json_t *)after.real, name, value) {
        if (!json_object_get(before.real, name))
            differ_at(w, name, member(before, name), member(after, name));
    }
}

/* Is each entry told of by itself? Else a long name would be repeated for each of the thousands of
 * differences below it. */
static bool is_told_apart(const struct walk *w, struct tree_pair before, struct tree_pair after) {
    if (w->pointer.len > POINTER_BYTES_MAX)
        return false;
    if (json_is_object(before.real) && json_is_object(after.real))
        return true;
    return json_is_array(before.real) && json_is_array(after.real) &&
           json_array_size(before.real) == json_array_size(after.real) &&
           json_array_size(before.real) <= ENTRIES_MAX;
}

/* Compares only what it does not go into, so that each value is looked at once. */
static void differ(struct walk *w, struct tree_pair before, struct tree_pair after) {
    if (!is_told_apart(w, before, after)) {
        if (!tree_same(before.real, after.real))
            w->each(w->arg, buf_view(&w->pointer), before.shown, after.shown);
    } else if (json_is_object(before.real)) {
        differ_members(w, before, after);
    } else {
        for (size_t i = 0; i < json_array_size(before.real); i++) {
            char name[24];
            snprintf(name, sizeof name, "%zu", i);
            differ_at(w, name, item(before, i), item(after, i));
        }
    }
}

void tree_diff(struct tree_pair before, struct tree_pair after, tree_diff_fn *each, void *arg) {
    struct walk w = { .each = each, .arg = arg };
    differ(&w, before, after);
    buf_fini(&w.pointer);
}

/* --- keeping and writing --------------------------------------------------------------------- */

static void release(void *tree) {
    json_decref(tree);
}

json_t *tree_in(struct arena *a, json_t *tree) {
    if (tree)
        arena_defer(a, release, tree);
    return tree;
}

struct str tree_text(struct arena *a, const json_t *tree) {
    struct buf *out = buf_in(a);
    struct jsonw w = jsonw_to(out);
    if (tree)
        jsonw_tree(&w, tree);
    else
        jsonw_null(&w);
    return buf_view(out);
}
