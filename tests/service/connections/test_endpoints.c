#include "test.h"

#include "auth/home.h"
#include "config/config.h"
#include "service/connections/endpoint_known.h"
#include "service/connections/endpoints.h"
#include "service/inbox/events.h"
#include "vault/house.h"

static struct config config = { .public_url = "https://ava.example" };

/* A house whose wall clock the test moves, signed in to ws_a. */
static void open_all(struct house *h) {
    static const struct clock_seams SEAMS = { .wall_ms = home_wall_ms };
    home_wall = INT64_C(1800000000000);
    clock_replace(&SEAMS);
    house_open(h);
    h->t.parts.config = &config;
    str_copy(h->t.ctx.who.workspace_id, sizeof h->t.ctx.who.workspace_id, str_of("ws_a"));
}

static void close_all(struct house *h) {
    house_close(h);
    clock_replace(NULL);
}

static const char *owner_of(struct house *h, const char *token) {
    struct endpoint_row row;
    CHECK_INT(endpoint_by_token(&h->t.ctx, str_of(token), &row), OK);
    return row.id ? row.workspace_id : "nobody";
}

TEST(an_address_is_made_once_and_found_by_its_token) {
    struct house h;
    struct endpoint first, again;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &first), OK);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &again), OK);
    CHECK_TEXT(first.token, again.token);
    CHECK_INT(strlen(first.token), 43);
    CHECK_TEXT(owner_of(&h, first.token), "ws_a");
    CHECK_TEXT(owner_of(&h, "0000000000000000000000000000000000000000000"), "nobody");
    CHECK_TEXT(owner_of(&h, ""), "nobody");
    CHECK_TEXT(endpoint_url(&h.t.ctx, &first, "voice"),
               arena_printf(h.t.arena,
                            "https://ava.example/webhooks/twilio/%s/voice#rc=5&rp=ct,rt,4xx,5xx",
                            first.token));
    CHECK_TEXT(
        temp_sql(&h.t, arena_printf(
                           h.t.arena,
                           "SELECT count(*) FROM webhook_endpoints WHERE instr(sealed, '%s') > 0",
                           first.token)),
        "0");
    close_all(&h);
}

static enum err make_all(struct ctx *ctx, struct db_conn *tx, void *workspace_id) {
    return endpoints_make(ctx, tx, workspace_id);
}

static const char *count_of(struct house *h) {
    return temp_sql(&h->t, "SELECT count(*) FROM webhook_endpoints");
}

TEST(looking_for_an_address_makes_none) {
    struct house h;
    struct endpoint e;
    bool found = true;
    open_all(&h);
    CHECK_INT(endpoint_find(&h.t.ctx, PROVIDER_VAPI, &e, &found), OK);
    CHECK(!found);
    CHECK_TEXT(count_of(&h), "0");
    CHECK_INT(db_write(&h.t.ctx, make_all, (void *)"ws_a"), OK);
    CHECK_INT(endpoint_find(&h.t.ctx, PROVIDER_VAPI, &e, &found), OK);
    CHECK(found);
    CHECK_TEXT(owner_of(&h, e.token), "ws_a");
    close_all(&h);
}

TEST(at_start_each_workspace_gets_what_it_lacks_and_keeps_what_it_has) {
    struct house h;
    struct endpoint before, after;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &before), OK);
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &before), OK);
    CHECK_INT(endpoints_recover(&h.t.ctx), OK);
    CHECK_TEXT(count_of(&h), "7"); /* three of two workspaces, and a former one */
    CHECK_INT(endpoints_recover(&h.t.ctx), OK);
    CHECK_TEXT(count_of(&h), "7");
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &after), OK);
    CHECK_TEXT(after.token, before.token);
    str_copy(h.t.ctx.who.workspace_id, sizeof h.t.ctx.who.workspace_id, str_of("ws_b"));
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_RESEND, &after), OK);
    CHECK_TEXT(owner_of(&h, after.token), "ws_b");
    close_all(&h);
}

