/* log: one JSON (or text) line per event, with typed fields only.
 *
 *     log_info(ctx, "request", L("route", route), L("status", status));
 *
 * L takes text, integers, doubles and bools. A struct secret fits none of them, so it does not
 * compile. Lines go through a bounded buffer and a thread of their own: a slow reader of the log
 * never stops a request; what does not fit is dropped and counted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct ctx;

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };

struct log_field {
    const char *key;
    enum { LOG_TEXT_, LOG_INT_, LOG_DOUBLE_, LOG_BOOL_ } kind;
    union {
        const char *text;
        int64_t number;
        double real;
    } as;
};

static inline struct log_field log_text_(const char *key, const char *value) {
    return (struct log_field){ key, LOG_TEXT_, { .text = value } };
}
static inline struct log_field log_int_(const char *key, int64_t value) {
    return (struct log_field){ key, LOG_INT_, { .number = value } };
}
static inline struct log_field log_double_(const char *key, double value) {
    return (struct log_field){ key, LOG_DOUBLE_, { .real = value } };
}
static inline struct log_field log_bool_(const char *key, bool value) {
    return (struct log_field){ key, LOG_BOOL_, { .number = value } };
}

#define L(key, value) \
    _Generic((value), char *: log_text_, const char *: log_text_, int: log_int_,                   \
        unsigned: log_int_, long: log_int_, unsigned long: log_int_, long long: log_int_,          \
        double: log_double_, bool: log_bool_)((key), (value))

void log_write(enum log_level level, const struct ctx *ctx, const char *event,
               const struct log_field *fields, size_t count);

#define LOG_AT(level, ctx, event, ...)                                                         \
    do {                                                                                       \
        if ((level) >= log_level())                                                            \
            log_write((level), (ctx), (event), (struct log_field[]){ __VA_ARGS__ },            \
                      sizeof((struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field)); \
    } while (0)

#define log_debug(ctx, event, ...) LOG_AT(LOG_DEBUG, ctx, event, __VA_ARGS__)
#define log_info(ctx, event, ...)  LOG_AT(LOG_INFO, ctx, event, __VA_ARGS__)
#define log_warn(ctx, event, ...)  LOG_AT(LOG_WARN, ctx, event, __VA_ARGS__)
#define log_error(ctx, event, ...) LOG_AT(LOG_ERROR, ctx, event, __VA_ARGS__)

enum log_level log_level(void);
enum log_level log_level_parse(const char *name); /* "debug" .. "off"; LOG_INFO when unknown */

/* Before log_start lines are written directly (command line, tests); fd is not closed. */
void log_setup(enum log_level level, bool as_json, int fd);
/* Lines go to the end of that file from now on; the path is lent. False and *why: they go where they went. */
bool log_to_file(const char *path, const char **why);
/* Opens that file anew, for it may have been moved away: whole lines go to the old one or to the new one. False
 * and *why: the old one stays in use. True where there is no file. Call from one thread. */
bool log_reopen(const char **why);
void log_set_level(enum log_level level); /* at any time */
void log_start(void);                     /* the thread; an abort then waits for what is left */
void log_stop(void);                      /* writes what is left, for 2 s at most */
