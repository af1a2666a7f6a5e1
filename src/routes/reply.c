#include "routes/reply.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "config/config.h"
#include "obs/fields.h"
#include "service/assistants/settings.h"

struct jsonw reply_json(struct call *call, int status) {
    call->reply->status = status;
    call->reply->content_type = "application/json";
    http_reply_header_text(call->reply, "Cache-Control", "no-store");
    return jsonw_to(&call->reply->body);
}

struct jsonw reply_list(struct call *call, const char *name) {
    struct jsonw w = reply_json(call, 200);
    jsonw_object(&w);
    jsonw_key(&w, name);
    jsonw_list(&w);
    return w;
}

void reply_list_end(struct jsonw *w, const char *next_cursor) {
    jsonw_list_end(w);
    jsonw_text_at(w, "next_cursor", next_cursor);
    jsonw_object_end(w);
}

enum err reply_body(struct call *call, struct str json) {
    reply_json(call, 200);
    call->reply->lent_body = json;
    return OK;
}

enum err reply_none(struct call *call) {
    call->reply->status = 204;
    return OK;
}

struct reply_plan {
    struct call *call;
    reply_fn *say;
    void *out;
    size_t head_from; /* before it are headers of this request alone */
    bool is_said, is_kept;
};

void reply_unsay(struct call *call) {
    if (!call->plan || !call->plan->is_said)
        return;
    call->reply->head.len = call->plan->head_from;
    buf_clear(&call->reply->body);
    call->plan->is_said = call->plan->is_kept = false;
}

static enum err say(struct ctx *ctx, struct reply_plan *p) {
    reply_unsay(p->call);
    TRY(p->say(ctx, p->call, p->out));
    p->is_said = true;
    return OK;
}

struct idempotency_answer reply_kept(const struct call *call, size_t head_from) {
    const struct http_reply *reply = call->reply;
    struct str head = buf_view(&reply->head);
    return (struct idempotency_answer){
        .status = reply->status,
        .content_type = reply->content_type,
        .head = { head.ptr + head_from, head.len - head_from },
        .body = reply->lent_body.ptr ? reply->lent_body : buf_view(&reply->body),
    };
}

/* On the thread of the writer, while the fiber of the request sleeps. */
static enum err answer_in(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct reply_plan *p = arg;
    TRY(say(ctx, p));
    if (!p->call->claim)
        return OK;
    struct idempotency_answer answer = reply_kept(p->call, p->head_from);
    TRY(idempotency_keep_in(ctx, tx, p->call->claim, &answer));
    p->is_kept = true;
    return OK;
}

void reply_will(struct ctx *ctx, struct call *call, reply_fn *fn, void *out) {
    call->plan = arena_alloc(ctx->arena, sizeof *call->plan);
    *call->plan = (struct reply_plan){
        .call = call, .say = fn, .out = out, .head_from = call->reply->head.len
    };
    ctx->answering = (struct answering){ answer_in, call->plan };
}

enum err reply_now(struct ctx *ctx, struct call *call) {
    ctx->answering = (struct answering){ .fn = NULL };
    return call->plan->is_said ? OK : say(ctx, call->plan);
}

enum err reply_count(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 202);
    jsonw_object(&w);
    jsonw_i64_at(&w, "count", *(const int64_t *)out);
    jsonw_object_end(&w);
    return OK;
}

bool reply_is_kept(const struct call *call) {
    return call->plan && call->plan->is_kept;
}

static bool is_https(const struct ctx *ctx) {
    return strncmp(ctx->parts->config->public_url, "https://", 8) == 0;
}

const char *reply_cookie_name(const struct ctx *ctx) {
    return is_https(ctx) ? "__Host-ava_session" : "ava_session";
}

void reply_set_cookie(const struct ctx *ctx, struct call *call, const char *value) {
    http_reply_header_text(call->reply, "Set-Cookie",
                           arena_printf(ctx->arena, "%s=%s; Path=/; HttpOnly; SameSite=Lax%s",
                                        reply_cookie_name(ctx), value,
                                        is_https(ctx) ? "; Secure" : ""));
}

void reply_clear_cookie(const struct ctx *ctx, struct call *call) {
    http_reply_header_text(call->reply, "Set-Cookie",
                           arena_printf(ctx->arena,
                                        "%s=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0%s",
                                        reply_cookie_name(ctx), is_https(ctx) ? "; Secure" : ""));
}

const char *reply_device_name(const struct ctx *ctx) {
    return is_https(ctx) ? "__Host-ava_device" : "ava_device";
}

void reply_set_device(const struct ctx *ctx, struct call *call, const char *value, int64_t keep_s) {
    http_reply_header_text(call->reply, "Set-Cookie",
                           arena_printf(ctx->arena,
                                        "%s=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                                        reply_device_name(ctx), value, (long long)keep_s,
                                        is_https(ctx) ? "; Secure" : ""));
}

void reply_upstream(struct call *call, struct str json, const struct upstream_answer *a) {
    if (a->is_stale) {
        reply_json(call, 200);
        buf_put(&call->reply->body, json.ptr, json.len - 1);
        buf_text(&call->reply->body, ",\"stale\":true}");
        if (a->retry_after_s)
            http_reply_header_i64(call->reply, "Retry-After", a->retry_after_s);
    } else {
        reply_body(call, json);
    }
    http_reply_header_text(call->reply, "Cache-Status",
                           a->is_stale    ? "ava;hit;stale"
                           : a->is_cached ? "ava;hit"
                                          : "ava;fwd=miss");
    http_reply_header_i64(call->reply, "Age", a->age_ms / 1000);
    if (a->attempts > 1)
        http_reply_header_i64(call->reply, "Ava-Attempts", a->attempts);
}

