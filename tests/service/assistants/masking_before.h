/* masking_before: taking masks back as it was done at first, comparing each entry of a list with each.
 * The oracle of test_masking.c; good for small trees only. */
#pragma once

#include <stdio.h>

#include "base/tree.h"
#include "service/assistants/masking.h"

struct before_undoing {
    struct buf pointer, refused; /* refused: the pointers, a line each */
};

static json_t *before_undo(struct before_undoing *u, bool is_hidden, const json_t *sent,
                           const json_t *real);

/* How people see the value; is_hidden: beneath a name that hides texts. */
static json_t *before_shown(bool is_hidden, const json_t *value) {
    json_t *in = json_pack("{s:O}", is_hidden ? "secret" : "open", (json_t *)value);
    json_t *out = masking_done(in);
    json_t *shown = json_incref(json_object_get(out, is_hidden ? "secret" : "open"));
    json_decref(in);
    json_decref(out);
    return shown;
}

static json_t *before_undo_at(struct before_undoing *u, const char *name, bool is_hidden,
                              const json_t *sent, const json_t *real) {
    size_t len = u->pointer.len;
    tree_point(&u->pointer, name);
    json_t *value = before_undo(u, is_hidden, sent, real);
    u->pointer.len = len;
    return value;
}

static json_t *before_undo_text(struct before_undoing *u, bool is_hidden, const json_t *sent,
                                const json_t *real) {
    bool is_address = !is_hidden && strstr(json_string_value(sent), "://");
    if ((!is_hidden && !is_address) || !strstr(json_string_value(sent), MASK))
        return json_deep_copy(sent);
    json_t *looks = json_is_string(real) ? before_shown(is_hidden, real) : NULL;
    bool is_it = looks && json_equal(looks, sent) && !json_equal(looks, real);
    json_decref(looks);
    if (is_it)
        return json_deep_copy(real);
    buf_put(&u->refused, u->pointer.ptr, u->pointer.len);
    buf_char(&u->refused, '\n');
    return json_deep_copy(sent);
}

static const json_t *before_origin(const json_t *sent, size_t i, const json_t *real,
                                   const json_t *masked) {
    size_t count = json_array_size(masked), changed = 0;
    for (size_t k = 0; k < count; k++) {
        size_t j = (i + k) % count;
        if (tree_same(json_array_get(sent, i), json_array_get(masked, j)))
            return json_array_get(real, j);
    }
    if (json_array_size(sent) != count)
        return NULL;
    for (size_t k = 0; k < count; k++)
        changed += !tree_same(json_array_get(sent, k), json_array_get(masked, k));
    return changed == 1 ? json_array_get(real, i) : NULL;
}

static json_t *before_undo_list(struct before_undoing *u, bool is_hidden, const json_t *sent,
                                const json_t *real) {
    json_t *out = json_array(), *value;
    json_t *masked = json_is_array(real) ? before_shown(is_hidden, real) : NULL;
    size_t i;
    json_array_foreach(sent, i, value) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        const json_t *was = before_origin(sent, i, real, masked);
        json_array_append_new(out, before_undo_at(u, name, is_hidden, value, was));
    }
    json_decref(masked);
    return out;
}

static json_t *before_undo(struct before_undoing *u, bool is_hidden, const json_t *sent,
                           const json_t *real) {
    const char *name;
    json_t *out, *value;
    if (json_is_string(sent))
        return before_undo_text(u, is_hidden, sent, real);
    if (json_is_array(sent))
        return before_undo_list(u, is_hidden, sent, real);
    if (!json_is_object(sent))
        return json_deep_copy(sent);
    out = json_object();
    json_object_foreach((json_t *)sent, name, value) {
        json_object_set_new(out, name,
                            before_undo_at(u, name, is_hidden || strcmp(name, "secret") == 0, value,
                                           json_object_get(real, name)));
    }
    return out;
}
