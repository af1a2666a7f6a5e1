/* serve and sandbox: puts the house up, runs one loop per thread, and takes all down again. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "auth/people.h"
#include "auth/session.h"
#include "base/clock.h"
#include "base/fiber.h"
#include "base/jsonw.h"
#include "cli/control.h"
#include "cli/house.h"
#include "cli/reload.h"
#include "db/db.h"
#include "http/server.h"
#include "net/client.h"
#include "net/loop.h"
#include "obs/log.h"
#include "obs/metrics.h"
#include "providers/dialect.h"
#include "providers/outbound.h"
#include "providers/upstream.h"
#include "resilience/shed.h"
#include "routes/entry.h"
#include "routes/limits.h"
#include "sandbox/sandbox.h"
#include "service/calls/lines.h"
#include "service/connections/credentials.h"
#include "service/connections/integrations.h"
#include "service/connections/lending.h"
#include "service/forwarding/deliveries.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"
#include "tasks/feed.h"
#include "tasks/idempotency.h"
#include "tasks/jobs.h"
#include "tasks/operations.h"

enum {
    THREADS_MAX = 64,
    ADDRESSES_MAX = 8,
    WATCH_MS = 200,
    FIBERS_MAX = 32000, /* the kernel allows about 65,530 mappings, and a fiber is two */
    FINISH_MS = 20000,
    END_MS = 500, /* for the loops, when nothing is left or nobody wants to wait */
    STEP_MS = 10,
    TURN_MS = 2000,
    RELOAD_MS = 5000,
    SWEEP_EVERY_MS = 10 * 60 * 1000,
    LONG_BODIES_MAX_BYTES = 64 << 20, /* RESILIENCE 11 */
    STREAMS_PART = 4,                 /* one connection in so many may be a stream of live events */
};

struct worker {
    struct serve *serve;
    pthread_t thread;
    struct loop *loop;
    int fds[ADDRESSES_MAX + 1]; /* the last one may be the metrics' */
    struct http_server *servers[ADDRESSES_MAX + 1];
    size_t server_count;
    struct loop_call dismiss, drain, turn;
    sem_t ready, leave;
};

struct serve {
    struct house house;
    struct entry *entry;
    struct http_app app, metrics_app;
    struct http_limits limits;
    struct http_memory memory; /* of long bodies, on all loops */
    struct sandbox *sandbox;
    struct worker workers[THREADS_MAX];
    size_t worker_count, address_count;
    size_t fibers_per_loop;
    int control, signals;
    atomic_size_t turned;        /* loops that have, since the last reload */
    struct entry_rules *retired; /* read until every loop has turned */
    atomic_size_t ended;         /* loops that have */
    bool goes_down;
    int64_t began_ms, began_wall_ms;
    const char *addresses;
    bool guessed_url;
};

static struct serve *the_serve; /* for the sandbox's door, which is a plain function pointer */

/* --- the loops ------------------------------------------------------------------------------- */

static void dismiss_worker(void *arg) {
    struct worker *w = arg;
    for (size_t i = 0; i < w->server_count; i++)
        http_server_dismiss(w->servers[i]);
}

static void drain_worker(void *arg) {
    struct worker *w = arg;
    for (size_t i = 0; i < w->server_count; i++)
        http_server_drain(w->servers[i]);
}

/* Between two fibers: what was replaced before is read by none of them any more. */
static void turn_worker(void *arg) {
    struct worker *w = arg;
    loop_limit_fibers(w->loop, w->serve->fibers_per_loop);
    atomic_fetch_add(&w->serve->turned, 1);
}

