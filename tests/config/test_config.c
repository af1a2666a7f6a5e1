#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/defs.h"
#include "config/config.h"

static struct config c;
static struct arena *a;
static char *problems;

/* With the environment (ended by NULL), the file's text and flags. */
static size_t load(char **environment, const char *text, const struct config_flag *flags,
                   size_t count) {
    char path[] = "/tmp/ava-conf-XXXXXX";
    int fd = mkstemp(path);
    arena_free(a);
    a = arena_new(1 << 20);
    if (text && write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        abort();
    close(fd);
    char *none[] = { NULL };
    size_t n = config_load(
        &c, &(struct config_sources){ path, flags, count, environment ? environment : none }, a,
        &problems);
    unlink(path);
    return n;
}

static void fails(char *variable, const char *text, const char *words) {
    char *environment[] = { variable, NULL };
    size_t n = load(environment, text, NULL, 0);
    if (n != 1 || !strstr(problems, words))
        print_error("%s%s: wanted '%s', got %zu:\n%s", variable ? variable : "", text ? text : "",
                    words, n, problems);
    CHECK(n == 1 && strstr(problems, words));
}

TEST(everything_has_a_default_and_says_so) {
    CHECK_INT(load(NULL, "", NULL, 0), 0);
    CHECK_TEXT(c.listen, "127.0.0.1:8000");
    CHECK(c.breaker_threshold == 3 && c.rate_per_minute == 10 && c.rate_limiting && !c.stub_mode);
    for (enum setting s = 0; s < SETTING_COUNT; s++)
        CHECK_INT(c.origins[s], ORIGIN_DEFAULT);
}

TEST(a_flag_beats_the_environment_which_beats_the_file) {
    char env1[] = "AVA_LISTEN=env:1", env2[] = "CACHE_TTL_SECONDS=2";
    char *environment[] = { env1, env2, NULL };
    struct config_flag flag = { "listen", "flag:1" };
    CHECK_INT(
        load(environment, "AVA_LISTEN=file:1\nCACHE_TTL_SECONDS=1\nlog-level=debug\n", &flag, 1),
        0);
    CHECK_TEXT(c.listen, "flag:1");
    CHECK_INT(c.cache_ttl_s, 2);
    CHECK_TEXT(c.log_level, "debug");
    CHECK_TEXT(origin_name(c.origins[setting_find(STR("AVA_LISTEN"))]), "flag");
    CHECK_TEXT(origin_name(c.origins[setting_find(STR("cache-ttl-seconds"))]), "environment");
    CHECK_TEXT(origin_name(c.origins[setting_find(STR("log-level"))]), "file");
}

TEST(a_secret_may_come_from_a_file_and_never_shows) {
    char path[] = "/tmp/ava-secret-XXXXXX", name[64];
    int fd = mkstemp(path);
    CHECK(write(fd, "s3cret\n", 7) == 7);
    close(fd);
    snprintf(name, sizeof name, "VAPI_API_KEY_FILE=%s", path);
    char *environment[] = { name, NULL };
    CHECK_INT(load(environment, "", NULL, 0), 0);
    CHECK(str_is(secret_reveal(&c.platform_vapi_api_key), "s3cret"));
    CHECK_TEXT(config_value(&c, setting_find(STR("VAPI_API_KEY")), a), "set (file)");
    CHECK_TEXT(config_value(&c, setting_find(STR("TWILIO_AUTH_TOKEN")), a), "not set");
    unlink(path);
    snprintf(name, sizeof name, "VAPI_API_KEY_FILE=/nowhere/at/all");
    fails(name, NULL, "VAPI_API_KEY: the file /nowhere/at/all cannot be read");
}

TEST(secrets_are_overwritten_in_the_environment_block) {
    char key[] = "VAPI_API_KEY=s3cret", sid[] = "AVA_LISTEN=a:1";
    char *environment[] = { key, sid, NULL };
    CHECK_INT(load(environment, "", NULL, 0), 0);
    CHECK(str_is(secret_reveal(&c.platform_vapi_api_key), "s3cret"));
    for (size_t i = 13; i < sizeof key; i++)
        CHECK_INT(key[i], 0);
    CHECK_TEXT(sid, "AVA_LISTEN=a:1");
}

TEST(read_again_the_secrets_of_the_environment_are_as_they_were) {
    char key[] = "VAPI_API_KEY=s3cret", keys[] = "AVA_MASTER_KEYS=k1:abc",
         ttl[] = "CACHE_TTL_SECONDS=7";
    char *environment[] = { key, keys, ttl, NULL };
    CHECK_INT(load(environment, "", NULL, 0), 0);
    static struct config before, again;
    memcpy(&before, &c, sizeof before);
    secret_wipe(&before.master_keys); /* as a server does once they are in the vault */
    struct config_sources from = { .file = "/dev/null", .environment = environment };
    from.before = &before;
    CHECK_INT(config_load(&again, &from, a, &problems), 0);
    CHECK(str_is(secret_reveal(&again.platform_vapi_api_key), "s3cret"));
    CHECK_TEXT(config_value(&again, SETTING_AVA_MASTER_KEYS, a), "set");
    CHECK(again.is_kept[SETTING_VAPI_API_KEY] && again.is_kept[SETTING_AVA_MASTER_KEYS]);
    CHECK_INT(again.cache_ttl_s, 7);
}

TEST(live_numbers_and_switches_are_taken_over_and_nothing_else) {
    char ttl[] = "CACHE_TTL_SECONDS=7", most[] = "MAX_CONNECTIONS=99",
         off[] = "ENABLE_RATE_LIMITING=false", *environment[] = { ttl, most, off, NULL };
    static struct config running;
    CHECK_INT(load(NULL, "", NULL, 0), 0);
    memcpy(&running, &c, sizeof running);
    struct arena *first = a;
    a = NULL;
    CHECK_INT(load(environment, "", NULL, 0), 0);
    CHECK(config_differs(&running, &c, SETTING_CACHE_TTL_SECONDS));
    CHECK(config_differs(&running, &c, SETTING_MAX_CONNECTIONS));
    CHECK(!config_differs(&running, &c, SETTING_AVA_LISTEN));
    config_take_live(&running, &c);
    CHECK_INT(running.cache_ttl_s, 7);
    CHECK(!running.rate_limiting);
    CHECK_INT(running.max_connections, 16384);
    arena_free(first);
}

TEST(an_unknown_name_of_ours_is_refused_with_the_nearest_one_and_others_are_not_ours) {
    char bad[] = "AVA_LISTN=x", foreign[] = "HTTP_PORT=1", lower[] = "ava_listen=x";
    fails(bad, NULL, "AVA_LISTN is not a setting. Did you mean AVA_LISTEN?");
    char *environment[] = { foreign, lower, NULL };
    CHECK_INT(load(environment, "", NULL, 0), 0);
    fails(NULL, "CACHE_TTL=1\n", "CACHE_TTL is not a setting.");
    fails(NULL, "# fine\n\nnonsense\n", ":3: ");
}

TEST(values_out_of_range_or_of_another_kind_are_named_with_their_limits_and_origin) {
    char low[] = "RATE_LIMIT_PER_MINUTE=0", high[] = "AVA_THREADS=65", word[] = "AVA_THREADS=many";
    char yes[] = "ENABLE_RATE_LIMITING=maybe", level[] = "AVA_LOG_LEVEL=loud",
         huge[] = "AVA_THREADS=99999999999999999999";
    fails(low, NULL, "RATE_LIMIT_PER_MINUTE: 0 is too low (1..10000)\n  from the environment");
    fails(high, NULL, "65 is too high (0..64)");
    fails(word, NULL, "'many' is not a whole number");
    fails(huge, NULL, "is not a whole number");
    fails(yes, NULL, "neither true nor false");
    fails(level, NULL, "not one of debug|info|warn|error|off");
}

/* Settings are taken out of the environment, so each load has strings of its own. */
static size_t load_redis(const char *redis, bool with_database) {
    char database[] = "DATABASE_URL=postgresql://h/d", text[128];
    snprintf(text, sizeof text, "REDIS_URL=%s", redis);
    return load((char *[]){ text, with_database ? database : NULL, NULL }, "", NULL, 0);
}

TEST(redis_wants_an_address_of_its_form_and_a_database_url) {
    CHECK_INT(load_redis("redis://:hunter2@h/1", true), 0);
    CHECK_INT(load_redis("redis://:hunter2@h/1", false), 1);
    CHECK(strstr(problems, "REDIS_URL: without DATABASE_URL") && !strstr(problems, "hunter2"));
    CHECK_INT(load_redis("http://u:hunter2@h", true), 1);
    CHECK(strstr(problems, "redis://USER:PASSWORD@HOST") && !strstr(problems, "hunter2"));
    CHECK_INT(load_redis("redis://u:hunter2%zz@h", true), 1);
    CHECK(strstr(problems, "%40") && !strstr(problems, "hunter2"));
}

TEST(all_problems_are_told_at_once) {
    char one[] = "AVA_THREADS=-1", two[] = "AVA_NOTHING=1",
         three[] = "REDIS_URL=redis://x"; /* without DATABASE_URL */
    char *environment[] = { one, two, three, NULL };
    CHECK_INT(load(environment, "CACHE_TTL_SECONDS=x\n", NULL, 0), 4);
    CHECK(strstr(problems, "AVA_THREADS") && strstr(problems, "AVA_NOTHING") &&
          strstr(problems, "REDIS_URL") && strstr(problems, "CACHE_TTL_SECONDS"));
}

TEST(plain_http_is_for_this_machine_only) {
    static const char *const GOOD[] = { "https://api.vapi.ai", "http://127.0.0.1:9/x",
                                        "http://localhost", "http://[::1]:80", "https://h/p/" };
    static const char *const BAD[] = { "http://api.vapi.ai",
                                       "http://127.0.0.1.evil.example",
                                       "http://127.evil.example",
                                       "http://localhost.evil.example",
                                       "http://[::1].evil.example",
                                       "ftp://x",
                                       "https://",
                                       "http://",
                                       "https://u:p@h",
                                       "https://h/?q",
                                       "https://h/#f",
                                       "https://h /",
                                       "" };
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        CHECK_INT(load(NULL, "", &(struct config_flag){ "vapi-base-url", GOOD[i] }, 1), 0);
        CHECK(c.vapi_base_url[strlen(c.vapi_base_url) - 1] != '/');
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        size_t n = load(NULL, "", &(struct config_flag){ "vapi-base-url", BAD[i] }, 1);
        if (n != 1)
            print_error("accepted: %s\n", BAD[i]);
        CHECK_INT(n, 1);
    }
}

