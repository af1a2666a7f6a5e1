#include <stdio.h>

#include "base/clock.h"
#include "db/kv_parts.h"

enum { MAJOR_MIN = 7 /* the oldest whose scripts this is tried with */ };

/* An error as people shall see it: its words, without what would tear a line. */
static bool refused(struct kv *kv, const char *what, const struct kv_reply *reply) {
    char words[96];
    if (!reply)
        return false;
    str_copy(words, sizeof words, str_of(reply->text));
    for (char *p = words; *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return kv_wire_fail(&kv->wire, "%s: %s", what, words);
}

/* The value of this name in the answer to INFO, or "". */
static struct str value_of(const struct kv_reply *info, struct str name) {
    for (struct str rest = str_of(info->text), line; rest.ptr && rest.len;) {
        line = str_cut(rest, '\n', &rest);
        if (line.len && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (str_starts(line, name))
            return (struct str){ line.ptr + name.len, line.len - name.len };
    }
    return STR("");
}

static bool sign_in(struct kv *kv, int64_t until_ms) {
    const struct redis_url *url = &kv->url;
    struct str words[3] = { STR("AUTH") };
    size_t count = 1;
    if (!url->password[0])
        return true;
    if (url->user[0])
        words[count++] = str_of(url->user);
    words[count++] = str_of(url->password);
    const struct kv_reply *reply = kv_wire_ask(&kv->wire, count, words, until_ms);
    return reply && (reply->kind == KV_STATUS || refused(kv, "it refuses the password", reply));
}

static bool select_database(struct kv *kv, int64_t until_ms) {
    char number[16];
    if (!kv->url.database)
        return true;
    snprintf(number, sizeof number, "%d", kv->url.database);
    const struct kv_reply *reply =
        kv_wire_ask(&kv->wire, 2, (struct str[]){ STR("SELECT"), str_of(number) }, until_ms);
    return reply && (reply->kind == KV_STATUS || refused(kv, "it refuses the database", reply));
}

/* Who answers, as far as it says so: some let nobody ask. */
static bool look(struct kv *kv, int64_t until_ms) {
    char version[sizeof kv->state.version] = "", policy[sizeof kv->state.policy] = "";
    int64_t major = MAJOR_MIN;
    struct str rest;
    const struct kv_reply *reply =
        kv_wire_ask(&kv->wire, 2, (struct str[]){ STR("INFO"), STR("server") }, until_ms);
    if (!reply)
        return false;
    if (reply->kind == KV_ERROR && !str_starts(str_of(reply->text), STR("NOPERM")))
        return refused(kv, "it refuses INFO", reply);
    if (reply->kind == KV_TEXT) {
        struct str said = value_of(reply, STR("redis_version:"));
        str_copy(version, sizeof version, said);
        if (!str_to_i64(str_cut(said, '.', &rest), 0, 1000, &major))
            return kv_wire_fail(&kv->wire, "it does not say which version of Redis it is");
    }
    reply = kv_wire_ask(&kv->wire, 2, (struct str[]){ STR("INFO"), STR("memory") }, until_ms);
    if (!reply)
        return false;
    if (reply->kind == KV_TEXT)
        str_copy(policy, sizeof policy, value_of(reply, STR("maxmemory_policy:")));
    pthread_mutex_lock(&kv->lock);
    str_copy(kv->state.version, sizeof kv->state.version, str_of(version));
    str_copy(kv->state.policy, sizeof kv->state.policy, str_of(policy));
    pthread_mutex_unlock(&kv->lock);
    return major >= MAJOR_MIN ||
           kv_wire_fail(&kv->wire, "it is Redis %s; Ava needs %d or newer", version, MAJOR_MIN);
}

static bool is_sha(const char *text) {
    size_t len = strspn(text, "0123456789abcdef");
    return len == 40 && text[len] == 0;
}

static bool tell_scripts(struct kv *kv, int64_t until_ms) {
    const struct kv_reply *reply = kv_wire_ask(
        &kv->wire, 3, (struct str[]){ STR("SCRIPT"), STR("LOAD"), str_of(kv_limit_lua) }, until_ms);
    if (!reply)
        return false;
    if (reply->kind != KV_TEXT || !is_sha(reply->text))
        return refused(kv, "it takes no script", reply);
    pthread_mutex_lock(&kv->lock);
    str_copy(kv->limit_sha, sizeof kv->limit_sha, str_of(reply->text));
    pthread_mutex_unlock(&kv->lock);
    return true;
}

bool kv_greet(struct kv *kv, int64_t until_ms) {
    return sign_in(kv, until_ms) && select_database(kv, until_ms) && look(kv, until_ms) &&
           tell_scripts(kv, until_ms);
}
