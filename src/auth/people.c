#include "auth/people.h"

#include <ctype.h>

#include "auth/identity.h"
#include "auth/password.h"
#include "base/clock.h"
#include "base/id.h"
#include "base/jsonw.h"
#include "base/plain.h"
#include "store/audit.h"
#include "store/devices.h"
#include "store/invitations.h"
#include "store/removals.h"

enum { NAME_CHARS_MAX = 100 };

void people_check_email(struct ctx *ctx, const char *email) {
    const char *at = strchr(email, '@');
    bool good = at && at != email && at[1] && !strchr(at + 1, '@') && strchr(at + 1, '.') &&
                strlen(email) <= 254 && plain_is(str_of(email)) && at[1] != '.' &&
                email[strlen(email) - 1] != '.';
    for (const char *p = email; good && *p; p++)
        good =
            !isspace((unsigned char)*p) && !iscntrl((unsigned char)*p) && !strchr("<>,;\"()", *p);
    if (!good)
        ctx_field(ctx, "email", "wrong_format", "The e-mail address does not look like one.");
}

void people_check_password(struct ctx *ctx, struct str password) {
    if (str_fits(password, PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS))
        return;
    if (!str_is_utf8(password))
        ctx_field(ctx, "password", "wrong_format",
                  "The password is not UTF-8: no browser could send it.");
    else if (str_chars(password) < PASSWORD_MIN_CHARS)
        ctx_field_range(ctx, "password", "too_short", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS,
                        "The password needs at least 12 characters.");
    else
        ctx_field_range(ctx, "password", "too_long", PASSWORD_MIN_CHARS, PASSWORD_MAX_CHARS,
                        "The password may have at most 256 characters.");
}

static enum err check_name(struct ctx *ctx, const char *name) {
    if (name[0] && !plain_is(str_of(name)))
        ctx_field(ctx, "name", "wrong_format",
                  "The name has a line break, a control character or one that turns the direction "
                  "of writing, or is not UTF-8; take it out.");
    else if (!str_fits(str_of(name), 1, NAME_CHARS_MAX))
        ctx_field_range(ctx, "name", name[0] ? "too_long" : "too_short", 1, NAME_CHARS_MAX,
                        "The name needs 1 to 100 characters.");
    return ctx_fields_ok(ctx);
}

static void new_id(struct ctx *ctx, const char *prefix, const char **out) {
    struct id id = id_make(prefix);
    *out = arena_strdup(ctx->arena, id.text);
}

enum err people_prepare(struct ctx *ctx, const char *email, struct str password, const char *name,
                        bool is_admin, struct user *out) {
    people_check_email(ctx, email);
    people_check_password(ctx, password);
    TRY(name ? check_name(ctx, name) : ctx_fields_ok(ctx));
    *out = (struct user){ .email = email, .name = name, .is_admin = is_admin };
    new_id(ctx, "usr", &out->id);
    new_id(ctx, "ws", &out->workspace_id);
    out->created_ms = out->updated_ms = ava_wall_ms();
    return auth_password_hash(ctx, password, &out->password_hash);
}

static enum err taken_error(struct ctx *ctx) {
    ctx_field(ctx, "email", "taken", "Somebody with this e-mail address exists already.");
    return ctx_fields_ok(ctx);
}

static enum err insert_workspace(struct ctx *ctx, struct db_conn *tx, const struct workspace *w,
                                 const char *owner_id) {
    TRY(workspace_insert(ctx, tx, w));
    TRY(member_put(ctx, tx, w->id, owner_id, ROLE_OWNER));
    return ctx->parts->on_workspace ? ctx->parts->on_workspace(ctx, tx, w->id) : OK;
}

