#include "test.h"

#include <string.h>

#include "base/defs.h"
#include "config/traces.h"

TEST(a_ratio_is_a_plain_number_from_0_to_1) {
    static const struct {
        const char *text;
        double ratio;
    } GOOD[] = { { "0", 0 }, { "1", 1 }, { "0.25", 0.25 }, { "1.0", 1 }, { ".5", 0.5 } };
    static const char *const BAD[] = {
        "",    "1.01", "-0.1", "1e-3", "nan", "inf", "0x1",
        "0,5", "..",   " 1",   "50%",  ".",   "2",   "0.00000000000000000000001"
    };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        double ratio = -1;
        CHECK(traces_ratio_parse(GOOD[i].text, &ratio) && ratio == GOOD[i].ratio);
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        double ratio = 7;
        CHECK(!traces_ratio_parse(BAD[i], &ratio) && ratio == 7);
    }
}

TEST(headers_are_name_and_value_with_escapes) {
    struct arena *a = arena_new(1 << 16);
    const char *lines[TRACES_HEADERS_MAX], *why;
    CHECK_INT(traces_headers_parse(a, STR(" api-key = a%20b%2Cc , x=,,"), lines, &why), 2);
    CHECK_TEXT(lines[0], "api-key: a b,c");
    CHECK_TEXT(lines[1], "x: ");
    CHECK_INT(traces_headers_parse(a, STR(""), lines, &why), 0);
    arena_free(a);
}

TEST(headers_that_could_be_read_as_something_else_are_refused_without_repeating_them) {
    static const char *const BAD[] = {
        "secret",
        "=secret",
        "a b=secret",
        "k=secret%",
        "k=secret%0d%0aX: y",
        "k=secret%00x",
        "k\n=secret",
        "k:=secret",
        "k=secret%7f",
        "a=1,a=2,b",
        "1=,2=,3=,4=,5=,6=,7=,8=,9=,10=,11=,12=,13=,14=,15=,16=,17=secret"
    };
    struct arena *a = arena_new(1 << 16);
    const char *lines[TRACES_HEADERS_MAX], *why;
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        why = NULL;
        CHECK_INT(traces_headers_parse(a, str_of(BAD[i]), lines, &why), -1);
        CHECK(why && !strstr(why, "secret"));
    }
    arena_free(a);
}

static struct config settings;
static struct arena *memory;

/* What is said of these settings; NULL: nothing. */
static const char *judge(const char *endpoint, const char *headers, const char *ratio) {
    enum setting which;
    settings.otlp_endpoint = endpoint;
    settings.traces_ratio = ratio;
    settings.otel_service_name = "ava";
    secret_set(&settings.otlp_headers, str_of(headers));
    return traces_judge(&settings, memory, &which);
}

TEST(an_address_of_a_collector_is_a_plain_one) {
    static const char *const GOOD[] = { "", "http://localhost:4318",
                                        "https://otlp.example.com/otlp/", "http://collector:4318",
                                        "http://[::1]:4318" };
    static const struct {
        const char *url, *words;
    } BAD[] = { { "localhost:4318", "is not an http or https URL" },
                { "grpc://localhost:4317", "is not an http or https URL" },
                { "http://", "is not a plain URL" },
                { "http://:4318", "is not a plain URL" },
                { "http://me:secret@collector", "the value is not a plain URL" },
                { "http://collector/?key=1", "is not a plain URL" },
                { "http://collector/ x", "is not a plain URL" },
                { "http://collector:4318/v1/traces", "leave it out" },
                { "http://collector:4318/v1/traces/", "leave it out" } };
    memory = arena_new(1 << 16);
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++)
        CHECK(judge(GOOD[i], "", "1") == NULL);
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        const char *why = judge(BAD[i].url, "", "1");
        CHECK(why && strstr(why, BAD[i].words) && !strstr(why, "secret"));
        CHECK(strncmp(why, "OTEL_EXPORTER_OTLP_ENDPOINT: ", 29) == 0);
    }
    arena_free(memory);
}

TEST(headers_go_in_plain_to_this_machine_only) {
    memory = arena_new(1 << 16);
    CHECK(judge("http://localhost:4318", "k=secret", "1") == NULL);
    CHECK(judge("http://127.0.0.2", "k=secret", "1") == NULL);
    CHECK(judge("https://collector", "k=secret", "1") == NULL);
    const char *why = judge("http://collector:4318", "k=secret", "1");
    CHECK(why && strstr(why, "use https") && !strstr(why, "secret"));
    CHECK(judge("http://127.0.0.1.example.com", "k=secret", "1") != NULL);
    why = judge("https://collector", "secret", "1");
    CHECK(why && strstr(why, "OTEL_EXPORTER_OTLP_HEADERS: it is not name=value") &&
          !strstr(why, "secret"));
    why = judge("", "", "50%");
    CHECK(why && strstr(why, "OTEL_TRACES_SAMPLER_ARG: '50%' is not a number from 0 to 1"));
    arena_free(memory);
}
