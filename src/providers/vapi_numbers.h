/* vapi_numbers: phone numbers in the dialect of Vapi (OpenAPI of 2026-08-20): POST, GET
 * /phone-number, DELETE /phone-number/{id}.
 *
 * A number of Twilio's that is imported makes Vapi rewrite its voice URL at Twilio, and its
 * messaging URL too unless smsEnabled is false. Vapi needs the account's token for that: it is put
 * into the body inside the attempt (upstream_request.fill), and Vapi's answer, which repeats it, is
 * wiped there. A number at Vapi has no room for data of ours: it is found again by what it is. */
#pragma once

#include "providers/vapi.h"

enum { VAPI_NUMBER_NAME_MAX_CHARS = 40 };

struct vapi_number_order {
    const char *phone_number;                 /* E.164 */
    const char *name;                         /* at most VAPI_NUMBER_NAME_MAX_CHARS; NULL: none */
    const char *assistant_id;                 /* who answers; NULL: nobody yet */
    const struct upstream_credential *twilio; /* of account_sid and auth_token */
    bool takes_texts;                         /* smsEnabled */
};

/* Imports a number of Twilio's. *id: of the number at Vapi. Never repeated after its first byte:
 * see watch. */
enum err vapi_number_create(struct ctx *ctx, const struct upstream_credential *c,
                            const struct vapi_number_order *order,
                            const struct upstream_watch *watch, const char **id);

/* *id: of the account's number with this phone number, among its first 1000; NULL when there is
 * none. */
enum err vapi_number_find(struct ctx *ctx, const struct upstream_credential *c,
                          const char *phone_number, const char **id);

/* Deletes a number at Vapi; one that is gone already is fine: *was_there tells. */
enum err vapi_number_delete(struct ctx *ctx, const struct upstream_credential *c, const char *id,
                            bool *was_there);