enum err people_insert(struct ctx *ctx, struct db_conn *tx, const struct user *user) {
    struct workspace w = { .id = user->workspace_id, .created_ms = user->created_ms };
    bool taken;
    w.name = user->name ? arena_printf(ctx->arena, "%s's workspace", user->name)
                        : arena_printf(ctx->arena, "%s", user->email);
    TRY(user_insert(ctx, tx, user, &taken));
    if (taken)
        return taken_error(ctx);
    return insert_workspace(ctx, tx, &w, user->id);
}

static enum err create_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct user *user = arg;
    TRY(people_insert(ctx, tx, user));
    TRY(audit_write(ctx, tx, (struct audit_entry){ .action = "user.create", .object = user->id }));
    return ctx_answer_in(ctx, tx);
}

enum err people_create(struct ctx *ctx, const char *email, struct str password, const char *name,
                       bool is_admin, struct user *out) {
    TRY(people_prepare(ctx, email, password, name, is_admin, out));
    return db_write_alone(ctx, create_write, out);
}

enum err people_list(struct ctx *ctx, const char *before_id, int limit, struct user *out,
                     size_t *count) {
    return users_list(ctx, db_reader(ctx), before_id, limit, out, count);
}

enum err people_get(struct ctx *ctx, const char *id, struct user *out) {
    TRY(user_find(ctx, db_reader(ctx), id, out));
    if (!out->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such person.");
    return OK;
}

enum err workspace_list(struct ctx *ctx, const char *before_id, int limit, struct workspace *out,
                        size_t *count) {
    struct db_conn *c = db_reader(ctx);
    const struct principal *who = &ctx->who;
    if (who->key_id[0] && !who->is_admin) {
        *count = 1;
        return workspace_find(ctx, c, who->workspace_id, who->user_id, out);
    }
    return workspaces_list(ctx, c, who->is_admin ? NULL : who->user_id, who->user_id, before_id,
                           limit, out, count);
}

enum err member_list(struct ctx *ctx, const char *workspace_id, const char *after_id, int limit,
                     struct member *out, size_t *count) {
    return members_list(ctx, db_reader(ctx), workspace_id, after_id, limit, out, count);
}

enum err key_list(struct ctx *ctx, const char *before_id, int limit, struct api_key *out,
                  size_t *count) {
    return api_keys_list(ctx, db_reader(ctx), ctx->who.user_id, before_id, limit, out, count);
}

/* Would the installation be left without an admin who can sign in? */
static enum err keep_an_admin(struct ctx *ctx, struct db_conn *tx, const struct user *before,
                              bool stays_admin) {
    int64_t admins = 0;
    if (stays_admin || !before->is_admin || before->is_disabled)
        return OK;
    TRY(users_count(ctx, tx, true, &admins));
    if (admins > 1)
        return OK;
    ctx_field(ctx, "admin", "last_admin",
              "This is the last administrator; make somebody else one first.");
    return ctx_fields_ok(ctx);
}

struct change {
    const char *id;
    const struct user_change *what;
    const char *phc;
    struct user *out;
};

/* Changes the user; sessions end where rights or the password change. */
static enum err change_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct change *c = arg;
    const struct user_change *w = c->what;
    struct user user;
    bool taken;
    TRY(user_find(ctx, tx, c->id, &user));
    if (!user.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such person.");
    bool admin = w->has_admin ? w->is_admin : user.is_admin;
    bool disabled = w->has_disabled ? w->is_disabled : user.is_disabled;
    TRY(keep_an_admin(ctx, tx, &user, admin && !disabled));
    bool privilege = admin != user.is_admin || disabled != user.is_disabled || w->has_password;
    user.is_admin = admin;
    user.is_disabled = disabled;
    if (w->has_email)
        user.email = w->email;
    if (w->has_name)
        user.name = w->name;
    if (w->has_password)
        user.password_hash = c->phc;
    user.updated_ms = ava_wall_ms();
    TRY(user_update(ctx, tx, &user, &taken));
    if (taken)
        return taken_error(ctx);
    if (privilege) /* a session from before must not carry the new or the old rights on */
        TRY(session_end_user(ctx, tx, user.id));
    if (w->has_password)
        TRY(device_rows_delete(ctx, tx, user.id));
    *c->out = user;
    return audit_write(ctx, tx, (struct audit_entry){ .action = "user.change", .object = user.id });
}

enum err people_change(struct ctx *ctx, const char *id, const struct user_change *change,
                       struct user *out) {
    struct change c = { .id = id, .what = change, .out = out };
    if (change->has_email)
        people_check_email(ctx, change->email);
    if (change->has_password)
        people_check_password(ctx, change->password);
    TRY(ctx_fields_ok(ctx));
    if (change->has_password)
        TRY(auth_password_hash(ctx, change->password, &c.phc));
    TRY(db_write_alone(ctx, change_write, &c));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

/* A workspace whose last owner goes would be nobody's. */
static enum err keep_an_owner(struct ctx *ctx, struct db_conn *tx, const char *workspace_id,
                              const char *user_id) {
    enum role role;
    int64_t owners = 0;
    TRY(member_role(ctx, tx, workspace_id, user_id, &role));
    if (role != ROLE_OWNER)
        return OK;
    TRY(members_with_role(ctx, tx, workspace_id, ROLE_OWNER, &owners));
    if (owners > 1)
        return OK;
    ctx_field(ctx, "role", "last_owner",
              "This is the last owner of the workspace; make somebody else one first.");
    return ctx_fields_ok(ctx);
}

/* A workspace with nobody else goes with its owner; one with others needs another owner first. */
static enum err leave_workspaces(struct ctx *ctx, struct db_conn *tx, const char *user_id) {
    struct workspace rows[100];
    struct member two[2];
    size_t count, members;
    for (const char *before = NULL;; before = rows[count - 1].id) {
        TRY(workspaces_list(ctx, tx, user_id, NULL, before, ARRAY_LEN(rows), rows, &count));
        for (size_t i = 0; i < count; i++) {
            TRY(members_list(ctx, tx, rows[i].id, NULL, 2, two, &members));
            if (members > 1)
                TRY(keep_an_owner(ctx, tx, rows[i].id, user_id));
            else
                TRY(workspace_row_remove(ctx, tx, rows[i].id));
        }
        if (count < ARRAY_LEN(rows))
            return OK;
    }
}

/* Removes a person with the workspaces that have nobody else. */
static enum err remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *id = arg;
    struct user user;
    TRY(user_find(ctx, tx, id, &user));
    if (!user.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such person.");
    if (strcmp(id, ctx->who.user_id) == 0) {
        ctx_field(ctx, "id", "oneself", "You cannot remove yourself.");
        return ctx_fields_ok(ctx);
    }
    TRY(keep_an_admin(ctx, tx, &user, false));
    TRY(leave_workspaces(ctx, tx, id));
    TRY(user_delete(ctx, tx, id));
    return audit_write(ctx, tx, (struct audit_entry){ .action = "user.remove", .object = id });
}

enum err people_remove(struct ctx *ctx, const char *id) {
    TRY(db_write_alone(ctx, remove_write, (void *)id));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

enum err workspace_role(struct ctx *ctx, const char *id, enum role *role, struct workspace *out) {
    TRY(workspace_find(ctx, db_reader(ctx), id, ctx->who.user_id, out));
    /* A key speaks for one workspace only, whoever made it. */
    bool foreign = ctx->who.key_id[0] && !ctx->who.is_admin && out->id &&
                   strcmp(out->id, ctx->who.workspace_id) != 0;
    *role = ctx->who.is_admin ? ROLE_OWNER : out->role;
    if (!out->id || *role == ROLE_NONE || foreign)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such workspace.");
    return OK;
}

struct workspace_making {
    struct workspace *w;
    const char *owner_id;
};

static enum err workspace_create_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace_making *m = arg;
    TRY(insert_workspace(ctx, tx, m->w, m->owner_id));
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .workspace_id = m->w->id,
                                          .action = "workspace.create",
                                          .object = m->w->id }));
    return ctx_answer_in(ctx, tx);
}

