#include "cli/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/control.h"

static void print(const json_t *s) {
    const json_t *p;
    size_t i;
    printf("serving since %s, %lld MB, version %s\n", json_text(s, "since"),
           (long long)json_i64_or(s, "resident_mb", 0), json_text(s, "version"));
    json_array_foreach(json_object_get(s, "providers"), i, p) {
        const char *state = json_text(p, "breaker");
        printf("%-8s%-11s", json_text(p, "name"), state);
        if (strcmp(state, "open") == 0)
            printf("back in %lld s\n", (long long)json_i64_or(p, "retry_in_seconds", 0));
        else
            printf("%lld of %lld failures\n", (long long)json_i64_or(p, "failures", 0),
                   (long long)json_i64_or(s, "threshold", 0));
    }
    const json_t *queue = json_object_get(s, "queue");
    printf("queue   %lld waiting", (long long)json_i64_or(queue, "waiting", 0));
    if (json_i64_or(queue, "oldest_seconds", 0))
        printf(", oldest %lld s", (long long)json_i64_or(queue, "oldest_seconds", 0));
    printf("\n%lld connections, %lld requests in hand\n",
           (long long)json_i64_or(s, "connections", 0), (long long)json_i64_or(s, "in_flight", 0));
}

/* Of a file on this machine nothing: AVA_DATA_DIR says where it is. */
static void print_place(struct cli *cli, const json_t *database) {
    const char *host = json_text(database, "host");
    if (!host)
        return;
    printf("data    %s, %.0f MB: %s at %s:%lld", json_text(database, "about"),
           (double)json_i64_or(database, "bytes", 0) / 1e6,
           cli_printable(cli->arena, json_text(database, "name")), cli_printable(cli->arena, host),
           (long long)json_i64_or(database, "port", 0));
    if (json_i64_or(database, "round_trip_us", 0))
        printf(", answers in %.2f ms", (double)json_i64_or(database, "round_trip_us", 0) / 1e3);
    puts(json_is_true(json_object_get(database, "writable")) ? "" : ", takes no writes now");
}

static void print_book(const json_t *book) {
    int64_t age_s = json_i64_or(book, "age_seconds", -1), spooled = json_i64_or(book, "spooled", 0);
    if (!book)
        return;
    if (!json_is_true(json_object_get(book, "readable")))
        printf("phone   from the database alone: there is no copy that can be read (see the log)");
    else if (age_s < 0)
        printf("phone   from a copy of before this start");
    else
        printf("phone   from a copy of %lld s ago", (long long)age_s);
    if (spooled)
        printf(", %lld webhook%s not in the database yet", (long long)spooled,
               spooled == 1 ? "" : "s");
    putchar('\n');
}

static void print_host(struct cli *cli, const json_t *host) {
    int64_t behind_s = llround((double)json_i64_or(host, "clock_behind_ms", 0) / 1000);
    printf("host    %s, version %s, since %s", cli_printable(cli->arena, json_text(host, "name")),
           cli_printable(cli->arena, json_text(host, "version")), json_text(host, "since"));
    if (json_is_true(json_object_get(host, "this")))
        printf(", this one");
    if (!json_is_true(json_object_get(host, "alive")))
        printf(", says nothing for %lld s", (long long)json_i64_or(host, "silent_seconds", 0));
    if (behind_s)
        printf(", its clock is %lld s %s", (long long)llabs(behind_s),
               behind_s < 0 ? "ahead" : "behind");
    putchar('\n');
}

size_t status_hosts_alive(const json_t *s) {
    const json_t *host;
    size_t i, count = 0;
    json_array_foreach(json_object_get(s, "hosts"), i, host) {
        count += json_is_true(json_object_get(host, "alive"));
    }
    return count;
}

static void print_redis(struct cli *cli, const json_t *s) {
    const json_t *redis = json_object_get(s, "redis");
    const char *why = json_text(redis, "why");
    if (!redis && status_hosts_alive(s) > 1)
        printf("redis   none: each host counts limits for itself (REDIS_URL)\n");
    if (!redis)
        return;
    if (json_is_true(json_object_get(redis, "up")))
        printf("redis   up, version %s\n",
               cli_printable(cli->arena, json_text(redis, "version") ? json_text(redis, "version")
                                                                     : "unknown"));
    else
        printf("redis   away: %s; each host counts its share of the limits\n",
               cli_printable(cli->arena, why ? why : "not reached yet"));
}

static void print_backup(const json_t *s) {
    const char *last = json_text(s, "last_backup");
    int64_t at_ms;
    if (json_text(json_object_get(s, "database"), "host")) {
        printf("backup  those of PostgreSQL's own tools (docs/postgresql.md)\n");
        return;
    }
    if (!last || !clock_parse_rfc3339(last, strlen(last), &at_ms)) {
        printf("backup  none is known: ava backup FILE, or AVA_BACKUP_DIR\n");
        return;
    }
    int64_t age_s = (ava_wall_ms() - at_ms) / 1000, hours = age_s / 3600;
    printf("backup  %lld %s ago (%s)\n", (long long)(hours ? hours : age_s / 60),
           hours ? "h" : "min", last);
}

static void print_keys(const json_t *keys) {
    int64_t older = json_i64_or(keys, "workspaces_under_older", 0);
    int64_t retired = json_i64_or(keys, "workspaces_under_retired", 0);
    if (!keys)
        return;
    printf("keys    %s is active", json_text(keys, "active"));
    if (older)
        printf(", %lld workspace%s under an older one: ava rotate-keys", (long long)older,
               older == 1 ? "" : "s");
    if (retired)
        printf(" (%lld under a retired one, closed until then)", (long long)retired);
    putchar('\n');
}

int cmd_status(struct cli *cli) {
    struct config c;
    struct buf out = { 0 };
    const char *why;
    int status = cli_config(cli, &c);
    if (status != EXIT_OK)
        return status;
    /* Without a word about where: the sandbox's folder is the likely other place. */
    bool there = control_ask(c.data_dir, "status", &out) ||
                 (c.origins[SETTING_AVA_DATA_DIR] == ORIGIN_DEFAULT &&
                  control_ask("./ava-sandbox", "status", &out));
    if (!there)
        return cli_fail(EXIT_FAILED, "no Ava is serving from %s (set AVA_DATA_DIR or --data-dir)",
                        c.data_dir);
    const json_t *s = json_parse(cli->arena, buf_view(&out), &why), *host;
    size_t i;
    if (cli_has(cli, "json") || !s)
        cli_print_json(str_of(out.ptr));
    else {
        print(s);
        print_place(cli, json_object_get(s, "database"));
        print_book(json_object_get(s, "book"));
        json_array_foreach(json_object_get(s, "hosts"), i, host) print_host(cli, host);
        print_redis(cli, s);
        print_backup(s);
        print_keys(json_object_get(s, "master_keys"));
    }
    buf_fini(&out);
    return EXIT_OK;
}
