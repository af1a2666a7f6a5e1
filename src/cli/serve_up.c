/* Coming up: from the settings to all that the workers need, in the order in which one part needs the
 * other. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "auth/people.h"
#include "auth/session.h"
#include "base/clock.h"
#include "cli/control.h"
#include "cli/grants.h"
#include "cli/play.h"
#include "cli/reload.h"
#include "cli/serve.h"
#include "cli/tracing.h"
#include "config/traces.h"
#include "db/db.h"
#include "http/server.h"
#include "http/status.h"
#include "http/tls.h"
#include "net/client.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "providers/dialect.h"
#include "providers/outbound.h"
#include "providers/upstream.h"
#include "routes/entry.h"
#include "routes/limits.h"
#include "routes/resources.h"
#include "service/calls/ended.h"
#include "service/calls/lines.h"
#include "service/connections/endpoints.h"
#include "service/connections/integrations.h"
#include "service/forwarding/deliveries.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"
#include "service/notices/notices.h"
#include "service/upkeep/audit_verifier.h"
#include "service/upkeep/flags.h"
#include "store/sealed.h"
#include "tasks/feed.h"
#include "tasks/jobs.h"
#include "tasks/operations.h"
#include "tasks/tools.h"
#include "vault/vault.h"

enum {
    CONNECTIONS_MIN = 16,    /* as MAX_CONNECTIONS has it */
    CONNECTIONS_MANY = 4096, /* fewer than that, where nobody chose a number, is worth a word */
    STREAMS_PART = 4         /* one connection in so many may be a stream of live events */
};

/* --- what is measured ------------------------------------------------------------------------ */

static void handle_metrics(void *arg, struct http_req *req, struct http_reply *reply) {
    if (!str_is(req->path, "/metrics") || req->method > METHOD_HEAD) {
        reply->status = 404;
        return;
    }
    metrics_answer(req, reply);
}

/* --- step by step ---------------------------------------------------------------------------- */

/* What config_load cannot judge, as cli_config_judge does for a reload. */
static int judge(const struct config *c, struct arena *a) {
    struct address_ranges allowed;
    const char *why = "";
    enum setting which;
    struct proxies *proxies = proxies_new(c->trusted_proxies, &why);
    if (!proxies)
        return cli_fail(EXIT_CONFIG, "%s", why);
    proxies_free(proxies);
    why = outbound_allow_parse(c->outbound_allow, &allowed);
    if (!why)
        why = traces_judge(c, a, &which);
    return why ? cli_fail(EXIT_CONFIG, "%s", why) : EXIT_OK;
}

static enum err served_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return meta_put(ctx, tx, "served", STR("1"));
}

