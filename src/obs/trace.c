#include "obs/trace.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"

enum { HEADER_LEN = 55, STATE_MAX = 512 };

static bool is_hex_but_not_zero(struct str s) {
    bool zero = true;
    for (size_t i = 0; i < s.len; i++) {
        if (!hex_is_lower_digit(s.ptr[i]))
            return false;
        zero = zero && s.ptr[i] == '0';
    }
    return !zero;
}

static void random_hex(char *out, size_t bytes) {
    unsigned char raw[16];
    ava_rand(raw, bytes);
    raw[0] |= 1; /* all zeros is not a valid id */
    hex_encode(out, raw, bytes);
}

/* True when h is a traceparent, and t has its ids. */
static bool take_parent(struct trace *t, struct str h) {
    if (h.len != HEADER_LEN)
        return false;
    struct str trace_id = { h.ptr + 3, 32 }, parent = { h.ptr + 36, 16 }, flags = { h.ptr + 53, 2 };
    if (!str_starts(h, STR("00-")) || h.ptr[35] != '-' || h.ptr[52] != '-' ||
        !is_hex_but_not_zero(trace_id) || !is_hex_but_not_zero(parent) ||
        !hex_is_lower_digit(flags.ptr[0]) || !hex_is_lower_digit(flags.ptr[1]))
        return false;
    str_copy(t->trace_id, sizeof t->trace_id, trace_id);
    str_copy(t->parent_id, sizeof t->parent_id, parent);
    str_copy(t->flags, sizeof t->flags, flags);
    return true;
}

void trace_start(struct trace *t, struct str h) {
    *t = (struct trace){ .flags = "01" };
    random_hex(t->span_id, 8);
    if (!take_parent(t, h))
        random_hex(t->trace_id, 16);
}

void trace_take_state(struct trace *t, struct arena *a, struct str h) {
    struct str state = str_trim(h);
    if (!t->parent_id[0] || !state.len || state.len > STATE_MAX)
        return;
    for (size_t i = 0; i < state.len; i++)
        if ((unsigned char)state.ptr[i] < ' ' || (unsigned char)state.ptr[i] > '~')
            return;
    t->state = str_dup(a, state);
}

bool trace_is_sampled(const struct trace *t) {
    char c = t->flags[1]; /* a lower-case digit */
    return (c >= '0' && c <= '9' ? c - '0' : c - 'a' + 10) & 1;
}

void trace_sample(struct trace *t, bool is_sampled) {
    memcpy(t->flags, is_sampled ? "01" : "00", sizeof t->flags);
}

void trace_descend(struct trace *t) {
    memcpy(t->parent_id, t->span_id, sizeof t->parent_id);
    random_hex(t->span_id, 8);
}

void trace_header(const struct trace *t, char out[56]) {
    memcpy(out, "00-", 3);
    memcpy(out + 3, t->trace_id, 32);
    out[35] = '-';
    memcpy(out + 36, t->span_id, 16);
    out[52] = '-';
    memcpy(out + 53, t->flags, 3); /* with its NUL */
}

const char *trace_keep(const struct trace *t, struct arena *a) {
    char header[HEADER_LEN + 1];
    trace_header(t, header);
    return t->state ? arena_join(a, header, " ", t->state) : arena_strdup(a, header);
}

bool trace_resume(struct trace *t, struct arena *a, const char *kept) {
    struct str state, header = str_cut(str_of(kept), ' ', &state);
    struct trace next = { .state = NULL };
    if (!header.len || !take_parent(&next, header))
        return false;
    random_hex(next.span_id, 8);
    trace_take_state(&next, a, state);
    *t = next;
    return true;
}

bool trace_ids(struct str kept, char trace_id[33], char span_id[17]) {
    struct str state;
    struct trace t;
    if (!kept.len || !take_parent(&t, str_cut(kept, ' ', &state)))
        return false;
    memcpy(trace_id, t.trace_id, sizeof t.trace_id);
    memcpy(span_id, t.parent_id, sizeof t.parent_id);
    return true;
}
