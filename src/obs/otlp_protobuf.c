#include <string.h>

#include "base/encode.h"
#include "base/protobuf.h"
#include "obs/otlp.h"

/* The numbers of the fields, by message. */
enum { REQUEST_RESOURCE_SPANS = 1 };
enum { RESOURCE_SPANS_RESOURCE = 1, RESOURCE_SPANS_SCOPE_SPANS = 2 };
enum { RESOURCE_ATTRIBUTES = 1 };
enum { SCOPE_SPANS_SCOPE = 1, SCOPE_SPANS_SPANS = 2 };
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2 };
enum {
    SPAN_TRACE_ID = 1,
    SPAN_ID = 2,
    SPAN_STATE = 3,
    SPAN_PARENT_ID = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_LINKS = 13,
    SPAN_STATUS = 15,
    SPAN_FLAGS = 16
};
enum { LINK_TRACE_ID = 1, LINK_SPAN_ID = 2 };
enum { STATUS_CODE = 3, STATUS_ERROR = 2 };
enum { PAIR_KEY = 1, PAIR_VALUE = 2 };
enum { VALUE_STRING = 1, VALUE_INT = 3 };
enum { SPANS_HEAD_BYTES = 16 };
enum { RESPONSE_PARTIAL_SUCCESS = 1 };
enum { PARTIAL_REJECTED = 1 };

static void put_id(struct buf *out, unsigned field, const char *hex, size_t bytes) {
    unsigned char id[16];
    if (hex_decode((struct str){ hex, 2 * bytes }, id, bytes))
        protobuf_bytes(out, field, id, bytes);
}

/* Lengths are reckoned, not measured: this is most of what a span costs. */
static void put_text(struct buf *out, unsigned field, const char *key, const char *text) {
    size_t key_len = strlen(key), text_len = strlen(text);
    size_t value = protobuf_size(VALUE_STRING, text_len);
    protobuf_begin(out, field, protobuf_size(PAIR_KEY, key_len) + protobuf_size(PAIR_VALUE, value));
    protobuf_bytes(out, PAIR_KEY, key, key_len);
    protobuf_begin(out, PAIR_VALUE, value);
    protobuf_bytes(out, VALUE_STRING, text, text_len);
}

static void put_number(struct buf *out, unsigned field, const char *key, int64_t number) {
    size_t pair = protobuf_open(out, field);
    protobuf_text(out, PAIR_KEY, key);
    size_t value = protobuf_open(out, PAIR_VALUE);
    protobuf_number(out, VALUE_INT, (uint64_t)number);
    protobuf_close(out, value);
    protobuf_close(out, pair);
}

static void put_attributes(struct buf *out, const struct span *s) {
    for (size_t i = 0; i < s->attribute_count; i++) {
        const struct span_attribute *a = &s->attributes[i];
        if (a->text)
            put_text(out, SPAN_ATTRIBUTES, a->key, a->text);
        else
            put_number(out, SPAN_ATTRIBUTES, a->key, a->number);
    }
    if (s->error)
        put_text(out, SPAN_ATTRIBUTES, "error.type", s->error);
}

static void put_links(struct buf *out, const struct span *s) {
    for (size_t i = 0; i < s->link_count; i++) {
        size_t link = protobuf_open(out, SPAN_LINKS);
        put_id(out, LINK_TRACE_ID, s->links[i].trace_id, 16);
        put_id(out, LINK_SPAN_ID, s->links[i].span_id, 8);
        protobuf_close(out, link);
    }
}

static void put_name(struct buf *out, const struct span *s) {
    size_t name = strlen(s->name), target = s->target ? strlen(s->target) + 1 : 0;
    protobuf_begin(out, SPAN_NAME, name + target);
    buf_put(out, s->name, name);
    if (!target)
        return;
    buf_char(out, ' ');
    buf_put(out, s->target, target - 1);
}

void otlp_protobuf_span(struct buf *out, const struct span_place *of, const struct span *s,
                        bool is_first) {
    uint64_t began_us = (uint64_t)(of->to_unix_us + s->began_us);
    size_t span = protobuf_open(out, SCOPE_SPANS_SPANS);
    put_id(out, SPAN_TRACE_ID, of->trace_id, 16);
    put_id(out, SPAN_ID, s->id, 8);
    if (of->state)
        protobuf_text(out, SPAN_STATE, of->state);
    if (s->parent_id[0])
        put_id(out, SPAN_PARENT_ID, s->parent_id, 8);
    put_name(out, s);
    protobuf_number(out, SPAN_KIND, s->kind);
    protobuf_fixed64(out, SPAN_START, began_us * 1000);
    protobuf_fixed64(out, SPAN_END, (began_us + (uint64_t)s->took_us) * 1000);
    put_attributes(out, s);
    put_links(out, s);
    if (s->error) {
        size_t status = protobuf_open(out, SPAN_STATUS);
        protobuf_number(out, STATUS_CODE, STATUS_ERROR);
        protobuf_close(out, status);
    }
    protobuf_fixed32(out, SPAN_FLAGS, otlp_flags(of, s));
    protobuf_close(out, span);
}

static void put_source(struct buf *out, const struct otlp_source *from) {
    size_t resource = protobuf_open(out, RESOURCE_SPANS_RESOURCE);
    put_text(out, RESOURCE_ATTRIBUTES, "service.name", from->service);
    put_text(out, RESOURCE_ATTRIBUTES, "service.version", from->version);
    put_text(out, RESOURCE_ATTRIBUTES, "service.instance.id", from->instance);
    protobuf_close(out, resource);
}

void otlp_protobuf_write(struct buf *out, const struct otlp_source *from,
                         const struct segment *first) {
    struct buf resource = { 0 }, scope = { 0 };
    size_t spans = 0;
    for (const struct segment *s = first; s; s = s->next)
        spans += s->len;
    put_source(&resource, from);
    size_t at = protobuf_open(&scope, SCOPE_SPANS_SCOPE);
    protobuf_text(&scope, SCOPE_NAME, "ava");
    protobuf_text(&scope, SCOPE_VERSION, from->version);
    protobuf_close(&scope, at);
    protobuf_begin(&resource, RESOURCE_SPANS_SCOPE_SPANS, scope.len + spans);
    buf_str(&resource, buf_view(&scope));
    buf_reserve(out, resource.len + spans + SPANS_HEAD_BYTES);
    protobuf_begin(out, REQUEST_RESOURCE_SPANS, resource.len + spans);
    buf_str(out, buf_view(&resource));
    for (const struct segment *s = first; s; s = s->next)
        buf_put(out, s->bytes, s->len);
    buf_fini(&scope);
    buf_fini(&resource);
}

/* --- what is answered ------------------------------------------------------------------------ */

/* The number in this field of a message; 0 when it is not there; -1: it is no message. */
static int64_t number_in(struct str message, unsigned field) {
    struct protobuf_field f;
    int64_t number = 0;
    while (protobuf_next(&message, &f))
        if (f.field == field)
            number = f.is_bytes ? OTLP_NO_ANSWER : (int64_t)f.number;
    return message.len || number < 0 ? OTLP_NO_ANSWER : number;
}

int64_t otlp_protobuf_rejected(struct str answer) {
    struct protobuf_field f;
    int64_t rejected = 0;
    while (rejected >= 0 && protobuf_next(&answer, &f))
        if (f.field == RESPONSE_PARTIAL_SUCCESS)
            rejected = f.is_bytes ? number_in(f.bytes, PARTIAL_REJECTED) : OTLP_NO_ANSWER;
    return answer.len && rejected >= 0 ? OTLP_NO_ANSWER : rejected;
}
