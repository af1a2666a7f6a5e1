#include "service/assistants/masking.h"

#include <time.h>

#include "base/json.h"
#include "base/tree.h"
#include "masking_before.h"
#include "test.h"

static struct arena *a;
static struct ctx ctx;

static void begin(void) {
    a = arena_new(4 << 20);
    ctx_init(&ctx, NULL, a, 1000);
}

static json_t *tree(const char *text) {
    const char *why = "";
    json_t *t = json_parse(a, str_of(text), &why);
    if (!t)
        print_error("%s: %s\n", text, why);
    CHECK(t != NULL);
    return t;
}

static const char *text_of(json_t *t) {
    return str_dup(a, tree_text(a, tree_in(a, t)));
}

static const char *masked(const char *text) {
    return text_of(masking_done(tree(text)));
}

TEST(what_opens_something_is_hidden_whatever_it_is_called) {
    static const char *const HIDDEN[] = { "secret",           "serverSecret",
                                          "apiKey",           "api_key",
                                          "authToken",        "password",
                                          "Authorization",    "privateKey",
                                          "awsAccessKeyId",   "twilioAuthToken",
                                          "X-Api-Key",        "clientSecret",
                                          "connectionString", "signingKey",
                                          "signing_key",      "webhookKey",
                                          "webhook-key",      "auth",
                                          "basicAuth",        "bearer",
                                          "passphrase",       "HMAC",
                                          "encryptionkey",    "sshKey" };
    static const char *const OPEN[] = {
        "name",   "voiceId",         "firstMessage",      "content", "keypad",
        "key",    "publicKey",       "promptCacheKey",    "monkey",  "bearerFormat",
        "author", "idempotency_key", "authenticationPlan"
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(HIDDEN); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"%s\":\"v\"}", HIDDEN[i])),
                   arena_printf(a, "{\"%s\":\"" MASK "\"}", HIDDEN[i]));
    for (size_t i = 0; i < ARRAY_LEN(OPEN); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"%s\":\"v\"}", OPEN[i])),
                   arena_printf(a, "{\"%s\":\"v\"}", OPEN[i]));
    CHECK_TEXT(masked("{\"maxTokens\":250,\"secret\":\"\"}"),
               "{\"maxTokens\":250,\"secret\":\"\"}");
    arena_free(a);
}

TEST(all_headers_and_credentials_are_hidden_at_any_depth) {
    begin();
    CHECK_TEXT(masked("{\"model\":{\"tools\":[{\"server\":{\"headers\":{\"X\":\"v\"}}}]}}"),
               "{\"model\":{\"tools\":[{\"server\":{\"headers\":{\"X\":\"" MASK "\"}}}]}}");
    CHECK_TEXT(
        masked("{\"credentials\":[{\"provider\":\"p\",\"any\":{\"deep\":[\"v\"]},\"n\":1}]}"),
        "{\"credentials\":[{\"provider\":\"p\",\"any\":{\"deep\":[\"" MASK "\"]},\"n\":1}]}");
    arena_free(a);
}

