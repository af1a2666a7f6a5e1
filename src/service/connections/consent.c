#include "service/connections/consent.h"

#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/id.h"
#include "config/config.h"
#include "obs/log.h"
#include "providers/calendar.h"
#include "service/connections/grants.h"
#include "store/audit.h"
#include "tasks/turns.h"
#include "vault/vault.h"

enum {
    STATE_MS = 10 * 60 * 1000,
    STATES_MAX = 10,   /* of a session, begun and not come back */
    FINISH_MS = 20000, /* whoever waits, and however long */
};

const char *const *consent_scopes(enum provider p, enum oauth_access access) {
    return dialect_of(p)->oauth->scopes[access];
}

bool consent_is_possible(struct ctx *ctx, enum provider p) {
    struct lent lent;
    return dialect_of(p)->oauth && lending_client(ctx, p, &lent);
}

static const char *redirect_uri(struct ctx *ctx, enum provider p) {
    return arena_join(ctx->arena, ctx->parts->config->public_url, "/oauth/", provider_name(p),
                      "/callback");
}

/* --- the way there ---------------------------------------------------------------------------- */

/* 256 random bits: 43 letters, as a verifier wants at least (RFC 7636, 4.1). */
static const char *random_text(struct ctx *ctx) {
    unsigned char bytes[32];
    ava_rand(bytes, sizeof bytes);
    return base64url_encode(ctx->arena, bytes, sizeof bytes);
}

struct beginning {
    struct oauth_state_row row;
    struct str verifier;
};

static enum err begin_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct beginning *b = arg;
    struct sealed_place place = oauth_state_row_place(&b->row);
    TRY(oauth_state_rows_sweep(ctx, tx, b->row.workspace_id, b->row.session, STATES_MAX - 1,
                               ava_steady_ms()));
    TRY(vault_seal(ctx, tx, &place, b->verifier, &b->row.sealed));
    return oauth_state_row_insert(ctx, tx, &b->row);
}

enum err consent_begin(struct ctx *ctx, enum provider p, enum oauth_access access,
                       const char **url) {
    struct lent lent;
    struct id id = id_make("oauth");
    if (!ctx->who.session[0])
        return ctx_fail(
            ctx, ERR_FORBIDDEN,
            "Somebody has to consent in a browser: open this address signed in, not with "
            "an API key.");
    if (!lending_client(ctx, p, &lent)) {
        ctx->problem.service = provider_name(p);
        return ctx_fail(ctx, ERR_PROVIDER_MISCONFIGURED,
                        "%s has no OAuth client here; the operator has to set its client id and "
                        "secret.",
                        provider_title(p));
    }
    const char *state = random_text(ctx), *verifier = random_text(ctx);
    struct beginning b = { .row = { .id = id.text,
                                    .workspace_id = ctx->who.workspace_id,
                                    .user_id = ctx->who.user_id,
                                    .session = ctx->who.session,
                                    .provider = provider_name(p),
                                    .access = oauth_access_name(access),
                                    .expires_ms = ava_steady_ms() + STATE_MS },
                           .verifier = str_of(verifier) };
    vault_token_hash(str_of(state), b.row.state_hash);
    TRY(db_write(ctx, begin_write, &b));
    *url = oauth_authorize_url(ctx, dialect_of(p)->oauth, lent.account.client_id,
                               redirect_uri(ctx, p), state, b.verifier, access);
    return OK;
}

/* --- the way back ----------------------------------------------------------------------------- */

struct finishing {
    enum provider p;
    struct oauth_state_row state;
    struct oauth_grant_row before, row; /* before: the workspace's grant until now */
    struct oauth_tokens tokens;
    bool keeps_refresh; /* none came, and the one before is of the same account */
    const char *result;
};

static void wipe(struct finishing *f) {
    oauth_tokens_wipe(&f->tokens);
}

static enum err use_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct finishing *f = arg;
    bool done;
    TRY(oauth_state_row_use(ctx, tx, f->state.id, ava_wall_ms(), &done));
    f->result = done ? NULL : "expired";
    return OK;
}

/* The old row's refresh token, for the new row; opened and sealed within the write. */
static enum err carry_over(struct ctx *ctx, struct db_conn *tx, const struct finishing *f,
                           struct secret *out) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    struct oauth_refresh_row r;
    TRY(oauth_refresh_row_find(ctx, tx, f->before.id, &r));
    if (!r.id)
        return OK;
    struct sealed_place place = oauth_refresh_row_place(&r);
    TRY(vault_reveal(ctx, tx, &place, r.sealed, &fields));
    secret_set(out, secret_field(&fields, "refresh_token"));
    return OK;
}