/* --- inputs ---------------------------------------------------------------------------------- */

const char *input_param(struct ctx *ctx, const struct call *call, int index) {
    struct str decoded;
    if (!percent_decode(ctx->arena, call->match->params[index], false, &decoded) ||
        str_has_nul(decoded) || !str_is_utf8(decoded))
        return "";
    return str_dup(ctx->arena, decoded);
}

const char *input_query(struct ctx *ctx, const struct call *call, const char *name) {
    struct str v = form_find(&call->query, name);
    if (v.ptr && (str_has_nul(v) || !str_is_utf8(v)))
        return "";
    return v.ptr ? str_dup(ctx->arena, v) : NULL;
}

const char *input_choice(struct ctx *ctx, const struct call *call, const char *name,
                         const char *one, const char *other) {
    const char *value = input_query(ctx, call, name);
    if (value && strcmp(value, one) != 0 && strcmp(value, other) != 0)
        ctx_field(ctx, name, "wrong_format",
                  arena_printf(ctx->arena, "The %s must be %s or %s.", name, one, other));
    return value;
}

enum err input_known_query(struct ctx *ctx, const struct call *call, const char *const *names) {
    for (size_t i = 0; i < call->query.count; i++) {
        bool known = false;
        for (const char *const *n = names; *n && !known; n++)
            known = str_is(call->query.pairs[i].name, *n);
        if (!known)
            ctx_field(ctx, str_dup(ctx->arena, call->query.pairs[i].name), "unknown_field",
                      "There is no such query parameter here.");
    }
    return ctx_fields_ok(ctx);
}

void reply_etag(struct call *call, const char *etag) {
    http_reply_header_text(call->reply, "ETag", etag);
    http_reply_header_text(call->reply, "Cache-Control", "no-transform");
}

const char *input_if_match(struct ctx *ctx, const struct call *call) {
    char *tags = NULL;
    for (size_t i = 0; i < call->req->field_count; i++) {
        const struct http_field *f = &call->req->fields[i];
        if (str_eq_nocase(f->name, STR("if-match")))
            tags = arena_printf(ctx->arena, "%s%s%.*s", tags ? tags : "", tags ? ", " : "",
                                STR_FMT(f->value));
    }
    return tags && strcmp(tags, "*") != 0 ? tags : NULL;
}

enum err input_page(struct ctx *ctx, const struct call *call, int *limit, const char **cursor) {
    struct str text = form_find(&call->query, "limit");
    int64_t n = 20;
    if (text.ptr && !str_to_i64(text, 1, 100, &n))
        ctx_field_range(ctx, "limit", "out_of_range", 1, 100, "The limit must be 1 to 100.");
    *limit = (int)n;
    *cursor = input_query(ctx, call, "cursor");
    if (*cursor && (!(*cursor)[0] || strlen(*cursor) > 1400))
        ctx_field(ctx, "cursor", "wrong_format", "The cursor is not one that this list gave.");
    return ctx_fields_ok(ctx);
}

/* The time with '+' before its offset. Unescaped in a query, as people copy it, '+' is a blank. */
static const char *with_plus(struct ctx *ctx, const char *time) {
    size_t len = time ? strlen(time) : 0, offset_len = strlen("+05:30");
    if (len < offset_len || time[len - offset_len] != ' ')
        return time;
    char *copy = arena_strdup(ctx->arena, time);
    copy[len - offset_len] = '+';
    return copy;
}

int64_t input_time(struct ctx *ctx, const struct call *call, const char *name) {
    const char *text = with_plus(ctx, input_query(ctx, call, name));
    int64_t ms = 0;
    if (text && !clock_parse_rfc3339(text, strlen(text), &ms))
        ctx_field(ctx, name, "wrong_format",
                  arena_printf(ctx->arena, "%s must be a time like 2026-11-20T08:00:00Z.", name));
    return ms;
}

struct input input_of(struct ctx *ctx, const struct call *call) {
    return (struct input){ .ctx = ctx, .body = call->body };
}

/* From here on the field is known, whatever is in it. */
static const char *seen(struct input *in, const char *name) {
    if (in->seen_count < ARRAY_LEN(in->seen))
        in->seen[in->seen_count++] = name;
    return name;
}

bool input_has(struct input *in, const char *name) {
    return json_object_get(in->body, name) != NULL;
}

const json_t *input_value(struct input *in, const char *name) {
    return json_object_get(in->body, seen(in, name));
}

const char *input_text(struct input *in, const char *name, bool required, size_t min_chars,
                       size_t max_chars) {
    return field_text(in->ctx, in->body, seen(in, name), required, min_chars, max_chars);
}

const char *input_name(struct input *in, const char *name, bool required, size_t max_chars) {
    return field_name(in->ctx, in->body, seen(in, name), required, max_chars);
}

int64_t input_time_field(struct input *in, const char *name, bool required) {
    return field_time(in->ctx, in->body, seen(in, name), required);
}

bool input_bool(struct input *in, const char *name, bool *has) {
    const json_t *value = json_object_get(in->body, name);
    *has = value && !json_is_null(value);
    return field_bool(in->ctx, in->body, seen(in, name));
}

enum err input_done(struct input *in) {
    return fields_known(in->ctx, in->body, in->seen, in->seen_count);
}

enum err reply_upstream_page(struct ctx *ctx, struct call *call, reply_page_fn *read) {
    static const char *const KNOWN[] = { "limit", "cursor", NULL };
    struct upstream_answer a;
    int limit;
    const char *cursor;
    TRY(input_known_query(ctx, call, KNOWN));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(read(ctx, limit, cursor, &a));
    reply_upstream(call, a.body, &a);
    return OK;
}
