/* repeat: a thread that does something again and again until it is stopped, for what waits for the database, as the main
 * thread must not. */
#pragma once

#include <stdint.h>

struct repeat;

/* Calls work(arg) first_ms from now, and then always as long after it returned as it said. Times are of ava_now_ms(). */
struct repeat *repeat_start(int64_t (*work)(void *arg), void *arg, int64_t first_ms);
void repeat_stop(struct repeat *r); /* waits for the call that is under way; NULL is fine */
