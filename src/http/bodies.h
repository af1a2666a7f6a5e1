/* bodies: how much memory requests that are coming in may take, and who gives way when it is all taken.
 *
 * Counted is every input buffer over HTTP_BODY_SMALL_BYTES, as it grows: a length alone costs nothing.
 * Where there is no room for more, connections whose body is not whole yet are refused: of the address
 * (IPv6: the /64) that holds the most on this loop, those that have taken the longest, so that whoever
 * sends a body at once gets it in. Each server has a part of its own, so that no other can leave it
 * without. What the application calls proven has a reserve that nobody else may
 * touch, and does not give way. Private to http/server.c. */
#pragma once

#include "http/conn.h"

/* The connection's input buffer shall have so many bytes: true when it may. */
bool bodies_hold(struct conn *c, size_t room);
/* What it holds from now on is proven, or not. */
void bodies_prove(struct conn *c, bool is_proven);