static void *work(void *arg) {
    struct worker *w = arg;
    struct serve *s = w->serve;
    w->loop = loop_new(s->fibers_per_loop);
    struct client *client = client_new(w->loop);
    for (size_t i = 0; i < w->server_count; i++)
        w->servers[i] = http_server_open(
            w->loop, w->fds[i], i < s->address_count ? &s->app : &s->metrics_app, &s->limits);
    w->dismiss = (struct loop_call){ .fn = dismiss_worker, .arg = w };
    w->drain = (struct loop_call){ .fn = drain_worker, .arg = w };
    w->turn = (struct loop_call){ .fn = turn_worker, .arg = w };
    if (w == s->workers)
        jobs_start(s->house.parts.jobs);
    sem_post(&w->ready);
    loop_run(w->loop);
    atomic_fetch_add(&s->ended, 1);
    sem_wait(&w->leave); /* the others, and who counts for them, may still look at this one */
    for (size_t i = 0; i < w->server_count; i++)
        http_server_free(w->servers[i]);
    client_free(client);
    loop_free(w->loop);
    return NULL;
}

static void handle_metrics(void *arg, struct http_req *req, struct http_reply *reply) {
    if (!str_is(req->path, "/metrics") || req->method > METHOD_HEAD) {
        reply->status = 404;
        return;
    }
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&reply->body);
}

static size_t sum(struct serve *s, size_t (*of)(const struct http_server *)) {
    size_t total = 0;
    for (size_t i = 0; i < s->worker_count; i++)
        for (size_t k = 0; k < s->workers[i].server_count; k++)
            total += of(s->workers[i].servers[k]);
    return total;
}

/* Of the latest loop. */
static int64_t lag_ms(struct serve *s) {
    int64_t lag = 0;
    for (size_t i = 0; i < s->worker_count; i++)
        if (loop_lag_ms(s->workers[i].loop) > lag)
            lag = loop_lag_ms(s->workers[i].loop);
    return lag;
}

static void collect(void *arg) {
    struct serve *s = arg;
    metric_set(METRIC_EVENT_LOOP_LAG, (double)lag_ms(s) / 1000, NULL);
    metric_set(METRIC_HTTP_CONNECTIONS, (double)sum(s, http_server_connections), NULL);
    metric_set(METRIC_HTTP_IN_FLIGHT, (double)sum(s, http_server_busy), NULL);
    metric_set(METRIC_BUILD_INFO, 1, AVA_VERSION);
}

/* --- reload ---------------------------------------------------------------------------------- */

/* A request that places an operation is two fibers; jobs and health come on top. */
static void share_fibers(struct serve *s) {
    size_t fibers = (size_t)s->house.config.max_requests * 2 + 256 * s->worker_count;
    s->fibers_per_loop = (fibers < FIBERS_MAX ? fibers : FIBERS_MAX) / s->worker_count;
}

/* In the sandbox workspaces that were made beside the server (ava user create) use the demo
 * accounts too, where the settings name no others. */
static void lend_platform(struct serve *s, const struct config *c) {
    struct config *own = malloc(sizeof *own);
    if (!own)
        abort();
    memcpy(own, c, sizeof *own);
    if (s->sandbox && !secret_is_set(&own->platform_vapi_api_key)) {
        secret_set(&own->platform_vapi_api_key, str_of(SANDBOX_VAPI_API_KEY));
        own->platform_vapi_assistant_id = SANDBOX_VAPI_ASSISTANT_ID;
        own->platform_vapi_number_id = SANDBOX_VAPI_NUMBER_ID;
    }
    if (s->sandbox && !own->platform_twilio_account_sid[0]) {
        own->platform_twilio_account_sid = SANDBOX_TWILIO_ACCOUNT_SID;
        secret_set(&own->platform_twilio_auth_token, str_of(SANDBOX_TWILIO_AUTH_TOKEN));
    }
    lending_set_platform(s->house.parts.lending, own);
    explicit_bzero(own, sizeof *own);
    free(own);
}

static bool have_turned(struct serve *s) {
    const struct timespec moment = { .tv_nsec = 1000 * 1000 };
    int64_t until = ava_now_ms() + TURN_MS;
    while (atomic_load(&s->turned) < s->worker_count && ava_now_ms() < until)
        nanosleep(&moment, NULL);
    if (atomic_load(&s->turned) < s->worker_count)
        return false;
    entry_rules_free(s->retired);
    s->retired = NULL;
    return true;
}

