#include "config/config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/redis_url.h"

static const struct setting_info TABLE[SETTING_COUNT] = {
#define SETTING(kind, name, when, field, fallback, min, max, choices, group, help) \
    [SETTING_##name] = { #name, #kind, fallback, choices,         group,           \
                         help,  min,   max,      #kind[0] == 'S', #when[0] == 'L' },
#include "config/config.def"
#undef SETTING
};

enum { FILE_MAX_BYTES = 64 * 1024 };

struct load {
    struct config *config;
    struct arena *arena;
    struct buf problems;
    size_t count;
};

const struct setting_info *setting_info(enum setting s) {
    return &TABLE[s];
}

const char *origin_name(enum origin o) {
    static const char *const NAMES[] = { "default", "file", "environment", "flag" };
    return NAMES[o];
}

static void problem(struct load *l, const char *format, ...) PRINTF_LIKE(2, 3);
static void problem(struct load *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    buf_vprintf(&l->problems, format, args);
    va_end(args);
    buf_char(&l->problems, '\n');
    l->count++;
}

/* "AVA_LISTEN" and "listen", "CACHE_TTL_SECONDS" and "cache-ttl-seconds" are the same. */
static bool is_called(const char *setting, struct str name) {
    if (str_is(name, setting))
        return true;
    if (strncmp(setting, "AVA_", 4) == 0)
        setting += 4;
    if (strlen(setting) != name.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = setting[i] == '_' ? '-' : (char)tolower((unsigned char)setting[i]);
        if (c != name.ptr[i])
            return false;
    }
    return true;
}

enum setting setting_find(struct str name) {
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (is_called(TABLE[s].name, name))
            return s;
    return SETTING_COUNT;
}

const char *setting_flag(enum setting s, struct arena *a) {
    const char *name = TABLE[s].name;
    if (strncmp(name, "AVA_", 4) == 0)
        name += 4;
    char *flag = arena_printf(a, "%s%s", name, TABLE[s].is_secret ? "-file" : "");
    for (char *p = flag; *p; p++)
        *p = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
    return flag;
}

const char *setting_nearest(struct str name, struct arena *a) {
    const char *best = NULL;
    size_t best_distance = 6;
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        size_t d = str_distance(name, str_of(TABLE[s].name));
        if (d < best_distance) {
            best_distance = d;
            best = TABLE[s].name;
        }
    }
    return best ? arena_printf(a, " Did you mean %s?", best) : "";
}

/* An address in 127.0.0.0/8; not a name that begins like one. */
bool config_is_loopback(struct str host) {
    struct in_addr v4;
    char text[INET_ADDRSTRLEN];
    if (str_is(host, "localhost") || str_is(host, "[::1]"))
        return true;
    return str_copy(text, sizeof text, host) && inet_pton(AF_INET, text, &v4) == 1 &&
           ntohl(v4.s_addr) >> 24 == 127;
}

/* https anywhere, http to this machine only; scheme and host, maybe a path, nothing else. */
static const char *check_url(struct str url) {
    bool plain = str_starts(url, STR("http://"));
    size_t scheme = plain ? 7 : 8;
    struct str rest;
    if (!plain && !str_starts(url, STR("https://")))
        return "is not an http or https URL";
    struct str host = str_cut((struct str){ url.ptr + scheme, url.len - scheme }, '/', &rest), port;
    if (host.len == 0 || str_find(url, STR("@")) >= 0 || str_find(url, STR("?")) >= 0 ||
        str_find(url, STR("#")) >= 0 || str_find(url, STR(" ")) >= 0)
        return "is not a plain URL (scheme, host, port, path)";
    struct str name = host.ptr[0] == '[' ? host : str_cut(host, ':', &port);
    if (str_starts(host, STR("[::1]:")))
        name = STR("[::1]");
    if (plain && !config_is_loopback(name))
        return "is not encrypted: plain http is for this machine only, use https";
    return NULL;
}

