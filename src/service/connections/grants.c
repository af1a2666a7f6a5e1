#include "service/connections/grants.h"

#include "base/clock.h"
#include "base/fiber.h"
#include "base/jsonw.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "providers/dialect.h"
#include "store/audit.h"
#include "tasks/feed.h"
#include "tasks/happened.h"
#include "tasks/jobs.h"
#include "tasks/turns.h"
#include "vault/vault.h"

enum {
    AHEAD_MAX_MS = 5 * 60 * 1000,
    AHEAD_PART = 5,      /* of its life */
    RENEWAL_MS = 15000,  /* for a renewal, whoever waits for it and however long */
    KEEP_AGAIN_MS = 250, /* after the store refused a token that the provider gives only once */
    DAY_MS = 24 * 3600 * 1000,
};

enum err grant_find(struct ctx *ctx, enum provider p, struct oauth_grant_row *out) {
    return oauth_grant_row_find(ctx, db_reader(ctx), ctx->who.workspace_id, provider_name(p), out);
}

/* --- its tokens ------------------------------------------------------------------------------- */

/* The token as it is now: whoever renews it need not tell those who hold a reference. */
static enum err reveal(struct ctx *ctx, const struct upstream_credential *c, struct secret *out) {
    struct oauth_grant_row row;
    struct db_conn *reader = db_reader(ctx);
    TRY(oauth_grant_row_find(ctx, reader, c->workspace_id, c->source.ptr, &row));
    if (!row.id)
        return ctx_fail(ctx, ERR_NOT_CONNECTED, "The calendar was disconnected meanwhile.");
    if (strcmp(row.id, c->id) != 0) { /* perhaps another account's, so not for this request */
        ctx->problem.retry_after_s = 1;
        return ctx_fail(ctx, ERR_PROVIDER_UNAVAILABLE,
                        "The calendar was connected anew meanwhile. Ask again.");
    }
    struct sealed_place place = oauth_grant_row_place(&row);
    TRY(vault_reveal(ctx, reader, &place, row.sealed, out));
    secret_field_add(out, STR("version"),
                     str_of(arena_printf(ctx->arena, "%lld", (long long)row.version)));
    return OK;
}

static enum err seal_field(struct ctx *ctx, struct db_conn *tx, const struct sealed_place *place,
                           struct str name, const struct secret *value, struct str *sealed) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    if (!secret_field_add(&fields, name, secret_reveal(value)))
        return ctx_fail(ctx, ERR_PROVIDER_BAD_RESPONSE, "The provider's token is too long.");
    return vault_seal(ctx, tx, place, secret_reveal(&fields), sealed);
}

enum err grant_seal(struct ctx *ctx, struct db_conn *tx, struct oauth_grant_row *row,
                    const struct oauth_tokens *tokens) {
    struct sealed_place place = oauth_grant_row_place(row);
    return seal_field(ctx, tx, &place, STR("access_token"), &tokens->access, &row->sealed);
}

enum err grant_seal_refresh(struct ctx *ctx, struct db_conn *tx, const struct oauth_grant_row *row,
                            const struct secret *refresh) {
    struct oauth_refresh_row r = { .id = row->id,
                                   .workspace_id = row->workspace_id,
                                   .version = row->version };
    struct sealed_place place = oauth_refresh_row_place(&r);
    TRY(seal_field(ctx, tx, &place, STR("refresh_token"), refresh, &r.sealed));
    return oauth_refresh_row_put(ctx, tx, &r);
}

static enum err reveal_refresh(struct ctx *ctx, const struct oauth_grant_row *row, bool *has,
                               struct secret *out) {
    SCOPED(secret_wipe) struct secret fields = { 0 };
    struct oauth_refresh_row r;
    struct db_conn *reader = db_reader(ctx);
    TRY(oauth_refresh_row_find(ctx, reader, row->id, &r));
    *has = r.id != NULL;
    if (!*has)
        return OK;
    struct sealed_place place = oauth_refresh_row_place(&r);
    TRY(vault_reveal(ctx, reader, &place, r.sealed, &fields));
    secret_set(out, secret_field(&fields, "refresh_token"));
    return OK;
}

/* --- renewing --------------------------------------------------------------------------------- */

static enum err over(struct ctx *ctx, enum provider p) {
    ctx->problem.service = provider_name(p);
    return ctx_fail(ctx, ERR_CREDENTIALS_REJECTED,
                    "%s asks you to confirm again; connect the calendar anew under Connections.",
                    provider_title(p));
}

static enum err not_connected(struct ctx *ctx, enum provider p) {
    ctx->problem.service = provider_name(p);
    return ctx_fail(ctx, ERR_NOT_CONNECTED,
                    "%s is not connected; connect it once under Connections.", provider_title(p));
}