/* Data that were served with real providers are nothing to play with. */
static int judge_data(struct serve *s, bool is_sandbox, struct arena *a) {
    struct ctx ctx;
    struct str served;
    house_ctx(&s->house, &ctx, a);
    enum err e = meta_get(&ctx, db_reader(&ctx), "served", &served);
    if (e == OK && is_sandbox && served.ptr)
        return cli_fail(
            EXIT_CONFIG,
            "ava serve has worked with these data, and real providers: a sandbox would "
            "mix pretend calls into them; give it a data folder of its own (--data-dir) "
            "and no DATABASE_URL, or one of its own");
    if (e == OK && !is_sandbox && !served.ptr)
        e = db_write_alone(&ctx, served_write, NULL);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

/* Holds what the settings promise against what the system grants. */
static int take_grants(struct serve *s) {
    struct workers *w = &s->workers;
    size_t wanted = (size_t)s->house.config.max_connections;
    struct grants g = grants_take(wanted, w->count);
    if (g.connections < CONNECTIONS_MIN)
        return cli_fail(EXIT_CONFIG,
                        "the system grants %zu open files (ulimit -n), which is too few for %zu "
                        "loops; raise LimitNOFILE, or lower AVA_THREADS",
                        g.descriptors, w->count);
    bool is_chosen = s->house.config.origins[SETTING_MAX_CONNECTIONS] != ORIGIN_DEFAULT;
    if (g.connections < wanted && (is_chosen || g.connections < CONNECTIONS_MANY))
        log_warn(NULL, "connections", L("wanted", (long)wanted), L("granted", (long)g.connections),
                 L("descriptors", (long)g.descriptors),
                 L("why", "the system grants fewer open files than MAX_CONNECTIONS needs: raise "
                          "LimitNOFILE (ulimit -n), or lower MAX_CONNECTIONS"));
    w->limits.connections_max = g.connections / w->count + 1;
    return EXIT_OK;
}

/* The URL of the first of these addresses, as a browser on this machine can open it. */
static const char *guess_url(struct arena *a, const char *scheme, const char *addresses) {
    struct str rest, first = str_cut(str_of(addresses), ',', &rest);
    static const char *const ANY[] = { "0.0.0.0:", "[::]:" };
    for (size_t i = 0; i < ARRAY_LEN(ANY); i++)
        if (str_starts(first, str_of(ANY[i])))
            return arena_printf(a, "%s://localhost:%.*s", scheme, (int)(first.len - strlen(ANY[i])),
                                first.ptr + strlen(ANY[i]));
    return arena_printf(a, "%s://%.*s", scheme, STR_FMT(first));
}

static int load_tls(struct serve *s, struct cli *cli) {
    const struct config *c = &s->house.config;
    const char *why = "";
    if (!c->tls_cert[0])
        return EXIT_OK;
    s->tls = tls_setup_load(c->tls_cert, c->tls_key, cli->arena, &why);
    return s->tls ? EXIT_OK : cli_fail(EXIT_CONFIG, "%s", why);
}

/* Opens a socket per loop and address; a port 0 is settled by the first. */
static int open_addresses(struct serve *s, struct cli *cli) {
    struct config *c = &s->house.config;
    struct buf shown = { 0 };
    const char *why = "";
    int metrics = -1, status = serve_take_sockets(s, cli, &shown, &metrics);
    struct http_address list[ADDRESSES_MAX];
    bool is_given = status != EXIT_OK || s->workers.address_count;
    int count = is_given ? 0 : http_addresses(c->listen, list, ADDRESSES_MAX, cli->arena, &why);
    if (count < 0)
        status = cli_fail(EXIT_CONFIG, "AVA_LISTEN: %s", why);
    for (int n = 0; n < count && status == EXIT_OK; n++) {
        const char *address = list[n].text;
        for (size_t i = 0; i < s->workers.count && status == EXIT_OK; i++) {
            int fd = http_listen(address, list[n].how | (i == 0 ? HTTP_LISTEN_FIRST : 0),
                                 cli->arena, &why);
            if (fd < 0)
                status = cli_fail(EXIT_CONFIG, "AVA_LISTEN: %s", why);
            else if (i == 0)
                address = http_listen_address(fd, cli->arena);
            s->workers.list[i].fds[s->workers.address_count] = fd;
        }
        buf_printf(&shown, "%s%s", s->workers.address_count ? "," : "", address);
        s->workers.address_count++;
    }
    for (size_t i = 0; i < s->workers.count; i++)
        s->workers.list[i].server_count = s->workers.address_count;
    if (status == EXIT_OK && (metrics >= 0 || c->metrics_listen[0])) {
        s->workers.is_shared[s->workers.address_count] = metrics >= 0;
        if (metrics < 0)
            metrics = http_listen(c->metrics_listen, HTTP_LISTEN_FIRST, cli->arena, &why);
        if (metrics < 0)
            status = cli_fail(EXIT_CONFIG, "AVA_METRICS_LISTEN: %s", why);
        s->workers.list[0].fds[s->workers.list[0].server_count++] = metrics;
    }
    s->addresses = arena_strndup(cli->arena, shown.ptr ? shown.ptr : "", shown.len);
    buf_fini(&shown);
    if (!c->public_url[0]) {
        s->guessed_url = true;
        c->public_url = guess_url(cli->arena, s->tls ? "https" : "http", s->addresses);
    }
    return status;
}

static void warn_of_root(void) {
    if (geteuid() == 0)
        log_warn(NULL, "root",
                 L("why", "Ava runs as root, so whoever breaks into it has the machine; give it a "
                          "user of its own"));
}

/* What an older version left behind when keys were changed in the wrong order. */
static void warn_of_keys(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    struct vault_state state;
    house_ctx(&s->house, &ctx, cli->arena);
    if (vault_state(&ctx, &state) == OK && state.refused)
        log_warn(NULL, "master_keys", L("active", state.active_id),
                 L("workspaces_closed", (long)state.refused),
                 L("why", "their data is sealed under a master key that was retired; "
                          "ava rotate-keys opens it again"));
}

/* The headless first account (AVA_ADMIN_EMAIL), before the port opens. */
static int bootstrap(struct serve *s, struct cli *cli) {
    struct config *c = &s->house.config;
    struct ctx ctx;
    struct user user;
    bool needed;
    house_ctx(&s->house, &ctx, cli->arena);
    enum err e = auth_setup_needed(&ctx, &needed);
    if (e == OK && needed && c->admin_email[0])
        e = people_create(&ctx, c->admin_email, secret_reveal(&c->admin_password), NULL, true,
                          &user);
    else
        user.id = NULL;
    if (e == ERR_INVALID && auth_setup_needed(&ctx, &needed) == OK && !needed)
        e = OK, user.id = NULL; /* another host that begins was quicker */
    if (e == OK && user.id && s->sandbox)
        e = play_connect(s->sandbox, &ctx, user.workspace_id);
    secret_wipe(&c->admin_password);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

/* What the last run left behind, from now on this one's alone. */
static int recover(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    house_ctx(&s->house, &ctx, cli->arena);
    enum err e = db_claim(&ctx, s->house.parts.run_id);
    if (e == OK && serve_hosts_join(s, cli) != EXIT_OK)
        return EXIT_FAILED;
    if (e == OK)
        e = flags_load(&ctx);
    if (e == OK)
        e = operations_recover(&ctx);
    if (e == OK)
        e = endpoints_recover(&ctx);
    if (e == OK)
        e = inbox_recover(&ctx);
    if (e == OK && s->sandbox)
        e = play_resume(s->sandbox, &ctx);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

static int open_control(struct serve *s) {
    const char *folder = s->house.config.data_dir;
    s->control = control_listen(folder);
    if (s->control >= 0)
        return EXIT_OK;
    return cli_fail(EXIT_FAILED, "cannot open the control socket in %s: %s", folder,
                    strerror(errno));
}

/* Pages read the connections anew, and rules may wait for one that needs attention. */
static void connection_moved(void *parts, enum provider p, const char *workspace_id) {
    integrations_moved(parts, p, workspace_id);
    notices_moved(parts, workspace_id);
}

static void make_parts(struct serve *s) {
    struct parts *parts = &s->house.parts;
    const struct config *c = &s->house.config;
    serve_declare(parts->kinds);
    s->tracing = tracing_new(c, s->house.run.text);
    parts->tracer = tracing_tracer(s->tracing);
    parts->upstream = upstream_new(c, dialect_of);
    parts->feed = feed_new((size_t)c->max_connections / STREAMS_PART);
    upstream_on_moved(parts->upstream, connection_moved, parts);
    upstream_on_retry(parts->upstream, integrations_retried);
    parts->jobs = jobs_new(parts);
    parts->verifier = audit_verifier_new(parts);
    s->workers.jobs = parts->jobs;
}

static void write_settings(void *serve, struct buf *out) {
    reload_write_settings(((struct serve *)serve)->house.reload, out);
}

static int64_t serve_last_turn_ms(void *serve) {
    return workers_last_turn_ms(&((struct serve *)serve)->workers);
}

static void make_entry(struct serve *s) {
    const struct config *c = &s->house.config;
    struct entry *e = entry_new(&s->house.parts, s->sandbox ? "sandbox" : c->profile);
    e->metrics_moved = s->workers.list[0].server_count > s->workers.address_count;
    e->inside = (struct inside){ s,
                                 serve_last_turn_ms,
                                 serve_status,
                                 write_settings,
                                 serve_write_backups,
                                 c->backup_dir[0] ? serve_back_up : NULL };
    if (s->sandbox) {
        e->sandbox = play_serve;
        e->sandbox_arg = s->sandbox;
        e->welcome = play_welcome;
    }
    s->entry = e;
    s->workers.app =
        (struct http_app){ e, entry_body, entry_handle, entry_turn, entry_refuse, s->tls };
    s->workers.metrics_app =
        (struct http_app){ e, entry_body, handle_metrics, NULL, entry_refuse, NULL };
}

static int start_sandbox(struct serve *s, struct cli *cli) {
    s->sandbox = play_start(cli, &s->house.config);
    if (!s->sandbox)
        return EXIT_FAILED;
    play_lend_platform(s->house.parts.lending, &s->house.config);
    return EXIT_OK;
}

int serve_up(struct serve *s, struct cli *cli, bool is_sandbox) {
    int status = house_open(&s->house, cli, is_sandbox ? HOUSE_SANDBOX : HOUSE_SERVE);
    if (status != EXIT_OK || (status = judge(&s->house.config, cli->arena)) != EXIT_OK)
        return status;
    if ((status = judge_data(s, is_sandbox, cli->arena)) != EXIT_OK)
        return status;
    warn_of_root();
    warn_of_keys(s, cli);
    workers_plan(&s->workers, &s->house.config, s->house.parts.db);
    if ((status = take_grants(s)) != EXIT_OK)
        return status;
    if ((status = house_go_out(&s->house, cli->arena)) != EXIT_OK)
        return status;
    if (is_sandbox && (status = start_sandbox(s, cli)) != EXIT_OK)
        return status;
    if ((status = load_tls(s, cli)) != EXIT_OK || (status = bootstrap(s, cli)) != EXIT_OK ||
        (status = open_addresses(s, cli)) != EXIT_OK || (status = open_control(s)) != EXIT_OK)
        return status;
    make_parts(s);
    serve_measure(s);
    if ((status = recover(s, cli)) != EXIT_OK)
        return status;
    make_entry(s);
    return serve_backups(s, cli);
}
