#include "http/parse.h"

#include <llhttp.h>
#include <string.h>

/* Notes why, and returns HTTP_REFUSED. */
static enum http_progress refuse(struct http_refusal *why, enum err err, const char *detail) {
    *why = (struct http_refusal){ err, detail };
    return HTTP_REFUSED;
}

/* Finds the end of the head; on the way refuses bare CR, bare LF and NUL, at the byte where they
 * stand rather than at a timeout later. */
static enum http_progress find_end(const char *p, size_t len, size_t *scanned, size_t *end,
                                   struct http_refusal *why) {
    for (size_t i = *scanned; i < len; i++) {
        char c = p[i];
        bool after_cr = i > 0 && p[i - 1] == '\r';
        if ((unsigned char)c >= 0x20 && !after_cr)
            continue;
        if (after_cr && c != '\n')
            return refuse(why, ERR_MALFORMED, "A CR in the head is not followed by LF.");
        if (c == 0)
            return refuse(why, ERR_MALFORMED, "The head of the request contains a NUL byte.");
        if (c == '\n' && !after_cr)
            return refuse(why, ERR_MALFORMED, "A line of the head ends with a bare LF.");
        if (c == '\n' && i >= 3 && p[i - 2] == '\n') {
            *end = i + 1;
            return HTTP_DONE;
        }
    }
    *scanned = len;
    return HTTP_MORE;
}

struct collector {
    const char *base;
    struct http_head *head;
    struct http_span url;
    bool overflow, in_value;
};

/* llhttp may give a piece in parts; they stand one behind the other, so the span grows. */
static void extend(struct http_span *s, const char *base, const char *at, size_t len) {
    if (s->len == 0)
        s->at = (uint16_t)(at - base);
    s->len = (uint16_t)(s->len + len);
}

static int on_url(llhttp_t *p, const char *at, size_t len) {
    struct collector *c = p->data;
    extend(&c->url, c->base, at, len);
    return 0;
}

/* The name of a header: a new one, unless the last one has no value yet and goes on. */
static int on_name(llhttp_t *p, const char *at, size_t len) {
    struct collector *c = p->data;
    struct http_head *h = c->head;
    if (c->in_value || h->field_count == 0) {
        if (h->field_count == HTTP_FIELDS_MAX) {
            c->overflow = true;
            return -1;
        }
        h->names[h->field_count] = h->values[h->field_count] = (struct http_span){ 0, 0 };
        h->field_count++;
        c->in_value = false;
    }
    extend(&h->names[h->field_count - 1], c->base, at, len);
    return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t len) {
    struct collector *c = p->data;
    c->in_value = true;
    if (len)
        extend(&c->head->values[c->head->field_count - 1], c->base, at, len);
    return 0;
}

static int on_head_done(llhttp_t *p) {
    return HPE_PAUSED; /* the body is ours */
}

/* The callbacks of llhttp, the same for every request. */
static const llhttp_settings_t *settings(void) {
    static llhttp_settings_t s;
    static bool is_ready;
    if (!is_ready) { /* every thread would write the same bytes; done once before threads start */
        llhttp_settings_init(&s);
        s.on_url = on_url;
        s.on_header_field = on_name;
        s.on_header_value = on_value;
        s.on_headers_complete = on_head_done;
        is_ready = true;
    }
    return &s;
}

__attribute__((constructor)) static void settings_before_threads(void) {
    settings();
}

/* The bytes of a span. */
static struct str view(const char *base, struct http_span s) {
    return (struct str){ base + s.at, s.len };
}

