#include "test.h"

#include <string.h>

#include "base/defs.h"
#include "obs/ctx.h"

#define TRACE  "0af7651916cd43dd8448eb211c80319c"
#define PARENT "b7ad6b7169203331"

TEST(joins_the_callers_trace_with_a_span_of_its_own) {
    struct trace t;
    char header[56];
    trace_start(&t, STR("00-" TRACE "-" PARENT "-00"));
    CHECK_TEXT(t.trace_id, TRACE);
    CHECK_TEXT(t.parent_id, PARENT);
    CHECK_TEXT(t.flags, "00");
    CHECK(strlen(t.span_id) == 16 && strcmp(t.span_id, PARENT) != 0);
    trace_header(&t, header);
    CHECK(strncmp(header, "00-" TRACE "-", 36) == 0 && strlen(header) == 55);
}

TEST(anything_else_begins_a_new_trace) {
    static const char *const BAD[] = {
        "",
        "00",
        "00-" TRACE "-" PARENT,
        "00-" TRACE "-" PARENT "-0",
        "00-" TRACE "-" PARENT "-0g",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" TRACE "-0000000000000000-01",
        "ff-" TRACE "-" PARENT "-01",
        "00_" TRACE "-" PARENT "-01",
        "00-" TRACE "-" PARENT "-01-x",
        "00-0AF7651916CD43DD8448EB211C80319C-" PARENT "-01",
        "00-" TRACE "x" PARENT "-01",
    };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        struct trace t;
        trace_start(&t, str_of(BAD[i]));
        CHECK(strcmp(t.trace_id, TRACE) != 0 && strlen(t.trace_id) == 32);
        CHECK(t.parent_id[0] == 0 && strcmp(t.flags, "01") == 0);
    }
}

TEST(tracestate_goes_along_with_a_parent_when_it_can_be_a_header) {
    struct arena *a = arena_new(1 << 16);
    struct trace t;
    char long_state[600];
    memset(long_state, 'a', sizeof long_state);
    trace_start(&t, STR("00-" TRACE "-" PARENT "-01"));
    trace_take_state(&t, a, STR(" rojo=00f067aa0ba902b7,congo=t61rcWkgMzE\t"));
    CHECK_TEXT(t.state, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
    static const char *const BAD[] = { "", "  ", "a=1\r\nX: y", "a=\x80", "a=\x7f" };
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        trace_start(&t, STR("00-" TRACE "-" PARENT "-01"));
        trace_take_state(&t, a, str_of(BAD[i]));
        CHECK(t.state == NULL);
    }
    trace_take_state(&t, a, (struct str){ long_state, 513 });
    CHECK(t.state == NULL);
    trace_take_state(&t, a, (struct str){ long_state, 512 });
    CHECK(t.state && strlen(t.state) == 512);
    trace_start(&t, STR("bad"));
    trace_take_state(&t, a, STR("a=1"));
    CHECK(t.state == NULL);
    arena_free(a);
}

TEST(what_is_kept_goes_on_below_its_span) {
    struct arena *a = arena_new(1 << 16);
    struct trace t, later = { .trace_id = "unchanged" };
    char trace_id[33], span_id[17];
    trace_start(&t, STR("00-" TRACE "-" PARENT "-01"));
    CHECK(strlen(trace_keep(&t, a)) == 55);
    trace_take_state(&t, a, STR("a=1 b"));
    const char *kept = trace_keep(&t, a);
    CHECK(trace_resume(&later, a, kept));
    CHECK_TEXT(later.trace_id, TRACE);
    CHECK_TEXT(later.parent_id, t.span_id);
    CHECK_TEXT(later.state, "a=1 b");
    CHECK(trace_is_sampled(&later) && strcmp(later.span_id, t.span_id) != 0);
    CHECK(trace_ids(str_of(kept), trace_id, span_id));
    CHECK_TEXT(span_id, t.span_id);
    CHECK(!trace_resume(&later, a, NULL) && !trace_resume(&later, a, "") &&
          !trace_resume(&later, a, "00-x"));
    CHECK_TEXT(later.parent_id, t.span_id);
    arena_free(a);
}

TEST(a_correlation_id_is_taken_when_it_has_the_form_and_else_made) {
    static const char *const GOOD[] = {
        "abcdefgh", "A.b_c-1234", "0123456789012345678901234567890123456789012345678901234567890123"
    };
    static const char *const BAD[] = {
        "",          "abcdefg",
        "abc defgh", "abcdefgh\n",
        "abcdefg\"", "abcdefgh/",
        "äbcdefgh",  "01234567890123456789012345678901234567890123456789012345678901234"
    };
    struct ctx ctx = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        ctx_correlate(&ctx, str_of(GOOD[i]));
        CHECK_TEXT(ctx.correlation_id, GOOD[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        ctx_correlate(&ctx, str_of(BAD[i]));
        CHECK(strcmp(ctx.correlation_id, BAD[i]) != 0 && strlen(ctx.correlation_id) == 32);
    }
}

TEST(more_wrong_fields_than_there_is_room_for_still_make_one_problem) {
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    CHECK_INT(ctx_fields_ok(&ctx), OK);
    for (int i = 0; i < 40; i++)
        ctx_field(&ctx, "a", "required", "The field a is missing.");
    CHECK_INT(ctx_fields_ok(&ctx), ERR_INVALID);
    CHECK_INT(ctx.problem.field_count, PROBLEM_FIELDS_MAX);
    CHECK(ctx_left_ms(&ctx) > 0 && ctx_left_ms(&ctx) <= 1000);
    arena_free(a);
}