enum err workspace_create(struct ctx *ctx, const char *name, const char *owner_id,
                          struct workspace *out) {
    TRY(check_name(ctx, name));
    *out = (struct workspace){ .name = name, .platform_providers = "", .role = ROLE_OWNER };
    new_id(ctx, "ws", &out->id);
    out->created_ms = out->updated_ms = ava_wall_ms();
    TRY(db_write_alone(ctx, workspace_create_write, &(struct workspace_making){ out, owner_id }));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

struct workspace_edit {
    const char *id, *name, *allow; /* NULL: as it is */
    int64_t weight;                /* 0: as it is */
    struct workspace *out;
};

/* Renames a workspace, allows a provider or sets its weight; audited as what it is. */
static enum err workspace_edit_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct workspace_edit *e = arg;
    struct workspace *w = e->out;
    TRY(workspace_find(ctx, tx, e->id, ctx->who.user_id, w));
    if (!w->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such workspace.");
    if (e->name)
        w->name = e->name;
    if (e->allow && !strstr(w->platform_providers, e->allow))
        w->platform_providers = arena_printf(ctx->arena, "%s %s", w->platform_providers, e->allow);
    if (e->weight)
        w->call_weight = e->weight;
    w->updated_ms = ava_wall_ms();
    TRY(workspace_update(ctx, tx, w));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = w->id,
                                             .action = e->allow    ? "workspace.allow_platform"
                                                       : e->weight ? "workspace.weigh"
                                                                   : "workspace.rename",
                                             .object = e->allow ? e->allow : w->id });
}

