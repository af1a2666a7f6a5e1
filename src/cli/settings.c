/* check-config, config show, config example: the settings and where they come from. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "cli/cli.h"
#include "cli/folder.h"
#include "config/traces.h"
#include "crypto/crypto.h"
#include "http/tls.h"
#include "net/outside.h"
#include "providers/outbound.h"
#include "routes/limits.h"
#include "vault/keyring.h"

size_t cli_config_judge(const struct config *c, struct arena *a, struct buf *problems) {
    const char *why = "";
    struct keyring keys;
    size_t bad = 0;
    struct proxies *proxies = proxies_new(c->trusted_proxies, &why);
    if (!proxies) {
        buf_printf(problems, "%s\n  from the %s\n", why,
                   origin_name(c->origins[SETTING_TRUSTED_PROXIES]));
        bad++;
    }
    proxies_free(proxies);
    struct address_ranges allowed;
    if ((why = outbound_allow_parse(c->outbound_allow, &allowed))) {
        buf_printf(problems, "%s\n  from the %s\n", why,
                   origin_name(c->origins[SETTING_AVA_OUTBOUND_ALLOW]));
        bad++;
    }
    enum setting which;
    if ((why = traces_judge(c, a, &which))) {
        buf_printf(problems, "%s\n  from the %s\n", why, origin_name(c->origins[which]));
        bad++;
    }
    if (!outside_judge(&(struct outside){ c->ca_file, c->no_proxy, secret_reveal(&c->https_proxy) },
                       a, &why)) {
        buf_printf(problems, "%s\n", why);
        bad++;
    }
    struct tls_setup *tls = NULL;
    if (c->tls_cert[0] && c->tls_key[0] &&
        !(tls = tls_setup_load(c->tls_cert, c->tls_key, a, &why))) {
        buf_printf(problems, "%s\n  from the %s\n", why,
                   origin_name(c->origins[SETTING_AVA_TLS_CERT]));
        bad++;
    }
    tls_setup_free(tls);
    if (!secret_is_set(&c->master_keys))
        return bad;
    if (!crypto_init() || !keyring_parse(&keys, secret_reveal(&c->master_keys), a, &why)) {
        buf_printf(problems, "AVA_MASTER_KEYS: %s\n  from the %s\n", why,
                   origin_name(c->origins[SETTING_AVA_MASTER_KEYS]));
        return bad + 1;
    }
    keyring_fini(&keys);
    return bad;
}

int cmd_check_config(struct cli *cli) {
    struct config c;
    struct buf problems = { 0 };
    char *text;
    size_t set = 0, bad = cli_config_read(cli, NULL, &c, cli->arena, &text);
    buf_text(&problems, text);
    bad += cli_config_judge(&c, cli->arena, &problems);
    const char *why = c.log_file[0] ? folder_judge_log(c.log_file, cli->arena) : NULL;
    if (why) {
        buf_printf(&problems, "%s\n  from the %s\n", why,
                   origin_name(c.origins[SETTING_AVA_LOG_FILE]));
        bad++;
    }
    if (bad) {
        fprintf(stderr, "%s%zu problem%s. Nothing was started.\n", problems.ptr, bad,
                bad == 1 ? "" : "s");
        buf_fini(&problems);
        return EXIT_CONFIG;
    }
    buf_fini(&problems);
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        set += c.origins[s] != ORIGIN_DEFAULT;
    printf("ok    %d settings, %zu of them not at their default\n", SETTING_COUNT, set);
    return EXIT_OK;
}

int cmd_config_show(struct cli *cli) {
    struct config c;
    struct buf out = { 0 };
    struct jsonw w = jsonw_to(&out);
    int status = cli_config(cli, &c);
    if (status != EXIT_OK)
        return status;
    bool json = cli_has(cli, "json"), origin = cli_has(cli, "origin");
    jsonw_list(&w);
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const char *name = setting_info(s)->name, *value = config_value(&c, s, cli->arena);
        if (json) {
            jsonw_object(&w);
            jsonw_text_at(&w, "name", name);
            jsonw_text_at(&w, "value", value);
            jsonw_text_at(&w, "origin", origin_name(c.origins[s]));
            jsonw_bool_at(&w, "live", setting_info(s)->is_live);
            jsonw_object_end(&w);
        } else if (origin) {
            printf("%s %s %s\n", name, value[0] ? value : "-", origin_name(c.origins[s]));
        } else {
            printf("%s %s\n", name, value[0] ? value : "-");
        }
    }
    jsonw_list_end(&w);
    if (json)
        cli_print_json(str_of(out.ptr));
    buf_fini(&out);
    return EXIT_OK;
}

/* .env.example is this output; a test compares them. */
int cmd_env_example(struct cli *cli) {
    const char *group = "";
    printf("# Ava's settings, made by `ava config example`. Values shown are the defaults; a line\n"
           "# without '#' differs from them for development. NAME_FILE=path reads a secret from a\n"
           "# file. Live: `ava config reload` or SIGHUP changes it; all others need a restart.\n");
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const struct setting_info *i = setting_info(s);
        if (strcmp(group, i->group) != 0)
            printf("\n# --- %s ---\n", i->group);
        group = i->group;
        printf("# %s%s", i->help, i->is_live ? " Live." : "");
        if (i->kind[0] == 'I')
            printf(" (%lld..%lld)", (long long)i->min, (long long)i->max);
        else if (i->choices[0])
            printf(" (%s)", i->choices);
        if (strcmp(i->name, "INTEGRATIONS_STUB_MODE") == 0)
            printf("\nINTEGRATIONS_STUB_MODE=true\n");
        else
            printf("\n#%s=%s\n", i->name, i->fallback);
    }
    return EXIT_OK;
}
