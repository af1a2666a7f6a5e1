/* The numbers of Twilio's API 2010-04-01: those an account has, those it could have, buying one, and
 * where each leads. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/pretend_twilio.h"

enum { NUMBERS_MAX = 1000, OFFERS = 20 };

static json_t *number_find(const json_t *numbers, struct str sid) {
    json_t *n;
    size_t i;
    json_array_foreach(numbers, i, n) {
        if (str_is(sid, json_text(n, "sid")))
            return n;
    }
    return NULL;
}

/* What POST may change; other names are passed over, as Twilio does. */
static void update(json_t *number, const struct http_req *req, struct http_reply *reply) {
    static const struct {
        const char *parameter, *field;
    } CHANGES[] = {
        { "FriendlyName", "friendly_name" },
        { "VoiceUrl", "voice_url" },
        { "VoiceMethod", "voice_method" },
        { "VoiceFallbackUrl", "voice_fallback_url" },
        { "VoiceFallbackMethod", "voice_fallback_method" },
        { "VoiceApplicationSid", "voice_application_sid" },
        { "SmsUrl", "sms_url" },
        { "SmsMethod", "sms_method" },
        { "SmsFallbackUrl", "sms_fallback_url" },
        { "SmsFallbackMethod", "sms_fallback_method" },
        { "SmsApplicationSid", "sms_application_sid" },
        { "StatusCallback", "status_callback" },
        { "StatusCallbackMethod", "status_callback_method" },
        { "TrunkSid", "trunk_sid" },
    };
    struct form form;
    if (!form_parse(req->arena, req->body, &form)) {
        twilio_fail(400, reply);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        struct str value = form_find(&form, CHANGES[i].parameter);
        json_t *text = value.ptr ? json_stringn(value.ptr, value.len) : NULL;
        if (text)
            json_object_set_new(number, CHANGES[i].field, text);
    }
    json_object_set_new(number, "date_updated", twilio_date(ava_steady_ms()));
    pretend_reply(reply, 200, number);
}

static bool is_wanted(const json_t *number, const struct form *query) {
    struct str phone = form_find(query, "PhoneNumber"), name = form_find(query, "FriendlyName");
    return (!phone.ptr || str_find(str_of(json_text(number, "phone_number")), phone) >= 0) &&
           (!name.ptr || str_is(name, json_text(number, "friendly_name")));
}

static void numbers_list(const json_t *numbers, const struct http_req *req,
                         struct http_reply *reply) {
    static const char *const KEPT[] = { "FriendlyName", "Beta", "PhoneNumber", "Origin" };
    struct form query = { 0 };
    json_t *wanted = json_array(), *n;
    size_t i;
    form_parse(req->arena, req->query, &query);
    json_array_foreach(numbers, i, n) {
        if (is_wanted(n, &query))
            json_array_append(wanted, n);
    }
    twilio_list(req, reply,
                &(struct twilio_list){ "incoming_phone_numbers", wanted, KEPT, ARRAY_LEN(KEPT) });
    json_decref(wanted);
}

bool twilio_number_rewrite(struct pretend_world *world, struct str account_sid, const char *number,
                           const char *voice_url, const char *sms_url) {
    json_t *account = twilio_account(world, account_sid), *n;
    size_t i;
    json_array_foreach(json_object_get(account, "numbers"), i, n) {
        if (strcmp(json_text(n, "phone_number"), number) != 0)
            continue;
        if (voice_url)
            json_object_set_new(n, "voice_url", json_string(voice_url));
        if (sms_url)
            json_object_set_new(n, "sms_url", json_string(sms_url));
        return true;
    }
    return false;
}

/* --- what could be bought -------------------------------------------------------------------- */

/* Numbers that films use, or that the plan of the country sets aside for them. */
static const struct {
    const char *country, *type, *prefix;
    int digits; /* behind the prefix and an area code */
} SOLD[] = {
    { "US", "Local", "+1", 7 },       { "US", "TollFree", "+1800", 7 },
    { "CA", "Local", "+1", 7 },       { "GB", "Local", "+442079", 6 },
    { "GB", "Mobile", "+447700", 6 }, { "FR", "Local", "+33199", 6 },
};

static json_t *offer(const char *country, const char *prefix, struct str area, int digits, int i) {
    char end[16] = "5550000000";
    size_t len = (size_t)digits;
    memset(end + 3, '0', sizeof end - 4);
    end[len] = 0;
    end[len - 2] = (char)('0' + i / 10);
    end[len - 1] = (char)('0' + i % 10);
    json_t *phone = json_sprintf("%s%.*s%s", prefix, STR_FMT(area), end);
    json_t *n =
        json_pack("{s:O, s:o, s:s, s:s, s:s, s:n, s:n, s:n, s:s, s:s, s:s, s:b}", "friendly_name",
                  phone, "phone_number", phone, "lata", "722", "locality", "Springfield",
                  "rate_center", "SPRNGFLD", "latitude", "longitude", "postal_code", "region", "CA",
                  "iso_country", country, "address_requirements", "none", "beta", 0);
    json_object_set_new(n, "capabilities",
                        json_pack("{s:b, s:b, s:b, s:b}", "voice", 1, "SMS", i % 3 != 2, "MMS",
                                  i % 3 == 0, "fax", 0));
    return n;
}

/* '*' stands for one digit. */
static bool contains(const char *phone, struct str pattern) {
    size_t len = strlen(phone);
    for (size_t at = 0; pattern.len && at + pattern.len <= len; at++) {
        size_t n = 0;
        while (n < pattern.len && (pattern.ptr[n] == '*' || pattern.ptr[n] == phone[at + n]))
            n++;
        if (n == pattern.len)
            return true;
    }
    return pattern.len == 0;
}