TEST(a_changed_address_leaves_the_former_one_good_for_a_day) {
    struct house h;
    struct endpoint old, new;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &old), OK);
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &new), OK);
    assert_string_not_equal(old.token, new.token);
    CHECK(new.previous_valid_until_ms == home_wall + INT64_C(86400000));
    CHECK_TEXT(owner_of(&h, old.token), "ws_a");
    CHECK_TEXT(owner_of(&h, new.token), "ws_a");
    home_wall += INT64_C(86400000);
    CHECK_TEXT(owner_of(&h, old.token), "nobody");
    CHECK_TEXT(owner_of(&h, new.token), "ws_a");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM audit_log WHERE action = 'webhook.token'"),
               "2");
    close_all(&h);
}

TEST(former_addresses_are_ended_at_once_where_that_is_asked_for) {
    struct house h;
    struct endpoint first, second, now, other;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &first), OK);
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &second), OK);
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &now), OK);
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_VAPI, &other), OK);
    CHECK_INT(endpoint_end_former(&h.t.ctx, PROVIDER_TWILIO), OK);
    CHECK_TEXT(owner_of(&h, first.token), "nobody");
    CHECK_TEXT(owner_of(&h, second.token), "nobody");
    CHECK_TEXT(owner_of(&h, now.token), "ws_a");
    CHECK_TEXT(owner_of(&h, other.token), "ws_a");
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &second), OK);
    CHECK(second.previous_valid_until_ms == 0);
    CHECK_INT(endpoint_end_former(&h.t.ctx, PROVIDER_TWILIO), OK);
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM audit_log WHERE action = 'webhook.token_end'"),
               "1");
    close_all(&h);
}

TEST(many_changes_in_a_day_hide_no_other_address) {
    struct house h;
    struct endpoint vapi, again, twilio;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_VAPI, &vapi), OK);
    for (int i = 0; i < 20; i++) {
        home_wall += 1000;
        CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &twilio), OK);
    }
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_VAPI, &again), OK);
    CHECK_TEXT(again.token, vapi.token);
    close_all(&h);
}

static struct incoming event(struct house *h, const char *dedupe) {
    return (struct incoming){ .workspace_id = "ws_a",
                              .provider = "twilio",
                              .type = "voice",
                              .resource = "CA1",
                              .dedupe = str_of(dedupe),
                              .content = { .headers = STR("{}"),
                                           .body = STR("{\"From\":\"+1415\"}") } };
}

/* Around the length from which a body stands in a row of its own. */
TEST(a_body_of_any_length_is_read_as_it_came) {
    static const size_t LENGTHS[] = { 0, 1, 1800, 1900, 1950, 2000, 2100, 70000 };
    struct house h;
    char *noise;
    open_all(&h);
    for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
        struct event_row rows[1], row;
        struct event_content content;
        struct page_end end;
        size_t count;
        bool is_new;
        char key[8];
        snprintf(key, sizeof key, "%zu", i);
        struct incoming in = event(&h, key);
        noise = arena_alloc(h.t.arena, LENGTHS[i] + 1);
        ava_rand(noise, LENGTHS[i]);
        in.content.body = (struct str){ noise, LENGTHS[i] };
        home_wall += 1000;
        CHECK_INT(event_take(&h.t.ctx, &in, &is_new), OK);
        CHECK_INT(event_list(&h.t.ctx, &(struct event_filter){ 0 }, 1, rows, &count, &end), OK);
        CHECK_INT(event_read(&h.t.ctx, rows[0].id, &row, &content), OK);
        CHECK(str_eq(content.body, in.content.body));
    }
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(sealed) || ' ' || count(*) FROM events"), "4 8");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM event_bodies"), "4");
    close_all(&h);
}

