#include "webhooks/twilio_signature.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "crypto/hash.h"
#include "crypto/hmac.h"

static int compare(struct str a, struct str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name_then_value(const void *x, const void *y) {
    const struct form_pair *a = x, *b = y;
    int order = compare(a->name, b->name);
    return order ? order : compare(a->value, b->value);
}

/* name+value of every parameter in order; the same pair counts once. */
static void put_parameters(struct arena *a, struct buf *s, const struct form *form) {
    struct form_pair *sorted = arena_copy(a, form->pairs, form->count * sizeof *sorted);
    qsort(sorted, form->count, sizeof *sorted, by_name_then_value);
    for (size_t i = 0; i < form->count; i++) {
        if (i && by_name_then_value(&sorted[i], &sorted[i - 1]) == 0)
            continue;
        buf_str(s, sorted[i].name);
        buf_str(s, sorted[i].value);
    }
}

static bool matches(struct arena *a, const struct twilio_request *r, struct str auth_token,
                    struct str url, struct str parameters) {
    unsigned char mac[HMAC_SHA1_BYTES];
    struct buf s = { 0 };
    buf_str(&s, url);
    buf_str(&s, parameters);
    hmac_sha1(mac, auth_token, buf_view(&s));
    buf_fini(&s);
    return hmac_equal(str_of(base64_encode(a, mac, sizeof mac)), r->signature);
}

/* Where the port stands in the URL: between host end and port end; equal when it has none. */
static bool find_port(struct str url, size_t *host_end, size_t *port_end, const char **standard) {
    size_t at = str_starts(url, STR("https://")) ? 8 : str_starts(url, STR("http://")) ? 7 : 0;
    *standard = at == 8 ? ":443" : ":80";
    if (!at)
        return false;
    size_t end = at;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?')
        end++;
    size_t colon = end;
    for (size_t i = end; i > at && url.ptr[i - 1] != ']'; i--)
        if (url.ptr[i - 1] == ':')
            colon = i - 1;
    *host_end = colon;
    *port_end = end;
    return true;
}

/* The hash that the URL promises is the body's, compared as text like the reference does. */
static bool body_is_as_promised(struct arena *a, const struct twilio_request *r) {
    struct str query, ignored = str_cut(r->url, '?', &query);
    struct form parameters;
    unsigned char hash[HASH_BYTES];
    char hex[2 * HASH_BYTES + 1];
    (void)ignored;
    if (!form_parse(a, query, &parameters))
        return false;
    hash_sha256(hash, r->body);
    hex_encode(hex, hash, sizeof hash);
    struct str promised = form_find(&parameters, "bodySHA256");
    return promised.ptr && hmac_equal(promised, str_of(hex));
}

bool twilio_signature_is_valid(struct arena *a, const struct twilio_request *r,
                               struct str auth_token) {
    size_t host_end, port_end;
    const char *standard;
    if (auth_token.len == 0 || r->signature.len == 0 ||
        !find_port(r->url, &host_end, &port_end, &standard))
        return false;
    bool is_get = str_is(r->method, "GET");
    if (!is_get && !r->form && !body_is_as_promised(a, r))
        return false;
    struct buf parameters = { 0 }, bare = { 0 }, with_port = { 0 };
    if (!is_get && r->form)
        put_parameters(a, &parameters, r->form);
    buf_put(&bare, r->url.ptr, host_end);
    buf_put(&bare, r->url.ptr + port_end, r->url.len - port_end);
    buf_put(&with_port, r->url.ptr, host_end);
    buf_text(&with_port, standard);
    buf_put(&with_port, r->url.ptr + port_end, r->url.len - port_end);

    struct str p = buf_view(&parameters);
    bool good = matches(a, r, auth_token, r->url, p) ||
                matches(a, r, auth_token, buf_view(&bare), p) ||
                (host_end == port_end && matches(a, r, auth_token, buf_view(&with_port), p));
    buf_fini(&parameters);
    buf_fini(&bare);
    buf_fini(&with_port);
    return good;
}