/* Exactly "METHOD SP target SP HTTP/1.x CRLF", byte for byte. */
static enum http_progress check_request_line(const char *p, size_t len, struct http_head *h,
                                             struct http_refusal *why) {
    const char *eol = memchr(p, '\r', len);
    struct str line = { p, eol ? (size_t)(eol - p) : len };
    struct str rest, version;
    struct str method = str_cut(line, ' ', &rest);
    struct str target = str_cut(rest, ' ', &version);
    if (!method.len || !target.len || !(str_is(version, "HTTP/1.1") || str_is(version, "HTTP/1.0")))
        return refuse(why, ERR_MALFORMED,
                      "The request line is not 'METHOD target HTTP/1.1' with single blanks.");
    for (size_t i = 0; i < method.len; i++)
        if (method.ptr[i] < 'A' || method.ptr[i] > 'Z')
            return refuse(why, ERR_MALFORMED, "The method has characters no method has.");
    for (size_t i = 0; i < target.len; i++)
        if ((unsigned char)target.ptr[i] <= 0x20 || (unsigned char)target.ptr[i] >= 0x7F)
            return refuse(why, ERR_MALFORMED, "The target has characters no target may have.");
    if (target.len > HTTP_TARGET_MAX_BYTES)
        return refuse(why, ERR_URI_TOO_LONG, "The request target is longer than 8 KiB.");
    h->target = (struct http_span){ (uint16_t)(target.ptr - p), (uint16_t)target.len };

    static const char *const KNOWN[] = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"
    };
    h->method = METHOD_OTHER;
    for (size_t i = 0; i < ARRAY_LEN(KNOWN); i++)
        if (str_is(method, KNOWN[i]))
            h->method = (enum http_method)i;
    if (h->method == METHOD_OTHER)
        return refuse(why, ERR_METHOD_NOT_ALLOWED, "Ava does not answer this method.");
    h->is_11 = h->keep_alive = version.ptr[7] == '1';
    return HTTP_DONE;
}

/* RFC 9110, 5.6.2: what a header name consists of. */
static bool is_token_char(unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* True for a byte that a value may hold. Blanks and tabs are blanks (RFC 9110, 5.5). */
static bool is_value_char(unsigned char c) {
    return (c >= 0x20 && c != 0x7F) || c == '\t';
}

/* True for the fields that say how long a body is. Some readers do not take a tab before their value
 * for a blank, and would find the next request elsewhere. */
static bool is_length_field(struct str name) {
    return str_eq_nocase(name, STR("content-length")) ||
           str_eq_nocase(name, STR("transfer-encoding"));
}

/* Each line on its own: no folding, a name, a colon right behind it, a clean value. */
static enum http_progress check_lines(const char *p, size_t head_bytes, struct http_refusal *why) {
    const char *line = memchr(p, '\n', head_bytes);
    const char *last = p + head_bytes - 2; /* the empty line */
    for (line++; line < last;) {
        const char *eol = memchr(line, '\r', (size_t)(last - line));
        size_t len = eol ? (size_t)(eol - line) : (size_t)(last - line);
        const char *colon = memchr(line, ':', len);
        if (line[0] == ' ' || line[0] == '\t')
            return refuse(why, ERR_MALFORMED, "A header line begins with a blank.");
        if (!colon || colon == line)
            return refuse(why, ERR_MALFORMED, "A header line has no name or no colon.");
        for (const char *c = line; c < colon; c++)
            if (!is_token_char((unsigned char)*c))
                return refuse(why, ERR_MALFORMED, "A header name has characters no name may have.");
        for (const char *c = colon + 1; c < line + len; c++)
            if (!is_value_char((unsigned char)*c))
                return refuse(why, ERR_MALFORMED, "A header value has a control character.");
        if (is_length_field((struct str){ line, (size_t)(colon - line) }) &&
            memchr(line, '\t', len))
            return refuse(why, ERR_MALFORMED, "A header that frames the body has a tab.");
        line += len + 2;
    }
    return HTTP_DONE;
}

/* host, host:port or [v6]:port; nothing of a path, a query or a user. */
static bool is_authority(struct str host) {
    if (host.len == 0)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              strchr("-._~:[]%!$&'()*+;=", c)))
            return false;
    }
    return true;
}

