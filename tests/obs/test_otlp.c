#include "test.h"

#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "base/encode.h"
#include "base/json.h"
#include "obs/otlp.h"

static const struct otlp_source FROM = { "ava", "1.2", "run" };

static const struct span_place PLACE = { "4bf92f3577b34da6a3ce929d0e0e4736", NULL, true,
                                         1700000000000000 };

static struct span span(void) {
    static struct span_attribute attributes[] = { { "k", "v\"\n", 0 }, { "n", NULL, -1 } };
    static struct span_link link = { "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331" };
    return (struct span){ .id = "00f067aa0ba902b7",
                          .parent_id = "00f067aa0ba902b6",
                          .kind = SPAN_SERVER,
                          .name = "GET",
                          .target = "/a",
                          .began_us = 5,
                          .took_us = 7,
                          .error = "503",
                          .attributes = attributes,
                          .attribute_count = 2,
                          .links = &link,
                          .link_count = 1 };
}

/* One segment with this span, as tracer_next gives it. */
static struct segment *segment(span_write_fn *write, const struct span_place *place) {
    struct buf b = { 0 };
    struct span one = span();
    write(&b, place, &one, true);
    struct segment *s = calloc(1, sizeof *s + b.len);
    if (!s)
        abort();
    s->span_count = 1;
    s->len = b.len;
    memcpy(s->bytes, b.ptr, b.len);
    buf_fini(&b);
    return s;
}

TEST(a_span_in_json) {
    struct span_place place = PLACE;
    place.state = "a=1";
    struct segment *s = segment(otlp_json_span, &place);
    struct buf b = { 0 };
    otlp_json_write(&b, &FROM, s);
    CHECK_TEXT(b.ptr,
               "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
               "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"ava\"}},"
               "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2\"}},"
               "{\"key\":\"service.instance.id\",\"value\":{\"stringValue\":\"run\"}}]},"
               "\"scopeSpans\":[{\"scope\":{\"name\":\"ava\",\"version\":\"1.2\"},\"spans\":["
               "{\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"spanId\":\"00f067aa0ba902b7\","
               "\"parentSpanId\":\"00f067aa0ba902b6\",\"traceState\":\"a=1\",\"flags\":769,"
               "\"name\":\"GET /a\",\"kind\":2,\"startTimeUnixNano\":\"1700000000000005000\","
               "\"endTimeUnixNano\":\"1700000000000012000\",\"attributes\":["
               "{\"key\":\"k\",\"value\":{\"stringValue\":\"v\\\"\\n\"}},"
               "{\"key\":\"n\",\"value\":{\"intValue\":\"-1\"}},"
               "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"503\"}}],"
               "\"links\":[{\"traceId\":\"0af7651916cd43dd8448eb211c80319c\","
               "\"spanId\":\"b7ad6b7169203331\"}],\"status\":{\"code\":2}}]}]}]}");
    buf_fini(&b);
    free(s);
}

/* The same bytes as protobufjs makes of that object. */
TEST(a_span_in_protocol_buffers) {
    struct segment *s = segment(otlp_protobuf_span, &PLACE);
    struct buf b = { 0 };
    otlp_protobuf_write(&b, &FROM, s);
    char *hex = malloc(b.len * 2 + 1);
    CHECK(hex != NULL);
    hex_encode(hex, b.ptr, b.len);
    CHECK_TEXT(hex, "0a8002"
                    "0a4f0a150a0c736572766963652e6e616d6512050a03617661"
                    "0a180a0f736572766963652e76657273696f6e12050a03312e32"
                    "0a1c0a13736572766963652e696e7374616e63652e696412050a0372756e"
                    "12ac010a0a0a036176611203312e32"
                    "129d010a104bf92f3577b34da6a3ce929d0e0e4736120800f067aa0ba902b7"
                    "220800f067aa0ba902b62a06474554202f613002"
                    "3988132a36fe9c971741e02e2a36fe9c9717"
                    "4a0a0a016b12050a0376220a4a100a016e120b18ffffffffffffffffff01"
                    "4a130a0a6572726f722e7479706512050a03353033"
                    "6a1c0a100af7651916cd43dd8448eb211c80319c1208b7ad6b7169203331"
                    "7a021802850101030000");
    free(hex);
    buf_fini(&b);
    free(s);
}

