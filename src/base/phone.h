/* phone: what a phone number tells by itself. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

/* A caller who hides has one of a few known numbers, or none. */
bool phone_is_withheld(struct str number);
/* Can a text be sent there, as far as the number tells? '+', and 8 to 15 digits of which the first is not 0. Whether
 * it is a landline it does not tell. */
bool phone_takes_texts(struct str number);
