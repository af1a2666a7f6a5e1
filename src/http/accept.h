/* accept: what somebody would rather get (RFC 9110, 12.5.1). */
#pragma once

#include <stdbool.h>

#include "http/message.h"

enum { ACCEPT_WEIGHT_MAX = 1000 };

/* The weight in thousandths that an Accept field gives to this media type by the range that says most
 * about it; 0: not wanted. A range with another version is about another type. Without the field all is
 * welcome. *is_named: a range says its whole name. */
int accept_weight(struct str accept, const char *type, const char *version, bool *is_named);

/* True when Accept-Encoding names the coding and does not give it weight zero (RFC 9110, 12.5.3). */
bool accept_coding(const struct http_req *req, const char *coding);

/* The one of ours (ends with NULL) that an Accept-Language field wants most, also by its part before a
 * dash ("de-AT" is "de"); the first of ours where it wants none of them. */
const char *accept_language(struct str accept, const char *const *ours);
