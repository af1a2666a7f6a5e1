/* Where may Ava send? What is said here must be what curl, which sends it, takes the URL for. */
#include "fuzz/fuzz.h"

#include <curl/curl.h>

#include "base/arena.h"
#include "providers/vapi_calls.h"

static const char REAL[] = "https://api.vapi.ai", NEAR[] = "http://127.0.0.1:4010";

static void compare(const char *url) {
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    CLAIM(u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK);
    CLAIM(curl_url_get(u, CURLUPART_USER, &user, 0) != CURLUE_OK);
    CLAIM(strcmp(scheme, "https") == 0);
    CLAIM(str_ends(str_of(host), STR(".vapi.ai")));
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(u);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(1 << 20);
    const char *url = arena_strndup(a, (const char *)data, size);
    if (vapi_is_control_url(REAL, url))
        compare(url);
    if (vapi_is_control_url(NEAR, url) && strncmp(url, "http://", 7) == 0)
        CLAIM(strncmp(url, "http://127.0.0.1:4010/", 22) == 0);
    arena_free(a);
    return 0;
}
