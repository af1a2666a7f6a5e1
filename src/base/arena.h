/* arena: memory that lives exactly as long as one request.
 *
 * Allocation never returns NULL. The arena has a ceiling; past it allocation still works but
 * arena_is_spent() turns true, and whoever answers the request checks that and refuses. Every
 * source of allocations is itself bounded (bodies, provider answers, page sizes), so the ceiling
 * is met long before the machine's memory is.
 * Under sanitizers every allocation is a malloc of its own, so that they see overruns. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/defs.h"

struct arena;

struct arena *arena_new(size_t ceiling_bytes);
void arena_free(struct arena *a);  /* NULL is fine */
void arena_reset(struct arena *a); /* what it held, the thread keeps for the next */

void *arena_alloc(struct arena *a, size_t bytes); /* zeroed, aligned to 16 */
void *arena_copy(struct arena *a, const void *from, size_t bytes);
char *arena_strdup(struct arena *a, const char *text);                /* NULL gives NULL */
char *arena_strndup(struct arena *a, const char *text, size_t bytes); /* adds the NUL */
/* The texts one after the other: a fifth of what arena_printf costs. */
#define arena_join(a, ...) arena_join_(a, (const char *const[]){ __VA_ARGS__, NULL })
char *arena_join_(struct arena *a, const char *const *texts);
char *arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(struct arena *a, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* Runs release(thing) when the arena is reset or freed, last registered first. */
void arena_defer(struct arena *a, void (*release)(void *thing), void *thing);

bool arena_is_spent(const struct arena *a);
size_t arena_bytes(const struct arena *a);
