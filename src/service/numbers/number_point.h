/* number_point: leads a number in Ava's care here again, after somebody has led it elsewhere at Twilio. Setting
 * the same again changes nothing, so this is no operation: it is done, or may be done once more. */
#pragma once

#include "service/numbers/number_routes.h"

struct number_pointed {
    const char *id, *phone_number;
    unsigned taken;                /* the ways that did not lead here, bits, 1 << way */
    const char *from[NUMBER_WAYS]; /* of those taken: a host, "an application", or NULL: nobody */
    bool is_changed;               /* something is to be set, if only an older address of Ava's */
    bool is_vapis_lost;            /* its calls are Vapi's to answer and do not go there: only an
                                     * import brings them back */
};

/* which: E.164, or Twilio's sid. is_rehearsal: changes nothing. ERR_NOT_FOUND for a number that is not in Ava's
 * care, ERR_INVALID while it is being imported. */
enum err number_point(struct ctx *ctx, const char *which, bool is_rehearsal,
                      struct number_pointed *out);
