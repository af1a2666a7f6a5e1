/* doctor_here: checks of this machine, and of what is on its disk. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/copied.h"
#include "cli/doctor.h"
#include "crypto/hash.h"
#include "db/backups.h"
#include "db/db.h"
#include "http/tls.h"
#include "service/upkeep/audit_heads.h"
#include "vault/vault.h"

enum {
    RIGHTS_OF_OTHERS = S_IRWXG | S_IRWXO,
    LEAST_FREE_MB = 200,
    LITTLE_FREE_MB = 2000,
    LONG_LOG_MB = 256,
    OWN_DESCRIPTORS = 512,
    HOUR_S = 3600,
    DAY_S = 24 * HOUR_S,
    CERTIFICATE_WARN_DAYS = 14,
};

static const char *path_in(struct doctor *d, const char *name) {
    return arena_printf(d->cli->arena, "%s/%s", d->house.config.data_dir, name);
}

static const char *since(struct doctor *d, int64_t seconds) {
    if (seconds >= 2 * DAY_S)
        return arena_printf(d->cli->arena, "%lld days", (long long)(seconds / DAY_S));
    if (seconds >= 2 * HOUR_S)
        return arena_printf(d->cli->arena, "%lld h", (long long)(seconds / HOUR_S));
    return arena_printf(d->cli->arena, "%lld min", (long long)(seconds / 60));
}

/* --- the folder ------------------------------------------------------------------------------ */

static const char *const PRIVATE[] = { "", "ava.db", "book.db", "master.keys" };

/* Which of them others may use; NULL: none. */
static const char *open_to_others(struct doctor *d) {
    struct stat st;
    for (size_t i = 0; i < ARRAY_LEN(PRIVATE); i++)
        if (stat(path_in(d, PRIVATE[i]), &st) == 0 && (st.st_mode & RIGHTS_OF_OTHERS))
            return path_in(d, PRIVATE[i]);
    return NULL;
}

void doctor_folder(struct doctor *d) {
    struct stat st;
    const char *folder = d->house.config.data_dir, *open = open_to_others(d);
    if (stat(folder, &st) != 0)
        doctor_say(d, VERDICT_FAIL, arena_printf(d->cli->arena, "%s: %s", folder, strerror(errno)),
                   "start Ava once, or name the right folder: --data-dir");
    else if (open)
        doctor_say(d, VERDICT_FAIL, arena_printf(d->cli->arena, "others have rights at %s", open),
                   arena_printf(d->cli->arena,
                                "chmod go-rwx %s   or: ava doctor --run folder --fix", open));
    else
        doctor_say(d, VERDICT_OK,
                   arena_printf(d->cli->arena, "%s, of uid %u, nobody else has rights there",
                                folder, (unsigned)st.st_uid),
                   NULL);
}

bool doctor_mend_folder(struct doctor *d) {
    struct stat st;
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(PRIVATE); i++) {
        const char *path = path_in(d, PRIVATE[i]);
        if (stat(path, &st) == 0 && (st.st_mode & RIGHTS_OF_OTHERS))
            good = chmod(path, st.st_mode & 07777 & ~(mode_t)RIGHTS_OF_OTHERS) == 0 && good;
    }
    return good;
}

/* --- the machine ----------------------------------------------------------------------------- */

static void look_at_disk(struct doctor *d, const char *folder) {
    struct statvfs disk;
    if (statvfs(folder, &disk) != 0) {
        doctor_say(d, VERDICT_FAIL, arena_printf(d->cli->arena, "%s: %s", folder, strerror(errno)),
                   NULL);
        return;
    }
    double free_mb = (double)disk.f_bavail * (double)disk.f_frsize / 1e6;
    double part = disk.f_blocks ? (double)disk.f_bavail / (double)disk.f_blocks * 100 : 0;
    const char *text =
        arena_printf(d->cli->arena, "%s: %.1f GB free (%.0f %%)", folder, free_mb / 1e3, part);
    bool is_full = free_mb < LEAST_FREE_MB || disk.f_favail == 0;
    enum verdict v = is_full                                   ? VERDICT_FAIL
                     : free_mb < LITTLE_FREE_MB && part < 10.0 ? VERDICT_WARN
                                                               : VERDICT_OK;
    doctor_say(d, v, text, v == VERDICT_OK ? NULL : "make room, or move it to a larger disk");
}

