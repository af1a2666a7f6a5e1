/* stage: a provider played by the test, and Ava's side of the wire on a real loop with real curl. */
#pragma once

#include "base/fiber.h"
#include "config/config.h"
#include "net/client.h"
#include "net/loop.h"
#include "net/rude.h"
#include "obs/log.h"
#include "providers/dialect.h"
#include "providers/upstream.h"

/* What the provider answers: by "METHOD path". */
struct scene {
    const char *request; /* beginning of the request line */
    int status;
    const char *body, *headers;
};

struct stage {
    struct rude *rude;
    const struct scene *scenes;
    pthread_mutex_t lock;
    struct buf seen; /* heads and bodies as they came */
    struct config config;
    struct parts parts;
    struct arena *arena;
    struct ctx ctx;
    struct upstream_credential credential;
    void (*act)(struct stage *s);
    struct client *client;
};

static inline enum rude_then stage_answer(void *arg, const struct rude_request *r,
                                          struct buf *out) {
    struct stage *s = arg;
    pthread_mutex_lock(&s->lock);
    buf_str(&s->seen, r->head);
    buf_str(&s->seen, r->body);
    pthread_mutex_unlock(&s->lock);
    for (const struct scene *c = s->scenes; c->request; c++) {
        if (!str_starts(r->head, str_of(c->request)))
            continue;
        buf_printf(
            out,
            "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
            c->status, strlen(c->body), c->headers ? c->headers : "", c->body);
        return RUDE_KEEP;
    }
    buf_text(out, "HTTP/1.1 599 Unexpected\r\nContent-Length: 0\r\n\r\n");
    return RUDE_KEEP;
}

static inline enum err stage_reveal(struct ctx *ctx, const struct upstream_credential *c,
                                    struct secret *out) {
    secret_field_add(out, STR("api_key"), STR("key-of-the-test"));
    secret_field_add(out, STR("account_sid"), STR("AC0123456789abcdef0123456789abcdef"));
    secret_field_add(out, STR("auth_token"), STR("token-of-the-test"));
    secret_field_add(out, STR("access_token"), STR("access-of-the-test"));
    secret_field_add(out, STR("client_secret"), STR("client-of-the-test"));
    return OK;
}

static inline void stage_fiber(void *arg) {
    struct stage *s = arg;
    s->act(s);
    loop_stop(loop_self());
}

/* Plays the scenes while act runs on a fiber. */
static inline void stage_play(const struct scene *scenes, void (*act)(struct stage *s)) {
    static bool is_ready;
    struct stage s = { .scenes = scenes, .act = act, .lock = PTHREAD_MUTEX_INITIALIZER };
    char *problems, url[64], token_url[80], allow[] = "AVA_OUTBOUND_ALLOW=127.0.0.0/8",
                                            *environment[] = { allow, NULL };
    if (!is_ready)
        client_global_init();
    is_ready = true;
    log_setup(LOG_OFF, true, 2);
    s.arena = arena_new(64 << 20);
    config_load(&s.config,
                &(struct config_sources){ .file = "/dev/null", .environment = environment },
                s.arena, &problems);
    s.config.breaker_enabled = false; /* dialects are judged here, not breakers */
    s.rude = rude_start(stage_answer, &s);
    snprintf(url, sizeof url, "http://127.0.0.1:%d", s.rude->port);
    snprintf(token_url, sizeof token_url, "%s/token", url);
    s.config.vapi_base_url = s.config.twilio_base_url = url;
    s.config.google_api_base_url = s.config.microsoft_api_base_url = url;
    s.config.google_oauth_token_url = s.config.microsoft_oauth_token_url = token_url;
    s.parts.config = &s.config;
    s.parts.upstream = upstream_new(&s.config, dialect_of);
    s.credential = (struct upstream_credential){
        .id = "cred_1", .version = 1, .workspace_id = "ws_1", .reveal = stage_reveal
    };
    struct loop *l = loop_new(0);
    s.client = client_new(l);
    ctx_init(&s.ctx, &s.parts, s.arena, 10000);
    if (!fiber_run(stage_fiber, &s))
        abort();
    loop_run(l);
    client_free(s.client);
    loop_free(l);
    rude_stop(s.rude);
    upstream_free(s.parts.upstream);
    buf_fini(&s.seen);
    arena_free(s.arena);
}

/* A request of its own for the next step. */
static inline struct ctx *stage_ctx(struct stage *s) {
    ctx_init(&s->ctx, &s->parts, s->arena, 10000);
    return &s->ctx;
}

/* How often those bytes came. */
static inline int stage_seen(struct stage *s, const char *what) {
    pthread_mutex_lock(&s->lock);
    int n = count_of(&s->seen, what);
    pthread_mutex_unlock(&s->lock);
    return n;
}
