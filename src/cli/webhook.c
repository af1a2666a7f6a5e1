/* webhook verify: judges recorded webhooks from stdin, one JSON object a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/cli.h"
#include "crypto/crypto.h"
#include "webhooks/twilio_signature.h"

static struct str text_of(const json_t *line, const char *name) {
    const json_t *v = json_object_get(line, name);
    return json_is_string(v) ? (struct str){ json_string_value(v), json_string_length(v) }
                             : (struct str){ NULL, 0 };
}

/* "valid", "invalid", or what is wrong with the line. */
static const char *judge(struct arena *a, struct str text) {
    const char *why;
    const json_t *line = json_parse(a, text, &why);
    struct form form;
    if (!json_is_object(line))
        return arena_printf(a, "error: %s", line ? "the line is not a JSON object" : why);
    static const char *const NEEDED[] = { "url", "auth_token", "signature" };
    for (size_t i = 0; i < ARRAY_LEN(NEEDED); i++)
        if (!text_of(line, NEEDED[i]).ptr)
            return arena_printf(a, "error: the line has no text '%s'", NEEDED[i]);
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

int cmd_webhook_verify(struct cli *cli) {
    const char *provider = cli_arg(cli, 0);
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    int status = EXIT_OK;
    if (!provider || strcmp(provider, "twilio") != 0 || !cli_has(cli, "jsonl"))
        return cli_fail(EXIT_USAGE, "usage: ava webhook verify twilio --jsonl < lines");
    if (!crypto_init())
        return cli_fail(EXIT_FAILED, "the cryptography library does not work on this machine");
    while ((len = getline(&line, &room, stdin)) >= 0) {
        struct arena *a = arena_new(16 << 20);
        struct str text = { line, (size_t)len };
        while (text.len && (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
            text.len--;
        const char *verdict = judge(a, text);
        puts(verdict);
        if (strncmp(verdict, "error", 5) == 0)
            status = EXIT_FAILED;
        arena_free(a);
    }
    free(line);
    return status;
}
