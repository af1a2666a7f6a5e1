/* traces: what stands in the settings of traces, read the way OpenTelemetry has it. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"
#include "config/config.h"

/* "0" to "1". False: it is no such number. */
bool traces_ratio_parse(const char *text, double *ratio);

enum { TRACES_HEADERS_MAX = 16 };

/* "name=value,name=value", values percent-encoded, as lines "name: value" of the arena. The number of
 * lines, or -1 and *why, which repeats nothing of it. */
int traces_headers_parse(struct arena *a, struct str text, const char *lines[TRACES_HEADERS_MAX],
                         const char **why);

/* What is wrong with the settings of traces, a sentence that begins with the name of *which; NULL: nothing. */
const char *traces_judge(const struct config *c, struct arena *a, enum setting *which);
