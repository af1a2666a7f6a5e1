#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "crypto/hmac.h"
#include "webhooks/twilio_signature.h"

/* The shared vectors lie outside of the repository: a test without them says so. */
static FILE *vectors(void) {
    const char *folder = getenv("TEST_SHARED");
    char path[500];
    snprintf(path, sizeof path, "%s/fixtures/twilio/signature_vectors.jsonl",
             folder ? folder : "../shared");
    return fopen(path, "r");
}

static bool judge(struct arena *a, const json_t *v) {
    struct str body = str_of(json_text(v, "body")), type = str_of(json_text(v, "content_type"));
    struct form form;
    body.len = json_string_length(json_object_get(v, "body"));
    bool is_form = str_starts(type, STR("application/x-www-form-urlencoded"));
    if (is_form && !form_parse(a, body, &form))
        return false;
    struct twilio_request r = { .method = str_of(json_text(v, "method")),
                                .url = str_of(json_text(v, "url")),
                                .content_type = type,
                                .body = body,
                                .form = is_form ? &form : NULL,
                                .signature = str_of(json_text(v, "signature")) };
    return twilio_signature_is_valid(a, &r, str_of(json_text(v, "auth_token")));
}

TEST(all_core_vectors_are_judged_right) {
    static char line[1 << 20];
    FILE *f = vectors();
    int judged = 0, wrong = 0;
    if (!f) {
        print_message("# no fixtures in ../shared, nor where TEST_SHARED says\n");
        skip();
    }
    while (fgets(line, sizeof line, f)) {
        struct arena *a = arena_new(16 << 20);
        const char *why = "";
        struct str text = { line, strcspn(line, "\n") };
        json_error_t error; /* vectors may hold NUL, which json_parse refuses */
        json_t *v = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);
        if (!v)
            fail_msg("%s: %.80s", why, line);
        const char *tier = json_text(v, "tier");
        if (tier && strcmp(tier, "core") == 0) {
            judged++;
            if (judge(a, v) != json_is_true(json_object_get(v, "valid"))) {
                wrong++;
                print_error("wrong: %s\n", json_text(v, "name"));
            }
        }
        json_decref(v);
        arena_free(a);
    }
    fclose(f);
    print_message("%d core vectors\n", judged);
    CHECK(judged > 50);
    CHECK_INT(wrong, 0);
}

#define TOKEN "12345"
#define URL   "https://mycompany.com/myapp.php?foo=1&bar=2"
#define BODY                                                                               \
    "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%" \
    "2B14158675309"
#define SIGNATURE "RSOYDt4T1cUTdK1PDd93/VVr8B8="

static bool is_valid(struct arena *a, struct str url, struct str body, struct str signature,
                     struct str token) {
    struct form form;
    if (!form_parse(a, body, &form))
        return false;
    struct twilio_request r = {
        .method = STR("POST"), .url = url, .body = body, .form = &form, .signature = signature
    };
    return twilio_signature_is_valid(a, &r, token);
}

TEST(the_published_example_is_valid) {
    struct arena *a = arena_new(1 << 20);
    CHECK(is_valid(a, STR(URL), STR(BODY), STR(SIGNATURE), STR(TOKEN)));
    CHECK(is_valid(a, STR("https://mycompany.com:443/myapp.php?foo=1&bar=2"), STR(BODY),
                   STR(SIGNATURE), STR(TOKEN)));
    CHECK(!is_valid(a, STR("http://mycompany.com/myapp.php?foo=1&bar=2"), STR(BODY), STR(SIGNATURE),
                    STR(TOKEN)));
    CHECK(!is_valid(a, STR(URL), STR(BODY), STR(SIGNATURE), STR("")));
    CHECK(!is_valid(a, STR(URL), STR(BODY), STR(""), STR(TOKEN)));
    arena_free(a);
}