static enum err keep_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct finishing *f = arg;
    SCOPED(secret_wipe) struct secret refresh = { 0 };
    if (f->keeps_refresh)
        TRY(carry_over(ctx, tx, f, &refresh));
    else
        secret_set(&refresh, secret_reveal(&f->tokens.refresh));
    TRY(grant_seal(ctx, tx, &f->row, &f->tokens));
    TRY(oauth_grant_row_put(ctx, tx, &f->row));
    if (secret_is_set(&refresh))
        TRY(grant_seal_refresh(ctx, tx, &f->row, &refresh));
    TRY(oauth_state_row_result(ctx, tx, f->state.id, f->result));
    return audit_write(ctx, tx,
                       (struct audit_entry){ .workspace_id = f->row.workspace_id,
                                             .actor = f->row.granted_by,
                                             .action = "oauth.connect",
                                             .object = f->row.provider });
}

static enum err result_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct finishing *f = arg;
    return oauth_state_row_result(ctx, tx, f->state.id, f->result);
}

/* "https://accounts.google.com" of both; an issuer that is another one's means that the answer is not of the
 * server that was asked (RFC 9207). An authorization page of our own (the sandbox) is of no origin. */
static bool is_issuer(struct str issuer, const char *authorize_url) {
    struct str url = str_of(authorize_url);
    ptrdiff_t scheme = str_find(url, STR("://"));
    if (!issuer.ptr || scheme < 0)
        return true;
    size_t end = (size_t)scheme + 3;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?')
        end++;
    struct str origin = { url.ptr, end };
    return str_starts(issuer, origin) && (issuer.len == end || issuer.ptr[end] == '/');
}

/* The access token before it is kept: lent to ask whose it is. */
static enum err reveal_fresh(struct ctx *ctx, const struct upstream_credential *c,
                             struct secret *out) {
    const struct secret *token = (const void *)c->source.ptr;
    secret_field_add(out, STR("access_token"), secret_reveal(token));
    return OK;
}

/* Whose account it is, where it tells; a grant that does not let us ask has none. */
static const char *account_of(struct ctx *ctx, const struct finishing *f) {
    SCOPED(ctx_back) struct ctx_aside aside = ctx_aside(ctx);
    const struct dialect_calendar *calendar = dialect_of(f->p)->calendar;
    struct upstream_credential c = { .id = f->state.id,
                                     .version = 1,
                                     .workspace_id = f->state.workspace_id,
                                     .reveal = reveal_fresh,
                                     .source = { (const char *)&f->tokens.access, 0 } };
    const char *account = "";
    if (!calendar || calendar->account(ctx, &c, &account) != OK)
        return "";
    return account;
}

static const char *judge_exchange(struct ctx *ctx, enum err e) {
    log_warn(ctx, "consent_failed", L("service", ctx->problem.service),
             L("detail", ctx->problem.detail));
    ctx_clear(ctx);
    return e == ERR_PROVIDER_MISCONFIGURED ? "misconfigured" : "failed";
}

