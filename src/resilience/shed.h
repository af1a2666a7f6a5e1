/* shed: which requests to refuse while the process is overloaded (RESILIENCE 6).
 *
 * Two reasons. All slots are taken: of MAX_REQUESTS, 30 % are kept for webhooks, because what a
 * provider sends is lost when it is refused too often, and a person can press the button again. Or
 * the loops come late: behind by more than they may for a second, reads are refused; a second later
 * writes too, and another one later webhooks. Each second of calm takes one step back. Health and
 * metrics are never refused. Knows no clock; thread safe, without a lock. */
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

/* Several times a second, by one thread: is the latest loop later than it may be? */
void shed_observe(struct shed *s, bool is_late, int64_t now_ms);

int shed_level(const struct shed *s); /* how many classes are refused for being late: 0..3 */
