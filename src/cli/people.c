/* user, key and workspace: people and their rights, beside a running server or without one. */
#include "auth/people.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "auth/session.h"
#include "cli/house.h"
#include "config/config.h"
#include "providers/dialect.h"

/* First line of a file; the password never comes from the command line. */
static bool read_password(const char *path, struct secret *out) {
    char line[PATH_MAX];
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!f)
        return false;
    bool good = fgets(line, sizeof line, f) != NULL;
    if (f != stdin)
        fclose(f);
    if (good) {
        line[strcspn(line, "\r\n")] = 0;
        secret_set(out, str_of(line));
    }
    explicit_bzero(line, sizeof line);
    return good;
}

static enum err create_user(struct ctx *ctx, struct cli *cli) {
    SCOPED(secret_wipe) struct secret password = { 0 };
    struct user user;
    const char *role = cli_flag(cli, "role");
    if (!read_password(cli_flag(cli, "password-file"), &password))
        return ctx_fail(ctx, ERR_INVALID, "cannot read a password from %s",
                        cli_flag(cli, "password-file"));
    TRY(people_create(ctx, cli_flag(cli, "email"), secret_reveal(&password), cli_flag(cli, "name"),
                      role && strcmp(role, "admin") == 0, &user));
    printf(cli_has(cli, "json") ? "{\"id\":\"%s\",\"workspace_id\":\"%s\"}\n"
                                : "%s created, with workspace %s\n",
           user.id, user.workspace_id);
    return OK;
}

int cmd_user_create(struct cli *cli) {
    const char *role = cli_flag(cli, "role");
    if (!cli_flag(cli, "email") || !cli_flag(cli, "password-file"))
        return cli_fail(EXIT_USAGE, "user create needs --email E and --password-file F");
    if (role && strcmp(role, "admin") != 0 && strcmp(role, "member") != 0)
        return cli_fail(EXIT_USAGE, "--role is admin or member");
    return house_visit(cli, create_user);
}

static enum err print_link(struct ctx *ctx, struct cli *cli) {
    const struct config *c = ctx->parts->config;
    const char *token;
    TRY(auth_setup_token(ctx, &token));
    if (c->public_url[0])
        printf("%s/setup#t=%s\n", c->public_url, token);
    else
        printf("http://%s/setup#t=%s\n", c->listen, token);
    return OK;
}

int cmd_user_link(struct cli *cli) {
    return house_visit(cli, print_link);
}

static enum err find_user(struct ctx *ctx, const char *email, struct user *user) {
    TRY(user_find_by_email(ctx, db_reader(ctx), email, user));
    if (!user->id)
        return ctx_fail(ctx, ERR_NOT_FOUND, "there is nobody with the address %s", email);
    return OK;
}

/* --rate N; stays 0 when it was not given. */
static enum err read_rate(struct ctx *ctx, const char *text, int64_t *out) {
    int64_t max = ctx->parts->config->rate_key_max_per_minute;
    if (text && !str_to_i64(str_of(text), 1, max, out))
        return ctx_fail(ctx, ERR_INVALID,
                        "--rate is a number of requests per minute, 1 to %lld "
                        "(RATE_LIMIT_KEY_MAX_PER_MINUTE)",
                        (long long)max);
    return OK;
}

static enum err make_key(struct ctx *ctx, struct cli *cli) {
    struct user user;
    struct api_key made;
    const char *key;
    TRY(find_user(ctx, cli_flag(cli, "user"), &user));
    struct key_order order = { .user_id = user.id,
                               .name = cli_flag(cli, "name"),
                               .workspace_id = cli_flag(cli, "workspace"),
                               .is_confined = cli_flag(cli, "workspace") != NULL,
                               .is_test = cli_has(cli, "test") };
    TRY(read_rate(ctx, cli_flag(cli, "rate"), &order.rate_per_minute));
    TRY(key_create(ctx, &order, &made, &key));
    printf("%s\n", key);
    return OK;
}

int cmd_key_create(struct cli *cli) {
    if (!cli_flag(cli, "user") || !cli_flag(cli, "name"))
        return cli_fail(EXIT_USAGE, "key create needs --user EMAIL and --name N");
    return house_visit(cli, make_key);
}

static enum err list(struct ctx *ctx, struct cli *cli) {
    struct workspace rows[100];
    size_t count;
    for (const char *before = NULL;;) {
        TRY(workspaces_list(ctx, db_reader(ctx), NULL, "", before, 100, rows, &count));
        for (size_t i = 0; i < count; i++)
            printf("%s  %s%s%s\n", rows[i].id, cli_printable(ctx->arena, rows[i].name),
                   rows[i].platform_providers[0] ? "  platform:" : "", rows[i].platform_providers);
        if (count < 100)
            return OK;
        before = rows[99].id;
    }
}

static enum err create(struct ctx *ctx, struct cli *cli) {
    struct user owner;
    struct workspace made;
    TRY(find_user(ctx, cli_flag(cli, "owner"), &owner));
    TRY(workspace_create(ctx, cli_arg(cli, 0), owner.id, &made));
    printf("%s\n", made.id);
    return OK;
}

static enum err member(struct ctx *ctx, struct cli *cli) {
    struct user user;
    struct member m;
    TRY(find_user(ctx, cli_arg(cli, 1), &user));
    TRY(member_set(ctx, cli_arg(cli, 0), user.id, ROLE_OWNER, role_parse(cli_arg(cli, 2)), &m));
    printf("%s is %s of %s\n", cli_printable(ctx->arena, m.email), role_name(m.role),
           cli_arg(cli, 0));
    return OK;
}

static enum err allow(struct ctx *ctx, struct cli *cli) {
    TRY(workspace_allow_platform(ctx, cli_arg(cli, 0), cli_arg(cli, 1)));
    printf("%s may use the platform's %s credential\n", cli_arg(cli, 0), cli_arg(cli, 1));
    return OK;
}

static enum err weigh(struct ctx *ctx, struct cli *cli) {
    int64_t weight = 0;
    str_to_i64(str_of(cli_arg(cli, 1)), 1, 100, &weight);
    TRY(workspace_weigh(ctx, cli_arg(cli, 0), weight));
    printf("%s has the weight %lld in queues for a line\n", cli_arg(cli, 0), (long long)weight);
    return OK;
}

int cmd_workspace_list(struct cli *cli) {
    return house_visit(cli, list);
}

int cmd_workspace_create(struct cli *cli) {
    if (!cli_arg(cli, 0) || !cli_flag(cli, "owner"))
        return cli_fail(EXIT_USAGE, "workspace create needs a NAME and --owner EMAIL");
    return house_visit(cli, create);
}

int cmd_workspace_member(struct cli *cli) {
    if (!cli_arg(cli, 2) || role_parse(cli_arg(cli, 2)) == ROLE_NONE)
        return cli_fail(EXIT_USAGE, "workspace member needs ID EMAIL and owner, admin or member");
    return house_visit(cli, member);
}

int cmd_workspace_allow(struct cli *cli) {
    const char *p = cli_arg(cli, 1);
    if (!p || !dialect_of(provider_parse(str_of(p)))->platform)
        return cli_fail(EXIT_USAGE, "workspace allow-platform needs ID and vapi, twilio or resend");
    return house_visit(cli, allow);
}

int cmd_workspace_weigh(struct cli *cli) {
    int64_t weight;
    if (!cli_arg(cli, 1) || !str_to_i64(str_of(cli_arg(cli, 1)), 1, 100, &weight))
        return cli_fail(EXIT_USAGE, "workspace weigh needs ID and a weight from 1 to 100");
    return house_visit(cli, weigh);
}
