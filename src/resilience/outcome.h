/* outcome: what one attempt at a provider came to, in the classes that breaker, retry and error
 * map share (RESILIENCE 2). */
#pragma once

#include "obs/provider.h"

enum outcome {
    OUTCOME_OK,       /* the provider answered, be it with a "no" */
    OUTCOME_AUTH,     /* it refused the credential */
    OUTCOME_THROTTLE, /* it asks for patience */
    OUTCOME_FAIL,     /* it broke, or did not answer in time */
    OUTCOME_SLOW,     /* it answered, late */
    OUTCOME_LOCAL,    /* we ended it ourselves; says nothing about the provider */
    OUTCOME_COUNT
};

const char *outcome_name(enum outcome o); /* "ok", "auth", ...: the label in metrics */
