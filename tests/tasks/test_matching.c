#include "tasks/matching.h"

#include <string.h>

#include "base/json.h"
#include "base/sift.h"
#include "test.h"

static struct twilio_matches some(size_t count) {
    return (struct twilio_matches){ .count = count, .is_whole = true };
}

TEST(only_one_that_nobody_has_is_taken) {
    static const bool NONE[3] = { false }, FIRST[3] = { true }, TWO[3] = { true, false, true };
    struct twilio_matches m = some(0);
    CHECK(matching_only(&m, NONE, 0) == NULL);
    m = some(1);
    CHECK(matching_only(&m, NONE, 0) == &m.list[0]);
    CHECK(matching_only(&m, FIRST, 0) == NULL);
    m = some(2);
    CHECK(matching_only(&m, NONE, 0) == NULL);
    CHECK(matching_only(&m, FIRST, 0) == &m.list[1]);
    m = some(3);
    CHECK(matching_only(&m, FIRST, 0) == NULL);
    CHECK(matching_only(&m, TWO, 0) == &m.list[1]);
}

TEST(what_another_of_ours_could_have_made_is_not_taken) {
    static const bool NONE[1] = { false };
    struct twilio_matches m = some(1);
    CHECK(matching_only(&m, NONE, 1) == NULL);
}

TEST(a_list_that_goes_on_proves_nothing) {
    static const bool NONE[1] = { false };
    struct twilio_matches m = some(1);
    m.is_whole = false;
    CHECK(matching_only(&m, NONE, 0) == NULL);
}

/* --- what could be it -------------------------------------------------------------------------- */

#define TEXT(id, to, from, body, at)                                          \
    "{\"direction\":\"outbound-api\",\"provider_id\":\"" id "\",\"to\":\"" to \
    "\",\"from\":\"" from "\",\"body\":\"" body "\",\"made_at\":" at "}"

static bool read_thing(struct ctx *ctx, const json_t *one, struct twilio_match *out) {
    *out = (struct twilio_match){ .provider_id = json_text(one, "provider_id"),
                                  .to = json_text(one, "to"),
                                  .from = json_text(one, "from"),
                                  .body = json_text(one, "body"),
                                  .direction = json_text(one, "direction"),
                                  .made_ms = json_i64_or(one, "made_at", 0) };
    return true;
}

/* Sent at 1,000,000; two clocks may differ by 60,000. */
static size_t picked(const char *things, const char *body) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    struct twilio_search search = { "+1", "+2", body, 1000000, 1060000 };
    static const struct twilio_list THINGS = { .member = "things", .read = read_thing };
    struct twilio_matches m;
    enum sift_end how;
    struct str page = str_of(arena_printf(a, "{\"things\":[%s]}", things));
    CHECK(twilio_pick(&ctx, sift_text(a, page, NULL, &how), &THINGS, &search, &m));
    CHECK(m.is_whole);
    size_t count = m.count;
    arena_free(a);
    return count;
}

TEST(many_choose_from_one_list_by_the_same_rules_and_a_page_that_overlaps_counts_once) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    struct twilio_match all[] = {
        { "SM1", "+1", "+2", "Hi", "outbound-api", 1000000, NULL },
        { "SM1", "+1", "+2", "Hi", "outbound-api", 1000000, NULL },
        { "SM2", "+3", "+2", "Hi", "outbound-api", 1000000, NULL },
        { "SM3", "+4", "+2", "Ho", "outbound-api", 1000000, NULL },
    };
    struct twilio_listed listed = { all, ARRAY_LEN(all), true, false };
    struct twilio_search search = { "+1", "+2", "Hi", 1000000, 1060000 };
    struct twilio_matches m;
    twilio_choose(&ctx, &listed, &search, &m);
    CHECK(m.count == 1 && m.is_whole && !m.is_unclear);
    CHECK_TEXT(m.list[0].provider_id, "SM1");
    search.to = "+3";
    twilio_choose(&ctx, &listed, &search, &m);
    CHECK(m.count == 1 && strcmp(m.list[0].provider_id, "SM2") == 0);
    search.to = "+4";
    twilio_choose(&ctx, &listed, &search, &m);
    CHECK(m.count == 0 && m.is_unclear);
    listed.is_whole = false;
    listed.is_odd = true;
    search.to = "+5";
    twilio_choose(&ctx, &listed, &search, &m);
    CHECK(m.count == 0 && m.is_unclear && !m.is_whole);
    arena_free(a);
}

