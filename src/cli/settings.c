/* check-config, config show, config example: the settings and where they come from. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/jsonw.h"
#include "cli/cli.h"
#include "crypto/crypto.h"
#include "routes/limits.h"
#include "vault/keyring.h"

static int check_keys(struct config *c, struct arena *a) {
    struct keyring keys;
    const char *why;
    if (!secret_is_set(&c->master_keys))
        return EXIT_OK;
    if (!crypto_init() || !keyring_parse(&keys, secret_reveal(&c->master_keys), a, &why))
        return cli_fail(EXIT_CONFIG, "AVA_MASTER_KEYS: %s", why);
    keyring_fini(&keys);
    return EXIT_OK;
}

int cmd_check_config(struct cli *cli) {
    struct config c;
    int status = cli_config(cli, &c);
    size_t set = 0;
    const char *why = "";
    if (status != EXIT_OK)
        return status;
    struct proxies *proxies = proxies_new(c.trusted_proxies, &why);
    if (!proxies)
        return cli_fail(EXIT_CONFIG, "%s", why);
    proxies_free(proxies);
    status = check_keys(&c, cli->arena);
    if (status != EXIT_OK)
        return status;
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
            jsonw_object_end(&w);
        } else if (origin) {
            printf("%s %s %s\n", name, value[0] ? value : "-", origin_name(c.origins[s]));
        } else {
            printf("%s %s\n", name, value[0] ? value : "-");
        }
    }
    jsonw_list_end(&w);
    if (json)
        printf("%s\n", out.ptr);
    buf_fini(&out);
    return EXIT_OK;
}

/* .env.example is this output; a test compares them. */
int cmd_env_example(struct cli *cli) {
    const char *group = "";
    printf("# Ava's settings, made by `ava config example`. Values shown are the defaults; a line\n"
           "# without '#' differs from them for development. NAME_FILE=path reads a secret from a\n"
           "# file.\n");
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const struct setting_info *i = setting_info(s);
        if (strcmp(group, i->group) != 0)
            printf("\n# --- %s ---\n", i->group);
        group = i->group;
        printf("# %s", i->help);
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