static bool is_able(const json_t *n, const struct form *query, const char *asked,
                    const char *name) {
    struct str wanted = form_find(query, asked);
    bool able = json_is_true(json_object_get(json_object_get(n, "capabilities"), name));
    return !wanted.ptr || str_is(wanted, able ? "true" : "false");
}

static bool is_for_sale(const struct twilio_visit *v, const json_t *n, const struct form *query) {
    const char *phone = json_text(n, "phone_number");
    return !twilio_owns(v->account, str_of(phone)) &&
           contains(phone, form_find(query, "Contains")) &&
           is_able(n, query, "SmsEnabled", "SMS") && is_able(n, query, "VoiceEnabled", "voice");
}

/* part: "/AvailablePhoneNumbers/US/Local.json" */
static void offers(const struct twilio_visit *v, struct str part) {
    struct str rest, query_area;
    struct form query = { 0 };
    int64_t size = 50;
    struct str country = str_cut((struct str){ part.ptr + 23, part.len - 23 }, '/', &rest);
    struct str type = str_cut(rest, '.', &rest);
    form_parse(v->req->arena, v->req->query, &query);
    str_to_i64(form_find(&query, "PageSize"), 1, 1000, &size);
    for (size_t s = 0; s < ARRAY_LEN(SOLD); s++) {
        if (!str_is(country, SOLD[s].country) || !str_is(type, SOLD[s].type))
            continue;
        bool has_area = strcmp(SOLD[s].prefix, "+1") == 0;
        query_area = form_find(&query, "AreaCode");
        struct str area = !has_area ? STR("") : query_area.ptr ? query_area : STR("415");
        json_t *list = json_array();
        for (int i = 0; i < OFFERS && (int64_t)json_array_size(list) < size; i++) {
            json_t *n = offer(SOLD[s].country, SOLD[s].prefix, area, SOLD[s].digits, i);
            if (is_for_sale(v, n, &query))
                json_array_append(list, n);
            json_decref(n);
        }
        pretend_reply_new(v->reply, 200,
                          json_pack("{s:o, s:o}", "available_phone_numbers", list, "uri",
                                    json_stringn(v->req->path.ptr, v->req->path.len)));
        return;
    }
    twilio_not_found(v->req, v->reply);
}

/* --- buying ---------------------------------------------------------------------------------- */

static void buy(const struct twilio_visit *v) {
    json_t *numbers = json_object_get(v->account, "numbers");
    struct form form;
    if (!form_parse(v->req->arena, v->req->body, &form)) {
        twilio_fail(400, v->reply);
        return;
    }
    struct str phone = form_find(&form, "PhoneNumber");
    if (!twilio_is_e164(phone)) {
        twilio_refuse(v->reply, 400, 21421,
                      json_sprintf("%.*s is not a valid number", STR_FMT(phone)));
        return;
    }
    if (twilio_owns(v->account, phone) || json_array_size(numbers) >= NUMBERS_MAX) {
        twilio_refuse(v->reply, 400, 21422, json_sprintf("%.*s is not available", STR_FMT(phone)));
        return;
    }
    json_t *n = json_deep_copy(json_array_get(numbers, 0)), *sid = twilio_sid_new("PN");
    static const char *const EMPTY[] = { "voice_url", "sms_url", "status_callback",
                                         "voice_application_sid", "sms_application_sid" };
    for (size_t i = 0; i < ARRAY_LEN(EMPTY); i++)
        json_object_set_new(n, EMPTY[i], json_string(""));
    json_object_set_new(n, "trunk_sid", json_null());
    json_object_set_new(n, "phone_number", json_stringn(phone.ptr, phone.len));
    json_object_set_new(n, "friendly_name", json_stringn(phone.ptr, phone.len));
    json_object_set_new(n, "date_created", twilio_date(ava_steady_ms()));
    json_object_set_new(n, "uri",
                        json_sprintf(TWILIO_ACCOUNTS "%.*s/IncomingPhoneNumbers/%s.json",
                                     STR_FMT(v->account_sid), json_string_value(sid)));
    json_object_set_new(n, "sid", sid);
    json_array_append_new(numbers, n);
    update(n, v->req, v->reply);
    v->reply->status = 201;
}

/* --- routes ---------------------------------------------------------------------------------- */

static void one(json_t *number, const struct http_req *req, struct http_reply *reply) {
    if (!number)
        twilio_not_found(req, reply);
    else if (req->method == METHOD_POST)
        update(number, req, reply);
    else if (req->method == METHOD_GET || req->method == METHOD_HEAD)
        pretend_reply(reply, 200, number);
    else
        twilio_fail(405, reply);
}

bool twilio_numbers_answer(const struct twilio_visit *v, struct str part) {
    const struct str one_number = STR("/IncomingPhoneNumbers/"), json = STR(".json");
    json_t *numbers = json_object_get(v->account, "numbers");
    bool is_read = v->req->method == METHOD_GET || v->req->method == METHOD_HEAD;
    if (str_starts(part, one_number) && str_ends(part, json)) {
        struct str sid = { part.ptr + one_number.len, part.len - one_number.len - json.len };
        one(number_find(numbers, sid), v->req, v->reply);
    } else if (str_is(part, "/IncomingPhoneNumbers.json") && is_read) {
        numbers_list(numbers, v->req, v->reply);
    } else if (str_is(part, "/IncomingPhoneNumbers.json") && v->req->method == METHOD_POST) {
        buy(v);
    } else if (str_starts(part, STR("/AvailablePhoneNumbers/")) && is_read) {
        offers(v, part);
    } else {
        return false;
    }
    return true;
}