static bool parse_bool(struct str v, bool *out) {
    if (str_eq_nocase(v, STR("true")) || str_is(v, "1") || str_eq_nocase(v, STR("yes")) ||
        str_eq_nocase(v, STR("on")))
        *out = true;
    else if (str_eq_nocase(v, STR("false")) || str_is(v, "0") || str_eq_nocase(v, STR("no")) ||
             str_eq_nocase(v, STR("off")))
        *out = false;
    else
        return false;
    return true;
}

static bool is_choice(struct str value, const char *choices) {
    for (struct str rest = str_of(choices); rest.ptr;)
        if (str_eq(str_cut(rest, '|', &rest), value))
            return true;
    return false;
}

static void *field_of(struct config *c, enum setting s) {
    switch (s) {
#define SETTING(kind, name, when, field, fallback, min, max, choices, group, help) \
    case SETTING_##name:                                                           \
        return &c->field;
#include "config/config.def"
#undef SETTING
    default:
        return NULL;
    }
}

/* Nobody else knows of a config that is being read; once it is in use, live ones are stored as
 * atomics, which have the layout of what they hold. */
static int64_t int_of(const struct config *c, enum setting s) {
    const void *field = field_of((struct config *)c, s);
    return TABLE[s].is_live ? atomic_load((const _Atomic int64_t *)field) : *(const int64_t *)field;
}

static void int_set(struct config *c, enum setting s, int64_t value) {
    void *field = field_of(c, s);
    if (TABLE[s].is_live)
        atomic_store((_Atomic int64_t *)field, value);
    else
        *(int64_t *)field = value;
}

static bool bool_of(const struct config *c, enum setting s) {
    return atomic_load((const atomic_bool *)field_of((struct config *)c, s));
}

static void bool_set(struct config *c, enum setting s, bool value) {
    atomic_store((atomic_bool *)field_of(c, s), value);
}

/* One value that was given to one setting. */
struct giving {
    enum setting setting;
    struct str value;
    const char *where; /* it came from, for people */
};

static bool give_int(struct load *l, const struct giving *g) {
    const struct setting_info *info = &TABLE[g->setting];
    int64_t number;
    if (!str_to_i64(g->value, INT64_MIN / 2, INT64_MAX / 2, &number)) {
        problem(l, "%s: '%.*s' is not a whole number (%lld..%lld)\n  %s", info->name,
                STR_FMT(g->value), (long long)info->min, (long long)info->max, g->where);
        return false;
    }
    if (number < info->min || number > info->max) {
        problem(l, "%s: %lld is too %s (%lld..%lld)\n  %s", info->name, (long long)number,
                number < info->min ? "low" : "high", (long long)info->min, (long long)info->max,
                g->where);
        return false;
    }
    int_set(l->config, g->setting, number);
    return true;
}

static bool give_bool(struct load *l, const struct giving *g) {
    bool truth;
    if (!parse_bool(g->value, &truth)) {
        problem(l, "%s: '%.*s' is neither true nor false\n  %s", TABLE[g->setting].name,
                STR_FMT(g->value), g->where);
        return false;
    }
    bool_set(l->config, g->setting, truth);
    return true;
}

static bool give_text(struct load *l, const struct giving *g) {
    *(const char **)field_of(l->config, g->setting) = str_dup(l->arena, g->value);
    return true;
}

static bool give_choice(struct load *l, const struct giving *g) {
    const struct setting_info *info = &TABLE[g->setting];
    if (is_choice(g->value, info->choices))
        return give_text(l, g);
    problem(l, "%s: '%.*s' is not one of %s\n  %s", info->name, STR_FMT(g->value), info->choices,
            g->where);
    return false;
}

static bool give_secret(struct load *l, const struct giving *g) {
    if (secret_set(field_of(l->config, g->setting), g->value))
        return true;
    problem(l, "%s: longer than %d bytes\n  %s", TABLE[g->setting].name, SECRET_MAX_BYTES,
            g->where);
    return false;
}

