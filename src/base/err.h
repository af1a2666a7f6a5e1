/* err: what can fail returns enum err, where zero is OK.
 *
 * Where it goes wrong, say so once (ctx_fail); everybody above passes it on with TRY,
 * the only macro that returns. */
#pragma once

enum err {
    OK = 0,
#define ERROR(name, code, status, title, meaning, remedy, check, metric) ERR_##name,
#include "base/errors.def"
#undef ERROR
    ERR_COUNT
};

#define TRY(call)                   \
    do {                            \
        enum err try_err_ = (call); \
        if (try_err_ != OK)         \
            return try_err_;        \
    } while (0)

/* What the table says about an error; the pointers are static. */
struct err_info {
    const char *code;    /* "validation_failed" */
    int status;          /* HTTP */
    const char *title;   /* "{service}" stands for the provider's name */
    const char *meaning; /* for the page under /problems/ */
    const char *remedy;
    const char *check;
    const char *metric;
};

const struct err_info *err_info(enum err e); /* e must not be OK */

enum err err_by_code(const char *code); /* OK when there is no such code */
