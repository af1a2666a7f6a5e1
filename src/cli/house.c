#include "cli/house.h"

#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/identity.h"
#include "cli/cage.h"
#include "cli/control.h"
#include "cli/folder.h"
#include "cli/keys.h"
#include "cli/kinds.h"
#include "cli/owner.h"
#include "cli/reload.h"
#include "crypto/crypto.h"
#include "crypto/hash.h"
#include "db/db.h"
#include "net/client.h"
#include "net/outside.h"
#include "obs/log.h"
#include "service/connections/credentials.h"
#include "service/connections/endpoints.h"
#include "store/sealed.h"
#include "tasks/book.h"
#include "tasks/hosts.h"
#include "tasks/turns.h"
#include "vault/vault.h"

enum { COMMAND_MS = 3600 * 1000, LONG_BYTES = 128 << 10, KEPT_BYTES = 4 << 20 };

/* No dump of this process holds what it knows. */
static void keep_memory_private(void) {
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/* What is long goes back to the system as soon as it is freed. Left to itself, the allocator comes to
 * keep it, in pieces that fit nothing, once something long was freed. LONG_BYTES is more than a chunk of an
 * arena (64 KiB and its head), which comes and goes with each request: mapping those anew each time took
 * more than half of the time of a webhook. */
static void give_memory_back(void) {
    mallopt(M_MMAP_THRESHOLD, LONG_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

/* JSON is for programs; a person at a terminal who has not asked for it gets text. */
static bool logs_json(const struct config *c) {
    if (c->origins[SETTING_AVA_LOG_FORMAT] == ORIGIN_DEFAULT && !c->log_file[0] &&
        isatty(STDERR_FILENO))
        return false;
    return strcmp(c->log_format, "json") == 0;
}

bool house_is_caged(const struct config *c) {
#ifdef AVA_COVERAGE
    return false;
#else
    return strcmp(c->cage, "on") == 0;
#endif
}

int house_go_out(struct house *h, struct arena *a) {
    const struct config *c = &h->config;
    const char *why = "";
    client_global_init();
    if (outside_set(&(struct outside){ c->ca_file, c->no_proxy, secret_reveal(&c->https_proxy) }, a,
                    &why))
        return EXIT_OK;
    return cli_fail(EXIT_CONFIG, "%s", why);
}

static bool is_command(enum house_use use) {
    return use == HOUSE_COMMAND || use == HOUSE_LOOK || use == HOUSE_ROTATION ||
           use == HOUSE_FINISH;
}

static bool is_server(enum house_use use) {
    return use == HOUSE_SERVE || use == HOUSE_SANDBOX;
}

bool house_keys(struct house *h, const struct config *c, struct arena *a, struct keyring *keys,
                const char **why) {
    if (secret_is_set(&c->master_keys))
        return keyring_parse(keys, secret_reveal(&c->master_keys), a, why);
    /* Made at the first start only. */
    return keyring_from_file(keys, h->key_path, a, h->parts.vault ? NULL : &h->made_key_file, why);
}

/* Before there are other threads, and before the database is opened. */
static void restrict_files(const struct config *c, struct cli *cli) {
    struct cage_files files = { .data_dir = c->data_dir,
                                .backup_dir = c->backup_dir,
                                .log_file = c->log_file };
    const char *why = "", *file = cli_flag(cli, "config") ? cli_flag(cli, "config") : "ava.conf";
    char whole[PATH_MAX];
    if (access(file, F_OK) == 0)
        files.again[files.again_count++] = file;
    if (c->ca_file[0])
        files.again[files.again_count++] = c->ca_file;
    if (c->tls_cert[0]) {
        files.again[files.again_count++] = c->tls_cert;
        files.again[files.again_count++] = c->tls_key;
    }
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (c->files[s] && files.again_count < CAGE_FOLDERS_MAX)
            files.again[files.again_count++] = c->files[s];
    if (realpath(c->data_dir, whole))
        setenv("SQLITE_TMPDIR", whole, 1); /* what does not fit into its memory */
    if (!cage_files(&files, &why))
        log_warn(NULL, "cage", L("missing", "files"), L("why", why),
                 L("then", "Ava goes on without restricting which files it can reach"));
}

static int open_vault(struct house *h, enum house_use use, struct arena *a) {
    struct keyring keys;
    struct ctx ctx;
    const char *why = "";
    h->key_path = arena_printf(a, "%s/master.keys", h->config.data_dir);
    bool sealed;
    house_ctx(h, &ctx, a);
    if (!secret_is_set(&h->config.master_keys) && access(h->key_path, F_OK) != 0 &&
        errno == ENOENT && (meta_any(&ctx, db_reader(&ctx), "canary:", &sealed) != OK || sealed))
        return cli_fail(EXIT_CONFIG,
                        "AVA_MASTER_KEYS: the key file %s is missing, and this data was sealed "
                        "with it; put it back (nothing was changed)",
                        h->key_path);
    bool good = house_keys(h, &h->config, a, &keys, &why);
    secret_wipe(&h->config.master_keys);
    if (!good)
        return cli_fail(EXIT_CONFIG, "AVA_MASTER_KEYS: %s", why);
    int status = is_command(use) ? keys_agree(h, &keys, use == HOUSE_ROTATION, a) : EXIT_OK;
    if (status != EXIT_OK) {
        keyring_fini(&keys);
        return status;
    }
    h->parts.vault = vault_open(&ctx, &keys, &why);
    return h->parts.vault ? EXIT_OK : cli_fail(EXIT_CONFIG, "AVA_MASTER_KEYS: %s", why);
}

/* Commands tell the person who gave them. */
static int open_log(const struct config *c, struct arena *a) {
    const char *why = folder_judge_log(c->log_file, a), *refused = "";
    if (why)
        return cli_fail(EXIT_CONFIG, "%s", why);
    if (!log_to_file(c->log_file, &refused))
        return cli_fail(EXIT_CONFIG, "AVA_LOG_FILE: cannot open %s: %s", c->log_file, refused);
    return EXIT_OK;
}

int house_enter(struct house *h, struct cli *cli, enum house_use use) {
    bool is_sandbox = use == HOUSE_SANDBOX;
    *h = (struct house){ .lock = -1 };
    keep_memory_private();
    give_memory_back();
    umask(S_IRWXG | S_IRWXO); /* the database holds password hashes, whatever the folder's mode */
    if (!crypto_init())
        return cli_fail(EXIT_FAILED, "the cryptography library does not work on this machine");
    int status = cli_config(cli, &h->config);
    if (status != EXIT_OK)
        return status;
    if (is_sandbox && h->config.origins[SETTING_AVA_DATA_DIR] == ORIGIN_DEFAULT)
        h->config.data_dir = "./ava-sandbox";
    h->reload = reload_new(cli, &h->config);
    log_setup(log_level_parse(h->config.log_level), logs_json(&h->config), STDERR_FILENO);
    if (use == HOUSE_LOOK && access(h->config.data_dir, F_OK) != 0)
        return EXIT_OK;
    status = folder_make(h->config.data_dir, !is_command(use), cli->arena);
    if (status == EXIT_OK && !is_command(use))
        status = owner_take(h->config.data_dir, cli->arena, &h->lock);
    if (status == EXIT_OK && is_server(use) && h->config.backup_dir[0])
        status = folder_make_backups(h->config.backup_dir);
    if (status == EXIT_OK && is_server(use) && h->config.log_file[0])
        status = open_log(&h->config, cli->arena);
    if (status == EXIT_OK && is_server(use) && house_is_caged(&h->config))
        restrict_files(&h->config, cli);
    return status;
}

static enum db_schema schema_for(enum house_use use, bool is_remote, const struct config *c) {
    if (use == HOUSE_FINISH && is_remote)
        return DB_SCHEMA_FINISH;
    bool is_served = is_remote || control_is_served(c->data_dir);
    return is_command(use) && is_served ? DB_SCHEMA_KEEP : DB_SCHEMA_MIGRATE;
}

/* Opens the database: PostgreSQL's where there is a DATABASE_URL, else the file. */
static int open_database(struct house *h, enum house_use use, const char *file, struct arena *a) {
    struct config *c = &h->config;
    const char *why = "";
    bool is_remote = secret_is_set(&c->database_url), is_refused = false;
    if (is_remote && use == HOUSE_SERVE && !secret_is_set(&c->master_keys))
        return cli_fail(EXIT_CONFIG,
                        "AVA_MASTER_KEYS: must be set with DATABASE_URL: a key file in "
                        "AVA_DATA_DIR would be lost with "
                        "this machine, and the data with it (docs/keys.md says how keys are made)");
    struct db_conf conf = { .path = arena_printf(a, "%s/%s", c->data_dir, file),
                            .hash = hash_blake2b,
                            .schema = schema_for(use, is_remote, c),
                            .url = str_dup(a, secret_reveal(&c->database_url)),
                            .connections = (int)c->database_connections,
                            .is_refused = &is_refused };
    h->parts.db = db_open(&conf, a, &why);
    explicit_bzero((char *)conf.url, strlen(conf.url));
    secret_wipe(&c->database_url);
    return h->parts.db ? EXIT_OK : cli_fail(is_refused ? EXIT_CONFIG : EXIT_FAILED, "%s", why);
}

static int join_hosts(struct house *h, struct arena *a) {
    const char *why = "", *place = hosts_place(h->config.data_dir, a, &why);
    if (!place)
        return cli_fail(EXIT_CONFIG, "%s", why);
    h->parts.hosts = hosts_new(place);
    return EXIT_OK;
}

int house_furnish(struct house *h, struct cli *cli, enum house_use use, const char *database) {
    bool is_sandbox = use == HOUSE_SANDBOX;
    h->run = id_make("run");
    h->parts.run_id = h->run.text;
    h->parts.config = &h->config;
    h->parts.kinds = &KINDS;
    h->parts.on_workspace = endpoints_make;
    if (kinds_find_wrong(&KINDS))
        return cli_fail(EXIT_FAILED, "operation %s: its provider has no dialect",
                        kinds_find_wrong(&KINDS));
    h->parts.accounts = accounts_new(is_sandbox);
    h->parts.lending = lending_new(is_sandbox);
    h->parts.turns = turns_new();
    lending_set_platform(h->parts.lending, &h->config);
    int status = open_database(h, use, database, cli->arena);
    if (status == EXIT_OK && is_server(use) && db_is_shared(h->parts.db))
        status = join_hosts(h, cli->arena);
    return status == EXIT_OK ? open_vault(h, use, cli->arena) : status;
}

int house_open(struct house *h, struct cli *cli, enum house_use use) {
    int status = house_enter(h, cli, use);
    return status == EXIT_OK ? house_furnish(h, cli, use, "ava.db") : status;
}

void house_close(struct house *h) {
    book_close(h->parts.book);
    db_close(h->parts.db);
    vault_close(h->parts.vault);
    accounts_free(h->parts.accounts);
    lending_free(h->parts.lending);
    turns_free(h->parts.turns);
    hosts_free(h->parts.hosts);
    reload_free(h->reload);
    h->reload = NULL;
    secret_wipe(&h->config.admin_password);
    secret_wipe(&h->config.database_url);
    secret_wipe(&h->config.platform_vapi_api_key);
    secret_wipe(&h->config.platform_vapi_webhook_secret);
    secret_wipe(&h->config.platform_twilio_auth_token);
    secret_wipe(&h->config.platform_resend_api_key);
    h->parts = (struct parts){ 0 };
    owner_leave(h->lock);
    h->lock = -1;
}

void house_ctx(struct house *h, struct ctx *ctx, struct arena *a) {
    ctx_init(ctx, &h->parts, a, COMMAND_MS);
    str_copy(ctx->who.user_id, sizeof ctx->who.user_id, STR("operator"));
    ctx->who.is_admin = true;
}

int house_say(const struct ctx *ctx, enum err e) {
    const struct problem *p = &ctx->problem;
    for (size_t i = 0; i < p->field_count; i++)
        fprintf(stderr, "ava: %s\n",
                cli_printable(ctx->arena,
                              p->fields[i].message ? p->fields[i].message : p->fields[i].code));
    if (p->field_count == 0)
        fprintf(stderr, "ava: %s\n",
                p->detail ? cli_printable(ctx->arena, p->detail) : err_info(e)->meaning);
    return EXIT_FAILED;
}

int house_visit(struct cli *cli, enum err (*run)(struct ctx *ctx, struct cli *cli)) {
    struct house h;
    struct ctx ctx;
    int status = house_open(&h, cli, HOUSE_COMMAND);
    if (status == EXIT_OK) {
        house_ctx(&h, &ctx, cli->arena);
        enum err e = run(&ctx, cli);
        status = e == OK ? EXIT_OK : house_say(&ctx, e);
    }
    house_close(&h);
    return status;
}
