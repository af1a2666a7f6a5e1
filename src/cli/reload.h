/* reload: reads the settings again while Ava serves, all or nothing (UX 6).
 *
 * The same sources as at start: flags, the environment as it was, the file, the secrets' files. One
 * problem, and nothing changes. What is live (config.def) is put in force by whoever serves; what
 * is not is named. Master keys change in the transaction of the audit entry, or not at all. Answers and log lines have names, and values of what is no secret. Belongs to
 * the main thread, but for reload_write_settings. */
#pragma once

#include "base/buf.h"
#include "cli/cli.h"
#include "obs/ctx.h"
#include "vault/keyring.h"

struct reload;

/* cli must outlive it. as_read: before anything was filled in or wiped. */
struct reload *reload_new(struct cli *cli, const struct config *as_read);
void reload_free(struct reload *r); /* wipes; NULL is fine */

struct reload_way {
    /* The master keys that next leads to; false and *why. Not asked when they were given in the
     * environment, which stays as it was. */
    bool (*keys)(void *arg, const struct config *next, struct arena *a, struct keyring *keys,
                 const char **why);
    /* Puts the live settings of next in force; can not fail. changed: by setting. */
    void (*apply)(void *arg, const struct config *next, const bool *changed);
    void *arg;
};

/* One JSON object into answer: {"reloaded":true,"changed":[{"name","from","to"}],
 * "needs_restart":[name]} (a secret has neither from nor to), or {"reloaded":false,"problems":[text]}.
 * One log line and, when it went well, one audit entry. ctx: the operator's. */
bool reload_run(struct reload *r, struct ctx *ctx, const struct reload_way *way,
                struct buf *answer);

/* What is in force, as a JSON list in the order of config.def: {"name","group","help","value","default","origin","live",
 * "secret","pending"}. Of a secret no value, but "set" or "not set". pending: another value was read since, and waits for
 * a restart. Any thread. */
void reload_write_settings(struct reload *r, struct buf *out);

/* Refuses with one sentence, in the same form. */
void reload_refuse(const char *why, struct buf *answer);
