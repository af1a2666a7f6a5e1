/* The sandbox over real sockets, as a careless client sees it. */
#include "sandbox/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "net/client.h"
#include "test.h"

struct fixture {
    struct arena *arena;
    struct sandbox *sandbox;
};

static struct fixture begin(void) {
    struct fixture f = { .arena = arena_new(4 << 20) };
    const char *why = "";
    client_global_init();
    f.sandbox = sandbox_start(f.arena, &why);
    CHECK_TEXT(why, "");
    CHECK(f.sandbox != NULL);
    return f;
}

static void end(struct fixture *f) {
    sandbox_stop(f->sandbox);
    arena_free(f->arena);
}

static int dial(const char *url) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)strtoul(strrchr(url, ':') + 1, NULL, 10)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    return fd;
}

static void say(int fd, const char *text) {
    CHECK_INT(write(fd, text, strlen(text)), strlen(text));
}

#define GET                                                         \
    "GET /assistant/" SANDBOX_VAPI_ASSISTANT_ID " HTTP/1.1\r\n"     \
    "Host: x\r\nAuthorization: Bearer " SANDBOX_VAPI_API_KEY "\r\n" \
    "X-Correlation-ID: test-0001\r\nConnection: close\r\n\r\n"

/* All that comes until the connection ends; the errno it ended with. */
static int hear(int fd, char *to, size_t room) {
    size_t len = 0;
    ssize_t n;
    while ((n = read(fd, to + len, room - 1 - len)) > 0)
        len += (size_t)n;
    to[len] = 0;
    int e = n < 0 ? errno : 0;
    close(fd);
    return e;
}

static int get(struct fixture *f, char *to, size_t room) {
    int fd = dial(sandbox_vapi_url(f->sandbox));
    say(fd, GET);
    return hear(fd, to, room);
}

/* What /sandbox/api answers, or NULL with the error in *err. */
static json_t *serve(struct fixture *f, enum http_method method, const char *path, const char *body,
                     enum err *err) {
    struct http_field fields[] = { { STR("Content-Type"), STR("application/json") } };
    struct http_req req = { .method = method,
                            .path = str_of(path),
                            .target = str_of(path),
                            .query = STR(""),
                            .fields = fields,
                            .field_count = 1,
                            .body = str_of(body),
                            .arena = f->arena };
    struct http_reply reply = { 0 };
    struct ctx ctx;
    const char *why;
    ctx_init(&ctx, NULL, f->arena, 1000);
    sandbox_serve(f->sandbox, &ctx, &req, &reply);
    json_t *tree = ctx.problem.err ? NULL : json_parse(f->arena, buf_view(&reply.body), &why);
    http_reply_fini(&reply);
    *err = ctx.problem.err;
    return tree;
}

static void fault(struct fixture *f, const char *body) {
    enum err e;
    CHECK(serve(f, METHOD_POST, "/sandbox/api/faults", body, &e) != NULL);
}

static json_t *ledger(struct fixture *f) {
    enum err e;
    return serve(f, METHOD_GET, "/sandbox/api/ledger", "", &e);
}

static const json_t *last_hit(struct fixture *f) {
    const json_t *hits = json_object_get(ledger(f), "hits");
    return json_array_get(hits, json_array_size(hits) - 1);
}

TEST(answers_and_remembers_who_asked) {
    struct fixture f = begin();
    char text[8192];
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
    CHECK(strstr(text, "\"maxDurationSeconds\":600") != NULL);
    const json_t *hit = last_hit(&f);
    CHECK_TEXT(json_text(hit, "correlation_id"), "test-0001");
    CHECK_INT(json_i64_or(hit, "status", 0), 200);
    CHECK_INT(strlen(json_text(hit, "credential_last4")), 4);
    end(&f);
}

TEST(plays_each_fault_as_bytes_on_the_wire) {
    struct fixture f = begin();
    char text[8192];
    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"status\",\"status\":429,\"retry_after\":\"7\","
              "\"times\":1}");
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strncmp(text, "HTTP/1.1 429 ", 13) == 0);
    CHECK(strstr(text, "\r\nRetry-After: 7\r\n") != NULL);

    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"reset\",\"times\":1}");
    CHECK_INT(get(&f, text, sizeof text), ECONNRESET);
    CHECK_TEXT(text, "");
    CHECK(json_is_null(json_object_get(last_hit(&f), "status")));

    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"truncated\",\"times\":1}");
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strstr(text, "Content-Length: 4096\r\n") != NULL);
    CHECK(strlen(text) < 200);

    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"malformed\",\"times\":1}");
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);

    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"latency\",\"latency_ms\":120,\"times\":1}");
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strstr(text, "\"maxDurationSeconds\":600") != NULL);
    CHECK_INT(get(&f, text, sizeof text), 0); /* all used up */
    CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
    end(&f);
}

TEST(a_hanging_answer_holds_up_neither_others_nor_the_end) {
    struct fixture f = begin();
    char text[8192];
    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"hang\",\"times\":2}");
    int left = dial(sandbox_vapi_url(f.sandbox)), stays = dial(sandbox_vapi_url(f.sandbox));
    say(left, GET);
    say(stays, GET);
    while (json_array_size(json_object_get(ledger(&f), "hits")) < 2)
        usleep(1000);
    close(left);
    CHECK_INT(get(&f, text, sizeof text), 0);
    CHECK(strncmp(text, "HTTP/1.1 200 OK\r\n", 17) == 0);
    end(&f);
    close(stays);
}