enum err workspace_rename(struct ctx *ctx, const char *id, const char *name,
                          struct workspace *out) {
    return db_write_alone(ctx, workspace_edit_write,
                          &(struct workspace_edit){ id, name, NULL, 0, out });
}

enum err workspace_allow_platform(struct ctx *ctx, const char *id, const char *provider) {
    struct workspace w;
    return db_write_alone(ctx, workspace_edit_write,
                          &(struct workspace_edit){ id, NULL, provider, 0, &w });
}

enum err workspace_weigh(struct ctx *ctx, const char *id, int64_t weight) {
    struct workspace w;
    return db_write_alone(ctx, workspace_edit_write,
                          &(struct workspace_edit){ id, NULL, NULL, weight, &w });
}

static enum err workspace_remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const char *id = arg;
    size_t count;
    struct workspace two[2];
    TRY(workspaces_list(ctx, tx, ctx->who.user_id, NULL, NULL, 2, two, &count));
    if (strcmp(id, ctx->who.workspace_id) == 0 || (count == 1 && strcmp(two[0].id, id) == 0)) {
        ctx_field(ctx, "id", "only_workspace",
                  "This is the workspace you are signed in to; it cannot be deleted from here.");
        return ctx_fields_ok(ctx);
    }
    TRY(workspace_row_remove(ctx, tx, id));
    return audit_write(
        ctx, tx,
        (struct audit_entry){ .workspace_id = "", .action = "workspace.delete", .object = id });
}

enum err workspace_remove(struct ctx *ctx, const char *id) {
    TRY(db_write_alone(ctx, workspace_remove_write, (void *)id));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

struct member_edit {
    const char *workspace_id, *user_id;
    enum role mine, role;
    struct member *out;
};

/* Only an owner may make an owner, or change one. */
static enum err only_owners(struct ctx *ctx, struct db_conn *tx, const struct member_edit *m) {
    enum role now;
    TRY(member_role(ctx, tx, m->workspace_id, m->user_id, &now));
    if (m->mine < ROLE_OWNER && (m->role == ROLE_OWNER || now == ROLE_OWNER))
        return ctx_fail(ctx, ERR_FORBIDDEN, "Only an owner can do this.");
    return OK;
}

/* Only who runs the installation adds people unasked; of others nobody may learn who exists. */
static enum err only_members(struct ctx *ctx, struct db_conn *tx, const struct member_edit *m) {
    enum role now;
    TRY(member_role(ctx, tx, m->workspace_id, m->user_id, &now));
    if (now == ROLE_NONE && !ctx->who.is_admin)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "There is no such member; invite people by their e-mail address.");
    return OK;
}

