/* How Vapi says no, and how it writes times, ids and lists (OpenAPI of 2026-08-20). */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/form.h"
#include "base/json.h"
#include "sandbox/pretend_vapi.h"

enum { LIST_DEFAULT = 100 };

void vapi_refuse(struct http_reply *reply, int status, json_t *message, const char *error) {
    json_t *body = json_pack("{s:o, s:i}", "message", message, "statusCode", status);
    if (error)
        json_object_set_new(body, "error", json_string(error));
    pretend_reply_new(reply, status, body);
}

void vapi_fail(int status, struct http_reply *reply) {
    static const struct {
        int status;
        const char *message, *error;
    } WORDS[] = {
        { 400, "Bad Request", "Bad Request" },
        { 401,
          "Invalid Key. Hot tip, you may be using the private key instead of the public key, or "
          "vice versa.",
          "Unauthorized" },
        { 402, "Payment required.", "Payment Required" },
        { 403, "Forbidden resource", "Forbidden" },
        { 404, "Assistant not found", "Not Found" },
        { 429, "Rate limit exceeded", NULL },
        { 500, "Internal server error", NULL },
        { 502, "Bad Gateway", NULL },
        { 503, "Service Unavailable", NULL },
        { 504, "Gateway Timeout", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++)
        if (WORDS[i].status == status) {
            vapi_refuse(reply, status, json_string(WORDS[i].message), WORDS[i].error);
            return;
        }
    vapi_refuse(reply, status, json_string("Something went wrong"), NULL);
}

json_t *vapi_time(int64_t unix_ms) {
    char text[32];
    clock_rfc3339(unix_ms, text);
    return json_string(text);
}

int64_t vapi_time_of(const json_t *thing, const char *name) {
    const char *text = json_text(thing, name);
    int64_t ms = 0;
    if (text)
        clock_parse_rfc3339(text, strlen(text), &ms);
    return ms;
}

json_t *vapi_uuid(const unsigned char b[16]) {
    return json_sprintf("%02x%02x%02x%02x-%02x%02x-4%01x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                        b[0], b[1], b[2], b[3], b[4], b[5], b[6] & 15, b[7], (b[8] & 0x3F) | 0x80,
                        b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

/* createdAtGt and its seven sisters. False when one is not a date. */
static bool in_time(const json_t *assistant, const struct form *query) {
    static const char *const EDGES[] = { "Gt", "Lt", "Ge", "Le" };
    for (size_t i = 0; i < query->count; i++) {
        struct str name = query->pairs[i].name, edge;
        const char *field = str_starts(name, STR("createdAt"))   ? "createdAt"
                            : str_starts(name, STR("updatedAt")) ? "updatedAt"
                                                                 : NULL;
        const char *at = field ? json_text(assistant, field) : NULL;
        int64_t mine, theirs;
        if (!at || !clock_parse_rfc3339(at, strlen(at), &mine) ||
            !clock_parse_rfc3339(query->pairs[i].value.ptr, query->pairs[i].value.len, &theirs))
            continue;
        edge = (struct str){ name.ptr + strlen(field), name.len - strlen(field) };
        if ((str_is(edge, EDGES[0]) && mine <= theirs) ||
            (str_is(edge, EDGES[1]) && mine >= theirs) ||
            (str_is(edge, EDGES[2]) && mine < theirs) || (str_is(edge, EDGES[3]) && mine > theirs))
            return false;
    }
    return true;
}

/* Of the asked assistant, number, ..., when the query names one. */
static bool is_of(const json_t *one, const char *field, const struct form *query) {
    struct str asked = form_find(query, field);
    return !asked.ptr || str_is(asked, json_text(one, field));
}

void vapi_list(const json_t *items, const struct http_req *req, struct http_reply *reply) {
    struct form query = { 0 };
    int64_t limit = LIST_DEFAULT;
    form_parse(req->arena, req->query, &query);
    struct str asked = form_find(&query, "limit");
    if (asked.ptr && !str_to_i64(asked, 0, 1000, &limit)) {
        vapi_refuse(reply, 400, json_pack("[s]", "limit must not be greater than 1000"),
                    "Bad Request");
        return;
    }
    json_t *page = json_array();
    for (size_t i = json_array_size(items); i-- > 0;) { /* newest first */
        json_t *one = json_array_get(items, i);
        if ((int64_t)json_array_size(page) == limit)
            break;
        if (in_time(one, &query) && is_of(one, "assistantId", &query) &&
            is_of(one, "phoneNumberId", &query))
            json_array_append(page, one);
    }
    pretend_reply_new(reply, 200, page);
}
