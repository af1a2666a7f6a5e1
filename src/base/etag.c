#include "base/etag.h"

/* Cuts the next tag off the list, with its quotes and without "W/". A comma within the quotes is the
 * tag's own. */
static struct str next_tag(struct str *list) {
    struct str rest = *list, tag;
    if (str_starts(rest, STR("W/")))
        rest = (struct str){ rest.ptr + 2, rest.len - 2 };
    const char *end =
        rest.len > 1 && rest.ptr[0] == '"' ? memchr(rest.ptr + 1, '"', rest.len - 1) : NULL;
    size_t quoted = end ? (size_t)(end - rest.ptr) + 1 : 0;
    struct str behind = str_cut((struct str){ rest.ptr + quoted, rest.len - quoted }, ',', list);
    tag = str_trim((struct str){ rest.ptr, quoted + behind.len });
    *list = str_trim(*list);
    return tag;
}

bool etag_matches(struct str tags, const char *etag) {
    tags = str_trim(tags);
    if (str_is(tags, "*"))
        return true;
    while (tags.len)
        if (str_is(next_tag(&tags), etag))
            return true;
    return false;
}