static bool give_url(struct load *l, const struct giving *g) {
    const char *name = TABLE[g->setting].name, *why = check_url(g->value);
    struct giving bare = *g;
    if (why && str_find(g->value, STR("@")) >= 0) /* it may hold a password */
        problem(l, "%s: the value %s\n  %s", name, why, g->where);
    else if (why)
        problem(l, "%s: '%.*s' %s\n  %s", name, STR_FMT(g->value), why, g->where);
    if (why)
        return false;
    while (bare.value.len && bare.value.ptr[bare.value.len - 1] == '/')
        bare.value.len--;
    return give_text(l, &bare);
}

/* By the first letter of the kind in config.def. */
static const struct {
    char letter;
    bool (*give)(struct load *l, const struct giving *g);
} GIVERS[] = { { 'I', give_int },    { 'B', give_bool }, { 'C', give_choice },
               { 'S', give_secret }, { 'U', give_url },  { 'T', give_text } };

/* Parses value into the field; says what is wrong with `where` behind it. */
static void assign(struct load *l, enum setting s, struct str value, enum origin origin,
                   const char *where) {
    struct giving g = { s, value, where };
    for (size_t i = 0; i < ARRAY_LEN(GIVERS); i++)
        if (GIVERS[i].letter == TABLE[s].kind[0] && GIVERS[i].give(l, &g))
            l->config->origins[s] = origin;
}

/* Whole file into buf; NULL or why not. */
static const char *read_file(const char *path, struct buf *out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return strerror(errno);
    char chunk[4096];
    ssize_t n;
    const char *why = NULL;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        buf_put(out, chunk, (size_t)n);
        if (out->len > FILE_MAX_BYTES) {
            why = "larger than 64 KiB";
            break;
        }
    }
    if (n < 0)
        why = strerror(errno);
    explicit_bzero(chunk, sizeof chunk);
    close(fd);
    return why;
}

