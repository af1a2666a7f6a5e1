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

static const char *reason(int status) {
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 422:
        return "Unprocessable Content";
    case 424:
        return "Failed Dependency";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 500:
        return "Internal Server Error";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Status";
    }
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

void http_reply_write_open(const struct http_reply *reply, bool is_chunked, struct buf *out) {
    write_start(reply, true, out);
    if (is_chunked)
        buf_text(out, "Transfer-Encoding: chunked\r\n");
    buf_text(out, "Connection: close\r\n");
    buf_str(out, buf_view(&reply->head));
    buf_put(out, "\r\n", 2);
}
