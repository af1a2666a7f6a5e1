/* Socket activation: what the supervisor listens on for Ava, so that callers wait in the kernel while
 * Ava is being started again. */
#include "cli/serve.h"
#include "http/server.h"
#include "obs/log.h"

/* What is not served because a socket came instead. */
static void say_unused(const struct config *c, enum setting setting, const char *addresses) {
    if (c->origins[setting] != ORIGIN_DEFAULT)
        log_info(NULL, "systemd", L("unused", setting_info(setting)->name), L("sockets", addresses),
                 L("why", "the supervisor has opened them for Ava"));
}

/* A descriptor of it for each loop. */
static int share(struct serve *s, size_t given, struct cli *cli, struct buf *shown) {
    struct workers *w = &s->workers;
    const char *why = "";
    size_t n = w->address_count;
    if (n == ADDRESSES_MAX)
        return cli_fail(EXIT_CONFIG, "Ava was given more than %d sockets", ADDRESSES_MAX);
    for (size_t i = 0; i < w->count; i++) {
        int fd = systemd_socket(&s->systemd, given, &why);
        if (fd < 0)
            return cli_fail(EXIT_CONFIG, "%s", why);
        w->list[i].fds[n] = fd;
        if (i == 0)
            buf_printf(shown, "%s%s", n ? "," : "", http_listen_address(fd, cli->arena));
    }
    w->is_shared[n] = true;
    w->address_count++;
    return EXIT_OK;
}

int serve_take_sockets(struct serve *s, struct cli *cli, struct buf *shown, int *metrics) {
    struct workers *w = &s->workers;
    const char *why = "";
    int status = EXIT_OK;
    for (size_t i = 0; i < systemd_sockets(&s->systemd) && status == EXIT_OK; i++) {
        if (!systemd_is_named(&s->systemd, i, "metrics")) {
            status = share(s, i, cli, shown);
        } else if (*metrics < 0) {
            *metrics = systemd_socket(&s->systemd, i, &why);
            status = *metrics < 0 ? cli_fail(EXIT_CONFIG, "%s", why) : EXIT_OK;
        } else {
            status = cli_fail(EXIT_CONFIG, "Ava was given more than one socket named metrics");
        }
    }
    if (status == EXIT_OK && w->address_count)
        say_unused(&s->house.config, SETTING_AVA_LISTEN, shown->ptr);
    if (status == EXIT_OK && *metrics >= 0)
        say_unused(&s->house.config, SETTING_AVA_METRICS_LISTEN,
                   http_listen_address(*metrics, cli->arena));
    return status;
}