static void apply(void *arg, const struct config *next, const bool *changed) {
    struct serve *s = arg;
    config_take_live(&s->house.config, next);
    log_set_level(log_level_parse(next->log_level));
    upstream_retune(s->house.parts.upstream, &s->house.config);
    if (changed[SETTING_VAPI_API_KEY] || changed[SETTING_VAPI_ASSISTANT_ID] ||
        changed[SETTING_VAPI_NUMBER_ID] || changed[SETTING_TWILIO_ACCOUNT_SID] ||
        changed[SETTING_TWILIO_AUTH_TOKEN])
        lend_platform(s, next);
    if (changed[SETTING_TRUSTED_PROXIES] || changed[SETTING_CORS_ALLOWED_ORIGINS])
        s->retired = entry_swap_rules(s->entry, next);
    share_fibers(s);
    atomic_store(&s->turned, 0);
    for (size_t i = 0; i < s->worker_count; i++)
        loop_post(s->workers[i].loop, &s->workers[i].turn);
    have_turned(s);
}

static void reload(struct serve *s, struct buf *answer) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    house_ctx(&s->house, &ctx, a);
    ctx.deadline_ms = ava_now_ms() + RELOAD_MS;
    if (s->goes_down)
        reload_refuse("Ava is going down; nothing was changed.", answer);
    else if (!have_turned(s))
        reload_refuse("A loop has not taken up the last reload yet; nothing was changed.", answer);
    else
        reload_run(s->house.reload, &ctx, &(struct reload_way){ apply, s }, answer);
    arena_free(a);
}

/* --- status ---------------------------------------------------------------------------------- */

static int64_t resident_mb(void) {
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return (int64_t)resident * sysconf(_SC_PAGESIZE) >> 20;
}

