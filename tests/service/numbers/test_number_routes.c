#include "test.h"

#include "base/json.h"
#include "base/tree.h"
#include "config/config.h"
#include "service/connections/endpoints.h"
#include "service/numbers/number_routes.h"
#include "vault/house.h"

static struct config config = { .public_url = "https://ava.example" };

static void open_all(struct house *h) {
    house_open(h);
    h->t.parts.config = &config;
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, str_of("ws_a"));
}

static const char *party_of(struct house *h, const char *url) {
    enum number_party p;
    CHECK_INT(number_party_of(&h->t.ctx, db_reader(&h->t.ctx), url, false, &p), OK);
    return number_party_name(p);
}

static json_t *json_of(struct house *h, const char *text) {
    const char *why = NULL;
    return tree_in(h->t.arena, json_deep_copy(json_parse(h->t.arena, str_of(text), &why)));
}

static const char *own(struct house *h, const char *workspace_id, const char *kind) {
    struct endpoint e;
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, str_of(workspace_id));
    CHECK_INT(endpoint_current(&h->t.ctx, PROVIDER_TWILIO, &e), OK);
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, str_of("ws_a"));
    return endpoint_url(&h->t.ctx, &e, kind);
}

TEST(tells_whose_an_address_is) {
    struct house h;
    open_all(&h);
    CHECK_TEXT(party_of(&h, NULL), "nobody");
    CHECK_TEXT(party_of(&h, ""), "nobody");
    CHECK_TEXT(party_of(&h, own(&h, "ws_a", "voice")), "ava");
    CHECK_TEXT(party_of(&h, own(&h, "ws_b", "voice")), "other");
    CHECK_TEXT(party_of(&h, "https://ava.example/webhooks/twilio/long-gone/voice"), "ava");
    CHECK_TEXT(party_of(&h, "https://api.vapi.ai/twilio/inbound_call"), "vapi");
    CHECK_TEXT(party_of(&h, "http://api.vapi.ai/twilio/inbound_call"), "other");
    CHECK_TEXT(party_of(&h, "https://api.vapi.ai.evil.example/x"), "other");
    CHECK_TEXT(party_of(&h, "https://evil.example/?https://api.vapi.ai/"), "other");
    CHECK_TEXT(party_of(&h, "https://ava.example.evil.example/webhooks/twilio/x/voice"), "other");
    house_close(&h);
}

TEST(an_application_goes_before_an_address) {
    struct house h;
    enum number_party p;
    open_all(&h);
    json_t *routes =
        json_of(&h, "{\"voice_url\":null,\"voice_application_sid\":\"AP1\",\"sms_url\":\"\"}");
    CHECK_INT(number_leads_to(&h.t.ctx, db_reader(&h.t.ctx), routes, NUMBER_CALLS, &p), OK);
    CHECK_INT(p, NUMBER_OTHER);
    CHECK_INT(number_leads_to(&h.t.ctx, db_reader(&h.t.ctx), routes, NUMBER_TEXTS, &p), OK);
    CHECK_INT(p, NUMBER_NOBODY);
    house_close(&h);
}

TEST(shows_hosts_without_what_is_secret_in_an_address) {
    struct house h;
    open_all(&h);
    CHECK_TEXT(number_host(&h.t.ctx, "https://ada:pw@studio.example.com:8443/a?token=x"),
               "studio.example.com:8443");
    CHECK_TEXT(number_host(&h.t.ctx, "https://studio.example.com?x"), "studio.example.com");
    CHECK(number_host(&h.t.ctx, "studio") == NULL);
    CHECK_TEXT(number_url_shown(&h.t.ctx, own(&h, "ws_a", "voice")),
               "https://ava.example/webhooks/twilio/***/voice#rc=5&rp=ct,rt,4xx,5xx");
    CHECK_TEXT(number_url_shown(&h.t.ctx, "https://x.example/y"), "https://x.example/y");
    CHECK(number_url_shown(&h.t.ctx, NULL) == NULL);
    house_close(&h);
}

