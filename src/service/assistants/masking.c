#include "service/assistants/masking.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/tree.h"
#include "base/tree_index.h"
#include "service/assistants/assistant_config.h"

/* What hides a text: its own name, or a name above it. */
enum hiding { OPEN, SECRET, CREDENTIAL };

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

/* Case, and what joins words, do not count: "signing_key" ends as "signingKey" does. word is in small
 * letters. */
static bool ends_with(struct str name, const char *word) {
    size_t at = name.len;
    for (size_t k = strlen(word); k > 0; k--) {
        while (at > 0 && (name.ptr[at - 1] == '_' || name.ptr[at - 1] == '-'))
            at--;
        if (at == 0 || lower(name.ptr[--at]) != word[k - 1])
            return false;
    }
    return true;
}

static bool is_one_of(struct str name, const char *const *ends, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ends_with(name, ends[i]))
            return true;
    return false;
}

/* A key to something, as opposed to one that finds something. "key" alone is a name of fields. */
static bool is_key(struct str name) {
    static const char *const FINDERS[] = {
        "publickey",  "cachekey",   "solutionkey",    "changekey", "primarykey",
        "foreignkey", "sortkey",    "partitionkey",   "objectkey", "storagekey",
        "rowkey",     "routingkey", "idempotencykey", "monkey",    "turkey",
        "hotkey",     "donkey",     "hockey",         "jockey"
    };
    return name.len > 3 && ends_with(name, "key") && !is_one_of(name, FINDERS, ARRAY_LEN(FINDERS));
}

/* Does a word that names a secret stand in it, or at its end? One pass each: a configuration has
 * thousands of names, and an address in it may be long. */
static bool is_secret(struct str name) {
    static const char *const PARTS[] = {
        "secret",        "password",         "apikey",      "api_key",           "token",
        "authorization", "privatekey",       "private_key", "accesskey",         "gcpkey",
        "access_key",    "connectionstring", "api-key",     "authenticationkey", "passphrase",
        "passwd"
    };
    static const char *const ENDS[] = { "auth", "bearer", "passcode", "pwd", "hmac", "cookie" };
    for (size_t at = 0; at < name.len; at++) {
        char first = lower(name.ptr[at]);
        if (!memchr("spatgc", first, 6)) /* with which they begin */
            continue;
        for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
            if (PARTS[i][0] == first && strlen(PARTS[i]) <= name.len - at &&
                strncasecmp(name.ptr + at, PARTS[i], strlen(PARTS[i])) == 0)
                return true;
    }
    return is_one_of(name, ENDS, ARRAY_LEN(ENDS)) || is_key(name);
}

