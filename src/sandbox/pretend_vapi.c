/* The way into Vapi's API (OpenAPI of 2026-08-20): who asks, and which part of it answers. */
#include "sandbox/pretend_vapi.h"

static struct str credential(const struct http_req *req) {
    struct str value = http_field(req, "Authorization");
    if (value.len < 7 || !str_eq_nocase((struct str){ value.ptr, 7 }, STR("Bearer ")))
        return (struct str){ NULL, 0 };
    return str_trim((struct str){ value.ptr + 7, value.len - 7 });
}

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    struct str key = credential(req);
    if (vapi_control_answer(world, req, reply))
        return;
    if (!key.ptr || pretend_refuses(key)) {
        vapi_fail(401, reply);
        return;
    }
    json_t *account = vapi_account(world, key);
    if (!account)
        vapi_fail(503, reply);
    else if (str_is(req->path, "/call") || str_starts(req->path, STR("/call/")))
        vapi_calls_answer(world, account, req, reply);
    else if (!vapi_numbers_answer(world, account, req, reply) &&
             !vapi_assistants_answer(account, req, reply))
        vapi_refuse(
            reply, 404,
            json_sprintf("Cannot %s %.*s", http_method_name(req->method), STR_FMT(req->path)),
            "Not Found");
}

const struct pretend PRETEND_VAPI = { "vapi",    credential, answer,
                                      vapi_fail, vapi_stage, vapi_tell_to };