TEST(an_event_is_taken_once_and_read_back_only_by_its_workspace) {
    struct house h;
    struct page_end end;
    struct event_row rows[5], row;
    struct event_filter any = { 0 };
    struct event_content content;
    size_t count;
    bool is_new = false;
    open_all(&h);
    struct incoming in = event(&h, "one");
    CHECK_INT(event_take(&h.t.ctx, &in, &is_new), OK);
    CHECK(is_new);
    CHECK_INT(event_take(&h.t.ctx, &in, &is_new), OK);
    CHECK(!is_new);
    CHECK_INT(event_list(&h.t.ctx, &any, 5, rows, &count, &end), OK);
    CHECK_INT(count, 1);
    CHECK_INT(event_read(&h.t.ctx, rows[0].id, &row, &content), OK);
    CHECK(str_eq(content.body, in.content.body) && str_eq(content.headers, in.content.headers));
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(*) FROM events WHERE instr(sealed, '+1415') > 0"), "0");
    CHECK_TEXT(temp_sql(&h.t, "SELECT count(sealed) FROM events"), "1");
    str_copy(h.t.ctx.who.workspace_id, sizeof h.t.ctx.who.workspace_id, str_of("ws_b"));
    CHECK_INT(event_read(&h.t.ctx, rows[0].id, &row, &content), ERR_NOT_FOUND);
    CHECK_INT(event_list(&h.t.ctx, &any, 5, rows, &count, &end), OK);
    CHECK_INT(count, 0);
    close_all(&h);
}

TEST(what_was_read_before_a_change_is_not_remembered_after_it) {
    struct house h;
    struct endpoint_row row = { .id = "whe_1", .workspace_id = "ws_a", .provider = "twilio" }, out;
    open_all(&h);
    ava_rand(row.token_hash, sizeof row.token_hash);
    CHECK(!endpoint_recall(&h.t.ctx, row.token_hash, &out));
    uint64_t before = endpoint_generation(row.token_hash);
    endpoint_forget(row.token_hash);
    endpoint_remember(&row, before);
    CHECK(!endpoint_recall(&h.t.ctx, row.token_hash, &out));
    before = endpoint_generation(row.token_hash);
    endpoints_forget_all();
    endpoint_remember(&row, before);
    CHECK(!endpoint_recall(&h.t.ctx, row.token_hash, &out));
    row.sealed = STR("secret");
    endpoint_remember(&row, endpoint_generation(row.token_hash));
    CHECK(endpoint_recall(&h.t.ctx, row.token_hash, &out));
    CHECK_TEXT(out.id, "whe_1");
    CHECK_TEXT(out.workspace_id, "ws_a");
    CHECK(!out.sealed.ptr);
    unsigned char other[32]; /* of the same place */
    memcpy(other, row.token_hash, sizeof other);
    other[31] ^= 1;
    CHECK(!endpoint_recall(&h.t.ctx, other, &out));
    close_all(&h);
}

TEST(what_another_process_changes_counts_within_a_second_and_what_this_one_does_at_once) {
    struct house h;
    struct endpoint e;
    open_all(&h);
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &e), OK);
    CHECK_TEXT(owner_of(&h, e.token), "ws_a");
    CHECK(temp_script(&h.t, "DELETE FROM webhook_endpoints"));
    static const struct clock_seams LATER = { .wall_ms = home_wall_ms, .now_us = home_now_us };
    atomic_fetch_add(&home_ahead_us, 1001 * 1000);
    clock_replace(&LATER);
    CHECK_TEXT(owner_of(&h, e.token), "nobody");
    CHECK_INT(endpoint_current(&h.t.ctx, PROVIDER_TWILIO, &e), OK);
    CHECK_TEXT(owner_of(&h, e.token), "ws_a");
    CHECK_INT(endpoint_rotate(&h.t.ctx, PROVIDER_TWILIO, &e), OK);
    CHECK_INT(endpoint_end_former(&h.t.ctx, PROVIDER_TWILIO), OK);
    CHECK_TEXT(owner_of(&h, e.token), "ws_a");
    close_all(&h);
}
