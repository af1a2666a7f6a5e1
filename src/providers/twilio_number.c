#include "providers/twilio_number.h"

#include <string.h>

#include "base/encode.h"
#include "base/json.h"
#include "base/sift.h"

const char TWILIO_NUMBERS[] = "numbers";

const struct twilio_route TWILIO_ROUTE[TWILIO_ROUTES] = {
    { "voice_url", "VoiceUrl" },
    { "voice_method", "VoiceMethod" },
    { "voice_fallback_url", "VoiceFallbackUrl" },
    { "voice_fallback_method", "VoiceFallbackMethod" },
    { "voice_application_sid", "VoiceApplicationSid" },
    { "trunk_sid", "TrunkSid" },
    { "sms_url", "SmsUrl" },
    { "sms_method", "SmsMethod" },
    { "sms_fallback_url", "SmsFallbackUrl" },
    { "sms_fallback_method", "SmsFallbackMethod" },
    { "sms_application_sid", "SmsApplicationSid" },
    { "status_callback", "StatusCallback" },
    { "status_callback_method", "StatusCallbackMethod" },
};

/* The samples write SMS and MMS in capitals. */
void twilio_capabilities_write(struct jsonw *w, const json_t *number) {
    static const char *const KINDS[][2] = { { "voice", "voice" },
                                            { "sms", "SMS" },
                                            { "mms", "MMS" } };
    const json_t *can = json_object_get(number, "capabilities");
    jsonw_key(w, "capabilities");
    jsonw_object(w);
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        jsonw_bool_at(w, KINDS[i][0],
                      json_is_true(json_object_get(can, KINDS[i][0])) ||
                          json_is_true(json_object_get(can, KINDS[i][1])));
    jsonw_object_end(w);
}

bool twilio_is_number_sid(struct str text) {
    unsigned char raw[16];
    return str_starts(text, STR("PN")) && text.len == 34 &&
           hex_decode((struct str){ text.ptr + 2, text.len - 2 }, raw, sizeof raw);
}

/* What Ava keeps of a number; NULL when it is not one. */
static json_t *facts_of(struct ctx *ctx, const json_t *n) {
    const char *sid = json_text(n, "sid"), *phone = json_text(n, "phone_number");
    const char *group = json_text(n, "messaging_service_sid");
    struct buf *out = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(out);
    if (!sid || !twilio_is_number_sid(str_of(sid)) || !phone)
        return NULL;
    jsonw_object(&w);
    jsonw_text_at(&w, "provider_id", sid);
    jsonw_text_at(&w, "phone_number", phone);
    jsonw_text_at(&w, "friendly_name", json_text(n, "friendly_name"));
    jsonw_text_at(&w, "messaging_service_sid", group && group[0] ? group : NULL);
    twilio_capabilities_write(&w, n);
    jsonw_key(&w, "routes");
    jsonw_object(&w);
    for (size_t i = 0; i < TWILIO_ROUTES; i++) {
        const char *value = json_text(n, TWILIO_ROUTE[i].field);
        jsonw_text_at(&w, TWILIO_ROUTE[i].field, value && value[0] ? value : NULL);
    }
    jsonw_object_end(&w);
    jsonw_object_end(&w);
    return sift_own(ctx->arena, buf_view(out));
}

static bool read_number(struct ctx *ctx, const json_t *said, void *into) {
    json_t **number = into;
    *number = facts_of(ctx, said);
    return *number != NULL;
}

/* --- reading --------------------------------------------------------------------------------- */

struct finding {
    const char *phone;
    json_t *number; /* NULL: not there */
};

/* Twilio's filter matches parts of numbers too. */
static bool read_found(struct ctx *ctx, const json_t *page, void *into) {
    struct finding *f = into;
    const json_t *list = json_object_get(page, "incoming_phone_numbers"), *one;
    size_t i;
    f->number = NULL;
    json_array_foreach(list, i, one) {
        json_t *number = facts_of(ctx, one);
        if (number && strcmp(json_text(number, "phone_number"), f->phone) == 0)
            f->number = number;
    }
    return json_is_array(list);
}

static const char *path_of(struct ctx *ctx, const char *account_sid, const char *sid) {
    return twilio_thing_path(ctx, account_sid, "/IncomingPhoneNumbers/", sid);
}

static enum err read_by_phone(struct ctx *ctx, const struct upstream_credential *c,
                              const char *account_sid, const char *phone, json_t **number) {
    struct buf *query = buf_in(ctx->arena);
    struct upstream_answer answer;
    struct finding f = { .phone = phone };
    twilio_pair(query, "PageSize", "50");
    twilio_pair(query, "PhoneNumber", phone);
    struct upstream_request req = twilio_request(
        c, "GET", "number.find",
        arena_join(ctx->arena, twilio_path(ctx, account_sid, "/IncomingPhoneNumbers.json"), "?",
                   str_dup(ctx->arena, buf_view(query))));
    req.read = read_found;
    req.into = &f;
    TRY(upstream_call(ctx, &req, &answer));
    *number = f.number;
    return OK;
}

enum err twilio_number_read(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const char *which, json_t **number) {
    if (which[0] == '+')
        return read_by_phone(ctx, c, account_sid, which, number);
    struct upstream_answer answer;
    struct upstream_request req =
        twilio_request(c, "GET", "number.get", path_of(ctx, account_sid, which));
    req.read = read_number;
    req.into = number;
    enum err e = upstream_call(ctx, &req, &answer);
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx);
    *number = NULL;
    return OK;
}

/* --- writing --------------------------------------------------------------------------------- */

static void add_routes(struct buf *form, const json_t *routes) {
    for (size_t i = 0; i < TWILIO_ROUTES; i++) {
        const json_t *value = json_object_get(routes, TWILIO_ROUTE[i].field);
        bool is_method = str_ends(str_of(TWILIO_ROUTE[i].field), STR("_method"));
        if (!value || (is_method && !json_is_string(value)))
            continue; /* a method that was never set cannot be unset */
        twilio_pair(form, TWILIO_ROUTE[i].parameter,
                    json_is_string(value) ? json_string_value(value) : "");
    }
}

enum err twilio_number_route(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, const char *sid, const json_t *routes,
                             json_t **number) {
    struct upstream_answer answer;
    struct upstream_request req =
        twilio_request(c, "POST", "number.update", path_of(ctx, account_sid, sid));
    struct buf *form = buf_in(ctx->arena);
    add_routes(form, routes);
    req.body = buf_view(form);
    req.read = read_number;
    req.into = number;
    req.resource = TWILIO_NUMBERS;
    req.is_repeatable = true;
    return upstream_call(ctx, &req, &answer);
}

enum err twilio_number_buy(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const char *phone_number, const json_t *routes,
                           const struct upstream_watch *watch, json_t **number) {
    struct upstream_answer answer;
    struct upstream_request req = twilio_request(
        c, "POST", "number.buy", twilio_path(ctx, account_sid, "/IncomingPhoneNumbers.json"));
    struct buf *form = buf_in(ctx->arena);
    twilio_pair(form, "PhoneNumber", phone_number);
    add_routes(form, routes);
    req.body = buf_view(form);
    req.read = read_number;
    req.into = number;
    req.resource = TWILIO_NUMBERS;
    req.watch = watch;
    return upstream_call(ctx, &req, &answer);
}
