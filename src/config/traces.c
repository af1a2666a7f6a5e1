#include "config/traces.h"

#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

enum { DIGITS_MAX = 20 };

bool traces_ratio_parse(const char *text, double *ratio) {
    size_t len = strlen(text);
    char *end;
    if (len == 0 || len > DIGITS_MAX || strspn(text, "0123456789.") != len)
        return false;
    double value = strtod(text, &end);
    if (*end || !(value >= 0 && value <= 1))
        return false;
    *ratio = value;
    return true;
}

/* RFC 9110, 5.6.2. */
static bool is_token(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", s.ptr[i]))
            return false;
    return s.len > 0;
}

static bool is_value(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
            return false;
    return true;
}

int traces_headers_parse(struct arena *a, struct str text, const char *lines[TRACES_HEADERS_MAX],
                         const char **why) {
    int count = 0;
    for (struct str rest = text, item, value, name, plain = { "", 0 }; rest.ptr && rest.len;) {
        item = str_trim(str_cut(rest, ',', &rest));
        if (item.len == 0)
            continue;
        name = str_trim(str_cut(item, '=', &value));
        *why = !value.ptr || !is_token(name) ? "is not name=value, separated by commas"
               : count == TRACES_HEADERS_MAX ? "names more than 16 headers"
               : !percent_decode(a, str_trim(value), false, &plain) ? "has a broken escape (%)"
               : !is_value(plain) ? "has a line break or another control character in a value"
                                  : NULL;
        if (*why)
            return -1;
        lines[count++] = arena_printf(a, "%.*s: %.*s", STR_FMT(name), STR_FMT(plain));
        if (plain.ptr != value.ptr)
            explicit_bzero((char *)plain.ptr, plain.len); /* the caller wipes the lines alone */
    }
    return count;
}

/* --- all of them together -------------------------------------------------------------------- */

/* Why it is no address of a collector; NULL: it is one. *host: of it. */
static const char *check_endpoint(struct str url, struct str *host) {
    struct str path, port;
    bool is_plain = str_starts(url, STR("http://"));
    size_t scheme = is_plain ? strlen("http://") : strlen("https://");
    if (!is_plain && !str_starts(url, STR("https://")))
        return "is not an http or https URL; OTLP by gRPC is not spoken";
    *host = str_cut((struct str){ url.ptr + scheme, url.len - scheme }, '/', &path);
    if (!host->len || !str_is_visible(url) || strpbrk(url.ptr, "@?#"))
        return "is not a plain URL (scheme, host, port, path)";
    if (str_starts(*host, STR("[")))
        *host = (struct str){ host->ptr, (size_t)(str_find(*host, STR("]")) + 1) };
    else
        *host = str_cut(*host, ':', &port);
    if (!host->len)
        return "is not a plain URL (scheme, host, port, path)";
    while (str_ends(path, STR("/")))
        path.len--;
    return str_ends(path, STR("v1/traces"))
               ? "ends in /v1/traces, which Ava adds itself; leave it out"
               : NULL;
}

static const char *judge_endpoint(const struct config *c, struct arena *a) {
    struct str host, url = str_of(c->otlp_endpoint);
    const char *why = url.len ? check_endpoint(url, &host) : NULL;
    if (why && str_find(url, STR("@")) >= 0) /* it may hold a password */
        return arena_printf(a, "OTEL_EXPORTER_OTLP_ENDPOINT: the value %s", why);
    if (why)
        return arena_printf(a, "OTEL_EXPORTER_OTLP_ENDPOINT: '%s' %s", url.ptr, why);
    if (url.len && str_starts(url, STR("http://")) && secret_is_set(&c->otlp_headers) &&
        !config_is_loopback(host))
        return "OTEL_EXPORTER_OTLP_ENDPOINT: plain http to another machine would show "
               "OTEL_EXPORTER_OTLP_HEADERS to everybody on the way; use https";
    return NULL;
}

static const char *judge_headers(const struct config *c, struct arena *a) {
    const char *lines[TRACES_HEADERS_MAX], *why = NULL;
    int count = traces_headers_parse(a, secret_reveal(&c->otlp_headers), lines, &why);
    for (int i = 0; i < count; i++)
        explicit_bzero((char *)lines[i], strlen(lines[i]));
    return count < 0 ? arena_printf(a, "OTEL_EXPORTER_OTLP_HEADERS: it %s", why) : NULL;
}

const char *traces_judge(const struct config *c, struct arena *a, enum setting *which) {
    double ratio;
    const char *why = judge_endpoint(c, a);
    *which = SETTING_OTEL_EXPORTER_OTLP_ENDPOINT;
    if (why)
        return why;
    *which = SETTING_OTEL_EXPORTER_OTLP_HEADERS;
    if ((why = judge_headers(c, a)))
        return why;
    *which = SETTING_OTEL_TRACES_SAMPLER_ARG;
    if (!traces_ratio_parse(c->traces_ratio, &ratio))
        return arena_printf(a, "OTEL_TRACES_SAMPLER_ARG: '%s' is not a number from 0 to 1",
                            c->traces_ratio);
    *which = SETTING_OTEL_SERVICE_NAME;
    return str_fits(str_of(c->otel_service_name), 1, 200)
               ? NULL
               : "OTEL_SERVICE_NAME: it must have 1 to 200 characters of UTF-8";
}
