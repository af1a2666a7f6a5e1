#include "obs/ctx.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"

static const char *const ROLES[] = { "none", "member", "admin", "owner" };

const char *role_name(enum role r) {
    return ROLES[r];
}

enum role role_parse(const char *name) {
    for (enum role r = ROLE_MEMBER; r <= ROLE_OWNER; r++)
        if (name && strcmp(name, ROLES[r]) == 0)
            return r;
    return ROLE_NONE;
}

void ctx_init(struct ctx *ctx, const struct parts *parts, struct arena *a, int64_t budget_ms) {
    memset(ctx, 0, sizeof *ctx);
    ctx->arena = a;
    ctx->parts = parts;
    ctx->deadline_ms = ava_now_ms() + budget_ms;
    ctx_correlate(ctx, (struct str){ NULL, 0 });
    trace_start(&ctx->trace, (struct str){ NULL, 0 });
}

void ctx_grant(struct ctx *ctx, int64_t ms) {
    int64_t until_ms = ava_now_ms() + ms;
    if (ctx->deadline_ms < until_ms)
        ctx->deadline_ms = until_ms;
}

void ctx_follow(struct ctx *ctx, const struct ctx *request) {
    memcpy(ctx->correlation_id, request->correlation_id, sizeof ctx->correlation_id);
    ctx->trace = request->trace;
    if (ctx->trace.state)
        ctx->trace.state = arena_strdup(ctx->arena, ctx->trace.state);
}

enum err ctx_fail(struct ctx *ctx, enum err err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    ctx->problem.detail = arena_vprintf(ctx->arena, format, args);
    va_end(args);
    ctx->problem.err = err;
    return err;
}

enum err ctx_answer_in(struct ctx *ctx, struct db_conn *tx) {
    return ctx->answering.fn ? ctx->answering.fn(ctx, tx, ctx->answering.arg) : OK;
}

void ctx_clear(struct ctx *ctx) {
    ctx->problem = (struct problem){ .err = OK };
}

struct ctx_aside ctx_aside(struct ctx *ctx) {
    return (struct ctx_aside){ ctx, ctx->problem };
}

void ctx_back(struct ctx_aside *aside) {
    aside->ctx->problem = aside->problem;
}

void ctx_field_range(struct ctx *ctx, const char *field, const char *code, double min, double max,
                     const char *message) {
    ctx_field(ctx, field, code, message);
    struct problem_field *last = &ctx->problem.fields[ctx->problem.field_count - 1];
    last->has_range = true;
    last->min = min;
    last->max = max;
}

void ctx_field(struct ctx *ctx, const char *field, const char *code, const char *message) {
    struct problem *p = &ctx->problem;
    if (p->field_count == PROBLEM_FIELDS_MAX)
        p->field_count--; /* the last one is overwritten: sixteen are enough to go on with */
    p->fields[p->field_count++] =
        (struct problem_field){ .field = field, .code = code, .message = message };
}

enum err ctx_fields_ok(struct ctx *ctx) {
    struct problem *p = &ctx->problem;
    if (p->field_count == 0)
        return OK;
    const struct problem_field *first = &p->fields[0];
    if (first->message)
        return ctx_fail(ctx, ERR_INVALID, "%s%s", first->message,
                        p->field_count > 1 ? " More fields need attention." : "");
    return ctx_fail(ctx, ERR_INVALID, "The field %s is %s.", first->field, first->code);
}

void ctx_correlate(struct ctx *ctx, struct str from_caller) {
    bool usable = from_caller.len >= 8 && from_caller.len <= 64;
    for (size_t i = 0; usable && i < from_caller.len; i++) {
        char c = from_caller.ptr[i];
        usable = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                 c == '.' || c == '_' || c == '-';
    }
    if (usable) {
        str_copy(ctx->correlation_id, sizeof ctx->correlation_id, from_caller);
        return;
    }
    unsigned char uuid[16];
    id_uuid7(uuid);
    hex_encode(ctx->correlation_id, uuid, sizeof uuid);
}

int64_t ctx_left_ms(const struct ctx *ctx) {
    int64_t left = ctx->deadline_ms - ava_now_ms();
    return left > 0 ? left : 0;
}