static struct str chomp(struct str s) {
    while (s.len && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r'))
        s.len--;
    return s;
}

static void load_secret_file(struct load *l, enum setting s, const char *path, enum origin origin) {
    struct buf bytes = { 0 };
    l->config->is_kept[s] = false;
    const char *why = read_file(path, &bytes);
    if (why)
        problem(l, "%s: the file %s cannot be read: %s\n  from %s_FILE", TABLE[s].name, path, why,
                TABLE[s].name);
    else
        assign(l, s, chomp(buf_view(&bytes)), origin, "from its file");
    l->config->from_file[s] = !why;
    l->config->files[s] = str_dup(l->arena, str_of(path));
    buf_wipe(&bytes);
}

/* What stands where a name should: quoted only when it could be one, as it may be a key that
 * landed on a line of its own. */
static struct str quotable(struct str name) {
    bool good = name.len > 0 && name.len <= 40;
    for (size_t i = 0; good && i < name.len; i++)
        good = isalnum((unsigned char)name.ptr[i]) || name.ptr[i] == '_' || name.ptr[i] == '-';
    return good ? name : STR("This");
}

/* One NAME=value of the file or a flag; also NAME_FILE for secrets. */
static void take(struct load *l, struct str name, struct str value, enum origin origin,
                 const char *where) {
    enum setting s = setting_find(name);
    if (s != SETTING_COUNT && TABLE[s].is_secret && origin == ORIGIN_FLAG) {
        problem(l,
                "%s: a secret on the command line is seen by everybody; use --%.*s-file PATH\n  %s",
                TABLE[s].name, STR_FMT(name), where);
        return;
    }
    if (s != SETTING_COUNT) {
        l->config->from_file[s] = false;
        assign(l, s, value, origin, where);
        return;
    }
    bool lower = str_ends(name, STR("-file"));
    struct str stem = { name.ptr, name.len > 5 ? name.len - 5 : 0 };
    if ((lower || str_ends(name, STR("_FILE"))) && (s = setting_find(stem)) != SETTING_COUNT &&
        TABLE[s].is_secret) {
        load_secret_file(l, s, str_dup(l->arena, value), origin);
        return;
    }
    problem(l, "%.*s is not a setting.%s\n  %s", STR_FMT(quotable(name)),
            setting_nearest(name, l->arena), where);
}

static void load_file(struct load *l, const char *path, bool must_exist) {
    struct buf text = { 0 };
    const char *why = read_file(path, &text);
    if (why) {
        if (must_exist)
            problem(l, "%s: cannot be read: %s", path, why);
        buf_fini(&text);
        return;
    }
    int number = 0;
    for (struct str rest = buf_view(&text), line; rest.ptr;) {
        line = str_trim(chomp(str_cut(rest, '\n', &rest)));
        number++;
        if (line.len == 0 || line.ptr[0] == '#')
            continue;
        struct str value, name = str_trim(str_cut(line, '=', &value));
        const char *where = arena_printf(l->arena, "from %s:%d", path, number);
        value = str_trim(value);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = (struct str){ value.ptr + 1, value.len - 2 };
        if (!value.ptr)
            problem(l, "%s:%d: '%.*s' has no '='", path, number, STR_FMT(quotable(name)));
        else
            take(l, name, value, ORIGIN_FILE, where);
    }
    buf_wipe(&text);
}

static void load_environment(struct load *l, char **environment) {
    for (char **e = environment; e && *e; e++) {
        struct str value, name = str_cut(str_of(*e), '=', &value);
        enum setting s = setting_find(name);
        bool is_file = str_ends(name, STR("_FILE"));
        struct str stem = { name.ptr, is_file ? name.len - 5 : name.len };
        if (!value.ptr || name.len == 0 || !isupper((unsigned char)name.ptr[0]))
            continue;
        bool known = s != SETTING_COUNT || (is_file && setting_find(stem) != SETTING_COUNT);
        if (!known && !str_starts(name, STR("AVA_")))
            continue; /* other programs' variables */
        if (value.len == 0 && known)
            continue; /* set but empty is what compose files write for "not set" */
        take(l, name, value, ORIGIN_ENVIRONMENT, "from the environment");
        if (s != SETTING_COUNT && TABLE[s].is_secret)
            explicit_bzero((char *)value.ptr, value.len); /* not for /proc/self/environ */
    }
}

/* What the environment held before its bytes were overwritten. */
static void recall_environment(struct load *l, const struct config *before) {
    for (enum setting s = 0; before && s < SETTING_COUNT; s++) {
        if (!TABLE[s].is_secret || before->origins[s] != ORIGIN_ENVIRONMENT || before->from_file[s])
            continue;
        const struct secret *was = field_of((struct config *)before, s);
        secret_set(field_of(l->config, s), secret_reveal(was));
        l->config->origins[s] = ORIGIN_ENVIRONMENT;
        l->config->from_file[s] = false;
        l->config->is_kept[s] = true;
    }
}

/* $CREDENTIALS_DIRECTORY/NAME, as systemd's LoadCredential= provides it. */
static void load_credentials(struct load *l, char **environment) {
    for (char **e = environment; e && *e; e++) {
        if (strncmp(*e, "CREDENTIALS_DIRECTORY=", 22) != 0)
            continue;
        for (enum setting s = 0; s < SETTING_COUNT; s++) {
            char *path = arena_printf(l->arena, "%s/%s", *e + 22, TABLE[s].name);
            if (TABLE[s].is_secret && access(path, R_OK) == 0)
                load_secret_file(l, s, path, ORIGIN_ENVIRONMENT);
        }
    }
}

/* Each is what a browser sends as Origin, or it would never match: no path, no '*'. */
static void check_origins(struct load *l) {
    for (struct str rest = str_of(l->config->cors_origins), item; rest.ptr && rest.len;) {
        item = str_trim(str_cut(rest, ',', &rest));
        size_t scheme = str_starts(item, STR("https://"))  ? 8
                        : str_starts(item, STR("http://")) ? 7
                                                           : 0;
        struct str host = { item.ptr + scheme, item.len - scheme };
        if (item.len && (!scheme || host.len == 0 || str_find(host, STR("/")) >= 0 ||
                         str_find(host, STR("*")) >= 0))
            problem(l,
                    "CORS_ALLOWED_ORIGINS: '%.*s' is not an origin such as "
                    "https://app.example.com (scheme, host, port, nothing else)\n  from the %s",
                    STR_FMT(item), origin_name(l->config->origins[SETTING_CORS_ALLOWED_ORIGINS]));
    }
}

/* Rules that need more than one setting. */
/* host:port or [v6]:port, with a port of 0..65535. */
static bool is_address(struct str address) {
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < address.len; i++)
        if (address.ptr[i] == ':')
            colon = (ptrdiff_t)i;
    int64_t port;
    if (colon < 0 ||
        !str_to_i64((struct str){ address.ptr + colon + 1, address.len - (size_t)colon - 1 }, 0,
                    65535, &port))
        return false;
    struct str host = { address.ptr, (size_t)colon };
    bool is_v6 = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    return is_v6 || !memchr(host.ptr, ':', host.len);
}

