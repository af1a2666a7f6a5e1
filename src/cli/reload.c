#include "cli/reload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/memory.h"
#include "cli/control.h"
#include "crypto/hash.h"
#include "obs/log.h"
#include "store/audit.h"
#include "vault/vault.h"

enum { TEXTS_BYTES = 4 << 20, FINGERPRINT_BYTES = 16, KEY_BYTES = 32 };

/* Settings as they were read, with the arena of their texts. Secrets that need a restart are wiped:
 * whether one changed is told by its fingerprint. */
struct reading {
    struct arena *arena;
    struct config config;
    unsigned char fingerprints[SETTING_COUNT][FINGERPRINT_BYTES];
    bool has[SETTING_COUNT]; /* secrets: there was one, before it was wiped */
};

struct reload {
    struct cli *cli;
    unsigned char key[KEY_BYTES];
    struct reading *first; /* what the process was started with */
    struct reading *last;  /* what is in force; may be the same */
    pthread_mutex_t lock;  /* guards last, which other threads read too */
};

/* What a reload would do. */
struct plan {
    struct reading *next;
    size_t bad;
    const char *problems; /* one a line, their origin indented below */
    bool changed[SETTING_COUNT], needs_restart[SETTING_COUNT];
    struct keyring keys; /* those to change to; none when they stay as they are */
    const char *refused; /* why they were not taken */
    bool taken;
};

static void take_fingerprints(const struct reload *r, struct reading *n,
                              const struct reading *before) {
    struct str key = { (const char *)r->key, sizeof r->key };
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        const struct secret *secret = config_secret(&n->config, s);
        n->has[s] = secret && (secret_is_set(secret) || n->config.is_kept[s]);
        if (secret && before && n->config.is_kept[s])
            memcpy(n->fingerprints[s], before->fingerprints[s], FINGERPRINT_BYTES);
        else if (secret)
            hash_blake2b_keyed(n->fingerprints[s], FINGERPRINT_BYTES, key, secret_reveal(secret));
    }
}

/* The master keys live in the vault, and nowhere else. */
static void wipe_secrets(struct config *c, bool live_too) {
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (config_secret(c, s) &&
            (live_too || !setting_info(s)->is_live || s == SETTING_AVA_MASTER_KEYS))
            secret_wipe(config_secret(c, s));
}

static void reading_free(struct reading *n) {
    if (!n)
        return;
    wipe_secrets(&n->config, true);
    arena_free(n->arena);
    free(n);
}

static struct reading *reading_new(void) {
    struct reading *n = memory_zeroed(1, sizeof *n);
    return n;
}

struct reload *reload_new(struct cli *cli, const struct config *as_read) {
    struct reload *r = memory_zeroed(1, sizeof *r);
    r->cli = cli;
    pthread_mutex_init(&r->lock, NULL);
    ava_rand(r->key, sizeof r->key);
    r->first = r->last = reading_new();
    memcpy(&r->first->config, as_read, sizeof *as_read);
    take_fingerprints(r, r->first, NULL);
    wipe_secrets(&r->first->config, false);
    return r;
}

void reload_free(struct reload *r) {
    if (!r)
        return;
    if (r->last != r->first)
        reading_free(r->last);
    reading_free(r->first);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

static bool differs(const struct reading *a, const struct reading *b, enum setting s) {
    if (setting_info(s)->is_secret) /* not secret: keyed hashes */
        return memcmp(a->fingerprints[s], b->fingerprints[s], FINGERPRINT_BYTES) != 0;
    return config_differs(&a->config, &b->config, s);
}

/* The master keys, where they are others than those that are loaded. */
static void plan_keys(struct plan *p, struct ctx *ctx, const struct reload_way *way,
                      struct buf *problems) {
    const char *why = "";
    p->changed[SETTING_AVA_MASTER_KEYS] = false;
    if (p->bad || p->next->config.is_kept[SETTING_AVA_MASTER_KEYS])
        return;
    if (!way->keys(way->arg, &p->next->config, p->next->arena, &p->keys, &why)) {
        p->keys = (struct keyring){ 0 };
    } else if (vault_has_keys(ctx->parts->vault, &p->keys)) {
        keyring_fini(&p->keys);
        return;
    } else if (vault_judge_keys(ctx, &p->keys, &why)) {
        p->changed[SETTING_AVA_MASTER_KEYS] = true;
        return;
    }
    buf_printf(problems, "AVA_MASTER_KEYS: %s\n", why);
    p->bad++;
}

static struct plan read_again(struct reload *r, struct ctx *ctx, const struct reload_way *way) {
    struct plan p = { .next = reading_new() };
    struct buf problems = { 0 };
    char *text;
    p.next->arena = arena_new(TEXTS_BYTES);
    p.bad = cli_config_read(r->cli, &r->first->config, &p.next->config, p.next->arena, &text);
    buf_text(&problems, text);
    p.bad += cli_config_judge(&p.next->config, p.next->arena, &problems);
    take_fingerprints(r, p.next, r->first);
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        p.changed[s] = setting_info(s)->is_live && differs(r->last, p.next, s);
        p.needs_restart[s] = !setting_info(s)->is_live && differs(r->first, p.next, s);
    }
    plan_keys(&p, ctx, way, &problems);
    wipe_secrets(&p.next->config, false);
    p.problems = arena_strndup(p.next->arena, problems.ptr ? problems.ptr : "", problems.len);
    buf_fini(&problems);
    return p;
}

