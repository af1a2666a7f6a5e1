#include "auth/session.h"

#include <stdio.h>
#include <string.h>

#include "auth/devices.h"
#include "auth/identity.h"
#include "auth/password.h"
#include "auth/people.h"
#include "base/clock.h"
#include "base/id.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/invitations.h"
#include "store/sessions.h"

enum {
    SERVES_MS = 15 * 60 * 1000,
    IDLE_MS = 8 * 3600 * 1000,
    OLD_SESSION_MS = 30 * 1000,
};
static const int64_t LIFE_MS = INT64_C(7) * 24 * 3600 * 1000;

/* Where this person works: where they were (NULL: nowhere yet), else at home, or, when that was deleted or they were
 * taken out of it, in the newest workspace they are still a member of. */
static enum err workspace_of(struct ctx *ctx, struct db_conn *tx, const struct user *user,
                             const char *before, struct workspace *out) {
    const char *const first[] = { before, user->workspace_id };
    size_t count;
    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        if (!first[i])
            continue;
        TRY(workspace_find(ctx, tx, first[i], user->id, out));
        if (out->id && out->role != ROLE_NONE)
            return OK;
    }
    TRY(workspaces_list(ctx, tx, user->id, user->id, NULL, 1, out, &count));
    if (count == 0)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "You are not a member of any workspace; ask an administrator to add you "
                        "to one.");
    return OK;
}

/* A new id, in that workspace if it can be (NULL: at home). before NULL begins a family. */
static enum err open_session(struct ctx *ctx, struct db_conn *tx, const struct user *user,
                             const char *workspace_id, const struct session *before,
                             struct grant *out) {
    int64_t now = ava_steady_ms();
    struct id family = id_make("ses");
    TRY(workspace_of(ctx, tx, user, workspace_id, &out->workspace));
    struct session s = { .family = before ? before->family : family.text,
                         .user_id = user->id,
                         .workspace_id = out->workspace.id,
                         .created_ms = now,
                         .ends_ms = before ? before->ends_ms : now + LIFE_MS };
    s.serves_until_ms = now + SERVES_MS < s.ends_ms ? now + SERVES_MS : s.ends_ms;
    s.idle_until_ms = now + IDLE_MS < s.ends_ms ? now + IDLE_MS : s.ends_ms;
    out->cookie = auth_token_new(ctx, "");
    auth_token_hash(str_of(out->cookie), s.id_hash);
    auth_csrf_token(str_of(out->cookie), out->csrf);
    out->user = *user;
    return session_insert(ctx, tx, &s);
}

struct login {
    const struct user *user;
    const char *rehashed;
    struct grant *out;
};

/* Opens a session, and stores the hash under new parameters where it was old. */
static enum err login_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct login *l = arg;
    struct user user;
    TRY(user_find(ctx, tx, l->user->id, &user)); /* as it is now, not as it was before the hash */
    if (!user.id || user.is_disabled)
        return ctx_fail(ctx, ERR_FORBIDDEN, "This account is switched off.");
    if (l->rehashed) {
        bool taken;
        user.password_hash = l->rehashed;
        TRY(user_update(ctx, tx, &user, &taken));
    }
    TRY(open_session(ctx, tx, &user, NULL, NULL, l->out));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = user.workspace_id,
                                             .actor = user.id,
                                             .action = "login.ok" });
}

static enum err login_failed(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct user *user = arg;
    if (!user->id) /* a write as well, so that the time does not tell who exists */
        return audit_stranger(ctx, tx, ava_wall_ms());
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = user->workspace_id,
                                             .actor = user->id,
                                             .action = "login.failed",
                                             .outcome = "failed" });
}

enum err auth_login(struct ctx *ctx, const char *email, struct str password, struct grant *out) {
    struct user user;
    bool good;
    const char *rehashed;
    TRY(user_find_by_email(ctx, db_reader(ctx), email, &user));
    TRY(auth_password_verify(ctx, user.password_hash, password, &good, &rehashed));
    if (!good || user.is_disabled) {
        TRY(db_write(ctx, login_failed, &user));
        ctx_field(ctx, "password", "wrong", "The e-mail address or the password is not right.");
        return ctx_fields_ok(ctx);
    }
    TRY(db_write(ctx, login_write, &(struct login){ &user, rehashed, out }));
    auth_password_known(ctx);
    return OK;
}

struct setup {
    struct str token;
    struct user user;
    struct grant *out;
};

