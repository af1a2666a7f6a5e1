#include "test.h"

#include <string.h>

#include "http/message.h"

static const char *written(struct http_reply *r, bool is_head, bool keep) {
    static char text[4096];
    struct buf out = { 0 };
    http_reply_write(r, is_head, keep, &out);
    str_copy(text, sizeof text, buf_view(&out));
    buf_fini(&out);
    http_reply_fini(r);
    return text;
}

TEST(an_answer_has_status_date_type_length_and_body) {
    struct http_reply r = { .status = 422, .content_type = "application/problem+json" };
    buf_text(&r.body, "{}");
    const char *t = written(&r, false, true);
    CHECK(strncmp(t, "HTTP/1.1 422 Unprocessable Content\r\nDate: ", 42) == 0);
    CHECK(strstr(t,
                 " GMT\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}") !=
          NULL);
}

TEST(what_comes_from_outside_can_not_split_an_answer) {
    static const char BAD[][8] = { "a\r\nX: y", "a\nX: y", "a\rX: y", "a\0b" };
    for (size_t i = 0; i < 4; i++) {
        struct http_reply r = { .status = 200 };
        http_reply_header(&r, "Location", (struct str){ BAD[i], i == 3 ? 3 : strlen(BAD[i]) });
        http_reply_header_text(&r, "X-Good", "yes");
        const char *t = written(&r, false, true);
        CHECK(!strstr(t, "Location") && !strstr(t, "X: y") && strstr(t, "\r\nX-Good: yes\r\n"));
    }
}

TEST(head_has_the_length_of_the_body_and_no_body) {
    struct http_reply r = { .status = 200,
                            .content_type = "text/plain",
                            .lent_body = STR("hello") };
    const char *t = written(&r, true, false);
    CHECK(strstr(t, "Content-Length: 5\r\n") && strstr(t, "Connection: close\r\n") &&
          !strstr(t, "hello"));
}

TEST(no_content_and_not_modified_have_neither_body_nor_length) {
    static const int STATUS[] = { 204, 304 };
    for (size_t i = 0; i < 2; i++) {
        struct http_reply r = { .status = STATUS[i], .content_type = "text/plain" };
        buf_text(&r.body, "hello");
        const char *t = written(&r, false, true);
        CHECK(!strstr(t, "Content-") && !strstr(t, "hello"));
    }
}

TEST(fields_are_found_without_case_the_first_one_counts) {
    struct http_field f[] = { { STR("X-A"), STR("1") }, { STR("x-a"), STR("2") } };
    struct http_req req = { .fields = f, .field_count = 2 };
    CHECK(str_is(http_field(&req, "x-A"), "1") && http_field_count(&req, "X-a") == 2);
    CHECK(http_field(&req, "x-b").ptr == NULL && http_field_count(&req, "x-b") == 0);
}

TEST(a_reply_can_be_begun_anew) {
    struct http_reply r = {
        .status = 500, .content_type = "x", .close = true, .lent_body = STR("old")
    };
    http_reply_header_i64(&r, "Retry-After", 7);
    http_reply_reset(&r);
    const char *t = written(&r, false, true);
    CHECK(strstr(t, "200 OK") && !strstr(t, "Retry-After") && !strstr(t, "old"));
}