/* The fields that decide where the next request begins. */
static enum http_progress check_framing(const char *p, struct http_head *h,
                                        struct http_refusal *why) {
    bool is_11 = h->is_11;
    size_t hosts = 0, lengths = 0, codings = 0;
    for (size_t i = 0; i < h->field_count; i++) {
        struct str name = view(p, h->names[i]), value = str_trim(view(p, h->values[i]));
        h->values[i] = (struct http_span){ (uint16_t)(value.ptr - p), (uint16_t)value.len };
        if (str_eq_nocase(name, STR("host"))) {
            hosts++;
            h->authority = h->values[i];
            if (!is_authority(value))
                return refuse(why, ERR_MALFORMED, "The Host header is not host or host:port.");
        } else if (str_eq_nocase(name, STR("content-length"))) {
            lengths++;
            if (value.len == 0 || value.len > 18 || value.ptr[0] == '-' ||
                !str_to_i64(value, 0, INT64_MAX, &h->content_length))
                return refuse(why, ERR_MALFORMED, "Content-Length is not a plain number.");
        } else if (str_eq_nocase(name, STR("transfer-encoding"))) {
            codings++;
            h->is_chunked = str_eq_nocase(value, STR("chunked"));
            if (!h->is_chunked || !is_11)
                return refuse(why, ERR_MALFORMED,
                              "Transfer-Encoding may only be 'chunked', in HTTP/1.1.");
        } else if (str_eq_nocase(name, STR("expect"))) {
            h->expects_continue = is_11 && str_eq_nocase(value, STR("100-continue"));
        } else if (str_eq_nocase(name, STR("connection"))) {
            for (struct str rest = value, item; rest.ptr;) {
                item = str_trim(str_cut(rest, ',', &rest));
                if (str_eq_nocase(item, STR("close")))
                    h->keep_alive = false;
                else if (!is_11 && str_eq_nocase(item, STR("keep-alive")))
                    h->keep_alive = true;
            }
        }
    }
    if (hosts > 1 || (is_11 && hosts == 0))
        return refuse(why, ERR_MALFORMED, "A request needs exactly one Host header.");
    if (lengths > 1 || codings > 1 || (lengths && codings))
        return refuse(why, ERR_MALFORMED, "The length of the body is announced more than once.");
    return HTTP_DONE;
}

/* Cuts the target into path and query; an absolute one loses scheme and authority. */
static enum http_progress split_target(const char *p, struct http_head *h,
                                       struct http_refusal *why) {
    struct str target = view(p, h->target), path = target;
    if (target.ptr[0] != '/' && !(str_is(target, "*") && h->method == METHOD_OPTIONS)) {
        size_t scheme = str_starts(target, STR("http://"))    ? 7
                        : str_starts(target, STR("https://")) ? 8
                                                              : 0;
        if (!scheme)
            return refuse(why, ERR_MALFORMED, "The target is neither a path nor an http URL.");
        path.ptr += scheme;
        path.len -= scheme;
        size_t host = 0;
        while (host < path.len && path.ptr[host] != '/' && path.ptr[host] != '?')
            host++;
        if (!is_authority((struct str){ path.ptr, host }))
            return refuse(why, ERR_MALFORMED, "The target has no proper host.");
        h->authority = (struct http_span){ (uint16_t)(path.ptr - p), (uint16_t)host };
        path.ptr += host;
        path.len -= host;
    }
    struct str query;
    path = str_cut(path, '?', &query);
    h->path = (struct http_span){ (uint16_t)(path.ptr - p), (uint16_t)path.len };
    h->query = query.ptr ? (struct http_span){ (uint16_t)(query.ptr - p), (uint16_t)query.len }
                         : (struct http_span){ h->path.at, 0 };
    return HTTP_DONE;
}

/* Lets llhttp read the head that passed our checks; refuses where it reads another target than we
 * do. */
static enum http_progress run_llhttp(const char *p, size_t head_bytes, struct http_head *h,
                                     struct http_refusal *why) {
    struct collector c = { .base = p, .head = h };
    llhttp_t parser;
    llhttp_init(&parser, HTTP_REQUEST, settings());
    parser.data = &c;
    enum llhttp_errno e = llhttp_execute(&parser, p, head_bytes);
    if (c.overflow)
        return refuse(why, ERR_HEADERS_TOO_LARGE, "A request may carry at most 64 headers.");
    if (e != HPE_PAUSED && e != HPE_OK && e != HPE_PAUSED_UPGRADE)
        return refuse(why, ERR_MALFORMED, "The head is not well-formed HTTP.");
    if (c.url.at != h->target.at || c.url.len != h->target.len)
        return refuse(why, ERR_MALFORMED, "The request line can be read in two ways.");
    return HTTP_DONE;
}