static void answer_control(void *arg, const char *line, struct buf *out) {
    struct serve *s = arg;
    struct jsonw w = jsonw_to(out);
    if (strcmp(line, "reload") == 0) {
        reload(s, out);
        return;
    }
    jsonw_object(&w);
    if (strcmp(line, "status") != 0) {
        jsonw_text_at(&w, "error", "unknown command");
        jsonw_object_end(&w);
        return;
    }
    jsonw_text_at(&w, "version", AVA_VERSION);
    jsonw_time_at(&w, "since", s->began_wall_ms);
    jsonw_i64_at(&w, "resident_mb", resident_mb());
    jsonw_i64_at(&w, "threshold", s->house.config.breaker_threshold);
    jsonw_i64_at(&w, "connections", (int64_t)sum(s, http_server_connections));
    jsonw_i64_at(&w, "in_flight", (int64_t)sum(s, http_server_busy));
    struct jobs_state jobs = jobs_state(s->house.parts.jobs);
    jsonw_key(&w, "queue");
    jsonw_object(&w);
    jsonw_i64_at(&w, "waiting", jobs.waiting);
    jsonw_i64_at(&w, "oldest_seconds", jobs.oldest_ms / 1000);
    jsonw_object_end(&w);
    jsonw_key(&w, "providers");
    jsonw_list(&w);
    for (enum provider p = 0; p < PROVIDER_COUNT; p++) {
        if (!dialect_of(p)->fields)
            continue;
        struct guard_state state = upstream_state(s->house.parts.upstream, p, NULL);
        jsonw_object(&w);
        jsonw_text_at(&w, "name", provider_name(p));
        jsonw_text_at(&w, "breaker", breaker_state_name(state.breaker));
        jsonw_i64_at(&w, "failures", state.failures);
        jsonw_i64_at(&w, "retry_in_seconds", (state.remaining_ms + 999) / 1000);
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_object_end(&w);
}

/* --- coming up ------------------------------------------------------------------------------- */

/* Opens a socket per loop and address; a port 0 is settled by the first. */
static int open_addresses(struct serve *s, struct cli *cli) {
    struct config *c = &s->house.config;
    struct buf shown = { 0 };
    const char *why = "";
    int status = EXIT_OK;
    for (struct str rest = str_of(c->listen); rest.ptr && rest.len && status == EXIT_OK;) {
        const char *address = str_dup(cli->arena, str_trim(str_cut(rest, ',', &rest)));
        if (s->address_count == ADDRESSES_MAX)
            status = cli_fail(EXIT_CONFIG, "AVA_LISTEN: more than %d addresses", ADDRESSES_MAX);
        for (size_t i = 0; i < s->worker_count && status == EXIT_OK; i++) {
            int fd = http_listen(address, i == 0, cli->arena, &why);
            if (fd < 0)
                status = cli_fail(EXIT_CONFIG, "AVA_LISTEN: %s", why);
            else if (i == 0)
                address = http_listen_address(fd, cli->arena);
            s->workers[i].fds[s->address_count] = fd;
        }
        buf_printf(&shown, "%s%s", s->address_count ? "," : "", address);
        s->address_count++;
    }
    for (size_t i = 0; i < s->worker_count; i++)
        s->workers[i].server_count = s->address_count;
    if (status == EXIT_OK && c->metrics_listen[0]) {
        int fd = http_listen(c->metrics_listen, true, cli->arena, &why);
        if (fd < 0)
            status = cli_fail(EXIT_CONFIG, "AVA_METRICS_LISTEN: %s", why);
        s->workers[0].fds[s->workers[0].server_count++] = fd;
    }
    s->addresses = arena_strndup(cli->arena, shown.ptr ? shown.ptr : "", shown.len);
    buf_fini(&shown);
    if (!c->public_url[0]) {
        struct str rest;
        s->guessed_url = true;
        c->public_url = arena_printf(cli->arena, "http://%.*s",
                                     STR_FMT(str_cut(str_of(s->addresses), ',', &rest)));
    }
    return status;
}

static void serve_sandbox(struct ctx *ctx, const struct http_req *req, struct http_reply *reply) {
    sandbox_serve(the_serve->sandbox, ctx, req, reply);
}

/* A new workspace of the sandbox is connected from the start, to demo accounts. */
static enum err welcome(struct ctx *ctx, const char *workspace_id) {
    struct connection c;
    struct connection_check check;
    struct ctx as = *ctx;
    json_t *vapi =
        json_pack("{s:s,s:s,s:s}", "api_key", SANDBOX_VAPI_API_KEY, "assistant_id",
                  SANDBOX_VAPI_ASSISTANT_ID, "default_number_id", SANDBOX_VAPI_NUMBER_ID);
    json_t *twilio = json_pack("{s:s,s:s}", "account_sid", SANDBOX_TWILIO_ACCOUNT_SID, "auth_token",
                               SANDBOX_TWILIO_AUTH_TOKEN);
    str_copy(as.who.workspace_id, sizeof as.who.workspace_id, str_of(workspace_id));
    enum err e = credentials_save(&as, PROVIDER_VAPI, vapi, false, &c, &check);
    if (e == OK)
        e = credentials_save(&as, PROVIDER_TWILIO, twilio, false, &c, &check);
    json_decref(vapi);
    json_decref(twilio);
    ctx->problem = as.problem;
    return e;
}

/* Points the providers at the pretend ones, where the settings do not say otherwise. */
static int start_sandbox(struct serve *s, struct cli *cli) {
    struct config *c = &s->house.config;
    const char *why = "";
    s->sandbox = sandbox_start(cli->arena, &why);
    if (!s->sandbox)
        return cli_fail(EXIT_FAILED, "the sandbox does not start: %s", why);
    if (c->origins[SETTING_VAPI_BASE_URL] == ORIGIN_DEFAULT)
        c->vapi_base_url = sandbox_vapi_url(s->sandbox);
    if (c->origins[SETTING_TWILIO_BASE_URL] == ORIGIN_DEFAULT)
        c->twilio_base_url = sandbox_twilio_url(s->sandbox);
    if (c->origins[SETTING_AVA_OUTBOUND_ALLOW] == ORIGIN_DEFAULT)
        c->outbound_allow = "127.0.0.0/8,::1"; /* so that a developer can receive on this machine */
    lend_platform(s, c);
    return EXIT_OK;
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
    if (e == OK && user.id && s->sandbox)
        e = welcome(&ctx, user.workspace_id);
    secret_wipe(&c->admin_password);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

static const char *setup_link(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    bool needed;
    const char *token;
    house_ctx(&s->house, &ctx, cli->arena);
    if (auth_setup_needed(&ctx, &needed) != OK || !needed || auth_setup_token(&ctx, &token) != OK)
        return NULL;
    return arena_printf(cli->arena, "%s/setup#t=%s", s->house.config.public_url, token);
}

/* For somebody who sits in front of it; the link is printed in any case. */
static void open_browser(const char *link) {
    pid_t child;
    char *argv[] = { (char *)"xdg-open", (char *)link, NULL };
    if (isatty(STDOUT_FILENO) && (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY")))
        posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
}

static void announce(struct serve *s, struct cli *cli) {
    const struct config *c = &s->house.config;
    const char *link = setup_link(s, cli);
    printf("Ava %s - %s\n", AVA_VERSION,
           s->sandbox ? "sandbox: pretend Vapi and Twilio. Nothing leaves this machine."
                      : c->profile);
    printf("Data in %s  |  Listening on %s  |  Ready in %.1f s\n", c->data_dir, s->addresses,
           (double)(ava_now_ms() - s->began_ms) / 1000);
    if (s->house.made_key_file)
        printf("Made the key file %s: back it up, nothing opens without it.\n", s->house.key_path);
    if (s->guessed_url && (strstr(c->listen, "0.0.0.0") || strstr(c->listen, "[::]")))
        printf("Warning: set AVA_PUBLIC_URL; links and webhook signatures use %s until then.\n",
               c->public_url);
    if (link)
        printf("\n  Open   %s     (works once, 30 minutes; new one: ava user link --data-dir %s)\n",
               link, c->data_dir);
    else
        printf("\n  Open   %s/\n", c->public_url);
    fflush(stdout);
    if (link)
        open_browser(link);
}

/* What the last run left behind. */
static int recover(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    house_ctx(&s->house, &ctx, cli->arena);
    enum err e = operations_recover(&ctx);
    if (e == OK)
        e = inbox_recover(&ctx);
    return e == OK ? EXIT_OK : house_say(&ctx, e);
}

static int come_up(struct serve *s, struct cli *cli, bool is_sandbox) {
    const char *why = "";
    int status = house_open(&s->house, cli, is_sandbox);
    if (status != EXIT_OK)
        return status;
    struct config *c = &s->house.config;
    struct proxies *proxies = proxies_new(c->trusted_proxies, &why);
    if (!proxies)
        return cli_fail(EXIT_CONFIG, "%s", why);
    proxies_free(proxies);
    struct address_ranges allowed;
    if ((why = outbound_allow_parse(c->outbound_allow, &allowed)))
        return cli_fail(EXIT_CONFIG, "%s", why);
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    s->worker_count = c->threads ? (size_t)c->threads : cores < 4 ? (size_t)cores : 4;
    s->limits = HTTP_LIMITS_DEFAULT;
    s->memory.max = LONG_BODIES_MAX_BYTES;
    s->limits.memory = &s->memory;
    s->limits.connections_max = (size_t)c->max_connections / s->worker_count + 1;
    share_fibers(s);
    client_global_init();
    if (is_sandbox && (status = start_sandbox(s, cli)) != EXIT_OK)
        return status;
    if ((status = bootstrap(s, cli)) != EXIT_OK || (status = open_addresses(s, cli)) != EXIT_OK)
        return status;
    s->control = control_listen(c->data_dir);
    if (s->control < 0)
        return cli_fail(EXIT_FAILED,
                        errno == EADDRINUSE ? "another Ava is serving from %s"
                                            : "cannot open the control socket in %s",
                        c->data_dir);
    metrics_declare_services(provider_names(), PROVIDER_COUNT);
    metrics_before_scrape(collect, s);
    s->house.parts.upstream = upstream_new(c, dialect_of);
    s->house.parts.feed = feed_new((size_t)c->max_connections / STREAMS_PART);
    upstream_on_moved(s->house.parts.upstream, integrations_moved, &s->house.parts);
    s->house.parts.jobs = jobs_new(&s->house.parts);
    metrics_before_scrape(jobs_collect, s->house.parts.jobs);
    metrics_before_scrape(operations_collect, &s->house.parts);
    metrics_before_scrape(events_collect, &s->house.parts);
    metrics_before_scrape(lines_collect, &s->house.parts);
    metrics_before_scrape(deliveries_collect, &s->house.parts);
    if ((status = recover(s, cli)) != EXIT_OK)
        return status;
    s->entry = entry_new(&s->house.parts, is_sandbox ? "sandbox" : c->profile);
    s->entry->metrics_moved = c->metrics_listen[0] != 0;
    if (s->sandbox) {
        s->entry->sandbox = serve_sandbox;
        s->entry->welcome = welcome;
    }
    s->app = (struct http_app){ s->entry, entry_body_limit, entry_handle, entry_refuse };
    s->metrics_app = (struct http_app){ s->entry, entry_body_limit, handle_metrics, entry_refuse };
    return EXIT_OK;
}

static void start_workers(struct serve *s) {
    atomic_store(&s->turned, s->worker_count);
    for (size_t i = 0; i < s->worker_count; i++) {
        struct worker *w = &s->workers[i];
        w->serve = s;
        sem_init(&w->ready, 0, 0);
        sem_init(&w->leave, 0, 0);
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            abort();
        sem_wait(&w->ready);
    }
}

/* --- staying up and going down --------------------------------------------------------------- */

static void watch_loops(struct serve *s) {
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < s->worker_count; i++)
        if (loop_last_turn_ms(s->workers[i].loop) < oldest)
            oldest = loop_last_turn_ms(s->workers[i].loop);
    atomic_store(&s->entry->last_turn_ms, oldest);
    int64_t may_ms = s->house.config.max_loop_lag_ms;
    shed_observe(s->entry->shed, may_ms && lag_ms(s) > may_ms, ava_now_ms());
}

static void sweep(struct serve *s) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    house_ctx(&s->house, &ctx, a);
    auth_sweep(&ctx);
    idempotency_forget_old(&ctx);
    events_forget_old(&ctx);
    deliveries_forget_old(&ctx);
    inbox_recover(&ctx);
    arena_free(a);
}

/* Waits up to ms for a signal that ends Ava, answering the control socket meanwhile. */
static bool wait_for_end(struct serve *s, int64_t ms) {
    struct pollfd fds[2] = { { .fd = s->signals, .events = POLLIN },
                             { .fd = s->control, .events = POLLIN } };
    int64_t until = ava_now_ms() + ms;
    for (int64_t now = ava_now_ms(); now < until; now = ava_now_ms()) {
        int64_t left = until - now;
        watch_loops(s);
        if (poll(fds, 2, (int)(left < WATCH_MS ? left : WATCH_MS)) <= 0)
            continue;
        if (fds[1].revents)
            control_answer(s->control, answer_control, s);
        struct signalfd_siginfo info;
        if (!fds[0].revents || read(s->signals, &info, sizeof info) != sizeof info)
            continue;
        if (info.ssi_signo != SIGHUP)
            return true;
        struct buf said = { 0 };
        reload(s, &said); /* the log has it too */
        buf_fini(&said);
    }
    return false;
}

/* Not busy is not enough: a body may be on its way in, an answer on its way out. */
static bool is_quiet(struct serve *s) {
    for (size_t i = 0; i < s->worker_count; i++)
        for (size_t k = 0; k < s->workers[i].server_count; k++)
            if (!http_server_is_over(s->workers[i].servers[k]))
                return false;
    return true;
}

static bool has_ended(struct serve *s) {
    return atomic_load(&s->ended) == s->worker_count;
}

/* Until it is so, or that time; once it shall hurry, END_MS from then at most. */
static void wait_until(struct serve *s, bool (*is_so)(struct serve *), int64_t until_ms,
                       bool *hurry) {
    if (*hurry && until_ms > ava_now_ms() + END_MS)
        until_ms = ava_now_ms() + END_MS;
    while (!is_so(s) && ava_now_ms() < until_ms) {
        if (!wait_for_end(s, STEP_MS) || *hurry)
            continue;
        *hurry = true;
        until_ms = ava_now_ms() + END_MS;
    }
}

/* RESILIENCE 15, steps 1 to 5; a second signal skips the waiting. */
static void go_down(struct serve *s) {
    log_info(NULL, "draining", L("delay_s", (long)s->house.config.drain_delay_s));
    s->goes_down = true;
    atomic_store(&s->entry->draining, true);
    for (size_t i = 0; i < s->worker_count; i++)
        loop_post(s->workers[i].loop, &s->workers[i].dismiss);
    bool hurry = wait_for_end(s, s->house.config.drain_delay_s * 1000);
    int64_t until_ms = ava_now_ms() + FINISH_MS;
    upstream_drain(s->house.parts.upstream);
    jobs_stop(s->house.parts.jobs);
    for (size_t i = 0; i < s->worker_count; i++)
        loop_post(s->workers[i].loop, &s->workers[i].drain);
    if (!hurry)
        wait_until(s, is_quiet, until_ms, &hurry);
    size_t left = sum(s, http_server_busy);
    for (size_t i = 0; i < s->worker_count; i++)
        loop_stop(s->workers[i].loop);
    wait_until(s, has_ended, until_ms + END_MS, &hurry);
    jobs_release(s->house.parts.jobs);
    if (!has_ended(s)) {
        log_warn(NULL, "cut", L("requests", (long)left));
        log_stop();
        _exit(EXIT_OK); /* what is acknowledged is on disk; what is not was not promised */
    }
    for (size_t i = 0; i < s->worker_count; i++)
        sem_post(&s->workers[i].leave);
    for (size_t i = 0; i < s->worker_count; i++)
        pthread_join(s->workers[i].thread, NULL);
}

static int block_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN); /* the browser is nobody's child to wait for */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int run(struct cli *cli, bool is_sandbox) {
    struct serve *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    the_serve = s;
    s->control = -1;
    s->began_ms = ava_now_ms();
    s->began_wall_ms = ava_wall_ms();
    s->signals = block_signals();
    int status = come_up(s, cli, is_sandbox);
    if (status == EXIT_OK) {
        log_start();
        start_workers(s);
        announce(s, cli);
        while (!wait_for_end(s, SWEEP_EVERY_MS))
            sweep(s);
        go_down(s);
        log_info(NULL, "stopped", L("after_s", (long)((ava_now_ms() - s->began_ms) / 1000)));
    }
    control_close(s->control, s->house.config.data_dir);
    sandbox_stop(s->sandbox);
    entry_rules_free(s->retired);
    entry_free(s->entry);
    upstream_free(s->house.parts.upstream);
    jobs_free(s->house.parts.jobs);
    feed_free(s->house.parts.feed);
    house_close(&s->house);
    log_stop();
    close(s->signals);
    free(s);
    return status;
}

int cmd_serve(struct cli *cli) {
    return run(cli, false);
}

int cmd_sandbox(struct cli *cli) {
    return run(cli, true);
}
