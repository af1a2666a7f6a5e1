#include "providers/twilio_numbers.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/sift.h"
#include "providers/twilio_number.h"
#include "providers/twilio_page.h"

static const char LIST[] = "/IncomingPhoneNumbers.json";

static bool has(const json_t *n, const char *field) {
    const char *value = json_text(n, field);
    return value && value[0];
}

static void listed_write(struct ctx *ctx, struct jsonw *w, const json_t *n) {
    if (!json_text(n, "sid") || !json_text(n, "phone_number"))
        return;
    jsonw_object(w);
    jsonw_text_at(w, "provider_id", json_text(n, "sid"));
    jsonw_text_at(w, "phone_number", json_text(n, "phone_number"));
    jsonw_text_at(w, "friendly_name", json_text(n, "friendly_name"));
    twilio_capabilities_write(w, n);
    jsonw_text_at(w, "voice_url", json_text(n, "voice_url"));
    jsonw_text_at(w, "sms_url", json_text(n, "sms_url"));
    jsonw_bool_at(w, "has_voice_app", has(n, "voice_application_sid") || has(n, "trunk_sid"));
    jsonw_bool_at(w, "has_sms_app", has(n, "sms_application_sid"));
    jsonw_object_end(w);
}

static bool to_numbers(struct ctx *ctx, const json_t *said, struct str *kept) {
    static const struct twilio_page PAGE = { LIST, "incoming_phone_numbers", "numbers",
                                             listed_write };
    return twilio_page(ctx, said, &PAGE, kept);
}

enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out) {
    const char *path, *query = arena_printf(ctx->arena, "PageSize=%d", limit);
    TRY(twilio_page_path(ctx, account_sid, LIST, str_of(query), cursor, &path));
    struct upstream_request req = twilio_request(c, "GET", "numbers.list", path);
    req.digest = to_numbers;
    req.resource = TWILIO_NUMBERS;
    return upstream_call(ctx, &req, out);
}

/* --- what could be bought -------------------------------------------------------------------- */

static void offered_write(struct ctx *ctx, struct jsonw *w, const json_t *n) {
    if (!json_text(n, "phone_number"))
        return;
    jsonw_object(w);
    jsonw_text_at(w, "phone_number", json_text(n, "phone_number"));
    jsonw_text_at(w, "friendly_name", json_text(n, "friendly_name"));
    jsonw_text_at(w, "locality", json_text(n, "locality"));
    jsonw_text_at(w, "region", json_text(n, "region"));
    jsonw_text_at(w, "country", json_text(n, "iso_country"));
    jsonw_text_at(w, "address_requirements", json_text(n, "address_requirements"));
    twilio_capabilities_write(w, n);
    jsonw_object_end(w);
}

static bool to_offers(struct ctx *ctx, const json_t *said, struct str *kept) {
    static const struct twilio_page PAGE = { "", "available_phone_numbers", "numbers",
                                             offered_write };
    return twilio_page(ctx, said, &PAGE, kept);
}

enum err twilio_numbers_offered(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const struct twilio_offer *offer,
                                struct upstream_answer *out) {
    struct buf *query = buf_in(ctx->arena);
    twilio_pair(query, "AreaCode", offer->area_code);
    twilio_pair(query, "Contains", offer->contains);
    twilio_pair(query, "PageSize", arena_printf(ctx->arena, "%d", offer->limit));
    twilio_pair(query, "SmsEnabled", offer->sms);
    twilio_pair(query, "VoiceEnabled", offer->voice);
    const char *list =
        arena_printf(ctx->arena, "/AvailablePhoneNumbers/%s/%s.json", offer->country, offer->type);
    struct upstream_request req =
        twilio_request(c, "GET", "numbers.offered",
                       arena_printf(ctx->arena, "%s?%.*s", twilio_path(ctx, account_sid, list),
                                    STR_FMT(buf_view(query))));
    req.digest = to_offers;
    req.resource = "offers";
    enum err e = upstream_call(ctx, &req, out);
    if (e != ERR_PROVIDER_RESOURCE_NOT_FOUND)
        return e;
    ctx_clear(ctx);
    *out = (struct upstream_answer){ .status = 200, .body = STR("{\"numbers\":[]}") };
    return OK;
}

/* --- checking a credential ------------------------------------------------------------------- */

static bool to_account(struct ctx *ctx, const json_t *said, struct str *kept) {
    const char *status = json_text(said, "status");
    if (!status || !json_text(said, "sid"))
        return false;
    *kept = str_of(status);
    return true;
}

enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers) {
    struct upstream_answer answer;
    struct upstream_request account =
        twilio_request(c, "GET", "account.get", twilio_path(ctx, account_sid, ".json"));
    account.digest = to_account;
    TRY(upstream_call(ctx, &account, &answer));
    if (!str_is(answer.body, "active")) {
        ctx->problem.service = provider_name(PROVIDER_TWILIO);
        return ctx_fail(ctx, ERR_ACCOUNT_PROBLEM,
                        "Twilio says that this account is not active; look at it there.");
    }
    const char *path;
    TRY(twilio_page_path(ctx, account_sid, LIST, STR("PageSize=50"), NULL, &path));
    struct upstream_request list = twilio_request(c, "GET", "numbers.list", path);
    list.digest = to_numbers;
    TRY(upstream_call(ctx, &list, &answer));
    *numbers = (int)json_array_size(json_object_get(sift_own(ctx->arena, answer.body), "numbers"));
    return OK;
}
