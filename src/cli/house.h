/* house: the long-lived parts, put up in order and taken down in reverse, for the server and for
 * commands that work on the data beside it. */
#pragma once

#include "base/id.h"
#include "cli/cli.h"
#include "obs/ctx.h"
#include "vault/keyring.h"

struct house {
    struct config config;
    struct parts parts;
    struct id run; /* names this run of the process */
    struct reload *reload;
    int lock; /* of the data folder; -1 for commands (but see keys.h) */
    bool made_key_file;
    const char *key_path;
};

/* Who opens it. The servers own the data folder from then on (owner.h); in the sandbox, ava_test_ keys
 * are good. A rotation is a command that may be refused because of its keys (keys.h). A finish applies what
 * migrations take away from older programs. A restore owns the folder
 * as a server does, so that none begins meanwhile. A look makes no folder where there is none. */
enum house_use {
    HOUSE_COMMAND,
    HOUSE_LOOK,
    HOUSE_ROTATION,
    HOUSE_FINISH,
    HOUSE_RESTORE,
    HOUSE_SERVE,
    HOUSE_SANDBOX
};

/* Reads settings, makes the data folder, opens database and vault. EXIT_OK, or a status after
 * saying why. */
int house_open(struct house *h, struct cli *cli, enum house_use use);
/* The two halves of it: up to the data folder, which is h's then; and the database of that name in it, with all
 * that needs one. house_close ends either. */
int house_enter(struct house *h, struct cli *cli, enum house_use use);
int house_furnish(struct house *h, struct cli *cli, enum house_use use, const char *database);
void house_close(struct house *h);

/* Readies the process for outgoing calls, by the way the settings say. Before threads. EXIT_OK, or a status after
 * saying why. */
int house_go_out(struct house *h, struct arena *a);

bool house_is_caged(const struct config *c); /* AVA_CAGE, see cage.h */

/* The master keys that the settings c lead to. False and *why. */
bool house_keys(struct house *h, const struct config *c, struct arena *a, struct keyring *keys,
                const char **why);

/* A ctx for a command: who is "operator" in the audit log. */
void house_ctx(struct house *h, struct ctx *ctx, struct arena *a);

/* Prints what went wrong in ctx, for commands. Returns EXIT_FAILED. */
int house_say(const struct ctx *ctx, enum err e);

/* Opens the house for one errand, beside a running server or without one, and says what went wrong;
 * the exit code. */
int house_visit(struct cli *cli, enum err (*run)(struct ctx *ctx, struct cli *cli));
