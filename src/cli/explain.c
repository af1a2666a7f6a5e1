/* explain: what happened to a call, line by line, from the database alone; it works beside a running
 * server and after one. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/house.h"
#include "service/calls/ended.h"
#include "service/calls/timeline.h"

enum { PLACES_MAX = 16 /* workspaces that know the same id */ };

static const char *clock_text(int64_t unix_ms, char text[32]) {
    time_t s = (time_t)(unix_ms / 1000);
    struct tm local;
    localtime_r(&s, &local);
    strftime(text, 32, "%H:%M:%S", &local);
    return text;
}

static void print_timeline(struct arena *a, const struct timeline *t) {
    const struct call_row *c = &t->call.row;
    const char *from = cli_printable(a, c->from), *provider_id = cli_printable(a, c->provider_id);
    const char *request = cli_printable(a, t->correlation_id);
    char day[32], at[32];
    clock_rfc3339(c->created_ms, day);
    printf("%s  %s, %s%s%s, %s\n", c->id, c->direction, cli_printable(a, c->to),
           from ? " from " : "", from ? from : "", cli_printable(a, c->status));
    printf("%.10s  %s%s%s\n", day, provider_id ? provider_id : "no id at the provider",
           request ? "  request " : "", request ? request : "");
    for (size_t i = 0; i < t->count; i++)
        printf("%s  %s\n", clock_text(t->entries[i].at_ms, at),
               cli_printable(a, t->entries[i].text));
    if (t->is_cut)
        printf("(the oldest webhooks are left out)\n");
    if (c->has_cost)
        printf("cost      %lld.%06lld USD\n", (long long)(c->cost_micros / 1000000),
               (long long)(c->cost_micros % 1000000));
    if (t->ended.text)
        printf("mend      %s%s\n", t->ended.is_fault ? "" : "nothing: calls end like that; ",
               strcmp(t->ended.who, "nobody") == 0 ? "nobody needs to" : t->ended.who);
}

static enum err explain_call(struct ctx *ctx, struct cli *cli, const char *workspace_id,
                             const char *call_id) {
    struct timeline t;
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(workspace_id));
    TRY(timeline_read(ctx, call_id, &t));
    if (!cli_has(cli, "json")) {
        print_timeline(ctx->arena, &t);
        return OK;
    }
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    timeline_write(&w, &t);
    cli_print_json(buf_view(&b));
    buf_fini(&b);
    return OK;
}

static enum err explain(struct ctx *ctx, struct cli *cli) {
    const char *id = cli_arg(cli, 0);
    struct timeline_place places[PLACES_MAX];
    size_t count;
    TRY(timeline_find(ctx, id, PLACES_MAX, places, &count));
    for (size_t i = 0; i < count; i++) {
        if (count > 1 && !cli_has(cli, "json"))
            printf("%s%zu of %zu, in the workspace %s\n", i ? "\n" : "", i + 1, count,
                   places[i].workspace_id);
        TRY(explain_call(ctx, cli, places[i].workspace_id, places[i].call_id));
    }
    if (count)
        return OK;
    struct ended e = ended_explain(ctx->arena, id);
    if (!e.is_known)
        return ctx_fail(ctx, ERR_NOT_FOUND,
                        "There is no call with this id, and it is no reason for which calls end; "
                        "give a call's id, its operation's, or the one it has at its provider.");
    printf("%s\nmend      %s\n", cli_printable(ctx->arena, e.text), e.who);
    return OK;
}

int cmd_explain(struct cli *cli) {
    if (!cli_arg(cli, 0))
        return cli_fail(EXIT_USAGE, "explain needs the ID of a call");
    return house_visit(cli, explain);
}
