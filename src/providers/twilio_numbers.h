/* twilio_numbers: the numbers of an account, those it could have, and whether the account itself is
 * good. One number: twilio_number.h. */
#pragma once

#include "providers/twilio.h"

/* Numbers of the account, a page: out->body is
 *     {"numbers":[{"provider_id","phone_number","friendly_name","capabilities":{},"voice_url",
 *      "sms_url","has_voice_app","has_sms_app"}],"next_cursor":...}
 * has_..._app: an application or a trunk answers instead of the address. cursor NULL: the first
 * page; else one that came from here (ERR_INVALID when not). */
enum err twilio_numbers_read(struct ctx *ctx, const struct upstream_credential *c,
                             const char *account_sid, int limit, const char *cursor,
                             struct upstream_answer *out);

/* Numbers that could be bought; Twilio gives one page and no more. */
struct twilio_offer {
    const char *country;     /* "US" */
    const char *type;        /* "Local", "Mobile", "TollFree" */
    const char *area_code;   /* NULL: any */
    const char *contains;    /* NULL: anything; '*' stands for one digit */
    const char *sms, *voice; /* "true", "false"; NULL: either */
    int limit;
};
/* out->body: {"numbers":[{"phone_number","friendly_name","locality","region","country",
 * "address_requirements","capabilities":{}}]}; where Twilio sells none of this type in the country:
 * an empty list. */
enum err twilio_numbers_offered(struct ctx *ctx, const struct upstream_credential *c,
                                const char *account_sid, const struct twilio_offer *offer,
                                struct upstream_answer *out);

/* Checks that the account is there and active. *numbers: how many it has, up to 50. */
enum err twilio_check(struct ctx *ctx, const struct upstream_credential *c, const char *account_sid,
                      int *numbers);
