#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obs/metrics.h"

static struct buf scrape(void) {
    struct buf out = { 0 };
    metrics_write(&out, METRICS_TEXT);
    buf_char(&out, 0);
    return out;
}

static double value_of(const struct buf *out, const char *series) {
    const char *at = strstr(out->ptr, series);
    return at ? strtod(at + strlen(series), NULL) : -1;
}

TEST(a_series_is_counted_under_its_labels_and_written_with_help_and_type) {
    metric_add(METRIC_WEBHOOKS, 2, "twilio", "accepted");
    metric_add(METRIC_WEBHOOKS, 1, "twilio", "accepted");
    metric_add(METRIC_WEBHOOKS, 1, "twilio", "duplicate");
    metric_set(METRIC_CACHE_BYTES, 12.5, NULL);
    struct buf out = scrape();
    CHECK(value_of(&out, "webhook_received_total{provider=\"twilio\",result=\"accepted\"} ") == 3);
    CHECK(value_of(&out, "webhook_received_total{provider=\"twilio\",result=\"duplicate\"} ") == 1);
    CHECK(value_of(&out, "\ncache_bytes ") == 12.5);
    CHECK(strstr(out.ptr, "# TYPE webhook_received_total counter\n") != NULL);
    CHECK(strstr(out.ptr, "# TYPE cache_bytes gauge\n") != NULL);
    CHECK(metric_value(METRIC_WEBHOOKS, (const char *[4]){ "twilio", "accepted" }) == 3);
    buf_fini(&out);
}

TEST(label_values_are_escaped) {
    metric_add(METRIC_CALLS_DENIED, 1, "a\"b\\c\nd");
    struct buf out = scrape();
    CHECK(strstr(out.ptr, "system_calls_denied_total{call=\"a\\\"b\\\\c\\nd\"} 1\n") != NULL);
    buf_fini(&out);
}

TEST(the_buckets_of_a_histogram_only_rise_and_end_in_the_count) {
    static const int64_t TIMES[] = { 0, 400, 500, 501, 9999, 250000, 99999999 };
    for (size_t i = 0; i < sizeof TIMES / sizeof *TIMES; i++)
        metric_observe_us(METRIC_WEBHOOK_ACK, TIMES[i], "twilio");
    struct buf out = scrape();
    double last = 0;
    int buckets = 0;
    for (char *at = out.ptr; (at = strstr(at, "webhook_ack_duration_seconds_bucket{")); at++) {
        double v = strtod(strchr(at, '}') + 1, NULL);
        CHECK(v >= last);
        last = v;
        buckets++;
    }
    CHECK_INT(buckets, 15);
    CHECK(last == 7 &&
          value_of(&out, "webhook_ack_duration_seconds_count{provider=\"twilio\"} ") == 7);
    CHECK(value_of(&out,
                   "webhook_ack_duration_seconds_bucket{provider=\"twilio\",le=\"0.0005\"} ") == 3);
    CHECK(value_of(&out, "webhook_ack_duration_seconds_bucket{provider=\"twilio\",le=\"10.0\"} ") ==
          6);
    double sum = value_of(&out, "webhook_ack_duration_seconds_sum{provider=\"twilio\"} ");
    CHECK(sum > 100.26 && sum < 100.27);
    buf_fini(&out);
}

