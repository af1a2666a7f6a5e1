/* call_checks: asking providers about calls that were long silent, so that a line whose end nobody
 * told is freed: on the provider's word, never by a timer. */
#pragma once

#include "tasks/kinds.h"

extern const struct job_kind LINES_JOB; /* one job per workspace that has calls in lines.h */
