/* systemd: what Ava tells the supervisor that started it, and the sockets that it was given.
 *
 * Two protocols, spoken without a library: datagrams to $NOTIFY_SOCKET (sd_notify(3)), and listening
 * sockets from descriptor 3 on, counted by $LISTEN_FDS (sd_listen_fds(3)). Without these variables
 * every function does nothing. The main thread's alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/defs.h"

struct systemd {
    int notify;          /* -1: nobody wants to be told */
    int64_t watchdog_ms; /* within which a sign of life must come; 0: none is wanted */
    int64_t alive_ms;    /* of the last one */
    int first;           /* descriptor of the first socket */
    size_t count;        /* of sockets */
    char *names;         /* theirs, "a:b:c"; NULL: none was said */
};

/* Reads the variables and unsets them, so before there are threads; connects, so before the cage. */
void systemd_open(struct systemd *d);
void systemd_close(struct systemd *d);

/* The number of sockets, which Ava listens on in place of those it would make. */
size_t systemd_sockets(const struct systemd *d);
/* True when this socket is named so (FileDescriptorName=). */
bool systemd_is_named(const struct systemd *d, size_t i, const char *name);
/* A descriptor of its own for this socket, which stays open when that is closed; -1 and *why when it
 * is none that Ava can serve. */
int systemd_socket(const struct systemd *d, size_t i, const char **why);

/* Sends lines like "READY=1\nSTATUS=Serving". What cannot be sent is dropped. */
void systemd_say(const struct systemd *d, const char *format, ...) PRINTF_LIKE(2, 3);
/* Begins a reload; READY=1 ends it. */
void systemd_reloading(const struct systemd *d);
/* Sends a sign of life when it is time for one, unless a loop has stood still for so long that a
 * supervisor should rather see none. */
void systemd_alive(struct systemd *d, int64_t stood_ms);
