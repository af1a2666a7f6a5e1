/* reference: the tables of settings, metrics and problems as documentation pages. The files in docs/ are
 * this output; a test compares them. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/cli.h"
#include "obs/metrics.h"

static void settings(void) {
    const char *group = "";
    printf(
        "# Settings\n\nEnvironment variables; also flags (`AVA_LISTEN` is `--listen`, "
        "`CACHE_TTL_SECONDS` is `--cache-ttl-seconds`) and\nlines of `ava.conf`. Strongest first: "
        "flag, environment, file, default. `NAME_FILE` reads a secret from a file.\n\n"
        "Live: `ava config reload` (or SIGHUP) reads all of them again, all or nothing; what is "
        "live "
        "is in force at\nonce, and what is not is named and needs a restart.\n");
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const struct setting_info *i = setting_info(s);
        if (strcmp(group, i->group) != 0)
            printf(
                "\n## %s\n\n| Name | Default | Allowed | Live | Meaning |\n|---|---|---|---|---|\n",
                i->group);
        group = i->group;
        printf("| `%s` | %s%s%s | ", i->name, i->fallback[0] ? "`" : "", i->fallback,
               i->fallback[0] ? "`" : "");
        if (i->kind[0] == 'I')
            printf("%lld to %lld", (long long)i->min, (long long)i->max);
        else if (i->choices[0])
            for (const char *c = i->choices; *c; c++)
                printf(*c == '|' ? ", " : "%c", *c);
        else if (i->is_secret)
            printf("secret");
        printf(" | %s | %s |\n", i->is_live ? "yes" : "", i->help);
    }
}

/* "a=x|y,b" as "a (x, y), b": a bar would end the cell. */
static void print_labels(const char *labels) {
    bool is_open = false;
    for (const char *c = labels; *c; c++) {
        if (*c == ',')
            printf("%s, ", is_open ? ")" : "");
        else if (*c == '=' || *c == '|')
            printf(*c == '=' ? " (" : ", ");
        else
            putchar(*c);
        is_open = *c == '=' || (is_open && *c != ',');
    }
    printf("%s", is_open ? ")" : "");
}

static void metrics(void) {
    printf(
        "# Metrics\n\n`GET /metrics`, as Prometheus text or, where `Accept` asks for it, as "
        "OpenMetrics 1.0 with trace ids as exemplars.\nNo label ever names a workspace, a person "
        "or a credential. A label has the values in brackets and no others; a metric\nwhose values "
        "are all known has all its series from the start, at 0.\n\n"
        "| Name | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for (enum metric m = 0; m < METRIC_COUNT; m++) {
        struct metric_info i = metric_info(m);
        printf("| `%s` | %s | ", i.name, i.kind);
        print_labels(i.labels);
        printf(" | %s |\n", i.help);
    }
}

static void problems(void) {
    printf("# Problems\n\nEvery refusal is `application/problem+json` (RFC 9457) with one of these "
           "codes.\n\n| Code | Status | Meaning | What to do |\n|---|---|---|---|\n");
    for (enum err e = OK + 1; e < ERR_COUNT; e++) {
        const struct err_info *i = err_info(e);
        printf("| `%s` | %d | %s | %s |\n", i->code, i->status, i->meaning, i->remedy);
    }
}

int cmd_reference(struct cli *cli) {
    const char *what = cli_arg(cli, 0);
    if (what && strcmp(what, "settings") == 0)
        settings();
    else if (what && strcmp(what, "metrics") == 0)
        metrics();
    else if (what && strcmp(what, "problems") == 0)
        problems();
    else if (what && strcmp(what, "ava.1") == 0)
        cli_man_ava(cli);
    else if (what && strcmp(what, "ava.conf.5") == 0)
        cli_man_conf();
    else
        return cli_fail(EXIT_USAGE,
                        "usage: ava reference settings, metrics, problems, ava.1 or ava.conf.5");
    return EXIT_OK;
}
