/* cookie: reading the Cookie field of a request. */
#pragma once

#include "http/message.h"

/* A cookie of the request (RFC 6265, 4.2.1); NULL ptr when absent, or sent twice with different
 * values. */
struct str cookie_find(const struct http_req *req, const char *name);
