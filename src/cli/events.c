/* tail and replay: the inbox of what providers sent, from the command line. Both read and write the
 * database itself, beside a running server or without one. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/house.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"

enum { PAGE = 100, LINES_DEFAULT = 10, LOOK_MS = 300 };

/* --- tail ------------------------------------------------------------------------------------ */

static void print_event(struct arena *a, const struct event_row *e) {
    char at[32];
    time_t s = (time_t)(e->received_ms / 1000);
    struct tm local;
    localtime_r(&s, &local);
    strftime(at, sizeof at, "%H:%M:%S", &local);
    printf("%s  %-7s %-20s %-36s %s%s%s  %s\n", at, e->provider, cli_printable(a, e->type),
           e->resource[0] ? cli_printable(a, e->resource) : "-", e->status, e->detail ? ": " : "",
           e->detail ? cli_printable(a, e->detail) : "", e->id);
}

/* Prints what came after `last`, oldest first, and moves it. */
static enum err print_new(struct ctx *ctx, const struct event_tail *what, char last[64],
                          size_t *printed) {
    struct event_row *rows = arena_alloc(ctx->arena, PAGE * sizeof *rows);
    do {
        TRY(event_rows_after(ctx, db_reader(ctx), last, what, PAGE, rows, printed));
        for (size_t i = 0; i < *printed; i++)
            print_event(ctx->arena, &rows[i]);
        if (*printed)
            str_copy(last, 64, str_of(rows[*printed - 1].id));
    } while (*printed == PAGE);
    fflush(stdout);
    return OK;
}

static enum err tail(struct ctx *ctx, struct cli *cli) {
    const struct timespec moment = { .tv_nsec = LOOK_MS * 1000 * 1000 };
    struct event_tail what = { .provider = cli_flag(cli, "provider"),
                               .is_failed = cli_has(cli, "failed") };
    int64_t lines = LINES_DEFAULT;
    char last[64] = "";
    size_t printed;
    if (cli_flag(cli, "lines"))
        str_to_i64(str_of(cli_flag(cli, "lines")), 0, 1000000, &lines);
    TRY(event_rows_before(ctx, db_reader(ctx), &what, lines, last, sizeof last));
    do {
        struct arena *a = arena_new(4 << 20);
        struct ctx own = *ctx;
        own.arena = a;
        enum err e = print_new(&own, &what, last, &printed);
        arena_free(a);
        if (e != OK)
            return e;
        if (!cli_has(cli, "once"))
            nanosleep(&moment, NULL);
    } while (!cli_has(cli, "once"));
    return OK;
}

int cmd_tail(struct cli *cli) {
    int64_t lines;
    const char *text = cli_flag(cli, "lines");
    if (text && !str_to_i64(str_of(text), 0, 1000000, &lines))
        return cli_fail(EXIT_USAGE, "--lines is a number from 0 to 1000000");
    return house_visit(cli, tail);
}

/* --- replay ---------------------------------------------------------------------------------- */

static enum err want_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    return INBOX_JOB.want(ctx, tx, arg);
}

static enum err replay_one(struct ctx *ctx, const char *id) {
    struct event_row row;
    const char *workspace_id;
    TRY(event_row_whose(ctx, db_reader(ctx), id, &workspace_id));
    if (!workspace_id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "there is no event %.64s", id);
    str_copy(ctx->who.workspace_id, sizeof ctx->who.workspace_id, str_of(workspace_id));
    TRY(event_replay(ctx, id, &row));
    TRY(db_write(ctx, want_write, (void *)workspace_id));
    printf("%s is worked on again: %s %s\n", row.id, row.provider,
           cli_printable(ctx->arena, row.type));
    return OK;
}

static enum err replay(struct ctx *ctx, struct cli *cli) {
    for (size_t i = 0; cli_arg(cli, i); i++)
        TRY(replay_one(ctx, cli_arg(cli, i)));
    return OK;
}

int cmd_replay(struct cli *cli) {
    if (!cli_arg(cli, 0))
        return cli_fail(EXIT_USAGE, "replay needs the ID of one or more events");
    return house_visit(cli, replay);
}
