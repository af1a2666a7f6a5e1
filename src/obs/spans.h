/* spans: what was done for a request, a job, an operation, an event or a delivery, and how long each part
 * took.
 *
 * A segment is the part of a trace that one of these records: a root, and spans below it. It lives in the
 * arena of its ctx until spans_end gives it to the tracer, or not: whether it is kept is known only then. Without a tracer, or while it is off, all of this does nothing, and spans are NULL. What is
 * written into a span is seen by whoever reads traces: never a secret, a body, a phone number, an e-mail
 * address or a path with one of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "obs/ctx.h"

struct tracer;

/* As OTLP numbers them. */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER, SPAN_CLIENT, SPAN_PRODUCER, SPAN_CONSUMER };

enum { SPAN_ATTRIBUTES_MAX = 12, SPAN_LINKS_MAX = 4, SPANS_MAX = 64 /* of a segment */ };

struct span_attribute {
    const char *key;
    const char *text; /* NULL: it is the number */
    int64_t number;
};

/* A span of another trace that has to do with this one. */
struct span_link {
    char trace_id[33], span_id[17];
};

struct span {
    struct span *next; /* begun after it */
    char id[17], parent_id[17];
    enum span_kind kind;
    const char *name, *target; /* "POST", "/api/v1/calls": together its name; target NULL: none */
    int64_t began_us, took_us; /* monotonic; took -1: it has not ended */
    const char *error;         /* a short word, "timeout" or "503"; NULL: it went well */
    struct span_attribute *attributes; /* room for SPAN_ATTRIBUTES_MAX */
    struct span_link *links;           /* NULL: none yet */
    size_t attribute_count, link_count;
};

/* The segment that a ctx records. */
struct spans {
    struct tracer *tracer;
    struct arena *arena;
    struct span root, *last;
    struct span_attribute of_root[SPAN_ATTRIBUTES_MAX];
    size_t count, left_out;
    uint64_t seed; /* of the ids below the root; 0: there are none yet */
};

/* Begins the segment of ctx, whose trace names its root and says whether it is sampled. Nothing when no
 * traces are wanted. Names and targets are constants. */
void spans_begin(struct ctx *ctx, enum span_kind kind, const char *name, const char *target);
/* One that began then (ava_now_us). */
void spans_begin_since(struct ctx *ctx, enum span_kind kind, const char *name, const char *target,
                       int64_t began_us);
/* The same for a ctx that goes on with another's trace: the root is below what that records. */
void spans_begin_below(struct ctx *ctx, enum span_kind kind, const char *name, const char *target);
/* The root of what ctx records; NULL: it records nothing. */
struct span *spans_root(const struct ctx *ctx);
/* Ends the segment and gives it to the tracer. error: of the root, where it has none yet; NULL: none. */
void spans_end(struct ctx *ctx, const char *error);

/* A span below the root; NULL when nothing is recorded, or SPANS_MAX are already. */
struct span *span_begin(struct ctx *ctx, enum span_kind kind, const char *name, const char *target);
/* One that began then (ava_now_us). */
struct span *span_since(struct ctx *ctx, enum span_kind kind, const char *name, const char *target,
                        int64_t began_us);
void span_end(struct span *s);

/* All of these take NULL, for a span that is not recorded. */
void span_text(struct span *s, const char *key, const char *text); /* lent until spans_end */
void span_number(struct span *s, const char *key, int64_t number);
void span_error(struct span *s, const char *word); /* lent likewise */
/* A number of three digits, as "503"; in the segment's arena. */
void span_status_error(const struct ctx *ctx, struct span *s, int status);
/* The same as span_text for text that may go before. */
void span_copy(const struct ctx *ctx, struct span *s, const char *key, struct str text);
/* kept: as trace_keep writes it, or a traceparent; nothing where it is neither. */
void span_link(const struct ctx *ctx, struct span *s, const char *kept);

/* The traceparent for what is sent within s; NULL: within the root. */
void span_header(const struct ctx *ctx, const struct span *s, char out[56]);
