/* webhook verify: judges recorded webhooks from stdin, one JSON object a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "crypto/crypto.h"
#include "crypto/standard_webhook.h"
#include "providers/vapi_auth.h"
#include "webhooks/twilio_signature.h"

static struct str text_of(const json_t *line, const char *name) {
    const json_t *v = json_object_get(line, name);
    return json_is_string(v) ? (struct str){ json_string_value(v), json_string_length(v) }
                             : (struct str){ NULL, 0 };
}

/* The first of names that the line has no text for; NULL when it has all. */
static const char *missing(const json_t *line, const char *const *names) {
    while (*names && text_of(line, *names).ptr)
        names++;
    return *names;
}

/* A verdict is "valid", "invalid", or what is wrong with the line. */
static const char *judge_twilio(struct arena *a, const json_t *line) {
    static const char *const NEEDED[] = { "url", "auth_token", "signature", NULL };
    struct form form;
    if (missing(line, NEEDED))
        return arena_printf(a, "error: the line has no text '%s'", missing(line, NEEDED));
    struct str params, type = str_cut(text_of(line, "content_type"), ';', &params);
    struct twilio_request r = {
        .method = text_of(line, "method").ptr ? text_of(line, "method") : STR("POST"),
        .url = text_of(line, "url"),
        .content_type = str_trim(type),
        .body = text_of(line, "body"),
        .signature = text_of(line, "signature"),
    };
    if (str_eq_nocase(r.content_type, STR("application/x-www-form-urlencoded"))) {
        if (!form_parse(a, r.body, &form))
            return "invalid"; /* a form nobody can read was not signed by Twilio */
        r.form = &form;
    }
    return twilio_signature_is_valid(a, &r, text_of(line, "auth_token")) ? "valid" : "invalid";
}

static struct str header_of(const void *headers, const char *name) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)headers, key, value) {
        if (strcasecmp(key, name) == 0 && json_is_string(value))
            return (struct str){ json_string_value(value), json_string_length(value) };
    }
    return (struct str){ NULL, 0 };
}

/* Svix's own name of it, or that of Standard Webhooks. */
static struct str svix_header(const json_t *headers, const char *what) {
    char name[32];
    snprintf(name, sizeof name, "svix-%s", what);
    struct str value = header_of(headers, name);
    snprintf(name, sizeof name, "webhook-%s", what);
    return value.ptr ? value : header_of(headers, name);
}

static const char *judge_vapi(struct arena *a, const json_t *line) {
    static const char *const NEEDED[] = { "url", "body", NULL };
    const json_t *plan = json_object_get(line, "plan"), *headers = json_object_get(line, "headers");
    if (missing(line, NEEDED))
        return arena_printf(a, "error: the line has no text '%s'", missing(line, NEEDED));
    if (!json_is_object(plan) || !json_is_object(headers))
        return "error: the line has no objects 'plan' and 'headers'";
    struct vapi_auth_request r = {
        .method = text_of(line, "method").ptr ? text_of(line, "method") : STR("POST"),
        .url = text_of(line, "url"),
        .body = text_of(line, "body"),
        .now_s = json_i64_or(line, "now", ava_wall_ms() / 1000),
        .header = header_of,
        .arg = headers,
    };
    struct vapi_auth_plan how = vapi_auth_plan_of(plan);
    return vapi_auth_is_valid(a, &how, &r) ? "valid" : "invalid";
}

static const char *judge_resend(struct arena *a, const json_t *line) {
    static const char *const NEEDED[] = { "secret", "body", NULL };
    const json_t *headers = json_object_get(line, "headers");
    if (missing(line, NEEDED))
        return arena_printf(a, "error: the line has no text '%s'", missing(line, NEEDED));
    if (!json_is_object(headers))
        return "error: the line has no object 'headers'";
    struct standard_webhook w = { .id = svix_header(headers, "id"),
                                  .timestamp = svix_header(headers, "timestamp"),
                                  .signature = svix_header(headers, "signature"),
                                  .body = text_of(line, "body"),
                                  .now_s = json_i64_or(line, "now", ava_wall_ms() / 1000) };
    return standard_webhook_is_valid(a, &w, text_of(line, "secret")) ? "valid" : "invalid";
}

static const struct {
    const char *provider;
    const char *(*judge)(struct arena *a, const json_t *line);
} JUDGES[] = { { "twilio", judge_twilio }, { "vapi", judge_vapi }, { "resend", judge_resend } };

/* Bodies may hold NUL, which no JSON of ours may: so not json_parse. */
static const char *judge(struct arena *a, size_t which, struct str text) {
    json_error_t error;
    json_t *line = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    const char *verdict = json_is_object(line) ? JUDGES[which].judge(a, line)
                          : line               ? "error: the line is not a JSON object"
                                               : arena_printf(a, "error: %s", error.text);
    json_decref(line);
    return verdict;
}

int cmd_webhook_verify(struct cli *cli) {
    const char *provider = cli_arg(cli, 0);
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int status = EXIT_OK;
    size_t which = 0;
    while (provider && which < ARRAY_LEN(JUDGES) && strcmp(JUDGES[which].provider, provider) != 0)
        which++;
    if (!provider || which == ARRAY_LEN(JUDGES) || !cli_has(cli, "jsonl"))
        return cli_fail(EXIT_USAGE,
                        "usage: ava webhook verify {twilio|vapi|resend} --jsonl < lines");
    if (!crypto_init())
        return cli_fail(EXIT_FAILED, "the cryptography library does not work on this machine");
    while ((len = getline(&line, &room, stdin)) >= 0) {
        struct arena *a = arena_new(16 << 20);
        struct str text = { line, (size_t)len };
        while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
            text.len--;
        const char *verdict = judge(a, which, text);
        puts(verdict);
        if (strncmp(verdict, "error", 5) == 0)
            status = EXIT_FAILED;
        arena_free(a);
    }
    free(line);
    return status;
}