TEST(an_error_alone_does_not_make_a_span_sampled_and_only_a_request_has_a_parent_elsewhere) {
    struct span_place place = PLACE;
    struct span one = span();
    CHECK_INT(otlp_flags(&place, &one), 0x301);
    place.is_sampled = false;
    CHECK_INT(otlp_flags(&place, &one), 0x300);
    one.kind = SPAN_CLIENT;
    CHECK_INT(otlp_flags(&place, &one), 0x100);
}

TEST(segments_and_spans_follow_each_other_in_one_list) {
    struct segment *first = segment(otlp_json_span, &PLACE),
                   *next = segment(otlp_json_span, &PLACE);
    struct buf b = { 0 }, two = { 0 };
    struct span one = span();
    struct arena *a = arena_new(1 << 20);
    const char *why;
    first->next = next;
    otlp_json_write(&b, &FROM, first);
    const json_t *said = json_parse(a, buf_view(&b), &why);
    const json_t *scopes =
        json_object_get(json_array_get(json_object_get(said, "resourceSpans"), 0), "scopeSpans");
    CHECK_INT(json_array_size(json_object_get(json_array_get(scopes, 0), "spans")), 2);
    otlp_json_span(&two, &PLACE, &one, true);
    otlp_json_span(&two, &PLACE, &one, false);
    CHECK_INT(two.len, 2 * first->len + 1);
    arena_free(a);
    buf_fini(&two);
    buf_fini(&b);
    free(first);
    free(next);
}

TEST(what_a_collector_says_in_json) {
    static const struct {
        const char *answer;
        int64_t rejected;
    } CASES[] = {
        { "{}", 0 },
        { "", 0 },
        { " \t", 0 },
        { "{\"partialSuccess\":{}}", 0 },
        { "{\"partialSuccess\":null}", 0 },
        { "{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\"}}", 3 },
        { "{\"partialSuccess\":{\"rejectedSpans\":3}}", 3 },
        { "{\"partialSuccess\":{\"rejectedSpans\":null}}", 0 },
        { "{\"partialSuccess\":{\"rejectedSpans\":-3}}", OTLP_NO_ANSWER },
        { "{\"partialSuccess\":{\"rejectedSpans\":\"99999999999999999999\"}}", OTLP_NO_ANSWER },
        { "{\"partialSuccess\":{\"rejectedSpans\":{}}}", OTLP_NO_ANSWER },
        { "{\"partialSuccess\":[]}", OTLP_NO_ANSWER },
        { "[]", OTLP_NO_ANSWER },
        { "ok", OTLP_NO_ANSWER },
        { "<html>", OTLP_NO_ANSWER },
        { "{\"partialSuccess\":", OTLP_NO_ANSWER },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++)
        CHECK_INT(otlp_json_rejected(str_of(CASES[i].answer)), CASES[i].rejected);
}

TEST(what_a_collector_says_in_protocol_buffers) {
    static const struct {
        const char *hex;
        int64_t rejected;
    } CASES[] = {
        { "", 0 },
        { "0a00", 0 },
        { "0a020803", 3 },
        { "0a06080312026e6f", 3 },
        { "12020803", 0 },                                /* a field nobody knows yet */
        { "0a0b08ffffffffffffffffff01", OTLP_NO_ANSWER }, /* fewer than none */
        { "0a0208", OTLP_NO_ANSWER },
        { "0a030a0161", OTLP_NO_ANSWER }, /* a text for a number */
        { "0803", OTLP_NO_ANSWER },
        { "7b7d", OTLP_NO_ANSWER }, /* JSON */
        { "3c68746d6c3e", OTLP_NO_ANSWER },
    };
    for (size_t i = 0; i < ARRAY_LEN(CASES); i++) {
        char raw[64];
        size_t len = strlen(CASES[i].hex) / 2;
        CHECK(hex_decode(str_of(CASES[i].hex), raw, len));
        int64_t got = otlp_protobuf_rejected((struct str){ raw, len });
        if (got != CASES[i].rejected)
            print_error("%s\n", CASES[i].hex);
        CHECK_INT(got, CASES[i].rejected);
    }
}
