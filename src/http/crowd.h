/* crowd: who gives way when more connections come than there is room for.
 *
 * A connection that is between requests, or has not said a whole head yet, can be closed without
 * harm: its client comes again. So newcomers are let in, and others go: first of an address that
 * holds more than half of all (IPv6: of a /64), then those that never asked anything, then the rest
 * of those that rest. One that is being answered never goes. Private to http/server.c. */
#pragma once

#include "http/conn.h"

/* Counts the connection for its address, until it is closed. */
void crowd_join(struct http_server *s, struct conn *c);

/* Makes room for one more of that address where there is none; false: all are being answered, or all
 * of an address that holds more than half. */
bool crowd_make_room(struct http_server *s, const struct conn *newcomer);
/* The system grants no more descriptors: closes some that rest. */
void crowd_thin_out(struct http_server *s);