/* Does it mean the same? The order of parameters and repeated equal pairs count for nothing. */
static bool means_the_same(struct arena *a, struct str x, struct str y) {
    struct form f, g;
    if (!form_parse(a, x, &f) || !form_parse(a, y, &g))
        return false;
    struct buf p = { 0 }, q = { 0 };
    for (int which = 0; which < 2; which++) {
        struct form *one = which ? &g : &f;
        for (bool moved = true; moved;) {
            moved = false;
            for (size_t i = 0; i + 1 < one->count; i++) {
                struct str m = one->pairs[i].name, n = one->pairs[i + 1].name;
                size_t len = m.len < n.len ? m.len : n.len;
                int order = len ? memcmp(m.ptr, n.ptr, len) : 0;
                if (order > 0 || (order == 0 && m.len > n.len)) {
                    struct form_pair t = one->pairs[i];
                    one->pairs[i] = one->pairs[i + 1];
                    one->pairs[i + 1] = t;
                    moved = true;
                }
            }
        }
        for (size_t i = 0; i < one->count; i++) {
            buf_str(which ? &q : &p, one->pairs[i].name);
            buf_str(which ? &q : &p, one->pairs[i].value);
        }
    }
    bool same = str_eq(buf_view(&p), buf_view(&q));
    buf_fini(&p);
    buf_fini(&q);
    return same;
}

static struct str mutate(struct arena *a, struct str from) {
    size_t len = from.len;
    char *to = arena_alloc(a, len + 2);
    memcpy(to, from.ptr, len);
    for (uint64_t n = 1 + ava_rand_below(3); n > 0; n--) {
        size_t at = len ? ava_rand_below(len) : 0;
        switch (ava_rand_below(4)) {
        case 0: /* a bit */
            if (len)
                to[at] = (char)(to[at] ^ 1 << ava_rand_below(8));
            break;
        case 1: /* another byte */
            if (len)
                to[at] = (char)ava_rand_below(256);
            break;
        case 2: /* one less */
            if (len > 1) {
                memmove(to + at, to + at + 1, len - at - 1);
                len--;
            }
            break;
        default: /* two change places */
            if (len) {
                size_t other = ava_rand_below(len);
                char c = to[at];
                to[at] = to[other];
                to[other] = c;
            }
        }
    }
    return (struct str){ to, len };
}

TEST(no_mutation_of_url_body_token_or_signature_is_accepted) {
    int tried = 0, same = 0;
    while (tried < 100000) {
        struct arena *a = arena_new(1 << 20);
        struct str part[4] = { STR(URL), STR(BODY), STR(SIGNATURE), STR(TOKEN) };
        uint64_t which = ava_rand_below(4);
        struct str before = part[which];
        part[which] = mutate(a, before);
        if (str_eq(before, part[which]) || (which == 1 && means_the_same(a, before, part[1]))) {
            same++;
        } else {
            tried++;
            if (is_valid(a, part[0], part[1], part[2], part[3]))
                fail_msg("accepted: %.*s %.*s %.*s %.*s", STR_FMT(part[0]), STR_FMT(part[1]),
                         STR_FMT(part[2]), STR_FMT(part[3]));
        }
        arena_free(a);
    }
    CHECK(same < 100000);
}

TEST(a_json_body_must_have_the_hash_that_the_signed_url_promises) {
    struct arena *a = arena_new(1 << 20);
    struct twilio_request r = {
        .method = STR("POST"),
        .url =
            STR(URL "&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"),
        .content_type = STR("application/json"),
        .body = STR("{\"property\": \"value\", \"boolean\": true}"),
        .signature = STR("a9nBmqA0ju/hNViExpshrM61xv4="),
    };
    CHECK(twilio_signature_is_valid(a, &r, STR(TOKEN)));
    r.body = STR("{\"property\": \"value\", \"boolean\": false}");
    CHECK(!twilio_signature_is_valid(a, &r, STR(TOKEN)));
    r.body = STR("");
    CHECK(!twilio_signature_is_valid(a, &r, STR(TOKEN)));
    /* A URL that promises nothing, signed in good order: the body could be anything. */
    unsigned char mac[HMAC_SHA1_BYTES];
    hmac_sha1(mac, STR(TOKEN), STR(URL));
    r.url = STR(URL);
    r.signature = str_of(base64_encode(a, mac, sizeof mac));
    CHECK(!twilio_signature_is_valid(a, &r, STR(TOKEN)));
    r.method = STR("GET");
    CHECK(twilio_signature_is_valid(a, &r, STR(TOKEN)));
    arena_free(a);
}
