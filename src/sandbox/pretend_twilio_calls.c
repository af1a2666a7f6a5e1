/* The calls of Twilio's API 2010-04-01: POST and GET Calls.json, GET and POST Calls/{Sid}.json.
 *
 * A call is initiated, rings after a second, is answered after four and ends after thirty, or at
 * its TimeLimit, by the clock. To a number that ends in 9901 it is busy, in 9902 nobody answers, in
 * 9903 it fails. The numbers of Twilio's own test credentials (+1500555000n) are refused with the
 * codes it documents for them. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/json.h"
#include "sandbox/pretend_twilio.h"

enum {
    RINGS_AFTER_MS = 1000,
    TALKS_AFTER_MS = 4000,
    ENDS_AFTER_MS = 30000,
    LIMIT_DEFAULT_S = 14400,
    TWIML_MAX = 4000,
};

/* --- refusing -------------------------------------------------------------------------------- */

struct wish {
    struct form form;
    struct str to, from, url, twiml;
    int64_t limit_s;
};

/* 0 when Twilio would take it. */
static int complaint(const struct twilio_visit *v, struct wish *w) {
    static const struct {
        const char *number;
        int code;
    } TO[] = { { "+15005550001", 21217 },
               { "+15005550002", 21214 },
               { "+15005550003", 21215 },
               { "+15005550004", 13225 } };
    struct str limit = form_find(&w->form, "TimeLimit");
    w->limit_s = LIMIT_DEFAULT_S;
    if (!w->to.len)
        return 21201;
    for (size_t i = 0; i < ARRAY_LEN(TO); i++)
        if (str_is(w->to, TO[i].number))
            return TO[i].code;
    if (!twilio_is_e164(w->to))
        return 21211;
    if (!w->from.len)
        return 21213;
    if (!twilio_is_e164(w->from))
        return 21212;
    if (!twilio_owns(v->account, w->from))
        return 21210;
    if (!w->url.len && !w->twiml.len)
        return 21205;
    if (w->twiml.len > TWIML_MAX || (limit.ptr && !str_to_i64(limit, 1, 1000000, &w->limit_s)))
        return 20001;
    return json_array_size(json_object_get(v->account, "calls")) >= TWILIO_THINGS_MAX ? 20001 : 0;
}

static void refuse(struct http_reply *reply, int code, const struct wish *w) {
    json_t *words;
    switch (code) {
    case 21201:
        words = json_string("No 'To' number is specified");
        break;
    case 21205:
        words = json_string("Url parameter is required.");
        break;
    case 21210:
        words = json_sprintf("The source phone number provided, %.*s, is not yet verified for your "
                             "account. You may only make calls from phone numbers that you've "
                             "verified or purchased from Twilio.",
                             STR_FMT(w->from));
        break;
    case 21211:
        words = json_sprintf("The 'To' number %.*s is not a valid phone number.", STR_FMT(w->to));
        break;
    case 21212:
        words =
            json_sprintf("The 'From' number %.*s is not a valid phone number.", STR_FMT(w->from));
        break;
    case 21213:
        words = json_string("'From' phone number is required");
        break;
    default:
        words = json_sprintf("The call from %.*s to %.*s cannot be placed.", STR_FMT(w->from),
                             STR_FMT(w->to));
    }
    twilio_refuse(reply, 400, code, words);
}

/* --- making one ------------------------------------------------------------------------------ */

static json_t *subresources(const char *account, const char *sid) {
    static const char *const PARTS[][2] = {
        { "notifications", "Notifications" },
        { "recordings", "Recordings" },
        { "payments", "Payments" },
        { "events", "Events" },
        { "siprec", "Siprec" },
        { "streams", "Streams" },
        { "transcriptions", "Transcriptions" },
        { "user_defined_message_subscriptions", "UserDefinedMessageSubscriptions" },
        { "user_defined_messages", "UserDefinedMessages" },
    };
    json_t *uris = json_object();
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++)
        json_object_set_new(
            uris, PARTS[i][0],
            json_sprintf(TWILIO_ACCOUNTS "%s/Calls/%s/%s.json", account, sid, PARTS[i][1]));
    return uris;
}

static json_t *formatted(struct str number) {
    if (number.len != 12 || number.ptr[1] != '1')
        return json_stringn(number.ptr, number.len);
    return json_sprintf("(%.3s) %.3s-%.4s", number.ptr + 2, number.ptr + 5, number.ptr + 8);
}

