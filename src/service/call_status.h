/* call_status: which state of a call or message is later than another.
 *
 * Webhooks come late, twice and out of order, so states have ranks: a lower one never overwrites a
 * higher one. Words of Twilio (API 2010-04-01, callbacks say "initiated" too) and of Vapi (OpenAPI of
 * 2026-08-20, CallStatus). */
#pragma once

#include <stdbool.h>

/* Rising; 0 for our own words before the provider has told anything ("requested", "unknown", ...)
 * and for words we do not know. */
int call_status_rank(const char *status);
bool call_status_is_end(const char *status); /* nothing comes after it */
