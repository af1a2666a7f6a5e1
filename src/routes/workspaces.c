#include <string.h>

#include "routes/people.h"
#include "routes/reply.h"
#include "routes/resources.h"
#include "service/connections/endpoint_known.h"
#include "tasks/jobs.h"

enum { PAGE_MAX = 101 };

void people_write_workspace(struct jsonw *w, const struct workspace *ws) {
    jsonw_object(w);
    jsonw_text_at(w, "id", ws->id);
    jsonw_text_at(w, "name", ws->name);
    jsonw_text_at(w, "role", ws->role == ROLE_NONE ? NULL : role_name(ws->role));
    jsonw_time_at(w, "created_at", ws->created_ms);
    jsonw_time_at(w, "updated_at", ws->updated_ms);
    jsonw_object_end(w);
}

static enum err answer(struct call *call, int status, const struct workspace *ws) {
    struct jsonw w = reply_json(call, status);
    people_write_workspace(&w, ws);
    return OK;
}

enum err get_workspaces(struct ctx *ctx, struct call *call) {
    struct workspace *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    size_t count;
    int limit;
    const char *cursor;
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(workspace_list(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "workspaces");
    for (size_t i = 0; i < count - more; i++)
        people_write_workspace(&w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

static enum err read_name(struct ctx *ctx, struct call *call, const char **name) {
    struct input in = input_of(ctx, call);
    *name = input_name(&in, "name", true, 100);
    return input_done(&in);
}

static enum err say_created(struct ctx *ctx, struct call *call, void *out) {
    return answer(call, 201, out);
}

enum err post_workspace(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    const char *name;
    TRY(read_name(ctx, call, &name));
    reply_will(ctx, call, say_created, &ws);
    TRY(workspace_create(ctx, name, ctx->who.user_id, &ws));
    if (call->entry->welcome)
        TRY(call->entry->welcome(call->entry->sandbox_arg, ctx, ws.id));
    return reply_now(ctx, call);
}

/* The workspace in the path, and the right to change it where that is needed. */
static enum err find(struct ctx *ctx, struct call *call, enum role needed, enum role *role,
                     struct workspace *ws) {
    TRY(workspace_role(ctx, input_param(ctx, call, 0), role, ws));
    if (*role < needed)
        return ctx_fail(ctx, ERR_FORBIDDEN, "Only an owner or administrator can do this.");
    return OK;
}

enum err get_workspace(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role role;
    TRY(find(ctx, call, ROLE_MEMBER, &role, &ws));
    return answer(call, 200, &ws);
}

enum err patch_workspace(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role role;
    const char *name;
    TRY(find(ctx, call, ROLE_ADMIN, &role, &ws));
    TRY(read_name(ctx, call, &name));
    TRY(workspace_rename(ctx, ws.id, name, &ws));
    return answer(call, 200, &ws);
}

enum err delete_workspace(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role role;
    TRY(find(ctx, call, ROLE_OWNER, &role, &ws));
    TRY(workspace_remove(ctx, ws.id));
    endpoints_forget_all();
    jobs_wake(ctx->parts->jobs);
    return reply_none(call);
}

static void write_member(struct jsonw *w, const struct member *m) {
    jsonw_object(w);
    jsonw_text_at(w, "user_id", m->user_id);
    jsonw_text_at(w, "email", m->email);
    jsonw_text_at(w, "name", m->name);
    jsonw_text_at(w, "role", role_name(m->role));
    jsonw_time_at(w, "created_at", m->created_ms);
    jsonw_object_end(w);
}

enum err get_members(struct ctx *ctx, struct call *call) {
    struct member *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    struct workspace ws;
    enum role role;
    size_t count;
    int limit;
    const char *cursor;
    TRY(find(ctx, call, ROLE_MEMBER, &role, &ws));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(member_list(ctx, ws.id, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "members");
    for (size_t i = 0; i < count - more; i++)
        write_member(&w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].user_id : NULL);
    return OK;
}

enum err put_member(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    struct member m;
    enum role mine, wanted;
    const char *user_id = input_param(ctx, call, 1);
    TRY(find(ctx, call, ROLE_ADMIN, &mine, &ws));
    struct input in = input_of(ctx, call);
    const char *text = input_text(&in, "role", true, 1, 20);
    wanted = role_parse(text);
    if (text && wanted == ROLE_NONE)
        ctx_field(ctx, "role", "wrong_format", "The role must be owner, admin or member.");
    TRY(input_done(&in));
    TRY(member_set(ctx, ws.id, user_id, mine, wanted, &m));
    struct jsonw w = reply_json(call, 200);
    write_member(&w, &m);
    return OK;
}

enum err delete_member(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role mine;
    const char *user_id = input_param(ctx, call, 1);
    bool oneself = strcmp(user_id, ctx->who.user_id) == 0;
    TRY(find(ctx, call, oneself ? ROLE_MEMBER : ROLE_ADMIN, &mine, &ws));
    TRY(member_remove(ctx, ws.id, user_id, mine));
    return reply_none(call);
}
