/* mail_stage: a mail server played by the test, and Ava's side of the wire on a real loop. */
#pragma once

#include <signal.h>

#include "base/fiber.h"
#include "config/config.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/rude_mail.h"
#include "obs/log.h"
#include "providers/dialect.h"
#include "providers/smtp.h"
#include "providers/upstream.h"

struct mail_stage {
    struct rude_mail *server;
    struct config config;
    struct parts parts;
    struct arena *arena;
    struct ctx ctx;
    struct upstream_credential credential;
    struct smtp_account account;
    const char *username, *password; /* NULL: without */
    void (*act)(struct mail_stage *s);
};

static inline enum err mail_stage_reveal(struct ctx *ctx, const struct upstream_credential *c,
                                         struct secret *out) {
    const struct mail_stage *s = (const void *)c->source.ptr;
    if (s->username)
        secret_field_add(out, STR("username"), str_of(s->username));
    if (s->password)
        secret_field_add(out, STR("password"), str_of(s->password));
    return OK;
}

static inline void mail_stage_fiber(void *arg) {
    struct mail_stage *s = arg;
    s->act(s);
    loop_stop(loop_self());
}

static inline void mail_stage_play(const struct mail_line *script, bool has_breaker,
                                   void (*act)(struct mail_stage *s)) {
    static bool is_ready;
    struct mail_stage s = { .act = act };
    char *problems, allow[] = "AVA_OUTBOUND_ALLOW=127.0.0.0/8", *environment[] = { allow, NULL };
    signal(SIGPIPE, SIG_IGN);
    if (!is_ready)
        client_global_init();
    is_ready = true;
    log_setup(LOG_OFF, true, 2);
    s.arena = arena_new(64 << 20);
    config_load(&s.config,
                &(struct config_sources){ .file = "/dev/null", .environment = environment },
                s.arena, &problems);
    s.config.breaker_enabled = has_breaker;
    s.server = rude_mail_start(script);
    s.parts.config = &s.config;
    s.parts.upstream = upstream_new(&s.config, dialect_of);
    s.credential = (struct upstream_credential){ .id = "cred_1",
                                                 .version = 1,
                                                 .workspace_id = "ws_1",
                                                 .reveal = mail_stage_reveal,
                                                 .source = { (const char *)&s, sizeof s } };
    s.account =
        (struct smtp_account){ "127.0.0.1", s.server->port, MAIL_PLAIN, "ava@example.test", NULL };
    struct loop *l = loop_new(0);
    struct client *client = client_new(l);
    if (!fiber_run(mail_stage_fiber, &s))
        abort();
    loop_run(l);
    client_free(client);
    loop_free(l);
    rude_mail_stop(s.server);
    upstream_free(s.parts.upstream);
    arena_free(s.arena);
}

/* A request of its own for the next step. */
static inline struct ctx *mail_stage_ctx(struct mail_stage *s) {
    ctx_init(&s->ctx, &s->parts, s->arena, 10000);
    return &s->ctx;
}
