#include "fuzz/fuzz.h"

#include "base/defs.h"
#include "http/router.h"

static const struct router_template TABLE[] = {
    { METHOD_GET, "/" },
    { METHOD_GET, "/api/v1/events" },
    { METHOD_GET, "/api/v1/events/{id}" },
    { METHOD_POST, "/api/v1/events/{id}/replay" },
    { METHOD_POST, "/webhooks/twilio/{token}/{kind}" },
    { METHOD_PUT, "/a/{x}/{y}/{z}" },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct router *r = router_new(TABLE, sizeof TABLE[0], ARRAY_LEN(TABLE));
    struct str path = { (const char *)data, size };
    for (enum http_method m = METHOD_GET; m <= METHOD_OTHER; m++) {
        struct router_match found;
        router_find(r, m, path, &found);
        CLAIM(found.index == ROUTER_NONE || found.path_exists);
        CLAIM(found.path_exists == (found.allowed != 0));
        for (int i = 0; found.index != ROUTER_NONE && i < ROUTER_PARAMS_MAX; i++) {
            struct str p = found.params[i];
            if (p.ptr)
                CLAIM(p.len && p.ptr >= path.ptr && p.ptr + p.len <= path.ptr + path.len &&
                      !memchr(p.ptr, '/', p.len));
        }
    }
    router_free(r);
    return 0;
}
