#include "base/json.h"
#include "base/jsonw.h"
#include "obs/otlp.h"

enum { ANSWER_BYTES = 256 << 10, ERROR = 2 };

/* 64-bit numbers are texts in the JSON of Protocol Buffers. */
static void number_at(struct jsonw *w, const char *name, int64_t number) {
    jsonw_key(w, name);
    w->comma = false;
    buf_char(w->out, '"');
    buf_i64(w->out, number);
    buf_char(w->out, '"');
    w->comma = true;
}

static void write_text(struct jsonw *w, const char *key, const char *text) {
    jsonw_object(w);
    jsonw_text_at(w, "key", key);
    jsonw_key(w, "value");
    jsonw_object(w);
    jsonw_text_at(w, "stringValue", text);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void write_attribute(struct jsonw *w, const struct span_attribute *a) {
    if (a->text) {
        write_text(w, a->key, a->text);
        return;
    }
    jsonw_object(w);
    jsonw_text_at(w, "key", a->key);
    jsonw_key(w, "value");
    jsonw_object(w);
    number_at(w, "intValue", a->number);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void write_attributes(struct jsonw *w, const struct span *s) {
    jsonw_key(w, "attributes");
    jsonw_list(w);
    for (size_t i = 0; i < s->attribute_count; i++)
        write_attribute(w, &s->attributes[i]);
    if (s->error)
        write_text(w, "error.type", s->error);
    jsonw_list_end(w);
}

static void write_links(struct jsonw *w, const struct span *s) {
    if (!s->link_count)
        return;
    jsonw_key(w, "links");
    jsonw_list(w);
    for (size_t i = 0; i < s->link_count; i++) {
        jsonw_object(w);
        jsonw_text_at(w, "traceId", s->links[i].trace_id);
        jsonw_text_at(w, "spanId", s->links[i].span_id);
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

/* Of our own words, none of which needs an escape. */
static void write_name(struct jsonw *w, const struct span *s) {
    jsonw_key(w, "name");
    buf_char(w->out, '"');
    buf_text(w->out, s->name);
    if (s->target)
        buf_char(w->out, ' ');
    if (s->target)
        buf_text(w->out, s->target);
    buf_char(w->out, '"');
    w->comma = true;
}

void otlp_json_span(struct buf *out, const struct span_place *of, const struct span *s,
                    bool is_first) {
    int64_t began_us = of->to_unix_us + s->began_us;
    struct jsonw json = jsonw_to(out), *w = &json;
    if (!is_first)
        buf_char(out, ',');
    jsonw_object(w);
    jsonw_text_at(w, "traceId", of->trace_id);
    jsonw_text_at(w, "spanId", s->id);
    if (s->parent_id[0])
        jsonw_text_at(w, "parentSpanId", s->parent_id);
    if (of->state)
        jsonw_text_at(w, "traceState", of->state);
    jsonw_i64_at(w, "flags", otlp_flags(of, s));
    write_name(w, s);
    jsonw_i64_at(w, "kind", s->kind);
    number_at(w, "startTimeUnixNano", began_us * 1000);
    number_at(w, "endTimeUnixNano", (began_us + s->took_us) * 1000);
    write_attributes(w, s);
    write_links(w, s);
    jsonw_key(w, "status");
    jsonw_object(w);
    if (s->error)
        jsonw_i64_at(w, "code", ERROR);
    jsonw_object_end(w);
    jsonw_object_end(w);
}

static void write_source(struct jsonw *w, const struct otlp_source *from) {
    jsonw_key(w, "resource");
    jsonw_object(w);
    jsonw_key(w, "attributes");
    jsonw_list(w);
    write_text(w, "service.name", from->service);
    write_text(w, "service.version", from->version);
    write_text(w, "service.instance.id", from->instance);
    jsonw_list_end(w);
    jsonw_object_end(w);
}

static void write_scope(struct jsonw *w, const struct otlp_source *from) {
    jsonw_key(w, "scope");
    jsonw_object(w);
    jsonw_text_at(w, "name", "ava");
    jsonw_text_at(w, "version", from->version);
    jsonw_object_end(w);
}

void otlp_json_write(struct buf *out, const struct otlp_source *from, const struct segment *first) {
    struct jsonw w = jsonw_to(out);
    jsonw_object(&w);
    jsonw_key(&w, "resourceSpans");
    jsonw_list(&w);
    jsonw_object(&w);
    write_source(&w, from);
    jsonw_key(&w, "scopeSpans");
    jsonw_list(&w);
    jsonw_object(&w);
    write_scope(&w, from);
    jsonw_key(&w, "spans");
    jsonw_list(&w);
    for (const struct segment *s = first; s; s = s->next) {
        if (s != first)
            buf_char(out, ',');
        buf_put(out, s->bytes, s->len);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
    jsonw_list_end(&w);
    jsonw_object_end(&w);
}

/* An int64 as a text, as the standard has it, or as a number, as some write it. */
static int64_t read_count(const json_t *value) {
    int64_t count;
    if (!value || json_is_null(value))
        return 0;
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return json_integer_value(value);
    if (json_is_string(value) && str_to_i64(str_of(json_string_value(value)), 0, INT64_MAX, &count))
        return count;
    return OTLP_NO_ANSWER;
}

int64_t otlp_json_rejected(struct str answer) {
    const char *why;
    if (str_trim(answer).len == 0)
        return 0; /* not as the standard has it, but there is nothing to be unhappy about */
    struct arena *a = arena_new(ANSWER_BYTES);
    const json_t *said = json_parse(a, answer, &why);
    const json_t *partial = json_object_get(said, "partialSuccess");
    int64_t count = !json_is_object(said)               ? OTLP_NO_ANSWER
                    : !partial || json_is_null(partial) ? 0
                    : !json_is_object(partial)
                        ? OTLP_NO_ANSWER
                        : read_count(json_object_get(partial, "rejectedSpans"));
    arena_free(a);
    return count;
}
