/* The texts of Twilio's API 2010-04-01: POST and GET Messages.json, GET Messages/{Sid}.json.
 *
 * A text is queued, then sent after half a second and delivered after two, by the clock; to a
 * number that ends in 9903 it is undelivered. The numbers of Twilio's own test credentials
 * (+1500555000n) are refused with the codes it documents for them. */
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/json.h"
#include "sandbox/pretend_twilio.h"

enum { SENT_AFTER_MS = 500, DELIVERED_AFTER_MS = 2000, BODY_CHARS_MAX = 1600, SEGMENT_CHARS = 153 };

static size_t chars_of(struct str text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++)
        n += ((unsigned char)text.ptr[i] & 0xC0) != 0x80;
    return n;
}

/* --- refusing -------------------------------------------------------------------------------- */

/* 0 when Twilio would take it. */
static int complaint(const struct twilio_visit *v, struct str to, struct str from, struct str body,
                     bool has_media) {
    static const struct {
        const char *number;
        int code;
    } TO[] = { { "+15005550001", 21211 },
               { "+15005550002", 21612 },
               { "+15005550003", 21408 },
               { "+15005550004", 21610 },
               { "+15005550009", 21614 } };
    if (!to.len)
        return 21604;
    for (size_t i = 0; i < ARRAY_LEN(TO); i++)
        if (str_is(to, TO[i].number))
            return TO[i].code;
    if (!twilio_is_e164(to))
        return 21211;
    if (!from.len)
        return 21603;
    if (!twilio_is_e164(from))
        return 21212;
    if (!twilio_owns(v->account, from))
        return 21606;
    if (!body.len && !has_media)
        return 21602;
    if (chars_of(body) > BODY_CHARS_MAX)
        return 21617;
    return json_array_size(json_object_get(v->account, "messages")) >= TWILIO_THINGS_MAX ? 21611
                                                                                         : 0;
}

static void refuse(struct http_reply *reply, int code, struct str to, struct str from) {
    json_t *words;
    switch (code) {
    case 21211:
        words = json_sprintf("The 'To' number %.*s is not a valid phone number.", STR_FMT(to));
        break;
    case 21212:
        words = json_sprintf("The 'From' number %.*s is not a valid phone number.", STR_FMT(from));
        break;
    case 21602:
        words = json_string("Message body is required.");
        break;
    case 21603:
        words = json_string("A 'From' phone number is required.");
        break;
    case 21604:
        words = json_string("A 'To' phone number is required.");
        break;
    case 21606:
        words = json_sprintf("The 'From' phone number %.*s is not a valid, message-capable "
                             "inbound phone number or short code for your account.",
                             STR_FMT(from));
        break;
    case 21610:
        words = json_string("Attempt to send to unsubscribed recipient");
        break;
    case 21617:
        words = json_string("The concatenated message body exceeds the 1600 character limit");
        break;
    default:
        words = json_sprintf("The message from %.*s to %.*s cannot be sent.", STR_FMT(from),
                             STR_FMT(to));
    }
    twilio_refuse(reply, 400, code, words);
}

/* --- making one ------------------------------------------------------------------------------ */

static json_t *public_of(const struct twilio_visit *v, struct str to, struct str from,
                         struct str body, int media) {
    json_t *sid = twilio_sid_new(media ? "MM" : "SM"), *now = twilio_date(ava_steady_ms());
    json_t *uri = json_sprintf(TWILIO_ACCOUNTS "%.*s/Messages/%s.json", STR_FMT(v->account_sid),
                               json_string_value(sid));
    json_t *more = json_sprintf(TWILIO_ACCOUNTS "%.*s/Messages/%s/Media.json",
                                STR_FMT(v->account_sid), json_string_value(sid));
    size_t segments = (chars_of(body) + SEGMENT_CHARS - 1) / SEGMENT_CHARS;
    return json_pack(
        "{s:o, s:s#, s:s, s:s%, s:s%, s:s%, s:o, s:O, s:n, s:s, s:n, s:n, s:o, s:o, s:n, s:n,"
        " s:n, s:s, s:o, s:{s:o}}",
        "sid", sid, "account_sid", v->account_sid.ptr, (int)v->account_sid.len, "api_version",
        "2010-04-01", "to", to.ptr, to.len, "from", from.ptr, from.len, "body",
        body.ptr ? body.ptr : "", body.len, "date_created", now, "date_updated", now, "date_sent",
        "direction", "outbound-api", "error_code", "error_message", "num_media",
        json_sprintf("%d", media), "num_segments", json_sprintf("%zu", segments ? segments : 1),
        "price", "price_unit", "messaging_service_sid", "status", "queued", "uri", uri,
        "subresource_uris", "media", more);
}

