/* etag: which version of a resource a request speaks of (RFC 9110, 8.8.3, 13.1.1 and 13.1.2). */
#pragma once

#include "base/str.h"

/* True when tags, the value of If-Match or If-None-Match, is "*" or a list that holds etag, which is
 * quoted. A "W/" before a tag is passed over, for If-Match too: Ava's tags name versions and not
 * bytes, and a proxy that compresses an answer makes its tag weak. */
bool etag_matches(struct str tags, const char *etag);
