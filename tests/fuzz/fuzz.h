/* fuzz: what every fuzz target shares.
 *
 * Each fuzz_NAME.c has one LLVMFuzzerTestOneInput. Built by tools/fuzz with libFuzzer it looks for
 * trouble; built with replay.c as test_fuzz_NAME it runs its corpus as an ordinary test. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Our own claims about what comes out; unlike assert it says which. */
#define CLAIM(condition)                                                              \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

/* Cuts the input at the first NUL-NUL: targets that need two texts. */
static inline struct str fuzz_cut(const uint8_t *data, size_t size, struct str *rest) {
    const char *p = (const char *)data;
    for (size_t i = 0; i + 1 < size; i++) {
        if (p[i] == 0 && p[i + 1] == 0) {
            *rest = (struct str){ p + i + 2, size - i - 2 };
            return (struct str){ p, i };
        }
    }
    *rest = (struct str){ NULL, 0 };
    return (struct str){ p, size };
}
