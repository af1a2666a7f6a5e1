/* Header and body from outside, a plan with a key nobody sent: never valid, whatever they hold; and
 * any plan at all may be asked about and checked. */
#include "fuzz/fuzz.h"

#include <string.h>

#include "base/json.h"
#include "providers/vapi_auth.h"

struct sent {
    struct str signature, timestamp;
};

static struct str header(const void *arg, const char *name) {
    const struct sent *s = arg;
    return strcmp(name, "x-timestamp") == 0 ? s->timestamp : s->signature;
}

static bool is_valid(struct arena *a, const json_t *plan, const struct vapi_auth_request *r) {
    struct vapi_auth_plan how = vapi_auth_plan_of(plan);
    return vapi_auth_is_valid(a, &how, r);
}

static void ask(struct arena *a, const json_t *plan, const struct vapi_auth_request *r) {
    static const struct parts NOTHING = { .db = NULL };
    struct ctx ctx;
    ctx_init(&ctx, &NOTHING, a, 1000);
    is_valid(a, plan, r);
    vapi_auth_check_plan(&ctx, plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char HMAC[] =
        "{\"type\":\"hmac\",\"algorithm\":\"sha256\",\"secretKey\":\"hidden-key\"}";
    static const char BEARER[] = "{\"type\":\"bearer\",\"token\":\"hidden-token-e7d1\"}";
    struct arena *a = arena_new(64 << 20);
    const char *why;
    struct str body;
    struct sent sent = { .signature = fuzz_cut(data, size, &body), .timestamp = STR("1795000000") };
    struct vapi_auth_request r = { .method = STR("POST"),
                                   .url = sent.signature,
                                   .body = body.ptr ? body : STR(""),
                                   .now_s = 1795000000,
                                   .header = header,
                                   .arg = &sent };
    CLAIM(!is_valid(a, json_parse(a, STR(HMAC), &why), &r));
    CLAIM(!is_valid(a, json_parse(a, STR(BEARER), &why), &r));
    json_t *plan = json_parse(a, r.body, &why);
    if (plan)
        ask(a, plan, &r);
    arena_free(a);
    return 0;
}