static bool is_secret_name(const char *name) {
    return is_secret(str_of(name));
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

/* As long and as mixed as what is made to be guessed by nobody: a part of a path, a value. */
static bool is_tokenlike(struct str part) {
    enum { TOKEN_CHARS = 20 };
    bool digit = false, letter = false;
    for (size_t i = 0; i < part.len; i++) {
        char c = lower(part.ptr[i]);
        if (c >= '0' && c <= '9')
            digit = true;
        else if (c >= 'a' && c <= 'z')
            letter = true;
        else if (!strchr("-_.~%=+", c))
            return false;
    }
    return part.len >= TOKEN_CHARS && digit && letter;
}

/* Where in the path what lets somebody in begins: behind /webhooks/x/, or a part that looks like it;
 * NULL: nowhere. */
static const char *secret_in_path(struct str path) {
    static const struct str HOOKS = { "/webhooks/", 10 };
    for (size_t at = 0; at < path.len; at++) {
        if (path.ptr[at] != '/')
            continue;
        struct str part = { path.ptr + at + 1, path.len - at - 1 }, rest;
        if (str_starts((struct str){ path.ptr + at, path.len - at }, HOOKS)) {
            size_t from = at + HOOKS.len;
            const char *slash = memchr(path.ptr + from, '/', path.len - from);
            return slash && slash + 1 < path.ptr + path.len ? slash + 1 : NULL;
        }
        if (is_tokenlike(str_cut(part, '/', &rest)))
            return path.ptr + at + 1;
    }
    return NULL;
}

/* Is one of the query's values a secret, by its name or its looks? */
static bool is_secret_query(struct str query) {
    static const char *const NAMES[] = { "key", "sig", "signature", "code", "hash" };
    for (struct str rest = query; rest.len;) {
        struct str value, name = str_cut(str_cut(rest, '&', &rest), '=', &value);
        bool is_named = is_secret(name);
        for (size_t i = 0; i < ARRAY_LEN(NAMES) && !is_named; i++)
            is_named = str_eq_nocase(name, str_of(NAMES[i]));
        if (value.len && (is_named || is_tokenlike(value)))
            return true;
    }
    return false;
}

/* scheme://MASK@host/..., .../webhooks/vapi/MASK, ...?MASK; false when nothing in it is hidden. */
static bool mask_address(const char *text, struct buf *out) {
    const char *host = strstr(text, "://");
    if (!host || host == text || strcspn(text, " \t\n\"<>") < (size_t)(host - text))
        return false;
    host += 3;
    const char *path = host + strcspn(host, "/?#"), *query = strchr(path, '?');
    const char *at = memrchr(host, '@', (size_t)(path - host));
    const char *end = path + strcspn(path, "?#");
    const char *hidden = secret_in_path((struct str){ path, (size_t)(end - path) });
    if (!hidden && query && is_secret_query(str_of(query + 1)))
        hidden = query + 1;
    if (!at && !hidden)
        return false;
    buf_put(out, text, (size_t)(host - text));
    if (at)
        buf_text(out, MASK);
    host = at ? at : host;
    if (!hidden)
        buf_text(out, host);
    else
        buf_put(out, host, (size_t)(hidden - host));
    if (hidden)
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
    const struct tree_index *index; /* of what was sent, and of what people see */
    size_t put_back_bytes;
};

/* What something that was sent was before: as it is, and as people see it; NULLs: unknown. */
struct origin {
    struct tree_pair was;
    bool is_same; /* what was sent is what people see */
};

static json_t *undo(struct undoing *u, enum hiding hiding, const json_t *sent, struct origin from);

static json_t *undo_at(struct undoing *u, const char *name, enum hiding hiding, const json_t *sent,
                       struct origin from) {
    size_t len = u->pointer.len;
    tree_point(&u->pointer, name);
    json_t *value = undo(u, hiding, sent, from);
    u->pointer.len = len;
    return value;
}

/* Notes the value as wrong; beyond what a problem holds nothing is copied for it. */
static void refuse(struct undoing *u, const char *code, const char *message) {
    if (u->ctx->problem.field_count < PROBLEM_FIELDS_MAX)
        ctx_field(u->ctx, str_dup(u->ctx->arena, buf_view(&u->pointer)), code, message);
}

/* Was this text shown in place of a hidden one? A true one that looks like its own mask costs a
 * second look. */
static bool is_hidden_one(enum hiding hiding, const json_t *sent, struct tree_pair was) {
    if (!json_is_string(was.real) || !was.shown || !json_equal(was.shown, sent))
        return false;
    if (json_string_length(was.real) != json_string_length(was.shown))
        return true;
    json_t *masked = masked_text(hiding, was.real);
    bool is_hidden = masked && json_equal(masked, sent);
    json_decref(masked);
    return is_hidden;
}

static json_t *undo_text(struct undoing *u, enum hiding hiding, const json_t *sent,
                         struct tree_pair was) {
    bool is_address = hiding == OPEN && strstr(json_string_value(sent), "://");
    if ((hiding == OPEN && !is_address) || !strstr(json_string_value(sent), MASK))
        return json_deep_copy(sent);
    if (!is_hidden_one(hiding, sent, was)) {
        refuse(u, "masked",
               "This value is hidden, and what you sent cannot be matched with it; send its true "
               "value, or leave the field out.");
        return json_deep_copy(sent);
    }
    /* One long secret can be asked for by each of a hundred thousand masks. */
    u->put_back_bytes += json_string_length(was.real);
    if (u->put_back_bytes <= ASSISTANT_CONFIG_BYTES_MAX)
        return json_deep_copy(was.real);
    refuse(u, "too_long",
           "With the hidden values put back, the configuration is longer than 262144 bytes of "
           "JSON; send fewer entries.");
    return json_deep_copy(sent);
}

/* A list that was sent, over the one that it was. */
struct lists {
    const json_t *sent;
    struct origin from;
    size_t count;              /* of the list that it was */
    size_t changed;            /* entries that differ from the one at their place */
    struct tree_places places; /* sorted when first needed */
};

static bool is_in_place(const struct undoing *u, const struct lists *l, size_t i) {
    return i < l->count && tree_index_hash(u->index, json_array_get(l->sent, i)) ==
                               tree_index_hash(u->index, json_array_get(l->from.was.shown, i));
}

static struct lists lists_of(const struct undoing *u, const json_t *sent, struct origin from) {
    struct lists l = { .sent = sent, .from = from, .count = json_array_size(from.was.shown) };
    for (size_t i = 0; i < l.count && !from.is_same; i++)
        l.changed += !is_in_place(u, &l, i);
    return l;
}

static struct origin entry(const struct lists *l, size_t i, bool is_same) {
    const struct tree_pair *was = &l->from.was;
    return (struct origin){ { json_array_get(was->real, i), json_array_get(was->shown, i) },
                            is_same };
}

/* The entry that sent[i] was. */
static struct origin entry_origin(struct undoing *u, struct lists *l, size_t i) {
    const json_t *sent = json_array_get(l->sent, i);
    if (l->from.is_same)
        return entry(l, i, true);
    if (is_in_place(u, l, i) && tree_same(sent, json_array_get(l->from.was.shown, i)))
        return entry(l, i, true);
    if (l->count) {
        if (!l->places.sorted)
            l->places = tree_places_of(u->ctx->arena, u->index, l->from.was.shown);
        size_t at = tree_places_find(&l->places, sent, i % l->count);
        if (at < l->count)
            return entry(l, at, true);
    }
    if (json_array_size(l->sent) == l->count && l->changed == 1)
        return entry(l, i, false);
    return (struct origin){ .is_same = false };
}

static json_t *undo_list(struct undoing *u, enum hiding hiding, const json_t *sent,
                         struct origin from) {
    struct lists l = lists_of(u, sent, from);
    json_t *out = json_array(), *value;
    size_t i;
    json_array_foreach(sent, i, value) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        json_array_append_new(out, undo_at(u, name, hiding, value, entry_origin(u, &l, i)));
    }
    return out;
}

