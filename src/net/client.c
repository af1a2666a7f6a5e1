#include "net/client.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/defs.h"
#include "base/fiber.h"
#include "base/memory.h"
#include "net/client_inner.h"
#include "net/outside.h"

enum {
    TRANSFERS_PER_MULTI = 256, /* curl 7.88 slows down as one multi grows (measured) */
    READ_BUFFER_BYTES = 4096,  /* curl takes and returns one per transfer: small ones cost less */
    IDLE_CONNECTIONS_MAX = 32,
    IDLE_SECONDS_MAX = 55,
    AGE_SECONDS_MAX = 600,
    CONNECT_MS = 3500, /* DNS 1 s, TCP 1 s, TLS 1.5 s: curl counts them as one */
    HEAD_BYTES_MAX = 64 << 10,
    BODY_BYTES_PER_S_MIN = 1024, /* measured from one second after the head on */
    LOOK_MS = 500,               /* how often a body's rate is looked at */
    LATE_MS = 500,               /* behind that, it is we who were late */
    WOKEN_MS = 1000, /* after standing still: kept connections were given up meanwhile */
    UNREAD_MS = 100, /* for a body that nobody reads, and how much of it: */
    UNREAD_BYTES_MAX = 64 << 10,
    STALL_MS = 10 * 1000,         /* in a flow */
    FLOW_KERNEL_BYTES = 64 << 10, /* of what comes in a flow */
    REST_BYTES = 64 << 10,        /* of a body at once; curl reads on for as long as more comes */
    NO_LENGTH = -1,
};

struct client_flow {
    struct client *client;
    struct transfer t;
    struct buf read; /* the piece that is lent */
    int64_t waited_ms;
};

static __thread struct client *mine;

static int64_t min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

void client_global_init(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct client *client_self(void) {
    return mine;
}

/* --- curl asks the loop ---------------------------------------------------------------------- */

static void forget_unused(const struct transfer *t);

/* Wakes the fiber, where it waits for this transfer; it runs after curl has returned. */
static void wake(struct transfer *t) {
    if (!t->is_waiting)
        return;
    t->is_waiting = false;
    fiber_unpark(&t->parking);
}

/* Wakes the fibers whose transfers are done. */
static void collect(struct multi *m) {
    CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(m->handle, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        struct transfer *t;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &t);
        t->code = message->data.result;
        forget_unused(t);
        t->is_done = true;
        wake(t);
    }
}

static void on_timer(uv_timer_t *timer) {
    struct multi *m = timer->data;
    int running;
    curl_multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(m);
}

/* curl wants to be called after that time; -1: not at all. */
static int set_timer(CURLM *multi, long timeout_ms, void *arg) {
    struct multi *m = arg;
    if (timeout_ms < 0)
        uv_timer_stop(&m->timer);
    else
        uv_timer_start(&m->timer, on_timer, (uint64_t)timeout_ms, 0);
    return 0;
}

/* A watched socket is ready: curl reads or writes. */
void client_on_socket(uv_poll_t *poll, int status, int events) {
    struct watch *w = poll->data;
    struct multi *m = w->multi;
    if (w->line) { /* curl has no part in what is said now */
        uv_poll_stop(poll);
        w->active = 0;
        wake(w->line);
        return;
    }
    if (w->wanted == 0) {
        /* An idle connection says something. curl 7.88 would take an answer nobody asked for as
         * that of the next request (seen 2026-11-21); of a shut socket it knows better. */
        if (!w->is_framed)
            shutdown(w->fd, SHUT_RDWR);
        uv_poll_stop(poll);
        w->active = 0;
        return;
    }
    /* libuv tells a reset by a status alone and stops looking. What came before the reset is still
     * there, and may be the answer: curl reads it, and then meets the error by itself. */
    curl_socket_t fd = w->fd;
    if (status < 0)
        events = w->wanted;
    int flags = (events & UV_READABLE ? CURL_CSELECT_IN : 0) |
                (events & UV_WRITABLE ? CURL_CSELECT_OUT : 0);
    int running;
    curl_multi_socket_action(m->handle, fd, flags, &running);
    if (status < 0 && m->client->by_fd[fd] == w && w->wanted)
        uv_poll_start(poll, w->active = w->wanted, client_on_socket);
    collect(m);
}

