/* shed: which requests to refuse while the process is overloaded (RESILIENCE 6).
 *
 * Of MAX_REQUESTS, 30 % are kept for webhooks, because what a provider sends is lost when it is
 * refused too often, and a person can press the button again. Health and metrics are never refused.
 * (What a loop cannot begin in time waits in its line: http/line.h.) Thread safe, without a lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum shed_class { SHED_READ, SHED_WRITE, SHED_WEBHOOK, SHED_CLASSES, SHED_NEVER = SHED_CLASSES };

const char *shed_class_name(enum shed_class c); /* for requests_shed_total */

struct shed;

struct shed *shed_new(void);
void shed_free(struct shed *s); /* NULL is fine */

/* False: answer 503 overloaded at once. True: shed_leave when it is answered. slots: how many
 * requests may be in hand at once, MAX_REQUESTS. */
bool shed_enter(struct shed *s, enum shed_class c, int64_t slots);
void shed_leave(struct shed *s, enum shed_class c);