enum http_progress http_head_parse(const char *bytes, size_t len, size_t *scanned,
                                   struct http_head *out, struct http_refusal *why) {
    size_t end = 0;
    enum http_progress found = find_end(bytes, len, scanned, &end, why);
    if (found == HTTP_REFUSED)
        return found;
    if ((found == HTTP_MORE && len > HTTP_HEAD_MAX_BYTES) || end > HTTP_HEAD_MAX_BYTES) {
        const char *eol = memchr(bytes, '\r', len);
        if (!eol || eol - bytes > HTTP_TARGET_MAX_BYTES + 32)
            return refuse(why, ERR_URI_TOO_LONG, "The request target is longer than 8 KiB.");
        return refuse(why, ERR_HEADERS_TOO_LARGE, "The headers are larger than 16 KiB.");
    }
    if (found == HTTP_MORE)
        return HTTP_MORE;

    memset(out, 0, sizeof *out);
    out->head_bytes = end;
    if (check_request_line(bytes, end, out, why) == HTTP_REFUSED ||
        check_lines(bytes, end, why) == HTTP_REFUSED ||
        run_llhttp(bytes, end, out, why) == HTTP_REFUSED ||
        check_framing(bytes, out, why) == HTTP_REFUSED ||
        split_target(bytes, out, why) == HTTP_REFUSED)
        return HTTP_REFUSED;
    return HTTP_DONE;
}

/* --- chunked bodies ------------------------------------------------------------------------- */

/* LAST_CR: at the begin of a line behind the last chunk, be it a trailer or the empty one. */
enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LAST_CR,
    LAST_LF,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    ENDED
};

