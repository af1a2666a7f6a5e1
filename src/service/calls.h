/* calls: phone calls through Vapi. Ava keeps a row of each; what the provider knows better is asked
 * for when somebody looks. A row that changed goes into the feed as "call". */
#pragma once

#include <jansson.h>

#include "base/jsonw.h"
#include "service/operations.h"
#include "store/calls.h"

extern const struct operation_kind CALL_CREATE;

/* body: {"to","assistant_id"?,"from_number_id"?,"metadata"?}; all wrong fields are named at once.
 * out->shown is the call. */
enum err call_place(struct ctx *ctx, const json_t *body, enum operation_patience patience,
                    const struct id *claim, struct operation_end *out);

struct call_view {
    struct call_row row;
    const json_t *metadata; /* an object, or NULL */
    bool is_stale;          /* the provider could not be asked how it stands */
};

enum err call_read(struct ctx *ctx, const char *id, struct call_view *out);
/* out: room for limit rows. */
enum err call_list(struct ctx *ctx, const struct call_filter *filter, int limit,
                   struct call_view *out, size_t *count);

void call_write(struct jsonw *w, const struct call_view *v); /* the object people get */