static json_t *params_of(const json_t *public, const char *status) {
    const char *sid = json_text(public, "sid");
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o}", "MessageSid", sid, "SmsSid", sid,
                     "MessageStatus", status, "SmsStatus", status, "To", json_text(public, "to"),
                     "From", json_text(public, "from"), "RawDlrDoneDate", json_null());
}

/* What becomes of it, from now on. */
static void plan(json_t *record, struct str to) {
    const json_t *public = json_object_get(record, "public");
    int64_t now = ava_steady_ms(), sent = now + SENT_AFTER_MS, done = now + DELIVERED_AFTER_MS;
    twilio_step(record, now, json_pack("{s:s}", "status", "queued"), params_of(public, "queued"));
    twilio_step(record, sent,
                json_pack("{s:s, s:o}", "status", "sent", "date_sent", twilio_date(sent)),
                params_of(public, "sent"));
    if (!str_ends(to, STR("9903"))) {
        twilio_step(record, done, json_pack("{s:s}", "status", "delivered"),
                    params_of(public, "delivered"));
        return;
    }
    json_t *params = params_of(public, "undelivered");
    json_object_set_new(params, "ErrorCode", json_string("30003"));
    json_object_set_new(params, "ErrorMessage", json_string("Unreachable destination handset"));
    twilio_step(record, done,
                json_pack("{s:s, s:i, s:s}", "status", "undelivered", "error_code", 30003,
                          "error_message", "Unreachable destination handset"),
                params);
}

static void create(const struct twilio_visit *v) {
    struct form form;
    if (!form_parse(v->req->arena, v->req->body, &form)) {
        twilio_fail(400, v->reply);
        return;
    }
    struct str to = form_find(&form, "To"), from = form_find(&form, "From");
    struct str body = form_find(&form, "Body");
    int media = 0;
    for (size_t i = 0; i < form.count; i++)
        media += str_is(form.pairs[i].name, "MediaUrl");
    int code = complaint(v, to, from, body, media > 0);
    if (code) {
        refuse(v->reply, code, to, from);
        return;
    }
    json_t *record = twilio_record_new(v, "message-status", public_of(v, to, from, body, media),
                                       form_find(&form, "StatusCallback"));
    plan(record, to);
    pretend_reply(v->reply, 201, json_object_get(record, "public"));
    twilio_record_keep(v, "messages", record);
    json_decref(record);
}

/* --- reading --------------------------------------------------------------------------------- */

static bool is_wanted(const json_t *public, const struct form *query) {
    struct str to = form_find(query, "To"), from = form_find(query, "From");
    const char *date = json_text(public, "date_sent");
    return (!to.ptr || str_is(to, json_text(public, "to"))) &&
           (!from.ptr || str_is(from, json_text(public, "from"))) &&
           twilio_time_fits(query, "DateSent", twilio_date_read(date));
}

static void list(const struct twilio_visit *v) {
    static const char *const KEPT[] = { "To", "From", "DateSent", "DateSent<", "DateSent>" };
    const json_t *all = json_object_get(v->account, "messages");
    struct form query = { 0 };
    json_t *wanted = json_array();
    form_parse(v->req->arena, v->req->query, &query);
    for (size_t i = json_array_size(all); i-- > 0;) {
        json_t *record = json_array_get(all, i);
        twilio_record_age(record);
        if (is_wanted(json_object_get(record, "public"), &query))
            json_array_append(wanted, json_object_get(record, "public"));
    }
    twilio_list(v->req, v->reply,
                &(struct twilio_list){ "messages", wanted, KEPT, ARRAY_LEN(KEPT) });
    json_decref(wanted);
}

static void one(const struct twilio_visit *v, struct str sid) {
    json_t *record = twilio_record_find(v->account, "messages", sid);
    if (!record) {
        twilio_not_found(v->req, v->reply);
        return;
    }
    twilio_record_age(record);
    pretend_reply(v->reply, 200, json_object_get(record, "public"));
}

bool twilio_messages_answer(const struct twilio_visit *v, struct str part) {
    const struct str one_message = STR("/Messages/"), json = STR(".json");
    bool is_read = v->req->method == METHOD_GET || v->req->method == METHOD_HEAD;
    bool is_list = str_is(part, "/Messages.json");
    bool is_one = str_starts(part, one_message) && str_ends(part, json);
    if (!is_list && !is_one)
        return false;
    if (is_list && v->req->method == METHOD_POST)
        create(v);
    else if (is_list && is_read)
        list(v);
    else if (is_one && is_read)
        one(v, (struct str){ part.ptr + one_message.len, part.len - one_message.len - json.len });
    else
        twilio_fail(405, v->reply);
    return true;
}