static struct origin member(struct origin of, const char *name) {
    return (struct origin){
        { json_object_get(of.was.real, name), json_object_get(of.was.shown, name) }, of.is_same
    };
}

static json_t *undo(struct undoing *u, enum hiding hiding, const json_t *sent, struct origin from) {
    const char *name;
    json_t *out, *value;
    switch (json_typeof(sent)) {
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach((json_t *)sent, name, value) {
            json_object_set_new(out, name,
                                undo_at(u, name, beneath(hiding, name), value, member(from, name)));
        }
        return out;
    case JSON_ARRAY:
        return undo_list(u, hiding, sent, from);
    case JSON_STRING:
        return undo_text(u, hiding, sent, from.was);
    default:
        return json_deep_copy(sent);
    }
}

static bool has_mask(const json_t *tree) {
    const char *name;
    json_t *value;
    size_t i;
    if (json_is_string(tree))
        return strstr(json_string_value(tree), MASK) != NULL;
    json_object_foreach((json_t *)tree, name, value) {
        if (has_mask(value))
            return true;
    }
    json_array_foreach(tree, i, value) {
        if (has_mask(value))
            return true;
    }
    return false;
}

json_t *masking_undone(struct ctx *ctx, const json_t *sent, const json_t *real) {
    if (!has_mask(sent))
        return json_deep_copy(sent);
    const json_t *shown = real ? tree_in(ctx->arena, masking_done(real)) : NULL;
    struct undoing u = { .ctx = ctx, .index = tree_index_of(ctx->arena, sent, shown) };
    json_t *out = undo(&u, OPEN, sent, (struct origin){ { real, shown }, false });
    buf_fini(&u.pointer);
    return out;
}
