/* json: reading, through jansson; jsonw.h writes.
 *
 * Refused are duplicate names, more than 32 levels or 65,536 values, NUL, invalid UTF-8 and trailing bytes.
 * Parsed trees live in the arena: no json_decref by callers, and what is to outlive it is copied
 * (json_deep_copy), never only referenced. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum { JSON_DEPTH_MAX = 32, JSON_VALUES_MAX = 1 << 16 };

/* For readers that build trees themselves: until it is called with NULL, what jansson makes on this
 * thread is the arena's. Nothing may wait in between. */
void json_use_arena(struct arena *a);

/* NULL when text is not one JSON value; *why then says what is wrong and where, for people. */
json_t *json_parse(struct arena *a, struct str text, const char **why);

/* Members by name; NULL / the fallback when absent or of another type. */
const char *json_text(const json_t *object, const char *name);
/* A text of others that is fit to be kept: in one line, of 1 to max bytes; else NULL. */
const char *json_word(const json_t *object, const char *name, size_t max);
const char *json_word_of(const json_t *value, size_t max); /* of a value that was found already */
int64_t json_i64_or(const json_t *object, const char *name, int64_t fallback);
