/* Where may Ava send? A URL that is taken must be what curl, which sends it, takes it for, and no host
 * that is taken for a name may be one that the resolver takes for an address. */
#include "fuzz/fuzz.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include "base/arena.h"
#include "providers/outbound.h"

static void compare(const char *url, const struct outbound_url *parts) {
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
    struct in_addr odd;
    int64_t number = 0;
    CLAIM(u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_USER, &user, 0) != CURLUE_OK);
    CLAIM(strcmp(scheme, parts->is_https ? "https" : "http") == 0);
    CLAIM(str_to_i64(str_of(port), 0, 65535, &number) && number == parts->port);
    if (parts->is_address && parts->address.family == AF_INET6)
        CLAIM(host[0] == '[');
    else
        CLAIM(str_eq_nocase(str_of(host), str_of(parts->host)));
    CLAIM(parts->is_address || !inet_aton(parts->host, &odd));
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct address_ranges NONE = { .count = 0 };
    struct arena *a = arena_new(1 << 20);
    const char *url = arena_strndup(a, (const char *)data, size);
    struct outbound_url parts;
    if (!outbound_parse((struct str){ url, size }, &parts)) {
        CLAIM(strlen(url) == size && size <= OUTBOUND_URL_MAX);
        compare(url, &parts);
    }
    if (!outbound_check((struct str){ url, size }, &NONE))
        CLAIM(parts.is_https && (!parts.is_address || address_is_public(&parts.address)));
    arena_free(a);
    return 0;
}
