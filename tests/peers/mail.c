/* mail: composes a mail and sends it as Ava does, for smtp.test.mjs. Reads one JSON object from standard input:
 * {"account":{host,port,security,username,password,from},"mail":{from,to,cc,subject,text,html,...}} or
 * "check":true instead of a mail; writes what came of it. Certificates are verified against TEST_CA_FILE,
 * where it is set. */
#include <dlfcn.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/fiber.h"
#include "base/json.h"
#include "config/config.h"
#include "net/client.h"
#include "net/loop.h"
#include "obs/log.h"
#include "providers/dialect.h"
#include "providers/mime.h"
#include "providers/smtp.h"

/* What libcurl reads the certificates of authorities with: this program's comes before OpenSSL's. */
int X509_STORE_load_file(void *store, const char *file);
int X509_STORE_load_file(void *store, const char *file) {
    int (*real)(void *, const char *);
    void *found = dlsym(RTLD_NEXT, "X509_STORE_load_file");
    memcpy(&real, &found, sizeof real);
    const char *ours = getenv("TEST_CA_FILE");
    return real(store, ours ? ours : file);
}

struct job {
    json_t *wish;
    struct parts parts;
    struct arena *arena;
};

static enum err reveal(struct ctx *ctx, const struct upstream_credential *c, struct secret *out) {
    const json_t *account = (const void *)c->source.ptr;
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "password" : "username", *text = json_text(account, name);
        if (text)
            secret_field_add(out, str_of(name), str_of(text));
    }
    return OK;
}

static struct mime_mailbox mailbox(const json_t *from) {
    return (struct mime_mailbox){ json_text(from, "name"), json_text(from, "address") };
}

static size_t mailboxes(struct job *j, const json_t *list, const struct mime_mailbox **out) {
    size_t count = json_array_size(list);
    struct mime_mailbox *all = arena_alloc(j->arena, (count + 1) * sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = mailbox(json_array_get(list, i));
    *out = all;
    return count;
}

static struct str body(const json_t *mail, const char *name) {
    const json_t *value = json_object_get(mail, name);
    return (struct str){ json_string_value(value), json_string_length(value) };
}

static enum err compose(struct job *j, struct ctx *ctx, const json_t *mail, struct str *out) {
    const json_t *files = json_object_get(mail, "attachments");
    struct mime_mail m = { .from = mailbox(json_object_get(mail, "from")),
                           .reply_to = mailbox(json_object_get(mail, "reply_to")),
                           .subject = json_text(mail, "subject"),
                           .text = body(mail, "text"),
                           .html = body(mail, "html"),
                           .attachment_count = json_array_size(files),
                           .date_ms = 1795975815000,
                           .message_id = "op_peer@example.com",
                           .boundary = "peerboundary01" };
    struct mime_attachment *all = arena_alloc(j->arena, (m.attachment_count + 1) * sizeof *all);
    for (size_t i = 0; i < m.attachment_count; i++) {
        const json_t *file = json_array_get(files, i);
        all[i] = (struct mime_attachment){ json_text(file, "file_name"),
                                           json_text(file, "type"),
                                           { "", 0 },
                                           json_text(file, "content_id") };
        base64_decode(j->arena, body(file, "base64"), &all[i].bytes);
    }
    m.attachments = all;
    m.to_count = mailboxes(j, json_object_get(mail, "to"), &m.to);
    m.cc_count = mailboxes(j, json_object_get(mail, "cc"), &m.cc);
    return mime_compose(ctx, &m, out);
}

static json_t *told(const struct smtp_outcome *out) {
    static const char *const STATES[] = { "accepted", "refused", "later" };
    json_t *results = json_array();
    for (size_t i = 0; i < out->count; i++) {
        const struct smtp_result *r = &out->results[i];
        json_array_append_new(
            results, json_pack("{s:s,s:s,s:i,s:s,s:s,s:s*,s:s*}", "address", r->address, "state",
                               STATES[r->state], "code", r->code, "enhanced", r->enhanced, "about",
                               smtp_about_name(r->about), "words", r->words, "said", r->said));
    }
    return json_pack("{s:o,s:s,s:s*}", "results", results, "said", out->said, "provider_id",
                     out->provider_id);
}

static json_t *problem(const struct ctx *ctx, enum err e) {
    json_t *fields = json_array();
    for (size_t i = 0; i < ctx->problem.field_count; i++)
        json_array_append_new(fields, json_string(ctx->problem.fields[i].field));
    return json_pack("{s:s,s:s*,s:o}", "error", err_info(e)->code, "detail", ctx->problem.detail,
                     "fields", fields);
}

static enum err send_mail(struct job *j, struct ctx *ctx, const struct upstream_credential *c,
                          const struct smtp_account *account, json_t **answer) {
    const json_t *mail = json_object_get(j->wish, "mail");
    const struct mime_mailbox *to;
    const char *addresses[MIME_RECIPIENTS_MAX];
    struct smtp_outcome out;
    struct smtp_mail m = { .recipients = addresses };
    TRY(compose(j, ctx, mail, &m.bytes));
    m.recipient_count = mailboxes(j, json_object_get(mail, "to"), &to);
    for (size_t i = 0; i < m.recipient_count; i++)
        addresses[i] = to[i].address;
    TRY(smtp_send(ctx, c, account, &m, NULL, &out));
    *answer = told(&out);
    return OK;
}

static void work(void *arg) {
    struct job *j = arg;
    struct ctx ctx;
    const json_t *account = json_object_get(j->wish, "account");
    struct upstream_credential c = { .id = "cred_peer",
                                     .version = 1,
                                     .workspace_id = "ws_peer",
                                     .reveal = reveal,
                                     .source = { (const char *)account, 1 } };
    struct dialect_account public = { .from = json_text(account, "from"),
                                      .host = json_text(account, "host"),
                                      .security = json_text(account, "security"),
                                      .port = (int)json_integer_value(
                                          json_object_get(account, "port")) };
    struct smtp_account server;
    const char *message = NULL;
    json_t *answer = NULL;
    ctx_init(&ctx, &j->parts, j->arena, 20000);
    enum err e = smtp_account_of(&ctx, &public, &server);
    if (e == OK && json_is_true(json_object_get(j->wish, "check"))) {
        e = smtp_check(&ctx, &c, &server, &message);
        answer = e == OK ? json_pack("{s:s}", "message", message) : NULL;
    } else if (e == OK) {
        e = send_mail(j, &ctx, &c, &server, &answer);
    }
    if (!answer)
        answer = problem(&ctx, e);
    json_dumpf(answer, stdout, 0);
    json_decref(answer);
    loop_stop(loop_self());
}

int main(void) {
    static struct config config;
    char *problems, allow[] = "AVA_OUTBOUND_ALLOW=127.0.0.0/8,::1",
                    *environment[] = { allow, NULL };
    struct job j = { .wish = json_loadf(stdin, 0, NULL), .arena = arena_new(256 << 20) };
    signal(SIGPIPE, SIG_IGN);
    client_global_init();
    log_setup(LOG_OFF, true, 2);
    config_load(&config,
                &(struct config_sources){ .file = "/dev/null", .environment = environment },
                j.arena, &problems);
    j.parts.config = &config;
    j.parts.upstream = upstream_new(&config, dialect_of);
    struct loop *l = loop_new(0);
    struct client *client = client_new(l);
    if (!j.wish || !fiber_run(work, &j))
        return 1;
    loop_run(l);
    client_free(client);
    loop_free(l);
    upstream_free(j.parts.upstream);
    json_decref(j.wish);
    arena_free(j.arena);
    return 0;
}
