#include "cli/errand.h"

#include <string.h>

#include "base/fiber.h"
#include "net/client.h"
#include "net/loop.h"
#include "providers/dialect.h"
#include "providers/upstream.h"
#include "store/people.h"

struct errand {
    struct loop *loop;
    void (*run)(void *arg);
    void *arg;
};

static void on_fiber(void *arg) {
    struct errand *e = arg;
    e->run(e->arg);
    loop_stop(e->loop);
}

bool errand_run(struct house *h, struct arena *a, void (*run)(void *arg), void *arg) {
    struct errand e = { NULL, run, arg };
    if (house_go_out(h, a) != EXIT_OK)
        return false;
    e.loop = loop_new(0);
    struct client *client = client_new(e.loop);
    h->parts.upstream = upstream_new(&h->config, dialect_of);
    bool good = fiber_run(on_fiber, &e);
    if (good)
        loop_run(e.loop);
    else
        cli_fail(EXIT_FAILED, "there is no room for a fiber");
    upstream_free(h->parts.upstream);
    h->parts.upstream = NULL;
    client_free(client);
    loop_free(e.loop);
    return good;
}

/* The keys of a sandbox are no keys, and nothing leaves the machine from there; without a server it is not known
 * whose they are. */
const char *errand_refused(const char *profile) {
    if (!profile)
        return "no Ava is serving, so no provider is asked";
    return strcmp(profile, "sandbox") == 0 ? "the providers of a sandbox are pretended" : NULL;
}

enum err errand_workspace(struct ctx *ctx, struct cli *cli) {
    const char *asked = cli_flag(cli, "workspace");
    struct workspace rows[2];
    size_t count;
    if (!asked) {
        TRY(workspaces_list(ctx, db_reader(ctx), NULL, "", NULL, 2, rows, &count));
        if (count != 1)
            return ctx_fail(ctx, ERR_INVALID,
                            "there is more than one workspace; say which with --workspace ID "
                            "(ava workspace list)");
        asked = rows[0].id;
    }
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(asked));
    return OK;
}