static void check_addresses(struct load *l, enum setting s, const char *list) {
    for (struct str rest = str_of(list), address; rest.ptr && rest.len;) {
        address = str_trim(str_cut(rest, ',', &rest));
        if (!is_address(address))
            problem(l, "%s: '%.*s' is not host:port or [v6]:port\n  from the %s", TABLE[s].name,
                    STR_FMT(address), origin_name(l->config->origins[s]));
    }
}

static bool has_secret(const struct config *c, enum setting s) {
    return secret_is_set(field_of((struct config *)c, s)) || c->is_kept[s];
}

static void check_redis(struct load *l) {
    struct config *c = l->config;
    const char *why = "", *from = origin_name(c->origins[SETTING_REDIS_URL]);
    struct redis_url url = { 0 };
    if (secret_is_set(&c->redis_url) && !redis_url_parse(secret_reveal(&c->redis_url), &url, &why))
        problem(l, "REDIS_URL: %s; %s\n  from the %s", why, REDIS_URL_FORM, from);
    redis_url_wipe(&url);
    if (has_secret(c, SETTING_REDIS_URL) && !has_secret(c, SETTING_DATABASE_URL))
        problem(l,
                "REDIS_URL: without DATABASE_URL there is one host, which counts by itself; "
                "unset it, or set DATABASE_URL too\n  from the %s",
                from);
}

