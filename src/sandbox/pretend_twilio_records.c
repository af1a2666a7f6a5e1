/* What calls and texts of the pretend Twilio have in common: a course of steps by the clock. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "sandbox/courier.h"
#include "sandbox/pretend_twilio.h"

json_t *twilio_sid_new(const char *kind) {
    unsigned char raw[16];
    ava_rand(raw, sizeof raw);
    return twilio_sid(kind, raw);
}

bool twilio_is_e164(struct str text) {
    if (text.len < 8 || text.len > 16 || text.ptr[0] != '+' || text.ptr[1] == '0')
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

bool twilio_owns(const json_t *account, struct str number) {
    json_t *n;
    size_t i;
    json_array_foreach(json_object_get(account, "numbers"), i, n) {
        if (str_is(number, json_text(n, "phone_number")))
            return true;
    }
    /* Twilio's own test number, and the one that the pretend Vapi answers. */
    return str_is(number, "+15005550006") || str_is(number, "+12125550118");
}

json_t *twilio_record_new(const struct twilio_visit *v, const char *kind, json_t *public,
                          struct str callback) {
    json_t *record = json_pack("{s:s, s:o, s:[], s:i, s:i}", "kind", kind, "public", public,
                               "steps", "told", 0, "aged", 0);
    json_object_set_new(record, "account_sid",
                        json_stringn(v->account_sid.ptr, v->account_sid.len));
    if (callback.len && v->token.len && caller_is_loopback(callback)) {
        json_object_set_new(record, "callback", json_stringn(callback.ptr, callback.len));
        json_object_set_new(record, "token", json_stringn(v->token.ptr, v->token.len));
    }
    return record;
}

void twilio_step(json_t *record, int64_t at_ms, json_t *set, json_t *params) {
    json_t *step = json_pack("{s:I, s:o}", "at", (json_int_t)at_ms, "set", set);
    if (params && json_object_get(record, "callback"))
        json_object_set(step, "params", params);
    json_decref(params);
    json_array_append_new(json_object_get(record, "steps"), step);
}

/* "calls" has its index in "callsBySid". */
static json_t *index_of(const json_t *account, const char *list) {
    char name[32];
    struct buf b = { 0 };
    buf_printf(&b, "%sBySid", list);
    str_copy(name, sizeof name, buf_view(&b));
    buf_fini(&b);
    return json_object_get(account, name);
}

void twilio_record_keep(const struct twilio_visit *v, const char *list, json_t *record) {
    const char *sid = json_text(json_object_get(record, "public"), "sid");
    json_array_append(json_object_get(v->account, list), record);
    json_object_set(index_of(v->account, list), sid, record);
    if (json_object_get(record, "callback") && v->world->courier)
        courier_follow(v->world->courier, record);
}

json_t *twilio_record_find(const json_t *account, const char *list, struct str sid) {
    char name[40];
    return str_copy(name, sizeof name, sid) ? json_object_get(index_of(account, list), name) : NULL;
}

void twilio_record_age(json_t *record) {
    json_t *public = json_object_get(record, "public");
    const json_t *steps = json_object_get(record, "steps");
    size_t aged = (size_t)json_i64_or(record, "aged", 0);
    for (int64_t now = ava_steady_ms(); aged < json_array_size(steps); aged++) {
        json_t *step = json_array_get(steps, aged);
        int64_t at = json_i64_or(step, "at", 0);
        if (at > now)
            break;
        json_object_update(public, json_object_get(step, "set"));
        json_object_set_new(public, "date_updated", twilio_date(at));
    }
    json_object_set_new(record, "aged", json_integer((json_int_t)aged));
}