/* Changes the role, or adds a member; the sessions that person has in the workspace end. */
static enum err member_set_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct member_edit *m = arg;
    struct user user;
    struct workspace w;
    TRY(workspace_find(ctx, tx, m->workspace_id, m->user_id, &w));
    if (!w.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such workspace.");
    TRY(only_members(ctx, tx, m));
    TRY(user_find(ctx, tx, m->user_id, &user));
    if (!user.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such person.");
    TRY(only_owners(ctx, tx, m));
    if (m->role != ROLE_OWNER)
        TRY(keep_an_owner(ctx, tx, m->workspace_id, m->user_id));
    TRY(member_put(ctx, tx, m->workspace_id, m->user_id, m->role));
    TRY(session_end_member(ctx, tx, m->user_id, m->workspace_id)); /* new id, new rights */
    TRY(invitation_rows_delete_by(ctx, tx, m->workspace_id, m->user_id));
    *m->out = (struct member){ .user_id = user.id,
                               .email = user.email,
                               .name = user.name,
                               .role = m->role,
                               .created_ms = ava_wall_ms() };
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = m->workspace_id,
                                             .action = "member.set",
                                             .object = m->user_id,
                                             .detail = arena_printf(ctx->arena, "{\"role\":\"%s\"}",
                                                                    role_name(m->role)) });
}

enum err member_set(struct ctx *ctx, const char *workspace_id, const char *user_id, enum role mine,
                    enum role role, struct member *out) {
    TRY(db_write_alone(ctx, member_set_write,
                       &(struct member_edit){ workspace_id, user_id, mine, role, out }));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

/* Takes the membership, and what served by it: sessions, keys, and invitations that person made. */
static enum err end_membership(struct ctx *ctx, struct db_conn *tx, const struct member_edit *m,
                               int64_t *keys) {
    TRY(member_delete(ctx, tx, m->workspace_id, m->user_id));
    TRY(session_end_member(ctx, tx, m->user_id, m->workspace_id));
    TRY(invitation_rows_delete_by(ctx, tx, m->workspace_id, m->user_id));
    return api_keys_delete(ctx, tx, m->user_id, m->workspace_id, keys);
}

static enum err member_remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct member_edit *m = arg;
    enum role role;
    int64_t keys;
    TRY(member_role(ctx, tx, m->workspace_id, m->user_id, &role));
    if (role == ROLE_NONE)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such member.");
    if (strcmp(m->user_id, ctx->who.user_id) != 0) /* everybody may leave */
        TRY(only_owners(ctx, tx, m));
    TRY(keep_an_owner(ctx, tx, m->workspace_id, m->user_id));
    TRY(end_membership(ctx, tx, m, &keys));
    return audit_write(
        ctx, tx,
        (struct audit_entry){
            .workspace_id = m->workspace_id,
            .action = "member.remove",
            .object = m->user_id,
            .detail = arena_printf(ctx->arena, "{\"keys_revoked\":%lld}", (long long)keys) });
}

enum err member_remove(struct ctx *ctx, const char *workspace_id, const char *user_id,
                       enum role mine) {
    TRY(db_write_alone(ctx, member_remove_write,
                       &(struct member_edit){ workspace_id, user_id, mine, ROLE_NONE, NULL }));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

/* The detail of an audit entry, in which the key has its name when it is gone. */
static const char *key_text(struct ctx *ctx, const char *name, int64_t rate_per_minute) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "name", name);
    if (rate_per_minute)
        jsonw_i64_at(&w, "rate_limit_per_minute", rate_per_minute);
    jsonw_object_end(&w);
    return str_dup(ctx->arena, buf_view(b));
}

