#include "base/err.h"

#include <assert.h>
#include <string.h>

static const struct err_info TABLE[ERR_COUNT] = {
#define ERROR(name, code, status, title, meaning, remedy, check, metric) \
    [ERR_##name] = { code, status, title, meaning, remedy, check, metric },
#include "base/errors.def"
#undef ERROR
};

const struct err_info *err_info(enum err e) {
    assert(e > OK && e < ERR_COUNT);
    return &TABLE[e];
}

enum err err_by_code(const char *code) {
    for (enum err e = OK + 1; e < ERR_COUNT; e++)
        if (strcmp(TABLE[e].code, code) == 0)
            return e;
    return OK;
}