static void free_watch(uv_handle_t *h) {
    free(h->data);
}

static struct watch *watch_new(struct multi *m, curl_socket_t fd, bool is_ours) {
    struct watch *w = calloc(1, sizeof *w);
    if (!w || (size_t)fd >= ARRAY_LEN(m->client->by_fd) ||
        uv_poll_init_socket(loop_uv(m->client->loop), &w->poll, fd) != 0) {
        free(w);
        return NULL;
    }
    w->poll.data = w;
    w->multi = m;
    w->fd = fd;
    w->is_ours = is_ours;
    m->client->by_fd[fd] = w;
    return w;
}

/* The watch of the socket; NULL: there is none, or no such socket. */
struct watch *client_watch_of(const struct client *c, curl_socket_t fd) {
    return fd >= 0 && (size_t)fd < ARRAY_LEN(c->by_fd) ? c->by_fd[fd] : NULL;
}

static void watch_end(struct watch *w) {
    w->multi->client->by_fd[w->fd] = NULL;
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, free_watch);
}

/* Is it ours no more? curl 7.88 closes a socket that it has not come to use without a word. */
static bool is_closed_unsaid(const struct watch *w) {
    return !w->has_sent && fcntl(w->fd, F_GETFD) < 0;
}

/* The same for the socket of a transfer that is over, before curl may close it: libuv ends the process
 * when it is to watch a descriptor that is closed. */
static void forget_unused(const struct transfer *t) {
    struct client *c = t->multi->client;
    struct watch *w = client_watch_of(c, t->fd);
    if (w && w->opener == t && !w->has_sent)
        watch_end(w);
}

/* curl says what a socket waits for, or that it is done with it. */
static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused) {
    struct multi *m = arg;
    struct watch *w = client_watch_of(m->client, fd);
    struct transfer *t;
    if (!w && what != CURL_POLL_REMOVE)
        w = watch_new(m, fd, false); /* curl's resolver has sockets of its own */
    if (!w)
        return 0;
    if (what == CURL_POLL_REMOVE) {
        w->wanted = 0;
        if (!w->is_ours || is_closed_unsaid(w)) {
            watch_end(w);
        } else if (w->is_flows || w->is_resting) { /* what comes meanwhile was asked for */
            uv_poll_stop(&w->poll);
            w->active = 0;
        }
        return 0;
    }
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &t);
    if (t)
        t->reads = fd;
    w->is_resting = false;
    w->wanted = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    if (w->wanted != w->active) {
        uv_poll_start(&w->poll, w->wanted, client_on_socket);
        w->active = w->wanted;
    }
    return 0;
}

/* A socket and its watch; none for another address than the judged one (call->only). */
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *addr) {
    struct transfer *t = arg;
    struct client *c = t->multi->client;
    struct address to;
    if (t->call->only && !t->proxy &&
        (!address_from(&addr->addr, &to) || !address_equal(&to, t->call->only)))
        return CURL_SOCKET_BAD; /* never, whatever curl made of CONNECT_TO */
    curl_socket_t fd =
        socket(addr->family, addr->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, addr->protocol);
    if (fd == CURL_SOCKET_BAD) {
        t->is_starved = true;
        return fd;
    }
    if ((size_t)fd < ARRAY_LEN(c->by_fd) && c->by_fd[fd])
        watch_end(c->by_fd[fd]); /* of a socket that was closed without a word to us */
    struct watch *w = watch_new(t->multi, fd, true);
    if (!w) {
        t->is_starved = true;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    w->opener = t;
    w->is_flows = t->is_flow || t->is_line;
    t->fd = fd;
    int kernel_bytes = FLOW_KERNEL_BYTES;
    if (t->is_flow)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kernel_bytes, sizeof kernel_bytes);
    return fd;
}

