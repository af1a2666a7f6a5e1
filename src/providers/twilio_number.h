/* twilio_number: one number of an account: reading it, pointing it somewhere, buying one. API
 * 2010-04-01, IncomingPhoneNumbers.
 *
 * Where a number leads is a set of fields, "routes" here. An application or a trunk goes before the
 * address: who wants the address to count sets the sid to "". An empty text unsets an address too,
 * although the schema calls it a URI. */
#pragma once

#include "providers/twilio.h"

/* The cache's resource of all numbers: what is cached of them is dropped when one is written. */
extern const char TWILIO_NUMBERS[];

enum { TWILIO_ROUTES = 13 };
struct twilio_route {
    const char *field, *parameter; /* "voice_url", "VoiceUrl" */
};
extern const struct twilio_route TWILIO_ROUTE[TWILIO_ROUTES];

/* "capabilities":{"voice","sms","mms"} of a number as Twilio gives it. */
void twilio_capabilities_write(struct jsonw *w, const json_t *number);

bool twilio_is_number_sid(struct str text); /* "PN" and 32 hex digits */

/* Reads a number, past the cache. which: its sid, or E.164. *number:
 * {"provider_id","phone_number","friendly_name","messaging_service_sid","capabilities":{},
 * "routes":{field:text or null}} or NULL when the account has none. */
enum err twilio_number_read(struct ctx *ctx, const struct upstream_credential *c,
                            const char *account_sid, const char *which, json_t **number);

/* Sets these routes, and no others; null becomes "". Setting the same again changes nothing, so it
 * is repeated where that helps. */
enum err twilio_number_route(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, const char *sid, const json_t *routes,
                             json_t **number);

/* Buys a number, which costs money each month. routes: set from the first moment; NULL: none. Never
 * repeated after its first byte: see watch. *number as above. */
enum err twilio_number_buy(struct ctx *ctx, const struct upstream_credential *c,
                           const char *account_sid, const char *phone_number, const json_t *routes,
                           const struct upstream_watch *watch, json_t **number);
