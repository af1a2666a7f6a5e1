/* The account of Twilio's API 2010-04-01, as its published samples show it, and the way to what it
 * has: numbers, calls, texts, recordings. */
#include "sandbox/pretend_twilio.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/encode.h"
#include "base/json.h"
#include "sandbox/courier.h"

enum { NUMBERS = 3, PAGE_DEFAULT = 50, PAGE_MAX = 1000 };

/* --- refusing -------------------------------------------------------------------------------- */

void twilio_refuse(struct http_reply *reply, int status, int code, json_t *message) {
    pretend_reply_new(
        reply, status,
        json_pack("{s:i, s:o, s:o, s:i}", "code", code, "message", message, "more_info",
                  json_sprintf("https://www.twilio.com/docs/errors/%d", code), "status", status));
}

void twilio_fail(int status, struct http_reply *reply) {
    static const struct {
        int status, code;
        const char *message;
    } WORDS[] = {
        { 400, 20001, "Bad request" },
        { 401, 20003, "Authenticate" },
        { 403, 20006, "Access Denied" },
        { 404, 20404, "The requested resource was not found" },
        { 405, 20004, "Method not allowed" },
        { 429, 20429, "Too Many Requests" },
        { 500, 20500, "An internal server error has occurred" },
        { 503, 20503, "Service unavailable" },
    };
    if (status == 429)
        http_reply_header_text(reply, "Twilio-Concurrent-Requests", "101");
    if (status == 401)
        http_reply_header_text(reply, "WWW-Authenticate", "Basic realm=\"Twilio API\"");
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (WORDS[i].status == status) {
            twilio_refuse(reply, status, WORDS[i].code, json_string(WORDS[i].message));
            return;
        }
    twilio_refuse(reply, status, 20000 + status, json_string("Error"));
}

void twilio_not_found(const struct http_req *req, struct http_reply *reply) {
    twilio_refuse(reply, 404, 20404,
                  json_sprintf("The requested resource %.*s was not found", STR_FMT(req->path)));
}

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

static bool is_sid(struct str text, const char *kind) {
    unsigned char raw[16];
    return str_starts(text, str_of(kind)) && text.len == 34 &&
           hex_decode((struct str){ text.ptr + 2, 32 }, raw, sizeof raw);
}

/* --- demo data ------------------------------------------------------------------------------- */

json_t *twilio_date(int64_t unix_ms) {
    char text[32];
    if (unix_ms == 0)
        return json_null();
    clock_http_date(unix_ms, text);
    return json_sprintf("%.*s +0000", (int)(strlen(text) - 4), text); /* RFC 2822 */
}

json_t *twilio_sid(const char *kind, const unsigned char raw[16]) {
    char hex[33];
    hex_encode(hex, raw, 16);
    return json_sprintf("%s%s", kind, hex);
}

/* An area code and 555, the exchange of films: nobody answers there. */
static void phone_digits(const unsigned char *raw, char out[11]) {
    static const char *const AREAS[] = { "202", "206", "212", "213", "305", "312", "415", "503",
                                         "512", "602", "617", "646", "702", "713", "808", "917" };
    unsigned line = ((unsigned)raw[1] << 8 | raw[2]) % 10000;
    memcpy(out, AREAS[raw[0] % ARRAY_LEN(AREAS)], 3);
    memcpy(out + 3, "555", 3);
    for (int i = 9; i >= 6; i--, line /= 10)
        out[i] = (char)('0' + line % 10);
    out[10] = 0;
}

