/* jsonw: an append-only JSON writer. It keeps the commas right and the strings valid; balance of
 * the brackets is the caller's. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct jsonw {
    struct buf *out;
    bool comma; /* the next value needs one in front */
};

static inline struct jsonw jsonw_to(struct buf *out) {
    return (struct jsonw){ out, false };
}

void jsonw_object(struct jsonw *w);
void jsonw_object_end(struct jsonw *w);
void jsonw_list(struct jsonw *w);
void jsonw_list_end(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *name);
void jsonw_key_str(struct jsonw *w, struct str name); /* a name that came from outside */

void jsonw_str(struct jsonw *w, struct str value);   /* each bad part, and NUL, is one U+FFFD */
void jsonw_text(struct jsonw *w, const char *value); /* NULL becomes null */
void jsonw_i64(struct jsonw *w, int64_t value);
void jsonw_double(struct jsonw *w, double value); /* shortest form that reads back */
void jsonw_bool(struct jsonw *w, bool value);
void jsonw_null(struct jsonw *w);
void jsonw_raw(struct jsonw *w, struct str json); /* already JSON */
void jsonw_tree(struct jsonw *w, const json_t *value);
void jsonw_time(struct jsonw *w, int64_t unix_ms); /* RFC 3339; 0 becomes null */

/* "name": value in one line each. */
void jsonw_text_at(struct jsonw *w, const char *name, const char *value);
void jsonw_str_at(struct jsonw *w, const char *name, struct str value);
void jsonw_i64_at(struct jsonw *w, const char *name, int64_t value);
void jsonw_bool_at(struct jsonw *w, const char *name, bool value);
void jsonw_time_at(struct jsonw *w, const char *name, int64_t unix_ms);
