/* config: every setting, where it came from, and what is wrong with it.
 *
 * Sources, strongest first: flag, environment (NAME or NAME_FILE, or a systemd credential for
 * secrets), file, default. All problems are reported at once, each with its origin, and nothing
 * starts (exit 78). */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/secret.h"

/* What is LIVE may change while Ava serves: numbers and switches in place, so every thread may read
 * them at any time. A live text or secret is only what was read at start: those who use it
 * (routes/entry, service/connections/lending) have a copy of their own and are told. */
#define CONFIG_TYPE_TEXT_RESTART   const char *
#define CONFIG_TYPE_TEXT_LIVE      const char *
#define CONFIG_TYPE_URL_RESTART    const char *
#define CONFIG_TYPE_CHOICE_RESTART const char *
#define CONFIG_TYPE_CHOICE_LIVE    const char *
#define CONFIG_TYPE_INT_RESTART    int64_t
#define CONFIG_TYPE_INT_LIVE       _Atomic int64_t
#define CONFIG_TYPE_BOOL_LIVE      atomic_bool
#define CONFIG_TYPE_SECRET_RESTART struct secret
#define CONFIG_TYPE_SECRET_LIVE    struct secret

enum setting {
#define SETTING(kind, name, when, field, fallback, min, max, choices, group, help) SETTING_##name,
#include "config/config.def"
#undef SETTING
    SETTING_COUNT
};

enum origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct config {
#define SETTING(kind, name, when, field, fallback, min, max, choices, group, help) \
    CONFIG_TYPE_##kind##_##when field;
#include "config/config.def"
#undef SETTING
    enum origin origins[SETTING_COUNT];
    bool from_file[SETTING_COUNT];    /* secrets: read from a file of their own */
    const char *files[SETTING_COUNT]; /* its path; NULL: there is none */
    bool is_kept[SETTING_COUNT]; /* secrets: of the environment, as they were when it was read */
};

struct config_flag {
    const char *name, *value; /* --listen 0.0.0.0:80 is { "listen", "0.0.0.0:80" } */
};

struct config_sources {
    const char *file; /* path, or NULL: ./ava.conf where it exists */
    const struct config_flag *flags;
    size_t flag_count;
    char **environment; /* as environ; secrets in it are overwritten after reading */
    /* Reading again: what was read first, for those secrets. One that was wiped since counts as
     * set. NULL: nothing was read before. */
    const struct config *before;
};

/* Reads everything. Returns the number of problems; *problems has one line each, as people read
 * them ("RATE_LIMIT_PER_MINUTE: 0 is too low (1..10000)\n  from the environment"). Texts live in
 * the arena, which must outlive the config. */
size_t config_load(struct config *c, const struct config_sources *from, struct arena *a,
                   char **problems);

/* The table, for help, examples and documentation. */
struct setting_info {
    const char *name, *kind, *fallback, *choices, *group, *help;
    int64_t min, max;
    bool is_secret, is_live;
};
const struct setting_info *setting_info(enum setting s);
const char *origin_name(enum origin o);

/* Has s another value in b? Not for secrets: false. */
bool config_differs(const struct config *a, const struct config *b, enum setting s);

/* The bytes of a secret setting; NULL for all others. */
struct secret *config_secret(struct config *c, enum setting s);

/* The live numbers and switches of from, in force for every thread that reads to. */
void config_take_live(struct config *to, const struct config *from);

/* The value as text for `config show`; a secret is "set" or "not set". */
const char *config_value(const struct config *c, enum setting s, struct arena *a);

/* Does this host of a URL ("localhost", "127.0.0.1", "[::1]") name this machine? */
bool config_is_loopback(struct str host);

/* "AVA_LISTEN" is also the flag "listen", "RATE_LIMIT_PER_MINUTE" "rate-limit-per-minute". Finds
 * the setting by either form, SETTING_COUNT when there is none. */
enum setting setting_find(struct str name);
/* Its flag, without dashes; of a secret that of its file. */
const char *setting_flag(enum setting s, struct arena *a);
const char *setting_nearest(struct str name, struct arena *a); /* for "did you mean" */