/* Uses up the token, and makes the first administrator with a session. */
static enum err setup_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct setup *s = arg;
    unsigned char hash[32];
    bool good;
    auth_token_hash(s->token, hash);
    TRY(setup_token_use(ctx, tx, hash, ava_earlier_ms(), &good));
    if (!good)
        return ctx_fail(
            ctx, ERR_FORBIDDEN,
            "This setup link was used or is too old; 'ava user link' prints a new one.");
    TRY(people_insert(ctx, tx, &s->user));
    TRY(open_session(ctx, tx, &s->user, NULL, NULL, s->out));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = s->user.workspace_id,
                                             .actor = "setup",
                                             .action = "user.create",
                                             .object = s->user.id });
}

enum err auth_setup(struct ctx *ctx, struct str token, const char *email, struct str password,
                    const char *name, struct grant *out) {
    struct setup s = { .token = token, .out = out };
    TRY(people_prepare(ctx, email, password, name, true, &s.user));
    TRY(db_write(ctx, setup_write, &s));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

struct refresh {
    unsigned char hash[32];
    struct grant *out;
    bool is_good, is_reused;
};

/* Rotates the id of the session; one that was rotated before counts as stolen. */
static enum err refresh_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct refresh *r = arg;
    struct session s;
    struct user user;
    const char *workspace_id = NULL;
    int64_t now = ava_steady_ms();
    TRY(session_find(ctx, tx, r->hash, &s));
    if (!s.family || now >= s.idle_until_ms || now >= s.ends_ms)
        return OK;
    if (s.replaced_ms && now > s.replaced_ms + OLD_SESSION_MS) {
        r->is_reused = true;
        TRY(session_end_family(ctx, tx, s.family));
        return audit_write(ctx, tx,
                           (struct audit_entry){ .workspace_id = s.workspace_id,
                                                 .actor = s.user_id,
                                                 .action = "session.reused",
                                                 .outcome = "failed" });
    }
    TRY(user_find(ctx, tx, s.user_id, &user));
    if (!user.id || user.is_disabled)
        return OK;
    TRY(session_mark_replaced(ctx, tx, r->hash, now));
    TRY(session_place(ctx, tx, s.family, &workspace_id)); /* since this id it may have moved on */
    TRY(open_session(ctx, tx, &user, workspace_id ? workspace_id : s.workspace_id, &s, r->out));
    r->is_good = true;
    return OK;
}

enum err auth_refresh(struct ctx *ctx, struct str cookie, struct grant *out) {
    struct refresh r = { .out = out };
    auth_token_hash(cookie, r.hash);
    TRY(db_write(ctx, refresh_write, &r));
    accounts_changed(ctx->parts->accounts);
    if (!r.is_good)
        return ctx_fail(ctx, ERR_SESSION_REQUIRED,
                        r.is_reused ? "This session was ended because an old copy of it was used."
                                    : "Sign in again; the session is over.");
    return OK;
}

struct move {
    unsigned char hash[32];
    const char *workspace_id;
    struct grant *out;
};

/* The session goes on under a new id, so that what was begun before is not done in another workspace. */
static enum err move_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct move *m = arg;
    struct session s;
    struct user user;
    struct workspace to;
    int64_t now = ava_steady_ms();
    TRY(session_find(ctx, tx, m->hash, &s));
    if (!s.family || s.replaced_ms || now >= s.idle_until_ms || now >= s.ends_ms)
        return ctx_fail(ctx, ERR_SESSION_REQUIRED, "Sign in again; the session is over.");
    TRY(user_find(ctx, tx, s.user_id, &user));
    TRY(workspace_find(ctx, tx, m->workspace_id, s.user_id, &to));
    if (!user.id || user.is_disabled || !to.id || to.role == ROLE_NONE)
        return ctx_fail(ctx, ERR_NOT_FOUND, "You belong to no such workspace.");
    TRY(session_mark_replaced(ctx, tx, m->hash, now));
    return open_session(ctx, tx, &user, to.id, &s, m->out);
}

enum err auth_move(struct ctx *ctx, struct str cookie, const char *workspace_id,
                   struct grant *out) {
    struct move m = { .workspace_id = workspace_id, .out = out };
    auth_token_hash(cookie, m.hash);
    TRY(db_write(ctx, move_write, &m));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

/* Ends the session, whether it still serves or waits for a refresh. */
static enum err logout_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct session *s = arg;
    TRY(session_end_family(ctx, tx, s->family));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = s->workspace_id,
                                             .actor = s->user_id,
                                             .action = "logout" });
}