static enum err key_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct api_key *k = arg;
    enum role role;
    TRY(member_role(ctx, tx, k->workspace_id, k->user_id, &role));
    if (role == ROLE_NONE)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such workspace.");
    bool may_rate = role >= ROLE_ADMIN || ctx->who.is_admin || !ctx->who.user_id[0];
    if (k->rate_per_minute && !may_rate)
        return ctx_fail(ctx, ERR_FORBIDDEN,
                        "Only owners and admins of the workspace give a key a rate of its own.");
    TRY(api_key_insert(ctx, tx, k));
    TRY(audit_write(ctx, tx,
                    (struct audit_entry){ .workspace_id = k->workspace_id,
                                          .action = "key.create",
                                          .object = k->id,
                                          .detail = key_text(ctx, k->name, k->rate_per_minute) }));
    return ctx_answer_in(ctx, tx);
}

enum err key_create(struct ctx *ctx, const struct key_order *order, struct api_key *out,
                    const char **key) {
    struct user user;
    TRY(check_name(ctx, order->name));
    TRY(user_find(ctx, db_reader(ctx), order->user_id, &user));
    if (!user.id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such person.");
    *out = (struct api_key){ .user_id = order->user_id,
                             .workspace_id =
                                 order->workspace_id ? order->workspace_id : user.workspace_id,
                             .name = order->name,
                             .mode = order->is_test ? "test" : "live",
                             .created_ms = ava_wall_ms(),
                             .rate_per_minute = order->rate_per_minute,
                             .is_confined = order->is_confined };
    new_id(ctx, "key", &out->id);
    *key = auth_token_new(ctx, order->is_test ? "ava_test_" : "ava_live_");
    out->last4 = *key + strlen(*key) - 4;
    auth_token_hash(str_of(*key), out->key_hash);
    return db_write_alone(ctx, key_write, out);
}

/* Which key goes: NULL where it may be anybody's, or for any workspace. */
struct key_removal {
    const char *id, *user_id, *workspace_id;
};

static enum err key_remove_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct key_removal *r = arg;
    const char *name;
    TRY(api_key_delete(ctx, tx, r->id, r->user_id, r->workspace_id, &name));
    if (!name)
        return ctx_fail(ctx, ERR_NOT_FOUND, "There is no such key.");
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = r->workspace_id,
                                             .action = "key.remove",
                                             .object = r->id,
                                             .detail = key_text(ctx, name, 0) });
}

static enum err remove_key(struct ctx *ctx, struct key_removal r) {
    TRY(db_write_alone(ctx, key_remove_write, &r));
    accounts_changed(ctx->parts->accounts);
    return OK;
}

enum err key_remove(struct ctx *ctx, const char *id) {
    const char *within = ctx->who.key_id[0] ? ctx->who.workspace_id : NULL;
    return remove_key(ctx, (struct key_removal){ id, ctx->who.user_id, within });
}

/* Whose keys somebody of this role may look after: NULL is everybody's. */
static const char *keys_in_reach(const struct ctx *ctx, enum role mine) {
    return mine >= ROLE_ADMIN ? NULL : ctx->who.user_id;
}

enum err workspace_keys(struct ctx *ctx, const char *workspace_id, enum role mine,
                        const char *before_id, int limit, struct owned_key *out, size_t *count) {
    return api_keys_of_workspace(ctx, db_reader(ctx), workspace_id, keys_in_reach(ctx, mine),
                                 before_id, limit, out, count);
}

enum err workspace_key_remove(struct ctx *ctx, const char *workspace_id, enum role mine,
                              const char *id) {
    return remove_key(ctx, (struct key_removal){ id, keys_in_reach(ctx, mine), workspace_id });
}