static void check_together(struct load *l) {
    const struct config *c = l->config;
    check_addresses(l, SETTING_AVA_LISTEN, c->listen);
    check_addresses(l, SETTING_AVA_METRICS_LISTEN, c->metrics_listen);
    bool production = strcmp(c->profile, "production") == 0;
    check_origins(l);
    if (c->backup_dir[0] && has_secret(c, SETTING_DATABASE_URL))
        problem(l, "AVA_BACKUP_DIR: Ava makes backups of SQLite alone, and with DATABASE_URL the "
                   "data is in PostgreSQL, "
                   "whose own tools make them; unset it");
    check_redis(l);
    if (c->public_url[0] && !str_starts(str_of(c->public_url), STR("http://")) &&
        !str_starts(str_of(c->public_url), STR("https://")))
        problem(l, "AVA_PUBLIC_URL: '%s' is not an http or https URL", c->public_url);
    if ((c->admin_email[0] != 0) != has_secret(c, SETTING_AVA_ADMIN_PASSWORD))
        problem(l, "AVA_ADMIN_EMAIL and AVA_ADMIN_PASSWORD go together: set both or neither");
    if ((c->platform_twilio_account_sid[0] != 0) != has_secret(c, SETTING_TWILIO_AUTH_TOKEN))
        problem(l, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together: set both or neither");
    if ((c->platform_resend_from[0] != 0) != has_secret(c, SETTING_RESEND_API_KEY))
        problem(l, "RESEND_API_KEY and RESEND_FROM go together: set both or neither");
    if ((c->google_client_id[0] != 0) != has_secret(c, SETTING_GOOGLE_CLIENT_SECRET))
        problem(l, "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET go together: set both or neither");
    if ((c->microsoft_client_id[0] != 0) != has_secret(c, SETTING_MICROSOFT_CLIENT_SECRET))
        problem(l,
                "MICROSOFT_CLIENT_ID and MICROSOFT_CLIENT_SECRET go together: set both or neither");
    if ((c->tls_cert[0] != 0) != (c->tls_key[0] != 0))
        problem(l, "AVA_TLS_CERT and AVA_TLS_KEY go together: set both or neither");
    else if (c->tls_cert[0] && str_starts(str_of(c->public_url), STR("http://")))
        problem(l, "AVA_PUBLIC_URL: '%s' is not https, but AVA_TLS_CERT makes AVA_LISTEN speak it",
                c->public_url);
    if (!production)
        return;
    if (c->stub_mode)
        problem(l,
                "INTEGRATIONS_STUB_MODE: pretend answers are not allowed with "
                "AVA_PROFILE=production; set it to false\n  from the %s",
                origin_name(c->origins[SETTING_INTEGRATIONS_STUB_MODE]));
    if (!has_secret(c, SETTING_AVA_MASTER_KEYS))
        problem(l,
                "AVA_MASTER_KEYS: missing; production wants the keys outside of the data folder. "
                "Put lines id:base64(32 bytes) into a file and set AVA_MASTER_KEYS_FILE");
    if (!c->public_url[0])
        problem(l, "AVA_PUBLIC_URL: missing; set it to the https address providers call");
    else if (!str_starts(str_of(c->public_url), STR("https://")))
        problem(l, "AVA_PUBLIC_URL: '%s' is not https, which production needs", c->public_url);
}

size_t config_load(struct config *c, const struct config_sources *from, struct arena *a,
                   char **problems) {
    struct load l = { .config = c, .arena = a };
    memset(c, 0, sizeof *c);
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        if (!TABLE[s].is_secret && TABLE[s].kind[0] != 'U')
            assign(&l, s, str_of(TABLE[s].fallback), ORIGIN_DEFAULT, "from the defaults");
        else if (TABLE[s].kind[0] == 'U')
            *(const char **)field_of(c, s) = TABLE[s].fallback;
    load_file(&l, from->file ? from->file : "ava.conf", from->file != NULL);
    load_credentials(&l, from->environment);
    load_environment(&l, from->environment);
    recall_environment(&l, from->before);
    for (size_t i = 0; i < from->flag_count; i++)
        take(&l, str_of(from->flags[i].name), str_of(from->flags[i].value), ORIGIN_FLAG,
             "from the command line");
    check_together(&l);

    struct str public_url = str_of(c->public_url);
    while (public_url.len && public_url.ptr[public_url.len - 1] == '/')
        public_url.len--;
    c->public_url = str_dup(a, public_url);
    *problems = arena_strndup(a, l.problems.ptr ? l.problems.ptr : "", l.problems.len);
    buf_fini(&l.problems);
    return l.count;
}

bool config_differs(const struct config *a, const struct config *b, enum setting s) {
    const void *one = field_of((struct config *)a, s), *other = field_of((struct config *)b, s);
    switch (TABLE[s].kind[0]) {
    case 'I':
        return int_of(a, s) != int_of(b, s);
    case 'B':
        return bool_of(a, s) != bool_of(b, s);
    case 'S':
        return false;
    default:
        return strcmp(*(const char *const *)one, *(const char *const *)other) != 0;
    }
}

struct secret *config_secret(struct config *c, enum setting s) {
    return TABLE[s].is_secret ? field_of(c, s) : NULL;
}

void config_take_live(struct config *to, const struct config *from) {
    for (enum setting s = 0; s < SETTING_COUNT; s++) {
        if (TABLE[s].is_live && TABLE[s].kind[0] == 'I')
            int_set(to, s, int_of(from, s));
        else if (TABLE[s].is_live && TABLE[s].kind[0] == 'B')
            bool_set(to, s, bool_of(from, s));
    }
}

const char *config_value(const struct config *c, enum setting s, struct arena *a) {
    const void *field = field_of((struct config *)c, s);
    switch (TABLE[s].kind[0]) {
    case 'I':
        return arena_printf(a, "%lld", (long long)int_of(c, s));
    case 'B':
        return bool_of(c, s) ? "true" : "false";
    case 'S':
        return !has_secret(c, s) ? "not set" : c->from_file[s] ? "set (file)" : "set";
    default:
        return *(const char *const *)field;
    }
}