enum err auth_logout(struct ctx *ctx, struct str cookie) {
    unsigned char hash[32];
    struct session s;
    auth_token_hash(cookie, hash);
    TRY(session_find(ctx, db_reader(ctx), hash, &s));
    if (!s.family) /* strangers make no work for the writer */
        return OK;
    TRY(db_write(ctx, logout_write, &s));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

enum err auth_me(struct ctx *ctx, struct grant *out) {
    struct db_conn *c = db_reader(ctx);
    *out = (struct grant){ 0 };
    TRY(user_find(ctx, c, ctx->who.user_id, &out->user));
    return workspace_find(ctx, c, ctx->who.workspace_id, ctx->who.user_id, &out->workspace);
}

/* --- one's own password ---------------------------------------------------------------------- */

struct password_write {
    const struct user *user;
    const struct password_change *change;
    const char *phc;
    struct password_changed *out;
};

/* Stores the new hash, ends all sessions and begins one of a new id. */
static enum err password_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct password_write *p = arg;
    struct user user;
    bool taken;
    TRY(user_find(ctx, tx, p->user->id, &user));
    /* not secret: whether a row of ours is still what it was when the current one was checked */
    bool is_same = user.id && strcmp(user.password_hash, p->user->password_hash) == 0;
    if (!is_same || user.is_disabled)
        return ctx_fail(ctx, ERR_FORBIDDEN, "The account was changed meanwhile; sign in again.");
    user.password_hash = p->phc;
    user.updated_ms = ava_wall_ms();
    TRY(user_update(ctx, tx, &user, &taken));
    TRY(session_end_user(ctx, tx, user.id));
    TRY(device_rows_delete(ctx, tx, user.id));
    if (p->change->revoke_keys)
        TRY(api_keys_delete(ctx, tx, user.id, NULL, &p->out->keys_revoked));
    TRY(api_keys_count(ctx, tx, user.id, &p->out->keys_kept));
    TRY(open_session(ctx, tx, &user, ctx->who.workspace_id, NULL, &p->out->grant));
    return audit_write(
        ctx, tx,
        (struct audit_entry){ .action = "password.change",
                              .object = user.id,
                              .detail = arena_printf(ctx->arena, "{\"keys_revoked\":%lld}",
                                                     (long long)p->out->keys_revoked) });
}

static enum err password_failed(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return audit_write(ctx, tx,
                       (struct audit_entry){ .action = "password.change", .outcome = "failed" });
}

enum err auth_password_change(struct ctx *ctx, const struct user *user,
                              const struct password_change *change, struct password_changed *out) {
    struct password_write p = { user, change, NULL, out };
    const char *rehashed;
    bool good;
    *out = (struct password_changed){ .keys_revoked = 0 };
    TRY(auth_password_verify(ctx, user->password_hash, change->current, &good, &rehashed));
    if (!good) {
        TRY(db_write(ctx, password_failed, NULL));
        ctx_field(ctx, "current_password", "wrong", "The current password is not right.");
        return ctx_fields_ok(ctx);
    }
    TRY(auth_password_hash(ctx, change->next, &p.phc));
    TRY(db_write(ctx, password_write, &p));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

static enum err token_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return setup_token_insert(ctx, tx, arg,
                              ava_steady_ms() + (int64_t)SETUP_LINK_MINUTES * 60 * 1000);
}

enum err auth_setup_token(struct ctx *ctx, const char **token) {
    unsigned char hash[32];
    *token = auth_token_new(ctx, "");
    auth_token_hash(str_of(*token), hash);
    return db_write(ctx, token_write, hash);
}

enum err auth_setup_needed(struct ctx *ctx, bool *needed) {
    int64_t count = 0;
    TRY(users_count(ctx, db_reader(ctx), false, &count));
    *needed = count == 0;
    return OK;
}

static enum err sweep_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    TRY(invitation_rows_sweep(ctx, tx, ava_wall_ms()));
    TRY(device_rows_sweep(ctx, tx, ava_steady_ms() - INT64_C(1) * DEVICE_DAYS * 24 * 3600 * 1000));
    return session_sweep(ctx, tx, ava_steady_ms());
}

enum err auth_sweep(struct ctx *ctx) {
    return db_write(ctx, sweep_write, NULL);
}