TEST(wants_only_what_differs_and_only_its_own_ways) {
    static const struct number_wish ALL = { .vapi = false }, VAPI = { true, false },
                                    BOTH = { true, true };
    struct house h;
    json_t *wanted;
    open_all(&h);
    json_t *now = json_of(&h, "{\"voice_method\":\"POST\",\"sms_method\":\"GET\","
                              "\"status_callback_method\":\"POST\",\"trunk_sid\":\"TK1\"}");
    CHECK_INT(number_routes_wanted(&h.t.ctx, &ALL, now, &wanted), OK);
    CHECK_INT(json_object_size(wanted), 5);
    CHECK(json_is_null(json_object_get(wanted, "trunk_sid")));
    CHECK_TEXT(json_text(wanted, "sms_method"), "POST");
    CHECK(json_object_get(wanted, "voice_method") == NULL);
    CHECK_INT(number_routes_wanted(&h.t.ctx, &VAPI, now, &wanted), OK);
    CHECK(json_object_get(wanted, "voice_url") == NULL);
    CHECK(json_object_get(wanted, "sms_url") != NULL);
    CHECK_INT(number_routes_wanted(&h.t.ctx, &BOTH, now, &wanted), OK);
    CHECK_INT(json_object_size(wanted), 1);
    CHECK_TEXT(json_text(wanted, "status_callback"), own(&h, "ws_a", "status"));
    house_close(&h);
}

TEST(puts_back_what_is_still_avas_or_vapis_and_leaves_the_rest) {
    struct house h;
    json_t *back;
    unsigned restored, left;
    open_all(&h);
    json_t *was = json_of(&h, "{\"voice_url\":\"https://old.example/v\",\"voice_method\":\"GET\"}");
    json_t *now = json_of(&h, "{\"voice_url\":\"https://api.vapi.ai/twilio/inbound_call\","
                              "\"voice_method\":\"POST\","
                              "\"sms_url\":\"https://new.example/s\"}");
    json_object_set_new(now, "status_callback", json_string(own(&h, "ws_a", "status")));
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, 0, &back, &restored, &left), OK);
    CHECK_INT(restored, 1u << NUMBER_CALLS | 1u << NUMBER_STATUS);
    CHECK_INT(left, 1u << NUMBER_TEXTS);
    CHECK_TEXT(json_text(back, "voice_url"), "https://old.example/v");
    CHECK_TEXT(json_text(back, "voice_method"), "GET");
    CHECK(json_is_null(json_object_get(back, "status_callback")));
    CHECK(json_object_get(back, "sms_url") == NULL);
    CHECK_INT(number_routes_back(&h.t.ctx, was, was, 0, &back, &restored, &left), OK);
    CHECK_INT(json_object_size(back) + restored + left, 0);
    house_close(&h);
}

TEST(an_import_empties_fallbacks_but_those_that_lead_to_who_has_the_way) {
    static const struct number_wish ALL = { .vapi = false }, BOTH = { true, true };
    struct house h;
    json_t *wanted;
    open_all(&h);
    json_t *now = json_of(&h, "{\"voice_fallback_url\":\"https://api.vapi.ai/x\","
                              "\"sms_fallback_url\":\"https://old.example.org/sms2\"}");
    CHECK_INT(number_routes_wanted(&h.t.ctx, &ALL, now, &wanted), OK);
    CHECK(json_is_null(json_object_get(wanted, "voice_fallback_url")));
    CHECK(json_is_null(json_object_get(wanted, "sms_fallback_url")));
    CHECK(json_object_get(wanted, "sms_fallback_method") == NULL);
    CHECK_INT(number_routes_wanted(&h.t.ctx, &BOTH, now, &wanted), OK);
    CHECK(json_object_get(wanted, "voice_fallback_url") == NULL);
    CHECK(json_is_null(json_object_get(wanted, "sms_fallback_url")));
    json_object_set_new(now, "sms_fallback_url", json_string(own(&h, "ws_a", "message")));
    CHECK_INT(number_routes_wanted(&h.t.ctx, &ALL, now, &wanted), OK);
    CHECK(json_object_get(wanted, "sms_fallback_url") == NULL);
    json_object_set_new(now, "sms_fallback_url", json_string(own(&h, "ws_b", "message")));
    CHECK_INT(number_routes_wanted(&h.t.ctx, &ALL, now, &wanted), OK);
    CHECK(json_is_null(json_object_get(wanted, "sms_fallback_url")));
    house_close(&h);
}

