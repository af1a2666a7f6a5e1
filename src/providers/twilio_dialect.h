/* twilio_dialect: what sets Twilio apart, for dialect.c. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect TWILIO_DIALECT;
