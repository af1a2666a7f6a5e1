/* guarded: memory for keys: between guard pages, not swapped, wiped when freed. */
#pragma once

#include <stddef.h>

void *guarded_alloc(size_t bytes); /* zeroed; NULL when the system gives none */
void guarded_free(void *p);        /* NULL is fine */
