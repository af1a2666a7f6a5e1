#include "service/calls/call_apply.h"

#include "test.h"

enum { HEARD_MS = 1000, START_MS = 700, END_MS = 900, LATER_MS = 5000 };

static struct call_row row_at(const char *provider, const char *status) {
    return (struct call_row){ .id = "call_1", .provider = provider, .status = status };
}

TEST(what_was_told_once_stays) {
    struct call_row row = row_at("vapi", "requested");
    struct call_facts first = { .provider_id = "v1", .status = "ringing", .from = "+1" };
    struct call_facts second = { .provider_id = "v2", .status = "ringing", .from = "+2" };
    CHECK(call_facts_apply(&row, &first));
    CHECK(!call_facts_apply(&row, &second));
    CHECK_TEXT(row.provider_id, "v1");
    CHECK_TEXT(row.from, "+1");
}

TEST(the_same_facts_twice_change_nothing_the_second_time) {
    struct call_row row = row_at("twilio", "in-progress");
    struct call_facts end = { .provider_id = "CA1",
                              .status = "completed",
                              .ended_reason = "completed",
                              .started_ms = START_MS,
                              .ended_ms = END_MS,
                              .has_cost = true,
                              .cost_micros = 5 };
    CHECK(call_facts_apply(&row, &end));
    CHECK(!call_facts_apply(&row, &end));
    CHECK(row.has_cost && row.cost_micros == 5);
}

/* TRAFFIC T09. */
TEST(nothing_is_no_bill_of_a_call_that_talked_and_a_later_bill_wins) {
    struct call_row row = row_at("vapi", "in-progress");
    struct call_facts end = { .provider_id = "v1",
                              .status = "ended",
                              .started_ms = START_MS,
                              .ended_ms = END_MS,
                              .has_exact_times = true,
                              .has_cost = true };
    CHECK(call_facts_apply(&row, &end));
    CHECK(!row.has_cost);
    end.cost_micros = 7;
    CHECK(call_facts_apply(&row, &end) && row.has_cost && row.cost_micros == 7);
    end.cost_micros = 9;
    CHECK(call_facts_apply(&row, &end) && row.cost_micros == 9);
    end.cost_micros = 0;
    CHECK(!call_facts_apply(&row, &end) && row.cost_micros == 9);
    row = row_at("vapi", "ringing");
    end.started_ms = 0; /* nobody picked up */
    CHECK(call_facts_apply(&row, &end) && row.has_cost && row.cost_micros == 0);
}

/* Webhooks come in any order, and beside answers that were asked for. */
TEST(every_order_of_messages_ends_in_the_same_row) {
    static const struct call_facts TOLD[] = {
        { .provider_id = "v1", .status = "in-progress", .started_ms = HEARD_MS },
        { .provider_id = "v1",
          .status = "ended",
          .ended_reason = "customer-ended-call",
          .ended_ms = LATER_MS },
        { .provider_id = "v1",
          .status = "ended",
          .ended_reason = "customer-ended-call",
          .started_ms = START_MS,
          .ended_ms = END_MS,
          .has_exact_times = true,
          .has_cost = true,
          .cost_micros = 7 },
    };
    static const int ORDERS[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                     { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (size_t i = 0; i < ARRAY_LEN(ORDERS); i++) {
        struct call_row row = row_at("vapi", "requested");
        for (size_t k = 0; k < 3; k++)
            call_facts_apply(&row, &TOLD[ORDERS[i][k]]);
        CHECK_TEXT(row.status, "ended");
        CHECK_INT(row.started_ms, START_MS);
        CHECK_INT(row.ended_ms, END_MS);
        CHECK_INT(row.cost_micros, 7);
        CHECK_TEXT(row.ended_reason, "customer-ended-call");
    }
}

TEST(a_guessed_time_never_replaces_an_exact_one) {
    struct call_row row = row_at("twilio", "requested");
    struct call_facts asked = { .provider_id = "CA1",
                                .status = "in-progress",
                                .started_ms = START_MS,
                                .has_exact_times = true };
    struct call_facts told = { .provider_id = "CA1",
                               .status = "in-progress",
                               .started_ms = HEARD_MS };
    call_facts_apply(&row, &asked);
    CHECK(!call_facts_apply(&row, &told));
    CHECK_INT(row.started_ms, START_MS);
    row = row_at("twilio", "requested");
    call_facts_apply(&row, &told);
    CHECK(call_facts_apply(&row, &asked));
    CHECK_INT(row.started_ms, START_MS);
}

/* Twilio's callbacks have no times of their own: the end tells how long it was. */
TEST(an_end_that_tells_how_long_it_was_corrects_the_beginning) {
    struct call_row row = row_at("twilio", "requested");
    struct call_facts began = { .provider_id = "CA1",
                                .status = "in-progress",
                                .started_ms = HEARD_MS };
    struct call_facts ended = { .provider_id = "CA1",
                                .status = "completed",
                                .ended_reason = "completed",
                                .started_ms = START_MS,
                                .ended_ms = LATER_MS };
    call_facts_apply(&row, &began);
    CHECK_INT(row.started_ms, HEARD_MS);
    CHECK(call_facts_apply(&row, &ended));
    CHECK_INT(row.started_ms, START_MS);
    began.started_ms = LATER_MS; /* it was on its way for longer */
    CHECK(!call_facts_apply(&row, &began));
}

TEST(facts_that_say_nothing_of_it_leave_a_field_alone) {
    struct call_row row = row_at("vapi", "in-progress");
    row.started_ms = START_MS;
    row.to = "+1";
    CHECK(!call_facts_apply(&row, &(struct call_facts){ .has_exact_times = true }));
    CHECK_INT(row.started_ms, START_MS);
    CHECK_TEXT(row.status, "in-progress");
}
