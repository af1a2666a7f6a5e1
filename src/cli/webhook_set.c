/* webhook set: leads a number in Ava's care here again. */
#include <stdio.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "cli/control.h"
#include "cli/errand.h"
#include "service/numbers/number_point.h"

struct pointing {
    struct ctx ctx;
    struct cli *cli;
    enum err result;
    struct number_pointed done;
};

static void run(void *arg) {
    struct pointing *s = arg;
    s->result = errand_workspace(&s->ctx, s->cli);
    if (s->result == OK)
        s->result = number_point(&s->ctx, cli_arg(s->cli, 0), cli_has(s->cli, "dry-run"), &s->done);
}

static const char *former(const struct number_pointed *done, enum number_way way) {
    return done->from[way] ? done->from[way] : "nobody";
}

static void print_json(struct pointing *s) {
    struct buf *b = buf_in(s->cli->arena);
    struct jsonw w = jsonw_to(b);
    jsonw_object(&w);
    jsonw_text_at(&w, "id", s->done.id);
    jsonw_text_at(&w, "phone_number", s->done.phone_number);
    jsonw_bool_at(&w, "changed", s->done.is_changed && !cli_has(s->cli, "dry-run"));
    jsonw_key(&w, "ways");
    jsonw_list(&w);
    for (enum number_way way = 0; way < NUMBER_WAYS; way++) {
        if (!(s->done.taken & 1u << way))
            continue;
        jsonw_object(&w);
        jsonw_text_at(&w, "way", number_way_name(way));
        jsonw_text_at(&w, "led_to", former(&s->done, way));
        jsonw_object_end(&w);
    }
    jsonw_list_end(&w);
    jsonw_bool_at(&w, "needs_import", s->done.is_vapis_lost);
    jsonw_object_end(&w);
    cli_print_json(buf_view(b));
}

static void print(struct pointing *s) {
    const char *number = cli_printable(s->cli->arena, s->done.phone_number);
    const char *now = cli_has(s->cli, "dry-run") ? "would lead to Ava" : "now leads to Ava";
    for (enum number_way way = 0; way < NUMBER_WAYS; way++)
        if (s->done.taken & 1u << way)
            printf("%s: %s: led to %s, %s\n", number, number_way_name(way),
                   cli_printable(s->cli->arena, former(&s->done, way)), now);
    if (!s->done.taken && s->done.is_changed)
        printf("%s: led to an older address of Ava, %s\n", number, now);
    else if (!s->done.taken && !s->done.is_vapis_lost)
        printf("%s leads to Ava already\n", number);
    if (s->done.is_vapis_lost)
        fprintf(stderr, "Vapi shall answer its calls, and they do not go there: import the number "
                        "once more under Numbers.\n");
}

static int set(struct house *h, struct cli *cli) {
    struct buf *status = buf_in(cli->arena);
    const char *unread;
    const json_t *said = control_ask(h->config.data_dir, "status", status)
                             ? json_parse(cli->arena, buf_view(status), &unread)
                             : NULL;
    const char *why = errand_refused(said ? json_text(said, "profile") : NULL);
    struct pointing s = { .cli = cli };
    if (why)
        return cli_fail(EXIT_FAILED, "%s", why);
    house_ctx(h, &s.ctx, cli->arena);
    if (!errand_run(h, cli->arena, run, &s))
        return EXIT_FAILED;
    if (s.result != OK)
        return house_say(&s.ctx, s.result);
    if (cli_has(cli, "json"))
        print_json(&s);
    else
        print(&s);
    return s.done.is_vapis_lost ? EXIT_FAILED : EXIT_OK;
}

int cmd_webhook_set(struct cli *cli) {
    struct house h;
    if (!cli_arg(cli, 0))
        return cli_fail(EXIT_USAGE, "webhook set takes one number: ava webhook set +14155550142");
    int status = house_open(&h, cli, HOUSE_COMMAND);
    if (status == EXIT_OK)
        status = set(&h, cli);
    house_close(&h);
    return status;
}
