#include "providers/attempt_span.h"

#include <string.h>

static void add_service(struct span *s, const struct upstream_request *req) {
    span_text(s, "ava.provider", provider_name(req->provider));
    span_text(s, "ava.operation", req->operation);
}

static void add_port(struct span *s, struct str port, bool is_plain) {
    int64_t number;
    if (!port.ptr)
        span_number(s, "server.port", is_plain ? 80 : 443);
    else if (str_to_i64(port, 0, UINT16_MAX, &number))
        span_number(s, "server.port", number);
}

/* Host and port of a URL that was judged before. */
static void add_server(const struct ctx *ctx, struct span *s, struct str url) {
    bool is_plain = str_starts(url, STR("http://"));
    size_t scheme = is_plain ? strlen("http://") : strlen("https://");
    struct str rest, port = { NULL, 0 }, host;
    if (url.len < scheme)
        return;
    host = str_cut((struct str){ url.ptr + scheme, url.len - scheme }, '/', &rest);
    host = str_cut(host, '?', &rest);
    if (str_find(host, STR("@")) >= 0) /* never what stands before it */
        return;
    if (str_starts(host, STR("["))) {
        struct str behind;
        host = str_cut((struct str){ host.ptr + 1, host.len - 1 }, ']', &behind);
        if (str_starts(behind, STR(":")))
            port = (struct str){ behind.ptr + 1, behind.len - 1 };
    } else {
        host = str_cut(host, ':', &port);
    }
    span_copy(ctx, s, "server.address", host);
    add_port(s, port, is_plain);
}

struct span *attempt_span_begin(struct ctx *ctx, const struct upstream_request *req,
                                const char *url) {
    struct span *s = span_begin(ctx, SPAN_CLIENT, req->method, req->operation);
    if (!s)
        return NULL;
    span_text(s, "http.request.method", req->method);
    add_server(ctx, s, str_of(url));
    add_service(s, req);
    return s;
}

struct span *attempt_span_begin_mail(struct ctx *ctx, const struct upstream_request *req,
                                     const char *host) {
    struct span *s = span_begin(ctx, SPAN_CLIENT, "smtp", req->operation);
    if (!s)
        return NULL;
    span_text(s, "network.protocol.name", "smtp");
    span_copy(ctx, s, "server.address", str_of(host));
    add_service(s, req);
    return s;
}

/* error.type where no answer came. */
static const char *word_of(enum client_result result) {
    switch (result) {
    case CLIENT_UNREACHED:
        return "unreachable";
    case CLIENT_STARVED:
        return "no_connection";
    case CLIENT_TLS:
        return "tls";
    case CLIENT_TIMEOUT:
        return "timeout";
    case CLIENT_GARBLED:
        return "garbled";
    case CLIENT_TOO_LARGE:
        return "too_large";
    default:
        return "broken";
    }
}

void attempt_span_end(const struct ctx *ctx, struct span *s, const struct attempt_end *end) {
    bool has_answer = end->result == CLIENT_DONE || end->result == CLIENT_REFUSED;
    if (!s)
        return;
    if (has_answer && end->status)
        span_number(s, end->is_mail ? "ava.smtp.code" : "http.response.status_code", end->status);
    if (end->resent > 0)
        span_number(s, end->is_mail ? "ava.resend_count" : "http.request.resend_count",
                    end->resent);
    span_text(s, "ava.outcome", outcome_name(end->outcome));
    if (!has_answer)
        span_error(s, word_of(end->result));
    else if (end->status >= 400)
        span_status_error(ctx, s, end->status);
    else if (end->outcome != OUTCOME_OK && end->outcome != OUTCOME_SLOW)
        span_error(s, outcome_name(end->outcome));
    span_end(s);
}