static json_t *public_of(const struct twilio_visit *v, const struct wish *w) {
    const char *account = str_dup(v->req->arena, v->account_sid);
    json_t *sid = twilio_sid_new("CA"), *now = twilio_date(ava_steady_ms());
    const char *id = json_string_value(sid);
    json_t *uri = json_sprintf(TWILIO_ACCOUNTS "%s/Calls/%s.json", account, id);
    json_t *call = json_pack(
        "{s:o, s:s, s:s, s:s%, s:s%, s:o, s:o, s:s, s:s, s:o, s:O, s:n, s:n, s:n, s:n, s:s}", "sid",
        sid, "account_sid", account, "api_version", "2010-04-01", "to", w->to.ptr, w->to.len,
        "from", w->from.ptr, w->from.len, "to_formatted", formatted(w->to), "from_formatted",
        formatted(w->from), "direction", "outbound-api", "status", "queued", "date_created", now,
        "date_updated", now, "start_time", "end_time", "duration", "price", "price_unit", "USD");
    json_object_update_new(call, json_pack("{s:n, s:n, s:n, s:n, s:n, s:s, s:n, s:s, s:o, s:o}",
                                           "answered_by", "caller_name", "forwarded_from",
                                           "group_sid", "parent_call_sid", "phone_number_sid", "",
                                           "trunk_sid", "queue_time", "0", "uri", uri,
                                           "subresource_uris", subresources(account, id)));
    return call;
}

/* --- how it goes ----------------------------------------------------------------------------- */

/* Which callbacks were asked for; without a word only the last. */
static bool is_asked(const struct form *form, const char *event) {
    bool any = false;
    for (size_t i = 0; i < form->count; i++) {
        if (!str_is(form->pairs[i].name, "StatusCallbackEvent"))
            continue;
        if (str_is(form->pairs[i].value, event))
            return true;
        any = true;
    }
    return !any && strcmp(event, "completed") == 0;
}

static json_t *params_of(json_t *record, const char *status, int64_t talked_s) {
    const json_t *public = json_object_get(record, "public");
    const char *to = json_text(public, "to"), *from = json_text(public, "from");
    json_int_t sequence = json_i64_or(record, "sequence", 0);
    json_object_set_new(record, "sequence", json_integer(sequence + 1));
    json_t *params = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "CallSid",
                               json_text(public, "sid"), "CallStatus", status, "Direction",
                               "outbound-api", "To", to, "From", from, "Called", to, "Caller", from,
                               "SequenceNumber", json_sprintf("%d", (int)sequence));
    static const char *const LAST[] = { "CallDuration", "Duration", "SipResponseCode" };
    for (size_t i = 0; talked_s < 0 && i < ARRAY_LEN(LAST); i++)
        json_object_set_new(params, LAST[i], json_null());
    if (talked_s >= 0) {
        json_object_set_new(params, "CallDuration", json_sprintf("%d", (int)talked_s));
        json_object_set_new(params, "Duration", json_sprintf("%d", (int)(talked_s + 59) / 60));
    }
    return params;
}

static void end_at(json_t *record, int64_t at, const char *status, int64_t talked_ms) {
    int64_t talked_s = talked_ms / 1000;
    json_t *params =
        json_object_get(record, "tells_end") ? params_of(record, status, talked_s) : NULL;
    twilio_step(record, at,
                json_pack("{s:s, s:o, s:o}", "status", status, "end_time", twilio_date(at),
                          "duration", json_sprintf("%d", (int)talked_s)),
                params);
}

static void plan(json_t *record, const struct wish *w) {
    static const char *const EVENTS[] = { "initiated", "ringing", "answered", "completed" };
    bool asked[ARRAY_LEN(EVENTS)];
    int64_t now = ava_steady_ms(), rings = now + RINGS_AFTER_MS, talks = now + TALKS_AFTER_MS;
    int64_t ends = now + ENDS_AFTER_MS, limit = talks + w->limit_s * 1000;
    for (size_t i = 0; i < ARRAY_LEN(EVENTS); i++)
        asked[i] = is_asked(&w->form, EVENTS[i]);
    if (asked[3])
        json_object_set_new(record, "tells_end", json_true());
    twilio_step(record, now, json_object(), asked[0] ? params_of(record, "initiated", -1) : NULL);
    if (str_ends(w->to, STR("9903"))) {
        end_at(record, rings, "failed", 0);
        return;
    }
    twilio_step(record, rings,
                json_pack("{s:s, s:o}", "status", "ringing", "start_time", twilio_date(rings)),
                asked[1] ? params_of(record, "ringing", -1) : NULL);
    if (str_ends(w->to, STR("9901"))) {
        end_at(record, talks, "busy", 0);
        return;
    }
    if (str_ends(w->to, STR("9902"))) {
        end_at(record, ends, "no-answer", 0);
        return;
    }
    json_object_set_new(record, "talks_at", json_integer(talks));
    twilio_step(record, talks, json_pack("{s:s}", "status", "in-progress"),
                asked[2] ? params_of(record, "in-progress", -1) : NULL);
    ends = limit < ends ? limit : ends;
    end_at(record, ends, "completed", ends - talks);
}