static int close_socket(void *arg, curl_socket_t fd) {
    struct client *c = arg;
    struct watch *w = client_watch_of(c, fd);
    if (w)
        watch_end(w);
    return close(fd);
}

/* --- one transfer ---------------------------------------------------------------------------- */

/* It was served after the others: curl reads on, here and not in a turn of its timer. */
static void on_rested(struct loop_later *rest) {
    struct transfer *t = CONTAINER_OF(rest, struct transfer, rest);
    struct multi *m = t->multi;
    int running;
    curl_easy_pause(t->easy, CURLPAUSE_CONT);
    curl_multi_socket_action(m->handle, CURL_SOCKET_TIMEOUT, 0, &running);
    collect(m);
}

/* Lets the others of this loop go first, after each REST_BYTES: whoever sends without end would have
 * it for themselves. Not in HTTP/2, where other answers wait behind a stream that rests. */
static bool must_rest(struct transfer *t, size_t len) {
    long version = 0;
    t->at_once += len;
    if (t->at_once <= REST_BYTES)
        return false;
    t->at_once = 0;
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    struct watch *w = client_watch_of(t->multi->client, t->reads);
    if (!w || version >= CURL_HTTP_VERSION_2_0)
        return false;
    w->is_resting = true;
    t->rest.fn = on_rested;
    loop_put_off(t->multi->client->loop, &t->rest);
    return true;
}

/* Gathers the body, up to its limit; 0 ends the transfer. Of a flow only until there is a piece. When
 * paused, curl brings the same bytes again once it goes on. */
static size_t take_body(char *bytes, size_t one, size_t len, void *arg) {
    struct transfer *t = arg;
    struct client_call *call = t->call;
    long status = 0;
    if (t->is_flowing)
        wake(t);
    t->is_paused = t->is_flowing && t->body.len >= CLIENT_PIECE_BYTES;
    if (t->is_paused)
        return CURL_WRITEFUNC_PAUSE;
    if (!t->is_flowing && must_rest(t, len))
        return CURL_WRITEFUNC_PAUSE;
    t->body_bytes += len;
    if (call->head_is_enough)
        return t->body_bytes <= UNREAD_BYTES_MAX ? len : 0;
    if (t->body_bytes > call->body_max_bytes) {
        t->is_too_large = true;
        return 0;
    }
    if (call->take) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        if (!call->take(call->take_arg, (int)status, (struct str){ bytes, len })) {
            t->is_garbled = true;
            return 0;
        }
    } else {
        buf_put(&t->body, bytes, len);
    }
    return len;
}

static const char *value_of(struct arena *a, const char *line, size_t len, size_t name_len) {
    struct str v = { line + name_len, len - name_len };
    while (v.len && (v.ptr[v.len - 1] == '\r' || v.ptr[v.len - 1] == '\n'))
        v.len--;
    return str_dup(a, str_trim(v));
}

/* A new head: what an interim one (100, 103) said does not count for the final one. */
static void take_status(struct transfer *t, const char *line, size_t len) {
    const char *code = memchr(line, ' ', len);
    t->is_interim = code && code + 1 < line + len && code[1] == '1';
    t->length = NO_LENGTH;
    t->call->retry_after = t->call->date = NULL;
    t->call->content_type = t->call->content_range = NULL;
}

/* curl believes the last of two lengths and ignores one that is too big for it. */
static void take_length(struct transfer *t, struct str value) {
    int64_t length;
    if (!str_to_i64(value, 0, INT64_MAX, &length) ||
        (t->length != NO_LENGTH && t->length != length)) {
        t->is_garbled = true;
        return;
    }
    t->length = length;
    t->is_too_large = !t->call->head_is_enough && (uint64_t)length > t->call->body_max_bytes;
}

/* The head is whole. */
static void end_head(struct transfer *t) {
    long status = 0;
    t->head_done_ms = ava_now_ms();
    t->call->length = t->length;
    if (!t->is_flow)
        return;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    t->is_flowing = status >= 200 && status < 300;
    if (t->is_flowing)
        wake(t);
}

