/* webhooks: signed Twilio status callbacks, each another event, over kept connections.
 *     bench_webhooks URL AUTH_TOKEN CONNECTIONS SECONDS [RATE]
 * RATE: so many a second of all together, each at its time, and measured from that time; else as many as can be.
 * Prints one JSON line: rate, percentiles in ms, and how many were not answered 200. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "crypto/crypto.h"
#include "crypto/hmac.h"

enum { SAMPLES = 1 << 21 };

static const char *url, *path, *token;
static char host[64];
static int port;
static size_t connections;
static int64_t until_us, every_us; /* every_us: between two of one connection; 0: no rest */
static atomic_ullong next_id;
static atomic_size_t sample_count, bad;
static uint32_t samples[SAMPLES];

static size_t compose(struct arena *a, char *out, size_t room) {
    unsigned char mac[HMAC_SHA1_BYTES];
    char sid[48], signed_text[1024], body[512];
    snprintf(sid, sizeof sid, "CA%030llx", (unsigned long long)atomic_fetch_add(&next_id, 1));
    int body_len = snprintf(body, sizeof body,
                            "AccountSid=AC0123456789abcdef0123456789abcdef&ApiVersion=2010-04-01&"
                            "CallSid=%s&CallStatus=completed&Direction=inbound&Duration=12&"
                            "From=%%2B15550001111&SequenceNumber=3&To=%%2B15550002222",
                            sid);
    int text_len = snprintf(signed_text, sizeof signed_text,
                            "%sAccountSidAC0123456789abcdef0123456789abcdefApiVersion2010-04-01"
                            "CallSid%sCallStatuscompletedDirectioninboundDuration12From+15550001111"
                            "SequenceNumber3To+15550002222",
                            url, sid);
    hmac_sha1(mac, str_of(token), (struct str){ signed_text, (size_t)text_len });
    return (size_t)snprintf(out, room,
                            "POST %s HTTP/1.1\r\nHost: %s:%d\r\nX-Twilio-Signature: %s\r\n"
                            "Content-Type: application/x-www-form-urlencoded\r\n"
                            "Content-Length: %d\r\n\r\n%s",
                            path, host, port, base64_encode(a, mac, sizeof mac), body_len, body);
}

static int dial(void) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    inet_pton(AF_INET, host, &to.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Reads one answer; false when the connection is gone. */
static bool answer(int fd, bool *is_200) {
    char bytes[4096];
    size_t have = 0;
    for (;;) {
        ssize_t n = read(fd, bytes + have, sizeof bytes - 1 - have);
        if (n <= 0)
            return false;
        have += (size_t)n;
        bytes[have] = 0;
        const char *end = strstr(bytes, "\r\n\r\n"), *length = strcasestr(bytes, "content-length:");
        if (end && length && have >= (size_t)(end + 4 - bytes) + strtoul(length + 15, NULL, 10))
            break;
    }
    *is_200 = strncmp(bytes, "HTTP/1.1 200", 12) == 0;
    return true;
}

static void *send_on(void *arg) {
    struct arena *a = arena_new(1 << 20);
    char request[2048];
    int fd = dial();
    bool good;
    int64_t due_us = ava_now_us() + (int64_t)((uintptr_t)arg * (uintptr_t)every_us / connections);
    for (; fd >= 0 && ava_now_us() < until_us; due_us += every_us) {
        size_t len = compose(a, request, sizeof request);
        int64_t early_us = due_us - ava_now_us();
        if (every_us && early_us > 0)
            usleep((useconds_t)early_us);
        int64_t began = every_us ? due_us : ava_now_us();
        if (write(fd, request, len) != (ssize_t)len || !answer(fd, &good)) {
            atomic_fetch_add(&bad, 1);
            break;
        }
        size_t at = atomic_fetch_add(&sample_count, 1);
        if (at < SAMPLES)
            samples[at] = (uint32_t)(ava_now_us() - began);
        if (!good)
            atomic_fetch_add(&bad, 1);
        arena_reset(a);
    }
    close(fd);
    arena_free(a);
    return NULL;
}

static int by_value(const void *x, const void *y) {
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

int main(int argc, char **argv) {
    if (argc < 5 || argc > 6 || !crypto_init() ||
        sscanf(argv[1], "http://%63[^:]:%d", host, &port) != 2)
        return 2;
    url = argv[1];
    path = strchr(url + 7, '/');
    token = argv[2];
    size_t count = connections = strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    pthread_t threads[1024];
    if (count < 1 || count > 1024)
        return 2;
    if (argc == 6)
        every_us = (int64_t)(1e6 * (double)count / strtod(argv[5], NULL));
    atomic_init(&next_id, (unsigned long long)ava_wall_ms() << 20);
    int64_t began = ava_now_us();
    until_us = began + (int64_t)(seconds * 1e6);
    for (size_t i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, send_on, (void *)(uintptr_t)i);
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    double took = (double)(ava_now_us() - began) / 1e6;
    size_t n = atomic_load(&sample_count) < SAMPLES ? atomic_load(&sample_count) : SAMPLES;
    if (n == 0)
        return 1;
    qsort(samples, n, sizeof samples[0], by_value);
    printf("{\"rate\":%.0f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"bad\":%zu,\"sent\":%zu}\n",
           (double)n / took, samples[n / 2] / 1e3, samples[n * 99 / 100] / 1e3, atomic_load(&bad),
           n);
    return 0;
}
