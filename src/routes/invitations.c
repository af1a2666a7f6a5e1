#include "auth/invitations.h"

#include "auth/people.h"
#include "config/config.h"
#include "routes/changes.h"
#include "routes/people.h"
#include "routes/reply.h"
#include "routes/resources.h"

enum { PAGE_MAX = 101 };

/* token: for the link; NULL where it is not known any more. */
static void write_invitation(struct ctx *ctx, struct jsonw *w, const struct invitation *i,
                             const char *token) {
    const struct config *c = ctx->parts->config;
    const char *base =
        c->public_url[0] ? c->public_url : arena_join(ctx->arena, "http://", c->listen);
    jsonw_object(w);
    jsonw_text_at(w, "id", i->id);
    jsonw_text_at(w, "email", i->email);
    jsonw_text_at(w, "role", role_name(i->role));
    if (token) {
        jsonw_text_at(w, "token", token);
        jsonw_text_at(w, "link", arena_join(ctx->arena, base, "/signin#invitation=", token));
    }
    jsonw_time_at(w, "created_at", i->created_ms);
    jsonw_time_at(w, "expires_at", i->expires_ms);
    jsonw_object_end(w);
}

/* The workspace in the path, which the asker manages. */
static enum err find(struct ctx *ctx, struct call *call, enum role *role, struct workspace *ws) {
    TRY(workspace_role(ctx, input_param(ctx, call, 0), role, ws));
    if (*role < ROLE_ADMIN)
        return ctx_fail(ctx, ERR_FORBIDDEN, "Only an owner or administrator can do this.");
    return OK;
}

enum err get_invitations(struct ctx *ctx, struct call *call) {
    struct invitation *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    struct workspace ws;
    enum role role;
    size_t count;
    int limit;
    const char *cursor;
    TRY(find(ctx, call, &role, &ws));
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(invitation_list(ctx, ws.id, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "invitations");
    for (size_t i = 0; i < count - more; i++)
        write_invitation(ctx, &w, &rows[i], NULL);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

struct made_invitation {
    struct invitation row;
    const char *token;
};

static enum err say_made(struct ctx *ctx, struct call *call, void *out) {
    const struct made_invitation *made = out;
    struct jsonw w = reply_json(call, 201);
    write_invitation(ctx, &w, &made->row, made->token);
    return OK;
}

static enum err say_joined(struct ctx *ctx, struct call *call, void *out) {
    struct jsonw w = reply_json(call, 200);
    people_write_workspace(&w, out);
    return OK;
}

enum err post_invitation(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    struct made_invitation made;
    enum role mine;
    TRY(find(ctx, call, &mine, &ws));
    struct input in = input_of(ctx, call);
    const char *email = input_text(&in, "email", true, 1, 254);
    const char *text = input_text(&in, "role", true, 1, 20);
    enum role role = role_parse(text);
    if (email)
        people_check_email(ctx, email);
    if (text && role == ROLE_NONE)
        ctx_field(ctx, "role", "wrong_format", "The role must be owner, admin or member.");
    TRY(input_done(&in));
    reply_will(ctx, call, say_made, &made);
    TRY(invitation_create(ctx, ws.id, mine, email, role, &made.row, &made.token));
    return reply_now(ctx, call);
}

enum err delete_invitation(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    enum role mine;
    TRY(find(ctx, call, &mine, &ws));
    TRY(invitation_remove(ctx, ws.id, input_param(ctx, call, 1)));
    return reply_none(call);
}

enum err post_invitation_accept(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    struct input in = input_of(ctx, call);
    const char *token = input_text(&in, "token", true, 1, 256);
    TRY(input_done(&in));
    reply_will(ctx, call, say_joined, &ws);
    TRY(invitation_accept(ctx, str_of(token), &ws));
    changes_tell_to(ctx, ws.id, "people");
    return reply_now(ctx, call);
}

/* --- those that invite the asker -------------------------------------------------------------- */

static void write_own(struct jsonw *w, const struct invitation *i) {
    jsonw_object(w);
    jsonw_text_at(w, "id", i->id);
    jsonw_text_at(w, "workspace_name", i->workspace_name);
    jsonw_text_at(w, "invited_by", i->inviter);
    jsonw_text_at(w, "role", role_name(i->role));
    jsonw_time_at(w, "created_at", i->created_ms);
    jsonw_time_at(w, "expires_at", i->expires_ms);
    jsonw_object_end(w);
}

enum err get_own_invitations(struct ctx *ctx, struct call *call) {
    struct invitation *rows = arena_alloc(ctx->arena, PAGE_MAX * sizeof *rows);
    size_t count;
    int limit;
    const char *cursor;
    TRY(input_page(ctx, call, &limit, &cursor));
    TRY(invitation_list_own(ctx, cursor, limit + 1, rows, &count));
    bool more = count > (size_t)limit;
    struct jsonw w = reply_list(call, "invitations");
    for (size_t i = 0; i < count - more; i++)
        write_own(&w, &rows[i]);
    reply_list_end(&w, more ? rows[limit - 1].id : NULL);
    return OK;
}

enum err post_own_invitation_accept(struct ctx *ctx, struct call *call) {
    struct workspace ws;
    reply_will(ctx, call, say_joined, &ws);
    TRY(invitation_accept_own(ctx, input_param(ctx, call, 0), &ws));
    changes_tell_to(ctx, ws.id, "people");
    return reply_now(ctx, call);
}

enum err delete_own_invitation(struct ctx *ctx, struct call *call) {
    TRY(invitation_decline(ctx, input_param(ctx, call, 0)));
    return reply_none(call);
}
