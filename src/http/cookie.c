#include "http/cookie.h"

struct str cookie_find(const struct http_req *req, const char *name) {
    struct str found = { NULL, 0 };
    for (size_t i = 0; i < req->field_count; i++) {
        if (!str_eq_nocase(req->fields[i].name, STR("cookie")))
            continue;
        for (struct str rest = req->fields[i].value, part; rest.ptr;) {
            part = str_trim(str_cut(rest, ';', &rest));
            struct str value, key = str_cut(part, '=', &value);
            if (!str_is(key, name) || !value.ptr)
                continue;
            if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
                value = (struct str){ value.ptr + 1, value.len - 2 };
            if (found.ptr && !str_eq(found, value))
                return (struct str){ NULL, 0 };
            found = value;
        }
    }
    return found;
}