TEST(puts_fallbacks_back_that_were_remembered_and_leaves_newer_ones) {
    struct house h;
    json_t *back;
    unsigned restored, left;
    open_all(&h);
    json_t *was = json_of(&h, "{\"voice_fallback_url\":\"https://old.example.org/v2\","
                              "\"voice_fallback_method\":\"GET\",\"sms_fallback_url\":null}");
    json_t *now = json_of(&h, "{\"voice_fallback_url\":null,"
                              "\"sms_fallback_url\":\"https://new.example.org/s2\"}");
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, 0, &back, &restored, &left), OK);
    CHECK_TEXT(json_text(back, "voice_fallback_url"), "https://old.example.org/v2");
    CHECK_TEXT(json_text(back, "voice_fallback_method"), "GET");
    CHECK_INT(restored, 1u << NUMBER_CALLS_FALLBACK);
    CHECK_INT(left, 1u << NUMBER_TEXTS_FALLBACK);
    /* What was remembered before Ava knew of fallbacks says nothing of them. */
    CHECK_INT(number_routes_back(&h.t.ctx, now, json_of(&h, "{}"), 0, &back, &restored, &left), OK);
    CHECK_INT(json_object_size(back) + restored + left, 0);
    house_close(&h);
}

TEST(what_somebody_emptied_at_twilio_stays_empty) {
    struct house h;
    json_t *back;
    unsigned restored, left;
    open_all(&h);
    json_t *was = json_of(&h, "{\"voice_url\":\"https://old.example/v\",\"sms_url\":null,"
                              "\"voice_fallback_url\":\"https://old.example/v2\"}");
    json_t *now = json_of(&h, "{\"voice_url\":\"\",\"sms_url\":null,\"voice_fallback_url\":null,"
                              "\"trunk_sid\":null}");
    json_object_set_new(now, "status_callback", json_string(own(&h, "ws_a", "status")));
    unsigned emptied = number_ways_emptied(now);
    CHECK_INT(emptied, 1u << NUMBER_CALLS | 1u << NUMBER_TEXTS); /* fallbacks are emptied by Ava */
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, emptied, &back, &restored, &left), OK);
    CHECK_INT(left, 1u << NUMBER_CALLS);
    CHECK_INT(restored, 1u << NUMBER_STATUS | 1u << NUMBER_CALLS_FALLBACK);
    CHECK(json_object_get(back, "voice_url") == NULL);
    /* What Vapi emptied when it lost the number is put back. */
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, 0, &back, &restored, &left), OK);
    CHECK_TEXT(json_text(back, "voice_url"), "https://old.example/v");
    CHECK_INT(left, 0);
    house_close(&h);
}

TEST(a_method_is_put_back_also_where_the_address_is_the_same) {
    struct house h;
    json_t *back;
    unsigned restored, left;
    open_all(&h);
    json_t *was = json_of(&h, "{\"sms_url\":\"https://old.example/s\",\"sms_method\":\"POST\"}");
    json_t *now = json_of(&h, "{\"sms_url\":\"https://old.example/s\"}");
    json_object_set_new(was, "voice_url", json_string(own(&h, "ws_a", "voice")));
    json_object_set_new(now, "voice_url", json_string(own(&h, "ws_a", "voice")));
    json_object_set_new(was, "voice_method", json_string("GET"));
    json_object_set_new(now, "voice_method", json_string("POST"));
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, 0, &back, &restored, &left), OK);
    CHECK_INT(restored, 1u << NUMBER_CALLS);
    CHECK_INT(left, 0); /* POST is what Twilio does where no method is said */
    CHECK_INT(json_object_size(back), 1);
    CHECK_TEXT(json_text(back, "voice_method"), "GET");
    house_close(&h);
}

TEST(what_tells_twilio_how_to_try_again_makes_no_other_address) {
    static const struct number_wish ALL = { .vapi = false };
    struct house h;
    json_t *routes;
    unsigned restored, left;
    struct str rest;
    open_all(&h);
    const char *with = own(&h, "ws_a", "voice");
    json_t *now = json_object(), *was = json_object();
    json_object_set_new(was, "voice_url", json_string(with));
    json_object_set_new(now, "voice_url",
                        json_string(str_dup(h.t.arena, str_cut(str_of(with), '#', &rest))));
    CHECK_TEXT(party_of(&h, json_text(now, "voice_url")), "ava");
    CHECK_INT(number_routes_back(&h.t.ctx, now, was, 0, &routes, &restored, &left), OK);
    CHECK_INT(restored + left, 0);
    CHECK_INT(number_routes_wanted(&h.t.ctx, &ALL, now, &routes), OK);
    CHECK_TEXT(json_text(routes, "voice_url"), with);
    json_decref(now);
    json_decref(was);
    house_close(&h);
}
