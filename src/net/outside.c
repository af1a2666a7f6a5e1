#include "net/outside.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

enum { AUTHORITIES_MAX = 1024 };

static struct {
    char *proxy, *no_proxy;
    X509 **authorities;
    size_t count;
} ways;

static struct str str_from(struct str s, size_t at) {
    return (struct str){ s.ptr + at, s.len - at };
}

/* --- authorities ----------------------------------------------------------------------------- */

static void forget_authorities(X509 **list, size_t count) {
    for (size_t i = 0; i < count; i++)
        X509_free(list[i]);
    free(list);
}

/* All certificates of the file. NULL and *why when there is none. */
static X509 **read_authorities(const char *path, size_t *count, struct arena *a, const char **why) {
    FILE *f = fopen(path, "re");
    X509 **list = memory_zeroed(AUTHORITIES_MAX, sizeof *list);
    *count = 0;
    while (f && *count < AUTHORITIES_MAX && (list[*count] = PEM_read_X509(f, NULL, NULL, NULL)))
        ++*count;
    ERR_clear_error();
    if (!*count)
        *why = arena_printf(a, "AVA_CA_FILE: %s %s", path,
                            f ? "holds no certificate in PEM" : strerror(errno));
    if (f)
        fclose(f);
    if (*count)
        return list;
    free(list);
    return NULL;
}

static CURLcode trust(CURL *curl, void *ssl_ctx, void *arg) {
    X509_STORE *store = SSL_CTX_get_cert_store(ssl_ctx);
    for (size_t i = 0; i < ways.count; i++)
        X509_STORE_add_cert(store, ways.authorities[i]);
    ERR_clear_error(); /* of one that the system has as well */
    return CURLE_OK;
}

void outside_trust(void *easy) {
    if (ways.count)
        curl_easy_setopt((CURL *)easy, CURLOPT_SSL_CTX_FUNCTION, trust);
}

/* --- the proxy ------------------------------------------------------------------------------- */

static bool is_proxy(struct str url) {
    struct str host = str_starts(url, STR("http://")) ? str_from(url, 7) : (struct str){ NULL, 0 };
    while (host.len && host.ptr[host.len - 1] == '/')
        host.len--;
    return host.len && str_find(host, STR("/")) < 0 && str_find(host, STR(" ")) < 0;
}

/* The host of a URL, without brackets. */
static struct str host_of(const char *url) {
    struct str rest, s = str_of(strstr(url, "://") ? strstr(url, "://") + 3 : url);
    s = str_cut(s, '/', &rest);
    if (s.len && s.ptr[0] == '[')
        return str_cut(str_from(s, 1), ']', &rest);
    return str_cut(s, ':', &rest);
}

/* "example.com" and ".example.com" are that name and all below it. */
static bool is_named(struct str host, struct str item) {
    if (item.len && item.ptr[0] == '.')
        item = str_from(item, 1);
    if (!item.len || item.len > host.len)
        return false;
    struct str end = str_from(host, host.len - item.len);
    bool is_whole = item.len == host.len || host.ptr[host.len - item.len - 1] == '.';
    return is_whole && strncasecmp(end.ptr, item.ptr, item.len) == 0;
}

const char *outside_proxy_for(const char *url) {
    if (!ways.proxy || !ways.proxy[0] || strncmp(url, "https://", 8) != 0)
        return NULL;
    struct str host = host_of(url);
    for (struct str rest = str_of(ways.no_proxy); rest.ptr;) {
        struct str item = str_trim(str_cut(rest, ',', &rest));
        if (str_is(item, "*") || is_named(host, item))
            return NULL;
    }
    return ways.proxy;
}

/* --- both ------------------------------------------------------------------------------------ */

static bool read(const struct outside *o, X509 ***authorities, size_t *count, struct arena *a,
                 const char **why) {
    *authorities = NULL;
    *count = 0;
    if (o->proxy.len && !is_proxy(o->proxy)) {
        *why = "HTTPS_PROXY: it must be http://host:port, with user:password@ in front of the host "
               "where the proxy asks for them";
        return false;
    }
    return !o->ca_file[0] || (*authorities = read_authorities(o->ca_file, count, a, why)) != NULL;
}

bool outside_judge(const struct outside *o, struct arena *a, const char **why) {
    X509 **authorities;
    size_t count;
    bool good = read(o, &authorities, &count, a, why);
    forget_authorities(authorities, count);
    return good;
}

bool outside_set(const struct outside *o, struct arena *a, const char **why) {
    static const struct outside NEITHER = { "", "", { "", 0 } };
    X509 **authorities;
    size_t count;
    o = o ? o : &NEITHER;
    if (!read(o, &authorities, &count, a, why))
        return false;
    forget_authorities(ways.authorities, ways.count);
    if (ways.proxy)
        explicit_bzero(ways.proxy, strlen(ways.proxy));
    free(ways.proxy);
    free(ways.no_proxy);
    ways.proxy = memory_zeroed(1, o->proxy.len + 1);
    if (o->proxy.len)
        memcpy(ways.proxy, o->proxy.ptr, o->proxy.len);
    ways.no_proxy = memory_copy(o->no_proxy);
    ways.authorities = authorities;
    ways.count = count;
    return true;
}
