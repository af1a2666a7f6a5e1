#include "sandbox/sandbox.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/jsonw.h"
#include "base/memory.h"
#include "http/server.h"
#include "net/client.h"
#include "net/loop.h"
#include "sandbox/control.h"
#include "sandbox/courier.h"
#include "sandbox/pretend.h"

enum {
    BOOTHS = 5,
    BODY_MAX_BYTES = 16 << 20, /* a mail with its attachments */
    HUGE_BYTES = 10 << 20,
    HANG_MS = 120 * 1000,
    LOOK_MS = 50, /* how soon a wait notices that nobody waits for it any more */
    SEND_TIMEOUT_MS = 15 * 1000,
    SEND_ANSWER_MAX_BYTES = 64 * 1024,
};

/* A pretend provider and its port. */
struct booth {
    const struct pretend *kind;
    struct sandbox *sandbox;
    struct pretend_world world;
    struct http_app app;
    struct http_server *server;
    int fd;
    char url[64];
};

struct sandbox {
    struct booth booths[BOOTHS];
    struct faults *faults;
    struct ledger *ledger;
    struct pretend_smtp *smtp; /* on a thread of its own */
    struct control control;
    struct loop *loop;
    struct client *client;
    struct courier *courier;
    struct loop_call drain;
    atomic_bool stopping;

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t signal;
    bool is_ready;
};

/* --- misbehaving ----------------------------------------------------------------------------- */

static void wait(const struct booth *b, const struct http_req *req, int64_t ms) {
    int64_t until = ava_now_ms() + ms;
    for (int64_t left = ms; left > 0; left = until - ava_now_ms()) {
        if (*req->is_gone || atomic_load(&b->sandbox->stopping))
            return;
        fiber_sleep(left < LOOK_MS ? left : LOOK_MS);
    }
}

