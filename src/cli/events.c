/* tail and replay: the inbox of what providers sent, from the command line. Both read and write the
 * database itself, beside a running server or without one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/memory.h"
#include "cli/cli.h"
#include "cli/house.h"
#include "service/inbox/events.h"
#include "service/inbox/inbox.h"

enum {
    PAGE = 100,
    LINES_DEFAULT = 10,
    LOOK_MS = 300,
    LATE_MS = 2000, /* an event may be named so long before it is kept */
};

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

/* What was printed of the last LATE_MS, in order: an event may become visible behind one that was named later. */
struct tailing {
    struct event_tail what;
    char from[ID_BYTES]; /* nothing up to here is printed */
    char (*ids)[ID_BYTES];
    size_t count, room;
};

static int by_id(const void *a, const void *b) {
    return strcmp(a, b);
}

static bool is_printed(const struct tailing *t, const char *id) {
    return t->count && bsearch(id, t->ids, t->count, ID_BYTES, by_id);
}

static void note_printed(struct tailing *t, const char *id) {
    size_t at = t->count++;
    if (t->count > t->room) {
        t->room = t->room ? t->room * 2 : 256;
        t->ids = memory_resized(t->ids, t->room * sizeof *t->ids);
    }
    for (; at && strcmp(t->ids[at - 1], id) > 0; at--)
        memcpy(t->ids[at], t->ids[at - 1], ID_BYTES);
    str_copy(t->ids[at], ID_BYTES, str_of(id));
}

/* What was named before then, and before the last that was printed, is not waited for any more. */
static void forget_before(struct tailing *t, const char *id) {
    size_t old = 0;
    while (old < t->count && strcmp(t->ids[old], id) <= 0)
        old++;
    if (!old)
        return;
    str_copy(t->from, sizeof t->from, str_of(t->ids[old - 1]));
    t->count -= old;
    memmove(t->ids, t->ids + old, t->count * sizeof *t->ids);
}

/* A page of what is there behind `after`, which moves; what was not printed yet is. */
static enum err print_page(struct ctx *ctx, struct tailing *t, char after[ID_BYTES],
                           bool *has_more) {
    struct event_row *rows = arena_alloc(ctx->arena, PAGE * sizeof *rows);
    size_t count;
    TRY(event_rows_after(ctx, db_reader(ctx), after, &t->what, PAGE, rows, &count));
    for (size_t i = 0; i < count; i++) {
        str_copy(after, ID_BYTES, str_of(rows[i].id));
        if (is_printed(t, rows[i].id))
            continue;
        print_event(ctx->arena, &rows[i]);
        note_printed(t, rows[i].id);
    }
    *has_more = count == PAGE;
    return OK;
}

/* Prints what is there and was not printed yet, oldest first. */
static enum err print_new(struct ctx *ctx, struct tailing *t) {
    struct id late = id_floor("evt", ava_wall_ms() - LATE_MS);
    char after[ID_BYTES];
    bool has_more = true;
    enum err e = OK;
    str_copy(after, sizeof after, str_of(t->from));
    while (e == OK && has_more) {
        struct ctx own = *ctx;
        own.arena = arena_new(4 << 20);
        e = print_page(&own, t, after, &has_more);
        arena_free(own.arena);
    }
    forget_before(t, late.text);
    fflush(stdout);
    return e;
}

static enum err go_on_tailing(struct ctx *ctx, struct cli *cli, struct tailing *t) {
    const struct timespec moment = { .tv_nsec = LOOK_MS * 1000 * 1000 };
    TRY(print_new(ctx, t));
    while (!cli_has(cli, "once")) {
        nanosleep(&moment, NULL);
        TRY(print_new(ctx, t));
    }
    return OK;
}

static enum err tail(struct ctx *ctx, struct cli *cli) {
    struct tailing t = { .what = { .provider = cli_flag(cli, "provider"),
                                   .is_failed = cli_has(cli, "failed") } };
    int64_t lines = LINES_DEFAULT;
    if (cli_flag(cli, "lines"))
        str_to_i64(str_of(cli_flag(cli, "lines")), 0, 1000000, &lines);
    TRY(event_rows_before(ctx, db_reader(ctx), &t.what, lines, t.from, sizeof t.from));
    enum err e = go_on_tailing(ctx, cli, &t);
    free(t.ids);
    return e;
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
