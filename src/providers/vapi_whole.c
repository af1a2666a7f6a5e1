#include "providers/vapi_whole.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/tree.h"

/* Vapi's own word, and what Ava shows in place of a secret. */
static const char *const WORDS[] = { "[REDACTED]", "********" };

enum { VALUE_WORDS_MAX = 2 }; /* a scheme and a value; more of them are a sentence */

static bool names_word(const char *text) {
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (strcasestr(text, WORDS[i]))
            return true;
    return false;
}

static size_t words_of(const char *text) {
    static const char BLANK[] = " \t\r\n";
    size_t count = 0;
    for (text += strspn(text, BLANK); *text; text += strspn(text, BLANK)) {
        text += strcspn(text, BLANK);
        count++;
    }
    return count;
}

bool vapi_text_is_hidden(const char *text) {
    return names_word(text) && (words_of(text) <= VALUE_WORDS_MAX || strstr(text, "://"));
}

/* --- numbers --------------------------------------------------------------------------------- */

/* An integer beyond 64 bits, which is a real by now. */
static bool is_rounded(double value) {
    return value >= 0x1p63 || value < -0x1p63;
}

/* A number beyond the reals, which is a text by now. */
static bool is_boundless(const char *text) {
    char *end;
    size_t len = strlen(text);
    if (len == 0 || strspn(text, "-+.0123456789eE") != len)
        return false;
    double value = strtod(text, &end);
    return *end == 0 && isinf(value);
}

/* --- the walk -------------------------------------------------------------------------------- */

struct walk {
    struct ctx *ctx;
    struct buf pointer;
    bool has_numbers; /* they are looked at, too */
    bool is_closed;   /* beneath headers or credentials, where every mention of the word counts */
};

static void note(struct walk *w, const char *code, const char *why) {
    ctx_field(w->ctx, str_dup(w->ctx->arena, buf_view(&w->pointer)), code, why);
}

static void look_at(struct walk *w, const json_t *value);

static void look_below(struct walk *w, const char *name, const json_t *value) {
    size_t len = w->pointer.len;
    bool was_closed = w->is_closed;
    tree_point(&w->pointer, name);
    w->is_closed |= strcasecmp(name, "headers") == 0 || strcasecmp(name, "credentials") == 0;
    look_at(w, value);
    w->is_closed = was_closed;
    w->pointer.len = len;
}

static void look_at_text(struct walk *w, const char *text) {
    if (w->is_closed ? names_word(text) : vapi_text_is_hidden(text))
        note(w, "hidden",
             "Vapi hides this value, and what is beside it is sent together with it; enter its "
             "true value again.");
    else if (w->has_numbers && is_boundless(text))
        note(w, "out_of_range",
             "This number is too large to be sent back as it is; change it at Vapi.");
}

static void look_at(struct walk *w, const json_t *value) {
    const char *name;
    json_t *member;
    size_t i;
    if (json_is_string(value)) {
        look_at_text(w, json_string_value(value));
    } else if (json_is_real(value) && w->has_numbers && is_rounded(json_real_value(value))) {
        note(w, "out_of_range",
             "This number has more digits than can be sent back as they are; change it at Vapi.");
    } else if (json_is_object(value)) {
        json_object_foreach((json_t *)value, name, member) {
            look_below(w, name, member);
        }
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, member) {
            char index[24];
            snprintf(index, sizeof index, "%zu", i);
            look_below(w, index, member);
        }
    }
}

static enum err check(struct ctx *ctx, const json_t *body, bool has_numbers) {
    struct walk w = { .ctx = ctx, .has_numbers = has_numbers };
    look_at(&w, body);
    buf_fini(&w.pointer);
    return ctx_fields_ok(ctx);
}

enum err vapi_hidden_check(struct ctx *ctx, const json_t *body) {
    return check(ctx, body, false);
}

enum err vapi_whole_check(struct ctx *ctx, const json_t *body) {
    return check(ctx, body, true);
}