/* Every metric but those with a label of which not all values are known has a sample, all at 0. */
TEST(every_series_that_is_known_exists_at_zero_from_the_start) {
    metrics_know("service", "vapi");
    metrics_know("service", "smtp");
    metrics_know("kind", "reconcile");
    metrics_know("tool", "book");
    metrics_declare();
    struct buf out = scrape();
    CHECK(value_of(&out, "circuit_breaker_state{service=\"smtp\"} ") == 0);
    CHECK(value_of(&out, "circuit_breaker_probes_total{service=\"vapi\",outcome=\"slow\"} ") == 0);
    CHECK(value_of(&out, "jobs_run_total{kind=\"reconcile\",result=\"failed\"} ") == 0);
    CHECK(value_of(&out, "\ndelivery_duration_seconds_count ") == 0);
    CHECK(value_of(&out, "\nlog_lines_dropped_total ") == 0);
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        static const char *const OPEN[] = { "build_info",
                                            "http_server_request_duration_seconds",
                                            "log_messages_total",
                                            "calls_ended_total",
                                            "provider_request_duration_seconds",
                                            "system_calls_denied_total",
                                            "db_query_duration_seconds" };
        bool is_open = false;
        char head[128];
        for (size_t i = 0; i < sizeof OPEN / sizeof *OPEN; i++)
            is_open = is_open || strcmp(metric_info(m).name, OPEN[i]) == 0;
        snprintf(head, sizeof head, "# TYPE %s ", metric_info(m).name);
        CHECK(is_open || strstr(out.ptr, head));
    }
    buf_fini(&out);
}

TEST(a_value_that_its_label_must_not_have_makes_no_series_and_is_counted) {
    double refused = metric_value(METRIC_SERIES_REFUSED, (const char *[4]){ NULL });
    metric_add(METRIC_WEBHOOKS, 1, "twilio", "odd");
    metric_set(METRIC_BREAKER_STATE, 2, "nobody");
    metric_observe_us(METRIC_HTTP_DURATION, 1, "BREW", "/pot", "418");
    struct buf out = scrape();
    CHECK(!strstr(out.ptr, "odd") && !strstr(out.ptr, "nobody") && !strstr(out.ptr, "BREW"));
    CHECK(value_of(&out, "\nmetric_series_refused_total ") == refused + 3);
    buf_fini(&out);
}

TEST(what_something_else_counts_never_goes_down) {
    metric_raise(METRIC_PROCESS_CPU, 2500000, NULL);
    metric_raise(METRIC_PROCESS_CPU, 1000000, NULL);
    struct buf out = scrape();
    CHECK(value_of(&out, "\nprocess_cpu_seconds_total ") == 2.5);
    buf_fini(&out);
}

static struct buf scrape_open(void) {
    struct buf out = { 0 };
    metrics_write(&out, METRICS_OPEN);
    buf_char(&out, 0);
    return out;
}

TEST(openmetrics_names_families_without_total_shows_where_to_look_and_ends) {
    static const char TRACE[] = "0af7651916cd43dd8448eb211c80319c";
    metric_observe_us(METRIC_HTTP_DURATION, 7000, "GET", "/api/v1/calls", "200");
    metric_exemplar(METRIC_HTTP_DURATION, 7000, TRACE, "GET", "/api/v1/calls", "200");
    metric_exemplar(METRIC_HTTP_DURATION, 7000, TRACE, "GET", "/never/seen", "200");
    metric_add(METRIC_CALLS_COST, 1250000, NULL);
    struct buf out = scrape_open(), plain = scrape();
    CHECK(strstr(out.ptr, "# TYPE webhook_received counter\n") != NULL);
    CHECK(strstr(out.ptr, "\nwebhook_received_total{provider=") != NULL);
    CHECK(strstr(out.ptr, "# UNIT http_server_request_duration_seconds seconds\n") != NULL);
    CHECK(strstr(out.ptr, "# UNIT calls_cost_dollars dollars\n") != NULL);
    CHECK(strstr(out.ptr, "\ncalls_cost_dollars_total 1.250000\n") != NULL);
    CHECK(strstr(out.ptr,
                 "http_server_request_duration_seconds_bucket{method=\"GET\",route=\"/api/v1/"
                 "calls\",status=\"200\",le=\"0.01\"} 1 # "
                 "{trace_id=\"0af7651916cd43dd8448eb211c80319c\"} 0.007000 ") != NULL);
    CHECK(strstr(out.ptr, "/never/seen") == NULL);
    CHECK(strcmp(out.ptr + strlen(out.ptr) - strlen("\n# EOF\n"), "\n# EOF\n") == 0);
    CHECK(!strstr(plain.ptr, "trace_id") && !strstr(plain.ptr, "# UNIT") &&
          !strstr(plain.ptr, "# EOF"));
    buf_fini(&out);
    buf_fini(&plain);
}