static json_t *make_number(const char *account_sid, const unsigned char hash[32], int i) {
    static const char *const NAMES[NUMBERS] = { "Front desk", "Appointments", NULL };
    static const int64_t BORN_MS = 1768469400000; /* 2026-01-15 09:30 */
    unsigned char raw[16];
    char digits[11];
    for (int b = 0; b < 16; b++)
        raw[b] = (unsigned char)(hash[(b + 5 * i) % 32] + 37 * i);
    phone_digits(raw, digits);
    json_t *sid = twilio_sid("PN", raw);
    json_t *n =
        json_pack("{s:s, s:s, s:n, s:s, s:b, s:{s:b, s:b, s:b, s:b}, s:o, s:o, s:s, s:n, s:s}",
                  "account_sid", account_sid, "address_requirements", "none", "address_sid",
                  "api_version", "2010-04-01", "beta", 0, "capabilities", "voice", 1, "sms", i != 2,
                  "mms", i == 0, "fax", 0, "date_created", twilio_date(BORN_MS), "date_updated",
                  twilio_date(BORN_MS), "emergency_status", "Inactive", "emergency_address_sid",
                  "emergency_address_status", "unregistered");
    json_object_set_new(n, "friendly_name",
                        NAMES[i] ? json_string(NAMES[i])
                                 : json_sprintf("(%.3s) %.3s-%s", digits, digits + 3, digits + 6));
    json_object_update_new(n, json_pack("{s:n, s:s, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:n}",
                                        "identity_sid", "origin", "twilio", "phone_number",
                                        json_sprintf("+1%s", digits), "sms_application_sid", "",
                                        "sms_fallback_method", "POST", "sms_fallback_url", "",
                                        "sms_method", "POST", "sms_url", "", "status_callback", "",
                                        "status_callback_method", "POST", "trunk_sid"));
    json_object_update_new(
        n, json_pack("{s:o, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:n, s:s}", "uri",
                     json_sprintf(TWILIO_ACCOUNTS "%s/IncomingPhoneNumbers/%s.json", account_sid,
                                  json_string_value(sid)),
                     "voice_application_sid", "", "voice_caller_id_lookup", 0,
                     "voice_fallback_method", "POST", "voice_fallback_url", "", "voice_method",
                     "POST", "voice_url", "", "voice_receive_mode", "voice", "status", "in-use",
                     "bundle_sid", "type", "local"));
    json_object_set_new(n, "sid", sid);
    return n;
}

static json_t *subresources(const char *sid) {
    static const struct {
        const char *name, *path;
    } PARTS[] = {
        { "available_phone_numbers", "AvailablePhoneNumbers" },
        { "calls", "Calls" },
        { "conferences", "Conferences" },
        { "incoming_phone_numbers", "IncomingPhoneNumbers" },
        { "notifications", "Notifications" },
        { "outgoing_caller_ids", "OutgoingCallerIds" },
        { "recordings", "Recordings" },
        { "transcriptions", "Transcriptions" },
        { "addresses", "Addresses" },
        { "signing_keys", "SigningKeys" },
        { "connect_apps", "ConnectApps" },
        { "sip", "SIP" },
        { "authorized_connect_apps", "AuthorizedConnectApps" },
        { "usage", "Usage" },
        { "keys", "Keys" },
        { "applications", "Applications" },
        { "short_codes", "SMS/ShortCodes" },
        { "queues", "Queues" },
        { "messages", "Messages" },
        { "balance", "Balance" },
    };
    json_t *uris = json_object();
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        json_object_set_new(uris, PARTS[i].name,
                            json_sprintf(TWILIO_ACCOUNTS "%s/%s.json", sid, PARTS[i].path));
    return uris;
}

static json_t *make_account(struct str key, const unsigned char hash[32]) {
    char sid[35];
    str_copy(sid, sizeof sid, key);
    json_t *numbers = json_array();
    for (int i = 0; i < NUMBERS; i++)
        json_array_append_new(numbers, make_number(sid, hash, i));
    json_t *about = json_pack("{s:s, s:s, s:o, s:o, s:s, s:s, s:s, s:s, s:o, s:o}", "sid", sid,
                              "owner_account_sid", sid, "date_created", twilio_date(1768469400000),
                              "date_updated", twilio_date(1768469400000), "friendly_name",
                              "Sandbox account", "status", "active", "type", "Full", "auth_token",
                              "not shown by the sandbox", "subresource_uris", subresources(sid),
                              "uri", json_sprintf(TWILIO_ACCOUNTS "%s.json", sid));
    return json_pack("{s:o, s:o, s:[], s:{}, s:[], s:{}}", "about", about, "numbers", numbers,
                     "calls", "callsBySid", "messages", "messagesBySid");
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

json_t *twilio_account(struct pretend_world *world, struct str sid) {
    return is_sid(sid, "AC") ? pretend_account(world, sid, make_account) : NULL;
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
        !(is_sid(login.sid, "AC") || is_sid(login.sid, "SK"))) {
        twilio_fail(401, reply);
        return;
    }
    if (!str_starts(req->path, prefix) || req->path.len < prefix.len + 34) {
        twilio_not_found(req, reply);
        return;
    }
    struct str sid = { req->path.ptr + prefix.len, 34 };
    struct str part = { sid.ptr + 34, req->path.len - prefix.len - 34 };
    if (!is_sid(sid, "AC") || (login.sid.ptr[0] == 'A' && !str_eq(sid, login.sid))) {
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