void doctor_disk(struct doctor *d) {
    look_at_disk(d, d->house.config.data_dir);
    if (d->house.config.backup_dir[0])
        look_at_disk(d, d->house.config.backup_dir);
}

void doctor_clock(struct doctor *d) {
    struct timex now = { 0 };
    int state = adjtimex(&now);
    if (state < 0)
        doctor_say(d, VERDICT_SKIP, "the kernel does not say whether the clock is kept right",
                   NULL);
    else if (now.status & STA_UNSYNC)
        doctor_say(
            d, VERDICT_WARN, "nothing keeps the clock of this machine right",
            "run a time service (chrony, systemd-timesyncd): signatures of webhooks are good "
            "for 5 minutes only");
    else
        doctor_say(
            d, VERDICT_OK,
            arena_printf(d->cli->arena, "kept right, off by at most %ld ms", now.maxerror / 1000),
            NULL);
}

void doctor_descriptors(struct doctor *d) {
    struct rlimit limit;
    int64_t wanted = d->house.config.max_connections + OWN_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY || (int64_t)limit.rlim_max >= wanted)
        doctor_say(d, VERDICT_OK, "as many as MAX_CONNECTIONS needs can be had from here", NULL);
    else
        doctor_say(d, VERDICT_WARN,
                   arena_printf(d->cli->arena,
                                "%lld can be had from here, MAX_CONNECTIONS needs %lld",
                                (long long)limit.rlim_max, (long long)wanted),
                   "raise LimitNOFILE (ulimit -Hn), or lower MAX_CONNECTIONS");
}

void doctor_say_certificate(struct doctor *d, const char *whose, int64_t ends_ms) {
    char until[32];
    int64_t left_s = (ends_ms - ava_wall_ms()) / 1000;
    clock_rfc3339(ends_ms, until);
    if (left_s <= 0)
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(d->cli->arena, "%s is over since %s", whose, until),
                   "renew it, then: ava config reload");
    else if (left_s < (int64_t)CERTIFICATE_WARN_DAYS * DAY_S)
        doctor_say(
            d, VERDICT_WARN,
            arena_printf(d->cli->arena, "%s ends in %s (%s)", whose, since(d, left_s), until),
            "renew it, then: ava config reload");
    else
        doctor_say(d, VERDICT_OK, arena_printf(d->cli->arena, "%s is good until %s", whose, until),
                   NULL);
}

void doctor_certificate(struct doctor *d) {
    const struct config *c = &d->house.config;
    const char *why = "";
    if (!c->tls_cert[0]) {
        doctor_say(d, VERDICT_SKIP, "AVA_TLS_CERT is not set: a proxy does TLS, or nobody", NULL);
        return;
    }
    struct tls_setup *tls = tls_setup_load(c->tls_cert, c->tls_key, d->cli->arena, &why);
    if (!tls) {
        doctor_say(d, VERDICT_FAIL, why, NULL);
        return;
    }
    doctor_say_certificate(d, c->tls_cert, tls_setup_expires_ms(tls));
    tls_setup_free(tls);
}

/* --- the data -------------------------------------------------------------------------------- */

void doctor_database(struct doctor *d) {
    struct stat file, log;
    if (d->is_remote) {
        doctor_postgres(d);
        return;
    }
    if (!d->is_open) {
        doctor_say(d, VERDICT_SKIP, "the data cannot be opened", NULL);
        return;
    }
    bool has_log = stat(path_in(d, "ava.db-wal"), &log) == 0;
    double log_mb = has_log ? (double)log.st_size / 1e6 : 0;
    if (stat(path_in(d, "ava.db"), &file) != 0)
        file.st_size = 0;
    doctor_say(
        d, log_mb > LONG_LOG_MB ? VERDICT_WARN : VERDICT_OK,
        arena_printf(d->cli->arena, "%s, %.0f MB, log %.0f MB, whole as far as SQLite looked",
                     db_about(d->house.parts.db, d->cli->arena), (double)file.st_size / 1e6,
                     log_mb),
        log_mb > LONG_LOG_MB ? "the log is long: the disk does not keep up, or a reader never "
                               "ends"
                             : NULL);
}

