#include "sandbox/courier.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/fiber.h"
#include "base/json.h"
#include "base/jsonw.h"
#include "base/memory.h"
#include "crypto/standard_webhook.h"

enum { ROUND_MS = 20, TRIES_DEFAULT = 2, TRIES_MAX = 6, AGAIN_MS = 200, ARENA_BYTES = 1 << 20 };

struct courier {
    struct courier_host host;
    json_t **records;
    size_t count, room;
    bool is_running;
};

struct courier *courier_new(const struct courier_host *host) {
    struct courier *c = memory_zeroed(1, sizeof *c);
    c->host = *host;
    return c;
}

void courier_free(struct courier *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->count; i++)
        json_decref(c->records[i]);
    free(c->records);
    free(c);
}

/* --- one letter ------------------------------------------------------------------------------ */

struct errand {
    struct courier *courier;
    json_t *record, *step;
};

/* "#rc=5&rp=ct,5xx" */
struct policy {
    int tries; /* the first among them */
    bool also_5xx;
};

static struct policy policy_of(struct str fragment) {
    struct policy p = { .tries = TRIES_DEFAULT };
    struct str rest = fragment;
    while (rest.ptr && rest.len) {
        struct str one = str_cut(rest, '&', &rest), value;
        struct str name = str_cut(one, '=', &value);
        int64_t retries;
        if (str_is(name, "rc") && str_to_i64(value, 0, TRIES_MAX - 1, &retries))
            p.tries = 1 + (int)retries;
        if (str_is(name, "rp"))
            p.also_5xx = str_find(value, STR("5xx")) >= 0 || str_is(value, "all");
    }
    return p;
}

/* A form, signed. */
static void compose_twilio(const struct errand *e, struct arena *a, const char *url,
                           struct caller_letter *letter) {
    struct caller_webhook what = { .kind = caller_kind_parse(str_of(json_text(e->record, "kind"))),
                                   .url = url,
                                   .signed_url = url,
                                   .auth_token = json_text(e->record, "token"),
                                   .account_sid = json_text(e->record, "account_sid"),
                                   .params = json_object_get(e->step, "params") };
    caller_compose(a, &what, letter);
}

/* JSON, with the headers that were asked for. */
static void compose_vapi(const json_t *headers, const json_t *params, struct arena *a,
                         struct caller_letter *letter) {
    const char *name;
    json_t *value;
    struct buf *body = buf_in(a);
    struct jsonw w = jsonw_to(body);
    jsonw_tree(&w, params);
    *letter = (struct caller_letter){ .body = buf_view(body) };
    letter->headers[letter->header_count++] = "Content-Type: application/json";
    json_object_foreach((json_t *)headers, name, value) {
        if (json_is_string(value) && letter->header_count < ARRAY_LEN(letter->headers))
            letter->headers[letter->header_count++] =
                arena_printf(a, "%s: %s", name, json_string_value(value));
    }
}

/* JSON, signed as Svix does; each event has an id of its own. */
static void compose_resend(const struct errand *e, struct arena *a, struct caller_letter *letter) {
    unsigned char raw[16];
    char id[4 + 2 * sizeof raw + 1] = "msg_";
    struct buf *signature = buf_in(a);
    int64_t now_s = ava_wall_ms() / 1000;
    ava_rand(raw, sizeof raw);
    hex_encode(id + 4, raw, sizeof raw);
    compose_vapi(NULL, json_object_get(e->step, "params"), a, letter);
    standard_webhook_sign(a, str_of(json_text(e->record, "secret")), id, now_s, letter->body,
                          signature);
    letter->headers[letter->header_count++] = arena_join(a, "svix-id: ", id);
    letter->headers[letter->header_count++] =
        arena_printf(a, "svix-timestamp: %lld", (long long)now_s);
    letter->headers[letter->header_count++] =
        arena_join(a, "svix-signature: ", str_dup(a, buf_view(signature)));
}

