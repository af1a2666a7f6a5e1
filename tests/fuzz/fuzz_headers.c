/* Small header values: traceparent, Retry-After, dates, correlation ids. */
#include "fuzz/fuzz.h"

#include "base/clock.h"
#include "obs/ctx.h"
#include "resilience/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str second, first = fuzz_cut(data, size, &second);
    struct arena *a = arena_new(1 << 20);
    struct trace t, again;
    char text[56], date[32];
    int64_t ms, back;
    struct ctx ctx = { .arena = a };

    trace_start(&t, first);
    CLAIM(strlen(t.trace_id) == 32 && strlen(t.span_id) == 16 && strlen(t.flags) == 2);
    trace_header(&t, text);
    trace_start(&again, str_of(text));
    CLAIM(strcmp(again.trace_id, t.trace_id) == 0 && strcmp(again.parent_id, t.span_id) == 0);

    int64_t after = retry_after_parse(first, second);
    CLAIM(after == RETRY_NO_RETRY_AFTER || (after >= 0 && after <= 86400));

    if (clock_parse_rfc3339(first.ptr, first.len, &ms)) {
        clock_rfc3339(ms, date);
        if (ms >= 0 && ms < INT64_C(253402300800000)) /* four-digit years */
            CLAIM(clock_parse_rfc3339(date, strlen(date), &back) && back == ms);
    }
    if (clock_parse_http_date(first.ptr, first.len, &ms) && ms >= 0) {
        clock_http_date(ms, date);
        CLAIM(clock_parse_http_date(date, strlen(date), &back) && back == ms);
    }
    ctx_correlate(&ctx, first);
    CLAIM(strlen(ctx.correlation_id) >= 8);
    arena_free(a);
    return 0;
}
