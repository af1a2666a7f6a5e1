#include "fuzz/fuzz.h"

#include "http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str second, first = fuzz_cut(data, size, &second);
    struct http_field fields[2] = { { STR("Cookie"), first }, { STR("cookie"), second } };
    struct http_req req = { .fields = fields, .field_count = second.ptr ? 2 : 1 };
    struct str found = cookie_find(&req, "ava_session");
    if (found.ptr)
        CLAIM((found.ptr >= first.ptr && found.ptr + found.len <= first.ptr + first.len) ||
              (second.ptr && found.ptr >= second.ptr &&
               found.ptr + found.len <= second.ptr + second.len));
    cookie_find(&req, "");
    return 0;
}
