#include "resilience/outcome.h"

const char *outcome_name(enum outcome o) {
    static const char *const NAMES[OUTCOME_COUNT] = { "ok",   "auth", "throttle",
                                                      "fail", "slow", "local" };
    return NAMES[o];
}