static void *hammer(void *arg) {
    struct fixture *f = arg;
    char text[8192];
    for (int i = 0; i < 50; i++) {
        get(f, text, sizeof text);
        last_hit(f);
    }
    return NULL;
}

TEST(counts_right_when_many_ask_at_once) {
    struct fixture f = begin();
    pthread_t threads[4];
    fault(&f, "{\"provider\":\"vapi\",\"fault\":\"status\",\"times\":100}");
    struct fixture each[4];
    for (int i = 0; i < 4; i++) {
        each[i] = (struct fixture){ arena_new(256 << 20), f.sandbox };
        pthread_create(&threads[i], NULL, hammer, &each[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        arena_free(each[i].arena);
    }
    const json_t *seen = ledger(&f), *hits = json_object_get(seen, "hits"), *hit;
    size_t i, failed = 0;
    json_array_foreach(hits, i, hit) {
        failed += json_i64_or(hit, "status", 0) == 500;
    }
    CHECK_INT(json_i64_or(json_object_get(seen, "counts"), "vapi", 0), 200);
    CHECK_INT(failed, 100);
    end(&f);
}

TEST(refuses_what_the_contract_does_not_allow) {
    struct fixture f = begin();
    static const struct {
        enum http_method method;
        const char *path, *body;
        enum err err;
    } WRONG[] = {
        { METHOD_POST, "/sandbox/api/faults", "{", ERR_MALFORMED },
        { METHOD_POST, "/sandbox/api/faults", "{}", ERR_INVALID },
        { METHOD_POST, "/sandbox/api/faults", "{\"provider\":\"vapi\",\"fault\":\"x\"}",
          ERR_INVALID },
        { METHOD_POST, "/sandbox/api/faults",
          "{\"provider\":\"vapi\",\"fault\":\"none\",\"odd\":1}", ERR_INVALID },
        { METHOD_POST, "/sandbox/api/faults",
          "{\"provider\":\"vapi\",\"fault\":\"status\",\"status\":399}", ERR_INVALID },
        { METHOD_DELETE, "/sandbox/api/faults", "", ERR_METHOD_NOT_ALLOWED },
        { METHOD_GET, "/sandbox/api/nothing", "", ERR_NOT_FOUND },
        { METHOD_POST, "/sandbox/api/webhooks",
          "{\"kind\":\"voice\",\"url\":\"http://127.0.0.1.example.com/\"}", ERR_INVALID },
        { METHOD_POST, "/sandbox/api/webhooks",
          "{\"kind\":\"voice\",\"url\":\"http://127.0.0.1:80@example.com/\"}", ERR_INVALID },
    };
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        enum err e;
        serve(&f, WRONG[i].method, WRONG[i].path, WRONG[i].body, &e);
        CHECK_INT(e, WRONG[i].err);
    }
    end(&f);
}

/* One webhook taken in by hand: its request as text. */
struct listener {
    int fd;
    char text[8192];
};

static void *take_one(void *arg) {
    struct listener *l = arg;
    int fd = accept(l->fd, NULL, NULL);
    size_t len = 0;
    ssize_t n;
    do {
        n = read(fd, l->text + len, sizeof l->text - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    } while (n > 0 && !strstr(l->text, "ToZip=10118"));
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    close(fd);
    return NULL;
}

TEST(sends_a_webhook_as_twilio_signs_it) {
    struct fixture f = begin();
    struct listener l = { .fd = socket(AF_INET, SOCK_STREAM, 0) };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    pthread_t thread;
    enum err e;
    CHECK(bind(l.fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(l.fd, 1) == 0);
    getsockname(l.fd, (struct sockaddr *)&at, &len);
    pthread_create(&thread, NULL, take_one, &l);
    /* The vector "voice incoming call" of the published list. */
    const char *body = arena_printf(
        f.arena,
        "{\"kind\":\"voice\",\"url\":\"http://127.0.0.1:%d/in\",\"signed_url\":"
        "\"https://ava.example.com/webhooks/twilio/u/128374c3279a44734dc57238449f66e2f02ba9021cb/"
        "voice\",\"auth_token\":\"a8209973c2c44f8fbd08485549040690\",\"params\":{"
        "\"AccountSid\":\"AC027e7c4898879615dc9967554b5352e5\","
        "\"CallSid\":\"CA5e0f1f5deaca3c4f78c1d449f0594903\",\"Called\":\"+16576185926\","
        "\"To\":\"+16576185926\",\"From\":\"+19254749723\",\"Caller\":\"+19254749723\","
        "\"CallToken\":\"%%7B%%22parentCallInfoToken%%22%%3A%%22x%%22%%7D\"}}",
        ntohs(at.sin_port));
    json_t *answer = serve(&f, METHOD_POST, "/sandbox/api/webhooks", body, &e);
    pthread_join(thread, NULL);
    close(l.fd);
    CHECK_TEXT(json_text(answer, "resource"), "CA5e0f1f5deaca3c4f78c1d449f0594903");
    const json_t *sent = json_array_get(json_object_get(answer, "sent"), 0);
    CHECK_INT(json_i64_or(sent, "status", 0), 200);
    CHECK(strstr(l.text, "\r\nX-Twilio-Signature: 741JFndMMHsvky9dYCqHXEsI0XA=\r\n") != NULL);
    end(&f);
}
