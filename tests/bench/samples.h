/* samples: how long each transaction of a bare loop took, and the line that it ends with. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SAMPLES = 1 << 20 };

static uint32_t samples[SAMPLES]; /* in microseconds */
static _Atomic size_t samples_taken;

static inline void sample(int64_t took_us) {
    size_t i = atomic_fetch_add(&samples_taken, 1);
    if (i < SAMPLES)
        samples[i] = (uint32_t)took_us;
}

static int samples_by_value(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

/* One JSON line: so many rows or changes a second, and the 99th percentile of a transaction. */
static inline void samples_print(int64_t done, int64_t within_us) {
    size_t n = samples_taken < SAMPLES ? samples_taken : SAMPLES;
    qsort(samples, n, sizeof samples[0], samples_by_value);
    printf("{\"rate\":%.0f,\"p99_ms\":%.2f}\n", (double)done / ((double)within_us / 1e6),
           n ? samples[n * 99 / 100] / 1e3 : 0);
}
