/* serve and sandbox: the server's life on the main thread, from the first signal it waits for to the
 * last part it frees. */
#include "cli/serve.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "cli/browser.h"
#include "cli/cage.h"
#include "cli/control.h"
#include "cli/keys.h"
#include "cli/starting.h"
#include "cli/tracing.h"
#include "db/backups.h"
#include "db/db.h"
#include "http/tls.h"
#include "obs/log.h"
#include "providers/upstream.h"
#include "resilience/shed.h"
#include "routes/entry.h"
#include "sandbox/sandbox.h"
#include "service/upkeep/audit_heads.h"
#include "service/upkeep/audit_verifier.h"
#include "tasks/feed.h"
#include "tasks/hosts.h"
#include "tasks/jobs.h"

enum {
    WATCH_MS = 200,
    FINISH_MS = 20000,
    END_MS = 500,    /* for the loops, when nothing is left or nobody wants to wait */
    FLUSH_MS = 2000, /* for the traces that still wait */
    STEP_MS = 10,
    CLOCK_MS = 2000, /* time servers put less right by and by */
};

static void watch_loops(struct serve *s) {
    systemd_alive(&s->systemd, ava_now_ms() - workers_last_turn_ms(&s->workers));
}

/* Says it once when somebody has set the clock. */
static void watch_clock(struct serve *s) {
    int64_t jump_ms = clock_jump_ms();
    if (llabs(jump_ms - s->jump_ms) < CLOCK_MS)
        return;
    log_warn(NULL, "clock", L("jumped_s", (long)((jump_ms - s->jump_ms) / 1000)),
             L("since_start_s", (long)(jump_ms / 1000)),
             L("why", "somebody set the system's clock; due times and sessions go on as before"));
    s->jump_ms = jump_ms;
}

/* Says when there was no memory, and when there is again. */
static void watch_memory(struct serve *s) {
    memory_mend_reserve();
    if (memory_is_short() == s->is_short)
        return;
    s->is_short = !s->is_short;
    log_warn(NULL, "memory", L("short", s->is_short ? "yes" : "no"),
             L("why", s->is_short
                          ? "the system gives no more memory: nothing new is begun until it does"
                          : "the system gives memory again"));
}

static void reload(struct serve *s, struct buf *answer) {
    systemd_reloading(&s->systemd);
    serve_reload(s, answer);
    systemd_say(&s->systemd, s->goes_down ? "STOPPING=1" : "READY=1");
}

static void answer_control(void *arg, const char *line, struct buf *out) {
    if (strcmp(line, "reload") == 0)
        reload(arg, out);
    else if (strcmp(line, "status") == 0)
        serve_status(arg, out);
    else if (strcmp(line, "copy") == 0)
        serve_copying_begin(arg, out);
    else if (strcmp(line, "copied") == 0)
        serve_copying_ask(arg, out);
    else if (strcmp(line, "keys") == 0)
        keys_tell(((struct serve *)arg)->house.parts.vault, out);
    else
        buf_text(out, "{\"error\":\"unknown command\"}");
}

/* Another run has taken the data over, or is a copy of this one; or newer hosts have taken the schema over. */
static bool is_unwanted(const struct serve *s) {
    const struct hosts *hosts = s->house.parts.hosts;
    return db_is_fenced(s->house.parts.db) || hosts_is_usurped(hosts) || hosts_is_outdated(hosts);
}

/* Waits up to ms for a signal that ends Ava, answering the control socket meanwhile. Another run that
 * has taken the data over ends it too. */
