#include "config/redis_url.h"

#include "base/encode.h"

enum { DATABASE_MAX = 1 << 20 };

void redis_url_wipe(struct redis_url *url) {
    explicit_bzero(url, sizeof *url);
}

static bool fail(const char **why, const char *says) {
    *why = says;
    return false;
}

static int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Into a fixed room, and never into an arena: it may be the password. */
static bool decode(struct str from, char out[REDIS_URL_WORD_MAX]) {
    size_t len = 0;
    for (size_t i = 0; i < from.len; i++, len++) {
        int c = (unsigned char)from.ptr[i];
        if (c == '%') {
            if (from.len - i < 3 || digit_of(from.ptr[i + 1]) < 0 || digit_of(from.ptr[i + 2]) < 0)
                return false;
            c = digit_of(from.ptr[i + 1]) * 16 + digit_of(from.ptr[i + 2]);
            i += 2;
        }
        if (c == 0 || len + 1 == REDIS_URL_WORD_MAX)
            return false;
        out[len] = (char)c;
    }
    out[len] = 0;
    return true;
}

/* USER:PASSWORD before the last '@' of the authority; *text is what follows it. */
static bool take_who(struct str *text, struct redis_url *out, const char **why) {
    struct str authority = str_cut(*text, '/', &(struct str){ 0 });
    size_t at = authority.len;
    while (at > 0 && authority.ptr[at - 1] != '@')
        at--;
    if (at == 0)
        return true;
    struct str password, user = str_cut((struct str){ text->ptr, at - 1 }, ':', &password);
    if (!decode(user, out->user) || !decode(password, out->password))
        return fail(why, "its user or password is not percent-encoded, or too long");
    if (user.len && !password.len)
        return fail(why, "it has a user without a password");
    *text = (struct str){ text->ptr + at, text->len - at };
    return true;
}

static bool take_path(struct str text, struct redis_url *out, const char **why) {
    if (str_starts(text, STR("//"))) {
        text = (struct str){ text.ptr + 2, text.len - 2 };
        if (!take_who(&text, out, why))
            return false;
    }
    if (!text.len || text.ptr[0] != '/' || str_has_nul(text) ||
        !str_copy(out->path, sizeof out->path, text))
        return fail(why, "its path is not absolute, or longer than 107 bytes");
    return true;
}

static bool take_place(struct str text, struct redis_url *out, const char **why) {
    struct str database = { 0 }, place = str_cut(text, '/', &database), port = { 0 };
    int64_t number;
    if (place.len && place.ptr[0] == '[') {
        struct str after;
        place = str_cut((struct str){ place.ptr + 1, place.len - 1 }, ']', &after);
        if (!after.ptr || (after.len && after.ptr[0] != ':'))
            return fail(why, "its host is not one");
        port = (struct str){ after.ptr + 1, after.len ? after.len - 1 : 0 };
    } else {
        place = str_cut(place, ':', &port);
    }
    if (!place.len || !str_is_visible(place) || str_find(place, STR("?")) >= 0 ||
        !str_copy(out->host, sizeof out->host, place))
        return fail(why, "it has no host");
    if (port.len && !str_to_i64(port, 1, 65535, &number))
        return fail(why, "its port is not 1..65535");
    str_copy(out->port, sizeof out->port, port.len ? port : STR("6379"));
    if (database.len && !str_to_i64(database, 0, DATABASE_MAX, &number))
        return fail(why, "what follows the host is not the number of a database");
    out->database = database.len ? (int)number : 0;
    return true;
}

bool redis_url_parse(struct str text, struct redis_url *out, const char **why) {
    memset(out, 0, sizeof *out);
    if (str_starts(text, STR("unix:")))
        return take_path((struct str){ text.ptr + 5, text.len - 5 }, out, why);
    if (str_starts(text, STR("rediss://")))
        return fail(why, "TLS (rediss://) is not spoken by this version");
    if (!str_starts(text, STR("redis://")))
        return fail(why, "it does not begin with redis:// or unix:");
    text = (struct str){ text.ptr + 8, text.len - 8 };
    return take_who(&text, out, why) && take_place(text, out, why);
}