/* Reads the headers that count; 0 ends the transfer. Of a line they are what the server said so far. */
static size_t take_header(char *line, size_t one, size_t len, void *arg) {
    struct transfer *t = arg;
    struct client_call *call = t->call;
    t->head_bytes += len;
    if (t->head_bytes > HEAD_BYTES_MAX)
        t->is_garbled = true;
    else if (t->is_line)
        buf_put(&t->body, line, len);
    else if (t->head_done_ms)
        return len; /* trailers say nothing we need */
    else if (len > 5 && memcmp(line, "HTTP/", 5) == 0)
        take_status(t, line, len);
    else if (len <= 2 && !t->is_interim)
        end_head(t);
    else if (len > 15 && strncasecmp(line, "content-length:", 15) == 0)
        take_length(t, str_of(value_of(call->arena, line, len, 15)));
    else if (len > 12 && strncasecmp(line, "retry-after:", 12) == 0)
        call->retry_after = value_of(call->arena, line, len, 12);
    else if (len > 5 && strncasecmp(line, "date:", 5) == 0)
        call->date = value_of(call->arena, line, len, 5);
    else if (len > 13 && strncasecmp(line, "content-type:", 13) == 0)
        call->content_type = value_of(call->arena, line, len, 13);
    else if (len > 14 && strncasecmp(line, "content-range:", 14) == 0)
        call->content_range = value_of(call->arena, line, len, 14);
    return t->is_too_large || t->is_garbled ? 0 : len;
}

/* Before each sending. On a kept connection that dies without an answer curl sends any request
 * again by itself, POST too (seen with 7.88), and again if that was a kept one as well. */
static int before_sending(void *arg, char *to, char *from, int to_port, int from_port) {
    struct transfer *t = arg;
    if (t->sendings > (t->call->may_resend ? 1 : 0))
        return CURL_PREREQFUNC_ABORT;
    t->call->resent = t->sendings > 0;
    t->sendings++;
    struct watch *w = t->fd != CURL_SOCKET_BAD ? t->multi->client->by_fd[t->fd] : NULL;
    if (w && w->opener == t)
        w->has_sent = true;
    return CURL_PREREQFUNC_OK;
}

/* What is the same for every call: set once, when a handle is made. NULL without the memory for it. */
static CURL *easy_new(struct client *c) {
    CURL *e = curl_easy_init();
    if (!e)
        return NULL;
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)READ_BUFFER_BYTES);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS,
                     1L); /* what the proxy says is no answer */
    outside_trust(e);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, (long)IDLE_SECONDS_MAX);
    curl_easy_setopt(e, CURLOPT_MAXLIFETIME_CONN, (long)AGE_SECONDS_MAX);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 60L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, before_sending);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, c);
    return e;
}

/* Of both a request and a line. */
static void set_common_options(struct transfer *t) {
    struct client_call *call = t->call;
    CURL *e = t->easy;
    curl_easy_setopt(e, CURLOPT_URL, call->url);
    t->proxy = t->is_line ? NULL : outside_proxy_for(call->url);
    curl_easy_setopt(e, CURLOPT_PROXY, t->proxy ? t->proxy : "");
    curl_easy_setopt(e, CURLOPT_CERTINFO, call->wants_certificate ? 1L : 0L);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_CONNECT_TO, t->connect_to);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)min(call->timeout_ms, call->connect_ms ? call->connect_ms : CONNECT_MS));
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, (long)(call->fresh || t->is_flow || t->is_line));
}

/* Not FORBID_REUSE: with it, curl 7.88 would say QUIT at once, and wait for the answer in this loop. */
static void set_line_options(struct transfer *t) {
    set_common_options(t);
    curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(t->easy, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(t->easy, CURLOPT_USE_SSL,
                     t->must_start_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
}

/* What differs from call to call. */
static void set_options(struct transfer *t) {
    struct client_call *call = t->call;
    CURL *e = t->easy;
    bool has_body =
        call->body.len || strcmp(call->method, "POST") == 0 || strcmp(call->method, "PATCH") == 0;
    bool is_plain = strcmp(call->method, "GET") == 0 || strcmp(call->method, "POST") == 0;
    set_common_options(t);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(e, CURLOPT_FORBID_REUSE, (long)t->is_flow);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                     t->is_flow ? (long)CURL_HTTP_VERSION_1_1 : (long)CURL_HTTP_VERSION_2TLS);
    if (has_body) {
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, call->body.len ? call->body.ptr : "");
    } else {
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, NULL);
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, is_plain ? NULL : call->method);
}