void grant_tell(struct ctx *ctx, enum provider p) {
    struct buf *b = buf_in(ctx->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "provider", provider_name(p));
    jsonw_object_end(&w);
    feed_publish(ctx->parts->feed, ctx->who.workspace_id, "connection", buf_view(b));
}

struct renewing {
    struct oauth_grant_row row;
    struct oauth_tokens tokens;
    bool done;
};

static void wipe(struct renewing *r) {
    oauth_tokens_wipe(&r->tokens);
}

static enum err renew_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct renewing *r = arg;
    struct oauth_grant_row now;
    int64_t before = r->row.version;
    r->done = false;
    TRY(oauth_grant_row_find(ctx, tx, r->row.workspace_id, r->row.provider, &now));
    if (!now.id || strcmp(now.id, r->row.id) != 0 || now.version != before)
        return OK; /* somebody consented anew meanwhile: that counts */
    now.version = before + 1;
    now.expires_ms = ava_steady_ms() + r->tokens.life_ms;
    now.life_ms = r->tokens.life_ms;
    now.updated_ms = ava_wall_ms();
    if (r->tokens.scopes)
        now.scopes = r->tokens.scopes;
    TRY(grant_seal(ctx, tx, &now, &r->tokens));
    TRY(oauth_grant_row_renew(ctx, tx, &now, before, &r->done));
    return r->done && secret_is_set(&r->tokens.refresh)
               ? grant_seal_refresh(ctx, tx, &now, &r->tokens.refresh)
               : OK;
}

/* What the provider gave may not come a second time: a store that cannot be written is asked again. */
static enum err keep(struct ctx *ctx, struct renewing *r) {
    enum err e = db_write(ctx, renew_write, r);
    while (e == ERR_STORAGE_UNAVAILABLE && ctx_left_ms(ctx) > KEEP_AGAIN_MS) {
        fiber_sleep(KEEP_AGAIN_MS);
        ctx_clear(ctx);
        e = db_write(ctx, renew_write, r);
    }
    return e;
}

/* Rules that wait for a connection to need attention; by the day, as those of refused keys. */
static enum err tell_rules(struct ctx *ctx, struct db_conn *tx, const struct oauth_grant_row *row) {
    const char *title = provider_title(provider_parse(str_of(row->provider)));
    struct happening h = {
        .event = "connection.needs_attention",
        .cause =
            arena_printf(ctx->arena, "%s:%lld", row->provider, (long long)(ava_wall_ms() / DAY_MS)),
        .said = arena_printf(ctx->arena, "%s asks you to confirm again: connect it again.", title)
    };
    return happened(ctx, tx, row->workspace_id, &h);
}

static enum err end_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct renewing *r = arg;
    TRY(oauth_grant_row_end(ctx, tx, r->row.id, r->row.version, ava_wall_ms(), &r->done));
    if (r->done)
        TRY(tell_rules(ctx, tx, &r->row));
    return r->done ? audit_write(ctx, tx,
                                 (struct audit_entry){ .workspace_id = r->row.workspace_id,
                                                       .actor = "system",
                                                       .action = "oauth.ended",
                                                       .object = r->row.provider,
                                                       .outcome = "failed" })
                   : OK;
}

/* The provider says that the grant is over: so it is, unless the row is another one by now. */
static enum err believe_over(struct ctx *ctx, enum provider p, struct renewing *r) {
    struct oauth_grant_row now;
    ctx_clear(ctx);
    TRY(grant_find(ctx, p, &now));
    if (now.id && (strcmp(now.id, r->row.id) != 0 || now.version != r->row.version))
        return now.ended_ms ? over(ctx, p) : OK;
    TRY(db_write(ctx, end_write, r));
    if (r->done) {
        metric_add(METRIC_OAUTH_REFRESHES, 1, provider_name(p), "ended");
        log_warn(ctx, "grant_ended", L("service", provider_name(p)));
        grant_tell(ctx, p);
        jobs_wake(ctx->parts->jobs);
    }
    return over(ctx, p);
}

static enum err renew_row(struct ctx *ctx, enum provider p, struct renewing *r) {
    SCOPED(secret_wipe) struct secret refresh = { 0 };
    struct lent lent;
    bool has;
    TRY(reveal_refresh(ctx, &r->row, &has, &refresh));
    if (!has)
        return believe_over(ctx, p, r);
    if (!lending_client(ctx, p, &lent))
        return ctx_fail(ctx, ERR_PROVIDER_MISCONFIGURED,
                        "The OAuth client of %s is not set any more; the operator has to set it.",
                        provider_title(p));
    struct oauth_client client = { p, dialect_of(p)->oauth, &lent.ref, lent.account.client_id,
                                   NULL };
    enum err e = oauth_refresh(ctx, &client, &refresh, &r->tokens);
    if (e == ERR_CREDENTIALS_REJECTED)
        return believe_over(ctx, p, r);
    if (e == OK)
        e = keep(ctx, r);
    metric_add(METRIC_OAUTH_REFRESHES, 1, provider_name(p), e == OK ? "ok" : "failed");
    return e;
}