static bool wait_for_end(struct serve *s, int64_t ms) {
    struct pollfd fds[2] = { { .fd = s->signals, .events = POLLIN },
                             { .fd = s->control, .events = POLLIN } };
    int64_t until = ava_now_ms() + ms;
    for (int64_t now = ava_now_ms(); now < until; now = ava_now_ms()) {
        int64_t left = until - now;
        watch_loops(s);
        watch_clock(s);
        watch_memory(s);
        serve_copying_watch(s);
        int ready = poll(fds, 2, (int)(left < WATCH_MS ? left : WATCH_MS));
        if (is_unwanted(s))
            return true;
        if (ready <= 0)
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

/* Waits until the workers are so, or until that time; from a signal on, END_MS at most. */
static void wait_until(struct serve *s, bool (*is_so)(const struct workers *), int64_t until_ms,
                       bool *hurry) {
    if (*hurry && until_ms > ava_now_ms() + END_MS)
        until_ms = ava_now_ms() + END_MS;
    while (!is_so(&s->workers) && ava_now_ms() < until_ms) {
        if (!wait_for_end(s, STEP_MS) || *hurry)
            continue;
        *hurry = true;
        until_ms = ava_now_ms() + END_MS;
    }
}

static int exit_status(const struct serve *s) {
    return is_unwanted(s) ? EXIT_CONFIG : EXIT_OK;
}

/* Nothing in the audit log is left for others to change while no server runs. */
static void close_audit(struct serve *s) {
    struct arena *a = arena_new(1 << 20);
    struct ctx ctx;
    house_ctx(&s->house, &ctx, a);
    audit_heads_sign(&ctx, true);
    arena_free(a);
}

/* RESILIENCE 15, steps 1 to 5; a second signal skips the waiting. */
static void go_down(struct serve *s) {
    log_info(NULL, "draining", L("delay_s", (long)s->house.config.drain_delay_s));
    s->goes_down = true;
    systemd_say(&s->systemd, "STOPPING=1\nSTATUS=Going down: finishing what is in progress");
    atomic_store(&s->entry->draining, true);
    workers_dismiss(&s->workers);
    bool hurry = wait_for_end(s, s->house.config.drain_delay_s * 1000);
    int64_t until_ms = ava_now_ms() + FINISH_MS;
    upstream_drain(s->house.parts.upstream);
    jobs_stop(s->house.parts.jobs);
    workers_drain(&s->workers);
    if (!hurry)
        wait_until(s, workers_are_quiet, until_ms, &hurry);
    size_t left = workers_busy(&s->workers);
    workers_stop(&s->workers);
    wait_until(s, workers_have_ended, until_ms + END_MS, &hurry);
    if (!is_unwanted(s))
        jobs_release(s->house.parts.jobs);
    serve_book_stop(s); /* its moves are writes of a host that is there */
    serve_hosts_leave(s);
    if (!workers_have_ended(&s->workers)) {
        log_warn(NULL, "cut", L("requests", (long)left));
        log_stop();
        _exit(exit_status(s)); /* what is acknowledged is on disk; what is not was not promised */
    }
    workers_join(&s->workers);
    serve_sweep_stop(s);
    close_audit(s);
    int64_t left_ms = until_ms - ava_now_ms();
    tracing_stop(s->tracing, hurry || left_ms < END_MS ? END_MS
                             : left_ms < FLUSH_MS      ? left_ms
                                                       : FLUSH_MS);
}

static void restrict_calls(struct serve *s) {
    const char *why = "";
    bool is_told;
    if (!house_is_caged(&s->house.config))
        return;
    s->cage = cage_calls(&is_told, &why);
    if (!s->cage)
        log_warn(NULL, "cage", L("missing", "calls"), L("why", why),
                 L("then", "Ava goes on without restricting what it can call"));
    else if (!is_told)
        log_warn(NULL, "cage", L("missing", "denied calls are not told"),
                 L("why", "another program listens to this container's calls already"));
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
    struct serve *s = memory_zeroed(1, sizeof *s);
    s->control = -1;
    s->began_ms = ava_now_ms();
    s->began_wall_ms = ava_wall_ms();
    s->signals = block_signals();
    if (s->signals < 0)
        abort(); /* nothing but a kill would end it: errno says why */
    systemd_open(&s->systemd);
    s->browser = browser_prepare();
    int status = serve_up(s, cli, is_sandbox);
    if (status == EXIT_OK) {
        memory_keep_reserve();
        log_start();
        starting_guard();
        workers_start(&s->workers);
        tracing_start(s->tracing);
        starting_over();
        serve_announce(s, cli);
        restrict_calls(s);
        systemd_say(&s->systemd, "READY=1\nSTATUS=Serving on %s", s->addresses);
        serve_sweep_start(s);
        serve_hosts_start(s);
        serve_book_start(s);
        while (!wait_for_end(s, INT32_MAX))
            ;
        go_down(s);
        status = exit_status(s);
        log_info(NULL, "stopped", L("after_s", (long)((ava_now_ms() - s->began_ms) / 1000)));
    }
    if (status == EXIT_OK)
        browser_forget(s->house.config.data_dir);
    browser_open(s->browser, "", NULL);
    control_close(s->control, status == EXIT_CONFIG ? NULL : s->house.config.data_dir);
    backups_stop(s->backups);
    serve_copying_close(s);
    tls_setup_free(s->tls);
    sandbox_stop(s->sandbox);
    entry_rules_free(s->retired);
    entry_free(s->entry);
    upstream_free(s->house.parts.upstream);
    audit_verifier_free(s->house.parts.verifier);
    jobs_free(s->house.parts.jobs);
    feed_free(s->house.parts.feed);
    tracing_free(s->tracing);
    house_close(&s->house);
    cage_free(s->cage);
    systemd_close(&s->systemd);
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
