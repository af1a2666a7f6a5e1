#include "obs/trace.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"

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
    if (h.len != 55)
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

void trace_header(const struct trace *t, char out[56]) {
    memcpy(out, "00-", 3);
    memcpy(out + 3, t->trace_id, 32);
    out[35] = '-';
    memcpy(out + 36, t->span_id, 16);
    out[52] = '-';
    memcpy(out + 53, t->flags, 3); /* with its NUL */
}