/* What came of the provider's answer, up to the row that is to be kept; f->result set: it is none. */
static enum err take_tokens(struct ctx *ctx, struct finishing *f,
                            const struct consent_return *back) {
    const struct oauth_provider *at = dialect_of(f->p)->oauth;
    enum oauth_access access = oauth_access_parse(f->state.access);
    struct sealed_place place = oauth_state_row_place(&f->state);
    SCOPED(secret_wipe) struct secret verifier = { 0 };
    struct lent lent;
    TRY(vault_reveal(ctx, db_reader(ctx), &place, f->state.sealed, &verifier));
    if (!lending_client(ctx, f->p, &lent)) {
        f->result = "misconfigured";
        return OK;
    }
    struct oauth_client client = { f->p, at, &lent.ref, lent.account.client_id,
                                   redirect_uri(ctx, f->p) };
    enum err e = oauth_exchange(ctx, &client, back->code, secret_reveal(&verifier), &f->tokens);
    if (e != OK) {
        f->result = judge_exchange(ctx, e);
        return OK;
    }
    /* Not said: all that was asked for (RFC 6749, 5.1). */
    struct str granted = str_of(f->tokens.scopes);
    bool has_write = granted.ptr ? oauth_holds(at, granted, OAUTH_WRITE) : access == OAUTH_WRITE;
    if (granted.ptr && !has_write && !oauth_holds(at, granted, OAUTH_READ)) {
        oauth_revoke(ctx, &client,
                     secret_is_set(&f->tokens.refresh) ? &f->tokens.refresh : &f->tokens.access);
        f->result = "scope";
        return OK;
    }
    struct id id = id_make("grant");
    int64_t now_ms = ava_wall_ms();
    f->row =
        (struct oauth_grant_row){ .id = arena_strdup(ctx->arena, id.text),
                                  .workspace_id = f->state.workspace_id,
                                  .provider = f->state.provider,
                                  .account = account_of(ctx, f),
                                  .scopes = granted.ptr ? f->tokens.scopes : "",
                                  .access = oauth_access_name(has_write ? OAUTH_WRITE : OAUTH_READ),
                                  .granted_by = f->state.user_id,
                                  .version = 1,
                                  .expires_ms = ava_steady_ms() + f->tokens.life_ms,
                                  .life_ms = f->tokens.life_ms,
                                  .created_ms = now_ms,
                                  .updated_ms = now_ms };
    TRY(grant_find(ctx, f->p, &f->before));
    f->keeps_refresh = !secret_is_set(&f->tokens.refresh) && f->before.id && !f->before.ended_ms &&
                       f->row.account[0] && strcmp(f->before.account, f->row.account) == 0;
    if (!secret_is_set(&f->tokens.refresh) && !f->keeps_refresh) {
        f->result = "again";
        return OK;
    }
    bool is_partial =
        granted.ptr && (oauth_lacks(at, granted, access) || (access == OAUTH_WRITE && !has_write));
    f->result = is_partial ? "partial" : "connected";
    return OK;
}

static bool is_good(const char *result) {
    return strcmp(result, "connected") == 0 || strcmp(result, "partial") == 0;
}

/* With a state of this session, in its turn. */
static enum err finish(struct ctx *ctx, struct finishing *f, const struct consent_return *back) {
    const char *authorize_url = dialect_of(f->p)->oauth->authorize_url(ctx->parts->config);
    if (f->state.used_ms) {
        f->result = f->state.result ? f->state.result : "failed";
        return OK;
    }
    if (ava_steady_ms() >= f->state.expires_ms) {
        f->result = "expired";
        return OK;
    }
    if (!is_issuer(back->issuer, authorize_url)) {
        f->result = "foreign";
        return OK; /* of another server: the state stays for the answer of the one that was asked */
    }
    TRY(db_write(ctx, use_write, f));
    if (f->result)
        return OK;
    if (back->error.ptr)
        f->result = str_is(back->error, "access_denied") ? "denied" : "failed";
    else if (!back->code.len)
        f->result = "failed";
    else
        TRY(take_tokens(ctx, f, back));
    TRY(db_write(ctx, is_good(f->result) ? keep_write : result_write, f));
    if (is_good(f->result)) {
        lending_forget(ctx, f->p);
        grant_tell(ctx, f->p);
    }
    return OK;
}

/* Begun by this sign-in, in this workspace, by somebody who still may? */
static bool is_own(const struct ctx *ctx, enum provider p, const struct oauth_state_row *s) {
    return ctx->who.session[0] && strcmp(s->session, ctx->who.session) == 0 &&
           strcmp(s->workspace_id, ctx->who.workspace_id) == 0 &&
           strcmp(s->user_id, ctx->who.user_id) == 0 && ctx->who.role >= ROLE_ADMIN &&
           strcmp(s->provider, provider_name(p)) == 0;
}

enum err consent_finish(struct ctx *ctx, enum provider p, const struct consent_return *back,
                        const char **result) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    SCOPED(wipe) struct finishing f = { .p = p };
    unsigned char hash[32];
    vault_token_hash(back->state, hash);
    *result = "expired";
    ctx->deadline_ms = ava_now_ms() + FINISH_MS; /* a second asking must not end the first one */
    TRY(oauth_state_row_find(ctx, db_reader(ctx), hash, &f.state));
    if (!back->state.len || !f.state.id)
        return OK;
    *result = "foreign";
    if (!is_own(ctx, p, &f.state))
        return OK;
    TRY(turn_take(ctx, arena_join(ctx->arena, "consent/", f.state.id), false, &turn));
    TRY(oauth_state_row_find(ctx, db_reader(ctx), hash, &f.state));
    if (!f.state.id)
        return OK;
    TRY(finish(ctx, &f, back));
    *result = f.result;
    return OK;
}
