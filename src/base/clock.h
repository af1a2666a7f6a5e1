/* clock: the one seam for time and randomness.
 *
 * What measures, or waits within this process, asks ava_now_ms(). What waits or expires beyond it, on
 * disk, asks ava_steady_ms(), which does not jump when somebody sets the clock. What people or others
 * read, and what is compared with their times, asks ava_wall_ms(). Tests put their own functions behind
 * them, and behind ava_rand(). */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

int64_t ava_now_ms(void);  /* monotonic */
int64_t ava_now_us(void);  /* monotonic; for durations in metrics */
int64_t ava_wall_ms(void); /* Unix time */
/* Unix time as it was when this process began, and what has passed since, also while the machine slept
 * (CLOCK_BOOTTIME): for due times, leases and expiries. */
int64_t ava_steady_ms(void);
/* The earlier of both: what is old by this one is old whichever of them is wrong. For what cannot be
 * undone. */
int64_t ava_earlier_ms(void);
int64_t clock_jump_ms(void); /* how far the Unix time has jumped since this process began */

void ava_rand(void *out, size_t bytes);  /* from the kernel, via getrandom */
uint64_t ava_rand_below(uint64_t bound); /* uniform in 0..bound-1; bound > 0 */

/* For threads that wait with pthread_cond_timedwait: a condition that goes by the system's monotonic clock, and the
 * time that is in so many us by it. clock_advance does not move that one: who waits for a time of ava_now_ms() waits at
 * most CLOCK_LOOK_MS at once, and looks. */
enum { CLOCK_LOOK_MS = 100 };
void clock_cond_init(pthread_cond_t *cond);
struct timespec clock_in_us(int64_t us);

/* The sandbox's: from now on all clocks of this process say so much more, and what waits for a time
 * wakes within 100 ms. ms > 0. Any thread. */
void clock_advance(int64_t ms);
/* The sandbox's: the Unix time alone jumps, back when ms < 0, as when somebody sets the clock. */
void clock_jump(int64_t ms);

/* Where several machines share a database, one clock counts: its server's. Somebody asked it between began_us and now
 * (ava_now_us()), and it said server_us (Unix time): from now on ava_wall_ms() and ava_steady_ms() go by it, as exactly as
 * the way there and back allows. Nothing changes while what they say may be right. Any thread. */
void clock_follow(int64_t server_us, int64_t began_us);
int64_t
clock_off_ms(void); /* how far this machine's clock is behind it; 0 where none is followed */

/* For tests: NULL puts the real one back. Not thread safe; call before threads start. */
struct clock_seams {
    int64_t (*now_us)(void);
    int64_t (*wall_ms)(void);
    void (*rand)(void *out, size_t bytes);
};
void clock_replace(const struct clock_seams *seams);

/* Unix ms to RFC 3339 in UTC with milliseconds, "2026-11-20T08:00:00.000Z"; out has 32 bytes. */
void clock_rfc3339(int64_t unix_ms, char out[32]);

/* Unix ms to an HTTP date (RFC 9110, 5.6.7), "Fri, 20 Nov 2026 08:00:00 GMT"; out has 32 bytes. */
void clock_http_date(int64_t unix_ms, char out[32]);

/* Reads RFC 3339 with 'Z' or an offset; 0..9 fraction digits. Returns false when it is not one. */
int clock_parse_rfc3339(const char *text, size_t len, int64_t *unix_ms);

/* Reads an HTTP date (RFC 9110, 5.6.7) in any of its three forms: IMF-fixdate, RFC 850, asctime. Returns
 * false when it is not one. */
int clock_parse_http_date(const char *text, size_t len, int64_t *unix_ms);
