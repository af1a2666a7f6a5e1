/* squeeze: a body that is made for one answer, compressed for whom takes that. */
#pragma once

#include "http/message.h"

/* Makes the body of reply gzip where req accepts it and there is memory for it; otherwise it stays. */
void http_squeeze(const struct http_req *req, struct http_reply *reply);