TEST(of_addresses_only_what_lets_somebody_in_is_hidden) {
    static const char *const CASES[][2] = {
        { "https://example.com/a?b=c#d", "https://example.com/a?b=c#d" },
        { "https://u:p@example.com/a", "https://" MASK "@example.com/a" },
        { "https://example.com/a@b", "https://example.com/a@b" },
        { "https://ava.example/webhooks/vapi/T0ken", "https://ava.example/webhooks/vapi/" MASK },
        { "http://127.0.0.1:8000/webhooks/twilio/T/voice",
          "http://127.0.0.1:8000/webhooks/twilio/" MASK },
        { "https://example.com/webhooks/", "https://example.com/webhooks/" },
        { "https://example.com/a?token=T", "https://example.com/a?" MASK },
        { "https://u@example.com/a?api_key=T", "https://" MASK "@example.com/a?" MASK },
        { "wss://u:p@example.com/a", "wss://" MASK "@example.com/a" },
        { "HTTPS://u:p@example.com/a", "HTTPS://" MASK "@example.com/a" },
        { "postgres://u:p@db.example/x", "postgres://" MASK "@db.example/x" },
        { "https://hooks.example/services/T00000000/B00000000/a1b2c3d4e5f6g7h8i9j0k1l2",
          "https://hooks.example/services/T00000000/B00000000/" MASK },
        { "https://example.com/0123456789abcdef0123/x", "https://example.com/" MASK },
        { "https://example.com/quarterly-reports-of-the-year/x",
          "https://example.com/quarterly-reports-of-the-year/x" },
        { "https://example.com/a?key=AIza&b=c", "https://example.com/a?" MASK },
        { "https://example.com/a?b=c&sig=xyz", "https://example.com/a?" MASK },
        { "https://example.com/a?v=0123456789abcdef0123", "https://example.com/a?" MASK },
        { "https://example.com/a?monkey=x&page=2", "https://example.com/a?monkey=x&page=2" },
        { "call me at https://u:p@example.com/a", "call me at https://u:p@example.com/a" },
        { "call me at mail@example.com", "call me at mail@example.com" },
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_TEXT(masked(arena_printf(a, "{\"url\":\"%s\"}", CASES[i][0])),
                   arena_printf(a, "{\"url\":\"%s\"}", CASES[i][1]));
    arena_free(a);
}

/* What comes of sending this for what is there; NULL when it is refused. */
static const char *undone(const char *sent, const char *real) {
    ctx.problem = (struct problem){ .err = OK };
    const char *text = text_of(masking_undone(&ctx, tree(sent), tree(real)));
    return ctx.problem.field_count ? NULL : text;
}

TEST(what_was_read_can_be_sent_back_and_is_what_it_was) {
    static const char REAL[] =
        "{\"server\":{\"url\":\"https://u:p@e.com/webhooks/vapi/T\",\"headers\":{\"X\":\"v\"}},"
        "\"credentials\":[{\"provider\":\"a\",\"apiKey\":\"1\"},{\"provider\":\"a\",\"apiKey\":"
        "\"2\"}],\"n\":[1,null,true]}";
    begin();
    CHECK_TEXT(undone(masked(REAL), REAL), REAL);
    arena_free(a);
}

TEST(a_mask_takes_only_the_value_of_its_own_place) {
    begin();
    CHECK_TEXT(undone("{\"secret\":\"" MASK "\"}", "{\"secret\":\"v\",\"password\":\"w\"}"),
               "{\"secret\":\"v\"}");
    CHECK_TEXT(undone("{\"secret\":\"new\"}", "{\"secret\":\"v\"}"), "{\"secret\":\"new\"}");
    CHECK(undone("{\"secret\":\"" MASK "\"}", "{\"password\":\"w\"}") == NULL);
    CHECK_TEXT(ctx.problem.fields[0].field, "/secret");
    CHECK_TEXT(ctx.problem.fields[0].code, "masked");
    CHECK(undone("{\"url\":\"https://other.com/webhooks/vapi/" MASK "\"}",
                 "{\"url\":\"https://e.com/webhooks/vapi/T\"}") == NULL);
    CHECK_TEXT(undone("{\"firstMessage\":\"" MASK "\"}", "{}"), "{\"firstMessage\":\"" MASK "\"}");
    arena_free(a);
}

#define KEY(p, k) "{\"provider\":\"" p "\",\"apiKey\":\"" k "\"}"

TEST(entries_of_a_list_keep_their_own_wherever_they_go) {
    static const char REAL[] = "{\"credentials\":[" KEY("a", "1") "," KEY("b", "2") "]}";
    begin();
    CHECK_TEXT(undone("{\"credentials\":[" KEY("b", MASK) "]}", REAL),
               "{\"credentials\":[" KEY("b", "2") "]}");
    CHECK_TEXT(undone("{\"credentials\":[" KEY("b", MASK) "," KEY("a", MASK) "]}", REAL),
               "{\"credentials\":[" KEY("b", "2") "," KEY("a", "1") "]}");
    CHECK_TEXT(undone("{\"credentials\":[" KEY("a", MASK) "," KEY("b", "3") "]}", REAL),
               "{\"credentials\":[" KEY("a", "1") "," KEY("b", "3") "]}");
    arena_free(a);
}

TEST(a_changed_entry_is_matched_only_where_nothing_else_could_be_meant) {
    static const char REAL[] = "{\"credentials\":[" KEY("a", "1") "," KEY("b", "2") "]}";
    begin();
    CHECK_TEXT(undone("{\"credentials\":[" KEY("a", MASK) ",{\"provider\":\"b\",\"apiKey\":\"" MASK
                                                          "\",\"name\":\"N\"}]}",
                      REAL),
               "{\"credentials\":[" KEY("a", "1") ",{\"provider\":\"b\",\"apiKey\":\"2\","
                                                  "\"name\":\"N\"}]}");
    CHECK(undone("{\"credentials\":[" KEY("c", MASK) "," KEY("d", MASK) "]}", REAL) == NULL);
    CHECK_INT(ctx.problem.field_count, 2);
    CHECK(undone("{\"credentials\":[" KEY("c", MASK) "]}", REAL) == NULL);
    CHECK(undone("{\"credentials\":[" KEY("a", MASK) "," KEY("b", MASK) "," KEY("c", MASK) "]}",
                 REAL) == NULL);
    CHECK_TEXT(ctx.problem.fields[0].field, "/credentials/2/apiKey");
    arena_free(a);
}

/* --- the same as before, but in no more time than the bytes need ---------------------------------- */

static unsigned dice;

static unsigned roll(unsigned sides) {
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % sides;
}

static json_t *text_made(void) {
    static const char *const TEXTS[] = { "a",
                                         "b",
                                         "",
                                         "https://u:p@e.com/x",
                                         "https://u:q@e.com/x",
                                         "https://e.com/?token=1",
                                         "https://e.com/webhooks/vapi/T" };
    return json_string(TEXTS[roll(ARRAY_LEN(TEXTS))]);
}

static json_t *tree_made(int depth) {
    static const char *const NAMES[] = { "open", "secret", "o", "id" };
    unsigned kind = roll(depth > 0 ? 9 : 4), count = roll(5);
    json_t *made;
    if (kind < 3)
        return text_made();
    if (kind == 3)
        return roll(2) ? json_integer(roll(3)) : json_real(roll(3));
    made = kind < 6 ? json_object() : json_array();
    for (unsigned i = 0; i < count; i++)
        if (kind < 6)
            json_object_set_new(made, NAMES[roll(4)], tree_made(depth - 1));
        else
            json_array_append_new(made, tree_made(depth - 1));
    return made;
}

/* Changes a little of it: entries move, go, come, are written anew or are masked. A reference of its own is returned. */
static json_t *edited(json_t *value) {
    const char *name;
    json_t *one;
    size_t i, count = json_array_size(value);
    void *next;
    if (roll(12) == 0)
        return roll(3) ? json_string(MASK) : text_made();
    json_object_foreach_safe(value, next, name, one) {
        json_object_set_new(value, name, edited(one));
    }
    json_array_foreach(value, i, one) {
        json_array_set_new(value, i, edited(one));
    }
    if (count > 1 && roll(3) == 0) {
        json_t *first = json_incref(json_array_get(value, 0));
        json_array_set(value, 0, json_array_get(value, count - 1));
        json_array_set_new(value, count - 1, first);
    }
    if (count && roll(5) == 0)
        json_array_remove(value, roll((unsigned)count));
    if (count && roll(5) == 0)
        json_array_append(value, json_array_get(value, roll((unsigned)count)));
    json_incref(value);
    return value;
}

TEST(any_small_tree_comes_back_as_when_each_entry_was_compared_with_each) {
    unsigned with_refusals = 0, whole = 0;
    for (dice = 1; dice != 0 && with_refusals + whole < 4000;) {
        begin();
        json_t *real = tree_in(a, tree_made(4));
        json_t *shown = tree_in(a, masking_done(real));
        json_t *copy = json_deep_copy(shown), *sent = tree_in(a, edited(copy));
        json_decref(copy);
        struct before_undoing u = { .pointer = { 0 } };
        json_t *before = tree_in(a, before_undo(&u, false, sent, real));
        json_t *now = tree_in(a, masking_undone(&ctx, sent, real));
        unsigned refused = 0;
        for (size_t i = 0; i < u.refused.len; i++)
            refused += u.refused.ptr[i] == '\n';
        CHECK_TEXT(tree_text(a, now).ptr, tree_text(a, before).ptr);
        CHECK_INT(ctx.problem.field_count, refused < 16 ? refused : 16);
        *(refused ? &with_refusals : &whole) += 1;
        buf_fini(&u.pointer);
        buf_fini(&u.refused);
        arena_free(a);
    }
    CHECK(with_refusals > 200 && whole > 200);
}

static int64_t cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

typedef void make_fn(size_t entries, json_t **sent, json_t **real);

/* The best of three, in microseconds. */
static int64_t time_of(make_fn *make, size_t entries) {
    int64_t best = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        json_t *sent, *real;
        a = arena_new(256 << 20);
        ctx_init(&ctx, NULL, a, 1000);
        make(entries, &sent, &real);
        int64_t begun = cpu_us();
        json_decref(masking_undone(&ctx, sent, real));
        int64_t took = cpu_us() - begun;
        best = took < best ? took : best;
        json_decref(sent);
        json_decref(real);
        arena_free(a);
    }
    return best;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { MOST_US = 10 * 1000 * 1000 };
#else
enum { MOST_US = 1000 * 1000 };
#endif

/* Four times as much in less than eight times the time; and even the most within a second. */
static void check_linear(const char *what, make_fn *make) {
    int64_t some = time_of(make, 25000), more = time_of(make, 100000);
    print_message("# %s: %lld us, four times as much: %lld us\n", what, (long long)some,
                  (long long)more);
    CHECK(more < 8 * some + 20000);
    CHECK(more < MOST_US);
}

static json_t *wrapped(const char *name, json_t *list) {
    return json_pack("{s:o,s:s}", name, list, "secret", MASK);
}

static void make_numbers(size_t entries, json_t **sent, json_t **real) {
    json_t *zeros = json_array(), *ones = json_array();
    for (size_t i = 0; i < entries; i++) {
        json_array_append_new(zeros, json_integer(0));
        json_array_append_new(ones, json_integer(1));
    }
    *real = wrapped("x", zeros);
    *sent = wrapped("x", ones);
}

/* The same keys, backwards, each behind its mask. */
static void make_moved(size_t entries, json_t **sent, json_t **real) {
    json_t *there = json_array(), *moved = json_array();
    for (size_t i = 0; i < entries; i++) {
        json_array_append_new(there, json_pack("{s:I,s:s}", "id", (json_int_t)i, "apiKey", "k"));
        json_array_append_new(
            moved, json_pack("{s:I,s:s}", "id", (json_int_t)(entries - 1 - i), "apiKey", MASK));
    }
    *real = wrapped("x", there);
    *sent = wrapped("x", moved);
}

/* All look alike, and one of them is new. */
static void make_alike(size_t entries, json_t **sent, json_t **real) {
    json_t *there = json_array(), *masks = json_array();
    for (size_t i = 0; i < entries; i++) {
        json_array_append_new(there, json_string("k"));
        json_array_append_new(masks, json_string(i ? MASK : MASK MASK));
    }
    *real = json_pack("{s:o}", "headers", there);
    *sent = json_pack("{s:o}", "headers", masks);
}

/* Masks that nothing is behind, under a name that is long. */
static void make_unknown(size_t entries, json_t **sent, json_t **real) {
    char *name = str_dup(a, (struct str){ arena_alloc(a, 1 << 19), 1 << 19 });
    json_t *masks = json_array();
    memset(name, 'h', 1 << 19);
    for (size_t i = 0; i < entries; i++)
        json_array_append_new(masks, json_string(MASK));
    *real = json_object();
    *sent = json_pack("{s:{s:o}}", "headers", name, masks);
}

/* Each list differs in its last entry, which is the next list. */
static void make_deep(size_t entries, json_t **sent, json_t **real) {
    *real = json_integer(1);
    *sent = json_string(MASK);
    for (size_t depth = 0; depth < 30; depth++) {
        json_t *inner[] = { *sent, *real }, *outer[] = { json_array(), json_array() };
        for (size_t k = 0; k < 2; k++) {
            for (size_t i = 0; i < entries / 30; i++)
                json_array_append_new(outer[k], json_integer((json_int_t)i));
            json_array_append_new(outer[k], inner[k]);
        }
        *sent = outer[0];
        *real = outer[1];
    }
}

/* One long secret, asked for by every mask; in an address, so that telling it is work too. */
static void make_copies(size_t entries, json_t **sent, json_t **real) {
    char *secret = arena_alloc(a, (1 << 18) + 32);
    json_t *masks = json_array();
    memset(secret, 'k', 1 << 18);
    for (size_t i = 0; i < entries; i++)
        json_array_append_new(masks, json_string("https://e.com/?" MASK));
    *real =
        json_pack("{s:[o]}", "urls", json_string(arena_join(a, "https://e.com/?token=", secret)));
    *sent = json_pack("{s:o}", "urls", masks);
}

TEST(the_time_it_takes_is_that_of_the_bytes_whatever_they_say) {
    check_linear("numbers", make_numbers);
    check_linear("moved", make_moved);
    check_linear("alike", make_alike);
    check_linear("unknown", make_unknown);
    check_linear("deep", make_deep);
    check_linear("copies", make_copies);
}

TEST(a_secret_is_put_back_no_more_often_than_a_configuration_holds) {
    json_t *sent, *real;
    begin();
    make_copies(10, &sent, &real);
    tree_in(a, sent);
    tree_in(a, real);
    tree_in(a, masking_undone(&ctx, sent, real));
    CHECK_INT(ctx.problem.field_count, 10);
    CHECK_TEXT(ctx.problem.fields[0].code, "too_long");
    arena_free(a);
}
