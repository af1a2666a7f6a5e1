/* door: lets connections in from a listening socket.
 *
 * The system grants only so many descriptors. When it grants no more, the door closes for a moment and
 * whoever owns it is told, so that it can close something; those outside wait in the kernel meanwhile.
 * libuv's own listener would ask again at once, without end (seen with 1.44). */
#pragma once

#include <stdbool.h>
#include <uv.h>

struct door {
    uv_poll_t poll;
    uv_timer_t again; /* opens the door after a pause */
    int fd;
    bool is_shut;
    bool is_shared; /* others accept on it, too: they shall have their part */
    void (*enter)(void *arg,
                  int fd);      /* a connection, which is the callee's now; it does not block */
    void (*starved)(void *arg); /* the system grants no descriptor for the next one */
    void *arg;
};

/* Takes over fd, a socket that listens and does not block. False: the loop cannot watch it. */
bool door_open(struct door *d, uv_loop_t *loop, int fd, void (*enter)(void *arg, int fd),
               void (*starved)(void *arg), void *arg);
/* Closes the socket. The memory must stay until the loop has turned once more. */
void door_shut(struct door *d);
