/* Deliveries to addresses that customers name, over real sockets: which address of several is used. */
#include "test.h"

#include "net/resolve.h"
#include "providers/destinations.h"
#include "providers/stage.h"

static const char *const *led_to; /* where every name leads, NULL-ended */

static bool lead(const char *host, struct resolved *out) {
    *out = (struct resolved){ .count = 0 };
    while (led_to[out->count]) {
        if (!address_parse(str_of(led_to[out->count]), &out->list[out->count]))
            abort();
        out->count++;
    }
    return out->count > 0;
}

static struct upstream_echo deliver(struct stage *s, const char *const *to) {
    struct upstream_echo echo;
    led_to = to;
    resolve_replace(lead);
    struct destination_shot shot = { .url = arena_printf(s->arena, "http://two.example.test:%d/ava",
                                                         s->rude->port),
                                     .body = STR("{}"),
                                     .credential = &s->credential,
                                     .message_id = "evt_1" };
    s->credential.id = arena_printf(s->arena, "dest_%p", (const void *)to);
    ctx_init(&s->ctx, &s->parts, s->arena, 60000);
    CHECK_INT(destination_send(&s->ctx, &shot, &echo), OK);
    resolve_replace(NULL);
    return echo;
}

static const struct scene TAKES[] = { { "POST /ava", 200, "thanks", NULL },
                                      { NULL, 0, NULL, NULL } };

static void act_refused(struct stage *s) {
    static const char *const TO[] = { "127.0.0.8", "127.0.0.9", "127.0.0.1", NULL };
    struct upstream_echo echo = deliver(s, TO);
    CHECK(!echo.failure);
    CHECK_INT(echo.status, 200);
    CHECK_INT(stage_seen(s, "POST /ava"), 1);
}

TEST(after_a_refusal_the_next_address_is_tried) {
    stage_play(TAKES, act_refused);
}

static void act_silent(struct stage *s) {
    static const char *const TO[] = { "127.0.0.8", "127.0.0.1", NULL };
    struct silent_port silent = silent_start("127.0.0.8", s->rude->port);
    struct upstream_echo echo = deliver(s, TO);
    CHECK(!echo.failure);
    CHECK_INT(stage_seen(s, "POST /ava"), 1);
    CHECK(echo.took_us >= 249000 && echo.took_us < 3000000);
    silent_stop(&silent);
}

TEST(after_a_quarter_of_a_second_of_silence_the_next_address_is_tried) {
    stage_play(TAKES, act_silent);
}

static void act_nobody(struct stage *s) {
    static const char *const TO[] = { "127.0.0.8", "127.0.0.9", NULL }, *const ONE[] = {
        "127.0.0.8", NULL
    };
    CHECK_TEXT(deliver(s, TO).failure, "Nobody answers at this address.");
    CHECK_TEXT(deliver(s, ONE).failure, "Nobody answers at this address.");
    CHECK_INT(stage_seen(s, "POST /ava"), 0);
}

TEST(when_all_refuse_that_is_said) {
    stage_play(TAKES, act_nobody);
}

static void act_mixed(struct stage *s) {
    static const char *const FIRST[] = { "127.0.0.1", "10.0.0.1", NULL };
    static const char *const LAST[] = { "10.0.0.1", "127.0.0.1", NULL };
    CHECK(strstr(deliver(s, FIRST).failure, "not public"));
    CHECK(strstr(deliver(s, LAST).failure, "not public"));
    CHECK_INT(atomic_load(&s->rude->connections), 0);
}

TEST(a_name_that_also_leads_to_an_address_that_may_not_be_reached_is_never_connected_to) {
    stage_play(TAKES, act_mixed);
}

static const struct scene REFUSES[] = { { "POST /ava", 500, "no", NULL }, { NULL, 0, NULL, NULL } };

static void act_answered(struct stage *s) {
    static const char *const TO[] = { "127.0.0.1", "127.0.0.8", NULL };
    CHECK_INT(deliver(s, TO).status, 500);
    CHECK_INT(stage_seen(s, "POST /ava"), 1);
}

TEST(whoever_answers_has_answered_for_all_addresses) {
    stage_play(REFUSES, act_answered);
}
