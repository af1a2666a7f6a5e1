#include "base/mailbox.h"

#include <string.h>

#include "base/buf.h"
#include "base/plain.h"

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static bool is_atom_char(char c) {
    return is_alnum(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Parts between dots, none of them empty. */
static bool is_dotted(struct str text, bool (*fits)(struct str part), size_t *parts) {
    for (*parts = 0; text.ptr; ++*parts) {
        struct str part = str_cut(text, '.', &text);
        if (!part.len || !fits(part))
            return false;
    }
    return true;
}

static bool is_atom(struct str part) {
    for (size_t i = 0; i < part.len; i++)
        if (!is_atom_char(part.ptr[i]))
            return false;
    return true;
}

static bool is_label(struct str part) {
    if (part.len > 63 || part.ptr[0] == '-' || part.ptr[part.len - 1] == '-')
        return false;
    for (size_t i = 0; i < part.len; i++)
        if (!is_alnum(part.ptr[i]) && part.ptr[i] != '-')
            return false;
    return true;
}

static bool is_number(struct str domain) {
    char last = domain.ptr[domain.len - 1];
    return last >= '0' && last <= '9';
}

const char *mailbox_wrong(struct str address) {
    size_t at = address.len, parts;
    while (at && address.ptr[at - 1] != '@')
        at--;
    if (!address.len || !at)
        return "Write an address like name@example.com.";
    struct str local = { address.ptr, at - 1 }, domain = { address.ptr + at, address.len - at };
    if (!plain_is(address))
        return "The address has a line break, a control character or one that nobody sees.";
    if (address.len > MAILBOX_ADDRESS_MAX_BYTES)
        return "An address has at most 254 bytes.";
    if (local.len > MAILBOX_LOCAL_MAX_BYTES)
        return "The part before the @ has at most 64 bytes.";
    if (local.len && local.ptr[0] == '"')
        return "Ava sends to no address in quotation marks; servers read those differently.";
    if (!local.len || !is_dotted(local, is_atom, &parts))
        return "The part before the @ must be letters, digits, dots between them, and signs like + "
               "- _.";
    if (domain.len && domain.ptr[0] == '[')
        return "Write the domain behind the @, not the number of a machine.";
    if (!domain.len || !is_dotted(domain, is_label, &parts))
        return "The domain behind the @ must be letters, digits and hyphens with dots between.";
    return parts < 2 || is_number(domain)
               ? "The domain behind the @ must end like example.com or example.co.uk."
               : NULL;
}

/* A name as it stands before <...>, out of its quotes. */
static const char *name_of(struct arena *a, struct str text) {
    struct buf *b = buf_in(a);
    text = str_trim(text);
    if (text.len < 2 || text.ptr[0] != '"' || text.ptr[text.len - 1] != '"')
        return str_dup(a, text);
    for (size_t i = 1; i + 1 < text.len; i++) {
        i += text.ptr[i] == '\\' && i + 2 < text.len;
        buf_char(b, text.ptr[i]);
    }
    return str_dup(a, buf_view(b));
}

/* Where the address begins: behind this many bytes, which are the name's, and 0 where there is none. */
static size_t name_bytes(struct str text) {
    size_t at = 0;
    if (!text.len || text.ptr[text.len - 1] != '>')
        return 0;
    while (text.ptr[at] != '<' && text.ptr[at] != '>')
        at++;
    return at;
}

const char *mailbox_find(struct str text, struct str *address) {
    text = str_trim(text);
    size_t at = name_bytes(text);
    *address = text;
    if (text.len && text.ptr[text.len - 1] == '>')
        *address = (struct str){ text.ptr + at + 1, text.len > at + 1 ? text.len - at - 2 : 0 };
    if (!plain_is(text) || str_chars((struct str){ text.ptr, at }) > MAILBOX_NAME_MAX_CHARS)
        return "The name before the address is one line of at most 200 plain characters.";
    return mailbox_wrong(*address);
}

const char *mailbox_split(struct arena *a, struct str text, const char **name,
                          const char **address) {
    struct str only;
    const char *wrong = mailbox_find(text, &only);
    if (wrong)
        return wrong;
    text = str_trim(text);
    size_t at = name_bytes(text);
    *name = at ? name_of(a, (struct str){ text.ptr, at }) : NULL;
    *address = str_dup(a, only);
    return NULL;
}

const char *mailbox_key(struct arena *a, struct str address) {
    char *key = str_dup(a, address);
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    return key;
}
