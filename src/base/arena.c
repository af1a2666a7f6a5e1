#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    FIRST_CHUNK_BYTES = 4096,
    ALIGN = 16,
    SPARE_SIZES = 5,
    SPARE_BYTES = 16 << 20, /* of the smallest size; a quarter of that of each other one */
};

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EXACT 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_EXACT 1
#endif
#endif
#ifndef ARENA_EXACT
#define ARENA_EXACT 0
#endif

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char bytes[];
};

struct deferred {
    struct deferred *next;
    void (*release)(void *);
    void *thing;
};

struct arena {
    struct chunk *chunks; /* the newest first; the last one is the first ever made */
    struct deferred *deferred;
    size_t used, ceiling;
};

/* Chunks of 4 to 64 KiB go from request to request on the same thread: giving them back to malloc
 * made it tidy its heap each time, which cost more than the requests' own work. An arena at rest
 * holds none, so the chunk that one request leaves is still in the processor's cache for the next. */
static __thread struct {
    struct chunk *first;
    size_t count;
} spare[SPARE_SIZES];

/* Which list a size belongs to, SPARE_SIZES for none. */
static size_t spare_list(size_t size) {
    for (size_t i = 0; !ARENA_EXACT && i < SPARE_SIZES; i++)
        if (size == (size_t)FIRST_CHUNK_BYTES << i)
            return i;
    return SPARE_SIZES;
}

static struct chunk *chunk_new(size_t size, struct chunk *next) {
    size_t list = spare_list(size);
    struct chunk *c;
    if (list < SPARE_SIZES && spare[list].first) {
        c = spare[list].first;
        spare[list].first = c->next;
        spare[list].count--;
    } else {
        c = memory_take(sizeof *c + size);
    }
    c->next = next;
    c->used = 0;
    c->size = size;
    return c;
}

static void chunk_free(struct chunk *c) {
    size_t list = spare_list(c->size);
    size_t most_bytes = list ? SPARE_BYTES / 4 : SPARE_BYTES;
    if (list == SPARE_SIZES || spare[list].count * c->size >= most_bytes) {
        free(c);
        return;
    }
    c->next = spare[list].first;
    spare[list].first = c;
    spare[list].count++;
}

struct arena *arena_new(size_t ceiling_bytes) {
    struct arena *a = memory_zeroed(1, sizeof *a);
    a->ceiling = ceiling_bytes;
    return a;
}

void arena_free(struct arena *a) {
    if (!a)
        return;
    arena_reset(a);
    free(a);
}

void arena_reset(struct arena *a) {
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->release(d->thing);
    }
    while (a->chunks) {
        struct chunk *old = a->chunks;
        a->chunks = old->next;
        chunk_free(old);
    }
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t bytes) {
    size_t need = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    assert(need >= bytes);
    if (need == 0)
        need = ALIGN;
    a->used += need;

    struct chunk *c = a->chunks;
    if (ARENA_EXACT || !c || c->size - c->used < need) {
        size_t size = ARENA_EXACT ? bytes : FIRST_CHUNK_BYTES;
        while (!ARENA_EXACT && (size < need || (c && size <= c->size && size < (1u << 20))))
            size *= 2;
        c = a->chunks = chunk_new(size, c);
    }
    void *p = c->bytes + c->used;
    c->used += ARENA_EXACT ? bytes : need;
    return memset(p, 0, bytes);
}

void *arena_copy(struct arena *a, const void *from, size_t bytes) {
    void *to = arena_alloc(a, bytes);
    if (bytes)
        memcpy(to, from, bytes);
    return to;
}

char *arena_strdup(struct arena *a, const char *text) {
    return text ? arena_strndup(a, text, strlen(text)) : NULL;
}

char *arena_strndup(struct arena *a, const char *text, size_t bytes) {
    char *to = arena_alloc(a, bytes + 1);
    if (bytes)
        memcpy(to, text, bytes);
    return to;
}

char *arena_join_(struct arena *a, const char *const *texts) {
    size_t bytes = 0;
    for (const char *const *text = texts; *text; text++)
        bytes += strlen(*text);
    char *joined = arena_alloc(a, bytes + 1), *at = joined;
    for (const char *const *text = texts; *text; text++)
        at = stpcpy(at, *text);
    return joined;
}

char *arena_vprintf(struct arena *a, const char *format, va_list args) {
    struct chunk *c = a->chunks;
    size_t room = c && !ARENA_EXACT ? c->size - c->used : 0;
    va_list again;
    va_copy(again, args);
    int bytes = vsnprintf(room ? (char *)c->bytes + c->used : NULL, room, format, args);
    assert(bytes >= 0);
    char *to;
    if ((size_t)bytes < room) { /* it fitted behind what is there */
        size_t need = ((size_t)bytes + ALIGN) & ~(size_t)(ALIGN - 1);
        to = (char *)c->bytes + c->used;
        c->used += need < room ? need : room;
        a->used += need;
    } else {
        to = arena_alloc(a, (size_t)bytes + 1);
        vsnprintf(to, (size_t)bytes + 1, format, again);
    }
    va_end(again);
    return to;
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(a, format, args);
    va_end(args);
    return text;
}

void arena_defer(struct arena *a, void (*release)(void *thing), void *thing) {
    struct deferred *d = arena_alloc(a, sizeof *d);
    *d = (struct deferred){ a->deferred, release, thing };
    a->deferred = d;
}

bool arena_is_spent(const struct arena *a) {
    return a->used > a->ceiling;
}

size_t arena_bytes(const struct arena *a) {
    return a->used;
}
