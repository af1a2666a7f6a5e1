/* fields: checks of the members of a JSON body, the same for every route and service. Each notes
 * its own field in ctx, so that all that is wrong is told at once; a field that is missing or null
 * is not looked at where it is not required. */
#pragma once

#include <jansson.h>

#include "obs/ctx.h"

bool field_is_phone(const char *text); /* E.164 */
/* E.164. what: "the number to call". */
void field_phone(struct ctx *ctx, const json_t *body, const char *name, const char *what);
/* The text, lent from the body; NULL when it is missing or wrong. chars are code points. */
const char *field_text(struct ctx *ctx, const json_t *body, const char *name, bool required,
                       size_t min_chars, size_t max_chars);
/* The same for what people and things are called, in one line of plain characters (base/plain.h). */
const char *field_name(struct ctx *ctx, const json_t *body, const char *name, bool required,
                       size_t max_chars);
/* true, false, or not there; returns whether it is true. */
bool field_bool(struct ctx *ctx, const json_t *body, const char *name);
/* A time as in RFC 3339, in Unix ms; 0 when it is missing or wrong. */
int64_t field_time(struct ctx *ctx, const json_t *body, const char *name, bool required);
void field_https(struct ctx *ctx, const char *name, const json_t *url);
/* How many bytes the value has as JSON without blanks. */
size_t field_bytes(const json_t *value);
/* Notes a field that nobody knows. */
void field_unknown(struct ctx *ctx, const char *name);
/* Every other name is refused; ends the checks. */
enum err fields_known(struct ctx *ctx, const json_t *body, const char *const *names, size_t count);