/* Every host and port of the URL at this address, with the port it has. */
static struct curl_slist *connect_list(const struct address *only) {
    char text[ADDRESS_TEXT_MAX], line[ADDRESS_TEXT_MAX + 8];
    if (!only)
        return NULL;
    address_write(only, text);
    snprintf(line, sizeof line, only->family == AF_INET6 ? "::[%s]:" : "::%s:", text);
    return curl_slist_append(NULL, line);
}

/* curl copied the lines, some of which authenticate: they are wiped before they are freed. */
static void header_list_free(struct curl_slist *list) {
    for (struct curl_slist *h = list; h; h = h->next)
        explicit_bzero(h->data, strlen(h->data));
    curl_slist_free_all(list);
}

/* NULL without the memory for all of it: a request without some of its headers is another one. */
static struct curl_slist *header_list(const struct client_call *call) {
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no 100-continue round trips */
    for (size_t i = 0; list && i < call->header_count; i++) {
        struct curl_slist *longer = curl_slist_append(list, call->headers[i]);
        if (!longer)
            header_list_free(list);
        list = longer;
    }
    return list;
}

/* One more multi handle; false without the memory for it. */
static bool multi_open(struct client *c) {
    struct multi *m = &c->multis[c->multi_count];
    CURLM *handle = curl_multi_init();
    if (!handle)
        return false;
    *m = (struct multi){ .handle = handle, .client = c };
    uv_timer_init(loop_uv(c->loop), &m->timer);
    m->timer.data = m;
    curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, m);
    curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(handle, CURLMOPT_TIMERDATA, m);
    curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, (long)TRANSFERS_PER_MULTI);
    c->multi_count++;
    return true;
}

/* The first multi handle with room, one more where there is none, else the one with the fewest
 * transfers. Each costs two descriptors, so there is one until more are needed. */
static struct multi *roomiest(struct client *c) {
    for (size_t i = 0; i < c->multi_count; i++)
        if (c->multis[i].running < TRANSFERS_PER_MULTI)
            return &c->multis[i]; /* the first, so that few calls share few connections */
    if (c->multi_count < MULTIS && multi_open(c))
        return &c->multis[c->multi_count - 1];
    struct multi *best = &c->multis[0];
    for (size_t i = 1; i < c->multi_count; i++)
        if (c->multis[i].running < best->running)
            best = &c->multis[i];
    return best;
}

struct start {
    struct client *client;
    struct transfer *t;
};

/* All curl calls are made on the loop's stack (RUNTIME: TLS set-up is deep). */
static void start(void *arg) {
    struct start *s = arg;
    struct client *c = s->client;
    struct transfer *t = s->t;
    t->multi = roomiest(c);
    t->easy = c->easy_count && !t->is_line ? c->easy[--c->easy_count] : easy_new(c);
    t->headers = header_list(t->call);
    t->connect_to = connect_list(t->call->only);
    t->multi->running++;
    /* Without its list it would connect to wherever the name leads by now. */
    if (t->easy && t->headers && (t->connect_to || !t->call->only)) {
        if (t->is_line)
            set_line_options(t);
        else
            set_options(t);
        if (curl_multi_add_handle(t->multi->handle, t->easy) == CURLM_OK)
            return;
    }
    t->is_starved = t->is_done = true;
    t->code = CURLE_OUT_OF_MEMORY;
}

static bool is_connected(curl_socket_t fd) {
    struct sockaddr_storage peer;
    socklen_t len = sizeof peer;
    return fd != CURL_SOCKET_BAD && getpeername(fd, (struct sockaddr *)&peer, &len) == 0;
}

