/* The way into Twilio's API 2010-04-01: who asks, for which account, and which part of it answers. */
#include "sandbox/pretend_twilio.h"

#include "base/encode.h"
#include "base/json.h"

/* --- who asks -------------------------------------------------------------------------------- */

struct login {
    struct str sid, token;
};

static bool login_of(const struct http_req *req, struct login *out) {
    struct str value = http_field(req, "Authorization"), pair, rest;
    if (value.len < 6 || !str_eq_nocase((struct str){ value.ptr, 6 }, STR("Basic ")) ||
        !base64_decode(req->arena, str_trim((struct str){ value.ptr + 6, value.len - 6 }), &pair))
        return false;
    out->sid = str_cut(pair, ':', &rest);
    out->token = rest;
    return rest.ptr != NULL;
}

static struct str credential(const struct http_req *req) {
    struct login login;
    return login_of(req, &login) ? login.token : (struct str){ NULL, 0 };
}

/* --- routes ---------------------------------------------------------------------------------- */

static void route(const struct twilio_visit *v, struct str part) {
    bool is_read = v->req->method == METHOD_GET || v->req->method == METHOD_HEAD;
    if (str_is(part, ".json") && is_read)
        pretend_reply(v->reply, 200, json_object_get(v->account, "about"));
    else if (str_is(part, ".json"))
        twilio_fail(405, v->reply);
    else if (!twilio_numbers_answer(v, part) && !twilio_calls_answer(v, part) &&
             !twilio_messages_answer(v, part) && !twilio_recordings_answer(v, part))
        twilio_not_found(v->req, v->reply);
}

/* An API key signs nothing: callbacks need the account's own token, as it was last shown. */
static struct str signing_token(json_t *account, const struct login *login) {
    if (login->sid.ptr[0] == 'A')
        json_object_set_new(account, "token", json_stringn(login->token.ptr, login->token.len));
    return str_of(json_text(account, "token"));
}

static void answer(struct pretend_world *world, const struct http_req *req,
                   struct http_reply *reply) {
    const struct str prefix = STR(TWILIO_ACCOUNTS);
    struct login login;
    if (!login_of(req, &login) || pretend_refuses(login.token) ||
        !(twilio_is_sid(login.sid, "AC") || twilio_is_sid(login.sid, "SK"))) {
        twilio_fail(401, reply);
        return;
    }
    if (!str_starts(req->path, prefix) || req->path.len < prefix.len + 34) {
        twilio_not_found(req, reply);
        return;
    }
    struct str sid = { req->path.ptr + prefix.len, 34 };
    struct str part = { sid.ptr + 34, req->path.len - prefix.len - 34 };
    if (!twilio_is_sid(sid, "AC") || (login.sid.ptr[0] == 'A' && !str_eq(sid, login.sid))) {
        twilio_not_found(req, reply);
        return;
    }
    json_t *account = twilio_account(world, sid);
    if (!account) {
        twilio_fail(503, reply);
        return;
    }
    struct twilio_visit v = { world, account, sid, signing_token(account, &login), req, reply };
    route(&v, part);
}

const struct pretend PRETEND_TWILIO = { "twilio", credential, answer, twilio_fail };