/* "A, B" of those that are set. */
static char *names(const bool *which, struct arena *a) {
    struct buf b = { 0 };
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (which[s])
            buf_printf(&b, "%s%s", b.len ? ", " : "", setting_info(s)->name);
    char *text = arena_strndup(a, b.ptr ? b.ptr : "", b.len);
    buf_fini(&b);
    return text;
}

static void write_names(struct jsonw *w, const char *key, const bool *which) {
    jsonw_key(w, key);
    jsonw_list(w);
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (which[s])
            jsonw_text(w, setting_info(s)->name);
    jsonw_list_end(w);
}

static void write_changes(struct jsonw *w, const struct reload *r, const struct plan *p) {
    jsonw_key(w, "changed");
    jsonw_list(w);
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        if (!p->changed[s])
            continue;
        jsonw_object(w);
        jsonw_text_at(w, "name", setting_info(s)->name);
        if (!setting_info(s)->is_secret) {
            jsonw_text_at(w, "from", config_value(&r->last->config, s, p->next->arena));
            jsonw_text_at(w, "to", config_value(&p->next->config, s, p->next->arena));
        }
        jsonw_object_end(w);
    }
    jsonw_list_end(w);
}

/* A problem is a line and the indented ones below it. */
static void write_problems(struct jsonw *w, const char *problems) {
    struct str rest = str_of(problems);
    jsonw_object(w);
    jsonw_bool_at(w, "reloaded", false);
    jsonw_key(w, "problems");
    jsonw_list(w);
    while (rest.ptr && rest.len) {
        size_t end = 0;
        while (end < rest.len &&
               (rest.ptr[end] != '\n' || (end + 1 < rest.len && rest.ptr[end + 1] == ' ')))
            end++;
        jsonw_str(w, (struct str){ rest.ptr, end });
        end += end < rest.len;
        rest = (struct str){ rest.ptr + end, rest.len - end };
    }
    jsonw_list_end(w);
    jsonw_object_end(w);
}

void reload_refuse(const char *why, struct buf *answer) {
    struct jsonw w = jsonw_to(answer);
    log_error(NULL, "reload", L("outcome", "refused"), L("problems", why),
              L("remedy", "put this right and reload again; until then all is as it was"));
    write_problems(&w, why);
}

static enum err audit_reload(struct ctx *ctx, struct db_conn *tx, const struct plan *p) {
    struct buf b = { 0 };
    struct jsonw w = jsonw_to(&b);
    jsonw_object(&w);
    write_names(&w, "changed", p->changed);
    write_names(&w, "needs_restart", p->needs_restart);
    jsonw_object_end(&w);
    enum err e = audit_write(ctx, tx,
                             (struct audit_entry){ .workspace_id = "",
                                                   .actor = "operator",
                                                   .action = "config.reload",
                                                   .object = "",
                                                   .outcome = "ok",
                                                   .detail = b.ptr });
    buf_fini(&b);
    return e;
}

static enum err reload_write(struct ctx *ctx, struct db_conn *tx, void *arg) {
    struct plan *p = arg;
    TRY(audit_reload(ctx, tx, p));
    if (!p->keys.count)
        return OK;
    p->taken = vault_take_keys(ctx, tx, &p->keys, &p->refused);
    return p->taken ? OK : ctx_fail(ctx, ERR_INTERNAL, "%s", p->refused);
}

/* Why the plan cannot be written down; NULL when it was. */
static const char *write_down(struct plan *p, struct ctx *ctx) {
    enum err e = db_write(ctx, reload_write, p);
    if (e == OK)
        return NULL;
    if (p->refused)
        return arena_printf(ctx->arena, "AVA_MASTER_KEYS: %s", p->refused);
    return p->taken ? "The reload cannot be written into the audit log; the master keys were "
                      "changed, nothing else."
                    : "The reload cannot be written into the audit log; nothing was changed.";
}

static void write_active_key(struct jsonw *w, const struct plan *p, struct vault *v) {
    char id[KEK_ID_BYTES];
    vault_active_key_id(v, id);
    if (p->changed[SETTING_AVA_MASTER_KEYS])
        jsonw_text_at(w, "active_master_key", id);
}

