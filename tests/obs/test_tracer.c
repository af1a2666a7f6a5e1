#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "obs/metrics.h"
#include "obs/tracer.h"

#define PARENT "b7ad6b7169203331"

/* For the eye. */
static void write(struct buf *out, const struct span_place *place, const struct span *s,
                  bool is_first) {
    buf_printf(out, "%s%s %s<%s %s %s%s%s%s", is_first ? "" : "\n", place->trace_id, s->id,
               s->parent_id, place->is_sampled ? "sampled" : "error", s->name,
               s->target ? s->target : "", s->error ? " !" : "", s->error ? s->error : "");
    for (size_t i = 0; i < s->attribute_count; i++)
        if (s->attributes[i].text)
            buf_printf(out, " %s=%s", s->attributes[i].key, s->attributes[i].text);
        else
            buf_printf(out, " %s=%lld", s->attributes[i].key, (long long)s->attributes[i].number);
    for (size_t i = 0; i < s->link_count; i++)
        buf_printf(out, " ->%s", s->links[i].span_id);
    buf_printf(out, " %s%s", place->state ? place->state : "-",
               s->took_us < 0 || place->to_unix_us == 0 ? " without times" : "");
}

static struct tracer *tracer_of(double ratio, size_t spans_max) {
    return tracer_new(&(struct tracer_conf){
        .is_on = true, .ratio = ratio, .spans_max = spans_max, .write = write });
}

static int64_t counted(const char *result) {
    return (int64_t)metric_value(METRIC_TRACES_SPANS, (const char *[4]){ result });
}

/* A ctx whose trace begins here, sampled or not. */
static void begin(struct ctx *ctx, const struct parts *parts, struct arena *a, bool is_sampled) {
    ctx_init(ctx, parts, a, 1000);
    trace_sample(&ctx->trace, is_sampled);
    spans_begin(ctx, SPAN_SERVER, "GET", "/a");
}

TEST(the_ratio_chooses_about_so_many_and_each_always_the_same_way) {
    static const double RATIOS[] = { 0, 0.01, 0.25, 0.5, 1 };
    for (size_t i = 0; i < ARRAY_LEN(RATIOS); i++) {
        struct tracer *t = tracer_of(RATIOS[i], 512), *other = tracer_of(RATIOS[i], 512);
        int chosen = 0;
        enum { N = 20000 };
        for (int n = 0; n < N; n++) {
            struct trace trace;
            trace_start(&trace, (struct str){ NULL, 0 });
            bool is_chosen = tracer_samples(t, trace.trace_id);
            CHECK(is_chosen == tracer_samples(other, trace.trace_id));
            chosen += is_chosen;
        }
        double part = (double)chosen / N;
        CHECK(part >= RATIOS[i] - 0.02 && part <= RATIOS[i] + 0.02);
        CHECK(RATIOS[i] > 0 || chosen == 0);
        CHECK(RATIOS[i] < 1 || chosen == N);
        tracer_free(t);
        tracer_free(other);
    }
}

TEST(who_is_chosen_at_a_ratio_is_chosen_at_every_larger_one) {
    struct tracer *few = tracer_of(0.1, 512), *many = tracer_of(0.3, 512);
    for (int n = 0; n < 5000; n++) {
        struct trace trace;
        trace_start(&trace, (struct str){ NULL, 0 });
        CHECK(!tracer_samples(few, trace.trace_id) || tracer_samples(many, trace.trace_id));
    }
    CHECK(tracer_samples(few, "ffffffffffffffff0000000000000001"));
    CHECK(!tracer_samples(few, "0000000000000001ffffffffffffffff"));
    tracer_free(few);
    tracer_free(many);
}

static bool chosen(struct tracer *t, const char *traceparent, int64_t now_ms) {
    struct trace trace;
    trace_start(&trace, str_of(traceparent));
    tracer_choose(t, &trace, now_ms);
    return trace_is_sampled(&trace);
}

