#include "service/assistants/masking.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/tree.h"

/* What hides a text: its own name, or a name above it. */
enum hiding { OPEN, SECRET, CREDENTIAL };

static bool has(const char *name, const char *part) {
    return strcasestr(name, part) != NULL;
}

static bool is_secret_name(const char *name) {
    static const char *const PARTS[] = {
        "secret",        "password",         "apikey",      "api_key",          "token",
        "authorization", "privatekey",       "private_key", "accesskey",        "gcpkey",
        "access_key",    "connectionstring", "api-key",     "authenticationkey"
    };
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        if (has(name, PARTS[i]))
            return true;
    return false;
}

static enum hiding beneath(enum hiding above, const char *name) {
    static const char *const PLAIN[] = { "provider", "name", "id", "type" };
    if (above == CREDENTIAL)
        for (size_t i = 0; i < ARRAY_LEN(PLAIN); i++)
            if (strcmp(name, PLAIN[i]) == 0)
                return OPEN;
    if (above != OPEN)
        return above;
    if (strcmp(name, "credentials") == 0)
        return CREDENTIAL;
    return strcasecmp(name, "headers") == 0 || is_secret_name(name) ? SECRET : OPEN;
}

/* --- one text -------------------------------------------------------------------------------- */

/* scheme://MASK@host/..., .../webhooks/vapi/MASK, ...?MASK; false when nothing in it is hidden. */
static bool mask_address(const char *text, struct buf *out) {
    const char *host = strstr(text, "://");
    if (!host || strncmp(text, "http", 4) != 0)
        return false;
    host += 3;
    const char *path = host + strcspn(host, "/?#");
    const char *at = memrchr(host, '@', (size_t)(path - host));
    const char *hook = strstr(path, "/webhooks/"), *query = strchr(path, '?');
    const char *token = hook ? strchr(hook + 10, '/') : NULL;
    if (!at && !(token && token[1]) && !(query && is_secret_name(query)))
        return false;
    buf_put(out, text, (size_t)(host - text));
    if (at)
        buf_text(out, MASK);
    host = at ? at : host;
    if (token && token[1])
        buf_put(out, host, (size_t)(token + 1 - host));
    else if (query && is_secret_name(query))
        buf_put(out, host, (size_t)(query + 1 - host));
    else
        buf_text(out, host);
    if ((token && token[1]) || (query && is_secret_name(query)))
        buf_text(out, MASK);
    return true;
}

/* A new reference; NULL when the text may be shown as it is. */
static json_t *masked_text(enum hiding hiding, const json_t *text) {
    struct buf out = { 0 };
    json_t *masked = NULL;
    if (hiding != OPEN)
        return json_string_length(text) ? json_string(MASK) : NULL;
    if (mask_address(json_string_value(text), &out))
        masked = json_stringn(out.ptr, out.len);
    buf_fini(&out);
    return masked;
}

/* --- hiding ---------------------------------------------------------------------------------- */

static json_t *hide(enum hiding hiding, const json_t *value) {
    const char *name;
    json_t *member, *masked;
    size_t i;
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        masked = json_object();
        json_object_foreach((json_t *)value, name, member) {
            json_object_set_new(masked, name, hide(beneath(hiding, name), member));
        }
        return masked;
    case JSON_ARRAY:
        masked = json_array();
        json_array_foreach(value, i, member) {
            json_array_append_new(masked, hide(hiding, member));
        }
        return masked;
    case JSON_STRING:
        masked = masked_text(hiding, value);
        return masked ? masked : json_deep_copy(value);
    default:
        return json_deep_copy(value);
    }
}

json_t *masking_done(const json_t *config) {
    return hide(OPEN, config);
}

/* --- taking it back -------------------------------------------------------------------------- */

struct undoing {
    struct ctx *ctx;
    struct buf pointer;
};

static json_t *undo(struct undoing *u, enum hiding hiding, const json_t *sent, const json_t *real);

static json_t *undo_at(struct undoing *u, const char *name, enum hiding hiding, const json_t *sent,
                       const json_t *real) {
    size_t len = u->pointer.len;
    tree_point(&u->pointer, name);
    json_t *value = undo(u, hiding, sent, real);
    u->pointer.len = len;
    return value;
}

static json_t *undo_text(struct undoing *u, enum hiding hiding, const json_t *sent,
                         const json_t *real) {
    bool is_address = hiding == OPEN && strstr(json_string_value(sent), "://");
    if ((hiding == OPEN && !is_address) || !strstr(json_string_value(sent), MASK))
        return json_deep_copy(sent);
    json_t *looks = json_is_string(real) ? masked_text(hiding, real) : NULL;
    bool is_it = looks && json_equal(looks, sent);
    json_decref(looks);
    if (is_it)
        return json_deep_copy(real);
    ctx_field(u->ctx, str_dup(u->ctx->arena, buf_view(&u->pointer)), "masked",
              "This value is hidden, and what you sent cannot be matched with it; send its true "
              "value, or leave the field out.");
    return json_deep_copy(sent);
}

/* The entry of the list that sent[i] was; masked: the whole list as people see it. */
static const json_t *origin(const json_t *sent, size_t i, const json_t *real,
                            const json_t *masked) {
    size_t count = json_array_size(masked), changed = 0;
    for (size_t k = 0; k < count; k++) {
        size_t j = (i + k) % count; /* its own place first */
        if (tree_same(json_array_get(sent, i), json_array_get(masked, j)))
            return json_array_get(real, j);
    }
    if (json_array_size(sent) != count)
        return NULL;
    for (size_t k = 0; k < count; k++)
        changed += !tree_same(json_array_get(sent, k), json_array_get(masked, k));
    return changed == 1 ? json_array_get(real, i) : NULL;
}

static json_t *undo_list(struct undoing *u, enum hiding hiding, const json_t *sent,
                         const json_t *real) {
    json_t *out = json_array(), *value;
    json_t *masked = json_is_array(real) ? hide(hiding, real) : NULL;
    size_t i;
    json_array_foreach(sent, i, value) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        json_array_append_new(out, undo_at(u, name, hiding, value, origin(sent, i, real, masked)));
    }
    json_decref(masked);
    return out;
}

static json_t *undo(struct undoing *u, enum hiding hiding, const json_t *sent, const json_t *real) {
    const char *name;
    json_t *out, *value;
    switch (json_typeof(sent)) {
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach((json_t *)sent, name, value) {
            json_object_set_new(
                out, name,
                undo_at(u, name, beneath(hiding, name), value, json_object_get(real, name)));
        }
        return out;
    case JSON_ARRAY:
        return undo_list(u, hiding, sent, real);
    case JSON_STRING:
        return undo_text(u, hiding, sent, real);
    default:
        return json_deep_copy(sent);
    }
}

json_t *masking_undone(struct ctx *ctx, const json_t *sent, const json_t *real) {
    struct undoing u = { .ctx = ctx };
    json_t *out = undo(&u, OPEN, sent, real);
    buf_fini(&u.pointer);
    return out;
}
