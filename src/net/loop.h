/* loop: one event loop per thread, and the fiber host that rides on it.
 *
 * loop_new binds the calling thread: fibers started on it wait on this loop. Wakes made during a
 * turn are run before the loop blocks again; wakes from other threads come through one uv_async. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct loop;

struct loop *loop_new(size_t fibers_max); /* 0 = no limit on fibers */
void loop_free(struct loop *l);           /* after loop_run; closes what is still open */

void loop_run(struct loop *l);  /* until loop_stop and no fiber is alive */
void loop_stop(struct loop *l); /* from any thread */

void loop_limit_fibers(struct loop *l, size_t fibers_max); /* on its own thread */

/* Runs fn(arg) on the loop's stack soon; from any thread. The struct is the caller's until then. */
struct loop_call {
    struct loop_call *next;
    void (*fn)(void *arg);
    void *arg;
};
void loop_post(struct loop *l, struct loop_call *call);

/* Work that is large and need not be done in this turn: bytes of bodies, of which thousands of connections may
 * each have brought their fill. Where loop_is_full says so, a connection leaves its bytes where they are and is
 * put off; who is put off goes on in later turns, in the order they came, and everybody else goes before them. */
struct loop_later {
    struct loop_later *next, **held_by;
    void (*fn)(struct loop_later *self); /* on the loop's stack; may be put off again */
    bool is_waiting;
};
/* True when this turn has worked its share for such work, or others wait with theirs; on its own thread. */
bool loop_is_full(struct loop *l);
void loop_put_off(struct loop *l,
                  struct loop_later *later); /* once; the struct stays until it ran */
void loop_take_back(struct loop *l, struct loop_later *later); /* nothing, where it does not wait */

/* Between two pieces of long work on a fiber: where this turn has worked its share, sleeps until a later one, behind
 * who was put off before. At once anywhere else. */
void loop_take_turns(void);

uv_loop_t *loop_uv(struct loop *l);
struct loop *loop_self(void); /* this thread's, or NULL */

/* Milliseconds the longest of the last turns overslept its timer; for shedding and metrics. */
int64_t loop_lag_ms(const struct loop *l);
/* True when the loop stood still for over LOOP_STOOD_MS (one long turn, a process that was stopped)
 * and woke less than within_ms ago, or has not yet found out; on its own thread. */
enum { LOOP_STOOD_MS = 500 };
bool loop_has_stood(const struct loop *l, int64_t within_ms);
/* Processor time of the longest turn since the loop began: for so long all its others waited. */
int64_t loop_longest_turn_us(const struct loop *l);
int64_t loop_last_turn_ms(const struct loop *l); /* monotonic; at most 100 ms old when it runs */