TEST(what_its_sender_samples_is_sampled_but_not_everything) {
    struct tracer *t = tracer_of(0, 512);
    char header[64];
    int taken = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(header, sizeof header, "00-%032x-" PARENT "-01", i + 1);
        taken += chosen(t, header, 5000);
    }
    CHECK(taken > 0 && taken <= 20);
    CHECK(chosen(t, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-01", 7000)); /* a new second */
    tracer_free(t);
}

TEST(what_its_sender_does_not_sample_is_not_sampled) {
    struct tracer *t = tracer_of(1, 512);
    CHECK(!chosen(t, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-00", 0));
    CHECK(!chosen(t, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-02", 0));
    CHECK(chosen(t, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-03", 0));
    CHECK(chosen(t, "", 0));
    tracer_tune(t, &(struct tracer_conf){ .is_on = false });
    CHECK(chosen(t, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-01", 0)); /* as it came */
    tracer_free(t);
}

TEST(a_segment_is_written_whole_before_its_arena_goes) {
    struct tracer *t = tracer_of(1, 512);
    struct parts parts = { .tracer = t };
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    char header[56];
    begin(&ctx, &parts, a, true);
    ctx.trace.state = arena_strdup(a, "k=v");
    struct span *child = span_begin(&ctx, SPAN_CLIENT, "POST", NULL);
    span_copy(&ctx, child, "text", STR("once"));
    span_number(child, "number", 42);
    span_status_error(&ctx, child, 503);
    span_link(&ctx, spans_root(&ctx), "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-01 x=y");
    span_link(&ctx, spans_root(&ctx), "no trace");
    span_link(&ctx, spans_root(&ctx), NULL);
    span_header(&ctx, child, header);
    CHECK(memcmp(header + 36, child->id, 16) == 0);
    spans_end(&ctx, NULL);
    CHECK(ctx.spans == NULL);
    char root_id[17], child_id[17], trace_id[33];
    memcpy(root_id, ctx.trace.span_id, sizeof root_id);
    memcpy(child_id, child->id, sizeof child_id);
    memcpy(trace_id, ctx.trace.trace_id, sizeof trace_id);
    arena_free(a);

    struct segment *s = tracer_next(t, 512, 1 << 20);
    CHECK(s && s->span_count == 2 && !s->next);
    char wanted[512];
    snprintf(wanted, sizeof wanted,
             "%s %s< sampled GET/a ->" PARENT " k=v\n"
             "%s %s<%s sampled POST !503 text=once number=42 k=v",
             trace_id, root_id, trace_id, child_id, root_id);
    char got[512];
    str_copy(got, sizeof got, (struct str){ s->bytes, s->len });
    CHECK_TEXT(got, wanted);
    CHECK(strcmp(child_id, root_id) != 0 && strlen(child_id) == 16);
    segments_free(s);
    CHECK(tracer_next(t, 512, 1 << 20) == NULL);
    tracer_free(t);
}

/* "" where it is not kept, else the flags it has: "sampled" or "error". */
static const char *kept(struct tracer *t, bool is_sampled, const char *error) {
    struct parts parts = { .tracer = t };
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    begin(&ctx, &parts, a, is_sampled);
    spans_end(&ctx, error);
    arena_free(a);
    struct segment *s = tracer_next(t, 512, 1 << 20);
    struct str bytes = { s ? s->bytes : "", s ? s->len : 0 };
    const char *what = !s ? "" : str_find(bytes, STR(" sampled ")) > 0 ? "sampled" : "error";
    segments_free(s);
    return what;
}

TEST(an_error_is_kept_whatever_the_ratio) {
    struct tracer *t = tracer_of(0, 512);
    CHECK_TEXT(kept(t, false, NULL), "");
    CHECK_TEXT(kept(t, false, "timeout"), "error");
    CHECK_TEXT(kept(t, true, NULL), "sampled");
    tracer_tune(t, &(struct tracer_conf){ .is_on = false });
    CHECK_TEXT(kept(t, true, "timeout"), "");
    tracer_free(t);
}

TEST(without_a_tracer_nothing_is_recorded_and_nothing_is_hurt) {
    struct parts parts = { .tracer = NULL };
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    begin(&ctx, &parts, a, true);
    struct span *s = span_begin(&ctx, SPAN_CLIENT, "POST", NULL);
    CHECK(!s && !spans_root(&ctx));
    span_text(s, "a", "b");
    span_copy(&ctx, s, "a", STR("b"));
    span_status_error(&ctx, s, 500);
    span_link(&ctx, s, "00-0af7651916cd43dd8448eb211c80319c-" PARENT "-01");
    span_end(s);
    spans_end(&ctx, "x");
    arena_free(a);
}

TEST(a_segment_has_so_many_spans_and_what_is_more_is_counted) {
    struct tracer *t = tracer_of(1, 512);
    struct parts parts = { .tracer = t };
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    int64_t before = counted("too_many");
    begin(&ctx, &parts, a, true);
    for (int i = 0; i < 1000; i++)
        span_end(span_begin(&ctx, SPAN_CLIENT, "SELECT", NULL));
    for (int i = 0; i < 100; i++)
        span_number(spans_root(&ctx), "n", i);
    spans_end(&ctx, NULL);
    struct segment *s = tracer_next(t, 512, 1 << 20);
    CHECK_INT(s->span_count, SPANS_MAX);
    struct str bytes = { s->bytes, s->len };
    CHECK(str_find(bytes, STR(" n=11 ")) > 0 && str_find(bytes, STR(" n=12")) < 0);
    CHECK_INT(counted("too_many") - before, 1000 - (SPANS_MAX - 1));
    segments_free(s);
    tracer_free(t);
    arena_free(a);
}

static void put(struct tracer *t) {
    struct parts parts = { .tracer = t };
    struct arena *a = arena_new(1 << 16);
    struct ctx ctx;
    begin(&ctx, &parts, a, true);
    span_end(span_begin(&ctx, SPAN_CLIENT, "SELECT", NULL));
    spans_end(&ctx, NULL);
    arena_free(a);
}

TEST(a_full_queue_drops_what_comes_and_takes_again_once_there_is_room) {
    struct tracer *t = tracer_of(1, 10);
    int64_t before = counted("queue_full");
    for (int i = 0; i < 8; i++)
        put(t);
    CHECK_INT(tracer_waiting(t), 10);
    CHECK_INT(counted("queue_full") - before, 6);
    struct segment *some = tracer_next(t, 4, 1 << 20);
    CHECK_INT(segments_spans(some), 4);
    CHECK_INT(tracer_waiting(t), 6);
    segments_free(some);
    put(t);
    CHECK_INT(tracer_waiting(t), 8);
    tracer_free(t); /* with what waits */
}

TEST(segments_come_in_portions_of_spans_and_bytes_but_at_least_one) {
    struct tracer *t = tracer_of(1, 100);
    for (int i = 0; i < 5; i++)
        put(t);
    struct segment *s = tracer_next(t, 1, 1);
    CHECK_INT(segments_spans(s), 2);
    size_t one = s->len;
    segments_free(s);
    s = tracer_next(t, 100, 2 * one);
    CHECK_INT(segments_spans(s), 4);
    segments_free(s);
    tracer_free(t);
}

static void write_otherwise(struct buf *out, const struct span_place *place, const struct span *s,
                            bool is_first) {
    buf_text(out, "x");
}

TEST(what_waits_is_never_mixed_with_what_is_written_in_another_way) {
    struct tracer *t = tracer_of(1, 100);
    int64_t before = counted("unreachable");
    put(t);
    tracer_tune(
        t, &(struct tracer_conf){ .is_on = true, .ratio = 1, .spans_max = 100, .write = write });
    CHECK_INT(tracer_waiting(t), 2);
    tracer_tune(t, &(struct tracer_conf){
                       .is_on = true, .ratio = 1, .spans_max = 100, .write = write_otherwise });
    CHECK_INT(tracer_waiting(t), 0);
    CHECK_INT(counted("unreachable") - before, 2);
    put(t);
    struct segment *s = tracer_next(t, 100, 1 << 20);
    CHECK_INT(s->len, 2);
    segments_free(s);
    tracer_free(t);
}

struct crowd {
    struct tracer *tracer;
    atomic_int left;
};

static void *crowd_put(void *arg) {
    struct crowd *c = arg;
    for (int i = 0; i < 2000; i++)
        put(c->tracer);
    atomic_fetch_sub(&c->left, 1);
    return NULL;
}

TEST(many_threads_at_once_lose_nothing_uncounted_and_never_pass_the_bound) {
    enum { THREADS = 4, SPANS = THREADS * 2000 * 2 };
    struct crowd c = { .tracer = tracer_of(1, 64), .left = THREADS };
    pthread_t threads[THREADS];
    int64_t before = counted("queue_full"), taken = 0;
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, crowd_put, &c);
    for (bool is_last = false; !is_last || tracer_waiting(c.tracer);) {
        is_last = atomic_load(&c.left) == 0;
        CHECK(tracer_waiting(c.tracer) <= 64);
        struct segment *s = tracer_next(c.tracer, 16, 1 << 20);
        taken += (int64_t)segments_spans(s);
        segments_free(s);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(taken + counted("queue_full") - before, SPANS);
    tracer_free(c.tracer);
}

TEST(whoever_waits_is_woken_by_enough_spans_by_a_wake_and_by_the_time) {
    struct tracer *t = tracer_of(1, 100);
    put(t);
    tracer_wait(t, 2, FIBER_NO_DEADLINE); /* they are there */
    tracer_wake(t);
    tracer_wait(t, 50, FIBER_NO_DEADLINE); /* kept until somebody waits */
    tracer_wait(t, 50, ava_now_ms() - 1);
    CHECK_INT(tracer_waiting(t), 2);
    tracer_free(t);
}