bool reload_run(struct reload *r, struct ctx *ctx, const struct reload_way *way,
                struct buf *answer) {
    struct plan p = read_again(r, ctx, way);
    struct jsonw w = jsonw_to(answer);
    const char *problems = p.bad ? p.problems : write_down(&p, ctx);
    keyring_fini(&p.keys);
    if (problems) {
        reload_refuse(problems, answer);
        reading_free(p.next);
        return false;
    }
    way->apply(way->arg, &p.next->config, p.changed);
    log_info(NULL, "reload", L("outcome", "ok"), L("changed", names(p.changed, ctx->arena)),
             L("needs_restart", names(p.needs_restart, ctx->arena)));
    jsonw_object(&w);
    jsonw_bool_at(&w, "reloaded", true);
    write_changes(&w, r, &p);
    write_names(&w, "needs_restart", p.needs_restart);
    write_active_key(&w, &p, ctx->parts->vault);
    jsonw_object_end(&w);
    struct reading *before = r->last;
    pthread_mutex_lock(&r->lock);
    r->last = p.next;
    pthread_mutex_unlock(&r->lock);
    if (before != r->first)
        reading_free(before);
    return true;
}

/* What needs a restart is in force as it was at the start, whatever was read since. */
static void write_setting(struct jsonw *w, const struct reload *r, enum setting s,
                          struct arena *a) {
    const struct setting_info *info = setting_info(s);
    const struct reading *in_force = info->is_live ? r->last : r->first;
    jsonw_object(w);
    jsonw_text_at(w, "name", info->name);
    jsonw_text_at(w, "group", info->group);
    jsonw_text_at(w, "help", info->help);
    jsonw_text_at(w, "value",
                  !info->is_secret   ? config_value(&in_force->config, s, a)
                  : in_force->has[s] ? "set"
                                     : "not set");
    jsonw_text_at(w, "default", info->is_secret ? NULL : info->fallback);
    jsonw_text_at(w, "origin", origin_name(in_force->config.origins[s]));
    jsonw_bool_at(w, "live", info->is_live);
    jsonw_bool_at(w, "secret", info->is_secret);
    jsonw_bool_at(w, "pending", !info->is_live && differs(r->first, r->last, s));
    jsonw_object_end(w);
}

void reload_write_settings(struct reload *r, struct buf *out) {
    struct arena *a = arena_new(TEXTS_BYTES);
    struct jsonw w = jsonw_to(out);
    pthread_mutex_lock(&r->lock);
    jsonw_list(&w);
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        write_setting(&w, r, s, a);
    jsonw_list_end(&w);
    pthread_mutex_unlock(&r->lock);
    arena_free(a);
}

/* --- the command ----------------------------------------------------------------------------- */

static void print(const json_t *answer) {
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(answer, "changed"), i, item) {
        const char *to = json_text(item, "to"), *from = json_text(item, "from");
        if (to)
            printf("%s %s -> %s\n", json_text(item, "name"), from[0] ? from : "-",
                   to[0] ? to : "-");
        else
            printf("%s changed\n", json_text(item, "name"));
    }
    if (json_array_size(json_object_get(answer, "changed")) == 0)
        printf("nothing changed\n");
    json_array_foreach(json_object_get(answer, "needs_restart"), i, item)
        printf("%s%s", i ? ", " : "needs a restart: ", json_string_value(item));
    if (i)
        putchar('\n');
    if (json_text(answer, "active_master_key"))
        printf("the master key %s is active: ava rotate-keys brings everything under it\n",
               json_text(answer, "active_master_key"));
}

static int complain(const json_t *answer) {
    const json_t *item;
    size_t i;
    json_array_foreach(json_object_get(answer, "problems"), i, item)
        fprintf(stderr, "%s\n", json_string_value(item));
    return cli_fail(EXIT_FAILED, "%zu problem%s. Nothing was changed.", i, i == 1 ? "" : "s");
}

int cmd_config_reload(struct cli *cli) {
    struct config c;
    struct buf out = { 0 };
    char *problems;
    const char *why;
    /* Only to know where it serves: what is wrong with the rest, the server says. */
    cli_config_read(cli, NULL, &c, cli->arena, &problems);
    bool there = control_ask(c.data_dir, "reload", &out) ||
                 (c.origins[SETTING_AVA_DATA_DIR] == ORIGIN_DEFAULT &&
                  control_ask("./ava-sandbox", "reload", &out));
    if (!there)
        return cli_fail(EXIT_FAILED, "no Ava is serving from %s (set AVA_DATA_DIR or --data-dir)",
                        c.data_dir);
    const json_t *answer = json_parse(cli->arena, buf_view(&out), &why);
    bool good = answer && json_is_true(json_object_get(answer, "reloaded"));
    int status = good ? EXIT_OK : EXIT_FAILED;
    if (cli_has(cli, "json") || !answer)
        cli_print_json(str_of(out.ptr));
    else if (good)
        print(answer);
    else
        status = complain(answer);
    buf_fini(&out);
    return status;
}
