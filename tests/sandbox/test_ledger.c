#include "sandbox/ledger.h"

#include <string.h>

#include "base/json.h"
#include "test.h"

static json_t *read(struct ledger *l, struct arena *a, const char *provider, int64_t since,
                    int64_t limit) {
    struct ledger_query q = { provider, since, limit };
    struct buf out = { 0 };
    struct jsonw w = jsonw_to(&out);
    const char *why;
    ledger_write(l, &q, &w);
    json_t *tree = json_parse(a, buf_view(&out), &why);
    buf_fini(&out);
    CHECK(tree != NULL);
    return tree;
}

static int64_t seq_at(const json_t *ledger, size_t i) {
    return json_i64_or(json_array_get(json_object_get(ledger, "hits"), i), "seq", -1);
}

static size_t size(const json_t *ledger) {
    return json_array_size(json_object_get(ledger, "hits"));
}

static int64_t hit(struct ledger *l, const char *provider) {
    return ledger_open(l, provider, "GET", STR("/assistant"), STR("beef"), STR("corr-1234"));
}

TEST(a_hit_has_no_status_until_it_was_answered) {
    struct ledger *l = ledger_new();
    struct arena *a = arena_new(1 << 20);
    int64_t seq = hit(l, "vapi");
    json_t *h = json_array_get(json_object_get(read(l, a, NULL, -1, 10), "hits"), 0);
    CHECK(json_is_null(json_object_get(h, "status")));
    ledger_close(l, seq, 503);
    h = json_array_get(json_object_get(read(l, a, NULL, -1, 10), "hits"), 0);
    CHECK_INT(json_i64_or(h, "status", 0), 503);
    CHECK_TEXT(json_text(h, "credential_last4"), "beef");
    CHECK_TEXT(json_text(h, "correlation_id"), "corr-1234");
    arena_free(a);
    ledger_free(l);
}

TEST(gives_the_newest_or_those_after_a_seq) {
    struct ledger *l = ledger_new();
    struct arena *a = arena_new(1 << 20);
    for (int i = 0; i < 5; i++)
        hit(l, i % 2 ? "twilio" : "vapi"); /* 1 3 5 are Vapi's */
    json_t *newest = read(l, a, "vapi", -1, 2);
    CHECK_INT(size(newest), 2);
    CHECK_INT(seq_at(newest, 0), 3);
    CHECK_INT(seq_at(newest, 1), 5);
    json_t *after = read(l, a, NULL, 1, 2);
    CHECK_INT(seq_at(after, 0), 2);
    CHECK_INT(seq_at(after, 1), 3);
    CHECK_INT(json_i64_or(json_object_get(after, "counts"), "vapi", 0), 3);
    CHECK_INT(json_i64_or(json_object_get(after, "counts"), "twilio", 0), 2);
    arena_free(a);
    ledger_free(l);
}

TEST(counts_what_it_no_longer_keeps) {
    struct ledger *l = ledger_new();
    struct arena *a = arena_new(1 << 20);
    int64_t first = hit(l, "vapi");
    for (int i = 0; i < LEDGER_KEPT; i++)
        hit(l, "vapi");
    ledger_close(l, first, 200); /* came round: nobody else's status is touched */
    json_t *oldest = read(l, a, NULL, 0, 1);
    CHECK_INT(seq_at(oldest, 0), 2);
    CHECK_INT(json_i64_or(json_object_get(oldest, "counts"), "vapi", 0), LEDGER_KEPT + 1);
    CHECK_INT(size(read(l, a, NULL, LEDGER_KEPT + 1, 10)), 0);
    arena_free(a);
    ledger_free(l);
}