/* Returns the status that went out, or LEDGER_NO_STATUS. */
static int misbehave(struct booth *b, const struct fault *f, const struct http_req *req,
                     struct http_reply *reply) {
    switch (f->kind) {
    case FAULT_HANG:
        wait(b, req, HANG_MS);
        reply->is_reset = true;
        return LEDGER_NO_STATUS;
    case FAULT_RESET:
        reply->is_reset = true;
        return LEDGER_NO_STATUS;
    case FAULT_STATUS:
        if (f->retry_after[0])
            http_reply_header_text(reply, "Retry-After", f->retry_after);
        b->kind->refuse(f->status, reply);
        return f->status;
    case FAULT_TRUNCATED:
        reply->is_raw = true;
        buf_text(&reply->body, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "Content-Length: 4096\r\n\r\n{\"id\":\"");
        return LEDGER_NO_STATUS;
    case FAULT_MALFORMED:
        reply->content_type = "application/json; charset=utf-8";
        buf_text(&reply->body, "{\"id\":\"5b0a4a08\",,<html>");
        return 200;
    case FAULT_HUGE:
        reply->content_type = "application/json; charset=utf-8";
        buf_text(&reply->body, "{\"id\":\"");
        for (size_t i = 0; i < HUGE_BYTES / 64; i++)
            buf_text(&reply->body,
                     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
        buf_text(&reply->body, "\"}");
        return 200;
    case FAULT_CUT:
        wait(b, req, f->latency_ms);
        b->kind->answer(&b->world, req, reply);
        reply->is_reset = true;
        return LEDGER_NO_STATUS;
    default: /* latency */
        wait(b, req, f->latency_ms);
        b->kind->answer(&b->world, req, reply);
        return *req->is_gone ? LEDGER_NO_STATUS : reply->status;
    }
}

/* --- answering ------------------------------------------------------------------------------- */

static void on_request(void *arg, struct http_req *req, struct http_reply *reply) {
    struct booth *b = arg;
    struct sandbox *s = b->sandbox;
    const char *method = http_method_name(req->method);
    struct str last4 = pretend_last4(b->kind->credential(req));
    int64_t seq = ledger_open(s->ledger, b->kind->name, method, req->target, last4,
                              http_field(req, "X-Correlation-ID"));
    struct fault fault = faults_take(s->faults, b->kind->name, last4, method, req->path);
    int status = reply->status;
    if (fault.kind == FAULT_NONE) {
        b->kind->answer(&b->world, req, reply);
        status = reply->status;
    } else {
        status = misbehave(b, &fault, req, reply);
    }
    ledger_close(s->ledger, seq, status);
}

static void body(void *arg, const struct http_req *req, struct http_body *out) {
    out->limit_bytes = BODY_MAX_BYTES;
}

static void on_refuse(void *arg, const struct http_req *req, enum err err, const char *detail,
                      struct http_reply *reply) {
    struct jsonw w = jsonw_to(&reply->body);
    reply->status = err_info(err)->status;
    reply->content_type = "application/json; charset=utf-8";
    jsonw_object(&w);
    jsonw_text_at(&w, "message", detail);
    jsonw_i64_at(&w, "statusCode", reply->status);
    jsonw_object_end(&w);
}

/* --- sending webhooks ------------------------------------------------------------------------ */

struct errand {
    struct sandbox *sandbox;
    struct control_sending *sending;
    struct loop_call call;
    struct fiber_parking parking;
};

static int send_once(struct client *client, struct arena *a, const char *url,
                     const struct caller_letter *letter, struct str *answer) {
    struct client_call call = { .method = "POST",
                                .url = url,
                                .headers = letter->headers,
                                .header_count = letter->header_count,
                                .body = letter->body,
                                .timeout_ms = SEND_TIMEOUT_MS,
                                .first_byte_ms = SEND_TIMEOUT_MS,
                                .body_max_bytes = SEND_ANSWER_MAX_BYTES,
                                .arena = a };
    client_fetch(client, &call);
    if (answer)
        *answer = call.answer;
    return call.result == CLIENT_DONE ? call.status : 0;
}

static int send_callback(void *arg, struct arena *a, const char *url,
                         const struct caller_letter *letter, struct str *answer) {
    const struct sandbox *s = arg;
    return send_once(s->client, a, url, letter, answer);
}

static bool is_stopping(void *arg) {
    struct sandbox *s = arg;
    return atomic_load(&s->stopping);
}

static void run_errand(void *arg) {
    struct errand *e = arg;
    struct control_sending *sending = e->sending;
    struct arena *a = arena_new(4 << 20);
    struct caller_letter letter = { .header_count = 0 };
    caller_compose(a, sending->what, &letter);
    str_copy(sending->resource, sizeof sending->resource, str_of(letter.resource));
    for (int i = 0; i < sending->count; i++) {
        sending->statuses[i] = send_once(e->sandbox->client, a, sending->what->url, &letter, NULL);
        if (sending->statuses[i] == 0)
            break; /* nobody is there: the copies would wait as long each */
    }
    arena_free(a);
    fiber_unpark(&e->parking); /* e is gone from here on */
}

static void begin_errand(void *arg) {
    struct errand *e = arg;
    if (!fiber_run(run_errand, e))
        fiber_unpark(&e->parking);
}

static void post_errand(void *arg) {
    struct errand *e = arg;
    loop_post(e->sandbox->loop, &e->call);
}

static struct booth *booth_of(struct sandbox *s, struct str provider) {
    for (size_t i = 0; i < BOOTHS; i++)
        if (str_is(provider, s->booths[i].kind->name))
            return &s->booths[i];
    return NULL;
}

/* Somebody at the stage door of a pretend provider, or on its page of consent. */
struct visit {
    struct booth *booth;
    bool is_consent;
    struct ctx *ctx;
    const struct http_req *req;
    struct str tail;
    json_t *body;
    struct http_reply *reply;
    enum err err;
    struct loop_call call;
    struct fiber_parking parking;
};

static void run_visit(void *arg) {
    struct visit *v = arg;
    struct booth *b = v->booth;
    if (v->is_consent)
        b->kind->consent(&b->world, v->req, v->reply);
    else
        v->err = b->kind->stage(&b->world, v->ctx, v->req, v->tail, v->body, v->reply);
    fiber_unpark(&v->parking); /* v is gone from here on */
}

static void begin_visit(void *arg) {
    struct visit *v = arg;
    if (fiber_run(run_visit, v))
        return;
    v->err = ctx_fail(v->ctx, ERR_OVERLOADED, "The sandbox is busy; try again in a second.");
    fiber_unpark(&v->parking);
}

static void post_visit(void *arg) {
    struct visit *v = arg;
    loop_post(v->booth->sandbox->loop, &v->call);
}

static enum err go(struct visit *v) {
    bool is_open = v->booth && (v->is_consent ? v->booth->kind->consent != NULL
                                              : v->booth->kind->stage != NULL);
    if (!is_open)
        return ctx_fail(v->ctx, ERR_NOT_FOUND, "The sandbox has nothing at this address.");
    v->call = (struct loop_call){ .fn = begin_visit, .arg = v };
    fiber_parking_init(&v->parking);
    fiber_park(&v->parking, FIBER_NO_DEADLINE, post_visit, v);
    return v->err;
}

static enum err visit(void *arg, struct ctx *ctx, struct str provider, const struct http_req *req,
                      struct str tail, json_t *body, struct http_reply *reply) {
    struct visit v = { .booth = booth_of(arg, provider),
                       .ctx = ctx,
                       .req = req,
                       .tail = tail,
                       .body = body,
                       .reply = reply };
    return go(&v);
}

static enum err visit_consent(void *arg, struct ctx *ctx, struct str provider,
                              const struct http_req *req, struct http_reply *reply) {
    struct visit v = {
        .booth = booth_of(arg, provider), .is_consent = true, .ctx = ctx, .req = req, .reply = reply
    };
    return go(&v);
}

/* Somebody who has an account there tell them. */
struct pointing {
    struct booth *booth;
    const char *key, *url, *secret;
    bool is_done;
    struct loop_call call;
    struct fiber_parking parking;
};

static void run_pointing(void *arg) {
    struct pointing *p = arg;
    struct booth *b = p->booth;
    p->is_done = b->kind->tell_to(&b->world, str_of(p->key), p->url, p->secret);
    fiber_unpark(&p->parking); /* p is gone from here on */
}

static void post_pointing(void *arg) {
    struct pointing *p = arg;
    loop_post(p->booth->sandbox->loop, &p->call);
}

bool sandbox_tell_to(struct sandbox *s, const char *provider, const char *api_key, const char *url,
                     const char *secret) {
    struct pointing p = { .key = api_key, .url = url, .secret = secret };
    p.booth = booth_of(s, str_of(provider));
    if (!p.booth || !p.booth->kind->tell_to)
        return false;
    p.call = (struct loop_call){ .fn = run_pointing, .arg = &p };
    fiber_parking_init(&p.parking);
    fiber_park(&p.parking, FIBER_NO_DEADLINE, post_pointing, &p);
    return p.is_done;
}

/* Waits without a deadline: each try has one of its own, and e lives on this stack. */
static void send_webhook(void *arg, struct control_sending *sending) {
    struct errand e = { .sandbox = arg, .sending = sending };
    e.call = (struct loop_call){ .fn = begin_errand, .arg = &e };
    fiber_parking_init(&e.parking);
    fiber_park(&e.parking, FIBER_NO_DEADLINE, post_errand, &e);
}

/* --- life ------------------------------------------------------------------------------------ */

static void drain(void *arg) {
    struct sandbox *s = arg;
    for (size_t i = 0; i < BOOTHS; i++)
        http_server_drain(s->booths[i].server);
}

static void *run(void *arg) {
    struct sandbox *s = arg;
    s->loop = loop_new(0);
    s->client = client_new(s->loop);
    s->courier = courier_new(&(struct courier_host){ send_callback, is_stopping, s });
    for (size_t i = 0; i < BOOTHS; i++) {
        struct booth *b = &s->booths[i];
        b->world.courier = s->courier;
        b->server = http_server_open(s->loop, b->fd, &b->app, &HTTP_LIMITS_DEFAULT);
    }
    pthread_mutex_lock(&s->lock);
    s->is_ready = true;
    pthread_cond_signal(&s->signal);
    pthread_mutex_unlock(&s->lock);
    loop_run(s->loop);
    for (size_t i = 0; i < BOOTHS; i++) {
        http_server_free(s->booths[i].server);
        pretend_world_fini(&s->booths[i].world);
    }
    courier_free(s->courier);
    client_free(s->client);
    loop_free(s->loop);
    return NULL;
}

static bool booth_open(struct booth *b, struct sandbox *s, const struct pretend *kind,
                       struct arena *a, const char **why) {
    b->kind = kind;
    b->sandbox = s;
    b->app = (struct http_app){ b, body, on_request, NULL, on_refuse, NULL };
    b->fd = http_listen("127.0.0.1:0", HTTP_LISTEN_FIRST, a, why);
    if (b->fd < 0)
        return false;
    struct buf url = { 0 };
    buf_printf(&url, "http://%s", http_listen_address(b->fd, a));
    str_copy(b->url, sizeof b->url, buf_view(&url));
    buf_fini(&url);
    return true;
}

static void sandbox_free(struct sandbox *s) {
    pretend_smtp_stop(s->smtp);
    faults_free(s->faults);
    ledger_free(s->ledger);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->signal);
    free(s);
}