static void deliver(const struct errand *e, struct arena *a) {
    const struct courier_host *host = &e->courier->host;
    const char *kind = json_text(e->record, "kind");
    bool is_vapi = strcmp(kind, "vapi") == 0, is_resend = strcmp(kind, "resend") == 0;
    struct str fragment, rest = str_cut(str_of(json_text(e->record, "callback")), '#', &fragment);
    const char *url = str_dup(a, rest);
    struct caller_letter letter;
    struct policy policy = policy_of(fragment);
    if (is_vapi || is_resend)
        policy = (struct policy){ (int)json_i64_or(e->record, "tries", 1), true };
    if (is_resend) {
        compose_resend(e, a, &letter);
    } else if (is_vapi) {
        compose_vapi(json_object_get(e->record, "headers"), json_object_get(e->step, "params"), a,
                     &letter);
    } else {
        compose_twilio(e, a, url, &letter);
    }
    for (int i = 0; i < policy.tries && !host->is_stopping(host->arg); i++) {
        if (i)
            fiber_sleep((int64_t)AGAIN_MS << i);
        int status = host->send(host->arg, a, url, &letter, NULL);
        if (status && (status < 500 || !policy.also_5xx))
            break;
    }
}

int courier_ask(struct courier *c, struct arena *a, const char *url, const json_t *headers,
                const json_t *params, struct str *answer) {
    struct caller_letter letter;
    compose_vapi(headers, params, a, &letter);
    return c->host.send(c->host.arg, a, url, &letter, answer);
}

static void run_errand(void *arg) {
    struct errand *e = arg;
    struct arena *a = arena_new(ARENA_BYTES);
    deliver(e, a);
    arena_free(a);
    json_object_del(e->record, "is_away");
    json_object_set_new(e->record, "told", json_integer(json_i64_or(e->record, "told", 0) + 1));
    json_decref(e->step);
    json_decref(e->record);
    free(e);
}

static void begin_errand(void *arg) {
    struct errand *e = arg;
    if (fiber_run(run_errand, e))
        return;
    json_object_del(e->record, "is_away"); /* no room for a fiber: the next round tries again */
    json_decref(e->step);
    json_decref(e->record);
    free(e);
}

static void send_out(struct courier *c, json_t *record, json_t *step) {
    struct errand *e = memory_take(sizeof *e);
    *e = (struct errand){ c, json_incref(record), json_incref(step) };
    json_object_set_new(record, "is_away", json_true());
    fiber_on_loop(begin_errand, e);
}

/* --- the rounds ------------------------------------------------------------------------------ */

/* True when nothing of it is left to be told. */
static bool visit(struct courier *c, json_t *record, int64_t now_ms) {
    json_t *steps = json_object_get(record, "steps");
    size_t told = (size_t)json_i64_or(record, "told", 0);
    if (json_object_get(record, "is_away"))
        return false;
    for (; told < json_array_size(steps); told++) {
        json_t *step = json_array_get(steps, told);
        if (json_i64_or(step, "at", 0) > now_ms)
            break;
        if (json_object_get(step, "params")) {
            json_object_set_new(record, "told", json_integer((json_int_t)told));
            send_out(c, record, step);
            return false;
        }
    }
    json_object_set_new(record, "told", json_integer((json_int_t)told));
    return told == json_array_size(steps);
}

static void run_rounds(void *arg) {
    struct courier *c = arg;
    while (c->count && !c->host.is_stopping(c->host.arg)) {
        int64_t now_ms = ava_steady_ms();
        for (size_t i = 0; i < c->count;) {
            if (!visit(c, c->records[i], now_ms)) {
                i++;
                continue;
            }
            json_decref(c->records[i]);
            c->records[i] = c->records[--c->count];
        }
        fiber_sleep(ROUND_MS);
    }
    c->is_running = false;
}

static void begin_rounds(void *arg) {
    struct courier *c = arg;
    c->is_running = true; /* before it runs: it says itself when it ends */
    if (!fiber_run(run_rounds, c))
        c->is_running = false;
}

void courier_follow(struct courier *c, json_t *record) {
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 64;
        c->records = memory_resized(c->records, c->room * sizeof(json_t *));
    }
    c->records[c->count++] = json_incref(record);
    if (!c->is_running)
        fiber_on_loop(begin_rounds, c);
}
