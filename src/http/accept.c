#include "http/accept.h"

/* "0.75" in thousandths; 0 for what is no weight. */
static int weight_of(struct str text) {
    int weight = 0, place = ACCEPT_WEIGHT_MAX;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (i == 1 ? c != '.' : c < '0' || c > '9')
            return 0;
        if (i == 1)
            continue;
        weight += (c - '0') * place;
        place /= 10;
    }
    return weight < ACCEPT_WEIGHT_MAX ? weight : ACCEPT_WEIGHT_MAX;
}

/* Reads what stands behind a range. False when it is about another version. */
static bool read_params(struct str params, const char *version, int *weight) {
    *weight = ACCEPT_WEIGHT_MAX;
    while (params.ptr) {
        struct str value, name = str_trim(str_cut(params, ';', &params));
        name = str_cut(name, '=', &value);
        if (str_eq_nocase(name, STR("q")))
            *weight = weight_of(value);
        else if (str_eq_nocase(name, STR("version")) && !str_is(value, version))
            return false;
    }
    return true;
}

/* How much a range says about a type: 0 nothing, 1 by "*", 2 by its kind, 3 by its name. */
static int fit_of(struct str range, struct str type) {
    struct str sub, kind = str_cut(type, '/', &sub);
    if (str_eq_nocase(range, type))
        return 3;
    if (str_is(range, "*/*"))
        return 1;
    return range.len == kind.len + 2 && str_ends(range, STR("/*")) &&
                   str_eq_nocase((struct str){ range.ptr, kind.len }, kind)
               ? 2
               : 0;
}

int accept_weight(struct str accept, const char *type, const char *version, bool *is_named) {
    int best = 0, found = accept.ptr ? 0 : ACCEPT_WEIGHT_MAX;
    *is_named = false;
    while (accept.ptr) {
        struct str params, item = str_cut(accept, ',', &accept);
        struct str range = str_trim(str_cut(item, ';', &params));
        int weight, fit = fit_of(range, str_of(type));
        if (fit <= best || !read_params(params, version, &weight))
            continue;
        best = fit;
        found = weight;
    }
    *is_named = best == 3;
    return found;
}

/* "q=0", "q=0.", "q=0.000": not acceptable (RFC 9110, 12.4.2). */
static bool is_q_zero(struct str params) {
    if (!str_starts(params, STR("q=0")))
        return false;
    for (size_t i = 3; i < params.len; i++)
        if (params.ptr[i] != '0' && params.ptr[i] != '.')
            return false;
    return true;
}

bool accept_coding(const struct http_req *req, const char *coding) {
    for (struct str rest = http_field(req, "accept-encoding"), item; rest.ptr;) {
        item = str_cut(rest, ',', &rest);
        struct str params, name = str_trim(str_cut(item, ';', &params));
        if (str_eq_nocase(name, str_of(coding)))
            return !is_q_zero(str_trim(params));
    }
    return false;
}

const char *accept_language(struct str accept, const char *const *ours) {
    const char *found = ours[0];
    int best = 0;
    while (accept.ptr) {
        struct str params, rest, item = str_cut(accept, ',', &accept);
        struct str name = str_cut(str_trim(str_cut(item, ';', &params)), '-', &rest);
        int weight;
        read_params(params, "", &weight);
        for (size_t i = 0; weight > best && ours[i]; i++) {
            if (!str_eq_nocase(name, str_of(ours[i])))
                continue;
            best = weight;
            found = ours[i];
        }
    }
    return found;
}
