/* memory: what the program cannot go on without.
 *
 * Wherever running short cannot be answered with an error (arenas, buffers, tables), memory is taken
 * here. When the system gives none, a reserve that was put by at the start makes room: what was begun can
 * end, and as long as the reserve is not whole again nothing new is begun (memory_is_short), and long work
 * is done one after the other (memory_in_turn): if all of it held a part of the room and waited for the
 * rest, none could end. Only when the reserve is used up too, and nobody gives anything back for
 * MEMORY_WAIT_MS, does the process end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
    /* Of addresses; nothing of it is resident. Less than what the C library takes for a new arena (64 MiB,
     * malloc/arena.c of glibc), so that no single thread can take all of it. */
    MEMORY_RESERVE_BYTES = 48 << 20,
    MEMORY_WAIT_MS = 5000,
};

void memory_keep_reserve(void); /* once, at the start of a server */
bool memory_is_short(void);     /* the reserve is in use; any thread */
void memory_mend_reserve(void); /* now and then: puts the reserve by again, when there is room */

/* Does the work, on a thread that may wait; while memory is short, only one such work at a time is begun. */
void memory_in_turn(void (*work)(void *), void *arg);

/* As malloc, calloc and realloc, but never NULL. Freed with free. */
void *memory_take(size_t bytes);
void *memory_zeroed(size_t count, size_t bytes);
void *memory_resized(void *old, size_t bytes);
char *memory_copy(const char *text);

/* As malloc and realloc, for a library that can say that there was none: from the reserve when the system gives
 * none, and NULL when that is used up too. */
void *memory_asked(size_t bytes);
void *memory_asked_again(void *old, size_t bytes);

/* For what a library does with memory of its own, when it says that there was none: makes room before it is
 * tried again. tried: how often it was, from 0. Ends the process when there is none after
 * MEMORY_WAIT_MS. */
void memory_make_room(int tried);
