/* client_inner: between client.c, which drives curl, and client_line.c, which talks on a connection that curl made. */
#pragma once

#include <curl/curl.h>
#include <uv.h>

#include "base/buf.h"
#include "base/fiber.h"
#include "net/client.h"
#include "net/loop.h"

enum { MULTIS = 16, EASY_POOL_MAX = 4096 };

struct multi {
    CURLM *handle;
    uv_timer_t timer;
    struct client *client;
    size_t running;
};

/* A socket and its watch. The watch stays when a transfer ends, so that the next one on the kept
 * connection costs no system call; it goes when something happens that nobody asked for. */
struct watch {
    uv_poll_t poll;
    struct multi *multi;
    curl_socket_t fd;
    int wanted, active; /* UV_READABLE | UV_WRITABLE */
    bool is_ours;       /* opened through open_socket: closing comes through us too */
    const struct transfer *opener;
    bool
        has_sent; /* a request went over it: curl closes it through close_socket and no other way */
    bool is_framed;        /* HTTP/2: what comes unasked is not taken for an answer */
    bool is_flows;         /* of a flow: not looked at while that is paused, and not kept */
    bool is_resting;       /* nor while a transfer lets others go first */
    struct transfer *line; /* what comes is its own, and none of curl's business; NULL: no */
};

struct client {
    struct loop *loop;
    struct multi multis[MULTIS];
    size_t multi_count;
    CURL *easy[EASY_POOL_MAX];
    size_t easy_count;
    struct watch *by_fd[65536];
};

struct transfer {
    struct client_call *call;
    struct multi *multi;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    struct buf body;
    CURLcode code;
    curl_socket_t fd;    /* opened last, for connecting */
    curl_socket_t reads; /* watched last, whoever opened it */
    bool is_starved;     /* the system granted no socket for it */
    size_t head_bytes, body_bytes;
    int64_t length;       /* as the answer states it */
    int64_t head_done_ms; /* 0: the head of the final answer is not whole yet */
    int sendings;
    bool is_interim; /* the head being read is a 1xx */
    bool is_silent;  /* knock_ms were over before there was a connection */
    bool is_too_large, is_garbled, is_done;
    const char *proxy;   /* NULL: it goes there by itself */
    bool is_line;        /* client_line.h: up to the greeting; body is what was said until then */
    bool must_start_tls; /* a line */
    bool is_flow;        /* the body is for client_read, when the answer is a good one */
    bool is_flowing;     /* and it is */
    bool is_paused;      /* enough of it is here; the rest is left where it is */
    bool is_waiting;     /* on parking */
    struct fiber_parking parking;
    size_t at_once;         /* bytes of the body since it rested last */
    struct loop_later rest; /* others of the loop go first */
};

/* The watch of the socket; NULL: there is none, or no such socket. */
struct watch *client_watch_of(const struct client *c, curl_socket_t fd);
/* The watch says that it is ready. */
void client_on_socket(uv_poll_t *poll, int status, int events);
/* Makes the transfer until it is done, or flows; false when one of its limits came first. */
bool client_run(struct client *c, struct transfer *t);
/* Ends it, wherever it is, and tells its call what became of it; or without telling. */
void client_conclude(struct client *c, struct transfer *t, bool in_time);
void client_end(struct client *c, struct transfer *t);
/* Sleeps until something happened to the transfer, or until then; returns the time. */
int64_t client_look_again(struct transfer *t, int64_t until_ms);
