/* provider: a pretend Vapi and Resend for benchmarks, and a collector of traces. Answers any GET with an assistant, any POST
 * to /v1/traces with nothing, as OTLP has it, and any other with a new id after a fixed time, as quickly as the machinery can; on the same runtime as Ava, in a process of its own.
 *     bench_provider ADDRESS DELAY_MS */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fiber.h"
#include "http/server.h"
#include "net/loop.h"

static const char ASSISTANT[] =
    "{\"id\":\"5b0a4a08-133c-4146-9315-0984f8c6be80\",\"orgId\":\"8b1f3c1e-1111-4222-8333-"
    "444455556666\","
    "\"createdAt\":\"2026-01-01T00:00:00.000Z\",\"updatedAt\":\"2026-02-03T04:05:06.789Z\","
    "\"name\":\"Front desk\",\"firstMessage\":\"Hello, this is Ava. How can I help?\","
    "\"firstMessageMode\":\"assistant-speaks-first\",\"maxDurationSeconds\":600,"
    "\"voice\":{\"provider\":\"11labs\",\"voiceId\":\"sarah\",\"speed\":1.0,\"stability\":0.5},"
    "\"model\":{\"provider\":\"openai\",\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"system\","
    "\"content\":\"You answer the phone of a small hotel.\"}]},"
    "\"transcriber\":{\"provider\":\"deepgram\",\"model\":\"nova-2\",\"language\":\"en\"}}";

static int64_t delay_ms;
static long long made;

static void body(void *arg, const struct http_req *req, struct http_body *out) {
    out->limit_bytes = 1 << 20;
}

static void handle(void *arg, struct http_req *req, struct http_reply *reply) {
    if (delay_ms)
        fiber_sleep(delay_ms);
    if (str_is(req->path, "/v1/traces"))
        return;
    reply->content_type = "application/json";
    if (req->method == METHOD_POST)
        buf_printf(&reply->body, "{\"id\":\"mail-%lld\"}", ++made);
    else
        reply->lent_body = STR(ASSISTANT);
}

static void refuse(void *arg, const struct http_req *req, enum err e, const char *detail,
                   struct http_reply *reply) {
    reply->status = err_info(e)->status;
}

int main(int argc, char **argv) {
    struct arena *a = arena_new(1 << 20);
    const char *why = "";
    struct http_app app = { NULL, body, handle, NULL, refuse };
    if (argc != 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    delay_ms = strtol(argv[2], NULL, 10);
    struct loop *loop = loop_new(0);
    int fd = http_listen(argv[1], HTTP_LISTEN_FIRST, a, &why);
    if (fd < 0) {
        fprintf(stderr, "%s\n", why);
        return 1;
    }
    http_server_open(loop, fd, &app, &HTTP_LIMITS_DEFAULT);
    loop_run(loop);
    return 0;
}