/* Signals are for the threads that wait for them. */
static bool start_thread(struct sandbox *s) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int e = pthread_create(&s->thread, NULL, run, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return e == 0;
}

struct sandbox *sandbox_start(struct arena *a, const char **why) {
    static const struct pretend *const KINDS[BOOTHS] = { &PRETEND_VAPI, &PRETEND_TWILIO,
                                                         &PRETEND_RESEND, &PRETEND_GOOGLE,
                                                         &PRETEND_MICROSOFT };
    struct sandbox *s = memory_zeroed(1, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->signal, NULL);
    s->faults = faults_new();
    s->ledger = ledger_new();
    s->smtp = pretend_smtp_start(s->faults, s->ledger, why);
    s->control = (struct control){ .faults = s->faults,
                                   .ledger = s->ledger,
                                   .vapi_url = s->booths[0].url,
                                   .twilio_url = s->booths[1].url,
                                   .resend_url = s->booths[2].url,
                                   .google_url = s->booths[3].url,
                                   .microsoft_url = s->booths[4].url,
                                   .send = send_webhook,
                                   .stage = visit,
                                   .consent = visit_consent,
                                   .arg = s,
                                   .smtp = s->smtp };
    for (size_t i = 0; i < BOOTHS; i++)
        s->booths[i].fd = -1;
    bool ok = s->smtp != NULL;
    for (size_t i = 0; ok && i < BOOTHS; i++)
        ok = booth_open(&s->booths[i], s, KINDS[i], a, why);
    s->booths[0].world.twilio = &s->booths[1].world;
    if (ok && !start_thread(s)) {
        *why = "no thread can be started for the sandbox";
        ok = false;
    }
    if (!ok) {
        for (size_t i = 0; i < BOOTHS; i++)
            if (s->booths[i].fd >= 0)
                close(s->booths[i].fd);
        sandbox_free(s);
        return NULL;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->is_ready)
        pthread_cond_wait(&s->signal, &s->lock);
    pthread_mutex_unlock(&s->lock);
    return s;
}

void sandbox_stop(struct sandbox *s) {
    if (!s)
        return;
    atomic_store(&s->stopping, true);
    s->drain = (struct loop_call){ .fn = drain, .arg = s };
    loop_post(s->loop, &s->drain);
    loop_stop(s->loop);
    pthread_join(s->thread, NULL);
    sandbox_free(s);
}

int sandbox_smtp_port(const struct sandbox *s) {
    return pretend_smtp_port(s->smtp);
}

const char *sandbox_vapi_url(const struct sandbox *s) {
    return s->booths[0].url;
}

const char *sandbox_twilio_url(const struct sandbox *s) {
    return s->booths[1].url;
}

const char *sandbox_resend_url(const struct sandbox *s) {
    return s->booths[2].url;
}

const char *sandbox_google_url(const struct sandbox *s) {
    return s->booths[3].url;
}

const char *sandbox_microsoft_url(const struct sandbox *s) {
    return s->booths[4].url;
}

void sandbox_serve(struct sandbox *s, struct ctx *ctx, const struct http_req *req,
                   struct http_reply *reply) {
    control_serve(&s->control, ctx, req, reply);
}
