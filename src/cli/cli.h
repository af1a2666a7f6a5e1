/* cli: the command line. Verbs first, the same flags everywhere; results on stdout, talk on
 * stderr. Exit 0 ok, 1 failed, 2 usage, 78 configuration (UX 6). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "config/config.h"

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_CONFIG = 78 };

enum { CLI_ARGS_MAX = 64 };

struct cli {
    struct arena *arena;
    const char *args[CLI_ARGS_MAX]; /* words that are no flags, the verb first */
    size_t arg_count;
    struct config_flag flags[CLI_ARGS_MAX]; /* value "" for those that take none */
    size_t flag_count;
    const struct command *command; /* the one that the words name; NULL: none */
    /* All of them, those with the same first word together, and the flags of every one. */
    const struct command *commands;
    size_t command_count;
    const char *common_flags;
};

struct command {
    const char *name;  /* "user create": one or two words */
    const char *usage; /* what follows the name */
    const char *help;  /* one line */
    const char *flags; /* of its own, blank separated; "email=" takes a value, "jsonl" does not */
    int (*run)(struct cli *cli);
};

/* How many words the name of a command has. */
size_t cli_words(const struct command *c);

const char *cli_flag(const struct cli *cli, const char *name); /* NULL when not given */
bool cli_has(const struct cli *cli, const char *name);
const char *cli_arg(const struct cli *cli,
                    size_t i); /* behind the verb's words; NULL past the end */

/* Reads the configuration from flags, environment and file. 0, or EXIT_CONFIG after printing every
 * problem. */
int cli_config(struct cli *cli, struct config *out);
/* The same without a word: texts live in a, the number of problems is returned. before: see
 * config.h. */
size_t cli_config_read(struct cli *cli, const struct config *before, struct config *out,
                       struct arena *a, char **problems);
/* What config_load can not judge: lists of proxies, keys. Adds to problems; returns how many. */
size_t cli_config_judge(const struct config *c, struct arena *a, struct buf *problems);
/* The text as plain_put writes it, for all that others wrote; NULL stays NULL. */
const char *cli_printable(struct arena *a, const char *text);
/* A line of JSON, in which the same is escaped. */
void cli_print_json(struct str json);
/* Says on stderr what is wrong and returns the status. */
int cli_fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);

/* Print ava(1) and ava.conf(5). */
void cli_man_ava(const struct cli *cli);
void cli_man_conf(void);

/* The commands. Their list is in commands.h, which none of them needs. */
int cmd_serve(struct cli *cli);
int cmd_sandbox(struct cli *cli);
int cmd_check_config(struct cli *cli);
int cmd_config_show(struct cli *cli);
int cmd_config_reload(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_user_create(struct cli *cli);
int cmd_user_link(struct cli *cli);
int cmd_key_create(struct cli *cli);
int cmd_workspace_list(struct cli *cli);
int cmd_workspace_create(struct cli *cli);
int cmd_workspace_member(struct cli *cli);
int cmd_workspace_allow(struct cli *cli);
int cmd_workspace_weigh(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_tail(struct cli *cli);
int cmd_replay(struct cli *cli);
int cmd_webhook_send(struct cli *cli);
int cmd_webhook_set(struct cli *cli);
int cmd_webhook_verify(struct cli *cli);
int cmd_migrate(struct cli *cli);
int cmd_audit_verify(struct cli *cli);
int cmd_audit_export(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_backup(struct cli *cli);
int cmd_restore(struct cli *cli);
int cmd_rotate_keys(struct cli *cli);
int cmd_openapi(struct cli *cli);
int cmd_env_example(struct cli *cli);
int cmd_reference(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_help(struct cli *cli);
