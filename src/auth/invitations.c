#include "auth/invitations.h"

#include <string.h>

#include "auth/identity.h"
#include "auth/people.h"
#include "base/clock.h"
#include "base/id.h"
#include "store/audit.h"

static const int64_t LASTS_MS = INT64_C(7) * 24 * 3600 * 1000;

/* The detail of an audit entry; the address is nobody's business there. */
static const char *role_detail(struct ctx *ctx, enum role role) {
    return arena_printf(ctx->arena, "{\"role\":\"%s\"}", role_name(role));
}

static enum err create_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct invitation *i = arg;
    int64_t open = 0;
    TRY(invitation_rows_count(ctx, tx, i->workspace_id, i->created_ms, &open));
    if (open >= INVITATIONS_MAX) {
        ctx_field(ctx, "email", "too_many",
                  "The workspace has 100 open invitations; withdraw one first.");
        return ctx_fields_ok(ctx);
    }
    TRY(invitation_row_put(ctx, tx, i));
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .workspace_id = i->workspace_id,
                                          .action = "invitation.create",
                                          .object = i->id,
                                          .detail = role_detail(ctx, i->role) }));
    return ctx_answer_in(ctx, tx);
}

enum err invitation_create(struct ctx *ctx, const char *workspace_id, enum role mine,
                           const char *email, enum role role, struct invitation *out,
                           const char **token) {
    struct id id = id_make("inv");
    if (role == ROLE_OWNER && mine < ROLE_OWNER)
        return ctx_fail(ctx, ERR_FORBIDDEN, "Only an owner can do this.");
    *out = (struct invitation){ .id = arena_strdup(ctx->arena, id.text),
                                .workspace_id = workspace_id,
                                .email = email,
                                .invited_by = arena_strdup(ctx->arena, ctx->who.user_id),
                                .role = role,
                                .created_ms = ava_wall_ms() };
    out->expires_ms = out->created_ms + LASTS_MS;
    *token = auth_token_new(ctx, "");
    auth_token_hash(str_of(*token), out->token_hash);
    return db_write_alone(ctx, create_write, out);
}

enum err invitation_list(struct ctx *ctx, const char *workspace_id, const char *before_id,
                         int limit, struct invitation *out, size_t *count) {
    return invitation_rows_list(ctx, db_reader(ctx), workspace_id, before_id, ava_wall_ms(), limit,
                                out, count);
}

struct removing {
    const char *workspace_id, *id;
};

static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct removing *r = arg;
    bool found;
    TRY(invitation_row_delete(ctx, tx, r->workspace_id, r->id, &found));
    if (!found)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such invitation.");
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = r->workspace_id,
                                             .action = "invitation.remove",
                                             .object = r->id });
}

enum err invitation_remove(struct ctx *ctx, const char *workspace_id, const char *id) {
    return db_write_alone(ctx, remove_write, &(struct removing){ workspace_id, id });
}

/* A key speaks for one workspace; an invitation is for the person. */
static enum err only_signed_in(struct ctx *ctx) {
    if (ctx->who.key_id[0])
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "Sign in to answer an invitation; an API key speaks for one workspace.");
    return OK;
}

/* What the asker answers: known by the token of the link, or by its id. */
struct own_answer {
    unsigned char hash[32];
    const char *id; /* NULL: by the token */
    struct workspace *out;
};

static enum err find_own(struct ctx *ctx, struct db_conn *tx, const struct own_answer *a,
                         struct invitation *i) {
    struct user user;
    if (a->id)
        TRY(invitation_row_find_id(ctx, tx, a->id, ava_wall_ms(), i));
    else
        TRY(invitation_row_find(ctx, tx, a->hash, ava_wall_ms(), i));
    TRY(user_find(ctx, tx, ctx->who.user_id, &user));
    if (!i->id || !user.id ||
        strcmp(user_email_key(ctx, user.email), user_email_key(ctx, i->email)) != 0)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "This invitation is over, or it is for another e-mail address; ask for a "
                        "new one.");
    return OK;
}

static enum err join(struct ctx *ctx, struct db_conn *tx, const struct invitation *i) {
    enum role now;
    bool found;
    TRY(invitation_row_delete(ctx, tx, i->workspace_id, i->id, &found));
    TRY(member_role(ctx, tx, i->workspace_id, ctx->who.user_id, &now));
    if (now == ROLE_NONE)
        TRY(member_put(ctx, tx, i->workspace_id, ctx->who.user_id, i->role));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = i->workspace_id,
                                             .action = "invitation.accept",
                                             .object = i->id,
                                             .detail = role_detail(ctx, i->role) });
}

static enum err accept_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct own_answer *a = arg;
    struct invitation i;
    TRY(find_own(ctx, tx, a, &i));
    TRY(join(ctx, tx, &i));
    TRY(workspace_find(ctx, tx, i.workspace_id, ctx->who.user_id, a->out));
    return ctx_answer_in(ctx, tx);
}

static enum err accept(struct ctx *ctx, struct own_answer *a) {
    TRY(db_write_alone(ctx, accept_write, a));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

enum err invitation_accept(struct ctx *ctx, struct str token, struct workspace *out) {
    struct own_answer a = { .out = out };
    TRY(only_signed_in(ctx));
    auth_token_hash(token, a.hash);
    return accept(ctx, &a);
}

enum err invitation_list_own(struct ctx *ctx, const char *before_id, int limit,
                             struct invitation *out, size_t *count) {
    struct db_conn *c = db_reader(ctx);
    struct user user;
    *count = 0;
    TRY(only_signed_in(ctx));
    TRY(user_find(ctx, c, ctx->who.user_id, &user));
    if (!user.id)
        return OK;
    return invitation_rows_for(ctx, c, user_email_key(ctx, user.email), before_id, ava_wall_ms(),
                               limit, out, count);
}

enum err invitation_accept_own(struct ctx *ctx, const char *id, struct workspace *out) {
    TRY(only_signed_in(ctx));
    return accept(ctx, &(struct own_answer){ .id = id, .out = out });
}

static enum err decline_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct invitation i;
    bool found;
    TRY(find_own(ctx, tx, arg, &i));
    TRY(invitation_row_delete(ctx, tx, i.workspace_id, i.id, &found));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = i.workspace_id,
                                             .action = "invitation.decline",
                                             .object = i.id });
}

enum err invitation_decline(struct ctx *ctx, const char *id) {
    TRY(only_signed_in(ctx));
    return db_write_alone(ctx, decline_write, &(struct own_answer){ .id = id });
}