static void set_on_scrape(void *arg) {
    metric_set(METRIC_HTTP_CONNECTIONS, *(double *)arg, NULL);
}

TEST(derived_gauges_are_set_when_somebody_looks) {
    static double connections = 4;
    metrics_before_scrape(set_on_scrape, &connections);
    struct buf out = scrape();
    CHECK(value_of(&out, "\nhttp_server_connections ") == 4);
    buf_fini(&out);
    metrics_scrape_without(&connections); /* it goes */
    connections = 5;
    out = scrape();
    CHECK(value_of(&out, "\nhttp_server_connections ") == 4);
    buf_fini(&out);
    for (int i = 0; i < 100; i++) {
        metrics_before_scrape(set_on_scrape, &connections);
        metrics_scrape_without(&connections);
    }
}

static void *count_up(void *arg) {
    for (int i = 0; i < 1000; i++) {
        char label[16];
        snprintf(label, sizeof label, "r%d", i % 50);
        metric_add(METRIC_CALLS_DENIED, 1, label);
    }
    return NULL;
}

TEST(no_count_is_lost_between_threads) {
    pthread_t t[4];
    double sum = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, count_up, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    for (int i = 0; i < 50; i++) {
        char label[16];
        snprintf(label, sizeof label, "r%d", i);
        sum += metric_value(METRIC_CALLS_DENIED, (const char *[4]){ label });
    }
    CHECK(sum == 4000);
}

static size_t lines_of(const struct buf *out) {
    size_t n = 0;
    for (const char *c = out->ptr; *c; c++)
        n += *c == '\n';
    return n;
}

/* Whatever comes as a route, method, status, provider or code. */
static void flood(int from, int to) {
    static const char *const METHODS[] = { "GET", "POST", "OTHER", "BREW", "" };
    for (int i = from; i < to; i++) {
        char odd[16], status[16];
        snprintf(odd, sizeof odd, "x%d", i);
        snprintf(status, sizeof status, "%d", i % 1000);
        metric_observe_us(METRIC_HTTP_DURATION, 1, METHODS[i % 5], odd, status);
        metric_observe_us(METRIC_PROVIDER_DURATION, 1, i % 2 ? "vapi" : odd, odd, "ok");
        metric_add(METRIC_PROVIDER_ATTEMPTS, 1, odd, "ok");
        metric_add(METRIC_PROVIDER_ATTEMPTS, 1, "vapi", odd);
        metric_add(METRIC_LOG_MESSAGES, 1, "error", odd);
        metric_add(METRIC_LOG_MESSAGES, 1, odd, "internal_error");
        metric_add(METRIC_CALLS_ENDED, 1, odd);
        metric_add(METRIC_CALLS_DENIED, 1, odd);
        metric_add(METRIC_CRYPTO_FAILURES, 1, odd);
        metric_add(METRIC_WEBHOOKS, 1, odd, "accepted");
    }
}

TEST(the_number_of_series_is_bounded) {
    enum { OPEN_METRICS = 4, EACH = 512, OF_HTTP = 1536, LINES_OF_HISTOGRAM = 17 };
    struct buf before = scrape();
    flood(0, 20000);
    struct buf full = scrape();
    flood(20000, 40000);
    struct buf after = scrape();
    CHECK(lines_of(&full) == lines_of(&after));
    CHECK(lines_of(&full) - lines_of(&before) <=
          (OF_HTTP + EACH) * LINES_OF_HISTOGRAM + OPEN_METRICS * EACH);
    CHECK(metric_value(METRIC_CALLS_ENDED, (const char *[4]){ "x0" }) == 1);
    CHECK(metric_value(METRIC_CALLS_ENDED, (const char *[4]){ "x19999" }) == 0);
    /* Where one is full the others go on. */
    metric_set(METRIC_BUILD_INFO, 1, "1.0");
    CHECK(metric_value(METRIC_BUILD_INFO, (const char *[4]){ "1.0" }) == 1);
    buf_fini(&before);
    buf_fini(&full);
    buf_fini(&after);
}
