/* resend_dialect: what sets Resend apart, for dialect.c. */
#pragma once

#include "providers/dialect.h"

extern const struct dialect RESEND_DIALECT;