static bool is_due(const struct oauth_grant_row *row) {
    int64_t part = row->life_ms / AHEAD_PART;
    return row->expires_ms - ava_steady_ms() < (part < AHEAD_MAX_MS ? part : AHEAD_MAX_MS);
}

static bool is_expired(const struct oauth_grant_row *row) {
    return row->expires_ms <= ava_steady_ms();
}

/* Renews the workspace's grant unless somebody did: refused 0: when it is due; else when its token is still the
 * one of that version. */
static enum err renew(struct ctx *ctx, enum provider p, int64_t refused) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    struct ctx own = *ctx; /* who asked may leave, or have little time: a renewal runs to its end */
    SCOPED(wipe) struct renewing r = { .done = false };
    TRY(turn_take(ctx, arena_join(ctx->arena, "oauth/", ctx->who.workspace_id, provider_name(p)),
                  false, &turn));
    TRY(grant_find(ctx, p, &r.row));
    if (!r.row.id)
        return not_connected(ctx, p);
    if (r.row.ended_ms)
        return over(ctx, p);
    if (refused ? r.row.version != refused : !is_due(&r.row))
        return OK;
    own.deadline_ms = ava_now_ms() + RENEWAL_MS;
    ctx_clear(&own);
    enum err e = renew_row(&own, p, &r);
    if (e != OK)
        ctx->problem = own.problem;
    return e;
}

/* For upstream_credential.renew. */
static enum err renew_refused(struct ctx *ctx, const struct upstream_credential *c,
                              int64_t version) {
    return renew(ctx, provider_parse(c->source), version);
}

/* --- lending ---------------------------------------------------------------------------------- */

void grant_refer(const struct oauth_grant_row *row, struct lent *out) {
    /* Its version stays, whatever its token: what is cached under it is of the same account. */
    *out = (struct lent){ .ref = { .id = row->id,
                                   .version = 1,
                                   .workspace_id = row->workspace_id,
                                   .reveal = reveal,
                                   .renew = renew_refused,
                                   .source = str_of(row->provider) } };
}

enum err grant_lend(struct ctx *ctx, enum provider p, enum oauth_access access, struct lent *out) {
    struct oauth_grant_row row;
    TRY(grant_find(ctx, p, &row));
    if (!row.id)
        return not_connected(ctx, p);
    if (row.ended_ms)
        return over(ctx, p);
    if (access == OAUTH_WRITE && oauth_access_parse(row.access) != OAUTH_WRITE) {
        ctx->problem.service = provider_name(p);
        return ctx_fail(
            ctx, ERR_PERMISSION_DENIED,
            "Ava may only read this calendar; connect it again with access=write to let "
            "it make appointments.");
    }
    if (is_due(&row)) {
        enum err e = renew(ctx, p, 0);
        /* While the token is good, trouble with the next one is nobody's yet. */
        if (e != OK &&
            (is_expired(&row) || e == ERR_CREDENTIALS_REJECTED || e == ERR_NOT_CONNECTED))
            return e;
        ctx_clear(ctx);
        TRY(grant_find(ctx, p, &row));
        if (!row.id)
            return not_connected(ctx, p);
    }
    grant_refer(&row, out);
    return OK;
}

/* --- giving back ------------------------------------------------------------------------------ */

static enum err delete_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    const struct oauth_grant_row *row = arg;
    bool found;
    TRY(oauth_grant_row_delete(ctx, tx, row->id, &found));
    return found ? audit_write(ctx, tx,
                               (struct audit_entry){ .action = "oauth.disconnect",
                                                     .object = row->provider })
                 : OK;
}

enum err grant_end(struct ctx *ctx, enum provider p, bool *told) {
    SCOPED(turn_give) struct turn turn = { .is_mine = false };
    SCOPED(secret_wipe) struct secret refresh = { 0 };
    struct oauth_grant_row row;
    struct lent lent;
    bool has;
    *told = false;
    TRY(turn_take(ctx, arena_join(ctx->arena, "oauth/", ctx->who.workspace_id, provider_name(p)),
                  false, &turn));
    TRY(grant_find(ctx, p, &row));
    if (!row.id)
        return not_connected(ctx, p);
    TRY(reveal_refresh(ctx, &row, &has, &refresh));
    TRY(db_write(ctx, delete_write, &row));
    grant_tell(ctx, p);
    if (!has || !lending_client(ctx, p, &lent))
        return OK;
    struct oauth_client client = { p, dialect_of(p)->oauth, &lent.ref, lent.account.client_id,
                                   NULL };
    *told = oauth_revoke(ctx, &client, &refresh);
    return OK;
}
