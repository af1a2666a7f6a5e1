#include "http/status.h"

#include <string.h>

#include "base/jsonw.h"
#include "obs/metrics.h"
#include "obs/provider.h"

void status_title(struct buf *out, const char *title, const char *service) {
    static const char MARK[] = "{service}";
    const char *at = strstr(title, MARK);
    if (!at) {
        buf_text(out, title);
        return;
    }
    buf_put(out, title, (size_t)(at - title));
    enum provider p = provider_parse(str_of(service ? service : ""));
    buf_text(out, p < PROVIDER_COUNT ? provider_label(p) : "The provider");
    buf_text(out, at + sizeof MARK - 1);
}

/* Writes "retry": whether asking again helps, and when. */
static void put_retry(struct jsonw *w, const struct problem *p) {
    /* Either Ava tried as often as it may, or it waits and says until when. */
    bool exhausted = p->retry_after_s || (p->attempts_max && p->attempts >= p->attempts_max);
    jsonw_key(w, "retry");
    jsonw_object(w);
    jsonw_text_at(w, "status", exhausted ? "exhausted" : "not_retryable");
    if (p->attempts_max) {
        jsonw_i64_at(w, "attempt", p->attempts);
        jsonw_i64_at(w, "max_attempts", p->attempts_max);
    }
    jsonw_key(w, "next_retry_in_seconds");
    if (p->retry_after_s)
        jsonw_i64(w, p->retry_after_s);
    else
        jsonw_null(w);
    jsonw_object_end(w);
}

/* Writes "errors": the fields that were wrong. */
static void put_fields(struct jsonw *w, const struct problem *p) {
    jsonw_key(w, "errors");
    jsonw_list(w);
    for (size_t i = 0; i < p->field_count; i++) {
        const struct problem_field *f = &p->fields[i];
        jsonw_object(w);
        jsonw_text_at(w, "field", f->field);
        jsonw_text_at(w, "code", f->code);
        if (f->message)
            jsonw_text_at(w, "message", f->message);
        if (f->has_range) {
            jsonw_key(w, "min");
            jsonw_double(w, f->min);
            jsonw_key(w, "max");
            jsonw_double(w, f->max);
        }
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

static void count(const struct err_info *info, int64_t n) {
    metric_add(METRIC_LOG_MESSAGES, n, info->status >= 500 ? "error" : "info", info->code);
}

void status_declare_metrics(void) {
    for (enum err e = OK + 1; e < ERR_COUNT; e++)
        count(err_info(e), 0);
}

void status_problem(const struct problem *p, const char *correlation_id, struct http_reply *reply) {
    const struct err_info *info = err_info(p->err);
    struct buf title = { 0 };
    struct jsonw w = jsonw_to(&reply->body);
    buf_clear(&reply->body);
    reply->lent_body = (struct str){ NULL, 0 };
    reply->stream = NULL;
    reply->status = info->status;
    reply->content_type = "application/problem+json";
    status_title(&title, info->title, p->service);

    jsonw_object(&w);
    jsonw_key(&w, "type");
    buf_printf(w.out, "\"/problems/%s\"", info->code);
    w.comma = true;
    jsonw_str_at(&w, "title", buf_view(&title));
    jsonw_i64_at(&w, "status", info->status);
    jsonw_text_at(&w, "code", info->code);
    jsonw_text_at(&w, "detail", p->detail ? p->detail : info->meaning);
    if (correlation_id)
        jsonw_text_at(&w, "correlation_id", correlation_id);
    if (p->service) {
        jsonw_text_at(&w, "service", p->service);
        put_retry(&w, p);
    }
    if (p->upstream_status)
        jsonw_i64_at(&w, "upstream_status", p->upstream_status);
    if (p->operation_id)
        jsonw_text_at(&w, "operation_id", p->operation_id);
    if (p->field_count)
        put_fields(&w, p);
    jsonw_object_end(&w);
    buf_fini(&title);

    int64_t retry_after = p->retry_after_s;
    if (!retry_after && (info->status == 503 || info->status == 429))
        retry_after = 1;
    if (retry_after)
        http_reply_header_i64(reply, "Retry-After", retry_after);
    count(info, 1);
    http_reply_header_text(reply, "Cache-Control", "no-store");
}
