/* What a person is told at the start. */
#include <stdio.h>
#include <string.h>

#include "auth/session.h"
#include "base/clock.h"
#include "cli/browser.h"
#include "cli/serve.h"

static const char *setup_link(struct serve *s, struct cli *cli) {
    struct ctx ctx;
    bool needed;
    const char *token;
    house_ctx(&s->house, &ctx, cli->arena);
    if (auth_setup_needed(&ctx, &needed) != OK || !needed || auth_setup_token(&ctx, &token) != OK)
        return NULL;
    return arena_printf(cli->arena, "%s/setup#t=%s", s->house.config.public_url, token);
}

static bool is_for_all(const struct serve *s) {
    return strstr(s->addresses, "0.0.0.0") || strstr(s->addresses, "[::]");
}

void serve_announce(struct serve *s, struct cli *cli) {
    const struct config *c = &s->house.config;
    const char *link = setup_link(s, cli);
    printf("Ava %s - %s\n", AVA_VERSION,
           s->sandbox
               ? "sandbox: pretend Vapi, Twilio, e-mail and calendars. Nothing leaves this machine."
               : c->profile);
    printf("Data in %s  |  Listening on %s  |  Ready in %.1f s\n", c->data_dir, s->addresses,
           (double)(ava_now_ms() - s->began_ms) / 1000);
    if (s->house.made_key_file)
        printf("Made the key file %s: back it up, nothing opens without it.\n", s->house.key_path);
    if (s->guessed_url && is_for_all(s))
        printf("Warning: set AVA_PUBLIC_URL; links and webhook signatures use %s until then.\n",
               c->public_url);
    if (s->sandbox && is_for_all(s))
        printf("Warning: the sandbox asks nobody who they are; everybody who reaches %s can play "
               "with it.\n",
               s->addresses);
    if (link)
        printf("\n  Open   %s     (works once, 30 minutes; new one: ava user link --data-dir %s)\n",
               link, c->data_dir);
    else
        printf("\n  Open   %s/\n", c->public_url);
    fflush(stdout);
    browser_open(s->browser, c->data_dir, link);
    s->browser = -1;
}
