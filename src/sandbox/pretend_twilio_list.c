/* Lists of Twilio's API 2010-04-01: pages with their URIs, and filters by time. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/json.h"
#include "sandbox/pretend_twilio.h"

enum { PAGE_DEFAULT = 50, PAGE_MAX = 1000, DAY_MS = 24 * 3600 * 1000 };

/* What is asked for. */
struct page {
    const struct http_req *req;
    const struct twilio_list *list;
    struct form query;
    int64_t size, number, start;
};

/* The relative address of a page of this list, with its filters. token NULL: none. */
static json_t *page_uri(const struct page *p, int64_t number, const char *token) {
    struct buf uri = { 0 };
    buf_str(&uri, p->req->path);
    buf_char(&uri, '?');
    for (size_t i = 0; i < p->list->kept_count; i++) {
        struct str value = form_find(&p->query, p->list->kept[i]);
        if (!value.ptr)
            continue;
        percent_encode(&uri, str_of(p->list->kept[i]));
        buf_char(&uri, '=');
        percent_encode(&uri, value);
        buf_char(&uri, '&');
    }
    buf_printf(&uri, "PageSize=%lld&Page=%lld", (long long)p->size, (long long)number);
    if (token)
        buf_printf(&uri, "&PageToken=PA%s", token);
    json_t *text = json_stringn(uri.ptr, uri.len);
    buf_fini(&uri);
    return text;
}

/* Where the page begins: behind the thing that the token names, else by counting. */
static bool page_start(struct page *p) {
    struct str token = form_find(&p->query, "PageToken");
    json_t *n;
    size_t i;
    p->start = p->number * p->size;
    if (!token.ptr)
        return true;
    json_array_foreach(p->list->wanted, i, n) {
        if (token.len == 36 && str_is((struct str){ token.ptr + 2, 34 }, json_text(n, "sid"))) {
            p->start = (int64_t)i + 1;
            return true;
        }
    }
    return false;
}

static void page_write(const struct page *p, struct http_reply *reply) {
    const json_t *wanted = p->list->wanted;
    json_t *items = json_array();
    int64_t total = (int64_t)json_array_size(wanted), end = p->start;
    for (; end < total && end < p->start + p->size; end++)
        json_array_append(items, json_array_get(wanted, (size_t)end));
    const char *last = json_text(json_array_get(wanted, (size_t)end - 1), "sid");
    const char *before = json_text(json_array_get(wanted, (size_t)p->start), "sid");
    json_t *body = json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "page", (json_int_t)p->number,
                             "page_size", (json_int_t)p->size, "start", (json_int_t)p->start, "end",
                             (json_int_t)(end > p->start ? end - 1 : p->start), "uri",
                             page_uri(p, p->number, NULL), "first_page_uri", page_uri(p, 0, NULL),
                             p->list->name, items);
    json_object_set_new(body, "next_page_uri",
                        end < total ? page_uri(p, p->number + 1, last) : json_null());
    json_object_set_new(body, "previous_page_uri",
                        p->number && before ? page_uri(p, p->number - 1, NULL) : json_null());
    pretend_reply_new(reply, 200, body);
}

void twilio_list(const struct http_req *req, struct http_reply *reply,
                 const struct twilio_list *list) {
    struct page p = { .req = req, .list = list, .size = PAGE_DEFAULT };
    form_parse(req->arena, req->query, &p.query);
    struct str asked = form_find(&p.query, "PageSize"), at = form_find(&p.query, "Page");
    if (asked.ptr && !str_to_i64(asked, 1, PAGE_MAX, &p.size))
        twilio_refuse(reply, 400, 20007, json_string("Page size too large"));
    else if (at.ptr && !str_to_i64(at, 0, 1000000, &p.number))
        twilio_refuse(reply, 400, 20001, json_string("Page is not a number"));
    else if (page_start(&p))
        page_write(&p, reply);
    else
        twilio_refuse(reply, 400, 20001, json_string("PageToken is not one of this list"));
}

/* --- by time --------------------------------------------------------------------------------- */

int64_t twilio_date_read(const char *text) {
    char http[40];
    int64_t unix_ms;
    size_t len = text ? strlen(text) : 0;
    if (len < 6 || len > 35)
        return 0;
    memcpy(http, text, len - 5);
    memcpy(http + len - 5, "GMT", 4); /* in place of +0000 */
    return clock_parse_http_date(http, len - 2, &unix_ms) ? unix_ms : 0;
}

/* A day or a moment; *length_ms says which. */
static bool read_time(struct str text, int64_t *unix_ms, int64_t *length_ms) {
    char day[32];
    *length_ms = 0;
    if (text.len != 10)
        return clock_parse_rfc3339(text.ptr, text.len, unix_ms);
    *length_ms = DAY_MS;
    memcpy(day, text.ptr, 10);
    memcpy(day + 10, "T00:00:00Z", 11);
    return clock_parse_rfc3339(day, 20, unix_ms);
}

bool twilio_time_fits(const struct form *query, const char *name, int64_t unix_ms) {
    static const char KINDS[] = { 0, '>', '<' };
    bool fits = true;
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
        char filter[32] = "";
        int64_t at, length;
        str_copy(filter, sizeof filter - 2, str_of(name));
        filter[strlen(filter)] = KINDS[i];
        struct str value = form_find(query, filter);
        if (!value.ptr)
            continue;
        if (!unix_ms || !read_time(value, &at, &length))
            return false;
        if (KINDS[i] == '>')
            fits &= unix_ms >= at;
        else if (KINDS[i] == '<')
            fits &= unix_ms < at + (length ? length : 1);
        else
            fits &= unix_ms >= at && unix_ms < at + (length ? length : 1000);
    }
    return fits;
}
