#include "providers/vapi_words.h"

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"

enum { COMPLAINTS_MAX = 3, FIELD_CHARS_MAX = 80, WORDS_CHARS_MAX = 160, TEXTS_MAX = 16 };

/* --- sentences about fields ------------------------------------------------------------------ */

/* "model.messages.0.content" */
static size_t field_len(const char *text) {
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '.' || text[n] == '_')
        n++;
    while (n > 0 && text[n - 1] == '.')
        n--;
    return n <= FIELD_CHARS_MAX ? n : 0;
}

/* Signs of a sentence. '<' and '>' compare, or they are markup; what is in quotes could be a value. */
static bool is_plain(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        char next = i + 1 < len ? text[i + 1] : ' ';
        bool compares = (text[i] == '<' || text[i] == '>') && (next == ' ' || next == '=');
        bool apostrophe = text[i] == '\'' && i > 0 && isalpha((unsigned char)text[i - 1]) &&
                          isalpha((unsigned char)next);
        if (!compares && !apostrophe && !isalnum((unsigned char)text[i]) &&
            !strchr(" .,_-:;()+[]=$%", text[i]))
            return false;
    }
    return len > 0;
}

/* What must be, without what was sent: "(got 90000)" could be anybody's. */
static size_t rest_len(const char *rest) {
    const char *got = strcasestr(rest, " (got ");
    size_t len = got ? (size_t)(got - rest) : strlen(rest);
    if (len > WORDS_CHARS_MAX)
        for (len = WORDS_CHARS_MAX; len > 0 && rest[len] != ' ';)
            len--;
    while (len > 0 && strchr(" .,;:", rest[len - 1]))
        len--;
    return len;
}

static bool says_must(const char *rest) {
    static const char *const VERBS[] = {
        " must ",    " should ",     " can't ",         " cannot ",
        " can not ", " is required", " is not allowed", " is too "
    };
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++)
        if (strncmp(rest, VERBS[i], strlen(VERBS[i])) == 0)
            return true;
    return false;
}

/* The forms of class-validator that say which field; anything else could be anything. */
static bool add_complaint(struct buf *out, const char *text) {
    static const char UNKNOWN[] = "property ", NO_SUCH[] = " should not exist";
    bool is_unknown = text && strncmp(text, UNKNOWN, sizeof UNKNOWN - 1) == 0;
    const char *field = is_unknown ? text + sizeof UNKNOWN - 1 : text;
    size_t len = field ? field_len(field) : 0;
    if (len == 0)
        return false;
    const char *rest = field + len;
    if (is_unknown && strcmp(rest, NO_SUCH) != 0)
        return false;
    if (!is_unknown && *rest == ':')
        rest++;
    size_t words = rest_len(rest);
    if (!is_unknown && !says_must(rest))
        return false;
    buf_text(out, out->len ? "; " : "");
    if (is_unknown)
        buf_printf(out, "it does not know the field %.*s", (int)len, field);
    else if (!is_plain(rest, words))
        buf_printf(out, "%.*s is not what it takes", (int)len, field);
    else
        buf_printf(out, "%.*s%.*s", (int)len, field, (int)words, rest);
    return true;
}

/* --- what it says, by meaning ----------------------------------------------------------------- */

/* Up to three groups of words, "|" between those of a group: one of each must be there. Vapi documents
 * no codes; these are sentences that people quoted. First come, first meant. */
static const struct meaning {
    const char *groups[3];
    enum refusal_about about;
    const char *words;
} MEANINGS[] = {
    { { "daily|per day|24 hours", "limit|quota|maximum" },
      REFUSAL_DAY,
      "the daily limit of calls is used up; it starts anew tomorrow." },
    { { "credit|balance|wallet|payment|billing|past due|top up|spending limit" },
      REFUSAL_ACCOUNT,
      "the account there has no credit left, or its payment failed." },
    { { "do not call|do-not-call|dnc list|blocklist|blacklist" },
      REFUSAL_REQUEST,
      "the number to call is on a list of numbers that must not be called." },
    { { "country|countries|international|region" },
      REFUSAL_REQUEST,
      "this number or account may not call that country." },
    { { "e.164|e164|valid phone number|invalid phone number" },
      REFUSAL_REQUEST,
      "a phone number is not one; it must look like +15551234567." },
    { { "already", "exist|in use|import|taken|register" },
      REFUSAL_REQUEST,
      "it exists there already." },
    { { "assistant_pinned" },
      REFUSAL_REQUEST,
      "something else there, such as a phone number, still uses this assistant; have it use "
      "another "
      "one first." },
};

static bool has_one(const char *text, const char *group) {
    struct str rest = str_of(group);
    while (rest.len) {
        struct str word = str_cut(rest, '|', &rest);
        char one[40];
        str_copy(one, sizeof one, word);
        if (refusal_has(text, one))
            return true;
    }
    return false;
}

static const struct meaning *meaning_of(const char *text) {
    for (size_t i = 0; i < ARRAY_LEN(MEANINGS); i++) {
        bool fits = true;
        for (size_t g = 0; g < ARRAY_LEN(MEANINGS[i].groups) && MEANINGS[i].groups[g]; g++)
            fits &= has_one(text, MEANINGS[i].groups[g]);
        if (fits)
            return &MEANINGS[i];
    }
    return NULL;
}

/* --- the whole -------------------------------------------------------------------------------- */

struct texts {
    const char *list[TEXTS_MAX];
    size_t count;
};

static void add_texts(struct texts *t, const json_t *value) {
    if (json_is_string(value) && t->count < TEXTS_MAX)
        t->list[t->count++] = json_string_value(value);
    for (size_t i = 0; i < json_array_size(value); i++)
        if (json_is_string(json_array_get(value, i)))
            add_texts(t, json_array_get(value, i));
}

static const char *complaints(struct ctx *ctx, const struct texts *t) {
    struct buf *out = buf_in(ctx->arena);
    size_t told = 0;
    for (size_t i = 0; i < t->count && told < COMPLAINTS_MAX; i++)
        told += add_complaint(out, t->list[i]);
    if (told == 0)
        return NULL;
    buf_text(out, ".");
    return str_dup(ctx->arena, buf_view(out));
}

void vapi_judge(struct ctx *ctx, int status, const json_t *said, struct refusal *out) {
    struct texts t = { .count = 0 };
    add_texts(&t, json_object_get(said, "message"));
    add_texts(&t, json_object_get(said, "error"));
    for (size_t i = 0; i < t.count; i++)
        if (refusal_says_full(t.list[i])) {
            *out = (struct refusal){ REFUSAL_FULL,
                                     "as many calls as the plan there allows are under way." };
            return;
        }
    if (out->about == REFUSAL_KEY || out->about == REFUSAL_ABSENT)
        return; /* both are said by status, and words add nothing */
    const char *fields = complaints(ctx, &t);
    const struct meaning *m = NULL;
    for (size_t i = 0; i < t.count && !m; i++)
        m = meaning_of(t.list[i]);
    if (fields && (!m || m->about == REFUSAL_REQUEST))
        *out = (struct refusal){ REFUSAL_REQUEST, fields };
    else if (m && (out->about != REFUSAL_ACCOUNT || m->about == REFUSAL_ACCOUNT))
        *out = (struct refusal){ m->about, m->words };
}
