#include "base/mailbox.h"

#include <string.h>

#include "base/plain.h"

enum { LABEL_MAX_BYTES = 63 };

static bool is_alnum(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

/* What may stand in a dot-atom beside its dots. */
static bool is_atext(unsigned char c) {
    return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_local(struct str s) {
    if (s.len == 0 || s.len > MAILBOX_LOCAL_MAX_BYTES || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '.' ? s.ptr[i + 1] == '.' : !is_atext((unsigned char)s.ptr[i]))
            return false;
    return true;
}

static bool is_label(struct str s) {
    if (s.len == 0 || s.len > LABEL_MAX_BYTES || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum((unsigned char)s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return true;
}

static bool is_domain(struct str s) {
    size_t labels = 0;
    for (struct str rest = s; rest.ptr; labels++)
        if (!is_label(str_cut(rest, '.', &rest)))
            return false;
    return labels >= 2;
}

bool mailbox_is_address(struct str text) {
    if (text.len > MAILBOX_ADDRESS_MAX_BYTES || !plain_is(text))
        return false;
    for (size_t at = text.len; at-- > 0;)
        if (text.ptr[at] == '@')
            return is_local((struct str){ text.ptr, at }) &&
                   is_domain((struct str){ text.ptr + at + 1, text.len - at - 1 });
    return false;
}

/* Without the quotes around it; one with a quote or backslash inside is none of ours. */
static bool read_name(struct str name, struct str *out) {
    if (name.len >= 2 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"')
        name = (struct str){ name.ptr + 1, name.len - 2 };
    *out = name;
    return name.len <= MAILBOX_NAME_MAX_BYTES && plain_is(name) &&
           !(name.len && (memchr(name.ptr, '"', name.len) || memchr(name.ptr, '\\', name.len) ||
                          memchr(name.ptr, '<', name.len) || memchr(name.ptr, '>', name.len)));
}

bool mailbox_parse(struct str text, struct mailbox *out) {
    struct str rest, name;
    *out = (struct mailbox){ .name = { "", 0 } };
    text = str_trim(text);
    if (!text.len || text.ptr[text.len - 1] != '>') {
        out->address = text;
        return mailbox_is_address(text);
    }
    name = str_cut((struct str){ text.ptr, text.len - 1 }, '<', &rest);
    out->address = rest;
    return rest.ptr && mailbox_is_address(rest) && read_name(str_trim(name), &out->name);
}

const char *mailbox_key(struct arena *a, struct str address) {
    char *key = str_dup(a, address);
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return key;
}
