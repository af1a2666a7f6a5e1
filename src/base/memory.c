#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REST_MS = 10, TRIES = MEMORY_WAIT_MS / REST_MS };

static _Atomic(void *) reserve;
static atomic_bool is_kept, is_short;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void memory_keep_reserve(void) {
    atomic_store(&is_kept, true);
    atomic_store(&is_short, true);
    memory_mend_reserve();
}

bool memory_is_short(void) {
    return atomic_load_explicit(&is_short, memory_order_relaxed);
}

/* Twice as much as it needs, so that it is not used up again at once. */
void memory_mend_reserve(void) {
    if (!atomic_load(&is_kept) || !memory_is_short())
        return;
    void *room = malloc(MEMORY_RESERVE_BYTES), *more = malloc(MEMORY_RESERVE_BYTES);
    free(more);
    if (!room || !more) {
        free(room);
        return;
    }
    free(atomic_exchange(&reserve, room));
    atomic_store(&is_short, false);
}

void memory_in_turn(void (*work)(void *), void *arg) {
    bool waits = memory_is_short();
    if (waits)
        pthread_mutex_lock(&turn);
    work(arg);
    if (waits)
        pthread_mutex_unlock(&turn);
}

/* Gives the reserve up; false: it is in use already. */
static bool give_way(void) {
    void *room = atomic_exchange(&reserve, NULL);
    atomic_store(&is_short, atomic_load(&is_kept));
    free(room);
    return room != NULL;
}

/* From the reserve, or it waits for what others are about to free. */
void memory_make_room(int tried) {
    struct timespec rest = { .tv_nsec = REST_MS * 1000 * 1000 };
    if (give_way())
        return;
    if (tried >= TRIES)
        abort();
    nanosleep(&rest, NULL);
}

void *memory_asked(size_t bytes) {
    void *p = malloc(bytes);
    if (!p && bytes && give_way())
        p = malloc(bytes);
    return p;
}

void *memory_asked_again(void *old, size_t bytes) {
    void *p = realloc(old, bytes);
    if (!p && bytes && give_way())
        p = realloc(old, bytes);
    return p;
}

void *memory_take(size_t bytes) {
    void *p;
    for (int try = 0; !(p = malloc(bytes ? bytes : 1)); try++)
        memory_make_room(try);
    return p;
}

void *memory_zeroed(size_t count, size_t bytes) {
    void *p;
    for (int try = 0; !(p = calloc(count ? count : 1, bytes ? bytes : 1)); try++)
        memory_make_room(try);
    return p;
}

void *memory_resized(void *old, size_t bytes) {
    void *p;
    for (int try = 0; !(p = realloc(old, bytes ? bytes : 1)); try++)
        memory_make_room(try);
    return p;
}

char *memory_copy(const char *text) {
    size_t bytes = strlen(text) + 1;
    return memcpy(memory_take(bytes), text, bytes);
}