/* True for what the system says of itself, and not of who is at the other end. */
static bool is_of_this_host(long e) {
    return e == ENOMEM || e == ENOBUFS || e == EMFILE || e == ENFILE || e == EADDRNOTAVAIL;
}

/* Was it ended by what this system lacks? As far as curl tells. before_sending ends what curl would
 * send again after such an error. */
static bool was_refused(const struct transfer *t) {
    long e = 0;
    if (t->code != CURLE_COULDNT_CONNECT && t->code != CURLE_SEND_ERROR &&
        t->code != CURLE_RECV_ERROR && t->code != CURLE_ABORTED_BY_CALLBACK)
        return false;
    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &e);
    return is_of_this_host(e);
}

/* A handshake that there was no memory for ends as one that the other side broke off. */
static bool lacked_memory(const struct transfer *t) {
    return t->code == CURLE_OUT_OF_MEMORY ||
           (t->code == CURLE_SSL_CONNECT_ERROR && memory_is_short());
}

/* When the certificate of the other end is over: its own comes first. */
static void take_certificate(struct transfer *t) {
    const struct curl_certinfo *info = NULL;
    static const char WORDS[] = "Expire date:";
    struct tm end = { 0 };
    if (curl_easy_getinfo(t->easy, CURLINFO_CERTINFO, &info) != CURLE_OK || !info ||
        info->num_of_certs < 1)
        return;
    for (const struct curl_slist *l = info->certinfo[0]; l; l = l->next)
        if (strncmp(l->data, WORDS, sizeof WORDS - 1) == 0 &&
            strptime(l->data + sizeof WORDS - 1, "%b %d %H:%M:%S %Y", &end))
            t->call->certificate_ends_ms = (int64_t)timegm(&end) * 1000;
}

/* Reads what the transfer was like, and gives its handle back to the pool. */
static void stop(void *arg) {
    struct start *s = arg;
    struct client *c = s->client;
    struct transfer *t = s->t;
    curl_off_t sent_at = 0;
    curl_socket_t fd = CURL_SOCKET_BAD;
    long status = 0, fresh_connects = 0, version = 0;
    loop_take_back(c->loop, &t->rest);
    if (!t->easy) {
        curl_slist_free_all(t->connect_to);
        header_list_free(t->headers);
        t->multi->running--;
        return;
    }
    if (t->call->wants_certificate)
        take_certificate(t);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_PRETRANSFER_TIME_T, &sent_at);
    curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &fresh_connects);
    t->call->status = (int)status;
    t->call->left_host = sent_at > 0 || t->sendings > 0;
    t->call->reused = sent_at > 0 && fresh_connects == 0;
    t->call->was_refused = was_refused(t);
    t->is_starved = t->is_starved || t->call->was_refused || lacked_memory(t);
    curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(t->easy, CURLINFO_ACTIVESOCKET, &fd);
    struct watch *w = client_watch_of(c, fd);
    if (w)
        w->is_framed = version >= CURL_HTTP_VERSION_2_0;
    forget_unused(t);
    curl_multi_remove_handle(t->multi->handle, t->easy);
    curl_easy_setopt(t->easy, CURLOPT_CONNECT_TO, NULL);
    curl_slist_free_all(t->connect_to);
    t->multi->running--;
    if (c->easy_count < EASY_POOL_MAX && !t->is_line)
        c->easy[c->easy_count++] = t->easy;
    else
        curl_easy_cleanup(t->easy);
    header_list_free(t->headers);
}

