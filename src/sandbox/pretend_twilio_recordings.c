/* The recordings of Twilio's API 2010-04-01: every call that was answered has one, as if the account
 * recorded all of them, and on each is silence. */
#include <string.h>

#include "base/json.h"
#include "sandbox/pretend_twilio.h"

/* MPEG-1, layer III, 32 kbit/s, 44.1 kHz, one channel: a frame of 104 bytes lasts 26 ms, and one of
 * zeros behind its head is silent. */
enum { FRAME_BYTES = 104, FRAMES_PER_S = 38, SECONDS_MAX = 600 };
static const unsigned char FRAME_HEAD[4] = { 0xFF, 0xFB, 0x10, 0xC4 };

/* The recording of a call; NULL when there is none. Its sid is the call's with other letters. */
static json_t *recording_of(const struct twilio_visit *v, json_t *record) {
    const json_t *call = json_object_get(record, "public");
    const char *sid = json_text(call, "sid"), *status = json_text(call, "status");
    const char *duration = json_text(call, "duration");
    if (!status || strcmp(status, "completed") != 0 || !duration || strcmp(duration, "0") == 0)
        return NULL;
    json_t *uri =
        json_sprintf(TWILIO_ACCOUNTS "%.*s/Recordings/RE%s.json", STR_FMT(v->account_sid), sid + 2);
    json_t *one =
        json_pack("{s:s, s:s, s:s, s:n, s:o, s:s, s:s, s:s, s:i, s:s, s:n, s:n, s:n, s:n}",
                  "account_sid", json_text(record, "account_sid"), "api_version", "2010-04-01",
                  "call_sid", sid, "conference_sid", "sid", json_sprintf("RE%s", sid + 2),
                  "duration", duration, "status", "completed", "source", "OutboundAPI", "channels",
                  1, "price_unit", "USD", "price", "error_code", "encryption_details", "track");
    static const char *const TIMES[] = { "date_created", "date_updated", "start_time" };
    for (size_t i = 0; i < ARRAY_LEN(TIMES); i++)
        json_object_set(one, TIMES[i], json_object_get(call, i == 2 ? "start_time" : "end_time"));
    json_object_set_new(one, "media_url",
                        json_sprintf("http://%.*s" TWILIO_ACCOUNTS "%.*s/Recordings/RE%s",
                                     STR_FMT(v->req->authority), STR_FMT(v->account_sid), sid + 2));
    json_object_set_new(one, "uri", uri);
    json_object_set_new(one, "subresource_uris", json_object());
    return one;
}

static void list(const struct twilio_visit *v) {
    static const char *const KEPT[] = { "CallSid", "DateCreated", "DateCreated<", "DateCreated>" };
    const json_t *calls = json_object_get(v->account, "calls");
    struct form query = { 0 };
    json_t *wanted = json_array();
    form_parse(v->req->arena, v->req->query, &query);
    struct str asked = form_find(&query, "CallSid");
    for (size_t i = json_array_size(calls); i-- > 0;) {
        json_t *record = json_array_get(calls, i);
        twilio_record_age(record);
        json_t *one = recording_of(v, record);
        if (one && (!asked.ptr || str_is(asked, json_text(one, "call_sid"))) &&
            twilio_time_fits(&query, "DateCreated",
                             twilio_date_read(json_text(one, "date_created"))))
            json_array_append(wanted, one);
        json_decref(one);
    }
    twilio_list(v->req, v->reply,
                &(struct twilio_list){ "recordings", wanted, KEPT, ARRAY_LEN(KEPT) });
    json_decref(wanted);
}

static void audio(const json_t *one, struct http_reply *reply) {
    static const char SILENCE[FRAME_BYTES - sizeof FRAME_HEAD];
    int64_t seconds = 0;
    str_to_i64(str_of(json_text(one, "duration")), 0, SECONDS_MAX, &seconds);
    for (int64_t i = 0; i < seconds * FRAMES_PER_S; i++) {
        buf_put(&reply->body, FRAME_HEAD, sizeof FRAME_HEAD);
        buf_put(&reply->body, SILENCE, sizeof SILENCE);
    }
    reply->status = 200;
    reply->content_type = "audio/mpeg";
}

bool twilio_recordings_answer(const struct twilio_visit *v, struct str part) {
    const struct str prefix = STR("/Recordings/");
    char call_sid[40] = "CA";
    if (v->req->method != METHOD_GET && v->req->method != METHOD_HEAD)
        return false;
    if (str_is(part, "/Recordings.json")) {
        list(v);
        return true;
    }
    if (!str_starts(part, STR("/Recordings/RE")) || part.len < prefix.len + 38)
        return false;
    struct str kind = { part.ptr + prefix.len + 34, part.len - prefix.len - 34 };
    str_copy(call_sid + 2, 33, (struct str){ part.ptr + prefix.len + 2, 32 });
    json_t *record = twilio_record_find(v->account, "calls", str_of(call_sid));
    if (record)
        twilio_record_age(record);
    json_t *one = record ? recording_of(v, record) : NULL;
    if (one && str_is(kind, ".json"))
        pretend_reply(v->reply, 200, one);
    else if (one && str_is(kind, ".mp3"))
        audio(one, v->reply);
    else
        twilio_not_found(v->req, v->reply);
    json_decref(one);
    return true;
}
