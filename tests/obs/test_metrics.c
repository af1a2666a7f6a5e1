#include "test.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "obs/metrics.h"

static struct buf scrape(void) {
    struct buf out = { 0 };
    metrics_write(&out);
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
    metric_add(METRIC_RATE_LIMIT_HITS, 1, "a\"b\\c\nd");
    struct buf out = scrape();
    CHECK(strstr(out.ptr, "rate_limit_hits_total{policy=\"a\\\"b\\\\c\\nd\"} 1\n") != NULL);
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
    CHECK(value_of(&out, "webhook_ack_duration_seconds_bucket{provider=\"twilio\",le=\"10\"} ") ==
          6);
    double sum = value_of(&out, "webhook_ack_duration_seconds_sum{provider=\"twilio\"} ");
    CHECK(sum > 100.26 && sum < 100.27);
    buf_fini(&out);
}

TEST(series_of_services_exist_at_zero_from_the_start) {
    metrics_declare_services((const char *const[]){ "vapi", "smtp" }, 2);
    struct buf out = scrape();
    CHECK(value_of(&out, "circuit_breaker_state{service=\"smtp\"} ") == 0);
    CHECK(value_of(&out, "circuit_breaker_opens_total{service=\"vapi\"} ") == 0);
    CHECK(value_of(&out, "\nlog_lines_dropped_total ") == 0);
    buf_fini(&out);
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
        metric_add(METRIC_CACHE_REQUESTS, 1, label);
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
        sum += metric_value(METRIC_CACHE_REQUESTS, (const char *[4]){ label });
    }
    CHECK(sum == 4000);
}

TEST(the_number_of_series_is_bounded) {
    for (int i = 0; i < 20000; i++) {
        char label[16];
        snprintf(label, sizeof label, "x%d", i);
        metric_add(METRIC_CRYPTO_FAILURES, 1, label);
    }
    CHECK(metric_value(METRIC_CRYPTO_FAILURES, (const char *[4]){ "x0" }) == 1);
    CHECK(metric_value(METRIC_CRYPTO_FAILURES, (const char *[4]){ "x19999" }) == 0);
}
