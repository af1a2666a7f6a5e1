#include "cli/doctor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/jsonw.h"
#include "cli/control.h"

static void check_settings(struct doctor *d);

static const struct doctor_check CHECKS[] = {
    { "settings", "what is set, and whether it can be", check_settings, NULL, NULL, false },
    { "folder", "whose the data folder is, and who else can read it", doctor_folder,
      "take the rights of others at the data folder and the key file away (chmod)",
      doctor_mend_folder, false },
    { "disk", "room for the data and for backups", doctor_disk, NULL, NULL, false },
    { "clock", "whether something keeps it right", doctor_clock, NULL, NULL, false },
    { "descriptors", "open files, as many as MAX_CONNECTIONS needs", doctor_descriptors, NULL, NULL,
      false },
    { "certificate", "of AVA_TLS_CERT: until when it is good", doctor_certificate, NULL, NULL,
      false },
    { "database", "schema, size, log; SQLite looks through it; of PostgreSQL all that it needs",
      doctor_database, NULL, NULL, false },
    { "keys", "master keys, and what hangs on older ones", doctor_keys, NULL, NULL, true },
    { "audit", "chains and signatures of the audit log", doctor_audit, NULL, NULL, true },
    { "backup", "how old the last one is", doctor_backup, "make a backup into AVA_BACKUP_DIR now",
      doctor_mend_backup, true },
    { "server", "whether it serves, which version, what its breakers say", doctor_server, NULL,
      NULL, true },
    { "redis", "whether hosts count limits together, and in what", doctor_redis, NULL, NULL, true },
    { "public_url", "AVA_PUBLIC_URL as the network sees it, and its certificate", doctor_public_url,
      NULL, NULL, true },
    { "providers", "asks each connected provider whether the key works", doctor_providers, NULL,
      NULL, true },
    { "webhooks", "numbers and assistants that send their webhooks elsewhere", doctor_webhooks,
      "lead the numbers in Ava's care here again, whoever has them now", doctor_mend_webhooks,
      true },
};

/* --- the first check ------------------------------------------------------------------------- */

static void check_settings(struct doctor *d) {
    const struct config *c = &d->house.config;
    size_t set = 0, of_environment = 0;
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        set += c->origins[s] != ORIGIN_DEFAULT;
        of_environment += c->origins[s] == ORIGIN_ENVIRONMENT;
    }
    doctor_say(d, VERDICT_OK,
               arena_printf(d->cli->arena, "%d settings, %zu set, %zu of them from the environment",
                            SETTING_COUNT, set, of_environment),
               NULL);
}

/* --- running them ---------------------------------------------------------------------------- */

static const struct doctor_check *check_of(const char *name) {
    for (size_t i = 0; name && i < ARRAY_LEN(CHECKS); i++)
        if (strcmp(CHECKS[i].name, name) == 0)
            return &CHECKS[i];
    return NULL;
}

static int list(void) {
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
        printf("%-12s %s%s\n", CHECKS[i].name, CHECKS[i].about, CHECKS[i].fix ? " (--fix)" : "");
    return EXIT_OK;
}

static bool is_agreed(struct doctor *d, const char *words) {
    char answer[8] = "";
    if (cli_has(d->cli, "yes"))
        return true;
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "ava: it would %s; say --yes to let it\n", words);
        return false;
    }
    fprintf(stderr, "%s? [y/N] ", words);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* Runs it; what it complains of is mended if that was asked for, and looked at again. */
static void run_one(struct doctor *d, const struct doctor_check *check) {
    size_t warned = d->counts[VERDICT_WARN], failed = d->counts[VERDICT_FAIL];
    d->name = check->name;
    if (check->needs_house && !d->is_open) {
        doctor_say(d, VERDICT_SKIP, "the data cannot be opened", NULL);
        return;
    }
    check->run(d);
    bool is_ill = d->counts[VERDICT_WARN] > warned || d->counts[VERDICT_FAIL] > failed;
    if (!is_ill || !cli_has(d->cli, "fix") || !check->fix || !is_agreed(d, check->fix_words))
        return;
    if (check->fix(d)) {
        d->counts[VERDICT_WARN] = warned; /* what other checks found stays */
        d->counts[VERDICT_FAIL] = failed;
        check->run(d);
    }
}

static void ask_server(struct doctor *d) {
    struct buf *out = buf_in(d->cli->arena);
    const char *why;
    if (control_ask(d->house.config.data_dir, "status", out))
        d->status = json_parse(d->cli->arena, buf_view(out), &why);
}

/* The data is opened only by those who need it. What stands in the way was said on stderr. */
static void open_house(struct doctor *d, const struct doctor_check *only) {
    bool is_needed = !only || only->needs_house || only->run == doctor_database;
    d->is_remote = secret_is_set(&d->house.config.database_url); /* which opening forgets */
    if (!is_needed)
        return;
    d->name = "data";
    if (!d->is_remote &&
        access(arena_printf(d->cli->arena, "%s/ava.db", d->house.config.data_dir), F_OK) != 0) {
        doctor_say(
            d, VERDICT_FAIL,
            arena_printf(d->cli->arena, "there is no database in %s", d->house.config.data_dir),
            "start Ava once, or name the right folder: --data-dir");
        return;
    }
    if (d->is_remote && !doctor_ask_postgres(d))
        return;
    d->is_open = house_furnish(&d->house, d->cli, HOUSE_LOOK, "ava.db") == EXIT_OK;
    if (d->is_open)
        house_ctx(&d->house, &d->ctx, d->cli->arena);
    else
        doctor_say(d, VERDICT_FAIL, "the data cannot be opened; the reason is above", NULL);
}

static int conclude(struct doctor *d, struct buf *json) {
    size_t bad = d->counts[VERDICT_FAIL];
    if (d->is_quiet) {
        jsonw_list_end(&d->json);
        jsonw_i64_at(&d->json, "ok", (int64_t)d->counts[VERDICT_OK]);
        jsonw_i64_at(&d->json, "warnings", (int64_t)d->counts[VERDICT_WARN]);
        jsonw_i64_at(&d->json, "failures", (int64_t)bad);
        jsonw_object_end(&d->json);
        cli_print_json(buf_view(json));
    } else {
        printf("%zu ok, %zu warning%s, %zu failure%s\n", d->counts[VERDICT_OK],
               d->counts[VERDICT_WARN], d->counts[VERDICT_WARN] == 1 ? "" : "s", bad,
               bad == 1 ? "" : "s");
    }
    return bad ? EXIT_FAILED : EXIT_OK;
}

int cmd_doctor(struct cli *cli) {
    const char *name = cli_flag(cli, "run");
    const struct doctor_check *only = check_of(name);
    struct doctor d = { .cli = cli, .is_quiet = cli_has(cli, "json") };
    struct buf *json = buf_in(cli->arena);
    if (cli_has(cli, "list"))
        return list();
    if (name && !only)
        return cli_fail(EXIT_USAGE, "there is no check '%s'; ava doctor --list names them", name);
    int status = house_enter(&d.house, cli, HOUSE_LOOK);
    if (status != EXIT_OK)
        return status;
    d.json = jsonw_to(json);
    if (d.is_quiet) {
        jsonw_object(&d.json);
        jsonw_key(&d.json, "checks");
        jsonw_list(&d.json);
    }
    ask_server(&d);
    open_house(&d, only);
    for (size_t i = 0; i < ARRAY_LEN(CHECKS); i++)
        if (!only || only == &CHECKS[i])
            run_one(&d, &CHECKS[i]);
    house_close(&d.house);
    return conclude(&d, json);
}
