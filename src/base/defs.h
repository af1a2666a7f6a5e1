/* defs: the few macros every file may use. */
#pragma once

#include <stddef.h>

/* Gives a lent thing back on every way out of the scope: SCOPED(fn) struct x *v = ...; */
#define SCOPED(fn) __attribute__((cleanup(fn), unused))

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define MUST_USE                __attribute__((warn_unused_result))
#define NO_RETURN               __attribute__((noreturn))
#define UNUSED                  __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