/* The result from what we saw ourselves, else from the code of curl. */
static enum client_result result_of(const struct transfer *t, bool in_time) {
    if (t->call->head_is_enough && t->head_done_ms)
        return CLIENT_DONE;
    if (t->is_starved && t->code != CURLE_OK && !t->sendings)
        return CLIENT_STARVED;
    if (t->is_silent)
        return CLIENT_UNREACHED;
    if (!in_time)
        return CLIENT_TIMEOUT;
    if (t->is_too_large)
        return CLIENT_TOO_LARGE;
    if (t->is_garbled)
        return CLIENT_GARBLED;
    switch (t->code) {
    case CURLE_OK:
        return CLIENT_DONE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        return CLIENT_UNREACHED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
        return CLIENT_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return CLIENT_TIMEOUT;
    case CURLE_UNSUPPORTED_PROTOCOL: /* no status line */
        return CLIENT_GARBLED;
    case CURLE_WEIRD_SERVER_REPLY:
        return t->is_line && t->body.len ? CLIENT_REFUSED : CLIENT_GARBLED;
    case CURLE_USE_SSL_FAILED:
    case CURLE_REMOTE_ACCESS_DENIED:
        return CLIENT_REFUSED;
    default:
        return CLIENT_BROKEN;
    }
}

static void release_body(void *arg) {
    buf_fini(arg);
}

/* True while knock_ms count: nobody has let us in yet. */
static bool is_knocking(const struct transfer *t) {
    return t->call->knock_ms && !t->sendings && !is_connected(t->fd);
}

/* Sleeps until something happened to the transfer, or until then; returns the time. */
int64_t client_look_again(struct transfer *t, int64_t until_ms) {
    fiber_parking_init(&t->parking);
    t->is_waiting = true;
    fiber_park(&t->parking, until_ms, NULL, NULL);
    t->is_waiting = false;
    return ava_now_ms();
}

/* Sleeps until the transfer is done, or flows; false when one of the limits came first. */
static bool wait_until_done(struct transfer *t, int64_t began_ms) {
    struct client_call *call = t->call;
    int64_t whole_by = began_ms + call->timeout_ms;
    int64_t first_byte_by = min(began_ms + call->first_byte_ms, whole_by);
    int64_t now_ms = began_ms;
    while (!t->is_done && !t->is_flowing) {
        int64_t limit = t->head_done_ms ? whole_by : first_byte_by;
        if (call->not_after_ms)
            limit = min(limit, atomic_load(call->not_after_ms));
        if (t->head_done_ms && call->head_is_enough)
            limit = min(limit, t->head_done_ms + UNREAD_MS);
        t->is_silent = is_knocking(t) && now_ms >= began_ms + call->knock_ms;
        if (now_ms >= limit || t->is_silent)
            return false;
        if (is_knocking(t))
            limit = min(limit, began_ms + call->knock_ms);
        int64_t reading_ms = t->head_done_ms ? now_ms - t->head_done_ms : 0;
        call->too_slow =
            reading_ms >= 1000 && (int64_t)t->body_bytes * 1000 < reading_ms * BODY_BYTES_PER_S_MIN;
        if (call->too_slow)
            return false;
        int64_t until_ms = min(limit, now_ms + LOOK_MS);
        now_ms = client_look_again(t, until_ms);
        call->was_late = call->was_late || now_ms > until_ms + LATE_MS;
    }
    return true;
}

/* Makes the call until its answer is whole, or flows; false when one of the limits came first. */
bool client_run(struct client *c, struct transfer *t) {
    struct client_call *call = t->call;
    int64_t began_us = ava_now_us();
    call->content_type = call->content_range = call->retry_after = call->date = NULL;
    call->resent = call->too_slow = call->was_refused = false;
    call->was_late = loop_has_stood(c->loop, WOKEN_MS);
    call->length = NO_LENGTH;
    fiber_on_loop(start, &(struct start){ c, t });
    bool in_time = wait_until_done(t, began_us / 1000);
    call->took_us = ava_now_us() - began_us;
    return in_time;
}

/* Ends the transfer and tells its call what became of it. */
void client_conclude(struct client *c, struct transfer *t, bool in_time) {
    struct client_call *call = t->call;
    fiber_on_loop(stop, &(struct start){ c, t });
    call->was_late = call->was_late || loop_has_stood(c->loop, WOKEN_MS);
    call->result = result_of(t, in_time);
    struct buf *body = arena_copy(call->arena, &t->body, sizeof t->body);
    arena_defer(call->arena, release_body, body);
    call->answer = buf_view(body);
}

