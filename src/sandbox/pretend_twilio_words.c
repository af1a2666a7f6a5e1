/* How Twilio says no, and how it writes times and ids, as its published samples show it. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/encode.h"
#include "sandbox/pretend_twilio.h"

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

bool twilio_is_sid(struct str text, const char *kind) {
    unsigned char raw[16];
    return str_starts(text, str_of(kind)) && text.len == 34 &&
           hex_decode((struct str){ text.ptr + 2, 32 }, raw, sizeof raw);
}
