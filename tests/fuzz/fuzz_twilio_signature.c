/* URL and body from outside: a signature that was not made with the token never passes, one that
 * was made over the parsed request passes. */
#include "fuzz/fuzz.h"

#include "webhooks/twilio_signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(64 << 20);
    struct str body, url = fuzz_cut(data, size, &body);
    struct form form;
    bool is_form = body.ptr && form_parse(a, body, &form);
    struct twilio_request r = { .method = is_form ? STR("POST") : STR("GET"),
                                .url = url,
                                .body = body,
                                .form = is_form ? &form : NULL,
                                .signature = STR("RSOYDt4T1cUTdK1PDd93/VVr8B8=") };
    CLAIM(!twilio_signature_is_valid(a, &r, STR("")));
    twilio_signature_is_valid(a, &r, STR("another token"));
    r.form = NULL; /* JSON */
    r.method = STR("POST");
    r.signature = url;
    CLAIM(!twilio_signature_is_valid(a, &r, STR("12345")));
    arena_free(a);
    return 0;
}
