#include "http/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

const char *http_method_name(enum http_method m) {
    static const char *const NAMES[] = { "GET",   "HEAD",   "POST",    "PUT",
                                         "PATCH", "DELETE", "OPTIONS", "OTHER" };
    return NAMES[m];
}

struct str http_field(const struct http_req *req, const char *name) {
    struct str wanted = str_of(name);
    for (size_t i = 0; i < req->field_count; i++)
        if (str_eq_nocase(req->fields[i].name, wanted))
            return req->fields[i].value;
    return (struct str){ NULL, 0 };
}

size_t http_field_count(const struct http_req *req, const char *name) {
    struct str wanted = str_of(name);
    size_t n = 0;
    for (size_t i = 0; i < req->field_count; i++)
        n += str_eq_nocase(req->fields[i].name, wanted);
    return n;
}

void http_reply_header(struct http_reply *reply, const char *name, struct str value) {
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] == '\r' || value.ptr[i] == '\n' || value.ptr[i] == 0)
            return;
    buf_text(&reply->head, name);
    buf_put(&reply->head, ": ", 2);
    buf_str(&reply->head, value);
    buf_put(&reply->head, "\r\n", 2);
}

void http_reply_header_text(struct http_reply *reply, const char *name, const char *value) {
    http_reply_header(reply, name, str_of(value));
}

void http_reply_header_i64(struct http_reply *reply, const char *name, int64_t value) {
    buf_text(&reply->head, name);
    buf_put(&reply->head, ": ", 2);
    buf_i64(&reply->head, value);
    buf_put(&reply->head, "\r\n", 2);
}

void http_reply_reset(struct http_reply *reply) {
    struct buf head = reply->head, body = reply->body;
    buf_clear(&head);
    buf_clear(&body);
    *reply = (struct http_reply){ .status = 200, .head = head, .body = body };
}

void http_reply_fini(struct http_reply *reply) {
    buf_fini(&reply->head);
    buf_fini(&reply->body);
}

/* RFC 9110, 15; 429 and 431 are of RFC 6585. */
static const struct {
    int status;
    const char *words;
} REASONS[] = {
    { 200, "OK" },
    { 201, "Created" },
    { 202, "Accepted" },
    { 204, "No Content" },
    { 206, "Partial Content" },
    { 301, "Moved Permanently" },
    { 302, "Found" },
    { 303, "See Other" },
    { 304, "Not Modified" },
    { 400, "Bad Request" },
    { 401, "Unauthorized" },
    { 403, "Forbidden" },
    { 404, "Not Found" },
    { 405, "Method Not Allowed" },
    { 408, "Request Timeout" },
    { 409, "Conflict" },
    { 412, "Precondition Failed" },
    { 413, "Content Too Large" },
    { 414, "URI Too Long" },
    { 415, "Unsupported Media Type" },
    { 422, "Unprocessable Content" },
    { 424, "Failed Dependency" },
    { 429, "Too Many Requests" },
    { 431, "Request Header Fields Too Large" },
    { 500, "Internal Server Error" },
    { 502, "Bad Gateway" },
    { 503, "Service Unavailable" },
    { 504, "Gateway Timeout" },
};

/* The words after the status in the status line. */
static const char *reason(int status) {
    for (size_t i = 0; i < ARRAY_LEN(REASONS); i++)
        if (REASONS[i].status == status)
            return REASONS[i].words;
    return "Status";
}

/* The Date line changes once a second; each thread keeps its own. */
static struct str date_line(void) {
    static __thread int64_t second;
    static __thread char line[48];
    static __thread size_t len;
    int64_t now = ava_wall_ms() / 1000;
    if (now != second || len == 0) {
        char date[32];
        clock_http_date(now * 1000, date);
        struct buf b = { 0 };
        buf_printf(&b, "Date: %s\r\n", date);
        str_copy(line, sizeof line, buf_view(&b));
        len = b.len;
        buf_fini(&b);
        second = now;
    }
    return (struct str){ line, len };
}

/* Status line, Date and Content-Type. */
static void write_start(const struct http_reply *reply, bool has_body, struct buf *out) {
    buf_put(out, "HTTP/1.1 ", 9);
    buf_i64(out, reply->status);
    buf_char(out, ' ');
    buf_text(out, reason(reply->status));
    buf_put(out, "\r\n", 2);
    buf_str(out, date_line());
    if (reply->content_type && has_body) {
        buf_text(out, "Content-Type: ");
        buf_text(out, reply->content_type);
        buf_put(out, "\r\n", 2);
    }
}

void http_reply_write(const struct http_reply *reply, bool is_head, bool keep_alive,
                      struct buf *out) {
    struct str body = reply->lent_body.ptr ? reply->lent_body : buf_view(&reply->body);
    bool bodyless = reply->status == 204 || reply->status == 304;
    buf_reserve(out, 256 + reply->head.len + body.len);
    write_start(reply, !bodyless, out);
    if (!bodyless) {
        buf_text(out, "Content-Length: ");
        buf_i64(out, (int64_t)body.len);
        buf_put(out, "\r\n", 2);
    }
    if (!keep_alive)
        buf_text(out, "Connection: close\r\n");
    buf_str(out, buf_view(&reply->head));
    buf_put(out, "\r\n", 2);
    if (!is_head && !bodyless)
        buf_str(out, body);
}

bool http_reply_write_open(const struct http_reply *reply, bool is_11, struct buf *out) {
    bool is_chunked = is_11 && !reply->stream_bytes;
    write_start(reply, true, out);
    if (reply->stream_bytes) {
        buf_text(out, "Content-Length: ");
        buf_i64(out, reply->stream_bytes);
        buf_put(out, "\r\n", 2);
    } else if (is_chunked) {
        buf_text(out, "Transfer-Encoding: chunked\r\n");
    }
    buf_text(out, "Connection: close\r\n");
    buf_str(out, buf_view(&reply->head));
    buf_put(out, "\r\n", 2);
    return is_chunked;
}
