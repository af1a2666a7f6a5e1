#include "cli/tracing.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "config/traces.h"
#include "net/client.h"
#include "net/exporter.h"
#include "net/loop.h"
#include "obs/log.h"
#include "obs/otlp.h"
#include "obs/tracer.h"

enum {
    BATCH_SPANS = 1024,
    HAND_OVER_MS = 1000, /* for what the former settings are still to send */
    END_MS = 1000,       /* for the loop, after its last request */
};

struct tracing {
    struct tracer *tracer;
    const char *instance;
    struct exporter *exporter; /* NULL: none runs */
    pthread_t thread;
    sem_t ready;
    struct loop *loop;
    bool is_stuck; /* the thread did not end in time, and may still read all of this */
};

static bool is_wanted(const struct config *c) {
    return c->otlp_endpoint[0] != 0;
}

static bool is_json(const struct config *c) {
    return strcmp(c->otlp_protocol, "http/json") == 0;
}

static struct tracer_conf tracer_rules(const struct config *c) {
    double ratio = 0;
    traces_ratio_parse(c->traces_ratio, &ratio); /* judged before */
    return (struct tracer_conf){ .is_on = is_wanted(c),
                                 .ratio = ratio,
                                 .write = is_json(c) ? otlp_json_span : otlp_protobuf_span,
                                 .spans_max = (size_t)c->traces_queue };
}

/* --- on the exporter's thread ---------------------------------------------------------------- */

static void end_loop(void *arg) {
    struct tracing *t = arg;
    loop_stop(t->loop);
}

static void *work(void *arg) {
    struct tracing *t = arg;
    t->loop = loop_new(0);
    struct client *client = client_new(t->loop);
    exporter_start(t->exporter);
    sem_post(&t->ready);
    loop_run(t->loop);
    client_free(client);
    loop_free(t->loop);
    return NULL;
}

/* --- on the main thread ---------------------------------------------------------------------- */

static void make_exporter(struct tracing *t, const struct config *c) {
    struct secret headers = c->otlp_headers;
    struct str url = str_of(c->otlp_endpoint);
    while (str_ends(url, STR("/")))
        url.len--;
    char *endpoint = memory_take(url.len + 1);
    str_copy(endpoint, url.len + 1, url);
    struct exporter_conf conf = { .endpoint = endpoint,
                                  .is_json = is_json(c),
                                  .headers = &headers,
                                  .timeout_ms = c->otlp_timeout_ms,
                                  .delay_ms = c->traces_delay_ms,
                                  .batch_spans = c->traces_queue / 2 < BATCH_SPANS
                                                     ? (size_t)c->traces_queue / 2
                                                     : BATCH_SPANS,
                                  .service = c->otel_service_name,
                                  .instance = t->instance,
                                  .done = end_loop,
                                  .done_arg = t };
    t->exporter = exporter_new(&conf, t->tracer);
    secret_wipe(&headers);
    free(endpoint);
}

struct tracing *tracing_new(const struct config *c, const char *instance) {
    struct tracing *t = memory_zeroed(1, sizeof *t);
    struct tracer_conf rules = tracer_rules(c);
    t->instance = instance;
    t->tracer = tracer_new(&rules);
    sem_init(&t->ready, 0, 0);
    if (is_wanted(c))
        make_exporter(t, c);
    return t;
}

struct tracer *tracing_tracer(struct tracing *t) {
    return t->tracer;
}

static void turn_off(struct tracing *t) {
    tracer_tune(t->tracer, &(struct tracer_conf){ .is_on = false });
    exporter_free(t->exporter);
    t->exporter = NULL;
}

void tracing_start(struct tracing *t) {
    if (!t->exporter)
        return;
    int rc = pthread_create(&t->thread, NULL, work, t);
    if (rc != 0) {
        log_warn(NULL, "traces", L("why", "no thread can be started for them"),
                 L("error", strerror(rc)), L("then", "nothing is recorded until a reload"));
        turn_off(t);
        return;
    }
    while (sem_wait(&t->ready) != 0 && errno == EINTR)
        ;
}

static bool join(struct tracing *t, int64_t within_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until); /* pthread_timedjoin_np knows no other */
    until.tv_sec += within_ms / 1000;
    until.tv_nsec += within_ms % 1000 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    return pthread_timedjoin_np(t->thread, NULL, &until) == 0;
}

/* False: it did not end in time. */
static bool end_exporter(struct tracing *t, int64_t within_ms) {
    if (!t->exporter)
        return true;
    exporter_stop(t->exporter, within_ms);
    t->is_stuck = !join(t, within_ms + END_MS);
    if (t->is_stuck)
        return false;
    exporter_free(t->exporter);
    t->exporter = NULL;
    return true;
}

void tracing_reload(struct tracing *t, const struct config *c) {
    struct tracer_conf rules = tracer_rules(c);
    if (!end_exporter(t, HAND_OVER_MS)) {
        log_warn(NULL, "traces", L("why", "the last request to the collector does not end"),
                 L("then", "nothing is recorded; reload once more"));
        rules.is_on = false;
    }
    tracer_tune(t->tracer, &rules);
    if (!rules.is_on)
        return;
    make_exporter(t, c);
    tracing_start(t);
}

void tracing_stop(struct tracing *t, int64_t within_ms) {
    bool has_ended = end_exporter(t, within_ms);
    size_t left = tracer_waiting(t->tracer);
    if (!has_ended || left)
        log_warn(NULL, "traces", L("not_sent", (long)left),
                 L("why", "the collector did not take them in time"));
}

void tracing_free(struct tracing *t) {
    if (!t || t->is_stuck)
        return;
    exporter_free(t->exporter);
    tracer_free(t->tracer);
    sem_destroy(&t->ready);
    free(t);
}
