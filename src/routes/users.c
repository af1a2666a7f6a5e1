#include "routes/people.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "tasks/jobs.h"

enum { PAGE_MAX = 101 };

void people_write_user(struct jsonw *w, const struct user *u) {
    jsonw_object(w);
    jsonw_text_at(w, "id", u->id);
    jsonw_text_at(w, "email", u->email);
    jsonw_text_at(w, "name", u->name);
    jsonw_bool_at(w, "admin", u->is_admin);
    jsonw_bool_at(w, "disabled", u->is_disabled);
    jsonw_time_at(w, "created_at", u->created_ms);
    jsonw_time_at(w, "updated_at", u->updated_ms);
    jsonw_object_end(w);
}

static enum err answer(struct call *call, int status, const struct user *u) {
    struct jsonw w = reply_json(call, status);
    people_write_user(&w, u);
    return OK;
}

enum err get_users(struct ctx *ctx, struct call *call) {
    struct user *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    size_t count;
    int limit;
    const char *cursor;
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(people_list(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "users");
    for (size_t i = 0; i < count - more; i++)
        people_write_user(&w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

static enum err say_created(struct ctx *ctx, struct call *call, void *out) {
    return answer(call, 201, out);
}

enum err post_user(struct ctx *ctx, struct call *call) {
    struct user user;
    struct input in = input_of(ctx, call);
    bool has_admin;
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *password = input_text(&in, "password", true, 12, 256);
    const char *name = input_name(&in, "name", false, 100);
    bool admin = input_bool(&in, "admin", &has_admin);
    if (email)
        people_check_email(ctx, email);
    TRY(input_done(&in));
    reply_will(ctx, call, say_created, &user);
    TRY(people_create(ctx, email, str_of(password), name, admin, &user));
    if (call->entry->welcome)
        TRY(call->entry->welcome(call->entry->sandbox_arg, ctx, user.workspace_id));
    return reply_now(ctx, call);
}

enum err get_user(struct ctx *ctx, struct call *call) {
    struct user user;
    TRY(people_get(ctx, input_param(ctx, call, 0), &user));
    return answer(call, 200, &user);
}

enum err patch_user(struct ctx *ctx, struct call *call) {
    struct user user;
    struct user_change c = { 0 };
    struct input in = input_of(ctx, call);
    c.has_email = input_has(&in, "email");
    c.email = input_text(&in, "email", c.has_email, 1, 254);
    c.has_password = input_has(&in, "password");
    c.password = str_of(input_text(&in, "password", c.has_password, 12, 256));
    c.has_name = input_has(&in, "name");
    c.name = input_name(&in, "name", false, 100);
    c.is_admin = input_bool(&in, "admin", &c.has_admin);
    c.is_disabled = input_bool(&in, "disabled", &c.has_disabled);
    TRY(input_done(&in));
    if (!c.has_email && !c.has_password && !c.has_name && !c.has_admin && !c.has_disabled) {
        ctx_field(ctx, "", "required", "Give at least one field to change.");
        return ctx_fields_ok(ctx);
    }
    TRY(people_change(ctx, input_param(ctx, call, 0), &c, &user));
    return answer(call, 200, &user);
}

enum err delete_user(struct ctx *ctx, struct call *call) {
    TRY(people_remove(ctx, input_param(ctx, call, 0)));
    jobs_wake(ctx->parts->jobs); /* workspaces may go with them */
    return reply_none(call);
}
