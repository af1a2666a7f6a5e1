/* otlp: segments as the OpenTelemetry Protocol has them (opentelemetry-proto 1.x, OTLP/HTTP), in either of its
 * encodings, and what a collector answers. Sends nothing: net/exporter does. */
#pragma once

#include "base/buf.h"
#include "obs/tracer.h"

/* Who says all this. */
struct otlp_source {
    const char *service, *version, *instance;
};

/* One span, for tracer_conf. */
span_write_fn otlp_json_span, otlp_protobuf_span;

/* Appends an ExportTraceServiceRequest with these segments, written by the function above. */
void otlp_json_write(struct buf *out, const struct otlp_source *from, const struct segment *first);
void otlp_protobuf_write(struct buf *out, const struct otlp_source *from,
                         const struct segment *first);

/* How many spans an ExportTraceServiceResponse says were not taken; -1: it is none. */
enum { OTLP_NO_ANSWER = -1 };
int64_t otlp_json_rejected(struct str answer);
int64_t otlp_protobuf_rejected(struct str answer);

/* For both encodings: W3C's flags, and whether the parent is known to be of another process. */
static inline uint32_t otlp_flags(const struct span_place *place, const struct span *span) {
    const uint32_t sampled = 1, is_known = 0x100, is_remote = 0x200;
    bool has_remote = span->kind == SPAN_SERVER && span->parent_id[0];
    return is_known | (place->is_sampled ? sampled : 0) | (has_remote ? is_remote : 0);
}