void client_end(struct client *c, struct transfer *t) {
    fiber_on_loop(stop, &(struct start){ c, t });
}

void client_fetch(struct client *c, struct client_call *call) {
    struct transfer t = {
        .call = call, .length = NO_LENGTH, .fd = CURL_SOCKET_BAD, .reads = CURL_SOCKET_BAD
    };
    bool in_time = client_run(c, &t);
    client_conclude(c, &t, in_time);
}

/* --- piece by piece -------------------------------------------------------------------------- */

struct client_flow *client_open(struct client *c, struct client_call *call) {
    struct client_flow *f = calloc(1, sizeof *f);
    if (!f)
        abort();
    f->client = c;
    f->t = (struct transfer){
        .call = call,
        .length = NO_LENGTH,
        .fd = CURL_SOCKET_BAD,
        .reads = CURL_SOCKET_BAD,
        .is_flow = true,
    };
    bool in_time = client_run(c, &f->t);
    if (f->t.is_flowing) {
        long status = 0;
        curl_easy_getinfo(f->t.easy, CURLINFO_RESPONSE_CODE, &status);
        call->status = (int)status;
        call->result = CLIENT_DONE;
        call->answer = (struct str){ "", 0 };
        call->left_host = true;
        call->reused = false;
        return f;
    }
    client_conclude(c, &f->t, in_time);
    free(f);
    return NULL;
}

static void go_on(void *arg) {
    struct transfer *t = arg;
    t->is_paused = false;
    curl_easy_pause(t->easy, CURLPAUSE_CONT); /* may bring bytes at once, and pause again */
    collect(t->multi);
}

/* True when the sender is slower than anybody waits for. What we were late ourselves does not count. */
static bool is_stalled(const struct client_flow *f, int64_t here_ms) {
    int64_t waited_ms = f->waited_ms + here_ms;
    return here_ms >= STALL_MS || (waited_ms >= STALL_MS && (int64_t)f->t.body_bytes * 1000 <
                                                                waited_ms * BODY_BYTES_PER_S_MIN);
}

enum client_result client_read(struct client_flow *f, const bool *is_gone, struct str *piece) {
    struct transfer *t = &f->t;
    int64_t here_ms = 0, now_ms = ava_now_ms();
    buf_clear(&f->read);
    *piece = (struct str){ "", 0 };
    while (!t->body.len && !t->is_done && !*is_gone && !is_stalled(f, here_ms)) {
        int64_t then_ms = client_look_again(t, now_ms + LOOK_MS);
        here_ms += min(then_ms - now_ms, LOOK_MS);
        now_ms = then_ms;
    }
    f->waited_ms += here_ms;
    if (!t->body.len)
        return t->is_done ? result_of(t, true) : CLIENT_TIMEOUT;
    struct buf full = t->body;
    t->body = f->read;
    f->read = full;
    *piece = buf_view(&f->read);
    if (t->is_paused)
        fiber_on_loop(go_on, t);
    return CLIENT_DONE;
}

void client_close(struct client_flow *f) {
    if (!f)
        return;
    client_end(f->client, &f->t);
    buf_fini(&f->t.body);
    buf_fini(&f->read);
    free(f);
}

/* --- life ------------------------------------------------------------------------------------ */

struct client *client_new(struct loop *loop) {
    assert(!mine);
    struct client *c = memory_zeroed(1, sizeof *c);
    c->loop = loop;
    if (!multi_open(c))
        abort(); /* at start */
    mine = c;
    return c;
}

static void run_nothing(struct loop *loop) {
    for (int i = 0; i < 2; i++)
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

void client_free(struct client *c) {
    if (!c)
        return;
    for (size_t i = 0; i < c->easy_count; i++)
        curl_easy_cleanup(c->easy[i]);
    for (size_t i = 0; i < c->multi_count; i++) {
        curl_multi_cleanup(c->multis[i].handle);
        uv_close((uv_handle_t *)&c->multis[i].timer, NULL);
    }
    run_nothing(c->loop); /* the closed handles leave before their memory does */
    mine = NULL;
    free(c);
}