void doctor_keys(struct doctor *d) {
    struct vault_state s;
    if (vault_state(&d->ctx, &s) != OK) {
        doctor_say(d, VERDICT_FAIL, "the keys cannot be read", NULL);
        return;
    }
    if (s.refused)
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(d->cli->arena,
                                "%lld workspaces are closed: their data is under a "
                                "master key that was retired",
                                (long long)s.refused),
                   "ava rotate-keys");
    else
        doctor_say(d, s.behind ? VERDICT_WARN : VERDICT_OK,
                   s.behind
                       ? arena_printf(d->cli->arena,
                                      "%s is active, %lld workspaces hang on an older one",
                                      s.active_id, (long long)s.behind)
                       : arena_printf(d->cli->arena, "%s is active, its canary opens", s.active_id),
                   s.behind ? "ava rotate-keys (docs/keys.md)" : NULL);
}

void doctor_audit(struct doctor *d) {
    struct audit_head none = { .seq = 0 };
    struct audit_check k;
    if (audit_check(&d->ctx, &none, NULL, &k) != OK)
        doctor_say(d, VERDICT_FAIL, "the audit log cannot be read", NULL);
    else if (k.wrong)
        doctor_say(d, VERDICT_FAIL,
                   arena_printf(d->cli->arena, "row %lld: %s", (long long)k.bad_seq, k.wrong),
                   "somebody changed the database by hand; compare with a backup (docs/audit.md)");
    else
        doctor_say(d, VERDICT_OK,
                   arena_printf(d->cli->arena, "%lld rows, signed up to %lld", (long long)k.rows,
                                (long long)k.signed_seq),
                   NULL);
}

/* --- backups --------------------------------------------------------------------------------- */

void doctor_backup(struct doctor *d) {
    const struct config *c = &d->house.config;
    int64_t last_ms = backups_last_ms(path_in(d, "ava.db"));
    int64_t age_s = (ava_wall_ms() - last_ms) / 1000;
    int64_t most_s = (c->backup_dir[0] ? c->backup_every_hours + 2 : 26) * HOUR_S;
    static const char HOW[] = "ava backup FILE, or set AVA_BACKUP_DIR (docs/backups.md)";
    if (d->is_remote)
        doctor_say(d, VERDICT_SKIP, "PostgreSQL's own tools make them, and Ava knows of none",
                   NULL);
    else if (!last_ms)
        doctor_say(d, VERDICT_WARN, "none is known", HOW);
    else
        doctor_say(d, age_s > most_s ? VERDICT_FAIL : VERDICT_OK,
                   arena_printf(d->cli->arena, "the last one is %s old", since(d, age_s)),
                   age_s > most_s ? HOW : NULL);
}

bool doctor_mend_backup(struct doctor *d) {
    const struct config *c = &d->house.config;
    struct snapshot made;
    const char *why = "";
    if (!c->backup_dir[0]) {
        doctor_say(d, VERDICT_FAIL, "AVA_BACKUP_DIR is not set", "ava backup FILE");
        return false;
    }
    const char *to = arena_printf(d->cli->arena, "%s/%s", c->backup_dir,
                                  backups_name(d->cli->arena, ava_wall_ms()));
    struct snapshot_order order = { .database = path_in(d, "ava.db"),
                                    .to = to,
                                    .gently = true,
                                    .hash = hash_blake2b,
                                    .mirror = copied,
                                    .arg = (void *)c->data_dir };
    bool good = snapshot_write(&order, d->cli->arena, &made, &why);
    if (good)
        backups_note(order.database, to, &made, d->cli->arena);
    else
        doctor_say(d, VERDICT_FAIL, why, NULL);
    return good;
}

/* --- the server ------------------------------------------------------------------------------ */

void doctor_server(struct doctor *d) {
    const json_t *p;
    size_t i;
    if (!d->status) {
        doctor_say(d, VERDICT_WARN, "no Ava is serving from this folder", "ava serve");
        return;
    }
    const char *version = json_text(d->status, "version");
    if (version && strcmp(version, AVA_VERSION) != 0)
        doctor_say(
            d, VERDICT_WARN,
            arena_printf(d->cli->arena, "version %s is serving, this is %s", version, AVA_VERSION),
            "restart it");
    else
        doctor_say(d, VERDICT_OK,
                   arena_printf(d->cli->arena, "serving since %s", json_text(d->status, "since")),
                   NULL);
    json_array_foreach(json_object_get(d->status, "providers"), i, p) {
        if (strcmp(json_text(p, "breaker"), "closed") != 0)
            doctor_say(d, VERDICT_FAIL,
                       arena_printf(d->cli->arena, "%s does not answer: its breaker is %s",
                                    json_text(p, "name"), json_text(p, "breaker")),
                       "docs/runbooks/breaker-open.md");
    }
}