TEST(production_refuses_what_is_not_safe) {
    char profile[] = "AVA_PROFILE=production", stub[] = "INTEGRATIONS_STUB_MODE=true",
         url[] = "AVA_PUBLIC_URL=http://a.example";
    char *environment[] = { profile, stub, url, NULL };
    CHECK_INT(load(environment, "", NULL, 0), 3);
    CHECK(strstr(problems, "INTEGRATIONS_STUB_MODE") && strstr(problems, "AVA_MASTER_KEYS") &&
          strstr(problems, "not https"));
    char good_url[] = "AVA_PUBLIC_URL=https://a.example/", keys[] = "AVA_MASTER_KEYS=k1:x";
    char *good[] = { profile, good_url, keys, NULL };
    CHECK_INT(load(good, "", NULL, 0), 0);
    CHECK_TEXT(c.public_url, "https://a.example");
}

TEST(things_that_go_together_are_set_together) {
    char email[] = "AVA_ADMIN_EMAIL=a@b.c", sid[] = "TWILIO_ACCOUNT_SID=AC1";
    fails(email, NULL, "AVA_ADMIN_EMAIL and AVA_ADMIN_PASSWORD go together");
    fails(sid, NULL, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN go together");
}

TEST(a_key_that_landed_on_a_line_of_its_own_is_not_printed) {
    static const char KEY[] = "k2:U0VDUkVUU0VDUkVUU0VDUkVUU0VDUkVUU0VDUkU";
    char text[200];
    snprintf(text, sizeof text, "VAPI_API_KEY=x\n%s=\n%s\n", KEY, KEY);
    CHECK_INT(load(NULL, text, NULL, 0), 2);
    CHECK(!strstr(problems, "U0VDUkVU"));
    CHECK(strstr(problems, ":2") && strstr(problems, ":3"));
}