TEST(a_match_has_the_same_numbers_and_the_same_words) {
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "1000000"), "Hi"), 1);
    CHECK_INT(picked(TEXT("a", "+3", "+2", "Hi", "1000000"), "Hi"), 0);
    CHECK_INT(picked(TEXT("a", "+1", "+3", "Hi", "1000000"), "Hi"), 0);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi ", "1000000"), "Hi"), 1);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Ho", "1000000"), "Hi"), 0);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "", "1000000"), NULL), 1);
    CHECK_INT(picked("{\"direction\":\"outbound-api\",\"provider_id\":\"a\",\"to\":\"+1\",\"from\":"
                     "null,\"made_at\":1000000}",
                     NULL),
              0);
}

TEST(a_match_was_made_when_ours_was_sent) {
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "939999"), "Hi"), 0);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "940000"), "Hi"), 1);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "1120000"), "Hi"), 1);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "1120001"), "Hi"), 0);
    CHECK_INT(picked(TEXT("a", "+1", "+2", "Hi", "0"), "Hi"), 0);
}

/* TRAFFIC 9. */
TEST(only_what_goes_out_is_a_match_and_another_text_is_no_proof_of_absence) {
    static const struct {
        const char *things, *body;
        size_t count;
        bool is_unclear;
    } CASES[] = {
        { "{\"direction\":\"inbound\",\"provider_id\":\"a\",\"to\":\"+1\",\"from\":\"+2\",\"made_"
          "at\":1000000}",
          NULL, 0, false },
        { "{\"provider_id\":\"a\",\"to\":\"+1\",\"from\":\"+2\",\"made_at\":1000000}", NULL, 0,
          true },
        { TEXT("a", "+1", "+2", "Bring the red folder", "1000000"), "Bring the blue folder", 0,
          true },
        { "{\"direction\":\"outbound-api\",\"provider_id\":\"a\",\"to\":\"+1\",\"from\":\"+2\","
          "\"body\":null,"
          "\"made_at\":1000000}",
          "Bring the blue folder", 0, true },
        { TEXT("a", "+1", "+2", "Hi", "5000000"), "Hi", 0, false },
        { TEXT("a", "+3", "+2", "Ho", "1000000"), "Hi", 0, false },
    };
    static const struct twilio_list THINGS = { .member = "things", .read = read_thing };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        struct arena *a = arena_new(1 << 20);
        struct ctx ctx;
        ctx_init(&ctx, NULL, a, 1000);
        struct twilio_search search = { "+1", "+2", CASES[i].body, 1000000, 1060000, false };
        struct twilio_matches m;
        enum sift_end how;
        struct str page = str_of(arena_printf(a, "{\"things\":[%s]}", CASES[i].things));
        CHECK(twilio_pick(&ctx, sift_text(a, page, NULL, &how), &THINGS, &search, &m));
        CHECK(m.count == CASES[i].count && m.is_unclear == CASES[i].is_unclear);
        arena_free(a);
    }
}

TEST(texts_are_the_same_whatever_signs_and_blanks_they_were_given_on_the_way) {
    static const struct {
        const char *shown, *sent;
        bool is_same;
    } CASES[] = {
        { "Sent from your Twilio trial account - Bring the blue folder", "Bring the blue folder",
          true },
        { "Bring  the blue\nfolder ", "Bring the blue folder", true },
        { "It's \"here\" - now...", "It\u2019s \u201chere\u201d \u2013 now\u2026", true },
        { "a\u00a0b", "a b", true },
        { "Bring the red folder", "Bring the blue folder", false },
        { "", "x", false },
        { "Sent from your Twilio trial account - x", "Sent from your Twilio trial account - x",
          true },
    };
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    ctx_init(&ctx, NULL, a, 1000);
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_INT(twilio_same_text(&ctx, CASES[i].shown, CASES[i].sent), CASES[i].is_same);
    arena_free(a);
}

TEST(a_date_of_twilio_is_read_as_it_writes_it) {
    CHECK(twilio_time("Tue, 31 Aug 2010 20:36:28 +0000") == INT64_C(1283286988000));
    CHECK(twilio_time("Tue, 31 Aug 2010 20:36:28 +0200") == 0);
    CHECK(twilio_time("Tue, 31 Aug 2010 20:36:28 GMT") == 0);
    CHECK(twilio_time("") == 0 && twilio_time(NULL) == 0);
}