static void create(const struct twilio_visit *v) {
    struct wish w;
    if (!form_parse(v->req->arena, v->req->body, &w.form)) {
        twilio_fail(400, v->reply);
        return;
    }
    w.to = form_find(&w.form, "To");
    w.from = form_find(&w.form, "From");
    w.url = form_find(&w.form, "Url");
    w.twiml = form_find(&w.form, "Twiml");
    int code = complaint(v, &w);
    if (code) {
        refuse(v->reply, code, &w);
        return;
    }
    json_t *record =
        twilio_record_new(v, "status", public_of(v, &w), form_find(&w.form, "StatusCallback"));
    plan(record, &w);
    pretend_reply(v->reply, 201, json_object_get(record, "public"));
    twilio_record_keep(v, "calls", record);
    json_decref(record);
}

/* --- ending one ------------------------------------------------------------------------------ */

/* What had not happened yet never does: instead it ends now. An ended call stays as it is. */
static void hang_up(json_t *record, const char *status) {
    json_t *steps = json_object_get(record, "steps");
    size_t aged = (size_t)json_i64_or(record, "aged", 0);
    int64_t now = ava_steady_ms(), talks = json_i64_or(record, "talks_at", now);
    if (aged == json_array_size(steps))
        return;
    while (json_array_size(steps) > aged)
        json_array_remove(steps, json_array_size(steps) - 1);
    end_at(record, now, status, now > talks ? now - talks : 0);
    twilio_record_age(record);
}

static void update(const struct twilio_visit *v, json_t *record) {
    struct form form;
    if (!form_parse(v->req->arena, v->req->body, &form)) {
        twilio_fail(400, v->reply);
        return;
    }
    struct str status = form_find(&form, "Status");
    const char *is = json_text(json_object_get(record, "public"), "status");
    bool talks = strcmp(is, "in-progress") == 0;
    if (status.ptr && !str_is(status, "completed") && !str_is(status, "canceled")) {
        twilio_refuse(v->reply, 400, 21218, json_string("Invalid Status"));
        return;
    }
    if (str_is(status, "completed") || (str_is(status, "canceled") && !talks))
        hang_up(record, str_is(status, "canceled") ? "canceled" : "completed");
    pretend_reply(v->reply, 200, json_object_get(record, "public"));
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_wanted(const json_t *public, const struct form *query) {
    static const char *const NAMES[][2] = { { "To", "to" },
                                            { "From", "from" },
                                            { "Status", "status" } };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct str asked = form_find(query, NAMES[i][0]);
        if (asked.ptr && !str_is(asked, json_text(public, NAMES[i][1])))
            return false;
    }
    return twilio_time_fits(query, "StartTime", twilio_date_read(json_text(public, "start_time")));
}

static void list(const struct twilio_visit *v) {
    static const char *const KEPT[] = { "To",        "From",       "Status",
                                        "StartTime", "StartTime<", "StartTime>" };
    const json_t *all = json_object_get(v->account, "calls");
    struct form query = { 0 };
    json_t *wanted = json_array();
    form_parse(v->req->arena, v->req->query, &query);
    for (size_t i = json_array_size(all); i-- > 0;) {
        json_t *record = json_array_get(all, i);
        twilio_record_age(record);
        if (is_wanted(json_object_get(record, "public"), &query))
            json_array_append(wanted, json_object_get(record, "public"));
    }
    twilio_list(v->req, v->reply, &(struct twilio_list){ "calls", wanted, KEPT, ARRAY_LEN(KEPT) });
    json_decref(wanted);
}

bool twilio_calls_answer(const struct twilio_visit *v, struct str part) {
    const struct str one_call = STR("/Calls/"), json = STR(".json");
    bool is_read = v->req->method == METHOD_GET || v->req->method == METHOD_HEAD;
    if (str_is(part, "/Calls.json")) {
        if (v->req->method == METHOD_POST)
            create(v);
        else if (is_read)
            list(v);
        else
            twilio_fail(405, v->reply);
        return true;
    }
    if (!str_starts(part, one_call) || !str_ends(part, json))
        return false;
    struct str sid = { part.ptr + one_call.len, part.len - one_call.len - json.len };
    json_t *record = twilio_record_find(v->account, "calls", sid);
    if (!record) {
        twilio_not_found(v->req, v->reply);
        return true;
    }
    twilio_record_age(record);
    if (v->req->method == METHOD_POST)
        update(v, record);
    else if (is_read)
        pretend_reply(v->reply, 200, json_object_get(record, "public"));
    else
        twilio_fail(405, v->reply);
    return true;
}
