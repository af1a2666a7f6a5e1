/* reply: how routes write their answers, and read small inputs. */
#pragma once

#include "base/jsonw.h"
#include "routes/entry.h"
#include "tasks/idempotency.h"

/* Begins a JSON answer; what the writer writes is its body. */
struct jsonw reply_json(struct call *call, int status);
/* A page of a list, {"calls":[...],"next_cursor":...}: its entries are written between the two. */
struct jsonw reply_list(struct call *call, const char *name);
void reply_list_end(struct jsonw *w, const char *next_cursor); /* NULL: the last page */
enum err reply_body(struct call *call, struct str json);       /* a ready JSON text, not copied */
enum err reply_none(struct call *call);                        /* 204 */

/* For a POST that does something: how it will be answered, from what the service fills in at out. The
 * service writes the answer into its own transaction (ctx_answer_in), so that whoever repeats the request
 * with its Idempotency-Key gets it, whatever happens next; reply_now answers in the end. out must last
 * until then. */
typedef enum err reply_fn(struct ctx *ctx, struct call *call, void *out);
void reply_will(struct ctx *ctx, struct call *call, reply_fn *say, void *out);
enum err reply_now(struct ctx *ctx, struct call *call);
void reply_unsay(struct call *call);         /* what was asked for did not happen after all */
bool reply_is_kept(const struct call *call); /* for those who repeat the request */
/* The answer as it stands, lent; head_from: where its own headers begin. */
struct idempotency_answer reply_kept(const struct call *call, size_t head_from);

reply_fn reply_count; /* 202 with {"count":...}; out: an int64_t */

/* The session cookie: __Host- over https. */
const char *reply_cookie_name(const struct ctx *ctx);
void reply_set_cookie(const struct ctx *ctx, struct call *call, const char *value);
void reply_clear_cookie(const struct ctx *ctx, struct call *call);
/* The cookie of a browser that signed in (auth/devices.h); it outlives the session. */
const char *reply_device_name(const struct ctx *ctx);
void reply_set_device(const struct ctx *ctx, struct call *call, const char *value, int64_t keep_s);

/* Age, Cache-Status, Ava-Attempts of an answer that came through a provider. A stale JSON object
 * says so in itself too, and in Retry-After when asking again is worth it. */
struct upstream_answer;
void reply_upstream(struct call *call, struct str json, const struct upstream_answer *a);

/* A list that comes through a provider, by limit and cursor, as upstream gave it. */
typedef enum err reply_page_fn(struct ctx *ctx, int limit, const char *cursor,
                               struct upstream_answer *out);
enum err reply_upstream_page(struct ctx *ctx, struct call *call, reply_page_fn *read);

/* The path parameter of that index, percent-decoded; "" when it is not UTF-8, or has a NUL. */
const char *input_param(struct ctx *ctx, const struct call *call, int index);

/* The ETag that a client may send back in If-Match. A proxy that transforms the answer would make it
 * weak, or drop it: no-transform forbids that. */
void reply_etag(struct call *call, const char *etag);
/* If-Match, for etag_matches (its lines as one list); NULL: there is none, or it is "*". */
const char *input_if_match(struct ctx *ctx, const struct call *call);

/* Page inputs: limit 1..100 (20) and cursor. */
enum err input_page(struct ctx *ctx, const struct call *call, int *limit, const char **cursor);
/* A query parameter that is a time, in Unix ms; 0 when absent, or wrong (then noted). */
int64_t input_time(struct ctx *ctx, const struct call *call, const char *name);
/* A query parameter; NULL when absent, "" when it is not UTF-8, or has a NUL. */
const char *input_query(struct ctx *ctx, const struct call *call, const char *name);
/* A query parameter that must be one of two words; NULL when absent. Anything else is noted as an
 * error of the field, and returned. */
const char *input_choice(struct ctx *ctx, const struct call *call, const char *name,
                         const char *one, const char *other);
/* Refuses query parameters that are not in the list (NULL-ended). */
enum err input_known_query(struct ctx *ctx, const struct call *call, const char *const *names);

/* Fields of the body. Each collects its own error in ctx; input_done also refuses unknown ones. */
struct input {
    struct ctx *ctx;
    const json_t *body;
    const char *seen[16];
    size_t seen_count;
};
struct input input_of(struct ctx *ctx, const struct call *call);
/* NULL when missing or wrong (then the error is noted, unless optional and missing). */
const char *input_text(struct input *in, const char *name, bool required, size_t min_chars,
                       size_t max_chars);
/* A name of 1 to max_chars plain characters (base/plain.h). */
const char *input_name(struct input *in, const char *name, bool required, size_t max_chars);
/* A time as in RFC 3339, in Unix ms; 0 when missing or wrong. */
int64_t input_time_field(struct input *in, const char *name, bool required);
bool input_bool(struct input *in, const char *name, bool *has); /* has: given, and not null */
/* Of any type, for the service to judge; NULL when it is missing. */
const json_t *input_value(struct input *in, const char *name);
bool input_has(struct input *in, const char *name); /* given, be it null */
enum err input_done(struct input *in);