/* The value of a hexadecimal digit, or -1. */
static int hex_value(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* True for a field that must not come behind the body, because it says where a message ends, where it
 * goes, or what the connection does (RFC 9110, 6.5.1). */
static bool is_head_only(struct str name) {
    static const char *const NAMES[] = { "host",       "content-length",   "transfer-encoding",
                                         "connection", "proxy-connection", "keep-alive",
                                         "te",         "trailer",          "upgrade",
                                         "expect" };
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (str_eq_nocase(name, str_of(NAMES[i])))
            return true;
    return false;
}

/* One byte of a trailer's name, or its colon. Of a name longer than all that matter the length is
 * enough. */
static enum http_progress step_name(struct http_chunks *c, char byte, struct http_refusal *why) {
    if (byte == ':' && c->name_len > 0) {
        if (c->name_len <= sizeof c->name && is_head_only((struct str){ c->name, c->name_len }))
            return refuse(why, ERR_MALFORMED, "A trailer has a name that belongs into the head.");
        c->state = TRAILER_VALUE;
        return HTTP_MORE;
    }
    if (!is_token_char((unsigned char)byte))
        return refuse(why, ERR_MALFORMED, "A trailer has no name, or one that no header may have.");
    if (c->name_len < sizeof c->name)
        c->name[c->name_len] = byte;
    c->name_len++;
    return HTTP_MORE;
}

/* One byte behind the last chunk: of a trailer, which is dropped, or of the empty line. */
static enum http_progress step_trailer(struct http_chunks *c, char byte, struct http_refusal *why) {
    if (++c->trailer_bytes > HTTP_TRAILERS_MAX_BYTES)
        return refuse(why, ERR_MALFORMED, "The trailers are larger than 16 KiB.");
    switch (c->state) {
    case LAST_CR:
        if (byte == '\r') {
            c->state = LAST_LF;
            return HTTP_MORE;
        }
        c->state = TRAILER_NAME;
        c->name_len = 0;
        return step_name(c, byte, why);
    case TRAILER_NAME:
        return step_name(c, byte, why);
    case TRAILER_VALUE:
        if (byte == '\r')
            c->state = TRAILER_LF;
        else if (!is_value_char((unsigned char)byte))
            return refuse(why, ERR_MALFORMED, "A trailer has a control character.");
        return HTTP_MORE;
    default:
        if (byte != '\n')
            return refuse(why, ERR_MALFORMED, "A line behind the body does not end with CRLF.");
        c->state = c->state == TRAILER_LF ? LAST_CR : ENDED;
        return c->state == ENDED ? HTTP_DONE : HTTP_MORE;
    }
}

/* One framing byte; data bytes are moved in bulk by the caller. */
static enum http_progress step(struct http_chunks *c, char byte, struct http_refusal *why) {
    switch (c->state) {
    case SIZE: {
        int digit = hex_value(byte);
        if (digit >= 0) {
            if (++c->digits > 15)
                return refuse(why, ERR_MALFORMED, "A chunk size has too many digits.");
            c->left = c->left << 4 | (unsigned)digit;
        } else if (c->digits && byte == ';') {
            c->state = EXTENSION;
        } else if (c->digits && byte == '\r') {
            c->state = SIZE_LF;
        } else {
            return refuse(why, ERR_MALFORMED, "A chunk size is not a plain hexadecimal number.");
        }
        return HTTP_MORE;
    }
    case EXTENSION:
        if (byte == '\r')
            c->state = SIZE_LF;
        else if ((unsigned char)byte < 0x20 && byte != '\t')
            return refuse(why, ERR_MALFORMED, "A chunk extension has a control character.");
        return HTTP_MORE;
    case SIZE_LF:
        if (byte != '\n')
            return refuse(why, ERR_MALFORMED, "A chunk size does not end with CRLF.");
        c->state = c->left ? DATA : LAST_CR;
        return HTTP_MORE;
    case DATA_CR:
        if (byte != '\r')
            return refuse(why, ERR_MALFORMED, "A chunk does not end with CRLF.");
        c->state = DATA_LF;
        return HTTP_MORE;
    case DATA_LF:
        if (byte != '\n')
            return refuse(why, ERR_MALFORMED, "A chunk does not end with CRLF.");
        c->state = SIZE;
        c->digits = 0;
        c->left = 0;
        return HTTP_MORE;
    case ENDED:
        return HTTP_DONE;
    default:
        return step_trailer(c, byte, why);
    }
}

enum http_progress http_chunks_decode(struct http_chunks *c, const char *bytes, size_t len,
                                      size_t *eaten, char *out, size_t *made, size_t limit_bytes,
                                      struct http_refusal *why) {
    *eaten = *made = 0;
    while (*eaten < len) {
        if (c->state == DATA) {
            size_t n = len - *eaten < c->left ? len - *eaten : (size_t)c->left;
            if (c->takes_part && n > limit_bytes - c->body_bytes)
                n = limit_bytes - c->body_bytes;
            memmove(out + *made, bytes + *eaten, n);
            *eaten += n;
            *made += n;
            c->raw_bytes += n;
            c->body_bytes += n;
            c->left -= n;
            if (c->left == 0)
                c->state = DATA_CR;
            else if (c->takes_part && c->body_bytes == limit_bytes)
                return HTTP_CUT;
            continue;
        }
        /* Framing may cost as much as the body and a little more, not without end. */
        if (c->state < LAST_CR && ++c->raw_bytes > 2 * limit_bytes + 4096)
            return refuse(why, ERR_PAYLOAD_TOO_LARGE, "The chunk framing is larger than allowed.");
        enum http_progress p = step(c, bytes[(*eaten)++], why);
        if (p != HTTP_MORE)
            return p;
        if (c->state == DATA && !c->takes_part && c->body_bytes + c->left > limit_bytes)
            return refuse(why, ERR_PAYLOAD_TOO_LARGE, "The body is larger than allowed here.");
    }
    return HTTP_MORE;
}
